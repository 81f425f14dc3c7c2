//! The web client's files, built into the program, and downloads of attachments.
//!
//! Everything is served with headers that let the page run its own script and style and nothing else.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, Method};
use axum::response::Response;
use bytes::Bytes;

use crate::world::Sandbox;
use crate::{guard, people, rest};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The file at a path of the web client.
pub(crate) fn asset(path: &str) -> Option<Response> {
    let (kind, text) = match path {
        "/" | "/index.html" => ("text/html; charset=utf-8", include_str!("web/index.html")),
        "/app.js" => ("text/javascript; charset=utf-8", include_str!("web/app.js")),
        "/draw.js" => (
            "text/javascript; charset=utf-8",
            include_str!("web/draw.js"),
        ),
        "/text.js" => (
            "text/javascript; charset=utf-8",
            include_str!("web/text.js"),
        ),
        "/command.js" => (
            "text/javascript; charset=utf-8",
            include_str!("web/command.js"),
        ),
        "/style.css" => ("text/css; charset=utf-8", include_str!("web/style.css")),
        "/favicon.svg" => ("image/svg+xml", include_str!("web/favicon.svg")),
        _ => return None,
    };
    Some(file(kind, POLICY, Bytes::from_static(text.as_bytes())))
}

/// The file behind an attachment's address, as a download.
pub(crate) fn attachment(sandbox: &Sandbox, request: &Request) -> Response {
    let (address, found) = {
        let world = sandbox.world();
        let id = request
            .uri()
            .path()
            .split('/')
            .nth(3)
            .and_then(|id| id.parse().ok());
        (
            world.address,
            id.and_then(|id| world.files.find(id).cloned()),
        )
    };
    if let Err(turned) = guard::check(request.headers(), address) {
        return people::refusal(turned.status(), &turned.to_string(), None);
    }
    let reading = matches!(*request.method(), Method::GET | Method::HEAD);
    let Some(found) = found.filter(|_| reading) else {
        return rest::not_found();
    };
    let mut response = file(
        found.content_type,
        "default-src 'none'; sandbox",
        found.bytes,
    );
    // Names hold letters, digits, dots, dashes and underscores only, so they need no quoting.
    let disposition =
        HeaderValue::from_str(&format!("attachment; filename=\"{}\"", found.filename));
    response.headers_mut().insert(
        CONTENT_DISPOSITION,
        disposition.unwrap_or(HeaderValue::from_static("attachment")),
    );
    response
}

fn file(kind: &'static str, policy: &'static str, bytes: Bytes) -> Response {
    let mut response = Response::new(Body::from(bytes));
    let headers: [(HeaderName, &'static str); 6] = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, policy),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-cache"),
    ];
    for (name, value) in headers {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

//! The web client's files, built into the program, and downloads of attachments.
//!
//! Everything is served with headers that let the page run its own script and style and nothing else. What the page shows
//! is asked for by script actions (`people`) and the socket (`live`).

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, Method};
use axum::response::Response;
use bytes::Bytes;

use crate::key::is_same;
use crate::sandbox::Sandbox;
use crate::snowflake::Snowflake;
use crate::{guard, people, rest};

/// Only `html.js` may turn text into nodes: it holds the one policy for trusted types.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
    media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types shanty";
const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// Path, type and text of every file.
const FILES: [(&str, &str, &str); 24] = [
    ("/", HTML, include_str!("web/index.html")),
    ("/index.html", HTML, include_str!("web/index.html")),
    (
        "/favicon.svg",
        "image/svg+xml",
        include_str!("web/favicon.svg"),
    ),
    ("/base.css", STYLE, include_str!("web/base.css")),
    ("/messages.css", STYLE, include_str!("web/messages.css")),
    ("/forms.css", STYLE, include_str!("web/forms.css")),
    ("/signs.svg", "image/svg+xml", include_str!("web/signs.svg")),
    ("/app.js", SCRIPT, include_str!("web/app.js")),
    ("/net.js", SCRIPT, include_str!("web/net.js")),
    ("/state.js", SCRIPT, include_str!("web/state.js")),
    ("/dom.js", SCRIPT, include_str!("web/dom.js")),
    ("/html.js", SCRIPT, include_str!("web/html.js")),
    ("/signs.js", SCRIPT, include_str!("web/signs.js")),
    ("/listbox.js", SCRIPT, include_str!("web/listbox.js")),
    ("/side.js", SCRIPT, include_str!("web/side.js")),
    ("/pane.js", SCRIPT, include_str!("web/pane.js")),
    ("/message.js", SCRIPT, include_str!("web/message.js")),
    ("/cards.js", SCRIPT, include_str!("web/cards.js")),
    ("/files.js", SCRIPT, include_str!("web/files.js")),
    ("/actions.js", SCRIPT, include_str!("web/actions.js")),
    ("/modal.js", SCRIPT, include_str!("web/modal.js")),
    ("/command.js", SCRIPT, include_str!("web/command.js")),
    ("/composer.js", SCRIPT, include_str!("web/composer.js")),
    ("/chips.js", SCRIPT, include_str!("web/chips.js")),
];

/// The file at a path of the web client.
pub(crate) fn asset(path: &str) -> Option<Response> {
    let (_, kind, text) = FILES.iter().find(|(known, _, _)| *known == path)?;
    Some(file(kind, POLICY, Bytes::from_static(text.as_bytes())))
}

/// The file behind an attachment's address, for who knows its sign, which stands there too.
pub(crate) fn given_attachment(sandbox: &Sandbox, request: &Request) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let given = query.split('&').find_map(|pair| pair.strip_prefix("hm="));
    let right = named(request).and_then(|id| Some(sandbox.world().files.find(id)?.sign.clone()));
    match (given, right) {
        (Some(given), Some(right)) if is_same(given, &right) => attachment(sandbox, request),
        (Some(_) | None, Some(_) | None) => rest::not_found(),
    }
}

fn named(request: &Request) -> Option<Snowflake> {
    request.uri().path().split('/').nth(3)?.parse().ok()
}

/// The file behind an attachment's address, as a download.
pub(crate) fn attachment(sandbox: &Sandbox, request: &Request) -> Response {
    let address = sandbox.world().address;
    if let Err(turned) = guard::check(request.uri(), request.headers(), address) {
        return people::refusal(turned.status(), &turned.to_string(), None);
    }
    let reading = matches!(*request.method(), Method::GET | Method::HEAD);
    let found = named(request)
        .filter(|_| reading)
        .and_then(|id| sandbox.world().files.find(id).cloned());
    let Some(found) = found else {
        return rest::not_found();
    };
    let picture = found.picture();
    let (kind, how) = match picture {
        Some(kind) => (kind, "inline"),
        // A name alone is no picture: nothing but its first bytes lets a file be shown in place.
        None if found.content_type.starts_with("image/") => {
            ("application/octet-stream", "attachment")
        }
        None => (found.content_type, "attachment"),
    };
    let mut response = file(kind, "default-src 'none'; sandbox", found.bytes);
    // Names hold letters, digits, dots, dashes and underscores only, so they need no quoting.
    let disposition = HeaderValue::from_str(&format!("{how}; filename=\"{}\"", found.filename));
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

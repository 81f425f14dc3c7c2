//! An answer before it goes out: status, body, and the headers that tell of rate limits.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, SERVER, VIA};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use serde_json::json;

use super::call::Reply;
use crate::error::{ApiError, seconds};
use crate::limits::{Limited, Scope, Stamp};

/// An answer of Discord.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
    /// Whose limit refused, if one did.
    pub(crate) scope: Option<Scope>,
    headers: HeaderMap,
}

impl Answer {
    /// What a handler gave back.
    pub(crate) fn reply(reply: &Reply) -> Self {
        let body = reply
            .body
            .as_ref()
            .map(|body| Bytes::from(body.to_string()))
            .unwrap_or_default();
        Self {
            status: reply.status,
            body,
            scope: None,
            headers: HeaderMap::new(),
        }
    }

    /// A refusal.
    pub(crate) fn error(error: &ApiError) -> Self {
        let mut answer = Self::reply(&Reply {
            status: error.status,
            body: Some(error.body()),
        });
        if let Some(wait_ms) = error.retry_after_ms {
            answer.set_limited(wait_ms, Scope::User);
        }
        answer
    }

    /// The 429 of a bucket, of a shared resource or of the global limit.
    pub(crate) fn limited(limited: &Limited) -> Self {
        let message = match limited.scope {
            Scope::User | Scope::Global => "You are being rate limited.",
            Scope::Shared => "The resource is being rate limited.",
        };
        let body = json!({
            "message": message, "retry_after": limited.retry_after_s(),
            "global": limited.scope == Scope::Global,
        });
        let mut answer = Self::reply(&Reply {
            status: 429,
            body: Some(body),
        });
        answer.set_limited(limited.retry_after_ms, limited.scope);
        answer
    }

    fn set_limited(&mut self, wait_ms: u64, scope: Scope) {
        self.scope = Some(scope);
        self.headers
            .insert(RETRY_AFTER, number(wait_ms.div_ceil(1000)));
        self.headers
            .insert(SCOPE, HeaderValue::from_static(scope.name()));
        if scope == Scope::Global {
            self.headers
                .insert(GLOBAL, HeaderValue::from_static("true"));
        }
    }

    /// With the headers of its bucket, if it has one.
    pub(crate) fn stamped(mut self, stamp: Option<&Stamp>) -> Self {
        let Some(stamp) = stamp else {
            return self;
        };
        let decimal = |ms: u64| text(&format!("{:.3}", seconds(ms)));
        self.headers.insert(LIMIT, number(stamp.limit));
        self.headers.insert(REMAINING, number(stamp.remaining));
        self.headers.insert(RESET, decimal(stamp.reset_at_ms));
        self.headers
            .insert(RESET_AFTER, decimal(stamp.reset_after_ms));
        self.headers.insert(BUCKET, text(&stamp.bucket));
        self
    }

    /// As it goes out.
    pub(crate) fn into_response(mut self) -> Response {
        if self.status != 204 {
            // Exactly this: several clients compare the string and crash on a charset.
            self.headers
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        // Without it discord.py takes a 429 for a ban instead of waiting.
        self.headers
            .insert(VIA, HeaderValue::from_static("1.1 google"));
        response(self.status, self.headers, self.body)
    }
}

/// What the front before Discord answers by itself: 429 to an address that is shut out, 524 for an answer that never came.
///
/// It has no `Via`, and a body that is no JSON: by these clients tell it from a limit that they may wait for.
pub(crate) fn front(status: u16, wait_ms: Option<u64>) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(SERVER, HeaderValue::from_static("cloudflare"));
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=UTF-8"),
    );
    if let Some(wait_ms) = wait_ms {
        headers.insert(RETRY_AFTER, number(wait_ms.div_ceil(1000)));
    }
    // 1015 is the front's own number for "you are being rate limited".
    let code = if status == 429 { 1015 } else { status };
    response(status, headers, Bytes::from(format!("error code: {code}")))
}

fn response(status: u16, headers: HeaderMap, body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = headers;
    response
}

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const RESET_AFTER: HeaderName = HeaderName::from_static("x-ratelimit-reset-after");
const BUCKET: HeaderName = HeaderName::from_static("x-ratelimit-bucket");
const SCOPE: HeaderName = HeaderName::from_static("x-ratelimit-scope");
const GLOBAL: HeaderName = HeaderName::from_static("x-ratelimit-global");

fn number(value: u64) -> HeaderValue {
    HeaderValue::from(value)
}

fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static("0"))
}

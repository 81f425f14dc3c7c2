//! The REST edge: routing, authorisation, faults, rate limits, bodies, headers and the record of traffic.
//!
//! Handlers are plain functions over the world, in the modules below; each request holds the lock once.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, VIA};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::error::{ApiError, NOT_FOUND, UNAUTHORIZED, seconds};
use crate::faults::Fault;
use crate::limits::{Limited, Scope, Stamp};
use crate::traffic::Exchange;
use crate::world::{Sandbox, World};

mod access;
mod body;
mod call;
mod callback;
mod guilds;
mod messages;
mod pins;
mod reactions;
mod registry;
mod route;
mod threads;
mod users;
mod webhooks;

use body::Read;
pub(crate) use body::pairs as query_pairs;
use call::{Call, Reply};
use route::{Auth, Found};

/// Answers a request below `/api`.
pub(crate) async fn handle(sandbox: Sandbox, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let short = route::below_api(&path).unwrap_or_default().to_owned();
    let taken = body::collect(&sandbox.intake, body).await;
    let size = taken.as_ref().map_or(0, |taken| taken.bytes.len());
    let read = match &taken {
        Ok(taken) => body::read(&parts, taken.bytes.clone()).await,
        Err(error) => Err(error.clone()),
    };
    let request_summary = read.as_ref().map_or(Value::Null, body::summary);
    let found = route::find(parts.method.as_str(), &short);
    let route_name = found.as_ref().map_or("", |found| found.route.bucket.route);
    let (answer, delay_ms) = {
        let mut world = sandbox.world();
        let asked = Asked {
            parts: &parts,
            path: &path,
            short: &short,
        };
        let (answer, delay_ms) = match found {
            Ok(found) => asked.process(&mut world, found, read),
            Err(known) => (Answer::error(&known.into()), 0),
        };
        let at_ms = world.now_ms();
        world.traffic.note(Exchange {
            method: parts.method.to_string(),
            path: parts
                .uri
                .path_and_query()
                .map(ToString::to_string)
                .unwrap_or_default(),
            route: route_name,
            status: answer.status,
            request: request_summary,
            response: answer.body.clone(),
            at_ms,
            request_bytes: size,
        });
        (answer, delay_ms)
    };
    if delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
    }
    answer.into_response()
}

/// The part of a request that routing and faults look at.
struct Asked<'a> {
    parts: &'a Parts,
    path: &'a str,
    short: &'a str,
}

impl Asked<'_> {
    fn process(
        &self,
        world: &mut World,
        found: Found,
        read: Result<Read, ApiError>,
    ) -> (Answer, u64) {
        if found.route.auth == Auth::Bot && !self.is_authorised(world) {
            return (Answer::error(&UNAUTHORIZED.into()), 0);
        }
        let now_ms = world.now_ms();
        let (stamp, mut limited) = if found.route.bucket.is_free() {
            (None, None)
        } else {
            let (bucket, major) = (found.route.bucket, found.major());
            let (stamp, limited) = world.limits.take(bucket, &major, now_ms);
            (Some(stamp), limited)
        };
        let fault = world
            .faults
            .take(self.parts.method.as_str(), self.path, self.short);
        if let Some(ordered) = fault.as_ref().and_then(Fault::limited) {
            limited = Some(ordered);
        }
        if let Some(limited) = limited {
            let stamp = stamp.and_then(|stamp| stamp.of_refusal(&limited, now_ms));
            return (Answer::limited(&limited).stamped(stamp.as_ref()), 0);
        }
        match fault {
            Some(Fault::Fail {
                status,
                code,
                message,
                after_commit,
                delay_ms,
            }) => {
                if after_commit {
                    // Carried out all the same; only its answer is lost.
                    Self::run(world, found, read, self.parts).ok();
                }
                (
                    Answer::error(&ApiError::custom(status, code, message)).stamped(stamp.as_ref()),
                    delay_ms,
                )
            }
            Some(Fault::RateLimit { .. }) | None => {
                let answer = match Self::run(world, found, read, self.parts) {
                    Ok(reply) => Answer::reply(&reply),
                    Err(error) => Answer::error(&error),
                };
                (answer.stamped(stamp.as_ref()), 0)
            }
        }
    }

    fn run(
        world: &mut World,
        found: Found,
        read: Result<Read, ApiError>,
        parts: &Parts,
    ) -> Result<Reply, ApiError> {
        let read = read?;
        let query = parts.uri.query().map(body::pairs).unwrap_or_default();
        let call = Call {
            params: found.params,
            query,
            body: read.json,
            uploads: read.uploads,
        };
        (found.route.handler)(world, &call)
    }

    fn is_authorised(&self, world: &World) -> bool {
        let sent = self
            .parts
            .headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        sent.and_then(|value| value.strip_prefix("Bot ")) == Some(world.application.token.as_str())
    }
}

/// An answer before it goes out.
struct Answer {
    status: u16,
    body: Bytes,
    headers: HeaderMap,
}

impl Answer {
    fn reply(reply: &Reply) -> Self {
        let body = reply
            .body
            .as_ref()
            .map(|body| Bytes::from(body.to_string()))
            .unwrap_or_default();
        Self {
            status: reply.status,
            body,
            headers: HeaderMap::new(),
        }
    }

    fn error(error: &ApiError) -> Self {
        let mut answer = Self::reply(&Reply {
            status: error.status,
            body: Some(error.body()),
        });
        if let Some(wait_ms) = error.retry_after_ms {
            answer.set_limited(wait_ms, Scope::User);
        }
        answer
    }

    fn limited(limited: &Limited) -> Self {
        let body = json!({
            "message": "You are being rate limited.", "retry_after": limited.retry_after_s(),
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
        self.headers
            .insert(RETRY_AFTER, number(wait_ms.div_ceil(1000)));
        self.headers
            .insert(SCOPE, HeaderValue::from_static(scope.name()));
        if scope == Scope::Global {
            self.headers
                .insert(GLOBAL, HeaderValue::from_static("true"));
        }
    }

    fn stamped(mut self, stamp: Option<&Stamp>) -> Self {
        let Some(stamp) = stamp else { return self };
        let decimal = |ms: u64| text(&format!("{:.3}", seconds(ms)));
        self.headers.insert(LIMIT, number(stamp.limit));
        self.headers.insert(REMAINING, number(stamp.remaining));
        self.headers.insert(RESET, decimal(stamp.reset_at_ms));
        self.headers
            .insert(RESET_AFTER, decimal(stamp.reset_after_ms));
        self.headers.insert(BUCKET, text(&stamp.bucket));
        self
    }

    fn into_response(mut self) -> Response {
        if self.status != 204 {
            // Exactly this: several clients compare the string and crash on a charset.
            self.headers
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        // Without it discord.py takes a 429 for a ban instead of waiting.
        self.headers
            .insert(VIA, HeaderValue::from_static("1.1 google"));
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        *response.headers_mut() = self.headers;
        response
    }
}

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const RESET_AFTER: HeaderName = HeaderName::from_static("x-ratelimit-reset-after");
const BUCKET: HeaderName = HeaderName::from_static("x-ratelimit-bucket");
const SCOPE: HeaderName = HeaderName::from_static("x-ratelimit-scope");
const GLOBAL: HeaderName = HeaderName::from_static("x-ratelimit-global");

/// The answer to a path that exists nowhere.
pub(crate) fn not_found() -> Response {
    Answer::error(&NOT_FOUND.into()).into_response()
}

fn number(value: u64) -> HeaderValue {
    HeaderValue::from(value)
}

fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static("0"))
}

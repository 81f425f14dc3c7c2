//! The REST edge: routing, authorisation, faults, rate limits, bodies, headers and the record of traffic.
//!
//! Handlers are plain functions over the world, in the modules below; each request holds the lock once.

use std::time::Duration;

use axum::extract::Request;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::response::Response;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::error::{ApiError, FULL, NOT_FOUND, UNAUTHORIZED};
use crate::faults::Fault;
use crate::limits::Bucket;
use crate::sandbox::Sandbox;
use crate::traffic::Exchange;
use crate::world::World;

mod access;
mod answer;
mod applications;
mod bans;
mod body;
mod call;
mod callback;
pub(crate) mod channels;
mod guilds;
mod members;
mod messages;
mod overrides;
mod pins;
mod reactions;
mod registry;
pub(crate) mod roles;
mod route;
mod threads;
mod typing;
mod users;
mod webhooks;

use answer::Answer;
use body::Read;
pub(crate) use body::pairs as query_pairs;
use call::{Call, Caller, Reply};
use route::{Auth, Found};

/// How long an answer that hangs takes until the front gives it up.
const HANG: Duration = Duration::from_secs(100);

/// What happens to an answer before it goes out.
enum Pause {
    None,
    Delay(Duration),
    Hang,
}

/// Answers a request below `/api`.
pub(crate) async fn handle(sandbox: Sandbox, request: Request) -> Response {
    if let Some(wait_ms) = turned_away(&mut sandbox.world()) {
        return answer::front(429, Some(wait_ms));
    }
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let short = route::below_api(&path).unwrap_or_default().to_owned();
    let taken = body::collect(&sandbox.intake, body).await;
    let read = match &taken {
        Ok(taken) => body::read(&parts, taken.bytes.clone()).await,
        Err(error) => Err(error.clone()),
    };
    let request_summary = match (&read, &taken) {
        (Ok(read), Ok(taken)) => body::summary(&parts, read, &taken.bytes),
        (Err(_), _) | (_, Err(_)) => Bytes::new(),
    };
    let found = route::find(parts.method.as_str(), &short);
    let route_name = found.as_ref().map_or("", |found| found.route.bucket.route);
    let (answer, pause) = {
        let mut world = sandbox.world();
        let asked = Asked {
            parts: &parts,
            path: &path,
            short: &short,
        };
        let (answer, pause) = match found {
            Ok(found) => asked.process(&mut world, found, read),
            Err(known) => (Answer::error(&known.into()), Pause::None),
        };
        let at_ms = world.now_ms();
        world
            .limits
            .invalid
            .note(answer.status, answer.scope, at_ms);
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
        });
        (answer, pause)
    };
    match pause {
        Pause::None => {}
        Pause::Delay(time) => rest_of(&sandbox, time).await,
        Pause::Hang => {
            rest_of(&sandbox, HANG).await;
            return answer::front(524, None);
        }
    }
    answer.into_response()
}

fn turned_away(world: &mut World) -> Option<u64> {
    let now_ms = world.now_ms();
    world.limits.turn_away(now_ms)
}

/// Waits, but no longer than the sandbox is there.
async fn rest_of(sandbox: &Sandbox, time: Duration) {
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        () = sandbox.shutdown.cancelled() => {}
    }
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
    ) -> (Answer, Pause) {
        if !found.route.auth.lets(self.caller(world)) {
            return (Answer::error(&UNAUTHORIZED.into()), Pause::None);
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
            let answer = Answer::limited(&limited).stamped(stamp.as_ref());
            return (answer, Pause::None);
        }
        let (answer, pause) = self.carry_out(world, found, read, fault);
        (answer.stamped(stamp.as_ref()), pause)
    }

    fn carry_out(
        &self,
        world: &mut World,
        found: Found,
        read: Result<Read, ApiError>,
        fault: Option<Fault>,
    ) -> (Answer, Pause) {
        let caller = self.caller(world);
        let run = || match self.run(world, found, read, caller) {
            Ok(reply) => Answer::reply(&reply),
            Err(error) => Answer::error(&error),
        };
        match fault {
            Some(Fault::Fail {
                status,
                code,
                message,
                after_commit,
                delay_ms,
            }) => {
                // Carried out all the same, perhaps; only its answer is lost.
                after_commit.then(run);
                let answer = Answer::error(&ApiError::custom(status, code, message));
                (answer, Pause::Delay(Duration::from_millis(delay_ms)))
            }
            Some(Fault::Hang { after_commit }) => {
                after_commit.then(run);
                let lost = ApiError::custom(524, 0, "524: A Timeout Occurred".to_owned());
                (Answer::error(&lost), Pause::Hang)
            }
            Some(Fault::Delay { delay_ms }) => {
                (run(), Pause::Delay(Duration::from_millis(delay_ms)))
            }
            Some(Fault::RateLimit { .. }) | None => (run(), Pause::None),
        }
    }

    fn run(
        &self,
        world: &mut World,
        found: Found,
        read: Result<Read, ApiError>,
        caller: Caller,
    ) -> Result<Reply, ApiError> {
        call::check_ids(&found.params)?;
        let read = read?;
        let brings = matches!(self.parts.method.as_str(), "POST" | "PUT" | "PATCH");
        if brings && world.make_room().is_err() {
            return Err(FULL.into());
        }
        let query = self.parts.uri.query().map(body::pairs).unwrap_or_default();
        let call = Call {
            params: found.params,
            query,
            body: read.json,
            uploads: read.uploads,
            caller,
        };
        (found.route.handler)(world, &call)
    }

    fn caller(&self, world: &World) -> Caller {
        let header = self.parts.headers.get(AUTHORIZATION);
        let sent = header
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        if sent.strip_prefix("Bot ") == Some(world.application.token.as_str()) {
            return Caller::Bot;
        }
        let person = sent
            .strip_prefix("Bearer ")
            .and_then(|token| world.bearers.get(token));
        person.map_or(Caller::Nobody, |user| Caller::Person(*user))
    }
}

/// The answer to a path that exists nowhere.
pub(crate) fn not_found() -> Response {
    Answer::error(&NOT_FOUND.into()).into_response()
}

/// Every route: method and template, and whether it wants the bot's token.
pub(crate) fn routes() -> Value {
    route::all()
        .map(|route| {
            let Bucket {
                method,
                route: path,
                ..
            } = route.bucket;
            json!({"method": method, "path": path, "auth": route.auth != Auth::Open})
        })
        .collect()
}

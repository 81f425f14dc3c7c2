//! The script actions: everything that a person does or sees, and everything that a test stages.
//!
//! `POST /sandbox/{action}`, JSON in and out; the web client uses the same actions. The guard has let the request pass.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use axum::response::Response;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout_at};

use crate::guard;
use crate::sandbox::Sandbox;
use crate::snowflake::Snowflake;
use crate::world::World;

mod act;
mod ask;
mod command;
mod files;
mod follow;
mod html;
mod modal;
mod pick;
mod see;
mod stage;

use ask::{Ask, Bad};

/// Bytes of an action's body: a file of 10 MiB as base64, with room for the rest.
const BODY_MAX: usize = 15 * 1024 * 1024;
/// The longest that an action waits for a change.
const WAIT_MAX_MS: u64 = 30_000;

/// What an action gives back.
#[derive(Debug)]
enum Output {
    Json(Value),
    /// One JSON document per line.
    Lines(String),
}

/// Answers `POST /sandbox/{action}`.
pub(crate) async fn handle(sandbox: Sandbox, action: String, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let address = sandbox.world().address;
    if let Err(turned) = guard::check_action(&parts.uri, &parts.headers, address) {
        return refusal(turned.status(), &turned.to_string(), None);
    }
    let Some(action) = Action::named(&action) else {
        return refusal(404, "there is no such action", None);
    };
    let map = match read(&sandbox, body).await {
        Ok(map) => map,
        Err(bad) => return refusal(bad.status, &bad.text, bad.field.as_deref()),
    };
    match action.run(&sandbox, Ask::new(&map)).await {
        Ok(Output::Json(value)) => response(200, "application/json", value.to_string()),
        Ok(Output::Lines(lines)) => response(200, "application/x-ndjson", lines),
        Err(bad) => refusal(bad.status, &bad.text, bad.field.as_deref()),
    }
}

/// A refusal as JSON, with the field that is to blame.
pub(crate) fn refusal(status: u16, text: &str, field: Option<&str>) -> Response {
    response(
        status,
        "application/json",
        json!({"error": text, "field": field}).to_string(),
    )
}

fn response(status: u16, kind: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn read(sandbox: &Sandbox, body: Body) -> Result<Map<String, Value>, Bad> {
    let taken = sandbox.intake.take(body, BODY_MAX).await;
    let bytes = &taken.map_err(|why| Bad::body(why.to_string()))?.bytes;
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(Bad::body("the body must be a JSON object")),
        Err(error) => Err(Bad::body(format!("the body is not JSON: {error}"))),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Defaults,
    Client,
    Slash,
    Autocomplete,
    Click,
    Select,
    ModalOpen,
    ModalSubmit,
    ModalClose,
    Message,
    React,
    Bearer,
    View,
    Unread,
    Outcome,
    Transcript,
    Traffic,
    Stats,
    DropGateway,
    GatewaySend,
    RatelimitNext,
    FailNext,
    ExpireInteraction,
    AgeMessage,
    AgeThread,
    Application,
    DelayNext,
    HangNext,
    Limits,
    Routes,
    Guild,
}

impl Action {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "defaults" => Self::Defaults,
            "client" => Self::Client,
            "slash" => Self::Slash,
            "autocomplete" => Self::Autocomplete,
            "click" => Self::Click,
            "select" => Self::Select,
            "modal_open" => Self::ModalOpen,
            "modal_submit" => Self::ModalSubmit,
            "modal_close" => Self::ModalClose,
            "message" => Self::Message,
            "react" => Self::React,
            "bearer" => Self::Bearer,
            "view" => Self::View,
            "unread" => Self::Unread,
            "outcome" => Self::Outcome,
            "transcript" => Self::Transcript,
            "traffic" => Self::Traffic,
            "stats" => Self::Stats,
            "drop_gateway" => Self::DropGateway,
            "gateway_send" => Self::GatewaySend,
            "ratelimit_next" => Self::RatelimitNext,
            "fail_next" => Self::FailNext,
            "expire_interaction" => Self::ExpireInteraction,
            "age_message" => Self::AgeMessage,
            "age_thread" => Self::AgeThread,
            "application" => Self::Application,
            "delay_next" => Self::DelayNext,
            "hang_next" => Self::HangNext,
            "limits" => Self::Limits,
            "routes" => Self::Routes,
            "guild" => Self::Guild,
            _ => return None,
        })
    }

    async fn run(self, sandbox: &Sandbox, ask: Ask<'_>) -> Result<Output, Bad> {
        let now = |act: fn(&mut World, Ask<'_>) -> Result<Value, Bad>| {
            act(&mut sandbox.world(), ask).map(Output::Json)
        };
        if matches!(self, Self::Message | Self::React) {
            sandbox.world().make_room().map_err(Bad::full)?;
        }
        match self {
            Self::Defaults => now(see::defaults),
            Self::Client => now(see::client),
            Self::Slash => now(act::slash),
            Self::Autocomplete => autocomplete(sandbox, ask).await,
            Self::Click => now(pick::click),
            Self::Select => now(pick::select),
            Self::ModalOpen => now(modal::open),
            Self::ModalSubmit => now(modal::submit),
            Self::ModalClose => now(modal::close),
            Self::Message => now(act::message),
            Self::React => now(act::react),
            Self::Bearer => now(act::bearer),
            Self::View => watched(sandbox, ask, see::view).await,
            Self::Unread => now(follow::unread),
            Self::Outcome => outcome(sandbox, ask).await,
            Self::Transcript => watched(sandbox, ask, see::transcript).await,
            Self::Traffic => Ok(Output::Lines(
                sandbox
                    .world()
                    .traffic
                    .lines(ask.number("since")?.unwrap_or(0)),
            )),
            Self::Stats => now(see::stats),
            Self::DropGateway => now(stage::drop_gateway),
            Self::GatewaySend => now(stage::gateway_send),
            Self::RatelimitNext => now(stage::ratelimit_next),
            Self::FailNext => now(stage::fail_next),
            Self::ExpireInteraction => now(stage::expire_interaction),
            Self::AgeMessage => now(stage::age_message),
            Self::AgeThread => now(stage::age_thread),
            Self::Application => now(stage::application),
            Self::DelayNext => now(stage::delay_next),
            Self::HangNext => now(stage::hang_next),
            Self::Limits => now(stage::limits),
            Self::Routes => now(stage::routes),
            Self::Guild => now(stage::guild::guild),
        }
    }
}

/// Starts an autocomplete and waits for its choices as long as a client would.
async fn autocomplete(sandbox: &Sandbox, ask: Ask<'_>) -> Result<Output, Bad> {
    let id = act::autocomplete(&mut sandbox.world(), ask)?;
    let deadline =
        Instant::now() + Duration::from_millis(crate::model::interaction::FIRST_ANSWER_MS);
    let choices = until(sandbox, deadline, |world| act::choices(world, id)).await;
    let answered = choices.is_some();
    Ok(Output::Json(json!({
        "interaction_id": id, "choices": choices.unwrap_or_default(), "answered": answered,
    })))
}

/// Waits until an interaction is answered, at most for the time in which it may be.
async fn outcome(sandbox: &Sandbox, ask: Ask<'_>) -> Result<Output, Bad> {
    let id = ask.id("interaction_id")?;
    if sandbox.world().interactions.find(id).is_none() {
        return Err(ask.bad("interaction_id", "there is no such interaction"));
    }
    let deadline =
        Instant::now() + Duration::from_millis(crate::model::interaction::FIRST_ANSWER_MS);
    let found = until(sandbox, deadline, |world| follow::outcome(world, id)).await;
    let silent = json!({"answered": false, "kind": null});
    Ok(Output::Json(found.unwrap_or(silent)))
}

/// Answers at once, or, given `changed_since` and `wait_ms`, when the channel has changed or the time is over.
async fn watched(
    sandbox: &Sandbox,
    ask: Ask<'_>,
    see: fn(&World, Ask<'_>) -> Result<Value, Bad>,
) -> Result<Output, Bad> {
    let channel = ask.id("channel_id")?;
    if let (Some(since), Some(wait_ms)) = (ask.number("changed_since")?, ask.number("wait_ms")?) {
        let deadline = Instant::now() + Duration::from_millis(wait_ms.min(WAIT_MAX_MS));
        until(sandbox, deadline, |world| {
            has_changed(world, channel, since)
        })
        .await;
    }
    see(&sandbox.world(), ask).map(Output::Json)
}

/// A channel that does not exist counts as changed: looking at it then says so.
fn has_changed(world: &World, channel: Snowflake, since: u64) -> Option<()> {
    world
        .channels
        .get(&channel)
        .is_none_or(|channel| channel.version > since)
        .then_some(())
}

/// Waits until `look` finds something, at the latest until the deadline or the end of the sandbox.
async fn until<T>(
    sandbox: &Sandbox,
    deadline: Instant,
    look: impl Fn(&World) -> Option<T>,
) -> Option<T> {
    // Made before the first look, so that no change between look and wait is lost.
    let mut changed = sandbox.changed();
    loop {
        let found = look(&sandbox.world());
        if found.is_some() {
            return found;
        }
        let wait = async {
            tokio::select! {
                result = changed.changed() => result.is_ok(),
                () = sandbox.shutdown.cancelled() => false,
            }
        };
        if !matches!(timeout_at(deadline, wait).await, Ok(true)) {
            return None;
        }
    }
}

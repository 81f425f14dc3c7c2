//! What the keeper of the session is told, and what it tells: configuration, saved session, state, and why it gave up.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use twilight_gateway::Session;
use twilight_gateway::error::{ReceiveMessageError, ReceiveMessageErrorType};
use twilight_model::application::interaction::Interaction;
use twilight_model::gateway::CloseCode;

use crate::discord::answers::SessionStarts;
use crate::discord::secret::Secret;
use crate::discord::spoken::Spoken;

/// How the session is kept.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// The bot's token, and each that comes after it.
    pub tokens: watch::Receiver<Secret>,
    /// The session of an earlier process.
    pub saved: Option<SavedSession>,
    /// The first and the longest wait before the next connection, milliseconds. An interaction is lost after 3 s; a wait of minutes
    /// would lose many.
    pub reconnect_ms: (u64, u64),
    /// Between two logins, milliseconds (Discord: one in 5 s).
    pub identify_gap_ms: u64,
    /// Logins in 24 h, by all programs with this token (Discord: 1,000, then it resets the token).
    pub identifies_per_day: u32,
    /// Between two changes of what the bot says of itself, milliseconds (Discord: five in 20 s).
    pub presence_gap_ms: u64,
}

impl GatewayConfig {
    /// The usual waits and limits.
    #[must_use]
    pub fn new(token: Secret, saved: Option<SavedSession>) -> Self {
        Self {
            tokens: watch::channel(token).1,
            saved,
            reconnect_ms: (1_000, 5_000),
            identify_gap_ms: 5_000,
            identifies_per_day: 200,
            presence_gap_ms: 20_000,
        }
    }
}

/// What it takes to go on with a session after a restart. Useless without the bot's token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedSession {
    /// Discord's id of the session, and how far we have heard.
    pub session: Session,
    /// Where to go on with it; none when that place did not answer.
    pub resume_url: Option<String>,
    /// Our application, which is only told at login.
    pub application: u64,
    /// The bot's own user, which is only told at login.
    #[serde(default)]
    pub user: u64,
    /// What Discord was asked to tell.
    #[serde(default)]
    pub intents: u64,
    /// The guilds that the bot is in, which are only told at login and when they change.
    pub guilds: BTreeSet<u64>,
}

/// How the gateway is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GatewayState {
    /// Not there yet, or for a moment not there any more.
    Connecting,
    /// Hearing interactions.
    Ready {
        /// Our application.
        application: u64,
        /// The guilds that the bot is in.
        guilds: BTreeSet<u64>,
        /// How often this process has logged in anew; a session that was resumed is not counted.
        logins: u64,
        /// How often the bot was taken into a server, after the login or again: what it had there before is gone.
        joins: u64,
    },
    /// Not hearing anything, for this reason; still trying.
    Degraded(String),
    /// Not hearing anything, for this reason, which a person must mend.
    Fatal(String),
}

/// Why there will be no session.
#[derive(Debug, Error)]
pub enum GatewayError {
    /// Discord refused the bot's token.
    #[error("log in to Discord: it refused the bot's token")]
    Token,
    /// Discord closed the session with a code that trying again does not mend.
    #[error("stay connected to Discord: {reason} (close code {code})")]
    Closed {
        /// The close code.
        code: u16,
        /// What it means for us.
        reason: &'static str,
    },
}

/// What connects the keeper with the rest.
pub struct Wires {
    /// Where interactions go; when it is full they are dropped with a warning, and Discord tells the person that the bot did not respond.
    pub events: mpsc::Sender<Interaction>,
    /// Where it goes who spoke to the bot; when it is full they are not answered.
    pub spoken: mpsc::Sender<Spoken>,
    /// How the gateway is doing.
    pub state: watch::Sender<GatewayState>,
    /// What to save for the next process.
    pub session: watch::Sender<Option<SavedSession>>,
    /// What the bot says of itself.
    pub presence: watch::Receiver<Option<String>>,
}

/// Where the gateway is, as last told.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) base: String,
    pub(super) starts: SessionStarts,
}

/// Why the whole loop ends.
pub(super) enum Ended {
    Shutdown,
    Fatal(GatewayError),
}

/// Why one connection ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Left {
    Shutdown,
    Unreachable,
    Silent,
    Closed(Option<u16>),
    /// Discord asked us to come again.
    Asked,
    /// There is another token.
    Renewed,
    /// Discord does not know the session, or not now.
    Invalidated,
}

/// What a close code means that trying again does not mend; none for all others.
pub(super) fn fatal_reason(code: u16) -> Option<&'static str> {
    let known = CloseCode::try_from(code).ok()?;
    if known.can_reconnect() {
        return None;
    }
    Some(match known {
        CloseCode::AuthenticationFailed => "Discord refused the bot's token",
        CloseCode::ShardingRequired => "the bot is in too many guilds for one connection",
        CloseCode::InvalidApiVersion => "Discord ended the version of the gateway that we speak",
        CloseCode::DisallowedIntents | CloseCode::InvalidIntents => {
            "Discord refused the bot's intents"
        }
        _ => "Discord refused the connection",
    })
}

/// Replaces a watched value, and wakes watchers only when it changed.
pub(super) fn replace<T: PartialEq>(watched: &watch::Sender<T>, value: T) {
    watched.send_if_modified(|current| {
        let changed = *current != value;
        *current = value;
        changed
    });
}

/// Nobody is there.
pub(super) fn is_unreachable(error: &ReceiveMessageError) -> bool {
    matches!(error.kind(), ReceiveMessageErrorType::Reconnect)
}

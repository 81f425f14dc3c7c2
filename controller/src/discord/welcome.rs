//! What a channel is told once of what this is: posted for operators when there is a channel for them, or where somebody asks for it, and pinned
//! when the bot may do that.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use shanty_core::causes::chain;
use shanty_core::view;
use tokio::sync::watch;

use super::Edge;
use super::answers::MessageRef;
use super::gateway::GatewayState;
use super::requests::{Content, NewMessage, Nonce, Sound};

/// Where it is kept in which channel the welcome was posted.
const KEPT: &str = "welcome";

/// The channel that was told.
#[derive(Serialize, Deserialize)]
struct Posted {
    channel: u64,
}

/// Tells the operators' channel, unless it was told before; when Discord does not take it, after the next login.
pub(super) async fn post(
    edge: Arc<Edge>,
    mut gateway: watch::Receiver<GatewayState>,
) -> anyhow::Result<()> {
    let shutdown = edge.shutdown.clone();
    let mut tried = None;
    loop {
        let login = match *gateway.borrow_and_update() {
            GatewayState::Ready { logins, .. } => Some(logins),
            GatewayState::Connecting | GatewayState::Degraded(_) | GatewayState::Fatal(_) => None,
        };
        if login.is_some() && tried != login {
            tried = login;
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                told = post_once(&edge) => if told {
                    shutdown.cancelled().await;
                    return Ok(());
                },
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            changed = gateway.changed() => if changed.is_err() {
                shutdown.cancelled().await;
                return Ok(());
            },
        }
    }
}

/// Whether nothing is left to be done.
async fn post_once(edge: &Edge) -> bool {
    let Some(channel) = edge.news_channel() else {
        return true;
    };
    let posted: Option<Posted> = match edge.kept.read(KEPT).await {
        Ok(posted) => posted,
        Err(error) => {
            tracing::warn!(%error, "whether the welcome was posted is not known");
            return true;
        }
    };
    if posted.is_some_and(|posted| posted.channel == channel) {
        return true;
    }
    let card = view::welcome_card();
    let message = NewMessage {
        content: Content::Card(&card),
        nonce: Nonce::named(&format!("welcome {channel}")),
        sound: Sound::Quiet,
        mention: None,
    };
    let call = match edge.requests.create_message(channel, &message) {
        Ok(call) => call,
        Err(error) => {
            tracing::error!("the welcome could not be formed: {}", chain(&error));
            return true;
        }
    };
    let at = match edge.sender.call(&call).await {
        Ok(answer) => answer.message(),
        Err(error) => {
            tracing::warn!("the welcome was not posted: {}", chain(&error));
            return false;
        }
    };
    if let Err(error) = edge.kept.keep(KEPT, &Posted { channel }).await {
        tracing::warn!(%error, "that the welcome was posted could not be kept");
    }
    if let Ok(at) = at {
        pin(edge, at).await;
    }
    true
}

/// Pins a message where the bot may do that; nobody is told when it may not, since the message is there all the same.
pub(super) async fn pin(edge: &Edge, at: MessageRef) {
    match edge.requests.pin(at.channel, at.message) {
        Ok(call) => {
            if let Err(error) = edge.sender.call(&call).await {
                tracing::debug!("the welcome was not pinned: {}", chain(&error));
            }
        }
        Err(error) => tracing::error!("a pin could not be formed: {}", chain(&error)),
    }
}

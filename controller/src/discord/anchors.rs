//! Posts where the journal is, with the digest of all of it, so that whoever could change the file cannot change what was said of it: after a
//! start, once a day, and at the end.

use std::sync::Arc;
use std::time::Duration;

use shanty_core::causes::chain;
use shanty_core::journal::Anchor;
use shanty_core::view;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Edge;
use super::gateway::GatewayState;
use super::requests::{Content, NewMessage, Nonce, Sound};
use crate::audit::Audit;

/// Between two anchors.
const EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// After Discord did not take one, the next is tried so much later.
const AGAIN: Duration = Duration::from_secs(60);
/// How long the last one may take: whoever stops a controller waits for it.
const LAST: Duration = Duration::from_secs(2);
/// Where it is kept which one was posted last.
const KEPT: &str = "anchor";

/// Posts them until shutdown, and one more.
pub(super) async fn post(
    edge: Arc<Edge>,
    audit: Audit,
    mut gateway: watch::Receiver<GatewayState>,
) -> anyhow::Result<()> {
    let shutdown = edge.shutdown.clone();
    let Some(channel) = edge.audit_channel else {
        shutdown.cancelled().await;
        return Ok(());
    };
    let poster = Poster {
        edge,
        audit,
        channel,
    };
    let mut due = Instant::now();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            is_ready = ready(&mut gateway) => if !is_ready {
                shutdown.cancelled().await;
                return Ok(());
            },
        }
        tokio::select! {
            () = shutdown.cancelled() => break,
            () = tokio::time::sleep_until(due) => {}
        }
        let posted = tokio::select! {
            () = shutdown.cancelled() => break,
            posted = poster.post() => posted,
        };
        due = Instant::now() + if posted { EVERY } else { AGAIN };
    }
    let is_ready = matches!(*gateway.borrow(), GatewayState::Ready { .. });
    if is_ready {
        tokio::time::timeout(LAST, poster.post()).await.ok(); // the next start posts one
    }
    Ok(())
}

/// Waits until the bot is logged in; false when it never will be.
async fn ready(gateway: &mut watch::Receiver<GatewayState>) -> bool {
    let is_ready = |state: &GatewayState| matches!(state, GatewayState::Ready { .. });
    gateway.wait_for(is_ready).await.is_ok()
}

struct Poster {
    edge: Arc<Edge>,
    audit: Audit,
    channel: u64,
}

impl Poster {
    /// Posts where the journal is now, unless that was posted; false when it is to be tried again.
    async fn post(&self) -> bool {
        let audit = self.audit.clone();
        let newest = tokio::task::spawn_blocking(move || audit.newest()).await;
        let anchor = match newest {
            Ok(Ok(anchor)) => anchor,
            Ok(Err(error)) => {
                tracing::error!("the journal's anchor cannot be read: {}", chain(&error));
                return false;
            }
            Err(_) => return false,
        };
        let posted: Option<String> = self.edge.kept.read(KEPT).await.unwrap_or_default();
        if anchor.seq == 0 || posted.as_deref() == Some(&anchor.to_string()) {
            return true;
        }
        if !self.say(&anchor).await {
            return false;
        }
        if let Err(error) = self.edge.kept.keep(KEPT, &anchor.to_string()).await {
            tracing::warn!(%error, "that an anchor was posted could not be kept");
        }
        true
    }

    async fn say(&self, anchor: &Anchor) -> bool {
        let text = view::anchor_text(anchor);
        let message = NewMessage {
            content: Content::Text {
                text: &text,
                files: &[],
            },
            nonce: Nonce::named(&format!("anchor {anchor}")),
            sound: Sound::Quiet,
            mention: None,
        };
        let call = match self.edge.requests.create_message(self.channel, &message) {
            Ok(call) => call,
            Err(error) => {
                tracing::error!("an anchor could not be formed: {}", chain(&error));
                return true;
            }
        };
        match self.edge.sender.call(&call).await {
            Ok(_) => true,
            Err(error) => {
                tracing::warn!(
                    "the journal's anchor did not reach Discord: {}",
                    chain(&error)
                );
                false
            }
        }
    }
}

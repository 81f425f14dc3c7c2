//! When each host was last seen, kept beside the journal: a restart must not make hosts that were there yesterday look as if they had
//! never been. It decides nothing, so it may be a minute old after a crash.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use shanty_core::causes::chain;
use shanty_core::fleet::Fleet;
use tokio::sync::watch;

use super::Shell;
use crate::store::{Kept, StoreError};

const KEY: &str = "last_seen";

/// Ticks of the hub between two notes: one a minute.
const NOTE_TICKS: u32 = 12;

/// What is kept; replaced whole.
pub type Note = Arc<Vec<Seen>>;

/// A host as it was last seen.
#[derive(Debug, Serialize, Deserialize)]
pub struct Seen {
    agent: String,
    seen_ms: u64,
    version: String,
}

impl Shell {
    /// The newest note, for whoever keeps it.
    #[must_use]
    pub fn last_seen(&self) -> watch::Receiver<Note> {
        self.last_seen.subscribe()
    }

    /// Notes once a minute who was seen when.
    pub(super) fn note_seen_at_times(&mut self) {
        self.ticks = self.ticks.wrapping_add(1);
        if self.ticks.is_multiple_of(NOTE_TICKS) {
            self.note_seen();
        }
    }

    /// Notes who was seen when.
    pub(super) fn note_seen(&self) {
        let fleet = &self.machine.known().fleet;
        let seen = fleet.iter().map(|(agent, presence)| Seen {
            agent: agent.to_string(),
            seen_ms: presence.heard_ms,
            version: presence.version.clone(),
        });
        self.last_seen.send_replace(Arc::new(seen.collect()));
    }
}

/// What an earlier process noted; nothing when that cannot be read.
pub(super) async fn load(kept: &Kept) -> Result<Fleet, StoreError> {
    let mut fleet = Fleet::default();
    let note: Vec<Seen> = kept.read(KEY).await?.unwrap_or_default();
    for seen in note {
        if let Ok(agent) = seen.agent.parse() {
            let presence = fleet.entry(agent);
            (presence.heard_ms, presence.version) = (seen.seen_ms, seen.version);
        }
    }
    Ok(fleet)
}

/// Keeps each note until the hub is gone.
///
/// # Errors
/// Never: what cannot be kept is only logged.
pub async fn keep(kept: Kept, mut notes: watch::Receiver<Note>) -> anyhow::Result<()> {
    while notes.changed().await.is_ok() {
        let note = Arc::clone(&notes.borrow_and_update());
        if let Err(error) = kept.keep(KEY, &*note).await {
            tracing::warn!(
                error = chain(&error),
                "when hosts were last seen could not be kept"
            );
        }
    }
    Ok(())
}

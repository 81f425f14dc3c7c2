//! When each host was last seen, kept beside the journal: a restart must not make hosts that were there yesterday look as if they had
//! never been. It decides nothing, so it may be a minute old after a crash.

use std::sync::Arc;

use anyhow::Context as _;
use prost::Message as _;
use shanty_core::fleet::Fleet;
use shanty_core::ids::AgentId;
use shanty_proto::v1;
use tokio::sync::watch;

use super::Hub;
use crate::store::{Journal, StoreError};

const KEY: &str = "last_seen";

/// Ticks of the hub between two notes: one a minute.
const NOTE_TICKS: u32 = 12;

/// What is kept, as bytes; replaced whole.
pub type Note = Arc<Vec<u8>>;

impl Hub {
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
        let seen = fleet.iter().map(|(agent, presence)| v1::Seen {
            agent: agent.as_bytes().to_vec(),
            seen_ms: presence.heard_ms,
            version: presence.version.clone(),
        });
        let note = v1::LastSeen {
            hosts: seen.collect(),
        };
        self.last_seen.send_replace(Arc::new(note.encode_to_vec()));
    }
}

/// What an earlier process noted; nothing when that cannot be read.
pub(super) fn load(journal: &Journal) -> Result<Fleet, StoreError> {
    let mut fleet = Fleet::default();
    let Some(kept) = journal.kept(KEY)? else {
        return Ok(fleet);
    };
    let note = v1::LastSeen::decode(kept.as_slice()).unwrap_or_default();
    for seen in note.hosts {
        if let Ok(agent) = <[u8; 16]>::try_from(seen.agent.as_slice()) {
            let presence = fleet.entry(AgentId::from_bytes(agent));
            (presence.heard_ms, presence.version) = (seen.seen_ms, seen.version);
        }
    }
    Ok(fleet)
}

/// Keeps each note until the hub is gone.
///
/// # Errors
/// Never: what cannot be kept is only logged.
pub async fn keep(journal: Journal, mut notes: watch::Receiver<Note>) -> anyhow::Result<()> {
    while notes.changed().await.is_ok() {
        let note = Arc::clone(&notes.borrow_and_update());
        let journal = journal.clone();
        let kept = tokio::task::spawn_blocking(move || journal.keep(KEY, &note)).await;
        if let Err(error) = kept.context("keep when hosts were last seen")? {
            tracing::warn!(%error, "when hosts were last seen could not be kept");
        }
    }
    Ok(())
}

//! When each host was last seen, kept beside the journal: a restart must not make hosts that were there yesterday look as if they had
//! never been. It decides nothing, so it may be a minute old after a crash.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use shanty_core::causes::chain;
use shanty_core::fleet::Fleet;
use shanty_core::ids::AgentId;
use tokio::sync::watch;

use super::Shell;
use crate::clock::link_ms;
use crate::store::{Kept, StoreError};

const KEY: &str = "last_seen";

/// Ticks of the hub between two notes: one a minute.
const NOTE_TICKS: u32 = 12;

/// A host that comes for the first time is noted at once, unless others were so short a time ago, milliseconds: then at the next tick. When a
/// whole fleet comes for the first time, not everything is written again for each of it.
const NOTE_AGAIN_MS: u64 = 1_000;

/// What is kept; replaced whole.
pub type Note = Arc<Vec<Seen>>;

/// A host as it was last seen.
#[derive(Debug, Serialize, Deserialize)]
pub struct Seen {
    agent: String,
    seen_ms: u64,
    version: String,
}

/// What was noted, and when.
#[derive(Debug, Default)]
pub(super) struct Notes {
    newest: watch::Sender<Note>,
    ticks: u32,
    at_ms: Option<u64>,
    /// The hosts that are in what is kept.
    hosts: BTreeSet<AgentId>,
    /// A host that is in none waits for a tick.
    new: bool,
}

impl Notes {
    /// After what an earlier process kept.
    pub(super) fn after(fleet: &Fleet) -> Self {
        Self {
            hosts: fleet.iter().map(|(agent, _)| agent).collect(),
            ..Self::default()
        }
    }
}

impl Shell {
    /// The newest note, for whoever keeps it.
    #[must_use]
    pub fn last_seen(&self) -> watch::Receiver<Note> {
        self.notes.newest.subscribe()
    }

    /// Notes once a minute who was seen when, and sooner who is new.
    pub(super) fn note_seen_at_times(&mut self) {
        self.notes.ticks = self.notes.ticks.wrapping_add(1);
        if self.notes.ticks.is_multiple_of(NOTE_TICKS) || self.notes.new {
            self.note_seen();
        }
    }

    /// Notes a host that has a link, if it never was.
    pub(super) fn note_new(&mut self, agent: AgentId) {
        let linked = self.machine.known().fleet.is_online(agent);
        if !linked || self.notes.hosts.contains(&agent) {
            return;
        }
        let lately = |at_ms: u64| link_ms().saturating_sub(at_ms) < NOTE_AGAIN_MS;
        if self.notes.at_ms.is_some_and(lately) {
            self.notes.new = true;
        } else {
            self.note_seen();
        }
    }

    /// Notes who was seen when.
    pub(super) fn note_seen(&mut self) {
        let fleet = &self.machine.known().fleet;
        let seen = fleet.iter().map(|(agent, presence)| Seen {
            agent: agent.to_string(),
            seen_ms: presence.heard_ms,
            version: presence.version.as_data().to_owned(),
        });
        let note: Vec<Seen> = seen.collect();
        self.notes.hosts = fleet.iter().map(|(agent, _)| agent).collect();
        (self.notes.at_ms, self.notes.new) = (Some(link_ms()), false);
        self.notes.newest.send_replace(Arc::new(note));
    }
}

/// What an earlier process noted; nothing when that cannot be read.
pub(super) async fn load(kept: &Kept) -> Result<Fleet, StoreError> {
    let mut fleet = Fleet::default();
    let note: Vec<Seen> = kept.read(KEY).await?.unwrap_or_default();
    for seen in note {
        if let Ok(agent) = seen.agent.parse() {
            let presence = fleet.entry(agent);
            (presence.heard_ms, presence.version) = (seen.seen_ms, seen.version.into());
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

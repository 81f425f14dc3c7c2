//! Which runs people do not see the end of yet, and where their cards are: kept, so that the next process brings them there.
//!
//! A place is kept as soon as its run is accepted; the card's message is added when there is one. Only the card goes on after a restart:
//! pages that stand in the thread stay as they are, and what came later is read from the store.

use serde::{Deserialize, Serialize};
use shanty_core::ids::{RunId, RunNumber};

use crate::discord::Edge;
use crate::store::StoreError;

const PREFIX: &str = "card:";
/// The newest run whose place was kept, if it has one.
const LAST_KEY: &str = "cards";

/// Where a run is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) run: RunId,
    pub(super) guild: Option<u64>,
    pub(super) channel: u64,
    /// The card, once there is one.
    pub(super) message: Option<u64>,
    /// The thread, when the card itself is in one, or once it is made.
    pub(super) thread: Option<u64>,
}

/// What of it is kept under the key of its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    guild: Option<u64>,
    channel: u64,
    message: Option<u64>,
    thread: Option<u64>,
}

impl Cursor {
    /// Keeps it until [`forget`].
    pub(super) async fn keep(self, edge: &Edge) {
        report(edge.kept.keep(&key(self.run), &self.place()).await, "kept");
    }

    const fn place(self) -> Place {
        Place {
            guild: self.guild,
            channel: self.channel,
            message: self.message,
            thread: self.thread,
        }
    }

    fn of(key: &str, place: Place) -> Option<Self> {
        Some(Self {
            run: key.strip_prefix(PREFIX)?.parse().ok()?,
            guild: place.guild,
            channel: place.channel,
            message: place.message,
            thread: place.thread,
        })
    }
}

/// People see the end of a run.
pub(super) async fn forget(edge: &Edge, run: RunId) {
    report(edge.kept.forget(&key(run)).await, "forgotten");
}

/// What an earlier process left.
pub(super) async fn left(edge: &Edge) -> Vec<Cursor> {
    let kept = edge.kept.below(PREFIX).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "cards of earlier runs cannot be read");
        Vec::new()
    });
    kept.iter()
        .filter_map(|(key, place)| Cursor::of(key, *place))
        .collect()
}

/// The newest run whose place was kept; nothing before the first start.
pub(super) async fn last(edge: &Edge) -> Option<RunNumber> {
    let last = edge.kept.read(LAST_KEY).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "which runs were shown already cannot be read");
        None
    });
    last.map(RunNumber)
}

/// The places of all runs up to this one are kept.
pub(super) async fn keep_last(edge: &Edge, number: RunNumber) {
    report(edge.kept.keep(LAST_KEY, &number.0).await, "kept");
}

fn key(run: RunId) -> String {
    format!("{PREFIX}{run}")
}

fn report(done: Result<(), StoreError>, what: &str) {
    if let Err(error) = done {
        tracing::warn!(%error, "the place of a card could not be {what}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Kept;

    #[tokio::test]
    async fn what_is_kept_is_read_again_and_nonsense_is_passed_over() {
        let run = RunId::from_bytes([7; 16]);
        let cursor = Cursor {
            run,
            guild: Some(1),
            channel: 2,
            message: Some(3),
            thread: Some(4),
        };
        let bare = Cursor {
            guild: None,
            message: None,
            thread: None,
            ..cursor
        };
        let kept = Kept::in_memory().unwrap();
        for cursor in [cursor, bare] {
            kept.keep(&key(run), &cursor.place()).await.unwrap();
            kept.keep(LAST_KEY, &RunNumber(0).0).await.unwrap();
            let left: Vec<(String, Place)> = kept.below(PREFIX).await.unwrap();
            let left: Vec<_> = left
                .iter()
                .map(|(key, place)| Cursor::of(key, *place))
                .collect();
            assert_eq!(left, [Some(cursor)], "and not the number of the newest");
        }
        let last: Option<u64> = kept.read(LAST_KEY).await.unwrap();
        assert_eq!(last, Some(0), "before the first run");
        for bad in ["card:nonsense", "card:", LAST_KEY, "other"] {
            assert_eq!(Cursor::of(bad, cursor.place()), None);
        }
    }
}

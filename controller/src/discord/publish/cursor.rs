//! Which cards are not at their end: kept, so that the next process brings them there.
//!
//! Only the card goes on after a restart. Pages that stand in the thread stay as they are; what came later is read from the store.

use shanty_core::ids::RunId;

use crate::discord::Edge;
use crate::store::StoreError;

const PREFIX: &str = "card:";

/// A card that was posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) run: RunId,
    pub(super) guild: u64,
    pub(super) channel: u64,
    pub(super) message: u64,
    /// The thread that it has or will have: that of its own id, unless it is in one itself.
    pub(super) thread: u64,
}

impl Cursor {
    /// Keeps it until [`forget`].
    pub(super) async fn keep(self, edge: &Edge) {
        let ids = (self.guild, self.channel, self.message, self.thread);
        report(edge.kept.keep(&key(self.run), &ids).await, "kept");
    }

    fn of(key: &str, (guild, channel, message, thread): (u64, u64, u64, u64)) -> Option<Self> {
        Some(Self {
            run: key.strip_prefix(PREFIX)?.parse().ok()?,
            guild,
            channel,
            message,
            thread,
        })
    }
}

/// The card is at its end.
pub(super) async fn forget(edge: &Edge, run: RunId) {
    report(edge.kept.forget(&key(run)).await, "forgotten");
}

/// The cards that an earlier process left.
pub(super) async fn left(edge: &Edge) -> Vec<Cursor> {
    let kept = edge.kept.below(PREFIX).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "cards of earlier runs cannot be read");
        Vec::new()
    });
    kept.iter()
        .filter_map(|(key, ids)| Cursor::of(key, *ids))
        .collect()
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

    #[test]
    fn what_is_kept_is_read_again_and_nonsense_is_passed_over() {
        let run = RunId::from_bytes([7; 16]);
        let cursor = Cursor {
            run,
            guild: 1,
            channel: 2,
            message: 3,
            thread: 4,
        };
        assert_eq!(Cursor::of(&key(run), (1, 2, 3, 4)), Some(cursor));
        for bad in ["card:nonsense", "card:", "other"] {
            assert_eq!(Cursor::of(bad, (1, 2, 3, 4)), None);
        }
    }
}

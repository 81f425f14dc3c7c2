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
        let (journal, key) = (edge.journal.clone(), key(self.run));
        let value = format!(
            "{}:{}:{}:{}",
            self.guild, self.channel, self.message, self.thread
        );
        let keep = move || journal.keep(&key, value.as_bytes());
        report(tokio::task::spawn_blocking(keep).await, "kept");
    }

    fn parse(key: &str, value: &[u8]) -> Option<Self> {
        let run = key.strip_prefix(PREFIX)?.parse().ok()?;
        let mut ids = std::str::from_utf8(value)
            .ok()?
            .split(':')
            .map(str::parse::<u64>);
        let mut next = || ids.next()?.ok();
        Some(Self {
            run,
            guild: next()?,
            channel: next()?,
            message: next()?,
            thread: next()?,
        })
    }
}

/// The card is at its end.
pub(super) async fn forget(edge: &Edge, run: RunId) {
    let (journal, key) = (edge.journal.clone(), key(run));
    let forget = move || journal.forget(&key);
    report(tokio::task::spawn_blocking(forget).await, "forgotten");
}

/// The cards that an earlier process left.
pub(super) async fn left(edge: &Edge) -> Vec<Cursor> {
    let journal = edge.journal.clone();
    let read = tokio::task::spawn_blocking(move || journal.kept_below(PREFIX)).await;
    let kept = match read {
        Ok(Ok(kept)) => kept,
        Ok(Err(error)) => {
            tracing::warn!(%error, "cards of earlier runs cannot be read");
            Vec::new()
        }
        Err(_) => Vec::new(),
    };
    kept.iter()
        .filter_map(|(key, value)| Cursor::parse(key, value))
        .collect()
}

fn key(run: RunId) -> String {
    format!("{PREFIX}{run}")
}

fn report(done: Result<Result<(), StoreError>, tokio::task::JoinError>, what: &str) {
    if let Ok(Err(error)) = done {
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
        assert_eq!(Cursor::parse(&key(run), b"1:2:3:4"), Some(cursor));
        for bad in [&b"1:2:3"[..], b"", b"a:b:c", b"\xff"] {
            assert_eq!(Cursor::parse(&key(run), bad), None);
        }
        assert_eq!(Cursor::parse("card:nonsense", b"1:2:3:4"), None);
    }
}

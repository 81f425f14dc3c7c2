//! Which runs people do not see the end of yet, and where their cards are: kept, so that the next process brings them there.
//!
//! A place is kept as soon as its run is accepted; each message is added when there is one. After a restart the same messages go on: what
//! they show is made of what is stored.

use serde::{Deserialize, Serialize};
use shanty_core::causes::chain;
use shanty_core::ids::{RunId, RunNumber};
use shanty_core::thread::{Block, CARDS_MAX};

use crate::discord::Edge;
use crate::store::{Shown, StoreError};

const PREFIX: &str = "card:";
/// The newest run whose place was kept, if it has one.
const LAST_KEY: &str = "cards";

/// Where a run is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) run: RunId,
    pub(super) guild: Option<u64>,
    pub(super) channel: u64,
    /// The first card, once there is one.
    pub(super) message: Option<u64>,
    /// The cards after it, by number from 1.
    pub(super) newer: Vec<Option<u64>>,
    /// When a host was first seen to have failed while others went on, milliseconds since the Unix epoch.
    pub(super) failed_ms: Option<u64>,
    /// The thread, when the card itself is in one, or once it is made.
    pub(super) thread: Option<u64>,
    /// The messages of the thread that hold output, in their order.
    pub(super) pages: Vec<u64>,
    /// The message with the files.
    pub(super) files: Option<u64>,
}

/// What of it is kept under the key of its run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    guild: Option<u64>,
    channel: u64,
    message: Option<u64>,
    thread: Option<u64>,
    #[serde(default)]
    pages: Vec<u64>,
    #[serde(default)]
    files: Option<u64>,
    #[serde(default)]
    newer: Vec<Option<u64>>,
    #[serde(default)]
    failed_ms: Option<u64>,
}

impl Cursor {
    /// The messages that are known to exist.
    pub(super) fn messages(&self) -> impl Iterator<Item = (Block, u64)> {
        let pages = self.pages.iter().enumerate();
        let pages = pages.map(|(page, message)| (Block::Page(page), *message));
        let card = self.message.map(|message| (Block::Card(0), message));
        let newer = (1..CARDS_MAX).zip(&self.newer);
        let newer = newer.filter_map(|(number, message)| Some((Block::Card(number), (*message)?)));
        let files = self.files.map(|message| (Block::Files, message));
        card.into_iter().chain(newer).chain(pages).chain(files)
    }

    /// Messages that may exist besides: one write at a time was under way in the channel and in the thread when an earlier process ended.
    pub(super) fn maybe(&self) -> impl Iterator<Item = Block> {
        let files = self.files.is_none().then_some(Block::Files);
        let is_unknown = |number: &usize| !matches!(self.newer.get(number - 1), Some(Some(_)));
        let newer = (1..CARDS_MAX).filter(is_unknown).map(Block::Card);
        newer.chain([Block::Page(self.pages.len())]).chain(files)
    }

    /// Keeps it until [`forget`].
    pub(super) async fn keep(&self, edge: &Edge) {
        report(edge.kept.keep(&key(self.run), &self.place()).await, "kept");
    }

    fn place(&self) -> Place {
        Place {
            guild: self.guild,
            channel: self.channel,
            message: self.message,
            newer: self.newer.clone(),
            failed_ms: self.failed_ms,
            thread: self.thread,
            pages: self.pages.clone(),
            files: self.files,
        }
    }

    fn of(key: &str, place: Place) -> Option<Self> {
        Some(Self {
            run: key.strip_prefix(PREFIX)?.parse().ok()?,
            guild: place.guild,
            channel: place.channel,
            message: place.message,
            newer: place.newer,
            failed_ms: place.failed_ms,
            thread: place.thread,
            pages: place.pages,
            files: place.files,
        })
    }
}

/// People see the end of a run: where that is, is kept for whoever looks back.
pub(super) async fn forget(edge: &Edge, cursor: &Cursor) {
    let run = cursor.run;
    if cursor.message.is_some() {
        let shown = Shown {
            guild: cursor.guild,
            channel: cursor.channel,
            message: cursor.message,
            thread: cursor.thread,
        };
        report(shown.keep(&edge.kept, run).await, "kept");
    }
    report(edge.kept.forget(&key(run)).await, "forgotten");
}

/// What an earlier process left.
pub(super) async fn left(edge: &Edge) -> Vec<Cursor> {
    let kept = edge.kept.below(PREFIX).await.unwrap_or_else(|error| {
        tracing::warn!(
            error = chain(&error),
            "cards of earlier runs cannot be read"
        );
        Vec::new()
    });
    kept.into_iter()
        .filter_map(|(key, place)| Cursor::of(&key, place))
        .collect()
}

/// The newest run whose place was kept; nothing before the first start.
pub(super) async fn last(edge: &Edge) -> Option<RunNumber> {
    let last = edge.kept.read(LAST_KEY).await.unwrap_or_else(|error| {
        tracing::warn!(
            error = chain(&error),
            "which runs were shown already cannot be read"
        );
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
        tracing::warn!(
            error = chain(&error),
            "the place of a card could not be {what}"
        );
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
            newer: vec![None, Some(8)],
            failed_ms: Some(9),
            thread: Some(4),
            pages: vec![5, 6],
            files: Some(7),
        };
        let bare = Cursor {
            guild: None,
            message: None,
            newer: Vec::new(),
            failed_ms: None,
            thread: None,
            pages: Vec::new(),
            files: None,
            ..cursor
        };
        let kept = Kept::in_memory().unwrap();
        for cursor in [cursor.clone(), bare] {
            kept.keep(&key(run), &cursor.place()).await.unwrap();
            kept.keep(LAST_KEY, &RunNumber(0).0).await.unwrap();
            let left: Vec<(String, Place)> = kept.below(PREFIX).await.unwrap();
            let left: Vec<_> = left
                .iter()
                .map(|(key, place)| Cursor::of(key, place.clone()))
                .collect();
            assert_eq!(left, [Some(cursor)], "and not the number of the newest");
        }
        let last: Option<u64> = kept.read(LAST_KEY).await.unwrap();
        assert_eq!(last, Some(0), "before the first run");
        // What an earlier version kept has no pages.
        let old = r#"{"guild":1,"channel":2,"message":3,"thread":4}"#;
        let old: Place = serde_json::from_str(old).unwrap();
        assert_eq!((old.pages.len(), old.files), (0, None));
        assert_eq!((old.newer.len(), old.failed_ms), (0, None));
        for bad in ["card:nonsense", "card:", LAST_KEY, "other"] {
            assert_eq!(Cursor::of(bad, cursor.place()), None);
        }
    }
}

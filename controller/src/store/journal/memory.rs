//! A journal without a file, which a test can tell to hold its answers back or to fail.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shanty_core::journal::Record;
use tokio::sync::oneshot;

use crate::store::StoreError;

/// What becomes of records that are appended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Commits {
    /// Each is committed and answered at once.
    #[default]
    AtOnce,
    /// Each waits until this is another: none is committed or answered meanwhile.
    Later,
    /// None is committed, and each is told so.
    Never,
}

/// Records in memory; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    commits: Commits,
    committed: Vec<Record>,
    waiting: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    records: Vec<Record>,
    done: oneshot::Sender<Result<(), StoreError>>,
}

impl Memory {
    /// Says what becomes of records from now on; those that wait share it, in their order.
    pub fn commit(&self, commits: Commits) {
        let mut inner = self.inner();
        inner.commits = commits;
        inner.settle();
    }

    /// All that is committed, oldest first.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        self.inner().committed.clone()
    }

    pub(super) fn append(&self, records: &[Record]) -> oneshot::Receiver<Result<(), StoreError>> {
        let (done, answer) = oneshot::channel();
        let mut inner = self.inner();
        let records = records.to_vec();
        inner.waiting.push(Waiting { records, done });
        inner.settle();
        answer
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn settle(&mut self) {
        let answer = match self.commits {
            Commits::Later => return,
            Commits::AtOnce => || Ok(()),
            Commits::Never => || Err(StoreError::Stopped),
        };
        for Waiting { records, done } in self.waiting.drain(..) {
            if self.commits == Commits::AtOnce {
                self.committed.extend(records);
            }
            done.send(answer()).ok(); // the asker gave up: the records stand all the same
        }
    }
}

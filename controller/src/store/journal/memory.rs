//! A journal without a file, which a test can tell to hold its answers back or to fail.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shanty_core::journal::{Record, State};
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
    done: oneshot::Sender<Result<u64, StoreError>>,
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

    /// What all of it comes to.
    pub(super) fn state(&self) -> State {
        let mut state = State::default();
        for (seq, record) in (1..).zip(&self.inner().committed) {
            state.read(seq, record);
        }
        state
    }

    pub(super) fn append(&self, records: &[Record]) -> oneshot::Receiver<Result<u64, StoreError>> {
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
        if self.commits == Commits::Later {
            return;
        }
        for Waiting { records, done } in self.waiting.drain(..) {
            let first = self.committed.len() as u64 + 1;
            let answer = match self.commits {
                Commits::AtOnce => Ok(first),
                Commits::Later | Commits::Never => Err(StoreError::Stopped),
            };
            if answer.is_ok() {
                self.committed.extend(records);
            }
            done.send(answer).ok(); // the asker gave up: the records stand all the same
        }
    }
}

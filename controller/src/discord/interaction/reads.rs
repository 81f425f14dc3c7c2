//! How many outputs are read for people at once: each may be large, and what is given as files stands on the disk until it is sent.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

/// Outputs that are read for a card at once.
const CARDS_MAX: usize = 4;
/// Requests for files that are carried out at once.
const FILES_MAX: usize = 2;

/// The turns of those who read outputs.
pub(in crate::discord) struct Reads {
    cards: Semaphore,
    files: Semaphore,
    /// Who has asked for files and has no answer yet.
    people: Mutex<BTreeSet<u64>>,
}

/// The right of one person to one request for files.
pub(super) struct OneRequest<'r> {
    reads: &'r Reads,
    person: u64,
}

impl Default for Reads {
    fn default() -> Self {
        Self {
            cards: Semaphore::new(CARDS_MAX),
            files: Semaphore::new(FILES_MAX),
            people: Mutex::default(),
        }
    }
}

impl Reads {
    /// Waits for a turn to read what a card shows; without one only where turns were closed, which nobody does.
    pub(super) async fn card(&self) -> Option<SemaphorePermit<'_>> {
        self.cards.acquire().await.ok()
    }

    /// Lets a person ask for files; nothing while another request of theirs is under way.
    pub(super) fn one_request(&self, person: u64) -> Option<OneRequest<'_>> {
        let is_first = self.people().insert(person);
        is_first.then_some(OneRequest {
            reads: self,
            person,
        })
    }

    fn people(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        // A set of numbers is never half changed.
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OneRequest<'_> {
    /// Waits for a turn to read and send files; as [`Reads::card`].
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.reads.files.acquire().await.ok()
    }
}

impl Drop for OneRequest<'_> {
    fn drop(&mut self) {
        self.reads.people().remove(&self.person);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_person_takes_one_turn_and_a_card_does_not_wait_for_files() {
        let reads = Reads::default();
        let first = reads.one_request(7).unwrap();
        let turn = first.turn().await;
        assert!(reads.one_request(7).is_none(), "one at a time");
        let other = reads.one_request(8).unwrap();
        let second = other.turn().await;
        assert_eq!(reads.files.available_permits(), 0);
        assert!(reads.card().await.is_some());
        drop((turn, second));
        drop(first);
        assert!(reads.one_request(7).is_some());
        assert_eq!(reads.files.available_permits(), FILES_MAX);
    }
}

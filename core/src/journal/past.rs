//! Runs that are over and looked at no more, in few bytes each. What one of them was is read again from the journal when somebody asks.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::ids::{RunId, RunNumber};
use crate::run::Run;

use super::record::Record;
use super::state::State;

/// A run of which nothing more can become known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastRun {
    /// Its number.
    pub number: RunNumber,
    /// Its id: the journal finds its records by it.
    pub id: RunId,
    /// When it was accepted, milliseconds since the Unix epoch.
    pub accepted_ms: u64,
}

impl PastRun {
    /// The run that these records tell of, others among them or not; nothing when it was not accepted by any of them.
    #[must_use]
    pub fn whole(&self, records: &[Record]) -> Option<Run> {
        let mut state = State::default();
        let own = records
            .iter()
            .filter(|record| record.run() == Some(self.id));
        own.for_each(|record| state.apply(record));
        let mut run = state.run_of(self.id)?.clone();
        run.number = self.number;
        Some(run)
    }
}

/// All of them. A copy is a copy of memory, as large as a few megabytes for a hundred thousand runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// In the order of their numbers.
    runs: Vec<PastRun>,
    numbers: HashMap<RunId, RunNumber>,
}

impl Past {
    /// All of them, in the order of their numbers.
    #[must_use]
    pub fn runs(&self) -> &[PastRun] {
        &self.runs
    }

    /// The one with this number.
    #[must_use]
    pub fn numbered(&self, number: RunNumber) -> Option<PastRun> {
        let place = self.place(number).ok()?;
        self.runs.get(place).copied()
    }

    /// The number of the one with this id.
    #[must_use]
    pub fn number_of(&self, id: RunId) -> Option<RunNumber> {
        self.numbers.get(&id).copied()
    }

    /// Takes one. A number or an id is taken once.
    pub(super) fn insert(&mut self, run: PastRun) {
        if let Err(place) = self.place(run.number)
            && !self.numbers.contains_key(&run.id)
        {
            self.runs.insert(place, run);
            self.numbers.insert(run.id, run.number);
        }
    }

    /// True when [`Past::forget`] would drop some. Clocks have been wrong: the order of numbers is not that of times.
    pub(super) fn has_before(&self, accepted_ms: u64) -> bool {
        self.runs.iter().any(|run| run.accepted_ms < accepted_ms)
    }

    /// Drops what was accepted before then.
    pub(super) fn forget(&mut self, accepted_ms: u64) {
        let numbers = &mut self.numbers;
        self.runs.retain(|run| {
            let stays = run.accepted_ms >= accepted_ms;
            if !stays {
                numbers.remove(&run.id);
            }
            stays
        });
    }

    fn place(&self, number: RunNumber) -> Result<usize, usize> {
        // Nearly all come after all others.
        match self.runs.last() {
            Some(last) if last.number >= number => {
                self.runs.binary_search_by_key(&number, |run| run.number)
            }
            Some(_) | None => Err(self.runs.len()),
        }
    }
}

/// What was looked up beside the hub for one who asks: past runs that were read again, and what earlier runs were given that is not kept
/// any more.
#[derive(Clone, Debug, Default)]
pub struct Recalled {
    runs: BTreeMap<RunNumber, Arc<Run>>,
    gone: BTreeMap<[u8; 32], Option<u64>>,
}

impl Recalled {
    /// Takes one.
    pub fn insert(&mut self, run: Arc<Run>) {
        self.runs.insert(run.number, run);
    }

    /// The run with this number.
    #[must_use]
    pub fn numbered(&self, number: RunNumber) -> Option<&Arc<Run>> {
        self.runs.get(&number)
    }

    /// Takes that what a run was given, by its digest, is not kept any more; when it was deleted, if that is known, milliseconds since the
    /// Unix epoch.
    pub fn input_gone(&mut self, sha256: [u8; 32], deleted_ms: Option<u64>) {
        self.gone.insert(sha256, deleted_ms);
    }

    /// Whether what a run was given is not kept any more, and when it was deleted, if that is known.
    #[must_use]
    pub fn gone(&self, sha256: [u8; 32]) -> Option<Option<u64>> {
        self.gone.get(&sha256).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(number: u64) -> PastRun {
        PastRun {
            number: RunNumber(number),
            id: RunId::from_bytes(u128::from(number + 1_000).to_be_bytes()),
            accepted_ms: number * 10,
        }
    }

    #[test]
    fn they_stand_in_the_order_of_their_numbers_however_they_come() {
        let mut past = Past::default();
        for number in [1, 2, 5, 3, 4, 5, 2] {
            past.insert(run(number));
        }
        assert_eq!(past.runs(), [1, 2, 3, 4, 5].map(run));
        assert_eq!(past.numbered(RunNumber(3)), Some(run(3)));
        assert_eq!(past.number_of(run(4).id), Some(RunNumber(4)));
        assert_eq!(past.numbered(RunNumber(6)), None);
        let twice = PastRun {
            number: RunNumber(9),
            ..run(1)
        };
        past.insert(twice);
        assert_eq!(past.numbered(RunNumber(9)), None, "an id is taken once");
    }

    #[test]
    fn old_ones_are_dropped_and_found_no_more() {
        let mut past = Past::default();
        (1..=4).for_each(|number| past.insert(run(number)));
        assert!(!past.has_before(10));
        assert!(past.has_before(11));
        past.forget(30);
        assert_eq!(past.runs(), [3, 4].map(run));
        // Accepted while the clock was wrong.
        let early = PastRun {
            accepted_ms: 1,
            ..run(6)
        };
        let late = PastRun {
            accepted_ms: 900,
            ..run(5)
        };
        [late, early, run(7)]
            .into_iter()
            .for_each(|run| past.insert(run));
        assert!(past.has_before(2));
        past.forget(35);
        assert_eq!(past.runs(), [run(4), late, run(7)]);
        assert_eq!(past.number_of(run(2).id), None);
        assert_eq!(past.number_of(run(4).id), Some(RunNumber(4)));
    }
}

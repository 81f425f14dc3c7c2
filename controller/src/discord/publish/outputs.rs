//! What one host printed, read from its beginning: for files, which have all of it or certain bytes.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;
use shanty_core::ids::{AgentId, RunId};
use shanty_core::run::Outcome;
use shanty_core::spool::Record;

use crate::store::{Output, Records, StoreError, Unreadable};

/// What a host printed, both streams as they came.
pub(super) struct Outputs {
    records: Records,
    /// What was held back in case it was the beginning of a secret.
    rest: VecDeque<Record>,
    /// No more comes of what is held back.
    ended: bool,
}

/// What comes next.
pub(super) enum Next {
    /// Output.
    Bytes(Bytes),
    /// So much was not kept here.
    Dropped(u64),
    /// There is no more.
    End,
    /// The rest cannot be read, now or later: why.
    Missing(String),
}

impl Outputs {
    /// Of one host of a run, from its beginning. What is held back is given at the end of one that has ended only: else more may come
    /// that makes it a secret.
    pub(super) fn of(output: &Output, run: RunId, agent: AgentId, ended: bool) -> Self {
        Self {
            records: output.records(run, agent, 0),
            rest: VecDeque::new(),
            ended,
        }
    }

    /// The same for one that has ended so, which must be there whole.
    pub(super) fn expecting(mut self, outcome: Option<&Outcome>) -> Self {
        self.records = self.records.expecting(outcome);
        self
    }

    /// What comes next. After an end or a damage nothing does.
    pub(super) async fn next(&mut self) -> Result<Next, StoreError> {
        loop {
            let record = match self.rest.pop_front() {
                Some(record) => record,
                None => match self.records.next().await {
                    Ok(Some((record, _))) => record,
                    Ok(None) if !self.ended => return Ok(Next::End),
                    Ok(None) => {
                        self.rest
                            .extend(self.records.rest().map(|(record, _)| record));
                        match self.rest.pop_front() {
                            Some(record) => record,
                            None => return Ok(Next::End),
                        }
                    }
                    Err(error) => return Ok(Next::Missing(why_missing(error)?)),
                },
            };
            match record {
                Record::Out { bytes, .. } | Record::Err { bytes, .. } => {
                    return Ok(Next::Bytes(bytes));
                }
                Record::Truncated { dropped } => return Ok(Next::Dropped(dropped)),
                Record::Header(_) | Record::Exit(_) | Record::Unknown { .. } => {}
            }
        }
    }
}

/// What of these bytes, which begin at this place of the output, lies within a range of it.
pub(super) fn within(bytes: &Bytes, at: u64, range: Range<u64>) -> &[u8] {
    let place = |byte: u64| usize::try_from(byte.saturating_sub(at)).unwrap_or(usize::MAX);
    let range = place(range.start).min(bytes.len())..place(range.end).min(bytes.len());
    bytes.get(range).unwrap_or_default()
}

/// Why the rest of an output cannot be read, now or later; the error when it is another.
pub(super) fn why_missing(error: StoreError) -> Result<String, StoreError> {
    let why = match error.unreadable() {
        Unreadable::Corrupt(corrupt) => format!("what is stored after it is damaged: {corrupt}"),
        Unreadable::Hole | Unreadable::Deleted(_) => error.to_string(),
        Unreadable::Unavailable => return Err(error),
    };
    Ok(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_cut_out_of_what_is_read_wherever_it_is_cut() {
        let all: Vec<u8> = (0..100).collect();
        for range in [0..100_u64, 0..10, 7..23, 90..100, 30..30] {
            for size in [1, 3, 10, 100] {
                let (mut at, mut cut) = (0, Vec::new());
                for piece in all.chunks(size) {
                    let piece = Bytes::copy_from_slice(piece);
                    cut.extend_from_slice(within(&piece, at, range.clone()));
                    at += piece.len() as u64;
                }
                let expected: Vec<u8> = (0..100_u8)
                    .filter(|byte| range.contains(&u64::from(*byte)))
                    .collect();
                assert_eq!(cut, expected, "{range:?} in pieces of {size}");
            }
        }
    }
}

//! Between the executor's types and the messages of the seam. What comes from the other end is checked here.

use std::collections::BTreeMap;

use prost::Message as _;
use shanty_core::ids::RunId;
use shanty_core::refusal::Code;
use shanty_proto::v1;

use crate::executor::{Refusal, Started, State, Status};
use crate::link::wire as link;

/// Bytes of one message that tells of executions, about.
const CHANGES_BYTES: usize = 64 * 1024;

/// How an order was answered.
pub(super) fn started(run: &str, answer: Result<Started, Refusal>) -> v1::StartAnswer {
    let of = |status: &Status| v1::State {
        run: run.to_owned(),
        ..link::state(RunId::from_bytes([0; 16]), status)
    };
    match answer {
        Ok(Started::New) => v1::StartAnswer {
            new: true,
            ..v1::StartAnswer::default()
        },
        Ok(Started::Duplicate(status)) => v1::StartAnswer {
            state: Some(of(&status)),
            ..v1::StartAnswer::default()
        },
        Err(refusal) => v1::StartAnswer {
            refused: true,
            state: Some(of(&Status {
                spool_len: 0,
                state: State::Refused(refusal),
                spool_full: false,
            })),
            ..v1::StartAnswer::default()
        },
    }
}

/// What was answered to an order; nothing when that makes no sense.
pub(super) fn answer(started: v1::StartAnswer) -> Option<Result<Started, Refusal>> {
    if started.new {
        return Some(Ok(Started::New));
    }
    let status = status(started.state.as_ref()?)?;
    match status.state {
        State::Refused(refusal) if started.refused => Some(Err(refusal)),
        State::Running | State::Ended | State::Refused(_) => Some(Ok(Started::Duplicate(status))),
    }
}

/// An execution as the other end tells it; nothing when that makes no sense.
pub(super) fn status(state: &v1::State) -> Option<Status> {
    let how = match state.state() {
        v1::ExecutionState::Running => State::Running,
        v1::ExecutionState::Ended => State::Ended,
        v1::ExecutionState::Refused => State::Refused(Refusal {
            code: state.code.parse().unwrap_or(Code::Agent),
            text: state.text.clone(),
        }),
        v1::ExecutionState::Unspecified => return None,
    };
    Some(Status {
        spool_len: state.spool_len,
        state: how,
        spool_full: state.spool_full,
    })
}

/// What changed between what was told and what is, in messages of a bounded size, the last of which says that it is the last. What was told
/// is what is, afterwards.
pub(super) fn changes(
    told: &mut BTreeMap<RunId, Status>,
    held: &BTreeMap<RunId, Status>,
) -> Vec<v1::Changes> {
    let mut messages = Vec::new();
    let mut next = v1::Changes::default();
    let gone = told.keys().filter(|run| !held.contains_key(run));
    next.gone = gone.map(ToString::to_string).collect();
    let mut bytes = next.encoded_len();
    for (run, status) in held {
        if told.get(run) == Some(status) {
            continue;
        }
        let state = link::state(*run, status);
        bytes += state.encoded_len();
        if bytes > CHANGES_BYTES {
            messages.push(std::mem::take(&mut next));
            bytes = state.encoded_len();
        }
        next.held.push(state);
    }
    next.whole = true;
    messages.push(next);
    told.clone_from(held);
    messages
}

/// Takes changes over; false when they make no sense.
pub(super) fn take(changes: &v1::Changes, held: &mut BTreeMap<RunId, Status>) -> bool {
    for run in &changes.gone {
        let Ok(run) = run.parse() else { return false };
        held.remove(&run);
    }
    for state in &changes.held {
        let (Ok(run), Some(status)) = (state.run.parse(), status(state)) else {
            return false;
        };
        held.insert(run, status);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(n: u128) -> RunId {
        RunId::from_bytes(n.to_be_bytes())
    }

    fn status_of(state: State) -> Status {
        Status {
            spool_len: 7,
            state,
            spool_full: true,
        }
    }

    fn refusal() -> Refusal {
        Refusal {
            code: Code::RunAs,
            text: "No.".to_owned(),
        }
    }

    #[test]
    fn answers_are_the_same_on_the_other_side() {
        let states = [State::Running, State::Ended, State::Refused(refusal())];
        let duplicates = states.map(|state| Ok(Started::Duplicate(status_of(state))));
        let others = [Ok(Started::New), Err(refusal())];
        for given in duplicates.into_iter().chain(others) {
            assert_eq!(answer(started("x", given.clone())), Some(given));
        }
        assert_eq!(answer(v1::StartAnswer::default()), None);
        let nothing = v1::StartAnswer {
            state: Some(v1::State::default()),
            ..v1::StartAnswer::default()
        };
        assert_eq!(answer(nothing), None);
    }

    #[test]
    fn what_changed_is_told_in_pieces_and_comes_to_the_same() {
        let long = Refusal {
            text: "x".repeat(2_000),
            ..refusal()
        };
        let mut held: BTreeMap<_, _> = (0..300)
            .map(|n| (run(n), status_of(State::Refused(long.clone()))))
            .collect();
        let (mut told, mut seen) = (BTreeMap::new(), BTreeMap::new());
        let first = changes(&mut told, &held);
        assert!(first.len() > 5);
        for message in &first {
            assert!(message.encoded_len() < CHANGES_BYTES + 4_000);
            assert!(take(message, &mut seen));
        }
        assert!(first.split_last().is_some_and(|(last, before)| {
            last.whole && before.iter().all(|message| !message.whole)
        }));
        assert_eq!((&seen, &told), (&held, &held));

        held.remove(&run(3));
        held.insert(run(4), status_of(State::Ended));
        let second = changes(&mut told, &held);
        let [second] = second.as_slice() else {
            panic!("little has changed");
        };
        assert_eq!((second.held.len(), second.gone.len()), (1, 1));
        assert!(take(second, &mut seen));
        assert_eq!((&seen, &told), (&held, &held));
    }

    #[test]
    fn changes_that_make_no_sense_are_none() {
        let mut held = BTreeMap::new();
        let state = v1::State {
            run: run(1).to_string(),
            ..v1::State::default()
        };
        let changes = [
            v1::Changes {
                gone: vec!["../x".to_owned()],
                ..v1::Changes::default()
            },
            v1::Changes {
                held: vec![state],
                ..v1::Changes::default()
            },
        ];
        for changes in changes {
            assert!(!take(&changes, &mut held) && held.is_empty());
        }
    }
}

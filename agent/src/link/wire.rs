//! Between the executor's types and the messages of the link. What comes from the controller is checked here.

use shanty_certs::orders::OrderPublicKey;
use shanty_core::ids::RunId;
use shanty_proto::v1;
use thiserror::Error;

use crate::executor::{KeysTold, Refusal, State, Status};

/// The controller sent what it may not.
#[derive(Debug, Error)]
#[error("the controller sent a bad message: {0}")]
pub(crate) struct BadMessage(pub(crate) &'static str);

/// The run of a message.
pub(crate) fn run(text: &str) -> Result<RunId, BadMessage> {
    text.parse().map_err(|_| BadMessage("a run that is no id"))
}

/// How an execution stands.
pub(crate) fn state(run: RunId, status: &Status) -> v1::State {
    let (state, code, text) = match &status.state {
        State::Running => (v1::ExecutionState::Running, String::new(), String::new()),
        State::Ended => (v1::ExecutionState::Ended, String::new(), String::new()),
        State::Refused(refusal) => (
            v1::ExecutionState::Refused,
            refusal.code.to_string(),
            refusal.text.clone(),
        ),
    };
    v1::State {
        run: run.to_string(),
        state: state.into(),
        spool_len: status.spool_len,
        code,
        text,
        spool_full: status.spool_full,
    }
}

/// An execution that never started, for a reason of which nothing is kept here.
pub(crate) fn refused(run: RunId, refusal: Refusal) -> v1::State {
    let status = Status {
        spool_len: 0,
        state: State::Refused(refusal),
        spool_full: false,
    };
    state(run, &status)
}

/// A message up, from its content.
pub(crate) const fn up(kind: v1::up::Kind) -> v1::Up {
    v1::Up { kind: Some(kind) }
}

/// What is told of keys for orders, as it travels.
pub(crate) fn keys(told: KeysTold) -> v1::OrderKeys {
    let (next, next_sig) = told.next.unzip();
    let (gone, gone_sig) = told.gone.unzip();
    v1::OrderKeys {
        next: next.map_or_else(Vec::new, |key| key.as_bytes().to_vec()),
        next_sig: next_sig.unwrap_or_default(),
        gone: gone.unwrap_or_default(),
        gone_sig: gone_sig.unwrap_or_default(),
    }
}

/// The same, as it came.
pub(crate) fn keys_told(keys: v1::OrderKeys) -> KeysTold {
    let next = OrderPublicKey::from_bytes(&keys.next);
    KeysTold {
        next: next.map(|key| (key, keys.next_sig)),
        gone: (!keys.gone.is_empty()).then_some((keys.gone, keys.gone_sig)),
    }
}

//! The first message of a link, and which executions it names when there are more than it has room for.

use std::collections::BTreeMap;

use prost::Message as _;
use shanty_core::ids::RunId;
use shanty_core::limits;
use shanty_proto::v1;

use super::{Context, wire};
use crate::executor::{RUNNING_MAX, State, Status};

/// Executions named at most.
const NAMED_MAX: usize = 1_000;

/// Bytes of what is said of them at most; the rest of the frame is for the agent itself.
const NAMED_BYTES_MAX: usize = limits::FRAME_BYTES_MAX - 64 * 1024;

// What runs and is not named would be taken for lost. One that runs takes less than a hundred bytes.
const _: () = assert!(RUNNING_MAX < NAMED_MAX && RUNNING_MAX * 100 < NAMED_BYTES_MAX);

/// Greets, with what is held here, what the executor wants the time signed for and the keys that it takes orders of.
pub(super) fn hello(
    ctx: &Context,
    held: &BTreeMap<RunId, Status>,
    nonce: Vec<u8>,
    order_keys: Vec<String>,
) -> v1::Hello {
    let named = named(held);
    v1::Hello {
        agent: ctx.agent.to_string(),
        boot_id: ctx.boot_id.clone(),
        instance: ctx.instance.clone(),
        version: crate::version::here().to_owned(),
        more: named.len() < held.len(),
        executions: named
            .into_iter()
            .map(|(run, status)| wire::state(run, status))
            .collect(),
        takes_input: true,
        takes_upkeep: true,
        nonce,
        order_keys,
    }
}

/// The executions that `Hello` names: all that run, then those that ended, then those that were refused, as far as there is room.
///
/// The others are told right after `Hello`, then `HeldAll`, which the controller waits for before it takes one that is not named for one
/// that is not held. They are sent from their beginning, of which it drops what it has.
pub(super) fn named(held: &BTreeMap<RunId, Status>) -> Vec<(RunId, &Status)> {
    let mut named: Vec<_> = held.iter().map(|(run, status)| (*run, status)).collect();
    named.sort_by_key(|(_, status)| rank(&status.state));
    named.truncate(NAMED_MAX);
    let mut bytes = 0;
    let fits = named.iter().take_while(|(run, status)| {
        // Eight for the tag and the length.
        bytes += wire::state(*run, status).encoded_len() + 8;
        bytes <= NAMED_BYTES_MAX
    });
    let count = fits.count();
    named.truncate(count);
    named
}

const fn rank(state: &State) -> u8 {
    match state {
        State::Running => 0,
        State::Ended => 1,
        State::Refused(_) => 2,
    }
}

#[cfg(test)]
mod tests {
    use shanty_core::refusal::Code;

    use super::*;
    use crate::executor::Refusal;

    fn status(state: State) -> Status {
        Status {
            spool_len: u64::MAX,
            state,
            spool_full: true,
        }
    }

    fn held(states: impl IntoIterator<Item = (State, usize)>) -> BTreeMap<RunId, Status> {
        let all = states
            .into_iter()
            .flat_map(|(state, count)| std::iter::repeat_n(state, count));
        (0_u128..)
            .map(|n| RunId::from_bytes(n.to_be_bytes()))
            .zip(all.map(status))
            .collect()
    }

    fn refused(text_bytes: usize) -> State {
        State::Refused(Refusal {
            code: Code::NotFound,
            text: "x".repeat(text_bytes),
        })
    }

    fn count(named: &[(RunId, &Status)], state: &State) -> usize {
        named.iter().filter(|(_, s)| s.state == *state).count()
    }

    #[test]
    fn what_runs_is_named_although_it_is_the_newest() {
        let held = held([
            (refused(10), 900),
            (State::Ended, 900),
            (State::Running, RUNNING_MAX),
        ]);
        let named = named(&held);
        assert_eq!(named.len(), NAMED_MAX);
        assert_eq!(count(&named, &State::Running), RUNNING_MAX);
        assert_eq!(count(&named, &State::Ended), NAMED_MAX - RUNNING_MAX);
    }

    #[test]
    fn everything_is_named_while_there_is_room() {
        let held = held([(State::Ended, 3), (refused(10), 2), (State::Running, 1)]);
        let named = named(&held);
        assert_eq!(named.len(), 6);
        assert_eq!(count(&named[..1], &State::Running), 1);
    }

    #[test]
    fn long_refusals_do_not_outgrow_a_frame() {
        let held = held([(refused(40_000), 400), (State::Running, RUNNING_MAX)]);
        let named = named(&held);
        assert_eq!(count(&named, &State::Running), RUNNING_MAX);
        assert!(named.len() > RUNNING_MAX);
        let executions = named.iter().map(|(run, s)| wire::state(*run, s)).collect();
        let hello = v1::Hello {
            executions,
            ..v1::Hello::default()
        };
        let hello = wire::up(v1::up::Kind::Hello(hello));
        assert!(hello.encoded_len() < limits::FRAME_BYTES_MAX);
    }
}

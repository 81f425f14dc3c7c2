//! The words for what crosses the socket as a number: terminals print them, and scripts rely on them.

use shanty_core::run::{Outcome, Rank};
use shanty_core::text::count;
use shanty_proto::v1::{execution_info, host_info, run_info};

/// What this program has no word for: a newer controller has sent it.
const UNKNOWN: &str = "unknown";

/// How many secrets were masked, after what else is said of an end; nothing when none was.
pub(super) fn masked(masked: u64) -> String {
    match usize::try_from(masked).unwrap_or(usize::MAX) {
        0 => String::new(),
        masked => format!(" · {} masked", count(masked, "secret")),
    }
}

/// What became of processes that outlived a command, after what else is said of its end; nothing when none did.
pub(super) fn left(outcome: &Outcome) -> String {
    let left = outcome.left_words();
    left.map_or_else(String::new, |left| format!(" · {left}"))
}

/// The processes that were left alive, as many as are named.
pub(super) fn json_left(outcome: &Outcome) -> serde_json::Value {
    let named = outcome.left.named.iter();
    let named = named.map(|one| serde_json::json!({"pid": one.pid, "program": one.program}));
    serde_json::json!({"count": outcome.left.count, "named": named.collect::<Vec<_>>()})
}

/// How a host is.
pub(super) const fn host(trouble: host_info::Trouble) -> &'static str {
    match trouble {
        host_info::Trouble::Unspecified => UNKNOWN,
        host_info::Trouble::None => "online",
        host_info::Trouble::Offline => "offline",
        host_info::Trouble::Stale => "stale",
        host_info::Trouble::Full => "full",
        host_info::Trouble::Draining => "draining",
        host_info::Trouble::Outdated => "outdated",
        host_info::Trouble::Duplicated => "twice",
    }
}

/// Where a run stands.
pub(super) const fn run(state: run_info::State) -> &'static str {
    match state {
        run_info::State::Unspecified => UNKNOWN,
        run_info::State::Accepted => "accepted",
        run_info::State::Running => "running",
        run_info::State::Waiting => "waiting",
        run_info::State::Paused => "paused",
        run_info::State::Cancelling => "cancelling",
        run_info::State::Closed => "closed",
        run_info::State::Expired => "expired",
    }
}

/// True when nothing can happen any more.
pub(super) const fn is_over(state: run_info::State) -> bool {
    match state {
        run_info::State::Closed | run_info::State::Expired => true,
        run_info::State::Unspecified
        | run_info::State::Accepted
        | run_info::State::Running
        | run_info::State::Waiting
        | run_info::State::Paused
        | run_info::State::Cancelling => false,
    }
}

/// What becomes of hosts that are away.
pub(super) const fn offline(offline: run_info::Offline) -> &'static str {
    match offline {
        run_info::Offline::Unspecified => UNKNOWN,
        run_info::Offline::Fail => "fail",
        run_info::Offline::Skip => "skip",
        run_info::Offline::Queue => "queue",
    }
}

/// What came of a host, or of a run: scripts compare these words.
pub(super) const fn result(rank: Rank) -> &'static str {
    match rank {
        Rank::Odd | Rank::Most => "succeeded",
        Rank::Failed
        | Rank::TimedOut
        | Rank::Lost
        | Rank::Refused
        | Rank::NotStarted
        | Rank::Stopped
        | Rank::LeftOut => rank.as_str(),
    }
}

/// Where an execution stands, or how it ended.
pub(super) const fn execution(state: execution_info::State) -> &'static str {
    match state {
        execution_info::State::Unspecified => UNKNOWN,
        execution_info::State::Queued => "queued",
        execution_info::State::Running => "running",
        execution_info::State::Exited => "exited",
        execution_info::State::Signaled => "signaled",
        execution_info::State::TimedOut => "timed_out",
        execution_info::State::OutOfMemory => "out_of_memory",
        execution_info::State::Cancelled => "cancelled",
        execution_info::State::StoppedOnHost => "stopped_on_host",
        execution_info::State::Refused => "refused",
        execution_info::State::NotStarted => "not_started",
        execution_info::State::Lost => "lost",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scripts compare these words: they stay.
    #[test]
    fn words_stay() {
        let hosts: Vec<_> = (0..=7).map(|n| host(n.try_into().unwrap())).collect();
        assert_eq!(
            hosts,
            [
                "unknown", "online", "offline", "stale", "full", "draining", "outdated", "twice"
            ]
        );
        assert!(
            host_info::Trouble::try_from(8).is_err(),
            "a trouble has no word in this test"
        );
        let runs: Vec<_> = (0..=7).map(|n| run(n.try_into().unwrap())).collect();
        assert_eq!(
            runs,
            [
                "unknown",
                "accepted",
                "running",
                "waiting",
                "cancelling",
                "closed",
                "expired",
                "paused"
            ]
        );
        assert!(
            run_info::State::try_from(8).is_err(),
            "a state has no word in this test"
        );
        let executions: Vec<_> = (0..=11).map(|n| execution(n.try_into().unwrap())).collect();
        assert_eq!(
            executions,
            [
                "unknown",
                "queued",
                "running",
                "exited",
                "signaled",
                "timed_out",
                "cancelled",
                "refused",
                "not_started",
                "lost",
                "out_of_memory",
                "stopped_on_host"
            ]
        );
        assert!(
            execution_info::State::try_from(12).is_err(),
            "a state has no word in this test"
        );
        let choices: Vec<_> = (0..=3).map(|n| offline(n.try_into().unwrap())).collect();
        assert_eq!(choices, ["unknown", "fail", "skip", "queue"]);
        assert!(
            run_info::Offline::try_from(4).is_err(),
            "a choice has no word in this test"
        );
    }

    /// A newer controller may send what we do not know.
    #[test]
    fn an_unknown_state_is_not_over() {
        let newer = shanty_proto::v1::RunInfo {
            state: 99,
            ..Default::default()
        };
        assert_eq!(run(newer.state()), "unknown");
        assert!(!is_over(newer.state()));
    }
}

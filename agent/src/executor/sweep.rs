//! Ends the processes of an execution whose shim is gone, found by the marks that they carry: what this execution started and nothing
//! else, also where several agents share a kernel.

use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use shanty_core::ids::{AgentId, RunId};

use crate::shim::Mark;
use crate::shim::descendants::living;

/// Between two looks.
const AGAIN: Duration = Duration::from_millis(10);

/// What the kernel does not let die in this time stays.
const SWEEP_MAX: Duration = Duration::from_secs(10);

/// Kills until no process of the execution is left but those that this agent may not kill, and blocks until then.
pub(super) fn sweep(run: RunId, agent: AgentId) {
    let mark = Mark::of(run, agent);
    let left = end_all(|| of(&mark), kill);
    if !left.is_empty() {
        let left: Vec<i32> = left.into_iter().map(Pid::as_raw).collect();
        tracing::warn!(run.id = %run, ?left, "What was lost runs on: it is not the agent's to kill.");
    }
}

/// Ends what is found until that is only what nobody here may kill, which is given back. They are stopped first, so that none outruns the
/// look.
fn end_all(find: impl Fn() -> Vec<Pid>, kill: impl Fn(Pid, Signal) -> nix::Result<()>) -> Vec<Pid> {
    let until = Instant::now() + SWEEP_MAX;
    // One that ended meanwhile is not there at the next look.
    let foreign = |pid: &Pid, signal| kill(*pid, signal) == Err(Errno::EPERM);
    loop {
        let found = find();
        let foreign_now = found.iter().filter(|pid| foreign(pid, Signal::SIGSTOP));
        if foreign_now.count() == found.len() || Instant::now() > until {
            return found;
        }
        for pid in find() {
            foreign(&pid, Signal::SIGKILL);
        }
        thread::sleep(AGAIN);
    }
}

fn of(mark: &Mark) -> Vec<Pid> {
    living().filter(|pid| mark.is_on(*pid)).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::collections::BTreeSet;

    use super::*;

    /// Holds: An agent that is not root cannot kill what the command ran as somebody else, such as below `sudo`: its log names that, and it runs on.
    #[test]
    fn what_may_not_be_killed_is_left_and_not_waited_for() {
        let [mine, slow, root] = [2, 3, 4].map(Pid::from_raw);
        let there = RefCell::new(BTreeSet::from([mine, slow, root]));
        let (looks, hits) = (Cell::new(0), Cell::new(0));
        let find = || {
            looks.set(looks.get() + 1);
            there.borrow().iter().copied().collect()
        };
        let kill = |pid, signal| {
            if pid == root {
                return Err(Errno::EPERM);
            }
            if signal == Signal::SIGKILL && pid == slow {
                hits.set(hits.get() + 1);
            }
            if signal == Signal::SIGKILL && (pid == mine || hits.get() == 3) {
                there.borrow_mut().remove(&pid);
            }
            Ok(())
        };
        assert_eq!(end_all(find, kill), [root]);
        // Two for each time that one of ours was there, and one that saw that none is.
        assert_eq!((looks.get(), hits.get()), (7, 3));
    }
}

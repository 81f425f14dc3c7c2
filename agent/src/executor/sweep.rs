//! Ends the processes of an execution whose shim is gone, found by the marks that they carry: what this execution started and nothing
//! else, also where several agents share a kernel.

use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use shanty_core::ids::{AgentId, RunId};

use crate::cgroup::Kernel;
use crate::shim::Mark;
use crate::shim::descendants::living;

/// Between two looks.
const AGAIN: Duration = Duration::from_millis(10);

/// Kills until no process of the execution is left but those that this agent may not kill, or until this time, and blocks until then. False
/// when some may still die: the kernel holds them.
pub(super) fn sweep(run: RunId, agent: AgentId, until: Instant) -> bool {
    let mark = Mark::of(run, agent);
    let kernel = Kernel::here();
    let find = || {
        let mut found = of(&mark);
        found.extend(kernel.processes(run, agent));
        found.sort_unstable();
        found.dedup();
        found
    };
    let (left, foreign) = end_all(find, kill, until);
    kernel.remove(run, agent);
    if !left.is_empty() {
        let left: Vec<i32> = left.into_iter().map(Pid::as_raw).collect();
        if foreign {
            tracing::warn!(run.id = %run, ?left, "What was lost runs on: it is not the agent's to kill.");
        } else {
            tracing::warn!(run.id = %run, ?left, "What was lost was killed, and does not end: the kernel holds it.");
        }
    }
    foreign
}

/// Ends what is found until that is only what nobody here may kill, or until it is time: what is left, and whether that is all of it. They are
/// stopped first, so that none outruns the look.
fn end_all(
    find: impl Fn() -> Vec<Pid>,
    kill: impl Fn(Pid, Signal) -> nix::Result<()>,
    until: Instant,
) -> (Vec<Pid>, bool) {
    // One that ended meanwhile is not there at the next look.
    let foreign = |pid: &Pid, signal| kill(*pid, signal) == Err(Errno::EPERM);
    loop {
        let found = find();
        let foreign_now = found.iter().filter(|pid| foreign(pid, Signal::SIGSTOP));
        if foreign_now.count() == found.len() {
            return (found, true);
        }
        for pid in find() {
            foreign(&pid, Signal::SIGKILL);
        }
        if Instant::now() > until {
            return (found, false);
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
        let until = Instant::now() + Duration::from_secs(600);
        assert_eq!(end_all(find, kill, until), (vec![root], true));
        // Two for each time that one of ours was there, and one that saw that none is.
        assert_eq!((looks.get(), hits.get()), (7, 3));
    }

    #[test]
    fn what_the_kernel_holds_is_killed_and_waited_for_as_long_as_there_is_time() {
        let held = Pid::from_raw(5);
        let hits = Cell::new(0);
        let kill = |_, signal| {
            hits.set(hits.get() + u32::from(signal == Signal::SIGKILL));
            Ok(())
        };
        let left = end_all(|| vec![held], kill, Instant::now());
        assert_eq!(left, (vec![held], false));
        assert!(hits.get() > 0, "without time it is killed all the same");
    }
}

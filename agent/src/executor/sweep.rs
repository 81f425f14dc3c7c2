//! Ends the processes of an execution whose shim is gone, found by the marks that they carry: what this execution started and nothing
//! else, also where several agents share a kernel.

use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use shanty_core::ids::{AgentId, RunId};

use crate::shim::Mark;
use crate::shim::descendants::living;

/// Between two looks.
const AGAIN: Duration = Duration::from_millis(10);

/// What the kernel does not let die in this time stays.
const SWEEP_MAX: Duration = Duration::from_secs(10);

/// Kills until no process of the execution is left, and blocks until then. They are stopped first, so that none outruns the look.
pub(super) fn sweep(run: RunId, agent: AgentId) {
    let mark = Mark::of(run, agent);
    let until = Instant::now() + SWEEP_MAX;
    loop {
        let found = of(&mark);
        if found.is_empty() || Instant::now() > until {
            return;
        }
        for pid in found {
            kill(pid, Signal::SIGSTOP).ok(); // It ended meanwhile.
        }
        for pid in of(&mark) {
            kill(pid, Signal::SIGKILL).ok(); // It ended meanwhile.
        }
        thread::sleep(AGAIN);
    }
}

fn of(mark: &Mark) -> Vec<Pid> {
    living().filter(|pid| mark.is_on(*pid)).collect()
}

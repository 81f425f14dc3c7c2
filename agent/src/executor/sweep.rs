//! Ends the processes of an execution whose shim is gone, found by the `SHANTY_RUN` in their environment.
//!
//! A process that cleared its environment and left the shim's tree is not found; only a cgroup would hold it.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use shanty_core::ids::RunId;

use crate::shim::descendants::pids;

/// Between two looks.
const AGAIN: Duration = Duration::from_millis(10);

/// What the kernel does not let die in this time stays.
const SWEEP_MAX: Duration = Duration::from_secs(10);

/// Kills until no process of the run is left, and blocks until then. They are stopped first, so that none outruns the look.
pub(super) fn sweep(run: RunId) {
    let until = Instant::now() + SWEEP_MAX;
    loop {
        let found = of(run);
        if found.is_empty() || Instant::now() > until {
            return;
        }
        for pid in found {
            kill(pid, Signal::SIGSTOP).ok(); // It ended meanwhile.
        }
        for pid in of(run) {
            kill(pid, Signal::SIGKILL).ok(); // It ended meanwhile.
        }
        thread::sleep(AGAIN);
    }
}

/// The live processes of a run, as far as this user may look.
fn of(run: RunId) -> Vec<Pid> {
    let mark = format!("SHANTY_RUN={run}");
    pids()
        .filter(|pid| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment
                .split(|&byte| byte == 0)
                .any(|variable| variable == mark.as_bytes())
        })
        .collect()
}

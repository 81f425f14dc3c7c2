//! What every process of an execution carries, so that it is found when the shim is gone, and nobody else's with it.
//!
//! Two marks. `SHANTY_RUN` and `SHANTY_AGENT` stand in the environment, where people look for them, and which `sudo` and `env -i` clear.
//! The soft limit on file locks is a number of the execution: it is inherited by all that comes of the command whatever session, user
//! or environment that takes, and has meant nothing to any kernel since Linux 2.4.25.

use std::fs;

use nix::errno::Errno;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use nix::unistd::Pid;
use sha2::{Digest as _, Sha256};
use shanty_core::ids::{AgentId, RunId};

/// Names the run in the environment of its commands.
pub(super) const RUN_VARIABLE: &str = "SHANTY_RUN";

/// Names the agent there: the same run is another execution on another agent, also where several share a kernel.
pub(super) const AGENT_VARIABLE: &str = "SHANTY_AGENT";

/// The line of `/proc/<pid>/limits` that shows the number.
const LIMIT_LINE: &str = "Max file locks";

/// Set in every number, so that none is one that somebody would choose.
const LARGE: u64 = 1 << 61;

/// The marks of one execution.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    variables: [Vec<u8>; 2],
    number: u64,
}

impl Mark {
    /// The marks of this execution, the same whoever computes them.
    pub(crate) fn of(run: RunId, agent: AgentId) -> Self {
        let variables = [
            format!("{RUN_VARIABLE}={run}").into_bytes(),
            format!("{AGENT_VARIABLE}={agent}").into_bytes(),
        ];
        let digest = Sha256::digest(variables.concat());
        let first = digest.first_chunk().copied().unwrap_or_default();
        Self {
            variables,
            number: (u64::from_le_bytes(first) >> 3) | LARGE,
        }
    }

    /// Marks this process and what will come of it. Allocates nothing.
    pub(super) fn put(&self) -> Result<(), Errno> {
        let (_, hard) = getrlimit(Resource::RLIMIT_LOCKS)?;
        if hard != RLIM_INFINITY && hard < self.number {
            return Ok(()); // This host has set it lower for some reason of its own: the environment must do.
        }
        setrlimit(Resource::RLIMIT_LOCKS, self.number, hard)
    }

    /// True for a process that carries either mark, as far as this user may look.
    pub(crate) fn is_on(&self, pid: Pid) -> bool {
        self.is_limit_of(pid) || self.is_in_environment_of(pid)
    }

    fn is_limit_of(&self, pid: Pid) -> bool {
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap_or_default();
        soft_locks(&limits) == Some(self.number)
    }

    fn is_in_environment_of(&self, pid: Pid) -> bool {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let has = |wanted: &Vec<u8>| {
            let mut variables = environment.split(|&byte| byte == 0);
            variables.any(|variable| variable == wanted)
        };
        self.variables.iter().all(has)
    }
}

/// The soft limit on file locks of `/proc/<pid>/limits`; nothing for none.
fn soft_locks(limits: &str) -> Option<u64> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix(LIMIT_LINE));
    line?.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: RunId = RunId::from_bytes([1; 16]);
    const AGENT: AgentId = AgentId::from_bytes([2; 16]);

    #[test]
    fn an_execution_has_a_number_of_its_own_on_each_agent() {
        let number = |run, agent| Mark::of(run, agent).number;
        let own = number(RUN, AGENT);
        assert_eq!(own, number(RUN, AGENT));
        assert_ne!(own, number(RUN, AgentId::from_bytes([3; 16])));
        assert_ne!(own, number(RunId::from_bytes([2; 16]), AGENT));
        assert_ne!(
            own,
            number(RunId::from_bytes([2; 16]), AgentId::from_bytes([1; 16]))
        );
        assert!((LARGE..1 << 62).contains(&own));
    }

    #[test]
    fn limits_are_read_as_the_kernel_writes_them() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
            Max locked memory         8388608              8388608              bytes     \n\
            Max file locks            2305843009213693952  unlimited            locks     \n";
        assert_eq!(soft_locks(limits), Some(LARGE));
        let none = limits.replace("2305843009213693952", "unlimited");
        assert_eq!(soft_locks(&none), None);
        for bad in ["", "Max file locks", "Max file locks  -1  5 locks", "x"] {
            assert_eq!(soft_locks(bad), None, "{bad}");
        }
        let own = fs::read_to_string("/proc/self/limits").unwrap();
        assert!(
            own.lines().any(|line| line.starts_with(LIMIT_LINE)),
            "{own}"
        );
    }

    #[test]
    fn one_variable_alone_is_no_mark() {
        let mark = Mark::of(RUN, AGENT);
        assert!(!mark.is_on(Pid::this()));
        let both = [
            (RUN_VARIABLE, RUN.to_string()),
            (AGENT_VARIABLE, AGENT.to_string()),
        ];
        for (kept, marked) in [(&both[..1], false), (&both[1..], false), (&both, true)] {
            let mut command = std::process::Command::new("sleep");
            let command = command.arg("1000").env_clear().env("PATH", "/usr/bin:/bin");
            let mut child = command.envs(kept.to_vec()).spawn().unwrap();
            let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
            assert_eq!(mark.is_on(pid), marked, "{kept:?}");
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

//! What the kernel allows a command to use: what a host gives that was just started, not what somebody gave the agent.

use std::fs;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, rlim_t, setrlimit};
use nix::sys::stat::Mode;
use nix::unistd::write;

/// Holds half as many as the limit on processes and on waiting signals is at the start of a kernel.
const THREADS_MAX: &str = "/proc/sys/kernel/threads-max";

/// Soft and hard limit, as Linux begins with them, and for open files as systemd does. The one on file locks is the mark of an execution, and
/// that on core files is zero for the shim already.
const USUAL: [(Resource, rlim_t, rlim_t); 12] = [
    (Resource::RLIMIT_AS, RLIM_INFINITY, RLIM_INFINITY),
    (Resource::RLIMIT_CPU, RLIM_INFINITY, RLIM_INFINITY),
    (Resource::RLIMIT_DATA, RLIM_INFINITY, RLIM_INFINITY),
    (Resource::RLIMIT_FSIZE, RLIM_INFINITY, RLIM_INFINITY),
    (Resource::RLIMIT_MEMLOCK, 8 << 20, 8 << 20),
    (Resource::RLIMIT_MSGQUEUE, 819_200, 819_200),
    (Resource::RLIMIT_NICE, 0, 0),
    (Resource::RLIMIT_NOFILE, 1_024, 524_288),
    (Resource::RLIMIT_RSS, RLIM_INFINITY, RLIM_INFINITY),
    (Resource::RLIMIT_RTPRIO, 0, 0),
    (Resource::RLIMIT_RTTIME, RLIM_INFINITY, RLIM_INFINITY),
    (Resource::RLIMIT_STACK, 8 << 20, RLIM_INFINITY),
];

/// The limits of one command, looked up before it is forked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Processes of a user, and signals that wait for it, as far as this is known.
    by_memory: Option<rlim_t>,
    /// Processes of the command's user, as the host says it.
    max_processes: Option<rlim_t>,
}

impl Limits {
    /// Looks up what depends on the host.
    pub(super) fn new(max_processes: Option<u64>) -> Self {
        let threads = fs::read_to_string(THREADS_MAX).unwrap_or_default();
        let threads: Option<rlim_t> = threads.trim().parse().ok();
        Self {
            by_memory: threads.map(|threads| threads / 2),
            max_processes,
        }
    }

    /// Puts them on this process. Allocates nothing.
    pub(super) fn put(self) -> Result<(), Errno> {
        // Where a sandbox forbids it they stay as they are.
        for (resource, soft, hard) in USUAL {
            put(resource, soft, hard).ok();
        }
        if let Some(usual) = self.by_memory {
            put(Resource::RLIMIT_SIGPENDING, usual, usual).ok();
            put(Resource::RLIMIT_NPROC, usual, usual).ok();
        }
        match self.max_processes {
            // Linux looks at the limit when a process takes on a user, before it counts that one.
            Some(most) => put(Resource::RLIMIT_NPROC, most.saturating_sub(1), most),
            None => Ok(()),
        }
    }

    /// What is left to do when this process has its user. Allocates nothing.
    pub(super) fn put_as_user(self) -> Result<(), Errno> {
        match self.max_processes {
            Some(most) => put(Resource::RLIMIT_NPROC, most, most),
            None => Ok(()),
        }
    }
}

/// As far as the hard limit allows for whom it cannot be raised.
fn put(resource: Resource, soft: rlim_t, hard: rlim_t) -> Result<(), Errno> {
    if setrlimit(resource, soft, hard).is_ok() {
        return Ok(());
    }
    let (_, most) = getrlimit(resource)?;
    let hard = hard.min(most);
    setrlimit(resource, soft.min(hard), hard)
}

/// Makes this process one like others for who has to choose what is killed for memory. Allocates nothing.
pub(super) fn be_killed_like_others() {
    let file = open(
        c"/proc/self/oom_score_adj",
        OFlag::O_WRONLY | OFlag::O_CLOEXEC,
        Mode::empty(),
    );
    // Only who has the right may say less than was said to it: it stays as it is.
    file.and_then(|file| write(&file, b"0")).ok();
}

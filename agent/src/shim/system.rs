//! The system calls that neither the standard library nor nix offers safely. All unsafe code of the shim is here and in `command`.

#![expect(
    unsafe_code,
    reason = "waitpid that knows real-time signals, signal, setpriority and close_range have no safe wrapper; each block says why it is sound"
)]

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use nix::errno::Errno;
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::unistd::Pid;

/// What one look at the children found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reaped {
    /// This child is gone.
    Child(Pid, ExitStatus),
    /// There are children, and all are alive.
    Alive,
    /// There is no child at all; as we adopt orphans, no descendant either.
    Childless,
}

/// Takes the status of one dead child, if there is one. nix loses children that real-time signals ended.
pub(super) fn reap() -> Reaped {
    let mut status = 0;
    loop {
        // SAFETY: `status` is a live, writable integer for the duration of the call, which touches nothing else.
        let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
        match (pid, Errno::last()) {
            (0, _) => return Reaped::Alive,
            (-1, Errno::EINTR) => {}
            (-1, _) => return Reaped::Childless,
            (pid, _) => return Reaped::Child(Pid::from_raw(pid), ExitStatus::from_raw(status)),
        }
    }
}

/// Makes this process let others go before it, by at least so much.
pub(super) fn be_nice(nice: i32) -> Result<(), Errno> {
    // SAFETY: both calls are about a number of this process and touch no memory. The first cannot fail for oneself.
    unsafe {
        if nice <= libc::getpriority(libc::PRIO_PROCESS, 0) {
            return Ok(());
        }
        Errno::result(libc::setpriority(libc::PRIO_PROCESS, 0, nice)).map(drop)
    }
}

/// Undoes what a parent such as nohup or a shell ignored: a command would inherit it, and with CHLD ignored its status would be lost.
pub(super) fn default_signals() {
    for ignored in [
        Signal::SIGHUP,
        Signal::SIGINT,
        Signal::SIGQUIT,
        Signal::SIGTERM,
        Signal::SIGCHLD,
        Signal::SIGALRM,
        Signal::SIGUSR1,
        Signal::SIGUSR2,
        Signal::SIGTSTP,
        Signal::SIGTTIN,
        Signal::SIGTTOU,
    ] {
        // SAFETY: the default disposition runs no code of ours, and nobody else in this single-threaded process handles these.
        unsafe { signal(ignored, SigHandler::SigDfl) }.ok(); // Cannot fail for signals that have names.
    }
}

/// Marks every descriptor from `first` on to be closed at exec: whatever the agent's parents left open stays out of commands.
pub(super) fn close_on_exec_from(first: u32) {
    // SAFETY: the call only sets a flag on descriptors; none is closed or reused, so nobody's ownership of one is touched. A kernel
    // without it (before 5.11) answers an error, and then the descriptors of std and tokio, all CLOEXEC, are what there is.
    unsafe {
        libc::syscall(
            libc::SYS_close_range,
            first,
            u32::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        );
    }
}

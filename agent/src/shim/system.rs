//! The system calls that neither the standard library nor nix offers safely. All unsafe code of the shim is here and in `command`.

#![expect(
    unsafe_code,
    reason = "waitpid that knows real-time signals, signal, setpriority, capabilities and close_range have no safe wrapper; each block says why it is sound"
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

/// Makes this process let others go before it by so much, whatever the agent does; by more where only root could change that.
pub(super) fn be_nice(nice: i32) -> Result<(), Errno> {
    // SAFETY: both calls are about a number of this process and touch no memory. The first cannot fail for oneself.
    unsafe {
        let before = libc::getpriority(libc::PRIO_PROCESS, 0);
        match Errno::result(libc::setpriority(libc::PRIO_PROCESS, 0, nice)) {
            Err(Errno::EACCES | Errno::EPERM) if nice <= before => Ok(()),
            set => set.map(drop),
        }
    }
}

/// Takes away what a program could get of the agent's capabilities beside those of its user: what is inheritable, and so what is ambient.
pub(super) fn pass_no_capability_on() -> Result<(), Errno> {
    /// `_LINUX_CAPABILITY_VERSION_3`: two words of 32 capabilities, each thrice.
    const VERSION: u32 = 0x2008_0522;
    let header: [u32; 2] = [VERSION, 0];
    let mut words = [0_u32; 6];
    // SAFETY: both calls take a header of two words and room for two times three, which live on the stack; 0 is this thread, the only one.
    unsafe {
        Errno::result(libc::syscall(
            libc::SYS_capget,
            header.as_ptr(),
            words.as_mut_ptr(),
        ))?;
        (words[2], words[5]) = (0, 0);
        Errno::result(libc::syscall(
            libc::SYS_capset,
            header.as_ptr(),
            words.as_ptr(),
        ))?;
    }
    Ok(())
}

/// Empties the set of what any program that comes of this process could ever get, as far as we may.
pub(super) fn bound_no_capability() {
    for capability in 0..libc::c_ulong::from(u64::BITS) {
        // SAFETY: the call takes a number and touches no memory. It fails for the first that this kernel does not know.
        if unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) } != 0 {
            return;
        }
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

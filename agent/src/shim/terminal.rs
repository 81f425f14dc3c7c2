//! A terminal for a command: a pseudo-terminal that is its own, of a fixed size, at which nobody types.

#![expect(
    unsafe_code,
    reason = "a terminal becomes a process's own between fork and exec; the block says why it is sound"
)]

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::fchown;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::pty::{OpenptyResult, Winsize, openpty};
use nix::unistd::setsid;
use shanty_core::run::TERMINAL_SIZE;

use super::command::Account;

/// What the terminal can do, as programs look it up.
pub(super) const TERM: &str = "xterm-256color";

/// End of input, as typed at the beginning of a line.
const END_OF_INPUT: u8 = 4;

/// Gives the command a terminal: output and errors are one, and so is its input where it is given none. Our end of it. It must be done
/// before the command becomes another user.
pub(super) fn give(
    command: &mut Command,
    account: &Account,
    given: Option<File>,
) -> io::Result<OwnedFd> {
    let (columns, rows) = TERMINAL_SIZE;
    let size = Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let OpenptyResult { master, slave } = openpty(&size, None)?;
    for end in [&master, &slave] {
        fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    }
    if !account.is_own() {
        fchown(&slave, Some(account.uid()), None)?;
    }
    if let Some(given) = given {
        command.stdin(given);
    } else {
        // Who asks is told at once that nobody answers.
        File::from(master.as_fd().try_clone_to_owned()?).write_all(&[END_OF_INPUT])?;
        command.stdin(slave.try_clone()?);
    }
    command.stdout(slave.try_clone()?).stderr(slave);
    let own = || {
        setsid()?;
        // Standard output is the terminal in any case.
        // SAFETY: a call on a descriptor that is open, with a number and no memory.
        match unsafe { libc::ioctl(1, libc::TIOCSCTTY, 0) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    };
    // SAFETY: the closure runs in the child of this single-threaded process, between fork and exec. It makes two system calls, and
    // allocates, locks and unwinds nothing.
    unsafe { command.pre_exec(own) };
    Ok(master)
}

//! Keys that are pressed in the demo's terminal, each taken at once and not shown.
//!
//! Nothing is read while the demo is in the background: the shell in front of it owns the keyboard then.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{LocalFlags, SetArg, SpecialCharacterIndices, Termios};
use nix::sys::termios::{tcgetattr, tcsetattr};
use nix::unistd::{getpgrp, read, tcgetpgrp};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// Keys that wait to be dealt with; a host takes a moment to stop.
const AT_ONCE: usize = 8;
/// Between two looks at a terminal that others use, or that was just given back.
const LOOK: Duration = Duration::from_millis(200);

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// Stop one more host.
    Stop,
    /// Start the host that went last.
    Start,
    /// Print the tour again.
    Tour,
    /// End the demo.
    Quit,
}

/// What the keys are, in one line.
pub(super) const LINE: &str =
    "Keys: s stops a host, g lets it go on, t prints this again, q ends the demo.";

impl Key {
    const fn of(byte: u8) -> Option<Self> {
        match byte {
            b's' => Some(Self::Stop),
            b'g' => Some(Self::Start),
            b't' => Some(Self::Tour),
            b'q' => Some(Self::Quit),
            _ => None,
        }
    }
}

/// A terminal whose keys are ours. It is as before when this is dropped.
pub(super) struct Keys {
    tty: OwnedFd,
    before: Termios,
    resumed: Signal,
    pressed: mpsc::Receiver<Key>,
}

impl Keys {
    /// The terminal on standard input; nothing when it is none.
    pub(super) fn open() -> Option<Self> {
        let tty = std::io::stdin().as_fd().try_clone_to_owned().ok()?;
        let before = tcgetattr(&tty).ok()?;
        let resumed = signal(SignalKind::from_raw(nix::libc::SIGCONT)).ok()?;
        let reader = tty.try_clone().ok()?;
        let (send, pressed) = mpsc::channel(AT_ONCE);
        let keys = Self {
            tty,
            before,
            resumed,
            pressed,
        };
        keys.take();
        // A thread of its own: waiting for a terminal blocks. It ends with the program.
        let read = std::thread::Builder::new().name("keys".to_owned());
        read.spawn(move || read_keys(&reader, &send)).ok()?;
        Some(keys)
    }

    /// Waits for a key that does something. May be dropped and called again.
    pub(super) async fn next(&mut self) -> Key {
        loop {
            tokio::select! {
                _ = self.resumed.recv() => self.take(),
                key = self.pressed.recv() => match key {
                    Some(key) => return key,
                    // The terminal is gone.
                    None => return std::future::pending().await,
                },
            }
        }
    }

    /// Makes keys come one by one and unseen; Ctrl-C and Ctrl-Z stay what they are.
    fn take(&self) {
        let mut ours = self.before.clone();
        ours.local_flags
            .remove(LocalFlags::ICANON | LocalFlags::ECHO);
        for index in [
            SpecialCharacterIndices::VMIN,
            SpecialCharacterIndices::VTIME,
        ] {
            // A read gives what is there, and never waits.
            if let Some(value) = ours.control_chars.get_mut(index as usize) {
                *value = 0;
            }
        }
        self.set(&ours);
    }

    fn set(&self, modes: &Termios) {
        if in_front(&self.tty) {
            tcsetattr(&self.tty, SetArg::TCSANOW, modes).ok(); // it is gone, and nobody sees it
        }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.set(&self.before);
    }
}

/// Reads until the terminal is gone or nobody listens.
fn read_keys(tty: &OwnedFd, send: &mpsc::Sender<Key>) {
    loop {
        let mut ready = [PollFd::new(tty.as_fd(), PollFlags::POLLIN)];
        match poll(&mut ready, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return,
        }
        let has = |flag| {
            ready
                .iter()
                .any(|fd| fd.revents().is_some_and(|revents| revents.contains(flag)))
        };
        if !in_front(tty) {
            // What is typed is for a shell in front of us.
            std::thread::sleep(LOOK);
            continue;
        }
        let mut byte = [0];
        match read(tty, &mut byte) {
            Ok(1..) => {
                let key = byte.first().copied().and_then(Key::of);
                if key.is_some_and(|key| send.blocking_send(key).is_err()) {
                    return;
                }
            }
            Ok(_) if has(PollFlags::POLLHUP) => return,
            Ok(_) => std::thread::sleep(LOOK),
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(_) => return,
        }
    }
}

/// True when the keyboard is ours: in the background the system would stop us for touching it.
fn in_front(tty: &OwnedFd) -> bool {
    match tcgetpgrp(tty) {
        Ok(group) => group == getpgrp(),
        // Not the terminal that controls us: nobody else shares it.
        Err(error) => error == Errno::ENOTTY,
    }
}

/// The next key of a terminal; none ever comes where there is none.
pub(super) async fn next(keys: &mut Option<Keys>) -> Key {
    match keys {
        Some(keys) => keys.next().await,
        None => std::future::pending().await,
    }
}

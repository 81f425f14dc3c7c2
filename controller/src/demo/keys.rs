//! Keys that are pressed in the demo's terminal, each taken at once and not shown.
//!
//! Nothing is read while the demo is in the background: the shell in front of it owns the keyboard then.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::termios::{LocalFlags, SetArg, SpecialCharacterIndices, Termios};
use nix::sys::termios::{tcgetattr, tcsetattr};
use nix::unistd::{getpgrp, read, tcgetpgrp};
use tokio::sync::mpsc;

/// Keys that wait to be dealt with; a host takes a moment to stop.
const AT_ONCE: usize = 8;
/// Milliseconds between two looks at who is in front.
const LOOK: u16 = 500;
/// How long a terminal is left alone that others use.
const PAUSE: Duration = Duration::from_millis(200);

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
    terminal: Arc<Mutex<Terminal>>,
    pressed: mpsc::Receiver<Key>,
}

struct Terminal {
    tty: OwnedFd,
    before: Termios,
    /// It was given back for good.
    over: bool,
}

impl Keys {
    /// The terminal on standard input; nothing when it is none.
    pub(super) fn open() -> Option<Self> {
        let tty = std::io::stdin().as_fd().try_clone_to_owned().ok()?;
        let before = tcgetattr(&tty).ok()?;
        let reader = tty.try_clone().ok()?;
        let terminal = Arc::new(Mutex::new(Terminal {
            tty,
            before,
            over: false,
        }));
        if in_front(&reader) {
            lock(&terminal).take();
        }
        let (send, pressed) = mpsc::channel(AT_ONCE);
        let of_reader = terminal.clone();
        // A thread of its own: waiting for a terminal blocks. It ends with the program.
        let thread = std::thread::Builder::new().name("keys".to_owned());
        thread
            .spawn(move || read_keys(&reader, &of_reader, &send))
            .ok()?;
        Some(Self { terminal, pressed })
    }

    /// Waits for a key that does something. May be dropped and called again.
    pub(super) async fn next(&mut self) -> Key {
        match self.pressed.recv().await {
            Some(key) => key,
            // The terminal is gone.
            None => std::future::pending().await,
        }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        lock(&self.terminal).give_back();
    }
}

impl Terminal {
    /// Makes keys come one by one and unseen, where they do not yet; Ctrl-C and Ctrl-Z stay what they are.
    fn take(&self) {
        let line = LocalFlags::ICANON | LocalFlags::ECHO;
        let Ok(mut modes) = tcgetattr(&self.tty) else {
            return; // it is gone, and nobody types
        };
        if self.over || !modes.local_flags.intersects(line) {
            return;
        }
        modes.local_flags.remove(line);
        for index in [
            SpecialCharacterIndices::VMIN,
            SpecialCharacterIndices::VTIME,
        ] {
            // A read gives what is there, and never waits.
            if let Some(value) = modes.control_chars.get_mut(index as usize) {
                *value = 0;
            }
        }
        tcsetattr(&self.tty, SetArg::TCSANOW, &modes).ok(); // it is gone, and nobody types
    }

    fn give_back(&mut self) {
        self.over = true;
        if in_front(&self.tty) {
            tcsetattr(&self.tty, SetArg::TCSANOW, &self.before).ok(); // it is gone, and nobody sees it
        }
    }
}

fn lock(terminal: &Mutex<Terminal>) -> MutexGuard<'_, Terminal> {
    terminal.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads until the terminal is gone or nobody listens. A shell that was in front meanwhile has put the terminal into its own ways, and
/// tells nobody when it puts us in front again: so we look.
fn read_keys(tty: &OwnedFd, terminal: &Mutex<Terminal>, send: &mpsc::Sender<Key>) {
    loop {
        if in_front(tty) {
            lock(terminal).take();
        }
        let mut ready = [PollFd::new(tty.as_fd(), PollFlags::POLLIN)];
        match poll(&mut ready, LOOK) {
            Ok(1..) => {}
            Ok(_) | Err(Errno::EINTR) => continue,
            Err(_) => return,
        }
        let hung_up = ready.iter().any(|fd| {
            let revents = fd.revents().unwrap_or(PollFlags::empty());
            revents.contains(PollFlags::POLLHUP)
        });
        if !in_front(tty) {
            // What is typed is for a shell in front of us.
            std::thread::sleep(PAUSE);
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
            Ok(_) if hung_up => return,
            Ok(_) => std::thread::sleep(PAUSE),
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

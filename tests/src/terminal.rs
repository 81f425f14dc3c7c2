//! A program at a terminal: what a person sees there, and what they type.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use crate::process::code;
use crate::wait::BOUND;

/// A program under way at a terminal of its own. It is killed when this is dropped.
pub struct Terminal {
    child: Child,
    reader: tokio::fs::File,
    writer: tokio::fs::File,
    seen: Vec<u8>,
}

impl Terminal {
    /// Starts it at a terminal with so many columns, that knows colours unless the call says otherwise.
    ///
    /// # Panics
    /// When there is no terminal, or it cannot be started.
    #[must_use]
    pub fn start(mut command: Command, columns: u16) -> Self {
        let size = Winsize {
            ws_row: 40,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pty = openpty(Some(&size), None).expect("there is a terminal");
        let copy = |fd: &OwnedFd| fd.try_clone().expect("a descriptor can be copied");
        command
            .stdin(Stdio::from(copy(&pty.slave)))
            .stdout(Stdio::from(copy(&pty.slave)))
            .stderr(Stdio::from(pty.slave))
            .kill_on_drop(true);
        let child = command.spawn().expect("the program starts");
        // The terminal ends when nobody but us holds it.
        drop(command);
        let file = |fd: OwnedFd| tokio::fs::File::from_std(File::from(fd));
        Self {
            child,
            reader: file(copy(&pty.master)),
            writer: file(pty.master),
            seen: Vec::new(),
        }
    }

    /// All that was written to it so far.
    #[must_use]
    pub fn seen(&self) -> String {
        String::from_utf8_lossy(&self.seen).replace("\r\n", "\n")
    }

    /// Waits until a text stands on it.
    ///
    /// # Panics
    /// When the program ends, or writes something else for as long as a test may wait.
    pub async fn shows(&mut self, text: &str) {
        let shown = async {
            while !self.seen().contains(text) {
                if !self.read().await {
                    return false;
                }
            }
            true
        };
        let shown = tokio::time::timeout(BOUND, shown).await;
        assert_eq!(shown, Ok(true), "{text:?} is not in:\n{}", self.seen());
    }

    /// Types a line.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub async fn types(&mut self, line: &str) {
        let line = format!("{line}\n");
        let written = self.writer.write_all(line.as_bytes()).await;
        written.expect("the terminal takes a line");
        self.writer.flush().await.expect("the terminal is there");
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// When it has ended.
    pub fn signal(&self, signal: Signal) {
        let id = self.child.id().expect("the program runs");
        let id = i32::try_from(id).expect("invariant: process ids are small");
        kill(Pid::from_raw(id), signal).expect("it can be signalled");
    }

    /// Waits for its end: its exit code, and all that was written.
    ///
    /// # Panics
    /// When it does not end in time.
    pub async fn end(mut self) -> (i32, String) {
        let rest = async { while self.read().await {} };
        let ended = tokio::time::timeout(BOUND, rest).await;
        assert!(ended.is_ok(), "it does not end:\n{}", self.seen());
        let ended = tokio::time::timeout(BOUND, self.child.wait()).await;
        let ended = ended.expect("the program ends in time");
        let code = code(ended.expect("invariant: a child can be waited for"));
        (code, self.seen())
    }

    /// False when nobody holds the terminal any more, which reads as an error.
    async fn read(&mut self) -> bool {
        let mut bytes = [0; 4096];
        let read = self.reader.read(&mut bytes).await.unwrap_or(0);
        self.seen
            .extend_from_slice(bytes.get(..read).unwrap_or_default());
        read > 0
    }
}

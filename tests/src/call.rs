//! A program that is read line by line while it runs, as a person at a terminal reads it.

use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

use crate::process::{Ran, code};
use crate::wait::BOUND;

/// A program under way. It is killed when this is dropped.
pub struct Call {
    child: Child,
    out: Lines<BufReader<ChildStdout>>,
    err: Lines<BufReader<ChildStderr>>,
}

impl Call {
    /// Starts it, with nothing on its standard input.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(command: Command) -> Self {
        Self::start_on(command, Stdio::null())
    }

    /// Starts it with this as its standard input, such as a terminal.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start_on(mut command: Command, stdin: Stdio) -> Self {
        command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().expect("the program starts");
        let out = child.stdout.take().expect("invariant: it is piped");
        let err = child.stderr.take().expect("invariant: it is piped");
        Self {
            child,
            out: BufReader::new(out).lines(),
            err: BufReader::new(err).lines(),
        }
    }

    /// The next line of its standard output.
    ///
    /// # Panics
    /// When there is none in time.
    pub async fn out(&mut self) -> String {
        next(&mut self.out).await.expect("another line of output")
    }

    /// The next line of its standard error.
    ///
    /// # Panics
    /// When there is none in time.
    pub async fn err(&mut self) -> String {
        next(&mut self.err).await.expect("another line of error")
    }

    /// Its process id.
    ///
    /// # Panics
    /// When it has ended.
    #[must_use]
    pub fn id(&self) -> i32 {
        let id = self.child.id().expect("the program runs");
        i32::try_from(id).expect("invariant: process ids are small")
    }

    /// Sends a signal, as a terminal or an operator does.
    ///
    /// # Panics
    /// When it has ended.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.id()), signal).expect("it can be signalled");
    }

    /// Waits for its end; the outputs are what was not read before.
    ///
    /// # Panics
    /// When it does not end in time.
    pub async fn end(&mut self) -> Ran {
        let (out, err) = tokio::join!(rest(&mut self.out), rest(&mut self.err));
        let ended = tokio::time::timeout(BOUND, self.child.wait()).await;
        let ended = ended.expect("the program ends in time");
        Ran {
            code: code(ended.expect("invariant: a child can be waited for")),
            out,
            err,
        }
    }
}

async fn next<R: AsyncRead + Unpin>(lines: &mut Lines<BufReader<R>>) -> Option<String> {
    let line = tokio::time::timeout(BOUND, lines.next_line()).await;
    line.expect("a line or the end comes in time")
        .expect("the output is text")
}

async fn rest<R: AsyncRead + Unpin>(lines: &mut Lines<BufReader<R>>) -> String {
    let mut rest = String::new();
    while let Some(line) = next(lines).await {
        rest.push_str(&line);
        rest.push('\n');
    }
    rest
}

//! The programs as processes: their ready line, their output, their end.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::wait::BOUND;

/// Where the programs are: cargo tells integration tests and benches.
#[derive(Clone, Debug)]
pub struct Programs {
    /// `shanty`.
    pub shanty: PathBuf,
    /// `shanty-agent`.
    pub agent: PathBuf,
    /// `shanty-sandbox`.
    pub sandbox: PathBuf,
}

/// What a command that ran to its end said.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code; 128 + n for signal n.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// Standard output as one JSON value.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A program's call, not started yet.
#[must_use]
pub fn call(program: &PathBuf, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(args.iter().map(OsString::from))
        .kill_on_drop(true);
    command
        .env_remove("SHANTY_ADMIN")
        .env_remove("SHANTY_TOKEN")
        .env_remove("SHANTY_LOG")
        .env_remove("SHANTY_UNDER_TEST")
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR")
        .env_remove("COLUMNS")
        .env("TERM", "xterm-256color");
    command
}

/// Runs a call to its end.
///
/// # Panics
/// When it cannot be started, or takes longer than a test may.
pub async fn run(command: &mut Command) -> Ran {
    command.stdin(Stdio::null());
    let output = tokio::time::timeout(BOUND, command.output()).await;
    let output = output
        .expect("the program ends in time")
        .expect("the program starts");
    Ran {
        code: code(output.status),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

pub(crate) fn code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// A program that said that it is ready.
pub struct Process {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    log: PathBuf,
}

impl Process {
    /// Starts a program that stops when its standard input ends, and waits for its ready line.
    ///
    /// # Panics
    /// When it does not get ready in time, with the end of its log.
    pub async fn start(name: &str, command: Command, log: PathBuf) -> (Self, Value) {
        let mut process = Self::launch(name, command, log);
        let line = tokio::time::timeout(BOUND, process.lines.next_line()).await;
        let line = line.ok().and_then(Result::ok).flatten();
        let ready = line
            .as_deref()
            .and_then(|line| serde_json::from_str::<Value>(line).ok());
        match ready {
            Some(ready) if ready["event"] == "ready" => (process, ready),
            _ => panic!("{name} did not get ready: {line:?}\n{}", process.log_end()),
        }
    }

    /// Starts a program without waiting for anything.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn launch(name: &str, mut command: Command, log: PathBuf) -> Self {
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log);
        command
            .arg("--exit-with-stdin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        command
            .stderr(file.expect("the log can be written"))
            .process_group(0);
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("start {name}: {error}"));
        let stdin = child.stdin.take();
        let stdout = child
            .stdout
            .take()
            .expect("invariant: standard output is piped");
        Self {
            name: name.to_owned(),
            child,
            stdin,
            lines: BufReader::new(stdout).lines(),
            log,
        }
    }

    /// Its process id.
    ///
    /// # Panics
    /// When it has ended.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child
            .id()
            .unwrap_or_else(|| panic!("{} has ended:\n{}", self.name, self.log_end()))
    }

    /// Sends a signal.
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let id = i32::try_from(self.id()).expect("invariant: process ids are small");
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(id), signal).ok(); // gone: that was the aim
    }

    /// Kills it as `kill -9` does, and waits until it is gone.
    pub async fn kill(mut self) {
        self.child.kill().await.ok(); // it is gone
    }

    /// Ends its standard input, and waits until it has stopped in order.
    ///
    /// # Panics
    /// When it does not stop in time, or not with exit code 0.
    pub async fn stop(mut self) {
        drop(self.stdin.take());
        let ended = self.ended().await;
        assert_eq!(ended, 0, "{} stopped badly:\n{}", self.name, self.log_end());
    }

    /// Waits until it ends, and gives its exit code.
    ///
    /// # Panics
    /// When it does not end in time.
    pub async fn ended(&mut self) -> i32 {
        let ended = tokio::time::timeout(BOUND, self.child.wait()).await;
        let ended =
            ended.unwrap_or_else(|_| panic!("{} does not end:\n{}", self.name, self.log_end()));
        code(ended.expect("invariant: a child can be waited for"))
    }

    /// The rest of its standard output, to its end.
    ///
    /// # Panics
    /// When it cannot be read.
    pub async fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.lines
            .get_mut()
            .read_to_string(&mut rest)
            .await
            .expect("standard output is text");
        rest
    }

    /// All that it wrote to standard error.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn log_end(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines
            .get(lines.len().saturating_sub(15)..)
            .unwrap_or_default()
            .join("\n")
    }
}

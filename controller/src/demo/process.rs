//! One process of the demo: its ready line, its log, its end.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};

/// How long one process may take to get ready.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long a process may take to stop before it is killed.
const STOP_WITHIN: Duration = Duration::from_secs(15);
/// Lines of a log that an error shows.
const LOG_LINES: usize = 12;

/// A process that stops when its standard input ends.
pub(super) struct Process {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    log: PathBuf,
}

/// A process that did not do what it should.
#[derive(Debug, thiserror::Error)]
#[error("{name} {what}; its last words were:\n{words}")]
pub(super) struct Trouble {
    name: String,
    what: &'static str,
    words: String,
    /// Its exit code, when it ended with one.
    pub(super) code: Option<i32>,
}

/// The program that runs now: the other programs are inside it.
pub(super) fn own_program() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("find the own program")
}

fn command(args: &[&str], env: &[(&str, &str)]) -> anyhow::Result<Command> {
    let mut command = Command::new(own_program()?);
    command.args(args.iter().map(OsString::from));
    command
        .envs(env.iter().copied())
        .env_remove("SHANTY_ADMIN")
        .kill_on_drop(true);
    // Ctrl-C on the terminal must reach the demo alone, which stops the others in order.
    command.process_group(0);
    Ok(command)
}

/// Runs a command to its end and gives its output.
pub(super) async fn run(args: &[&str], env: &[(&str, &str)]) -> anyhow::Result<String> {
    let output = command(args, env)?.stdin(Stdio::null()).output().await?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    let why = String::from_utf8_lossy(&output.stderr).into_owned();
    anyhow::bail!(
        "it ended with {}: {}{}",
        output.status,
        text.trim(),
        why.trim()
    )
}

impl Process {
    /// Starts a process and waits for the JSON line that says that it is ready; a [`Trouble`] when it does not say so.
    pub(super) async fn start(
        name: &str,
        args: &[&str],
        log: &Path,
    ) -> anyhow::Result<(Self, Value)> {
        let file =
            std::fs::File::create(log).with_context(|| format!("create {}", log.display()))?;
        let mut command = command(args, &[])?;
        command
            .arg("--exit-with-stdin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(file);
        let mut child = command.spawn().with_context(|| format!("start {name}"))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().context("read its output")?;
        let mut process = Self {
            name: name.to_owned(),
            child,
            stdin,
            log: log.to_owned(),
        };
        let mut lines = BufReader::new(stdout).lines();
        let line = tokio::time::timeout(READY_WITHIN, lines.next_line()).await;
        let ready = line.ok().and_then(Result::ok).flatten();
        let ready = ready.and_then(|line| serde_json::from_str::<Value>(&line).ok());
        match ready {
            Some(ready) if ready["event"] == "ready" => Ok((process, ready)),
            _ => {
                // Its output has ended, so it is about to; or it hangs, and is killed with this.
                let ended = tokio::time::timeout(STOP_WITHIN, process.child.wait()).await;
                let status = ended.ok().and_then(Result::ok);
                Err(process.trouble("did not get ready", status).into())
            }
        }
    }

    /// Its process id, while it runs.
    pub(super) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until it ends by itself.
    pub(super) async fn ended(&mut self) -> Option<ExitStatus> {
        self.child.wait().await.ok() // ended either way
    }

    /// Ends its standard input and waits; kills it when that takes too long.
    pub(super) async fn stop(mut self) {
        drop(self.stdin.take());
        if tokio::time::timeout(STOP_WITHIN, self.child.wait())
            .await
            .is_err()
        {
            self.child.kill().await.ok(); // it is gone then
        }
    }

    pub(super) fn trouble(&self, what: &'static str, status: Option<ExitStatus>) -> Trouble {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let words = lines
            .get(lines.len().saturating_sub(LOG_LINES)..)
            .unwrap_or_default()
            .join("\n");
        Trouble {
            name: self.name.clone(),
            what,
            words,
            code: status.and_then(|status| status.code()),
        }
    }
}

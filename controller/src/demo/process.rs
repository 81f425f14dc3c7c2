//! One process of the demo: its ready line, its log, its end.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};

/// How long a process may take to stop before it is killed.
const STOP_WITHIN: Duration = Duration::from_secs(15);
/// Lines of a log that an error shows.
const LOG_LINES: usize = 12;

/// A process that stops when its standard input ends.
pub(super) struct Process {
    name: String,
    agent: bool,
    child: Child,
    stdin: Option<ChildStdin>,
    log: PathBuf,
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
    /// Starts a process and waits for the JSON line that says that it is ready.
    pub(super) async fn start(
        name: &str,
        args: &[&str],
        env: &[(&str, &str)],
        log: &Path,
        within: Duration,
    ) -> anyhow::Result<(Self, Value)> {
        let file =
            std::fs::File::create(log).with_context(|| format!("create {}", log.display()))?;
        let mut command = command(args, env)?;
        command
            .arg("--exit-with-stdin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(file);
        let mut child = command.spawn().with_context(|| format!("start {name}"))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().context("read its output")?;
        let agent = args.first() == Some(&"__agent");
        let process = Self {
            name: name.to_owned(),
            agent,
            child,
            stdin,
            log: log.to_owned(),
        };
        let mut lines = BufReader::new(stdout).lines();
        let line = tokio::time::timeout(within, lines.next_line()).await;
        let ready = line.ok().and_then(Result::ok).flatten();
        let ready = ready.and_then(|line| serde_json::from_str::<Value>(&line).ok());
        match ready {
            Some(ready) if ready["event"] == "ready" => Ok((process, ready)),
            _ => Err(process.trouble("did not get ready")),
        }
    }

    pub(super) const fn is_agent(&self) -> bool {
        self.agent
    }

    /// Waits until it ends by itself.
    pub(super) async fn ended(&mut self) -> anyhow::Error {
        self.child.wait().await.ok(); // ended either way
        self.trouble("ended by itself")
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

    fn trouble(&self, what: &str) -> anyhow::Error {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let end = lines
            .get(lines.len().saturating_sub(LOG_LINES)..)
            .unwrap_or_default()
            .join("\n");
        anyhow::anyhow!("{} {what}; its last words were:\n{end}", self.name)
    }
}

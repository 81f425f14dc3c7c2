//! The built program: started, watched, stopped.

use std::path::Path;
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Every wait for a condition ends here.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Waits for a condition, with a name for when it does not come.
pub(crate) async fn soon<T>(what: &str, condition: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, condition).await {
        Ok(done) => done,
        Err(_) => panic!("waited too long: {what}"),
    }
}

/// Our own user: what an agent in a test may run commands as.
pub(crate) fn own_user() -> String {
    User::from_uid(geteuid()).unwrap().unwrap().name
}

pub(crate) fn agent(data_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shanty-agent"));
    command
        .env_remove("SHANTY_TOKEN")
        .env("SHANTY_AGENT_DATA", data_dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// `shanty-agent join` with these arguments, to its end.
pub(crate) async fn join(data_dir: &Path, server: &str, token: &str, more: &[&str]) -> Output {
    let user = own_user();
    let mut command = agent(data_dir);
    command.args(["join", "--server", server]);
    if !more.contains(&"--name") {
        command.args(["--name", "web-01"]);
    }
    if !more.contains(&"--run-as") {
        command.args(["--run-as", &user]);
    }
    command.args(more).env("SHANTY_TOKEN", token);
    let output = soon("joining", command.output()).await;
    output.unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A running agent, killed when dropped.
pub(crate) struct Running {
    child: Child,
    lines: tokio::io::Lines<BufReader<tokio::process::ChildStdout>>,
}

impl Running {
    pub(crate) fn start(data_dir: &Path, more: &[&str]) -> Self {
        let mut command = agent(data_dir);
        // What the agent logs is shown with a failing test.
        command.arg("run").args(more).stderr(Stdio::inherit());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next line on standard output.
    pub(crate) async fn line(&mut self) -> serde_json::Value {
        let line = soon("a line on standard output", self.lines.next_line()).await;
        serde_json::from_str(&line.unwrap().expect("a line")).unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id().unwrap()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
    }

    pub(crate) async fn exit(mut self) -> ExitStatus {
        soon("the agent's exit", self.child.wait()).await.unwrap()
    }
}

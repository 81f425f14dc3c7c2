//! A server that joins and runs an agent.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::process::{self, Process, Programs, Ran};

/// One server.
pub struct Host {
    /// Its name.
    pub name: String,
    /// The agent's data directory.
    pub data: PathBuf,
    programs: Programs,
    dir: PathBuf,
    agent: Option<Process>,
}

impl Host {
    /// A server that has not joined.
    #[must_use]
    pub fn new(programs: &Programs, dir: &Path, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            data: dir.join(name),
            programs: programs.clone(),
            dir: dir.to_owned(),
            agent: None,
        }
    }

    /// `shanty-agent join` with a token, as an operator does it by hand.
    pub async fn join(&self, server: &str, token: &str) -> Ran {
        let data = self.data.to_string_lossy().into_owned();
        let user = own_user();
        // In one word: a name that begins with a dash is the agent's to refuse.
        let name = format!("--name={}", self.name);
        let args = [
            "join",
            "--server",
            server,
            &name,
            "--data-dir",
            &data,
            "--run-as",
            &user,
            "--json",
        ];
        process::run(process::call(&self.programs.agent, &args).env("SHANTY_TOKEN", token)).await
    }

    /// `shanty-agent run`; `on_stop` is `keep` or `kill`. Waits until the link is up.
    pub async fn run(&mut self, on_stop: &str) {
        let (command, log) = self.call(on_stop);
        let (agent, _) = Process::start(&self.name, command, log).await;
        self.agent = Some(agent);
    }

    /// The same, and waits for nothing.
    pub fn launch(&mut self, on_stop: &str) {
        let (command, log) = self.call(on_stop);
        self.agent = Some(Process::launch(&self.name, command, log));
    }

    fn call(&self, on_stop: &str) -> (Command, PathBuf) {
        let data = self.data.to_string_lossy().into_owned();
        let args = ["run", "--data-dir", &data, "--on-stop", on_stop];
        let log = self.dir.join(format!("{}.log", self.name));
        (process::call(&self.programs.agent, &args), log)
    }

    /// The running agent.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn agent(&mut self) -> &mut Process {
        self.agent.as_mut().expect("the agent runs")
    }

    /// Takes the agent away, to stop or kill it.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn take_agent(&mut self) -> Process {
        self.agent.take().expect("the agent runs")
    }

    /// Stops the agent if it runs.
    pub async fn stop(&mut self) {
        if let Some(agent) = self.agent.take() {
            agent.stop().await;
        }
    }
}

/// The name of the user that the tests run as.
///
/// # Panics
/// When the system does not know it.
#[must_use]
pub fn own_user() -> String {
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid());
    user.ok().flatten().expect("the user has a name").name
}

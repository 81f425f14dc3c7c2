//! A server whose agent is two processes: as root the link runs as a user who can do nothing, otherwise both as who tests.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use nix::unistd::{User, geteuid};
use tempfile::TempDir;

use crate::host::own_user;
use crate::process::{self, Process, Ran};
use crate::world::{World, write_trusted};
use crate::{left, wait};

/// One server.
pub struct SplitHost {
    /// Its name.
    pub name: String,
    dir: TempDir,
    agent: PathBuf,
    user: User,
    link: Option<Process>,
    executor: Option<Process>,
}

impl SplitHost {
    /// A server that has joined a world's controller, and whose link is up.
    ///
    /// # Panics
    /// When it does not get so far.
    pub async fn start(world: &World, name: &str) -> Self {
        let dir = TempDir::with_prefix("shanty-split-").expect("a directory can be made");
        // Another user has to come to its own folder, and to the program.
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(dir.path(), open).expect("the directory can be opened");
        let agent = dir.path().join("shanty-agent");
        let own = &world.programs().agent;
        std::fs::hard_link(own, &agent)
            .or_else(|_| std::fs::copy(own, &agent).map(drop))
            .expect("the program can be copied");
        let user = if geteuid().is_root() {
            User::from_name("nobody")
        } else {
            User::from_uid(geteuid())
        };
        let mut host = Self {
            name: name.to_owned(),
            dir,
            agent,
            user: user.ok().flatten().expect("there is such a user"),
            link: None,
            executor: None,
        };
        let token = world.token(&["--name", name]).await;
        let joined = host.join(&world.join_address(), &token).await;
        assert_eq!(joined.code, 0, "{joined:?}");
        host.start_executor().await;
        host.start_link().await;
        world.is_online(name, true).await;
        host
    }

    async fn join(&self, server: &str, token: &str) -> Ran {
        let run_as = own_user();
        let paths = [self.data(), self.config(), self.executor_dir()];
        let [data, config, executor] = paths.map(|path| path.to_string_lossy().into_owned());
        let args = [
            "join",
            "--server",
            server,
            "--name",
            &self.name,
            "--run-as",
            &run_as,
            "--data-dir",
            &data,
            "--link-user",
            &self.user.name,
            "--config",
            &config,
            "--executor-dir",
            &executor,
        ];
        process::run(process::call(&self.agent, &args).env("SHANTY_TOKEN", token)).await
    }

    /// The link's own folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("link")
    }

    /// The executor's own folder.
    #[must_use]
    pub fn executor_dir(&self) -> PathBuf {
        self.dir.path().join("executor")
    }

    /// The configuration of both.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.dir.path().join("etc/agent.toml")
    }

    /// Where they meet.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("run/executor.sock")
    }

    /// Writes the host's own policy.
    pub fn write_policy(&self, text: &str) {
        write_trusted(&self.policy(), text);
    }

    fn policy(&self) -> PathBuf {
        self.dir.path().join("etc/host.toml")
    }

    /// Starts the executor, and waits until the link may connect.
    pub async fn start_executor(&mut self) {
        if !self.policy().exists() {
            self.write_policy("");
        }
        let paths = [
            self.config(),
            self.executor_dir(),
            self.socket(),
            self.policy(),
        ];
        let [config, data, socket, policy] = paths.map(|path| path.to_string_lossy().into_owned());
        let args = [
            "executor",
            "--config",
            &config,
            "--data-dir",
            &data,
            "--socket",
            &socket,
            "--host-policy",
            &policy,
        ];
        let command = process::call(&self.agent, &args);
        let log = self.dir.path().join("executor.log");
        self.executor = Some(Process::start("executor", command, log).await.0);
    }

    /// Starts the link, and waits until it is up.
    pub async fn start_link(&mut self) {
        let log = self.dir.path().join("link.log");
        let (link, _) = Process::start("link", self.link_call(), log).await;
        self.link = Some(link);
    }

    /// What the doctor finds here.
    pub async fn doctor(&self) -> serde_json::Value {
        let paths = [self.config(), self.data(), self.executor_dir()];
        let [config, data, executor] = paths.map(|path| path.to_string_lossy().into_owned());
        let args = [
            "doctor",
            "--config",
            &config,
            "--data-dir",
            &data,
            "--executor-dir",
            &executor,
            "--json",
        ];
        process::run(&mut process::call(&self.agent, &args))
            .await
            .json()
    }

    /// Starts a link without waiting for anything.
    #[must_use]
    pub fn launch_link(&self) -> Process {
        let log = self.dir.path().join("another-link.log");
        Process::launch("another link", self.link_call(), log)
    }

    fn link_call(&self) -> tokio::process::Command {
        let paths = [self.config(), self.data(), self.socket()];
        let [config, data, socket] = paths.map(|path| path.to_string_lossy().into_owned());
        let args = [
            "link",
            "--config",
            &config,
            "--data-dir",
            &data,
            "--socket",
            &socket,
        ];
        let mut command = process::call(&self.agent, &args);
        if geteuid().is_root() {
            command
                .uid(self.user.uid.as_raw())
                .gid(self.user.gid.as_raw());
        }
        command
    }

    /// The running executor.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub const fn executor(&self) -> &Process {
        self.executor.as_ref().expect("the executor runs")
    }

    /// Takes the executor away, to kill it.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub const fn take_executor(&mut self) -> Process {
        self.executor.take().expect("the executor runs")
    }

    /// Takes the link away, to kill it.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub const fn take_link(&mut self) -> Process {
        self.link.take().expect("the link runs")
    }

    /// Stops both in order; nothing may be left.
    pub async fn stop(mut self) {
        for process in [self.link.take(), self.executor.take()]
            .into_iter()
            .flatten()
        {
            process.stop().await;
        }
        let dir = self.dir.path().to_string_lossy().into_owned();
        let gone = || left::with_argument(&dir).is_empty();
        wait::until_true("nothing of the agent to be left", gone).await;
    }

    /// Everything that it keeps.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for SplitHost {
    /// A test that failed must not leave its commands to those after it.
    fn drop(&mut self) {
        left::kill_all(self.dir.path());
    }
}

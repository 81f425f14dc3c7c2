//! The processes of the demo: a sandbox and a controller, without which nothing goes on, and hosts, which come and go.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use anyhow::Context as _;
use futures_util::StreamExt as _;
use futures_util::future::{LocalBoxFuture, join_all, select_all};
use futures_util::stream;
use serde_json::Value;

use super::control::{Answer, Order};
use super::fleet::{self, Plan};
use super::process::{self, Process, Trouble};
use super::words::{self, Gone};
use super::{guild, left, text};

/// Hosts that are started at the same time: more only get into each other's way.
const STARTS_AT_ONCE: usize = 8;

/// What an agent ends with when its host was removed.
const REMOVED: i32 = 77;

/// All processes.
pub(super) struct Crew {
    dir: PathBuf,
    /// Sandbox and controller, in the order of their start.
    core: Vec<Process>,
    hosts: Vec<Host>,
    /// What a host needs to come; nothing before the controller is there.
    harbour: Option<Harbour>,
    /// Which were stopped, the last at the end.
    stopped: Vec<String>,
}

/// A host, there or not.
struct Host {
    plan: Plan,
    process: Option<Process>,
}

/// Where hosts go to.
#[derive(Clone)]
struct Harbour {
    dir: PathBuf,
    admin: String,
    join: String,
    user: String,
    program: String,
}

/// What is known when all are there.
pub(super) struct Ready {
    pub(super) web: String,
    pub(super) bot_token: String,
    pub(super) admin: String,
    /// The controller's ready line.
    pub(super) controller: Value,
}

/// A process ended by itself.
pub(super) enum Ended {
    /// Without this one nothing goes on.
    Core(Trouble),
    /// The others go on.
    Host(Gone),
}

impl Crew {
    /// Nobody yet; all of it will be in this directory.
    pub(super) fn new(dir: &Path, agents: u16) -> Self {
        let host = |plan| Host {
            plan,
            process: None,
        };
        Self {
            dir: dir.to_owned(),
            core: Vec::new(),
            hosts: fleet::plans(agents).into_iter().map(host).collect(),
            harbour: None,
            stopped: Vec::new(),
        }
    }

    /// Starts sandbox and controller.
    pub(super) async fn start_core(&mut self, listen: &str) -> anyhow::Result<Ready> {
        let seed = guild::write_seed(&self.dir)?;
        let seed = seed.to_string_lossy().into_owned();
        let args = ["__sandbox", "--listen", listen, "--seed-file", &seed];
        let sandbox = self.spawn_core("sandbox", &args).await?;
        let web = text(&sandbox, "web")?;
        let bot_token = text(&sandbox, "bot_token")?;
        // Without the key that stands in the page's address: the controller is a bot like any other.
        let api = text(&sandbox, "api")?;
        let api = api.trim_end_matches("/api/v10");
        let config = guild::write_config(&self.dir, api, &bot_token)?;
        let config = config.to_string_lossy().into_owned();
        let args = ["serve", "--config", &config];
        let controller = self.spawn_core("controller", &args).await?;
        anyhow::ensure!(
            text(&controller, "discord")? == "ready",
            "the controller could not log in to the sandbox: see {}",
            self.dir.join("controller.log").display()
        );
        let admin = text(&controller, "admin")?;
        self.harbour = Some(Harbour {
            dir: self.dir.clone(),
            admin: admin.clone(),
            join: text(&controller, "join")?,
            user: own_user()?,
            program: process::own_program()?.to_string_lossy().into_owned(),
        });
        Ok(Ready {
            web,
            bot_token,
            admin,
            controller,
        })
    }

    /// Starts every host that is not there, some at a time. What has started before an error stays.
    pub(super) async fn start_hosts(&mut self) -> anyhow::Result<()> {
        let harbour = self.harbour()?;
        let mut labels: Vec<&str> = self.hosts.iter().map(|host| host.plan.labels).collect();
        labels.sort_unstable();
        let mut tokens = Vec::new();
        for of in labels.chunk_by(|a, b| a == b) {
            let first = of.first().copied().unwrap_or_default();
            tokens.push((first, harbour.token(first, of.len()).await?));
        }
        let token = |labels: &str| tokens.iter().find(|(of, _)| *of == labels);
        let starts = self.hosts.iter().enumerate().map(|(index, host)| {
            let (harbour, plan) = (harbour.clone(), host.plan.clone());
            let token = token(plan.labels).map(|(_, token)| token.clone());
            async move {
                let token = token.unwrap_or_default();
                harbour.join(&plan, &token).await?;
                Ok::<_, anyhow::Error>((index, harbour.run(&plan).await?))
            }
        });
        let starts: Vec<_> = starts.collect();
        let mut starts = stream::iter(starts).buffer_unordered(STARTS_AT_ONCE);
        while let Some(started) = starts.next().await {
            let (index, process) = started?;
            if let Some(host) = self.hosts.get_mut(index) {
                host.process = Some(process);
            }
        }
        Ok(())
    }

    /// Waits until a process ends by itself. May be dropped and called again.
    pub(super) async fn ended(&mut self) -> Ended {
        let mut all: Vec<LocalBoxFuture<'_, (Which, Option<ExitStatus>)>> = Vec::new();
        for (index, process) in self.core.iter_mut().enumerate() {
            all.push(Box::pin(async move {
                (Which::Core(index), process.ended().await)
            }));
        }
        for (index, host) in self.hosts.iter_mut().enumerate() {
            if let Some(process) = &mut host.process {
                all.push(Box::pin(async move {
                    (Which::Host(index), process.ended().await)
                }));
            }
        }
        if all.is_empty() {
            return std::future::pending().await;
        }
        let (which, status) = select_all(all).await.0;
        match which {
            Which::Core(index) => {
                let process = self.core.get(index);
                let process = process.expect("invariant: it has just ended");
                Ended::Core(process.trouble("ended by itself", status))
            }
            Which::Host(index) => {
                let host = self.hosts.get_mut(index);
                let host = host.expect("invariant: it has just ended");
                host.process = None;
                let name = host.plan.name.to_string();
                self.stopped.push(name.clone());
                Ended::Host(Gone {
                    name,
                    removed: status.and_then(|status| status.code()) == Some(REMOVED),
                    how: status.map(|status| status.to_string()),
                })
            }
        }
    }

    /// Does what was asked for; what it says is for whoever asked.
    pub(super) async fn obey(&mut self, order: &Order) -> Answer {
        let known: Vec<String> = self.names().collect();
        let names = match order {
            Order::List => return self.list(),
            Order::Stop(names) | Order::Start(names) => words::chosen(names, &known),
        };
        let names = match names {
            Ok(names) => names,
            Err(text) => return Answer::unknown(text),
        };
        let mut said = Vec::new();
        for name in names {
            let done = match order {
                Order::Stop(_) => Ok(self.stop_host(&name).await),
                Order::Start(_) => self.start_host(&name).await,
                Order::List => Ok(String::new()),
            };
            match done {
                Ok(line) => said.push(line),
                Err(error) => {
                    return Answer::failed(said, format!("{name} does not start: {error:#}"));
                }
            }
        }
        Answer::done(said)
    }

    /// The host that a key stops next: the last of the tour's that is there, then the last of the others.
    pub(super) fn next_to_stop(&self) -> Option<String> {
        let (tour, more) = self
            .hosts
            .split_at(self.hosts.len().min(fleet::FULL.into()));
        let mut order = tour.iter().rev().chain(more.iter().rev());
        let next = order.find(|host| host.process.is_some());
        next.map(|host| host.plan.name.to_string())
    }

    /// The host that a key starts next: the one that went last.
    pub(super) fn next_to_start(&self) -> Option<String> {
        self.stopped.last().cloned()
    }

    /// Stops all: hosts first, then the controller, then the sandbox. Nothing of what they started is left.
    pub(super) async fn stop(&mut self) {
        let hosts = self.hosts.iter_mut();
        let running = hosts.filter_map(|host| host.process.take());
        join_all(running.map(Process::stop)).await;
        while let Some(process) = self.core.pop() {
            process.stop().await;
        }
        left::end_shims(&self.dir).await;
    }

    /// Where the control socket belongs.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    fn names(&self) -> impl Iterator<Item = String> {
        self.hosts.iter().map(|host| host.plan.name.to_string())
    }

    fn list(&self) -> Answer {
        let line = |host: &Host| match host.process.as_ref().and_then(Process::id) {
            Some(id) => format!("{}  runs, process {id}", host.plan.name),
            None => format!("{}  is away", host.plan.name),
        };
        Answer::done(self.hosts.iter().map(line).collect())
    }

    async fn stop_host(&mut self, name: &str) -> String {
        let host = self.hosts.iter_mut().find(|host| host.plan.name == name);
        let Some(process) = host.and_then(|host| host.process.take()) else {
            return format!("{name} is away already.");
        };
        process.stop().await;
        self.stopped.push(name.to_owned());
        format!("{name} is stopped.")
    }

    async fn start_host(&mut self, name: &str) -> anyhow::Result<String> {
        let harbour = self.harbour()?;
        let host = self.hosts.iter_mut().find(|host| host.plan.name == name);
        let Some(host) = host else {
            anyhow::bail!("there is no such host");
        };
        if host.process.is_some() {
            return Ok(format!("{name} runs already."));
        }
        let (process, how) = match harbour.run(&host.plan).await {
            Ok(process) => (process, "runs again."),
            Err(error) if is_removed(&error) => {
                std::fs::remove_dir_all(fleet::agent_dir(&self.dir, name))?;
                harbour.free(name).await;
                let token = harbour.token(host.plan.labels, 1).await?;
                harbour.join(&host.plan, &token).await?;
                (harbour.run(&host.plan).await?, "joined anew, and runs.")
            }
            Err(error) => return Err(error),
        };
        host.process = Some(process);
        self.stopped.retain(|stopped| stopped != name);
        Ok(format!("{name} {how}"))
    }

    fn harbour(&self) -> anyhow::Result<Harbour> {
        self.harbour.clone().context("the controller is not there")
    }

    async fn spawn_core(&mut self, name: &str, args: &[&str]) -> anyhow::Result<Value> {
        let log = self.dir.join(format!("{name}.log"));
        let (process, ready) = Process::start(name, args, &log).await?;
        self.core.push(process);
        Ok(ready)
    }
}

/// Whose end it is, by place.
enum Which {
    Core(usize),
    Host(usize),
}

fn is_removed(error: &anyhow::Error) -> bool {
    let trouble = error.downcast_ref::<Trouble>();
    trouble.is_some_and(|trouble| trouble.code == Some(REMOVED))
}

impl Harbour {
    /// A token with which so many hosts may join.
    async fn token(&self, labels: &str, uses: usize) -> anyhow::Result<String> {
        let uses = uses.to_string();
        let args = [
            "token",
            "create",
            "--admin",
            &self.admin,
            "--labels",
            labels,
            "--uses",
            &uses,
            "--json",
        ];
        let token = process::run(&args, &[])
            .await
            .context("make a join token")?;
        let token: Value = serde_json::from_str(&token).context("read the join token")?;
        text(&token, "token")
    }

    /// Lets the name of a host that was removed be taken again. It may be free already.
    async fn free(&self, name: &str) {
        let args = ["hosts", "free", "--admin", &self.admin, name];
        process::run(&args, &[]).await.ok(); // then the join says why
    }

    /// Makes the host and lets it join.
    async fn join(&self, plan: &Plan, token: &str) -> anyhow::Result<()> {
        let data = fleet::agent_dir(&self.dir, &plan.name);
        let dir = data.to_string_lossy().into_owned();
        let args = [
            "__agent",
            "join",
            "--server",
            &self.join,
            "--name",
            &plan.name,
            "--data-dir",
            &dir,
            "--run-as",
            &self.user,
        ];
        process::run(&args, &[("SHANTY_TOKEN", token)])
            .await
            .with_context(|| format!("join {}", plan.name))?;
        let more = plan.furnish(&self.dir)?;
        let config = data.join("agent.toml");
        let joined = std::fs::read_to_string(&config)?;
        std::fs::write(&config, joined + &more)?;
        Ok(())
    }

    /// Starts the agent of a host that has joined, and waits until it is connected.
    async fn run(&self, plan: &Plan) -> anyhow::Result<Process> {
        let data = fleet::agent_dir(&self.dir, &plan.name);
        let data = data.to_string_lossy().into_owned();
        let log = self.dir.join(format!("{}.log", plan.name));
        // Shims carry the data directory in their arguments, so that what is left over can be found.
        let args = [
            "__agent",
            "run",
            "--data-dir",
            &data,
            "--on-stop",
            "kill",
            "--program-arg",
            "__agent",
            "--shim",
            &self.program,
            "--shim-arg",
            "__shim",
        ];
        let (process, _) = Process::start(&plan.name, &args, &log).await?;
        Ok(process)
    }
}

fn own_user() -> anyhow::Result<String> {
    let uid = nix::unistd::geteuid();
    let user = nix::unistd::User::from_uid(uid).context("look up the user")?;
    Ok(user
        .with_context(|| format!("there is no user with id {uid}"))?
        .name)
}

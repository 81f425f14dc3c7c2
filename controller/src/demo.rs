//! `shanty demo`: a sandbox, a controller and agents as real processes on this machine, through the same path as in earnest.
//!
//! Everything lives in one data directory that is deleted at the end, unless it was named. The processes have their own groups, so that
//! Ctrl-C reaches this one alone, and stop when it dies, because their standard input ends then.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command of the command line"
)]

mod http;
mod process;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use serde_json::Value;

use process::Process;

/// How long one process may take to get ready.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// The hosts of the demo: name and labels. More agents continue the row.
const HOSTS: [(&str, &str); 3] = [
    ("web-01", "env=prod,role=web"),
    ("web-02", "env=prod,role=web"),
    ("db-01", "env=prod,role=db"),
];

#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// How many agents
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=200))]
    agents: u16,
    /// Address of the web client; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7470")]
    listen: SocketAddr,
    /// Keep everything in this directory, which must be empty or absent, and leave it there
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Print the ready line as JSON and nothing else
    #[arg(long)]
    json: bool,
}

/// The other programs inside this one: `shanty __sandbox`, `__agent`, `__controller`. Nothing when it is none of them.
pub(crate) fn multi_call(args: &[OsString]) -> Option<ExitCode> {
    let which = args.get(1)?.to_str()?;
    let rest = |name: &str| {
        std::iter::once(OsString::from(name))
            .chain(args.iter().skip(2).cloned())
            .collect::<Vec<_>>()
    };
    match which {
        "__sandbox" => Some(shanty_sandbox::main_from(rest("shanty-sandbox"))),
        "__agent" => Some(shanty_agent::main_from(rest("shanty-agent"))),
        // Shims carry the data directory in their arguments, so that what is left over can be found.
        "__shim" => {
            let dir = args.get(2).cloned().unwrap_or_default();
            Some(shanty_agent::main_from([
                OsString::from("shanty-agent"),
                "shim".into(),
                dir,
            ]))
        }
        _ => None,
    }
}

/// Runs the demo until Ctrl-C.
pub(crate) fn main(args: &DemoArgs) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("shanty: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(demo(args));
    runtime.shutdown_background();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("shanty: the demo ended: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn demo(args: &DemoArgs) -> anyhow::Result<()> {
    let temporary = match &args.data_dir {
        Some(_) => None,
        None => Some(tempfile::Builder::new().prefix("shanty-demo-").tempdir()?),
    };
    let dir = match (&args.data_dir, &temporary) {
        (Some(dir), _) => prepare(dir)?,
        (None, Some(temporary)) => temporary.path().to_owned(),
        (None, None) => unreachable!("invariant: one of both is there"),
    };
    let mut crew = Crew {
        processes: Vec::new(),
        quiet: args.json,
    };
    let stop = stop_asked();
    tokio::pin!(stop);
    let ended = tokio::select! {
        started = crew.start(args, &dir) => match started {
            Ok(web) => tokio::select! {
                ended = crew.watch() => Err(ended),
                stopped = &mut stop => { crew.say(&format!("Stopping {web}")); stopped }
            },
            Err(error) => Err(error),
        },
        stopped = &mut stop => stopped,
    };
    crew.stop().await;
    if let Some(temporary) = temporary {
        temporary.close().context("delete the demo's data")?;
    }
    ended
}

fn prepare(dir: &Path) -> anyhow::Result<PathBuf> {
    std::fs::create_dir_all(dir).with_context(|| format!("create {}", dir.display()))?;
    let empty = std::fs::read_dir(dir)?.next().is_none();
    anyhow::ensure!(
        empty,
        "{} is not empty: name another directory with --data-dir",
        dir.display()
    );
    Ok(dir.canonicalize()?)
}

async fn stop_asked() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = hangup.recv() => {}
    }
    Ok(())
}

/// The processes of the demo, in the order of their start.
struct Crew {
    processes: Vec<Process>,
    quiet: bool,
}

impl Crew {
    fn say(&self, what: &str) {
        if !self.quiet {
            eprintln!("{what}");
        }
    }

    async fn start(&mut self, args: &DemoArgs, dir: &Path) -> anyhow::Result<String> {
        self.say("Starting the sandbox, a Discord on this machine …");
        let listen = args.listen.to_string();
        let ready = self
            .spawn(dir, "sandbox", &["__sandbox", "--listen", &listen], &[])
            .await?;
        let web = text(&ready, "web")?;
        let guild = Guild::ask(&web).await?;

        self.say("Starting the controller …");
        let config = write_config(dir, &web, &guild)?;
        let config = config.to_string_lossy().into_owned();
        let controller = self
            .spawn(dir, "controller", &["serve", "--config", &config], &[])
            .await?;
        anyhow::ensure!(
            text(&controller, "discord")? == "ready",
            "the controller could not log in to the sandbox: see {}",
            dir.join("controller.log").display()
        );
        let join = text(&controller, "join")?;
        let admin = text(&controller, "admin")?;
        for (name, labels) in hosts(args.agents) {
            self.say(&format!("{name} joins with a token and connects …"));
            self.start_agent(dir, &admin, &join, &name, labels).await?;
        }
        let mut ready = controller.clone();
        if let Some(fields) = ready.as_object_mut() {
            fields.insert("web".to_owned(), Value::from(web.clone()));
        }
        if self.quiet {
            println!("{ready}");
        } else {
            let program = process::own_program()?;
            self.say(&welcome(&web, &admin, &program, args.agents));
        }
        Ok(web)
    }

    async fn start_agent(
        &mut self,
        dir: &Path,
        admin: &str,
        join: &str,
        name: &str,
        labels: &str,
    ) -> anyhow::Result<()> {
        let token = process::run(
            &[
                "token", "create", "--admin", admin, "--labels", labels, "--json",
            ],
            &[],
        )
        .await
        .context("make a join token")?;
        let token: Value = serde_json::from_str(&token).context("read the join token")?;
        let token = text(&token, "token")?;
        let data = dir.join(name).to_string_lossy().into_owned();
        let user = own_user()?;
        let args = [
            "__agent",
            "join",
            "--server",
            join,
            "--name",
            name,
            "--data-dir",
            &data,
            "--run-as",
            &user,
        ];
        process::run(&args, &[("SHANTY_TOKEN", &token)])
            .await
            .with_context(|| format!("join {name}"))?;
        let shim = process::own_program()?.to_string_lossy().into_owned();
        let args = [
            "__agent",
            "run",
            "--data-dir",
            &data,
            "--on-stop",
            "kill",
            "--shim",
            &shim,
            "--shim-arg",
            "__shim",
        ];
        self.spawn(dir, name, &args, &[]).await?;
        Ok(())
    }

    /// Starts a process and waits for its ready line.
    async fn spawn(
        &mut self,
        dir: &Path,
        name: &str,
        args: &[&str],
        env: &[(&str, &str)],
    ) -> anyhow::Result<Value> {
        let log = dir.join(format!("{name}.log"));
        let (process, ready) = Process::start(name, args, env, &log, READY_WITHIN).await?;
        self.processes.push(process);
        Ok(ready)
    }

    /// Waits until a process ends by itself, which none should.
    async fn watch(&mut self) -> anyhow::Error {
        let all = self
            .processes
            .iter_mut()
            .map(|process| Box::pin(process.ended()));
        futures_util::future::select_all(all).await.0
    }

    /// Stops the last first: agents, then the controller, then the sandbox.
    async fn stop(&mut self) {
        while let Some(process) = self.processes.pop() {
            if process.is_agent() {
                let mut agents = vec![process];
                while self.processes.last().is_some_and(Process::is_agent) {
                    agents.extend(self.processes.pop());
                }
                futures_util::future::join_all(agents.into_iter().map(Process::stop)).await;
            } else {
                process.stop().await;
            }
        }
        self.say("Stopped; nothing is left.");
    }
}

fn hosts(agents: u16) -> impl Iterator<Item = (String, &'static str)> {
    let more = (3..).map(|n| (format!("web-{n:02}"), HOSTS[0].1));
    let first = HOSTS
        .into_iter()
        .map(|(name, labels)| (name.to_owned(), labels));
    first.chain(more).take(usize::from(agents))
}

fn own_user() -> anyhow::Result<String> {
    let uid = nix::unistd::geteuid();
    let user = nix::unistd::User::from_uid(uid).context("look up the user")?;
    Ok(user
        .with_context(|| format!("there is no user with id {uid}"))?
        .name)
}

/// What the demo needs to know of the sandbox's guild.
struct Guild {
    id: String,
    token: String,
    owner: String,
    operator: String,
    approver: String,
    channels: Vec<String>,
    ops: String,
}

impl Guild {
    async fn ask(web: &str) -> anyhow::Result<Self> {
        let defaults = http::post(web, "sandbox/defaults", "{}").await?;
        let (id, token) = (text(&defaults, "guild_id")?, text(&defaults, "bot_token")?);
        let channels = http::get(web, &format!("api/v10/guilds/{id}/channels"), &token).await?;
        let channels = channels.as_array().context("list the sandbox's channels")?;
        let named = |name: &str| {
            channels
                .iter()
                .find(|channel| channel["name"] == name)
                .and_then(|channel| channel["id"].as_str())
        };
        let first = text(&defaults, "channel_id")?;
        Ok(Self {
            id,
            token,
            owner: text(&defaults, "owner_id")?,
            operator: text(&defaults, "user_id")?,
            approver: text(&defaults, "user2_id")?,
            ops: named("ops").unwrap_or(&first).to_owned(),
            channels: channels
                .iter()
                .filter_map(|c| c["id"].as_str().map(str::to_owned))
                .collect(),
        })
    }
}

/// The controller's configuration, as an operator would write it.
fn write_config(dir: &Path, web: &str, guild: &Guild) -> anyhow::Result<PathBuf> {
    use std::io::Write as _;
    let token = dir.join("bot-token");
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&token)?;
    file.write_all(guild.token.as_bytes())?;
    let quoted = |ids: &[&String]| {
        ids.iter()
            .map(|id| format!("{id:?}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let channels = quoted(&guild.channels.iter().collect::<Vec<_>>());
    let config = format!(
        r#"data_dir = {data:?}

[discord]
token_file = {token:?}
guilds = [{guild:?}]
ops_channel = {ops:?}
api = {api:?}

[listen]
agents = "127.0.0.1:0"
join = "127.0.0.1:0"
http = "127.0.0.1:0"
admin = {admin:?}

# The owner and the operator may do everything, the approver may look; the guest has no grant.
[[grant]]
id = "operators"
who = {{ people = [{operators}] }}
where = {{ channels = [{channels}] }}
what = ["view", "run", "cancel", "hold", "manage"]
hosts = "all"

[[grant]]
id = "viewers"
who = {{ people = [{viewers}] }}
where = {{ channels = [{channels}] }}
what = ["view"]
hosts = "all"
"#,
        data = dir.join("controller"),
        admin = dir.join("admin.sock"),
        api = web.trim_end_matches('/'),
        guild = guild.id,
        ops = guild.ops,
        operators = quoted(&[&guild.owner, &guild.operator]),
        viewers = quoted(&[&guild.approver]),
    );
    let path = dir.join("shanty.toml");
    std::fs::write(&path, config)?;
    Ok(path)
}

fn welcome(web: &str, admin: &str, program: &Path, agents: u16) -> String {
    let program = program.display();
    format!(
        "
  Open {web}
  {agents} hosts are online. Type in the box at the bottom:

    /hosts
    /run on:role=web command:uptime
    /run on:all command:uptime                    shown first, then confirmed
    /run on:web-01 command:for i in 1 2 3 4 5; do echo $i; sleep 1; done

  Without chat, in another terminal:

    export SHANTY_ADMIN={admin}
    {program} run --on all -- uptime

  Ctrl-C stops everything and deletes it.
"
    )
}

fn text(json: &Value, field: &str) -> anyhow::Result<String> {
    let value = json.get(field).and_then(Value::as_str);
    value
        .map(str::to_owned)
        .with_context(|| format!("`{field}` is missing in {json}"))
}

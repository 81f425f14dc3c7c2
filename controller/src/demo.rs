//! `shanty demo`: a sandbox, a controller and agents as real processes on this machine, through the same path as in earnest.
//!
//! Everything lives in one data directory that is deleted at the end, unless it was named. The processes have their own groups, so that
//! Ctrl-C reaches this one alone, and stop when it dies, because their standard input ends then. Hosts may come and go; without sandbox or
//! controller there is no demo.

mod busy;
mod control;
mod crew;
mod fleet;
mod guild;
mod http;
mod keys;
mod left;
mod process;
mod words;

pub mod tour;

use std::ffi::OsString;
use std::io::{ErrorKind, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::Value;
use shanty_core::view::terminal::lines;

use control::{Answer, Control, Order};
use crew::{Crew, Ended, Ready};
use keys::{Key, Keys};

/// Exit codes, as sysexits(3) has them.
mod exit {
    pub(super) const USAGE: u8 = 64;
    pub(super) const DATA: u8 = 65;
    pub(super) const CREATE: u8 = 73;
    pub(super) const IO: u8 = 74;
    pub(super) const PIPE: u8 = 141;
    pub(super) const TRY_AGAIN: u8 = 75;
}

#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// How many agents
    #[arg(long, default_value_t = fleet::FULL, value_parser = clap::value_parser!(u16).range(1..=200))]
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

#[derive(Subcommand, Debug)]
enum Verb {
    /// Stop hosts of the demo that runs, as if they lost power
    Stop(HostArgs),
    /// Start hosts of the demo that runs again
    Start(HostArgs),
    /// List the hosts of the demo that runs
    List(WhichArgs),
}

#[derive(Args, Debug)]
struct HostArgs {
    /// Names of hosts, or `all`
    #[arg(required = true, value_name = "HOST")]
    hosts: Vec<String>,
    #[command(flatten)]
    which: WhichArgs,
}

#[derive(Args, Debug)]
struct WhichArgs {
    /// Directory of the demo, when several run or it was started with one
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
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

/// Runs the demo until Ctrl-C, or tells one that runs what to do.
pub(crate) fn main(args: &DemoArgs) -> ExitCode {
    match &args.verb {
        None => start(args),
        Some(Verb::Stop(of)) => tell(&of.which, &Order::Stop(of.hosts.clone())),
        Some(Verb::Start(of)) => tell(&of.which, &Order::Start(of.hosts.clone())),
        Some(Verb::List(which)) => tell(which, &Order::List),
    }
}

/// The hosts of the demo that runs and how each is; none when there is none to tell.
pub(crate) fn hosts(data_dir: Option<&Path>) -> Vec<(String, String)> {
    let told = control::tell(data_dir, &Order::List);
    let said = told.map_or_else(|_| Vec::new(), |answer| answer.said);
    let host = |line: &String| {
        let (name, how) = line.split_once("  ")?;
        Some((name.to_owned(), how.to_owned()))
    };
    said.iter().filter_map(host).collect()
}

fn start(args: &DemoArgs) -> ExitCode {
    if !args.listen.ip().is_loopback() {
        complain(&format!(
            "shanty: {} can be reached by others, and whoever reaches the demo can run commands on this machine: \
             listen on 127.0.0.1, such as --listen 127.0.0.1:{}",
            args.listen,
            args.listen.port()
        ));
        return ExitCode::from(exit::USAGE);
    }
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("shanty: cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(demo(args));
    runtime.shutdown_background();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<busy::Busy>() => {
            complain(&format!("shanty: {error}"));
            ExitCode::from(exit::CREATE)
        }
        Err(error) => {
            complain(&format!("shanty: the demo ended: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn tell(which: &WhichArgs, order: &Order) -> ExitCode {
    let told = control::tell(which.data_dir.as_deref(), order);
    let Answer { said, error, exit } = told.unwrap_or_else(|nobody| nobody);
    for line in said {
        if let Err(code) = print(&line) {
            return ExitCode::from(code);
        }
    }
    if let Some(error) = error {
        complain(&format!("shanty: {error}"));
    }
    ExitCode::from(exit)
}

async fn demo(args: &DemoArgs) -> anyhow::Result<()> {
    // Before anything is written: the directory stays as it was.
    if let Some(busy) = busy::why(args.listen) {
        return Err(busy.into());
    }
    let temporary = match &args.data_dir {
        Some(_) => None,
        None => Some(tempfile::Builder::new().prefix(control::PREFIX).tempdir()?),
    };
    let dir = match (&args.data_dir, &temporary) {
        (Some(dir), _) => prepare(dir)?,
        (None, Some(temporary)) => temporary.path().to_owned(),
        (None, None) => unreachable!("invariant: one of both is there"),
    };
    let voice = Voice { quiet: args.json };
    let mut crew = Crew::new(&dir, args.agents);
    let ended = tokio::select! {
        ended = run(args, &mut crew, voice) => ended,
        stopped = stop_asked() => stopped,
    };
    if ended.is_ok() {
        voice.say("Stopping …");
    }
    crew.stop().await;
    if let Some(temporary) = temporary {
        temporary.close().context("delete the demo's data")?;
    }
    if ended.is_ok() {
        voice.say("Stopped; nothing is left.");
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

/// Starts everything, and goes on until somebody ends it or it cannot go on.
async fn run(args: &DemoArgs, crew: &mut Crew, voice: Voice) -> anyhow::Result<()> {
    voice.say("Starting the sandbox, a Discord on this machine, and the controller …");
    let ready = match crew.start_core(&args.listen.to_string()).await {
        Ok(ready) => ready,
        Err(error) => return Err(busy::why(args.listen).map_or(error, Into::into)),
    };
    let many = args.agents;
    voice.say(&format!("{many} hosts join with tokens and connect …"));
    crew.start_hosts().await?;
    let mut control = Control::open(crew.dir())?;
    let mut keys = if args.json { None } else { Keys::open() };
    let tour = welcome(&ready, args.agents, keys.is_some())?;
    if args.json {
        print(&ready_line(&ready)).ok(); // whoever waits for it is told why it does not come
    } else {
        voice.say(&tour);
    }
    let posting = guild::post_tour(&ready.web, &ready.bot_token);
    tokio::pin!(posting);
    let mut posted = false;
    loop {
        let told = tokio::select! {
            done = &mut posting, if !posted => Told::Posted(done),
            ended = crew.ended() => Told::Ended(ended),
            asked = control.next() => Told::Asked(asked),
            key = keys::next(&mut keys) => Told::Key(key),
        };
        match told {
            Told::Ended(Ended::Core(trouble)) => return Err(trouble.into()),
            Told::Ended(Ended::Host(gone)) => voice.say(&gone.sentence(keys.is_some())),
            Told::Asked(asked) => {
                let answer = crew.obey(&asked.order).await;
                if asked.order != Order::List {
                    voice.say_all(&answer);
                }
                asked.answer(&answer).await;
            }
            Told::Posted(done) => {
                posted = true;
                if let Err(error) = done {
                    voice.say(&format!("The tour could not be posted in chat: {error:#}"));
                }
            }
            Told::Key(Key::Quit) => return Ok(()),
            Told::Key(Key::Tour) => voice.say(&tour),
            Told::Key(Key::Stop) => match crew.next_to_stop() {
                Some(name) => voice.say_all(&crew.obey(&Order::Stop(vec![name])).await),
                None => voice.say("No host runs. Key g starts one."),
            },
            Told::Key(Key::Start) => match crew.next_to_start() {
                Some(name) => voice.say_all(&crew.obey(&Order::Start(vec![name])).await),
                None => voice.say("All hosts run. Key s stops one."),
            },
        }
    }
}

/// Something happened.
enum Told {
    Posted(anyhow::Result<()>),
    Ended(Ended),
    Asked(control::Asked),
    Key(Key),
}

fn ready_line(ready: &Ready) -> String {
    let mut line = ready.controller.clone();
    if let Some(fields) = line.as_object_mut() {
        fields.insert("web".to_owned(), Value::from(ready.web.clone()));
    }
    line.to_string()
}

fn welcome(ready: &Ready, agents: u16, keys: bool) -> anyhow::Result<String> {
    let Ready { web, admin, .. } = ready;
    let program = process::own_program()?;
    let bin = program.parent().unwrap_or(Path::new("/")).display();
    let line = if keys {
        format!("{}\n  ", keys::LINE)
    } else {
        String::new()
    };
    let tour = if agents >= fleet::FULL {
        format!(
            "A tour of five minutes; it is pinned there too. Type in the box at the bottom:\n\n{}",
            tour::text(keys)
        )
    } else {
        "Type in the box at the bottom:\n\n    /hosts\n    /run on:all command:check\n\n  \
         The tour that is pinned there needs six hosts: leave --agents out.\n"
            .to_owned()
    };
    Ok(format!(
        "
  Open {web}
  {agents} hosts are online. {tour}
  In another terminal, once:
      export SHANTY_ADMIN={admin} PATH={bin}:$PATH

  {line}Ctrl-C stops everything and deletes it.
"
    ))
}

/// Speaks to who started the demo; nobody may listen any more.
#[derive(Clone, Copy)]
struct Voice {
    quiet: bool,
}

impl Voice {
    fn say(self, what: &str) {
        if !self.quiet {
            complain(what);
        }
    }

    fn say_all(self, answer: &Answer) {
        for line in answer.said.iter().chain(&answer.error) {
            self.say(line);
        }
    }
}

/// Prints a line, made safe to look at. The error is the exit code of a program that cannot.
fn print(line: &str) -> Result<(), u8> {
    match writeln!(std::io::stdout(), "{}", lines(line)) {
        Ok(()) => Ok(()),
        // Nobody listens.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(exit::PIPE),
        Err(error) => {
            complain(&format!(
                "shanty: standard output cannot be written: {error}"
            ));
            Err(exit::IO)
        }
    }
}

/// Says something, made safe to look at: it may hold what was typed.
fn complain(text: &str) {
    writeln!(std::io::stderr(), "{}", lines(text)).ok(); // nobody listens
}

fn text(json: &Value, field: &str) -> anyhow::Result<String> {
    let value = json.get(field).and_then(Value::as_str);
    value
        .map(str::to_owned)
        .with_context(|| format!("`{field}` is missing in {json}"))
}

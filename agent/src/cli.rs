//! The command line: arguments, environment, signals and standard streams, which nothing else of the crate touches.

mod examine;
mod installed;
mod join;
mod out;
mod split;
mod update;

use std::ffi::{OsStr, OsString};
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use nix::sys::stat::{Mode, umask};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::agent::{self, HostPolicyFile, Ready};
use crate::config::{self, DataDir, ProxyVariables};
use crate::failure::{Failure, exit};
use crate::link::OnStop;
use crate::{policy, service_manager, shim};

/// Runs commands on this host for a Shanty controller.
#[derive(Debug, Parser)]
#[command(name = "shanty-agent", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Enrol this host with a join token, once.
    Join(join::JoinArgs),
    /// Keep the link to the controller and run what it orders.
    Run(RunArgs),
    /// Keep the link to the controller, and hand what it orders to the executor: the half that needs no rights.
    Link(split::LinkArgs),
    /// Run what the controller ordered and signed, for the link behind a socket: the half that has rights.
    Executor(split::ExecutorArgs),
    /// Say what this host is to Shanty, and whether it is up.
    ///
    /// Exits with 0 when it is, else with 1. Nothing is changed, and the network is not used.
    Status(installed::StatusArgs),
    /// Look at everything that this host needs, and say what is wrong and how to mend it.
    ///
    /// Exits with 0 when all of it works, else with 1. Nothing that stays is started or changed.
    Doctor(examine::DoctorArgs),
    /// Gather what helps somebody else to find out what is wrong here, without keys, commands and output, and with secrets masked.
    SupportBundle(examine::SupportArgs),
    /// Remove the agent from this host, as the install script's --uninstall does. Packages remove themselves.
    ///
    /// Commands that run go on to their end. The controller is not told: `shanty hosts remove NAME` there voids the host's identity.
    Uninstall(installed::UninstallArgs),
    /// Replace this program by another version of itself, which the controller offers and a release key signed.
    ///
    /// What does not connect within a minute is replaced by the version before again. Exits with 0 when the version is in use, with 1 when
    /// the one before is back. Commands that run go on.
    Update(update::UpdateArgs),
    /// Keep `shanty-agent run` running where systemd does not, and let updates of it be tried.
    Supervise(update::SuperviseArgs),
    /// Start a command as this host would, for an update.
    #[command(hide = true)]
    Trial(examine::HostArgs),
    /// Write a manual page for each subcommand into a directory.
    #[command(hide = true)]
    Man {
        /// The directory.
        dir: PathBuf,
    },
    /// Own one execution; started by the agent itself.
    #[command(hide = true)]
    Shim {
        /// Folder of the execution.
        dir: PathBuf,
    },
}

#[derive(Debug, Args)]
struct RunArgs {
    #[command(flatten)]
    data_dir: DataDirArg,
    #[command(flatten)]
    policy: PolicyArg,
    /// What becomes of executions when the agent stops [default: kill on a terminal, else keep].
    #[arg(long)]
    on_stop: Option<OnStop>,
    #[command(flatten)]
    shim: ShimArgs,
    #[command(flatten)]
    tried: TriedArg,
    /// Stop when standard input ends.
    #[arg(long)]
    exit_with_stdin: bool,
    /// Print errors as one JSON line too.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ShimArgs {
    /// Program for shims [default: this one].
    #[arg(long, value_name = "PROGRAM")]
    shim: Option<PathBuf>,
    /// Arguments of that program before the execution's folder [default: shim].
    #[arg(long, value_name = "ARG", hide = true, requires = "shim")]
    shim_arg: Vec<OsString>,
}

#[derive(Debug, Args)]
struct TriedArg {
    /// This version is tried: it makes itself the stable one when it works.
    #[arg(long, hide = true)]
    experiment: bool,
    /// Arguments of this program before its subcommands, where it is several programs in one.
    #[arg(long, value_name = "ARG", hide = true)]
    program_arg: Vec<OsString>,
}

impl TriedArg {
    fn version(self, place: Vec<OsString>) -> Result<agent::OwnVersion, Failure> {
        Ok(agent::OwnVersion {
            program: std::env::current_exe().map_err(|e| Failure::internal(&e))?,
            leading: self.program_arg,
            experiment: self.experiment,
            place,
        })
    }
}

/// A path that is the same wherever it is read.
fn absolute(path: &Path) -> OsString {
    std::path::absolute(path).map_or_else(|_| path.into(), PathBuf::into_os_string)
}

#[derive(Debug, Args)]
struct DataDirArg {
    /// Where identity, configuration and executions are kept.
    #[arg(
        long,
        value_name = "DIR",
        env = "SHANTY_AGENT_DATA",
        hide_env_values = true,
        default_value = config::DATA_DIR
    )]
    data_dir: PathBuf,
}

#[derive(Debug, Args)]
struct PolicyArg {
    /// What this host's owner allows [default: /etc/shanty/host.toml, if it is there]. Read again on SIGHUP.
    #[arg(long, value_name = "FILE")]
    host_policy: Option<PathBuf>,
}

impl PolicyArg {
    fn file(self, reload: &Arc<Notify>) -> HostPolicyFile {
        HostPolicyFile {
            required: self.host_policy.is_some(),
            path: self.host_policy.unwrap_or_else(|| policy::FILE.into()),
            reload: Arc::clone(reload),
        }
    }
}

/// Runs the program as another version of itself: so what follows from versions can be tried with one build.
#[must_use]
pub fn main_as(version: &str, args: impl IntoIterator<Item = OsString>) -> ExitCode {
    crate::version::say(version);
    main_from(args)
}

/// Runs the program with these arguments, the program's own name first.
#[must_use]
pub fn main_from(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    // A shim has no threads and writes no log, so it comes before everything that has or does.
    if let [_, command, dir] = args.as_slice()
        && command == "shim"
    {
        return shim::main(dir);
    }
    match parse(&args) {
        Ok(cli) => dispatch(cli.command),
        Err(error) if error.use_stderr() => {
            out::mistake(&error, parse(&out::seen(&args)).err());
            ExitCode::from(exit::USAGE)
        }
        Err(help) => finish(out::help(&help), false),
    }
}

fn parse(args: &[OsString]) -> Result<Cli, clap::Error> {
    let matches = words().try_get_matches_from(args)?;
    Cli::from_arg_matches(&matches)
}

fn words() -> clap::Command {
    Cli::command().version(crate::version::here())
}

fn dispatch(command: Command) -> ExitCode {
    match command {
        Command::Shim { dir } => shim::main(dir.as_os_str()),
        Command::Man { dir } => finish(man(&dir), false),
        Command::Join(args) => {
            close_to_others();
            let json = args.json;
            finish(join::join_main(args), json)
        }
        Command::Status(args) => installed::status_main(args),
        Command::Uninstall(args) => {
            close_to_others();
            finish(installed::uninstall_main(args), false)
        }
        Command::Doctor(args) => {
            close_to_others();
            examine::doctor_main(args)
        }
        Command::SupportBundle(args) => {
            close_to_others();
            finish(examine::support_main(args), false)
        }
        Command::Update(args) => {
            close_to_others();
            finish(update::update_main(args), false)
        }
        Command::Supervise(args) => {
            close_to_others();
            update::supervise_main(args)
        }
        Command::Trial(args) => {
            close_to_others();
            finish(update::trial_main(args), false)
        }
        Command::Run(args) => {
            close_to_others();
            let json = args.json;
            finish(run_main(args), json)
        }
        Command::Link(args) => {
            close_to_others();
            let json = args.json;
            finish(split::link_main(args), json)
        }
        Command::Executor(args) => {
            close_to_others();
            let json = args.json;
            finish(split::executor_main(args), json)
        }
    }
}

/// What we make is ours alone; what commands make is as `[command]` says.
fn close_to_others() {
    umask(Mode::S_IRWXG | Mode::S_IRWXO);
}

fn finish(ended: Result<(), Failure>, json: bool) -> ExitCode {
    let Err(failure) = ended else {
        return ExitCode::SUCCESS;
    };
    // Nobody reads it.
    if failure.code == out::CLOSED {
        return ExitCode::from(failure.exit);
    }
    if json {
        let event = serde_json::json!({
            "event": "error", "code": failure.code, "text": failure.text,
        });
        out::line(&event).ok(); // It is said below too.
    }
    out::note(&format!("shanty-agent: {failure}"));
    ExitCode::from(failure.exit)
}

fn man(dir: &Path) -> Result<(), Failure> {
    clap_mangen::generate_to(words(), dir).map_err(|error| {
        let dir = dir.display();
        let text = format!("manual pages cannot be written to {dir}: {error}");
        Failure::new("E_OUTPUT", exit::CREATE, text)
    })
}

fn run_main(args: RunArgs) -> Result<(), Failure> {
    start_log();
    let usual = if std::io::stdout().is_terminal() {
        OnStop::Kill
    } else {
        OnStop::Keep
    };
    let reload = Arc::default();
    let mut place = vec!["--data-dir".into(), absolute(&args.data_dir.data_dir)];
    place.extend(args.shim.given());
    let options = agent::Options {
        version: args.tried.version(place)?,
        data_dir: DataDir::new(args.data_dir.data_dir),
        on_stop: args.on_stop.unwrap_or(usual),
        shim: args.shim.command()?,
        proxies: proxies(),
        policy: args.policy.file(&reload),
    };
    let stop = CancellationToken::new();
    let run = agent::run(options, stop.clone(), announce);
    drive(run, (stop, reload), args.exit_with_stdin)
}

/// Runs one of the programs to its end.
fn drive(
    run: impl Future<Output = Result<(), Failure>>,
    (stop, reload): (CancellationToken, Arc<Notify>),
    exit_with_stdin: bool,
) -> Result<(), Failure> {
    if exit_with_stdin {
        stop_with_stdin(stop.clone())?;
    }
    let runtime = runtime()?;
    let ended = runtime.block_on(until_stopped(run, stop, &reload));
    // A blocked read of some file must not hold up the exit.
    runtime.shutdown_timeout(Duration::from_millis(500));
    ended
}

/// Runs the agent; the first signal stops it in order, the second at once.
async fn until_stopped(
    run: impl Future<Output = Result<(), Failure>>,
    stop: CancellationToken,
    reload: &Notify,
) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let mut hangup = signal(SignalKind::hangup()).map_err(|e| Failure::internal(&e))?;
    let mut run = std::pin::pin!(service_manager::watch(run));
    loop {
        tokio::select! {
            ended = &mut run => return ended,
            () = signals.next() => break stop.cancel(),
            _ = hangup.recv() => reload.notify_one(),
        }
    }
    service_manager::stopping();
    tokio::select! {
        ended = &mut run => ended,
        () = signals.next() => Err(Failure::new("E_STOPPED", exit::FAILED, "stopped at once, on a second signal")),
    }
}

fn proxies() -> ProxyVariables {
    ProxyVariables::read(|name| std::env::var(name).ok())
}

fn announce(ready: &Ready) {
    service_manager::ready(&format!("Works as host {}.", ready.name.as_str()));
    let event = serde_json::json!({
        "event": "ready", "agent": ready.agent.to_string(), "name": ready.name.as_str(),
    });
    match out::line(&event) {
        Ok(()) => {}
        // Nobody waits for it.
        Err(failure) if failure.code == out::CLOSED => {}
        Err(failure) => out::note(&format!("shanty-agent: {failure}")),
    }
}

/// SIGTERM and SIGINT.
struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|e| Failure::internal(&e));
        Ok(Self {
            term: listen(SignalKind::terminate())?,
            int: listen(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}

impl ShimArgs {
    /// The same arguments for another program of ours.
    fn given(&self) -> Vec<OsString> {
        let shim = self
            .shim
            .iter()
            .flat_map(|shim| ["--shim".into(), absolute(shim)]);
        let words = self
            .shim_arg
            .iter()
            .flat_map(|arg| ["--shim-arg".into(), arg.clone()]);
        shim.chain(words).collect()
    }

    /// This program's own shim unless another program is named.
    fn command(self) -> Result<Vec<OsString>, Failure> {
        let program = match self.shim {
            Some(program) => program,
            None => std::env::current_exe().map_err(|e| Failure::internal(&e))?,
        };
        let mut command = vec![program.into_os_string()];
        if self.shim_arg.is_empty() {
            command.push(OsStr::new("shim").to_owned());
        } else {
            command.extend(self.shim_arg);
        }
        Ok(command)
    }
}

/// Whoever started the agent may hold a pipe to it: when that ends, so does the agent. Reading cannot be interrupted, so the thread
/// is left behind at the exit.
fn stop_with_stdin(stop: CancellationToken) -> Result<(), Failure> {
    let wait = move || {
        let mut stdin = std::io::stdin();
        let mut ignored = [0; 256];
        while stdin.read(&mut ignored).is_ok_and(|n| n > 0) {}
        stop.cancel();
    };
    let started = std::thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(wait);
    started.map(drop).map_err(|e| Failure::internal(&e))
}

fn runtime() -> Result<Runtime, Failure> {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| Failure::internal(&e))
}

/// Logs to standard error; `RUST_LOG` chooses what.
fn start_log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    log.try_init().ok(); // A program around this one has its own.
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verify_cli() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_says_what_there_is() {
        for name in [
            "join",
            "run",
            "link",
            "executor",
            "status",
            "doctor",
            "support-bundle",
            "uninstall",
            "supervise",
            "update",
        ] {
            let mut cli = Cli::command();
            cli.build();
            let help = cli
                .find_subcommand_mut(name)
                .unwrap()
                .render_long_help()
                .to_string();
            insta::assert_snapshot!(name, help);
        }
    }

    #[test]
    fn what_was_typed_wrongly_is_said_again_in_what_can_be_seen_of_it() {
        let typed = ["shanty-agent", "a\u{1b}[2J\u{9b}1m\r\nb"].map(OsString::from);
        let seen = out::seen(&typed);
        assert_eq!(seen, ["shanty-agent", "a␛[2J⟨U+009B⟩1m␍⏎b"]);
        let said = Cli::try_parse_from(seen).unwrap_err().to_string();
        assert!(said.contains("'a␛[2J⟨U+009B⟩1m␍⏎b'"), "{said}");
    }

    #[test]
    fn a_token_has_no_place_on_the_command_line() {
        let parsed =
            Cli::try_parse_from(["shanty-agent", "join", "--server", "a:1", "--token", "x"]);
        assert!(parsed.is_err());
    }

    #[test]
    fn shims_are_this_program_unless_told_otherwise() {
        let shim = |shim, shim_arg| ShimArgs { shim, shim_arg }.command().unwrap();
        let own = shim(None, Vec::new());
        assert_eq!(own[1], "shim");
        let other = shim(Some("/bin/shanty".into()), vec!["__shim".into()]);
        assert_eq!(other, ["/bin/shanty", "__shim"]);
    }
}

//! The program's command line: arguments, signals, exit codes.
//!
//! Exit codes: 0 stopped in order, 64 usage, 73 the address is taken, 78 an address that others could reach or a seed file
//! that is wrong.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::options::Options;
use crate::seed::{FILE_MAX, Seed};
use crate::server::{Ready, serve_with};

const USAGE: u8 = 64;
const CANNOT_CREATE: u8 = 73;
const CONFIGURATION: u8 = 78;

/// Files that are open beside connections: standard streams, the listener, what the runtime needs, refusals.
const FILES_RESERVED: u64 = 128;

/// A local Discord with a web client, for trying a bot without Discord.
#[derive(Debug, Parser)]
#[command(name = "shanty-sandbox", version)]
struct Cli {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7470")]
    listen: SocketAddr,
    /// TOML file with the bot and the guilds to begin with, instead of the default guild
    #[arg(long, value_name = "PATH")]
    seed_file: Option<PathBuf>,
    /// Whether Discord's rate limits are enforced
    #[arg(long, value_name = "on|off", default_value = "on")]
    limits: Switch,
    /// Connections at once; further ones are refused with a 503 (never more than the system lets us open files)
    #[arg(long, value_name = "N", default_value_t = Options::default().connections_max,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    connections: u32,
    /// Let every user and program of this machine do what people do, by the bare address: for tests of other bots
    #[arg(long)]
    open: bool,
    /// Stop when standard input ends
    #[arg(long)]
    exit_with_stdin: bool,
    /// Listen on an address that is not loopback: whoever reaches it can run commands
    #[arg(long)]
    allow_nonloopback: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

/// Runs the program and gives its exit code.
///
/// Writes one JSON line to standard output when it is ready, everything else to standard error.
pub fn main_from(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            error.print().ok(); // nowhere to complain to
            return if error.use_stderr() {
                ExitCode::from(USAGE)
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    if !cli.listen.ip().is_loopback() && !cli.allow_nonloopback {
        let address = cli.listen;
        return fail(
            CONFIGURATION,
            &format!(
                "{address} can be reached by others, and whoever reaches the sandbox can run commands. \
             Listen on 127.0.0.1, or say --allow-nonloopback if you mean it."
            ),
        );
    }
    let seed = match cli.seed_file.as_deref().map(read_seed).transpose() {
        Ok(seed) => seed.unwrap_or_default(),
        Err(text) => return fail(CONFIGURATION, &text),
    };
    let filter =
        tracing_subscriber::EnvFilter::try_from_env("SHANTY_LOG").unwrap_or_else(|_| "warn".into());
    let logging = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    logging.try_init().ok(); // set already when another program embeds this one
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(1, &format!("The runtime did not start: {error}.")),
    };
    let code = runtime.block_on(run(cli, seed));
    // A read of standard input may still be under way; it must not hold up the end.
    runtime.shutdown_background();
    code
}

async fn run(cli: Cli, seed: Seed) -> ExitCode {
    let listener = match TcpListener::bind(cli.listen).await {
        Ok(listener) => listener,
        Err(error) => {
            return fail(
                CANNOT_CREATE,
                &format!("{} cannot be listened on: {error}.", cli.listen),
            );
        }
    };
    let shutdown = CancellationToken::new();
    if cli.exit_with_stdin {
        cancel_at_end_of_stdin(shutdown.clone());
    }
    let options = Options {
        open: cli.open,
        limits: cli.limits == Switch::On,
        connections_max: cli.connections.min(connections_possible()),
        seed,
        ..Options::default()
    };
    let serving = serve_with(listener, options, shutdown.clone(), |reached| {
        write_ready(&reached);
    });
    let stopping = async {
        stopped().await;
        shutdown.cancel();
        std::future::pending().await
    };
    tokio::select! {
        served = serving => match served {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(1, &format!("The sandbox stopped: {error}.")),
        },
        () = stopping => ExitCode::SUCCESS,
    }
}

/// Says that the sandbox is ready, and what a script needs; a reader that is gone does not matter.
fn write_ready(ready: &Ready) {
    let Ready { address, web, .. } = ready;
    let line = json!({
        "event": "ready", "web": web, "api": format!("http://{address}/api/v10"),
        "gateway": format!("ws://{address}/gateway"), "sandbox": format!("{web}sandbox"),
        "bot_token": ready.bot_token, "application_id": ready.application_id,
    });
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}")
        .and_then(|()| stdout.flush())
        .ok(); // nobody listens
}

/// Reads a seed file; on failure the text for standard error, with a line for everything that is wrong.
fn read_seed(path: &Path) -> Result<Seed, String> {
    let shown = path.display();
    let cannot = |error: std::io::Error| format!("The seed file {shown} cannot be read: {error}.");
    let mut text = String::new();
    let file = File::open(path).map_err(cannot)?;
    let read = file.take(FILE_MAX + 1).read_to_string(&mut text);
    if read.map_err(cannot)? as u64 > FILE_MAX {
        return Err(format!(
            "The seed file {shown} is larger than {FILE_MAX} bytes."
        ));
    }
    Seed::from_toml(&text).map_err(|errors| {
        let lines = errors
            .iter()
            .map(|(line, what)| format!("{shown}:{line}: {what}"));
        let lines: Vec<String> = lines.collect();
        format!("The seed file is wrong.\n{}", lines.join("\n"))
    })
}

/// Lets this process open as many files as the system allows, and gives how many connections that is good for.
fn connections_possible() -> u32 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return u32::MAX;
    };
    let raised = setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map(|()| hard);
    let files = raised.unwrap_or(soft).saturating_sub(FILES_RESERVED).max(1);
    u32::try_from(files).unwrap_or(u32::MAX)
}

/// Waits for SIGINT or SIGTERM.
async fn stopped() {
    match (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) {
        (Ok(mut interrupt), Ok(mut terminate)) => tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        },
        // Without handlers the signals still end the process, only less orderly.
        (Err(_), _) | (_, Err(_)) => std::future::pending().await,
    }
}

fn cancel_at_end_of_stdin(shutdown: CancellationToken) {
    // A thread of its own: a blocked read cannot be cancelled, and the runtime would wait for it.
    std::thread::spawn(move || {
        let mut buffer = [0; 1024];
        while matches!(std::io::stdin().lock().read(&mut buffer), Ok(read) if read > 0) {}
        shutdown.cancel();
    });
}

fn fail(code: u8, text: &str) -> ExitCode {
    writeln!(std::io::stderr(), "shanty-sandbox: {text}").ok(); // nowhere to complain to
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn verify_cli() {
        Cli::command().debug_assert();
    }

    #[test]
    fn other_addresses_than_loopback_are_refused() {
        let args = ["shanty-sandbox", "--listen", "0.0.0.0:0"].map(OsString::from);
        assert_eq!(main_from(args), ExitCode::from(CONFIGURATION));
    }
}

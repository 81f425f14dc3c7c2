//! Completion in a shell: the same rows as in chat, asked of the controller while somebody types.
//!
//! `source <(SHANTY_COMPLETE=bash shanty)` (or `zsh`, `fish`) registers it. A controller that does not answer at once completes nothing: a shell
//! must not hang on a key.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::future::Future;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Command, CommandFactory, ValueHint};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::{self, CompleteEnv, EnvCompleter, Shells};
use shanty_core::view::terminal::{cut, one_line};
use shanty_proto::v1;
use shanty_proto::v1::admin_client::AdminClient;
use tonic::transport::Channel;
use tonic::{Response, Status};

use super::AdminArgs;
use super::client::Client;

/// A key in a shell waits this long at most.
const PATIENCE: Duration = Duration::from_millis(500);

/// Runs that are offered.
const OFFERED_MAX: u32 = 20;

/// Columns of what is said beside an offer.
const HELP_COLUMNS: usize = 60;

/// Answers a shell that asks for completions, or for what registers them; false when none asks.
///
/// # Errors
/// The shell is not one of those that are known.
pub(super) fn answer<C: CommandFactory>(args: &[OsString]) -> Result<bool, clap::Error> {
    let shells: [&dyn EnvCompleter; 3] = [&Bash, &env::Zsh, &env::Fish];
    CompleteEnv::with_factory(|| with_values(C::command()))
        .var("SHANTY_COMPLETE")
        .shells(Shells(&shells))
        .try_complete(args, None)
}

/// Bash, with a registration that knows that selectors hold characters at which it breaks words.
struct Bash;

impl EnvCompleter for Bash {
    fn name(&self) -> &'static str {
        env::Bash.name()
    }

    fn is(&self, name: &str) -> bool {
        env::Bash.is(name)
    }

    fn write_registration(
        &self,
        var: &str,
        name: &str,
        bin: &str,
        completer: &str,
        buf: &mut dyn Write,
    ) -> std::io::Result<()> {
        let quoted = format!("'{}'", completer.replace('\'', "'\\''"));
        let script = include_str!("complete/bash.sh")
            .replace("NAME", &name.replace('-', "_"))
            .replace("BIN", bin)
            .replace("COMPLETER", &quoted)
            .replace("VAR", var);
        buf.write_all(script.as_bytes())
    }

    fn write_complete(
        &self,
        command: &mut Command,
        args: Vec<OsString>,
        current_dir: Option<&Path>,
        buf: &mut dyn Write,
    ) -> std::io::Result<()> {
        env::Bash.write_complete(command, args, current_dir, buf)
    }
}

/// Every verb of `shanty runs` that takes numbers of runs completes them, and every one of `shanty demo` that takes hosts completes those.
fn with_values(command: Command) -> Command {
    let command = with(command, "runs", &["number", "from", "to"], numbers);
    #[cfg(feature = "demo")]
    let command = with(command, "demo", &["hosts"], demo_hosts);
    command
}

/// These arguments of all verbs below a subcommand, completed so.
fn with(
    command: Command,
    below: &'static str,
    named: &[&str],
    completes: fn() -> ArgValueCompleter,
) -> Command {
    command.mut_subcommand(below, |below| {
        below.mut_subcommands(|verb| {
            verb.mut_args(|arg| match named.contains(&arg.get_id().as_str()) {
                true => arg.add(completes()).value_hint(ValueHint::Other),
                false => arg,
            })
        })
    })
}

/// Completes a host of the demo that runs. It may be about to do something else: it is not waited for.
#[cfg(feature = "demo")]
fn demo_hosts() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let dir = flag("--data-dir");
        let (tx, rx) = std::sync::mpsc::channel();
        std::thread::spawn(move || tx.send(crate::demo::hosts(dir.as_deref())));
        let hosts = rx.recv_timeout(PATIENCE).unwrap_or_default();
        let all = (!hosts.is_empty()).then(|| ("all".to_owned(), "all of them".to_owned()));
        candidates(typed, hosts.into_iter().chain(all))
    })
}

/// Completes the number of a run.
fn numbers() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let request = v1::RunsRequest {
            limit: OFFERED_MAX,
            wanted: None,
        };
        let reply = ask(|mut api| async move { api.runs(request).await });
        let runs = reply.map(|reply| reply.runs).unwrap_or_default();
        let row = |run: v1::RunInfo| {
            let help = one_line(&format!("{} on {}", run.command, run.hosts));
            (run.number.to_string(), cut(&help, HELP_COLUMNS))
        };
        candidates(typed, runs.into_iter().map(row))
    })
}

/// Completes the name of a saved group.
pub(super) fn groups() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let reply = ask(|mut api| async move { api.groups(v1::Empty {}).await });
        let groups = reply.map(|reply| reply.groups).unwrap_or_default();
        let row = |group: v1::GroupInfo| {
            let help = cut(&one_line(&group.selector), HELP_COLUMNS);
            (group.name, help)
        };
        candidates(typed, groups.into_iter().map(row))
    })
}

/// Completes a user to run as: one that agents run as, or that somebody named before.
pub(super) fn users() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let request = v1::HostsRequest::default();
        let hosts = ask(|mut api| async move { api.hosts(request).await });
        let request = v1::RunsRequest {
            limit: OFFERED_MAX,
            wanted: None,
        };
        let runs = ask(|mut api| async move { api.runs(request).await });
        let hosts = hosts.map(|reply| reply.hosts).unwrap_or_default();
        let runs = runs.map(|reply| reply.runs).unwrap_or_default();
        let of_hosts = hosts
            .into_iter()
            .filter_map(|host| Some(host.facts?.run_as));
        let of_runs = runs.into_iter().map(|run| run.run_as);
        let users: BTreeSet<String> = of_hosts.chain(of_runs).collect();
        candidates(typed, users.into_iter().map(|user| (user, String::new())))
    })
}

/// What goes on from what is typed; a name that could do more than stand for itself is not offered.
fn candidates(
    typed: &OsStr,
    rows: impl Iterator<Item = (String, String)>,
) -> Vec<CompletionCandidate> {
    let typed = typed.to_str().unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    rows.filter(|(value, _)| !value.is_empty() && value.starts_with(typed))
        .filter(|(value, _)| value.chars().all(plain))
        .map(|(value, help)| {
            let help = (!help.is_empty()).then(|| help.into());
            CompletionCandidate::new(value).help(help)
        })
        .collect()
}

/// Completes a selector.
pub(super) fn completer() -> ArgValueCompleter {
    ArgValueCompleter::new(selectors)
}

fn selectors(typed: &OsStr) -> Vec<CompletionCandidate> {
    let Some(typed) = typed.to_str() else {
        return Vec::new();
    };
    let request = v1::CompleteRequest {
        typed: typed.to_owned(),
    };
    let reply = ask(|mut api| async move { api.complete(request).await });
    let rows = reply.map(|reply| reply.choices).unwrap_or_default();
    let candidate =
        |choice: v1::Choice| CompletionCandidate::new(choice.value).help(Some(choice.label.into()));
    rows.into_iter()
        // The first row repeats what is typed, to say what it means.
        .filter(|choice| choice.value.starts_with(typed) && choice.value != typed)
        .map(candidate)
        .collect()
}

/// Asks the controller, which has little time.
fn ask<T, F, R>(call: F) -> Option<T>
where
    F: FnOnce(AdminClient<Channel>) -> R,
    R: Future<Output = Result<Response<T>, Status>>,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.ok()?;
    let args = AdminArgs {
        admin: socket(),
        json: false,
    };
    let asked = async {
        let client = Client::connect(&args).await.ok()?;
        client.call(call).await.ok()
    };
    let answered = runtime.block_on(async { tokio::time::timeout(PATIENCE, asked).await });
    answered.ok().flatten()
}

/// The socket as the flag would have it: `--admin` on the line that is typed, else the environment, else the default.
fn socket() -> PathBuf {
    flag("--admin")
        .or_else(|| std::env::var_os("SHANTY_ADMIN").map(PathBuf::from))
        .unwrap_or_else(|| PathBuf::from(super::ADMIN_DEFAULT))
}

/// A path that stands behind a flag on the line that is typed.
fn flag(name: &str) -> Option<PathBuf> {
    let words: Vec<_> = std::env::args_os().collect();
    words.iter().enumerate().find_map(|(at, word)| {
        let word = word.to_str()?;
        match word.strip_prefix(name) {
            Some("") => words.get(at + 1).map(PathBuf::from),
            Some(value) => value.strip_prefix('=').map(PathBuf::from),
            None => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    /// Words that are looked for, which nobody can offer.
    const FREE: [&str; 1] = ["text"];

    #[test]
    fn every_run_and_every_host_of_the_demo_that_can_be_typed_is_completed() {
        let command = with_values(super::super::Cli::command());
        let mut completed = Vec::new();
        for below in ["runs", "demo"] {
            let below = command.find_subcommand(below).unwrap();
            for verb in below.get_subcommands() {
                let typed = verb.get_positionals().map(Arg::get_id);
                for id in typed.filter(|id| !FREE.contains(&id.as_str())) {
                    let arg = verb.get_arguments().find(|arg| arg.get_id() == id).unwrap();
                    let offers = arg.get::<ArgValueCompleter>().is_some();
                    assert!(offers, "{} {id}", verb.get_name());
                    completed.push(format!("{} {id}", verb.get_name()));
                }
            }
        }
        for one in ["diff from", "diff to", "show number", "stop hosts"] {
            assert!(completed.iter().any(|other| other == one), "{completed:?}");
        }
    }
}

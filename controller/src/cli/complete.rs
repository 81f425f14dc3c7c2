//! Completion in a shell: the same rows as in chat, asked of the controller while somebody types.
//!
//! `source <(SHANTY_COMPLETE=bash shanty)` (or `zsh`, `fish`) registers it. A controller that does not answer at once completes nothing: a shell
//! must not hang on a key.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Command, CommandFactory};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::{self, CompleteEnv, EnvCompleter, Shells};
use shanty_proto::v1;

use super::AdminArgs;
use super::client::Client;

/// A key in a shell waits this long at most.
const PATIENCE: Duration = Duration::from_millis(500);

/// Answers a shell that asks for completions, or for what registers them; false when none asks.
///
/// # Errors
/// The shell is not one of those that are known.
pub(super) fn answer<C: CommandFactory>(args: &[OsString]) -> Result<bool, clap::Error> {
    let shells: [&dyn EnvCompleter; 3] = [&Bash, &env::Zsh, &env::Fish];
    CompleteEnv::with_factory(C::command)
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

/// Completes a selector.
pub(super) fn completer() -> ArgValueCompleter {
    ArgValueCompleter::new(selectors)
}

fn selectors(typed: &OsStr) -> Vec<CompletionCandidate> {
    let Some(typed) = typed.to_str() else {
        return Vec::new();
    };
    let rows = ask(typed.to_owned());
    let candidate =
        |choice: v1::Choice| CompletionCandidate::new(choice.value).help(Some(choice.label.into()));
    rows.into_iter()
        // The first row repeats what is typed, to say what it means.
        .filter(|choice| choice.value.starts_with(typed) && choice.value != typed)
        .map(candidate)
        .collect()
}

fn ask(typed: String) -> Vec<v1::Choice> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        return Vec::new();
    };
    let args = AdminArgs {
        admin: socket(),
        json: false,
    };
    let request = v1::CompleteRequest { typed };
    let asked = async {
        let client = Client::connect(&args).await.ok()?;
        let reply = client
            .call(|mut api| async move { api.complete(request).await })
            .await;
        reply.ok()
    };
    let answered = runtime.block_on(async { tokio::time::timeout(PATIENCE, asked).await });
    answered
        .ok()
        .flatten()
        .map_or_else(Vec::new, |reply| reply.choices)
}

/// The socket as the flag would have it: `--admin` on the line that is typed, else the environment, else the default.
fn socket() -> PathBuf {
    let words: Vec<_> = std::env::args_os().collect();
    let flag = words.iter().enumerate().find_map(|(at, word)| {
        let word = word.to_str()?;
        match word.strip_prefix("--admin") {
            Some("") => words.get(at + 1).map(PathBuf::from),
            Some(value) => value.strip_prefix('=').map(PathBuf::from),
            None => None,
        }
    });
    flag.or_else(|| std::env::var_os("SHANTY_ADMIN").map(PathBuf::from))
        .unwrap_or_else(|| PathBuf::from(super::ADMIN_DEFAULT))
}

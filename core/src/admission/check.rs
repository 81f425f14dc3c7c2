//! What is typed beside a selector: the command, its time and its user. Nothing but the words depends on who asks.

use crate::ask::{RunOption, Typed, YES};
use crate::limits;
use crate::refusal::{Code, Refusal};
use crate::run::{BadInput, Colours, Input, InputKind, Offline, Options, Streams, Terminal};
use crate::text;

use super::Context;
use super::caller::Caller;

pub(super) fn command(caller: &Caller<'_>, command: &str) -> Result<String, Refusal> {
    let invisible =
        |c: char| c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200d}' | '\u{feff}');
    if command.chars().all(invisible) {
        let typed = match caller {
            Caller::Socket { .. } => "`-- uptime`",
            Caller::Person { .. } => "`command:uptime`",
        };
        return Err(Refusal::new(
            Code::EmptyCommand,
            "The command is empty. Nothing was run.",
            format!("Say what to run, for example {typed}."),
        ));
    }
    if command.len() > limits::COMMAND_BYTES_MAX {
        return Err(Refusal::new(
            Code::TooLong,
            format!(
                "The command has {} bytes, and {} is the limit. Nothing was run.",
                command.len(),
                limits::COMMAND_BYTES_MAX
            ),
            "Give it as a script: `/script` with a file, or `shanty run --script FILE`.",
        ));
    }
    if let Some(at) = command.chars().position(|c| c == '\0') {
        return Err(Refusal::new(
            Code::BadChar,
            format!(
                "The command holds a NUL at character {}. Nothing was run.",
                at + 1
            ),
            "Remove it: no program can take it as an argument.",
        ));
    }
    Ok(command.replace("\r\n", "\n"))
}

/// What the command is given, which is kept already.
pub(super) fn input(input: &Input, command: &str) -> Result<(), Refusal> {
    let what = input.kind.as_str();
    input.check(command).map_err(|bad| match bad {
        BadInput::TooLong => Refusal::new(
            Code::TooLong,
            format!(
                "The {what} has {}, and {} is the limit. Nothing was run.",
                text::size(input.bytes),
                text::size(input.kind.bytes_max())
            ),
            "Bring it to the hosts in another way, such as `curl`, and run a command that reads it there.",
        ),
        BadInput::Name => Refusal::new(
            Code::BadOption,
            format!(
                "This runs the script `{}`, and the command does not begin with that. Nothing was run.",
                input.name
            ),
            "Keep the name of the script in front, or type another `/run`.",
        ),
    })
}

/// Refuses what an earlier run was given when that is deleted: its hosts would.
pub(super) fn is_kept(
    ctx: &Context<'_>,
    caller: &Caller<'_>,
    input: Option<&Input>,
) -> Result<(), Refusal> {
    let gone = input.and_then(|input| Some((input, ctx.recalled.gone(input.sha256)?)));
    let Some((input, deleted_ms)) = gone else {
        return Ok(());
    };
    let at = deleted_ms.map(|ms| match caller {
        Caller::Socket { .. } => format!(" on {}", text::utc(ms)),
        Caller::Person { .. } => format!(" on <t:{}:f>", ms / 1_000),
    });
    let at = at.unwrap_or_default();
    let (what, next) = match (input.kind, caller) {
        (InputKind::Script, Caller::Socket { .. }) => (
            format!("The script {} was deleted{at}", input.name),
            "Give it again: `shanty run SELECTOR --script FILE`.",
        ),
        (InputKind::Script, Caller::Person { .. }) => (
            format!("The script `{}` was deleted{at}", input.name),
            "Attach it again with `/script`.",
        ),
        (InputKind::Stdin, Caller::Socket { .. }) => (
            format!("What this command was given as standard input was deleted{at}"),
            "Give it again: `shanty run SELECTOR -- COMMAND < FILE`.",
        ),
        (InputKind::Stdin, Caller::Person { .. }) => (
            format!("What this command was given as standard input was deleted{at}"),
            "Give it again with `shanty run` on the controller's machine.",
        ),
    };
    let what = format!("{what}, as old output is. Nothing was run.");
    Err(Refusal::new(Code::Deleted, what, next))
}

/// How each host runs it, by what is typed.
pub(super) fn options(caller: &Caller<'_>, typed: &Typed) -> Result<Options, Refusal> {
    let terminal = Terminal::asked(switch(typed, RunOption::Tty)?);
    let streams = streams(typed.get(RunOption::Streams))?;
    if terminal.is_own() && streams == Streams::Apart {
        let apart = caller.typed(RunOption::Streams, "apart");
        let what = format!(
            "On a terminal output and errors are one, and {apart} tells them apart. Nothing was run."
        );
        let next = "Leave one of the two out.";
        return Err(Refusal::new(Code::BadOption, what, next));
    }
    Ok(Options {
        run_as: run_as(caller, typed.get(RunOption::As))?,
        timeout_ms: timeout(typed.get(RunOption::Timeout))?,
        streams,
        colours: Colours::asked(switch(typed, RunOption::Color)?),
        terminal,
        leave: switch(typed, RunOption::Leave)?,
    })
}

/// Whether an option is switched on; it is not when nobody said.
pub(super) fn switch(typed: &Typed, option: RunOption) -> Result<bool, Refusal> {
    match typed.get(option) {
        None | Some("no" | "false") => Ok(false),
        Some(YES | "true") => Ok(true),
        Some(other) => {
            let shown = text::shown(other, 20);
            Err(Refusal::new(
                Code::BadOption,
                format!(
                    "`{}` is on or off, and `{shown}` is neither. Nothing was run.",
                    option.name()
                ),
                "Write `yes` or `no`, or leave it out.",
            ))
        }
    }
}

fn timeout(timeout: Option<&str>) -> Result<u64, Refusal> {
    let Some(typed) = timeout else {
        return Ok(limits::TIMEOUT_MS_DEFAULT);
    };
    match text::parse_duration(typed.trim()) {
        Some(ms) if (1_000..=limits::TIMEOUT_MS_MAX).contains(&ms) => Ok(ms),
        Some(_) | None => {
            let shown = text::shown(typed, 20);
            Err(Refusal::new(
                Code::Duration,
                format!("`{shown}` is not a time that a command can be given. Nothing was run."),
                "Write a whole number and s, m, h or d, from 1s to 1d: `90s`, `10m`, `2h`.",
            ))
        }
    }
}

/// What becomes of hosts that are away; nothing when nobody said.
pub(super) fn offline(typed: Option<&str>) -> Result<Option<Offline>, Refusal> {
    let Some(typed) = typed else {
        return Ok(None);
    };
    let (shortest, usual, longest) = limits::QUEUE_MS;
    let typed = typed.trim();
    let offline = match typed {
        "fail" => Some(Offline::Fail),
        "skip" => Some(Offline::Skip),
        "queue" => Some(Offline::Queue { for_ms: usual }),
        _ => typed
            .strip_prefix("queue:")
            .and_then(text::parse_duration)
            .filter(|for_ms| (shortest..=longest).contains(for_ms))
            .map(|for_ms| Offline::Queue { for_ms }),
    };
    if offline.is_some() {
        return Ok(offline);
    }
    let shown = text::shown(typed, 20);
    Err(Refusal::new(
        Code::BadOption,
        format!("`{shown}` does not say what becomes of hosts that are offline. Nothing was run."),
        "Write `fail`, `skip`, `queue`, or `queue:` with a time from 1m to 7d, such as `queue:2h`.",
    ))
}

/// Whether the two streams come together; they do when nobody said.
fn streams(typed: Option<&str>) -> Result<Streams, Refusal> {
    let Some(typed) = typed else {
        return Ok(Streams::One);
    };
    Streams::parse(typed.trim()).ok_or_else(|| {
        let shown = text::shown(typed, 20);
        Refusal::new(
            Code::BadOption,
            format!("`{shown}` does not say how output and errors come. Nothing was run."),
            "Write `one` for both in the order written, or `apart` to tell them apart.",
        )
    })
}

/// Names of users as they are found: as `useradd` allows them, and `first.last` as directories have them. Numbers are refused, since `#-1` and the like have become root elsewhere.
fn run_as(caller: &Caller<'_>, run_as: Option<&str>) -> Result<Option<String>, Refusal> {
    let Some(name) = run_as else { return Ok(None) };
    let first = |c: char| c.is_ascii_lowercase() || c == '_';
    let rest = |c: char| first(c) || c.is_ascii_digit() || matches!(c, '-' | '.');
    let good = name.len() <= 64 && name.starts_with(first) && name.chars().all(rest);
    if good {
        Ok(Some(name.to_owned()))
    } else {
        let shown = text::shown(name, 40);
        let option = caller.typed(RunOption::As, "");
        Err(Refusal::new(
            Code::RunAs,
            format!("`{shown}` is not the name of a user. Nothing was run."),
            format!("Name a user that the agents allow, or leave {option} out."),
        ))
    }
}

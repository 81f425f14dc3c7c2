//! `shanty runs show`: one run, and how it stands on each host.

use shanty_core::principal::Principal;
use shanty_core::text::{count, duration, size};
use shanty_proto::convert::{input_from_wire, outcome_from_wire, principal_from_wire};
use shanty_proto::v1;

use super::one_line;
use crate::cli::client::{Client, Failure};
use crate::cli::run::json_run;
use crate::cli::{AdminArgs, exit, out, words};
use crate::clock::now_ms;

/// Hosts that each have a row.
const HOST_ROWS_MAX: usize = 15;

pub(super) async fn show(client: &Client, number: u64, admin: &AdminArgs) -> Result<u8, Failure> {
    let request = v1::ShowRunRequest { number };
    let run = client
        .call(|mut api| async move { api.show_run(request).await })
        .await?;
    if admin.json {
        out::line(json_run(&run))?;
    } else {
        out::text(&detail(&run, now_ms()))?;
    }
    Ok(exit::OK)
}

/// All that is known of a run, each thing on a line.
fn detail(run: &v1::RunInfo, now_ms: u64) -> String {
    let by = by(run);
    let state = words::run(run.state());
    let mut text = format!("#{} {state} · {} · by {by}\n", run.number, run.hosts);
    let mut line = |name: &str, what: &str| {
        text.push_str(&format!("  {name:<9} {}\n", one_line(what)));
    };
    line("command", &run.command);
    line("selector", &format!("{} · set {}", run.selector, run.set));
    line("asked", &origin(run, now_ms));
    if let Some(Ok(input)) = run.input.as_ref().map(input_from_wire) {
        line("given", &input.line());
        for head in input.about.head.lines() {
            line("", head);
        }
        line("", &format!("sha256 {}", input.digest()));
    }
    if run.terminal {
        line("tty", "a terminal");
    }
    if run.color {
        line("color", "asked for");
    }
    if run.leave {
        line("leave", "what the command leaves running lives on");
    }
    if run.queued_until_ms > 0 && run.closed_ms == 0 {
        let left = duration(run.queued_until_ms.saturating_sub(now_ms));
        let waits = format!("hosts that are away are waited for, {left} more");
        line("offline", &waits);
    }
    if !run.expired.is_empty() {
        line("not run", &run.expired);
    }
    if !run.link.is_empty() {
        line("thread", &run.link);
    }
    text.push_str(&hosts(run));
    text
}

/// How each host stands. Many are shown by how they ended; each of them is in `--json`.
fn hosts(run: &v1::RunInfo) -> String {
    let mut text = String::new();
    let mut line = |name: &str, what: &str| {
        text.push_str(&format!("  {}  {}\n", one_line(name), one_line(what)));
    };
    let grouped = run.executions.len() > HOST_ROWS_MAX && !run.groups.is_empty();
    for group in run.groups.iter().filter(|_| grouped) {
        let hosts = count(usize::try_from(group.count).unwrap_or(usize::MAX), "host");
        let odd = if group.rank == "odd" {
            " · another output than most"
        } else {
            ""
        };
        line(&group.hosts, &format!("{hosts} · {}{odd}", group.text));
    }
    let left = |execution: &&v1::ExecutionInfo| !grouped || execution.outcome.is_none();
    for execution in run.executions.iter().filter(left) {
        let Some(Ok(outcome)) = execution.outcome.as_ref().map(outcome_from_wire) else {
            let away = if execution.online { "" } else { ", host away" };
            let state = words::execution(execution.state());
            line(&execution.name, &format!("{state}{away}"));
            continue;
        };
        let what = format!(
            "{} · {} · {}{}{}",
            outcome.how,
            duration(outcome.duration_ms),
            size(outcome.output_bytes),
            words::left(&outcome),
            words::masked(outcome.masked)
        );
        line(&execution.name, &what);
    }
    text
}

/// Who asked, by what they are called.
pub(super) fn by(run: &v1::RunInfo) -> String {
    let by = run.by.as_ref().and_then(|by| principal_from_wire(by).ok());
    match by {
        Some(Principal::Discord(user)) if run.by_name == user.to_string() => {
            Principal::Discord(user).to_string()
        }
        Some(Principal::Discord(_)) if !run.by_name.is_empty() => run.by_name.clone(),
        Some(by) => by.to_string(),
        None => "unknown".to_owned(),
    }
}

/// Where and when it was asked for, as whom it runs and for how long.
fn origin(run: &v1::RunInfo, now_ms: u64) -> String {
    let place = match run.channel {
        0 => "command line".to_owned(),
        channel => format!("channel {channel}"),
    };
    let ago = duration(now_ms.saturating_sub(run.accepted_ms));
    let user = match run.run_as.as_str() {
        "" => "the agent's own user",
        user => user,
    };
    let timeout = match run.timeout_ms {
        0 => "no timeout".to_owned(),
        ms => format!("timeout {}", duration(ms)),
    };
    format!("{ago} ago · {place} · as {user} · {timeout}")
}

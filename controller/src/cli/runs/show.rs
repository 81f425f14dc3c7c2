//! `shanty runs show`: one run, and how it stands on each host.

use shanty_core::text::{count, duration, size};
use shanty_proto::convert::{input_from_wire, outcome_from_wire};
use shanty_proto::v1;

use super::one_line;
use super::rows::{by, result};
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
    let by = by(run.by.as_ref(), &run.by_name);
    let (number, result, hosts) = (run.number, result(run), one_line(&run.hosts));
    let mut text = format!("#{number} · {result} · {hosts} · by {by}\n");
    let mut line = |name: &str, what: &str| {
        text.push_str(&format!("  {name:<9} {}\n", one_line(what)));
    };
    line("command", &run.command);
    line("selector", &format!("{} · set {}", run.selector, run.set));
    line("asked", &origin(run, now_ms));
    if !run.rollout.is_empty() {
        line("rollout", &run.rollout);
    }
    if !run.stopped_by.is_empty() {
        let after = duration(run.stopped_ms.saturating_sub(run.accepted_ms));
        line("stopped", &format!("by {} after {after}", run.stopped_by));
    }
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
    if !run.waits.is_empty() {
        let names = run.waits.join(", ");
        let waits = format!("commands wait on {names}: too much output is not stored yet");
        line("waits", &waits);
    }
    if !run.expired.is_empty() {
        line("not run", &run.expired);
    }
    if !run.link.is_empty() {
        line("thread", &run.link);
    }
    text.push_str(&each(run));
    text
}

/// How each host stands. Many are shown by how they ended; each of them is in `--json`.
fn each(run: &v1::RunInfo) -> String {
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
        // Of what ended without anybody hearing of it, neither is known.
        let measured = match (outcome.duration_ms, outcome.output_bytes) {
            (0, 0) if outcome.how.exit_code().is_none() => String::new(),
            (ms, bytes) => format!(" · {} · {}", duration(ms), size(bytes)),
        };
        let what = format!(
            "{}{measured}{}{}",
            outcome.how.plain(),
            words::left(&outcome),
            words::masked(outcome.masked)
        );
        line(&execution.name, &what);
    }
    text
}

/// Where and when it was asked for, as whom it runs and for how long.
fn origin(run: &v1::RunInfo, now_ms: u64) -> String {
    let place = match run.channel {
        0 => "command line".to_owned(),
        channel => format!("channel {channel}"),
    };
    let ago = duration(now_ms.saturating_sub(run.accepted_ms));
    let user = match run.users.as_slice() {
        [] => "a user that is not known here".to_owned(),
        users => users.join("/"),
    };
    let timeout = match run.timeout_ms {
        0 => "no timeout".to_owned(),
        ms => format!("timeout {}", duration(ms)),
    };
    format!("{ago} ago · {place} · as {user} · {timeout}")
}

#[cfg(test)]
mod tests {
    use shanty_core::principal::Principal;
    use shanty_core::run::{How, Outcome};
    use shanty_proto::convert::{outcome_to_wire, principal_to_wire};

    use super::*;

    #[test]
    fn a_run_says_how_it_ended_who_stopped_it_and_in_which_waves() {
        let execution = |name: &str, how| v1::ExecutionInfo {
            name: name.to_owned(),
            outcome: Some(outcome_to_wire(&Outcome::without_output(how))),
            ..v1::ExecutionInfo::default()
        };
        let mut run = v1::RunInfo {
            number: 7,
            by: Some(principal_to_wire(&Principal::Local("root".to_owned()))),
            by_name: "root".to_owned(),
            selector: "role=web".to_owned(),
            set: "0a0b0c0d".to_owned(),
            hosts: "web-[01-02]".to_owned(),
            command: "apt-get -y upgrade".to_owned(),
            accepted_ms: 1_000,
            closed_ms: 30_000,
            timeout_ms: 300_000,
            users: vec!["deploy".to_owned(), "nobody".to_owned()],
            state: v1::run_info::State::Closed.into(),
            result: "stopped by ann · 1 ok · 1 stopped".to_owned(),
            stopped_by: "ann".to_owned(),
            stopped_ms: 13_000,
            rollout: "waves of 1, 100%, the first failure stops it".to_owned(),
            executions: vec![
                execution("web-01", How::Exited(0)),
                execution("web-02", How::Cancelled(143)),
            ],
            ..v1::RunInfo::default()
        };
        let stopped = detail(&run, 61_000);
        run.result = "1 ok · 1 failed".to_owned();
        run.stopped_by.clear();
        run.rollout.clear();
        run.users.clear();
        insta::assert_snapshot!(format!("{stopped}{}", detail(&run, 61_000)));
    }
}

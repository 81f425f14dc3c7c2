//! `shanty runs show`: one run, and how it stands on each host.

use shanty_core::principal::Principal;
use shanty_core::text::{count, duration};
use shanty_proto::convert::{input_from_wire, outcome_from_wire, principal_from_wire};
use shanty_proto::v1;

use super::one_line;
use crate::cli::client::{Client, Failure};
use crate::cli::run::json_run;
use crate::cli::{AdminArgs, exit, words};
use crate::clock::now_ms;

/// Hosts that each have a row.
const HOST_ROWS_MAX: usize = 15;

pub(super) async fn show(client: &Client, number: u64, admin: &AdminArgs) -> Result<u8, Failure> {
    let request = v1::ShowRunRequest { number };
    let run = client
        .call(|mut api| async move { api.show_run(request).await })
        .await?;
    if admin.json {
        println!("{}", json_run(&run));
        return Ok(exit::OK);
    }
    let by = by(&run);
    let state = words::run(run.state());
    println!("#{} {state} · {} · by {by}", run.number, run.hosts);
    println!("  command   {}", one_line(&run.command));
    println!("  selector  {} · set {}", run.selector, run.set);
    println!("  {}", origin(&run));
    if let Some(Ok(input)) = run.input.as_ref().map(input_from_wire) {
        println!("  given     {}", input.line());
        for line in input.about.head.lines() {
            println!("            {}", one_line(line));
        }
        println!("            sha256 {}", input.digest());
    }
    if run.terminal {
        println!("  tty       a terminal");
    }
    if run.color {
        println!("  color     asked for");
    }
    if run.leave {
        println!("  leave     what the command leaves running lives on");
    }
    if run.queued_until_ms > 0 && run.closed_ms == 0 {
        let left = duration(run.queued_until_ms.saturating_sub(now_ms()));
        println!("  offline   hosts that are away are waited for, {left} more");
    }
    if !run.expired.is_empty() {
        println!("  not run   {}", run.expired);
    }
    if !run.link.is_empty() {
        println!("  thread    {}", run.link);
    }
    // Many hosts are shown by how they ended; each of them is in `--json`.
    let grouped = run.executions.len() > HOST_ROWS_MAX && !run.groups.is_empty();
    for group in run.groups.iter().filter(|_| grouped) {
        let hosts = count(usize::try_from(group.count).unwrap_or(usize::MAX), "host");
        let odd = if group.rank == "odd" {
            " · another output than most"
        } else {
            ""
        };
        println!("  {}  {hosts} · {}{odd}", group.hosts, group.text);
    }
    let left = |execution: &&v1::ExecutionInfo| !grouped || execution.outcome.is_none();
    for execution in run.executions.iter().filter(left) {
        let Some(Ok(outcome)) = execution.outcome.as_ref().map(outcome_from_wire) else {
            let away = if execution.online { "" } else { ", host away" };
            let state = words::execution(execution.state());
            println!("  {}  {state}{away}", execution.name);
            continue;
        };
        let size = shanty_core::text::size(outcome.output_bytes);
        println!(
            "  {}  {} · {} · {size}{}{}",
            execution.name,
            outcome.how,
            duration(outcome.duration_ms),
            words::left(&outcome),
            words::masked(outcome.masked)
        );
    }
    Ok(exit::OK)
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
fn origin(run: &v1::RunInfo) -> String {
    let place = match run.channel {
        0 => "command line".to_owned(),
        channel => format!("channel {channel}"),
    };
    let ago = duration(now_ms().saturating_sub(run.accepted_ms));
    let user = match run.run_as.as_str() {
        "" => "the agent's own user",
        user => user,
    };
    let timeout = match run.timeout_ms {
        0 => "no timeout".to_owned(),
        ms => format!("timeout {}", duration(ms)),
    };
    format!("asked     {ago} ago · {place} · as {user} · {timeout}")
}

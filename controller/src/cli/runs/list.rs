//! `shanty runs list`: the last runs, one line each.

use shanty_core::text::{cut, duration};
use shanty_proto::convert::outcome_from_wire;
use shanty_proto::v1;
use shanty_proto::v1::run_info::State;

use super::one_line;
use super::show::by;
use crate::cli::client::{Client, Failure};
use crate::cli::run::json_run;
use crate::cli::{AdminArgs, exit, out, words};
use crate::clock::now_ms;

pub(super) async fn list(
    client: &Client,
    request: v1::RunsRequest,
    admin: &AdminArgs,
) -> Result<u8, Failure> {
    let all = request.wanted.is_none();
    let reply = client
        .call(|mut api| async move { api.runs(request).await })
        .await?;
    let mut text = String::new();
    if reply.runs.is_empty() && !admin.json {
        text.push_str(match all {
            true => "Nothing was run yet.\n",
            false => "Nothing was found.\n",
        });
    }
    for run in &reply.runs {
        let line = if admin.json {
            json_run(run).to_string()
        } else {
            line(run)
        };
        text.push_str(&format!("{line}\n"));
    }
    out::text(&text)?;
    Ok(exit::OK)
}

fn line(run: &v1::RunInfo) -> String {
    let ok = run
        .executions
        .iter()
        .filter(|execution| is_ok(execution))
        .count();
    let result = match run.state() {
        State::Closed => {
            let counted = run.executions.iter().filter(|execution| !execution.skipped);
            let mark = if left_behind(run) { "⚠ " } else { "" };
            format!("{mark}{ok}/{} ok", counted.count())
        }
        state @ (State::Unspecified
        | State::Accepted
        | State::Running
        | State::Waiting
        | State::Paused
        | State::Cancelling
        | State::Expired) => words::run(state).to_owned(),
    };
    let command = cut(&one_line(&run.command), 51);
    format!(
        "#{:<5} {:>10} ago  {result:10}  {}  {}  {command}",
        run.number,
        duration(now_ms().saturating_sub(run.accepted_ms)),
        by(run),
        cut(&run.hosts, 40)
    )
}

fn is_ok(execution: &v1::ExecutionInfo) -> bool {
    let outcome = execution
        .outcome
        .as_ref()
        .and_then(|outcome| outcome_from_wire(outcome).ok());
    outcome.is_some_and(|outcome| outcome.is_ok())
}

/// Whether a command left processes behind that were stopped.
fn left_behind(run: &v1::RunInfo) -> bool {
    let mut outcomes = run.executions.iter().flat_map(|one| &one.outcome);
    outcomes.any(|outcome| outcome.left_over > 0)
}

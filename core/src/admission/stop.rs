//! Asking to stop runs.

use std::sync::Arc;

use crate::ask::Which;
use crate::ids::RunId;
use crate::policy::Verb;
use crate::refusal::{Code, Refusal};
use crate::run::Run;

use super::Context;
use super::caller::Caller;
use super::hosts::covers_run;

/// Gives the runs to stop, none when all were asked for and none is open. A grant must cover every host of each.
pub(super) fn admit(
    ctx: &Context<'_>,
    caller: &Caller<'_>,
    which: Which,
) -> Result<Vec<RunId>, Refusal> {
    let mut found: Vec<&Arc<Run>> = match which {
        Which::Id(id) => ctx.run_of(id).into_iter().collect(),
        Which::Number(number) => ctx.run_numbered(number).into_iter().collect(),
        Which::All => ctx.state.runs.open().collect(),
    };
    let one = which != Which::All;
    if found.is_empty() && one {
        return Err(not_found());
    }
    if !one {
        // What somebody may not see is no run to them.
        found.retain(|run| may_stop(ctx, caller, run).is_ok() || sees(ctx, caller, run));
    }
    for run in &found {
        may_stop(ctx, caller, run)?;
    }
    let open = found.iter().filter(|run| !run.is_over());
    let open: Vec<RunId> = open.map(|run| run.spec.id).collect();
    if let (Some(run), true, true) = (found.first(), open.is_empty(), one) {
        let what = "The run is over. There is nothing to stop.";
        let next = format!("{} how it ended.", caller.shows(run.number));
        return Err(Refusal::new(Code::Closed, what, next));
    }
    Ok(open)
}

/// Whether somebody may stop a run. One that they may not see either is to them as one that does not exist.
pub(super) fn may_stop(ctx: &Context<'_>, caller: &Caller<'_>, run: &Run) -> Result<(), Refusal> {
    let may = covers_run(ctx, caller, Verb::Cancel, &run.spec.targets);
    may.map_err(|denied| match sees(ctx, caller, run) {
        true => denied,
        false => not_found(),
    })
}

fn sees(ctx: &Context<'_>, caller: &Caller<'_>, run: &Run) -> bool {
    covers_run(ctx, caller, Verb::View, &run.spec.targets).is_ok()
}

pub(crate) fn not_found() -> Refusal {
    Refusal::new(
        Code::NotFound,
        "There is no such run.",
        "`/runs` and `shanty runs list` show the last ones.",
    )
}

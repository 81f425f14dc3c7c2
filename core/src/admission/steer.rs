//! Asking that a run in waves rests, or goes on: for whoever may stop it.

use crate::ask::{Answer, One, RunOption, Steer, Steered};
use crate::journal::Kind;
use crate::policy::Verb;
use crate::principal::Principal;
use crate::refusal::{Code, Refusal};
use crate::run::{Execution, Run};
use crate::text::count;
use crate::view::mention;

use super::caller::Caller;
use super::stop::{may_stop, not_found};
use super::{Change, Context};

/// Lets a run rest or go on.
pub(super) fn admit(
    ctx: &Context<'_>,
    caller: &Caller<'_>,
    which: One,
    to: Steer,
) -> Result<Change, Refusal> {
    let run = match which {
        One::Id(id) => ctx.run_of(id),
        One::Number(number) => ctx.run_numbered(number),
    };
    let run = run.ok_or_else(not_found)?;
    may_stop(ctx, caller, run)?;
    let id = run.spec.id;
    let number = run.number;
    if run.is_over() || run.all_ended() {
        let what = format!("{number} is over.");
        let next = format!("{} how it ended.", caller.shows(number));
        return Err(Refusal::new(Code::Closed, what, next));
    }
    if run.cancel.is_some() {
        let what = format!("{number} is being stopped: no further host starts.");
        let next = format!("{} which hosts are still stopping.", caller.shows(number));
        return Err(Refusal::new(Code::Closed, what, next));
    }
    let left = run.executions().filter(|(_, e)| e.has_not_begun()).count();
    let Some(waves) = run.waves().filter(|_| left > 0) else {
        return Err(nothing_left(caller, run, to));
    };
    // What was asked last holds, also while it is being recorded.
    let about_to = ctx.under_way.rests.get(&id).copied();
    let kind = match (to, about_to.unwrap_or_else(|| run.rests())) {
        (Steer::Pause, false) => Kind::Paused { run: id },
        (Steer::Continue, true) => Kind::Continued {
            run: id,
            waves: waves.current(),
        },
        (Steer::Pause, true) => {
            let by = waves.pause().and_then(|pause| pause.by.as_ref());
            let by = by.map_or_else(
                || "after a wave".to_owned(),
                |by| format!("by {}", named(caller, by)),
            );
            let what = format!("{number} is paused already, {by}.");
            let next = match caller {
                Caller::Socket { .. } => {
                    format!("`shanty runs continue {}` lets it go on.", number.0)
                }
                Caller::Person { .. } => {
                    "Press Continue, or `shanty runs continue` with its number.".to_owned()
                }
            };
            return Err(Refusal::new(Code::Paused, what, next));
        }
        (Steer::Continue, false) => {
            let what = format!("{number} is not paused: it goes on.");
            let next = format!("{} which hosts are next.", caller.shows(number));
            return Err(Refusal::new(Code::Closed, what, next));
        }
    };
    let running = run.executions().filter(|(_, e)| is_under_way(e)).count();
    let answer = Answer::Steered(Steered {
        number,
        to,
        left,
        running,
    });
    Ok(Change::one(kind, answer))
}

fn is_under_way(execution: &Execution) -> bool {
    execution.outcome().is_none() && !execution.has_not_begun()
}

/// The right to stop runs is what lets somebody pause one: who lacks it is told what they asked for.
pub(super) fn in_its_words(to: Steer, refusal: Refusal) -> Refusal {
    if refusal.code != Code::Denied {
        return refusal;
    }
    let deed = format!("{} runs", word(to));
    let what = refusal.what.replace(Verb::Cancel.deed(), &deed);
    let what = what.replace("may not cancel on ", &format!("may not {deed} on "));
    Refusal { what, ..refusal }
}

const fn word(to: Steer) -> &'static str {
    match to {
        Steer::Pause => "pause",
        Steer::Continue => "continue",
    }
}

fn nothing_left(caller: &Caller<'_>, run: &Run, to: Steer) -> Refusal {
    let number = run.number;
    let to = word(to);
    let hosts = count(run.spec.targets.len(), "host");
    let what = match run.waves() {
        Some(_) => format!("All hosts of {number} have started: there is nothing left to {to}."),
        None => format!(
            "{number} has no waves: its {hosts} were all to start at once, and there is nothing left to {to}."
        ),
    };
    let stop = match caller {
        Caller::Socket { .. } => format!("`shanty runs cancel {}`", number.0),
        Caller::Person { .. } => "Cancel".to_owned(),
    };
    let [batch, parallel] =
        [RunOption::Batch, RunOption::Parallel].map(|option| caller.typed(option, ""));
    let next =
        format!("Stop it with {stop}; to pause between hosts, run it with {batch} or {parallel}.");
    Refusal::new(Code::Closed, what, next)
}

/// Somebody, as whoever asks reads it.
fn named(caller: &Caller<'_>, by: &Principal) -> String {
    match caller {
        Caller::Socket { .. } => by.to_string(),
        Caller::Person { .. } => mention(by),
    }
}

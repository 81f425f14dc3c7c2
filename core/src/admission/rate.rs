//! How often people may start runs, and how many of them may be under way at once: enough for a person, and not for a program that has taken over
//! somebody's account.
//!
//! Counted from what is recorded, and what is being recorded at this moment.

use crate::ids::RunNumber;
use crate::limits::RATE_MS;
use crate::refusal::{Code, Refusal};
use crate::run::{Execution, Origin, Phase, Progress, Run};
use crate::text::{count, duration, thousands};

use super::Context;
use super::caller::Caller;

/// Runs named in a refusal.
const NAMED_MAX: usize = 5;

/// Runs a minute, and at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Runs a minute of one person.
    pub person: usize,
    /// The same in one channel, with its threads.
    pub channel: usize,
    /// Runs of one person whose commands are under way.
    pub person_running: usize,
    /// The same in one channel, with its threads.
    pub channel_running: usize,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            person: crate::limits::PERSON_RUNS,
            channel: crate::limits::CHANNEL_RUNS,
            person_running: crate::limits::PERSON_RUNNING,
            channel_running: crate::limits::CHANNEL_RUNNING,
        }
    }
}

/// Refuses one run more than may be under way at once of somebody, or in their channel.
pub(super) fn may_run_one_more(ctx: &Context<'_>, caller: &Caller<'_>) -> Result<(), Refusal> {
    let Caller::Person { who, .. } = caller else {
        return Ok(());
    };
    let rates = ctx.settings.rates;
    let (mut own, mut here) = (Vec::new(), Vec::new());
    let coming = ctx.under_way.runs.iter();
    let coming = coming.map(|coming| (&coming.origin, coming.number, None));
    let open = ctx.state.runs.open().filter(|run| is_under_way(run));
    let open = open.map(|run| (&run.spec.origin, run.number, ends_ms(run)));
    for (origin, number, ends_ms) in open.chain(coming) {
        let Origin::Chat { user, place, .. } = origin else {
            continue;
        };
        if *user == who.user {
            own.push((number, ends_ms));
        }
        if place.parent.unwrap_or(place.channel) == who.channel {
            here.push((number, ends_ms));
        }
    }
    if own.len() >= rates.person_running {
        let what = format!(
            "{} of yours are under way, and no more may be at once. Nothing was run.",
            count(own.len(), "run")
        );
        return Err(too_many(what, &own, ctx.now_ms));
    }
    if here.len() >= rates.channel_running {
        let what = format!(
            "{} of this channel are under way, and no more may be at once. Nothing was run.",
            count(here.len(), "run")
        );
        return Err(too_many(what, &here, ctx.now_ms));
    }
    Ok(())
}

/// Whether a command of it runs, or is about to.
fn is_under_way(run: &Run) -> bool {
    run.phase == Phase::Accepted || run.executions().any(|(_, execution)| runs(execution))
}

const fn runs(execution: &Execution) -> bool {
    match execution.progress {
        Progress::Ordered(_) | Progress::Running { .. } => true,
        Progress::Waiting(_) | Progress::Ending(_) | Progress::Done(_) => false,
    }
}

/// When what runs of it now is stopped at the latest, because its time is up; nothing when others come after that, or it has all the time.
fn ends_ms(run: &Run) -> Option<u64> {
    let timeout_ms = run.spec.options.timeout_ms;
    if timeout_ms == 0 || run.spec.strategy.rollout.is_some() {
        return None;
    }
    let executions = run.executions().map(|(_, execution)| execution);
    let began_ms = |execution: &Execution| {
        if let Progress::Running { since_ms } = execution.progress {
            return since_ms;
        }
        execution.sent_ms.unwrap_or(run.accepted_ms)
    };
    let last_ms = executions.filter(|one| runs(one)).map(began_ms).max();
    Some(
        last_ms
            .unwrap_or(run.accepted_ms)
            .saturating_add(timeout_ms),
    )
}

fn too_many(what: String, running: &[(RunNumber, Option<u64>)], now_ms: u64) -> Refusal {
    let ends = running.iter();
    let first = ends
        .filter_map(|(number, ends_ms)| Some((ends_ms.as_ref()?, number)))
        .min();
    let when = match first {
        Some((ends_ms, number)) => {
            let left_ms = ends_ms.saturating_sub(now_ms).div_ceil(1_000).max(1) * 1_000;
            format!(
                "Try again when one has ended: {number} does within {}",
                duration(left_ms)
            )
        }
        None => {
            let numbers = running.iter().take(NAMED_MAX);
            let numbers: Vec<String> = numbers.map(|(number, _)| number.to_string()).collect();
            let more = if running.len() > NAMED_MAX {
                ", …"
            } else {
                ""
            };
            format!("Try again when one has ended: {}{more}", numbers.join(", "))
        }
    };
    let next = format!("{when}. The button on the card of a run stops it.");
    Refusal::new(Code::Rate, what, next)
}

/// Refuses one run more than somebody may start in a minute, or may be started in their channel.
pub(super) fn may_start_one_more(ctx: &Context<'_>, caller: &Caller<'_>) -> Result<(), Refusal> {
    let Caller::Person { who, .. } = caller else {
        return Ok(());
    };
    let Rates {
        person, channel, ..
    } = ctx.settings.rates;
    let since_ms = ctx.now_ms.saturating_sub(RATE_MS);
    let newest = ctx.state.runs.newest_whole();
    let recent = newest.take_while(|run| run.accepted_ms > since_ms);
    let recent = recent.map(|run| (&run.spec.origin, run.accepted_ms));
    let coming = ctx
        .under_way
        .runs
        .iter()
        .map(|coming| (&coming.origin, ctx.now_ms));
    let (mut own, mut here) = (Vec::new(), Vec::new());
    for (origin, at_ms) in coming.chain(recent) {
        let Origin::Chat { user, place, .. } = origin else {
            continue;
        };
        if *user == who.user {
            own.push(at_ms);
        }
        if place.parent.unwrap_or(place.channel) == who.channel {
            here.push(at_ms);
        }
    }
    let begun = |runs: usize| format!("{} a minute", count(runs, "run"));
    if let Some(wait) = wait_s(&own, person, ctx.now_ms) {
        let what = format!("You may start {}. Nothing was run.", begun(person));
        return Err(limited(what, wait));
    }
    if let Some(wait) = wait_s(&here, channel, ctx.now_ms) {
        let what = format!(
            "In this channel {} may start. Nothing was run.",
            begun(channel)
        );
        return Err(limited(what, wait));
    }
    Ok(())
}

/// After how many seconds one more may start; nothing when one may now. The moments are newest first.
fn wait_s(newest_first: &[u64], most: usize, now_ms: u64) -> Option<u64> {
    let oldest = newest_first.get(most.checked_sub(1)?)?;
    let free_ms = oldest.saturating_add(RATE_MS).saturating_sub(now_ms);
    Some(free_ms.div_ceil(1_000).max(1))
}

fn limited(what: String, wait_s: u64) -> Refusal {
    let next = format!(
        "Try again in {} s. One run on many hosts counts once.",
        thousands(wait_s)
    );
    Refusal::new(Code::Rate, what, next)
}

//! How often people may start runs: enough for a person, and not for a program that has taken over somebody's account.
//!
//! Counted from what is recorded, and what is being recorded at this moment.

use crate::limits::RATE_MS;
use crate::refusal::{Code, Refusal};
use crate::run::Origin;
use crate::text::{count, thousands};

use super::Context;
use super::caller::Caller;

/// Runs a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Of one person.
    pub person: usize,
    /// In one channel, with its threads.
    pub channel: usize,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            person: crate::limits::PERSON_RUNS,
            channel: crate::limits::CHANNEL_RUNS,
        }
    }
}

/// Refuses one run more than somebody may start in a minute, or may be started in their channel.
pub(super) fn may_start_one_more(ctx: &Context<'_>, caller: &Caller<'_>) -> Result<(), Refusal> {
    let Caller::Person { who, .. } = caller else {
        return Ok(());
    };
    let Rates { person, channel } = ctx.settings.rates;
    let since_ms = ctx.now_ms.saturating_sub(RATE_MS);
    let newest = ctx.state.runs.newest_whole();
    let recent = newest.take_while(|run| run.accepted_ms > since_ms);
    let recent = recent.map(|run| (&run.spec.origin, run.accepted_ms));
    let coming = ctx
        .under_way
        .origins
        .iter()
        .map(|origin| (origin, ctx.now_ms));
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

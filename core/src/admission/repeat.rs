//! Two presses of one person on one button, one right after the other, are one run.

use crate::limits::PRESSED_AGAIN_MS;
use crate::principal::Principal;
use crate::refusal::{Code, Refusal};
use crate::run::{Phase, Run, Spec};
use crate::text::thousands;

use super::Context;
use super::context::Command;

/// Refuses what the same person had run again a moment ago: the same of the same run.
pub(super) fn not_pressed_twice(
    ctx: &Context<'_>,
    who: &Principal,
    wanted: &Spec,
) -> Result<(), Refusal> {
    let command = Command::of(wanted);
    let mut coming = ctx.under_way.runs.iter().filter(|coming| {
        let given_up = ctx.under_way.given_up.contains(&coming.id);
        !given_up && coming.origin.principal() == *who && coming.command == command
    });
    if let Some(coming) = coming.next() {
        let what = format!("it is about to run as {}", coming.number);
        return Err(twice(&what, PRESSED_AGAIN_MS));
    }
    let newest = ctx.state.runs.newest_whole();
    let mut recent = newest.take_while(|run| left_ms(run, ctx.now_ms) > 0);
    let same = |run: &&std::sync::Arc<Run>| {
        let given_up =
            matches!(run.phase, Phase::Expired(_)) || ctx.under_way.given_up.contains(&run.spec.id);
        !given_up && run.spec.origin.principal() == *who && Command::of(&run.spec) == command
    };
    let Some(run) = recent.find(same) else {
        return Ok(());
    };
    let verb = if run.is_over() { "ran" } else { "is running" };
    let what = format!("it {verb} as {}", run.number);
    Err(twice(&what, left_ms(run, ctx.now_ms)))
}

/// How long the same is not run once more, milliseconds.
const fn left_ms(run: &Run, now_ms: u64) -> u64 {
    let until_ms = run.accepted_ms.saturating_add(PRESSED_AGAIN_MS);
    until_ms.saturating_sub(now_ms)
}

fn twice(what: &str, left_ms: u64) -> Refusal {
    let left = thousands(left_ms.div_ceil(1_000).max(1));
    Refusal::new(
        Code::Stale,
        format!("You pressed this a moment ago: {what}. Nothing was run twice."),
        format!("To run it once more, press again in {left} s."),
    )
}

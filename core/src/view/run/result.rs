//! How a run stands or ended, as terminals say it.

use super::verdict::{counts, kept_words};
use super::{notes, waves};
use crate::history::Stand;
use crate::run::{Execution, How, Outcome, Phase, Run, left_over_words};
use crate::text::thousands;

/// How a run stands or ended, in a few words: `running · 3/40`, `11 ok · 1 failed`, `stopped by ann`. Whoever asked to stop it is called so.
#[must_use]
pub fn run_result(run: &Run, stopper: &str) -> String {
    match Stand::of(run) {
        Stand::Running => under_way(run, stopper),
        Stand::NotStarted if matches!(run.phase, Phase::Expired(_)) => "not started".to_owned(),
        Stand::Ok | Stand::Failed | Stand::Stopped | Stand::Unknown | Stand::NotStarted => {
            ended(run, stopper)
        }
    }
}

fn under_way(run: &Run, stopper: &str) -> String {
    let counts = || run.executions().filter(|(_, e)| !run.is_skipped(e));
    let all = counts().count();
    let done = counts().filter(|(_, e)| e.outcome().is_some()).count();
    let word = if run.cancel.is_some() {
        format!("being stopped by {stopper}")
    } else if let Some(why) = waves::gave_up(run) {
        why
    } else if run.rests() {
        "paused".to_owned()
    } else if run.only_waits() {
        "waiting".to_owned()
    } else if run.phase == Phase::Accepted {
        "accepted".to_owned()
    } else {
        "running".to_owned()
    };
    match all {
        1 => word,
        all => format!(
            "{word} · {}/{}",
            thousands(done as u64),
            thousands(all as u64)
        ),
    }
}

fn ended(run: &Run, stopper: &str) -> String {
    let executions: Vec<&Execution> = run.executions().map(|(_, e)| e).collect();
    let stopped = Stand::of(run) == Stand::Stopped;
    let mut words = Vec::new();
    if stopped {
        words.push(format!("stopped by {stopper}"));
    }
    words.extend(kept_words(&executions).filter(|_| !stopped));
    // That who was stopped was stopped is said already.
    let how = |e: &Execution| e.outcome().map(|outcome: &Outcome| outcome.how.clone());
    let all = executions
        .iter()
        .all(|e| matches!(how(e), Some(How::Cancelled(_))));
    if !(stopped && all) {
        words.extend(counts(run));
    }
    words.extend(
        Some(notes::left_over(run))
            .filter(|left| *left > 0)
            .map(left_over_words),
    );
    words.join(" · ")
}

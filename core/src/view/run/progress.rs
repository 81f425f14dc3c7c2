//! How far a run on several hosts is: a bar, what failed so far, who is done, who runs and who waits.

use std::collections::BTreeMap;

use super::groups::{how_words, mark, names};
use super::{how, is_away};
use crate::run::{Execution, How, Progress, Rank, Run};
use crate::text::thousands;

/// Cells of the bar.
const CELLS: usize = 10;
/// Characters of names in a row.
const NAMES_MAX: usize = 160;
/// Rows for kinds of ends that are no success; more are counted.
const ENDS_MAX: usize = 4;

/// The rows, while hosts are under way; nothing for a run on one host.
pub(super) fn progress(run: &Run) -> Option<String> {
    let executions: Vec<&Execution> = run
        .executions()
        .map(|(_, e)| e)
        .filter(|e| !run.is_skipped(e))
        .collect();
    if executions.len() < 2 {
        return None;
    }
    let ended = executions.iter().filter(|e| e.outcome().is_some()).count();
    let filled = CELLS * ended / executions.len();
    let bar = format!("{}{}", "▰".repeat(filled), "▱".repeat(CELLS - filled));
    let all = thousands(executions.len() as u64);
    let mut lines = vec![format!("{bar} **{}/{all}**", thousands(ended as u64))];
    lines.extend(not_well(&executions));
    let of = |pick: &dyn Fn(&Execution) -> bool| -> Vec<&Execution> {
        executions.iter().copied().filter(|e| pick(e)).collect()
    };
    let ok = of(&|e| e.outcome().is_some_and(|outcome| outcome.is_ok()));
    let running = of(&|e| matches!(e.progress, Progress::Running { .. }) && !is_away(run, e));
    let away = of(&|e| e.outcome().is_none() && is_away(run, e));
    let waiting = of(&|e| e.is_queued() && !is_away(run, e));
    for (mark, word, members) in [
        ("✅", "ok", &ok),
        ("▶", "running", &running),
        ("⏳", "waiting", &waiting),
        ("⚪", "away", &away),
    ] {
        if !members.is_empty() {
            lines.push(row(mark, word, members));
        }
    }
    lines.extend(slowest(&executions, ended));
    Some(lines.join("\n"))
}

/// A row for each way in which hosts did not end well, the most frequent first.
fn not_well(executions: &[&Execution]) -> Vec<String> {
    let mut ends: BTreeMap<&How, Vec<&Execution>> = BTreeMap::new();
    for execution in executions {
        if let Some(how) = how(execution).filter(|how| **how != How::Exited(0)) {
            ends.entry(how).or_default().push(execution);
        }
    }
    let mut ends: Vec<_> = ends.into_iter().collect();
    ends.sort_by_key(|(_, members)| std::cmp::Reverse(members.len()));
    let mut rows: Vec<String> = ends
        .iter()
        .take(ENDS_MAX)
        .map(|(end, members)| {
            let rank = Rank::of(end, false);
            row(mark(rank), &how_words(end, rank), members)
        })
        .collect();
    let rest: Vec<&Execution> = ends
        .iter()
        .skip(ENDS_MAX)
        .flat_map(|(_, members)| members.iter().copied())
        .collect();
    if !rest.is_empty() {
        rows.push(row("❌", "otherwise", &rest));
    }
    rows
}

fn row(mark: &str, word: &str, members: &[&Execution]) -> String {
    let names = names(members.iter().map(|e| e.name.as_str()), NAMES_MAX);
    match members.len() {
        1 => format!("{mark} {word} · {names}"),
        n => format!("{mark} {word} {} · {names}", thousands(n as u64)),
    }
}

/// The host that has run for longest, once others are done. The client counts: no edit is spent on a clock.
fn slowest(executions: &[&Execution], ended: usize) -> Option<String> {
    let since = |e: &&&Execution| match e.progress {
        Progress::Running { since_ms } => Some(since_ms),
        Progress::Waiting(_) | Progress::Ordered(_) | Progress::Ending(_) | Progress::Done(_) => {
            None
        }
    };
    let running = executions.iter().filter(|e| since(e).is_some());
    let slowest = running.min_by_key(|e| since(e)).filter(|_| ended > 0)?;
    let seconds = since(&slowest)? / 1_000;
    let name = names(std::iter::once(slowest.name.as_str()), NAMES_MAX);
    Some(format!("-# slowest: {name}, began <t:{seconds}:R>"))
}

//! How far a run in waves is: counts, the pace, each wave, and failures by how they ended. Never a line for each host.

use std::collections::BTreeMap;
use std::ops::Range;

use super::groups::{how_words, names};
use super::how;
use crate::run::{
    Amount, Execution, How, Outcome, Pauses, Progress, Rank, Rollout, Run, Wave, is_kept,
};
use crate::selector::fold::fold;
use crate::text::{count, cut, duration, thousands};
use crate::view::mention;

/// Cells of the bar.
const CELLS: usize = 10;
/// Rows of waves: of more, those around the one that is under way.
const ROWS_MAX: usize = 7;
/// Characters of names in a row of the table.
const COLUMN: usize = 18;
/// Kinds of failures; more are counted.
const KINDS_MAX: usize = 4;
/// Characters of names behind a kind of failure.
const NAMES_MAX: usize = 120;
/// Waves that are counted one by one.
const SIZES_MAX: usize = 6;

/// How a run goes through its hosts, for the line of what was asked for.
#[must_use]
pub fn words(rollout: &Rollout) -> String {
    let mut words = Vec::new();
    if !rollout.batch.is_empty() {
        let sizes: Vec<String> = rollout.batch.iter().map(Amount::to_string).collect();
        words.push(format!("waves of {}", sizes.join(", ")));
    }
    words.extend(rollout.parallel.map(|n| format!("{n} at once")));
    words.extend(rollout.max_fail.map(|max_fail| match max_fail {
        Amount::Hosts(0) | Amount::Percent(0) => "the first failure stops it".to_owned(),
        Amount::Percent(100) => "no failure stops it".to_owned(),
        amount @ (Amount::Hosts(_) | Amount::Percent(_)) => {
            format!("stops after more than {amount} failed")
        }
    }));
    match rollout.pause {
        Pauses::Never => {}
        Pauses::First => words.push("pauses after the first wave".to_owned()),
        Pauses::Every => words.push("pauses after every wave".to_owned()),
    }
    words.join(", ")
}

/// The waves of so many hosts, before anything runs: `wave 1: 1 host, wave 2: 4, wave 3: 35`.
pub(in crate::view) fn sizes(rollout: &Rollout, hosts: usize) -> Option<String> {
    let sizes = rollout.waves(hosts);
    if rollout.batch.is_empty() {
        return None;
    }
    let shown = sizes.iter().take(SIZES_MAX).enumerate();
    let mut waves: Vec<String> = shown
        .map(|(at, size)| match at {
            0 => format!("wave 1: {}", count(*size, "host")),
            _ => format!("wave {}: {}", at + 1, thousands(*size as u64)),
        })
        .collect();
    if let Some(last) = sizes.last().filter(|_| sizes.len() > SIZES_MAX) {
        let all = thousands(sizes.len() as u64);
        waves.push(format!("… wave {all}: {}", thousands(*last as u64)));
    }
    Some(waves.join(", "))
}

/// What is seen while hosts are under way or have not started.
pub(super) fn progress(run: &Run) -> Option<String> {
    run.waves()?;
    let list = run.wave_list();
    let all: usize = list.iter().map(|wave| wave.hosts.len()).sum();
    let mut blocks = vec![counts(run, all)];
    let of_waves = run.spec.strategy.rollout.as_ref();
    if of_waves.is_some_and(|rollout| !rollout.batch.is_empty()) {
        blocks.push(format!("```\n{}\n```", table(run, &list).join("\n")));
    }
    blocks.extend(failures(run));
    blocks.extend(rest(run));
    Some(blocks.join("\n"))
}

/// What became of the hosts of a run that was stopped: those that finished, those that were stopped, and those that never ran.
pub(super) fn parts(run: &Run) -> Option<String> {
    run.waves().filter(|_| run.all_ended())?;
    let of = |pick: &dyn Fn(&How) -> bool| -> Vec<&Execution> {
        let all = run.executions().map(|(_, execution)| execution);
        all.filter(|execution| how(execution).is_some_and(pick))
            .collect()
    };
    let kept = of(&is_kept);
    if kept.is_empty() {
        return None;
    }
    let stopped = of(&|how| matches!(how, How::Cancelled(_)));
    let ok = of(&|how| *how == How::Exited(0)).len();
    let skipped = run.executions().filter(|(_, e)| run.is_skipped(e)).count();
    let failed = run.spec.targets.len() - kept.len() - stopped.len() - ok - skipped;
    let mut rows = vec![format!(
        "finished  {} ok, {} failed",
        thousands(ok as u64),
        thousands(failed as u64)
    )];
    for (word, members) in [("stopped", stopped), ("never ran", kept)] {
        if !members.is_empty() {
            let names = names(members.iter().map(|e| e.name.as_str()), NAMES_MAX);
            rows.push(format!(
                "{word:<9} {} {names}",
                thousands(members.len() as u64)
            ));
        }
    }
    Some(format!("```\n{}\n```", rows.join("\n")))
}

fn counts(run: &Run, all: usize) -> String {
    let of = |pick: &dyn Fn(&Execution) -> bool| {
        let counted = run.executions().filter(|(_, e)| e.place.is_some());
        counted.filter(|(_, execution)| pick(execution)).count()
    };
    let ended = of(&|e| e.outcome().is_some());
    let ok = of(&|e| e.outcome().is_some_and(Outcome::is_ok));
    let kept = of(&|e| how(e).is_some_and(is_kept));
    let waiting = of(&Execution::has_not_begun);
    let filled = (CELLS * ended).checked_div(all).unwrap_or(0);
    let mut words = vec![format!(
        "{}{} **{}/{}**",
        "▰".repeat(filled),
        "▱".repeat(CELLS - filled),
        thousands(ended as u64),
        thousands(all as u64)
    )];
    for (mark, n) in [
        ("✅", ok),
        ("❌", ended - ok - kept),
        ("▶", all - ended - waiting),
        ("⚪", waiting),
    ] {
        if n > 0 {
            words.push(format!("{mark} {}", thousands(n as u64)));
        }
    }
    if let Some((ended, in_ms)) = run.waves().and_then(|waves| waves.pace())
        && run.cancel.is_none()
        && !run.rests()
        && gave_up(run).is_none()
    {
        words.push(pace(ended, in_ms));
        let left = (all - of(&|e| e.outcome().is_some())) as u64;
        let left_ms = left.saturating_mul(in_ms) / ended.max(1);
        words.push(format!("left ~{}", duration(left_ms)));
    }
    words.join(" · ")
}

/// `12.4 hosts/s`, `3 hosts/min`.
fn pace(ended: u64, in_ms: u64) -> String {
    let tenths = ended.saturating_mul(10_000) / in_ms.max(1);
    if tenths >= 10 {
        return format!("{}.{} hosts/s", tenths / 10, tenths % 10);
    }
    let a_minute = ended.saturating_mul(60_000) / in_ms.max(1);
    format!("{} hosts/min", a_minute.max(1))
}

fn table(run: &Run, list: &[Wave]) -> Vec<String> {
    let current = run.waves().map_or(0, |waves| waves.current());
    let all = list.len();
    let shown = shown(current, all);
    let first = (2 * all.to_string().len() + 1).max("wave".len());
    let hosts_of = |wave: &Wave| {
        let hosts = wave.hosts.iter().filter_map(|agent| run.execution(*agent));
        cut(&fold(hosts.map(|e| e.name.as_str())), COLUMN)
    };
    let waves = list.iter().enumerate();
    let waves = waves.take(shown.end).skip(shown.start);
    let waves: Vec<(usize, &Wave, String)> =
        waves.map(|(at, wave)| (at, wave, hosts_of(wave))).collect();
    let longest = waves.iter().map(|(_, _, hosts)| hosts.chars().count());
    let second = longest.max().unwrap_or(0).max("hosts".len());
    let mut rows = vec![format!("{:<first$} {:<second$}  ok fail", "wave", "hosts")];
    let more = |waves: &[Wave]| -> Option<String> {
        let hosts = waves.iter().map(|wave| wave.hosts.len()).sum();
        (!waves.is_empty()).then(|| {
            let waves = count(waves.len(), "more wave");
            format!("… {waves}, {}", count(hosts, "host"))
        })
    };
    rows.extend(more(list.get(..shown.start).unwrap_or_default()));
    for (at, wave, hosts) in waves {
        let is_now = at == current && wave.open() > 0;
        rows.push(format!(
            "{:<first$} {hosts:<second$} {:>3} {:>4}{}",
            format!("{}/{all}", at + 1),
            wave.ok,
            wave.failed,
            if is_now { " <" } else { "" }
        ));
    }
    rows.extend(more(list.get(shown.end..).unwrap_or_default()));
    rows
}

/// The waves around the one that is under way.
fn shown(current: usize, all: usize) -> Range<usize> {
    let first = (current + 2).min(all).saturating_sub(ROWS_MAX);
    first..(first + ROWS_MAX).min(all)
}

/// `❌ **4** · exit 100 ×3 web[014,122,261] · timed out ×1 web077`.
fn failures(run: &Run) -> Option<String> {
    let mut kinds: BTreeMap<&How, Vec<&str>> = BTreeMap::new();
    for (_, execution) in run.executions() {
        let counts = execution.place.is_some();
        if let Some(how) = how(execution).filter(|how| counts && **how != How::Exited(0))
            && !is_kept(how)
        {
            kinds.entry(how).or_default().push(execution.name.as_str());
        }
    }
    let failed: usize = kinds.values().map(Vec::len).sum();
    if failed == 0 {
        return None;
    }
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, members)| std::cmp::Reverse(members.len()));
    let mut words = vec![format!("❌ **{}**", thousands(failed as u64))];
    words.extend(kinds.iter().take(KINDS_MAX).map(|(how, members)| {
        let end = how_words(how, Rank::of(how, false));
        let names = names(members.iter().copied(), NAMES_MAX);
        format!("{end} ×{} {names}", thousands(members.len() as u64))
    }));
    if let Some(rest) = kinds.get(KINDS_MAX..).filter(|rest| !rest.is_empty()) {
        let hosts: usize = rest.iter().map(|(_, members)| members.len()).sum();
        words.push(format!("otherwise ×{}", thousands(hosts as u64)));
    }
    Some(words.join(" · "))
}

/// Why no further host starts, when so many have failed: `stopped after 3 of 40 failed`.
pub(super) fn gave_up(run: &Run) -> Option<String> {
    Some(run.waves()?.given_up()?.text.as_data().to_owned())
}

/// Who paused it, what goes on all the same, and until when it can be continued.
fn rest(run: &Run) -> Option<String> {
    let waves = run.waves().filter(|_| run.rests())?;
    let under_way = |e: &Execution| match e.progress {
        Progress::Ordered(_) | Progress::Running { .. } => true,
        Progress::Waiting(_) | Progress::Ending(_) | Progress::Done(_) => false,
    };
    let running = run.executions().filter(|(_, e)| under_way(e)).count();
    let mut words = vec![format!("⏸ {}", rest_words(run))];
    if running > 0 {
        words.push(format!("{} still running", thousands(running as u64)));
    }
    let until = waves.pause().map(|pause| {
        let until_ms = pause.at_ms.saturating_add(crate::limits::PAUSE_MS);
        format!("ends by itself <t:{}:R>", until_ms / 1_000)
    });
    words.extend(until);
    Some(format!("-# {}", words.join(" · ")))
}

/// `paused by @ann`, `paused after wave 1`.
pub(super) fn rest_words(run: &Run) -> String {
    let waves = run.waves();
    let pause = waves.and_then(|waves| waves.pause());
    match pause.and_then(|pause| pause.by.as_ref()) {
        Some(by) => format!("paused by {}", mention(by)),
        None => format!(
            "paused after wave {}",
            waves.map_or(0, |waves| waves.current())
        ),
    }
}

#[cfg(test)]
mod tests;

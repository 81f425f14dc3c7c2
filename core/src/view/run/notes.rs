//! What somebody should know of a run besides its groups.

use std::collections::BTreeMap;

use super::{Scene, hint};
use crate::run::{Away, Execution, Offline, Phase, Run, left_over_words};
use crate::selector::fold::fold;
use crate::text::{cut, size, thousands};
use crate::view::escape_markdown_cut;

/// What somebody should know besides: a cancel and whom it reached, cut output, left-over processes, back-pressure.
pub(super) fn notes(run: &Run, scene: &Scene) -> Option<String> {
    let mut notes = Vec::new();
    notes.extend(cancel_note(run));
    notes.extend(away_note(run));
    let folded = |pick: &dyn Fn(&Execution) -> bool| {
        let picked: Vec<_> = run.executions().filter(|(_, e)| pick(e)).collect();
        (
            picked.len(),
            fold(picked.iter().map(|(_, e)| e.name.as_str())),
        )
    };
    let dropped: u64 = run
        .executions()
        .filter_map(|(_, e)| e.outcome())
        .map(|o| o.dropped_bytes)
        .fold(0, u64::saturating_add);
    if dropped > 0 {
        let (_, names) = folded(&|e| e.outcome().is_some_and(|o| o.dropped_bytes > 0));
        notes.push(format!(
            "{} of output not kept on {names}: over the limit",
            size(dropped)
        ));
    }
    let left = left_over(run);
    if left > 0 {
        let (_, names) = folded(&|e| e.outcome().is_some_and(|o| o.left_over > 0));
        let left = left_over_words(left);
        notes.push(format!(
            "{left} on {names}, 2 s after the command had ended. `leave:yes` lets such processes live"
        ));
    }
    notes.extend(left_running(run));
    notes.extend(shells(run));
    notes.extend(hint::of(run, &scene.groups));
    let masked: u64 = run
        .executions()
        .filter_map(|(_, e)| e.outcome())
        .map(|o| o.masked)
        .fold(0, u64::saturating_add);
    if masked > 0 {
        let secrets = if masked == 1 { "secret" } else { "secrets" };
        notes.push(format!("{} {secrets} masked", thousands(masked)));
    }
    if !scene.spool_full.is_empty() {
        let names = fold(scene.spool_full.iter().map(String::as_str));
        notes.push(format!(
            "commands wait on {names}: too much output is not stored yet"
        ));
    }
    if notes.is_empty() {
        return None;
    }
    Some(
        notes
            .iter()
            .map(|note| format!("-# {}", cut(note, 400)))
            .collect::<Vec<_>>()
            .join("\n"),
    )
}

/// Processes that were still there after their command, on all hosts.
pub(super) fn left_over(run: &Run) -> u64 {
    let outcomes = run.executions().filter_map(|(_, e)| e.outcome());
    let left = outcomes.map(|outcome| u64::from(outcome.left_over));
    left.fold(0, u64::saturating_add)
}

/// What was left alive as somebody asked, host by host.
fn left_running(run: &Run) -> Option<String> {
    let all: Vec<(&str, String)> = run
        .executions()
        .filter_map(|(_, e)| {
            let outcome = e.outcome().filter(|outcome| outcome.left.count > 0)?;
            Some((e.name.as_str(), outcome.left_words()?))
        })
        .collect();
    let (first, words) = all.first()?;
    let words = escape_markdown_cut(words, 250);
    let more = match all.len() {
        1 => String::new(),
        _ => format!(
            "; also on {}",
            fold(all.iter().skip(1).map(|(name, _)| *name))
        ),
    };
    Some(format!("{words} on {first}{more}"))
}

/// What read the command where it was not the usual shell.
fn shells(run: &Run) -> Option<String> {
    let shell = |e: &Execution| e.outcome().and_then(|outcome| outcome.shell.clone());
    let mut by_shell: BTreeMap<Box<str>, Vec<&str>> = BTreeMap::new();
    for (_, execution) in run.executions() {
        if let Some(shell) = shell(execution) {
            by_shell
                .entry(shell)
                .or_default()
                .push(execution.name.as_str());
        }
    }
    let told: Vec<String> = by_shell
        .iter()
        .map(|(shell, names)| {
            let shell = escape_markdown_cut(shell, 60);
            format!("{shell} on {}", fold(names.iter().copied()))
        })
        .collect();
    (!told.is_empty()).then(|| format!("shell: {}", told.join(", ")))
}

/// What became of hosts that were away: left out, or waited for until a time.
fn away_note(run: &Run) -> Option<String> {
    let named = |pick: &dyn Fn(&Execution) -> bool| {
        let picked = run.executions().filter(|(_, e)| pick(e));
        fold(picked.map(|(_, e)| e.name.as_str()))
    };
    if run.spec.strategy.offline == Offline::Skip {
        let skipped = |away| named(&|e| run.is_skipped(e) && e.away == Some(away));
        let said = [Away::Offline, Away::Draining]
            .into_iter()
            .filter_map(|away| {
                let names = skipped(away);
                (!names.is_empty()).then(|| format!("{names} ({})", away.as_str()))
            });
        let said: Vec<String> = said.collect();
        // Once all have ended they are a group of their own.
        return (!said.is_empty() && !run.all_ended())
            .then(|| format!("⏭ left out: {}", said.join(" · ")));
    }
    let until_ms = run.queued_until_ms()?;
    let waits = named(&|e| match run.phase {
        Phase::Accepted => e.away.is_some(),
        Phase::Running | Phase::Closed { .. } | Phase::Expired(_) => {
            e.is_queued() && !e.order_on_its_way()
        }
    });
    (!waits.is_empty() && !run.is_over()).then(|| {
        format!(
            "⏳ waits for {waits}: each starts once, when it can, until <t:{}:f>",
            until_ms / 1_000
        )
    })
}

/// While it is being stopped: whom that did not reach yet. Who was stopped, and who never ran, is told by the groups.
fn cancel_note(run: &Run) -> Option<String> {
    run.cancel.as_ref().filter(|_| !run.all_ended())?;
    let names = |told: bool| {
        let picked = run
            .executions()
            .filter(|(_, e)| e.outcome().is_none() && e.cancel_told == told)
            .map(|(_, e)| e.name.as_str());
        fold(picked)
    };
    let groups = [
        ("still stopping", names(true)),
        ("not reached, told when back", names(false)),
    ];
    let said: Vec<String> = groups
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(word, names)| format!("{word}: {names}"))
        .collect();
    (!said.is_empty()).then(|| said.join(" · "))
}

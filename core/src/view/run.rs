//! A run as its card: one look that stays true from the first second to a year later.

use std::collections::BTreeMap;

use super::{Button, ButtonStyle, ButtonTarget, Card, Press, Texts, inline_code, mention};
use crate::limits;
use crate::run::{Away, Execution, How, Offline, Phase, Run};
use crate::selector::fold::fold;
use crate::text::{count, cut, duration, size};
use verdict::Verdict;

mod verdict;

/// Rows of the card that stand for one host each; more hosts are grouped.
const HOST_ROWS_MAX: usize = 10;

/// Users that the card names.
const USERS_MAX: usize = 3;

/// What the card shows besides the run itself.
#[derive(Clone, Debug, Default)]
pub struct Scene {
    /// The users that commands run as on these hosts, for example `root`.
    pub run_as: Vec<String>,
    /// Guild and thread, once there is one.
    pub thread: Option<(u64, u64)>,
    /// Sanitised output of ended executions that is short enough for the card, by host name.
    pub outputs: Vec<(String, String)>,
    /// Hosts whose commands wait because too much output is not stored yet.
    pub spool_full: Vec<String>,
    /// A last small line about how the run is shown.
    pub remark: Option<String>,
}

/// The card of a run.
#[must_use]
pub fn run_card(run: &Run, scene: &Scene) -> Card {
    let verdict = Verdict::of(run);
    let mut texts = Texts::with(heading(run, &verdict, scene));
    if let Phase::Expired(reason) = &run.phase {
        texts.add(Some(format!("Nothing was run: {reason}.")));
    } else {
        texts.add(rows(run));
        texts.add(notes(run, scene));
        texts.add(inlined(run, scene));
    }
    texts.add(scene.remark.clone());
    Card {
        accent: verdict.accent,
        texts: texts.into_blocks(),
        buttons: buttons(run, scene),
        menu: None,
    }
}

/// One line for a new message at the end of a long run, and for lists.
#[must_use]
pub fn run_summary(run: &Run) -> String {
    let verdict = Verdict::of(run);
    format!(
        "{} {} · {} · {}",
        verdict.mark,
        run.number,
        target(run),
        verdict.words
    )
}

/// The name of a run's thread: fixed at its creation, without a state, the number first for search.
#[must_use]
pub fn thread_name(run: &Run) -> String {
    let command: String = run
        .spec
        .what
        .text()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(60)
        .collect();
    let name = format!("{} {} · {}", run.number, command.trim(), target(run));
    name.chars().take(limits::NAME_CHARS_MAX).collect()
}

fn how(execution: &Execution) -> Option<&How> {
    execution.outcome().map(|outcome| &outcome.how)
}

fn how_ran(execution: &Execution) -> bool {
    how(execution).is_some_and(|how| how.exit_code().is_some())
}

/// `web-01`, or `12 hosts`.
fn target(run: &Run) -> String {
    match &run.spec.targets[..] {
        [one] => one.name.to_string(),
        all => count(all.len(), "host"),
    }
}

/// The first block stands alone on a phone's lock screen: state, number, target, result.
fn heading(run: &Run, verdict: &Verdict, scene: &Scene) -> String {
    let selector = inline_code(&run.spec.selector, 120);
    let on = if run.spec.targets.len() == 1 {
        String::new()
    } else {
        format!(" · {selector}")
    };
    let words = if verdict.words == "running" {
        String::new()
    } else {
        format!(" · {}", verdict.words)
    };
    let mut meta = vec![mention(&run.spec.origin.principal())];
    let seconds = run.accepted_ms / 1_000;
    // That the end is recorded too changes nothing to see, and must not cost another edit.
    if run.is_over() || run.all_ended() {
        meta.push(format!("<t:{seconds}:f>"));
    } else {
        meta.push(format!("<t:{seconds}:R>"));
        meta.push(match run.spec.timeout_ms {
            0 => "no timeout".to_owned(),
            ms => format!("timeout {}", duration(ms)),
        });
    }
    if !scene.run_as.is_empty() {
        let more = if scene.run_as.len() > USERS_MAX {
            "/…"
        } else {
            ""
        };
        let users: Vec<&str> = scene
            .run_as
            .iter()
            .take(USERS_MAX)
            .map(String::as_str)
            .collect();
        meta.push(format!("as {}{more}", users.join("/")));
    }
    format!(
        "### {} {} · {}{on}{words}\n{}\n-# {}",
        verdict.mark,
        run.number,
        target(run),
        inline_code(&run.spec.what.text(), 300),
        meta.join(" · ")
    )
}

/// What each host did: a row for each while they are few, a row for each kind of end when they are many.
fn rows(run: &Run) -> Option<String> {
    let executions: Vec<&Execution> = run.executions().map(|(_, execution)| execution).collect();
    if executions.len() == 1 {
        return None;
    }
    let mut lines = Vec::new();
    if executions.len() <= HOST_ROWS_MAX {
        let mut sorted = executions;
        sorted.sort_by(|a, b| a.name.cmp(&b.name));
        let width = sorted
            .iter()
            .map(|e| e.name.as_str().len())
            .max()
            .unwrap_or(0);
        for execution in sorted {
            let name = execution.name.as_str();
            let state = state_words(run, execution);
            let took = match execution.outcome() {
                Some(outcome) if how_ran(execution) => {
                    format!("  {}", duration(outcome.duration_ms))
                }
                Some(_) | None => String::new(),
            };
            lines.push(format!("{name:width$}  {state}{took}"));
        }
    } else {
        let mut groups: BTreeMap<String, Vec<&Execution>> = BTreeMap::new();
        for execution in executions {
            groups
                .entry(state_words(run, execution))
                .or_default()
                .push(execution);
        }
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_by_key(|(words, _)| words == "exit 0");
        for (words, members) in groups {
            let names = fold(members.iter().map(|e| e.name.as_str()));
            lines.push(format!("{words}  {}: {}", members.len(), cut(&names, 160)));
        }
    }
    Some(format!("```\n{}\n```", cut(&lines.join("\n"), 1_500)))
}

/// Who has a link is known of a run that has begun; before, who had one when it was accepted.
fn is_away(run: &Run, execution: &Execution) -> bool {
    match run.phase {
        Phase::Accepted => execution.away.is_some(),
        Phase::Running | Phase::Closed { .. } | Phase::Expired(_) => !execution.online,
    }
}

/// The state of one execution in words that end up in a code block.
fn state_words(run: &Run, execution: &Execution) -> String {
    let words = match how(execution) {
        Some(how) => how.to_string(),
        None if is_away(run, execution) => format!("{}, host away", execution.state()),
        None => execution.state().to_owned(),
    };
    cut(&words.replace(['`', '\n'], " "), 80)
}

/// What somebody should know besides: a cancel and whom it reached, cut output, left-over processes, back-pressure.
fn notes(run: &Run, scene: &Scene) -> Option<String> {
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
        .sum();
    if dropped > 0 {
        let (_, names) = folded(&|e| e.outcome().is_some_and(|o| o.dropped_bytes > 0));
        notes.push(format!(
            "{} of output not kept on {names}: over the limit",
            size(dropped)
        ));
    }
    let left: u32 = run
        .executions()
        .filter_map(|(_, e)| e.outcome())
        .map(|o| o.left_over)
        .sum();
    if left > 0 {
        let (_, names) = folded(&|e| e.outcome().is_some_and(|o| o.left_over > 0));
        let processes = if left == 1 { "process" } else { "processes" };
        notes.push(format!("{left} left-over {processes} killed on {names}"));
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
        return (!said.is_empty()).then(|| format!("⏭ left out: {}", said.join(" · ")));
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

/// Keeps apart: stopped, still stopping, not reached, ended before.
fn cancel_note(run: &Run) -> Option<String> {
    let cancel = run.cancel.as_ref()?;
    let names = |pick: &dyn Fn(&Execution) -> bool| {
        let picked: Vec<_> = run
            .executions()
            .filter(|(_, e)| pick(e))
            .map(|(_, e)| e.name.as_str())
            .collect();
        fold(picked)
    };
    let groups = [
        (
            "stopped",
            names(&|e| matches!(how(e), Some(How::Cancelled(_)))),
        ),
        (
            "still stopping",
            names(&|e| e.outcome().is_none() && e.cancel_told),
        ),
        (
            "not reached",
            names(&|e| e.outcome().is_none() && !e.cancel_told),
        ),
        (
            "never ran",
            names(&|e| how(e).is_some_and(How::did_not_run)),
        ),
        (
            "ended before",
            names(&|e| how_ran(e) && !matches!(how(e), Some(How::Cancelled(_)))),
        ),
    ];
    let said: Vec<String> = groups
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(word, names)| format!("{word}: {names}"))
        .collect();
    let signal = if cancel.force {
        "KILL"
    } else {
        "TERM, then KILL"
    };
    Some(format!(
        "⏹ {} asked to stop it ({signal}) · {}",
        mention(&cancel.by),
        said.join(" · ")
    ))
}

/// Short answers stand on the card itself: nobody has to open the thread for them.
fn inlined(run: &Run, scene: &Scene) -> Option<String> {
    let (lines_max, chars_max) = limits::CARD_OUTPUT_MAX;
    let lines: usize = scene
        .outputs
        .iter()
        .map(|(_, text)| text.lines().count())
        .sum();
    let chars: usize = scene
        .outputs
        .iter()
        .map(|(_, text)| text.chars().count())
        .sum();
    let fits = (1..=lines_max).contains(&lines) && chars <= chars_max;
    if !run.all_ended() || !fits {
        return None;
    }
    let several = run.spec.targets.len() > 1;
    let mut block = String::new();
    for (host, text) in &scene.outputs {
        if several {
            block.push_str(&format!("**{host}**\n"));
        }
        block.push_str(&format!("```\n{}\n```\n", text.trim_end_matches('\n')));
    }
    Some(block.trim_end().to_owned())
}

fn buttons(run: &Run, scene: &Scene) -> Vec<Button> {
    let mut buttons = Vec::new();
    if !run.is_over() && !run.all_ended() {
        let (label, press) = match &run.cancel {
            None => ("■ Cancel", Press::Cancel(run.spec.id)),
            Some(_) => ("✖ Kill now", Press::Kill(run.spec.id)),
        };
        buttons.push(Button {
            label: label.to_owned(),
            target: ButtonTarget::Press(press),
            style: ButtonStyle::Danger,
        });
    }
    if let Some((guild, thread)) = scene.thread {
        buttons.push(Button {
            label: "Output".to_owned(),
            target: ButtonTarget::Link(format!("https://discord.com/channels/{guild}/{thread}")),
            style: ButtonStyle::Secondary,
        });
    }
    buttons
}

#[cfg(test)]
mod tests;

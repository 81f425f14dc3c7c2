//! How a run stands, in a mark, a colour and a few words.

use crate::run::{Execution, How, Loosely, Outcome, Phase, Rank, Run, is_kept, left_over_words};
use crate::text::{duration, thousands};
use crate::view::{Accent, mention};

use super::groups::how_words;
use super::{how, notes, waves};

/// How a run stands or ended.
pub(super) struct Verdict {
    pub(super) mark: &'static str,
    pub(super) accent: Accent,
    /// What came of it so far; empty while there is nothing to say.
    pub(super) words: String,
    /// How long it took, once all have ended: see [`Run::took_ms`].
    pub(super) took: Option<String>,
}

impl Verdict {
    pub(super) fn of(run: &Run) -> Self {
        if matches!(run.phase, Phase::Expired(_)) {
            return Self::new("✖", Accent::Grey, "not started".to_owned());
        }
        if run.is_over() || run.all_ended() {
            Self::ended(run)
        } else {
            Self::under_way(run)
        }
    }

    const fn new(mark: &'static str, accent: Accent, words: String) -> Self {
        Self {
            mark,
            accent,
            words,
            took: None,
        }
    }

    fn under_way(run: &Run) -> Self {
        let counted = || run.executions().filter(|(_, e)| !run.is_skipped(e));
        let all = counted().count();
        let ended = counted().filter(|(_, e)| e.outcome().is_some()).count();
        let far = format!("{}/{}", thousands(ended as u64), thousands(all as u64));
        match (&run.cancel, all) {
            (Some(by), _) => {
                let words = format!("being stopped by {}", mention(&by.by));
                Self::new("⏹", Accent::Blue, words)
            }
            (None, _) if waves::gave_up(run).is_some() => {
                let why = waves::gave_up(run).unwrap_or_default();
                Self::new("▶", Accent::Amber, format!("{why} · {far}"))
            }
            (None, _) if run.rests() => {
                let words = format!("{} · {far}", waves::rest_words(run));
                Self::new("⏸", Accent::Amber, words)
            }
            (None, 1) if run.only_waits() => Self::new("⏳", Accent::Blue, "waiting".to_owned()),
            (None, 1) => Self::new("▶", Accent::Blue, String::new()),
            (None, _) if run.only_waits() => Self::new("⏳", Accent::Blue, far),
            (None, _) => Self::new("▶", Accent::Blue, far),
        }
    }

    fn ended(run: &Run) -> Self {
        let executions: Vec<&Execution> = run.executions().map(|(_, e)| e).collect();
        let left_out = executions.iter().filter(|e| run.is_skipped(e)).count();
        let counted = executions.len() - left_out;
        let ok = executions
            .iter()
            .filter(|e| e.outcome().is_some_and(Outcome::is_ok))
            .count();
        let lost = executions
            .iter()
            .any(|e| matches!(how(e), Some(How::Lost(_))));
        let stopped = run.cancel.as_ref().filter(|_| ok < counted);
        let mut words = Vec::new();
        if let Some(cancel) = stopped {
            let after = duration(cancel.at_ms.saturating_sub(run.accepted_ms));
            words.push(format!("stopped by {} after {after}", mention(&cancel.by)));
        }
        words.extend(kept_words(&executions).filter(|_| stopped.is_none()));
        match &executions[..] {
            [one] => {
                words.extend(how(one).map(|how| match (how, stopped) {
                    (How::Cancelled(code), Some(_)) => format!("exit {code}"),
                    (how, _) => how_words(how, Rank::of(how, false)),
                }));
            }
            // That who was stopped was stopped is said already.
            _ if stopped.is_some() && run.executions().all(|(_, e)| was_stopped(e)) => {}
            _ => words.push(counts(run).join(", ")),
        }
        let left = notes::left_over(run);
        if left > 0 {
            words.push(left_over_words(left));
        }
        let (mark, accent) = match stopped {
            Some(_) => ("⏹", Accent::Grey),
            // What was left out was not done, however well the rest went.
            None if ok == counted && left_out == 0 && left == 0 => ("✅", Accent::Green),
            None if lost => ("❔", Accent::Amber),
            None if ok == 0 => ("❌", Accent::Red),
            None => ("⚠", Accent::Amber),
        };
        Self {
            took: run.took_ms().filter(|_| stopped.is_none()).map(duration),
            ..Self::new(mark, accent, words.join(" · "))
        }
    }
}

/// Why some hosts never began though nobody stopped the run: too many failed, or it was paused for too long.
pub(super) fn kept_words(executions: &[&Execution]) -> Option<String> {
    let kept = |how: &How| {
        if let How::NotStarted(reason) = how
            && is_kept(how)
        {
            return Some(reason.text.as_data().to_owned());
        }
        None
    };
    executions.iter().find_map(|e| kept(how(e)?))
}

fn was_stopped(execution: &Execution) -> bool {
    matches!(how(execution), Some(How::Cancelled(_)))
}

/// `11 ok`, `1 failed`, `4 not started`: what is zero is not said.
pub(super) fn counts(run: &Run) -> Vec<String> {
    let groups = run.groups(&Loosely::new());
    let of = |ranks: &[Rank]| -> u64 {
        let groups = groups.iter().filter(|group| ranks.contains(&group.rank));
        groups.map(|group| group.hosts.len() as u64).sum()
    };
    let never = if run.cancel.is_some() {
        "never ran"
    } else {
        "not started"
    };
    let kept = groups.iter().filter(|group| is_kept(&group.how));
    let kept: u64 = kept.map(|group| group.hosts.len() as u64).sum();
    let kept = if run.cancel.is_some() { 0 } else { kept };
    let told = [
        (of(&[Rank::Most, Rank::Odd]), "ok"),
        (of(&[Rank::Failed]), "failed"),
        (of(&[Rank::TimedOut]), "timed out"),
        (of(&[Rank::Lost]), "unknown"),
        (of(&[Rank::Refused]), "refused"),
        (of(&[Rank::Stopped]), "stopped"),
        (kept, "never ran"),
        (of(&[Rank::NotStarted]) - kept, never),
        (of(&[Rank::LeftOut]), "left out"),
    ];
    let said = told.into_iter().filter(|(n, _)| *n > 0);
    said.map(|(n, word)| format!("{} {word}", thousands(n)))
        .collect()
}

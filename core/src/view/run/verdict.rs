//! How a run stands, in a mark, a colour and a few words.

use crate::run::{Execution, How, Phase, Run};
use crate::text::duration;
use crate::view::Accent;

use super::{how, how_ran};

/// How a run stands or ended.
pub(super) struct Verdict {
    pub(super) mark: &'static str,
    pub(super) accent: Accent,
    pub(super) words: String,
}

impl Verdict {
    pub(super) fn of(run: &Run) -> Self {
        // What was left out on purpose does not count.
        let (skipped, executions): (Vec<&Execution>, Vec<&Execution>) = run
            .executions()
            .map(|(_, execution)| execution)
            .partition(|execution| run.is_skipped(execution));
        let say = |mark, accent, words: String| Self {
            mark,
            accent,
            words,
        };
        if matches!(run.phase, Phase::Expired(_)) {
            return say("✖", Accent::Grey, "not started".to_owned());
        }
        if !run.is_over() && !run.all_ended() {
            return match (&run.cancel, executions.len()) {
                (Some(_), _) => say("⏹", Accent::Blue, "stopping".to_owned()),
                (None, 1) if run.only_waits() => say("⏳", Accent::Blue, "waiting".to_owned()),
                (None, 1) => say("▶", Accent::Blue, "running".to_owned()),
                (None, all) if run.only_waits() => {
                    let ended = executions.iter().filter(|e| e.outcome().is_some()).count();
                    say("⏳", Accent::Blue, format!("{ended}/{all}"))
                }
                (None, all) => {
                    let ended = executions.iter().filter(|e| e.outcome().is_some()).count();
                    say("▶", Accent::Blue, format!("{ended}/{all}"))
                }
            };
        }
        let took = executions
            .iter()
            .filter_map(|e| e.outcome())
            .map(|o| o.duration_ms)
            .max();
        let took = duration(took.unwrap_or(0));
        let ok = executions
            .iter()
            .filter(|e| e.outcome().is_some_and(|o| o.is_ok()))
            .count();
        let lost = executions
            .iter()
            .any(|e| matches!(how(e), Some(How::Lost(_))));
        let words = match &executions[..] {
            [one] => {
                let how = how(one).map_or_else(String::new, ToString::to_string);
                let ran = how_ran(one);
                if ran { format!("{how} · {took}") } else { how }
            }
            all => format!("{ok}/{} ok · {took}", all.len()),
        };
        let words = match skipped.len() {
            0 => words,
            left_out => format!("{words} · {left_out} left out"),
        };
        match &run.cancel {
            Some(_) if ok < executions.len() => say("⏹", Accent::Grey, words),
            _ if ok == executions.len() => say("✅", Accent::Green, words),
            _ if lost => say("❔", Accent::Amber, words),
            _ if ok == 0 => say("❌", Accent::Red, words),
            _ => say("⚠", Accent::Amber, words),
        }
    }
}

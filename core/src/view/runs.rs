//! The list of runs.

use super::{Accent, Card, inline_code, mention, run_summary};
use crate::run::Run;

/// The card of `/runs`: newest first.
#[must_use]
pub fn runs_card(runs: &[&Run]) -> Card {
    let heading = format!("### Runs · last {}", runs.len());
    let mut lines = vec![heading];
    if runs.is_empty() {
        lines.push("Nothing was run yet. Try `/run on:all command:uptime`.".to_owned());
    }
    for run in runs.iter().take(10) {
        lines.push(format!(
            "{} · {} · {} · <t:{}:R>",
            run_summary(run),
            inline_code(&run.spec.what.text(), 40),
            mention(&run.spec.origin.principal()),
            run.accepted_ms / 1_000
        ));
    }
    Card::new(Accent::Blue, vec![lines.join("\n")])
}

//! What can be pressed on the card of a run.

use std::collections::BTreeSet;

use super::Scene;
use crate::ask::Part;
use crate::ids::AgentId;
use crate::run::{Rank, Run};
use crate::selector::fold::fold;
use crate::view::{Button, ButtonStyle, ButtonTarget, Press};

pub(super) fn buttons(run: &Run, scene: &Scene) -> Vec<Button> {
    let mut buttons = if run.is_over() || run.all_ended() {
        of_the_end(run, scene)
    } else {
        vec![stop(run)]
    };
    if let Some((guild, thread)) = scene.thread {
        buttons.push(Button {
            label: "Output".to_owned(),
            target: ButtonTarget::Link(format!("https://discord.com/channels/{guild}/{thread}")),
            style: ButtonStyle::Secondary,
        });
    }
    buttons
}

fn stop(run: &Run) -> Button {
    match &run.cancel {
        None => plain("■ Cancel", Press::Cancel(run.spec.id)),
        Some(_) => Button {
            style: ButtonStyle::Danger,
            ..plain("✖ Kill now", Press::Kill(run.spec.id))
        },
    }
}

/// What somebody may want next. A part that is all of it is what `Run again` does.
fn of_the_end(run: &Run, scene: &Scene) -> Vec<Button> {
    let id = run.spec.id;
    let all = run.spec.targets.len();
    let ranks = || {
        run.executions().filter_map(|(_, execution)| {
            let outcome = execution.outcome()?;
            Some(Rank::of(&outcome.how, run.is_skipped(execution)))
        })
    };
    let failed = ranks().filter(|rank| rank.is_failure()).count();
    let missed = ranks().filter(|rank| rank.is_missed()).count();
    let mut buttons = vec![plain("↻ Run again", Press::Again(id, Part::All))];
    if failed > 0 && failed < all {
        let label = format!("↻ Retry {failed} failed");
        buttons.push(plain(&label, Press::Again(id, Part::Failed)));
    }
    buttons.extend(odd(run, scene));
    if missed > 0 {
        let label = format!("⏰ Run on {missed} when back");
        buttons.push(plain(&label, Press::Again(id, Part::Missed)));
    }
    if all > 1 && ranks().next().is_some() {
        buttons.push(plain("By host", Press::ByHost(id, 0)));
    }
    buttons.push(plain("Edit…", Press::Edit(id)));
    buttons.push(plain("Copy", Press::Copy(id)));
    buttons
}

/// The hosts that did otherwise than most, exactly those that the card shows as such. They are named one by one where outputs were
/// compared loosely, and there is no button when so many names do not fit.
fn odd(run: &Run, scene: &Scene) -> Option<Button> {
    let id = run.spec.id;
    let groups = || {
        let odd = scene
            .groups
            .iter()
            .filter(|told| told.group.rank == Rank::Odd);
        odd.map(|told| &told.group)
    };
    let hosts: BTreeSet<AgentId> = groups()
        .flat_map(|group| group.hosts.iter().map(|(agent, _)| *agent))
        .collect();
    if hosts.is_empty() {
        return None;
    }
    let press = if hosts == run.differing() {
        Press::Again(id, Part::Odd)
    } else {
        Press::these(id, fold(groups().flat_map(|group| group.names())))?
    };
    let label = format!("≠ Run on {} odd", hosts.len());
    Some(plain(&label, press))
}

fn plain(label: &str, press: Press) -> Button {
    Button {
        label: label.to_owned(),
        target: ButtonTarget::Press(press),
        style: ButtonStyle::Secondary,
    }
}

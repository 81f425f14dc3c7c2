//! What can be pressed on the card of a run.

use std::collections::BTreeSet;

use super::groups::{Printed, Told};
use super::{Scene, card_is_whole};
use crate::ask::Part;
use crate::ids::{AgentId, RunId};
use crate::run::{Execution, Rank, Run, is_kept};
use crate::selector::fold::fold;
use crate::view::{Button, ButtonStyle, ButtonTarget, Press};

/// Where the links of Discord's channels begin.
const CHANNELS: &str = "https://discord.com/channels/";

pub(super) fn buttons(run: &Run, scene: &Scene) -> Vec<Button> {
    let mut buttons = if run.is_over() || run.all_ended() {
        of_the_end(run, scene)
    } else {
        let mut buttons: Vec<Button> = steer(run).into_iter().collect();
        buttons.push(stop(run));
        buttons
    };
    buttons.extend(scene.thread.map(output));
    buttons
}

/// The way to the thread of a run: guild and thread.
pub(super) fn output((guild, thread): (u64, u64)) -> Button {
    Button {
        label: "Output".to_owned(),
        target: ButtonTarget::Link(format!("{CHANNELS}{guild}/{thread}")),
        style: ButtonStyle::Secondary,
    }
}

/// The guild and the thread that such a button leads to.
#[must_use]
pub fn thread_of(url: &str) -> Option<(u64, u64)> {
    let (guild, thread) = url.strip_prefix(CHANNELS)?.split_once('/')?;
    let id = |text: &str| text.parse().ok().filter(|id| *id > 0);
    Some((id(guild)?, id(thread)?))
}

/// All that was printed as files, for one person.
pub(super) fn files(id: RunId) -> Button {
    plain("All output ⬇", Press::Files(id))
}

/// What lets a run in waves rest or go on, while there are hosts that have not started.
fn steer(run: &Run) -> Option<Button> {
    let id = run.spec.id;
    let waits = run.executions().any(|(_, e)| e.has_not_begun());
    run.waves().filter(|_| waits && run.cancel.is_none())?;
    Some(match run.rests() {
        true => Button {
            style: ButtonStyle::Primary,
            ..plain("▶ Continue", Press::Continue(id))
        },
        false => plain("⏸ Pause", Press::Pause(id)),
    })
}

fn stop(run: &Run) -> Button {
    match &run.cancel {
        None if run.waves().is_some() => plain("■ Stop", Press::Cancel(run.spec.id)),
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
        let kept = |e: &Execution| e.outcome().is_some_and(|o| is_kept(&o.how));
        let label = match run.waves() {
            Some(_) if run.executions().any(|(_, e)| kept(e)) => format!("↻ Resume {missed}"),
            Some(_) | None => format!("⏰ Run on {missed} when back"),
        };
        buttons.push(plain(&label, Press::Again(id, Part::Missed)));
    }
    if all > 1 && ranks().next().is_some() {
        buttons.push(plain("By host", Press::ByHost(id, 0)));
    }
    if run.spec.what.upkeep().is_none() {
        buttons.push(plain("Edit…", Press::Edit(id)));
        buttons.push(plain("Copy", Press::Copy(id)));
    }
    if scene.without_files && printed(scene) && (all > 1 || !card_is_whole(&scene.groups)) {
        buttons.push(files(id));
    }
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

/// True when something was printed, as far as is known.
fn printed(scene: &Scene) -> bool {
    let nothing = |told: &Told| matches!(told.printed, Printed::Unknown | Printed::Nothing);
    !scene.groups.iter().all(nothing)
}

pub(super) fn plain(label: &str, press: Press) -> Button {
    Button {
        label: label.to_owned(),
        target: ButtonTarget::Press(press),
        style: ButtonStyle::Secondary,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RunNumber;
    use crate::output::same_but::SameBut;
    use crate::run::{Group, How, Loosely, Outcome, Phase, Spec, Target};

    fn agent(n: usize) -> AgentId {
        AgentId::from_bytes((n as u128).to_be_bytes())
    }

    /// A run whose hosts ended so and printed this; the names are as long as that.
    fn run_of(ends: &[(i32, u8)], name_len: usize) -> Run {
        let target = |n: usize| Target {
            agent: agent(n),
            name: format!("{}{n}", "w".repeat(name_len)).parse().unwrap(),
            away: None,
        };
        let targets = (0..ends.len()).map(target).collect();
        let mut run = Run::new(RunNumber(142), Spec::example(targets), 0);
        for (n, (code, content)) in ends.iter().enumerate() {
            let outcome = Outcome {
                content_sha256: Some([*content; 32]),
                ..Outcome::without_output(How::Exited(*code))
            };
            run.apply_finished(agent(n), outcome);
        }
        run.phase = Phase::Closed { at_ms: 1 };
        run
    }

    fn scene(run: &Run, loosely: &Loosely) -> Scene {
        let tell = |group: Group| Told {
            group,
            printed: Printed::Unknown,
            other: None,
            same_but: SameBut::default(),
        };
        Scene {
            groups: run.groups(loosely).into_iter().map(tell).collect(),
            thread: Some((1, 2)),
            ..Scene::default()
        }
    }

    fn shown(run: &Run, scene: &Scene) -> Vec<String> {
        let one = |button: Button| match button.target {
            ButtonTarget::Press(press) => {
                let id = press.to_string();
                let id = id.replace(&run.spec.id.to_string(), "RUN");
                format!("{} {id}", button.label)
            }
            ButtonTarget::Link(_) => button.label,
        };
        buttons(run, scene).into_iter().map(one).collect()
    }

    #[test]
    fn a_part_that_is_all_of_it_has_no_button_of_its_own() {
        let alone = run_of(&[(1, 1)], 3);
        let last = ["Edit… v1:edit:RUN", "Copy v1:copy:RUN", "Output"];
        let first = ["↻ Run again v1:again:RUN"];
        let expected: Vec<&str> = first.into_iter().chain(last).collect();
        assert_eq!(shown(&alone, &scene(&alone, &Loosely::new())), expected);
        let mixed = run_of(&[(0, 1), (1, 1), (0, 1)], 3);
        let shown = shown(&mixed, &scene(&mixed, &Loosely::new()));
        assert_eq!(shown[1], "↻ Retry 1 failed v1:retry:RUN");
        assert_eq!(shown[2], "By host v1:byhost:RUN:0");
    }

    #[test]
    fn odd_are_exactly_those_that_the_card_shows_as_such() {
        let odd = |ends: &[(i32, u8)], len: usize, loosely: &[(usize, u8)]| {
            let run = run_of(ends, len);
            let loosely = loosely.iter().map(|(n, digit)| (agent(*n), [*digit; 32]));
            let all = shown(&run, &scene(&run, &loosely.collect()));
            all.into_iter().find(|label| label.contains("odd"))
        };
        let exact = odd(&[(0, 1), (0, 1), (0, 2)], 3, &[]);
        assert_eq!(exact.as_deref(), Some("≠ Run on 1 odd v1:odd:RUN"));
        // What failed differs too, and is not odd: then it is named.
        let named = odd(&[(0, 1), (0, 1), (0, 2), (1, 3)], 3, &[]);
        assert_eq!(named.as_deref(), Some("≠ Run on 1 odd v1:these:RUN:www2"));
        // Each printed its own name, but one: `differs` would be two.
        let loose = [(0, 1), (0, 2), (0, 3)];
        let named = odd(&loose, 3, &[(0, 9), (1, 9), (2, 8)]);
        assert_eq!(named.as_deref(), Some("≠ Run on 1 odd v1:these:RUN:www2"));
        let long = odd(&loose, 60, &[(0, 9), (1, 9), (2, 8)]);
        assert_eq!(long, None, "its name does not fit an id");
        assert_eq!(odd(&[(0, 1), (0, 1)], 3, &[]), None);
        assert_eq!(odd(&loose, 3, &[(0, 9), (1, 9), (2, 9)]), None);
    }
}

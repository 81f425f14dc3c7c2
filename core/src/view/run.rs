//! A run as its card: one look that stays true from the first second to a year later.

use super::{Accent, Card, Texts, command_code, inline_code, input, mention};
use crate::limits;
use crate::output::sanitise::push_visible;
use crate::run::{Execution, How, InputKind, Phase, Rank, Run};
use crate::text::{count, duration, thousands};
use groups::{Room, Shown, Told, chosen, fits, group_heading, group_output};

pub(super) use groups::fenced;
use verdict::Verdict;

pub use between::between_card;
pub use buttons::thread_of;
pub use by_host::{by_host_card, copy_card};
pub use diff::{diff_card, diff_shown};
pub use open::{Opened, Picked, open_card};
pub use result::run_result;
pub use waves::words as rollout_words;

mod between;
mod buttons;
mod by_host;
mod diff;
pub mod groups;
mod hint;
mod notes;
mod open;
mod progress;
mod result;
mod verdict;
pub(super) mod waves;

/// Groups that the card shows with their output; of more it says who they are.
const GROUPS_MAX: usize = 5;

/// Users that the card names.
const USERS_MAX: usize = 3;

/// Characters of names in the heading of a group on the card.
const NAMES_MAX: usize = 300;

/// What the card shows besides the run itself.
#[derive(Clone, Debug, Default)]
pub struct Scene {
    /// The users that commands run as on these hosts, for example `root`.
    pub run_as: Vec<String>,
    /// Guild and thread, once there is one.
    pub thread: Option<(u64, u64)>,
    /// How the hosts ended and what they printed, once all have.
    pub groups: Vec<Told>,
    /// The end of what is printed so far, where no thread shows it.
    pub live: Option<String>,
    /// Hosts whose commands wait because too much output is not stored yet.
    pub spool_full: Vec<String>,
    /// The output is read to its end, and no files with it are in a thread.
    pub without_files: bool,
    /// A last small line about how the run is shown.
    pub remark: Option<String>,
}

/// The card of a run.
#[must_use]
pub fn run_card(run: &Run, scene: &Scene) -> Card {
    let verdict = Verdict::of(run);
    let mut texts = Texts::with(heading(run, &verdict, scene));
    texts.add(script(run));
    // What comes last must fit too: it is short, and says how the run is shown.
    let remark = scene.remark.clone();
    if let Phase::Expired(reason) = &run.phase {
        texts.add(Some(format!("Nothing was run: {reason}.")));
    } else {
        if !run.all_ended() {
            texts.add(waves::progress(run).or_else(|| progress::progress(run)));
            texts.add(scene.live.as_deref().map(|live| fenced(live, "")));
        }
        texts.add(waves::parts(run));
        add_groups(&mut texts, &scene.groups);
        texts.add(notes::notes(run, scene));
    }
    texts.add(remark);
    Card {
        accent: verdict.accent,
        texts: texts.into_blocks(),
        buttons: buttons::buttons(run, scene),
        menu: open::menu(run, &scene.groups),
    }
}

/// An older card of a run that goes on in a newer message: nothing to press, and a link to that message when there can be one.
#[must_use]
pub fn moved_card(run: &Run, to: Option<&str>) -> Card {
    let (number, target) = (run.number, target(run));
    let command = inline_code(&run.spec.what.text(), 300);
    let below = match to {
        Some(link) => format!("Goes on below: {link}"),
        None => "Goes on below, in a newer message.".to_owned(),
    };
    let text = format!("### ⤵ {number} · {target}\n{command}\n{below}");
    Card::new(Accent::Grey, vec![text])
}

/// True when the card shows all of what the hosts printed.
#[must_use]
pub fn card_is_whole(groups: &[Told]) -> bool {
    let room = room(groups.len());
    groups.len() <= GROUPS_MAX
        && groups
            .iter()
            .all(|told| told.group.outputs == 1 && fits(told, room))
}

/// One line for a new message at the end of a long run, and for lists.
#[must_use]
pub fn run_summary(run: &Run) -> String {
    let verdict = Verdict::of(run);
    let mut words = vec![format!("{} {}", verdict.mark, run.number), target(run)];
    words.extend(Some(verdict.words).filter(|words| !words.is_empty()));
    words.extend(verdict.took);
    words.join(" · ")
}

/// The name of a run's thread: fixed at its creation, without a state, the number first for search.
#[must_use]
pub fn thread_name(run: &Run) -> String {
    let mut command = String::new();
    for c in run.spec.what.text().trim().chars().take(60) {
        match c {
            '\n' => command.push('⏎'),
            '\t' => command.push('␉'),
            c => push_visible(c, &mut command),
        }
    }
    let command: String = command.chars().take(60).collect();
    let name = format!("{} {command} · {}", run.number, target(run));
    name.chars().take(limits::NAME_CHARS_MAX).collect()
}

fn how(execution: &Execution) -> Option<&How> {
    execution.outcome().map(|outcome| &outcome.how)
}

/// `web-01`, or `12 hosts`.
fn target(run: &Run) -> String {
    match &run.spec.targets[..] {
        [one] => one.name.to_string(),
        all => count(all.len(), "host"),
    }
}

/// The first block stands alone on a phone's lock screen: state, number, target, result, how many outputs there are and how long it took.
fn heading(run: &Run, verdict: &Verdict, scene: &Scene) -> String {
    let mut words = vec![format!("{} {}", verdict.mark, run.number)];
    let upkeep = run.spec.what.upkeep();
    words.extend(upkeep.map(|upkeep| upkeep.text().into_owned()));
    words.push(target(run));
    words.extend(Some(verdict.words.clone()).filter(|words| !words.is_empty()));
    let well = |told: &&Told| matches!(told.group.rank, Rank::Odd | Rank::Most);
    let outputs = scene.groups.iter().filter(well).count();
    if outputs > 1 {
        words.push(format!("{} different outputs", thousands(outputs as u64)));
    }
    words.extend(verdict.took.clone());
    let mut meta = vec![mention(&run.spec.origin.principal())];
    if run.spec.targets.len() > 1 {
        meta.push(inline_code(&run.spec.selector, 120));
    }
    let seconds = run.accepted_ms / 1_000;
    // That the end is recorded too changes nothing to see, and must not cost another edit.
    if run.is_over() || run.all_ended() {
        meta.push(format!("<t:{seconds}:f>"));
    } else {
        meta.push(format!("<t:{seconds}:R>"));
        meta.push(match run.spec.options.timeout_ms {
            0 => "no timeout".to_owned(),
            ms => format!("timeout {}", duration(ms)),
        });
    }
    let rollout = run.spec.strategy.rollout.as_ref();
    meta.extend(rollout.map(waves::words));
    if !scene.run_as.is_empty() && upkeep.is_none() {
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
    if run.spec.options.leave {
        meta.push("may leave processes running".to_owned());
    }
    if run.spec.options.terminal.is_own() {
        meta.push("on a terminal".to_owned());
    }
    let given = run.spec.input.as_ref();
    let given = given.map(|given| input::line(given) + "\n");
    let command = match upkeep {
        None => command_code(&run.spec.what.text(), 300) + "\n",
        Some(_) => String::new(),
    };
    format!(
        "### {}\n{command}{}-# {}",
        words.join(" · "),
        given.unwrap_or_default(),
        meta.join(" · ")
    )
}

/// The first lines of a script: that is what runs. Standard input is data, and has its line in the heading.
fn script(run: &Run) -> Option<String> {
    let given = run.spec.input.as_ref()?;
    match given.kind {
        InputKind::Script => input::beginning(given),
        InputKind::Stdin => None,
    }
}

/// Who has a link is known of a run that has begun; before, who had one when it was accepted.
fn is_away(run: &Run, execution: &Execution) -> bool {
    match run.phase {
        Phase::Accepted => execution.away.is_some(),
        Phase::Running | Phase::Closed { .. } | Phase::Expired(_) => !execution.online,
    }
}

/// Groups as blocks of the card: those that people should look at, and the one that did as most; of the rest, who they are.
fn add_groups(texts: &mut Texts, groups: &[Told]) {
    let room = room(groups.len());
    let chosen = chosen(groups, GROUPS_MAX);
    let all = groups.iter().enumerate();
    let (shown, rest): (Vec<_>, Vec<_>) = all.partition(|(at, _)| chosen.contains(at));
    let rest: Vec<&Told> = rest.into_iter().map(|(_, told)| told).collect();
    let alone = groups.len() == 1 && groups.iter().all(|told| told.group.hosts.len() == 1);
    for (_, told) in shown {
        let output = group_output(told, room);
        // A single host stands in the heading of the card.
        let text = match (alone, output) {
            (true, output) => output,
            (false, None) => Some(group_heading(told, NAMES_MAX)),
            (false, Some(output)) => Some(format!("{}\n{output}", group_heading(told, NAMES_MAX))),
        };
        if told.group.rank == Rank::Most {
            texts.add(others(&rest));
        }
        texts.add(text);
    }
    if !groups.iter().any(|told| told.group.rank == Rank::Most) {
        texts.add(others(&rest));
    }
}

/// Who else there is, by how they stand to the others: nobody who failed is left unnamed.
fn others(rest: &[&Told]) -> Option<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut at = 0;
    while let Some(first) = rest.get(at) {
        let rank = first.group.rank;
        let same: Vec<&&Told> = rest
            .iter()
            .skip(at)
            .take_while(|told| told.group.rank == rank)
            .collect();
        at += same.len();
        let names = groups::names(same.iter().flat_map(|told| told.group.names()), NAMES_MAX);
        let hosts: usize = same.iter().map(|told| told.group.hosts.len()).sum();
        let hosts = count(hosts, "more host");
        let outputs = match same.len() {
            1 => same
                .iter()
                .map(|told| groups::how_words(&told.group.how, rank))
                .collect(),
            n => format!("{n} different ends or outputs"),
        };
        lines.push(format!(
            "{} {hosts} · **{names}** · {outputs}",
            groups::mark(rank)
        ));
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// The room that each of so many groups has for its output.
const fn room(groups: usize) -> Room {
    let (lines_max, units_max) = limits::CARD_OUTPUT_MAX;
    let (lines, units, last) = match groups {
        0 | 1 => (lines_max, units_max, 8),
        2 | 3 => (10, 600, 6),
        _ => (6, 400, 4),
    };
    Room {
        lines,
        units,
        part: Shown::Last(last),
    }
}

#[cfg(test)]
mod tests;

//! One group or one host of a run, picked from a menu: how it ended and as much of what it printed as a card holds, for one person.

use std::fmt;
use std::str::FromStr;

use super::buttons::{output, plain};
use super::by_host::rank;
use super::groups::{Printed, Told, fenced, how_words, instead, mark, names, same_words};
use crate::ids::AgentId;
use crate::limits::{
    CARD_BYTES_MAX, CARD_CHARS_MAX, CHOICES_MAX, NAME_CHARS_MAX, TEXT_DISPLAY_CHARS_MAX,
};
use crate::output::colours;
use crate::output::excerpt::Excerpt;
use crate::output::same_but::SameBut;
use crate::output::sanitise::push_visible;
use crate::run::{Execution, Group, Rank, Run};
use crate::selector::fold::fold;
use crate::text::{count, cut, duration, prefix, size, units};
use crate::view::{Accent, Card, Menu, NoPress, Press, escape_markdown_cut};

/// Characters of names in the label of an option.
const LABEL_NAMES_MAX: usize = 48;

/// Characters of names in the heading.
const NAMES_MAX: usize = 300;

/// What stands around a block of text: its fences and its language.
const FENCE_UNITS: usize = 12;

/// What one block adds to the bytes of a card.
const BLOCK_BYTES: usize = 12;

/// Room for the line between the two ends of an output.
const BETWEEN_UNITS: usize = 60;

/// What was picked. A group is named by one of its hosts, so that the same pick finds it again however outputs are compared then; what
/// is picked is nothing unless that host is one of the run's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Picked {
    /// The hosts that ended like this one.
    Group(AgentId),
    /// This host alone.
    Host(AgentId),
}

impl Picked {
    /// The host that names it.
    #[must_use]
    pub const fn agent(self) -> AgentId {
        match self {
            Self::Group(agent) | Self::Host(agent) => agent,
        }
    }
}

impl fmt::Display for Picked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(agent) => write!(f, "g:{agent}"),
            Self::Host(agent) => write!(f, "h:{agent}"),
        }
    }
}

impl FromStr for Picked {
    type Err = NoPress;

    fn from_str(value: &str) -> Result<Self, NoPress> {
        let (kind, agent) = value.split_once(':').ok_or(NoPress)?;
        let agent = agent.parse().map_err(|_| NoPress)?;
        match kind {
            "g" => Ok(Self::Group(agent)),
            "h" => Ok(Self::Host(agent)),
            _ => Err(NoPress),
        }
    }
}

/// What is known of what was picked.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The host whose output is shown.
    pub agent: AgentId,
    /// The group that it stands for, where a group was picked.
    pub group: Option<Group>,
    /// In what the outputs of that group differ after all.
    pub same_but: SameBut,
    /// What it printed.
    pub printed: Printed,
    /// Lines of that.
    pub lines: u64,
    /// Bytes of that.
    pub bytes: u64,
    /// What should be known of the text, as a part of a sentence.
    pub remark: Option<String>,
    /// Guild and thread of the run, when it has one.
    pub thread: Option<(u64, u64)>,
}

/// The menu of a card: the groups of more than one host in their order, then hosts one by one while there is room; those that stand
/// alone in the place of their group.
pub(super) fn menu(run: &Run, groups: &[Told]) -> Option<Menu> {
    if run.spec.targets.len() < 2 {
        return None;
    }
    let of_group = |told: &Told| {
        let group = &told.group;
        match &group.hosts[..] {
            [(agent, _)] => option(run, *agent, Some(group.rank)),
            hosts => {
                let mut words = vec![format!("{} {}", mark(group.rank), short(group.names()))];
                words.push(count(hosts.len(), "host"));
                words.push(plain_words(&how_plain(&group.how.plain())));
                Some((Picked::Group(group.first()), label(&words)))
            }
        }
    };
    let several = groups.iter().filter(|told| told.group.hosts.len() > 1);
    let of_several = several.flat_map(|told| told.group.hosts.iter());
    let alone = of_several.filter_map(|(agent, _)| option(run, *agent, None));
    let all = groups.iter().filter_map(of_group).chain(alone);
    let options: Vec<(Picked, String)> = all.take(CHOICES_MAX).collect();
    list(run, options, "Open one group or host…")
}

/// The menu of a page: these hosts.
pub(super) fn menu_of(run: &Run, agents: impl Iterator<Item = AgentId>) -> Option<Menu> {
    let options = agents.filter_map(|agent| option(run, agent, None));
    list(
        run,
        options.take(CHOICES_MAX).collect(),
        "Open a host of this page…",
    )
}

fn list(run: &Run, options: Vec<(Picked, String)>, placeholder: &str) -> Option<Menu> {
    let options = options.into_iter();
    let options: Vec<(String, String)> = options
        .map(|(picked, label)| (picked.to_string(), label))
        .collect();
    (!options.is_empty()).then(|| Menu {
        press: Press::Open(run.spec.id),
        placeholder: placeholder.to_owned(),
        options,
    })
}

/// One host; where it is a group of its own its mark is that of the card, which knows what is odd.
fn option(run: &Run, agent: AgentId, alone: Option<Rank>) -> Option<(Picked, String)> {
    let execution = run.execution(agent)?;
    let how = match execution.outcome() {
        Some(outcome) => how_plain(&outcome.how.plain()),
        None => execution.state().to_owned(),
    };
    let mark = alone.or_else(|| rank(run, execution)).map_or("⏳", mark);
    let name = cut(execution.name.as_str(), LABEL_NAMES_MAX);
    let words = [format!("{mark} {name}"), plain_words(&how)];
    Some((Picked::Host(agent), label(&words)))
}

fn short<'a>(names: impl Iterator<Item = &'a str>) -> String {
    cut(&fold(names), LABEL_NAMES_MAX)
}

/// Nothing styles a label; what cannot be seen of a reason, which may be an agent's, is made visible all the same.
fn plain_words(text: &str) -> String {
    let mut shown = String::new();
    text.chars().for_each(|c| push_visible(c, &mut shown));
    shown
}

fn how_plain(how: &str) -> String {
    cut(how, NAME_CHARS_MAX)
}

fn label(words: &[String]) -> String {
    let label = words.join(" · ");
    if units(&label) <= NAME_CHARS_MAX {
        return label;
    }
    format!("{}…", prefix(&label, NAME_CHARS_MAX - 1))
}

/// What was picked: how it ended, and what it printed as far as that fits.
#[must_use]
pub fn open_card(run: &Run, opened: &Opened) -> Card {
    let heading = heading(run, opened);
    let texts = match &opened.printed {
        Printed::Text { excerpt, .. } => fitting(&heading, excerpt),
        Printed::Unknown => vec!["(no output is stored)".to_owned()],
        Printed::Nothing | Printed::Binary(_) | Printed::Missing(_) => {
            instead(&opened.printed).into_iter().collect()
        }
    };
    let mut buttons = Vec::new();
    if opened.bytes > 0 {
        let press = Press::Whole(run.spec.id, opened.agent);
        buttons.push(plain("All of it ⬇", press));
    }
    buttons.extend(opened.thread.map(output));
    let rank = run.execution(opened.agent).and_then(|e| rank(run, e));
    Card {
        buttons,
        ..Card::new(accent(rank), [vec![heading], texts].concat())
    }
}

fn accent(rank: Option<Rank>) -> Accent {
    match rank {
        None => Accent::Blue,
        Some(Rank::Most) => Accent::Green,
        Some(Rank::Failed | Rank::TimedOut | Rank::Refused) => Accent::Red,
        Some(Rank::Lost | Rank::NotStarted | Rank::Odd) => Accent::Amber,
        Some(Rank::Stopped | Rank::LeftOut) => Accent::Grey,
    }
}

fn heading(run: &Run, opened: &Opened) -> String {
    let execution = run.execution(opened.agent);
    let name = execution.map_or("?", |execution| execution.name.as_str());
    let (mark, who) = match &opened.group {
        Some(group) => (mark(group.rank), names(group.names(), NAMES_MAX)),
        None => {
            let rank = execution.and_then(|execution| rank(run, execution));
            (
                rank.map_or("⏳", mark),
                names([name].into_iter(), NAMES_MAX),
            )
        }
    };
    let mut words = Vec::new();
    if let Some(group) = &opened.group {
        words.push(count(group.hosts.len(), "host"));
    }
    words.extend(execution.map(|execution| ended(run, execution)));
    let took = opened.group.as_ref().map(|group| group.duration_ms);
    let outcome = execution.and_then(Execution::outcome);
    if let Some(outcome) = outcome.filter(|outcome| outcome.how.exit_code().is_some()) {
        words.push(duration(took.unwrap_or(outcome.duration_ms)));
        let left = outcome.left_words();
        words.extend(left.map(|left| escape_markdown_cut(&left, 200)));
    }
    if opened.bytes > 0 {
        let lines = usize::try_from(opened.lines).unwrap_or(usize::MAX);
        let so_far = if outcome.is_none() { " so far" } else { "" };
        let amount = format!("{}, {}{so_far}", count(lines, "line"), size(opened.bytes));
        words.push(amount);
    }
    let group = opened.group.as_ref();
    if let Some(same) = group.and_then(|group| same_words(group, opened.same_but)) {
        words.push(same);
        words.push(format!("as {} printed it", names([name].into_iter(), 70)));
    }
    words.extend(opened.remark.clone());
    format!(
        "### {mark} {} · {who}\n-# {}",
        run.number,
        words.join(" · ")
    )
}

/// How a host ended, or that it has not.
fn ended(run: &Run, execution: &Execution) -> String {
    match (execution.outcome(), rank(run, execution)) {
        (Some(outcome), Some(rank)) => how_words(&outcome.how, rank),
        (_, _) => execution.state().to_owned(),
    }
}

/// The blocks of a text that fit below a heading: all of it, or its beginning and its end.
fn fitting(heading: &str, excerpt: &Excerpt) -> Vec<String> {
    let mut room = CARD_CHARS_MAX.saturating_sub(units(heading) + BETWEEN_UNITS);
    loop {
        let blocks = ends(excerpt, room);
        if fit(heading, &blocks) || room < FENCE_UNITS {
            return blocks;
        }
        // Fences and characters of several bytes take what they take.
        room = room * 15 / 16;
    }
}

fn fit(heading: &str, blocks: &[String]) -> bool {
    let all = || blocks.iter().map(String::as_str).chain([heading]);
    all().map(units).sum::<usize>() <= CARD_CHARS_MAX
        && all().map(|text| text.len() + BLOCK_BYTES).sum::<usize>() <= CARD_BYTES_MAX
}

fn ends(excerpt: &Excerpt, units_max: usize) -> Vec<String> {
    let part = excerpt.ends(usize::MAX, units_max);
    if part.is_whole() && colours::stripped(&part.tail).trim().is_empty() {
        return vec!["(only blank lines)".to_owned()];
    }
    let mut blocks = fences(&part.head);
    if !part.is_whole() {
        let left_out = usize::try_from(part.left_out).unwrap_or(usize::MAX);
        blocks.push(format!("-# {} left out here", count(left_out, "line")));
    }
    blocks.extend(fences(&part.tail));
    blocks
}

/// A text in blocks of which each fits a text display, cut where a line ends if that can be. Colours that are cut go on.
fn fences(text: &str) -> Vec<String> {
    let mut rest = text.trim_end_matches('\n').to_owned();
    let room = TEXT_DISPLAY_CHARS_MAX - FENCE_UNITS - colours::CUT_UNITS;
    let mut blocks = Vec::new();
    while !rest.is_empty() {
        let fits = prefix(&rest, room);
        let end = match fits.rfind('\n') {
            Some(at) if fits.len() < rest.len() && at > 0 => at + 1,
            Some(_) | None => colours::floor(&rest, fits.len()),
        };
        let block = colours::closed(&rest, end);
        // A block of blank lines alone shows nothing.
        if !colours::stripped(&block).trim().is_empty() {
            blocks.push(fenced(&block, ""));
        }
        let next = colours::opened(&rest, end);
        // What is left of a text that does not end plain is a sequence; a broken one is not shown.
        if end == rest.len() || next.len() >= rest.len() {
            break;
        }
        rest = next;
    }
    blocks
}

#[cfg(test)]
mod tests;

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
                words.push(plain_words(&how_plain(&group.how.to_string())));
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
        Some(outcome) => how_plain(&outcome.how.to_string()),
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
mod tests {
    use super::*;
    use crate::ids::RunNumber;
    use crate::refusal::Code;
    use crate::run::{How, Loosely, Outcome, Phase, Reason, Spec, Target};
    use crate::view::{ButtonTarget, thread_of};

    fn agent(n: usize) -> AgentId {
        AgentId::from_bytes((n as u128 + 1).to_be_bytes())
    }

    /// A run whose hosts ended so and printed this.
    fn run_of(ends: &[(How, u8)]) -> Run {
        let target = |n: usize| Target {
            agent: agent(n),
            name: format!("web_{n}").parse().unwrap(),
            away: None,
        };
        let targets = (0..ends.len()).map(target).collect();
        let mut run = Run::new(RunNumber(142), Spec::example(targets), 0);
        for (n, (how, content)) in ends.iter().enumerate() {
            let outcome = Outcome {
                content_sha256: how.exit_code().map(|_| [*content; 32]),
                duration_ms: 1_300,
                ..Outcome::without_output(how.clone())
            };
            run.apply_finished(agent(n), outcome);
        }
        run.phase = Phase::Closed { at_ms: 1 };
        run
    }

    fn told(run: &Run) -> Vec<Told> {
        let tell = |group: Group| Told {
            group,
            printed: Printed::Unknown,
            other: None,
            same_but: SameBut::default(),
        };
        run.groups(&Loosely::new()).into_iter().map(tell).collect()
    }

    fn opened(text: &str, group: Option<Group>) -> Opened {
        Opened {
            agent: agent(0),
            group,
            same_but: SameBut::default(),
            printed: Printed::text(text),
            lines: text.lines().count() as u64,
            bytes: text.len() as u64,
            remark: None,
            thread: Some((1, 99)),
        }
    }

    #[test]
    fn picks_are_read_as_they_were_written_and_forged_ones_are_nothing() {
        for picked in [Picked::Group(agent(1)), Picked::Host(agent(2))] {
            assert_eq!(picked.to_string().parse(), Ok(picked));
        }
        let id = agent(1);
        for bad in [
            String::new(),
            "h:".to_owned(),
            "h:web-01".to_owned(),
            format!("x:{id}"),
            format!("H:{id}"),
            format!("{id}"),
            format!("h:{id}0"),
            format!("h:{id} "),
            format!("h:{}", id.to_string().replace('0', "G")),
        ] {
            assert_eq!(bad.parse::<Picked>(), Err(NoPress), "{bad}");
        }
    }

    #[test]
    fn colours_that_are_cut_between_blocks_go_on() {
        let run = run_of(&[(How::Exited(0), 1)]);
        let red = format!("\u{1b}[31m{}\u{1b}[0m\nplain\n", "x".repeat(3_000));
        let card = open_card(&run, &opened(&red, None));
        let blocks: Vec<&String> = card.texts.iter().skip(1).collect();
        assert_eq!(blocks.len(), 2, "{blocks:?}");
        let mut stripped = String::new();
        for block in blocks {
            assert!(block.starts_with("```ansi\n\u{1b}[31m"), "{block:?}");
            assert!(units(block) <= TEXT_DISPLAY_CHARS_MAX);
            let inside = block.strip_prefix("```ansi\n").unwrap();
            let inside = inside.strip_suffix("\n```").unwrap();
            assert_eq!(inside.matches("\u{1b}[0m").count(), 1, "{inside:?}");
            stripped.push_str(&colours::stripped(inside));
        }
        assert_eq!(stripped, format!("{}\nplain", "x".repeat(3_000)));
    }

    #[test]
    fn of_outputs_that_differ_in_nothing_that_is_named_that_is_said() {
        let run = run_of(&[(How::Exited(0), 1), (How::Exited(0), 2)]);
        let alike = run.compared(SameBut::default(), |_| Some("up\n".to_owned()));
        let card = open_card(&run, &opened("up\n", alike.groups.into_iter().next()));
        let told = "2 hosts · exit 0 · 1.3 s · 1 line, 3 B · the same but for what is not text, such as colours · as web\\_0 printed it";
        assert!(card.texts[0].ends_with(told), "{card:?}");
    }

    #[test]
    fn a_text_that_does_not_end_plain_is_shown_too() {
        let red = "\u{1b}[31m".to_owned();
        assert_eq!(
            fences(&format!("{red}x\n")),
            ["```ansi\n\u{1b}[31mx\u{1b}[0m\n```"]
        );
        let long = fences(&format!("{red}{}", "x".repeat(3_000)));
        let shown: usize = long.iter().map(|block| block.matches('x').count()).sum();
        assert_eq!((long.len(), shown), (2, 3_000));
        for forged in [
            red,
            format!("\u{1b}[{}", "1;".repeat(3_000)),
            "\u{1b}".to_owned(),
        ] {
            assert!(fences(&forged).len() < 5, "it ends");
        }
    }

    #[test]
    fn what_is_odd_has_its_mark_in_the_menu_too() {
        let run = run_of(&[
            (How::Exited(0), 1),
            (How::Exited(0), 1),
            (How::Exited(0), 2),
        ]);
        let menu = menu(&run, &told(&run)).unwrap();
        let (_, odd) = &menu.options[0];
        assert_eq!(odd, "≠ web_2 · exit 0");
    }

    #[test]
    fn groups_come_in_the_order_of_the_card_and_then_hosts_while_there_is_room() {
        let away = Reason::new(Code::Offline, "it was\u{202e} away");
        let run = run_of(&[
            (How::Exited(0), 1),
            (How::Exited(0), 1),
            (How::NotStarted(away), 0),
            (How::Exited(7), 2),
            (How::Exited(7), 2),
        ]);
        let menu = menu(&run, &told(&run)).unwrap();
        assert_eq!(menu.press, Press::Open(run.spec.id));
        let labels: Vec<&str> = menu.options.iter().map(|(_, l)| l.as_str()).collect();
        assert_eq!(
            labels,
            [
                "❌ web_[3-4] · 2 hosts · exit 7",
                "⚪ web_2 · not started: it was⟨U+202E⟩ away",
                "✅ web_[0-1] · 2 hosts · exit 0",
                "❌ web_3 · exit 7",
                "❌ web_4 · exit 7",
                "✅ web_0 · exit 0",
                "✅ web_1 · exit 0",
            ]
        );
        assert_eq!(menu.options[0].0, Picked::Group(agent(3)).to_string());
        assert_eq!(menu.options[1].0, Picked::Host(agent(2)).to_string());

        let many: Vec<(How, u8)> = (0..60).map(|n| (How::Exited(0), n)).collect();
        let run = run_of(&many);
        let menu = super::menu(&run, &told(&run)).unwrap();
        assert_eq!(menu.options.len(), CHOICES_MAX);
        let one = run_of(&[(How::Exited(0), 1)]);
        assert_eq!(super::menu(&one, &told(&one)), None);
        let goes_on = run_of(&many);
        assert_eq!(super::menu(&goes_on, &[]), None, "not read to its end");
    }

    #[test]
    fn what_is_short_is_shown_whole_and_of_what_is_long_both_ends() {
        let run = run_of(&[(How::Exited(3), 1), (How::Exited(3), 1)]);
        let card = open_card(&run, &opened("one\ntwo\n", None));
        assert_eq!(
            card.texts,
            [
                "### ❌ #142 · web\\_0\n-# exit 3 · 1.3 s · 2 lines, 8 B",
                "```\none\ntwo\n```"
            ]
        );
        let group = told(&run).remove(0).group;
        let long: String = (1..=5_000).map(|n| format!("line {n}\n")).collect();
        let card = open_card(&run, &opened(&long, Some(group)));
        let text = card.texts.join("\n");
        for held in [
            "### ❌ #142 · web\\_[0-1]\n-# 2 hosts · exit 3",
            "5,000 lines",
            "```\nline 1\nline 2\n",
            " lines left out here\n```\n",
            "\nline 5000\n```",
        ] {
            assert!(text.contains(held), "{held}: {text}");
        }
        let shown: usize = card.texts.iter().map(|text| units(text)).sum();
        assert!(shown > CARD_CHARS_MAX - 300, "as much as fits: {shown}");
        let left_out = text.split(" lines left out here").next().unwrap();
        let left_out = left_out.rsplit("-# ").next().unwrap().replace(',', "");
        let lines = text
            .lines()
            .filter(|line| line.starts_with("line "))
            .count();
        assert_eq!(left_out.parse::<usize>().unwrap() + lines, 5_000);
    }

    #[test]
    fn of_one_that_goes_on_or_printed_nothing_that_is_said() {
        let run = run_of(&[(How::Exited(0), 1), (How::Exited(0), 1)]);
        let say = |printed: Printed| {
            let opened = Opened {
                printed,
                bytes: 0,
                ..opened("", None)
            };
            let card = open_card(&run, &opened);
            let whole = Press::Whole(run.spec.id, agent(0));
            let gives =
                |button: &crate::view::Button| button.target == ButtonTarget::Press(whole.clone());
            assert!(!card.buttons.iter().any(gives), "there is nothing to give");
            card.texts[1].clone()
        };
        assert_eq!(say(Printed::Nothing), "(no output)");
        assert_eq!(say(Printed::Unknown), "(no output is stored)");
        let why = Printed::Missing("it was deleted on <t:5:D>".to_owned());
        assert_eq!(say(why), "(output not shown: it was deleted on <t:5:D>)");
        let why = Printed::Missing("what is\nleft is ``` damaged".to_owned());
        assert_eq!(say(why), "(output not shown: what is left is     damaged)");
        let why = Printed::Missing("it was deleted by `[retention]`".to_owned());
        assert_eq!(
            say(why),
            "(output not shown: it was deleted by `[retention]`)"
        );
        let goes_on = Run::new(RunNumber(1), Spec::clone(&run.spec), 0);
        let card = open_card(&goes_on, &opened("x\n", None));
        assert!(card.texts[0].ends_with(" · 1 line, 2 B so far"), "{card:?}");
        let ButtonTarget::Link(url) = &card.buttons[1].target else {
            panic!("{card:?}")
        };
        assert_eq!(thread_of(url), Some((1, 99)));
        for bad in [
            "https://discord.com/channels/1",
            "https://x.example/1/2",
            "https://discord.com/channels/1/2/3",
            "https://discord.com/channels/0/1",
        ] {
            assert_eq!(thread_of(bad), None);
        }
    }
}

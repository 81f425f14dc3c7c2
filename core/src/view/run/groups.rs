//! A group of hosts as people see it, on the card and in the thread: who, how it ended, and what was printed, once for all of them.

use std::collections::BTreeSet;

use crate::output::colours;
use crate::output::diff;
use crate::output::excerpt::Excerpt;
use crate::output::same_but::SameBut;
use crate::run::{Group, How, Rank};
use crate::selector::fold::fold;
use crate::text::{count, cut, duration, size, units};
use crate::view::escape_markdown_cut;

/// A group, and what is known of what its hosts printed.
#[derive(Clone, Debug)]
pub struct Told {
    /// The hosts, and how they ended.
    pub group: Group,
    /// What the first of them printed, which stands for all.
    pub printed: Printed,
    /// Where they printed another text than most hosts of the run: both.
    pub other: Option<Other>,
    /// In what the outputs of the hosts differ after all.
    pub same_but: SameBut,
}

/// Two texts that differ.
#[derive(Clone, Debug)]
pub struct Other {
    /// What most have.
    pub most: String,
    /// What these have.
    pub these: String,
}

/// What a host printed.
#[derive(Clone, Debug)]
pub enum Printed {
    /// Nobody knows: it never ran, or the outcome is unknown.
    Unknown,
    /// Nothing.
    Nothing,
    /// This text, out of so many bytes.
    Text {
        /// Its beginning and its end.
        excerpt: Excerpt,
        /// Bytes that the command wrote.
        bytes: u64,
    },
    /// No text, so many bytes.
    Binary(u64),
    /// It cannot be read: why, as a part of a sentence.
    Missing(String),
}

impl Printed {
    /// A short text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        let mut excerpt = Excerpt::default();
        excerpt.push(text);
        Self::Text {
            excerpt,
            bytes: text.len() as u64,
        }
    }
}

/// How much room there is for an output, and which part of a long one is shown.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Lines at most.
    pub lines: usize,
    /// UTF-16 units at most, without what stands around the text.
    pub units: usize,
    /// What is shown of an output that has more.
    pub part: Shown,
}

/// What is shown of an output that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Its last lines, at most so many: what went wrong stands there.
    Last(usize),
    /// Its beginning and its end.
    Ends,
}

/// Who they are and how it ended: `❌ **db-[01-02]** · 2 hosts · exit 100 · 1.3 s`.
#[must_use]
pub fn group_heading(told: &Told, names_max: usize) -> String {
    let group = &told.group;
    let mut words = vec![format!(
        "{} **{}**",
        mark(group.rank),
        names(group.names(), names_max)
    )];
    if group.hosts.len() > 1 {
        words.push(count(group.hosts.len(), "host"));
    }
    words.push(how_words(&group.how, group.rank));
    if group.how.exit_code().is_some() {
        words.push(duration(group.duration_ms));
    }
    words.extend(same_words(group, told.same_but));
    words.join(" · ")
}

/// In what the outputs of a group differ after all, when they do.
pub(super) fn same_words(group: &Group, same_but: SameBut) -> Option<String> {
    let what = match same_but.to_string() {
        nothing if nothing.is_empty() => "what is not text, such as colours".to_owned(),
        what => what,
    };
    (group.outputs > 1).then(|| format!("the same but for {what}"))
}

/// Characters of a reason.
const REASON_MAX: usize = 200;

/// How it ended, in words that nothing can style: a reason may be an agent's.
pub(super) fn how_words(how: &How, rank: Rank) -> String {
    let (How::Refused(reason) | How::NotStarted(reason) | How::Lost(reason)) = how else {
        return how.plain();
    };
    match rank {
        Rank::LeftOut => {
            let text = reason.text.as_data();
            let why = text.strip_prefix("skipped: ").unwrap_or(text);
            format!("left out: {}", escape_markdown_cut(why, REASON_MAX))
        }
        Rank::Failed
        | Rank::TimedOut
        | Rank::Lost
        | Rank::Refused
        | Rank::NotStarted
        | Rank::Stopped
        | Rank::Odd
        | Rank::Most => how_in_chat(how),
    }
}

/// The same, of one host alone.
pub(crate) fn how_in_chat(how: &How) -> String {
    let words = how.plain();
    match how {
        How::Refused(_) | How::NotStarted(_) | How::Lost(_) => {
            let (kind, why) = words.split_once(": ").unwrap_or(("", &words));
            format!("{kind}: {}", escape_markdown_cut(why, REASON_MAX))
        }
        How::Exited(_)
        | How::Signaled(_)
        | How::TimedOut(_)
        | How::OutOfMemory(_)
        | How::Cancelled(_)
        | How::StoppedOnHost(_) => words,
    }
}

/// What they printed, never nothing where something is known; none where nothing is.
#[must_use]
pub fn group_output(told: &Told, room: Room) -> Option<String> {
    if let Some(Other { most, these }) = &told.other {
        return Some(other(most, these, room));
    }
    match &told.printed {
        Printed::Text { excerpt, bytes } => Some(text(excerpt, *bytes, room)),
        Printed::Unknown | Printed::Nothing | Printed::Binary(_) | Printed::Missing(_) => {
            instead(&told.printed)
        }
    }
}

/// What is said of what a host printed where that is known and is no text to be shown.
pub(super) fn instead(printed: &Printed) -> Option<String> {
    match printed {
        Printed::Unknown | Printed::Text { .. } => None,
        Printed::Nothing => Some("(no output)".to_owned()),
        Printed::Binary(bytes) => Some(format!("(binary output, {})", size(*bytes))),
        Printed::Missing(why) => {
            let mut why = cut(&why.replace('\n', " "), 400);
            // A backtick that is not one of a pair would style what follows.
            if why.matches('`').count() % 2 == 1 || why.contains("``") {
                why = why.replace('`', " ");
            }
            Some(format!("(output not shown: {why})"))
        }
    }
}

/// True when all that is known of what they printed fits.
#[must_use]
pub fn fits(told: &Told, room: Room) -> bool {
    if let Some(Other { these, .. }) = &told.other {
        return these.lines().count() <= room.lines && units(these) <= room.units;
    }
    match &told.printed {
        Printed::Unknown | Printed::Nothing | Printed::Missing(_) => true,
        Printed::Binary(_) => false,
        Printed::Text { excerpt, .. } => excerpt.last(room.lines, room.units).is_whole(),
    }
}

/// The mark of hosts that ended so.
#[must_use]
pub const fn mark(rank: Rank) -> &'static str {
    match rank {
        Rank::Failed | Rank::TimedOut => "❌",
        Rank::Lost => "❔",
        Rank::Refused => "⛔",
        Rank::NotStarted => "⚪",
        Rank::Stopped => "⏹",
        Rank::Odd => "≠",
        Rank::Most => "✅",
        Rank::LeftOut => "⏭",
    }
}

/// Which of the groups are shown with their output when there is room for so many, in their order: what most did, one for each way to
/// end, and of what is left the first ones.
#[must_use]
pub fn chosen(groups: &[Told], max: usize) -> Vec<usize> {
    let kind = |told: &Told| (told.group.rank, told.group.how.clone());
    let mut kinds = BTreeSet::new();
    let most = groups.iter().position(|told| told.group.rank == Rank::Most);
    let (first, more): (Vec<usize>, Vec<usize>) = (0..groups.len())
        .filter(|at| Some(*at) != most)
        .partition(|at| groups.get(*at).is_some_and(|told| kinds.insert(kind(told))));
    let order = most.into_iter().chain(first).chain(more);
    let mut chosen: Vec<usize> = order.take(max).collect();
    chosen.sort_unstable();
    chosen
}

/// Names in short, safe in the open: the only character of a name that Markdown knows is escaped.
#[must_use]
pub fn names<'a>(names: impl Iterator<Item = &'a str>, chars_max: usize) -> String {
    cut(&fold(names), chars_max).replace('_', "\\_")
}

/// A text in a code block of its own, of colours when it has them. It never holds three backticks in a row (see the sanitiser). In Discord
/// a block without a character in it is none, and its backticks would be read.
#[must_use]
pub fn fenced(text: &str, language: &str) -> String {
    let text = text.trim_end_matches('\n');
    let language = if colours::is_coloured(text) {
        "ansi"
    } else {
        language
    };
    match colours::stripped(text).trim() {
        "" => "(only blank lines)".to_owned(),
        _ => format!("```{language}\n{text}\n```"),
    }
}

fn other(most: &str, these: &str, room: Room) -> String {
    let changes = diff::changes(most, these, room.lines, room.units);
    if changes.is_empty() {
        // The bytes differ in something that nobody sees.
        return "(looks like what most hosts printed; the bytes differ)".to_owned();
    }
    let plain = these.lines().count();
    if changes.lines().count() > plain.max(6) {
        let mut excerpt = Excerpt::default();
        excerpt.push(these);
        return text(&excerpt, these.len() as u64, room);
    }
    fenced(&changes, "diff")
}

fn text(excerpt: &Excerpt, bytes: u64, room: Room) -> String {
    let whole = excerpt.last(room.lines, room.units);
    if whole.is_whole() {
        return fenced(&whole.tail, "");
    }
    let lines = usize::try_from(excerpt.lines()).unwrap_or(usize::MAX);
    let amount = format!("{}, {}", count(lines, "line"), size(bytes));
    match room.part {
        Shown::Last(lines) => {
            let part = excerpt.last(lines.min(room.lines), room.units);
            let shown = part.tail.trim_end_matches('\n').lines().count();
            let last = match shown {
                0 => return format!("-# {amount}, the last lines are blank"),
                1 => "last line".to_owned(),
                n => format!("last {n}"),
            };
            format!("-# {amount}, {last}:\n{}", fenced(&part.tail, ""))
        }
        Shown::Ends => {
            let part = excerpt.ends(room.lines, room.units);
            let left_out = count(usize::try_from(part.left_out).unwrap_or(usize::MAX), "line");
            let head = match part.head.as_str() {
                "" => String::new(),
                head => format!("{}\n", fenced(head, "")),
            };
            format!(
                "{head}-# {amount}, {left_out} left out here\n{}",
                fenced(&part.tail, "")
            )
        }
    }
}

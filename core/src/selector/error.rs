//! What can be wrong with a selector, where, and what to write instead. Rendering for a code block is here; wording for cards is not.

use thiserror::Error;
use unicode_width::UnicodeWidthChar;

use super::span::Span;

/// Columns of the line that [`mark`] shows: what a code block on a card holds without wrapping (chat.md B4).
const MARK_COLUMNS_MAX: usize = 56;

/// One error of a selector, with its place in the text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("column {column}: {kind}")]
pub struct SelectorError {
    /// What is wrong.
    pub kind: SelectorErrorKind,
    /// First byte of the place in the text.
    pub start: usize,
    /// Byte after the place.
    pub end: usize,
    /// Where the place starts, in characters, from 1.
    pub column: usize,
    /// What to do about it, as a fragment such as ``did you mean `web-01`?``; may be empty.
    pub hint: String,
    /// The one name that was probably meant, where this is a name that was mistyped.
    pub nearest: Option<String>,
}

impl SelectorError {
    pub(super) fn new(kind: SelectorErrorKind, span: Span, hint: impl Into<String>) -> Self {
        Self {
            kind,
            start: span.start,
            end: span.end,
            column: span.column,
            hint: hint.into(),
            nearest: None,
        }
    }
}

/// Everything that can be wrong with a selector.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SelectorErrorKind {
    /// Nothing was typed.
    #[error("no hosts are named")]
    Empty,
    /// Longer than [`crate::limits::SELECTOR_BYTES_MAX`].
    #[error("what names the hosts has {0} bytes")]
    TooLong(usize),
    /// Parentheses nested deeper than [`crate::limits::SELECTOR_DEPTH_MAX`].
    #[error("parentheses are nested too deep")]
    TooDeep,
    /// More globs, comparisons, `~` and runs than [`super::SCANS_MAX`].
    #[error("this has too many globs, comparisons and runs")]
    TooManyScans,
    /// A character that has no place in a selector.
    #[error("{} cannot be in a selector", shown(*.0))]
    Character(char),
    /// Something is missing at this place.
    #[error("something is missing {0}")]
    Missing(&'static str),
    /// Two things stand side by side that need a space or a comma between them.
    #[error("a space or a comma is missing before `{0}`")]
    Joined(char),
    /// `(` without `)`.
    #[error("`(` is never closed")]
    Unclosed,
    /// `)` without `(`.
    #[error("`)` closes nothing")]
    Unopened,
    /// `|` without a space on each side, outside of a label.
    #[error("`|` needs one space on each side")]
    Bar,
    /// `!` inside a list.
    #[error("`!` inside a list")]
    Exclamation,
    /// `?` elsewhere than at the end.
    #[error("`?` is not at the end")]
    Question,
    /// Not a host name.
    #[error("`{0}` is not a host name")]
    Name(String),
    /// Not a label.
    #[error("`{0}` is not a label")]
    Label(String),
    /// An operator that labels do not have.
    #[error("labels have no `{0}`")]
    Operator(&'static str),
    /// `name:` with a name or value that means nothing.
    #[error("`{0}` is unknown")]
    Meta(String),
    /// A range that is not closed, or is no range of numbers.
    #[error("`{0}` is not a range of numbers")]
    Range(String),
    /// A range from high to low, or with different padding at its ends.
    #[error("`{0}` does not go up")]
    RangeOrder(String),
    /// Ranges for more names, all together, than [`crate::limits::RANGE_NAMES_MAX`].
    #[error("ranges stand for too many names")]
    RangeTooBig,
    /// Every host without saying `all`.
    #[error("`{0}` is every host")]
    EveryHost(String),
    /// A clause that only removes.
    #[error("only hosts to leave out are named")]
    OnlyExclusions,
    /// Not a comparison.
    #[error("`{0}` is not a comparison")]
    Comparison(String),
    /// Not a fact that can be compared.
    #[error("there is no fact `{0}`")]
    Fact(String),
    /// Not a value of the fact that it is compared with: the second field says what would be one.
    #[error("`{0}` is not {1}")]
    Value(String, &'static str),
    /// `#` without the number of a run, or with an unknown part.
    #[error("`{0}` is not a run or part of one")]
    Run(String),
    /// `pick:` where it cannot draw from the rest of a clause.
    #[error("`{0}` must stand alone in its clause, once")]
    PickPlace(String),
    /// `pick:` without anything to draw from.
    #[error("`{0}` has nothing to draw from")]
    PickAlone(String),
    /// Fewer hosts than were to be drawn.
    #[error("`{0}`: there are only {1}")]
    PickTooMany(String, usize),
    /// A state of the moment where only lasting properties may stand; the second field says where.
    #[error("`{0}` cannot be in {1}")]
    State(String, &'static str),
    /// There is no saved group of this name.
    #[error("there is no group `@{0}`")]
    NoGroup(String),
    /// A group does not stand for what was saved: the second field says why, and is empty for who may not know.
    #[error("`@{0}` does not stand for what was saved{more}", more = because(.1))]
    Stale(String, String),
    /// Groups hold one another too deep, or in a circle.
    #[error("groups in `@{0}` hold one another too deep")]
    GroupDepth(String),
    /// There is no such run, or the asker may not see it.
    #[error("there is no run `{0}` that you may see")]
    NoRun(String),
    /// Nothing has this name, matches this pattern or has this label.
    #[error("no host matches `{0}`")]
    NoMatch(String),
    /// Every part matches something, and nothing is left of all together.
    #[error("{}", nothing_left(.0))]
    NothingLeft(Vec<(String, usize)>),
    /// The fleet is empty.
    #[error("there are no hosts")]
    NoHosts,
}

/// The text with the place of an error marked below it, for a code block: two lines of at most 56 columns.
///
/// Only characters that take one column and cannot leave a code block are shown as they are, so the marks stand where they belong.
#[must_use]
pub fn mark(text: &str, error: &SelectorError) -> String {
    let before = text.get(..error.start).unwrap_or(text).chars().count();
    let marked = text
        .get(error.start..error.end)
        .map_or(0, |marked| marked.chars().count())
        .max(1);
    let line: Vec<char> = text.chars().map(plain).collect();
    let (first, last) = window(line.len(), before, marked);
    let mut excerpt: Vec<char> = line.get(first..last).unwrap_or_default().to_vec();
    let cut = |end: Option<&mut char>| end.map(|c| *c = '…');
    if first > 0 {
        cut(excerpt.first_mut());
    }
    if last < line.len() {
        cut(excerpt.last_mut());
    }
    let marks = marked
        .min((first + MARK_COLUMNS_MAX).saturating_sub(before))
        .max(1);
    let excerpt: String = excerpt.into_iter().collect();
    format!(
        "{excerpt}\n{}{}",
        " ".repeat(before.saturating_sub(first)),
        "^".repeat(marks)
    )
}

/// The part of a line of `len` characters to show, so that the mark is in it with some of what stands before it.
fn window(len: usize, before: usize, marked: usize) -> (usize, usize) {
    if len.max(before + 1) <= MARK_COLUMNS_MAX {
        return (0, len);
    }
    let shown = marked.min(MARK_COLUMNS_MAX / 2);
    let lead = (MARK_COLUMNS_MAX - shown) / 2;
    // The mark may stand one past the end, where something is missing.
    let first = before
        .saturating_sub(lead)
        .min((len + 1).saturating_sub(MARK_COLUMNS_MAX));
    (first, len.min(first + MARK_COLUMNS_MAX))
}

/// One column for one character.
fn plain(c: char) -> char {
    match c {
        '`' => '\'',
        '\t' => ' ',
        c if c.is_control() || c.width() != Some(1) => '\u{fffd}',
        c if crate::output::sanitise::is_hidden(c) => '\u{fffd}',
        c => c,
    }
}

fn because(why: &str) -> String {
    match why {
        "" => " any more".to_owned(),
        why => format!(": {why}"),
    }
}

/// A character in an error: by its code point too when it is not plain ASCII, since it may look like another.
fn shown(c: char) -> String {
    match c {
        '`' => "a backtick".to_owned(),
        c if c.is_ascii_graphic() => format!("`{c}`"),
        c if plain(c) == c => format!("`{c}` (U+{:04X})", u32::from(c)),
        c => format!("U+{:04X}", u32::from(c)),
    }
}

fn nothing_left(parts: &[(String, usize)]) -> String {
    const PARTS_MAX: usize = 5;
    let positive = parts
        .iter()
        .filter(|(part, _)| !part.starts_with('!'))
        .count();
    let what = if positive > 1 {
        "no host is all of this"
    } else {
        "no host is left"
    };
    let mut shown: Vec<_> = parts
        .iter()
        .take(PARTS_MAX)
        .map(|(part, n)| format!("`{part}` {}", crate::text::count(*n, "host")))
        .collect();
    if parts.len() > PARTS_MAX {
        shown.push("…".to_owned());
    }
    format!("{what}: {}", shown.join(", "))
}

//! Reads blocks: quotes, lists, headings and small text, which begin at the start of a line.
//!
//! What stands within a line is read by `inline`. A quote or an item is a text of its own, without the marks at the
//! beginning of its lines, and is read from the start.

use super::inline;
use super::marks::Marks;
use super::write::{Element, Page};

/// Lists within lists; deeper ones are plain text, as in Discord.
const LISTS_MAX: u8 = 11;
/// The highest number that Discord lets a list start with.
const START_MAX: u64 = 1_000_000_000;

/// Where in the nesting a text stands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct State {
    pub(super) in_quote: bool,
    pub(super) lists: u8,
    /// Spans around the present one.
    pub(super) spans: u8,
    pub(super) in_link: bool,
}

/// Writes a text with its blocks.
pub(super) fn write(page: &mut Page<'_>, text: &str, state: State) {
    let marks = Marks::find(text);
    let source = inline::Source {
        text,
        marks: &marks,
    };
    let (mut at, mut fresh) = (0, true);
    while at < text.len() {
        let next = if fresh {
            block(page, source, at, state)
        } else {
            None
        };
        at = match next {
            Some(next) => next,
            None => {
                let next = inline::step(page, source, at, text.len(), state);
                fresh = text.as_bytes().get(next.wrapping_sub(1)) == Some(&b'\n');
                next
            }
        };
    }
}

/// Writes the block that begins at `at`; where it ends.
fn block(
    page: &mut Page<'_>,
    source: inline::Source<'_>,
    at: usize,
    state: State,
) -> Option<usize> {
    let rest = source.text.get(at..)?;
    let first = rest.trim_start_matches(' ').as_bytes().first()?;
    let length = match first {
        b'>' if !state.in_quote => quote(page, rest, state),
        b'#' => heading(page, source, at, state),
        b'-' => small(page, source, at, state).or_else(|| list(page, rest, state)),
        b'*' | b'0'..=b'9' => list(page, rest, state),
        _ => None,
    };
    Some(at + length?)
}

fn quote(page: &mut Page<'_>, rest: &str, state: State) -> Option<usize> {
    let state = State {
        in_quote: true,
        ..state
    };
    let bare = rest.trim_start_matches(' ');
    if let Some(all) = bare.strip_prefix(">>> ") {
        write_within(page, Element::Quote, all, state);
        return Some(rest.len());
    }
    let (mut inner, mut length) = (String::new(), 0);
    for line in rest.split_inclusive('\n') {
        let Some(quoted) = line.trim_start_matches(' ').strip_prefix("> ") else {
            break;
        };
        inner.push_str(quoted);
        length += line.len();
    }
    let inner = inner.strip_suffix('\n').unwrap_or(&inner);
    if length > 0 {
        write_within(page, Element::Quote, inner, state);
    }
    (length > 0).then_some(length)
}

fn write_within(page: &mut Page<'_>, element: Element, text: &str, state: State) {
    page.open(element);
    write(page, text, state);
    page.close(element);
}

fn heading(
    page: &mut Page<'_>,
    source: inline::Source<'_>,
    at: usize,
    state: State,
) -> Option<usize> {
    let (line, length) = line_of(source.text.get(at..)?);
    let bare = line.trim_start_matches(' ');
    let content = bare.trim_start_matches('#');
    let level = u8::try_from(bare.len() - content.len()).ok()?;
    if level > 3 || !content.starts_with([' ', '\t']) {
        return None;
    }
    let content = content.trim();
    let kept = content.trim_end_matches('#').trim_end();
    if kept.is_empty() || content.starts_with('#') {
        return None;
    }
    titled(page, source, at, kept, Element::Heading(level), state)?;
    Some(length)
}

fn small(
    page: &mut Page<'_>,
    source: inline::Source<'_>,
    at: usize,
    state: State,
) -> Option<usize> {
    let (line, length) = line_of(source.text.get(at..)?);
    let content = line.trim_start_matches(' ').strip_prefix("-#")?;
    if !content.starts_with([' ', '\t']) || content.trim().is_empty() {
        return None;
    }
    titled(page, source, at, content.trim(), Element::Small, state)?;
    Some(length)
}

/// Writes the part `kept` of the line at `at` as the content of an element.
fn titled(
    page: &mut Page<'_>,
    source: inline::Source<'_>,
    at: usize,
    kept: &str,
    element: Element,
    state: State,
) -> Option<()> {
    let from = at + source.text.get(at..)?.find(kept)?;
    page.open(element);
    inline::range(page, source, from, from + kept.len(), state);
    page.close(element);
    Some(())
}

/// The line without its end, and its length with it.
fn line_of(rest: &str) -> (&str, usize) {
    match rest.split_once('\n') {
        Some((line, _)) => (line, line.len() + 1),
        None => (rest, rest.len()),
    }
}

/// The beginning of an item.
#[derive(Clone, Copy, Debug)]
struct Bullet {
    indent: usize,
    /// Bytes up to the content.
    width: usize,
    /// The number of an ordered item.
    number: Option<u64>,
}

impl Bullet {
    fn read(line: &str) -> Option<Self> {
        let bare = line.trim_start_matches(' ');
        let indent = line.len() - bare.len();
        let digits = bare.bytes().take_while(u8::is_ascii_digit).count();
        let (mark, number) = if digits > 0 {
            let number = bare.get(..digits)?.parse::<u64>().ok()?;
            bare.get(digits..)?.strip_prefix('.')?;
            (digits + 1, Some(number.clamp(1, START_MAX)))
        } else {
            bare.strip_prefix(['-', '*'])?;
            (1, None)
        };
        let after = bare.get(mark..)?;
        let content = after.trim_start_matches(' ');
        let spaces = after.len() - content.len();
        if spaces == 0 || content.trim().is_empty() {
            return None;
        }
        Some(Self {
            indent,
            width: indent + mark + spaces,
            number,
        })
    }
}

fn list(page: &mut Page<'_>, rest: &str, state: State) -> Option<usize> {
    let first = Bullet::read(line_of(rest).0)?;
    if state.lists >= LISTS_MAX {
        return None;
    }
    let state = State {
        lists: state.lists + 1,
        ..state
    };
    let length = extent(rest, first.indent);
    let mut items: Vec<String> = Vec::new();
    let mut width = 0;
    for line in rest.get(..length)?.split_inclusive('\n') {
        match Bullet::read(line).filter(|bullet| bullet.indent == first.indent) {
            Some(bullet) => {
                items.push(line.get(bullet.width..)?.to_owned());
                width = bullet.width;
            }
            None => {
                let spaces = line.len() - line.trim_start_matches(' ').len();
                items.last_mut()?.push_str(line.get(spaces.min(width)..)?);
            }
        }
    }
    let element = match first.number {
        Some(start) => {
            page.open_ordered(start);
            Element::Ordered
        }
        None => {
            page.open(Element::Unordered);
            Element::Unordered
        }
    };
    for item in items {
        write_within(
            page,
            Element::Item,
            item.trim_end_matches([' ', '\n']),
            state,
        );
    }
    page.close(element);
    Some(length)
}

/// How far a list reaches: over items with the same indent, lines that begin with a space, and blank lines among them.
fn extent(rest: &str, indent: usize) -> usize {
    let (mut length, mut first) = (0, true);
    for line in rest.split_inclusive('\n') {
        let goes_on = first
            || line == "\n"
            || line.starts_with(' ')
            || Bullet::read(line).is_some_and(|bullet| bullet.indent == indent);
        if !goes_on {
            break;
        }
        first = false;
        length += line.len();
    }
    length
}

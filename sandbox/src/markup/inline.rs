//! Reads what stands within lines: spans, code, escapes, and the places of links, tags and fences.
//!
//! A span's end is where Discord's expressions find it: the nearest mark that may close it, whatever lies between.

use super::block::State;
use super::marks::{Marks, Runs};
use super::write::{Element, Page};
use super::{fence, link, tag};

/// Spans within spans; deeper ones are plain text.
const SPANS_MAX: u8 = 24;
/// The one text whose backslash is an arm.
const SHRUG: &str = "¯\\_(ツ)_/¯";

/// A text and where its marks are.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) text: &'a str,
    pub(super) marks: &'a Marks,
}

/// Writes a text without blocks.
pub(super) fn write(page: &mut Page<'_>, text: &str) {
    let marks = Marks::find(text);
    let source = Source {
        text,
        marks: &marks,
    };
    range(page, source, 0, text.len(), State::default());
}

/// Writes the part from `at` to `end`.
pub(super) fn range(
    page: &mut Page<'_>,
    source: Source<'_>,
    mut at: usize,
    end: usize,
    state: State,
) {
    while at < end {
        at = step(page, source, at, end, state);
    }
}

/// Writes one piece of the part from `at` to `end`; where the next one begins, always further on.
pub(super) fn step(
    page: &mut Page<'_>,
    source: Source<'_>,
    at: usize,
    end: usize,
    state: State,
) -> usize {
    let Some(rest) = source.text.get(at..end) else {
        return end;
    };
    if let Some(length) = special(page, source, at, rest, state) {
        return at + length;
    }
    // The first character is plain, whatever it is; the text goes on to the next that might not be.
    let mut chars = rest.char_indices();
    chars.next();
    let length = chars
        .find(|(at, c)| match c {
            '\\' | '*' | '_' | '~' | '|' | '`' | '<' | '@' | '[' | '\n' | '¯' => true,
            'h' => rest.get(*at..).is_some_and(link::begins),
            _ => false,
        })
        .map_or(rest.len(), |(at, _)| at);
    page.text(rest.get(..length).unwrap_or(rest));
    at + length
}

/// Writes the piece that begins with a special character; its length.
fn special(
    page: &mut Page<'_>,
    source: Source<'_>,
    at: usize,
    rest: &str,
    state: State,
) -> Option<usize> {
    let end = at + rest.len();
    match rest.as_bytes().first()? {
        b'\n' => {
            page.line_break();
            Some(1)
        }
        b'\\' => escape(page, rest),
        b'`' => code(page, source, at, end),
        b'*' => starred(page, source, at, end, state),
        b'_' => underscored(page, source, at, end, state),
        b'~' if rest.starts_with("~~") => {
            let close = source.marks.strike(at + 3, end)?;
            let shape = Shape::new(Element::Strike, 2, close);
            span(page, source, at, shape, state)
        }
        b'|' if rest.starts_with("||") => {
            let close = source.marks.spoiler(at + 3, end)?;
            let shape = Shape::new(Element::Spoiler, 2, close);
            span(page, source, at, shape, state)
        }
        b'<' => tag::write(page, rest).or_else(|| link::bracketed(page, rest, state)),
        b'@' => tag::everyone(page, rest),
        b'[' => link::masked(page, source, at, end, state),
        b'h' => link::bare(page, rest, state),
        _ if rest.starts_with(SHRUG) => {
            page.text(SHRUG);
            Some(SHRUG.len())
        }
        _ => None,
    }
}

/// A backslash before anything but letters, digits and white space vanishes and takes its meaning away.
fn escape(page: &mut Page<'_>, rest: &str) -> Option<usize> {
    let c = rest.get(1..)?.chars().next()?;
    if c.is_ascii_alphanumeric() || c.is_whitespace() {
        return None;
    }
    let length = 1 + c.len_utf8();
    page.text(rest.get(1..length)?);
    Some(length)
}

fn code(page: &mut Page<'_>, source: Source<'_>, at: usize, end: usize) -> Option<usize> {
    if let Some(length) = fence::write(page, source, at, end) {
        return Some(length);
    }
    let (ticks, close) = source.marks.code(at, end);
    let Some(close) = close else {
        page.text(source.text.get(at..at + ticks)?);
        return Some(ticks);
    };
    let mut content = source.text.get(at + ticks..close)?;
    // A space keeps a backtick of the content apart from the marks.
    if content.trim_start_matches(' ').starts_with('`') {
        content = content.strip_prefix(' ').unwrap_or(content);
    }
    if content.trim_end_matches(' ').ends_with('`') {
        content = content.strip_suffix(' ').unwrap_or(content);
    }
    page.code(content);
    Some(close + ticks - at)
}

/// A span: its element, the width of its marks and where the closing one stands.
#[derive(Clone, Copy)]
struct Shape {
    element: Element,
    width: usize,
    close: usize,
}

impl Shape {
    const fn new(element: Element, width: usize, close: usize) -> Self {
        Self {
            element,
            width,
            close,
        }
    }

    /// The longer of two spans that begin at the same place; the narrow one when they end together.
    fn longer(narrow: Option<Self>, wide: Option<Self>) -> Option<Self> {
        match (narrow, wide) {
            (Some(n), Some(w)) if n.close + n.width < w.close + w.width => Some(w),
            (Some(narrow), _) => Some(narrow),
            (None, wide) => wide,
        }
    }
}

fn span(
    page: &mut Page<'_>,
    source: Source<'_>,
    at: usize,
    shape: Shape,
    state: State,
) -> Option<usize> {
    if state.spans >= SPANS_MAX {
        return None;
    }
    let state = State {
        spans: state.spans + 1,
        ..state
    };
    page.open(shape.element);
    range(page, source, at + shape.width, shape.close, state);
    page.close(shape.element);
    Some(shape.close + shape.width - at)
}

fn starred(
    page: &mut Page<'_>,
    source: Source<'_>,
    at: usize,
    end: usize,
    state: State,
) -> Option<usize> {
    let runs = &source.marks.stars;
    let after = source.text.get(at + 1..end)?;
    let begins = !after.is_empty() && !after.starts_with(char::is_whitespace);
    let em = runs
        .single(at, end)
        .filter(|(_, alone_after_space)| begins && !alone_after_space)
        .map(|(close, _)| Shape::new(Element::Em, 1, close));
    let shape = Shape::longer(em, wide(runs, Element::Strong, after, at, end))?;
    span(page, source, at, shape, state)
}

fn underscored(
    page: &mut Page<'_>,
    source: Source<'_>,
    at: usize,
    end: usize,
    state: State,
) -> Option<usize> {
    let runs = &source.marks.underscores;
    let after = source.text.get(at + 1..end)?;
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let em = runs
        .single(at, end)
        .filter(|(close, _)| {
            let next = source.text.as_bytes().get(close + 1..end);
            !next.and_then(<[u8]>::first).is_some_and(is_word)
        })
        .map(|(close, _)| Shape::new(Element::Em, 1, close));
    let shape = Shape::longer(em, wide(runs, Element::Underline, after, at, end))?;
    span(page, source, at, shape, state)
}

fn wide(runs: &Runs, element: Element, after: &str, at: usize, end: usize) -> Option<Shape> {
    let mark = if element == Element::Strong { '*' } else { '_' };
    let close = runs.double(at, end).filter(|_| after.starts_with(mark))?;
    Some(Shape::new(element, 2, close))
}

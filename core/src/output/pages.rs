//! Sanitised text to messages: pages that hold a whole output one after the other, and the tail that shows only its end.
//!
//! A page is a header line, a code block and a small last line. Nothing of an output ever stands outside of the code block, and nothing
//! of ours inside, so that no output can pass for what we say about it. When to write which page is not decided here.

use unicode_width::UnicodeWidthChar;

use crate::limits::PAGE_CHARS_MAX;
use crate::output::colours;
use crate::text::{prefix, units};

mod tail;

pub use tail::{Above, Tail};

/// UTF-16 units of a header line; longer ones are cut.
pub const HEADER_UNITS_MAX: usize = 150;

/// UTF-16 units of a footer, kept free on every page; longer ones are cut.
pub const FOOTER_UNITS_MAX: usize = 100;

/// The language of a code block with colours.
const ANSI: &str = "ansi";

/// Text of a page that is full and will not change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The sanitised text. The texts of all pages together are the text that was pushed. Colours that the cut between two would part are
    /// closed on the one and opened again on the other.
    pub text: String,
}

/// Cuts sanitised text into pages, at line ends where it can. Where it cuts depends on the text alone, not on the pieces it came in.
#[derive(Clone, Debug)]
pub struct Pager {
    frame: Frame,
    open: String,
    /// UTF-16 units of the open page.
    units: usize,
    /// Bytes of the open page up to its last line end.
    lines: usize,
}

impl Pager {
    /// A pager whose messages begin with this Markdown line, for example `**web-01**`; with none when it is empty.
    #[must_use]
    pub fn new(header: &str) -> Self {
        Self {
            frame: Frame::new(header),
            open: String::new(),
            units: 0,
            lines: 0,
        }
    }

    /// One for text that may have colours.
    #[must_use]
    pub fn coloured(header: &str) -> Self {
        Self {
            frame: Frame::coloured(header),
            ..Self::new(header)
        }
    }

    /// Adds text that [`super::sanitise::Sanitiser`] made, and gives the pages that are full now.
    pub fn push(&mut self, text: &str) -> Vec<Page> {
        let mut full = Vec::new();
        let room = self.frame.room();
        for mut line in text.split_inclusive('\n') {
            loop {
                let fitting = prefix(line, room - self.units).len();
                if fitting == line.len() {
                    break;
                }
                if self.lines == 0 {
                    // Not even one line fits: fill up the page, and cut within the line.
                    let fitting = self.frame.cut(line, room - self.units, fitting);
                    let (head, rest) = line.split_at_checked(fitting).unwrap_or((line, ""));
                    self.append(head);
                    line = rest;
                    let next = line.chars().next();
                    self.lines = next.map_or(self.open.len(), |next| cut_before(&self.open, next));
                }
                full.push(self.seal());
            }
            self.append(line);
        }
        full
    }

    /// The text of the page that is not full yet, empty at the start.
    #[must_use]
    pub fn open(&self) -> &str {
        &self.open
    }

    /// The message for a full page, or for the open one at the end of the output.
    #[must_use]
    pub fn message(&self, text: &str, footer: &str) -> String {
        self.frame.message("", text, footer)
    }

    /// The message for the open page now, with the unfinished line of the sanitiser. When both do not fit, the last lines that do.
    #[must_use]
    pub fn live(&self, pending: &str, footer: &str) -> String {
        let text = format!("{}{pending}", self.open);
        let shown = self.frame.end(&text, self.frame.room());
        self.frame
            .message("", &colours::opened(&text, shown), footer)
    }

    fn append(&mut self, text: &str) {
        self.units += units(text);
        self.open.push_str(text);
        if text.ends_with('\n') {
            self.lines = self.open.len();
        }
    }

    /// Closes the page at the place marked by `lines` and opens the next with what follows.
    fn seal(&mut self) -> Page {
        let rest = colours::opened(&self.open, self.lines);
        let text = colours::closed(&self.open, self.lines);
        self.open = rest;
        self.units = units(&self.open);
        self.lines = 0;
        Page { text }
    }
}

/// What stands around the text of a page.
#[derive(Clone, Debug)]
struct Frame {
    header: String,
    /// The text may have colours.
    coloured: bool,
}

impl Frame {
    fn new(header: &str) -> Self {
        let header = match cut_line(header, HEADER_UNITS_MAX) {
            header if header.is_empty() => header,
            header => format!("{header}\n"),
        };
        Self {
            header,
            coloured: false,
        }
    }

    fn coloured(header: &str) -> Self {
        Self {
            coloured: true,
            ..Self::new(header)
        }
    }

    /// UTF-16 units that the text may have.
    fn room(&self) -> usize {
        const AROUND: usize = "```\n\n```\n-# ".len() + FOOTER_UNITS_MAX;
        let language = if self.coloured { ANSI.len() } else { 0 };
        PAGE_CHARS_MAX - AROUND - language - units(&self.header)
    }

    /// Where to cut a line of which so much fits, so that its colours can be closed.
    fn cut(&self, line: &str, room: usize, fitting: usize) -> usize {
        if !self.coloured {
            return fitting;
        }
        let fitting = prefix(line, room.saturating_sub(colours::RESET.len())).len();
        colours::floor(line, fitting)
    }

    /// Where the end of a text begins that has room for so many UTF-16 units, with what opens its colours.
    fn end(&self, text: &str, room: usize) -> usize {
        let reserved = if self.coloured { colours::CUT_UNITS } else { 0 };
        let start = last_lines(text, room.saturating_sub(reserved));
        colours::floor(text, start)
    }

    /// The whole message. The text must fit [`Self::room`], less the notice.
    fn message(&self, notice: &str, text: &str, footer: &str) -> String {
        let header = &self.header;
        // A code block whose text ends in a backtick would swallow it: the fence stands on a line of its own.
        let newline = if text.ends_with('\n') { "" } else { "\n" };
        let footer = match cut_line(footer, FOOTER_UNITS_MAX) {
            footer if footer.is_empty() => footer,
            footer => format!("\n-# {footer}"),
        };
        // In Discord a block without a character in it is none, and its backticks would be read.
        let block = match colours::stripped(text).trim() {
            "" if text.contains('\n') => "(only blank lines)".to_owned(),
            "" => "(nothing to be seen)".to_owned(),
            _ => {
                let language = if colours::is_coloured(text) { ANSI } else { "" };
                format!("```{language}\n{text}{newline}```")
            }
        };
        let message = format!("{header}{notice}{block}{footer}");
        debug_assert!(units(&message) <= PAGE_CHARS_MAX, "a page within its limit");
        message
    }
}

/// Where to cut a text that `next` follows, so that no mark is parted from its character: bytes from the start, never zero.
fn cut_before(text: &str, next: char) -> usize {
    let mut after = next;
    for (at, c) in text.char_indices().rev() {
        if !joins(after) {
            return at + c.len_utf8();
        }
        after = c;
    }
    text.len()
}

/// Whether a character belongs to the one before.
fn joins(c: char) -> bool {
    c.width() == Some(0)
}

/// Where the last whole lines begin that have at most `max` UTF-16 units together; within the last line when it alone has more.
fn last_lines(text: &str, max: usize) -> usize {
    let (mut used, mut fitting, mut line) = (0, text.len(), None);
    for (at, c) in text.char_indices().rev() {
        if c == '\n' && at + 1 < text.len() {
            line = Some(at + 1);
        }
        used += c.len_utf16();
        if used > max {
            return line.unwrap_or(fitting);
        }
        if !joins(c) {
            fitting = at;
        }
    }
    0
}

/// One line of at most `max` UTF-16 units.
fn cut_line(text: &str, max: usize) -> String {
    let line = text.lines().next().unwrap_or_default();
    if units(line) <= max {
        return line.to_owned();
    }
    format!("{}…", prefix(line, max - 1))
}

#[cfg(test)]
mod tests;

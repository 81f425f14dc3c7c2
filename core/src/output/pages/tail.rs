//! The end of an output that is too long to post whole: what fits one message, with the number of lines above it.

use super::Frame;
use crate::output::colours;
use crate::text::units;

/// Bytes kept at least: more than any message can show, which is at most three for each UTF-16 unit.
const KEPT_BYTES: usize = 8 * 1024;

const _: () = assert!(KEPT_BYTES > 3 * crate::limits::PAGE_CHARS_MAX);

/// What stands before the first text that a tail is fed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Above {
    /// This many lines; zero at the start of the output.
    Lines(u64),
    /// The feeding starts somewhere in the middle.
    Unknown,
}

/// The end of an output. Memory stays bounded, however much is pushed.
#[derive(Clone, Debug)]
pub struct Tail {
    frame: Frame,
    above: Above,
    /// Line ends in all that was pushed.
    lines: u64,
    kept: String,
}

impl Tail {
    /// A tail whose messages begin with this Markdown line; with none when it is empty.
    #[must_use]
    pub fn new(header: &str, above: Above) -> Self {
        Self {
            frame: Frame::new(header),
            above,
            lines: 0,
            kept: String::new(),
        }
    }

    /// One for text that may have colours.
    #[must_use]
    pub fn coloured(header: &str, above: Above) -> Self {
        Self {
            frame: Frame::coloured(header),
            ..Self::new(header, above)
        }
    }

    /// Adds text that [`crate::output::sanitise::Sanitiser`] made.
    pub fn push(&mut self, text: &str) {
        self.lines += line_ends(text);
        let text = end(text, KEPT_BYTES);
        self.kept.push_str(text);
        // Cutting only now and then keeps the work in step with what was pushed.
        if self.kept.len() > 4 * KEPT_BYTES {
            self.kept = end(&self.kept, KEPT_BYTES).to_owned();
        }
    }

    /// The message with the last lines that fit, and with the unfinished line of the sanitiser.
    #[must_use]
    pub fn message(&self, pending: &str, footer: &str) -> String {
        let text = format!("{}{pending}", self.kept);
        let room = self.frame.room() - units(&notice(Above::Lines(u64::MAX)));
        let start = self.frame.end(&text, room);
        let shown = &colours::opened(&text, start);
        let cut_line = start > 0 && !text.get(..start).unwrap_or_default().ends_with('\n');
        let notice = match self.above {
            Above::Lines(0) if start == 0 => String::new(),
            Above::Lines(above) => {
                // A line that is cut counts as one above: some of it is.
                let pushed = self.lines + line_ends(pending) - line_ends(shown);
                let pushed = pushed + u64::from(cut_line);
                notice(Above::Lines(above.saturating_add(pushed)))
            }
            Above::Unknown => notice(Above::Unknown),
        };
        self.frame.message(&notice, shown, footer)
    }
}

/// The line between header and code block: inside, an output could say the same.
fn notice(above: Above) -> String {
    match above {
        Above::Lines(1) => {
            "-# … 1 line above, the whole output is attached at the end\n".to_owned()
        }
        Above::Lines(n) => {
            format!("-# … {n} lines above, the whole output is attached at the end\n")
        }
        Above::Unknown => {
            "-# … the end of the output, the whole is attached at the end\n".to_owned()
        }
    }
}

fn line_ends(text: &str) -> u64 {
    text.bytes().map(|b| u64::from(b == b'\n')).sum()
}

/// The last bytes of a text, from a character on.
fn end(text: &str, len: usize) -> &str {
    let mut start = text.len().saturating_sub(len);
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    text.get(colours::floor(text, start)..).unwrap_or_default()
}

#[cfg(test)]
impl Tail {
    pub(super) fn kept_bytes(&self) -> usize {
        self.kept.capacity()
    }
}

//! The one sanitiser: bytes of a command to text that is safe in a code block of a chat message (security.md 3.14).
//!
//! It does what a terminal does. Carriage returns and backspaces move within the line; sequences that move the cursor to other lines or
//! erase them act on the last fifty lines, which are held back for that, so that whatever redraws itself ends as its last
//! state; every other escape sequence is dropped, but for colours where they are wanted. The model is ours and not a terminal emulator, as it must do less and promise more:
//! lines have no width, what scrolls out is never lost, a program that clears the screen does not take what came before it, a sequence
//! ends at the end of the line at the latest, so that one unfinished `ESC ]` cannot hide all that follows, and time is linear and memory
//! bounded for any bytes. Whole lines of printable ASCII, which most outputs are, are only copied. Columns are counted one for each
//! character, wide ones too.
//!
//! Standard output and standard error may come apart. Each has an unfinished line of its own then, so that neither cuts a line of the
//! other open; whole lines stand in the order in which they were ended.

mod characters;
mod escape;
mod lane;
mod line;
mod screen;

pub use characters::{is_binary, is_hidden, push_visible};
pub(super) use line::FOLD;

use lane::Lane;
use line::FENCE_BREAK;
use screen::Screen;

use crate::limits::LINE_CHARS_MAX;
use crate::spool::Stream;

/// Turns a stream of bytes into safe text. The text depends on the bytes alone, not on how they were cut into chunks.
///
/// The text has these properties, apart from colours that were asked for: no control character but the newline; nothing invisible or that changes the direction of text, apart
/// from joiners within words and emoji; lines of at most [`LINE_CHARS_MAX`] columns, the rest of a longer one after `↪ ` on the next,
/// each with at most [`crate::limits::COMBINING_MARKS_MAX`] combining marks; never three backticks in a row. Memory stays bounded by
/// some lines, whatever is pushed.
#[derive(Debug, Default)]
pub struct Sanitiser {
    screen: Screen,
    lanes: [Lane; 2],
    /// The lane that came last.
    active: usize,
    counts: Report,
}

/// What was done to the bytes of an output, as far as a reader should know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Bytes that are not UTF-8, each shown as a replacement character or with its neighbours as one.
    pub invalid_bytes: u64,
    /// Characters that cannot be seen or turn text around, shown by their code point.
    pub hidden: u64,
    /// NULs, shown as `␀`.
    pub nuls: u64,
    /// Lines that were too long, shown on several.
    pub folded: u64,
}

impl Sanitiser {
    /// A sanitiser at the start of an output, or of any line in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One that keeps the colours, as [`super::colours`] says; all else of the text is as without them.
    #[must_use]
    pub fn coloured() -> Self {
        Self {
            lanes: [Lane::coloured(), Lane::coloured()],
            ..Self::default()
        }
    }

    /// Takes bytes of standard output, or of both streams together, and appends the lines that nothing can change any more, each with its
    /// newline.
    pub fn push(&mut self, bytes: &[u8], out: &mut String) {
        self.push_from(Stream::Out, bytes, out);
    }

    /// Takes bytes of one stream of two that come apart.
    pub fn push_from(&mut self, stream: Stream, bytes: &[u8], out: &mut String) {
        if bytes.is_empty() {
            return;
        }
        self.switch(
            match stream {
                Stream::Out => 0,
                Stream::Err => 1,
            },
            out,
        );
        let Self {
            screen,
            lanes,
            active,
            counts,
        } = self;
        let Some(lane) = lanes.get_mut(*active) else {
            return;
        };
        let mut bytes = lane.finish_partial(bytes, screen, counts, out);
        while !bytes.is_empty() {
            let plain = if lane.is_new() && screen.is_at_end() {
                plain_lines(bytes)
            } else {
                0
            };
            if let Some((lines, rest)) = bytes.split_at_checked(plain)
                && plain > 0
                && let Ok(text) = std::str::from_utf8(lines)
            {
                screen.plain(text, out);
                bytes = rest;
            }
            // What is not plain ends at the latest with its line, and then plain lines may follow.
            let end = bytes
                .iter()
                .position(|&b| b == b'\n')
                .map_or(bytes.len(), |at| at + 1);
            let (line, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
            lane.decode(line, screen, counts, out);
            bytes = rest;
        }
    }

    /// Ends the output: appends what is held and what there is of an unfinished line, without a newline. Then the sanitiser is as new, but
    /// for its counts.
    pub fn finish(&mut self, out: &mut String) {
        for lane in &mut self.lanes {
            lane.end(&mut self.screen, &mut self.counts, out);
        }
        let coloured = self.lanes.iter().any(Lane::is_coloured);
        let lanes = std::mem::take(&mut self.lanes);
        if coloured {
            self.lanes = [Lane::coloured(), Lane::coloured()];
        }
        let [mut first, mut last] = lanes.map(|lane| lane.line);
        if self.active == 0 {
            std::mem::swap(&mut first, &mut last);
        }
        // Rows below are of the stream that came last, and its line is within them.
        if self.screen.is_at_end() && !first.is_empty() && !last.is_empty() {
            self.screen.newline(&mut first, out);
            self.screen.finish(&mut last, out);
        } else if first.is_empty() {
            self.screen.finish(&mut last, out);
        } else if last.is_empty() && self.screen.is_at_end() {
            self.screen.finish(&mut first, out);
        } else {
            self.screen.go_to_end(&mut last, out);
            if !last.is_empty() {
                self.screen.newline(&mut last, out);
            }
            self.screen.finish(&mut first, out);
        }
        self.active = 0;
    }

    /// What is held and not settled, with the unfinished line, as it would be shown now: up to some tens of lines.
    #[must_use]
    pub fn pending(&self) -> String {
        let mut text = String::new();
        let [first, last] = match (&self.lanes, self.active) {
            ([out, err], 0) => [err, out],
            ([out, err], _) => [out, err],
        };
        let (first, last) = (first.shown(), last.shown());
        if first.is_empty() {
            self.screen.show(&last, &mut text);
        } else if self.screen.is_at_end() {
            self.screen.show(&first, &mut text);
            if !last.is_empty() {
                text.push('\n');
                last.show(&mut text);
            }
        } else {
            self.screen.show(&last, &mut text);
            if !text.ends_with('\n') {
                text.push('\n');
            }
            first.show(&mut text);
        }
        text
    }

    /// Lines that were printed so far, as they stand now: one that was folded is one, and so is one without an end.
    #[must_use]
    pub fn lines(&self) -> u64 {
        let open = self.lanes.iter().map(|lane| lane.shown());
        let open = open.filter(|line| !line.is_empty() && !line.is_continued());
        self.screen.lines() + open.count() as u64
    }

    /// What was done to the bytes so far.
    #[must_use]
    pub const fn report(&self) -> Report {
        self.counts
    }

    /// Whether the program has drawn a full screen, as top, vim and less do: then its last state is shown, and a batch mode would show
    /// more, for example `top -b -n1`.
    #[must_use]
    pub const fn used_full_screen(&self) -> bool {
        self.screen.used_full_screen()
    }

    /// Goes over to a stream. What the other redraws stays as it is.
    fn switch(&mut self, to: usize, out: &mut String) {
        if to == self.active {
            return;
        }
        if let Some(lane) = self.lanes.get_mut(self.active) {
            self.screen.go_to_end(&mut lane.line, out);
        }
        self.active = to;
    }
}

/// Bytes at the start that are whole lines of printable ASCII and can be copied: most of most outputs.
fn plain_lines(bytes: &[u8]) -> usize {
    let (mut settled, mut ticks) = (0, 0);
    for (at, &byte) in bytes.iter().enumerate() {
        if at - settled > LINE_CHARS_MAX {
            break;
        }
        ticks = if byte == b'`' { ticks + 1 } else { 0 };
        match byte {
            b'\n' => settled = at + 1,
            b' '..=b'~' if ticks < 3 => {}
            _ => break,
        }
    }
    settled
}

/// The sanitised text of a whole output.
#[must_use]
pub fn whole(bytes: &[u8]) -> String {
    let (mut sanitiser, mut text) = (Sanitiser::new(), String::new());
    sanitiser.push(bytes, &mut text);
    sanitiser.finish(&mut text);
    text
}

/// Sanitised text as it is read outside of a chat message, on a terminal or in a search: runs of backticks are as long as they were printed.
/// No other mark goes: what stood in the output itself is shown by its code point.
#[must_use]
pub fn unfenced(text: String) -> String {
    match text.contains(FENCE_BREAK) {
        true => text.replace(FENCE_BREAK, ""),
        false => text,
    }
}

/// Whether bytes that are not valid could become a character if more came.
fn is_unfinished(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests;

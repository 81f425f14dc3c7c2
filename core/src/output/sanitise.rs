//! The one sanitiser: bytes of a command to text that is safe in a code block of a chat message (security.md 3.14).
//!
//! It does what a terminal does to one line and nothing more. Carriage returns and backspaces move within the line, `CSI K` erases in it
//! and `CSI G` goes to its start, so that a progress bar leaves its last state; every other escape sequence is dropped. Programs that
//! address the cursor (top, vim, several progress bars at once) are not emulated: their text comes out one piece after the other.
//! Columns are counted one for each character, wide ones too.
//!
//! Standard output and standard error go through one sanitiser in the order of the records, as they would on a terminal: a partial line
//! of one is continued by the other.
//!
//! The escape parser is our own since it must do less than a terminal's and promise more: a sequence ends at the end of the line at the
//! latest, so that one unfinished `ESC ]` cannot hide all that follows, and its time is linear for any bytes.

mod characters;
mod escape;
mod line;

pub use characters::{is_binary, is_hidden};

use characters::Shown;
use escape::{Escape, Step};
use line::Line;

use crate::limits::LINE_CHARS_MAX;

/// Turns a stream of bytes into safe text. The text depends on the bytes alone, not on how they were cut into chunks.
///
/// The text has these properties: no control character but the newline; nothing invisible or that changes the direction of text; lines of
/// at most [`LINE_CHARS_MAX`] columns, each with at most [`crate::limits::COMBINING_MARKS_MAX`] combining marks; never three backticks
/// in a row. Memory stays bounded by one line, whatever is pushed.
#[derive(Debug, Default)]
pub struct Sanitiser {
    /// The first bytes of a character whose end has not come yet.
    partial: Vec<u8>,
    escape: Escape,
    line: Line,
}

impl Sanitiser {
    /// A sanitiser at the start of an output, or of any line in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes and appends the lines that are settled now, each with its newline.
    pub fn push(&mut self, bytes: &[u8], out: &mut String) {
        let mut bytes = self.finish_partial(bytes, out);
        while !bytes.is_empty() {
            let plain = self.plain_lines(bytes);
            if let Some((lines, rest)) = bytes.split_at_checked(plain)
                && let Ok(text) = std::str::from_utf8(lines)
            {
                out.push_str(text);
                bytes = rest;
            }
            // What is not plain ends at the latest with its line, and then plain lines may follow.
            let end = bytes
                .iter()
                .position(|&b| b == b'\n')
                .map_or(bytes.len(), |at| at + 1);
            let (line, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
            self.decode(line, out);
            bytes = rest;
        }
    }

    /// Ends the output: appends what there is of an unfinished line, without a newline. Then the sanitiser is as new.
    pub fn finish(&mut self, out: &mut String) {
        if !self.partial.is_empty() {
            self.partial.clear();
            self.character(char::REPLACEMENT_CHARACTER, out);
        }
        self.escape = Escape::default();
        self.line.end(out);
    }

    /// The unfinished line as it would be shown now.
    #[must_use]
    pub fn pending(&self) -> String {
        let mut text = String::new();
        self.line.show(&mut text);
        text
    }

    /// Bytes at the start that are whole lines of printable ASCII and can be copied: most of most outputs.
    fn plain_lines(&self, bytes: &[u8]) -> usize {
        if !self.partial.is_empty() || !self.escape.is_none() || !self.line.is_new() {
            return 0;
        }
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

    /// Completes the character that the last chunk ended in; gives the bytes after it.
    fn finish_partial<'b>(&mut self, mut bytes: &'b [u8], out: &mut String) -> &'b [u8] {
        while !self.partial.is_empty() {
            let Some((&byte, rest)) = bytes.split_first() else {
                return bytes;
            };
            let mut joined = std::mem::take(&mut self.partial);
            joined.push(byte);
            match std::str::from_utf8(&joined) {
                Ok(text) => {
                    text.chars().for_each(|c| self.character(c, out));
                    return rest;
                }
                Err(error) if error.error_len().is_none() => {
                    self.partial = joined;
                    bytes = rest;
                }
                // The character is broken off, and this byte starts another.
                Err(_) => {
                    self.character(char::REPLACEMENT_CHARACTER, out);
                    return bytes;
                }
            }
        }
        bytes
    }

    fn decode(&mut self, bytes: &[u8], out: &mut String) {
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            chunk.valid().chars().for_each(|c| self.character(c, out));
            match chunk.invalid() {
                [] => {}
                // The one-byte form of CSI is no UTF-8; programs that send it mean it.
                [0x9b] => self.character('\u{9b}', out),
                cut if chunks.peek().is_none() && is_unfinished(cut) => {
                    self.partial = cut.to_vec();
                }
                _ => self.character(char::REPLACEMENT_CHARACTER, out),
            }
        }
    }

    fn character(&mut self, c: char, out: &mut String) {
        match self.escape.step(c) {
            Step::Print => self.print(c, out),
            Step::Skip => {}
            Step::Restart => {
                // What was begun is none; the character stands for itself.
                if self.escape.step(c) == Step::Print {
                    self.print(c, out);
                }
            }
            Step::LoneEscape => {
                self.line.put('␛', out);
                if self.escape.step(c) == Step::Print {
                    self.print(c, out);
                }
            }
            Step::EraseToEnd => self.line.erase_to_end(),
            Step::EraseToStart => self.line.erase_to_start(),
            Step::EraseAll => self.line.erase(),
            Step::ToStart => self.line.home(),
        }
    }

    fn print(&mut self, c: char, out: &mut String) {
        match c {
            '\n' => {
                self.line.end(out);
                out.push('\n');
            }
            '\r' => self.line.home(),
            '\u{8}' => self.line.back(),
            '\t' => self.line.tab(),
            c => match characters::shown(c) {
                Shown::Plain => self.line.put(c, out),
                Shown::Mark => self.line.mark(c, out),
                Shown::Instead(text) => text.chars().for_each(|c| self.line.put(c, out)),
            },
        }
    }
}

/// The sanitised text of a whole output.
#[must_use]
pub fn whole(bytes: &[u8]) -> String {
    let (mut sanitiser, mut text) = (Sanitiser::new(), String::new());
    sanitiser.push(bytes, &mut text);
    sanitiser.finish(&mut text);
    text
}

/// Whether bytes that are not valid could become a character if more came.
fn is_unfinished(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests;

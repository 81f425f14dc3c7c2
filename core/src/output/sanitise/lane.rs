//! One of the two streams: its bytes to characters, and its characters to the current line and the screen.

use super::Report;
use super::characters::{self, Glyph};
use super::escape::{Escape, Step};
use super::is_unfinished;
use super::line::Line;
use super::screen::Screen;
use crate::output::colours::Pen;

/// Where a stream is: within a character, a sequence, a line.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// The first bytes of a character whose end has not come yet.
    partial: Vec<u8>,
    escape: Escape,
    /// A joiner whose right neighbour has not come yet.
    joiner: Option<char>,
    pub(super) line: Line,
    /// How what follows looks, where that is wanted.
    pen: Option<Pen>,
}

impl Lane {
    /// One that keeps colours.
    pub(super) fn coloured() -> Self {
        Self {
            pen: Some(Pen::default()),
            ..Self::default()
        }
    }

    /// Whether it keeps colours.
    pub(super) const fn is_coloured(&self) -> bool {
        self.pen.is_some()
    }

    /// Whether nothing has happened on its line.
    pub(super) fn is_new(&self) -> bool {
        self.partial.is_empty()
            && self.escape.is_none()
            && self.joiner.is_none()
            && self.line.is_new()
            && self.pen.is_none_or(Pen::is_plain)
    }

    /// The line as it would be shown now.
    pub(super) fn shown(&self) -> Line {
        let mut line = self.line.clone();
        if let Some(joiner) = self.joiner {
            for c in characters::code_point(joiner).chars() {
                if !line.is_full() {
                    line.put(c);
                }
            }
        }
        line
    }

    /// Gives up on what is unfinished.
    pub(super) fn end(&mut self, screen: &mut Screen, counts: &mut Report, out: &mut String) {
        if !self.partial.is_empty() {
            counts.invalid_bytes += self.partial.len() as u64;
            self.partial.clear();
            self.character(char::REPLACEMENT_CHARACTER, screen, counts, out);
        }
        self.escape = Escape::default();
        self.settle_joiner(screen, counts, out);
    }

    /// Completes the character that the last chunk ended in; gives the bytes after it.
    pub(super) fn finish_partial<'b>(
        &mut self,
        mut bytes: &'b [u8],
        screen: &mut Screen,
        counts: &mut Report,
        out: &mut String,
    ) -> &'b [u8] {
        while !self.partial.is_empty() {
            let Some((&byte, rest)) = bytes.split_first() else {
                return bytes;
            };
            let mut joined = std::mem::take(&mut self.partial);
            joined.push(byte);
            match std::str::from_utf8(&joined) {
                Ok(text) => {
                    text.chars()
                        .for_each(|c| self.character(c, screen, counts, out));
                    return rest;
                }
                Err(error) if error.error_len().is_none() => {
                    self.partial = joined;
                    bytes = rest;
                }
                // The character is broken off, and this byte starts another.
                Err(_) => {
                    counts.invalid_bytes += joined.len() as u64 - 1;
                    self.character(char::REPLACEMENT_CHARACTER, screen, counts, out);
                    return bytes;
                }
            }
        }
        bytes
    }

    pub(super) fn decode(
        &mut self,
        bytes: &[u8],
        screen: &mut Screen,
        counts: &mut Report,
        out: &mut String,
    ) {
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            for c in chunk.valid().chars() {
                self.character(c, screen, counts, out);
            }
            match chunk.invalid() {
                [] => {}
                // The one-byte form of CSI is no UTF-8; programs that send it mean it.
                [0x9b] => self.character('\u{9b}', screen, counts, out),
                cut if chunks.peek().is_none() && is_unfinished(cut) => {
                    self.partial = cut.to_vec();
                }
                invalid => {
                    counts.invalid_bytes += invalid.len() as u64;
                    self.character(char::REPLACEMENT_CHARACTER, screen, counts, out);
                }
            }
        }
    }

    fn character(&mut self, c: char, screen: &mut Screen, counts: &mut Report, out: &mut String) {
        match self.escape.step(c) {
            Step::Print => self.print(c, screen, counts, out),
            Step::Skip => {}
            Step::Look(codes) => {
                if let Some(pen) = &mut self.pen {
                    pen.apply(codes.numbers());
                }
            }
            Step::Restart => {
                // What was begun is none; the character stands for itself.
                if self.escape.step(c) == Step::Print {
                    self.print(c, screen, counts, out);
                }
            }
            Step::LoneEscape => {
                self.settle_joiner(screen, counts, out);
                self.put('␛', screen, counts, out);
                if self.escape.step(c) == Step::Print {
                    self.print(c, screen, counts, out);
                }
            }
            Step::Act(act) => {
                self.settle_joiner(screen, counts, out);
                screen.act(act, &mut self.line, out);
            }
        }
    }

    fn print(&mut self, c: char, screen: &mut Screen, counts: &mut Report, out: &mut String) {
        if let Some(joiner) = self.joiner {
            if characters::takes_joiner(c) {
                self.joiner = None;
                self.line.mark(joiner);
            } else {
                self.settle_joiner(screen, counts, out);
            }
        }
        match c {
            '\n' => screen.newline(&mut self.line, out),
            '\r' => self.line.home(),
            '\u{8}' => self.line.back(1),
            '\t' => self.line.tab(),
            c if characters::is_joiner(c) && self.takes_joiner() => self.joiner = Some(c),
            c if characters::is_isolate(c) && self.line.isolate(c) => {}
            c if self
                .line
                .before()
                .is_some_and(|before| characters::is_flag_tag(c, before)) =>
            {
                self.line.mark(c);
            }
            c => match characters::shown(c) {
                Glyph::Plain => self.put(c, screen, counts, out),
                Glyph::Mark => {
                    if self.line.is_full() && self.line.before().is_none() {
                        self.fold(screen, counts, out);
                    }
                    self.line.mark(c);
                }
                Glyph::Instead(text) => {
                    counts.nuls += u64::from(c == '\0');
                    counts.hidden += u64::from(!c.is_ascii());
                    text.chars().for_each(|c| self.put(c, screen, counts, out));
                }
            },
        }
    }

    /// Whether the character before the cursor may have a joiner after it.
    fn takes_joiner(&self) -> bool {
        self.line.before().is_some_and(characters::takes_joiner)
    }

    /// Shows a joiner that joins nothing.
    fn settle_joiner(&mut self, screen: &mut Screen, counts: &mut Report, out: &mut String) {
        if let Some(joiner) = self.joiner.take() {
            counts.hidden += 1;
            for c in characters::code_point(joiner).chars() {
                self.put(c, screen, counts, out);
            }
        }
    }

    fn put(&mut self, c: char, screen: &mut Screen, counts: &mut Report, out: &mut String) {
        if self.line.is_full() {
            self.fold(screen, counts, out);
        }
        match self.pen {
            None => self.line.put(c),
            Some(pen) => self.line.put_with(c, pen.shown()),
        }
    }

    fn fold(&mut self, screen: &mut Screen, counts: &mut Report, out: &mut String) {
        counts.folded += u64::from(!self.line.is_continued());
        screen.fold(&mut self.line, out);
    }
}

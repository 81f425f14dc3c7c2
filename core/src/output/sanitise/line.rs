//! One line while it is written: characters by column, so that a carriage return or backspace can go back and overwrite.

use std::collections::BTreeMap;

use crate::limits::{COMBINING_MARKS_MAX, LINE_CHARS_MAX};

/// A tab stops at multiples of this.
const TAB_COLUMNS: usize = 8;

/// Where a combining mark stands that has nothing to stand on.
const DOTTED_CIRCLE: char = '◌';

/// The unfinished line, and where the next character goes. At most [`LINE_CHARS_MAX`] columns.
#[derive(Debug, Default)]
pub(super) struct Line {
    columns: Vec<char>,
    /// Combining marks by column; most lines have none.
    marks: BTreeMap<usize, Vec<char>>,
    at: usize,
}

impl Line {
    /// Whether nothing has happened on this line.
    pub(super) fn is_new(&self) -> bool {
        self.columns.is_empty() && self.at == 0
    }

    /// Writes a character. A full line is settled first, and the character starts the next.
    pub(super) fn put(&mut self, c: char, out: &mut String) {
        if self.at >= LINE_CHARS_MAX {
            self.end(out);
            out.push('\n');
        }
        while self.columns.len() < self.at {
            self.columns.push(' ');
        }
        if !self.marks.is_empty() {
            self.marks.remove(&self.at);
        }
        match self.columns.get_mut(self.at) {
            Some(column) => *column = c,
            None => self.columns.push(c),
        }
        self.at += 1;
    }

    /// Puts a combining mark on the character before; more than the limit are dropped.
    pub(super) fn mark(&mut self, mark: char, out: &mut String) {
        if self.at == 0 || self.at > self.columns.len() {
            self.put(DOTTED_CIRCLE, out);
        }
        let marks = self.marks.entry(self.at - 1).or_default();
        if marks.len() < COMBINING_MARKS_MAX {
            marks.push(mark);
        }
    }

    pub(super) fn home(&mut self) {
        self.at = 0;
    }

    pub(super) fn back(&mut self) {
        self.at = self.at.saturating_sub(1);
    }

    /// Goes to the next tab stop without writing over anything.
    pub(super) fn tab(&mut self) {
        self.at = ((self.at / TAB_COLUMNS + 1) * TAB_COLUMNS).min(LINE_CHARS_MAX);
    }

    pub(super) fn erase_to_end(&mut self) {
        self.columns.truncate(self.at);
        self.marks.retain(|&column, _| column < self.at);
    }

    pub(super) fn erase_to_start(&mut self) {
        // The column of the cursor is erased too, as on a terminal.
        self.columns
            .iter_mut()
            .take(self.at + 1)
            .for_each(|column| *column = ' ');
        self.marks = self.marks.split_off(&(self.at + 1));
    }

    /// Erases everything and leaves the cursor where it is.
    pub(super) fn erase(&mut self) {
        self.columns.clear();
        self.marks.clear();
    }

    /// Appends the line and starts a new one. The newline is left to the caller.
    pub(super) fn end(&mut self, out: &mut String) {
        self.show(out);
        self.columns.clear();
        self.marks.clear();
        self.at = 0;
    }

    /// Appends the line as it is now, with runs of backticks broken: three would end a code block.
    pub(super) fn show(&self, out: &mut String) {
        let mut ticks = 0;
        for (at, &c) in self.columns.iter().enumerate() {
            ticks = if c == '`' { ticks + 1 } else { 0 };
            if ticks == 3 {
                out.push('\u{200b}');
                ticks = 1;
            }
            out.push(c);
            if !self.marks.is_empty() {
                out.extend(self.marks.get(&at).into_iter().flatten());
            }
        }
    }
}

#[cfg(test)]
impl Line {
    pub(super) fn is_bounded(&self) -> bool {
        self.columns.len() <= LINE_CHARS_MAX && self.marks.len() <= LINE_CHARS_MAX
    }
}

//! One line while it is written: characters by column, so that a carriage return or backspace can go back and overwrite.

use std::collections::BTreeMap;

use super::characters::{is_isolate, isolate_depth};
use crate::limits::{COMBINING_MARKS_MAX, LINE_CHARS_MAX};
use crate::output::colours::Pen;

/// A tab stops at multiples of this.
const TAB_COLUMNS: usize = 8;

/// Where a combining mark stands that has nothing to stand on.
const DOTTED_CIRCLE: char = '◌';

/// What stands before the rest of a line that was too long: ours, so that the fold is not taken for a newline.
pub(in crate::output) const FOLD: &str = "↪ ";
const FOLD_COLUMNS: usize = 2;

/// What stands before each third backtick of a run: three would end a code block.
pub(super) const FENCE_BREAK: char = '\u{200b}';

/// Bidirectional isolates of a line that may yet turn out to be balanced; more are shown at once.
const ISOLATES_MAX: usize = 8;

/// A line, and where the next character goes. At most [`LINE_CHARS_MAX`] columns, with the mark of a fold.
#[derive(Debug, Default, Clone)]
pub(super) struct Line {
    columns: Vec<char>,
    /// How the characters look, as far as they do not look plain.
    looks: Vec<Pen>,
    /// Combining marks by column; most lines have none.
    marks: BTreeMap<usize, Vec<char>>,
    /// Isolates by the column that they stand before, in order.
    isolates: Vec<(usize, char)>,
    at: usize,
    /// It is the rest of the line above.
    continued: bool,
}

impl Line {
    /// A line of plain text.
    pub(super) fn of(text: &str) -> Self {
        Self {
            columns: text.chars().collect(),
            ..Self::default()
        }
    }

    /// The line after this one, when this is full.
    pub(super) fn fold() -> Self {
        Self {
            continued: true,
            ..Self::default()
        }
    }

    /// Whether nothing has happened on this line.
    pub(super) fn is_new(&self) -> bool {
        self.is_empty() && self.at == 0 && !self.continued
    }

    /// Whether nothing stands on it.
    pub(super) fn is_empty(&self) -> bool {
        self.columns.is_empty() && self.isolates.is_empty()
    }

    /// Whether it is the rest of the line above.
    pub(super) const fn is_continued(&self) -> bool {
        self.continued
    }

    /// Columns of its text.
    pub(super) fn columns(&self) -> usize {
        self.columns.len()
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// Whether the next character belongs on another line.
    pub(super) const fn is_full(&self) -> bool {
        self.at >= self.room()
    }

    const fn room(&self) -> usize {
        if self.continued {
            LINE_CHARS_MAX - FOLD_COLUMNS
        } else {
            LINE_CHARS_MAX
        }
    }

    /// Writes a character that looks plain. The line must not be full.
    pub(super) fn put(&mut self, c: char) {
        if !self.looks.is_empty() {
            self.look(Pen::default());
        }
        self.write(c);
    }

    /// Writes a character. The line must not be full.
    pub(super) fn put_with(&mut self, c: char, pen: Pen) {
        self.look(pen);
        self.write(c);
    }

    /// Notes how the character looks that is written next.
    fn look(&mut self, pen: Pen) {
        let at = self.at;
        if at < self.looks.len() || !pen.is_plain() {
            let len = self.looks.len().max(at + 1);
            self.looks.resize(len, Pen::default());
            if let Some(look) = self.looks.get_mut(at) {
                *look = pen;
            }
        }
    }

    fn write(&mut self, c: char) {
        while self.columns.len() < self.at {
            self.columns.push(' ');
        }
        if !self.marks.is_empty() {
            self.marks.remove(&self.at);
        }
        let at = self.at;
        if !self.isolates.is_empty() && at < self.columns.len() {
            self.isolates.retain(|&(column, _)| column != at + 1);
        }
        match self.columns.get_mut(at) {
            Some(column) => *column = c,
            None => self.columns.push(c),
        }
        self.at += 1;
    }

    /// Puts a combining mark on the character before; more than the limit are dropped. The line must not be full when nothing is before.
    pub(super) fn mark(&mut self, mark: char) {
        if self.at == 0 || self.at > self.columns.len() {
            self.put(DOTTED_CIRCLE);
        }
        let marks = self.marks.entry(self.at - 1).or_default();
        if marks.len() < COMBINING_MARKS_MAX {
            marks.push(mark);
        }
    }

    /// Takes a bidirectional isolate; false when there are too many to wait for their ends.
    pub(super) fn isolate(&mut self, c: char) -> bool {
        let room = self.isolates.len() < ISOLATES_MAX;
        if room {
            self.isolates.push((self.at, c));
        }
        room
    }

    /// The character before the cursor.
    pub(super) fn before(&self) -> Option<char> {
        self.columns.get(self.at.checked_sub(1)?).copied()
    }

    pub(super) fn home(&mut self) {
        self.at = 0;
    }

    pub(super) fn back(&mut self, n: usize) {
        self.at = self.at.saturating_sub(n);
    }

    /// Goes to a column, the last at most.
    pub(super) fn go(&mut self, column: usize) {
        self.at = column.min(self.room() - 1);
    }

    /// Goes to the next tab stop without writing over anything.
    pub(super) fn tab(&mut self) {
        self.at = ((self.at / TAB_COLUMNS + 1) * TAB_COLUMNS).min(self.room());
    }

    pub(super) fn erase_to_end(&mut self) {
        let at = self.at;
        self.columns.truncate(at);
        self.looks.truncate(at);
        self.marks.retain(|&column, _| column < at);
        self.isolates.retain(|&(column, _)| column <= at);
    }

    pub(super) fn erase_to_start(&mut self) {
        // The column of the cursor is erased too, as on a terminal.
        self.blank(0, self.at + 1);
    }

    /// Erases so many characters from the cursor on, and leaves the rest where it is.
    pub(super) fn erase_characters(&mut self, n: usize) {
        self.blank(self.at, self.at.saturating_add(n));
    }

    fn blank(&mut self, from: usize, to: usize) {
        let columns = self.columns.iter_mut().take(to).skip(from);
        columns.for_each(|column| *column = ' ');
        let looks = self.looks.iter_mut().take(to).skip(from);
        looks.for_each(|look| *look = Pen::default());
        self.marks.retain(|&at, _| at < from || at >= to);
        self.isolates.retain(|&(at, _)| at < from || at > to);
    }

    /// Takes so many characters out; what follows moves up.
    pub(super) fn delete_characters(&mut self, n: usize) {
        let end = self.at.saturating_add(n).min(self.columns.len());
        if self.at < end {
            self.columns.drain(self.at..end);
            let looks = self.looks.len();
            self.looks.drain(self.at.min(looks)..end.min(looks));
            let at = self.at;
            self.marks.retain(|&column, _| column < at);
            self.isolates.retain(|&(column, _)| column <= at);
        }
    }

    /// Erases everything and leaves the cursor where it is.
    pub(super) fn erase(&mut self) {
        self.columns.clear();
        self.looks.clear();
        self.marks.clear();
        self.isolates.clear();
    }

    /// Appends the line as it is now, with runs of backticks broken: three would end a code block.
    pub(super) fn show(&self, out: &mut String) {
        if self.continued {
            out.push_str(FOLD);
        }
        let unbalanced = self.unbalanced();
        let mut ticks = 0;
        let mut look = Pen::default();
        for (at, &c) in self.columns.iter().enumerate() {
            if show_isolates(&unbalanced, at, out) {
                ticks = 0;
            }
            ticks = if c == '`' { ticks + 1 } else { 0 };
            if ticks == 3 {
                out.push(FENCE_BREAK);
                ticks = 1;
            }
            if !self.looks.is_empty() {
                let next = self.looks.get(at).copied().unwrap_or_default();
                Pen::change(look, next, out);
                look = next;
            }
            out.push(c);
            if !self.marks.is_empty()
                && let Some(marks) = self.marks.get(&at)
            {
                out.extend(marks);
                ticks = 0; // The mark stands between this backtick and the next.
            }
        }
        Pen::change(look, Pen::default(), out);
        for at in self.columns.len()..=LINE_CHARS_MAX {
            if unbalanced.is_empty() {
                break;
            }
            show_isolates(&unbalanced, at, out);
        }
    }

    /// The isolates that have no other end on this line.
    fn unbalanced(&self) -> Vec<(usize, char)> {
        if self.isolates.is_empty() {
            return Vec::new();
        }
        let mut sorted = self.isolates.clone();
        sorted.sort_by_key(|&(at, _)| at);
        let (mut open, mut lonely) = (Vec::new(), Vec::new());
        for isolate in sorted {
            debug_assert!(is_isolate(isolate.1), "only isolates are kept");
            if isolate_depth(isolate.1) > 0 {
                open.push(isolate);
            } else if open.pop().is_none() {
                lonely.push(isolate);
            }
        }
        lonely.extend(open);
        lonely.sort_by_key(|&(at, _)| at);
        lonely
    }
}

fn show_isolates(isolates: &[(usize, char)], at: usize, out: &mut String) -> bool {
    let mut any = false;
    for (_, c) in isolates.iter().filter(|isolate| isolate.0 == at) {
        out.push_str(&super::characters::code_point(*c));
        any = true;
    }
    any
}

#[cfg(test)]
impl Line {
    pub(super) fn is_bounded(&self) -> bool {
        self.columns.len() <= LINE_CHARS_MAX
            && self.looks.len() <= LINE_CHARS_MAX
            && self.marks.len() <= LINE_CHARS_MAX
            && self.isolates.len() <= ISOLATES_MAX
    }
}

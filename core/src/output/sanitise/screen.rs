//! The last lines that were written, held until nothing can reach them any more: what a program redraws with cursor-up is changed here,
//! and leaves it as it was last.
//!
//! The rows stand around the cursor: those above, the current line, which the caller holds, and those below. Each move is a push and a
//! pop, so that any bytes take time in step with their number. A row leaves when it is [`ROWS`] above the cursor, or when the rows
//! together are too wide.

use std::collections::VecDeque;

use super::escape::{Act, Erased};
use super::line::Line;

/// Rows that a program can reach, as on a terminal of this height.
pub(super) const ROWS: usize = 50;

/// Columns of all held rows together.
const COLUMNS_MAX: usize = 16 * 1024;

/// A row that the cursor is not on.
#[derive(Debug, Clone)]
enum Row {
    /// Printable ASCII without three backticks in a row: shown as it is.
    Text(String),
    Line(Line),
}

/// The rows around the cursor.
#[derive(Debug, Default)]
pub(super) struct Screen {
    above: VecDeque<Row>,
    /// The nearest first.
    below: VecDeque<Line>,
    columns: usize,
    /// Rows that have left.
    gone: u64,
    /// Lines among them, that is without the rest of folded ones.
    gone_lines: u64,
    /// The first held row is the first of a screen that is addressed by row.
    addressed: bool,
    /// Row and column.
    saved: Option<(u64, usize)>,
    full_screen: bool,
}

impl Row {
    fn columns(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Line(line) => line.columns(),
        }
    }

    fn is_continued(&self) -> bool {
        match self {
            Self::Text(_) => false,
            Self::Line(line) => line.is_continued(),
        }
    }

    fn show(&self, out: &mut String) {
        match self {
            Self::Text(text) => out.push_str(text),
            Self::Line(line) => line.show(out),
        }
        out.push('\n');
    }

    fn into_line(self) -> Line {
        match self {
            Self::Text(text) => Line::of(&text),
            Self::Line(line) => line,
        }
    }
}

impl Screen {
    /// Whether the current line is the last.
    pub(super) fn is_at_end(&self) -> bool {
        self.below.is_empty()
    }

    /// Whether a program has drawn a full screen.
    pub(super) const fn used_full_screen(&self) -> bool {
        self.full_screen
    }

    /// Lines so far, but for the current one.
    pub(super) fn lines(&self) -> u64 {
        let above = self.above.iter().filter(|row| !row.is_continued());
        let below = self.below.iter().take(self.shown_below());
        let below = below.filter(|line| !line.is_continued());
        self.gone_lines + (above.count() + below.count()) as u64
    }

    /// Takes whole plain lines before the current line, which is new.
    pub(super) fn plain(&mut self, text: &str, out: &mut String) {
        let lines = text.bytes().filter(|&byte| byte == b'\n').count();
        let mut kept = text;
        if lines > ROWS {
            self.release(0, out);
            let mut ends = text.bytes().enumerate().rev().filter(|(_, b)| *b == b'\n');
            let cut = ends.nth(ROWS).map_or(0, |(at, _)| at + 1);
            let (settled, rest) = text.split_at_checked(cut).unwrap_or(("", text));
            out.push_str(settled);
            self.gone += (lines - ROWS) as u64;
            self.gone_lines += (lines - ROWS) as u64;
            kept = rest;
        }
        for line in kept.split_terminator('\n') {
            self.push(Row::Text(line.to_owned()));
        }
        self.trim(out);
    }

    /// Ends the current line.
    pub(super) fn newline(&mut self, line: &mut Line, out: &mut String) {
        let next = self.below.pop_front().unwrap_or_default();
        self.push(Row::Line(std::mem::replace(line, next)));
        line.home();
        self.trim(out);
    }

    /// Goes on with a full line on the next.
    pub(super) fn fold(&mut self, line: &mut Line, out: &mut String) {
        let next = self.below.pop_front().unwrap_or_else(Line::fold);
        self.push(Row::Line(std::mem::replace(line, next)));
        line.home();
        self.trim(out);
    }

    /// Does what a sequence says.
    pub(super) fn act(&mut self, act: Act, line: &mut Line, out: &mut String) {
        match act {
            Act::Up(n) => self.up(n, line),
            Act::Down(n) => self.down(n, line, out),
            Act::NextLine(n) => {
                self.down(n, line, out);
                line.home();
            }
            Act::PreviousLine(n) => {
                self.up(n, line);
                line.home();
            }
            Act::Forward(n) => line.go(line.at().saturating_add(n)),
            Act::Back(n) => line.back(n),
            Act::Column(column) => line.go(column),
            Act::Row(row) => {
                self.address(line, out);
                self.go(row, line, out);
            }
            Act::Position(row, column) => {
                self.address(line, out);
                self.go(row, line, out);
                line.go(column);
            }
            Act::EraseLine(Erased::ToEnd) => line.erase_to_end(),
            Act::EraseLine(Erased::ToStart) => line.erase_to_start(),
            Act::EraseLine(Erased::All) => line.erase(),
            Act::EraseScreen(part) => self.erase(part, line, out),
            Act::InsertLines(n) => self.insert(n, line),
            Act::DeleteLines(n) => self.delete(n, line),
            Act::DeleteCharacters(n) => line.delete_characters(n),
            Act::EraseCharacters(n) => line.erase_characters(n),
            Act::Save => self.saved = Some((self.gone + self.above.len() as u64, line.at())),
            Act::Restore => {
                if let Some((row, column)) = self.saved {
                    let row = row.saturating_sub(self.gone);
                    self.go(usize::try_from(row).unwrap_or(ROWS), line, out);
                    line.go(column);
                }
            }
            Act::FullScreen(on) => {
                self.full_screen = true;
                self.settle(line, out);
                self.addressed = on;
            }
        }
    }

    /// Goes below all rows; the current line is then the last of them.
    pub(super) fn go_to_end(&mut self, line: &mut Line, out: &mut String) {
        while let Some(next) = self.below.pop_front() {
            self.push(Row::Line(std::mem::replace(line, next)));
        }
        self.trim(out);
    }

    /// Appends everything that is held and the current line, which has no newline, and begins anew.
    pub(super) fn finish(&mut self, line: &mut Line, out: &mut String) {
        let ended = self.drop_empty_end();
        self.go_to_end(line, out);
        self.release(0, out);
        line.show(out);
        self.gone_lines += u64::from(!line.is_empty() && !line.is_continued());
        if ended && !line.is_empty() {
            out.push('\n');
        }
        *line = Line::default();
        self.addressed = false;
        self.saved = None;
    }

    /// Appends what [`Screen::finish`] would.
    pub(super) fn show(&self, line: &Line, out: &mut String) {
        self.above.iter().for_each(|row| row.show(out));
        line.show(out);
        let shown = self.shown_below();
        for below in self.below.iter().take(shown) {
            out.push('\n');
            below.show(out);
        }
        if shown < self.below.len() && (shown > 0 || !line.is_empty()) {
            out.push('\n');
        }
    }

    /// Rows below up to the last on which something stands.
    fn shown_below(&self) -> usize {
        let last = self.below.iter().rposition(|line| !line.is_empty());
        last.map_or(0, |last| last + 1)
    }

    /// Forgets rows at the end on which nothing stands; false when there are none.
    fn drop_empty_end(&mut self) -> bool {
        let (shown, all) = (self.shown_below(), self.below.len());
        self.below.truncate(shown);
        shown < all
    }

    fn push(&mut self, row: Row) {
        self.columns += row.columns();
        self.above.push_back(row);
    }

    fn pop(&mut self) -> Option<Row> {
        let row = self.above.pop_back()?;
        self.columns -= row.columns();
        Some(row)
    }

    fn trim(&mut self, out: &mut String) {
        while self.above.len() > ROWS || self.columns > COLUMNS_MAX {
            self.release(self.above.len().saturating_sub(1), out);
        }
    }

    /// Appends the first rows until only so many are held above.
    fn release(&mut self, keep: usize, out: &mut String) {
        while self.above.len() > keep {
            let Some(row) = self.above.pop_front() else {
                return;
            };
            self.columns -= row.columns();
            self.gone += 1;
            self.gone_lines += u64::from(!row.is_continued());
            row.show(out);
        }
    }

    fn up(&mut self, n: usize, line: &mut Line) {
        let column = line.at();
        for _ in 0..n.min(ROWS) {
            let Some(row) = self.pop() else {
                break;
            };
            self.below
                .push_front(std::mem::replace(line, row.into_line()));
        }
        line.go(column);
    }

    fn down(&mut self, n: usize, line: &mut Line, out: &mut String) {
        let column = line.at();
        for _ in 0..n.min(ROWS) {
            // Below the last row nothing is but on an addressed screen; elsewhere what is written must not get lost in what is.
            let beyond = self.addressed && self.above.len() + 1 < ROWS;
            if self.below.is_empty() && !beyond && line.is_empty() {
                break;
            }
            let next = self.below.pop_front().unwrap_or_default();
            self.push(Row::Line(std::mem::replace(line, next)));
        }
        line.go(column);
        self.trim(out);
    }

    /// Goes to a row of the screen.
    fn go(&mut self, row: usize, line: &mut Line, out: &mut String) {
        let row = row.min(ROWS - 1);
        let at = self.above.len();
        self.up(at.saturating_sub(row), line);
        self.down(row.saturating_sub(at), line, out);
    }

    /// From the first address on, the screen begins here: what came before stays.
    fn address(&mut self, line: &mut Line, out: &mut String) {
        if !self.addressed {
            // Whoever saved the cursor before comes back to this line: apt does, between its bar at the bottom and its messages.
            let saved = self.saved;
            self.settle(line, out);
            self.saved = saved;
            self.addressed = true;
        }
    }

    /// Lets everything go that is held, and begins a line.
    fn settle(&mut self, line: &mut Line, out: &mut String) {
        self.drop_empty_end();
        self.go_to_end(line, out);
        if !line.is_empty() {
            self.push(Row::Line(std::mem::take(line)));
        }
        *line = Line::default();
        self.release(0, out);
        self.saved = None;
    }

    fn erase(&mut self, part: Erased, line: &mut Line, out: &mut String) {
        match part {
            Erased::ToEnd => {
                line.erase_to_end();
                self.below.clear();
            }
            Erased::ToStart => {
                line.erase_to_start();
                self.blank_above();
            }
            Erased::All if self.addressed => {
                line.erase();
                self.below.clear();
                self.blank_above();
            }
            // Whoever clears a screen of which nothing is known begins one: what came before stays.
            Erased::All => self.address(line, out),
        }
    }

    fn blank_above(&mut self) {
        if self.addressed {
            self.columns = 0;
            let blank = |row: &mut Row| *row = Row::Text(String::new());
            self.above.iter_mut().for_each(blank);
        }
    }

    fn insert(&mut self, n: usize, line: &mut Line) {
        for _ in 0..n.min(ROWS) {
            self.below.push_front(std::mem::take(line));
        }
        self.below.truncate(ROWS);
    }

    fn delete(&mut self, n: usize, line: &mut Line) {
        for _ in 0..n.min(ROWS) {
            *line = self.below.pop_front().unwrap_or_default();
        }
        line.home();
    }
}

#[cfg(test)]
impl Screen {
    pub(super) fn is_bounded(&self) -> bool {
        let lines = self.below.iter().all(Line::is_bounded);
        lines
            && self.above.len() <= ROWS
            && self.below.len() <= 2 * ROWS
            && self.columns <= COLUMNS_MAX
    }
}

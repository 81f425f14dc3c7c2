//! The beginning and the end of an output: all that a card or a summary can show of it, in little memory, however long it is.

use std::ops::Range;

use super::colours;
use super::sanitise::FOLD;
use crate::limits::CARD_CHARS_MAX;
use crate::text::{prefix, units};

/// Bytes that are kept of the beginning: at least what is shown of it, a third.
const HEAD_BYTES: usize = 4 * 1024;
/// Bytes that are kept of the end: more than any message shows, so that what is shown never begins where the kept end does.
const TAIL_BYTES: usize = 12 * 1024;

/// A UTF-16 unit takes three bytes at most.
const _: () = assert!(
    HEAD_BYTES >= CARD_CHARS_MAX / 3 * 3 && TAIL_BYTES > 3 * CARD_CHARS_MAX + colours::CUT_UNITS
);

/// The beginning and the end of a text that comes in pieces.
#[derive(Clone, Debug, Default)]
pub struct Excerpt {
    head: String,
    /// What came after the beginning, as far as it is kept.
    tail: String,
    /// Bytes between the two that are not kept.
    between: u64,
    /// Line ends in all that came.
    line_ends: u64,
    /// The last line has no end yet.
    open: bool,
}

/// What of a text is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortened {
    /// Whole lines from the beginning, each with its end.
    pub head: String,
    /// Lines that are left out between the two; nothing is when it is zero.
    pub left_out: u64,
    /// The rest, from a line's beginning on unless that line alone is too long.
    pub tail: String,
}

impl Shortened {
    /// True when it is all.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.left_out == 0
    }
}

impl Excerpt {
    /// Adds text that [`crate::output::sanitise::Sanitiser`] made.
    pub fn push(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.line_ends += text
            .bytes()
            .map(|byte| u64::from(byte == b'\n'))
            .sum::<u64>();
        self.open = !text.ends_with('\n');
        let mut rest = text;
        if self.between == 0 && self.tail.is_empty() {
            let room = HEAD_BYTES.saturating_sub(self.head.len());
            let (fits, more) = rest.split_at(floor(rest, room));
            self.head.push_str(fits);
            rest = more;
        }
        self.tail.push_str(rest);
        // Cutting only now and then keeps the work in step with what was pushed.
        if self.tail.len() > 2 * TAIL_BYTES {
            self.shrink();
        }
    }

    /// Lines so far, the unfinished one too.
    #[must_use]
    pub const fn lines(&self) -> u64 {
        self.line_ends + self.open as u64
    }

    /// All of it, when all is kept.
    #[must_use]
    pub fn whole(&self) -> Option<String> {
        (self.between == 0).then(|| format!("{}{}", self.head, self.tail))
    }

    /// The same, of an output of so many lines: what was folded is not counted twice.
    #[must_use]
    pub fn of_lines(self, lines: u64) -> Self {
        Self {
            line_ends: lines,
            open: false,
            ..self
        }
    }

    /// Keeps no more than it must.
    pub fn shrink(&mut self) {
        if self.tail.len() <= TAIL_BYTES {
            return;
        }
        // The line that is cut, and the sequence too, may have begun in the beginning.
        let (all, first) = match self.between {
            0 => (format!("{}{}", self.head, self.tail), self.head.len()),
            _ => (std::mem::take(&mut self.tail), 0),
        };
        let at = colours::floor(&all, ceil(&all, all.len() - TAIL_BYTES));
        if at > first {
            self.between += (at - first) as u64;
            self.tail = colours::opened(&all, at);
            self.tail.shrink_to(TAIL_BYTES);
        } else if first == 0 {
            self.tail = all;
        }
    }

    /// All of it when it has at most so many lines and UTF-16 units, or else its last lines that do.
    #[must_use]
    pub fn last(&self, lines_max: usize, units_max: usize) -> Shortened {
        self.part(0, lines_max, units_max)
    }

    /// All of it when it has at most so many lines and UTF-16 units, or else a third of that of the beginning, and the end.
    #[must_use]
    pub fn ends(&self, lines_max: usize, units_max: usize) -> Shortened {
        self.part(lines_max / 3, lines_max, units_max)
    }

    fn part(&self, head_lines: usize, lines_max: usize, units_max: usize) -> Shortened {
        if let Some(whole) = self.whole()
            && units(&whole) <= units_max
            && whole.lines().count() <= lines_max
        {
            return Shortened {
                head: String::new(),
                left_out: 0,
                tail: whole,
            };
        }
        let head_units = if head_lines == 0 { 0 } else { units_max / 3 };
        let head = first_lines(&self.head, head_lines, head_units);
        let kept = self.head.get(head.len()..).unwrap_or_default();
        let end = if self.between == 0 {
            format!("{kept}{}", self.tail)
        } else {
            self.tail.clone()
        };
        let tail_lines = lines_max - head.lines().count();
        let reserved = if colours::is_coloured(&end) {
            colours::CUT_UNITS
        } else {
            0
        };
        let tail_units = (units_max - units(head)).saturating_sub(reserved);
        let shown = last_lines(&end, tail_lines, tail_units);
        let tail = colours::opened(&end, colours::floor(&end, shown.start));
        let rows = head.lines().chain(tail.lines());
        let told = rows.filter(|row| !colours::stripped(row).starts_with(FOLD));
        let told = told.count();
        Shortened {
            head: head.to_owned(),
            // A line that is cut counts as left out: some of it is.
            left_out: self.lines().saturating_sub(told as u64).max(1),
            tail,
        }
    }
}

/// The first whole lines that are at most so many and have at most so many UTF-16 units.
fn first_lines(text: &str, lines_max: usize, units_max: usize) -> &str {
    let fits = prefix(text, units_max);
    let ends = fits.match_indices('\n').map(|(at, _)| at + 1);
    let end = ends.take(lines_max).last().unwrap_or(0);
    fits.get(..end).unwrap_or_default()
}

/// The last lines that are at most so many and have at most so many UTF-16 units; the end of the last when it alone has more.
fn last_lines(text: &str, lines_max: usize, units_max: usize) -> Range<usize> {
    let body = text.trim_end_matches('\n');
    let (mut start, mut used) = (body.len(), 0);
    for line in body.rsplit('\n').take(lines_max.max(1)) {
        let first = start == body.len();
        let more = units(line) + usize::from(!first);
        if used + more > units_max {
            if first {
                // From the first character on that the end of the line can have.
                let mut left = units_max;
                for (at, c) in line.char_indices().rev() {
                    if c.len_utf16() > left {
                        break;
                    }
                    left -= c.len_utf16();
                    start = body.len() - line.len() + at;
                }
            }
            break;
        }
        used += more;
        start -= line.len() + usize::from(!first);
    }
    start..text.len()
}

/// The last place at or before this one where a character begins.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The first place at or after this one where a character begins.
fn ceil(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pieces: &[&str]) -> Excerpt {
        let mut excerpt = Excerpt::default();
        pieces.iter().for_each(|piece| excerpt.push(piece));
        excerpt
    }

    fn numbered(lines: usize) -> String {
        (1..=lines).map(|n| format!("line {n}\n")).collect()
    }

    #[test]
    fn what_is_short_is_whole() {
        let excerpt = of(&["one\ntw", "o"]);
        assert_eq!(
            (excerpt.lines(), excerpt.whole().as_deref()),
            (2, Some("one\ntwo"))
        );
        assert!(excerpt.last(2, 7).is_whole() && excerpt.ends(2, 7).is_whole());
        assert_eq!(of(&[]).lines(), 0);
        assert_eq!(of(&["", "\n"]).lines(), 1);
        assert_eq!(of(&["x\n"]).last(5, 50).tail, "x\n");
    }

    #[test]
    fn of_what_is_long_the_ends_are_shown_with_the_number_of_lines_between() {
        for lines in [20, 400, 5_000] {
            let text = numbered(lines);
            let pieces: Vec<&str> = text.split_inclusive("7").collect();
            let excerpt = of(&pieces);
            assert_eq!(excerpt.lines(), lines as u64);
            let part = excerpt.last(3, 900);
            let expected: String = (lines - 2..=lines).map(|n| format!("line {n}\n")).collect();
            assert_eq!((part.head.as_str(), part.tail), ("", expected));
            assert_eq!(part.left_out, lines as u64 - 3);
            let part = excerpt.ends(9, 900);
            assert_eq!(part.head, "line 1\nline 2\nline 3\n");
            assert_eq!(
                (part.tail.lines().count(), part.left_out),
                (6, lines as u64 - 9)
            );
        }
    }

    #[test]
    fn units_bound_too_and_a_line_that_is_too_long_shows_its_end() {
        let part = of(&["abc\ndef\nghi\n"]).last(9, 8);
        assert_eq!((part.tail.as_str(), part.left_out), ("def\nghi\n", 1));
        let part = of(&["abcdefgh"]).last(9, 3);
        assert_eq!((part.tail.as_str(), part.left_out), ("fgh", 1));
        let part = of(&["a\n🙂🙂🙂\n"]).last(9, 5);
        assert_eq!(part.tail, "🙂🙂\n");
    }

    #[test]
    fn memory_is_bounded_however_much_comes() {
        let mut excerpt = Excerpt::default();
        for _ in 0..1_000 {
            excerpt.push(&"é".repeat(700));
            assert!(excerpt.head.len() + excerpt.tail.len() <= HEAD_BYTES + 3 * TAIL_BYTES);
        }
        excerpt.shrink();
        assert!(excerpt.head.len() + excerpt.tail.len() <= HEAD_BYTES + TAIL_BYTES);
        assert_eq!((excerpt.lines(), excerpt.whole()), (1, None));
    }
}

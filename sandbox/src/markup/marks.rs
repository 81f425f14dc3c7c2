//! Where the marks of spans stand in a text, found once, so that looking for the end of a span never walks the text again.
//!
//! Each question is answered by a binary search; a text of nothing but marks costs no more than prose.

use std::collections::HashMap;

/// A row of the same mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    start: usize,
    end: usize,
    /// Whether white space, or nothing, stands before it.
    spaced: bool,
    /// The first run from this one on with an odd length, as an index.
    odd: usize,
    /// The first run from this one on with two marks or more, as an index.
    double: usize,
}

/// The rows of one mark, `*` or `_`.
#[derive(Debug, Default)]
pub(super) struct Runs {
    list: Vec<Run>,
}

impl Runs {
    /// Adds the mark at `at`.
    fn add(&mut self, at: usize, spaced: bool) {
        if let Some(last) = self.list.last_mut()
            && last.end == at
        {
            last.end += 1;
            return;
        }
        self.list.push(Run {
            start: at,
            end: at + 1,
            spaced,
            odd: 0,
            double: 0,
        });
    }

    /// Links every run to the next ones that can end a span.
    fn link(&mut self) {
        let (mut odd, mut double) = (self.list.len(), self.list.len());
        for (index, run) in self.list.iter_mut().enumerate().rev() {
            let length = run.end - run.start;
            if length % 2 == 1 {
                odd = index;
            }
            if length >= 2 {
                double = index;
            }
            (run.odd, run.double) = (odd, double);
        }
    }

    /// The run that holds `at`, as an index.
    fn holding(&self, at: usize) -> Option<usize> {
        let index = self.list.partition_point(|run| run.end <= at);
        (self.list.get(index)?.start <= at).then_some(index)
    }

    /// The first run from `index` on that `fits`, cut off at `end`.
    fn first(
        &self,
        index: usize,
        end: usize,
        next: impl Fn(&Run) -> usize,
        fits: impl Fn(usize) -> bool,
    ) -> Option<Run> {
        let found = self
            .list
            .get(index)
            .and_then(|run| self.list.get(next(run)))
            .filter(|run| run.end <= end);
        if found.is_some() {
            return found.copied();
        }
        // Only the run that `end` cuts through can fit without having fitted as a whole.
        let cut = self.holding(end).filter(|cut| *cut >= index)?;
        let mut run = *self.list.get(cut)?;
        run.end = end;
        (run.start < end && fits(end - run.start)).then_some(run)
    }

    /// Where the closing mark stands of a span that one mark at `at` opens, in a text that ends at `end`.
    ///
    /// Rows of two are content; the first row with a mark left over closes or, after white space, forbids the span.
    pub(super) fn single(&self, at: usize, end: usize) -> Option<(usize, bool)> {
        let index = self.holding(at)?;
        let own = self.list.get(index)?;
        let rest = own.end.min(end).checked_sub(at + 1)?;
        if rest % 2 == 1 {
            return None;
        }
        let run = self.first(index + 1, end, |run| run.odd, |length| length % 2 == 1)?;
        Some((run.end - 1, run.spaced && run.end - run.start == 1))
    }

    /// Where the two closing marks stand of a span that two marks at `at` open.
    pub(super) fn double(&self, at: usize, end: usize) -> Option<usize> {
        let index = self.holding(at)?;
        let own = self.list.get(index)?;
        let rest = own.end.min(end).checked_sub(at + 2)?;
        if rest > 2 {
            return None;
        }
        let run = self.first(index + 1, end, |run| run.double, |length| length >= 2)?;
        Some(run.end - 2)
    }
}

/// A row of backticks.
#[derive(Clone, Copy, Debug)]
struct Ticks {
    start: usize,
    length: usize,
    /// The start of the next row with the same length.
    same: Option<usize>,
}

/// All marks of a text.
#[derive(Debug, Default)]
pub(super) struct Marks {
    pub(super) stars: Runs,
    pub(super) underscores: Runs,
    ticks: Vec<Ticks>,
    fences: Vec<usize>,
    tildes: Vec<usize>,
    bars: Vec<usize>,
    /// Opening brackets and the closing ones that match them.
    brackets: Vec<(usize, usize)>,
}

impl Marks {
    /// Finds the marks of a text.
    pub(super) fn find(text: &str) -> Self {
        let mut marks = Self::default();
        let bytes = text.as_bytes();
        let mut open = Vec::new();
        let (mut before, mut escaped) = (b' ', false);
        for (at, &byte) in bytes.iter().enumerate() {
            let twice = bytes.get(at + 1) == Some(&byte);
            match byte {
                b'`' => marks.tick(at, twice && bytes.get(at + 2) == Some(&byte)),
                b'~' if twice => marks.tildes.push(at),
                b'|' if twice => marks.bars.push(at),
                b'*' if !escaped => marks.stars.add(at, before.is_ascii_whitespace()),
                b'_' if !escaped => marks.underscores.add(at, before.is_ascii_whitespace()),
                b'[' if !escaped => open.push(at),
                b']' if !escaped => {
                    marks.brackets.extend(open.pop().map(|start| (start, at)));
                }
                _ => {}
            }
            escaped = byte == b'\\' && !escaped;
            before = byte;
        }
        marks.stars.link();
        marks.underscores.link();
        marks.brackets.sort_unstable();
        let mut next = HashMap::new();
        for ticks in marks.ticks.iter_mut().rev() {
            ticks.same = next.insert(ticks.length, ticks.start);
        }
        marks
    }

    fn tick(&mut self, at: usize, fence: bool) {
        if fence {
            self.fences.push(at);
        }
        match self.ticks.last_mut() {
            Some(last) if last.start + last.length == at => last.length += 1,
            Some(_) | None => self.ticks.push(Ticks {
                start: at,
                length: 1,
                same: None,
            }),
        }
    }

    /// The number of backticks in the row at `at`, and the start of the next row with as many that ends before `end`.
    pub(super) fn code(&self, at: usize, end: usize) -> (usize, Option<usize>) {
        let index = self.ticks.partition_point(|ticks| ticks.start < at);
        let Some(ticks) = self.ticks.get(index).filter(|ticks| ticks.start == at) else {
            return (1, None);
        };
        let close = ticks.same.filter(|close| close + ticks.length <= end);
        (ticks.length.min(end.saturating_sub(at)), close)
    }

    /// The first three backticks from `from` on that end before `end`.
    pub(super) fn fence(&self, from: usize, end: usize) -> Option<usize> {
        first(&self.fences, from, end, 3)
    }

    /// The first `~~` from `from` on that ends before `end`.
    pub(super) fn strike(&self, from: usize, end: usize) -> Option<usize> {
        first(&self.tildes, from, end, 2)
    }

    /// The first `||` from `from` on that ends before `end`.
    pub(super) fn spoiler(&self, from: usize, end: usize) -> Option<usize> {
        first(&self.bars, from, end, 2)
    }

    /// The `]` that matches the `[` at `at`.
    pub(super) fn bracket(&self, at: usize, end: usize) -> Option<usize> {
        let index = self.brackets.partition_point(|(open, _)| *open < at);
        let (open, close) = self.brackets.get(index)?;
        (*open == at && *close < end).then_some(*close)
    }
}

fn first(list: &[usize], from: usize, end: usize, width: usize) -> Option<usize> {
    let found = *list.get(list.partition_point(|at| *at < from))?;
    (found + width <= end).then_some(found)
}

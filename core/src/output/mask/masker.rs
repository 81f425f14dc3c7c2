//! One stream on its way through the masks.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use aho_corasick::Anchored;
use aho_corasick::automaton::{Automaton as _, StateID};

use super::shape::{Attempt, SHAPES, Verdict, word};
use super::{Kind, MASKED, Plan};

/// Bytes that are remembered after they were given out: more than any trigger has.
const BEFORE_BYTES: usize = 32;

/// When no more comes for now, or at all, the beginning of a value is masked like a whole one from this length on.
const PART_BYTES_MIN: usize = 8;

/// Masks one stream. Holds back only what may be the beginning of something.
#[derive(Clone)]
pub struct Masker {
    plan: Arc<Plan>,
    state: StateID,
    attempts: Vec<Attempt>,
    /// What is not given out yet.
    held: Vec<u8>,
    /// Where in the stream that begins.
    base: u64,
    /// The bytes before it, as many as a trigger and one more have.
    before: Vec<u8>,
    /// Stretches that are masked, in order; none touches the next.
    covered: VecDeque<(u64, u64)>,
    /// The line ends within base64 that may not be over yet.
    line_ends: VecDeque<u64>,
    /// Where the last stretch ended whose mark was given out.
    marked_to: Option<u64>,
    count: u64,
}

impl Masker {
    pub(super) fn new(plan: Arc<Plan>) -> Self {
        Self {
            state: plan.start,
            plan,
            attempts: Vec::new(),
            held: Vec::new(),
            base: 0,
            before: Vec::new(),
            covered: VecDeque::new(),
            line_ends: VecDeque::new(),
            marked_to: None,
            count: 0,
        }
    }

    /// Takes the next bytes, and appends to `into` what is certain by now.
    pub fn push(&mut self, bytes: &[u8], into: &mut Vec<u8>) {
        if self.plan.kinds.is_empty() {
            into.extend_from_slice(bytes);
            return;
        }
        let plan = Arc::clone(&self.plan);
        let first = self.end();
        self.held.extend_from_slice(bytes);
        let mut state = self.state;
        for (at, byte) in (first..).zip(bytes) {
            if !self.attempts.is_empty() {
                self.step(*byte, at);
            }
            let next = plan.automaton.next_state(Anchored::No, state, *byte);
            if matches!(byte, b'\n' | b'\r') && next == plan.start && plan.depth(state).wrapped {
                self.line_ends.push_back(at);
                continue;
            }
            state = next;
            if plan.automaton.is_special(state) && plan.automaton.is_match(state) {
                self.matched(&plan, state, at + 1);
            }
        }
        self.state = state;
        let certain = self.end() - self.tail(&plan, true) as u64;
        self.give(certain, into);
        while self.line_ends.front().is_some_and(|at| *at < self.base) {
            self.line_ends.pop_front();
        }
    }

    /// Bytes that are held back.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.held.len()
    }

    /// Gives out what is held back, since nothing more comes for now. The beginning of a value, if it is long enough to tell, is masked.
    pub fn flush(&mut self, into: &mut Vec<u8>) {
        let plan = Arc::clone(&self.plan);
        let part = self.tail(&plan, false);
        let end = self.end();
        if part >= PART_BYTES_MIN {
            self.cover(end - part as u64, end);
        }
        self.give(end, into);
    }

    /// Gives out what is held back at the end of the stream, and begins anew.
    pub fn finish(&mut self, into: &mut Vec<u8>) {
        self.flush(into);
        let count = self.count;
        *self = Self {
            count,
            ..Self::new(Arc::clone(&self.plan))
        };
    }

    /// How many stretches were masked.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    fn end(&self) -> u64 {
        self.base + self.held.len() as u64
    }

    /// Lets every attempt see a byte.
    fn step(&mut self, byte: u8, at: u64) {
        let mut attempts = std::mem::take(&mut self.attempts);
        attempts.retain_mut(|attempt| match attempt.step(byte, at) {
            Verdict::Open => true,
            Verdict::Mask(from) => {
                self.cover(from, at + 1);
                true
            }
            Verdict::MaskLast(from) => {
                self.cover(from, at + 1);
                false
            }
            Verdict::MaskedBefore(from) => {
                self.cover(from, at);
                false
            }
            Verdict::Over => false,
        });
        self.attempts = attempts;
    }

    /// Notes what ends right before `end`.
    fn matched(&mut self, plan: &Plan, state: StateID, end: u64) {
        for n in 0..plan.automaton.match_len(state) {
            let pattern = plan.automaton.match_pattern(state, n);
            let len = plan.automaton.pattern_len(pattern) as u64;
            match plan.kinds.get(pattern.as_usize()) {
                Some(Kind::Plain) => self.cover(end - len, end),
                Some(Kind::Base64) => self.cover(self.begin(len, end), end),
                Some(Kind::Shape(shape)) => self.attempt(*shape, len, end),
                None => {}
            }
        }
    }

    /// Where base64 of that length began, line ends not counted.
    fn begin(&self, len: u64, end: u64) -> u64 {
        let mut begin = end.saturating_sub(len);
        for at in self.line_ends.iter().rev() {
            if *at < begin {
                break;
            }
            begin = begin.saturating_sub(1);
        }
        begin
    }

    /// Follows a shape that may have begun; one of each at most.
    fn attempt(&mut self, number: usize, len: u64, end: u64) {
        let Some(shape) = SHAPES.get(number) else {
            return;
        };
        if shape.boundary && self.byte_before(end - len).is_some_and(word) {
            return;
        }
        let same = |attempt: &Attempt| attempt.shape() == number;
        if self.attempts.iter().any(|a| same(a) && a.is_certain()) {
            return;
        }
        self.attempts.retain(|attempt| !same(attempt));
        self.attempts.push(Attempt::new(number, shape, len, end));
    }

    fn byte_before(&self, at: u64) -> Option<u8> {
        let (bytes, from_end) = match self.end().checked_sub(at)? {
            n if n < self.held.len() as u64 => (&self.held, n),
            n => (&self.before, n - self.held.len() as u64),
        };
        let n = bytes
            .len()
            .checked_sub(usize::try_from(from_end).ok()? + 1)?;
        bytes.get(n).copied()
    }

    /// Masks a stretch, as far as it was not given out. It ends where the stream does, or right before its last byte.
    fn cover(&mut self, from: u64, to: u64) {
        let mut stretch = (from.max(self.base), to);
        while let Some(last) = self.covered.pop_back() {
            if last.1 < stretch.0 {
                self.covered.push_back(last);
                break;
            }
            stretch = (last.0.min(stretch.0), last.1.max(stretch.1));
        }
        if stretch.0 < stretch.1 {
            self.covered.push_back(stretch);
        }
    }

    /// How many of the last bytes may be the beginning of a value, or with `all` of anything.
    fn tail(&self, plan: &Plan, all: bool) -> usize {
        let depth = plan.depth(self.state);
        let begun = if depth.wrapped {
            let begin = self.begin(depth.len as u64, self.end());
            usize::try_from(self.end() - begin).unwrap_or(0)
        } else {
            let begins = |len: &usize| {
                let Some(at) = self.held.len().checked_sub(*len) else {
                    return false;
                };
                let tail = self.held.get(at..).unwrap_or_default();
                let before = || self.byte_before(self.base + at as u64);
                plan.begins_value(tail) || (all && plan.begins_shape(tail, before()))
            };
            (1..=depth.len).rev().find(begins).unwrap_or(0)
        };
        let waits = self.attempts.iter().filter_map(Attempt::waits_from).min();
        let waits = waits.filter(|_| all).map_or(0, |from| {
            usize::try_from(self.end().saturating_sub(from)).unwrap_or(0)
        });
        begun.max(waits).min(self.held.len())
    }

    /// Gives out everything before `until`.
    fn give(&mut self, until: u64, into: &mut Vec<u8>) {
        let mut at = self.base;
        while let Some((from, to)) = self.covered.pop_front_if(|stretch| stretch.0 < until) {
            self.copy(at, from, into);
            if self.marked_to != Some(from) {
                into.extend_from_slice(MASKED.as_bytes());
                self.count += 1;
            }
            at = to.min(until);
            self.marked_to = Some(at);
            if to > until {
                self.covered.push_front((until, to));
            }
        }
        self.copy(at, until, into);
        let given = usize::try_from(until - self.base).unwrap_or(self.held.len());
        let given = given.min(self.held.len());
        let last = given.saturating_sub(BEFORE_BYTES);
        self.before
            .extend(self.held.get(last..given).unwrap_or_default());
        self.before
            .drain(..self.before.len().saturating_sub(BEFORE_BYTES));
        self.held.drain(..given);
        self.base = until;
    }

    fn copy(&self, from: u64, to: u64, into: &mut Vec<u8>) {
        let place = |at: u64| usize::try_from(at - self.base).unwrap_or(usize::MAX);
        into.extend_from_slice(self.held.get(place(from)..place(to)).unwrap_or_default());
    }
}

impl fmt::Debug for Masker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Masker({} bytes held, {} masked)",
            self.held.len(),
            self.count
        )
    }
}

//! The output of one host, from records to the messages that hold it.
//!
//! Memory is bounded, however much the host writes: a few whole pages and the end. What is attached is told by its place in the output.

use std::ops::Range;

use super::FilePart;
use crate::ids::{AgentId, HostName, RunNumber};
use crate::limits;
use crate::output::pages::{Above, Pager, Tail};
use crate::output::sanitise::{Sanitiser, is_binary};
use crate::run::{Execution, Outcome, Run, Target};
use crate::spool::Record;
use crate::text::{count, duration, size};

/// Bytes from the start of an output that decide whether it is text.
const SAMPLE_BYTES: usize = 4 * 1024;
/// Bytes of output that are read in a moment, once the host has ended.
const SOON_BYTES: u64 = 256 * 1024;
/// Bytes of an output that is attached as one file, and of the beginning of a longer one.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Bytes of the end of an output that is too long for one file.
const END_BYTES: u64 = 1024 * 1024;

/// The output of one host.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) agent: AgentId,
    pub(super) name: HostName,
    sanitiser: Sanitiser,
    pager: Pager,
    tail: Tail,
    /// Whole pages, at most as many as are posted.
    sealed: Vec<String>,
    lines: u64,
    bytes: u64,
    sample: Vec<u8>,
    /// There are no more records.
    finished: bool,
    /// Why the records before that are not all of them.
    missing: Option<String>,
}

impl Host {
    pub(super) fn new(target: &Target) -> Self {
        let header = format!("**{}**", target.name);
        Self {
            agent: target.agent,
            name: target.name.clone(),
            sanitiser: Sanitiser::new(),
            pager: Pager::new(&header),
            tail: Tail::new(&header, Above::Lines(0)),
            sealed: Vec::new(),
            lines: 0,
            bytes: 0,
            sample: Vec::new(),
            finished: false,
            missing: None,
        }
    }

    pub(super) fn feed(&mut self, record: &Record) {
        match record {
            Record::Out { bytes, .. } | Record::Err { bytes, .. } => self.feed_output(bytes),
            Record::Truncated { dropped } => {
                // What is missing began within the line: its beginning stands above, and what comes next is another line.
                let mut text = String::new();
                self.sanitiser.finish(&mut text);
                let dropped = size(*dropped);
                text.push_str(&format!(
                    "\n[{dropped} of output not kept: over the limit]\n"
                ));
                self.show(&text);
            }
            Record::Header(_) | Record::Exit(_) | Record::Unknown { .. } => {}
        }
    }

    pub(super) fn finish(&mut self) {
        if !self.finished {
            self.finished = true;
            let mut text = String::new();
            self.sanitiser.finish(&mut text);
            self.show(&text);
        }
    }

    pub(super) fn break_off(&mut self, why: &str) {
        self.missing.get_or_insert_with(|| why.to_owned());
        self.finish();
    }

    /// True while it waits for its host.
    pub(super) fn waits(&self, run: &Run) -> bool {
        self.execution(run).is_some_and(Execution::is_queued)
    }

    /// True when nothing can come any more.
    pub(super) fn is_done(&self, run: &Run) -> bool {
        let without_output = |outcome: &Outcome| outcome.how.exit_code().is_none();
        self.outcome(run)
            .is_some_and(|outcome| self.finished || without_output(outcome))
    }

    /// True when it has ended, and the little that it printed is read in a moment.
    pub(super) fn is_about_to_be_done(&self, run: &Run) -> bool {
        let little = |outcome: &Outcome| outcome.output_bytes <= SOON_BYTES;
        !self.is_done(run) && self.outcome(run).is_some_and(little)
    }

    /// True when pages do not hold all of the output, so that it is attached at the end.
    pub(super) fn has_files(&self) -> bool {
        self.sealed.len() >= limits::PAGES_WHOLE_MAX || self.is_binary()
    }

    /// Numbers of the messages that exist or should.
    pub(super) fn page_numbers(&self, run: &Run) -> Range<usize> {
        if self.bytes == 0 && !self.is_done(run) {
            0..0
        } else if self.is_binary() {
            0..1
        } else {
            0..self.sealed.len() + 1
        }
    }

    /// One of them as it should look.
    pub(super) fn page(&self, number: usize, run: &Run) -> String {
        if self.is_binary() {
            let (name, size, footer) = (&self.name, size(self.bytes), self.footer(run));
            format!("**{name}**\nbinary output, {size}, attached at the end\n-# {footer}")
        } else if let Some(sealed) = self.sealed.get(number) {
            self.pager.message(sealed, "")
        } else if number == limits::PAGES_WHOLE_MAX {
            self.tail
                .message(&self.sanitiser.pending(), &self.footer(run))
        } else if self.bytes == 0 {
            let nothing = self.missing.as_ref().map_or("no output", |_| "not shown");
            format!("**{}**\n({nothing})\n-# {}", self.name, self.footer(run))
        } else if self.finished {
            self.pager.message(self.pager.open(), &self.footer(run))
        } else {
            self.pager
                .live(&self.sanitiser.pending(), &self.footer(run))
        }
    }

    /// The whole output when it is short enough for the card.
    pub(super) fn short(&self, run: &Run) -> Option<String> {
        let (lines_max, chars_max) = limits::CARD_OUTPUT_MAX;
        let text = self.pager.open();
        let fits = self.sealed.is_empty()
            && self.missing.is_none()
            && text.lines().count() <= lines_max
            && text.chars().count() <= chars_max;
        (self.is_done(run) && fits && !self.is_binary()).then(|| text.to_owned())
    }

    /// What stands above its files.
    pub(super) fn files_text(&self, run: RunNumber) -> String {
        let (name, number) = (&self.name, run.0);
        let all = format!(
            "{} of output, {}",
            size(self.bytes),
            count_lines(self.lines)
        );
        let note = if let Some(missing) = &self.missing {
            format!("{all}; {missing}")
        } else if self.bytes <= FILE_BYTES_MAX {
            format!("the whole output: {all}")
        } else {
            let (first, last) = (FILE_BYTES_MAX, self.bytes - self.end_at());
            let (first, last) = (size(first), size(last));
            format!("{all}: attached are the first {first} and the last {last}")
        };
        format!("**{name}** · {note}\n-# all of it: `shanty runs output {number} --host {name}`")
    }

    /// Its files: all of it, or its beginning and its end.
    pub(super) fn files(&self, run: RunNumber) -> Vec<FilePart> {
        let part = |what: &str, bytes| FilePart {
            name: format!("{}.{}{what}.log", self.name, run.0),
            bytes,
        };
        if self.bytes <= FILE_BYTES_MAX {
            return vec![part("", 0..self.bytes)];
        }
        vec![
            part(".first", 0..FILE_BYTES_MAX),
            part(".last", self.end_at()..self.bytes),
        ]
    }

    /// Where the end of an output begins that is too long for one file.
    fn end_at(&self) -> u64 {
        self.bytes.saturating_sub(END_BYTES).max(FILE_BYTES_MAX)
    }

    fn feed_output(&mut self, bytes: &[u8]) {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        let room = SAMPLE_BYTES
            .saturating_sub(self.sample.len())
            .min(bytes.len());
        self.sample
            .extend_from_slice(bytes.get(..room).unwrap_or_default());
        let mut text = String::new();
        self.sanitiser.push(bytes, &mut text);
        self.show(&text);
    }

    fn show(&mut self, text: &str) {
        self.lines += text.matches('\n').count() as u64;
        for page in self.pager.push(text) {
            if self.sealed.len() < limits::PAGES_WHOLE_MAX {
                self.sealed.push(page.text);
            }
        }
        self.tail.push(text);
    }

    fn is_binary(&self) -> bool {
        is_binary(&self.sample)
    }

    fn execution<'a>(&self, run: &'a Run) -> Option<&'a Execution> {
        run.execution(self.agent)
    }

    fn outcome<'a>(&self, run: &'a Run) -> Option<&'a Outcome> {
        self.execution(run).and_then(Execution::outcome)
    }

    /// The small line below the output, which no output can pass for: it stands outside of the code block.
    fn footer(&self, run: &Run) -> String {
        let state = self.state(run);
        match &self.missing {
            Some(missing) => format!("{state} · {missing}"),
            None => state,
        }
    }

    fn state(&self, run: &Run) -> String {
        let amount = format!("{} · {}", count_lines(self.lines), size(self.bytes));
        match self.outcome(run) {
            None if self.bytes == 0 => self
                .execution(run)
                .map_or("queued", Execution::state)
                .to_owned(),
            None => format!("{amount} · live"),
            Some(outcome) if outcome.how.exit_code().is_some() => {
                let took = duration(outcome.duration_ms);
                format!("{} · {took} · {amount}", outcome.how)
            }
            Some(outcome) => outcome.how.to_string(),
        }
    }
}

fn count_lines(lines: u64) -> String {
    count(usize::try_from(lines).unwrap_or(usize::MAX), "line")
}

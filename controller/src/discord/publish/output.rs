//! The output of one host, from stored bytes to pages.
//!
//! Memory is bounded, however much the host writes: a few whole pages and the end. What is attached is read again when it is posted.

use shanty_core::ids::{AgentId, HostName, RunId};
use shanty_core::limits;
use shanty_core::outbox::Urgency;
use shanty_core::output::pages::{Above, Pager, Tail};
use shanty_core::output::sanitise::{Sanitiser, is_binary};
use shanty_core::run::{Outcome, Run, Target};
use shanty_core::spool::{Decoder, Record};
use shanty_core::text::{count, duration, size};

use super::render::digest;
use crate::store::{Output, StoreError, Stored};

/// Bytes read from the store at a time.
const READ_BYTES: usize = 256 * 1024;
/// Bytes from the start of an output that decide whether it is text.
const SAMPLE_BYTES: usize = 4 * 1024;
/// Bytes of an output that is attached as one file.
const ATTACH_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of the end of an output that is too long for that.
const ATTACH_END_BYTES: usize = 1024 * 1024;

/// A message of the thread as it should look.
pub(super) struct PageView {
    pub(super) number: usize,
    pub(super) digest: u64,
    pub(super) urgency: Urgency,
    pub(super) text: String,
}

/// The output of one host.
pub(super) struct HostOutput {
    pub(super) run: RunId,
    pub(super) agent: AgentId,
    pub(super) name: HostName,
    stored: Stored,
    offset: u64,
    decoder: Decoder,
    sanitiser: Sanitiser,
    pager: Pager,
    tail: Tail,
    /// Whole pages, at most as many as are posted.
    sealed: Vec<String>,
    /// Pages that were ever full.
    sealed_count: usize,
    lines: u64,
    bytes: u64,
    sample: Vec<u8>,
    /// The last record was read.
    read_all: bool,
    outcome: Option<Outcome>,
    state: &'static str,
    /// An earlier process showed some of it: nothing is added.
    pub(super) silent: bool,
}

impl HostOutput {
    pub(super) fn new(run: RunId, target: &Target) -> Self {
        let header = format!("**{}**", target.name);
        Self {
            run,
            agent: target.agent,
            name: target.name.clone(),
            stored: Stored::default(),
            offset: 0,
            decoder: Decoder::new(),
            sanitiser: Sanitiser::new(),
            pager: Pager::new(&header),
            tail: Tail::new(&header, Above::Lines(0)),
            sealed: Vec::new(),
            sealed_count: 0,
            lines: 0,
            bytes: 0,
            sample: Vec::new(),
            read_all: false,
            outcome: None,
            state: "queued",
            silent: false,
        }
    }

    /// So much is stored now.
    pub(super) const fn grew(&mut self, stored: Stored) {
        self.stored = stored;
    }

    /// True when there is more to read.
    pub(super) const fn is_behind(&self) -> bool {
        self.offset < self.stored.len || (self.stored.ended && !self.read_all)
    }

    /// Reads the next part of what is stored, so much that what people see stays fresh meanwhile.
    pub(super) async fn read(&mut self, output: &Output) -> Result<(), StoreError> {
        let bytes = output
            .read(self.run, self.agent, self.offset, READ_BYTES)
            .await?;
        self.offset += bytes.len() as u64;
        self.decoder.push(&bytes);
        while let Ok(Some((record, _))) = self.decoder.next_record() {
            self.took(&record);
        }
        if bytes.is_empty() || self.offset >= self.stored.len {
            self.offset = self.offset.max(self.stored.len);
            if self.stored.ended && !self.read_all {
                self.read_all = true;
                let mut text = String::new();
                self.sanitiser.finish(&mut text);
                self.show(&text);
            }
        }
        Ok(())
    }

    /// How the host stands in the run now.
    pub(super) fn look_at(&mut self, run: &Run) {
        if let Some(execution) = run.execution(self.agent) {
            self.outcome = execution.outcome().cloned();
            self.state = execution.state();
        }
    }

    /// True when nothing can come any more.
    pub(super) fn is_done(&self) -> bool {
        let without_output = self
            .outcome
            .as_ref()
            .is_some_and(|o| o.how.exit_code().is_none());
        self.silent || self.outcome.is_some() && (self.read_all || without_output)
    }

    /// True when it has ended, and the little that it printed is read in a moment.
    pub(super) fn is_about_to_be_done(&self) -> bool {
        let little = |outcome: &Outcome| outcome.output_bytes <= READ_BYTES as u64;
        !self.is_done() && self.outcome.as_ref().is_some_and(little)
    }

    /// True when pages do not hold all of the output, so that it is attached at the end.
    pub(super) fn has_whole(&self) -> bool {
        !self.silent && (self.sealed_count >= limits::PAGES_WHOLE_MAX || self.is_binary())
    }

    /// Numbers of the messages that exist or should.
    pub(super) fn page_numbers(&self) -> std::ops::Range<usize> {
        let none = self.silent || self.bytes == 0 && !self.is_done();
        let last = if none {
            0
        } else {
            self.sealed.len().min(limits::PAGES_WHOLE_MAX) + 1
        };
        0..if self.is_binary() { last.min(1) } else { last }
    }

    /// The messages as they should look.
    pub(super) fn pages(&self) -> Vec<PageView> {
        self.page_numbers()
            .filter_map(|number| self.page(number))
            .collect()
    }

    /// One of them.
    pub(super) fn page(&self, number: usize) -> Option<PageView> {
        let text = if self.is_binary() {
            let size = size(self.bytes);
            format!(
                "**{}**\nbinary output, {size}, attached at the end\n-# {}",
                self.name,
                self.footer()
            )
        } else if let Some(sealed) = self.sealed.get(number) {
            self.pager.message(sealed, "")
        } else if number == limits::PAGES_WHOLE_MAX {
            self.tail.message(&self.sanitiser.pending(), &self.footer())
        } else if self.bytes == 0 {
            format!("**{}**\n(no output)\n-# {}", self.name, self.footer())
        } else if self.read_all {
            self.pager.message(self.pager.open(), &self.footer())
        } else {
            self.pager.live(&self.sanitiser.pending(), &self.footer())
        };
        let urgency = if self.is_done() {
            Urgency::Now
        } else {
            Urgency::Progress
        };
        Some(PageView {
            number,
            digest: digest(&text),
            urgency,
            text,
        })
    }

    /// The whole output when it is short enough for the card.
    pub(super) fn short(&self) -> Option<String> {
        let (lines_max, chars_max) = limits::CARD_OUTPUT_MAX;
        let text = self.pager.open();
        let fits = self.sealed_count == 0
            && text.lines().count() <= lines_max
            && text.chars().count() <= chars_max;
        (self.is_done() && fits && !self.is_binary()).then(|| text.to_owned())
    }

    /// What to attach when pages do not hold all of the output, read from the store.
    pub(super) async fn whole(&self, output: &Output) -> Result<Whole, StoreError> {
        let mut whole = Whole::default();
        let mut records = output.records(self.run, self.agent, 0);
        loop {
            match records.next().await {
                Ok(Some((_, end))) if end > self.offset => break,
                Ok(Some((Record::Out { bytes, .. } | Record::Err { bytes, .. }, _))) => {
                    whole.push(&bytes);
                }
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(StoreError::Spool(corrupt)) => {
                    whole.missing = Some(format!("what is stored after it is damaged: {corrupt}"));
                    break;
                }
                Err(error @ (StoreError::Missing { .. } | StoreError::Deleted(_))) => {
                    whole.missing = Some(error.to_string());
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        whole.note = self.note(&whole);
        Ok(whole)
    }

    fn note(&self, whole: &Whole) -> String {
        let all = format!(
            "{} of output, {}",
            size(self.bytes),
            count_lines(self.lines)
        );
        if let Some(missing) = &whole.missing {
            return format!("{all}; {missing}");
        }
        if whole.end.is_empty() {
            return format!("the whole output: {all}");
        }
        format!(
            "{all}: attached are the first {} and the last {}",
            size(whole.head.len() as u64),
            size(whole.end.len() as u64)
        )
    }

    fn is_binary(&self) -> bool {
        is_binary(&self.sample)
    }

    fn took(&mut self, record: &Record) {
        let (Record::Out { bytes, .. } | Record::Err { bytes, .. }) = record else {
            if let Record::Truncated { dropped } = record {
                let note = format!(
                    "\n[{} of output not kept: over the limit]\n",
                    size(*dropped)
                );
                self.show(&note);
            }
            return;
        };
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
            self.sealed_count += 1;
            if self.sealed.len() < limits::PAGES_WHOLE_MAX {
                self.sealed.push(page.text);
            }
        }
        self.tail.push(text);
    }

    /// The small line below the output, which no output can pass for: it stands outside of the code block.
    fn footer(&self) -> String {
        let amount = format!("{} · {}", count_lines(self.lines), size(self.bytes));
        match &self.outcome {
            None if self.bytes == 0 => self.state.to_owned(),
            None => format!("{amount} · live"),
            Some(outcome) if outcome.how.exit_code().is_some() => {
                format!(
                    "{} · {} · {amount}",
                    outcome.how,
                    duration(outcome.duration_ms)
                )
            }
            Some(outcome) => outcome.how.to_string(),
        }
    }
}

fn count_lines(lines: u64) -> String {
    count(usize::try_from(lines).unwrap_or(usize::MAX), "line")
}

/// The raw output of a host as it is attached: all of it, or its first part and its end.
#[derive(Clone, Debug, Default)]
pub(super) struct Whole {
    /// A sentence about it.
    pub(super) note: String,
    head: Vec<u8>,
    end: Vec<u8>,
    /// Why it could not be read to its end.
    missing: Option<String>,
}

impl Whole {
    /// The parts, each with what its file's name says of it.
    pub(super) fn parts(&self) -> Vec<(&'static str, &[u8])> {
        if self.end.is_empty() {
            vec![("", &self.head)]
        } else {
            vec![(".first", &self.head), (".last", &self.end)]
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        let room = ATTACH_BYTES_MAX
            .saturating_sub(self.head.len())
            .min(bytes.len());
        let (first, rest) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        self.head.extend_from_slice(first);
        self.end.extend_from_slice(rest);
        if self.end.len() > 2 * ATTACH_END_BYTES {
            self.end.drain(..self.end.len() - ATTACH_END_BYTES);
        }
    }
}

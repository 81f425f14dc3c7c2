//! The output of one host, from records to text: what of it is shown is decided by others.
//!
//! Memory is bounded, however much the host writes: its beginning and its end.

use crate::ids::{AgentId, HostName};
use crate::output::colours;
use crate::output::excerpt::Excerpt;
use crate::output::sanitise::{Sanitiser, is_binary};
use crate::run::{Colours, Execution, Outcome, Run, Target};
use crate::spool::{Record, Stream};
use crate::text::{size, thousands};
use crate::view::groups::Printed;

/// Bytes from the start of an output that decide whether it is text.
const SAMPLE_BYTES: usize = 4 * 1024;
/// Bytes of output that are read in a moment, once the host has ended.
const SOON_BYTES: u64 = 256 * 1024;

/// The output of one host.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) agent: AgentId,
    pub(super) name: HostName,
    sanitiser: Sanitiser,
    excerpt: Excerpt,
    bytes: u64,
    sample: Vec<u8>,
    /// There are no more records.
    finished: bool,
    /// Why the records before that are not all of them.
    missing: Option<String>,
}

impl Host {
    pub(super) fn new(target: &Target) -> Self {
        Self {
            agent: target.agent,
            name: target.name.clone(),
            sanitiser: Sanitiser::new(),
            excerpt: Excerpt::default(),
            bytes: 0,
            sample: Vec::new(),
            finished: false,
            missing: None,
        }
    }

    /// The same host, with its colours where those are asked for.
    pub(super) fn with(self, colours: Colours) -> Self {
        let sanitiser = match colours {
            Colours::None => self.sanitiser,
            Colours::Kept => Sanitiser::coloured(),
        };
        Self { sanitiser, ..self }
    }

    /// Takes the next record; gives the text that is settled with it.
    pub(super) fn feed(&mut self, record: &Record) -> String {
        let mut text = String::new();
        match record {
            Record::Out { bytes, .. } | Record::Err { bytes, .. } => {
                self.bytes = self.bytes.saturating_add(bytes.len() as u64);
                let room = SAMPLE_BYTES.saturating_sub(self.sample.len());
                let sample = bytes.get(..room.min(bytes.len())).unwrap_or_default();
                self.sample.extend_from_slice(sample);
                let err = matches!(record, Record::Err { .. });
                let stream = if err { Stream::Err } else { Stream::Out };
                self.sanitiser.push_from(stream, bytes, &mut text);
            }
            Record::Truncated { dropped } => {
                // What is missing began within the line: its beginning stands above, and what comes next is another line.
                self.sanitiser.finish(&mut text);
                let dropped = size(*dropped);
                text.push_str(&format!(
                    "\n[{dropped} of output not kept: over the limit]\n"
                ));
            }
            Record::Header(_) | Record::Exit(_) | Record::Unknown { .. } => {}
        }
        self.excerpt.push(&text);
        text
    }

    /// Takes that there are no more records; gives the text that is settled with that.
    pub(super) fn finish(&mut self) -> String {
        let mut text = String::new();
        if !self.finished {
            self.finished = true;
            self.sanitiser.finish(&mut text);
            self.excerpt.push(&text);
            self.excerpt.shrink();
        }
        text
    }

    pub(super) fn break_off(&mut self, why: &str) -> String {
        self.missing.get_or_insert_with(|| why.to_owned());
        self.finish()
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

    /// What it printed, once nothing can come any more or so far.
    pub(super) fn printed(&self, run: &Run) -> Printed {
        let ran = self
            .outcome(run)
            .is_some_and(|outcome| outcome.how.exit_code().is_some());
        if let Some(missing) = &self.missing {
            // A part would look like all.
            Printed::Missing(missing.clone())
        } else if self.bytes == 0 {
            if ran {
                Printed::Nothing
            } else {
                Printed::Unknown
            }
        } else if self.is_binary() {
            Printed::Binary(self.bytes)
        } else {
            Printed::Text {
                excerpt: self.seen().of_lines(self.lines()),
                bytes: self.bytes,
            }
        }
    }

    /// All that came, settled or not: of a host that is gone for ever nothing more comes that would settle it.
    fn seen(&self) -> Excerpt {
        let mut excerpt = self.excerpt.clone();
        if !self.finished {
            excerpt.push(&self.sanitiser.pending());
        }
        excerpt
    }

    /// All of its text without colours, when that is little and none is missing.
    pub(super) fn whole(&self) -> Option<String> {
        let text = self.missing.is_none() && self.bytes > 0 && !self.is_binary();
        let whole = self.seen().whole().filter(|_| text)?;
        Some(colours::stripped(&whole).into_owned())
    }

    /// The end of what it printed so far, with the unfinished line.
    pub(super) fn live(&self, lines_max: usize, units_max: usize) -> String {
        self.seen().last(lines_max, units_max).tail
    }

    /// The unfinished line as it would be shown now.
    pub(super) fn pending(&self) -> String {
        self.sanitiser.pending()
    }

    pub(super) fn lines(&self) -> u64 {
        self.sanitiser.lines()
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) const fn is_finished(&self) -> bool {
        self.finished
    }

    /// What people should know of its text, if anything: that some of it is not what the command wrote, or that it drew a screen.
    pub(super) fn remark(&self) -> Option<String> {
        if self.sanitiser.used_full_screen() {
            let hint = "it drew a full screen: a batch mode shows more, such as `top -b -n1`";
            return Some(hint.to_owned());
        }
        let invalid = self.sanitiser.report().invalid_bytes;
        let words = match invalid {
            0 => return None,
            1 => "1 byte is not UTF-8".to_owned(),
            n => format!("{} bytes are not UTF-8", thousands(n)),
        };
        (!self.is_binary()).then_some(words)
    }

    /// Why not all of its records are there.
    pub(super) fn missing(&self) -> Option<&str> {
        self.missing.as_deref()
    }

    pub(super) fn is_binary(&self) -> bool {
        is_binary(&self.sample)
    }

    pub(super) fn execution<'a>(&self, run: &'a Run) -> Option<&'a Execution> {
        run.execution(self.agent)
    }

    pub(super) fn outcome<'a>(&self, run: &'a Run) -> Option<&'a Outcome> {
        self.execution(run).and_then(Execution::outcome)
    }
}

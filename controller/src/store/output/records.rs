//! The one reader of a spool: its records in their order, as far as they are committed, with the controller's masks before them.
//!
//! What is damaged is an error, never an end: whoever reads must be able to say that something is missing.

use std::collections::VecDeque;

use bytes::Bytes;
use shanty_core::ids::{AgentId, RunId};
use shanty_core::output::mask::{Masker, Masks};
use shanty_core::run::Outcome;
use shanty_core::spool::{Decoder, Record, Stream};

use super::reader::Reader;
use super::whole::Whole;
use crate::store::StoreError;

/// Bytes read from the store at a time.
const READ_BYTES: usize = 256 * 1024;

/// Reads the records of one execution.
pub struct Records {
    reader: Reader,
    run: RunId,
    agent: AgentId,
    /// The end of what was read from the store; records end before it or there.
    read: u64,
    decoder: Decoder,
    masked: Masked,
    /// What is read from the beginning can be compared with what was recorded of it.
    whole: Option<Whole>,
    /// Records that come before the next of the spool.
    waiting: VecDeque<(Record, u64)>,
}

impl Records {
    pub(super) fn new(
        reader: Reader,
        masks: &Masks,
        (run, agent): (RunId, AgentId),
        from: u64,
    ) -> Self {
        Self {
            reader,
            run,
            agent,
            read: from,
            decoder: Decoder::at(from),
            masked: Masked::new(masks),
            whole: (from == 0).then(Whole::default),
            waiting: VecDeque::new(),
        }
    }

    /// The same for one that has ended so: where it is read to its end, that must be what was recorded.
    #[must_use]
    pub fn expecting(mut self, outcome: Option<&Outcome>) -> Self {
        if let Some(outcome) = outcome {
            self.expect(outcome);
        }
        self
    }

    /// It has ended, and this was recorded of it: when there is no more, all must have been there.
    pub fn expect(&mut self, outcome: &Outcome) {
        if let Some(whole) = &mut self.whole {
            whole.expect(outcome);
        }
    }

    /// The next record and the offset after it; nothing when no more is committed now. Later there may be more.
    ///
    /// # Errors
    /// The file cannot be read, what it holds is no spool, or it is not all that was recorded: the same again from then on.
    pub async fn next(&mut self) -> Result<Option<(Record, u64)>, StoreError> {
        loop {
            if let Some(record) = self.waiting.pop_front() {
                return Ok(Some(record));
            }
            match self.unmasked().await {
                Ok(Some((record, end))) => {
                    let masked = self.masked.take(record);
                    self.waiting.extend(masked.map(|record| (record, end)));
                }
                Ok(None) => return Ok(None),
                // What is whole comes before it.
                Err(error) => {
                    let rest = self.rest();
                    self.waiting.extend(rest);
                    if self.waiting.is_empty() {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// What is held back because it may be the beginning of a secret, for when no more comes.
    pub fn rest(&mut self) -> impl Iterator<Item = (Record, u64)> + use<> {
        let at = self.decoder.offset();
        self.masked.rest().map(move |record| (record, at))
    }

    /// True when something is held back.
    #[must_use]
    pub const fn holds_back(&self) -> bool {
        self.masked.out.held() + self.masked.err.held() > 0
    }

    async fn unmasked(&mut self) -> Result<Option<(Record, u64)>, StoreError> {
        loop {
            if let Some((record, end)) = self.decoder.next_record().map_err(StoreError::Spool)? {
                if let Some(whole) = &mut self.whole {
                    whole.take(&record, end)?;
                }
                return Ok(Some((record, end)));
            }
            let key = (self.run, self.agent);
            let bytes = self.reader.range(key, self.read, READ_BYTES).await?;
            if bytes.is_empty() {
                self.whole.as_ref().map_or(Ok(()), Whole::end)?;
                return Ok(None);
            }
            self.read += bytes.len() as u64;
            self.decoder.push(&bytes);
            if let Some(whole) = &mut self.whole {
                whole.push(&bytes);
            }
        }
    }
}

/// The output of an execution on its way through the masks.
struct Masked {
    none: bool,
    out: Masker,
    err: Masker,
    dt_us: u64,
}

impl Masked {
    fn new(masks: &Masks) -> Self {
        Self {
            none: masks.is_empty(),
            out: masks.masker(),
            err: masks.masker(),
            dt_us: 0,
        }
    }

    /// The records that one becomes: none while all of it is held back.
    fn take(&mut self, record: Record) -> impl Iterator<Item = Record> + use<> {
        let (before, record) = match record {
            record if self.none => (None, Some(record)),
            Record::Out { dt_us, bytes } => (None, self.output(Stream::Out, dt_us, &bytes)),
            Record::Err { dt_us, bytes } => (None, self.output(Stream::Err, dt_us, &bytes)),
            // Nothing goes on across them.
            record @ (Record::Truncated { .. } | Record::Exit(_)) => {
                (Some(self.rest()), Some(record))
            }
            record @ (Record::Header(_) | Record::Unknown { .. }) => (None, Some(record)),
        };
        before.into_iter().flatten().chain(record)
    }

    fn output(&mut self, stream: Stream, dt_us: u64, bytes: &[u8]) -> Option<Record> {
        self.dt_us = dt_us;
        let mut masked = Vec::with_capacity(bytes.len());
        match stream {
            Stream::Out => self.out.push(bytes, &mut masked),
            Stream::Err => self.err.push(bytes, &mut masked),
        }
        record(stream, dt_us, masked)
    }

    fn rest(&mut self) -> impl Iterator<Item = Record> + use<> {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        self.out.flush(&mut out);
        self.err.flush(&mut err);
        let out = record(Stream::Out, self.dt_us, out);
        out.into_iter().chain(record(Stream::Err, self.dt_us, err))
    }
}

fn record(stream: Stream, dt_us: u64, bytes: Vec<u8>) -> Option<Record> {
    let bytes = Bytes::from(bytes);
    (!bytes.is_empty()).then_some(match stream {
        Stream::Out => Record::Out { dt_us, bytes },
        Stream::Err => Record::Err { dt_us, bytes },
    })
}

//! What the writer knows of one execution: how much is stored, what its records say, and whether its last one is there.

use sha2::{Digest as _, Sha256};
use shanty_core::link::receiver::{Accept, Receiver};
use shanty_core::output::content::Content;
use shanty_core::refusal::Code;
use shanty_core::run::{How, Outcome, Reason, why_lost};
use shanty_core::spool::{Decoder, Exit, Record};
use tokio::sync::watch;

/// How much of an execution is committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Bytes from the beginning of the spool.
    pub len: u64,
    /// The last record is there.
    pub ended: bool,
}

/// What is known of an execution after reading all that is stored of it.
#[derive(Debug)]
pub struct Loaded {
    /// How much is committed, now and later.
    pub stored: watch::Receiver<Stored>,
    /// How it ended, when its last record is there.
    pub outcome: Option<Outcome>,
}

impl Loaded {
    /// Nothing more is expected.
    pub(super) fn ended(len: u64, outcome: Option<Outcome>) -> Self {
        let stored = Stored { len, ended: true };
        Self {
            stored: watch::channel(stored).1,
            outcome,
        }
    }
}

/// One execution in the writer's memory. A pure function of the bytes that were pushed.
pub(super) struct Entry {
    /// The row of the execution.
    pub(super) row: i64,
    /// Judges offsets.
    pub(super) receiver: Receiver,
    decoder: Decoder,
    hash: Sha256,
    content: Content,
    /// Bytes after the last whole record.
    unhashed: Vec<u8>,
    hashed_to: u64,
    output_bytes: u64,
    dropped_bytes: u64,
    outcome: Option<Outcome>,
    /// It goes on, and what is stored of it was not pushed yet.
    unread: bool,
    /// Its output was deleted: nothing is stored of what still comes.
    deleted: bool,
    watch: watch::Sender<Stored>,
}

impl Entry {
    /// One of which nothing is stored.
    pub(super) fn new() -> Self {
        Self {
            row: 0,
            receiver: Receiver::new(0),
            decoder: Decoder::new(),
            hash: Sha256::new(),
            content: Content::default(),
            unhashed: Vec::new(),
            hashed_to: 0,
            output_bytes: 0,
            dropped_bytes: 0,
            outcome: None,
            unread: false,
            deleted: false,
            watch: watch::Sender::default(),
        }
    }

    /// One of which so much is stored.
    pub(super) fn known(row: i64, len: u64, outcome: Option<Outcome>, deleted: bool) -> Self {
        Self {
            row,
            receiver: Receiver::new(len),
            unread: len > 0 && outcome.is_none(),
            outcome,
            deleted,
            ..Self::new()
        }
    }

    /// True when its output was deleted.
    pub(super) const fn is_deleted(&self) -> bool {
        self.deleted
    }

    /// True once when what is stored of it must be pushed before anything else.
    pub(super) const fn must_be_read(&mut self) -> bool {
        std::mem::replace(&mut self.unread, false)
    }

    /// Takes over those who watch another entry of the same execution.
    pub(super) fn succeed(&mut self, old: Self) {
        self.watch = old.watch;
        self.publish();
    }

    /// Tells those who watch how much is committed.
    pub(super) fn publish(&self) {
        let stored = self.stored();
        self.watch
            .send_if_modified(|old| std::mem::replace(old, stored) != stored);
    }

    /// What is known, for somebody who asks.
    pub(super) fn loaded(&self) -> Loaded {
        self.publish();
        Loaded {
            stored: self.watch.subscribe(),
            outcome: self.outcome.clone(),
        }
    }

    fn stored(&self) -> Stored {
        Stored {
            len: self.receiver.stored(),
            ended: self.outcome.is_some(),
        }
    }

    /// Judges a slice. Nothing follows the last record, and no spool is longer than an honest agent makes it.
    pub(super) fn accept(&mut self, offset: u64, len: usize, bytes_max: u64) -> Accept {
        let end = offset.saturating_add(len as u64);
        let past_end = self.outcome.is_some() && end > self.receiver.stored();
        if past_end || end > bytes_max {
            return Accept::Close;
        }
        self.receiver.accept(offset, len)
    }

    /// True when nothing of it is stored or expected by anybody.
    pub(super) fn is_idle(&self) -> bool {
        (self.row == 0 || self.outcome.is_some()) && self.watch.receiver_count() == 0
    }

    /// Takes the next bytes of the spool.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.outcome.is_some() {
            return;
        }
        self.unhashed.extend_from_slice(bytes);
        self.decoder.push(bytes);
        loop {
            match self.decoder.next_record() {
                Ok(Some((Record::Exit(exit), _))) => {
                    self.outcome = Some(self.ended(&exit));
                    self.unhashed = Vec::new();
                    return;
                }
                Ok(Some((record, end))) => self.took(&record, end),
                Ok(None) => return,
                Err(_) => {
                    self.outcome = Some(self.lost("what the host sent of it is damaged"));
                    self.unhashed = Vec::new();
                    return;
                }
            }
        }
    }

    /// How it ended, once the last record is there.
    pub(super) const fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    fn took(&mut self, record: &Record, end: u64) {
        let whole = usize::try_from(end - self.hashed_to).unwrap_or(usize::MAX);
        let whole = whole.min(self.unhashed.len());
        self.hash
            .update(self.unhashed.get(..whole).unwrap_or_default());
        self.unhashed.drain(..whole);
        self.hashed_to = end;
        match record {
            Record::Out { bytes, .. } => {
                self.content.out(bytes);
                self.output_bytes = self.output_bytes.saturating_add(bytes.len() as u64);
            }
            Record::Err { bytes, .. } => {
                self.content.err(bytes);
                self.output_bytes = self.output_bytes.saturating_add(bytes.len() as u64);
            }
            Record::Truncated { dropped } => {
                self.dropped_bytes = self.dropped_bytes.saturating_add(*dropped);
            }
            Record::Header(_) | Record::Exit(_) | Record::Unknown { .. } => {}
        }
    }

    fn ended(&self, exit: &Exit) -> Outcome {
        let stored: [u8; 32] = self.hash.clone().finalize().into();
        if stored != exit.sha256 {
            return self.lost("what is stored of it differs from what the host wrote");
        }
        let Some(how) = How::of(exit) else {
            return self.lost(&why_lost(exit));
        };
        Outcome {
            duration_ms: exit.duration_us / 1_000,
            left_over: exit.left_over,
            left: Box::new(exit.left.clone()),
            shell: exit.shell.as_deref().map(Into::into),
            user: exit.user.as_deref().map(Into::into),
            masked: exit.masked,
            output_sha256: Some(stored),
            content_sha256: Some(self.content.digest()),
            ..self.outcome_of(how)
        }
    }

    fn lost(&self, why: &str) -> Outcome {
        self.outcome_of(How::Lost(Reason::new(Code::Agent, why)))
    }

    fn outcome_of(&self, how: How) -> Outcome {
        Outcome {
            output_bytes: self.output_bytes,
            dropped_bytes: self.dropped_bytes,
            ..Outcome::without_output(how)
        }
    }
}

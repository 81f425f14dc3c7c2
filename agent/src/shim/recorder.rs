//! What goes into the spool and when: secrets are masked, small writes are gathered, output over the maximum is not kept, a full disk is
//! waited for.
//!
//! Decides nothing about the execution itself.

use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::time::{Duration, Instant};

use shanty_core::limits::CHUNK_BYTES_MAX;
use shanty_core::output::mask::{Masker, Masks};
use shanty_core::spool::{Exit, Header, Stream, Writer};

use super::ring::Ring;

/// Output that follows other output this closely is gathered: a command that writes single bytes must not become a record a byte.
const GATHER: Duration = Duration::from_millis(10);

/// What may be the beginning of a secret waits so long for the rest of it.
const UNMASKED: Duration = Duration::from_millis(200);

/// Pieces of alternating streams kept in their order while gathering; beyond it a piece joins the last one of its stream.
const PIECES_MAX: usize = 64;

/// Bytes held in memory while the disk is full; beyond it the command waits.
const UNWRITTEN_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A full disk is tried again this often.
const RETRY: Duration = Duration::from_millis(250);

/// The spool of one execution, being written.
pub(super) struct Recorder {
    file: File,
    writer: Writer,
    started: Instant,
    gathered: Gathered,
    last_flush: Option<Instant>,
    out: Masked,
    err: Masked,
    kept_left: u64,
    ring: Ring,
    unwritten: Vec<u8>,
    /// Bytes of whole records in the file.
    whole_len: u64,
    retry_at: Option<Instant>,
}

/// One stream on its way through the masks.
struct Masked {
    masker: Masker,
    /// When what is held back is given out.
    held_until: Option<Instant>,
}

/// Output that waits for its record.
#[derive(Default)]
struct Gathered {
    pieces: Vec<Piece>,
    len: usize,
}

struct Piece {
    stream: Stream,
    dt_us: u64,
    bytes: Vec<u8>,
}

impl Recorder {
    /// Writes the header. Only then may a command start.
    pub(super) fn open(
        file: File,
        header: &Header,
        output_max_bytes: u64,
        masks: &Masks,
    ) -> io::Result<Self> {
        let mut writer = Writer::new();
        let mut unwritten = Vec::new();
        writer.header(header, &mut unwritten);
        (&file).write_all(&unwritten)?;
        Ok(Self {
            file,
            whole_len: writer.len(),
            writer,
            started: Instant::now(),
            gathered: Gathered::default(),
            last_flush: None,
            out: Masked::new(masks),
            err: Masked::new(masks),
            kept_left: output_max_bytes,
            ring: Ring::default(),
            unwritten: Vec::new(),
            retry_at: None,
        })
    }

    /// Takes output, to be in the spool at once, or in [`GATHER`] when there was some a moment ago.
    pub(super) fn take(&mut self, stream: Stream, bytes: &[u8], now: Instant) -> io::Result<()> {
        let masked = self.masked(stream).push(bytes, now);
        self.record(stream, &masked, now)
    }

    const fn masked(&mut self, stream: Stream) -> &mut Masked {
        match stream {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        }
    }

    fn record(&mut self, stream: Stream, bytes: &[u8], now: Instant) -> io::Result<()> {
        let dt_us = self.dt_us(now);
        let room = usize::try_from(self.kept_left).unwrap_or(usize::MAX);
        let (kept, rest) = bytes.split_at(room.min(bytes.len()));
        if !rest.is_empty() {
            self.ring.push(stream, dt_us, rest);
        }
        if kept.is_empty() {
            return Ok(());
        }
        self.kept_left -= kept.len() as u64;
        self.gathered.push(stream, dt_us, kept);
        let recent = self.last_flush.is_some_and(|at| now < at + GATHER);
        if recent && self.gathered.len < CHUNK_BYTES_MAX {
            return Ok(());
        }
        self.flush(now)
    }

    /// Does what its time has come for.
    pub(super) fn tick(&mut self, now: Instant) -> io::Result<()> {
        for stream in [Stream::Out, Stream::Err] {
            let masked = self.masked(stream).tick(now);
            self.record(stream, &masked, now)?;
        }
        if self.flush_at().is_some_and(|at| at <= now) {
            self.flush(now)?;
        }
        if self.retry_at.is_some_and(|at| at <= now) {
            self.write_out(now)?;
        }
        Ok(())
    }

    /// When [`Recorder::tick`] has something to do.
    pub(super) fn next_at(&self) -> Option<Instant> {
        let held = [self.out.held_until, self.err.held_until];
        let times = held.into_iter().chain([self.flush_at(), self.retry_at]);
        times.flatten().min()
    }

    /// Bytes of whole records in the file.
    pub(super) const fn whole_len(&self) -> u64 {
        self.whole_len
    }

    /// True while the disk is full.
    pub(super) const fn full(&self) -> bool {
        self.retry_at.is_some()
    }

    /// True while no more output may be taken: the disk is full, and so is the memory meant for that.
    pub(super) fn backed_up(&self) -> bool {
        self.unwritten.len() > UNWRITTEN_BYTES_MAX
    }

    /// Puts everything that is left and the exit in line. Nothing is taken after it. How much was masked is filled in here.
    pub(super) fn exit(&mut self, exit: &Exit, now: Instant) -> io::Result<()> {
        for stream in [Stream::Out, Stream::Err] {
            let masked = self.masked(stream).finish();
            self.record(stream, &masked, now)?;
        }
        let exit = &Exit {
            masked: self.out.masker.count() + self.err.masker.count(),
            ..exit.clone()
        };
        self.encode_gathered();
        let ring = std::mem::take(&mut self.ring);
        ring.write(&mut self.writer, &mut self.unwritten);
        self.writer.exit(exit, &mut self.unwritten);
        self.write_out(now)
    }

    /// True when everything put in line is in the file.
    pub(super) const fn settled(&self) -> bool {
        self.unwritten.is_empty()
    }

    /// Waits until the file is on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn flush_at(&self) -> Option<Instant> {
        let at = self.last_flush? + GATHER;
        (!self.gathered.pieces.is_empty()).then_some(at)
    }

    fn flush(&mut self, now: Instant) -> io::Result<()> {
        self.last_flush = Some(now);
        self.encode_gathered();
        if self.full() {
            return Ok(()); // Its own time will come; not each output is to try the disk.
        }
        self.write_out(now)
    }

    fn encode_gathered(&mut self) {
        for piece in std::mem::take(&mut self.gathered).pieces {
            self.writer
                .output(piece.stream, piece.dt_us, &piece.bytes, &mut self.unwritten);
        }
    }

    /// Appends to the file what waits for it. A full disk is no error.
    fn write_out(&mut self, now: Instant) -> io::Result<()> {
        let mut done = 0;
        self.retry_at = None;
        while let Some(rest) = self.unwritten.get(done..).filter(|rest| !rest.is_empty()) {
            match self.file.write(rest) {
                Ok(n) => done += n,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_full(&error) => {
                    self.retry_at = Some(now + RETRY);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        self.unwritten.drain(..done);
        if self.unwritten.is_empty() {
            self.whole_len = self.writer.len();
        }
        Ok(())
    }

    fn dt_us(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.started);
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }
}

impl Masked {
    fn new(masks: &Masks) -> Self {
        Self {
            masker: masks.masker(),
            held_until: None,
        }
    }

    fn push(&mut self, bytes: &[u8], now: Instant) -> Vec<u8> {
        let mut masked = Vec::with_capacity(bytes.len());
        self.masker.push(bytes, &mut masked);
        self.held_until = (self.masker.held() > 0).then(|| now + UNMASKED);
        masked
    }

    /// Gives out what was held back for long enough: somebody may be waiting for a question that ends like a secret begins.
    fn tick(&mut self, now: Instant) -> Vec<u8> {
        let mut masked = Vec::new();
        if self.held_until.is_some_and(|at| at <= now) {
            self.held_until = None;
            self.masker.flush(&mut masked);
        }
        masked
    }

    fn finish(&mut self) -> Vec<u8> {
        let mut masked = Vec::new();
        self.held_until = None;
        self.masker.finish(&mut masked);
        masked
    }
}

impl Gathered {
    fn push(&mut self, stream: Stream, dt_us: u64, bytes: &[u8]) {
        self.len += bytes.len();
        let last = self.pieces.len().saturating_sub(1);
        let crowded = self.pieces.len() >= PIECES_MAX;
        let joins =
            |(at, piece): &(usize, &mut Piece)| piece.stream == stream && (crowded || *at == last);
        match self.pieces.iter_mut().enumerate().rev().find(joins) {
            Some((_, piece)) => piece.bytes.extend_from_slice(bytes),
            None => self.pieces.push(Piece {
                stream,
                dt_us,
                bytes: bytes.to_vec(),
            }),
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}

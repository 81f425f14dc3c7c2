//! Records to bytes. Decides nothing about when something is written.

use sha2::{Digest as _, Sha256};

use super::{
    Cause, Exit, Header, How, LEFT_NAMED_MAX, OUTPUT_RECORD_BYTES_MAX, OomKill, PayloadTooLong,
    Record, Stream, checksum, kind, plain,
};
use crate::limits::CHUNK_BYTES_MAX;

/// Appends one record to `into`.
///
/// # Errors
/// [`PayloadTooLong`] when the payload is over the limit; nothing is appended then.
pub fn encode(record: &Record, into: &mut Vec<u8>) -> Result<(), PayloadTooLong> {
    match record {
        Record::Header(header) => put(kind::HEADER, &header_payload(header), into),
        Record::Out { dt_us, bytes } => put(kind::OUT, &output_payload(*dt_us, bytes), into),
        Record::Err { dt_us, bytes } => put(kind::ERR, &output_payload(*dt_us, bytes), into),
        Record::Truncated { dropped } => put(kind::TRUNCATED, &dropped.to_le_bytes(), into),
        Record::Exit(exit) => put(kind::EXIT, &exit_payload(exit), into),
        Record::Unknown { kind, payload } => put(*kind, payload, into),
    }
}

/// Writes the records of one spool in order and knows the hash that its last record needs.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    sha256: Sha256,
    len: u64,
}

impl Writer {
    /// A writer at the beginning of a spool.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes that are in the spool already, to go on after them.
    pub fn resume(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.len += bytes.len() as u64;
    }

    /// Bytes of the spool so far.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// True before the header.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends the header to `into`.
    pub fn header(&mut self, header: &Header, into: &mut Vec<u8>) {
        self.append(kind::HEADER, &header_payload(header), into);
    }

    /// Appends output to `into`, in as many records as it takes.
    pub fn output(&mut self, stream: Stream, dt_us: u64, bytes: &[u8], into: &mut Vec<u8>) {
        let kind = match stream {
            Stream::Out => kind::OUT,
            Stream::Err => kind::ERR,
        };
        for part in bytes.chunks(OUTPUT_RECORD_BYTES_MAX) {
            self.append(kind, &output_payload(dt_us, part), into);
        }
    }

    /// Appends the mark of dropped output to `into`.
    pub fn truncated(&mut self, dropped: u64, into: &mut Vec<u8>) {
        self.append(kind::TRUNCATED, &dropped.to_le_bytes(), into);
    }

    /// Appends the last record to `into`; call nothing but [`Writer::len`] after it. Its hash is filled in here, whatever `exit` says.
    pub fn exit(&mut self, exit: &Exit, into: &mut Vec<u8>) {
        let exit = Exit {
            sha256: self.sha256.clone().finalize().into(),
            ..exit.clone()
        };
        self.append(kind::EXIT, &exit_payload(&exit), into);
    }

    fn append(&mut self, kind: u8, payload: &[u8], into: &mut Vec<u8>) {
        let start = into.len();
        put(kind, payload, into).expect("invariant: the writer makes payloads within the limit");
        let record = into.get(start..).unwrap_or_default();
        self.sha256.update(record);
        self.len += record.len() as u64;
    }
}

fn put(kind: u8, payload: &[u8], into: &mut Vec<u8>) -> Result<(), PayloadTooLong> {
    let too_long = PayloadTooLong(payload.len());
    if payload.len() > CHUNK_BYTES_MAX {
        return Err(too_long);
    }
    let len = u32::try_from(payload.len())
        .map_err(|_| too_long)?
        .to_le_bytes();
    into.extend_from_slice(&len);
    into.extend_from_slice(&checksum(len, kind, payload).to_le_bytes());
    into.push(kind);
    into.extend_from_slice(payload);
    Ok(())
}

/// A short text with its length before it.
fn put_text(text: &str, payload: &mut Vec<u8>) {
    let text = plain(text);
    payload.push(u8::try_from(text.len()).unwrap_or(0));
    payload.extend_from_slice(text.as_bytes());
}

fn output_payload(dt_us: u64, bytes: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(8 + bytes.len());
    payload.extend_from_slice(&dt_us.to_le_bytes());
    payload.extend_from_slice(bytes);
    payload
}

fn header_payload(header: &Header) -> Vec<u8> {
    let mut payload = Vec::with_capacity(58);
    payload.extend_from_slice(&header.version.to_le_bytes());
    payload.extend_from_slice(header.run.as_bytes());
    payload.extend_from_slice(header.agent.as_bytes());
    payload.extend_from_slice(&header.boot_id);
    payload.extend_from_slice(&header.wall_ms.to_le_bytes());
    payload
}

fn exit_payload(exit: &Exit) -> Vec<u8> {
    let (how, value) = match exit.how {
        How::Code(code) => (0, code),
        How::Signal(signal) => (1, signal),
        How::Unknown => (2, 0),
    };
    let cause = match exit.cause {
        Cause::Command => 0,
        Cause::Timeout => 1,
        // Told apart at the end, so that readers of before know it as a cancel.
        Cause::Cancelled | Cause::OnHost => 2,
        Cause::Lost => 3,
    };
    let mut payload = Vec::with_capacity(128);
    payload.extend_from_slice(&[how, value, cause]);
    for number in [
        exit.started_ms,
        exit.duration_us,
        exit.cpu_user_ms,
        exit.cpu_system_ms,
        exit.rss_max_bytes,
    ] {
        payload.extend_from_slice(&number.to_le_bytes());
    }
    payload.extend_from_slice(&exit.left_over.to_le_bytes());
    payload.extend_from_slice(&exit.sha256);
    payload.extend_from_slice(&exit.masked.to_le_bytes());
    let (killed, limit_bytes) = match exit.oom_kill {
        None => (0, None),
        Some(OomKill::Group { limit_bytes }) => (1, limit_bytes),
        Some(OomKill::Host) => (2, None),
    };
    payload.push(u8::from(exit.cause == Cause::OnHost));
    payload.push(killed);
    // No group whose limit is zero ever ran anything.
    payload.extend_from_slice(&limit_bytes.unwrap_or(0).to_le_bytes());
    payload.extend_from_slice(&exit.left.count.to_le_bytes());
    let named = exit.left.named.iter().take(LEFT_NAMED_MAX);
    payload.push(u8::try_from(named.len()).unwrap_or(0));
    for process in named {
        payload.extend_from_slice(&process.pid.to_le_bytes());
        put_text(&process.program, &mut payload);
    }
    put_text(exit.shell.as_deref().unwrap_or_default(), &mut payload);
    let (booted_ms, back_ms) = exit
        .restart
        .map_or((0, 0), |restart| (restart.booted_ms, restart.back_ms));
    payload.extend_from_slice(&booted_ms.to_le_bytes());
    payload.extend_from_slice(&back_ms.to_le_bytes());
    put_text(exit.user.as_deref().unwrap_or_default(), &mut payload);
    payload
}

//! Bytes to records. The bytes come from an agent or from a disk after a crash: nothing about them is believed.

use bytes::{Buf as _, Bytes, BytesMut};
use thiserror::Error;

use super::{
    Cause, Exit, Header, How, LEFT_NAMED_MAX, Left, OomKill, Process, RECORD_HEAD_BYTES, Record,
    Restart, checksum, kind, plain,
};
use crate::ids::{AgentId, RunId};
use crate::limits::CHUNK_BYTES_MAX;

/// Bytes that are no spool. `offset` is where the bad record begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Corrupt {
    /// A length over the limit.
    #[error(
        "the record at offset {offset} claims {len} bytes, over the limit of {CHUNK_BYTES_MAX}"
    )]
    Length {
        /// Where the record begins.
        offset: u64,
        /// The length that it claims.
        len: u32,
    },
    /// The checksum does not fit.
    #[error("the record at offset {offset} does not match its checksum")]
    Checksum {
        /// Where the record begins.
        offset: u64,
    },
    /// A known kind with a payload that makes no sense.
    #[error("the record of kind {kind} at offset {offset} has a malformed payload")]
    Payload {
        /// Where the record begins.
        offset: u64,
        /// The kind.
        kind: u8,
    },
    /// The first record is no header, a later one is, or something follows the exit.
    #[error("the record of kind {kind} at offset {offset} is out of place")]
    Place {
        /// Where the record begins.
        offset: u64,
        /// The kind.
        kind: u8,
    },
}

/// Reads a spool that arrives in slices of any size.
///
/// Holds what was pushed and not yet taken: after each push, take records until there is none, and less than one record is held.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    buffer: BytesMut,
    offset: u64,
    ended: bool,
    corrupt: Option<Corrupt>,
}

impl Decoder {
    /// A decoder at the beginning of a spool.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A decoder at the end of some record, as told by [`Decoder::next_record`].
    #[must_use]
    pub fn at(offset: u64) -> Self {
        Self {
            offset,
            ..Self::default()
        }
    }

    /// Takes the next bytes; after corrupt ones they are not kept.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.corrupt.is_none() {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next whole record and the offset where it ends, or nothing until more is pushed.
    ///
    /// # Errors
    /// [`Corrupt`], and the same again from then on.
    pub fn next_record(&mut self) -> Result<Option<(Record, u64)>, Corrupt> {
        if let Some(corrupt) = self.corrupt {
            return Err(corrupt);
        }
        self.take().inspect_err(|corrupt| {
            self.corrupt = Some(*corrupt);
            self.buffer = BytesMut::new();
        })
    }

    /// The end of the last record that was taken.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// True once the exit was taken: the spool is whole.
    #[must_use]
    pub const fn ended(&self) -> bool {
        self.ended
    }

    fn take(&mut self) -> Result<Option<(Record, u64)>, Corrupt> {
        let offset = self.offset;
        let Some(frame) = Frame::parse(&self.buffer, offset)? else {
            return Ok(None);
        };
        if self.ended || (offset == 0) != (frame.kind == kind::HEADER) {
            return Err(Corrupt::Place {
                offset,
                kind: frame.kind,
            });
        }
        let (kind, total) = (frame.kind, frame.total);
        let mut whole = self.buffer.split_to(total).freeze();
        whole.advance(RECORD_HEAD_BYTES);
        let record = record(kind, whole).ok_or(Corrupt::Payload { offset, kind })?;
        self.offset = offset.saturating_add(total as u64);
        self.ended = kind == kind::EXIT;
        Ok(Some((record, self.offset)))
    }
}

/// How many bytes from the start are whole, valid records: what is left of a spool after a crash in the middle of a write.
#[must_use]
pub fn complete_prefix(bytes: &[u8]) -> usize {
    let mut decoder = Decoder::new();
    for slice in bytes.chunks(CHUNK_BYTES_MAX) {
        decoder.push(slice);
        while let Ok(Some(_)) = decoder.next_record() {}
    }
    usize::try_from(decoder.offset()).unwrap_or(bytes.len())
}

struct Frame {
    kind: u8,
    total: usize,
}

impl Frame {
    fn parse(bytes: &[u8], offset: u64) -> Result<Option<Self>, Corrupt> {
        let Some((len_bytes, rest)) = bytes.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let len = u32::from_le_bytes(*len_bytes);
        let payload_len = len as usize;
        if payload_len > CHUNK_BYTES_MAX {
            return Err(Corrupt::Length { offset, len });
        }
        let Some((crc, rest)) = rest.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let Some((&kind, rest)) = rest.split_first() else {
            return Ok(None);
        };
        let Some(payload) = rest.get(..payload_len) else {
            return Ok(None);
        };
        if checksum(*len_bytes, kind, payload) != u32::from_le_bytes(*crc) {
            return Err(Corrupt::Checksum { offset });
        }
        Ok(Some(Self {
            kind,
            total: RECORD_HEAD_BYTES + payload_len,
        }))
    }
}

fn record(kind: u8, mut payload: Bytes) -> Option<Record> {
    Some(match kind {
        kind::HEADER => Record::Header(header(&mut payload)?),
        kind::OUT => Record::Out {
            dt_us: payload.try_get_u64_le().ok()?,
            bytes: payload,
        },
        kind::ERR => Record::Err {
            dt_us: payload.try_get_u64_le().ok()?,
            bytes: payload,
        },
        kind::TRUNCATED => Record::Truncated {
            dropped: payload.try_get_u64_le().ok()?,
        },
        kind::EXIT => Record::Exit(exit(&mut payload)?),
        kind => Record::Unknown { kind, payload },
    })
}

fn header(payload: &mut Bytes) -> Option<Header> {
    Some(Header {
        version: payload.try_get_u16_le().ok()?,
        run: RunId::from_bytes(array(payload)?),
        agent: AgentId::from_bytes(array(payload)?),
        boot_id: array(payload)?,
        wall_ms: payload.try_get_u64_le().ok()?,
    })
}

fn exit(payload: &mut Bytes) -> Option<Exit> {
    let how = match (payload.try_get_u8().ok()?, payload.try_get_u8().ok()?) {
        (0, code) => How::Code(code),
        (1, signal @ 1..=64) => How::Signal(signal),
        (2, _) => How::Unknown,
        _ => return None,
    };
    let cause = match payload.try_get_u8().ok()? {
        0 => Cause::Command,
        1 => Cause::Timeout,
        2 => Cause::Cancelled,
        3 => Cause::Lost,
        _ => return None,
    };
    if (how == How::Unknown) != (cause == Cause::Lost) {
        return None;
    }
    let mut exit = Exit {
        how,
        cause,
        started_ms: payload.try_get_u64_le().ok()?,
        duration_us: payload.try_get_u64_le().ok()?,
        cpu_user_ms: payload.try_get_u64_le().ok()?,
        cpu_system_ms: payload.try_get_u64_le().ok()?,
        rss_max_bytes: payload.try_get_u64_le().ok()?,
        left_over: payload.try_get_u32_le().ok()?,
        sha256: array(payload)?,
        masked: payload.try_get_u64_le().unwrap_or(0), // Older agents end before it.
        ..Exit::lost(0)
    };
    // Agents before these knew none of it.
    if (cause, payload.try_get_u8()) == (Cause::Cancelled, Ok(1)) {
        exit.cause = Cause::OnHost;
    }
    exit.oom_kill = oom_kill(payload);
    exit.left = left(payload).unwrap_or_default();
    exit.shell = text(payload).filter(|shell| !shell.is_empty());
    exit.restart = restart(payload);
    exit.user = text(payload).filter(|user| !user.is_empty());
    Some(exit)
}

/// Nothing of it is believed that does not fit the rest.
fn left(payload: &mut Bytes) -> Option<Left> {
    let count = payload.try_get_u32_le().ok()?;
    let named = payload.try_get_u8().ok()?;
    let mut left = Left {
        count,
        named: Vec::new(),
    };
    for _ in 0..named {
        let pid = payload.try_get_u32_le().ok()?;
        let process = Process::new(pid, &text(payload)?);
        if left.named.len() < LEFT_NAMED_MAX && left.named.len() < count as usize {
            left.named.push(process);
        }
    }
    Some(left)
}

fn text(payload: &mut Bytes) -> Option<String> {
    let len = usize::from(payload.try_get_u8().ok()?);
    if payload.len() < len {
        return None;
    }
    let bytes = payload.split_to(len);
    Some(plain(&String::from_utf8_lossy(&bytes)))
}

fn restart(payload: &mut Bytes) -> Option<Restart> {
    let (booted_ms, back_ms) = (
        payload.try_get_u64_le().ok()?,
        payload.try_get_u64_le().ok()?,
    );
    (booted_ms > 0).then_some(Restart { booted_ms, back_ms })
}

/// A way of a later version is not known.
fn oom_kill(payload: &mut Bytes) -> Option<OomKill> {
    let killed = payload.try_get_u8().ok()?;
    let limit_bytes = payload.try_get_u64_le().ok()?;
    match killed {
        1 => Some(OomKill::Group {
            limit_bytes: (limit_bytes > 0).then_some(limit_bytes),
        }),
        2 => Some(OomKill::Host),
        _ => None,
    }
}

fn array<const N: usize>(payload: &mut Bytes) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    payload.try_copy_to_slice(&mut bytes).ok()?;
    Some(bytes)
}

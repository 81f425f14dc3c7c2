//! The messages on `ctl`, between an executor and a shim: `len:u32le kind:u8 payload`, `len` counting kind and payload.
//!
//! Both ends may be of different versions, as shims outlive an upgrade of the agent: unknown kinds are skipped, fields are only
//! added at the end.

use std::io;

use shanty_core::limits::CHUNK_BYTES_MAX;

/// Longest message, kind and payload, bytes.
const MESSAGE_BYTES_MAX: usize = CHUNK_BYTES_MAX + 16;

/// What an executor tells a shim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ToShim {
    /// Stop the execution; with `force` without grace.
    Cancel { force: bool },
    /// For the command's standard input; `eof` closes it after these bytes. At most [`CHUNK_BYTES_MAX`].
    Stdin { eof: bool, bytes: Vec<u8> },
    /// Tell how the spool grows, beginning now.
    Watch,
    /// Take no more output until told otherwise.
    Pause { on: bool },
}

/// What a shim tells those who watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FromShim {
    /// So many bytes of whole records are in the spool; `full` while the disk takes no more.
    Grew { len: u64, full: bool },
    /// The spool is complete and on the disk.
    Ended { len: u64 },
}

impl ToShim {
    /// The message as bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Cancel { force } => message(1, &[&[u8::from(*force)]]),
            Self::Stdin { eof, bytes } => message(2, &[&[u8::from(*eof)], bytes]),
            Self::Watch => message(3, &[]),
            Self::Pause { on } => message(4, &[&[u8::from(*on)]]),
        }
    }

    fn parse(kind: u8, payload: &[u8]) -> Option<Self> {
        let flag = payload.first().is_some_and(|&flag| flag != 0);
        match kind {
            1 => Some(Self::Cancel { force: flag }),
            2 => Some(Self::Stdin {
                eof: flag,
                bytes: payload.get(1..)?.to_vec(),
            }),
            3 => Some(Self::Watch),
            4 => Some(Self::Pause { on: flag }),
            _ => None,
        }
    }
}

impl FromShim {
    /// The message as bytes.
    pub(crate) fn encode(self) -> Vec<u8> {
        match self {
            Self::Grew { len, full } => message(1, &[&len.to_le_bytes(), &[u8::from(full)]]),
            Self::Ended { len } => message(2, &[&len.to_le_bytes()]),
        }
    }

    fn parse(kind: u8, payload: &[u8]) -> Option<Self> {
        let (len, rest) = payload.split_first_chunk::<8>()?;
        let len = u64::from_le_bytes(*len);
        let full = rest.first().is_some_and(|&flag| flag != 0);
        match kind {
            1 => Some(Self::Grew { len, full }),
            2 => Some(Self::Ended { len }),
            _ => None,
        }
    }
}

/// Bytes that arrived and the messages in them.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    buffer: Vec<u8>,
}

impl Inbox {
    /// Takes bytes; take all messages out before the next.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next message that this version knows, for a shim.
    pub(crate) fn next_to_shim(&mut self) -> io::Result<Option<ToShim>> {
        self.next(ToShim::parse)
    }

    /// The next message that this version knows, from a shim.
    pub(crate) fn next_from_shim(&mut self) -> io::Result<Option<FromShim>> {
        self.next(FromShim::parse)
    }

    fn next<T>(&mut self, parse: fn(u8, &[u8]) -> Option<T>) -> io::Result<Option<T>> {
        loop {
            let Some((len, rest)) = self.buffer.split_first_chunk::<4>() else {
                return Ok(None);
            };
            let len = u32::from_le_bytes(*len) as usize;
            if len == 0 || len > MESSAGE_BYTES_MAX {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let Some((kind, payload)) = rest.get(..len).and_then(<[u8]>::split_first) else {
                return Ok(None);
            };
            let message = parse(*kind, payload);
            self.buffer.drain(..4 + len);
            if message.is_some() {
                return Ok(message);
            }
        }
    }
}

fn message(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let payload = parts.concat();
    let len = u32::try_from(payload.len() + 1).unwrap_or(u32::MAX);
    let mut bytes = len.to_le_bytes().to_vec();
    bytes.push(kind);
    bytes.extend(payload);
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn messages_survive_any_cut() {
        let sent = [
            ToShim::Watch,
            ToShim::Cancel { force: true },
            ToShim::Stdin {
                eof: false,
                bytes: vec![7; CHUNK_BYTES_MAX],
            },
            ToShim::Pause { on: true },
            ToShim::Stdin {
                eof: true,
                bytes: Vec::new(),
            },
        ];
        let bytes: Vec<u8> = sent.iter().flat_map(ToShim::encode).collect();
        for step in [1, 3, 1_000, bytes.len()] {
            let mut inbox = Inbox::default();
            let mut received = Vec::new();
            for slice in bytes.chunks(step) {
                inbox.push(slice);
                while let Some(message) = inbox.next_to_shim().unwrap() {
                    received.push(message);
                }
            }
            assert_eq!(received, sent);
        }
    }

    #[test]
    fn unknown_kinds_are_skipped_and_absurd_lengths_are_errors() {
        let ended = FromShim::Ended { len: 9 };
        let mut inbox = Inbox::default();
        inbox.push(&message(200, &[b"from the future"]));
        inbox.push(&ended.encode());
        assert_eq!(inbox.next_from_shim().unwrap(), Some(ended));
        for bad in [[0; 4], [0xff; 4]] {
            let mut inbox = Inbox::default();
            inbox.push(&bad);
            assert!(inbox.next_from_shim().is_err());
        }
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut inbox = Inbox::default();
            inbox.push(&bytes);
            while let Ok(Some(_)) = inbox.next_to_shim() {}
        }
    }
}

//! The spool: the records of one execution, as bytes.
//!
//! The shim appends them to a file, the link carries slices of that file, the controller holds a byte-identical prefix. This module
//! writes and reads the bytes and knows nothing of files, offsets that were acknowledged, or what a person sees.
//!
//! A record is `len:u32le crc:u32le kind:u8 payload`. `len` counts the payload alone, at most [`CHUNK_BYTES_MAX`]; `crc` is CRC-32
//! (IEEE) over the four bytes of `len`, `kind` and the payload. Numbers in payloads are little-endian and of fixed width. A reader
//! ignores bytes after the fields that it knows, and keeps records of unknown kinds, so that both may grow.
//!
//! The first record is a [`Header`], nothing follows an [`Exit`].

mod decode;
mod encode;
mod left;

use bytes::Bytes;
use thiserror::Error;

use crate::ids::{AgentId, RunId};
use crate::limits::CHUNK_BYTES_MAX;

pub use decode::{Corrupt, Decoder, complete_prefix};
pub use encode::{Writer, encode};
pub use left::{LEFT_NAMED_MAX, Left, Process, plain};

/// The version that this code writes into the header.
pub const VERSION: u16 = 1;

/// Bytes of a record before its payload.
pub const RECORD_HEAD_BYTES: usize = 9;

/// Most output bytes in one record: what a payload has left beside `dt_us`.
pub const OUTPUT_RECORD_BYTES_MAX: usize = CHUNK_BYTES_MAX - 8;

/// One record of a spool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// What the spool belongs to.
    Header(Header),
    /// The command wrote to its standard output.
    Out {
        /// Time since the header, microseconds.
        dt_us: u64,
        /// At most [`OUTPUT_RECORD_BYTES_MAX`] bytes, raw.
        bytes: Bytes,
    },
    /// The command wrote to its standard error.
    Err {
        /// Time since the header, microseconds.
        dt_us: u64,
        /// At most [`OUTPUT_RECORD_BYTES_MAX`] bytes, raw.
        bytes: Bytes,
    },
    /// Here output was dropped because there was more than its maximum.
    Truncated {
        /// Output bytes that nobody has any more.
        dropped: u64,
    },
    /// How the execution ended.
    Exit(Exit),
    /// A kind that this version does not know.
    Unknown {
        /// The kind.
        kind: u8,
        /// The payload as it is.
        payload: Bytes,
    },
}

/// Which of the two outputs of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// The first record: which execution, where and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Version of the writer, [`VERSION`] now.
    pub version: u16,
    /// The run.
    pub run: RunId,
    /// The agent.
    pub agent: AgentId,
    /// The host's boot id: processes of another boot are gone.
    pub boot_id: [u8; 16],
    /// The host's clock when the spool was made, milliseconds since the Unix epoch.
    pub wall_ms: u64,
}

/// The last record: how the execution ended and what it used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Exit code, signal, or unknown.
    pub how: How,
    /// Why it ended.
    pub cause: Cause,
    /// The host's clock when the command was started, milliseconds since the Unix epoch.
    pub started_ms: u64,
    /// From the start to the end of the main process, microseconds; zero when lost.
    pub duration_us: u64,
    /// Processor time in user mode, of all processes of the execution that were waited for, milliseconds.
    pub cpu_user_ms: u64,
    /// Processor time in the kernel, milliseconds.
    pub cpu_system_ms: u64,
    /// Largest resident set of one process, bytes.
    pub rss_max_bytes: u64,
    /// Descendants that outlived the main process and were killed.
    pub left_over: u32,
    /// SHA-256 of all bytes of the spool before this record.
    pub sha256: [u8; 32],
    /// Secrets that were masked in the output before it was recorded; zero from agents that masked none or knew no masks.
    pub masked: u64,
    /// What the kernel's OOM killer did while the command ran; nothing when it did nothing or when that is not known.
    pub oom_kill: Option<OomKill>,
    /// Descendants that outlived the main process and were left alive, as the order said.
    pub left: Left,
    /// What read the command, when it was not `/bin/sh`.
    pub shell: Option<String>,
    /// What took the execution with it: with [`Cause::Lost`] only.
    pub restart: Option<Restart>,
    /// The user that the command ran as; nothing when it did not start, or from agents that did not say it.
    pub user: Option<String>,
}

impl Exit {
    /// The end of an execution of which nobody knows how it ended.
    #[must_use]
    pub fn lost(started_ms: u64) -> Self {
        Self {
            how: How::Unknown,
            cause: Cause::Lost,
            started_ms,
            duration_us: 0,
            cpu_user_ms: 0,
            cpu_system_ms: 0,
            rss_max_bytes: 0,
            left_over: 0,
            sha256: [0; 32],
            masked: 0,
            oom_kill: None,
            left: Left::default(),
            shell: None,
            restart: None,
            user: None,
        }
    }
}

/// A restart of the host, by its own clock, milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restart {
    /// When its kernel began.
    pub booted_ms: u64,
    /// When the agent was there again.
    pub back_ms: u64,
}

/// Where the kernel killed processes to get memory back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OomKill {
    /// In the control group that the command began in.
    Group {
        /// The limit of that group, bytes, when that was what was reached.
        limit_bytes: Option<u64>,
    },
    /// Somewhere on the host: nothing closer to the command is counted there.
    Host,
}

/// How the main process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It returned this code. Commands that could not be started have 126 or 127, as a shell says it.
    Code(u8),
    /// This signal ended it, 1 to 64.
    Signal(u8),
    /// Nobody knows. Always and only with [`Cause::Lost`].
    Unknown,
}

/// Why the execution ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The command ended by itself.
    Command,
    /// It ran longer than its timeout and was stopped.
    Timeout,
    /// Someone cancelled it.
    Cancelled,
    /// Somebody on the host, or the host itself, told the shim to stop it.
    OnHost,
    /// What watched it is gone; the outcome is unknown.
    Lost,
}

/// A record that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a payload of {0} bytes is over the limit of {CHUNK_BYTES_MAX}")]
pub struct PayloadTooLong(pub usize);

/// The kinds on the wire.
mod kind {
    pub(super) const HEADER: u8 = 1;
    pub(super) const OUT: u8 = 2;
    pub(super) const ERR: u8 = 3;
    pub(super) const TRUNCATED: u8 = 4;
    pub(super) const EXIT: u8 = 5;
}

/// CRC-32 over the length, the kind and the payload of a record.
fn checksum(len: [u8; 4], kind: u8, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&len);
    hasher.update(&[kind]);
    hasher.update(payload);
    hasher.finalize()
}

#[cfg(test)]
mod tests;

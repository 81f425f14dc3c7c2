//! Whether all of an output was read: what was recorded of it when it ended is compared with what is stored, in length and digest.

use sha2::{Digest as _, Sha256};
use shanty_core::run::Outcome;
use shanty_core::spool::Record;

use crate::store::StoreError;

/// Follows what is read of a spool from its beginning.
#[derive(Default)]
pub(super) struct Whole {
    hash: Sha256,
    /// Bytes that were read, from a whole record on, and how many of them were hashed.
    bytes: Vec<u8>,
    hashed: usize,
    /// The end of the last record that was hashed.
    at: u64,
    /// Bytes of output in them.
    output_bytes: u64,
    /// The digest before the last record, once that came.
    found: Option<[u8; 32]>,
    expected: Option<Expected>,
}

#[derive(Clone, Copy)]
struct Expected {
    sha256: [u8; 32],
    output_bytes: u64,
}

impl Whole {
    /// What was recorded of it. Of what was lost nothing was, and where nothing was printed nothing can be missing.
    pub(super) fn expect(&mut self, outcome: &Outcome) {
        let printed = outcome.output_sha256.filter(|_| outcome.output_bytes > 0);
        self.expected = printed.map(|sha256| Expected {
            sha256,
            output_bytes: outcome.output_bytes,
        });
    }

    /// Takes bytes as they are stored.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.hashed);
        self.hashed = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes the next record, which ends there.
    pub(super) fn take(&mut self, record: &Record, end: u64) -> Result<(), StoreError> {
        match record {
            Record::Out { bytes, .. } | Record::Err { bytes, .. } => {
                self.output_bytes = self.output_bytes.saturating_add(bytes.len() as u64);
            }
            Record::Exit(_) => {
                self.found = Some(self.hash.clone().finalize().into());
                return self.end();
            }
            Record::Header(_) | Record::Truncated { .. } | Record::Unknown { .. } => {}
        }
        let len = usize::try_from(end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let until = self.hashed.saturating_add(len).min(self.bytes.len());
        let hashed = self.bytes.get(self.hashed..until).unwrap_or_default();
        self.hash.update(hashed);
        self.hashed = until;
        self.at = end;
        Ok(())
    }

    /// There is no more: whether that is all.
    pub(super) fn end(&self) -> Result<(), StoreError> {
        match self.expected {
            Some(expected) if self.found != Some(expected.sha256) => Err(StoreError::Lacking {
                stored: self.output_bytes,
                recorded: expected.output_bytes,
            }),
            Some(_) | None => Ok(()),
        }
    }
}

//! The journal as a whole, for whoever must be able to say what was done: whether it is what was written, and all of its records in words
//! that other programs read. Works beside a running controller and without one.

mod readable;

use std::path::{Path, PathBuf};

use shanty_core::journal::Anchor;
use shanty_core::output::mask::Masks;

use shanty_core::causes::chain;
use shanty_proto::v1;

use crate::store::{self, JOURNAL, StoreError, Unsound, Verified};

/// The journal of a data directory.
#[derive(Clone)]
pub struct Audit {
    data_dir: PathBuf,
    journal: PathBuf,
    masks: Masks,
}

impl Audit {
    /// Of this data directory; nothing is told past these masks.
    #[must_use]
    pub fn of(data_dir: &Path, masks: Masks) -> Self {
        Self {
            data_dir: data_dir.to_owned(),
            journal: data_dir.join(JOURNAL),
            masks,
        }
    }

    /// The data directory.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Goes through all records. Blocks as long as that takes.
    ///
    /// # Errors
    /// A record is not what was written, or the file cannot be read.
    pub fn verify(&self, anchors: &[Anchor]) -> Result<Verified, StoreError> {
        store::verify(&self.journal, anchors, || false)
    }

    /// The place of the newest record. Blocks.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn newest(&self) -> Result<Anchor, StoreError> {
        store::newest(&self.journal)
    }

    /// Gives each record after a place as a line of JSON, for as long as they are taken. Blocks as long as that takes.
    ///
    /// # Errors
    /// A record is not what was written, or the file cannot be read.
    pub fn export(
        &self,
        after: u64,
        mut take: impl FnMut(String) -> bool,
    ) -> Result<(), StoreError> {
        store::each_record(&self.journal, after, |at, record| {
            take(readable::line(at, record, &self.masks).to_string())
        })
    }
}

/// What a look at all records came to, for whoever asked. What is found wrong is an answer.
///
/// # Errors
/// The journal cannot be read.
pub fn reply(verified: Result<Verified, StoreError>) -> Result<v1::AuditVerifyReply, StoreError> {
    let error = match verified {
        Ok(verified) => {
            let missed = verified.missed.iter().map(|missed| v1::AuditMissed {
                anchor: missed.anchor.to_string(),
                differs: missed.differs,
            });
            return Ok(v1::AuditVerifyReply {
                anchor: verified.newest.to_string(),
                records: verified.newest.seq,
                missed: missed.collect(),
                ..v1::AuditVerifyReply::default()
            });
        }
        Err(error) => error,
    };
    let known = match error.unsound() {
        Some(Unsound::Broken) => 0,
        Some(Unsound::Short { known }) => known,
        None => return Err(error),
    };
    Ok(v1::AuditVerifyReply {
        wrong: chain(&error),
        known,
        ..v1::AuditVerifyReply::default()
    })
}

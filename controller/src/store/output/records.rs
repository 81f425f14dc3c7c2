//! The one reader of a spool: its records in their order, as far as they are committed.
//!
//! What is damaged is an error, never an end: whoever reads must be able to say that something is missing.

use shanty_core::ids::{AgentId, RunId};
use shanty_core::spool::{Decoder, Record};

use super::reader::Reader;
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
}

impl Records {
    pub(super) fn new(reader: Reader, run: RunId, agent: AgentId, from: u64) -> Self {
        Self {
            reader,
            run,
            agent,
            read: from,
            decoder: Decoder::at(from),
        }
    }

    /// The next record and the offset after it; nothing when no more is committed now. Later there may be more.
    ///
    /// # Errors
    /// The file cannot be read, or what it holds is no spool: the same again from then on.
    pub async fn next(&mut self) -> Result<Option<(Record, u64)>, StoreError> {
        loop {
            if let Some(record) = self.decoder.next_record().map_err(StoreError::Spool)? {
                return Ok(Some(record));
            }
            let key = (self.run, self.agent);
            let bytes = self.reader.range(key, self.read, READ_BYTES).await?;
            if bytes.is_empty() {
                return Ok(None);
            }
            self.read += bytes.len() as u64;
            self.decoder.push(&bytes);
        }
    }
}

//! The one reader of a spool: its records in their order, as far as they are committed.
//!
//! What is damaged is an error, never an end: whoever reads must be able to say that something is missing.

use shanty_core::ids::{AgentId, RunId};
use shanty_core::spool::{Decoder, Record};

use super::{Output, StoreError};

/// Bytes read from the store at a time.
const READ_BYTES: usize = 256 * 1024;

/// Reads the records of one execution.
pub struct Records {
    output: Output,
    run: RunId,
    agent: AgentId,
    /// The end of what was read from the store; records end before it or there.
    read: u64,
    decoder: Decoder,
}

impl Records {
    pub(super) fn new(output: Output, run: RunId, agent: AgentId, from: u64) -> Self {
        Self {
            output,
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
            let bytes = self
                .output
                .read(self.run, self.agent, self.read, READ_BYTES)
                .await?;
            if bytes.is_empty() {
                return Ok(None);
            }
            self.read += bytes.len() as u64;
            self.decoder.push(&bytes);
        }
    }
}

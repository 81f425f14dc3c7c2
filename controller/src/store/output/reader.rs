//! Reads the output's file beside the writer, which waits for nobody who reads.

use std::path::Path;
use std::sync::{Arc, Mutex};

use rusqlite::Connection;

use super::rows::{Key, find, read_range};
use crate::store::entry::Loaded;
use crate::store::{StoreError, sqlite};

/// A connection that only reads, for any number of users.
#[derive(Clone)]
pub(super) struct Reader {
    connection: Arc<Mutex<Connection>>,
}

impl Reader {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = sqlite::open_reader(path)?;
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
        })
    }

    /// Bytes of a spool from an offset, at most `max`; fewer at the end of what is committed.
    pub(super) async fn range(
        &self,
        key: Key,
        from: u64,
        max: usize,
    ) -> Result<Vec<u8>, StoreError> {
        self.read(move |connection| read_range(connection, key, from, max))
            .await
    }

    /// How an execution stands that has ended or was deleted; nothing when it goes on, or is not known here.
    pub(super) async fn ended(&self, key: Key) -> Result<Option<Loaded>, StoreError> {
        let row = self.read(move |connection| find(connection, key)).await?;
        let ended = row.filter(|row| row.outcome.is_some() || row.deleted.is_some());
        Ok(ended.map(|row| Loaded::ended(row.len, row.outcome)))
    }

    /// Looks at the file as it is at one moment.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let connection = Arc::clone(&self.connection);
        let read = move || {
            let connection = connection.lock().map_err(|_| StoreError::Stopped)?;
            // What several statements say must have been true at one moment.
            let _moment = connection.unchecked_transaction()?;
            read(&connection)
        };
        tokio::task::spawn_blocking(read)
            .await
            .map_err(|_| StoreError::Stopped)?
    }
}

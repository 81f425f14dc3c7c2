//! The rows of the output's file.

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use shanty_core::ids::{AgentId, RunId};
use shanty_core::link::receiver::Receiver;

use crate::store::StoreError;
use crate::store::entry::Entry;

/// What names an execution.
pub(super) type Key = (RunId, AgentId);

/// A row that is being filled.
pub(super) struct Row {
    execution: i64,
    offset: u64,
    pub(super) bytes: Vec<u8>,
}

impl Row {
    pub(super) const fn at(execution: i64, offset: u64) -> Self {
        Self {
            execution,
            offset,
            bytes: Vec::new(),
        }
    }

    pub(super) fn insert(&mut self, transaction: &Transaction<'_>) -> Result<(), StoreError> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        let mut insert = transaction
            .prepare_cached("INSERT INTO chunk (execution, offset, bytes) VALUES (?1, ?2, ?3)")?;
        let offset = i64::try_from(self.offset).unwrap_or(i64::MAX);
        insert.execute(params![self.execution, offset, self.bytes])?;
        self.offset += self.bytes.len() as u64;
        self.bytes.clear();
        Ok(())
    }
}

fn find_execution(connection: &Connection, (run, agent): Key) -> Result<Option<i64>, StoreError> {
    let mut find =
        connection.prepare_cached("SELECT id FROM execution WHERE run = ?1 AND agent = ?2")?;
    Ok(find
        .query_row(params![run.as_bytes(), agent.as_bytes()], |row| row.get(0))
        .optional()?)
}

pub(super) fn insert_execution(
    connection: &Connection,
    (run, agent): Key,
) -> Result<i64, StoreError> {
    connection
        .prepare_cached("INSERT INTO execution (run, agent) VALUES (?1, ?2)")?
        .execute(params![run.as_bytes(), agent.as_bytes()])?;
    Ok(connection.last_insert_rowid())
}

/// Rebuilds what is known of an execution from what is stored of it.
pub(super) fn read_entry(connection: &Connection, key: Key) -> Result<Entry, StoreError> {
    let Some(row) = find_execution(connection, key)? else {
        return Ok(Entry::new(0));
    };
    let mut entry = Entry::new(row);
    let mut len = 0;
    let mut chunks = connection
        .prepare_cached("SELECT bytes FROM chunk WHERE execution = ?1 ORDER BY offset")?;
    let mut rows = chunks.query([row])?;
    while let Some(chunk) = rows.next()? {
        let bytes = chunk.get_ref(0)?.as_blob().unwrap_or_default();
        len += bytes.len() as u64;
        entry.push(bytes);
    }
    entry.receiver = Receiver::new(len);
    Ok(entry)
}

pub(super) fn read_range(
    connection: &Connection,
    key: Key,
    from: u64,
    max: usize,
) -> Result<Vec<u8>, StoreError> {
    let Some(row) = find_execution(connection, key)? else {
        return Ok(Vec::new());
    };
    let from = i64::try_from(from).unwrap_or(i64::MAX);
    let mut chunks = connection.prepare_cached(
        "SELECT offset, bytes FROM chunk WHERE execution = ?1 AND offset >= coalesce(
             (SELECT max(offset) FROM chunk WHERE execution = ?1 AND offset <= ?2), 0)
         ORDER BY offset",
    )?;
    let mut rows = chunks.query(params![row, from])?;
    let mut range = Vec::new();
    while let Some(chunk) = rows.next()? {
        let offset: i64 = chunk.get(0)?;
        let bytes = chunk.get_ref(1)?.as_blob().unwrap_or_default();
        let skip = usize::try_from(from.saturating_sub(offset)).unwrap_or(0);
        let wanted = bytes.get(skip..).unwrap_or_default();
        let room = max - range.len();
        range.extend_from_slice(wanted.get(..room.min(wanted.len())).unwrap_or_default());
        if range.len() >= max {
            break;
        }
    }
    Ok(range)
}

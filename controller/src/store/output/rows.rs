//! The rows of the output's file.

use prost::Message as _;
use rusqlite::{Connection, Transaction, params};
use shanty_core::ids::{AgentId, RunId};
use shanty_core::run::Outcome;
use shanty_proto::convert::{outcome_from_wire, outcome_to_wire};
use shanty_proto::v1;

use super::deletion::{Deleted, Deletion, number, unsigned};
use crate::store::StoreError;
use crate::store::entry::Entry;

/// What names an execution.
pub(super) type Key = (RunId, AgentId);

/// What the row of an execution says.
pub(super) struct Execution {
    pub(super) id: i64,
    pub(super) len: u64,
    pub(super) outcome: Option<Outcome>,
    pub(super) deleted: Option<Deleted>,
}

/// A row of bytes that is being filled.
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
        insert.execute(params![self.execution, number(self.offset), self.bytes])?;
        self.offset += self.bytes.len() as u64;
        self.bytes.clear();
        Ok(())
    }
}

/// The row of an execution; nothing when nothing of it was ever stored.
pub(super) fn find(
    connection: &Connection,
    (run, agent): Key,
) -> Result<Option<Execution>, StoreError> {
    let mut find = connection.prepare_cached(
        "SELECT id, len, outcome, changed_ms, deleted_ms, deleted_max
         FROM execution WHERE run = ?1 AND agent = ?2",
    )?;
    let mut rows = find.query(params![run.as_bytes(), agent.as_bytes()])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let outcome: Option<Vec<u8>> = row.get(2)?;
    Ok(Some(Execution {
        id: row.get(0)?,
        len: unsigned(row.get(1)?),
        outcome: outcome.as_deref().map(outcome_of).transpose()?,
        deleted: deleted_of(row)?,
    }))
}

fn deleted_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<Deleted>> {
    let (deleted_ms, max): (Option<i64>, Option<i64>) = (row.get(4)?, row.get(5)?);
    let changed_ms = unsigned(row.get(3)?);
    Ok(deleted_ms.map(|deleted_ms| Deleted {
        at_ms: unsigned(deleted_ms),
        after_ms: unsigned(deleted_ms).saturating_sub(changed_ms),
        why: max.map_or(Deletion::Age, |max| Deletion::Size {
            bytes_max: unsigned(max),
        }),
    }))
}

fn outcome_of(bytes: &[u8]) -> Result<Outcome, StoreError> {
    let wire = v1::Outcome::decode(bytes).map_err(|error| StoreError::Outcome(Box::new(error)))?;
    outcome_from_wire(&wire).map_err(|error| StoreError::Outcome(Box::new(error)))
}

pub(super) fn insert_execution(
    connection: &Connection,
    (run, agent): Key,
) -> Result<i64, StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO execution (run, agent, len, changed_ms) VALUES (?1, ?2, 0, 0)",
        )?
        .execute(params![run.as_bytes(), agent.as_bytes()])?;
    Ok(connection.last_insert_rowid())
}

/// Says in its row how long an execution is now and how it ended: in the transaction of its chunks.
pub(super) fn update_execution(
    transaction: &Transaction<'_>,
    entry: &Entry,
    now_ms: u64,
) -> Result<(), StoreError> {
    let outcome = entry
        .outcome()
        .map(|outcome| outcome_to_wire(outcome).encode_to_vec());
    transaction
        .prepare_cached(
            "UPDATE execution SET len = ?2, changed_ms = ?3, outcome = ?4 WHERE id = ?1",
        )?
        .execute(params![
            entry.row,
            number(entry.receiver.stored()),
            number(now_ms),
            outcome
        ])?;
    Ok(())
}

/// What the row of an execution says, as the writer holds it. Its bytes are read when they are needed.
pub(super) fn find_entry(connection: &Connection, key: Key) -> Result<Entry, StoreError> {
    let known = find(connection, key)?;
    Ok(known.map_or_else(Entry::new, |row| {
        let is_deleted = row.deleted.is_some();
        Entry::known(row.id, row.len, row.outcome, is_deleted)
    }))
}

/// Reads what is stored of an execution that goes on, up to where this transaction began, so that what follows can be judged.
pub(super) fn read_spool(
    connection: &Connection,
    entry: &mut Entry,
    len: u64,
) -> Result<(), StoreError> {
    let mut end = 0;
    let mut chunks = connection
        .prepare_cached("SELECT offset, bytes FROM chunk WHERE execution = ?1 ORDER BY offset")?;
    let mut rows = chunks.query([entry.row])?;
    while let Some(chunk) = rows.next()? {
        if chunk.get::<_, i64>(0)? != number(end) {
            break;
        }
        let bytes = chunk.get_ref(1)?.as_blob().unwrap_or_default();
        end += bytes.len() as u64;
        entry.push(bytes);
    }
    if end == len {
        Ok(())
    } else {
        Err(StoreError::Missing { offset: end })
    }
}

/// Bytes from an offset, at most so many; fewer at the end of what is stored, or before a hole.
pub(super) fn read_range(
    connection: &Connection,
    key: Key,
    from: u64,
    max: usize,
) -> Result<Vec<u8>, StoreError> {
    let Some(execution) = find(connection, key)? else {
        return Ok(Vec::new());
    };
    if let Some(deleted) = execution.deleted {
        return Err(StoreError::Deleted(deleted));
    }
    let mut chunks = connection.prepare_cached(
        "SELECT offset, bytes FROM chunk WHERE execution = ?1 AND offset >= coalesce(
             (SELECT max(offset) FROM chunk WHERE execution = ?1 AND offset <= ?2), 0)
         ORDER BY offset",
    )?;
    let mut rows = chunks.query(params![execution.id, number(from)])?;
    let mut range = Vec::new();
    while range.len() < max
        && let Some(chunk) = rows.next()?
    {
        let next = number(from + range.len() as u64);
        let Ok(skip) = usize::try_from(next - chunk.get::<_, i64>(0)?) else {
            break; // a hole
        };
        let bytes = chunk.get_ref(1)?.as_blob().unwrap_or_default();
        let wanted = bytes.get(skip..).unwrap_or_default();
        let room = max - range.len();
        range.extend_from_slice(wanted.get(..room.min(wanted.len())).unwrap_or_default());
    }
    if range.is_empty() && max > 0 && from < execution.len {
        return Err(StoreError::Missing { offset: from });
    }
    Ok(range)
}

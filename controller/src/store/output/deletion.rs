//! Deleting the output of an execution, in steps that no append waits for long, and what is left in its place.

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use shanty_core::ids::{AgentId, RunId};

use crate::store::StoreError;

/// Bytes that one step deletes at most, but for the size of one row.
const STEP_BYTES: u64 = 4 * 1024 * 1024;
/// Rows that one step deletes at most: an output may have come in small ones.
const STEP_ROWS: u32 = 1_000;

/// Why an output was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// It was older than its time.
    Age,
    /// All output together was too much, and this was the oldest.
    Size {
        /// How much may be kept, bytes.
        bytes_max: u64,
    },
}

/// What is left of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// When, milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// So long after it last grew, milliseconds.
    pub after_ms: u64,
    /// Why.
    pub why: Deletion,
}

/// An output that is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldOutput {
    /// The run.
    pub run: RunId,
    /// The host.
    pub agent: AgentId,
    /// When it last grew, milliseconds since the Unix epoch.
    pub changed_ms: u64,
    /// What it takes.
    pub bytes: u64,
    id: i64,
}

impl OldOutput {
    /// Its place between older and newer ones.
    #[must_use]
    pub const fn place(&self) -> (u64, i64) {
        (self.changed_ms, self.id)
    }
}

/// The oldest outputs behind a place.
pub(super) fn oldest(
    connection: &Connection,
    after: Option<(u64, i64)>,
    limit: u32,
) -> Result<Vec<OldOutput>, StoreError> {
    let mut find = connection.prepare_cached(
        "SELECT run, agent, changed_ms, len, id FROM execution
         WHERE deleted_ms IS NULL AND (changed_ms, id) > (?1, ?2) ORDER BY changed_ms, id LIMIT ?3",
    )?;
    let (changed_ms, id) = after.map_or((-1, 0), |(changed_ms, id)| (number(changed_ms), id));
    let found = find.query_map(params![changed_ms, id, limit], |row| {
        Ok(OldOutput {
            run: RunId::from_bytes(row.get(0)?),
            agent: AgentId::from_bytes(row.get(1)?),
            changed_ms: unsigned(row.get(2)?),
            bytes: unsigned(row.get(3)?),
            id: row.get(4)?,
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// What all outputs take that are not deleted, bytes.
pub(super) fn total_bytes(connection: &Connection) -> Result<u64, StoreError> {
    let sum = "SELECT coalesce(sum(len), 0) FROM execution WHERE deleted_ms IS NULL";
    Ok(unsigned(connection.query_row(sum, [], |row| row.get(0))?))
}

/// Those whose deletion was begun and not finished.
pub(super) fn half_deleted(connection: &Connection) -> Result<Vec<i64>, StoreError> {
    let mut find = connection.prepare("SELECT id FROM execution WHERE deleting = 1")?;
    let found = find.query_map([], |row| row.get(0))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Leaves a mark in place of an output: from now on it is deleted for everybody, and its bytes go step by step.
pub(super) fn mark(
    connection: &Connection,
    old: &OldOutput,
    deletion: Deletion,
    now_ms: u64,
) -> Result<(), StoreError> {
    let max = match deletion {
        Deletion::Age => None,
        Deletion::Size { bytes_max } => Some(number(bytes_max)),
    };
    connection
        .prepare_cached(
            "UPDATE execution SET deleted_ms = ?2, deleted_max = ?3, deleting = 1
             WHERE id = ?1 AND deleted_ms IS NULL",
        )?
        .execute(params![old.id, number(now_ms), max])?;
    Ok(())
}

/// Deletes a part of the bytes of a marked one; true when none are left.
pub(super) fn step(transaction: &Transaction<'_>, id: i64) -> Result<bool, StoreError> {
    let first = "SELECT min(offset) FROM chunk WHERE execution = ?1";
    let first: Option<i64> = transaction.query_row(first, [id], |row| row.get(0))?;
    let Some(first) = first else {
        transaction.execute("UPDATE execution SET deleting = 0 WHERE id = ?1", [id])?;
        return Ok(true);
    };
    let rows = "SELECT offset FROM chunk WHERE execution = ?1 ORDER BY offset LIMIT 1 OFFSET ?2";
    let by_rows: Option<i64> = transaction
        .query_row(rows, params![id, STEP_ROWS], |row| row.get(0))
        .optional()?;
    let by_bytes = first.saturating_add(number(STEP_BYTES));
    let end = by_rows.map_or(by_bytes, |by_rows| by_rows.min(by_bytes));
    transaction.execute(
        "DELETE FROM chunk WHERE execution = ?1 AND offset < ?2",
        [id, end],
    )?;
    Ok(false)
}

/// A number as SQLite has them.
pub(super) fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number of SQLite that is never negative.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

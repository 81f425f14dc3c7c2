//! Opens an SQLite file as every store needs it: WAL, durable commits, the schema of this program.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::{StoreError, migrate};

/// The version of the schemas of all files together: raised by a migration when one of them changes.
const VERSION: u32 = migrate::newest(migrate::MIGRATIONS);

/// A file of the store.
pub(super) struct File<'a> {
    /// Where it is.
    pub(super) path: &'a Path,
    /// What makes its tables.
    pub(super) schema: &'a str,
    /// The pragma that looks for damage: of all of it, or of so much that a start does not take longer with every output.
    pub(super) check: &'a str,
    /// What shows that there was such a file: then none is created in its place.
    pub(super) traces: Option<PathBuf>,
}

/// Opens a file, or creates one with its tables. One that cannot be used is not changed.
pub(super) fn open(file: &File<'_>) -> Result<Connection, StoreError> {
    let failed = |source| StoreError::of(file.path, source);
    let gone = |traces: &PathBuf| StoreError::Gone {
        path: file.path.to_owned(),
        traces: traces.clone(),
    };
    // Before it is opened: SQLite throws away what it would recover into an empty file.
    if let Some(traces) = &file.traces
        && std::fs::metadata(file.path).map_or(0, |found| found.len()) == 0
    {
        return Err(gone(traces));
    }
    let mut connection = Connection::open(file.path).map_err(failed)?;
    connection
        .execute_batch("PRAGMA trusted_schema = OFF; PRAGMA busy_timeout = 5000;")
        .map_err(failed)?;
    let number = |sql| connection.query_row(sql, [], |row| row.get::<_, u32>(0));
    let found = number("PRAGMA user_version").map_err(failed)?;
    let is_new = found == 0 && number("SELECT count(*) FROM sqlite_schema").map_err(failed)? == 0;
    if let Some(traces) = file.traces.as_ref().filter(|_| is_new) {
        return Err(gone(traces));
    }
    if !is_new {
        judge(file.path, found, VERSION..=VERSION)?;
        let checked: String = connection
            .query_row(file.check, [], |row| row.get(0))
            .map_err(failed)?;
        if checked != "ok" {
            return Err(StoreError::Damaged {
                path: file.path.to_owned(),
                why: checked,
            });
        }
    }
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;",
        )
        .map_err(failed)?;
    if is_new {
        let transaction = connection.transaction().map_err(failed)?;
        transaction.execute_batch(file.schema).map_err(failed)?;
        transaction
            .pragma_update(None, "user_version", VERSION)
            .map_err(failed)?;
        transaction.commit().map_err(failed)?;
    }
    Ok(connection)
}

/// Whether a schema is one of these.
pub(super) fn judge(path: &Path, found: u32, known: RangeInclusive<u32>) -> Result<(), StoreError> {
    let path = path.to_owned();
    if found < *known.start() {
        let known = *known.start();
        return Err(StoreError::Older { path, found, known });
    }
    if found > *known.end() {
        let known = *known.end();
        return Err(StoreError::Newer { path, found, known });
    }
    Ok(())
}

/// A second connection that only reads. It creates nothing.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let failed = |source| StoreError::of(path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection
        .execute_batch(
            "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA busy_timeout = 5000;",
        )
        .map_err(failed)?;
    Ok(connection)
}

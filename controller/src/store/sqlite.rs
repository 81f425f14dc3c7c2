//! Opens an SQLite file as every store needs it: WAL, durable commits, the schema of this program.

use std::path::Path;

use rusqlite::Connection;

use super::StoreError;

/// The version of the schemas of all files together: raised when one of them changes. There is one schema at a time, and none of an
/// older program is converted.
const VERSION: u32 = 3;

/// A file of the store.
pub(super) struct File<'a> {
    /// Where it is.
    pub(super) path: &'a Path,
    /// What makes its tables.
    pub(super) schema: &'a str,
    /// The pragma that looks for damage: of all of it, or of so much that a start does not take longer with every output.
    pub(super) check: &'a str,
}

/// Opens a file, or creates one with its tables. One that cannot be used is not changed.
pub(super) fn open(file: &File<'_>) -> Result<Connection, StoreError> {
    let failed = |source| StoreError::Open {
        path: file.path.to_owned(),
        source,
    };
    let mut connection = Connection::open(file.path).map_err(failed)?;
    connection
        .execute_batch("PRAGMA trusted_schema = OFF; PRAGMA busy_timeout = 5000;")
        .map_err(failed)?;
    let number = |sql| connection.query_row(sql, [], |row| row.get::<_, u32>(0));
    let found = number("PRAGMA user_version").map_err(failed)?;
    let is_new = found == 0 && number("SELECT count(*) FROM sqlite_schema").map_err(failed)? == 0;
    if !is_new {
        judge(file, found)?;
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

fn judge(file: &File<'_>, found: u32) -> Result<(), StoreError> {
    let path = file.path.to_owned();
    match found.cmp(&VERSION) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Less => Err(StoreError::Older {
            path,
            found,
            known: VERSION,
        }),
        std::cmp::Ordering::Greater => Err(StoreError::Newer {
            path,
            found,
            known: VERSION,
        }),
    }
}

/// A second connection that only reads.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let failed = |source| StoreError::Open {
        path: path.to_owned(),
        source,
    };
    let connection = Connection::open(path).map_err(failed)?;
    connection
        .execute_batch(
            "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA busy_timeout = 5000;",
        )
        .map_err(failed)?;
    Ok(connection)
}

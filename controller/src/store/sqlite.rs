//! Opens an SQLite file as every store needs it: WAL, durable commits, a known schema.

use std::path::Path;

use rusqlite::Connection;

use super::StoreError;

/// Opens or creates a file and brings its schema up to date: `migrations[n]` leads to version n + 1.
pub(super) fn open(path: &Path, migrations: &[&str]) -> Result<Connection, StoreError> {
    let failed = |source| StoreError::Open {
        path: path.to_owned(),
        source,
    };
    let mut connection = Connection::open(path).map_err(failed)?;
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
             PRAGMA trusted_schema = OFF; PRAGMA busy_timeout = 5000;",
        )
        .map_err(failed)?;
    let checked: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(failed)?;
    if checked != "ok" {
        return Err(StoreError::Damaged {
            path: path.to_owned(),
            why: checked,
        });
    }
    let known = u32::try_from(migrations.len()).unwrap_or(u32::MAX);
    let found: u32 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(failed)?;
    if found > known {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found,
            known,
        });
    }
    let transaction = connection.transaction().map_err(failed)?;
    for migration in migrations.iter().skip(found as usize) {
        transaction.execute_batch(migration).map_err(failed)?;
    }
    transaction
        .pragma_update(None, "user_version", known)
        .map_err(failed)?;
    transaction.commit().map_err(failed)?;
    Ok(connection)
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

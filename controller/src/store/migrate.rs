//! From the schema of an older program to ours: migrations in their order, of all files in one transaction. So a process that is killed, a
//! disk that is full and a migration that fails leave all files as the older program knows them.
//!
//! Nothing here decides whether it should be done, or makes the backup of before: see `crate::upgrade`.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior};

use super::{JOURNAL, StoreError, sqlite};

/// The oldest schema that is known.
pub const OLDEST: u32 = 4;

/// What changes one file. The tables are named with the file's schema in front of them: see [`Part::schema`].
pub type Step<'a> = &'a dyn Fn(&Connection) -> rusqlite::Result<()>;

/// A file that has a schema of its own and is no fold of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The journal.
    Journal,
    /// Output.
    Output,
    /// Small values.
    Kept,
}

impl Part {
    const ALL: [Self; 3] = [Self::Journal, Self::Output, Self::Kept];

    /// The file's name, in the data directory.
    #[must_use]
    pub const fn file(self) -> &'static str {
        match self {
            Self::Journal => JOURNAL,
            Self::Output => "output.db",
            Self::Kept => "kept.db",
        }
    }

    /// What stands before the names of its tables in a migration.
    #[must_use]
    pub const fn schema(self) -> &'static str {
        match self {
            Self::Journal => "main",
            Self::Output => "output",
            Self::Kept => "kept",
        }
    }
}

/// From one schema to the next.
pub struct Migration<'a> {
    /// What it changes; files that it does not name get the number only.
    pub steps: &'a [(Part, Step<'a>)],
}

/// All migrations of this program, the first from [`OLDEST`]. None is ever changed or taken out.
pub const MIGRATIONS: &[Migration<'static>] = &[];

/// The schema that these lead to.
#[must_use]
pub const fn newest(migrations: &[Migration<'_>]) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "there are a few")]
    let steps = migrations.len() as u32;
    OLDEST + steps
}

/// What a data directory has, and what is to be done with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The oldest schema among its files; nothing where no file has one.
    pub schema: Option<u32>,
    /// The files that migrations would change.
    pub changes: Vec<PathBuf>,
}

/// How the files of a data directory stand to these migrations. One that is not there yet is made by whoever opens the store. Blocks.
///
/// # Errors
/// A file cannot be read, or its schema is none of those that are known.
pub fn standing(data_dir: &Path, migrations: &[Migration<'_>]) -> Result<Standing, StoreError> {
    let known = newest(migrations);
    let mut standing = Standing {
        schema: None,
        changes: Vec::new(),
    };
    for (part, path) in there(data_dir) {
        let connection = sqlite::open_reader(&path)?;
        let found = version(&connection, "main").map_err(|error| StoreError::of(&path, error))?;
        let Some(found) = found else { continue };
        sqlite::judge(&path, found, OLDEST..=known)?;
        standing.schema = Some(standing.schema.map_or(found, |oldest| oldest.min(found)));
        let pending = pending(migrations, found);
        let mut steps = pending.flat_map(|(_, one)| one.steps);
        if steps.any(|(changed, _)| *changed == part) {
            standing.changes.push(path);
        }
    }
    Ok(standing)
}

/// Brings all files of a data directory to the newest schema, or leaves all as they are. Nobody else may use them. Blocks.
///
/// # Errors
/// A file cannot be read or written, or what is in it does not fit.
pub fn migrate(data_dir: &Path, migrations: &[Migration<'_>]) -> Result<(), StoreError> {
    if standing(data_dir, migrations)?.schema == Some(newest(migrations)) {
        return Ok(());
    }
    let journal = data_dir.join(JOURNAL);
    let failed = |error| StoreError::of(&journal, error);
    let parts: Vec<(Part, PathBuf)> = there(data_dir).collect();
    // A transaction is one for several files only where each has a rollback journal. Whoever opens the store takes the log back.
    for (_, path) in &parts {
        alone(path).map_err(|error| StoreError::of(path, error))?;
    }
    let mut connection = Connection::open(&journal).map_err(failed)?;
    connection
        .execute_batch(
            "PRAGMA trusted_schema = OFF; PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = OFF;",
        )
        .map_err(failed)?;
    for (part, path) in parts.iter().filter(|(part, _)| *part != Part::Journal) {
        let attach = format!("ATTACH DATABASE ?1 AS {}", part.schema());
        let place = path.to_string_lossy();
        connection
            .execute(&attach, [place.as_ref()])
            .map_err(|error| StoreError::of(path, error))?;
    }
    for (part, _) in &parts {
        let durable = format!("PRAGMA {}.synchronous = EXTRA", part.schema());
        connection.execute_batch(&durable).map_err(failed)?;
    }
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Exclusive)
        .map_err(failed)?;
    for (part, path) in &parts {
        let failed = |error| match StoreError::of(path, error) {
            StoreError::Open { path, source } => StoreError::Migration { path, source },
            named => named,
        };
        let found = version(&transaction, part.schema()).map_err(failed)?;
        let Some(found) = found else { continue };
        for (to, migration) in pending(migrations, found) {
            let steps = migration
                .steps
                .iter()
                .filter(|(changed, _)| changed == part);
            for (_, step) in steps {
                step(&transaction).map_err(failed)?;
            }
            let number = format!("PRAGMA {}.user_version = {to}", part.schema());
            transaction.execute_batch(&number).map_err(failed)?;
        }
        let check = format!("PRAGMA {}.foreign_key_check", part.schema());
        let mut check = transaction.prepare(&check).map_err(failed)?;
        if check.exists([]).map_err(failed)? {
            return Err(StoreError::Damaged {
                path: path.clone(),
                why: "what it holds does not fit together".to_owned(),
            });
        }
    }
    transaction.commit().map_err(failed)
}

fn there(data_dir: &Path) -> impl Iterator<Item = (Part, PathBuf)> {
    let parts = Part::ALL.into_iter();
    let parts = parts.map(move |part| (part, data_dir.join(part.file())));
    // An empty file is one that is made anew.
    parts.filter(|(_, path)| std::fs::metadata(path).is_ok_and(|found| found.len() > 0))
}

/// Writes what is in a file's log into it, and leaves it without one. Fails while another process reads it.
fn alone(path: &Path) -> rusqlite::Result<()> {
    let connection = Connection::open(path)?;
    connection.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA busy_timeout = 5000;")?;
    connection.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))
}

/// The schema of a file; nothing of one that has no table yet.
fn version(connection: &Connection, schema: &str) -> rusqlite::Result<Option<u32>> {
    let number = |sql: String| connection.query_row(&sql, [], |row| row.get::<_, u32>(0));
    let found = number(format!("PRAGMA {schema}.user_version"))?;
    let tables = number(format!("SELECT count(*) FROM {schema}.sqlite_schema"))?;
    Ok((found > 0 || tables > 0).then_some(found))
}

/// The migrations after a schema, each with the one that it leads to.
fn pending<'a, 'b>(
    migrations: &'b [Migration<'a>],
    found: u32,
) -> impl Iterator<Item = (u32, &'b Migration<'a>)> + use<'a, 'b> {
    (OLDEST + 1..)
        .zip(migrations)
        .filter(move |(to, _)| *to > found)
}

#[cfg(test)]
mod tests;

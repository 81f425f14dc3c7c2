//! The files of a store as they were at one moment, beside a process that goes on writing.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::Backup;

use super::{JOURNAL, StoreError, sqlite};

/// The journal first: what it says of output, the output read after it has.
const FILES: [&str; 3] = [JOURNAL, "output.db", "kept.db"];

/// The files at one moment: each is read as it was then for as long as this lives.
pub struct Frozen {
    files: Vec<(&'static str, PathBuf, Connection)>,
}

impl Frozen {
    /// As they are now.
    ///
    /// # Errors
    /// A file cannot be read, or there is no journal.
    pub fn at(data_dir: &Path) -> Result<Self, StoreError> {
        let mut files = Vec::new();
        for name in FILES {
            let path = data_dir.join(name);
            if !path.exists() && name != JOURNAL {
                continue;
            }
            let connection = sqlite::open_reader(&path)?;
            // The moment is that of the first read.
            let begun = connection.execute_batch("BEGIN").and_then(|()| {
                connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
            });
            begun.map_err(|error| StoreError::of(&path, error))?;
            files.push((name, path, connection));
        }
        Ok(Self { files })
    }

    /// Copies them into a directory; gives their names. Blocks as long as that takes.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub fn copy(&self, to: &Path) -> Result<Vec<&'static str>, StoreError> {
        for (name, path, from) in &self.files {
            let place = to.join(name);
            let failed = |error| StoreError::of(&place, error);
            let mut copy = Connection::open(&place).map_err(failed)?;
            // Nobody needs half a backup: it is made durable when it is whole.
            copy.execute_batch("PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF;")
                .map_err(failed)?;
            {
                let backup = Backup::new(from, &mut copy).map_err(failed)?;
                // At once: what is written meanwhile is not part of it.
                backup
                    .step(-1)
                    .map_err(|error| StoreError::of(path, error))?;
            }
            copy.close().map_err(|(_, error)| failed(error))?;
        }
        Ok(self.files.iter().map(|(name, _, _)| *name).collect())
    }
}

//! What is written down for good: the journal, the output of executions, and small values beside them.
//!
//! What is searched is a fourth file, folded from the first two. Journal and output are SQLite files with one writer thread each; a commit takes everything that is queued. Nobody is told that
//! something is stored before it is committed with `synchronous=FULL`.

#[cfg(test)]
mod damage;
mod entry;
mod frozen;
mod inputs;
mod journal;
mod kept;
pub mod migrate;
mod names;
mod output;
mod room;
mod search;
mod shown;
mod sqlite;
mod written_by;

use std::fs::File;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use rusqlite::ErrorCode;
use shanty_certs::files::FileError;
use shanty_core::ids::RunId;
use shanty_core::journal::Anchor;
use shanty_core::spool::Corrupt;
use shanty_core::text::{thousands, utc};
use thiserror::Error;

use crate::version;

pub use entry::Stored;
pub use frozen::Frozen;
pub use inputs::{Coming, InputError, InputReader, Inputs, input_of};
pub use journal::{
    Accepted, Checkpoints, Commits, Journal, Memory, Missed, Reader, Verified, each_record, newest,
    verify,
};
pub use kept::Kept;
pub use names::Names;
pub use output::{Appender, Deleted, Deletion, Exited, OldOutput, Output, Records};
pub use room::{Room, disk};
pub use search::{PRINTED_BYTES_MAX, PRINTED_MAX, Printed, Ran, Search};
pub use shown::Shown;
pub use written_by::{FIRST, NAME as WRITTEN_BY, WrittenBy, admits, is_patch};

/// The journal's file, in the data directory.
pub const JOURNAL: &str = "shanty.db";

/// Why something could not be stored or read.
#[derive(Debug, Error)]
pub enum StoreError {
    /// A file could not be opened.
    #[error("open {path}")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// The file was written by a newer program.
    #[error(
        "{path} has schema {found}, and this program knows up to {known}: use the newer program"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// The file was written by a program so old that nothing leads from it to ours.
    #[error(
        "{path} has schema {found} of an older program, and this one begins with {known}: start with a new, empty data directory \
         (`data_dir`), or use the older program; nothing was changed"
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The oldest of ours.
        known: u32,
    },
    /// A newer program wrote the data directory.
    #[error(
        "{data_dir} is of Shanty {version}, which wrote it since {} UTC, and this is the older {ours}: it would pass over what only the newer \
         one knows, so nothing was opened and nothing was changed",
        utc(*since_ms)
    )]
    NewerProgram {
        /// The directory.
        data_dir: PathBuf,
        /// The program that wrote it.
        version: String,
        /// Since when, milliseconds since the Unix epoch.
        since_ms: u64,
        /// This program.
        ours: String,
    },
    /// Which program wrote the data directory cannot be read.
    #[error(
        "{path} does not say which program wrote the data directory ({why}), so nothing was opened"
    )]
    UnknownProgram {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Which program writes the data directory cannot be said there.
    #[error("write {path}")]
    NotSaid {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: FileError,
    },
    /// A file cannot be brought to our schema.
    #[error("bring {path} to the schema of this program")]
    Migration {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// The file is damaged.
    #[error("{path} is damaged ({why}): restore it from a backup")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the check said.
        why: String,
    },
    /// A record of the journal is not what was written.
    #[error("{path} is broken at record {seq} ({why}): nothing is decided on it")]
    Broken {
        /// The file.
        path: PathBuf,
        /// The first record that is not right.
        seq: u64,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The journal lost its end, or an older one was put in its place.
    #[error(
        "{path} ends at record {newest}, and record {known} was written: what came after is missing"
    )]
    Short {
        /// The file.
        path: PathBuf,
        /// Its newest record.
        newest: u64,
        /// One that is known to have been written.
        known: u64,
    },
    /// The journal is not there, and was.
    #[error(
        "{path} is not there or is empty, and {traces} shows that there was one: no new one is begun in its place"
    )]
    Gone {
        /// The file.
        path: PathBuf,
        /// What shows it.
        traces: PathBuf,
    },
    /// Another process uses the data directory.
    #[error("another controller uses {data_dir}: stop it first")]
    InUse {
        /// The directory.
        data_dir: PathBuf,
    },
    /// A file beside the journal cannot be written.
    #[error("write {path}")]
    Beside {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A statement failed: a full disk, a file that went away.
    #[error("write or read the store")]
    Sqlite(#[from] rusqlite::Error),
    /// A record that this program wrote can no longer be read.
    #[error("read record {seq} of the journal")]
    Record {
        /// Its place.
        seq: u64,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Records of a run that is over are gone.
    #[error("records of run {run} are not there any more")]
    Incomplete {
        /// The run.
        run: RunId,
    },
    /// What is stored of an execution is damaged.
    #[error("read the records of an output")]
    Spool(#[source] Corrupt),
    /// Bytes of an execution are not there that should be.
    #[error("the output has a hole at offset {offset}")]
    Missing {
        /// Where it begins.
        offset: u64,
    },
    /// Not all that was recorded of an execution's output is stored, or it is not the same.
    #[error("{}", lacking(*stored, *recorded))]
    Lacking {
        /// Bytes that are stored.
        stored: u64,
        /// Bytes that were recorded when it ended.
        recorded: u64,
    },
    /// The output was deleted.
    #[error("the output was deleted")]
    Deleted(Deleted),
    /// How an execution ended can no longer be read.
    #[error("read how an execution ended")]
    Outcome(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The folder of what commands are given.
    #[error("open the folder {path}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The disk is full.
    #[error("the disk that holds the store is full: make room on it")]
    Full,
    /// A value that cannot be kept.
    #[error("write a value as JSON")]
    Value(#[source] serde_json::Error),
    /// The writer is gone.
    #[error("the store has stopped")]
    Stopped,
}

/// Why stored output cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable<'a> {
    /// It was deleted, as it should be.
    Deleted(Deleted),
    /// From some place on it is not what was written.
    Corrupt(&'a Corrupt),
    /// Bytes are not there that should be.
    Hole,
    /// The store cannot be read now: nothing is known of the output.
    Unavailable,
}

impl StoreError {
    /// What SQLite said of a file.
    fn of(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        if is_full(&source) {
            return Self::Full;
        }
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged {
                path,
                why: source.to_string(),
            },
            Some(_) | None => Self::Open { path, source },
        }
    }

    /// True when it failed because there is no room.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let full = matches!(self, Self::Full);
        full || matches!(self, Self::Sqlite(error) if is_full(error))
    }

    /// The same with the file named, where SQLite said it.
    fn named(self, path: &Path) -> Self {
        match self {
            Self::Sqlite(source) => Self::of(path, source),
            named => named,
        }
    }

    /// What is wrong with the journal, where it is that.
    #[must_use]
    pub const fn unsound(&self) -> Option<Unsound> {
        match self {
            Self::Short { known, .. } => Some(Unsound::Short { known: *known }),
            Self::Broken { .. } | Self::Damaged { .. } | Self::Record { .. } => {
                Some(Unsound::Broken)
            }
            Self::Open { .. }
            | Self::Newer { .. }
            | Self::Older { .. }
            | Self::NewerProgram { .. }
            | Self::UnknownProgram { .. }
            | Self::NotSaid { .. }
            | Self::Migration { .. }
            | Self::Gone { .. }
            | Self::Beside { .. }
            | Self::InUse { .. }
            | Self::Sqlite(_)
            | Self::Incomplete { .. }
            | Self::Spool(_)
            | Self::Missing { .. }
            | Self::Lacking { .. }
            | Self::Deleted(_)
            | Self::Outcome(_)
            | Self::Folder { .. }
            | Self::Value(_)
            | Self::Full
            | Self::Stopped => None,
        }
    }

    /// What this error, met while output was read, says of that output.
    #[must_use]
    pub const fn unreadable(&self) -> Unreadable<'_> {
        match self {
            Self::Deleted(deleted) => Unreadable::Deleted(*deleted),
            Self::Spool(corrupt) => Unreadable::Corrupt(corrupt),
            Self::Missing { .. } | Self::Lacking { .. } => Unreadable::Hole,
            Self::Open { .. }
            | Self::Newer { .. }
            | Self::Older { .. }
            | Self::NewerProgram { .. }
            | Self::UnknownProgram { .. }
            | Self::NotSaid { .. }
            | Self::Migration { .. }
            | Self::Damaged { .. }
            | Self::Broken { .. }
            | Self::Short { .. }
            | Self::Gone { .. }
            | Self::Beside { .. }
            | Self::InUse { .. }
            | Self::Sqlite(_)
            | Self::Record { .. }
            | Self::Incomplete { .. }
            | Self::Outcome(_)
            | Self::Folder { .. }
            | Self::Value(_)
            | Self::Full
            | Self::Stopped => Unreadable::Unavailable,
        }
    }
}

/// What is wrong with a journal whose file can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsound {
    /// Something in it is not what was written.
    Broken,
    /// It ends before this record, which was written.
    Short {
        /// The record.
        known: u64,
    },
}

/// The stores. [`Store::close`] comes last.
pub struct Store {
    /// The journal.
    pub journal: Journal,
    /// Output.
    pub output: Output,
    /// Small values.
    pub kept: Kept,
    /// What commands are given.
    pub inputs: Inputs,
    /// What is searched.
    pub search: Search,
    /// Room on the disk.
    pub room: Room,
    /// Writer threads, which end when every handle is dropped.
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Store {
    /// Opens or creates the files in a directory. No spool longer than this is taken, bytes.
    ///
    /// # Errors
    /// A file that cannot be opened, is damaged, or was written by a newer or an older program; a journal that is gone.
    pub fn open(data_dir: &Path, spool_bytes_max: u64) -> Result<Self, StoreError> {
        admits(data_dir, version::current())?;
        let room = Room::of(data_dir);
        let (journal, journal_thread) =
            Journal::open(&data_dir.join(JOURNAL), traces(data_dir), &room)?;
        let (output, output_thread) =
            Output::open(&data_dir.join("output.db"), spool_bytes_max, &room)?;
        let kept = Kept::open(&data_dir.join("kept.db"))?;
        let path = data_dir.join("inputs");
        let inputs = Inputs::open(&path).map_err(|source| StoreError::Folder { path, source })?;
        let search = Search::open(&data_dir.join("search.db"))?;
        Ok(Self {
            journal,
            output,
            kept,
            inputs,
            search,
            room,
            threads: vec![journal_thread, output_thread],
        })
    }

    /// Waits until the writers have written everything: they end when nobody holds a handle any more. Blocks; false when one of them failed.
    pub fn close(self) -> bool {
        let Self {
            journal,
            output,
            kept,
            inputs,
            search,
            room: _,
            threads,
        } = self;
        drop((journal, output, kept, inputs, search));
        let mut threads = threads.into_iter();
        threads.all(|thread| thread.join().is_ok())
    }
}

/// Whether a statement failed because there is no room.
fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}

fn lacking(stored: u64, recorded: u64) -> String {
    let (all, there) = (thousands(recorded), thousands(stored));
    match recorded.checked_sub(stored) {
        Some(0) => format!("its {all} bytes differ from what was recorded when it ended"),
        Some(missing) => format!(
            "{there} of {all} bytes are there, {} are missing",
            thousands(missing)
        ),
        None => format!("{there} bytes are there, and {all} were recorded when it ended"),
    }
}

/// What shows that a directory had a journal: it is made before any of these.
#[must_use]
pub fn traces(data_dir: &Path) -> Option<PathBuf> {
    let after = ["ca", "output.db", "journal.head", "kept.db"];
    let mut after = after.into_iter().map(|name| data_dir.join(name));
    after.find(|path| path.exists())
}

/// Takes the journal of a data directory as it is, though it ends earlier than it did. Blocks.
///
/// # Errors
/// A controller uses the directory, a record is not what was written, or the files cannot be written.
pub fn accept(data_dir: &Path) -> Result<Accepted, StoreError> {
    let _lock = lock(data_dir)?;
    admits(data_dir, version::current())?;
    journal::accept(&data_dir.join(JOURNAL))
}

/// Says how far the journal of a data directory reaches, which is put there after it. Blocks.
///
/// # Errors
/// The file cannot be written.
pub fn mark(data_dir: &Path, at: Anchor) -> Result<(), StoreError> {
    journal::mark(&data_dir.join(JOURNAL), at)
}

/// Locks a data directory for as long as what comes back is held.
///
/// # Errors
/// Another process uses it, or there is no such directory.
pub fn lock(data_dir: &Path) -> Result<Flock<File>, StoreError> {
    let path = data_dir.join("lock");
    let file = File::create(&path).map_err(|source| StoreError::Beside { path, source })?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, _)| StoreError::InUse {
        data_dir: data_dir.to_owned(),
    })
}

//! Backups: a copy of a data directory as it was at one moment, made while a controller works, and put back into an empty one.
//!
//! All that cannot be made again is in it: the journal, output, kept values, what commands were given, and the authority, whose key makes a
//! backup as secret as the directory itself. The manifest names each file with its digest and is written last, so that one without it is none.

mod manifest;
mod restore;

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use shanty_certs::files::{self, FileError};
use shanty_core::journal::Anchor;
use shanty_core::text::utc;
use thiserror::Error;

use crate::store::{self, Frozen, StoreError, WRITTEN_BY, WrittenBy};
use crate::upgrade;

pub use manifest::{Manifest, NAME as MANIFEST};
pub use restore::{Restored, restore};

/// Folders that are copied file by file: what is in them is written once.
pub(crate) const FOLDERS: [&str; 2] = ["ca", "inputs"];

/// Where a data directory says which backup of it is the newest.
const NEWEST: &str = "backup.json";

/// Why there is no backup, or none was put back.
#[derive(Debug, Error)]
pub enum BackupError {
    /// The place is not free.
    #[error("{0} is there and is not empty: name another directory")]
    NotEmpty(PathBuf),
    /// It holds no backup, or an unfinished one.
    #[error("{0} is no finished backup: it has no {MANIFEST}")]
    None(PathBuf),
    /// Its manifest cannot be read.
    #[error("{path} cannot be read as the manifest of a backup: {why}")]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// It is of a newer program.
    #[error(
        "{path} is a backup of Shanty {version}, and this is the older {ours}: it would pass over what only the newer one knows. Restore it \
         with Shanty {version}; nothing was put back"
    )]
    Newer {
        /// The backup.
        path: PathBuf,
        /// The program whose data it is.
        version: String,
        /// This program.
        ours: String,
    },
    /// A file is not what the manifest says.
    #[error("{path} is not what the backup's manifest says ({why}): use another backup")]
    Differs {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: &'static str,
    },
    /// A file cannot be read or written.
    #[error("copy {path}")]
    Copy {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A directory cannot be used.
    #[error(transparent)]
    Directory(#[from] FileError),
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BackupError {
    /// True when it failed because there is no room.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::Copy { source, .. } => source.kind() == io::ErrorKind::StorageFull,
            Self::Directory(error) => error.is_full(),
            Self::Store(error) => error.is_full(),
            Self::NotEmpty(_)
            | Self::None(_)
            | Self::Manifest { .. }
            | Self::Newer { .. }
            | Self::Differs { .. } => false,
        }
    }

    fn copy(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Copy { path, source }
    }
}

/// A backup that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Where it is.
    pub path: PathBuf,
    /// Where the journal was.
    pub anchor: Anchor,
    /// Bytes of all its files.
    pub bytes: u64,
    /// SHA-256 of its manifest, which names the digests of all the others.
    pub sha256: String,
}

/// Makes a backup of a data directory, also of one that is in use, and notes there that it is the newest. Blocks as long as that takes.
///
/// # Errors
/// See [`BackupError`]. What was written by then is no backup.
pub fn make(data_dir: &Path, to: &Path, now_ms: u64) -> Result<Made, BackupError> {
    let made = copy(data_dir, to, now_ms)?;
    note(data_dir, to, now_ms);
    Ok(made)
}

/// The same, which is noted when it has its place.
///
/// # Errors
/// See [`make`].
pub fn copy(data_dir: &Path, to: &Path, now_ms: u64) -> Result<Made, BackupError> {
    let program = WrittenBy::read(data_dir)?.map_or(store::FIRST.to_owned(), |by| by.version);
    // Before anything is made there.
    let frozen = Frozen::at(data_dir)?;
    files_free(to)?;
    for name in frozen.copy(to)? {
        sync(&to.join(name))?;
    }
    let verified = store::verify(&to.join(store::JOURNAL), &[], || false)?;
    for folder in FOLDERS {
        copy_folder(&data_dir.join(folder), &to.join(folder))?;
    }
    // A directory that says nothing of it is copied without it.
    copy_file(&data_dir.join(WRITTEN_BY), &to.join(WRITTEN_BY))?;
    let manifest = Manifest::of(to, program, verified.newest, now_ms)?;
    let bytes = manifest.bytes();
    let sha256 = manifest.write(to)?;
    Ok(Made {
        path: to.to_owned(),
        anchor: verified.newest,
        bytes,
        sha256,
    })
}

/// The newest backup of a data directory, as far as that is known.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Newest {
    /// Where it was made.
    pub path: PathBuf,
    /// When, milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// Which backup of a data directory is the newest; nothing when none is known.
#[must_use]
pub fn newest(data_dir: &Path) -> Option<Newest> {
    let text = std::fs::read(data_dir.join(NEWEST)).ok()?;
    serde_json::from_slice(&text).ok()
}

/// What to do about stored data that cannot be used, where a backup helps.
#[must_use]
pub fn next(error: &StoreError, data_dir: &Path) -> Option<String> {
    let dir = data_dir.display();
    let is_short = matches!(error, StoreError::Short { .. });
    let is_gone = matches!(error, StoreError::Gone { .. });
    if let Some(next) = upgrade::ways_on(error, data_dir) {
        return Some(next);
    }
    if error.unsound().is_none() && !is_gone {
        return None;
    }
    let from = match newest(data_dir) {
        Some(newest) => format!(
            "The newest backup that was made of it is {} of {} UTC",
            newest.path.display(),
            utc(newest.at_ms)
        ),
        None => "No backup of it is known here".to_owned(),
    };
    let mut next = format!(
        "{from}: move {dir} away and put one back with `shanty restore BACKUP --data-dir {dir}`"
    );
    if is_short {
        next.push_str(&format!(
            "; where an older journal was put back on purpose, `shanty audit accept --data-dir {dir}`"
        ));
    }
    Some(next)
}

pub(crate) fn note(data_dir: &Path, to: &Path, now_ms: u64) {
    let newest = Newest {
        path: std::path::absolute(to).unwrap_or_else(|_| to.to_owned()),
        at_ms: now_ms,
    };
    let text = serde_json::to_vec(&newest).unwrap_or_default();
    // The backup is good all the same: it is only not named when one is needed.
    if let Err(error) = files::write_secret(&data_dir.join(NEWEST), &text) {
        tracing::warn!(%error, "which backup is the newest could not be kept");
    }
}

/// Makes a directory that only we can read, where nothing is yet.
fn files_free(place: &Path) -> Result<(), BackupError> {
    let mut there = match std::fs::read_dir(place) {
        Ok(there) => there,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(files::private_directory(place)?);
        }
        Err(error) => return Err(BackupError::copy(place)(error)),
    };
    if there.next().is_some() {
        return Err(BackupError::NotEmpty(place.to_owned()));
    }
    Ok(files::private_directory(place)?)
}

/// Copies the files of a folder and of those in it. What vanishes meanwhile was deleted, and is left out.
fn copy_folder(from: &Path, to: &Path) -> Result<(), BackupError> {
    let entries = match std::fs::read_dir(from) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(BackupError::copy(from)(error)),
    };
    files::private_directory(to)?;
    for entry in entries {
        let entry = entry.map_err(BackupError::copy(from))?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(BackupError::copy(&from))?;
        if kind.is_dir() {
            copy_folder(&from, &to)?;
        } else if kind.is_file() {
            copy_file(&from, &to)?;
        }
    }
    Ok(())
}

/// Whatever the copy was open to on its way, ours is closed to others.
fn copy_file(from: &Path, to: &Path) -> Result<(), BackupError> {
    match std::fs::copy(from, to) {
        Ok(_) => {
            let own = Permissions::from_mode(0o600);
            std::fs::set_permissions(to, own).map_err(BackupError::copy(to))?;
            sync(to)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(BackupError::copy(from)(error)),
    }
}

fn sync(path: &Path) -> Result<(), BackupError> {
    let synced = std::fs::File::open(path).and_then(|file| file.sync_all());
    synced.map_err(BackupError::copy(path))
}

#[cfg(test)]
mod tests;

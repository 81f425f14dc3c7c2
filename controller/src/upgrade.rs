//! The data directory goes over to another version of this program: what has to be done for it, doing it, and the words when it cannot be.
//!
//! Newer on older: a backup first, then the migrations, then it is said whose the data is, and only then is anything else written. Killed
//! anywhere, all of it is done again or was done. Older on newer: refused. The journal and the operators are told by the hub.

mod words;

use std::path::{Path, PathBuf};

use shanty_certs::files;
use shanty_core::journal::VersionChange;
use shanty_core::text::{size, utc};
use shanty_core::version::Version;
use thiserror::Error;

use crate::backup::{self, BackupError, MANIFEST};
use crate::store::migrate::{self, Migration, Part};
use crate::store::{self, StoreError, WrittenBy, disk};
use crate::version;

pub use words::ways_on;

/// Where backups of before are, in the data directory.
pub const BACKUPS: &str = "backups";

/// How the name of one begins; the version follows that came then, and when.
const BEFORE: &str = "before-";

/// What the name of one ends with that is not whole.
const COMING: &str = ".coming";

/// Backups of before that are kept.
const KEPT: usize = 2;

/// What is left on the disk at least, bytes. Of a small disk a sixteenth.
const SPARE_BYTES: u64 = 64 << 20;

/// Why the data did not go over.
#[derive(Debug, Error)]
pub enum UpgradeError {
    /// There is no room for the backup that comes first.
    #[error(
        "Shanty {ours} needs {} in {data_dir} for the backup that it makes before it takes over from {was}, and {} are left: make room on that \
         disk. Nothing was changed, and {was} can go on",
        size(*needed),
        size(*left)
    )]
    NoRoom {
        /// The data directory.
        data_dir: PathBuf,
        /// The program that wrote it.
        was: String,
        /// This program.
        ours: String,
        /// Bytes.
        needed: u64,
        /// Bytes.
        left: u64,
    },
    /// The backup that comes first could not be made.
    #[error(
        "Shanty {ours} takes over from {was} after a backup only, and it could not be made. Nothing was changed, and {was} can go on"
    )]
    Backup {
        /// The program that wrote the data.
        was: String,
        /// This program.
        ours: String,
        /// Why.
        #[source]
        source: Box<BackupError>,
    },
    /// The data could not be made what this program needs.
    #[error(
        "the data of Shanty {was} could not be made that of {ours}. All of it is as it was, and {was} can go on; the backup of before is {backup}"
    )]
    Migration {
        /// The program that wrote the data.
        was: String,
        /// This program.
        ours: String,
        /// The backup.
        backup: PathBuf,
        /// Why.
        #[source]
        source: Box<StoreError>,
    },
    /// Stored data cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl UpgradeError {
    /// True when it failed because there is no room.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::NoRoom { .. } => true,
            Self::Backup { source, .. } => source.is_full(),
            Self::Migration { source, .. } => source.is_full(),
            Self::Store(source) => source.is_full(),
        }
    }
}

/// A program, as far as its data is concerned.
#[derive(Clone, Copy)]
pub struct Program<'a> {
    /// Its version.
    pub version: &'a str,
    /// What leads from older schemas to its own.
    pub migrations: &'a [Migration<'a>],
}

impl Program<'static> {
    /// This one.
    #[must_use]
    pub fn ours() -> Self {
        Self {
            version: version::current(),
            migrations: migrate::MIGRATIONS,
        }
    }
}

/// What has to be done before a program may write to a data directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Nothing: it does so already.
    Nothing,
    /// There is no data yet.
    New,
    /// Only to say that it does so now: nothing that is stored differs.
    Say {
        /// The program that does so now.
        was: String,
    },
    /// A backup, and the migrations.
    Upgrade {
        /// The program that does so now.
        was: String,
        /// What the backup and the migrations may take, and is to be left, bytes.
        needed: u64,
        /// What is left on the disk, bytes.
        left: u64,
    },
}

/// What has to be done. Only looks. Blocks.
///
/// # Errors
/// The program may not write there, or a file cannot be read.
pub fn plan(data_dir: &Path, program: Program<'_>) -> Result<Plan, StoreError> {
    let written = WrittenBy::read(data_dir)?;
    store::admits(data_dir, program.version)?;
    let is_said = written.is_some();
    if len(&data_dir.join(store::JOURNAL)) == 0 {
        // One that is gone is told by whoever opens the store, and nothing is begun in its place.
        let is_gone = store::traces(data_dir).is_some();
        let is_ours = written.is_some_and(|written| written.version == program.version);
        return Ok(match is_gone || is_ours {
            true => Plan::Nothing,
            false => Plan::New,
        });
    }
    let was = written.map_or_else(|| store::FIRST.to_owned(), |written| written.version);
    if was == program.version {
        return Ok(match is_said {
            true => Plan::Nothing,
            false => Plan::Say { was },
        });
    }
    let versions = (was.parse::<Version>(), program.version.parse::<Version>());
    if matches!(&versions, (Ok(was), Ok(ours)) if store::is_patch(was, ours)) {
        return Ok(Plan::Say { was });
    }
    let (left, all) = disk(data_dir);
    let mut needed = bytes(data_dir).saturating_add(SPARE_BYTES.min(all / 16));
    // On a full disk SQLite cannot so much as look.
    if needed <= left {
        let standing = migrate::standing(data_dir, program.migrations)?;
        if standing.schema.is_none() {
            return Ok(Plan::New);
        }
        // A migration writes what it changes twice at most: into the file, and what was there beside it.
        let changed: u64 = standing.changes.iter().map(|path| len(path)).sum();
        needed = needed.saturating_add(changed.saturating_mul(2));
    }
    Ok(Plan::Upgrade { was, needed, left })
}

/// Makes a data directory one that this program may write to, where it may. The lock of the directory is held meanwhile. Gives what the
/// journal is to say where another version wrote it before. Blocks as long as a backup takes.
///
/// # Errors
/// See [`UpgradeError`]. The data is what it was.
pub fn bring(
    data_dir: &Path,
    program: Program<'_>,
    now_ms: u64,
) -> Result<Option<VersionChange>, UpgradeError> {
    let ours = WrittenBy::new(program.version, now_ms);
    match plan(data_dir, program)? {
        Plan::Nothing => {}
        Plan::New => ours.write(data_dir)?,
        Plan::Say { was } if was == program.version => ours.write(data_dir)?,
        Plan::Say { was } => ours.after(&was, None).write(data_dir)?,
        Plan::Upgrade { was, needed, left } => {
            let backup = upgrade(data_dir, program, (&was, needed, left), now_ms)?;
            ours.after(&was, Some(backup)).write(data_dir)?;
        }
    }
    clear(data_dir);
    let change = |written: WrittenBy| {
        Some(VersionChange {
            version: written.version,
            was: written.was?,
            backup: written
                .backup
                .map_or_else(String::new, |path| path.display().to_string()),
        })
    };
    Ok(WrittenBy::read(data_dir)?.and_then(change))
}

/// Backup and migrations; where the backup is.
fn upgrade(
    data_dir: &Path,
    program: Program<'_>,
    (was, needed, left): (&str, u64, u64),
    now_ms: u64,
) -> Result<PathBuf, UpgradeError> {
    let (was, ours) = (was.to_owned(), program.version.to_owned());
    clear(data_dir);
    if left < needed {
        let data_dir = data_dir.to_owned();
        return Err(UpgradeError::NoRoom {
            data_dir,
            was,
            ours,
            needed,
            left,
        });
    }
    tracing::info!(
        was,
        version = ours,
        "another version than before takes over the data: first a backup is made, which takes as long as the data is large"
    );
    let backup = match back_up(data_dir, program.version, now_ms) {
        Ok(backup) => backup,
        Err(source) => {
            let source = Box::new(source);
            return Err(UpgradeError::Backup { was, ours, source });
        }
    };
    tracing::info!(backup = %backup.display(), "the backup of before is made");
    match migrate::migrate(data_dir, program.migrations) {
        Ok(()) => Ok(backup),
        Err(source) => Err(UpgradeError::Migration {
            was,
            ours,
            backup,
            source: Box::new(source),
        }),
    }
}

/// A backup that has its name once it is whole.
fn back_up(data_dir: &Path, version: &str, now_ms: u64) -> Result<PathBuf, BackupError> {
    let all = data_dir.join(BACKUPS);
    files::private_directory(&all)?;
    let when = utc(now_ms).replace(['-', ':'], "").replace(' ', "-");
    let name = format!("{BEFORE}{version}-{when}");
    let free = |n: &u32| !all.join(numbered(&name, *n)).exists();
    let name = numbered(&name, (1..).find(free).unwrap_or_default());
    let (coming, place) = (all.join(format!("{name}{COMING}")), all.join(&name));
    backup::copy(data_dir, &coming, now_ms)?;
    files::replace(&coming, &place)?;
    backup::note(data_dir, &place, now_ms);
    prune(&all, version, &place);
    Ok(place)
}

fn numbered(name: &str, n: u32) -> String {
    match n {
        1 => name.to_owned(),
        n => format!("{name}-{n}"),
    }
}

/// Forgets older backups of before. Of those before this same version only the newest is of use: earlier ones are of attempts that ended early.
fn prune(all: &Path, version: &str, newest: &Path) {
    let mut others = befores(all);
    others.retain(|path| path != newest);
    let (again, mut before): (Vec<_>, Vec<_>) = others
        .into_iter()
        .partition(|path| is_before(path, version));
    let oldest = before.len().saturating_sub(KEPT - 1);
    for old in again.into_iter().chain(before.drain(..oldest)) {
        remove(&old);
    }
}

/// Whether a backup is of before this version, which a day follows: `0.2.0` is not `0.2.0-rc.1`.
fn is_before(path: &Path, version: &str) -> bool {
    let rest = named(path).strip_prefix(BEFORE);
    let rest = rest.and_then(|rest| rest.strip_prefix(version)?.strip_prefix('-'));
    let day = rest.and_then(|rest| rest.split('-').next());
    day.is_some_and(|day| day.len() == 8 && day.bytes().all(|b| b.is_ascii_digit()))
}

/// The whole backups of before, oldest first.
fn befores(all: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(all).into_iter().flatten().flatten();
    let mut found: Vec<(u64, PathBuf)> = entries
        .map(|entry| entry.path())
        .filter(|path| named(path).starts_with(BEFORE) && path.join(MANIFEST).exists())
        .filter(|path| !named(path).ends_with(COMING))
        .filter_map(|path| Some((backup::Manifest::read(&path).ok()?.made_ms, path)))
        .collect();
    found.sort();
    found.into_iter().map(|(_, path)| path).collect()
}

/// Removes what an attempt left that ended early.
fn clear(data_dir: &Path) {
    let entries = std::fs::read_dir(data_dir.join(BACKUPS));
    for entry in entries.into_iter().flatten().flatten() {
        if named(&entry.path()).ends_with(COMING) {
            remove(&entry.path());
        }
    }
}

fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_dir_all(path) {
        tracing::warn!(%error, "{} is not needed any more and could not be removed", path.display());
    }
}

fn named(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}

/// What a backup of a data directory takes at most, bytes.
fn bytes(data_dir: &Path) -> u64 {
    let files = [Part::Journal, Part::Output, Part::Kept];
    let files = files.iter().map(|part| {
        let log = format!("{}-wal", part.file());
        len(&data_dir.join(part.file())).saturating_add(len(&data_dir.join(log)))
    });
    let files: u64 = files.sum();
    let folders = backup::FOLDERS
        .iter()
        .map(|folder| all_below(&data_dir.join(folder)));
    files.saturating_add(folders.sum())
}

fn all_below(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let each = entries.map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => all_below(&entry.path()),
        Ok(_) | Err(_) => len(&entry.path()),
    });
    each.sum()
}

fn len(path: &Path) -> u64 {
    std::fs::symlink_metadata(path).map_or(0, |found| found.len())
}

#[cfg(test)]
mod tests;

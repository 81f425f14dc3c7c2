//! What the executor keeps on disk, and in which order it becomes durable. All of it blocks.
//!
//! `executions/<RunId>/` holds an execution from the moment its order is accepted until it is released; `released/<RunId>` is what is
//! remembered of it afterwards: the time, by the host's clock, until which the same order must not start again.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use shanty_core::ids::RunId;
use shanty_core::limits::ORDER_MEMORY_MS;

use super::OpenError;
use super::reserve::{Reserve, is_full};
use crate::clock::wall_ms;
use crate::facts;
use crate::shim::INPUT;

/// Longest `released` file, bytes, that is read: it holds one number.
const RELEASED_BYTES_MAX: usize = 20;

/// A link to the id of the boot in which the order was accepted: it takes no block of a full disk, and is there whole or not at all.
const BOOT: &str = "boot";

/// A link that says that nothing of an accepted order ever ran, or will; like [`BOOT`].
const NEVER: &str = "never";

/// What a command is given, while it comes.
const COMING: &str = "input.coming";

/// The folders of the executor.
#[derive(Clone, Debug)]
pub(super) struct Folders {
    executions: PathBuf,
    released: PathBuf,
    reserve: Reserve,
}

impl Folders {
    /// Makes the folders below `data_dir`, closed to everyone else.
    pub(super) fn open(data_dir: &Path) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Folder {
            path: data_dir.join("reserve"),
            source,
        };
        let folders = Self {
            executions: data_dir.join("executions"),
            released: data_dir.join("released"),
            reserve: Reserve::open(data_dir).map_err(failed)?,
        };
        for path in [&folders.executions, &folders.released] {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(path)
                .map_err(|source| OpenError::Folder {
                    path: path.clone(),
                    source,
                })?;
        }
        Ok(folders)
    }

    /// The folder of an execution.
    pub(super) fn execution(&self, run: RunId) -> PathBuf {
        self.executions.join(run.to_string())
    }

    /// Makes the folder of an execution that waits for what its command is given, with an empty file for that. A folder that is there
    /// already is an error.
    pub(super) fn begin_input(&self, run: RunId) -> io::Result<File> {
        let folder = self.execution(run);
        DirBuilder::new().mode(0o700).create(&folder)?;
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(folder.join(COMING))
    }

    /// All of it is there: makes it durable under its name.
    pub(super) fn keep_input(&self, run: RunId, file: &File) -> io::Result<()> {
        file.sync_all()?;
        let folder = self.execution(run);
        fs::rename(folder.join(COMING), folder.join(INPUT))
    }

    /// Makes an order durable: afterwards it is accepted. A folder that is there already is an error, unless it waits with an input. On a
    /// full disk it is given of the reserve.
    pub(super) fn accept(&self, run: RunId, order: &[u8]) -> io::Result<()> {
        self.reserve.spend_if_low();
        self.write(run, order).or_else(|error| {
            if !is_full(&error) || !self.reserve.spend() {
                return Err(error);
            }
            let folder = self.execution(run);
            if folder.join(INPUT).exists() {
                fs::remove_file(folder.join("order")).ok(); // It was not made.
            } else {
                self.delete(run)?;
            }
            self.write(run, order)
        })
    }

    /// Makes the reserve whole again where there is room.
    pub(super) fn refill(&self) {
        self.reserve.fill();
    }

    fn write(&self, run: RunId, order: &[u8]) -> io::Result<()> {
        let folder = self.execution(run);
        let waits = folder.join(INPUT).exists() && !folder.join("order").exists();
        if !waits {
            DirBuilder::new().mode(0o700).create(&folder)?;
        }
        if let Ok(boot_id) = facts::boot_id() {
            // Where none can be made, or it is there from a first try, what is known of the boot stays what it was.
            symlink(hex::encode(boot_id), folder.join(BOOT)).ok();
        }
        write_durably(&folder.join("order"), order)?;
        sync(&folder)?;
        sync(&self.executions)
    }

    /// Remembers that the run must not start again, and then deletes what there is of it. Once this has begun the run stays
    /// remembered: if it fails, the folder itself does that.
    pub(super) fn release(&self, run: RunId) -> io::Result<()> {
        let path = self.released.join(run.to_string());
        let until = forget_at_ms().to_string();
        let written = write_durably(&path, until.as_bytes());
        written.or_else(|error| {
            if !is_full(&error) || !self.reserve.spend() {
                return Err(error);
            }
            write_durably(&path, until.as_bytes())
        })?;
        sync(&self.released)?;
        self.delete(run)
    }

    /// Bytes of a spool, fewer at its end.
    pub(super) fn read(&self, run: RunId, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let spool = File::open(self.execution(run).join("spool"))?;
        let mut bytes = vec![0; len];
        spool.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }

    /// The executions that are here. What was not accepted, and what was released, is deleted on the way.
    pub(super) fn executions(&self) -> Result<Vec<RunId>, OpenError> {
        let mut runs = Vec::new();
        for run in ids_in(&self.executions)? {
            let folder = self.execution(run);
            let begun = folder.join("order").exists() || folder.join("spool").exists();
            if !folder.is_dir() {
                tracing::warn!(run.id = %run, "A file lies where an execution's folder would be.");
            } else if begun && !self.released.join(run.to_string()).exists() {
                runs.push(run);
            } else if let Err(error) = self.delete(run) {
                tracing::warn!(run.id = %run, %error, "An old execution cannot be deleted.");
            }
        }
        Ok(runs)
    }

    /// The runs that waited for what their commands are given when an earlier agent ended: their orders were never accepted. They are
    /// remembered, and nothing of them stays.
    pub(super) fn cut_off(&self) -> Result<Vec<RunId>, OpenError> {
        let mut runs = Vec::new();
        for run in ids_in(&self.executions)? {
            let folder = self.execution(run);
            let waited = folder.join(COMING).exists() || folder.join(INPUT).exists();
            if waited && !folder.join("order").exists() {
                if let Err(error) = self.release(run) {
                    tracing::warn!(run.id = %run, %error, "A run that was cut off cannot be remembered.");
                }
                runs.push(run);
            }
        }
        Ok(runs)
    }

    /// The runs that are remembered, each with the time to forget it, milliseconds since the Unix epoch. Forgets what is due.
    pub(super) fn remembered(&self) -> Result<Vec<(RunId, u64)>, OpenError> {
        let mut runs = Vec::new();
        for run in ids_in(&self.released)? {
            let text = fs::read(self.released.join(run.to_string())).unwrap_or_default();
            let text = text.get(..RELEASED_BYTES_MAX.min(text.len()));
            let number = text.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
            // An unreadable one, torn by a crash, is remembered in full.
            let forget_at = number.unwrap_or_else(forget_at_ms).min(forget_at_ms());
            if forget_at > wall_ms() {
                runs.push((run, forget_at));
            } else {
                self.forget(run);
            }
        }
        Ok(runs)
    }

    /// Forgets a run whose time has come.
    pub(super) fn forget(&self, run: RunId) {
        fs::remove_file(self.released.join(run.to_string())).ok(); // Tried again at the next start.
    }

    /// Deletes what there is of an execution, without remembering it.
    pub(super) fn delete(&self, run: RunId) -> io::Result<()> {
        match fs::remove_dir_all(self.execution(run)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// The boot in which the order in this folder of an execution was accepted, where that is known.
pub(super) fn accepted_in(folder: &Path) -> Option<[u8; 16]> {
    let target = fs::read_link(folder.join(BOOT)).ok()?;
    let mut boot_id = [0; 16];
    hex::decode_to_slice(target.to_str()?, &mut boot_id).ok()?;
    Some(boot_id)
}

/// Notes that nothing of the order in this folder ever ran: it is certain in this boot only, and may be heard after the next. Blocks.
pub(super) fn note_never_began(folder: &Path) -> io::Result<()> {
    match symlink("began", folder.join(NEVER)) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => sync(folder),
    }
}

/// Whether that was noted.
pub(super) fn never_began(folder: &Path) -> bool {
    fs::symlink_metadata(folder.join(NEVER)).is_ok()
}

/// When the order in this folder of an execution was accepted, by the host's clock, milliseconds since the Unix epoch.
pub(super) fn accepted_ms(folder: &Path) -> Option<u64> {
    let modified = fs::metadata(folder.join("order")).ok()?.modified().ok()?;
    let since = modified.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok()
}

/// The time to forget a run that is released or refused now. Orders are valid for at most [`ORDER_MEMORY_MS`] when they are accepted
/// and have to be remembered as long again.
pub(super) fn forget_at_ms() -> u64 {
    wall_ms().saturating_add(2 * ORDER_MEMORY_MS)
}

fn ids_in(folder: &Path) -> Result<Vec<RunId>, OpenError> {
    let failed = |source| OpenError::Folder {
        path: folder.to_path_buf(),
        source,
    };
    let mut ids = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        match name.to_str().and_then(|name| name.parse().ok()) {
            Some(id) => ids.push(id),
            None => tracing::warn!(?name, ?folder, "A foreign file lies among executions."),
        }
    }
    Ok(ids)
}

fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes the names in a folder durable.
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: RunId = RunId::from_bytes([1; 16]);

    #[test]
    fn an_order_is_accepted_once() {
        let data = tempfile::tempdir().unwrap();
        let folders = Folders::open(data.path()).unwrap();
        folders.accept(RUN, b"order").unwrap();
        let again = folders.accept(RUN, b"other").unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(
            fs::read(folders.execution(RUN).join("order")).unwrap(),
            b"order"
        );
        assert_eq!(folders.executions().unwrap(), [RUN]);
    }

    #[test]
    fn when_an_order_was_accepted_is_known_and_nonsense_is_not_believed() {
        let data = tempfile::tempdir().unwrap();
        let folders = Folders::open(data.path()).unwrap();
        folders.accept(RUN, b"order").unwrap();
        let folder = folders.execution(RUN);
        assert_eq!(accepted_in(&folder), facts::boot_id().ok());
        assert!(accepted_ms(&folder).unwrap().abs_diff(wall_ms()) < 600_000);
        for other in ["", "..", "00", "zz", &"0".repeat(34), "/etc/passwd"] {
            fs::remove_file(folder.join(BOOT)).ok(); // There is none after the first.
            symlink(other, folder.join(BOOT)).ok(); // An empty one cannot be made.
            assert_eq!(accepted_in(&folder), None, "{other}");
        }
        assert_eq!(accepted_in(data.path()), None);
        assert_eq!(accepted_ms(data.path()), None);
    }

    #[test]
    fn an_order_is_accepted_beside_its_input_and_without_the_order_nothing_stays() {
        let data = tempfile::tempdir().unwrap();
        let folders = Folders::open(data.path()).unwrap();
        let file = folders.begin_input(RUN).unwrap();
        let half = folders.accept(RUN, b"order").unwrap_err();
        assert_eq!(half.kind(), io::ErrorKind::AlreadyExists);
        folders.keep_input(RUN, &file).unwrap();
        folders.accept(RUN, b"order").unwrap();
        let again = folders.accept(RUN, b"other").unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        let other = RunId::from_bytes([2; 16]);
        folders.begin_input(other).unwrap();
        assert_eq!(folders.executions().unwrap(), [RUN]);
        assert!(!folders.execution(other).exists());
    }

    #[test]
    fn a_released_run_is_remembered_and_in_time_forgotten() {
        let data = tempfile::tempdir().unwrap();
        let folders = Folders::open(data.path()).unwrap();
        folders.accept(RUN, b"order").unwrap();
        folders.release(RUN).unwrap();
        assert!(!folders.execution(RUN).exists());
        let [(run, forget_at)] = folders.remembered().unwrap()[..] else {
            panic!("one is remembered");
        };
        assert_eq!(run, RUN);
        assert!(forget_at > wall_ms() + ORDER_MEMORY_MS);

        let path = data.path().join("released").join(RUN.to_string());
        for torn in [&b""[..], b"not a number", &[b'9'; 100], b"\xff"] {
            fs::write(&path, torn).unwrap();
            assert_eq!(folders.remembered().unwrap().len(), 1);
        }
        fs::write(&path, b"1").unwrap();
        assert!(folders.remembered().unwrap().is_empty());
        assert!(!path.exists());
    }

    #[test]
    fn a_deletion_is_finished_and_what_was_not_accepted_is_no_execution() {
        let data = tempfile::tempdir().unwrap();
        let folders = Folders::open(data.path()).unwrap();
        folders.release(RUN).unwrap();
        folders.accept(RUN, b"order").unwrap();
        let unaccepted = RunId::from_bytes([2; 16]);
        fs::create_dir(folders.execution(unaccepted)).unwrap();
        let file = RunId::from_bytes([3; 16]);
        fs::write(folders.execution(file), b"").unwrap();
        fs::create_dir(data.path().join("executions/lost+found")).unwrap();
        assert!(folders.executions().unwrap().is_empty());
        assert!(!folders.execution(RUN).exists());
        assert!(!folders.execution(unaccepted).exists());
        assert!(folders.execution(file).exists());
    }
}

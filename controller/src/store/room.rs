//! Room on the disk: whether there is any, as the writers find it, and a little that is kept for when there is none.
//!
//! On a full disk what stops runs must still be recorded. So a file of real blocks is kept beside the journal, and given up when a write finds
//! no room; from then on output is not stored, which would use it up, until there is room again.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::fcntl::posix_fallocate;
use nix::sys::statvfs::statvfs;
use tokio::sync::watch;

/// Bytes that are kept for when the disk is full: some ten thousand records. Of a small disk a sixteenth.
const RESERVE_BYTES: u64 = 8 * 1024 * 1024;

/// With less than this left the disk is full, bytes: a commit of output is as large. Of a small disk a sixteenth.
const LOW_BYTES: u64 = 16 * 1024 * 1024;

/// It has room again when so much is left, bytes. Of a small disk a quarter.
const ROOM_BYTES: u64 = 64 * 1024 * 1024;

/// The room of a data directory; clones share it.
#[derive(Clone, Debug)]
pub struct Room {
    reserve: Arc<PathBuf>,
    full: Arc<watch::Sender<bool>>,
}

impl Room {
    /// Of this directory. When hardly anything is left, what was kept is given up at once.
    pub(super) fn of(data_dir: &Path) -> Self {
        let room = Self {
            reserve: Arc::new(data_dir.join("reserve")),
            full: Arc::default(),
        };
        room.look();
        room
    }

    /// Whether the disk is full, now and later.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.full.subscribe()
    }

    /// Whether the disk is full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        *self.full.borrow()
    }

    /// A write found no room. True when something was given up for it, so that it can be tried again at once.
    pub(super) fn found_full(&self) -> bool {
        self.full
            .send_if_modified(|full| !std::mem::replace(full, true));
        fs::remove_file(self.reserve.as_path()).is_ok()
    }

    /// Looks at the disk: says that it is full when little is left, and keeps something when there is plenty. True when it was found full and
    /// there would be room again.
    pub fn look(&self) -> bool {
        let (left, all) = self.reserve.parent().map_or((u64::MAX, u64::MAX), disk);
        if left < LOW_BYTES.min(all / 16) {
            self.found_full();
        }
        if left < ROOM_BYTES.min(all / 4) {
            return false;
        }
        if !self.reserve.exists() && !self.keep(RESERVE_BYTES.min(all / 16)) {
            return false;
        }
        self.is_full()
    }

    /// What was tried was written: there is room.
    pub fn has_room(&self) {
        self.full
            .send_if_modified(|full| std::mem::replace(full, false));
    }

    fn keep(&self, bytes: u64) -> bool {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(self.reserve.as_path());
        let kept = made.is_ok_and(|file| posix_fallocate(&file, 0, bytes).is_ok());
        if !kept {
            fs::remove_file(self.reserve.as_path()).ok(); // half of it is none
        }
        kept
    }
}

/// Bytes of the disk of a directory that are left for us, and all; plenty when nobody tells.
#[must_use]
pub fn disk(dir: &Path) -> (u64, u64) {
    statvfs(dir).map_or((u64::MAX, u64::MAX), |disk| {
        let bytes = |blocks: u64| blocks.saturating_mul(disk.fragment_size());
        (bytes(disk.blocks_available()), bytes(disk.blocks()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_given_up_once_and_kept_again() {
        let dir = tempfile::tempdir().unwrap();
        let room = Room::of(dir.path());
        let reserve = dir.path().join("reserve");
        assert_eq!(fs::metadata(&reserve).unwrap().len(), RESERVE_BYTES);
        assert!(!room.is_full() && !room.look());
        assert!(room.found_full(), "something is given up");
        assert!(!room.found_full(), "and only once");
        assert!(room.is_full() && !reserve.exists());
        assert!(room.look(), "there would be room");
        assert!(reserve.exists() && room.is_full(), "a write must show it");
        room.has_room();
        assert!(!room.is_full());
    }
}

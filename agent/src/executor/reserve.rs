//! A little of the disk that is kept for orders: when it is full, the command that makes room again must still find some.
//!
//! Files of real blocks. One is given up for each order that finds the disk full, so that order, spool and end of it have room; they are
//! made again when there is some. All of it blocks.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::fcntl::posix_fallocate;
use nix::sys::statvfs::statvfs;

/// Files that are kept.
const PIECES: usize = 8;

/// Bytes of each: an order, and a spool with a little output.
const PIECE_BYTES: i64 = 256 * 1024;

/// With less than this left on the disk an order is given a piece at once: a shim that finds no room for its first bytes gives up.
const LOW_BYTES: u64 = 512 * 1024;

/// Nothing is taken from a disk that has less than this left.
const ROOM_BYTES: u64 = 64 * 1024 * 1024;

/// What is kept below one data directory.
#[derive(Clone, Debug)]
pub(super) struct Reserve {
    folder: PathBuf,
}

impl Reserve {
    /// Makes the folder, and fills it as far as there is room.
    pub(super) fn open(data_dir: &Path) -> io::Result<Self> {
        let reserve = Self {
            folder: data_dir.join("reserve"),
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&reserve.folder)?;
        reserve.fill();
        Ok(reserve)
    }

    /// Makes what is missing while there is plenty of room.
    pub(super) fn fill(&self) {
        for path in self.pieces() {
            if path.exists() {
                continue;
            }
            let made = self.available() >= ROOM_BYTES && make(&path).is_ok();
            if !made {
                fs::remove_file(&path).ok(); // Half a piece is none.
                return;
            }
        }
    }

    /// Gives up one piece; false when there is none.
    pub(super) fn spend(&self) -> bool {
        self.pieces().any(|path| fs::remove_file(path).is_ok())
    }

    /// Gives up one piece when hardly anything is left.
    pub(super) fn spend_if_low(&self) {
        if self.available() < LOW_BYTES {
            self.spend();
        }
    }

    fn pieces(&self) -> impl Iterator<Item = PathBuf> {
        (0..PIECES).map(|n| self.folder.join(n.to_string()))
    }

    /// Bytes that are left for us; plenty when nobody tells.
    fn available(&self) -> u64 {
        statvfs(&self.folder).map_or(u64::MAX, |disk| {
            disk.blocks_available().saturating_mul(disk.fragment_size())
        })
    }
}

/// True for an error that says that the disk, or our share of it, is full.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}

fn make(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    posix_fallocate(&file, 0, PIECE_BYTES)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    fn blocks(reserve: &Reserve) -> u64 {
        let pieces = reserve.pieces();
        pieces
            .filter_map(|path| Some(fs::metadata(path).ok()?.blocks() * 512))
            .sum()
    }

    #[test]
    fn pieces_are_real_are_given_up_one_by_one_and_are_made_again() {
        let data = tempfile::tempdir().unwrap();
        let reserve = Reserve::open(data.path()).unwrap();
        if reserve.available() < ROOM_BYTES {
            println!("SKIPPED: the disk of this test is almost full");
            return;
        }
        let all = blocks(&reserve);
        assert!(all >= 2 * 1024 * 1024, "{all} bytes are kept");
        let spent = (0..100).take_while(|_| reserve.spend()).count();
        assert_eq!((spent, blocks(&reserve)), (PIECES, 0));
        reserve.fill();
        assert_eq!(blocks(&reserve), all);
        // What was torn by a crash is taken as it is, and another start changes nothing.
        fs::write(reserve.folder.join("3"), b"").unwrap();
        Reserve::open(data.path()).unwrap();
        assert!(blocks(&reserve) < all);
    }
}

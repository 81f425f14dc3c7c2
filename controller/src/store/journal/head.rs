//! How far the journal reached, beside it: one line that is written over after each commit. It costs no wait, since nothing waits for it to
//! reach the disk; it may be behind the journal, and is never ahead of it. So a journal that lost its end, or that another one was put in
//! the place of, is seen at the next start.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use shanty_core::journal::Anchor;

/// The file's name, beside the journal.
pub(super) const NAME: &str = "journal.head";

/// The file.
pub(super) struct Head {
    file: std::fs::File,
}

impl Head {
    /// What an earlier process wrote; nothing when there is none, or it cannot be read: then nothing is known.
    pub(super) fn read(journal: &Path) -> Option<Anchor> {
        let path = place(journal);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(%error, "{} cannot be read and is written anew", path.display());
                return None;
            }
        };
        let anchor = read_line(&text);
        if anchor.is_none() {
            tracing::warn!("{} is damaged and is written anew", path.display());
        }
        anchor
    }

    /// Opens it, and writes where the journal is now.
    pub(super) fn open(journal: &Path, at: Anchor) -> io::Result<Self> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(place(journal))?;
        let head = Self { file };
        head.file.write_all_at(line(at).as_bytes(), 0)?;
        head.file.set_len(line(at).len() as u64)?;
        head.file.sync_all()?;
        Ok(head)
    }

    /// Says how far the journal reaches now.
    pub(super) fn write(&self, at: Anchor) {
        // When it cannot be written it is behind, and less is seen of what is lost.
        self.file.write_all_at(line(at).as_bytes(), 0).ok();
    }
}

fn place(journal: &Path) -> PathBuf {
    journal.with_file_name(NAME)
}

/// Always as long, so that one write replaces the one before; with a check of its own, so that damage to it is not taken for the journal's.
fn line(at: Anchor) -> String {
    let text = format!("{:020}:{}", at.seq, hex::encode(at.digest));
    format!("{text} {}\n", check(&text))
}

fn read_line(line: &str) -> Option<Anchor> {
    let (text, checked) = line.trim_end().split_once(' ')?;
    text.parse().ok().filter(|_| checked == check(text))
}

fn check(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    hex::encode(digest.get(..4).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_last_is_read_and_damage_is_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let journal = dir.path().join("shanty.db");
        assert_eq!(Head::read(&journal), None);
        let first = Anchor::beginning().after(b"one");
        let head = Head::open(&journal, first).unwrap();
        assert_eq!(Head::read(&journal), Some(first));
        let second = first.after(b"two");
        head.write(second);
        assert_eq!(Head::read(&journal), Some(second));
        let path = place(&journal);
        let good = std::fs::read(&path).unwrap();
        for at in 0..good.len() - 1 {
            let mut damaged = good.clone();
            damaged[at] ^= 1;
            std::fs::write(&path, &damaged).unwrap();
            assert_eq!(Head::read(&journal), None, "byte {at}");
            std::fs::write(&path, &good[..at]).unwrap();
            assert_eq!(Head::read(&journal), None, "{at} bytes");
        }
    }
}

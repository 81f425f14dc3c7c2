//! Whether the records are those that were written: each stands with the digest of all up to it, which is computed again.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _, Row};
use shanty_core::journal::Anchor;

use super::checkpoint;
use crate::store::StoreError;

/// Goes through the records in their order.
pub(super) struct Walk {
    path: PathBuf,
    at: Anchor,
}

impl Walk {
    /// From the record after such a place.
    pub(super) fn from(connection: &Connection, at: Anchor) -> Self {
        let path = PathBuf::from(connection.path().unwrap_or_default());
        Self { path, at }
    }

    /// The place of the last record that was taken.
    pub(super) const fn at(&self) -> Anchor {
        self.at
    }

    /// Takes the next record, with the digest that stands beside it.
    pub(super) fn take(
        &mut self,
        seq: u64,
        record: &[u8],
        digest: &[u8],
    ) -> Result<(), StoreError> {
        let next = self.at.after(record);
        if seq != next.seq {
            return Err(self.broken(next.seq, "it is not there"));
        }
        if digest != next.digest {
            return Err(self.broken(seq, "it is not what was written"));
        }
        self.at = next;
        Ok(())
    }

    /// That a record is not right.
    pub(super) fn broken(&self, seq: u64, why: &'static str) -> StoreError {
        broken(&self.path, seq, why)
    }
}

fn broken(path: &Path, seq: u64, why: &'static str) -> StoreError {
    StoreError::Broken {
        path: path.to_owned(),
        seq,
        why,
    }
}

/// A record as the chain has it: its place, what is stored of it, and its digest.
pub(super) fn link<'a>(row: &'a Row<'_>) -> Result<(u64, &'a [u8], &'a [u8]), StoreError> {
    let seq: i64 = row.get("seq")?;
    let blob = |name| -> Result<&'a [u8], StoreError> {
        Ok(row.get_ref(name)?.as_blob().unwrap_or_default())
    };
    let seq = u64::try_from(seq).unwrap_or_default();
    Ok((seq, blob("record")?, blob("digest")?))
}

/// The newest record's place, as it stands there.
pub(super) fn newest(connection: &Connection) -> Result<Anchor, StoreError> {
    let sql = "SELECT seq, digest FROM journal ORDER BY seq DESC LIMIT 1";
    let found = connection.query_row(sql, [], anchor).optional()?;
    found.map_or_else(
        || Ok(Anchor::beginning()),
        |found| found.map_err(|seq| damaged(connection, seq)),
    )
}

/// The digest that stands at a place; nothing when no record is there.
pub(super) fn digest_at(connection: &Connection, seq: u64) -> Result<Option<[u8; 32]>, StoreError> {
    if seq == 0 {
        return Ok(Some(Anchor::beginning().digest));
    }
    let sql = "SELECT seq, digest FROM journal WHERE seq = ?1";
    let seq = i64::try_from(seq).unwrap_or(i64::MAX);
    let found = connection.query_row(sql, [seq], anchor).optional()?;
    found
        .map(|found| {
            found
                .map(|anchor| anchor.digest)
                .map_err(|seq| damaged(connection, seq))
        })
        .transpose()
}

fn anchor(row: &Row<'_>) -> rusqlite::Result<Result<Anchor, u64>> {
    let seq: i64 = row.get(0)?;
    let seq = u64::try_from(seq).unwrap_or_default();
    let digest = row.get_ref(1)?.as_blob().unwrap_or_default();
    Ok(digest
        .try_into()
        .map(|digest| Anchor { seq, digest })
        .map_err(|_| seq))
}

fn damaged(connection: &Connection, seq: u64) -> StoreError {
    let path = Path::new(connection.path().unwrap_or_default());
    broken(path, seq, "it is not what was written")
}

/// Compares a journal with what is known to have been written: by the last process, and by its own checkpoints.
pub(super) fn reaches(connection: &Connection, head: Option<Anchor>) -> Result<(), StoreError> {
    let newest = newest(connection)?;
    let made = checkpoint::furthest(connection)?;
    let known = head.map_or(0, |head| head.seq).max(made);
    if known > newest.seq {
        return Err(StoreError::Short {
            path: PathBuf::from(connection.path().unwrap_or_default()),
            newest: newest.seq,
            known,
        });
    }
    let Some(head) = head else {
        return Ok(());
    };
    match digest_at(connection, head.seq)? {
        Some(digest) if digest == head.digest => Ok(()),
        Some(_) => Err(damaged(connection, head.seq)),
        None => Err(broken(
            Path::new(connection.path().unwrap_or_default()),
            head.seq,
            "it is not there",
        )),
    }
}

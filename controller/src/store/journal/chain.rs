//! Whether the records are those that were written: each stands with the digest of all up to it, which is computed again.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _, Row};
use shanty_core::journal::Anchor;

use super::{Head, checkpoint, reader};
use crate::store::{StoreError, sqlite};

/// Records between two looks at whether it is to give up.
const LOOK_EVERY: u64 = 8_192;

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

    fn broken(&self, seq: u64, why: &'static str) -> StoreError {
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

/// What a look at all of a journal came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The newest record, with the digest of all of them.
    pub newest: Anchor,
    /// Anchors that it does not reach, or that say otherwise.
    pub missed: Vec<Missed>,
}

/// An anchor that the journal does not agree with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed {
    /// The anchor.
    pub anchor: Anchor,
    /// Whether the journal has a record there, with another digest.
    pub differs: bool,
}

/// Goes through all of a journal's file: whether each record is what was written, and agrees with these anchors. Blocks, however long the
/// journal is; gives up when it is told to.
///
/// # Errors
/// A record is not what was written, or the file cannot be read.
pub fn verify(
    path: &Path,
    anchors: &[Anchor],
    is_stopping: impl Fn() -> bool,
) -> Result<Verified, StoreError> {
    read_all(path, anchors, is_stopping).map_err(|error| error.named(path))
}

fn read_all(
    path: &Path,
    anchors: &[Anchor],
    is_stopping: impl Fn() -> bool,
) -> Result<Verified, StoreError> {
    let connection = sqlite::open_reader(path)?;
    let head = Head::read(path);
    let mut walk = Walk::from(&connection, Anchor::beginning());
    let mut missed = Vec::new();
    let beginning = walk.at();
    missed.extend(differing(anchors, beginning));
    {
        let mut statement =
            connection.prepare("SELECT seq, run, record, digest FROM journal ORDER BY seq")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (seq, record, digest) = link(row)?;
            walk.take(seq, record, digest)?;
            missed.extend(differing(anchors, walk.at()));
            if seq.is_multiple_of(LOOK_EVERY) && is_stopping() {
                return Err(StoreError::Stopped);
            }
            if !reader::is_filed_rightly(row)? {
                return Err(walk.broken(seq, "it is filed under another run"));
            }
        }
    }
    let newest = walk.at();
    missed.extend(
        anchors
            .iter()
            .filter(|one| one.seq > newest.seq)
            .map(|one| Missed {
                anchor: *one,
                differs: false,
            }),
    );
    // Records may come in the meantime, so the file that says how far it reached is read first.
    reaches(&connection, head)?;
    Ok(Verified { newest, missed })
}

fn differing(anchors: &[Anchor], at: Anchor) -> impl Iterator<Item = Missed> {
    let differ = anchors
        .iter()
        .filter(move |one| one.seq == at.seq && one.digest != at.digest);
    differ.map(|one| Missed {
        anchor: *one,
        differs: true,
    })
}

//! All of a journal's file, read from beginning to end: whether it is what was written, and what it says. Beside a process that writes it,
//! or without one.

use std::path::Path;

use rusqlite::Connection;
use shanty_core::journal::{Anchor, Record};

use super::chain::{self, Walk, link, reaches};
use super::{Head, checkpoint, reader};
use crate::store::{StoreError, sqlite};

/// Records between two looks at whether it is to give up.
const LOOK_EVERY: u64 = 8_192;

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

/// The place of the newest record of a journal's file. Blocks.
///
/// # Errors
/// The file cannot be read.
pub fn newest(path: &Path) -> Result<Anchor, StoreError> {
    let connection = sqlite::open_reader(path)?;
    chain::newest(&connection).map_err(|error| error.named(path))
}

/// Gives each record after a place, for as long as they are taken. Blocks.
///
/// # Errors
/// A record is not what was written, or the file cannot be read.
pub fn each_record(
    path: &Path,
    after: u64,
    take: impl FnMut(Anchor, &Record) -> bool,
) -> Result<(), StoreError> {
    let connection = sqlite::open_reader(path)?;
    each(&connection, after, take).map_err(|error| error.named(path))
}

fn each(
    connection: &Connection,
    after: u64,
    mut take: impl FnMut(Anchor, &Record) -> bool,
) -> Result<(), StoreError> {
    let Some(digest) = chain::digest_at(connection, after)? else {
        return Ok(());
    };
    let mut walk = Walk::from(connection, Anchor { seq: after, digest });
    let mut statement = connection
        .prepare("SELECT seq, record, digest FROM journal WHERE seq > ?1 ORDER BY seq")?;
    let mut rows = statement.query([i64::try_from(after).unwrap_or(i64::MAX)])?;
    while let Some(row) = rows.next()? {
        let (seq, record, digest) = link(row)?;
        walk.take(seq, record, digest)?;
        if !take(walk.at(), &reader::record(seq, record)?) {
            return Ok(());
        }
    }
    Ok(())
}

/// A journal that was accepted as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its newest record.
    pub newest: Anchor,
    /// The newest that is known to have been written.
    pub known: u64,
}

/// Forgets what is known to have been written after a journal's end. Blocks.
///
/// # Errors
/// A record that is there is not what was written, or the files cannot be read or written.
pub(in crate::store) fn accept(path: &Path) -> Result<Accepted, StoreError> {
    let head = Head::read(path);
    let sound = || -> Result<Accepted, StoreError> {
        let connection = sqlite::open_reader(path)?;
        let mut newest = Anchor::beginning();
        each(&connection, 0, |at, _| {
            newest = at;
            true
        })?;
        let furthest = checkpoint::furthest(&connection)?;
        let known = head.map_or(0, |head| head.seq).max(furthest);
        Ok(Accepted { newest, known })
    };
    let accepted = sound().map_err(|error| error.named(path))?;
    let forget = || -> Result<(), StoreError> {
        let connection = sqlite::open(&super::file(path, None))?;
        checkpoint::forget_after(&connection, accepted.newest.seq)
    };
    forget().map_err(|error| error.named(path))?;
    super::mark(path, accepted.newest)?;
    Ok(accepted)
}

//! Checkpoints: what the records up to one come to, written down beside them, so that a start reads only what came after.
//!
//! One is made from the one before and the records since, by themselves: nothing that is only in a process's memory gets into it.

use std::path::Path;

use anyhow::{Context as _, ensure};
use prost::Message as _;
use rusqlite::{Connection, ErrorCode, params};
use sha2::{Digest as _, Sha256};
use shanty_core::journal::{Anchor, FOLD, Record, State};
use shanty_proto::convert::{record_from_wire, record_to_wire};
use shanty_proto::v1;
use tokio::sync::{mpsc, oneshot};

use super::{File, Journal, Write, chain, reader, whole};
use crate::store::{StoreError, sqlite};
use crate::version;

/// Bytes of one part, about: others write between two parts.
const PART_BYTES: usize = 512 * 1024;

/// Makes checkpoints of a journal.
pub struct Checkpoints {
    file: File,
}

impl Checkpoints {
    /// Of this journal; nothing for one in memory.
    #[must_use]
    pub fn of(journal: &Journal) -> Option<Self> {
        match journal {
            Journal::File(file) => Some(Self { file: file.clone() }),
            Journal::Memory(_) => None,
        }
    }

    /// The journal's file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.file.path
    }

    /// Looks for damage in all of such a file, which takes longer the longer the journal is, and at every record. Blocks; gives up when it is
    /// told to.
    ///
    /// # Errors
    /// The file is damaged, a record is not what was written, or the file cannot be read.
    pub fn check(path: &Path, is_stopping: impl Fn() -> bool) -> Result<(), StoreError> {
        check_pages(path)?;
        match whole::verify(path, &[], is_stopping) {
            Ok(_) | Err(StoreError::Stopped) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// How many records came after the newest checkpoint. Blocks.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn since(&self) -> Result<u64, StoreError> {
        let connection = sqlite::open_reader(&self.file.path)?;
        let newest: Option<i64> =
            connection.query_row("SELECT max(seq) FROM journal", [], |row| row.get(0))?;
        let made = newest_of(&connection)?.unwrap_or_default();
        Ok(u64::try_from(newest.unwrap_or_default() - made).unwrap_or_default())
    }

    /// Makes one of all records that there are, without whatever is old by then. Blocks; gives up when it is told to.
    ///
    /// # Errors
    /// The journal cannot be read or written.
    pub fn make(&self, is_stopping: impl Fn() -> bool) -> Result<(), StoreError> {
        let (state, at) = {
            let mut connection = sqlite::open_reader(&self.file.path)?;
            let transaction = connection.transaction()?;
            reader::fold(&transaction)?
        };
        let records = state.checkpoint();
        drop(state);
        let mut bodies = bodies(&records).into_iter().zip(0..).peekable();
        drop(records);
        while let Some((records, part)) = bodies.next() {
            if is_stopping() {
                return Ok(());
            }
            let is_last = bodies.peek().is_none();
            self.write(Part {
                at,
                part,
                is_last,
                records,
            })?;
        }
        Ok(())
    }

    fn write(&self, part: Part) -> Result<(), StoreError> {
        let (done, written) = oneshot::channel();
        self.file
            .tx
            .blocking_send(Write::Part { part, done })
            .map_err(|mpsc::error::SendError(_)| StoreError::Stopped)?;
        written.blocking_recv().unwrap_or(Err(StoreError::Stopped))
    }
}

/// Whether SQLite finds the file sound.
fn check_pages(path: &Path) -> Result<(), StoreError> {
    let connection = sqlite::open_reader(path)?;
    let found = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0));
    let found: String = match found {
        // A page that holds something else altogether is no answer of the check but its failure.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => {
            error.to_string()
        }
        found => found?,
    };
    if found == "ok" {
        return Ok(());
    }
    Err(StoreError::Damaged {
        path: path.to_owned(),
        why: found,
    })
}

/// Records in their order, each after its length.
fn bodies(records: &[Record]) -> Vec<Vec<u8>> {
    let mut bodies = vec![Vec::new()];
    for record in records {
        let wire = record_to_wire(record);
        match bodies.last_mut() {
            Some(body) if body.len() < PART_BYTES => {
                body.extend(wire.encode_length_delimited_to_vec())
            }
            Some(_) | None => bodies.push(wire.encode_length_delimited_to_vec()),
        }
    }
    bodies
}

/// One part of a checkpoint.
pub(super) struct Part {
    at: Anchor,
    part: i64,
    is_last: bool,
    records: Vec<u8>,
}

impl Part {
    /// Writes it. With the last one, the checkpoints before are not needed any more.
    pub(super) fn write(&self, connection: &Connection) -> Result<(), StoreError> {
        let sql = "INSERT OR REPLACE INTO checkpoint (seq, part, is_last, program, digest, sha256, records) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let seq = i64::try_from(self.at.seq).unwrap_or(i64::MAX);
        let sha256 = Sha256::digest(&self.records);
        connection.execute(
            sql,
            params![
                seq,
                self.part,
                self.is_last,
                program(),
                self.at.digest,
                sha256.as_slice(),
                self.records
            ],
        )?;
        if self.is_last {
            connection.execute("DELETE FROM checkpoint WHERE seq <> ?1", [seq])?;
            connection.execute(
                "DELETE FROM checkpoint WHERE seq = ?1 AND part > ?2",
                (seq, self.part),
            )?;
        }
        Ok(())
    }
}

/// What makes a checkpoint worth reading: another program may make something else of the same records.
fn program() -> String {
    format!("{}/{FOLD}", version::current())
}

/// The place of the newest checkpoint that is finished and was made by this program.
fn newest_of(connection: &Connection) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT max(seq) FROM checkpoint WHERE is_last AND program = ?1";
    Ok(connection.query_row(sql, [program()], |row| row.get(0))?)
}

/// The place of the furthest checkpoint, whoever made it and whether it is finished; zero when there is none.
pub(super) fn furthest(connection: &Connection) -> Result<u64, StoreError> {
    let sql = "SELECT max(seq) FROM checkpoint";
    let seq: Option<i64> = connection.query_row(sql, [], |row| row.get(0))?;
    Ok(u64::try_from(seq.unwrap_or_default()).unwrap_or_default())
}

/// Forgets those of records after a place.
pub(super) fn forget_after(connection: &Connection, seq: u64) -> Result<(), StoreError> {
    let seq = i64::try_from(seq).unwrap_or(i64::MAX);
    connection.execute("DELETE FROM checkpoint WHERE seq > ?1", [seq])?;
    Ok(())
}

/// What the newest checkpoint says, and where the journal was then; nothing when there is none.
///
/// # Errors
/// It is not as it was written, or does not agree with the journal. It says nothing that the records do not say.
pub(super) fn read(connection: &Connection) -> anyhow::Result<Option<(State, Anchor)>> {
    let Some(seq) = newest_of(connection)? else {
        return Ok(None);
    };
    let place = u64::try_from(seq)?;
    let digest = chain::digest_at(connection, place)?;
    let digest = digest.with_context(|| format!("record {seq} is not there"))?;
    let mut state = State::default();
    let sql = "SELECT part, sha256, records, digest FROM checkpoint WHERE seq = ?1 AND program = ?2 ORDER BY part";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query(params![seq, program()])?;
    let mut parts = 0_i64;
    while let Some(row) = rows.next()? {
        let (part, sha256) = (row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?);
        let mut records = row.get_ref(2)?.as_blob()?;
        let whole = part == parts && sha256 == Sha256::digest(records).as_slice();
        ensure!(whole, "part {parts} of the one at record {seq} is damaged");
        let agrees = row.get_ref(3)?.as_blob()? == digest;
        ensure!(agrees, "the one at record {seq} is of another journal");
        while !records.is_empty() {
            let wire = v1::Record::decode_length_delimited(&mut records)?;
            state.apply(&record_from_wire(&wire)?);
        }
        parts += 1;
    }
    state.seq = place;
    Ok(Some((state, Anchor { seq: place, digest })))
}

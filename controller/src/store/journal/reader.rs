//! Reads the journal beside its writer.

use std::path::Path;
use std::sync::{Arc, Mutex};

use prost::Message as _;
use rusqlite::{Connection, Row};
use shanty_core::journal::{Anchor, PastRun, Record, State};
use shanty_core::run::Run;
use shanty_proto::convert::record_from_wire;
use shanty_proto::v1;

use super::chain::{Walk, link};
use super::{Memory, checkpoint};
use crate::store::{StoreError, sqlite};

/// Reads the journal, for any number of users.
#[derive(Clone)]
pub struct Reader(Source);

#[derive(Clone)]
enum Source {
    File(Arc<Mutex<Connection>>),
    Memory(Memory),
}

impl Reader {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = sqlite::open_reader(path)?;
        Ok(Self(Source::File(Arc::new(Mutex::new(connection)))))
    }

    pub(super) const fn of_memory(memory: Memory) -> Self {
        Self(Source::Memory(memory))
    }

    /// What all records come to.
    pub(super) fn state(&self) -> Result<State, StoreError> {
        match &self.0 {
            Source::File(file) => {
                let connection = file.lock().map_err(|_| StoreError::Stopped)?;
                Ok(fold(&connection)?.0)
            }
            Source::Memory(memory) => Ok(memory.state()),
        }
    }

    /// A past run as it was, whole.
    ///
    /// # Errors
    /// The file cannot be read, or a record of the run is damaged or gone.
    pub async fn run(&self, past: PastRun) -> Result<Run, StoreError> {
        let source = self.0.clone();
        let read = move || {
            let records = match source {
                Source::File(file) => {
                    let connection = file.lock().map_err(|_| StoreError::Stopped)?;
                    records_of(&connection, past)?
                }
                Source::Memory(memory) => memory.records(),
            };
            let run = past.whole(&records).filter(Run::is_over);
            run.ok_or(StoreError::Incomplete { run: past.id })
        };
        tokio::task::spawn_blocking(read)
            .await
            .unwrap_or(Err(StoreError::Stopped))
    }
}

/// What all records come to, and the place of the newest: the newest checkpoint that this program made, and what came after it, each
/// compared with its digest. A checkpoint that is damaged is passed over, because it says nothing that the records do not say.
pub(super) fn fold(connection: &Connection) -> Result<(State, Anchor), StoreError> {
    let read = checkpoint::read(connection).unwrap_or_else(|error| {
        tracing::warn!(
            error = format!("{error:#}"),
            "a checkpoint of the journal cannot be read: all records are read"
        );
        None
    });
    let (mut state, at) = read.unwrap_or_else(|| (State::default(), Anchor::beginning()));
    let mut walk = Walk::from(connection, at);
    let mut statement = connection
        .prepare("SELECT seq, record, digest FROM journal WHERE seq > ?1 ORDER BY seq")?;
    let mut rows = statement.query([i64::try_from(at.seq).unwrap_or(i64::MAX)])?;
    while let Some(row) = rows.next()? {
        let (seq, bytes, digest) = link(row)?;
        walk.take(seq, bytes, digest)?;
        state.read(seq, &record(seq, bytes)?);
    }
    Ok((state, walk.at()))
}

/// Whether a record is found by the run that it is about.
pub(super) fn is_filed_rightly(row: &Row<'_>) -> Result<bool, StoreError> {
    let (seq, bytes, _) = link(row)?;
    let filed = row.get_ref("run")?.as_blob_or_null();
    // One of a newer program may be about a run that this one does not see.
    let run = record(seq, bytes)?.run();
    Ok(run.is_none_or(|run| filed == Ok(Some(run.as_bytes().as_slice()))))
}

fn records_of(connection: &Connection, run: PastRun) -> Result<Vec<Record>, StoreError> {
    let sql = "SELECT seq, record FROM journal WHERE run = ?1 ORDER BY seq";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([run.id.as_bytes()])?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        let seq: i64 = row.get(0)?;
        let bytes = row.get_ref(1)?.as_blob().unwrap_or_default();
        records.push(record(u64::try_from(seq).unwrap_or_default(), bytes)?);
    }
    Ok(records)
}

/// A record, read from what is stored of it.
pub(super) fn record(seq: u64, bytes: &[u8]) -> Result<Record, StoreError> {
    let damaged = |source| StoreError::Record { seq, source };
    let wire = v1::Record::decode(bytes).map_err(|error| damaged(Box::new(error)))?;
    record_from_wire(&wire).map_err(|error| damaged(Box::new(error)))
}

//! The journal: records are appended in order, and read when a process starts or somebody asks about a run of long ago.

mod checkpoint;
mod memory;
mod reader;

use std::path::{Path, PathBuf};
use std::thread;

use prost::Message as _;
use rusqlite::{Connection, params};
use shanty_core::causes::chain;
use shanty_core::journal::{Record, State};
use shanty_proto::convert::record_to_wire;
use tokio::sync::{mpsc, oneshot};

use super::{StoreError, sqlite};

pub use checkpoint::Checkpoints;
pub use memory::{Commits, Memory};
pub use reader::Reader;

/// Writes that may wait for the writer; a full queue makes the asker say that nothing was recorded.
const QUEUE_MAX: usize = 16_384;

/// One write and who waits for it.
enum Write {
    Append {
        records: Vec<Row>,
        /// Told the place of the first record.
        done: oneshot::Sender<Result<u64, StoreError>>,
    },
    Part {
        part: checkpoint::Part,
        done: oneshot::Sender<Result<(), StoreError>>,
    },
}

/// One record as it is stored.
struct Row {
    run: Option<[u8; 16]>,
    record: Vec<u8>,
}

/// The journal, for any number of users.
#[derive(Clone)]
pub enum Journal {
    /// A file: what is answered is on the disk.
    File(File),
    /// Nothing but memory, for tests of what uses a journal.
    Memory(Memory),
}

impl Journal {
    /// Opens or creates the file and starts its writer.
    pub(super) fn open(path: &Path) -> Result<(Self, thread::JoinHandle<()>), StoreError> {
        let connection = sqlite::open(&sqlite::File {
            path,
            schema: include_str!("journal.sql"),
            // What a start reads; the rest is looked at beside the work: see `Checkpoints::check`.
            check: "PRAGMA quick_check('checkpoint')",
        })?;
        let reader = Reader::open(path)?;
        let (tx, rx) = mpsc::channel(QUEUE_MAX);
        let thread = thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || write(connection, rx))
            .map_err(|_| StoreError::Stopped)?;
        let path = path.to_owned();
        Ok((Self::File(File { path, tx, reader }), thread))
    }

    /// Appends records, all or none; what comes back answers once they are committed, with the place of the first of them. Appends are
    /// committed in the order of these calls.
    pub fn append(&self, records: &[Record]) -> oneshot::Receiver<Result<u64, StoreError>> {
        match self {
            Self::File(file) => file.append(records),
            Self::Memory(memory) => memory.append(records),
        }
    }

    /// What all records come to.
    ///
    /// # Errors
    /// The file cannot be read, or a record of a known kind is damaged.
    pub fn state(&self) -> Result<State, StoreError> {
        match self {
            Self::File(file) => file.reader.state(),
            Self::Memory(memory) => Ok(memory.state()),
        }
    }

    /// Reads beside the writer.
    #[must_use]
    pub fn reader(&self) -> Reader {
        match self {
            Self::File(file) => file.reader.clone(),
            Self::Memory(memory) => Reader::of_memory(memory.clone()),
        }
    }
}

/// The journal in its file.
#[derive(Clone)]
pub struct File {
    path: PathBuf,
    tx: mpsc::Sender<Write>,
    reader: Reader,
}

impl File {
    fn append(&self, records: &[Record]) -> oneshot::Receiver<Result<u64, StoreError>> {
        let (done, answer) = oneshot::channel();
        let row = |record: &Record| Row {
            run: record.run().map(|run| *run.as_bytes()),
            record: record_to_wire(record).encode_to_vec(),
        };
        let records = records.iter().map(row).collect();
        if let Err(refused) = self.tx.try_send(Write::Append { records, done }) {
            refused.into_inner().answer(Err(StoreError::Stopped));
        }
        answer
    }
}

impl Write {
    /// Tells who waits, if somebody still does.
    fn answer(self, written: Result<u64, StoreError>) {
        match self {
            Self::Append { done, .. } => drop(done.send(written)),
            Self::Part { done, .. } => drop(done.send(written.map(|_| ()))),
        }
    }
}

/// The writer: takes all that is queued, commits at once, answers.
fn write(mut connection: Connection, mut rx: mpsc::Receiver<Write>) {
    let mut batch = Vec::new();
    while rx.blocking_recv_many(&mut batch, 1_024) > 0 {
        let committed = commit(&mut connection, &batch);
        if let Err(error) = &committed {
            tracing::error!(
                error = chain(error),
                writes = batch.len(),
                "the journal could not be written"
            );
        }
        let mut places = committed.ok().map(Vec::into_iter);
        for write in batch.drain(..) {
            let place = places.as_mut().and_then(Iterator::next);
            write.answer(place.ok_or(StoreError::Stopped));
        }
    }
}

/// Commits all of a batch; where the first record of each is.
fn commit(connection: &mut Connection, batch: &[Write]) -> Result<Vec<u64>, StoreError> {
    let transaction = connection.transaction()?;
    let mut places = Vec::with_capacity(batch.len());
    {
        let mut insert =
            transaction.prepare_cached("INSERT INTO journal (run, record) VALUES (?1, ?2)")?;
        for write in batch {
            let mut first = None;
            match write {
                Write::Append { records, .. } => {
                    for row in records {
                        let seq = insert.insert(params![row.run, row.record])?;
                        first.get_or_insert(seq);
                    }
                }
                Write::Part { part, .. } => part.write(&transaction)?,
            }
            places.push(u64::try_from(first.unwrap_or_default()).unwrap_or_default());
        }
    }
    transaction.commit()?;
    Ok(places)
}

#[cfg(test)]
mod tests;

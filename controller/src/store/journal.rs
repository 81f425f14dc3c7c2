//! The journal: records are appended in order, and read when a process starts or somebody asks about a run of long ago.

mod chain;
mod checkpoint;
mod head;
mod memory;
mod reader;
mod whole;

use std::path::{Path, PathBuf};
use std::thread;

use prost::Message as _;
use rusqlite::{Connection, params};
use shanty_core::causes::chain;
use shanty_core::journal::{Anchor, Record, State};
use shanty_proto::convert::record_to_wire;
use tokio::sync::{mpsc, oneshot};

use super::{Room, StoreError, sqlite};

use head::Head;

pub use checkpoint::Checkpoints;
pub use memory::{Commits, Memory};
pub use reader::Reader;
pub(super) use whole::accept;
pub use whole::{Accepted, Missed, Verified, each_record, newest, verify};

/// Writes that may wait for the writer; a full queue makes the asker say that nothing was recorded.
const QUEUE_MAX: usize = 16_384;

/// The journal's file.
fn file(path: &Path, traces: Option<PathBuf>) -> sqlite::File<'_> {
    sqlite::File {
        path,
        schema: include_str!("journal.sql"),
        // What a start reads; the rest is looked at beside the work: see `Checkpoints::check`.
        check: "PRAGMA quick_check('checkpoint')",
        traces,
    }
}

/// Says how far a journal reaches.
pub(super) fn mark(path: &Path, at: Anchor) -> Result<(), StoreError> {
    head_at(path, at).map(drop)
}

fn head_at(path: &Path, at: Anchor) -> Result<Head, StoreError> {
    Head::open(path, at).map_err(|source| StoreError::Beside {
        path: path.with_file_name(head::NAME),
        source,
    })
}

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
    /// Opens the file, or creates it where nothing shows that there was one, and starts its writer.
    pub(super) fn open(
        path: &Path,
        traces: Option<PathBuf>,
        room: &Room,
    ) -> Result<(Self, thread::JoinHandle<()>), StoreError> {
        let connection = sqlite::open(&file(path, traces))?;
        let newest = chain::reaches(&connection, Head::read(path))
            .and_then(|()| chain::newest(&connection))
            .map_err(|error| error.named(path))?;
        let head = head_at(path, newest)?;
        let reader = Reader::open(path)?;
        let (tx, rx) = mpsc::channel(QUEUE_MAX);
        let writer = Writer {
            connection,
            newest,
            head,
            room: room.clone(),
        };
        let thread = thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.run(rx))
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
            Self::File(file) => file.reader.state().map_err(|error| error.named(&file.path)),
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
struct Writer {
    connection: Connection,
    /// The newest record that is committed.
    newest: Anchor,
    head: Head,
    room: Room,
}

impl Writer {
    fn run(mut self, mut rx: mpsc::Receiver<Write>) {
        let mut batch = Vec::new();
        while rx.blocking_recv_many(&mut batch, 1_024) > 0 {
            let mut committed = self.commit(&batch);
            let full = committed.as_ref().is_err_and(StoreError::is_full);
            // What was kept for this is given up: it is tried once more.
            if full && self.room.found_full() {
                committed = self.commit(&batch);
            }
            let full = committed.as_ref().is_err_and(StoreError::is_full);
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
                let failed = || match full {
                    true => StoreError::Full,
                    false => StoreError::Stopped,
                };
                write.answer(place.ok_or_else(failed));
            }
        }
    }

    /// Commits all of a batch; where the first record of each is.
    fn commit(&mut self, batch: &[Write]) -> Result<Vec<u64>, StoreError> {
        let transaction = self.connection.transaction()?;
        let mut places = Vec::with_capacity(batch.len());
        let mut newest = self.newest;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO journal (seq, run, record, digest) VALUES (?1, ?2, ?3, ?4)",
            )?;
            for write in batch {
                places.push(newest.seq.saturating_add(1));
                match write {
                    Write::Append { records, .. } => {
                        for row in records {
                            newest = newest.after(&row.record);
                            let seq = i64::try_from(newest.seq).unwrap_or(i64::MAX);
                            insert.execute(params![seq, row.run, row.record, newest.digest])?;
                        }
                    }
                    Write::Part { part, .. } => part.write(&transaction)?,
                }
            }
        }
        transaction.commit()?;
        if newest != self.newest {
            self.newest = newest;
            self.head.write(newest);
        }
        Ok(places)
    }
}

#[cfg(test)]
mod tests;

//! The journal: records are appended in order and read once, at the start.

mod memory;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use prost::Message as _;
use rusqlite::Connection;
use shanty_core::journal::Record;
use shanty_proto::convert::{record_from_wire, record_to_wire};
use shanty_proto::v1;
use tokio::sync::{mpsc, oneshot};

use super::{StoreError, sqlite};

pub use memory::{Commits, Memory};

/// Appends that may wait for the writer; a full queue makes the asker say that nothing was recorded.
const QUEUE_MAX: usize = 16_384;

/// One append and who waits for it.
struct Append {
    records: Vec<Vec<u8>>,
    done: oneshot::Sender<Result<(), StoreError>>,
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
            check: "PRAGMA quick_check(1)",
        })?;
        let reader = sqlite::open_reader(path)?;
        let (tx, rx) = mpsc::channel(QUEUE_MAX);
        let thread = thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || write(connection, rx))
            .map_err(|_| StoreError::Stopped)?;
        let file = File {
            tx,
            reader: Arc::new(Mutex::new(reader)),
        };
        Ok((Self::File(file), thread))
    }

    /// Appends records, all or none; what comes back answers once they are committed. Appends are committed in the order of these calls.
    pub fn append(&self, records: &[Record]) -> oneshot::Receiver<Result<(), StoreError>> {
        match self {
            Self::File(file) => file.append(records),
            Self::Memory(memory) => memory.append(records),
        }
    }

    /// Calls `each` with every record, oldest first.
    ///
    /// # Errors
    /// The file cannot be read, or a record of a known kind is damaged.
    pub fn replay(&self, each: impl FnMut(Record)) -> Result<(), StoreError> {
        match self {
            Self::File(file) => file.replay(each),
            Self::Memory(memory) => {
                memory.records().into_iter().for_each(each);
                Ok(())
            }
        }
    }
}

/// The journal in its file.
#[derive(Clone)]
pub struct File {
    tx: mpsc::Sender<Append>,
    reader: Arc<Mutex<Connection>>,
}

impl File {
    fn append(&self, records: &[Record]) -> oneshot::Receiver<Result<(), StoreError>> {
        let (done, answer) = oneshot::channel();
        let append = Append {
            records: records
                .iter()
                .map(|record| record_to_wire(record).encode_to_vec())
                .collect(),
            done,
        };
        if let Err(refused) = self.tx.try_send(append) {
            let append = refused.into_inner();
            append.done.send(Err(StoreError::Stopped)).ok(); // nobody waits: nobody is told
        }
        answer
    }

    fn replay(&self, mut each: impl FnMut(Record)) -> Result<(), StoreError> {
        let connection = self.reader.lock().map_err(|_| StoreError::Stopped)?;
        let mut statement = connection.prepare("SELECT seq, record FROM journal ORDER BY seq")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let seq: i64 = row.get(0)?;
            let damaged = |source| StoreError::Record { seq, source };
            let wire = v1::Record::decode(row.get_ref(1)?.as_blob().unwrap_or_default())
                .map_err(|error| damaged(Box::new(error)))?;
            each(record_from_wire(&wire).map_err(|error| damaged(Box::new(error)))?);
        }
        Ok(())
    }
}

/// The writer: takes all that is queued, commits at once, answers.
fn write(mut connection: Connection, mut rx: mpsc::Receiver<Append>) {
    let mut batch = Vec::new();
    while rx.blocking_recv_many(&mut batch, 1_024) > 0 {
        let result = commit(&mut connection, &batch);
        if let Err(error) = &result {
            tracing::error!(error = %error, records = batch.len(), "the journal could not be written");
        }
        for append in batch.drain(..) {
            let answer = match &result {
                Ok(()) => Ok(()),
                Err(_) => Err(StoreError::Stopped),
            };
            append.done.send(answer).ok(); // the asker gave up: the record stands all the same
        }
    }
}

fn commit(connection: &mut Connection, batch: &[Append]) -> Result<(), StoreError> {
    let transaction = connection.transaction()?;
    {
        let mut insert = transaction.prepare_cached("INSERT INTO journal (record) VALUES (?1)")?;
        for append in batch {
            for record in &append.records {
                insert.execute([record])?;
            }
        }
    }
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use shanty_core::journal::Kind;
    use shanty_core::principal::Actor;

    fn hold(at_ms: u64) -> Record {
        let user = "root".to_owned();
        Record {
            at_ms,
            actor: Actor::Socket { user },
            kind: Kind::Hold { on: true },
        }
    }

    #[test]
    fn records_come_back_in_order_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shanty.db");
        let (journal, thread) = Journal::open(&path).unwrap();
        let answers: Vec<_> = (0..50).map(|at| journal.append(&[hold(at)])).collect();
        for answer in answers {
            answer.blocking_recv().unwrap().unwrap();
        }
        drop(journal);
        thread.join().unwrap();

        let (journal, _thread) = Journal::open(&path).unwrap();
        let mut times = Vec::new();
        journal.replay(|record| times.push(record.at_ms)).unwrap();
        assert_eq!(times, (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn a_newer_older_or_damaged_file_is_refused_and_not_changed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shanty.db");
        Connection::open(&path)
            .unwrap()
            .execute_batch("PRAGMA user_version = 99")
            .unwrap();
        assert!(matches!(
            Journal::open(&path),
            Err(StoreError::Newer { found: 99, .. })
        ));
        Connection::open(&path)
            .unwrap()
            .execute_batch("PRAGMA user_version = 1")
            .unwrap();
        assert!(matches!(
            Journal::open(&path),
            Err(StoreError::Older { found: 1, .. })
        ));
        std::fs::write(&path, b"this is not a database, and never was one at all").unwrap();
        assert!(Journal::open(&path).is_err());
        assert!(std::fs::read(&path).unwrap().starts_with(b"this is not"));
    }

    #[test]
    fn in_memory_what_is_appended_comes_back() {
        let memory = Memory::default();
        let journal = Journal::Memory(memory.clone());
        for at in 0..3 {
            journal
                .append(&[hold(at)])
                .try_recv()
                .expect("answered at once")
                .unwrap();
        }
        let mut times = Vec::new();
        journal.replay(|record| times.push(record.at_ms)).unwrap();
        assert_eq!(times, [0, 1, 2]);
        assert_eq!(memory.records().len(), 3);
    }

    #[test]
    fn in_memory_commits_wait_and_fail_when_they_are_told_to() {
        let memory = Memory::default();
        let journal = Journal::Memory(memory.clone());
        memory.commit(Commits::Later);
        let mut held: Vec<_> = (0..2).map(|at| journal.append(&[hold(at)])).collect();
        assert!(held.iter_mut().all(|answer| answer.try_recv().is_err()));
        assert_eq!(
            memory.records(),
            [],
            "nothing is committed before it is answered"
        );
        memory.commit(Commits::AtOnce);
        assert!(
            held.iter_mut()
                .all(|answer| matches!(answer.try_recv(), Ok(Ok(()))))
        );
        assert_eq!(memory.records(), [hold(0), hold(1)]);

        memory.commit(Commits::Later);
        let mut held = journal.append(&[hold(2)]);
        memory.commit(Commits::Never);
        assert!(matches!(held.try_recv(), Ok(Err(StoreError::Stopped))));
        assert!(matches!(journal.append(&[hold(3)]).try_recv(), Ok(Err(_))));
        assert_eq!(memory.records(), [hold(0), hold(1)]);
    }
}

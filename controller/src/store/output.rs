//! The output's file: each execution's spool as a byte-identical prefix that grows.
//!
//! Links append; runners, cards and the command line read. Both look at [`Stored`], which is only ever moved by a commit.

mod rows;

use std::collections::hash_map::Entry as Slot;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use bytes::Bytes;
use rusqlite::Connection;
use shanty_core::ids::{AgentId, RunId};
use shanty_core::link::receiver::Accept;
use shanty_core::run::Outcome;
use tokio::sync::{mpsc, oneshot, watch};

use super::entry::Entry;
use super::{Records, StoreError, sqlite};
use rows::{Row, insert_execution, read_entry, read_range};

const MIGRATIONS: [&str; 1] = [include_str!("migrations/output_1.sql")];

/// Appends that may wait for the writer; a full queue makes links wait, and their agents' spools absorb it.
const QUEUE_MAX: usize = 1_024;
/// Bytes that one commit takes at most.
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Executions in memory before those that nobody waits for are dropped from it.
const ENTRIES_MAX: usize = 4_096;
/// Bytes of one row at most: large rows when much is queued.
const ROW_BYTES_MAX: usize = 1024 * 1024;

type Key = (RunId, AgentId);

/// How much of an execution is committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Bytes from the beginning of the spool.
    pub len: u64,
    /// The last record is there.
    pub ended: bool,
}

/// What one link must say to its agent, by run, since it was last taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkAcks {
    /// Everything before this offset is committed.
    pub acked: BTreeMap<RunId, u64>,
    /// Send again from this offset.
    pub resume: BTreeMap<RunId, u64>,
    /// The link must be closed, because of this.
    pub close: Option<String>,
}

/// Acknowledgements on their way from the writer to one link: only the newest of each run is kept.
#[derive(Debug, Default)]
struct AckBox {
    waiting: Mutex<LinkAcks>,
    changed: watch::Sender<()>,
}

impl AckBox {
    fn update(&self, change: impl FnOnce(&mut LinkAcks)) {
        if let Ok(mut waiting) = self.waiting.lock() {
            change(&mut waiting);
        }
        self.changed.send_replace(());
    }
}

/// Where a link appends: its own, so that acknowledgements find their way back.
pub struct Appender {
    agent: AgentId,
    tx: mpsc::Sender<Command>,
    acks: Arc<AckBox>,
    changed: watch::Receiver<()>,
}

impl Appender {
    /// Hands a slice of a spool to the writer; waits while the queue is full. The answer comes by [`Appender::changed`].
    ///
    /// # Errors
    /// The writer is gone.
    pub async fn append(&self, run: RunId, offset: u64, bytes: Bytes) -> Result<(), StoreError> {
        let (agent, acks) = (self.agent, Arc::clone(&self.acks));
        let append = Command::Append(Append {
            key: (run, agent),
            offset,
            bytes,
            acks,
        });
        self.tx.send(append).await.map_err(|_| StoreError::Stopped)
    }

    /// Waits until there is something to say to the agent. Cancel-safe.
    pub async fn changed(&mut self) {
        if self.changed.changed().await.is_err() {
            // The box lives as long as this does: it never closes.
            std::future::pending::<()>().await;
        }
    }

    /// Takes what there is to say.
    #[must_use]
    pub fn take(&self) -> LinkAcks {
        self.acks
            .waiting
            .lock()
            .map(|mut waiting| std::mem::take(&mut *waiting))
            .unwrap_or_default()
    }
}

/// What is known of an execution after reading all that is stored of it.
#[derive(Debug)]
pub struct Loaded {
    /// How much is committed, now and later.
    pub stored: watch::Receiver<Stored>,
    /// How it ended, when its last record is there.
    pub outcome: Option<Outcome>,
}

struct Append {
    key: Key,
    offset: u64,
    bytes: Bytes,
    acks: Arc<AckBox>,
}

enum Command {
    Append(Append),
    Load {
        key: Key,
        done: oneshot::Sender<Result<Loaded, StoreError>>,
    },
    Forget(Key),
}

/// The output, for any number of users.
#[derive(Clone)]
pub struct Output {
    tx: mpsc::Sender<Command>,
    reader: Arc<Mutex<Connection>>,
    exits: Arc<Mutex<Option<mpsc::Receiver<Exited>>>>,
}

/// An execution whose last record was committed.
pub type Exited = (RunId, AgentId, Outcome);

impl Output {
    /// Opens or creates the file and starts its writer.
    pub(super) fn open(
        path: &Path,
        spool_bytes_max: u64,
    ) -> Result<(Self, thread::JoinHandle<()>), StoreError> {
        let connection = sqlite::open(path, &MIGRATIONS)?;
        let reader = sqlite::open_reader(path)?;
        let (tx, rx) = mpsc::channel(QUEUE_MAX);
        let (exits_tx, exits) = mpsc::channel(QUEUE_MAX);
        let writer = Writer {
            connection,
            entries: HashMap::new(),
            exits: exits_tx,
            spool_bytes_max,
        };
        let thread = thread::Builder::new()
            .name("output".to_owned())
            .spawn(move || writer.run(rx))
            .map_err(|_| StoreError::Stopped)?;
        let reader = Arc::new(Mutex::new(reader));
        let exits = Arc::new(Mutex::new(Some(exits)));
        Ok((Self { tx, reader, exits }, thread))
    }

    /// The executions that end from now on. There is one receiver: the second call gets nothing.
    #[must_use]
    pub fn exits(&self) -> Option<mpsc::Receiver<Exited>> {
        self.exits.lock().ok()?.take()
    }

    /// Where the link of this agent appends, and hears what it must say to its agent.
    #[must_use]
    pub fn appender(&self, agent: AgentId) -> Appender {
        let acks = Arc::new(AckBox::default());
        let changed = acks.changed.subscribe();
        Appender {
            agent,
            tx: self.tx.clone(),
            acks,
            changed,
        }
    }

    /// How much of an execution is committed, level-triggered; closed when nothing more is expected.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn watch(
        &self,
        run: RunId,
        agent: AgentId,
    ) -> Result<watch::Receiver<Stored>, StoreError> {
        Ok(self.load(run, agent).await?.stored)
    }

    /// Reads all that is stored of an execution, so that it is known how it stands.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn load(&self, run: RunId, agent: AgentId) -> Result<Loaded, StoreError> {
        let (done, answer) = oneshot::channel();
        let load = Command::Load {
            key: (run, agent),
            done,
        };
        self.tx.send(load).await.map_err(|_| StoreError::Stopped)?;
        answer.await.map_err(|_| StoreError::Stopped)?
    }

    /// Nothing more is expected of an execution: what is known of it need not be in memory.
    pub fn forget(&self, run: RunId, agent: AgentId) {
        // A full queue only means that it stays in memory.
        self.tx.try_send(Command::Forget((run, agent))).ok();
    }

    /// Reads the records of an execution from the end of one of them, or from 0.
    #[must_use]
    pub fn records(&self, run: RunId, agent: AgentId, from: u64) -> Records {
        Records::new(self.clone(), run, agent, from)
    }

    /// Bytes of a spool from an offset, at most `max`; fewer at the end of what is committed.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn read(
        &self,
        run: RunId,
        agent: AgentId,
        from: u64,
        max: usize,
    ) -> Result<Vec<u8>, StoreError> {
        let reader = Arc::clone(&self.reader);
        let read = move || {
            let connection = reader.lock().map_err(|_| StoreError::Stopped)?;
            read_range(&connection, (run, agent), from, max)
        };
        tokio::task::spawn_blocking(read)
            .await
            .map_err(|_| StoreError::Stopped)?
    }
}

/// The one thread that writes.
struct Writer {
    connection: Connection,
    entries: HashMap<Key, Entry>,
    exits: mpsc::Sender<Exited>,
    spool_bytes_max: u64,
}

impl Writer {
    fn run(mut self, mut rx: mpsc::Receiver<Command>) {
        while let Some(first) = rx.blocking_recv() {
            let mut appends = Vec::new();
            let mut bytes = 0;
            let mut next = Some(first);
            while let Some(command) = next {
                match command {
                    Command::Append(append) => {
                        bytes += append.bytes.len();
                        appends.push(append);
                    }
                    Command::Forget(key) => drop(self.entries.remove(&key)),
                    Command::Load { key, done } => {
                        // What was handed in before must be committed before anybody is told of it.
                        self.commit(std::mem::take(&mut appends));
                        done.send(self.load(key)).ok(); // the asker gave up
                    }
                }
                next = if bytes < BATCH_BYTES_MAX {
                    rx.try_recv().ok()
                } else {
                    None
                };
            }
            self.commit(appends);
        }
    }

    fn load(&mut self, key: Key) -> Result<Loaded, StoreError> {
        if let Some(known) = self.entries.get(&key) {
            return Ok(known.loaded());
        }
        let entry = read_entry(&self.connection, key)?;
        let loaded = entry.loaded();
        if entry.outcome().is_none() {
            if self.entries.len() >= ENTRIES_MAX {
                self.entries.retain(|_, entry| !entry.is_idle());
            }
            self.entries.insert(key, entry);
        }
        Ok(loaded)
    }

    /// What is in memory may be ahead of the file: it is read anew. Those who watch go on.
    fn reload(&mut self, key: Key) {
        let Some(old) = self.entries.remove(&key) else {
            return;
        };
        if let Ok(mut entry) = read_entry(&self.connection, key) {
            entry.succeed(old);
            self.entries.insert(key, entry);
        }
    }

    /// Writes a batch; nobody is told anything before it is committed, and when that fails nothing of it counts.
    fn commit(&mut self, appends: Vec<Append>) {
        if appends.is_empty() {
            return;
        }
        let had_ended: Vec<Key> = appends
            .iter()
            .map(|a| a.key)
            .filter(|key| self.has_ended(*key))
            .collect();
        match self.write(&appends) {
            Ok(answers) => {
                for (append, answer) in appends.iter().zip(&answers) {
                    tell(append, answer);
                }
                self.announce(appends, &had_ended);
            }
            Err(error) => {
                tracing::error!(error = %error, "output could not be stored; links are closed so that it is sent again");
                for append in appends {
                    self.reload(append.key);
                    append.acks.update(|acks| {
                        acks.close = Some("output could not be stored".to_owned());
                    });
                }
            }
        }
    }

    fn has_ended(&self, key: Key) -> bool {
        self.entries
            .get(&key)
            .is_some_and(|entry| entry.outcome().is_some())
    }

    fn write(&mut self, appends: &[Append]) -> Result<Vec<Answer>, StoreError> {
        let transaction = self.connection.transaction()?;
        let mut answers = Vec::with_capacity(appends.len());
        let mut rows: HashMap<Key, Row> = HashMap::new();
        for append in appends {
            let entry = match self.entries.entry(append.key) {
                Slot::Occupied(known) => known.into_mut(),
                Slot::Vacant(free) => free.insert(read_entry(&transaction, append.key)?),
            };
            let before = entry.receiver.stored();
            let answer = match entry.accept(append.offset, append.bytes.len(), self.spool_bytes_max)
            {
                Accept::Append { skip } => {
                    let fresh = append.bytes.get(skip..).unwrap_or_default();
                    if entry.row == 0 {
                        entry.row = insert_execution(&transaction, append.key)?;
                    }
                    let row = rows
                        .entry(append.key)
                        .or_insert_with(|| Row::at(entry.row, before));
                    row.bytes.extend_from_slice(fresh);
                    entry.push(fresh);
                    if row.bytes.len() >= ROW_BYTES_MAX {
                        row.insert(&transaction)?;
                    }
                    Answer::Acked(entry.receiver.stored())
                }
                Accept::Duplicate => Answer::Acked(entry.receiver.stored()),
                Accept::Resume { from } => Answer::Resume(from),
                Accept::Close => Answer::Close,
            };
            answers.push(answer);
        }
        for row in rows.values_mut() {
            row.insert(&transaction)?;
        }
        transaction.commit()?;
        Ok(answers)
    }

    /// Tells those who watch, and whoever records ends, once for each execution of the batch.
    fn announce(&self, appends: Vec<Append>, had_ended: &[Key]) {
        let mut keys: Vec<Key> = appends.into_iter().map(|append| append.key).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            let Some(entry) = self.entries.get(&key) else {
                continue;
            };
            entry.publish();
            if let Some(outcome) = entry.outcome()
                && !had_ended.contains(&key)
            {
                // The hub never waits for this thread, so this wait is bounded by its work.
                self.exits
                    .blocking_send((key.0, key.1, outcome.clone()))
                    .ok(); // shutting down
            }
        }
    }
}

/// What an agent is told of one append.
enum Answer {
    Acked(u64),
    Resume(u64),
    Close,
}

fn tell(append: &Append, answer: &Answer) {
    let run = append.key.0;
    append.acks.update(|acks| match answer {
        Answer::Acked(offset) => {
            acks.acked.insert(run, *offset);
            acks.resume.remove(&run);
        }
        Answer::Resume(from) => {
            acks.resume.insert(run, *from);
        }
        Answer::Close => acks.close = Some("output that does not follow what is stored".to_owned()),
    });
}

#[cfg(test)]
mod tests;

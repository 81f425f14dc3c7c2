//! The one thread that writes output: takes all that is queued, commits at once, answers.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::sync::Arc;

use bytes::Bytes;
use rusqlite::{Connection, TransactionBehavior};
use shanty_core::causes::chain;
use shanty_core::ids::{AgentId, RunId};
use shanty_core::link::receiver::Accept;
use shanty_core::run::Outcome;
use tokio::sync::{mpsc, oneshot};

use super::acks::AckBox;
use super::deletion::{self, Deletion, OldOutput};
use super::rows::{Key, Row, find_entry, insert_execution, read_spool, update_execution};
use crate::clock::now_ms;
use crate::store::entry::{Entry, Loaded};
use crate::store::{Room, StoreError};

/// Bytes that one commit takes at most.
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Executions in memory before those that nobody waits for are dropped from it.
const ENTRIES_MAX: usize = 4_096;
/// Bytes of one row at most: large rows when much is queued.
const ROW_BYTES_MAX: usize = 1024 * 1024;

/// An execution whose last record was committed.
pub type Exited = (RunId, AgentId, Outcome);

/// A slice of a spool on its way to the writer.
pub(super) struct Append {
    pub(super) key: Key,
    pub(super) offset: u64,
    pub(super) bytes: Bytes,
    pub(super) acks: Arc<AckBox>,
}

/// What the writer is asked for.
pub(super) enum Command {
    Append(Append),
    Load {
        key: Key,
        done: oneshot::Sender<Result<Loaded, StoreError>>,
    },
    Forget(Key),
    /// Leaves a mark in place of an output.
    Delete {
        old: OldOutput,
        deletion: Deletion,
        now_ms: u64,
        done: oneshot::Sender<Result<(), StoreError>>,
    },
    /// Looks whether the disk takes something again.
    TryAgain {
        done: oneshot::Sender<Result<(), StoreError>>,
    },
    /// Deletes a part of the bytes of a marked one.
    Step {
        id: i64,
        done: oneshot::Sender<Result<bool, StoreError>>,
    },
}

/// The writer's memory.
pub(super) struct Writer {
    connection: Connection,
    entries: HashMap<Key, Entry>,
    exits: mpsc::Sender<Exited>,
    spool_bytes_max: u64,
    room: Room,
    /// Executions of which something was not taken because the disk was full, with who is to be asked for it.
    refused: HashMap<Key, Arc<AckBox>>,
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        exits: mpsc::Sender<Exited>,
        spool_bytes_max: u64,
        room: Room,
    ) -> Self {
        Self {
            connection,
            entries: HashMap::new(),
            exits,
            spool_bytes_max,
            room,
            refused: HashMap::new(),
        }
    }

    /// Writes until nobody can ask for anything any more.
    pub(super) fn run(mut self, mut rx: mpsc::Receiver<Command>) {
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
                    Command::Delete {
                        old,
                        deletion,
                        now_ms,
                        done,
                    } => {
                        self.commit(std::mem::take(&mut appends));
                        self.entries.remove(&(old.run, old.agent));
                        let marked = deletion::mark(&self.connection, &old, deletion, now_ms);
                        done.send(marked).ok(); // the asker gave up
                    }
                    Command::TryAgain { done } => {
                        done.send(self.try_again()).ok(); // the asker gave up
                    }
                    Command::Step { id, done } => {
                        done.send(self.step(id)).ok(); // the asker gave up
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
        let entry = find_entry(&self.connection, key)?;
        let loaded = entry.loaded();
        if entry.outcome().is_none() {
            if self.entries.len() >= ENTRIES_MAX {
                self.entries.retain(|_, entry| !entry.is_idle());
            }
            self.entries.insert(key, entry);
        }
        Ok(loaded)
    }

    fn step(&mut self, id: i64) -> Result<bool, StoreError> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = deletion::step(&transaction, id)?;
        transaction.commit()?;
        Ok(done)
    }

    /// What is in memory may be ahead of the file: it is read anew. Those who watch go on.
    fn reload(&mut self, key: Key) {
        let Some(old) = self.entries.remove(&key) else {
            return;
        };
        if let Ok(mut entry) = find_entry(&self.connection, key) {
            entry.succeed(old);
            self.entries.insert(key, entry);
        }
    }

    /// Writes a batch; nobody is told anything before it is committed, and when that fails nothing of it counts.
    fn commit(&mut self, appends: Vec<Append>) {
        if appends.is_empty() {
            return;
        }
        if self.room.is_full() {
            return self.refuse(appends);
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
            Err(error) if error.is_full() => {
                self.room.found_full();
                for append in &appends {
                    self.reload(append.key);
                }
                self.refuse(appends);
            }
            Err(error) => {
                tracing::error!(
                    error = chain(&error),
                    "output could not be stored; links are closed so that it is sent again"
                );
                for append in appends {
                    self.reload(append.key);
                    append.acks.update(|acks| {
                        acks.close = Some("output could not be stored".to_owned());
                    });
                }
            }
        }
    }

    /// Takes nothing of it, and says nothing: agents keep what is not acknowledged, and send no more than they may have under way.
    fn refuse(&mut self, appends: Vec<Append>) {
        for append in appends {
            self.refused.insert(append.key, append.acks);
        }
    }

    /// Writes something, and asks for what was not taken.
    fn try_again(&mut self) -> Result<(), StoreError> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute(
            "UPDATE execution SET changed_ms = changed_ms WHERE id = (SELECT max(id) FROM execution)",
            [],
        )?;
        transaction.commit()?;
        self.room.has_room();
        for (key, acks) in std::mem::take(&mut self.refused) {
            let stored = match self.entries.get(&key) {
                Some(entry) => entry.receiver.stored(),
                None => find_entry(&self.connection, key)?.receiver.stored(),
            };
            acks.update(|acks| {
                acks.resume.insert(key.0, stored);
            });
        }
        Ok(())
    }

    fn has_ended(&self, key: Key) -> bool {
        self.entries
            .get(&key)
            .is_some_and(|entry| entry.outcome().is_some())
    }

    fn write(&mut self, appends: &[Append]) -> Result<Vec<Answer>, StoreError> {
        // At once, so that it waits for a lock of another process, such as a backup, instead of failing.
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut answers = Vec::with_capacity(appends.len());
        let mut rows: HashMap<Key, Row> = HashMap::new();
        for append in appends {
            let entry = match self.entries.entry(append.key) {
                Slot::Occupied(known) => known.into_mut(),
                Slot::Vacant(free) => free.insert(find_entry(&transaction, append.key)?),
            };
            if entry.is_deleted() {
                // Nobody can read it: the agent need not keep it either.
                answers.push(Answer::Acked(append.offset + append.bytes.len() as u64));
                continue;
            }
            let before = entry.receiver.stored();
            let answer = match entry.accept(append.offset, append.bytes.len(), self.spool_bytes_max)
            {
                Accept::Append { skip } => {
                    let fresh = append.bytes.get(skip..).unwrap_or_default();
                    if entry.row == 0 {
                        entry.row = insert_execution(&transaction, append.key)?;
                    }
                    if entry.must_be_read() {
                        read_spool(&transaction, entry, before)?;
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
        let now_ms = now_ms();
        for (key, row) in &mut rows {
            row.insert(&transaction)?;
            if let Some(entry) = self.entries.get(key) {
                update_execution(&transaction, entry, now_ms)?;
            }
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

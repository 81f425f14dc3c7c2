//! The output's file: each execution's spool as a byte-identical prefix that grows.
//!
//! Links append; runners, cards and the command line read. Both look at [`Stored`], which is only ever moved by a commit.

mod acks;
mod deletion;
mod reader;
mod records;
mod rows;
mod whole;
mod writer;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use bytes::Bytes;
use shanty_core::ids::{AgentId, RunId};
use shanty_core::output::mask::Masks;
use tokio::sync::{mpsc, oneshot, watch};

use super::entry::{Loaded, Stored};
use super::{Room, StoreError, sqlite};
use acks::{AckBox, LinkAcks};
use reader::Reader;
use writer::{Append, Command, Writer};

pub use deletion::{Deleted, Deletion, OldOutput};
pub use records::Records;
pub use writer::Exited;

/// Appends that may wait for the writer; a full queue makes links wait, and their agents' spools absorb it.
const QUEUE_MAX: usize = 1_024;

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
        self.acks.take()
    }
}

/// The output, for any number of users.
#[derive(Clone)]
pub struct Output {
    tx: mpsc::Sender<Command>,
    reader: Reader,
    exits: Arc<Mutex<Option<mpsc::Receiver<Exited>>>>,
    masks: Masks,
}

impl Output {
    /// Opens or creates the file and starts its writer.
    pub(super) fn open(
        path: &Path,
        spool_bytes_max: u64,
        room: &Room,
    ) -> Result<(Self, thread::JoinHandle<()>), StoreError> {
        let connection = sqlite::open(&sqlite::File {
            path,
            schema: include_str!("output/output.sql"),
            // Records have checksums: damaged bytes are found when they are read, and a start does not read all of them.
            check: "PRAGMA quick_check('execution')",
            traces: None,
        })?;
        let reader = Reader::open(path)?;
        let (tx, rx) = mpsc::channel(QUEUE_MAX);
        let (exits_tx, exits) = mpsc::channel(QUEUE_MAX);
        let writer = Writer::new(connection, exits_tx, spool_bytes_max, room.clone());
        let thread = thread::Builder::new()
            .name("output".to_owned())
            .spawn(move || writer.run(rx))
            .map_err(|_| StoreError::Stopped)?;
        let exits = Arc::new(Mutex::new(Some(exits)));
        let output = Self {
            tx,
            reader,
            exits,
            masks: Masks::none(),
        };
        Ok((output, thread))
    }

    /// The same for whoever shows it to somebody: nothing is read past these masks.
    #[must_use]
    pub fn masked(self, masks: Masks) -> Self {
        Self { masks, ..self }
    }

    /// True when what is read may differ from what is stored.
    #[must_use]
    pub fn is_masked(&self) -> bool {
        !self.masks.is_empty()
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
        let changed = acks.changed();
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

    /// How an execution stands. One that has ended is read beside the writer: looking at it makes no commit wait.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn load(&self, run: RunId, agent: AgentId) -> Result<Loaded, StoreError> {
        if let Some(ended) = self.reader.ended((run, agent)).await? {
            return Ok(ended);
        }
        let key = (run, agent);
        self.ask(|done| Command::Load { key, done }).await
    }

    /// Bytes of an execution that are committed, and whether its end is among them: read beside the writer, whoever asks and how often.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn committed(&self, run: RunId, agent: AgentId) -> Result<(u64, bool), StoreError> {
        let find = move |connection: &_| rows::find(connection, (run, agent));
        let row = self.reader.read(find).await?;
        Ok(row.map_or((0, false), |row| (row.len, row.outcome.is_some())))
    }

    /// Whether something can be written now. When it can, agents are asked for what was not taken of theirs while the disk was full.
    ///
    /// # Errors
    /// It cannot.
    pub async fn try_again(&self) -> Result<(), StoreError> {
        self.ask(|done| Command::TryAgain { done }).await
    }

    /// Nothing more is expected of an execution: what is known of it need not be in memory.
    pub fn forget(&self, run: RunId, agent: AgentId) {
        // A full queue only means that it stays in memory.
        self.tx.try_send(Command::Forget((run, agent))).ok();
    }

    /// Reads the records of an execution from the end of one of them, or from 0.
    #[must_use]
    pub fn records(&self, run: RunId, agent: AgentId, from: u64) -> Records {
        Records::new(self.reader.clone(), &self.masks, (run, agent), from)
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
        self.reader.range((run, agent), from, max).await
    }
}

impl Output {
    /// The outputs that last grew the longest ago, after such a place among them.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn oldest(
        &self,
        after: Option<(u64, i64)>,
        limit: u32,
    ) -> Result<Vec<OldOutput>, StoreError> {
        let find = move |connection: &_| deletion::oldest(connection, after, limit);
        self.reader.read(find).await
    }

    /// What all outputs take, bytes.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn total_bytes(&self) -> Result<u64, StoreError> {
        self.reader.read(deletion::total_bytes).await
    }

    /// Whether an output was deleted.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn is_deleted(&self, run: RunId, agent: AgentId) -> Result<bool, StoreError> {
        let find = move |connection: &_| rows::find(connection, (run, agent));
        let row = self.reader.read(find).await?;
        Ok(row.is_some_and(|row| row.deleted.is_some()))
    }

    /// Deletes an output of which nothing more is expected, and leaves a mark. Appends are committed between its steps.
    ///
    /// # Errors
    /// The file cannot be written. It is deleted for everybody once it is marked; [`Output::finish_deletions`] does the rest.
    pub async fn delete(
        &self,
        old: &OldOutput,
        deletion: Deletion,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let old = old.clone();
        let id = old.place().1;
        self.ask(|done| Command::Delete {
            old,
            deletion,
            now_ms,
            done,
        })
        .await?;
        self.delete_bytes(id).await
    }

    /// Deletes what an earlier process left of deleted outputs.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn finish_deletions(&self) -> Result<(), StoreError> {
        for id in self.reader.read(deletion::half_deleted).await? {
            self.delete_bytes(id).await?;
        }
        Ok(())
    }

    async fn delete_bytes(&self, id: i64) -> Result<(), StoreError> {
        while !self.ask(|done| Command::Step { id, done }).await? {}
        Ok(())
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Command,
    ) -> Result<T, StoreError> {
        let (done, answer) = oneshot::channel();
        let sent = self.tx.send(command(done)).await;
        sent.map_err(|_| StoreError::Stopped)?;
        answer.await.map_err(|_| StoreError::Stopped)?
    }
}

#[cfg(test)]
mod tests;

//! What is searched: an entry of each run, the words of its command, and those of the beginning of what each host printed.
//!
//! A file of its own that is folded from the others: it can be dropped at any time and is made again, so that one that is damaged or of
//! another version is thrown away. It is fed beside the hub ([`crate::history`]), never in the path of an acknowledgement. What it holds
//! is masked before it comes here, and again when it is read.

mod find;
mod rows;

use std::path::Path;
use std::sync::{Arc, Mutex};

use rusqlite::{Connection, TransactionBehavior};
use shanty_core::history::{Counted, Entry, Found, Page, Query, Turn};
use shanty_core::ids::{AgentId, RunId, RunNumber};
use shanty_core::output::mask::Masks;
use shanty_core::principal::Principal;

use super::{StoreError, sqlite};

/// Bytes of text that are searched of each output: its beginning.
pub const PRINTED_BYTES_MAX: usize = 64 * 1024;

/// Different outputs of one run that are searched.
pub const PRINTED_MAX: usize = 256;

/// What some hosts of a run printed, all of them the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Printed {
    /// The hosts.
    pub agents: Vec<AgentId>,
    /// The beginning of it, at most [`PRINTED_BYTES_MAX`].
    pub text: String,
}

/// A command that somebody ran before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// The number of the run.
    pub number: RunNumber,
    /// The hosts that it ran on.
    pub agents: Vec<AgentId>,
    /// Its text.
    pub command: String,
}

/// The index, for any number of users.
#[derive(Clone)]
pub struct Search {
    writer: Arc<Mutex<Connection>>,
    reader: Arc<Mutex<Connection>>,
    masks: Masks,
}

impl Search {
    /// Opens or creates the file; one that cannot be used is made anew, and fed again.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let writer = match open(path) {
            Ok(writer) => writer,
            Err(error) => {
                tracing::warn!(
                    error = format!("{:#}", anyhow::Error::from(error)),
                    "what is searched is made again from the journal and the output"
                );
                remove(path);
                open(path)?
            }
        };
        let reader = sqlite::open_reader(path)?;
        Ok(Self {
            writer: Arc::new(Mutex::new(writer)),
            reader: Arc::new(Mutex::new(reader)),
            masks: Masks::none(),
        })
    }

    /// The same for whoever shows it to somebody.
    #[must_use]
    pub fn masked(self, masks: Masks) -> Self {
        Self { masks, ..self }
    }

    /// Takes runs as they stand now. What their hosts printed is to be read again where they have ended.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn put(&self, entries: Vec<Entry>) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(()); // Nobody waits for whoever writes.
        }
        self.write(move |connection| {
            entries
                .iter()
                .try_for_each(|entry| rows::put(connection, entry))
        })
        .await
    }

    /// Takes all that is searched of what the hosts of a run printed, in the place of what was there.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn put_printed(
        &self,
        number: RunNumber,
        printed: Vec<Printed>,
    ) -> Result<(), StoreError> {
        self.write(move |connection| rows::put_printed(connection, number, &printed))
            .await
    }

    /// What a host printed was deleted: it is not searched any more.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn forget_printed(&self, run: RunId, agent: AgentId) -> Result<(), StoreError> {
        self.write(move |connection| rows::forget_printed(connection, run, agent))
            .await
    }

    /// Forgets runs that were accepted before then, and gives their ids.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn forget_before(&self, accepted_ms: u64) -> Result<Vec<RunId>, StoreError> {
        let mut all = Vec::new();
        loop {
            let forget = move |connection: &_| rows::forget_before(connection, accepted_ms);
            let some = self.write(forget).await?;
            if some.is_empty() {
                return Ok(all);
            }
            all.extend(some);
        }
    }

    /// The numbers of the runs of which all is known that can be.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn settled(&self) -> Result<Vec<RunNumber>, StoreError> {
        self.read(rows::settled).await
    }

    /// Runs that have ended and whose output is not searched yet, newest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn unread(&self, limit: u32) -> Result<Vec<RunNumber>, StoreError> {
        self.read(move |connection| rows::unread(connection, limit))
            .await
    }

    /// Some of what is looked for.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn find(&self, query: Query, turn: Turn, limit: usize) -> Result<Page, StoreError> {
        let mut page = self
            .read(move |connection| find::page(connection, &query, turn, limit))
            .await?;
        for found in &mut page.runs {
            self.mask(found);
        }
        Ok(page)
    }

    /// How many there are of what is looked for.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn count(&self, query: Query) -> Result<(u64, Counted), StoreError> {
        self.read(move |connection| find::count(connection, &query))
            .await
    }

    /// The last commands that somebody ran, and those that were run in a channel, each newest first. None that holds something masked.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn commands(
        &self,
        by: Principal,
        channel: Option<u64>,
    ) -> Result<(Vec<Ran>, Vec<Ran>), StoreError> {
        let (mut own, mut here) = self
            .read(move |connection| {
                let own = rows::commands_by(connection, &by)?;
                let here = channel.map(|channel| rows::commands_in(connection, channel));
                Ok((own, here.transpose()?.unwrap_or_default()))
            })
            .await?;
        let plain = |ran: &Ran| {
            let masked = shanty_core::output::mask::MASKED;
            !ran.command.contains(masked) && self.masks.text(&ran.command) == ran.command
        };
        own.retain(plain);
        here.retain(plain);
        Ok((own, here))
    }

    fn mask(&self, found: &mut Found) {
        if self.masks.is_empty() {
            return;
        }
        found.entry.command = self.masks.text(&found.entry.command);
        if let Some(hit) = &mut found.hit {
            hit.text = self.masks.text(&hit.text);
        }
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let connection = Arc::clone(&self.reader);
        blocking(move || {
            let connection = connection.lock().map_err(|_| StoreError::Stopped)?;
            // What several statements say must have been true at one moment.
            let _moment = connection.unchecked_transaction()?;
            read(&connection)
        })
        .await
    }

    async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let connection = Arc::clone(&self.writer);
        blocking(move || {
            let mut connection = connection.lock().map_err(|_| StoreError::Stopped)?;
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let written = write(&transaction)?;
            transaction.commit()?;
            Ok(written)
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| StoreError::Stopped)?
}

fn open(path: &Path) -> Result<Connection, StoreError> {
    let connection = sqlite::open(&sqlite::File {
        path,
        schema: include_str!("search/search.sql"),
        check: "SELECT iif(version = 1, 'ok', 'it is of another version') FROM folded",
    })?;
    // What is lost with the power is folded again.
    connection.execute_batch("PRAGMA synchronous = NORMAL;")?;
    Ok(connection)
}

fn remove(path: &Path) {
    for end in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        std::fs::remove_file(name).ok(); // what cannot be removed cannot be opened either, and that is told
    }
}

#[cfg(test)]
mod tests;

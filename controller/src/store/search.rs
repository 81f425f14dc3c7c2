//! What is searched: an entry of each run, the words of its command, and those of the beginning of what each host printed.
//!
//! A file of its own that is folded from the others: it can be dropped at any time and is made again, so that one that is damaged or of
//! another version is thrown away. It is fed beside the hub ([`crate::history`]), never in the path of an acknowledgement. What it holds
//! is masked before it comes here, and again when it is read.

mod find;
mod lanes;
mod rows;

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};
use shanty_core::history::{Counted, Entry, Page, Query, Short, Turn};
use shanty_core::ids::{AgentId, RunId, RunNumber};
use shanty_core::output::mask::Masks;
use shanty_core::principal::Principal;

use tokio::time::Instant;

use super::{StoreError, sqlite};
use find::Bounds;
use lanes::{Lane, Reader};

/// Bytes of text that are searched of each output: its beginning.
pub const PRINTED_BYTES_MAX: usize = 64 * 1024;

/// Different outputs of one run that are searched.
pub const PRINTED_MAX: usize = 256;

/// Looks at a time: each keeps a processor busy.
const LOOKS: usize = 4;

/// Runs that are put in together.
const PUT_MAX: usize = 100;

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
    writer: Lane<Connection>,
    /// For people who look for something.
    looks: Lane<Reader>,
    /// For tables: however long one takes, nobody who looks waits for it.
    tables: Lane<Reader>,
    /// For what takes no time: what is offered while somebody types.
    quick: Lane<Reader>,
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
        let readers = |many: usize| -> Result<Lane<Reader>, StoreError> {
            let open = (0..many).map(|_| Reader::new(sqlite::open_reader(path)?, lanes::STEPS));
            Ok(Lane::new(open.collect::<Result<_, _>>()?))
        };
        Ok(Self {
            writer: Lane::new(vec![writer]),
            looks: readers(LOOKS)?,
            tables: readers(1)?,
            quick: readers(1)?,
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
        let mut entries = entries.into_iter().peekable();
        // Nobody waits for whoever writes when there is nothing to write, nor for all of many.
        while entries.peek().is_some() {
            let some: Vec<Entry> = entries.by_ref().take(PUT_MAX).collect();
            self.write(move |connection| {
                some.iter().try_for_each(|one| rows::put(connection, one))
            })
            .await?;
        }
        Ok(())
    }

    /// What the hosts of a run printed is about to be read: when the run changes before that was put in, it is to be read again.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn reading(&self, number: RunNumber) -> Result<(), StoreError> {
        self.write(move |connection| rows::reading(connection, number))
            .await
    }

    /// Takes all that is searched of what the hosts of a run printed, in the place of what was there: in slices, so that others can write in between.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn put_printed(
        &self,
        number: RunNumber,
        printed: Vec<Printed>,
    ) -> Result<(), StoreError> {
        let forget = move |connection: &_| rows::forget_some_printed(connection, number);
        while !self.write(forget).await? {}
        let mut slot = 1;
        for slice in slices(printed) {
            let next = slot + i64::try_from(slice.len()).unwrap_or(i64::MAX);
            self.write(move |connection| rows::put_printed(connection, number, slot, &slice))
                .await?;
            slot = next;
        }
        self.write(move |connection| rows::was_read(connection, number))
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
            let (some, done) = self.write(forget).await?;
            all.extend(some);
            if done {
                return Ok(all);
            }
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

    /// Some of what is looked for: what was found until then.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn find(
        &self,
        query: Query,
        turn: Turn,
        limit: usize,
        until: Instant,
    ) -> Result<Page, StoreError> {
        self.page(&self.looks, (query, turn, limit), until).await
    }

    /// The same for a table, which takes no time from those who look.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn step(
        &self,
        query: Query,
        turn: Turn,
        limit: usize,
        until: Instant,
    ) -> Result<Page, StoreError> {
        self.page(&self.tables, (query, turn, limit), until).await
    }

    async fn page(
        &self,
        lane: &Lane<Reader>,
        (query, turn, limit): (Query, Turn, usize),
        until: Instant,
    ) -> Result<Page, StoreError> {
        let masks = self.masks.clone();
        let bounds = Bounds::until(until);
        let page = lane.work_before(until, move |reader| {
            look(reader, |reader| {
                find::page(reader, &query, (turn, limit), &bounds, &masks)
            })
        });
        let mut page = page.await?.unwrap_or_else(|| Page {
            short: [Short::Stopped].into(),
            ..Page::default()
        });
        if !self.masks.is_empty() {
            for found in &mut page.runs {
                found.entry.command = self.masks.text(&found.entry.command);
            }
        }
        Ok(page)
    }

    /// How many there are of what is looked for, as far as they were counted until then.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn count(&self, query: Query, until: Instant) -> Result<(u64, Counted), StoreError> {
        let bounds = Bounds::until(until);
        let counted = self.looks.work_before(until, move |reader| {
            look(reader, |reader| find::count(reader, &query, &bounds))
        });
        Ok(counted.await?.unwrap_or((0, Counted::More)))
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

    /// Lets nobody write.
    #[cfg(test)]
    pub(crate) async fn hold_writer(&self) -> tokio::sync::OwnedSemaphorePermit {
        self.writer.hold_all().await
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.quick
            .work(move |reader| look(reader, |reader| read(&reader.connection)))
            .await
    }

    async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer
            .work(move |connection| {
                let transaction =
                    connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                let written = write(&transaction)?;
                transaction.commit()?;
                Ok(written)
            })
            .await
    }
}

/// What several statements say must have been true at one moment.
fn look<T>(
    reader: &Reader,
    read: impl FnOnce(&Reader) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let _moment = reader.connection.unchecked_transaction()?;
    read(reader)
}

/// So many texts together as are put in at once.
fn slices(printed: Vec<Printed>) -> Vec<Vec<Printed>> {
    let mut slices: Vec<Vec<Printed>> = Vec::new();
    let mut room = 0;
    for one in printed {
        let bytes = one.text.len();
        match slices.last_mut() {
            Some(slice) if bytes <= room => slice.push(one),
            Some(_) | None => {
                slices.push(vec![one]);
                room = rows::SLICE_BYTES;
            }
        }
        room = room.saturating_sub(bytes);
    }
    slices
}

fn open(path: &Path) -> Result<Connection, StoreError> {
    let connection = sqlite::open(&sqlite::File {
        path,
        schema: include_str!("search/search.sql"),
        check: "SELECT iif(version = 3, 'ok', 'it is of another version') FROM folded",
        traces: None,
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
mod pages;
#[cfg(test)]
mod tests;

//! Shows one run: its card in the channel, its output in the thread, from the store, as fast as Discord allows and no faster.
//!
//! What people see is a function of (run, stored bytes, which messages exist), laid out by `core::thread`. The outbox says which message to
//! write next; each lane has one write in flight, and takes its permit before it renders, so that what is sent is always the newest state.

mod callback;
mod card;
mod cursor;
mod deliver;
mod edits;
mod files;
mod outputs;
mod reader;
mod render;
mod start;
mod write;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::SelectAll;
use shanty_core::ask::Snapshot;
use shanty_core::ids::{AgentId, RunId};
use shanty_core::outbox::{Lane, Outbox};
use shanty_core::run::Execution;
use shanty_core::thread::{Block, CARDS_MAX, CardAt, Thread};
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;

use super::Edge;
use super::requests::File;
use crate::clock::now_ms;
use crate::store::{StoreError, Stored};
use card::Stopped;
use cursor::Cursor;
use reader::{Reader, Then};
use render::By;
use write::{Completed, Write};

pub(super) use callback::{Callbacks, NotPosted, Posted};
pub(super) use deliver::{Delivered, deliver_all, deliver_one, read_one};
pub(super) use edits::ByToken;
pub(super) use reader::FilesError;
pub(super) use start::publishers;
pub(super) use write::again_ms;

/// Whether this process is the first to show a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beginning {
    /// It was accepted, and nobody has begun to show it.
    Fresh,
    /// An earlier process began to show it.
    Resumed,
}

/// At least and at most between two layouts, milliseconds: nobody reads faster, and Discord takes no more.
const LAY_OUT_MS: (u64, u64) = (10, 50);

/// Between two layouts of a run on so many hosts, milliseconds: laying out takes longer with each host, and the first
/// line of one host shall not wait for that.
fn lay_out_every_ms(hosts: usize) -> u64 {
    let (least, most) = LAY_OUT_MS;
    u64::try_from(hosts).unwrap_or(most).clamp(least, most)
}

/// One run on its way into the channel.
struct Publisher {
    edge: Arc<Edge>,
    watch: watch::Receiver<Arc<Snapshot>>,
    run: RunId,
    beginning: Beginning,
    guild: Option<u64>,
    channel: u64,
    thread_id: Option<u64>,
    /// What edits the first card while it is young, unless an earlier process posted it.
    by_token: Option<ByToken>,
    thread: Thread,
    /// What is read of each host that the thread shows.
    readers: Vec<Reader>,
    /// Which of them is read next.
    turn: usize,
    /// The files, from when they are read until they are posted.
    files: Option<Vec<File>>,
    outbox: Outbox<Block>,
    /// Something changed since the last layout.
    dirty: bool,
    /// When the last layout was made.
    laid_out_ms: u64,
    /// How the run stood then.
    laid_out: Option<Arc<Snapshot>>,
}

impl Publisher {
    fn new(
        edge: Arc<Edge>,
        watch: watch::Receiver<Arc<Snapshot>>,
        cursor: Cursor,
        beginning: Beginning,
    ) -> Self {
        let snapshot = Arc::clone(&watch.borrow());
        let mut outbox = Outbox::new(snapshot.run.accepted_ms);
        // Nobody knows what a message showed last.
        for (block, message) in cursor.messages() {
            outbox.exists(block, message, None);
        }
        if beginning == Beginning::Resumed {
            cursor.maybe().for_each(|block| outbox.may_exist(block));
        }
        let mut thread = Thread::new(&snapshot.run, edge.style);
        thread.failed_at(cursor.failed_ms);
        let readers: Vec<Reader> = thread
            .agents()
            .map(|agent| Reader::new(&edge.output, cursor.run, agent))
            .collect();
        Self {
            edge,
            watch,
            run: cursor.run,
            beginning,
            guild: cursor.guild,
            channel: cursor.channel,
            thread_id: cursor.thread,
            by_token: None,
            thread,
            readers,
            turn: 0,
            files: None,
            outbox,
            dirty: true,
            laid_out_ms: 0,
            laid_out: None,
        }
    }

    /// Shows the run until people see its end; where that is, is kept meanwhile.
    async fn run(mut self) -> Result<(), StoreError> {
        if let Err(Stopped) = self.card().await {
            return Ok(());
        }
        if self.guild.is_none() {
            // It was asked for in no guild, and is shown with the operators: links to its thread name the guild.
            let shutdown = self.edge.shutdown.clone();
            self.guild = tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                guild = self.edge.ops_guild() => guild,
            };
        }
        let shown = self.show().await;
        // At shutdown the next process goes on.
        if !self.edge.shutdown.is_cancelled() {
            cursor::forget(&self.edge, &self.cursor()).await;
        }
        shown
    }

    /// Where it is shown.
    fn cursor(&self) -> Cursor {
        Cursor {
            run: self.run,
            guild: self.guild,
            channel: self.channel,
            message: self.outbox.message(Block::Card(0)),
            newer: (1..CARDS_MAX)
                .map(|number| self.outbox.message(Block::Card(number)))
                .collect(),
            failed_ms: self.thread.failed_ms(),
            thread: self.thread_id,
            pages: (0..)
                .map_while(|page| self.outbox.message(Block::Page(page)))
                .collect(),
            files: self.outbox.message(Block::Files),
        }
    }

    async fn show(&mut self) -> Result<(), StoreError> {
        let mut stored = self.stored().await?;
        let mut channel = Write::Idle;
        let mut thread = Write::Idle;
        let mut watching = true;
        let shutdown = self.edge.shutdown.clone();
        let mut kept = self.cursor();
        let every_ms = lay_out_every_ms(self.readers.len());
        loop {
            let now = now_ms();
            // How it stands may have changed before that is heard below, where any of several is heard first.
            self.dirty |= !self.is_laid_out();
            let next_ms = self.laid_out_ms.saturating_add(every_ms);
            if self.dirty && next_ms <= now {
                self.lay_out(now);
            }
            self.read_files().await?;
            let channel_next = self.acquire(Lane::Channel, &mut channel, now);
            let thread_next = self.acquire(Lane::Thread, &mut thread, now);
            if self.is_shown() && channel.is_idle() && thread.is_idle() {
                return Ok(());
            }
            if self.is_nowhere(now) {
                // The channel is gone, or closed to the bot, or every card was deleted.
                return Ok(());
            }
            let lay_out = self
                .dirty
                .then(|| self.laid_out_ms.saturating_add(every_ms));
            let wake = channel_next.into_iter().chain(thread_next).chain(lay_out);
            let wake = wake.min().map_or(Duration::from_secs(3_600), |at| {
                Duration::from_millis(at.saturating_sub(now).max(1))
            });
            let behind = self.readers.iter().any(Reader::is_behind);
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                changed = self.watch.changed(), if watching => {
                    watching = changed.is_ok();
                    self.dirty = true;
                }
                Some((agent, stored)) = stored.next() => self.grew(agent, stored),
                () = std::future::ready(()), if behind => self.read().await?,
                completed = channel.completed() => self.complete(Lane::Channel, &mut channel, completed),
                completed = thread.completed() => self.complete(Lane::Thread, &mut thread, completed),
                () = tokio::time::sleep(wake) => {}
            }
            let cursor = self.cursor();
            if cursor != kept {
                cursor.keep(&self.edge).await;
                kept = cursor;
            }
            if !watching && !self.snapshot().run.is_over() {
                // The hub has stopped: what is in flight completes, and nothing new is promised.
                return Ok(());
            }
        }
    }

    /// True when the last layout is of how the run stands now.
    fn is_laid_out(&self) -> bool {
        let now = self.watch.borrow();
        let laid_out = self.laid_out.as_ref();
        laid_out.is_some_and(|laid_out| Arc::ptr_eq(laid_out, &now))
    }

    /// True when people see the end of the run, or never will.
    fn is_shown(&self) -> bool {
        let complete = self.thread.is_complete(&self.snapshot().run);
        complete
            && self.is_laid_out()
            && !self.dirty
            && self.files.is_none()
            && self.outbox.settled()
    }

    /// True when there is nowhere to show anything.
    fn is_nowhere(&self, now_ms: u64) -> bool {
        let gone = |card: &CardAt| matches!(card, CardAt::Gone { .. });
        self.cards().iter().any(gone)
            && self
                .thread
                .is_nowhere(&self.status(&self.snapshot(), now_ms))
    }

    /// Lays out what people should see now, and tells the outbox.
    fn lay_out(&mut self, now_ms: u64) {
        self.dirty = false;
        self.laid_out_ms = now_ms;
        let snapshot = self.snapshot();
        self.laid_out = Some(Arc::clone(&snapshot));
        let status = self.status(&snapshot, now_ms);
        let has_card = self.has_card();
        for message in self.thread.lay_out(&status) {
            let ready = match message.block {
                Block::Card(_) | Block::NotStarted => true,
                Block::Page(_) | Block::Farewell => has_card,
                Block::Files => has_card && self.files.is_some(),
            };
            if ready {
                self.outbox
                    .want(message.block, message.digest, message.urgency);
            }
        }
        // What is not laid out cannot be rendered: it stays as it is.
        let pending = self.outbox.pending();
        let gone = pending.filter(|block| self.thread.message_of(*block).is_none());
        for block in gone.collect::<Vec<_>>() {
            self.outbox.leave(block);
        }
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.watch.borrow())
    }

    /// What is stored of each host, whenever it grows.
    async fn stored(
        &self,
    ) -> Result<
        SelectAll<impl futures_util::Stream<Item = (AgentId, Stored)> + Unpin + use<>>,
        StoreError,
    > {
        let mut all = SelectAll::new();
        for reader in &self.readers {
            let agent = reader.agent;
            let watch = self.edge.output.watch(reader.run, agent).await?;
            all.push(WatchStream::new(watch).map(move |stored| (agent, stored)));
        }
        Ok(all)
    }

    /// So much of a host is stored now.
    fn grew(&mut self, agent: AgentId, stored: Stored) {
        let reader = self.readers.iter_mut().find(|reader| reader.agent == agent);
        if let Some(reader) = reader {
            reader.stored(stored);
        }
    }

    /// Reads the next part of a host that is behind: each in its turn, or one that prints very much would silence the others.
    async fn read(&mut self) -> Result<(), StoreError> {
        let all = self.readers.len();
        let (before, after) = self.readers.split_at_mut(self.turn.min(all));
        let mut in_turn = after.iter_mut().chain(before).enumerate();
        let Some((at, reader)) = in_turn.find(|(_, reader)| reader.is_behind()) else {
            return Ok(());
        };
        self.turn = (self.turn + at + 1) % all.max(1);
        let snapshot = Arc::clone(&self.watch.borrow());
        let ended = snapshot
            .run
            .execution(reader.agent)
            .and_then(Execution::outcome);
        if let Some(outcome) = ended {
            reader.expect(outcome);
        }
        let part = reader.read().await?;
        self.dirty = true;
        for record in part.records {
            self.thread.feed(reader.agent, &record);
        }
        match part.then {
            Then::More => {}
            Then::End => self.thread.finish(reader.agent),
            Then::Missing(why) => {
                tracing::warn!(run.id = %self.run, agent.id = %reader.agent, "not all of an output is shown: {why}");
                self.thread.break_off(reader.agent, &why);
            }
        }
        Ok(())
    }

    /// Reads the files, once they are to be posted.
    async fn read_files(&mut self) -> Result<(), StoreError> {
        if self.outbox.is_settled(Block::Files) {
            self.files = None;
            return Ok(());
        }
        if self.files.is_some() || self.thread.message_of(Block::Files).is_none() {
            return Ok(());
        }
        let written = self.write_files().await;
        self.files = Some(match written {
            Ok(files) => files,
            Err(FilesError::Store(error)) => return Err(error),
            Err(FilesError::Write(error)) => {
                tracing::error!(run.id = %self.run, %error, "the files of a run cannot be written: its disk may be full");
                let why = "it cannot be attached: the controller could not write the file";
                self.thread.attached(Some(why.to_owned()));
                Vec::new()
            }
        });
        self.dirty = true;
        Ok(())
    }

    /// Writes the files of one host's output, or of all hosts.
    async fn write_files(&mut self) -> Result<Vec<File>, FilesError> {
        let run = Arc::clone(&self.snapshot().run);
        let dir = &self.edge.spool_dir;
        let [reader] = &self.readers[..] else {
            let zipped = files::zipped(&self.edge.output, &run, dir).await?;
            self.thread.attached(zipped.note);
            return Ok(zipped.files);
        };
        let agent = reader.agent;
        let parts = self.thread.files(agent, run.number);
        let (files, missing) = reader.files(&self.edge.output, parts, dir).await?;
        if let Some(why) = missing {
            self.thread.break_off(agent, &why);
        }
        Ok(files)
    }

    fn has_card(&self) -> bool {
        self.outbox.message(Block::Card(0)).is_some()
    }

    /// A lane has its permit, or its answer.
    fn complete(&mut self, lane: Lane, write: &mut Write, completed: Completed) {
        let now = now_ms();
        let before = (self.cards(), self.thread_id);
        match completed {
            // The newest state is rendered now, with the permit in hand.
            Completed::Permit(permit) => *write = self.send(lane, permit, now),
            Completed::Thread(result) => self.complete_thread(result, now),
            Completed::Message(block, digest, _, Ok(message)) => {
                self.outbox.written(block, digest, message, now);
            }
            // The bot's token does it next.
            Completed::Message(_, _, By::Token, Err(error)) if self.token_failed(&error) => {}
            Completed::Message(block, digest, _, Err(error)) => {
                self.fail(block, digest, &error, now);
            }
        }
        // Where the messages are stands on the cards, and the first message of a run comes before all others.
        self.dirty |= before != (self.cards(), self.thread_id);
    }
}

//! Shows one run: its card in the channel, its output in the thread, from the store, as fast as Discord allows and no faster.
//!
//! What people see is a function of (run, stored bytes, which messages exist). The outbox says which message to write next; each lane
//! has one write in flight, and takes its permit before it renders, so that what is sent is always the newest state.

mod cursor;
mod lane;
mod output;
mod render;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::SelectAll;
use shanty_core::ask::Snapshot;
use shanty_core::ids::RunId;
use shanty_core::limits;
use shanty_core::outbox::{Block, Lane, Outbox, Urgency};
use shanty_core::principal::Principal;
use shanty_core::run::Run;
use tokio::sync::{broadcast, watch};
use tokio_stream::wrappers::WatchStream;

use super::Edge;
use crate::clock::now_ms;
use crate::store::{StoreError, Stored};
use cursor::Cursor;
use lane::{Done, Flight};
use output::{HostOutput, Whole};

/// A run that took longer than this ends with a message that mentions who asked, milliseconds: edits notify nobody.
const FAREWELL_MS: u64 = 60_000;

pub(super) use render::card_digest;

/// Where a run is shown already.
#[derive(Clone, Copy, Debug)]
pub(super) struct Posted {
    /// The channel of the card.
    pub(super) channel: u64,
    /// The card and the digest of what it shows, once there is one.
    pub(super) card: Option<(u64, u64)>,
    /// The thread, when the card itself is in one.
    pub(super) thread: Option<u64>,
}

/// Starts to show a run.
pub(super) async fn start(edge: &Arc<Edge>, run: RunId, guild: Option<u64>, posted: Posted) {
    show(edge, run, |watch| {
        Publisher::new(Arc::clone(edge), watch, guild, posted)
    })
    .await;
}

/// Brings the cards to their end that an earlier process left.
pub(super) async fn resume(edge: Arc<Edge>) {
    for cursor in cursor::left(&edge).await {
        show(&edge, cursor.run, |watch| {
            Publisher::resumed(Arc::clone(&edge), watch, cursor)
        })
        .await;
    }
}

async fn show(
    edge: &Arc<Edge>,
    run: RunId,
    publisher: impl FnOnce(watch::Receiver<Arc<Snapshot>>) -> Publisher,
) {
    match edge.hub.watch(run).await {
        Ok(Some(watch)) => {
            let publisher = publisher(watch);
            edge.spawner.spawn(async move {
                if let Err(error) = publisher.run().await {
                    tracing::error!(run.id = %run, %error, "a run can no longer be shown: its output cannot be read");
                }
            });
        }
        Ok(None) => tracing::error!(run.id = %run, "a run cannot be shown: there is none"),
        Err(refusal) => tracing::error!(run.id = %run, "a run cannot be shown: {refusal}"),
    }
}

/// Shows the runs of the command line in the channel for operators, if there is one.
pub(super) async fn ops(edge: Arc<Edge>) -> anyhow::Result<()> {
    let mut begun = edge.hub.begun();
    loop {
        let (id, local) = tokio::select! {
            () = edge.shutdown.cancelled() => return Ok(()),
            begun = begun.recv() => match begun {
                Ok(begun) => begun,
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "too many runs at once: some are not shown in the channel for operators");
                    continue;
                }
                Err(broadcast::error::RecvError::Closed) => {
                    edge.shutdown.cancelled().await;
                    return Ok(());
                }
            },
        };
        if let (true, Some(channel)) = (local, edge.ops_channel) {
            let posted = Posted {
                channel,
                card: None,
                thread: None,
            };
            start(&edge, id, None, posted).await;
        }
    }
}

/// One run on its way into the channel.
struct Publisher {
    edge: Arc<Edge>,
    watch: watch::Receiver<Arc<Snapshot>>,
    guild: Option<u64>,
    channel: u64,
    thread: Option<u64>,
    /// Why there is no thread, said on the card.
    thread_failed: Option<String>,
    hosts: Vec<HostOutput>,
    /// An earlier process began to show it: only the card goes on.
    resumed: bool,
    /// What is attached next, and of which host: one at a time is in memory.
    whole: Option<(usize, Whole)>,
    outbox: Outbox,
}

impl Publisher {
    fn new(
        edge: Arc<Edge>,
        watch: watch::Receiver<Arc<Snapshot>>,
        guild: Option<u64>,
        posted: Posted,
    ) -> Self {
        let run = Arc::clone(&watch.borrow().run);
        let mut outbox = Outbox::new(run.accepted_ms);
        if let Some((message, digest)) = posted.card {
            outbox.exists(Block::Card, message, digest);
        }
        let hosts = run.spec.targets.iter().take(limits::THREAD_HOSTS_MAX);
        let hosts = hosts
            .map(|target| HostOutput::new(run.spec.id, target))
            .collect();
        Self {
            edge,
            watch,
            guild,
            channel: posted.channel,
            thread: posted.thread,
            thread_failed: None,
            hosts,
            resumed: false,
            whole: None,
            outbox,
        }
    }

    /// One that an earlier process began.
    fn resumed(edge: Arc<Edge>, watch: watch::Receiver<Arc<Snapshot>>, cursor: Cursor) -> Self {
        let posted = Posted {
            channel: cursor.channel,
            // Whatever it showed last differs from the digest of nothing.
            card: Some((cursor.message, 0)),
            thread: Some(cursor.thread),
        };
        let guild = (cursor.guild != 0).then_some(cursor.guild);
        let mut publisher = Self::new(edge, watch, guild, posted);
        publisher.resumed = true;
        // What had begun is not begun again; what still waits for its host has nothing in the thread, and gets its pages.
        let run = Arc::clone(&publisher.watch.borrow());
        let waits = |host: &HostOutput| {
            run.run
                .execution(host.agent)
                .is_some_and(|execution| execution.state() == "queued")
        };
        for host in &mut publisher.hosts {
            host.silent = !waits(host);
        }
        if publisher.hosts.iter().any(|host| !host.silent) && cursor.thread == cursor.message {
            // Maybe nobody has opened it yet.
            publisher.thread = None;
        }
        publisher
    }

    /// Shows the run until people see its end; the place of its card is kept meanwhile.
    async fn run(mut self) -> Result<(), StoreError> {
        let (edge, run) = (Arc::clone(&self.edge), self.snapshot().run.spec.id);
        // Beside one another: nobody waits for their first line because of a crash that may come.
        let kept = self.cursor();
        let keep = async {
            if let Some(cursor) = kept {
                cursor.keep(&edge).await;
            }
        };
        let ((), shown) = tokio::join!(keep, self.show());
        // At shutdown the next process goes on.
        if !edge.shutdown.is_cancelled() {
            cursor::forget(&edge, run).await;
        }
        shown
    }

    /// Where its card is, once there is one.
    fn cursor(&self) -> Option<Cursor> {
        let message = self.outbox.message(Block::Card)?;
        Some(Cursor {
            run: self.snapshot().run.spec.id,
            guild: self.guild.unwrap_or(0),
            channel: self.channel,
            message,
            thread: self.thread.unwrap_or(message),
        })
    }

    async fn show(&mut self) -> Result<(), StoreError> {
        let mut stored = self.stored().await?;
        let mut channel = Flight::Idle;
        let mut thread = Flight::Idle;
        let mut watching = true;
        let shutdown = self.edge.shutdown.clone();
        loop {
            self.fetch_whole().await?;
            self.want();
            let now = now_ms();
            let channel_next = self.board(Lane::Channel, &mut channel, now);
            let thread_next = self.board(Lane::Thread, &mut thread, now);
            let over = self.snapshot().run.is_over() && self.hosts.iter().all(HostOutput::is_done);
            let shown = over && self.whole.is_none() && self.outbox.settled();
            if shown && channel.is_idle() && thread.is_idle() {
                return Ok(());
            }
            if self.outbox.is_dead(Block::Card) {
                // The channel is gone, or closed to the bot: there is nowhere to show anything.
                return Ok(());
            }
            let wake = channel_next.into_iter().chain(thread_next).min();
            let wake = wake.map_or(Duration::from_secs(3_600), |at| {
                Duration::from_millis(at.saturating_sub(now).max(1))
            });
            let behind = self.hosts.iter().any(HostOutput::is_behind);
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                changed = self.watch.changed(), if watching => watching = changed.is_ok(),
                Some((host, stored)) = stored.next() => self.grew(host, stored),
                () = std::future::ready(()), if behind => self.read().await?,
                done = channel.land() => {
                    let posts = self.outbox.message(Block::Card).is_none();
                    self.landed(Lane::Channel, &mut channel, done);
                    if let (true, Some(cursor)) = (posts, self.cursor()) {
                        cursor.keep(&self.edge).await;
                    }
                }
                done = thread.land() => self.landed(Lane::Thread, &mut thread, done),
                () = tokio::time::sleep(wake) => {}
            }
            if !watching && !self.snapshot().run.is_over() {
                // The hub has stopped: what is on its way lands, and nothing new is promised.
                return Ok(());
            }
        }
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.watch.borrow())
    }

    /// What is stored of each host, whenever it grows.
    async fn stored(
        &self,
    ) -> Result<
        SelectAll<impl futures_util::Stream<Item = (usize, Stored)> + Unpin + use<>>,
        StoreError,
    > {
        let mut all = SelectAll::new();
        let heard = |(_, host): &(usize, &HostOutput)| !host.silent;
        for (index, host) in self.hosts.iter().enumerate().filter(heard) {
            let watch = self.edge.output.watch(host.run, host.agent).await?;
            all.push(WatchStream::new(watch).map(move |stored| (index, stored)));
        }
        Ok(all)
    }

    /// So much of a host is stored now.
    fn grew(&mut self, index: usize, stored: Stored) {
        if let Some(host) = self.hosts.get_mut(index) {
            host.grew(stored);
        }
    }

    /// Reads the next part of the first host that is behind.
    async fn read(&mut self) -> Result<(), StoreError> {
        match self.hosts.iter_mut().find(|host| host.is_behind()) {
            Some(host) => host.read(&self.edge.output).await,
            None => Ok(()),
        }
    }

    /// Reads what is attached next, when the one before is posted.
    async fn fetch_whole(&mut self) -> Result<(), StoreError> {
        if let Some((host, _)) = &self.whole {
            if !self.outbox.is_settled(Block::Whole(*host)) {
                return Ok(());
            }
            self.whole = None;
        }
        if self.thread_failed.is_some() {
            return Ok(());
        }
        let waits = |(index, host): &(usize, &HostOutput)| {
            host.is_done() && host.has_whole() && !self.outbox.is_settled(Block::Whole(*index))
        };
        if let Some((index, host)) = self.hosts.iter().enumerate().find(waits) {
            self.whole = Some((index, host.whole(&self.edge.output).await?));
        }
        Ok(())
    }

    /// Tells the outbox what people should see.
    fn want(&mut self) {
        let snapshot = self.snapshot();
        let run = &snapshot.run;
        for host in &mut self.hosts {
            host.look_at(run);
        }
        let urgent = run.is_over() || run.all_ended() || run.cancel.is_some();
        let urgency = if urgent {
            Urgency::Now
        } else {
            Urgency::Progress
        };
        // A short output is read in a moment and stands on the card: its end is not shown without it, to be shown again.
        if !self.hosts.iter().any(HostOutput::is_about_to_be_done) {
            let card = card_digest(&self.card(&snapshot));
            self.outbox.want(Block::Card, card, urgency);
        }
        if self.outbox.message(Block::Card).is_none() {
            return;
        }
        if self.thread_failed.is_none() {
            for (index, host) in self.hosts.iter_mut().enumerate() {
                for page in host.pages() {
                    self.outbox
                        .want(Block::Page(index, page.number), page.digest, page.urgency);
                }
                if self.whole.as_ref().is_some_and(|(of, _)| *of == index) {
                    self.outbox.want(Block::Whole(index), 1, Urgency::Now);
                }
            }
        }
        if run.is_over() && mention_of(run).is_some() {
            self.outbox.want(Block::Farewell, 1, Urgency::Now);
        }
    }

    /// A write has ended.
    fn landed(&mut self, lane: Lane, flight: &mut Flight, done: Done) {
        let now = now_ms();
        match done {
            // The newest state is rendered now, with the permit in hand.
            Done::Permit(permit) => *flight = self.take_off(lane, permit, now),
            Done::Thread(result) => self.thread_made(result),
            Done::Written(block, digest, Ok(message)) => {
                self.outbox.written(block, digest, message, now);
            }
            Done::Written(block, _, Err(error)) => self.failed(block, &error, now),
        }
    }
}

/// Who is mentioned at the end of a run, when it was long enough for people to have looked away.
fn mention_of(run: &Run) -> Option<u64> {
    let Principal::Discord(user) = run.spec.origin.principal() else {
        return None;
    };
    let shanty_core::run::Phase::Closed { at_ms } = run.phase else {
        return None;
    };
    (at_ms.saturating_sub(run.accepted_ms) > FAREWELL_MS).then_some(user)
}

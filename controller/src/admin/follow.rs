//! Streams the output of a run to the command line, from the store, as it is committed.

use std::sync::Arc;
use std::time::Duration;

use shanty_core::ask::Snapshot;
use shanty_core::ids::{AgentId, RunId, RunNumber};
use shanty_core::output::same_but::SameBut;
use shanty_core::refusal::{Code, Refusal};
use shanty_core::run::{Outcome, Run};
use shanty_core::spool::Record;
use shanty_core::text::{count, duration, size};
use shanty_proto::v1;
use shanty_proto::v1::{execution_info, run_info};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{compare, convert};
use crate::status::status;
use crate::store::{Deleted, Deletion, Output, Records, StoreError, Stored, Unreadable};
use crate::supervise::Spawner;

/// Events that wait for the command line.
const EVENTS_MAX: usize = 16;

/// What may be the beginning of a secret waits so long for the rest of it.
const HELD_BACK: Duration = Duration::from_millis(200);

const DAY_MS: u64 = 86_400_000;

type Tx<T> = mpsc::Sender<Result<T, Status>>;

/// What hosts of a run printed, one after another: all of them, or one.
pub(super) fn printed(
    spawner: &Spawner,
    output: Output,
    run: &Run,
    host: &str,
) -> Result<ReceiverStream<Result<v1::OutputChunk, Status>>, Status> {
    let mut of: Vec<_> = run
        .executions()
        .filter(|(_, execution)| host.is_empty() || execution.name.as_str() == host)
        .map(|(agent, execution)| Stands {
            agent,
            host: execution.name.to_string(),
            outcome: execution.outcome().cloned(),
        })
        .collect();
    if of.is_empty() {
        let number = run.number;
        let what = format!("Run {number} was not for that host.");
        let next = format!("`shanty runs show {}` names its hosts.", number.0);
        return Err(status(&Refusal::new(Code::NotFound, what, next)));
    }
    of.sort_by(|a, b| a.host.cmp(&b.host));
    Ok(stored(spawner, output, (run.spec.id, run.number), of))
}

/// What of a run is told.
pub(super) enum What {
    /// All that it prints, and how it stands.
    Everything,
    /// How it stands; at the end its hosts are in the groups of its card.
    Summary(SameBut),
}

/// Everything of a run from its beginning until it is over and all of it was sent.
pub(super) fn follow(
    spawner: &Spawner,
    output: Output,
    watch: watch::Receiver<Arc<Snapshot>>,
    what: What,
    shutdown: CancellationToken,
) -> ReceiverStream<Result<v1::FollowEvent, Status>> {
    let (tx, rx) = mpsc::channel(EVENTS_MAX);
    let readers = spawner.clone();
    spawner.spawn(async move {
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tx.closed() => {}
            () = follow_run(&readers, &output, watch, what, &tx) => {}
        }
    });
    ReceiverStream::new(rx)
}

async fn follow_run(
    spawner: &Spawner,
    output: &Output,
    mut watch: watch::Receiver<Arc<Snapshot>>,
    what: What,
    tx: &Tx<v1::FollowEvent>,
) {
    let run = watch.borrow_and_update().run.clone();
    let mut told = Summary::of(&run);
    let first = v1::follow_event::Kind::Run(convert::run(&run));
    if tx.send(Ok(event(first))).await.is_err() {
        return;
    }
    let (chunks_tx, mut chunks) = mpsc::channel(EVENTS_MAX);
    if matches!(what, What::Everything) {
        for (agent, execution) in run.executions() {
            let of = (run.spec.id, run.number, agent);
            let reader = SpoolReader::new(output, of, execution.name.to_string());
            let (watch, tx) = (watch.clone(), chunks_tx.clone());
            spawner.spawn(async move { reader.follow(watch, &tx).await });
        }
    }
    drop(chunks_tx);
    let mut over = run.is_over();
    let mut all_out = false;
    // Told last: one host's damaged output takes nothing from the others.
    let mut unreadable = None;
    while !(over && all_out) {
        let kind = tokio::select! {
            chunk = chunks.recv(), if !all_out => match chunk {
                Some(Ok(chunk)) => v1::follow_event::Kind::Output(chunk),
                Some(Err(status)) => {
                    unreadable.get_or_insert(status);
                    continue;
                }
                None => {
                    all_out = true;
                    continue;
                }
            },
            changed = watch.changed(), if !over => {
                let run = watch.borrow_and_update().run.clone();
                over = run.is_over() || changed.is_err();
                let summary = Summary::of(&run);
                if over || summary == told {
                    continue;
                }
                let change = summary.since(&told, &run);
                told = summary;
                v1::follow_event::Kind::Change(change)
            }
        };
        if tx.send(Ok(event(kind))).await.is_err() {
            return;
        }
    }
    let run = watch.borrow().run.clone();
    let mut last = convert::run(&run);
    if let What::Summary(same_but) = what {
        let groups = compare::groups(output, &run, same_but).await;
        last.groups = groups.iter().map(convert::end_group).collect();
    }
    let last = v1::follow_event::Kind::Run(last);
    tx.send(Ok(event(last))).await.ok(); // it left
    if let Some(status) = unreadable {
        tx.send(Err(status)).await.ok(); // it left
    }
}

const fn event(kind: v1::follow_event::Kind) -> v1::FollowEvent {
    v1::FollowEvent { kind: Some(kind) }
}

/// What of a run is worth telling when it changes.
#[derive(PartialEq, Eq)]
struct Summary {
    run: run_info::State,
    /// A run in waves starts on no further host.
    rests: bool,
    /// Where each execution stands, and whether its host has a link.
    executions: Vec<(execution_info::State, bool)>,
}

impl Summary {
    fn of(run: &Run) -> Self {
        let executions = run.executions().map(|(_, execution)| {
            let state = convert::execution_state(&execution.progress);
            (state, execution.online)
        });
        Self {
            run: convert::run_state(run),
            rests: run.rests(),
            executions: executions.collect(),
        }
    }

    fn since(&self, before: &Self, run: &Run) -> v1::RunChange {
        let stands = self.executions.iter().zip(&before.executions);
        let changed = run.executions().zip(stands);
        let changed = changed.filter(|(_, (now, before))| now != before);
        v1::RunChange {
            state: self.run.into(),
            executions: changed
                .map(|((agent, execution), _)| convert::execution(run, agent, execution))
                .collect(),
        }
    }
}

/// An execution whose output is asked for.
pub(super) struct Stands {
    /// The host.
    pub(super) agent: AgentId,
    /// Its name.
    pub(super) host: String,
    /// How it ended, if it has.
    pub(super) outcome: Option<Outcome>,
}

/// All that is stored of some executions, one after the other, and at the end why something of it cannot be read.
pub(super) fn stored(
    spawner: &Spawner,
    output: Output,
    (run, number): (RunId, RunNumber),
    of: Vec<Stands>,
) -> ReceiverStream<Result<v1::OutputChunk, Status>> {
    let (tx, rx) = mpsc::channel(EVENTS_MAX);
    spawner.spawn(async move {
        let mut unreadable = None;
        for Stands {
            agent,
            host,
            outcome,
        } in of
        {
            let mut reader = SpoolReader::new(&output, (run, number, agent), host);
            if let Some(outcome) = &outcome {
                reader.records.expect(outcome);
            }
            match reader.send_stored(&tx).await {
                Ok(true) => reader.send_rest(&tx).await,
                Ok(false) => return,
                Err(error) => drop(unreadable.get_or_insert(reader.unreadable(error))),
            }
        }
        if let Some(status) = unreadable {
            tx.send(Err(status)).await.ok(); // it left
        }
    });
    ReceiverStream::new(rx)
}

/// Reads the output of one execution in order.
struct SpoolReader {
    output: Output,
    run: RunId,
    number: RunNumber,
    agent: AgentId,
    host: String,
    records: Records,
    /// The end of the last record that was sent.
    offset: u64,
}

impl SpoolReader {
    fn new(
        output: &Output,
        (run, number, agent): (RunId, RunNumber, AgentId),
        host: String,
    ) -> Self {
        Self {
            output: output.clone(),
            run,
            number,
            agent,
            host,
            records: output.records(run, agent, 0),
            offset: 0,
        }
    }

    /// Sends what is stored, and what will be, until the execution has ended, or why that cannot be read.
    async fn follow(mut self, run: watch::Receiver<Arc<Snapshot>>, tx: &Tx<v1::OutputChunk>) {
        if let Err(error) = self.send_all(run, tx).await {
            tx.send(Err(self.unreadable(error))).await.ok(); // it left
        }
    }

    async fn send_all(
        &mut self,
        mut run: watch::Receiver<Arc<Snapshot>>,
        tx: &Tx<v1::OutputChunk>,
    ) -> Result<(), StoreError> {
        let mut stored = self.output.watch(self.run, self.agent).await?;
        loop {
            // First the run, then what is stored: an end that is known has its output stored.
            let over = has_ended(&run, self.agent);
            if let Some(outcome) = outcome_of(&run, self.agent) {
                self.records.expect(&outcome);
            }
            let now: Stored = *stored.borrow_and_update();
            let ended = now.ended || over;
            if now.len > self.offset && !self.send_stored(tx).await? {
                return Ok(());
            }
            // What was stored by then was sent, but for a record that is not whole and never will be.
            if ended {
                // Whether that was all is said when there is no more.
                self.send_stored(tx).await?;
                self.send_rest(tx).await;
                return Ok(());
            }
            tokio::select! {
                // A question may end like a secret begins.
                () = tokio::time::sleep(HELD_BACK), if self.records.holds_back() => {
                    self.send_rest(tx).await;
                }
                changed = stored.changed() => if changed.is_err() { return Ok(()) },
                changed = run.changed() => if changed.is_err() {
                    // The run is over, or the controller stops: nothing more can come.
                    if let Some(outcome) = outcome_of(&run, self.agent) {
                        self.records.expect(&outcome);
                    }
                    self.send_stored(tx).await?;
                    self.send_rest(tx).await;
                    return Ok(());
                },
                () = tx.closed() => return Ok(()),
            }
        }
    }

    /// Sends everything that is stored from here; false when nobody listens any more.
    async fn send_stored(&mut self, tx: &Tx<v1::OutputChunk>) -> Result<bool, StoreError> {
        while let Some((record, end)) = self.records.next().await? {
            self.offset = end;
            let Some(chunk) = self.chunk(record) else {
                continue;
            };
            if tx.send(Ok(chunk)).await.is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Sends what was held back because it may be the beginning of a secret.
    async fn send_rest(&mut self, tx: &Tx<v1::OutputChunk>) {
        for (record, _) in self.records.rest() {
            if let Some(chunk) = self.chunk(record) {
                tx.send(Ok(chunk)).await.ok(); // it left
            }
        }
    }

    /// What whoever asked is told when not all can be read.
    fn unreadable(&self, error: StoreError) -> Status {
        let told = match error.unreadable() {
            // Nothing is wrong, so nothing is logged.
            Unreadable::Deleted(deleted) => return self.deleted(deleted),
            Unreadable::Corrupt(corrupt) => self.damaged(corrupt),
            Unreadable::Hole => self.damaged(&error),
            Unreadable::Unavailable => Status::unavailable("output cannot be read"),
        };
        tracing::error!(
            run.id = %self.run,
            agent.id = %self.agent,
            error = format!("{:#}", anyhow::Error::from(error)),
            "output cannot be read"
        );
        told
    }

    fn deleted(&self, deleted: Deleted) -> Status {
        let (number, host) = (self.number, &self.host);
        let after = match usize::try_from(deleted.after_ms / DAY_MS) {
            Ok(0) | Err(_) => duration(deleted.after_ms),
            Ok(days) => count(days, "day"),
        };
        let mut what = format!("The output of run {number} on {host} was deleted after {after}");
        if let Deletion::Size { bytes_max } = deleted.why {
            what += &format!(": all output together was over {}", size(bytes_max));
        }
        status(&Refusal::new(
            Code::Deleted,
            format!("{what}."),
            format!(
                "`shanty runs show {}` says how it ended; `[retention]` says how long output is kept.",
                number.0
            ),
        ))
    }

    fn damaged(&self, why: &dyn std::fmt::Display) -> Status {
        let (number, host) = (self.number, &self.host);
        status(&Refusal::new(
            Code::Damaged,
            format!("The stored output of run {number} on {host} is damaged: {why}."),
            "It is whole up to there; what follows may be in a backup of output.db.",
        ))
    }

    fn chunk(&self, record: Record) -> Option<v1::OutputChunk> {
        let (err, bytes, dropped) = match record {
            Record::Out { bytes, .. } => (false, bytes.to_vec(), 0),
            Record::Err { bytes, .. } => (true, bytes.to_vec(), 0),
            // What follows does not follow what came before, and whoever reads must know.
            Record::Truncated { dropped } => (false, Vec::new(), dropped),
            Record::Header(_) | Record::Exit(_) | Record::Unknown { .. } => return None,
        };
        Some(v1::OutputChunk {
            host: self.host.clone(),
            err,
            bytes,
            dropped,
        })
    }
}

fn outcome_of(run: &watch::Receiver<Arc<Snapshot>>, agent: AgentId) -> Option<Outcome> {
    let snapshot = run.borrow();
    let execution = snapshot.run.execution(agent)?;
    execution.outcome().cloned()
}

fn has_ended(run: &watch::Receiver<Arc<Snapshot>>, agent: AgentId) -> bool {
    let snapshot = run.borrow();
    snapshot.run.is_over()
        || snapshot
            .run
            .execution(agent)
            .is_none_or(|e| e.outcome().is_some())
}

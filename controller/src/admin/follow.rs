//! Streams the output of a run to the command line, from the store, as it is committed.

use std::sync::Arc;

use shanty_core::ask::Snapshot;
use shanty_core::ids::{AgentId, RunId};
use shanty_core::run::Run;
use shanty_core::spool::{Decoder, Record};
use shanty_proto::v1;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::convert;
use crate::store::{Output, StoreError, Stored};
use crate::supervise::Spawner;

/// Bytes read from the store at a time.
const READ_BYTES: usize = 256 * 1024;
/// Events that wait for the command line.
const EVENTS_MAX: usize = 16;

type Tx<T> = mpsc::Sender<Result<T, Status>>;

/// Everything of a run from its beginning until it is over and all of it was sent.
pub(super) fn follow(
    spawner: &Spawner,
    output: Output,
    watch: watch::Receiver<Arc<Snapshot>>,
    shutdown: CancellationToken,
) -> ReceiverStream<Result<v1::FollowEvent, Status>> {
    let (tx, rx) = mpsc::channel(EVENTS_MAX);
    let readers = spawner.clone();
    spawner.spawn(async move {
        let followed = tokio::select! {
            () = shutdown.cancelled() => return,
            () = tx.closed() => return,
            followed = follow_run(&readers, &output, watch, &tx) => followed,
        };
        if let Err(error) = followed {
            tracing::error!(%error, "output cannot be read");
            tx.send(Err(Status::unavailable("output cannot be read")))
                .await
                .ok(); // it left
        }
    });
    ReceiverStream::new(rx)
}

async fn follow_run(
    spawner: &Spawner,
    output: &Output,
    mut watch: watch::Receiver<Arc<Snapshot>>,
    tx: &Tx<v1::FollowEvent>,
) -> Result<(), StoreError> {
    let run = watch.borrow().run.clone();
    let (chunks_tx, mut chunks) = mpsc::channel(EVENTS_MAX);
    for (agent, execution) in run.executions() {
        let reader = Reader::new(
            output.clone(),
            run.spec.id,
            agent,
            execution.name.to_string(),
        );
        let (watch, tx) = (watch.clone(), chunks_tx.clone());
        spawner.spawn(async move {
            if let Err(error) = reader.follow(watch, &tx).await {
                tracing::error!(%error, "output cannot be read");
                tx.send(Err(Status::unavailable("output cannot be read")))
                    .await
                    .ok(); // it left
            }
        });
    }
    drop(chunks_tx);
    let mut shown = String::new();
    let mut over = false;
    loop {
        let event = tokio::select! {
            chunk = chunks.recv() => match chunk {
                Some(chunk) => chunk.map(v1::follow_event::Kind::Output),
                None if over => break,
                None => {
                    // All output is out; only the end is missing.
                    if watch.wait_for(|snapshot| snapshot.run.is_over()).await.is_err() {
                        break;
                    }
                    break;
                }
            },
            changed = watch.changed(), if !over => {
                let run = watch.borrow_and_update().run.clone();
                over = run.is_over() || changed.is_err();
                let look = look(&run);
                if look == shown || over {
                    continue;
                }
                shown = look;
                Ok(v1::follow_event::Kind::Run(convert::run(&run)))
            }
        };
        if tx
            .send(event.map(|kind| v1::FollowEvent { kind: Some(kind) }))
            .await
            .is_err()
        {
            return Ok(());
        }
    }
    let last = convert::run(&watch.borrow().run);
    let last = v1::FollowEvent {
        kind: Some(v1::follow_event::Kind::Run(last)),
    };
    tx.send(Ok(last)).await.ok(); // it left
    Ok(())
}

/// What makes a state worth telling.
fn look(run: &Run) -> String {
    let states = run
        .executions()
        .map(|(_, e)| format!("{}{}", e.state(), e.online));
    format!("{:?}{}", run.cancel.is_some(), states.collect::<String>())
}

/// All that is stored of some executions, one after the other.
pub(super) fn stored(
    spawner: &Spawner,
    output: Output,
    run: RunId,
    of: Vec<(AgentId, String)>,
) -> ReceiverStream<Result<v1::OutputChunk, Status>> {
    let (tx, rx) = mpsc::channel(EVENTS_MAX);
    spawner.spawn(async move {
        for (agent, host) in of {
            let mut reader = Reader::new(output.clone(), run, agent, host);
            if let Err(error) = reader.send_stored(&tx).await {
                tracing::error!(%error, "output cannot be read");
                tx.send(Err(Status::unavailable("output cannot be read")))
                    .await
                    .ok(); // it left
                return;
            }
        }
    });
    ReceiverStream::new(rx)
}

/// Reads the output of one execution in order.
struct Reader {
    output: Output,
    run: RunId,
    agent: AgentId,
    host: String,
    offset: u64,
    decoder: Decoder,
}

impl Reader {
    fn new(output: Output, run: RunId, agent: AgentId, host: String) -> Self {
        Self {
            output,
            run,
            agent,
            host,
            offset: 0,
            decoder: Decoder::new(),
        }
    }

    /// Sends what is stored, and what will be, until the execution has ended.
    async fn follow(
        mut self,
        mut run: watch::Receiver<Arc<Snapshot>>,
        tx: &Tx<v1::OutputChunk>,
    ) -> Result<(), StoreError> {
        let mut stored = self.output.watch(self.run, self.agent).await?;
        loop {
            // First the run, then what is stored: an end that is known has its output stored.
            let over = has_ended(&run, self.agent);
            let now: Stored = *stored.borrow_and_update();
            let ended = now.ended || over;
            if now.len > self.offset && !self.send_stored(tx).await? {
                return Ok(());
            }
            if ended && self.offset >= now.len {
                return Ok(());
            }
            tokio::select! {
                changed = stored.changed() => if changed.is_err() { return Ok(()) },
                changed = run.changed() => if changed.is_err() {
                    // The run is over, or the controller stops: nothing more can come.
                    self.send_stored(tx).await?;
                    return Ok(());
                },
                () = tx.closed() => return Ok(()),
            }
        }
    }

    /// Sends everything that is stored from here; false when nobody listens any more.
    async fn send_stored(&mut self, tx: &Tx<v1::OutputChunk>) -> Result<bool, StoreError> {
        loop {
            let bytes = self
                .output
                .read(self.run, self.agent, self.offset, READ_BYTES)
                .await?;
            if bytes.is_empty() {
                return Ok(true);
            }
            self.offset += bytes.len() as u64;
            self.decoder.push(&bytes);
            while let Ok(Some((record, _))) = self.decoder.next_record() {
                let Some(chunk) = self.chunk(record) else {
                    continue;
                };
                if tx.send(Ok(chunk)).await.is_err() {
                    return Ok(false);
                }
            }
        }
    }

    fn chunk(&self, record: Record) -> Option<v1::OutputChunk> {
        let (err, bytes) = match record {
            Record::Out { bytes, .. } => (false, bytes),
            Record::Err { bytes, .. } => (true, bytes),
            Record::Header(_)
            | Record::Truncated { .. }
            | Record::Exit(_)
            | Record::Unknown { .. } => {
                return None;
            }
        };
        Some(v1::OutputChunk {
            host: self.host.clone(),
            err,
            bytes: bytes.to_vec(),
        })
    }
}

fn has_ended(run: &watch::Receiver<Arc<Snapshot>>, agent: AgentId) -> bool {
    let snapshot = run.borrow();
    snapshot.run.is_over()
        || snapshot
            .run
            .execution(agent)
            .is_none_or(|e| e.outcome().is_some())
}

//! One link at work: orders go down, output goes to the store, acknowledgements go down when they are committed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use shanty_core::ids::{AgentId, RunId};
use shanty_core::limits;
use shanty_proto::convert::{facts_from_wire, metrics_from_wire, told_from_wire};
use shanty_proto::v1;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use crate::clock::now_ms;
use crate::hub::Handle;
use crate::store::{Appender, Output};

/// Between two rounds of acknowledgements, milliseconds: commits are grouped, and so are they.
const ACK_MS: u64 = 20;

/// Why a link ends.
#[derive(Debug)]
enum End {
    /// The agent left, or its network did.
    Left,
    /// The hub dropped it: replaced, removed, or it does not take what it is sent.
    Dropped,
    /// The process stops.
    Stopping,
    /// It broke a rule, or the store failed.
    Broken(String),
}

/// One link.
pub(super) struct Pump {
    agent: AgentId,
    id: u64,
    hub: Handle,
    appender: Appender,
    /// Runs whose output this agent may send.
    own: BTreeSet<RunId>,
    seen_ms: Arc<AtomicU64>,
}

type Wire = mpsc::Sender<Result<v1::Down, Status>>;

impl Pump {
    pub(super) fn new(
        agent: AgentId,
        id: u64,
        hub: Handle,
        output: &Output,
        seen_ms: Arc<AtomicU64>,
    ) -> Self {
        Self {
            agent,
            id,
            hub,
            appender: output.appender(agent),
            own: BTreeSet::new(),
            seen_ms,
        }
    }

    /// Pumps until the link ends, then tells the hub.
    pub(super) async fn run(
        mut self,
        mut up: Streaming<v1::Up>,
        mut orders: mpsc::Receiver<v1::Down>,
        wire: Wire,
        shutdown: CancellationToken,
    ) {
        let end = self.pump(&mut up, &mut orders, &wire, &shutdown).await;
        match &end {
            End::Broken(why) => {
                tracing::warn!(agent.id = %self.agent, link.id = self.id, "a link is closed: {why}");
                let refused = v1::Refused {
                    code: v1::RefusedCode::Protocol.into(),
                    text: why.clone(),
                };
                wire.try_send(Ok(down(v1::down::Kind::Refused(refused))))
                    .ok(); // it may not take it any more
            }
            End::Stopping => {
                let drain = v1::Drain { over_ms: 1_000 };
                wire.try_send(Ok(down(v1::down::Kind::Drain(drain)))).ok(); // it finds out by itself
            }
            End::Left | End::Dropped => {}
        }
        self.hub.link_down(self.agent, self.id).await;
    }

    async fn pump(
        &mut self,
        up: &mut Streaming<v1::Up>,
        orders: &mut mpsc::Receiver<v1::Down>,
        wire: &Wire,
        shutdown: &CancellationToken,
    ) -> End {
        let mut pings = tokio::time::interval(Duration::from_millis(limits::PING_MS));
        let mut rounds = tokio::time::interval(Duration::from_millis(ACK_MS));
        rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut acks_due = false;
        let silence = Duration::from_millis(limits::OFFLINE_MS);
        let mut deadline = tokio::time::Instant::now() + silence;
        loop {
            let said = tokio::select! {
                () = shutdown.cancelled() => return End::Stopping,
                order = orders.recv() => match order {
                    Some(order) => self.send(wire, order).await,
                    None => return End::Dropped,
                },
                message = up.next() => match message {
                    Some(Ok(message)) => {
                        self.seen_ms.store(now_ms(), Ordering::Relaxed);
                        deadline = tokio::time::Instant::now() + silence;
                        self.took(message).await
                    }
                    Some(Err(_)) | None => return End::Left,
                },
                () = self.appender.changed(), if !acks_due => {
                    acks_due = true;
                    Ok(())
                }
                _ = rounds.tick(), if acks_due => {
                    acks_due = false;
                    self.acknowledge(wire).await
                }
                _ = pings.tick() => self.send(wire, down(v1::down::Kind::Ping(v1::Ping { id: now_ms() }))).await,
                () = tokio::time::sleep_until(deadline) => return End::Left,
            };
            if let Err(why) = said {
                return End::Broken(why);
            }
        }
    }

    async fn took(&mut self, message: v1::Up) -> Result<(), String> {
        use v1::up::Kind;
        match message.kind {
            Some(Kind::Output(output)) => {
                if output.bytes.len() > limits::CHUNK_BYTES_MAX {
                    return Err("a slice of output is too long".to_owned());
                }
                let run = parse(&output.run)?;
                if !self.own.contains(&run) {
                    let is_target = self.hub.is_target(self.agent, run).await;
                    if !is_target.map_err(|refusal| refusal.what)? {
                        return Err("output of a run that is not its own".to_owned());
                    }
                    self.own.insert(run);
                }
                let bytes = Bytes::from(output.bytes);
                let taken = self.appender.append(run, output.offset, bytes).await;
                taken.map_err(|error| error.to_string())
            }
            Some(Kind::State(state)) => {
                let told = told_from_wire(&state).map_err(|error| error.to_string())?;
                self.hub
                    .told(self.agent, parse(&state.run)?, told, state.spool_full)
                    .await;
                Ok(())
            }
            Some(Kind::Facts(facts)) => {
                self.hub.facts(self.agent, facts_from_wire(&facts)).await;
                Ok(())
            }
            Some(Kind::Metrics(metrics)) => {
                self.hub
                    .metrics(self.agent, metrics_from_wire(&metrics))
                    .await;
                Ok(())
            }
            Some(Kind::Hello(_)) => Err("a second Hello".to_owned()),
            // A kind of a newer agent is passed over.
            Some(Kind::Pong(_)) | None => Ok(()),
        }
    }

    /// Says what is new since the last round.
    async fn acknowledge(&self, wire: &Wire) -> Result<(), String> {
        let acks = self.appender.take();
        for (run, offset) in acks.acked {
            let ack = v1::Ack {
                run: run.to_string(),
                offset,
            };
            self.send(wire, down(v1::down::Kind::Ack(ack))).await?;
        }
        for (run, from) in acks.resume {
            let resume = v1::Resume {
                run: run.to_string(),
                from,
            };
            self.send(wire, down(v1::down::Kind::Resume(resume)))
                .await?;
        }
        acks.close.map_or(Ok(()), Err)
    }

    /// Hands a message to the network; one that takes nothing for half a minute is dead.
    async fn send(&self, wire: &Wire, message: v1::Down) -> Result<(), String> {
        let within = Duration::from_secs(30);
        match tokio::time::timeout(within, wire.send(Ok(message))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err("the stream is closed".to_owned()),
            Err(_) => Err("the agent takes nothing".to_owned()),
        }
    }
}

fn parse(run: &str) -> Result<RunId, String> {
    run.parse().map_err(|_| "`run` is not an id".to_owned())
}

const fn down(kind: v1::down::Kind) -> v1::Down {
    v1::Down { kind: Some(kind) }
}

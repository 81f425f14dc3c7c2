//! One link at work: orders go down, output goes to the store, acknowledgements go down when they are committed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use shanty_core::hub::Standing;
use shanty_core::ids::{AgentId, RunId};
use shanty_core::limits;
use shanty_proto::convert::{facts_from_wire, metrics_from_wire, told_from_wire};
use shanty_proto::v1;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use super::budgets::Shared;
use super::renewal::{Turn, Turns};
use super::signer::Signer;
use crate::clock::{link_ms, now_ms};
use crate::hub::Handle;
use crate::log;
use crate::store::{Appender, Output};

/// Between two rounds of acknowledgements, milliseconds: commits are grouped, and so are they.
const ACK_MS: u64 = 20;

/// What was said to an agent that leaves goes out in this time.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Why a link ends.
#[derive(Debug)]
enum End {
    /// The agent left, or its network did.
    Left,
    /// The agent said its last, and hears what it was told by then.
    Leaving,
    /// The hub dropped it: replaced, removed, or it does not take what it is sent.
    Dropped,
    /// The process stops.
    Stopping,
    /// Its certificate has run out.
    Expired,
    /// It broke a rule, or the store failed.
    Broken(String),
}

/// One link.
pub(super) struct Pump {
    agent: AgentId,
    id: u64,
    hub: Handle,
    appender: Appender,
    /// Runs whose output this agent may send, until they are released.
    own: BTreeSet<RunId>,
    /// Runs that it holds something of and was not ordered here: that stays where it is.
    unknown: BTreeSet<RunId>,
    /// It is still naming what it holds.
    names: bool,
    seen_ms: Arc<AtomicU64>,
    /// When its certificate runs out.
    not_after: SystemTime,
    /// What it may send, and has sent, over all of its links.
    budget: Shared,
    /// What the hub asked last, to know whether the agent is there.
    probe: Option<u64>,
    /// When it is to renew its certificate before its time.
    turns: Turns,
    signer: Signer,
}

pub(super) type Wire = mpsc::Sender<Result<v1::Down, Status>>;

impl Pump {
    pub(super) fn new(
        (agent, id): (AgentId, u64),
        hub: Handle,
        (output, budget): (&Output, Shared),
        (unknown, names): (BTreeSet<RunId>, bool),
        (seen_ms, not_after): (Arc<AtomicU64>, SystemTime),
        turns: Turns,
        signer: Signer,
    ) -> Self {
        Self {
            agent,
            id,
            hub,
            appender: output.appender(agent),
            own: BTreeSet::new(),
            unknown,
            names,
            seen_ms,
            not_after,
            budget,
            probe: None,
            turns,
            signer,
        }
    }

    /// Pumps until the link ends, then tells the hub.
    pub(super) async fn run(
        mut self,
        mut up: Streaming<v1::Up>,
        mut orders: mpsc::Receiver<v1::Down>,
        wire: &Wire,
        shutdown: CancellationToken,
    ) {
        let end = self.pump(&mut up, &mut orders, wire, &shutdown).await;
        match &end {
            End::Broken(why) => self.refuse(wire, v1::RefusedCode::Protocol, why),
            End::Expired => {
                let why = "its certificate has run out";
                self.refuse(wire, v1::RefusedCode::Unspecified, why);
            }
            End::Stopping => {
                let drain = v1::Drain { over_ms: 1_000 };
                wire.try_send(Ok(down(v1::down::Kind::Drain(drain)))).ok(); // it finds out by itself
            }
            End::Left | End::Leaving | End::Dropped => {}
        }
        self.hub.link_down(self.agent, self.id).await;
        if matches!(end, End::Leaving) {
            self.say_the_rest(&mut orders, wire).await;
        }
    }

    /// What the hub said before it knew that the agent leaves: an order among it is not lost.
    async fn say_the_rest(&mut self, orders: &mut mpsc::Receiver<v1::Down>, wire: &Wire) {
        let rest = async {
            while let Some(order) = orders.recv().await {
                if self.tell(wire, order).await.is_err() {
                    return;
                }
            }
        };
        tokio::time::timeout(LAST_WORDS, rest).await.ok(); // it comes back, and says what it holds
    }

    fn refuse(&self, wire: &Wire, code: v1::RefusedCode, why: &str) {
        log::of(log::Peer::Agent(self.agent), || {
            tracing::warn!(agent.id = %self.agent, link.id = self.id, "a link is closed: {why}");
        });
        let refused = v1::Refused {
            code: code.into(),
            text: why.to_owned(),
        };
        wire.try_send(Ok(down(v1::down::Kind::Refused(refused))))
            .ok(); // it may not take it any more
    }

    async fn pump(
        &mut self,
        up: &mut Streaming<v1::Up>,
        orders: &mut mpsc::Receiver<v1::Down>,
        wire: &Wire,
        shutdown: &CancellationToken,
    ) -> End {
        // Not at once: the first that an agent hears is its welcome.
        let every = Duration::from_millis(limits::PING_MS);
        let mut pings = tokio::time::interval_at(tokio::time::Instant::now() + every, every);
        let mut rounds = tokio::time::interval(Duration::from_millis(ACK_MS));
        rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut acks_due = false;
        let silence = Duration::from_millis(limits::OFFLINE_MS);
        let mut deadline = tokio::time::Instant::now() + silence;
        let life = self.not_after.duration_since(SystemTime::now());
        let expires = tokio::time::Instant::now() + life.unwrap_or_default();
        loop {
            let wait_ms = self.budget.lock().wait_ms(link_ms());
            let said = tokio::select! {
                () = shutdown.cancelled() => return End::Stopping,
                order = orders.recv() => match order {
                    Some(order) => self.tell(wire, order).await,
                    None => return End::Dropped,
                },
                message = up.next(), if wait_ms == 0 => match message {
                    Some(Ok(message)) => {
                        self.seen_ms.store(now_ms(), Ordering::Relaxed);
                        deadline = tokio::time::Instant::now() + silence;
                        self.took(message, wire).await
                    }
                    Some(Err(_)) => return End::Left,
                    None => return End::Leaving,
                },
                () = self.appender.changed(), if !acks_due => {
                    acks_due = true;
                    Ok(())
                }
                _ = rounds.tick(), if acks_due => {
                    acks_due = false;
                    self.acknowledge(wire).await
                }
                () = tokio::time::sleep(Duration::from_millis(wait_ms)), if wait_ms > 0 => Ok(()),
                _ = pings.tick() => {
                    // The clock may have been set.
                    if SystemTime::now() >= self.not_after {
                        return End::Expired;
                    }
                    self.send(wire, down(v1::down::Kind::Ping(v1::Ping { id: now_ms() }))).await
                }
                turn = self.turns.next() => match turn {
                    Turn::Renew(renewal) => self.send(wire, down(v1::down::Kind::Renewal(renewal))).await,
                    Turn::Keys => self.tell_keys(wire).await,
                },
                () = tokio::time::sleep_until(deadline) => return End::Left,
                () = tokio::time::sleep_until(expires) => return End::Expired,
            };
            if let Err(why) = said {
                return End::Broken(why);
            }
        }
    }

    async fn took(&mut self, message: v1::Up, wire: &Wire) -> Result<(), String> {
        use v1::up::Kind;
        if !matches!(message.kind, Some(Kind::Output(_))) {
            // There is one: nothing is read while there is none.
            self.budget.lock().message(link_ms());
        }
        match message.kind {
            Some(Kind::Output(output)) => self.took_output(output, wire).await,
            Some(Kind::State(state)) => {
                let told = told_from_wire(&state).map_err(|error| error.to_string())?;
                let run = parse(&state.run)?;
                if self.names && self.is_unknown(run).await? {
                    self.unknown.insert(run);
                }
                self.hub.told(self.agent, run, told, state.spool_full).await;
                Ok(())
            }
            Some(Kind::HeldAll(_)) => {
                if std::mem::take(&mut self.names) {
                    self.hub.held_all(self.agent).await;
                }
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
            Some(Kind::OrderKeys(known)) => match self.signer.knows(known.ids) {
                true => self.tell_keys(wire).await,
                false => Ok(()),
            },
            Some(Kind::Pong(pong)) => {
                if self.probe.take_if(|probe| *probe == pong.id).is_some() {
                    self.hub.probed(self.agent, self.id).await;
                }
                Ok(())
            }
            // A kind of a newer agent is passed over.
            None => Ok(()),
        }
    }

    /// Whether the run is one that is not known here, or was for others.
    async fn is_unknown(&self, run: RunId) -> Result<bool, String> {
        let standing = self.hub.standing(self.agent, run).await;
        let standing = standing.map_err(|refusal| refusal.what)?;
        Ok(matches!(standing, Standing::Foreign | Standing::Unknown))
    }

    /// Output is stored while an order of this host is out, and at no other time.
    async fn took_output(&mut self, output: v1::Output, wire: &Wire) -> Result<(), String> {
        if output.bytes.len() > limits::CHUNK_BYTES_MAX {
            return Err("a slice of output is too long".to_owned());
        }
        if output.bytes.is_empty() {
            return Err("a slice of output is empty".to_owned());
        }
        let run = parse(&output.run)?;
        if self.unknown.contains(&run) {
            return self.pass_over(&output, wire).await;
        }
        let end = output.offset.saturating_add(output.bytes.len() as u64);
        if !self.own.contains(&run) {
            let standing = self.hub.standing(self.agent, run).await;
            match standing.map_err(|refusal| refusal.what)? {
                Standing::Ordered => {
                    self.own.insert(run);
                }
                // Nobody wants it: the agent need not keep it either.
                Standing::Over | Standing::NotOrdered => {
                    self.budget.lock().release(run);
                    let ack = v1::Ack {
                        run: run.to_string(),
                        offset: end,
                    };
                    return self.send(wire, down(v1::down::Kind::Ack(ack))).await;
                }
                Standing::Foreign | Standing::Unknown => {
                    return Err("output of a run that is not its own".to_owned());
                }
            }
        }
        if !self.budget.lock().send(run, end) {
            return Err("more output than a host may hold".to_owned());
        }
        let bytes = Bytes::from(output.bytes);
        let taken = self.appender.append(run, output.offset, bytes).await;
        taken.map_err(|error| error.to_string())
    }

    /// Passes on what the hub says.
    async fn tell(&mut self, wire: &Wire, mut message: v1::Down) -> Result<(), String> {
        match &message.kind {
            Some(v1::down::Kind::Ping(ping)) => self.probe = Some(ping.id),
            Some(v1::down::Kind::Release(release)) => {
                if let Ok(run) = parse(&release.run) {
                    self.own.remove(&run);
                    self.budget.lock().release(run);
                }
            }
            // The rest is the agent's business.
            _ => {}
        }
        self.signer.sign(&mut message);
        let welcome = matches!(message.kind, Some(v1::down::Kind::Welcome(_)));
        self.send(wire, message).await?;
        match welcome {
            true => self.tell_keys(wire).await,
            false => Ok(()),
        }
    }

    /// What the host knows of keys for orders, to the hub; and what it should know, to the host.
    async fn tell_keys(&self, wire: &Wire) -> Result<(), String> {
        if let Some(key) = self.signer.taken() {
            self.hub.order_key_taken(self.agent, key).await;
        }
        match self.signer.tells() {
            Some(keys) => self.send(wire, down(v1::down::Kind::OrderKeys(keys))).await,
            None => Ok(()),
        }
    }

    /// Drops a slice of what is not known here. The agent is told to go on, so that this holds up no other output; it keeps what it has until
    /// it is released.
    async fn pass_over(&self, output: &v1::Output, wire: &Wire) -> Result<(), String> {
        let ack = v1::Ack {
            run: output.run.clone(),
            offset: output.offset.saturating_add(output.bytes.len() as u64),
        };
        self.send(wire, down(v1::down::Kind::Ack(ack))).await
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

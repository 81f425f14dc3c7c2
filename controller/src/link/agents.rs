//! The link service: the first message, then the pump until the link ends.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime};

use shanty_certs::identity::PeerIdentity;
use shanty_certs::orders::OrderKeys;
use shanty_core::causes::chain;
use shanty_core::fleet::Instance;
use shanty_core::hub::{Presented, Standing};
use shanty_core::ids::{AgentId, RunId};
use shanty_core::limits;
use shanty_core::link::budget::messages_of_hello;
use shanty_core::refusal::Refusal;
use shanty_core::run::{Held, Told};
use shanty_proto::convert::told_from_wire;
use shanty_proto::v1;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::accept::Peer;
use super::budgets::{Budgets, Shared};
use super::connection::{Connection, Linked};
use super::pump::{Pump, Wire};
use super::renewal::{self, Turns};
use super::signer::Signer;
use crate::authority::Authority;
use crate::clock::{link_ms, now_ms};
use crate::hub::{Handle, Holder, Holds, NewLink};
use crate::log;
use crate::store::{InputReader, Inputs, Output};
use crate::supervise::Spawner;

/// Executions that one agent may name at once.
const EXECUTIONS_MAX: usize = 2_000;
/// Characters of the ids of a boot and of a start that are kept.
const ID_CHARS_MAX: usize = 64;
/// What the hub may send before an agent has taken it. Past it the link is closed.
const DOWN_MAX: usize = 1_024;
/// Slices of an input that wait for the network: a slow host holds up the reading, and no memory.
const SLICES_MAX: usize = 4;
/// Messages that wait for the network.
const WIRE_MAX: usize = 64;

/// The service on the link listener.
pub(super) struct Agents {
    pub(super) hub: Handle,
    pub(super) output: Output,
    pub(super) inputs: Inputs,
    pub(super) authority: Authority,
    pub(super) orders: Arc<OrderKeys>,
    pub(super) budgets: Budgets,
    pub(super) spawner: Spawner,
    pub(super) shutdown: CancellationToken,
    /// How long a certificate is good, milliseconds.
    pub(super) leaf_ms: u64,
}

type DownStream = Pin<Box<dyn Stream<Item = Result<v1::Down, Status>> + Send>>;

#[tonic::async_trait]
impl v1::agents_server::Agents for Agents {
    type LinkStream = DownStream;

    async fn link(
        &self,
        request: Request<Streaming<v1::Up>>,
    ) -> Result<Response<DownStream>, Status> {
        let peer = request.extensions().get::<Peer>().cloned();
        let identity = peer.as_ref().and_then(|peer| peer.identity.clone());
        let (Some(peer), Some(identity)) = (peer, identity) else {
            return Err(Status::unauthenticated("a client certificate is required"));
        };
        let agent = AgentId::from_bytes(identity.agent);
        if SystemTime::now() >= identity.not_after {
            return Err(Status::unauthenticated("the certificate has run out"));
        }
        let Some(linked) = peer.connection.link() else {
            return Err(Status::failed_precondition(
                "this connection has, or had, a link",
            ));
        };
        let mut up = request.into_inner();
        let hello = first(&mut up).await?;
        if hello.agent != agent.to_string() {
            of(
                agent,
                || tracing::warn!(agent.id = %agent, peer.address = %peer.from, "an agent said another id than its certificate"),
            );
            return Err(Status::permission_denied(
                "the first message names another agent than the certificate",
            ));
        }
        let named = named(&hello)?;
        let (wire, down) = mpsc::channel(WIRE_MAX);
        let arrival = Arrival {
            agent,
            certificate: renewal::presented(&identity, peer.leaf.clone()),
            renewal: renewal::of(
                &self.authority,
                &peer.leaf,
                identity.not_after,
                self.leaf_ms,
            ),
            turns: Turns::new(self.authority.clone(), peer.leaf.clone()),
            from: peer.from,
            not_after: identity.not_after,
            hello,
            named,
            orders: Arc::clone(&self.orders),
            budget: self.budgets.of(agent),
        };
        // In a task of its own: a peer that leaves now must not leave the hub with a link that nobody ends.
        let (hub, output, shutdown) =
            (self.hub.clone(), self.output.clone(), self.shutdown.clone());
        self.spawner.spawn(async move {
            if let Err(status) = arrival
                .serve(hub, output, up, &wire, (shutdown, &linked))
                .await
            {
                wire.send(Err(status)).await.ok(); // the peer left
            }
            drop(linked);
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(down))))
    }

    type FetchInputStream = Pin<Box<dyn Stream<Item = Result<v1::InputSlice, Status>> + Send>>;

    async fn fetch_input(
        &self,
        request: Request<v1::FetchInputRequest>,
    ) -> Result<Response<Self::FetchInputStream>, Status> {
        let peer = request.extensions().get::<Peer>();
        let identity = peer.and_then(|peer| peer.identity.clone());
        let connection = peer.map(|peer| Arc::clone(&peer.connection));
        let identity =
            identity.ok_or_else(|| Status::unauthenticated("a client certificate is required"))?;
        let agent = AgentId::from_bytes(identity.agent);
        let run: RunId = request
            .into_inner()
            .run
            .parse()
            .map_err(|_| Status::invalid_argument("`run` is not an id"))?;
        self.takes_call(connection, &identity)?;
        let input = self.hub.input_of(agent, run).await;
        let input = input.map_err(|refusal| Status::unavailable(refusal.what))?;
        let Some(input) = input else {
            of(
                agent,
                || tracing::warn!(agent.id = %agent, run.id = %run, "an agent asks for an input that is not its own"),
            );
            return Err(Status::not_found("there is no such input of its own"));
        };
        let reader = self.inputs.read(input.sha256).await.map_err(|error| {
            tracing::error!(run.id = %run, error = &error as &dyn std::error::Error, "what a command is given cannot be read");
            Status::unavailable("the controller cannot read it")
        })?;
        let Some(reader) = reader else {
            return Err(Status::not_found(
                "the controller does not keep it any more",
            ));
        };
        let (slices, out) = mpsc::channel(SLICES_MAX);
        self.spawner.spawn(send_slices(reader, slices));
        Ok(Response::new(Box::pin(ReceiverStream::new(out))))
    }

    async fn renew(
        &self,
        request: Request<v1::RenewRequest>,
    ) -> Result<Response<v1::RenewReply>, Status> {
        let peer = request.extensions().get::<Peer>().cloned();
        let identity = peer.as_ref().and_then(|peer| peer.identity.clone());
        let identity =
            identity.ok_or_else(|| Status::unauthenticated("a client certificate is required"))?;
        let (connection, leaf) = peer.map(|peer| (peer.connection, peer.leaf)).unzip();
        self.takes_call(connection, &identity)?;
        let holder = Holder {
            agent: AgentId::from_bytes(identity.agent),
            certificate: renewal::presented(&identity, leaf.unwrap_or_default()),
        };
        let reply = renewal::linked(&self.hub, holder, request.into_inner()).await?;
        Ok(Response::new(reply))
    }
}

impl Agents {
    /// Whether a call beside the link is taken: from whoever has that link, with a certificate that is good at this moment, and so many.
    fn takes_call(
        &self,
        connection: Option<Arc<Connection>>,
        identity: &PeerIdentity,
    ) -> Result<(), Status> {
        let connection = connection.ok_or_else(|| Status::unauthenticated("a link is required"))?;
        connection.takes_call()?;
        if SystemTime::now() >= identity.not_after {
            return Err(Status::unauthenticated("the certificate has run out"));
        }
        let budget = self.budgets.of(AgentId::from_bytes(identity.agent));
        match budget.lock().call(link_ms()) {
            true => Ok(()),
            false => Err(Status::resource_exhausted("too many calls at once")),
        }
    }
}

async fn send_slices(
    mut reader: InputReader,
    slices: mpsc::Sender<Result<v1::InputSlice, Status>>,
) {
    loop {
        let next = match reader.next().await {
            Ok(Some(bytes)) => Ok(v1::InputSlice { bytes }),
            Ok(None) => return,
            Err(_) => Err(Status::unavailable("the controller cannot read it")),
        };
        let failed = next.is_err();
        if slices.send(next).await.is_err() || failed {
            return;
        }
    }
}

/// An agent that has said its first message.
struct Arrival {
    agent: AgentId,
    certificate: Presented,
    renewal: v1::Renewal,
    turns: Turns,
    from: SocketAddr,
    not_after: SystemTime,
    hello: v1::Hello,
    named: Vec<Named>,
    orders: Arc<OrderKeys>,
    budget: Shared,
}

/// An execution as the first message names it.
struct Named {
    run: RunId,
    told: Told,
    spool_len: u64,
}

impl Arrival {
    /// Serves the link to its end. Before the hub has admitted it, nothing that the agent says costs more than its reading.
    async fn serve(
        self,
        hub: Handle,
        output: Output,
        up: Streaming<v1::Up>,
        wire: &Wire,
        (shutdown, linked): (CancellationToken, &Linked),
    ) -> Result<(), Status> {
        let instance = Instance {
            boot_id: self.hello.boot_id.chars().take(ID_CHARS_MAX).collect(),
            drawn: self.hello.instance.chars().take(ID_CHARS_MAX).collect(),
        };
        let holder = Holder {
            agent: self.agent,
            certificate: self.certificate.clone(),
        };
        if let Err(refused) = hub.link_wanted(holder.clone(), instance.clone()).await {
            self.refuse(wire, refused).await;
            return Ok(());
        }
        self.in_turn().await;
        let (executions, unknown) = self.holds(&hub, &output).await?;
        let (tx, orders) = mpsc::channel(DOWN_MAX);
        let seen_ms = Arc::new(AtomicU64::new(now_ms()));
        let link = NewLink {
            holder,
            renewal: self.renewal,
            instance,
            version: self.hello.version.clone(),
            takes_input: self.hello.takes_input,
            takes_upkeep: self.hello.takes_upkeep,
            executions,
            unknown: unknown.clone(),
            more: self.hello.more,
            tx,
            seen_ms: Arc::clone(&seen_ms),
        };
        match hub.link_up(link).await {
            Ok(id) => {
                linked.admit();
                let names = self.hello.more;
                let pump = Pump::new(
                    (self.agent, id),
                    hub,
                    (&output, self.budget),
                    (unknown, names),
                    (seen_ms, self.not_after),
                    self.turns,
                    Signer::new(
                        Arc::clone(&self.orders),
                        self.agent,
                        self.hello.nonce,
                        self.hello.order_keys,
                    ),
                );
                pump.run(up, orders, wire, shutdown).await;
            }
            Err(refused) => self.refuse(wire, refused).await,
        }
        Ok(())
    }

    /// What the first message costs is taken of what the host may say: who comes again and again with all that it holds waits.
    async fn in_turn(&self) {
        for _ in 0..messages_of_hello(self.named.len()) {
            while !self.budget.lock().message(link_ms()) {
                let wait_ms = self.budget.lock().wait_ms(link_ms());
                tokio::time::sleep(Duration::from_millis(wait_ms)).await;
            }
        }
    }

    async fn refuse(&self, wire: &Wire, refused: v1::Refused) {
        of(
            self.agent,
            || tracing::warn!(agent.id = %self.agent, peer.address = %self.from, "an agent gets no link: {}", refused.text),
        );
        let refused = v1::Down {
            kind: Some(v1::down::Kind::Refused(refused)),
        };
        wire.send(Ok(refused)).await.ok(); // the peer left
    }

    /// What the agent holds, and how much of it is committed here; and the runs of what is not known here, because the journal is older, or
    /// the host joined anew.
    async fn holds(
        &self,
        hub: &Handle,
        output: &Output,
    ) -> Result<(Vec<Holds>, BTreeSet<RunId>), Status> {
        let stopping = |refusal: Refusal| Status::unavailable(refusal.what);
        let (mut executions, mut unknown) = (Vec::new(), BTreeSet::new());
        for named in &self.named {
            let (agent, run) = (self.agent, named.run);
            let standing = hub.standing(agent, run).await.map_err(stopping)?;
            match standing {
                Standing::Ordered => executions.push(self.held(output, named).await?),
                // The host is told to let go of it, and need send nothing of it.
                Standing::Over => executions.push(Holds {
                    run,
                    held: Held {
                        told: named.told.clone(),
                        complete: false,
                        short: false,
                    },
                    stored: named.spool_len,
                }),
                Standing::Foreign | Standing::Unknown => {
                    unknown.insert(run);
                }
                Standing::NotOrdered => {
                    of(
                        agent,
                        || tracing::warn!(agent.id = %agent, run.id = %run, "an agent holds an execution that it was not ordered here"),
                    );
                }
            }
        }
        let stored = executions.iter().map(|holds| (holds.run, holds.stored));
        self.budget.lock().holds(&stored.collect(), link_ms());
        if !unknown.is_empty() {
            of(
                self.agent,
                || tracing::warn!(agent.id = %self.agent, executions = unknown.len(), "an agent holds executions of runs that are not known here: what they print stays there until somebody gives it up"),
            );
        }
        Ok((executions, unknown))
    }

    async fn held(&self, output: &Output, named: &Named) -> Result<Holds, Status> {
        // What is on its way to be committed is sent again, and dropped.
        let committed = output.committed(named.run, self.agent).await;
        let (stored, complete) = committed.map_err(|error| {
            tracing::error!(
                error = chain(&error),
                "the output of an execution cannot be read"
            );
            Status::unavailable("the store cannot be read")
        })?;
        let short = named.told == Told::Ended && !complete && named.spool_len < stored;
        Ok(Holds {
            run: named.run,
            held: Held {
                told: named.told.clone(),
                complete,
                short,
            },
            stored,
        })
    }
}

/// The executions that the first message names: each once.
fn named(hello: &v1::Hello) -> Result<Vec<Named>, Status> {
    if hello.executions.len() > EXECUTIONS_MAX {
        return Err(Status::invalid_argument("too many executions in Hello"));
    }
    let mut runs = BTreeSet::new();
    let mut named = Vec::new();
    for state in &hello.executions {
        let run: RunId = state
            .run
            .parse()
            .map_err(|_| Status::invalid_argument("`run` is not an id"))?;
        if !runs.insert(run) {
            return Err(Status::invalid_argument("Hello names a run twice"));
        }
        let told =
            told_from_wire(state).map_err(|error| Status::invalid_argument(error.to_string()))?;
        named.push(Named {
            run,
            told,
            spool_len: state.spool_len,
        });
    }
    Ok(named)
}

/// A line about an agent.
fn of(agent: AgentId, write: impl FnOnce()) {
    log::of(log::Peer::Agent(agent), write);
}

async fn first(up: &mut Streaming<v1::Up>) -> Result<v1::Hello, Status> {
    let within = Duration::from_millis(limits::HANDSHAKE_MS_MAX);
    let message = tokio::time::timeout(within, up.next())
        .await
        .map_err(|_| Status::deadline_exceeded("the first message did not come"))?;
    match message {
        Some(Ok(v1::Up {
            kind: Some(v1::up::Kind::Hello(hello)),
        })) => Ok(hello),
        Some(Ok(_)) => Err(Status::failed_precondition(
            "the first message must be Hello",
        )),
        Some(Err(status)) => Err(status),
        None => Err(Status::cancelled("the stream ended before Hello")),
    }
}

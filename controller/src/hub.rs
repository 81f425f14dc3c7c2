//! The hub: one task that owns the fleet, asks admission, and makes every decision record.
//!
//! Edges ask through a [`Handle`]. The hub never awaits anybody: records that it appends come back as events, links are told with
//! `try_send`. Output never passes through here. Its memory is the fold of the journal, plus who is connected.

mod ask;
mod decide;
mod enrol;
mod fleet;
mod handle;
mod inventory;
pub mod last_seen;
mod request;
mod runs;
mod token;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use shanty_certs::ca::Ca;
use shanty_certs::revocation::Revoked;
use shanty_core::admission::{Context, Seen};
use shanty_core::ids::{AgentId, HostName, Labels, RunId};
use shanty_core::journal::{Kind, Record, State};
use shanty_core::policy::Policy;
use shanty_core::refusal::{Code, Refusal};
use shanty_core::run::{Event, Phase};
use shanty_core::view;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::now_ms;
use crate::config::Limits;
use crate::store::{Journal, Output, StoreError};

pub use enrol::{JoinRequest, Joined};
pub use fleet::{Holds, LinkUp};
pub use handle::Handle;
pub use request::{Answered, HostsView, Request, SavedGroup, Snapshot, TokenRow, Which};

use request::{NewToken, Reply};

/// Requests that may wait for the hub. Edges wait when it is full; the hub never waits for an edge.
const REQUESTS_MAX: usize = 4_096;

/// Runs that began and are not heard of yet by the edge that shows them; past it some are not shown, and that is logged.
const BEGUN_MAX: usize = 1_024;

/// Events after which people see the newest states, however busy the hub is.
const PUBLISH_EVENTS: u32 = 64;

/// What the hub is made of.
pub struct Parts {
    /// The journal.
    pub journal: Journal,
    /// Output: only what has ended is heard of it.
    pub output: Output,
    /// Signs certificates of agents.
    pub ca: Arc<Ca>,
    /// Checked in every handshake.
    pub revoked: Revoked,
    /// The grants.
    pub policy: Policy,
    /// The guilds that are served.
    pub guilds: Vec<u64>,
    /// Limits of executions.
    pub limits: Limits,
}

/// The hub's memory.
pub struct Hub {
    parts: Parts,
    state: State,
    presence: HashMap<AgentId, fleet::Presence>,
    /// Records that are being committed, in order, and what happens then.
    pending: VecDeque<Pending>,
    /// Interactions for which something is being committed.
    interactions: HashSet<u64>,
    /// Joins wait here while one is being committed: a token's uses are counted one by one.
    joins: VecDeque<(JoinRequest, Reply<Joined>)>,
    snapshots: HashMap<RunId, watch::Sender<Arc<Snapshot>>>,
    begun: broadcast::Sender<(RunId, bool)>,
    /// Records that could not be written and must be: tried again with time.
    unwritten: Vec<(Kind, After)>,
    dirty: BTreeSet<RunId>,
    link_ids: u64,
    ticks: u32,
    last_seen: watch::Sender<last_seen::Note>,
}

struct Pending {
    answer: oneshot::Receiver<Result<(), StoreError>>,
    record: Record,
    after: After,
}

/// What happens when a record is committed, or could not be.
enum After {
    Nothing,
    Accepted(RunId, Reply<Answered>),
    Previewed(Box<view::Preview>, Reply<Answered>),
    Sent(RunId, AgentId),
    Hold(Reply<()>),
    Labelled(inventory::Labelling, Reply<Vec<(HostName, Labels)>>),
    Drained(bool, Vec<(AgentId, HostName)>, Reply<Vec<HostName>>),
    GroupSaved(SavedGroup, Reply<SavedGroup>),
    Go(RunId),
    Finished(RunId, AgentId),
    Reply(Reply<()>),
    Token(NewToken, Reply<NewToken>),
    Enrolled(Joined, Reply<Joined>),
    Revoked(AgentId, Reply<()>),
}

impl Hub {
    /// Folds the journal, says what an earlier process left unfinished, and gives the handle for edges.
    ///
    /// # Errors
    /// The journal or the output cannot be read: nothing may be decided without them.
    pub async fn open(parts: Parts) -> Result<(Self, Handle, mpsc::Receiver<Request>), StoreError> {
        let mut state = State::default();
        parts.journal.replay(|record| state.apply(&record))?;
        let revoked = state
            .hosts
            .iter()
            .filter(|(_, host)| host.revoked)
            .map(|(id, _)| *id.as_bytes());
        parts.revoked.replace(revoked);
        let (tx, rx) = mpsc::channel(REQUESTS_MAX);
        let begun = broadcast::Sender::new(BEGUN_MAX);
        let handle = Handle::new(tx, begun.clone());
        let mut hub = Self {
            state,
            presence: last_seen::load(&parts.journal)?,
            pending: VecDeque::new(),
            interactions: HashSet::new(),
            joins: VecDeque::new(),
            snapshots: HashMap::new(),
            begun,
            unwritten: Vec::new(),
            dirty: BTreeSet::new(),
            link_ids: 0,
            ticks: 0,
            last_seen: watch::Sender::default(),
            parts,
        };
        hub.recover().await?;
        hub.publish();
        Ok((hub, handle, rx))
    }

    /// Runs until shutdown, then until everything that was decided is committed.
    pub async fn run(mut self, mut requests: mpsc::Receiver<Request>, shutdown: CancellationToken) {
        let Some(mut exits) = self.parts.output.exits() else {
            return;
        };
        let mut ticks = tokio::time::interval(Duration::from_secs(5));
        let mut unpublished = 0;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                committed = next_committed(&mut self.pending) => self.committed(committed),
                Some((run, agent, outcome)) = exits.recv() => self.exited(run, agent, outcome),
                Some(request) = requests.recv() => self.handle(request),
                _ = ticks.tick() => self.tick(),
            }
            unpublished += 1;
            if (requests.is_empty() && exits.is_empty()) || unpublished >= PUBLISH_EVENTS {
                self.publish();
                unpublished = 0;
            }
        }
        while !self.pending.is_empty() {
            let committed = next_committed(&mut self.pending).await;
            self.committed(committed);
        }
        self.publish();
        self.note_seen();
    }

    /// Records something; `after` happens when it is committed.
    fn append(&mut self, kind: Kind, after: After) {
        let record = Record {
            at_ms: now_ms(),
            kind,
        };
        let place = record.kind.place();
        self.interactions
            .extend(place.map(|place| place.interaction));
        let answer = self.parts.journal.append(&record);
        self.pending.push_back(Pending {
            answer,
            record,
            after,
        });
    }

    /// Records several things in order, one at least; `after` happens when the last is committed.
    fn append_all(&mut self, mut kinds: Vec<Kind>, after: After) {
        let Some(last) = kinds.pop() else {
            return;
        };
        for kind in kinds {
            self.append(kind, After::Nothing);
        }
        self.append(last, after);
    }

    fn committed(&mut self, (committed, record, after): (bool, Record, After)) {
        if let Some(place) = record.kind.place() {
            self.interactions.remove(&place.interaction);
        }
        // A run that was given up meanwhile does not begin any more.
        let begins = matches!(&record.kind, Kind::Go(run) if self.is_accepted(*run));
        if committed {
            self.state.apply(&record);
            self.touch(&record.kind);
        }
        let result = if committed {
            Ok(())
        } else {
            Err(storage_refusal())
        };
        match after {
            After::Nothing => {
                if !committed && matches!(record.kind, Kind::Closed(_)) {
                    self.unwritten.push((record.kind, After::Nothing));
                }
            }
            After::Accepted(run, reply) => self.accepted(run, result, reply),
            After::Previewed(preview, reply) => {
                drop(reply.send(result.map(|()| Answered::Previewed(preview))));
            }
            After::Sent(run, agent) => {
                if committed {
                    let may_start = self.may_be_given(agent);
                    self.drive(run, Event::SentRecorded { agent, may_start });
                } else {
                    self.unwritten.push((record.kind, After::Sent(run, agent)));
                }
            }
            After::Hold(reply) => {
                if !self.state.hold {
                    self.hold_ended();
                }
                drop(reply.send(result));
            }
            After::Labelled(changed, reply) => self.labelled(changed, reply),
            After::Drained(drain, hosts, reply) => self.drained(drain, hosts, reply),
            After::GroupSaved(saved, reply) => drop(reply.send(result.map(|()| saved))),
            After::Go(run) => {
                if committed && begins {
                    self.begin(run);
                }
            }
            After::Finished(run, agent) => {
                if committed {
                    self.parts.output.forget(run, agent);
                    self.drive(run, Event::FinishedRecorded { agent });
                } else {
                    self.unwritten
                        .push((record.kind, After::Finished(run, agent)));
                }
            }
            After::Reply(reply) => drop(reply.send(result)),
            After::Token(token, reply) => drop(reply.send(result.map(|()| token))),
            After::Enrolled(joined, reply) => {
                drop(reply.send(result.map(|()| joined)));
                self.next_join();
            }
            After::Revoked(agent, reply) => {
                if committed {
                    self.cut_off(agent);
                    self.removed(agent);
                }
                drop(reply.send(result));
            }
        }
    }

    /// What decisions rest on, now.
    fn context<'a>(&'a self, seen: &'a dyn Fn(AgentId) -> Seen<'a>) -> Context<'a> {
        Context {
            state: &self.state,
            policy: &self.parts.policy,
            guilds: &self.parts.guilds,
            seen,
            // Agents are released with the controller.
            agent_version: env!("CARGO_PKG_VERSION"),
            seed: random(),
            confirm_hosts: self.parts.limits.confirm_hosts,
        }
    }

    fn seen(&self, agent: AgentId) -> Seen<'_> {
        let presence = self.presence.get(&agent);
        presence.map_or_else(Seen::default, fleet::Presence::seen)
    }

    fn is_accepted(&self, run: RunId) -> bool {
        self.state
            .runs
            .get(&run)
            .is_some_and(|run| run.phase == Phase::Accepted)
    }
}

/// The oldest record that is being committed, once it is, and whether it was. Never ends while there is none. Cancel-safe: a record
/// leaves the queue only when its answer is there.
async fn next_committed(pending: &mut VecDeque<Pending>) -> (bool, Record, After) {
    let Some(front) = pending.front_mut() else {
        return std::future::pending().await;
    };
    let committed = matches!((&mut front.answer).await, Ok(Ok(())));
    match pending.pop_front() {
        Some(Pending { record, after, .. }) => (committed, record, after),
        None => std::future::pending().await,
    }
}

/// Random bits: those of a new UUID.
fn random() -> u64 {
    uuid::Uuid::now_v7().as_u64_pair().1
}

fn storage_refusal() -> Refusal {
    Refusal::new(
        Code::Storage,
        "The journal could not be written. Nothing was done.",
        "Look at the controller's log and its disk.",
    )
}

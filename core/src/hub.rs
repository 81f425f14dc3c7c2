//! The hub: what is decided, in one place. Events go in, effects come out; time and chance are arguments.
//!
//! It appends records and moves on only when one comes back as [`Event::Recorded`], whoever appended it. What it knows is [`Known`]: the
//! fold of the journal, and who has a link. Questions are answered from a clone of that, beside the hub. Output never passes through here.

mod answered;
mod arrivals;
mod asked;
mod authority;
mod configured;
mod denials;
mod enrol;
mod known;
mod links;
mod recorded;
mod renew;
mod runs;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::admission::{Fresh, Settings};
use crate::ask::{Answer, Ask};
use crate::authority::{AuthorityChange, Key};
use crate::facts::{Facts, Metrics};
use crate::fleet::{Fleet, Instance};
use crate::ids::{AgentId, RunId};
use crate::journal::{Kind, Recalled, Record, State};
use crate::members::{Member, Members, Membership};
use crate::offer::Offer;
use crate::order::Order;
use crate::principal::{Actor, Asker};
use crate::refusal::Refusal;
use crate::run::{Outcome, Told};
use crate::time::Now;

use arrivals::Probe;
use recorded::{Pending, Reply};

pub use arrivals::{LinkRefusal, LinkUp};
pub use configured::Configured;
pub use enrol::{Join, Joined};
pub use known::{Known, Standing, Would};
pub use renew::{Presented, Renewal};

/// Something that happens.
#[derive(Debug)]
pub enum Event {
    /// Somebody asks for something that changes something.
    Asked {
        /// Where the answer goes.
        ticket: Ticket,
        /// Who.
        asker: Asker,
        /// What.
        ask: Ask,
        /// The past runs that it is about: see [`Known::recall`].
        recalled: Recalled,
        /// Drawn for it.
        fresh: Fresh,
    },
    /// Somebody was told that what they want to ask for would be refused: see [`Known::would`].
    Refused {
        /// Who.
        asker: Asker,
        /// What.
        ask: Ask,
        /// Why.
        refusal: Refusal,
    },
    /// The answer was taken where a run was asked for: it may begin.
    Taken {
        /// The run.
        run: RunId,
    },
    /// Nobody saw the answer: the run is given up.
    NotTaken {
        /// The run.
        run: RunId,
        /// Why, for people.
        reason: String,
    },
    /// A host wants to join.
    Joining {
        /// Where the answer goes.
        ticket: Ticket,
        /// What it sent.
        join: Join,
        /// Drawn for it.
        fresh: Fresh,
    },
    /// A host wants its next certificate.
    Renewing {
        /// Where the answer goes.
        ticket: Ticket,
        /// What it sent.
        renewal: Renewal,
    },
    /// A certificate was issued, or could not be.
    Issued {
        /// Of which join or renewal.
        ticket: Ticket,
        /// DER of the leaf.
        leaf: Option<Vec<u8>>,
    },
    /// Records are in the journal: own ones, with their append, or others'.
    Recorded {
        /// What the hub asked for; nothing for records of others.
        append: Option<AppendId>,
        /// The place of the first of them in the journal, where there is no gap. One that was taken already is not taken again.
        seq: u64,
        /// In their order.
        records: Arc<[Record]>,
    },
    /// Records could not be written. None of them is in the journal.
    NotRecorded {
        /// Which.
        append: AppendId,
        /// The disk is full.
        full: bool,
    },
    /// Whether the controller's disk is full from now on.
    Disk(bool),
    /// What is handed out to hosts from now on.
    Offered(Box<Offer>),
    /// A host wants a link. Before it may have one, nothing else that it says is looked at.
    LinkWanted {
        /// Where the answer goes.
        ticket: Ticket,
        /// By its certificate.
        agent: AgentId,
        /// That certificate.
        certificate: Presented,
        /// What it says it is.
        instance: Instance,
    },
    /// A host that was probed is there.
    Probed {
        /// The host.
        agent: AgentId,
        /// The link that was probed.
        link: u64,
    },
    /// A host has a link, and says what it holds.
    LinkUp(LinkUp),
    /// A link has ended.
    LinkDown {
        /// The host.
        agent: AgentId,
        /// The link.
        link: u64,
    },
    /// When something was last heard of hosts, milliseconds since the Unix epoch.
    Heard(Vec<(AgentId, u64)>),
    /// An agent says how an execution stands.
    Told {
        /// The host.
        agent: AgentId,
        /// The run.
        run: RunId,
        /// What it says.
        told: Told,
        /// The command waits because too much output is not stored.
        spool_full: bool,
    },
    /// An agent has named all that it holds, its first message and what followed taken together.
    HeldAll(AgentId),
    /// An agent tells facts.
    Facts {
        /// The host.
        agent: AgentId,
        /// What it tells.
        facts: Facts,
    },
    /// An agent tells metrics.
    Metrics {
        /// The host.
        agent: AgentId,
        /// What it tells.
        metrics: Metrics,
    },
    /// The last record of a spool is stored.
    Exit {
        /// The run.
        run: RunId,
        /// The host.
        agent: AgentId,
        /// What it says.
        outcome: Outcome,
    },
    /// Where somebody stands in their guild, as [`Effect::AskMember`] asked.
    MemberHeard {
        /// Who.
        member: Member,
        /// Nothing when it could not be asked.
        membership: Option<Membership>,
    },
    /// The configuration is another one.
    Configured(Ticket, Box<Configured>),
    /// Somebody takes a step of the authority.
    Authority(Ticket, Actor, Box<AuthorityChange>),
    /// The executor of a host says that it knows this key for orders.
    OrderKeyTaken(AgentId, Key),
    /// Time passed: every few seconds.
    Tick,
}

/// What must be done.
#[derive(Debug)]
#[must_use]
pub enum Effect {
    /// Append records, all or none, then report [`Event::Recorded`] or [`Event::NotRecorded`]. Appends are committed in their order.
    Append {
        /// Which.
        append: AppendId,
        /// In their order, one at least.
        records: Arc<[Record]>,
    },
    /// Say what became of what somebody asked.
    Answer {
        /// Where.
        ticket: Ticket,
        /// What.
        answer: Result<Answer, Refusal>,
    },
    /// Say what became of a join.
    Joined {
        /// Where.
        ticket: Ticket,
        /// What.
        joined: Result<Joined, Refusal>,
    },
    /// Say what became of a renewal.
    Renewed {
        /// Where.
        ticket: Ticket,
        /// DER of the leaf.
        renewed: Result<Vec<u8>, Refusal>,
    },
    /// Issue a certificate for a join or a renewal, then report [`Event::Issued`].
    IssueCertificate {
        /// Of which.
        ticket: Ticket,
        /// Whose it will be.
        agent: AgentId,
    },
    /// A host was removed: its certificate is good for nothing any more.
    RevokeCertificate(AgentId),
    /// Say whether a host may have a link.
    LinkAdmitted {
        /// Where.
        ticket: Ticket,
        /// What.
        admitted: Result<(), LinkRefusal>,
    },
    /// Ask the agent of a link whether it is there, then report [`Event::Probed`] if it answers.
    Probe {
        /// The host.
        agent: AgentId,
        /// The link.
        link: u64,
    },
    /// Tell a link that it is taken.
    Welcome {
        /// The host.
        agent: AgentId,
        /// The link.
        link: u64,
    },
    /// Tell a link why it is not taken or goes on no longer, and close it.
    CloseLink {
        /// The host.
        agent: AgentId,
        /// The link.
        link: u64,
        /// Why.
        why: LinkRefusal,
    },
    /// Send an order.
    Order(Order),
    /// Tell a host to stop an execution.
    Cancel {
        /// The host.
        agent: AgentId,
        /// The run.
        run: RunId,
        /// KILL now.
        force: bool,
    },
    /// A host may delete an execution.
    Release {
        /// The host.
        agent: AgentId,
        /// The run.
        run: RunId,
    },
    /// A run was accepted: from now on it is shown where it was asked for.
    Publish(RunId),
    /// The end of an execution is recorded: what is stored of it need not stay at hand.
    Settled {
        /// The run.
        run: RunId,
        /// The host.
        agent: AgentId,
    },
    /// Look whether the end of an execution is stored, and report [`Event::Exit`] when it is.
    FindExit {
        /// The run.
        run: RunId,
        /// The host.
        agent: AgentId,
    },
    /// Ask where somebody stands in their guild, and report [`Event::MemberHeard`], also when that cannot be asked.
    AskMember(Member),
    /// Something that an operator should read in the log.
    Warn(String),
    /// The same of what a host did, or somebody who wants to be one: they can do it often, and it is not read each time.
    WarnOf {
        /// The host; nothing of one that has not joined.
        agent: Option<AgentId>,
        /// What it did.
        what: String,
    },
}

/// Where an answer goes: drawn by whoever asks the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// One append.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppendId(u64);

/// The hub.
#[derive(Debug)]
pub struct Hub {
    known: Known,
    /// Records that are being committed, in order, with whoever waits for them.
    pending: BTreeMap<AppendId, Pending>,
    appends: u64,
    /// Joins are decided one after another: a token's uses are counted one by one.
    joins: VecDeque<enrol::QueuedJoin>,
    joining: Option<enrol::Joining>,
    /// Certificates that are being issued and recorded for hosts that have one.
    renewals: BTreeMap<Ticket, renew::Renewing>,
    /// What was heard of people whose runs start later than they asked.
    members: Members,
    /// Refusals that were recorded a moment ago.
    denials: denials::Denials,
    /// Interactions that changed nothing, so that no record holds them.
    answered: answered::Answered,
    /// Records that could not be written and must be: tried again with time.
    unwritten: Vec<(Actor, Kind)>,
    /// Hosts that are asked whether they are there, because another machine wants a link with their identity.
    probes: BTreeMap<AgentId, Probe>,
    /// Runs that look otherwise than when somebody last asked.
    changed: BTreeSet<RunId>,
}

impl Hub {
    /// A hub that knows what an earlier process left. [`Hub::recover`] comes next.
    #[must_use]
    pub fn new(state: State, fleet: Fleet, settings: Settings) -> Self {
        let settings = Arc::new(settings);
        Self {
            known: Known {
                disk_full: false,
                offer: Arc::default(),
                state,
                fleet,
                settings,
            },
            pending: BTreeMap::new(),
            appends: 0,
            joins: VecDeque::new(),
            joining: None,
            renewals: BTreeMap::new(),
            members: Members::default(),
            denials: denials::Denials::default(),
            answered: answered::Answered::default(),
            unwritten: Vec::new(),
            probes: BTreeMap::new(),
            changed: BTreeSet::new(),
        }
    }

    /// What it knows: a clone is cheap, and answers questions.
    #[must_use]
    pub const fn known(&self) -> &Known {
        &self.known
    }

    /// The runs that look otherwise than at the last call.
    pub fn take_changed(&mut self) -> BTreeSet<RunId> {
        std::mem::take(&mut self.changed)
    }

    /// Takes one event and says what must be done. Only calls.
    pub fn handle(&mut self, event: Event, now: Now, out: &mut Vec<Effect>) {
        match event {
            Event::Asked {
                ticket,
                asker,
                ask,
                recalled,
                fresh,
            } => self.asked(ticket, &asker, &ask, (fresh, &recalled), now, out),
            Event::Refused {
                asker,
                ask,
                refusal,
            } => self.denied(&asker, &ask, &refusal, now, out),
            Event::Taken { run } => self.taken(run, now, out),
            Event::NotTaken { run, reason } => self.expire(run, reason, now, out),
            Event::Joining {
                ticket,
                join,
                fresh,
            } => self.join(ticket, join, fresh, now, out),
            Event::Renewing { ticket, renewal } => self.renew(ticket, &renewal, now, out),
            Event::Issued { ticket, leaf } => self.issued(ticket, leaf, now, out),
            Event::Recorded {
                append,
                seq,
                records,
            } => self.recorded(append, seq, &records, now, out),
            Event::NotRecorded { append, full } => self.not_recorded(append, full, now, out),
            Event::Disk(full) => self.known.disk_full = full,
            Event::Offered(offer) => self.known.offer = Arc::from(offer),
            Event::LinkWanted {
                ticket,
                agent,
                certificate,
                instance,
            } => self.link_wanted(ticket, (agent, &certificate), &instance, now, out),
            Event::Probed { agent, link } => self.probed(agent, link, now, out),
            Event::LinkUp(link) => self.link_up(link, now, out),
            Event::LinkDown { agent, link } => self.link_down(agent, link, now, out),
            Event::Heard(heard) => self.heard(heard),
            Event::Told {
                agent,
                run,
                told,
                spool_full,
            } => self.told((run, agent), told, spool_full, now, out),
            Event::HeldAll(agent) => self.held_all(agent, now, out),
            Event::Facts { agent, facts } => self.facts(agent, facts),
            Event::Metrics { agent, metrics } => self.metrics(agent, metrics),
            Event::Exit {
                run,
                agent,
                outcome,
            } => self.drive(run, crate::run::Event::Exit { agent, outcome }, now, out),
            Event::MemberHeard { member, membership } => {
                self.heard_of(member, membership, now, out)
            }
            Event::Configured(ticket, to) => self.configured(ticket, *to, now, out),
            Event::Authority(ticket, by, to) => self.authority(ticket, &by, *to, now, out),
            Event::OrderKeyTaken(agent, key) => self.order_key_taken(agent, key, now, out),
            Event::Tick => self.tick(now, out),
        }
    }

    /// Appends records, one at least; `reply` is said when all of them are written.
    fn append(
        &mut self,
        actor: &Actor,
        kinds: impl IntoIterator<Item = Kind>,
        reply: Reply,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let record = |kind| Record {
            at_ms: now.wall_ms,
            actor: actor.clone(),
            kind,
        };
        let records: Arc<[Record]> = kinds.into_iter().map(record).collect();
        self.appends += 1;
        let append = AppendId(self.appends);
        let pending = Pending {
            records: Arc::clone(&records),
            reply,
        };
        self.pending.insert(append, pending);
        out.push(Effect::Append { append, records });
    }
}

#[cfg(test)]
mod tests;

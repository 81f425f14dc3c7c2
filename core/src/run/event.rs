//! What happens to a run, and what it asks for.

use std::collections::BTreeMap;

use crate::ids::AgentId;
use crate::time::LinkTime;

use super::launch::Gate;
use super::{CancelRequest, Outcome, Reason};

/// What an agent says of an execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Durable on the host, about to start or running.
    Running,
    /// Ended; the spool says how.
    Ended,
    /// It will not start.
    Refused(Reason),
}

/// An execution that a host holds when it comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// What the agent says of it.
    pub told: Told,
    /// Its last record is stored here.
    pub complete: bool,
    /// The host has ended it with less of its output than is stored here: it lost some in a crash.
    pub short: bool,
}

/// Something that happens to a run after `Go`.
#[derive(Clone, Debug)]
pub enum Event {
    /// `Go` is recorded: start on the hosts that can take an order.
    Begin {
        /// What keeps each host of the run; one that is not named is offline.
        gates: BTreeMap<AgentId, Gate>,
    },
    /// An earlier process of the controller left the run unfinished.
    Recovered,
    /// A host of the run has a link.
    LinkUp {
        /// The host.
        agent: AgentId,
        /// What its first message said of this run; nothing when it does not hold it.
        holds: Option<Held>,
        /// What keeps it from a new order.
        gate: Gate,
    },
    /// What keeps a host from a new order has changed, or that the order goes to it is recorded.
    GateChanged {
        /// The host.
        agent: AgentId,
        /// What keeps it now.
        gate: Gate,
    },
    /// What keeps hosts whose turn may have come, in their order.
    Looked(Vec<(AgentId, Gate)>),
    /// It is recorded that the run rests, or that it goes on.
    Steered,
    /// The link of a host ended.
    LinkDown {
        /// The host.
        agent: AgentId,
    },
    /// An agent says how its execution stands.
    Told {
        /// The host.
        agent: AgentId,
        /// What it says.
        told: Told,
    },
    /// The last record of a spool is stored.
    Exit {
        /// The host.
        agent: AgentId,
        /// What it says.
        outcome: Outcome,
    },
    /// `Finished` of a host is recorded.
    FinishedRecorded {
        /// The host.
        agent: AgentId,
    },
    /// Somebody wants it stopped.
    Cancel(CancelRequest),
    /// Time passed.
    Tick,
}

/// What must be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Effect {
    /// Send the order to the host.
    SendOrder {
        /// The host.
        agent: AgentId,
        /// It must have begun by then.
        not_after: LinkTime,
    },
    /// Tell the host to stop it.
    SendCancel {
        /// The host.
        agent: AgentId,
        /// KILL now.
        force: bool,
    },
    /// Record that the order goes to a host that was waited for, then report [`Event::GateChanged`].
    RecordSent(AgentId),
    /// See what keeps these hosts, whose turn may have come, then report [`Event::Looked`].
    Look(Vec<AgentId>),
    /// Record that the run rests after a wave, then report [`Event::Steered`].
    RecordPaused,
    /// Record that the host confirmed it.
    RecordStarted(AgentId),
    /// Record the outcome, then report [`Event::FinishedRecorded`].
    RecordFinished(AgentId, Outcome),
    /// Record that the run is over.
    RecordClosed,
    /// The host may delete it.
    Release(AgentId),
}

/// How hosts took a cancel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Told at once.
    pub told: Vec<AgentId>,
    /// Away: told when they return.
    pub away: Vec<AgentId>,
}

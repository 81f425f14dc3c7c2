//! One run: which hosts it is for, how each execution stands, and what must happen next.
//!
//! `apply` takes what the journal says happened; `handle` takes what happens now and asks for effects. An intent is recorded before
//! it is acted on, with one exception: a cancel acts first. Output bytes are never seen here.

mod compare;
mod machine;
mod outcome;

use std::collections::BTreeMap;

use crate::ids::{AgentId, HostName, RunId, RunNumber};
use crate::principal::{Place, Principal};

pub use machine::{Effect, Event, Held, Reach, Told};
pub use outcome::{How, Outcome, Reason};

/// What was accepted: fixed for the life of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Its id.
    pub id: RunId,
    /// Who asked.
    pub by: Principal,
    /// Where; nothing for the command line.
    pub place: Option<Place>,
    /// The selector as typed.
    pub selector: String,
    /// The text for `/bin/sh -c`.
    pub command: String,
    /// The user to run as; nothing means each agent's own.
    pub run_as: Option<String>,
    /// Zero means none.
    pub timeout_ms: u64,
    /// The frozen set, sorted by id.
    pub targets: Vec<Target>,
    /// SHA-256 over the sorted ids.
    pub digest: [u8; 32],
    /// The grant that allowed it; nothing for the command line.
    pub grant: Option<String>,
    /// What a `pick:` of the selector drew by; nothing without one.
    pub seed: Option<u64>,
    /// What becomes of hosts that cannot take the order.
    pub offline: Offline,
}

/// One host of the frozen set, as it was then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The host.
    pub agent: AgentId,
    /// Its name.
    pub name: HostName,
    /// Why it could take no order; nothing when it could.
    pub away: Option<Away>,
}

/// Why a host can take no order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Away {
    /// It had no link.
    Offline,
    /// Somebody asked it to take no new runs.
    Draining,
}

impl Away {
    /// As cards say it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Draining => "draining",
        }
    }
}

/// What becomes of hosts that cannot take the order when the run begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offline {
    /// They count as failed.
    Fail,
    /// Those that were away when the run was accepted are left out: they do not count.
    Skip,
    /// They wait this long, milliseconds, and start once when they can.
    Queue {
        /// From when the run was accepted.
        for_ms: u64,
    },
}

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Recorded; nothing runs before `Go`.
    Accepted,
    /// Given up before `Go`: nothing ran.
    Expired(String),
    /// Executions are under way.
    Running,
    /// Every execution has ended, and that is recorded.
    Closed {
        /// When, milliseconds since the Unix epoch.
        at_ms: u64,
    },
}

/// Who asked to stop it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelRequest {
    /// The person.
    pub by: Principal,
    /// KILL now.
    pub force: bool,
    /// When, milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// How far one execution is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The host has not confirmed it.
    Queued,
    /// Durable on the host, about to start or running.
    Running,
    /// Ended; the record is being written.
    Ending(Outcome),
    /// Ended, and that is recorded.
    Done(Outcome),
}

/// A run on one host.
#[derive(Clone, Debug)]
pub struct Execution {
    /// The host's name in this run.
    pub name: HostName,
    /// How far it is.
    pub progress: Progress,
    /// True while the host has a link.
    pub online: bool,
    /// True once a cancel was sent on a link.
    pub cancel_told: bool,
    /// Why it could take no order when the run was accepted.
    pub away: Option<Away>,
    /// It was left out because it was away: it does not count.
    pub skipped: bool,
    /// An order may have been sent to it, by this process or an earlier one.
    sent: bool,
    /// That it is sent is being recorded.
    sending: bool,
    /// When the host confirmed it, as recorded.
    started_ms: Option<u64>,
    /// When the order was sent, by the controller's clock; nothing in a run that an earlier process of the controller sent.
    order_sent_ms: Option<u64>,
}

impl Execution {
    /// True when an order was sent, and nothing is known of it yet.
    #[must_use]
    pub const fn order_on_its_way(&self) -> bool {
        self.order_sent_ms.is_some() && matches!(self.progress, Progress::Queued) && self.online
    }

    /// The outcome, once it is known.
    #[must_use]
    pub const fn outcome(&self) -> Option<&Outcome> {
        match &self.progress {
            Progress::Ending(outcome) | Progress::Done(outcome) => Some(outcome),
            Progress::Queued | Progress::Running => None,
        }
    }

    /// The state in DESIGN's words: `queued`, `running`, or how it ended.
    #[must_use]
    pub const fn state(&self) -> &'static str {
        match &self.progress {
            Progress::Queued => "queued",
            Progress::Running => "running",
            Progress::Ending(outcome) | Progress::Done(outcome) => outcome.how.state(),
        }
    }
}

/// A run and its executions.
#[derive(Clone, Debug)]
pub struct Run {
    /// As people see it.
    pub number: RunNumber,
    /// What was accepted.
    pub spec: Spec,
    /// When, milliseconds since the Unix epoch.
    pub accepted_ms: u64,
    /// Where it stands.
    pub phase: Phase,
    /// The latest request to stop it.
    pub cancel: Option<CancelRequest>,
    executions: BTreeMap<AgentId, Execution>,
    /// True once `Closed` was asked to be recorded.
    closing: bool,
}

impl Run {
    /// A run that was just accepted.
    #[must_use]
    pub fn new(number: RunNumber, spec: Spec, accepted_ms: u64) -> Self {
        let executions = spec
            .targets
            .iter()
            .map(|target| {
                let execution = Execution {
                    name: target.name.clone(),
                    progress: Progress::Queued,
                    online: false,
                    cancel_told: false,
                    away: target.away,
                    skipped: target.away.is_some() && spec.offline == Offline::Skip,
                    sent: false,
                    sending: false,
                    started_ms: None,
                    order_sent_ms: None,
                };
                (target.agent, execution)
            })
            .collect();
        Self {
            number,
            spec,
            accepted_ms,
            phase: Phase::Accepted,
            cancel: None,
            executions,
            closing: false,
        }
    }

    /// Executions by host id.
    pub fn executions(&self) -> impl Iterator<Item = (AgentId, &Execution)> {
        self.executions
            .iter()
            .map(|(agent, execution)| (*agent, execution))
    }

    /// The execution on one host.
    #[must_use]
    pub fn execution(&self, agent: AgentId) -> Option<&Execution> {
        self.executions.get(&agent)
    }

    /// Until when hosts that cannot take the order are waited for, milliseconds since the Unix epoch; nothing when they are not.
    #[must_use]
    pub const fn queued_until_ms(&self) -> Option<u64> {
        match self.spec.offline {
            Offline::Queue { for_ms } => Some(self.accepted_ms.saturating_add(for_ms)),
            Offline::Fail | Offline::Skip => None,
        }
    }

    /// True while all that has not ended waits for hosts that cannot take it yet.
    #[must_use]
    pub fn only_waits(&self) -> bool {
        let waits = |execution: &Execution| {
            execution.progress == Progress::Queued && !execution.order_on_its_way()
        };
        let open = |execution: &&Execution| execution.outcome().is_none();
        self.phase == Phase::Running
            && self.queued_until_ms().is_some()
            && self.executions.values().filter(open).all(waits)
    }

    /// True when nothing can happen any more.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Closed { .. } | Phase::Expired(_))
    }

    /// True when every execution has an outcome.
    #[must_use]
    pub fn all_ended(&self) -> bool {
        self.executions
            .values()
            .all(|execution| execution.outcome().is_some())
    }
}

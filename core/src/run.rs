//! One run: which hosts it is for, how each execution stands, and what must happen next.
//!
//! `apply` takes what the journal says happened; `handle` takes what happens now and asks for effects. An intent is recorded before
//! it is acted on, with one exception: a cancel acts first. Output bytes are never seen here.

mod colours;
mod event;
mod group;
mod input;
mod launch;
mod machine;
mod options;
mod outcome;
mod rollout;
mod steps;
mod streams;
mod terminal;
mod waves;
mod what;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ids::{AgentId, HostName, RunId, RunNumber};
use crate::output::mask::Masks;
use crate::principal::{Place, Principal};
use crate::time::LinkTime;

pub use colours::Colours;
pub use event::{Effect, Event, Held, Reach, Told};
pub use group::{Compared, Group, Loosely, Rank};
pub use input::{About, BadInput, Input, InputKind, head, script_name};
pub use launch::Gate;
pub use options::Options;
pub use outcome::{How, Outcome, Reason, left_over_words, why_lost};
pub use rollout::{Amount, BadRollout, Pauses, Rollout};
pub use streams::Streams;
pub use terminal::{TERMINAL_SIZE, Terminal};
pub use waves::{Pause, Wave, Waves, is_kept};
pub use what::{Update, Upkeep, What};

/// What was accepted: fixed for the life of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Its id.
    pub id: RunId,
    /// Who asked, from where, and what allows it.
    pub origin: Origin,
    /// What runs.
    pub what: What,
    /// What it is given.
    pub input: Option<Input>,
    /// The selector as typed.
    pub selector: String,
    /// The frozen set, sorted by id.
    pub targets: Vec<Target>,
    /// SHA-256 over the sorted ids.
    pub digest: [u8; 32],
    /// What a `pick:` of the selector drew by; nothing without one.
    pub seed: Option<u64>,
    /// In which order, and how far.
    pub strategy: Strategy,
    /// How each host runs it.
    pub options: Options,
}

impl Spec {
    /// The same for somebody to read, when its command or the beginning of its input is masked; never to run.
    pub(crate) fn masked(&self, masks: &Masks) -> Option<Self> {
        let what = self.what.masked(masks);
        let input = self.input.as_ref().and_then(|input| input.masked(masks));
        (what.is_some() || input.is_some()).then(|| Self {
            what: what.unwrap_or_else(|| self.what.clone()),
            input: input.or_else(|| self.input.clone()),
            ..self.clone()
        })
    }

    /// True for a host that is left out for what it was when the run was accepted.
    fn skips(&self, away: Option<Away>) -> bool {
        away.is_some() && self.strategy.offline == Offline::Skip
    }
}

#[cfg(test)]
impl Spec {
    /// A run of the command line, for tests.
    pub(crate) fn example(targets: Vec<Target>) -> Self {
        Self {
            id: RunId::from_bytes([9; 16]),
            origin: Origin::Socket {
                user: "root".to_owned(),
            },
            what: What::Shell("true".to_owned()),
            input: None,
            selector: "all".to_owned(),
            targets,
            digest: [0; 32],
            seed: None,
            strategy: Strategy {
                offline: Offline::Fail,
                rollout: None,
            },
            options: Options {
                timeout_ms: 60_000,
                ..Options::default()
            },
        }
    }
}

/// Who and what a run came from, and what allows it: never nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A person in Discord, under a grant.
    Chat {
        /// The user.
        user: u64,
        /// What they were called; empty from an earlier version. Nothing is decided by it.
        name: String,
        /// Where.
        place: Place,
        /// The id of the grant that allows it on every host of the run.
        grant: String,
    },
    /// A user of the controller's machine, on the admin socket: allowed everything.
    Socket {
        /// The user's name.
        user: String,
    },
}

impl Origin {
    /// Who asked.
    #[must_use]
    pub fn principal(&self) -> Principal {
        match self {
            Self::Chat { user, .. } => Principal::Discord(*user),
            Self::Socket { user } => Principal::Local(user.clone()),
        }
    }

    /// What who asked was called; empty when nobody knows.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Chat { name, .. } => name,
            Self::Socket { user } => user,
        }
    }

    /// Where in Discord; nothing for the socket.
    #[must_use]
    pub const fn place(&self) -> Option<Place> {
        match self {
            Self::Chat { place, .. } => Some(*place),
            Self::Socket { .. } => None,
        }
    }
}

/// In which order hosts are taken, and what becomes of those that cannot take the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strategy {
    /// Hosts that cannot take the order.
    pub offline: Offline,
    /// In waves, or so many at once; nothing means that all start at once.
    pub rollout: Option<Rollout>,
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

/// How far one execution is. All that is known of it but what its link knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// No order went to the host.
    Waiting(Waiting),
    /// The order may have gone to the host, which has not confirmed it. By the link clock when this process sent it; nothing when it was
    /// recorded that it goes, or an earlier process of the controller may have sent it.
    Ordered(Option<LinkTime>),
    /// Durable on the host, about to start or running.
    Running {
        /// When the host confirmed it, milliseconds since the Unix epoch.
        since_ms: u64,
    },
    /// Ended; the record is being written.
    Ending(Outcome),
    /// Ended, and that is recorded.
    Done(Outcome),
}

/// What an execution waits for that no order went to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// The run has not begun.
    Begin,
    /// Other hosts of the run come first, or it rests.
    Turn,
    /// The host can take no order now.
    Gate(Gate),
    /// It is being recorded that the order goes.
    Record,
}

/// A run on one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// The host's name in this run.
    pub name: HostName,
    /// How far it is.
    pub progress: Progress,
    /// Why it could take no order when the run was accepted.
    pub away: Option<Away>,
    /// True while the host has a link.
    pub online: bool,
    /// True once a cancel was sent on that link.
    pub cancel_told: bool,
    /// Its place in the order of a run with waves; nothing in another, and where it does not count.
    pub place: Option<usize>,
    /// When it was recorded that its order goes, milliseconds since the Unix epoch, while nothing else is known of it.
    pub sent_ms: Option<u64>,
}

impl Execution {
    /// True when an order was sent, and nothing is known of it yet.
    #[must_use]
    pub const fn order_on_its_way(&self) -> bool {
        matches!(self.progress, Progress::Ordered(Some(_))) && self.online
    }

    /// True when the host has not confirmed it, and it has not ended.
    #[must_use]
    pub const fn is_queued(&self) -> bool {
        matches!(self.progress, Progress::Waiting(_) | Progress::Ordered(_))
    }

    /// True while no order went to its host.
    #[must_use]
    pub const fn has_not_begun(&self) -> bool {
        matches!(self.progress, Progress::Waiting(_))
    }

    /// The outcome, once it is known.
    #[must_use]
    pub const fn outcome(&self) -> Option<&Outcome> {
        match &self.progress {
            Progress::Ending(outcome) | Progress::Done(outcome) => Some(outcome),
            Progress::Waiting(_) | Progress::Ordered(_) | Progress::Running { .. } => None,
        }
    }

    /// Whether nothing better can become known of it than what is. What was called lost without its last record is heard to its end first.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.outcome().is_none_or(|outcome| {
            !matches!(outcome.how, How::Lost(_)) || outcome.output_sha256.is_some()
        })
    }

    /// The state in DESIGN's words: `queued`, `running`, or how it ended.
    #[must_use]
    pub const fn state(&self) -> &'static str {
        match &self.progress {
            Progress::Waiting(_) | Progress::Ordered(_) => "queued",
            Progress::Running { .. } => "running",
            Progress::Ending(outcome) | Progress::Done(outcome) => outcome.how.state(),
        }
    }
}

/// A run and its executions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// As people see it.
    pub number: RunNumber,
    /// What was accepted.
    pub spec: Arc<Spec>,
    /// When, milliseconds since the Unix epoch.
    pub accepted_ms: u64,
    /// Where it stands.
    pub phase: Phase,
    /// The latest request to stop it.
    pub cancel: Option<CancelRequest>,
    executions: BTreeMap<AgentId, Execution>,
    waves: Option<Box<Waves>>,
    /// True once `Closed` was asked to be recorded.
    closing: bool,
}

impl Run {
    /// A run that was just accepted.
    #[must_use]
    pub fn new(number: RunNumber, spec: Spec, accepted_ms: u64) -> Self {
        let (waves, places) = Waves::of(&spec).unzip();
        let places = places.unwrap_or_default();
        let executions = spec
            .targets
            .iter()
            .map(|target| {
                let execution = Execution {
                    name: target.name.clone(),
                    progress: Progress::Waiting(Waiting::Begin),
                    away: target.away,
                    online: false,
                    cancel_told: false,
                    place: places.get(&target.agent).copied(),
                    sent_ms: None,
                };
                (target.agent, execution)
            })
            .collect();
        Self {
            number,
            spec: Arc::new(spec),
            accepted_ms,
            phase: Phase::Accepted,
            cancel: None,
            executions,
            waves: waves.map(Box::new),
            closing: false,
        }
    }

    /// True for an execution that is left out because its host was away: it does not count.
    #[must_use]
    pub fn is_skipped(&self, execution: &Execution) -> bool {
        self.spec.skips(execution.away)
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
    pub fn queued_until_ms(&self) -> Option<u64> {
        match self.spec.strategy.offline {
            Offline::Queue { for_ms } => Some(self.accepted_ms.saturating_add(for_ms)),
            Offline::Fail | Offline::Skip => None,
        }
    }

    /// True while all that has not ended waits for hosts that cannot take it yet.
    #[must_use]
    pub fn only_waits(&self) -> bool {
        let waits = |execution: &Execution| execution.is_queued() && !execution.order_on_its_way();
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

    /// How long it took, milliseconds. Where all hosts begin at once that is the longest command, once there is one; where some wait for
    /// others it is the time from its beginning to its end, once that is recorded.
    #[must_use]
    pub fn took_ms(&self) -> Option<u64> {
        let outcomes = self.executions.values().filter_map(Execution::outcome);
        let ran = outcomes.filter(|outcome| outcome.how.exit_code().is_some());
        let longest = ran.map(|outcome| outcome.duration_ms).max()?;
        if self.waves.is_none() {
            return Some(longest);
        }
        match self.phase {
            Phase::Closed { at_ms } => Some(at_ms.saturating_sub(self.accepted_ms)),
            Phase::Accepted | Phase::Running | Phase::Expired(_) => None,
        }
    }

    /// True when every execution has an outcome.
    #[must_use]
    pub fn all_ended(&self) -> bool {
        self.executions
            .values()
            .all(|execution| execution.outcome().is_some())
    }
}

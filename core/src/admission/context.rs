//! What decisions rest on: what is known, what is configured, and what is drawn for one request.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::fleet::Fleet;
use crate::ids::{AgentId, RunId, RunNumber};
use crate::journal::{HostEntry, Kind, Recalled, Record, State};
use crate::limits;
use crate::offer::Offer;
use crate::policy::Policy;
use crate::run::{Options, Origin, Run, Spec, What};

use super::rate::Rates;

/// What decisions rest on, at one moment.
pub struct Context<'a> {
    /// The folded journal.
    pub state: &'a State,
    /// Who has a link, and what agents tell.
    pub fleet: &'a Fleet,
    /// What the operator configured.
    pub settings: &'a Settings,
    /// Which agent is handed out, and whether agents may be updated to it.
    pub offer: &'a Offer,
    /// What is being recorded at this moment.
    pub under_way: &'a UnderWay,
    /// Past runs that were read again, because they are asked about.
    pub recalled: &'a Recalled,
    /// Drawn for this one request.
    pub fresh: Fresh,
    /// The wall clock, milliseconds since the Unix epoch.
    pub now_ms: u64,
    /// The controller's disk is full.
    pub disk_full: bool,
}

impl<'a> Context<'a> {
    /// A run, whole or read again.
    pub(super) fn run_numbered(&self, number: RunNumber) -> Option<&'a Arc<Run>> {
        let whole = self.state.runs.numbered(number);
        whole.or_else(|| self.recalled.numbered(number))
    }

    /// A run, whole or read again.
    pub(super) fn run_of(&self, id: RunId) -> Option<&'a Arc<Run>> {
        self.run_numbered(self.state.runs.number_of(id)?)
    }

    /// What a run is of, or one that was shown and is not confirmed.
    pub(super) fn what_of(&self, id: RunId) -> Option<&'a What> {
        let shown = self.state.proposals.get(&id).map(|shown| &shown.spec);
        let run = || self.run_of(id).map(|run| &*run.spec);
        shown.or_else(run).map(|spec| &spec.what)
    }

    /// The version that agents should have: the one that is handed out, or else the controller's own.
    pub(super) fn agent_version(&self) -> &'a str {
        let offered = self.offer.version.as_ref();
        offered.map_or(&self.settings.agent_version, |version| version.as_str())
    }

    /// Numbers of all runs that there are, newest first.
    pub(super) fn newest_numbers(&self) -> impl Iterator<Item = RunNumber> {
        let newest = self.state.runs.newest().0;
        let runs = &self.state.runs;
        let is_known = |number: &RunNumber| {
            runs.numbered(*number).is_some() || runs.past().numbered(*number).is_some()
        };
        let oldest = self.state.runs.oldest().0.max(1);
        (oldest..=newest).rev().map(RunNumber).filter(is_known)
    }
}

/// What the operator configured, and what the program is.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The grants.
    pub policy: Policy,
    /// The guilds that are served.
    pub guilds: Vec<u64>,
    /// The controller's own version, which agents should have where none is handed out.
    pub agent_version: String,
    /// More hosts than this are shown before anything runs on them.
    pub confirm_hosts: usize,
    /// Output that is kept of one execution, bytes.
    pub output_max: u64,
    /// Between TERM and KILL, milliseconds.
    pub grace_ms: u64,
    /// How often people may start runs.
    pub rates: Rates,
    /// Runs that are over are known so long after they were accepted, milliseconds; nothing means for ever.
    pub runs_ms: Option<u64>,
    /// How long certificates of hosts are good.
    pub identities: Identities,
}

/// How long certificates of hosts are good, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identities {
    /// From when one is issued until it runs out. It is renewed half-way.
    pub leaf_ms: u64,
    /// So long after one ran out it may still be renewed, with proof of its key.
    pub late_ms: u64,
}

impl Default for Identities {
    fn default() -> Self {
        Self {
            leaf_ms: limits::LEAF_MS,
            late_ms: limits::LATE_MS,
        }
    }
}

/// Random bits, drawn for one request: a new id, and what a `pick:` draws by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fresh([u8; 16]);

impl Fresh {
    /// The bytes of a UUID that nobody has drawn before.
    #[must_use]
    pub const fn new(uuid: [u8; 16]) -> Self {
        Self(uuid)
    }

    /// As the id of a run.
    #[must_use]
    pub const fn run(self) -> RunId {
        RunId::from_bytes(self.0)
    }

    /// As the id of a host.
    #[must_use]
    pub const fn agent(self) -> AgentId {
        AgentId::from_bytes(self.0)
    }

    /// As what a `pick:` draws by: the bits of a UUID that are not its time.
    #[must_use]
    pub const fn seed(self) -> u64 {
        let [.., a, b, c, d, e, f, g, h] = self.0;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

/// What was decided and is not recorded yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnderWay {
    /// Interactions for which something is being recorded.
    pub interactions: BTreeSet<u64>,
    /// Runs that are being accepted.
    pub accepted: BTreeSet<RunId>,
    /// The same, as far as others that are asked for meanwhile look at them.
    pub runs: Vec<Coming>,
    /// Runs and proposals that are being given up.
    pub given_up: BTreeSet<RunId>,
    /// Runs in waves that are about to rest, or to go on.
    pub rests: BTreeMap<RunId, bool>,
    /// Hosts that are about to change, as they will be.
    pub hosts: BTreeMap<AgentId, HostEntry>,
}

/// A run that is being accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coming {
    /// The number that it will have.
    pub number: RunNumber,
    /// Its id.
    pub id: RunId,
    /// Where it came from.
    pub origin: Origin,
    /// What it runs, and where.
    pub command: Command,
}

/// What a run runs, and where, as it was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    selector: String,
    what: What,
    input: Option<[u8; 32]>,
    options: Options,
}

impl Command {
    pub(super) fn of(spec: &Spec) -> Self {
        Self {
            selector: spec.selector.clone(),
            what: spec.what.clone(),
            input: spec.input.as_ref().map(|input| input.sha256),
            options: spec.options.clone(),
        }
    }
}

impl UnderWay {
    /// What these records are about to do to what is recorded.
    #[must_use]
    pub fn of<'r>(state: &State, records: impl IntoIterator<Item = &'r Record>) -> Self {
        let mut under_way = Self::default();
        for record in records {
            under_way.interactions.extend(record.spends());
            if let Kind::Accepted(spec) = &record.kind {
                let before = state.runs.newest().0 + under_way.runs.len() as u64;
                under_way.accepted.insert(spec.id);
                under_way.runs.push(Coming {
                    number: RunNumber(before + 1),
                    id: spec.id,
                    origin: spec.origin.clone(),
                    command: Command::of(spec),
                });
            } else if let Kind::Expired { run, .. } = &record.kind {
                under_way.given_up.insert(*run);
            } else if let Kind::Paused { run } = &record.kind {
                under_way.rests.insert(*run, true);
            } else if let Kind::Continued { run, .. } = &record.kind {
                under_way.rests.insert(*run, false);
            } else if let Kind::HostChanged { agent, change } = &record.kind
                && let Some(host) = under_way.host(state, *agent)
            {
                change.apply(host, &record.actor, record.at_ms);
            }
        }
        under_way
    }

    fn host(&mut self, state: &State, agent: AgentId) -> Option<&mut HostEntry> {
        let host = state.hosts.get(&agent)?;
        Some(self.hosts.entry(agent).or_insert_with(|| host.clone()))
    }
}

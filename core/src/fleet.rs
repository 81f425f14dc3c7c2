//! What is known of hosts beside the journal: who has a link, and what agents tell. It decides nothing by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::facts::{Facts, Metrics};
use crate::ids::{AgentId, RunId};
use crate::limits;
use crate::said::Said;
use crate::selector::AgentInfo;

/// Every host that was ever seen. A clone is cheap: it is shared until one of the two changes.
#[derive(Clone, Debug, Default)]
pub struct Fleet(Arc<BTreeMap<AgentId, Presence>>);

/// One host.
#[derive(Clone, Debug, Default)]
pub struct Presence {
    /// The link, while there is one.
    pub link: Option<Link>,
    /// When something was last heard of it, milliseconds since the Unix epoch; zero means never.
    pub heard_ms: u64,
    /// The version of its agent when it last had a link; empty before.
    pub version: Said,
    /// Its agent can give commands an input and a terminal. Older ones cannot.
    pub takes_input: bool,
    /// Its agent can be updated and asked how it is. Older ones cannot.
    pub takes_upkeep: bool,
    /// Told by the agent.
    pub facts: Option<Facts>,
    /// Told by the agent.
    pub metrics: Option<Metrics>,
    /// Executions whose output waits.
    pub spool_full: BTreeSet<RunId>,
    /// When another machine last wanted a link with its identity and was refused, milliseconds since the Unix epoch.
    pub duplicate_ms: Option<u64>,
    /// Which start of its agent had the link then.
    pub duplicate_of: Option<Instance>,
    /// While it names what it holds, as its first message had no room for all of that: the runs of which it is not known whether it does.
    pub unnamed: Option<BTreeSet<RunId>>,
    /// Executions that it held, when it last came, of runs that are not known here: the journal is an older one than theirs.
    pub unknown: BTreeSet<RunId>,
}

/// A link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Tells it from earlier ones of the same host.
    pub id: u64,
    /// Which agent, on which boot of which machine.
    pub instance: Instance,
}

/// One start of an agent on one boot of a machine: who has the same of both is the same process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    /// Of the host's kernel.
    pub boot_id: String,
    /// Drawn by the agent when it starts, and kept nowhere.
    pub drawn: String,
}

/// What is known of a host at one moment, as selectors see it.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// It has a link.
    pub online: bool,
    /// Its link has been silent for longer than it should be.
    pub stale: bool,
    /// What its agent tells.
    pub told: AgentInfo<'a>,
}

impl Seen<'_> {
    /// Of a host of which nothing was ever heard.
    pub const UNKNOWN: Self = Self {
        online: false,
        stale: false,
        told: AgentInfo {
            facts: None,
            metrics: None,
            version: "",
        },
    };
}

impl Fleet {
    /// What is known of a host.
    #[must_use]
    pub fn get(&self, agent: AgentId) -> Option<&Presence> {
        self.0.get(&agent)
    }

    /// Every host that was ever seen.
    pub fn iter(&self) -> impl Iterator<Item = (AgentId, &Presence)> {
        self.0.iter().map(|(agent, presence)| (*agent, presence))
    }

    /// True while it has a link.
    #[must_use]
    pub fn is_online(&self, agent: AgentId) -> bool {
        self.get(agent).is_some_and(|p| p.link.is_some())
    }

    /// The hosts that have a link.
    pub fn online(&self) -> impl Iterator<Item = AgentId> {
        let online = self.iter().filter(|(_, presence)| presence.link.is_some());
        online.map(|(agent, _)| agent)
    }

    /// A host as selectors see it.
    #[must_use]
    pub fn seen(&self, agent: AgentId, now_ms: u64) -> Seen<'_> {
        let presence = self.get(agent);
        presence.map_or(Seen::UNKNOWN, |presence| presence.seen(now_ms))
    }

    /// The users that commands run as on these hosts unless somebody asks for another.
    pub fn users_on(&self, agents: impl Iterator<Item = AgentId>) -> Vec<String> {
        users(agents.filter_map(|agent| self.user_on(agent)))
    }

    /// The same of one host, as it says now.
    #[must_use]
    pub fn user_on(&self, agent: AgentId) -> Option<String> {
        Some(self.get(agent)?.facts.as_ref()?.run_as.as_data().to_owned())
    }

    /// Something is heard of a host that is known here, or is known from now on.
    pub fn entry(&mut self, agent: AgentId) -> &mut Presence {
        Arc::make_mut(&mut self.0).entry(agent).or_default()
    }

    /// A host that is known here.
    pub fn get_mut(&mut self, agent: AgentId) -> Option<&mut Presence> {
        if self.0.contains_key(&agent) {
            Arc::make_mut(&mut self.0).get_mut(&agent)
        } else {
            None
        }
    }
}

impl Presence {
    /// As selectors see it.
    #[must_use]
    pub fn seen(&self, now_ms: u64) -> Seen<'_> {
        let online = self.link.is_some();
        Seen {
            online,
            stale: online && self.silent_ms(now_ms) > limits::STALE_MS,
            told: AgentInfo {
                facts: self.facts.as_ref(),
                metrics: self.metrics.as_ref(),
                version: self.version.as_data(),
            },
        }
    }

    /// True while another machine tries to use its identity, or did a short while ago.
    #[must_use]
    pub fn is_duplicated(&self, now_ms: u64) -> bool {
        let since = |at_ms: u64| now_ms.saturating_sub(at_ms);
        self.duplicate_ms
            .is_some_and(|at_ms| since(at_ms) < limits::DUPLICATE_MS)
    }

    /// A start of its agent gets the link. When that is on another machine than before, it has taken over: it is one machine again, until the
    /// other wants the link too.
    pub fn taken_over(&mut self, by: &Instance) {
        let other = self.duplicate_of.as_ref();
        if other.is_some_and(|other| other.boot_id != by.boot_id) {
            self.duplicate_of = None;
            self.duplicate_ms = None;
        }
    }

    /// Milliseconds since something was heard of it.
    #[must_use]
    pub const fn silent_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.heard_ms)
    }
}
/// Each once, in order. What is no name is left out: hosts say them.
pub(crate) fn users(all: impl Iterator<Item = String>) -> Vec<String> {
    let mut users: Vec<String> = all.filter(|user| crate::ids::is_word(user)).collect();
    users.sort_unstable();
    users.dedup();
    users
}

//! News of hosts for the operators' channel: who joined, who is gone, who is back. It is fed with who is there at a moment, as often as
//! somebody looks, and says which bulletins are to be shown, posted anew or edited.
//!
//! It tells what stays, not what moves: a host is gone when it stayed away for a while, hosts that go together are one bulletin, a young
//! bulletin is changed instead of followed by another, and a host that comes and goes is told a few times an hour. After a restart what was
//! told before is known ([`News::noted`]), and hosts have time to come back before anything is said of them.

mod deed;
mod feed;

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::AgentId;

pub use deed::{Deed, Did};
pub use feed::{Feed, KINDS_MAX, Line, Scope, Sheet, Topic};

/// A host is gone when it was away for so long, milliseconds, unless something else is configured. After a start nobody is gone for twice
/// as long: agents come back within a growing wait.
pub const AWAY_MS: u64 = 60_000;

/// News that come together are gathered for so long before they are shown, milliseconds; so far apart are the edits of a bulletin.
pub const GATHER_MS: u64 = 4_000;

/// A bulletin is changed, and not followed by another, for so long, milliseconds.
pub const YOUNG_MS: u64 = 300_000;

/// That a host is gone is told so often an hour.
pub const TOLD_MAX: usize = 3;

/// At the first start of all: who was away for longer than this before it is not news, milliseconds.
const OLD_MS: u64 = 600_000;

/// After a start nobody is counted for so long unless all are there, milliseconds.
const COUNT_MS: u64 = 10_000;

const HOUR_MS: u64 = 3_600_000;

/// A host, as it is at a moment.
#[derive(Clone, Copy, Debug)]
pub struct Sighting<'a> {
    /// The host.
    pub agent: AgentId,
    /// Its name.
    pub name: &'a str,
    /// It has a link.
    pub online: bool,
    /// When something was last heard of it, milliseconds since the Unix epoch; zero means never.
    pub heard_ms: u64,
    /// Another machine tries to use its identity.
    pub duplicated: bool,
}

/// What is kept of a host over a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Noted {
    /// It was told that it is gone, and not yet that it is back: since when.
    pub gone_ms: Option<u64>,
    /// When it was told that it is gone, in the last hour.
    pub told_ms: Vec<u64>,
}

/// One message of news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bulletin {
    /// Tells it from the others of this process; they grow.
    pub id: u64,
    /// What it is about.
    pub about: About,
    /// When its first news came, milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// The hosts, in the order of their ids.
    pub hosts: BTreeMap<AgentId, Told>,
}

/// What a bulletin is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// Hosts that joined.
    Joined,
    /// Hosts that are gone, some of which may be back again.
    Gone,
    /// Hosts that are back.
    Back,
    /// Hosts whose identity another machine tries to use.
    Duplicated,
}

/// What a bulletin tells of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its name.
    pub name: String,
    /// What happened.
    pub what: What,
    /// It comes and goes: that it is gone is not told again before then.
    pub quiet_until_ms: Option<u64>,
}

/// What happened to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It joined.
    Joined,
    /// It is gone.
    Gone {
        /// When it was last heard of; zero means never.
        since_ms: u64,
    },
    /// It is back.
    Back {
        /// So long it was away.
        away_ms: u64,
    },
    /// Another machine tries to use its identity.
    Duplicated,
    /// Another machine did, and only one is seen any more.
    Alone,
}

/// Who is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attendance {
    /// Hosts that have a link.
    pub online: usize,
    /// Hosts that there are.
    pub all: usize,
}

/// The machine.
#[derive(Debug)]
pub struct News {
    started_ms: u64,
    away_ms: u64,
    hosts: BTreeMap<AgentId, Known>,
    /// Nothing was noted before: who is there at the first look is no news.
    first: bool,
    bulletins: Vec<Open>,
    last_id: u64,
}

#[derive(Debug, Default)]
struct Known {
    noted: Noted,
    /// Since when it is seen away.
    away_ms: Option<u64>,
    /// It was told that another machine tries to use its identity, and it still does.
    duplicated: bool,
}

/// A bulletin that may still change.
#[derive(Debug)]
struct Open {
    bulletin: Bulletin,
    shown_ms: Option<u64>,
    changed: bool,
}

impl News {
    /// Of a process that starts now; nothing noted means that there was none before. A host is gone when it was away for `away_ms`.
    #[must_use]
    pub fn new(noted: Option<BTreeMap<AgentId, Noted>>, away_ms: u64, now_ms: u64) -> Self {
        let known = |noted| Known {
            noted,
            away_ms: None,
            duplicated: false,
        };
        Self {
            started_ms: now_ms,
            away_ms,
            first: noted.is_none(),
            hosts: noted
                .into_iter()
                .flatten()
                .map(|(agent, noted)| (agent, known(noted)))
                .collect(),
            bulletins: Vec::new(),
            last_id: 0,
        }
    }

    /// What to keep for the next process.
    #[must_use]
    pub fn noted(&self) -> BTreeMap<AgentId, Noted> {
        let hosts = self.hosts.iter();
        hosts
            .map(|(agent, known)| (*agent, known.noted.clone()))
            .collect()
    }

    /// Takes in who is there now; gives the bulletins to show, each as it should look from now on.
    pub fn look(&mut self, hosts: &[Sighting<'_>], now_ms: u64) -> Vec<Bulletin> {
        let hosts_now = &self.hosts;
        let lasts = |told: (&AgentId, &Told)| {
            told.1.what == What::Duplicated
                && hosts_now.get(told.0).is_some_and(|known| known.duplicated)
        };
        // What lasts is taken back when it ends.
        self.bulletins.retain(|open| {
            open.changed
                || now_ms < open.bulletin.at_ms + YOUNG_MS
                || open.bulletin.hosts.iter().any(lasts)
        });
        for host in hosts {
            self.look_at(host, now_ms);
        }
        self.first = false;
        let there: BTreeMap<AgentId, ()> = hosts.iter().map(|host| (host.agent, ())).collect();
        // Who was removed is not gone: nobody waits for it.
        self.hosts.retain(|agent, _| there.contains_key(agent));
        self.due(now_ms)
    }

    /// Who is there, once that can be said after a start.
    #[must_use]
    pub fn attendance(&self, hosts: &[Sighting<'_>], now_ms: u64) -> Option<Attendance> {
        let online = hosts.iter().filter(|host| host.online).count();
        let all = hosts.len();
        let settled = online == all || now_ms >= self.started_ms + COUNT_MS;
        settled.then_some(Attendance { online, all })
    }

    /// Whether there is news that is not to be shown yet.
    #[must_use]
    pub fn is_gathering(&self) -> bool {
        self.bulletins.iter().any(|open| open.changed)
    }

    fn look_at(&mut self, host: &Sighting<'_>, now_ms: u64) {
        let is_new = !self.hosts.contains_key(&host.agent);
        let known = self.hosts.entry(host.agent).or_default();
        if is_new && self.first {
            let old = !host.online && host.heard_ms + OLD_MS < self.started_ms;
            known.noted.gone_ms = old.then_some(host.heard_ms);
        } else if is_new {
            self.tell(host, What::Joined, None, now_ms);
        }
        let known = self.hosts.entry(host.agent).or_default();
        let was = std::mem::replace(&mut known.duplicated, host.duplicated);
        if host.duplicated && !was {
            self.tell(host, What::Duplicated, None, now_ms);
        } else if was && !host.duplicated {
            self.is_alone(host.agent);
        }
        if host.online {
            self.is_there(host, now_ms);
        } else {
            self.is_away(host, now_ms);
        }
    }

    fn is_there(&mut self, host: &Sighting<'_>, now_ms: u64) {
        let Some(known) = self.hosts.get_mut(&host.agent) else {
            return;
        };
        known.away_ms = None;
        // One that never was there before is not back.
        if let Some(since_ms) = known.noted.gone_ms.take().filter(|since_ms| *since_ms > 0) {
            let away_ms = now_ms.saturating_sub(since_ms);
            self.tell(host, What::Back { away_ms }, None, now_ms);
        }
    }

    fn is_away(&mut self, host: &Sighting<'_>, now_ms: u64) {
        let Some(known) = self.hosts.get_mut(&host.agent) else {
            return;
        };
        let away_ms = *known.away_ms.get_or_insert(now_ms);
        let stayed = now_ms.saturating_sub(away_ms) >= self.away_ms
            && now_ms.saturating_sub(self.started_ms) / 2 >= self.away_ms;
        if known.noted.gone_ms.is_some() || !stayed {
            return;
        }
        let told_ms = &mut known.noted.told_ms;
        told_ms.retain(|told_ms| now_ms < told_ms + HOUR_MS);
        if told_ms.len() >= TOLD_MAX {
            return;
        }
        told_ms.push(now_ms);
        let full = told_ms.len() >= TOLD_MAX;
        let quiet_until_ms = told_ms
            .first()
            .filter(|_| full)
            .map(|first| first + HOUR_MS);
        let since_ms = match host.heard_ms {
            0 => away_ms,
            heard_ms => heard_ms,
        };
        known.noted.gone_ms = Some(since_ms);
        self.tell(host, What::Gone { since_ms }, quiet_until_ms, now_ms);
    }

    /// Takes back that another machine uses its identity, where that was told.
    fn is_alone(&mut self, agent: AgentId) {
        for open in &mut self.bulletins {
            if let Some(told) = open.bulletin.hosts.get_mut(&agent)
                && told.what == What::Duplicated
            {
                told.what = What::Alone;
                open.changed = true;
            }
        }
    }

    /// The bulletins that may still change.
    #[must_use]
    pub fn open(&self) -> BTreeSet<u64> {
        self.bulletins.iter().map(|open| open.bulletin.id).collect()
    }

    /// Puts it into the bulletin where people look for it: the young one that tells of this host, the young one about the same, or a new one.
    fn tell(&mut self, host: &Sighting<'_>, what: What, quiet_until_ms: Option<u64>, now_ms: u64) {
        let about = match what {
            What::Joined => About::Joined,
            What::Gone { .. } => About::Gone,
            What::Back { .. } => About::Back,
            What::Duplicated | What::Alone => About::Duplicated,
        };
        let young = |open: &Open| now_ms < open.bulletin.at_ms + YOUNG_MS;
        let told_gone = |open: &Open| {
            let told = open.bulletin.hosts.contains_key(&host.agent);
            about == About::Back && open.bulletin.about == About::Gone && told
        };
        let same = |open: &Open| open.bulletin.about == about;
        let find = |is: &dyn Fn(&Open) -> bool| {
            self.bulletins
                .iter()
                .position(|open| young(open) && is(open))
        };
        let at = find(&told_gone).or_else(|| find(&same));
        let at = at.unwrap_or_else(|| {
            self.last_id += 1;
            self.bulletins.push(Open {
                bulletin: Bulletin {
                    id: self.last_id,
                    about,
                    at_ms: now_ms,
                    hosts: BTreeMap::new(),
                },
                shown_ms: None,
                changed: false,
            });
            self.bulletins.len() - 1
        });
        let Some(open) = self.bulletins.get_mut(at) else {
            return;
        };
        let before = open.bulletin.hosts.get(&host.agent);
        let quiet_until_ms = quiet_until_ms.or_else(|| before?.quiet_until_ms);
        let told = Told {
            name: host.name.to_owned(),
            what,
            quiet_until_ms,
        };
        open.bulletin.hosts.insert(host.agent, told);
        open.changed = true;
    }

    /// The bulletins that changed, and were gathered for long enough.
    fn due(&mut self, now_ms: u64) -> Vec<Bulletin> {
        let mut due = Vec::new();
        for open in &mut self.bulletins {
            let last_ms = open.shown_ms.unwrap_or(open.bulletin.at_ms);
            if open.changed && now_ms.saturating_sub(last_ms) >= GATHER_MS {
                open.changed = false;
                open.shown_ms = Some(now_ms);
                due.push(open.bulletin.clone());
            }
        }
        due
    }
}

#[cfg(test)]
mod tests;

//! Who may do what, from which channel, on which hosts. Deny by default: what no grant allows whole is refused.

use std::fmt;
use std::str::FromStr;

use crate::selector::{Host, Selector};

mod spec;

pub use spec::{GrantChanges, GrantSpec, grants_digest};

/// What somebody may be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// See hosts, runs and output.
    View,
    /// Run any command.
    Run,
    /// Stop runs.
    Cancel,
    /// Refuse every new run, and allow them again.
    Hold,
    /// Label and drain hosts, and save groups of them.
    Manage,
    /// Let live what a command leaves running, beside the right to run it.
    Leave,
    /// Replace agents by the version that the controller hands out.
    Update,
}

impl Verb {
    /// Every verb, for messages and configuration.
    pub const ALL: [Self; 7] = [
        Self::View,
        Self::Run,
        Self::Cancel,
        Self::Hold,
        Self::Manage,
        Self::Leave,
        Self::Update,
    ];

    /// What it lets somebody do, after "may" and "may not".
    #[must_use]
    pub const fn deed(self) -> &'static str {
        match self {
            Self::View => "look at hosts and runs",
            Self::Run => "run commands",
            Self::Cancel => "stop runs",
            Self::Hold => "put runs on hold",
            Self::Manage => "change hosts and groups",
            Self::Leave => "leave processes running",
            Self::Update => "update agents",
        }
    }

    /// The verb as a grant writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Run => "run",
            Self::Cancel => "cancel",
            Self::Hold => "hold",
            Self::Manage => "manage",
            Self::Leave => "leave",
            Self::Update => "update",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Verb {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|verb| verb.as_str() == text)
            .ok_or_else(|| {
                format!(
                    "`{text}` is not something that can be granted: view, run, cancel, hold, manage, leave, update"
                )
            })
    }
}

/// One grant: everything in it must match. Halves of two grants never mix.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Names the grant in records and refusals.
    pub id: String,
    /// Discord roles; a person with any of them matches.
    pub roles: Vec<u64>,
    /// Discord users.
    pub people: Vec<u64>,
    /// Channels; threads inherit theirs.
    pub channels: Vec<u64>,
    /// What it allows.
    pub what: Vec<Verb>,
    /// On which hosts, by name and label.
    pub hosts: Selector,
}

/// All grants.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// In the order of the configuration.
    pub grants: Vec<Grant>,
}

/// Those who may do something in a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holders {
    /// Discord roles, in the order of the configuration.
    pub roles: Vec<u64>,
    /// Discord users, in the order of the configuration.
    pub people: Vec<u64>,
}

/// A person at a place, as far as grants look at it.
#[derive(Clone, Copy, Debug)]
pub struct Who<'a> {
    /// The Discord user.
    pub user: u64,
    /// Their roles at this moment.
    pub roles: &'a [u64],
    /// The channel, or the channel above the thread.
    pub channel: u64,
}

impl Grant {
    /// True when it is this person's in their channel.
    #[must_use]
    pub fn is_theirs(&self, who: Who<'_>) -> bool {
        self.is_for(who) && self.channels.contains(&who.channel)
    }

    fn is_for(&self, who: Who<'_>) -> bool {
        self.people.contains(&who.user) || self.roles.iter().any(|role| who.roles.contains(role))
    }
}

impl Policy {
    /// The grants that give this person the verb in this channel, whatever the hosts.
    pub fn giving<'a>(&'a self, who: Who<'a>, verb: Verb) -> impl Iterator<Item = &'a Grant> {
        self.grants
            .iter()
            .filter(move |grant| grant.is_theirs(who) && grant.what.contains(&verb))
    }

    /// True when some grant is this person's, in whichever channel.
    #[must_use]
    pub fn names(&self, user: u64, roles: &[u64]) -> bool {
        let channel = 0;
        let who = Who {
            user,
            roles,
            channel,
        };
        self.grants.iter().any(|grant| grant.is_for(who))
    }

    /// True when some grant gives the verb here on at least some hosts.
    #[must_use]
    pub fn gives_any(&self, who: Who<'_>, verb: Verb) -> bool {
        self.giving(who, verb).next().is_some()
    }

    /// True when one grant gives the verb here on whatever host, also on one that is not there yet.
    #[must_use]
    pub fn gives_all(&self, who: Who<'_>, verb: Verb) -> bool {
        self.giving(who, verb).any(|grant| grant.hosts.is_all())
    }

    /// True when one grant gives the verb on this host.
    #[must_use]
    pub fn allows_host(&self, who: Who<'_>, verb: Verb, host: &Host<'_>) -> bool {
        self.giving(who, verb)
            .any(|grant| grant.hosts.contains(host))
    }

    /// Those whom one grant gives the verb in this channel on every one of the hosts; without hosts, on any.
    #[must_use]
    pub fn holders(&self, channel: u64, verb: Verb, hosts: &[&Host<'_>]) -> Holders {
        let mut holders = Holders::default();
        let gives = |grant: &&Grant| {
            grant.channels.contains(&channel)
                && grant.what.contains(&verb)
                && hosts.iter().all(|host| grant.hosts.contains(host))
        };
        for grant in self.grants.iter().filter(gives) {
            add_new(&mut holders.roles, &grant.roles);
            add_new(&mut holders.people, &grant.people);
        }
        holders
    }

    /// The channels in which some grant gives this person the verb, whatever the hosts.
    #[must_use]
    pub fn channels_for(&self, who: Who<'_>, verb: Verb) -> Vec<u64> {
        let mut channels = Vec::new();
        for grant in &self.grants {
            if grant.is_for(who) && grant.what.contains(&verb) {
                add_new(&mut channels, &grant.channels);
            }
        }
        channels
    }

    /// The most of these hosts on which one grant gives the verb.
    #[must_use]
    pub fn largest_part<'h>(
        &self,
        who: Who<'_>,
        verb: Verb,
        hosts: &[&'h Host<'h>],
    ) -> Vec<&'h Host<'h>> {
        let parts = self.giving(who, verb).map(|grant| {
            let hosts = hosts.iter().copied();
            hosts
                .filter(|host| grant.hosts.contains(host))
                .collect::<Vec<_>>()
        });
        // Of equal ones the first.
        parts.fold(Vec::new(), |best, part| {
            if part.len() > best.len() { part } else { best }
        })
    }

    /// The first grant that alone gives all of these verbs on every one of the hosts.
    #[must_use]
    pub fn grant_with<'a>(
        &'a self,
        who: Who<'a>,
        verbs: &'a [Verb],
        hosts: &[&Host<'_>],
    ) -> Option<&'a Grant> {
        let (first, rest) = verbs.split_first()?;
        self.giving(who, *first).find(|grant| {
            rest.iter().all(|verb| grant.what.contains(verb))
                && hosts.iter().all(|host| grant.hosts.contains(host))
        })
    }

    /// The first grant that alone allows the verb on every one of the hosts.
    ///
    /// # Errors
    /// The hosts that no grant allows; empty when each is allowed by some grant and no single grant allows all.
    pub fn grant_for<'a, 'h>(
        &'a self,
        who: Who<'a>,
        verb: Verb,
        hosts: &[&'h Host<'h>],
    ) -> Result<&'a Grant, Vec<&'h Host<'h>>> {
        let whole = self
            .giving(who, verb)
            .find(|g| hosts.iter().all(|host| g.hosts.contains(host)));
        whole.ok_or_else(|| {
            hosts
                .iter()
                .copied()
                .filter(|host| !self.allows_host(who, verb, host))
                .collect()
        })
    }
}

fn add_new(all: &mut Vec<u64>, more: &[u64]) {
    for id in more {
        if !all.contains(id) {
            all.push(*id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{AgentId, HostName, Labels};

    fn grant(id: &str, roles: &[u64], channels: &[u64], what: &[Verb], hosts: &str) -> Grant {
        Grant {
            id: id.to_owned(),
            roles: roles.to_vec(),
            people: vec![],
            channels: channels.to_vec(),
            what: what.to_vec(),
            hosts: Selector::parse(hosts).unwrap(),
        }
    }

    #[test]
    fn halves_of_two_grants_never_mix() {
        let policy = Policy {
            grants: vec![
                grant("view-all", &[1], &[5], &[Verb::View], "all"),
                grant("run-web", &[1], &[6], &[Verb::Run], "role=web"),
                grant("run-db", &[1], &[6], &[Verb::Run], "role=db"),
                grant("leave-all", &[1], &[6], &[Verb::Leave], "all"),
                grant("daemons", &[1], &[7], &[Verb::Run, Verb::Leave], "role=db"),
            ],
        };
        let (web_name, db_name): (HostName, HostName) =
            ("web".parse().unwrap(), "db".parse().unwrap());
        let (web_labels, db_labels) = (
            Labels::parse("role=web").unwrap(),
            Labels::parse("role=db").unwrap(),
        );
        let host = |n, name, labels| Host {
            id: AgentId::from_bytes([n; 16]),
            name,
            labels,
            online: true,
            stale: false,
            draining: false,
            told: crate::selector::AgentInfo::default(),
        };
        let (web, db) = (
            host(1, &web_name, &web_labels),
            host(2, &db_name, &db_labels),
        );
        let at = |channel| Who {
            user: 9,
            roles: &[1],
            channel,
        };

        assert!(
            policy.grant_for(at(5), Verb::Run, &[&web]).is_err(),
            "the run grant is for another channel"
        );
        assert_eq!(
            policy.grant_for(at(6), Verb::Run, &[&web]).unwrap().id,
            "run-web"
        );
        assert_eq!(
            policy
                .grant_for(at(6), Verb::Run, &[&web, &db])
                .unwrap_err()
                .len(),
            0
        );
        let both = [Verb::Run, Verb::Leave];
        let with = |channel, hosts: &[&Host<'_>]| {
            let grant = policy.grant_with(at(channel), &both, hosts);
            grant.map(|grant| grant.id.clone())
        };
        assert_eq!(with(6, &[&web]), None, "two grants have half of it each");
        assert_eq!(with(7, &[&db]), Some("daemons".to_owned()));
        assert_eq!(with(7, &[&db, &web]), None);
        assert!(policy.grant_with(at(7), &[], &[&db]).is_none());
        assert!(!policy.gives_any(
            Who {
                user: 9,
                roles: &[2],
                channel: 5
            },
            Verb::View
        ));
        assert!(!policy.gives_any(at(6), Verb::View));
    }
}

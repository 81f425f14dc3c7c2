//! A host as the journal knows it: what it joined with, and every change since, with all that a change does and leads to.

use std::sync::Arc;

use crate::authority::Key;
use crate::ids::{AgentId, Labels, RunId};
use crate::principal::{Actor, Principal};

use super::certificate::{Certificate, Certificates};
use super::checkpoint::{by, plain, record};
use super::consequence::Consequence;
use super::record::{Enrolment, Kind, Record};

/// A host as the journal knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostEntry {
    /// Its enrolment.
    pub enrolment: Arc<Enrolment>,
    /// Its labels now.
    pub labels: Labels,
    /// When it joined, milliseconds since the Unix epoch.
    pub enrolled_ms: u64,
    /// What it proves with that it is this host.
    pub certificates: Certificates,
    /// It takes no new runs.
    pub draining: Option<Draining>,
    /// The key for orders that it took up last; nothing where it knows the one that it joined with.
    pub order_key: Option<Key>,
    /// It may not come back.
    pub revoked: bool,
    /// Its name may be taken again, once it was removed.
    pub name_free: bool,
}

/// Somebody asked a host to take no new runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draining {
    /// Who.
    pub by: Principal,
    /// When, milliseconds since the Unix epoch.
    pub since_ms: u64,
}

/// What changes of a host that has joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostChange {
    /// All its labels are these from now on.
    Labelled(Labels),
    /// It takes no new runs, or takes them again.
    Drained {
        /// It takes none.
        on: bool,
    },
    /// What it holds of these runs, which are not known here, is given up: nobody will read it.
    Released {
        /// The runs.
        runs: Vec<RunId>,
    },
    /// It may not come back.
    Revoked,
    /// It was removed, and its name may be taken again.
    NameFreed,
    /// It got its next certificate.
    Renewed {
        /// SHA-256 of the public key in it.
        key_sha256: [u8; 32],
        /// DER.
        leaf: Vec<u8>,
    },
    /// It knows this key that orders are signed with.
    OrderKeyTaken {
        /// The key.
        key: Key,
    },
    /// It used its next certificate for the first time: the former is void.
    Promoted {
        /// SHA-256 of the public key in it.
        key_sha256: [u8; 32],
    },
}

impl HostEntry {
    /// A host that just joined.
    pub(super) fn new(enrolment: &Enrolment, at_ms: u64) -> Self {
        Self {
            enrolment: Arc::new(enrolment.clone()),
            labels: enrolment.labels.clone(),
            enrolled_ms: at_ms,
            certificates: Certificates::new(Certificate {
                key_sha256: enrolment.key_sha256,
                leaf: enrolment.leaf.clone(),
                issued_ms: at_ms,
            }),
            draining: None,
            order_key: None,
            revoked: false,
            name_free: false,
        }
    }

    /// Whether it was removed, and nobody may take its name yet.
    #[must_use]
    pub const fn keeps_name(&self) -> bool {
        self.revoked && !self.name_free
    }

    /// Few records that come to it.
    pub(super) fn records(&self) -> Vec<Record> {
        let agent = self.enrolment.agent;
        let enrolled = Kind::Enrolled((*self.enrolment).clone());
        let mut out = vec![plain(self.enrolled_ms, enrolled)];
        if self.labels != self.enrolment.labels {
            let labels = HostChange::Labelled(self.labels.clone());
            out.push(plain(0, labels.of(agent)));
        }
        if let Some(draining) = &self.draining {
            let drained = HostChange::Drained { on: true }.of(agent);
            out.push(record(draining.since_ms, by(&draining.by), drained));
        }
        let current = self.certificates.current();
        if current.key_sha256 != self.enrolment.key_sha256 {
            let key_sha256 = current.key_sha256;
            out.push(renewed(current, agent));
            out.push(plain(0, HostChange::Promoted { key_sha256 }.of(agent)));
        }
        let next = self.certificates.next();
        out.extend(next.map(|next| renewed(next, agent)));
        if let Some(key) = self.order_key {
            out.push(plain(0, HostChange::OrderKeyTaken { key }.of(agent)));
        }
        if self.revoked {
            out.push(plain(0, HostChange::Revoked.of(agent)));
        }
        if self.name_free {
            out.push(plain(0, HostChange::NameFreed.of(agent)));
        }
        out
    }
}

fn renewed(certificate: &Certificate, agent: AgentId) -> Record {
    let renewed = HostChange::Renewed {
        key_sha256: certificate.key_sha256,
        leaf: certificate.leaf.clone(),
    };
    plain(certificate.issued_ms, renewed.of(agent))
}

impl HostChange {
    /// The record of it, for this host.
    #[must_use]
    pub fn of(self, agent: AgentId) -> Kind {
        let change = self;
        Kind::HostChanged { agent, change }
    }

    /// What it does to a host: who asked for it, and when.
    pub(crate) fn apply(&self, host: &mut HostEntry, actor: &Actor, at_ms: u64) {
        match self {
            Self::Labelled(labels) => host.labels = labels.clone(),
            Self::Drained { on } => {
                let since_ms = at_ms;
                let by = actor.principal().filter(|_| *on);
                host.draining = by.map(|by| Draining { by, since_ms });
            }
            // Nothing was known of it, and nothing is.
            Self::Released { .. } => {}
            Self::Revoked => host.revoked = true,
            Self::NameFreed => host.name_free = true,
            Self::Renewed { key_sha256, leaf } => host.certificates.renew(Certificate {
                key_sha256: *key_sha256,
                leaf: leaf.clone(),
                issued_ms: at_ms,
            }),
            Self::Promoted { key_sha256 } => host.certificates.promote(key_sha256),
            Self::OrderKeyTaken { key } => host.order_key = Some(*key),
        }
    }

    /// What follows from it.
    pub(super) const fn consequence(&self, agent: AgentId) -> Consequence {
        match self {
            Self::Drained { on: false } => Consequence::Freed(Some(agent)),
            Self::Released { .. } => Consequence::LetGo(agent),
            Self::Revoked => Consequence::Removed(agent),
            Self::Labelled(_)
            | Self::Drained { on: true }
            | Self::NameFreed
            | Self::Renewed { .. }
            | Self::Promoted { .. }
            | Self::OrderKeyTaken { .. } => Consequence::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined() -> HostEntry {
        let enrolment = Enrolment {
            agent: AgentId::from_bytes([1; 16]),
            name: "web-01".parse().unwrap(),
            labels: Labels::parse("role=web").unwrap(),
            token: "t".into(),
            key_sha256: [1; 32],
            leaf: vec![1],
        };
        HostEntry::new(&enrolment, 7)
    }

    /// A host after these changes, each by somebody else.
    fn after(changes: &[HostChange]) -> HostEntry {
        let mut host = joined();
        for (at_ms, change) in (8..).zip(changes) {
            let user = format!("user{at_ms}");
            change.apply(&mut host, &Actor::Socket { user }, at_ms);
        }
        host
    }

    #[test]
    fn the_last_change_of_a_kind_stands_with_who_asked_for_it() {
        let labelled = |text: &str| HostChange::Labelled(Labels::parse(text).unwrap());
        let drained = |on| HostChange::Drained { on };
        let told = |host: HostEntry| {
            let by = host.draining.map(|d| format!("{} {}", d.by, d.since_ms));
            (host.labels.to_string(), by, host.revoked)
        };
        let (web, user) = ("role=web".to_owned(), |text: &str| Some(text.to_owned()));
        for (changes, expected) in [
            (vec![], (web.clone(), None, false)),
            (
                vec![labelled("a=b"), labelled("c=d")],
                ("c=d".to_owned(), None, false),
            ),
            (
                vec![drained(true), drained(true)],
                (web.clone(), user("local:user9 9"), false),
            ),
            (
                vec![drained(true), drained(false)],
                (web.clone(), None, false),
            ),
            (vec![HostChange::Revoked], (web, None, true)),
        ] {
            assert_eq!(told(after(&changes)), expected, "{changes:?}");
        }
    }

    #[test]
    fn its_records_come_to_it_again() {
        let labels = Labels::parse("a=b").unwrap();
        let renewed = |n: u8| HostChange::Renewed {
            key_sha256: [n; 32],
            leaf: vec![n],
        };
        let host = after(&[
            renewed(5),
            HostChange::Promoted {
                key_sha256: [5; 32],
            },
            renewed(6),
            HostChange::Drained { on: true },
            HostChange::Labelled(labels),
            HostChange::Revoked,
            HostChange::NameFreed,
        ]);
        let records = host.records();
        let mut again = joined();
        for record in &records {
            if let Kind::HostChanged { change, .. } = &record.kind {
                change.apply(&mut again, &record.actor, record.at_ms);
            }
        }
        assert_eq!((records.len(), again), (8, host));
    }
}

//! Grants as the journal keeps them, so that it is known later who might do what, and what a new configuration changes of it.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::{Grant, Policy};

/// A grant as it is recorded: what it says, whatever a later version makes of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrantSpec {
    /// Names it; no other grant of a configuration has it.
    pub id: String,
    /// Discord roles.
    pub roles: Vec<u64>,
    /// Discord users.
    pub people: Vec<u64>,
    /// Channels.
    pub channels: Vec<u64>,
    /// Verbs, as a grant writes them.
    pub what: Vec<String>,
    /// The selector of its hosts, in normal form.
    pub hosts: String,
}

impl From<&Grant> for GrantSpec {
    fn from(grant: &Grant) -> Self {
        Self {
            id: grant.id.clone(),
            roles: grant.roles.clone(),
            people: grant.people.clone(),
            channels: grant.channels.clone(),
            what: grant.what.iter().map(ToString::to_string).collect(),
            hosts: grant.hosts.to_string(),
        }
    }
}

impl Policy {
    /// All grants as they are recorded.
    #[must_use]
    pub fn specs(&self) -> Vec<GrantSpec> {
        self.grants.iter().map(GrantSpec::from).collect()
    }
}

/// What a configuration changes of the grants that held before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrantChanges {
    /// Those that are new.
    pub came: Vec<GrantSpec>,
    /// Those that hold no more.
    pub went: Vec<GrantSpec>,
    /// Those that say something else: before, and now.
    pub changed: Vec<(GrantSpec, GrantSpec)>,
    /// How many hold now.
    pub all: usize,
    /// The digest of all that hold now: see [`grants_digest`].
    pub digest: [u8; 32],
}

impl GrantChanges {
    /// From what held before to what holds now. A grant is the same one as long as it has its id.
    #[must_use]
    pub fn between(before: &[GrantSpec], now: &[GrantSpec]) -> Self {
        let by_id = |specs: &'_ [GrantSpec]| -> BTreeMap<String, GrantSpec> {
            let specs = specs.iter();
            specs.map(|spec| (spec.id.clone(), spec.clone())).collect()
        };
        let mut old = by_id(before);
        let (mut came, mut changed) = (Vec::new(), Vec::new());
        for spec in now {
            match old.remove(&spec.id) {
                None => came.push(spec.clone()),
                Some(was) if was != *spec => changed.push((was, spec.clone())),
                Some(_) => {}
            }
        }
        Self {
            came,
            went: old.into_values().collect(),
            changed,
            all: now.len(),
            digest: grants_digest(now),
        }
    }
}

/// The digest of grants, in their order: SHA-256 over each field with its length, so that no two configurations that differ have the same.
#[must_use]
pub fn grants_digest(specs: &[GrantSpec]) -> [u8; 32] {
    let mut digest = Sha256::new();
    let mut put = |bytes: &[u8]| {
        digest.update((bytes.len() as u64).to_be_bytes());
        digest.update(bytes);
    };
    for spec in specs {
        put(spec.id.as_bytes());
        for ids in [&spec.roles, &spec.people, &spec.channels] {
            let ids: Vec<u8> = ids.iter().flat_map(|id| id.to_be_bytes()).collect();
            put(&ids);
        }
        put(spec.what.join(" ").as_bytes());
        put(spec.hosts.as_bytes());
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Verb;
    use crate::selector::Selector;

    fn spec(id: &str, hosts: &str) -> GrantSpec {
        GrantSpec::from(&Grant {
            id: id.to_owned(),
            roles: vec![9],
            people: vec![],
            channels: vec![5],
            what: vec![Verb::View, Verb::Run],
            hosts: Selector::parse_for_grant(hosts).unwrap(),
        })
    }

    #[test]
    fn what_came_what_went_and_what_says_something_else_is_told_by_id() {
        let before = [spec("web", "role=web"), spec("db", "role=db")];
        let now = [spec("new", "all"), spec("web", "all")];
        let changes = GrantChanges::between(&before, &now);
        assert_eq!(changes.came, [spec("new", "all")]);
        assert_eq!(changes.went, [spec("db", "role=db")]);
        let changed = (spec("web", "role=web"), spec("web", "all"));
        assert_eq!(changes.changed, [changed]);
        assert_eq!((changes.all, changes.digest), (2, grants_digest(&now)));
        let same = GrantChanges::between(&now, &now);
        assert!(same.came.is_empty() && same.went.is_empty() && same.changed.is_empty());
    }

    #[test]
    fn whatever_differs_has_another_digest() {
        let spec = spec("web", "role=web");
        let other = |change: fn(&mut GrantSpec)| {
            let mut other = spec.clone();
            change(&mut other);
            grants_digest(&[other])
        };
        let mut digests = vec![
            grants_digest(&[]),
            grants_digest(std::slice::from_ref(&spec)),
            grants_digest(&[spec.clone(), spec.clone()]),
            other(|spec| spec.id.push('x')),
            other(|spec| spec.roles.push(8)),
            other(|spec| spec.people.push(9)),
            // The same ids elsewhere.
            other(|spec| std::mem::swap(&mut spec.roles, &mut spec.people)),
            other(|spec| std::mem::swap(&mut spec.roles, &mut spec.channels)),
            other(|spec| drop(spec.what.pop())),
            other(|spec| spec.hosts.push('x')),
        ];
        let all = digests.len();
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), all);
    }
}

//! Where people stand in their guilds now: asked again before something of theirs starts later than they asked for it.
//!
//! An interaction says which roles somebody has at that moment, and nobody is told when they lose one. So whoever decides about a later
//! start wants to hear it anew; who could not be asked about may nothing until they are.

use std::collections::{BTreeMap, BTreeSet};

use crate::limits::MEMBER_MS;
use crate::time::LinkTime;

/// Somebody in a guild.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member {
    /// The guild.
    pub guild: u64,
    /// The user.
    pub user: u64,
}

/// Where somebody stands in a guild.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Membership {
    /// A member with these roles.
    Roles(Vec<u64>),
    /// No member of it, or unknown there.
    Gone,
}

/// What was heard of people, for as long as it is good for anything.
#[derive(Clone, Debug, Default)]
pub struct Members {
    heard: BTreeMap<Member, (LinkTime, Membership)>,
    asked: BTreeSet<Member>,
}

impl Members {
    /// Where somebody stands, when that was heard just now.
    #[must_use]
    pub fn now(&self, member: Member, now: LinkTime) -> Option<&Membership> {
        let (at, membership) = self.heard.get(&member)?;
        (now.since_ms(*at) <= MEMBER_MS).then_some(membership)
    }

    /// Notes that somebody is to be asked about; false when that is under way.
    pub fn ask(&mut self, member: Member) -> bool {
        self.asked.insert(member)
    }

    /// Takes the answer, nothing when there is none: then it is asked again when somebody wants to know.
    pub fn hear(&mut self, member: Member, membership: Option<Membership>, now: LinkTime) {
        self.asked.remove(&member);
        self.heard
            .retain(|_, (at, _)| now.since_ms(*at) <= MEMBER_MS);
        if let Some(membership) = membership {
            self.heard.insert(member, (now, membership));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_heard_is_good_for_a_moment_only() {
        let ann = Member { guild: 1, user: 2 };
        let elsewhere = Member { guild: 3, user: 2 };
        let at = LinkTime::from_ms;
        let mut members = Members::default();
        assert!(
            members.ask(ann) && !members.ask(ann),
            "asked once at a time"
        );
        members.hear(ann, None, at(1_000));
        assert_eq!(members.now(ann, at(1_000)), None);
        assert!(members.ask(ann), "and again when there was no answer");
        let roles = Membership::Roles(vec![9]);
        members.hear(ann, Some(roles.clone()), at(2_000));
        assert_eq!(members.now(ann, at(2_000 + MEMBER_MS)), Some(&roles));
        assert_eq!(members.now(ann, at(2_001 + MEMBER_MS)), None);
        assert_eq!(members.now(elsewhere, at(2_000)), None);
        members.hear(ann, Some(Membership::Gone), at(3_000));
        assert_eq!(members.now(ann, at(3_000)), Some(&Membership::Gone));
    }
}

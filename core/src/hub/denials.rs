//! Refusals of people whom no grant names, in the journal: of each person a record of each kind a minute, a few kinds, and then how many more
//! there were. So nothing harmless that somebody tried stands for something else that they tried.

use std::collections::BTreeMap;

use crate::journal::Denied;
use crate::limits::DENIALS_MS;
use crate::principal::Actor;

/// Kinds of one person that are recorded each in that time. Nobody types as many; a program that does is bounded.
const KINDS_MAX: usize = 10;

/// People whose kinds are told apart; of more who are refused in the same minute only the first attempt is recorded, and the gravest.
const PEOPLE_MAX: usize = 1_000;

/// Whose refusal was recorded a moment ago.
#[derive(Debug, Default)]
pub(super) struct Denials(BTreeMap<u64, Person>);

#[derive(Debug)]
struct Person {
    since_ms: u64,
    kinds: Vec<Counted>,
    /// Of all other kinds the gravest, the newest of those.
    others: Option<Counted>,
}

/// A refusal, and how often there were more like it.
#[derive(Debug)]
struct Counted {
    by: Actor,
    denied: Denied,
    more: u64,
}

impl Counted {
    fn is_like(&self, by: &Actor, denied: &Denied) -> bool {
        let channel = |by: &Actor| by.place().map(|place| place.channel);
        channel(&self.by) == channel(by)
            && self.denied.code == denied.code
            && self.denied.asked == denied.asked
    }
}

impl Denials {
    /// Takes a refusal of somebody: true when it is to be recorded, false when it is only counted.
    pub(super) fn take(&mut self, user: u64, by: &Actor, denied: &Denied, now_ms: u64) -> bool {
        let kinds_max = match self.0.len() < PEOPLE_MAX {
            true => KINDS_MAX,
            false => 1,
        };
        let person = self.0.entry(user).or_insert_with(|| Person {
            since_ms: now_ms,
            kinds: Vec::new(),
            others: None,
        });
        let mut kinds = person.kinds.iter_mut();
        if let Some(kind) = kinds.find(|kind| kind.is_like(by, denied)) {
            kind.more = kind.more.saturating_add(1);
            return false;
        }
        let counted = |more| Counted {
            by: by.clone(),
            denied: denied.clone(),
            more,
        };
        if person.kinds.len() < kinds_max {
            person.kinds.push(counted(0));
            return true;
        }
        let more = person.others.as_ref().map_or(0, |others| others.more);
        let more = more.saturating_add(1);
        match &mut person.others {
            Some(others) if others.denied.gravity() > denied.gravity() => others.more = more,
            others => *others = Some(counted(more)),
        }
        false
    }

    /// What was refused more often than it was recorded, of those whose minute is over.
    pub(super) fn over(&mut self, now_ms: u64) -> Vec<(Actor, Denied)> {
        let is_over = |person: &Person| now_ms.abs_diff(person.since_ms) >= DENIALS_MS;
        let over = self.0.extract_if(.., |_, person| is_over(person));
        let records = |(_, person): (u64, Person)| {
            let again = person.kinds.into_iter().filter(|kind| kind.more > 0);
            let again = again.map(|kind| (kind.by, of(kind.denied, kind.more)));
            let others = person
                .others
                .map(|others| (others.by, several(others.denied, others.more)));
            again.chain(others).collect::<Vec<_>>()
        };
        over.flat_map(records).collect()
    }
}

fn of(denied: Denied, times: u64) -> Denied {
    Denied { times, ..denied }
}

/// One that stands for others.
fn several(denied: Denied, times: u64) -> Denied {
    match times {
        1 => of(denied, 1),
        times => Denied {
            text: "This is one of several that were refused within a minute".to_owned(),
            times,
            ..denied
        },
    }
}

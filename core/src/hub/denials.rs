//! Refusals of people whom no grant names, in the journal: one record of each person a minute, and then how many more there were.

use std::collections::BTreeMap;

use crate::limits::DENIALS_MS;

/// Whose refusal was recorded a moment ago.
#[derive(Debug, Default)]
pub(super) struct Denials(BTreeMap<u64, Denial>);

#[derive(Debug)]
struct Denial {
    since_ms: u64,
    more: u64,
}

impl Denials {
    /// Takes a refusal of somebody: true when it is to be recorded, false when it is only counted.
    pub(super) fn take(&mut self, user: u64, now_ms: u64) -> bool {
        if let Some(denial) = self.0.get_mut(&user) {
            denial.more = denial.more.saturating_add(1);
            return false;
        }
        let denial = Denial {
            since_ms: now_ms,
            more: 0,
        };
        self.0.insert(user, denial);
        true
    }

    /// Those of whom more was refused than was recorded, once their minute is over, and how often.
    pub(super) fn over(&mut self, now_ms: u64) -> Vec<(u64, u64)> {
        let is_over = |denial: &Denial| now_ms.abs_diff(denial.since_ms) >= DENIALS_MS;
        let over = self.0.extract_if(.., |_, denial| is_over(denial));
        over.filter(|(_, denial)| denial.more > 0)
            .map(|(user, denial)| (user, denial.more))
            .collect()
    }
}

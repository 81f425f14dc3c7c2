//! What each host has used of what it may, over all of its links: one for each identity that came in the last hour.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shanty_core::ids::AgentId;
use shanty_core::link::budget::Budget;

use crate::clock::link_ms;

/// Fewer than these are not looked through for what can be forgotten.
const FEW: usize = 64;

/// The budgets of all hosts.
#[derive(Debug, Default)]
pub(super) struct Budgets(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    of: BTreeMap<AgentId, Shared>,
    /// With so many it is looked which can be forgotten.
    many: usize,
}

/// The budget of one host, for whoever serves it.
#[derive(Clone, Debug)]
pub(super) struct Shared(Arc<Mutex<Budget>>);

impl Budgets {
    /// That of a host. Those that nobody serves and that are as new are forgotten on the way.
    pub(super) fn of(&self, agent: AgentId) -> Shared {
        let now_ms = link_ms();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.of.len() >= known.many.max(FEW) {
            known.of.retain(|_, shared| shared.is_needed(now_ms));
            // So that it is done seldom however many are there.
            known.many = known.of.len().saturating_mul(2);
        }
        let new = || Shared(Arc::new(Mutex::new(Budget::new(now_ms))));
        known.of.entry(agent).or_insert_with(new).clone()
    }
}

impl Shared {
    /// It, for a moment.
    pub(super) fn lock(&self) -> MutexGuard<'_, Budget> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_needed(&self, now_ms: u64) -> bool {
        Arc::strong_count(&self.0) > 1 || !self.lock().is_spent(now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(n: u128) -> AgentId {
        AgentId::from_bytes(n.to_be_bytes())
    }

    #[test]
    fn a_host_has_one_and_those_that_are_as_new_take_no_memory() {
        let budgets = Budgets::default();
        let taken = (0..10_000).filter(|_| budgets.of(agent(1)).lock().call(link_ms()));
        let taken = taken.count();
        assert!((2_000..9_000).contains(&taken), "{taken}");
        let served = budgets.of(agent(2));
        for n in 3..10_000 {
            budgets.of(agent(n));
        }
        let known = budgets.0.lock().unwrap();
        assert!(known.of.len() <= 2 * FEW, "{}", known.of.len());
        let first = known.of.get(&agent(2)).unwrap();
        assert!(Arc::ptr_eq(&first.0, &served.0));
        assert!(known.of.contains_key(&agent(1)));
    }
}

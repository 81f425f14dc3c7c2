//! The set of revoked agents, shared by whoever refuses them: the TLS verifier, the link, admission.
//!
//! Holds ids only. Where revocations are recorded, and closing the links of the revoked, is the controller's part.

use std::collections::BTreeSet;
use std::sync::Arc;

use arc_swap::ArcSwap;

/// Ids of revoked agents; clones share one set. Reading takes no lock.
#[derive(Clone, Debug, Default)]
pub struct Revoked(Arc<ArcSwap<BTreeSet<[u8; 16]>>>);

impl Revoked {
    /// True when this agent was revoked.
    #[must_use]
    pub fn contains(&self, agent: &[u8; 16]) -> bool {
        self.0.load().contains(agent)
    }

    /// Revokes one agent; new handshakes see it from now on.
    pub fn insert(&self, agent: [u8; 16]) {
        self.0.rcu(|set| {
            let mut set = BTreeSet::clone(set);
            set.insert(agent);
            set
        });
    }

    /// Replaces the whole set, as when the journal has been folded at start.
    pub fn replace(&self, agents: impl IntoIterator<Item = [u8; 16]>) {
        self.0.store(Arc::new(agents.into_iter().collect()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_what_was_revoked() {
        let revoked = Revoked::default();
        let other = revoked.clone();
        revoked.insert([1; 16]);
        assert!(other.contains(&[1; 16]));
        other.replace([[2; 16]]);
        assert!(!revoked.contains(&[1; 16]) && revoked.contains(&[2; 16]));
    }
}

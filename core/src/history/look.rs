//! Who may see which runs, as a value that travels to where they are kept.

use std::collections::BTreeSet;

use crate::ids::AgentId;

/// The runs that somebody may see, by their hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// All: a user of the controller's machine.
    Everything,
    /// Those whose hosts are all in one of these sets: one for each grant that lets them see, never several together.
    Under(Vec<BTreeSet<AgentId>>),
}

impl Sight {
    /// Whether a run on these hosts may be seen.
    #[must_use]
    pub fn covers(&self, agents: &[AgentId]) -> bool {
        match self {
            Self::Everything => true,
            Self::Under(grants) => grants
                .iter()
                .any(|hosts| agents.iter().all(|agent| hosts.contains(agent))),
        }
    }
}

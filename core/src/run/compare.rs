//! Which executions of a run stand out from the others.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::ids::AgentId;

use super::{How, Run};

/// How a command ended and what it printed: equal for hosts that did the same.
type Sameness<'a> = (&'a How, [u8; 32]);

impl Run {
    /// The hosts whose command ended otherwise, or printed something else, than on most of them. Most are the largest set of hosts that
    /// did the same; among sets as large, those that ended well, then the one with the first name. What never ran or is not known
    /// differs from nothing, and neither does what an older version stored without comparing it.
    #[must_use]
    pub fn differing(&self) -> BTreeSet<AgentId> {
        let mut alike: BTreeMap<Sameness<'_>, Vec<(&str, AgentId)>> = BTreeMap::new();
        for (agent, execution) in self.executions() {
            let ran = execution
                .outcome()
                .filter(|outcome| outcome.how.exit_code().is_some());
            if let Some((outcome, content)) = ran.and_then(|ran| Some((ran, ran.content_sha256?))) {
                let members = alike.entry((&outcome.how, content)).or_default();
                members.push((execution.name.as_str(), agent));
            }
        }
        let most = alike
            .iter()
            .min_by_key(|((how, _), members)| {
                let first = members.iter().map(|(name, _)| *name).min();
                (Reverse(members.len()), **how != How::Exited(0), first)
            })
            .map(|(sameness, _)| *sameness);
        alike
            .into_iter()
            .filter(|(sameness, _)| Some(*sameness) != most)
            .flat_map(|(_, members)| members.into_iter().map(|(_, agent)| agent))
            .collect()
    }
}

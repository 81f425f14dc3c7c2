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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RunNumber;
    use crate::run::{Outcome, Spec, Target};

    /// Hosts by exit code and a digit for what they printed.
    fn differing(ended: &[(i32, Option<u8>)]) -> Vec<usize> {
        let id = |at: usize| AgentId::from_bytes((at as u128).to_be_bytes());
        let target = |at: usize| Target {
            agent: id(at),
            name: format!("h{at}").parse().unwrap(),
            away: None,
        };
        let spec = Spec::example((0..ended.len()).map(target).collect());
        let mut run = Run::new(RunNumber(1), spec, 0);
        for (at, (code, content)) in ended.iter().enumerate() {
            let outcome = Outcome {
                content_sha256: content.map(|digit| [digit; 32]),
                ..Outcome::without_output(How::Exited(*code))
            };
            run.apply_finished(id(at), outcome);
        }
        let odd = run.differing();
        (0..ended.len())
            .filter(|at| odd.contains(&id(*at)))
            .collect()
    }

    #[test]
    fn most_are_those_that_did_the_same_as_most_others() {
        let same = Some(7);
        assert_eq!(differing(&[(0, same), (0, same), (0, Some(8))]), [2]);
        assert_eq!(
            differing(&[(1, same), (1, same), (0, same)]),
            [2],
            "also when most failed"
        );
        assert_eq!(
            differing(&[(1, same), (0, same)]),
            [0],
            "of as many, those that went well"
        );
        assert_eq!(
            differing(&[(0, Some(1)), (0, Some(2))]),
            [1],
            "of as good, the first name"
        );
        assert_eq!(
            differing(&[(0, same), (0, same), (0, None)]),
            [0; 0],
            "unknown differs from nothing"
        );
        assert_eq!(differing(&[]), [0; 0]);
    }
}

//! The hosts of a run that ended alike. One partition for the card, the thread, the command line and `#N:differs`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use sha2::{Digest as _, Sha256};

use crate::ids::{AgentId, HostName};
use crate::limits::COMPARED_BYTES_MAX;
use crate::output::same_but::{self, SameBut};
use crate::selector::fold::natural;

use super::{Execution, How, Run};

/// How much people should look at a group: groups are shown in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rank {
    /// Ended with another code than 0, or by what nobody of ours sent.
    Failed,
    /// Its time was up.
    TimedOut,
    /// The outcome is unknown.
    Lost,
    /// The host did not want it.
    Refused,
    /// It never ran.
    NotStarted,
    /// Somebody stopped it.
    Stopped,
    /// Ended well, with another output than most.
    Odd,
    /// Ended well, with the output that most have.
    Most,
    /// Left out on purpose: it does not count.
    LeftOut,
}

impl Rank {
    /// As scripts read it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Lost => "lost",
            Self::Refused => "refused",
            Self::NotStarted => "not_started",
            Self::Stopped => "stopped",
            Self::Odd => "odd",
            Self::Most => "most",
            Self::LeftOut => "left_out",
        }
    }

    /// The rank of hosts that ended so; of those that ended well, nobody knows yet what most did.
    #[must_use]
    pub const fn of(how: &How, left_out: bool) -> Self {
        match how {
            How::Exited(0) => Self::Odd,
            How::Exited(_) | How::Signaled(_) | How::OutOfMemory(_) | How::StoppedOnHost(_) => {
                Self::Failed
            }
            How::TimedOut(_) => Self::TimedOut,
            How::Lost(_) => Self::Lost,
            How::Refused(_) => Self::Refused,
            How::NotStarted(_) if left_out => Self::LeftOut,
            How::NotStarted(_) => Self::NotStarted,
            How::Cancelled(_) => Self::Stopped,
        }
    }

    /// True for what went wrong on the host, or may have: what somebody would try again there.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        match self {
            Self::Failed | Self::TimedOut | Self::Lost | Self::Refused => true,
            Self::NotStarted | Self::Stopped | Self::Odd | Self::Most | Self::LeftOut => false,
        }
    }

    /// True for what never began.
    #[must_use]
    pub const fn is_missed(self) -> bool {
        match self {
            Self::NotStarted | Self::LeftOut => true,
            Self::Failed
            | Self::TimedOut
            | Self::Lost
            | Self::Refused
            | Self::Stopped
            | Self::Odd
            | Self::Most => false,
        }
    }
}

/// Hosts that ended alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// How much people should look at it.
    pub rank: Rank,
    /// How the command ended on all of them.
    pub how: How,
    /// The hosts in natural order, never none. The first stands for all.
    pub hosts: Vec<(AgentId, HostName)>,
    /// How many different outputs they have: more than one only where those are the same but for what was left out of the comparison.
    pub outputs: usize,
    /// The longest of their times, milliseconds.
    pub duration_ms: u64,
}

/// Digests of outputs from which something was left out, such as the host's own name: by the host that stands for its exact group.
pub type Loosely = HashMap<AgentId, [u8; 32]>;

/// The groups of a run whose outputs were compared without what they may differ in.
#[derive(Clone, Debug)]
pub struct Compared {
    /// The groups.
    pub groups: Vec<Group>,
    /// What was compared of the hosts that stand for the exact groups, and what was taken out of it.
    pub texts: HashMap<AgentId, (String, SameBut)>,
}

/// How a command ended, and the digest of what it printed, when it is known.
type Sameness<'a> = (&'a How, Option<[u8; 32]>);

/// Executions that ended in the same way, of the same rank.
type Exact<'a> = BTreeMap<(Rank, Sameness<'a>), Vec<(AgentId, &'a Execution)>>;

impl Group {
    /// The host that stands for all.
    #[must_use]
    pub fn first(&self) -> AgentId {
        let (agent, _) = self.hosts.first().expect("invariant: no group is empty");
        *agent
    }

    /// The names of the hosts, in natural order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.hosts.iter().map(|(_, name)| name.as_str())
    }
}

impl Run {
    /// The hosts that have ended, by how they did, in the order in which people should see them: see [`Rank`], then large before small,
    /// then by name. Outputs are alike when their digests are, or those that leave something out.
    #[must_use]
    pub fn groups(&self, loosely: &Loosely) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        let mut at: BTreeMap<(Rank, &How, [u8; 32]), usize> = BTreeMap::new();
        for ((rank, (how, _)), members) in self.exact() {
            let mut group = Group {
                rank,
                how: how.clone(),
                duration_ms: members.iter().map(|(_, e)| took(e)).max().unwrap_or(0),
                hosts: members.iter().map(|(a, e)| (*a, e.name.clone())).collect(),
                outputs: 1,
            };
            group
                .hosts
                .sort_by(|(_, a), (_, b)| natural(a.as_str(), b.as_str()));
            let Some(digest) = loosely.get(&group.first()) else {
                groups.push(group);
                continue;
            };
            match at
                .get(&(rank, how, *digest))
                .and_then(|at| groups.get_mut(*at))
            {
                Some(same) => same.join(group),
                None => {
                    at.insert((rank, how, *digest), groups.len());
                    groups.push(group);
                }
            }
        }
        for group in groups.iter_mut().filter(|group| group.outputs > 1) {
            group
                .hosts
                .sort_by(|(_, a), (_, b)| natural(a.as_str(), b.as_str()));
        }
        groups.sort_by(|a, b| {
            let larger = b.hosts.len().cmp(&a.hosts.len());
            a.rank.cmp(&b.rank).then(larger).then_with(|| a.by_name(b))
        });
        let mut well = groups.iter_mut().filter(|group| group.rank == Rank::Odd);
        if let Some(most) = well.next() {
            most.rank = Rank::Most;
        }
        groups.sort_by_key(|group| group.rank);
        groups
    }

    /// The hosts whose outputs are compared without what they may differ in: those that stand for the exact groups, as far as there is
    /// room. The same ones whoever compares, also after years.
    #[must_use]
    pub fn comparable(&self) -> Vec<AgentId> {
        self.exact_to_compare().iter().map(Group::first).collect()
    }

    fn exact_to_compare(&self) -> Vec<Group> {
        let (one_max, mut room) = COMPARED_BYTES_MAX;
        let mut ran = self.groups(&Loosely::new());
        ran.retain(|group| group.how.exit_code().is_some());
        if ran.len() < 2 {
            return Vec::new();
        }
        ran.retain(|group| {
            let outcome = self.execution(group.first()).and_then(Execution::outcome);
            let bytes = outcome.map_or(u64::MAX, |outcome| outcome.output_bytes);
            let fits = bytes <= one_max.min(room);
            room -= if fits { bytes } else { 0 };
            fits
        });
        ran
    }

    /// The groups where outputs may differ in this. `whole` gives all that a [comparable](Self::comparable) host printed; where it is not
    /// known whole it is compared exactly.
    #[must_use]
    pub fn compared(
        &self,
        what: SameBut,
        mut whole: impl FnMut(AgentId) -> Option<String>,
    ) -> Compared {
        let mut loosely = Loosely::new();
        let mut texts = HashMap::new();
        for group in self.exact_to_compare() {
            let Some(text) = whole(group.first()) else {
                continue;
            };
            // What several hosts printed alike is not the name of each.
            let what = SameBut {
                host: what.host && group.hosts.len() == 1,
                ..what
            };
            let name = group.names().next().unwrap_or_default();
            let (text, left_out) = same_but::without(&text, name, what);
            let text = trimmed(&text);
            loosely.insert(group.first(), Sha256::digest(text.as_bytes()).into());
            texts.insert(group.first(), (text, left_out));
        }
        let groups = self.groups(&loosely);
        Compared { groups, texts }
    }

    /// The hosts whose command ended otherwise, or printed something else, than on most of them. Most are the largest set of hosts that
    /// did the same; among sets as large, those that ended well, then the one with the first name. What never ran or is not known
    /// differs from nothing, and neither does what an older version stored without comparing it.
    #[must_use]
    pub fn differing(&self) -> BTreeSet<AgentId> {
        let ran = self
            .exact()
            .into_iter()
            .filter(|((_, (how, content)), _)| how.exit_code().is_some() && content.is_some());
        let mut alike: BTreeMap<Sameness<'_>, Vec<(AgentId, &Execution)>> = BTreeMap::new();
        for ((_, sameness), members) in ran {
            alike.entry(sameness).or_default().extend(members);
        }
        let most = alike
            .iter()
            .min_by_key(|((how, _), members)| {
                let first = members.iter().map(|(_, e)| e.name.as_str()).min();
                (Reverse(members.len()), **how != How::Exited(0), first)
            })
            .map(|(sameness, _)| *sameness);
        alike
            .into_iter()
            .filter(|(sameness, _)| Some(*sameness) != most)
            .flat_map(|(_, members)| members.into_iter().map(|(agent, _)| agent))
            .collect()
    }

    /// Those that ended, by how they did and what they printed. Of those that ended well none is told to be most yet.
    fn exact(&self) -> Exact<'_> {
        let mut alike = Exact::new();
        for (agent, execution) in self.executions() {
            if let Some(outcome) = execution.outcome() {
                let rank = Rank::of(&outcome.how, self.is_skipped(execution));
                let key = (rank, (&outcome.how, outcome.content_sha256));
                alike.entry(key).or_default().push((agent, execution));
            }
        }
        alike
    }
}

impl Group {
    fn join(&mut self, other: Self) {
        self.hosts.extend(other.hosts);
        self.outputs += other.outputs;
        self.duration_ms = self.duration_ms.max(other.duration_ms);
    }

    fn by_name(&self, other: &Self) -> std::cmp::Ordering {
        let first = |group: &Self| group.hosts.first().map(|(_, name)| name.clone());
        match (first(self), first(other)) {
            (Some(a), Some(b)) => natural(a.as_str(), b.as_str()),
            (a, b) => a.cmp(&b),
        }
    }
}

/// What nobody sees of a text is no difference.
fn trimmed(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
}

fn took(execution: &Execution) -> u64 {
    execution.outcome().map_or(0, |outcome| outcome.duration_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RunNumber;
    use crate::refusal::Code;
    use crate::run::{Outcome, Reason, Spec, Target};
    use crate::selector::fold::fold;

    fn id(at: usize) -> AgentId {
        AgentId::from_bytes((at as u128).to_be_bytes())
    }

    /// A run on `h0`, `h1` ..., by how they ended and a digit for what they printed.
    fn ended(ends: &[(How, Option<u8>)]) -> Run {
        let target = |at: usize| Target {
            agent: id(at),
            name: format!("h{at}").parse().unwrap(),
            away: None,
        };
        let spec = Spec::example((0..ends.len()).map(target).collect());
        let mut run = Run::new(RunNumber(1), spec, 0);
        for (at, (how, content)) in ends.iter().enumerate() {
            let outcome = Outcome {
                content_sha256: content.map(|digit| [digit; 32]),
                duration_ms: at as u64,
                ..Outcome::without_output(how.clone())
            };
            run.apply_finished(id(at), outcome);
        }
        run
    }

    fn exited(ends: &[(i32, Option<u8>)]) -> Run {
        let ends: Vec<_> = ends
            .iter()
            .map(|(code, content)| (How::Exited(*code), *content))
            .collect();
        ended(&ends)
    }

    fn told(run: &Run, loosely: &Loosely) -> Vec<String> {
        let tell = |group: &Group| {
            let names = fold(group.names());
            let outputs = group.outputs;
            format!(
                "{:?} {names} {} {outputs} {}",
                group.rank, group.how, group.duration_ms
            )
        };
        run.groups(loosely).iter().map(tell).collect()
    }

    #[test]
    fn what_failed_comes_first_and_what_most_did_last() {
        let reason = |text: &str| Reason::new(Code::Offline, text);
        let run = ended(&[
            (How::Exited(0), Some(1)),
            (How::Exited(0), Some(2)),
            (How::Exited(0), Some(1)),
            (How::NotStarted(reason("it was offline")), None),
            (How::Cancelled(143), Some(3)),
            (How::TimedOut(143), Some(1)),
            (How::Exited(2), Some(4)),
            (How::Exited(2), Some(5)),
            (How::Lost(reason("gone")), None),
            (How::Signaled(9), Some(5)),
            (How::Exited(2), Some(5)),
            (How::Refused(reason("no")), None),
        ]);
        assert_eq!(
            told(&run, &Loosely::new()),
            [
                "Failed h[7,10] exit 2 1 10",
                "Failed h6 exit 2 1 6",
                "Failed h9 exit 137 (SIGKILL, not sent by Shanty) 1 9",
                "TimedOut h5 timed out, exit 143 1 5",
                "Lost h8 outcome unknown: gone 1 8",
                "Refused h11 refused: no 1 11",
                "NotStarted h3 not started: it was offline 1 3",
                "Stopped h4 stopped, exit 143 1 4",
                "Odd h1 exit 0 1 1",
                "Most h[0,2] exit 0 1 2",
            ]
        );
        assert_eq!(told(&exited(&[]), &Loosely::new()), [""; 0]);
        assert_eq!(
            told(&exited(&[(1, Some(1))]), &Loosely::new()),
            ["Failed h0 exit 1 1 0"],
            "there need not be one that did well"
        );
    }

    #[test]
    fn outputs_that_are_the_same_but_for_something_are_one_group() {
        let run = exited(&[
            (0, Some(1)),
            (0, Some(2)),
            (0, Some(3)),
            (0, Some(3)),
            (1, Some(4)),
            (0, Some(5)),
            (0, None),
        ]);
        // Host 2 stands for 2 and 3. The digest of one that failed may be the same: it is another group all the same.
        let loosely = [(0, 8), (1, 8), (2, 8), (4, 8), (5, 9)];
        let loosely = loosely.map(|(at, digit)| (id(at), [digit; 32])).into();
        assert_eq!(
            told(&run, &loosely),
            [
                "Failed h4 exit 1 1 4",
                "Odd h5 exit 0 1 5",
                "Odd h6 exit 0 1 6",
                "Most h[0-3] exit 0 3 3",
            ]
        );
    }

    #[test]
    fn outputs_are_compared_as_people_see_them_and_only_whole_ones() {
        let run = exited(&[(0, Some(1)), (0, Some(2)), (0, Some(3)), (0, Some(4))]);
        let host = SameBut {
            host: true,
            ..SameBut::default()
        };
        let outputs = [Some("h0 \r\n\n"), Some("h1\n"), Some("h1\n"), None];
        let whole = |agent| {
            (0..4)
                .find(|at| id(*at) == agent)
                .and_then(|at| outputs[at])
        };
        let compared = run.compared(host, |agent| whole(agent).map(str::to_owned));
        let names: Vec<String> = compared.groups.iter().map(|g| fold(g.names())).collect();
        assert_eq!(names, ["h2", "h3", "h[0-1]"], "h2 printed another's name");
        assert_eq!(compared.texts[&id(0)], ("{host}\n".to_owned(), host));
        assert!(!compared.texts.contains_key(&id(3)));
    }

    #[test]
    fn what_is_compared_of_a_run_is_bounded_and_always_the_same() {
        let (one, all) = COMPARED_BYTES_MAX;
        let fit = usize::try_from(all / one).unwrap();
        let target = |at: usize| Target {
            agent: id(at),
            name: format!("h{at}").parse().unwrap(),
            away: None,
        };
        let mut run = Run::new(
            RunNumber(1),
            Spec::example((0..fit + 4).map(target).collect()),
            0,
        );
        // The first is too long, the last two have no room but for what is short.
        for at in 0..fit + 4 {
            let output_bytes = match at {
                0 => one + 1,
                at if at == fit + 3 => 0,
                _ => one,
            };
            let outcome = Outcome {
                content_sha256: Some(Sha256::digest(at.to_le_bytes()).into()),
                output_bytes,
                ..Outcome::without_output(How::Exited(0))
            };
            run.apply_finished(id(at), outcome);
        }
        let mut expected: Vec<AgentId> = (1..=fit).map(id).collect();
        expected.push(id(fit + 3));
        assert_eq!(run.comparable(), expected);
        let mut asked = Vec::new();
        let compared = run.compared(SameBut::default(), |agent| {
            asked.push(agent);
            Some("same\n".to_owned())
        });
        assert_eq!(asked, expected, "nothing else is asked for");
        let sizes: Vec<usize> = compared.groups.iter().map(|g| g.hosts.len()).collect();
        assert_eq!(sizes, [1, 1, 1, fit + 1]);
        assert_eq!(exited(&[(0, Some(1))]).comparable(), []);
    }

    fn differing(ends: &[(i32, Option<u8>)]) -> Vec<usize> {
        let odd = exited(ends).differing();
        (0..ends.len())
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

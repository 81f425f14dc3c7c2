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
mod tests;

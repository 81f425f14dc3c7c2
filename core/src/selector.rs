//! Selectors: the text that names hosts, from what a person types to the frozen set of hosts.
//!
//! The grammar is that of DESIGN.md, section 7: a space narrows, a comma adds, `!` removes, ` | ` starts over. This file is the
//! front door; the parts below it hold the syntax tree, parse, evaluate, fold and complete. Deciding whether the hosts may be touched is
//! not done here, and nothing here ever stands for every host unless `all` was typed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::facts::{Facts, Metrics};
use crate::ids::{AgentId, HostName, Labels, RunNumber};
use crate::principal::Principal;
use crate::run::Run;

pub mod complete;
pub mod error;
pub mod fold;

mod evaluate;
mod fact;
mod near;
mod parse;
mod pattern;
mod span;
mod tree;

pub use error::{SelectorError, SelectorErrorKind};

pub use evaluate::{Evaluator, digest};
pub use fact::is_outdated;
pub(crate) use near::nearest;

use tree::{AtomKind, Clause, Item, LabelOp, for_each_atom};

/// Globs, comparisons, `~` and runs in one selector, saved groups included. Each is tried on every host: this many on 10,000 hosts stay
/// under 50 ms.
pub const SCANS_MAX: usize = 16;

/// Saved groups in one another. A group that holds itself ends here too.
pub const GROUPS_DEPTH_MAX: usize = 8;

/// Errors told about one selector; nobody reads more.
pub const ERRORS_MAX: usize = 16;

/// A parsed selector. Its [`Display`](fmt::Display) is the normal form, which parses to an equal selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    clauses: Vec<Clause>,
}

/// A host as selectors see it.
#[derive(Clone, Copy, Debug)]
pub struct Host<'a> {
    /// Who it is.
    pub id: AgentId,
    /// Its name, unique in the fleet.
    pub name: &'a HostName,
    /// Its labels, given by the controller.
    pub labels: &'a Labels,
    /// Whether it holds a link now.
    pub online: bool,
    /// Whether its link has been silent for longer than it should be; only ever with `online`.
    pub stale: bool,
    /// Whether somebody asked it to take no new runs.
    pub draining: bool,
    /// What its agent tells of it.
    pub told: AgentInfo<'a>,
}

/// What an agent tells: shown, and narrowed by, but never a reason to allow anything.
#[derive(Clone, Copy, Debug, Default)]
pub struct AgentInfo<'a> {
    /// What seldom changes.
    pub facts: Option<&'a Facts>,
    /// What changes all the time.
    pub metrics: Option<&'a Metrics>,
    /// The agent's version; empty before its first link.
    pub version: &'a str,
}

/// A selector that somebody saved under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What it stands for.
    pub selector: Selector,
    /// Who saved it last.
    pub by: Principal,
    /// When, milliseconds since the Unix epoch.
    pub saved_ms: u64,
}

/// What a selector may refer to besides hosts.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// Saved groups, by name without `@`.
    pub groups: &'a BTreeMap<String, Group>,
    /// Whether the asker may read what groups stand for: their selectors may name hosts that the asker may not see.
    pub groups_readable: bool,
    /// Whether every part inside of a group must match something too, as what is typed must.
    pub groups_strict: bool,
    /// Why a group does not stand for what was saved, among all hosts, whatever the asker may see.
    pub stale: &'a dyn Fn(&str) -> Option<String>,
    /// Looks up a run that the asker may see.
    pub run: &'a dyn Fn(RunNumber) -> Option<&'a Run>,
    /// The version that agents should have, for `is:outdated`.
    pub agent_version: &'a str,
    /// What `pick:` draws by: the same seed draws the same hosts of the same set.
    pub seed: u64,
}

impl<'a> Scope<'a> {
    /// No groups and no runs.
    #[must_use]
    pub const fn empty() -> Self {
        static GROUPS: BTreeMap<String, Group> = BTreeMap::new();
        Self {
            groups: &GROUPS,
            groups_readable: true,
            groups_strict: false,
            stale: &|_| None,
            run: &|_| None,
            agent_version: "",
            seed: 0,
        }
    }
}

impl fmt::Debug for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

/// The frozen set of hosts that a selector stood for at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// The hosts, sorted, each once, at least one.
    pub hosts: Vec<AgentId>,
    /// SHA-256 over the 16 bytes of each id in that order: two sets are equal when their digests are.
    pub digest: [u8; 32],
    /// How many of them were online.
    pub online: usize,
    /// Names that a range stood for and that no host has, in the order written: `web[01-20]` matches, and `web13` is not there.
    pub absent: Vec<String>,
    /// Hosts that were named, and that an exclusion removed; sorted.
    pub excluded: Vec<AgentId>,
    /// Whether `all` had a say, also inside of a group.
    pub every: bool,
    /// Whether a `pick:` had a say: another seed gives other hosts.
    pub drawn: bool,
}

impl Selector {
    /// Parses a selector, and reports every error in it, by column.
    ///
    /// # Errors
    /// At least one and at most [`ERRORS_MAX`].
    pub fn parse(text: &str) -> Result<Self, Vec<SelectorError>> {
        parse::parse(text).map(|clauses| Self { clauses })
    }

    /// Parses the selector of a grant: names, globs, ranges, labels and `all`. Rights must not come and go with a host's link, with what
    /// an agent says, or with what a person saved, so everything else is refused.
    ///
    /// # Errors
    /// As [`Self::parse`], and [`SelectorErrorKind::State`] for each part that a grant cannot have.
    pub fn parse_for_grant(text: &str) -> Result<Self, Vec<SelectorError>> {
        Self::parse_without(text, |kind| {
            (!is_lasting(kind)).then_some(("a grant", "name hosts by label or name"))
        })
    }

    /// Parses the names that a join token is for: names, globs and ranges only.
    ///
    /// # Errors
    /// As [`Self::parse`], and [`SelectorErrorKind::State`] for each part that is no name.
    pub fn parse_for_token(text: &str) -> Result<Self, Vec<SelectorError>> {
        Self::parse_without(text, |kind| {
            let is_name = matches!(
                kind,
                AtomKind::Name(_) | AtomKind::Pattern(_) | AtomKind::Parens(_)
            );
            (!is_name).then_some((
                "the names of a token",
                "write names such as `web-[01-20]` or `web-*`",
            ))
        })
    }

    /// Whether it is `all` and nothing else: what it names holds whatever host there will be.
    #[must_use]
    pub fn is_all(&self) -> bool {
        let [Clause { items, .. }] = self.clauses.as_slice() else {
            return false;
        };
        let [Item { exclude, atoms }] = items.as_slice() else {
            return false;
        };
        !exclude && atoms.len() == 1 && atoms.iter().all(|atom| atom.kind == AtomKind::All)
    }

    /// Whether some part of it goes by this name, and not by labels or by `all`.
    #[must_use]
    pub fn goes_by_name(&self, name: &HostName) -> bool {
        let mut goes = false;
        for_each_atom(&self.clauses, &mut |atom| {
            goes |= match &atom.kind {
                AtomKind::Name(known) => known == name,
                AtomKind::Pattern(pattern) => pattern.matches(name.as_str()),
                AtomKind::Label(_)
                | AtomKind::Compare(_)
                | AtomKind::Saved(_)
                | AtomKind::Run(..)
                | AtomKind::All
                | AtomKind::State(_)
                | AtomKind::Pick(_)
                | AtomKind::Parens(_) => false,
            };
        });
        goes
    }

    /// Whether the names of a token hold this one: as a grant holds a host, with what is left out and what is both.
    #[must_use]
    pub fn contains_name(&self, name: &HostName) -> bool {
        self.contains(&Host {
            id: AgentId::from_bytes([0; 16]),
            name,
            labels: &Labels::default(),
            online: false,
            stale: false,
            draining: false,
            told: AgentInfo::default(),
        })
    }

    /// Parses the selector of a saved group: everything but `pick:`, which would be drawn anew each time.
    ///
    /// # Errors
    /// As [`Self::parse`], and [`SelectorErrorKind::State`] for each `pick:`.
    pub fn parse_for_group(text: &str) -> Result<Self, Vec<SelectorError>> {
        Self::parse_without(text, |kind| {
            matches!(kind, AtomKind::Pick(_))
                .then_some(("a saved group", "write it beside the group: `@web pick:3`"))
        })
    }

    fn parse_without(
        text: &str,
        refused: impl Fn(&AtomKind) -> Option<(&'static str, &'static str)>,
    ) -> Result<Self, Vec<SelectorError>> {
        let selector = Self::parse(text)?;
        let mut errors = Vec::new();
        for_each_atom(&selector.clauses, &mut |atom| {
            if let Some((place, hint)) = refused(&atom.kind) {
                let kind = SelectorErrorKind::State(pattern::shorten(&atom.to_string()), place);
                errors.push(SelectorError::new(kind, atom.span, hint));
            }
        });
        errors.truncate(ERRORS_MAX);
        if errors.is_empty() {
            Ok(selector)
        } else {
            Err(errors)
        }
    }

    /// The hosts that this stands for among `hosts`.
    ///
    /// Every atom must match something, those of exclusions included, and so must each alternative of a label: a misspelt name is
    /// never passed over. States such as `is:online` and comparisons with facts cannot be misspelt and may match nothing, as may what
    /// ends in `?`. `k!=v` means hosts that have the label `k` with another value; a host without it is not touched by a word that says
    /// nothing about it. A saved group must match something as a whole: hosts that it names may have left since it was saved.
    ///
    /// # Errors
    /// At least one and at most [`ERRORS_MAX`], with the nearest names where a name matched nothing.
    pub fn resolve(
        &self,
        hosts: &[Host<'_>],
        scope: Scope<'_>,
    ) -> Result<Resolution, Vec<SelectorError>> {
        Evaluator::new(hosts, scope).resolve(self)
    }

    /// Whether it stands for the same hosts at every moment and to everybody, while names and labels stay: it could be a grant's, but
    /// for groups that could be so too.
    #[must_use]
    pub fn is_lasting(&self, groups: &BTreeMap<String, Group>) -> bool {
        let mut seen = BTreeSet::new();
        let mut open = vec![self];
        while let Some(selector) = open.pop() {
            let mut lasting = true;
            for_each_atom(&selector.clauses, &mut |atom| {
                if let AtomKind::Saved(name) = &atom.kind {
                    if seen.insert(name.as_str()) {
                        open.extend(groups.get(name).map(|group| &group.selector));
                    }
                } else {
                    lasting = lasting && is_lasting(&atom.kind);
                }
            });
            if !lasting {
                return false;
            }
        }
        true
    }

    /// The saved groups that it names itself, without `@`.
    #[must_use]
    pub fn groups(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for_each_atom(&self.clauses, &mut |atom| {
            if let AtomKind::Saved(name) = &atom.kind {
                names.push(name.as_str());
            }
        });
        names
    }

    /// Whether one host is among those that the selector of a grant stands for. What matches nothing is no error here: a grant may be
    /// older than the hosts it is for. Saved groups, runs and `pick:` contain no host: one host alone does not tell.
    #[must_use]
    pub fn contains(&self, host: &Host<'_>) -> bool {
        evaluate::contains(&self.clauses, host)
    }
}

const fn is_lasting(kind: &AtomKind) -> bool {
    match kind {
        AtomKind::Name(_) | AtomKind::Pattern(_) | AtomKind::All | AtomKind::Parens(_) => true,
        AtomKind::Label(test) => !matches!(test.op, LabelOp::Like),
        AtomKind::Compare(_)
        | AtomKind::Saved(_)
        | AtomKind::Run(..)
        | AtomKind::State(_)
        | AtomKind::Pick(_) => false,
    }
}

impl Resolution {
    /// Whether the host is in the set.
    #[must_use]
    pub fn contains(&self, id: AgentId) -> bool {
        self.hosts.binary_search(&id).is_ok()
    }

    /// The set as it is echoed to people: `api[1-4],web[01-02,04-20] (22 hosts, 21 online)`. Takes the hosts that it was resolved from.
    #[must_use]
    pub fn normal(&self, hosts: &[Host<'_>]) -> String {
        let names = hosts
            .iter()
            .filter(|host| self.contains(host.id))
            .map(|host| host.name.as_str());
        fold::normal(names, self.online)
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        tree::joined(f, &self.clauses, " | ")
    }
}

#[cfg(test)]
mod tests;

//! Selectors: the text that names hosts, from what a person types to the frozen set of hosts.
//!
//! The grammar is that of DESIGN.md, section 7: a space narrows, a comma adds, `!` removes, ` | ` starts over. This file holds the
//! syntax tree and the front door; the parts below it parse, evaluate, fold and complete. Deciding whether the hosts may be touched is
//! not done here, and nothing here ever stands for every host unless `all` was typed.

use std::fmt;

use crate::ids::{AgentId, HostName, Labels};

pub mod complete;
pub mod error;
pub mod fold;

mod evaluate;
mod near;
mod parse;
mod pattern;

pub use error::{Feature, SelectorError, SelectorErrorKind};

use pattern::Pattern;

/// Globs in one selector, each of which is tried on every host: this many on 10,000 hosts stay under 50 ms.
pub const GLOBS_MAX: usize = 64;

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
}

impl Selector {
    /// Parses a selector, and reports every error in it, by column.
    ///
    /// # Errors
    /// At least one and at most [`ERRORS_MAX`].
    pub fn parse(text: &str) -> Result<Self, Vec<SelectorError>> {
        parse::parse(text).map(|clauses| Self { clauses })
    }

    /// Parses the selector of a grant: names, globs, ranges, labels and `all`. Rights must not come and go with a host's link, so
    /// `is:` is refused.
    ///
    /// # Errors
    /// As [`Self::parse`], and [`SelectorErrorKind::State`] for each `is:`.
    pub fn parse_for_grant(text: &str) -> Result<Self, Vec<SelectorError>> {
        let selector = Self::parse(text)?;
        let mut errors = Vec::new();
        for_each_atom(&selector.clauses, &mut |atom| {
            if matches!(atom.kind, AtomKind::Online | AtomKind::Offline) {
                let kind = SelectorErrorKind::State(atom.to_string());
                errors.push(SelectorError::new(
                    kind,
                    atom.span,
                    "name hosts by label or name",
                ));
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
    /// never passed over. `is:online` and `is:offline` cannot be misspelt and may match nothing, as may what ends in `?`. `k!=v` means
    /// hosts that have the label `k` with another value; a host without it is not touched by a word that says nothing about it.
    ///
    /// # Errors
    /// At least one and at most [`ERRORS_MAX`], with the nearest names where a name matched nothing.
    pub fn resolve(&self, hosts: &[Host<'_>]) -> Result<Resolution, Vec<SelectorError>> {
        evaluate::resolve(&self.clauses, hosts)
    }

    /// Whether one host is among those that this stands for. What matches nothing is no error here: a grant may be older than the
    /// hosts it is for.
    #[must_use]
    pub fn contains(&self, host: &Host<'_>) -> bool {
        evaluate::contains(&self.clauses, host)
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

/// Where something stood in the text that was parsed.
///
/// Compares equal to every other span: two selectors are the same when they mean the same, however they were spaced.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// In characters, from 1.
    pub(crate) column: usize,
}

impl PartialEq for Span {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Span {}

/// Items that intersect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Clause {
    items: Vec<Item>,
    span: Span,
}

/// A list of atoms, added up or removed as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    exclude: bool,
    atoms: Vec<Atom>,
}

/// The smallest thing that names hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Atom {
    kind: AtomKind,
    /// Ends in `?`: may match nothing.
    optional: bool,
    span: Span,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AtomKind {
    Name(HostName),
    Pattern(Pattern),
    Label(LabelTest),
    All,
    Online,
    Offline,
    Group(Vec<Clause>),
}

/// `key=value|value` or `key!=value|value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LabelTest {
    key: String,
    op: LabelOp,
    values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LabelOp {
    /// One of the values.
    Is,
    /// Another value than these.
    IsNot,
}

impl LabelOp {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Is => "=",
            Self::IsNot => "!=",
        }
    }
}

/// Calls `f` with each atom that is no group, groups searched through. Recursion ends at the depth that the parser allowed.
fn for_each_atom(clauses: &[Clause], f: &mut impl FnMut(&Atom)) {
    for atom in clauses
        .iter()
        .flat_map(|clause| &clause.items)
        .flat_map(|item| &item.atoms)
    {
        match &atom.kind {
            AtomKind::Group(clauses) => for_each_atom(clauses, f),
            AtomKind::Name(_)
            | AtomKind::Pattern(_)
            | AtomKind::Label(_)
            | AtomKind::All
            | AtomKind::Online
            | AtomKind::Offline => f(atom),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        joined(f, &self.clauses, " | ")
    }
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        joined(f, &self.items, " ")
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.exclude {
            f.write_str("!")?;
        }
        joined(f, &self.atoms, ",")
    }
}

impl fmt::Display for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            AtomKind::Name(name) => write!(f, "{name}")?,
            AtomKind::Pattern(pattern) => write!(f, "{pattern}")?,
            AtomKind::Label(label) => {
                write!(f, "{}{}", label.key, label.op.as_str())?;
                joined(f, &label.values, "|")?;
            }
            AtomKind::All => f.write_str("all")?,
            AtomKind::Online => f.write_str("is:online")?,
            AtomKind::Offline => f.write_str("is:offline")?,
            AtomKind::Group(clauses) => {
                f.write_str("(")?;
                joined(f, clauses, " | ")?;
                f.write_str(")")?;
            }
        }
        f.write_str(if self.optional { "?" } else { "" })
    }
}

fn joined<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    parts: &[T],
    separator: &str,
) -> fmt::Result {
    for (at, part) in parts.iter().enumerate() {
        let between = if at == 0 { "" } else { separator };
        write!(f, "{between}{part}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;

//! The syntax tree of selectors, and how it is printed: what is printed parses to an equal tree.

use std::fmt;

use crate::ids::{HostName, RunNumber};

use super::fact::Comparison;
use super::pattern::Pattern;
use super::span::Span;

/// Items that intersect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Clause {
    pub(super) items: Vec<Item>,
    pub(super) span: Span,
}

/// A list of atoms, added up or removed as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) exclude: bool,
    pub(super) atoms: Vec<Atom>,
}

/// The smallest thing that names hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Atom {
    pub(super) kind: AtomKind,
    /// Ends in `?`: may match nothing.
    pub(super) optional: bool,
    pub(super) span: Span,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AtomKind {
    Name(HostName),
    Pattern(Pattern),
    Label(LabelTest),
    Compare(Comparison),
    /// `@web`, without the `@`.
    Saved(String),
    Run(RunNumber, Vec<RunPart>),
    All,
    State(State),
    /// Stands alone in a clause, and draws from what the rest of it leaves.
    Pick(Pick),
    Parens(Vec<Clause>),
}

/// What a host is at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Online,
    Offline,
    Stale,
    Draining,
    Outdated,
}

impl State {
    /// Every state with the word that stands for it.
    pub(super) const ALL: [(&'static str, Self); 5] = [
        ("is:online", Self::Online),
        ("is:offline", Self::Offline),
        ("is:stale", Self::Stale),
        ("is:draining", Self::Draining),
        ("is:outdated", Self::Outdated),
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Online => "is:online",
            Self::Offline => "is:offline",
            Self::Stale => "is:stale",
            Self::Draining => "is:draining",
            Self::Outdated => "is:outdated",
        }
    }
}

/// How a run went on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RunPart {
    /// Ran and ended in another way than with exit 0, or is unknown, or the host did not want it; not what somebody stopped.
    Failed,
    /// Ended with exit 0.
    Ok,
    /// Ended with another exit or another output than most of them.
    Differs,
    /// Stopped because its time was up.
    Timeout,
    /// Never began, because the host was away.
    Offline,
    /// Never began, whyever.
    Missed,
}

impl RunPart {
    /// Every part with its word.
    pub(super) const ALL: [(&'static str, Self); 6] = [
        ("failed", Self::Failed),
        ("ok", Self::Ok),
        ("differs", Self::Differs),
        ("timeout", Self::Timeout),
        ("offline", Self::Offline),
        ("missed", Self::Missed),
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Ok => "ok",
            Self::Differs => "differs",
            Self::Timeout => "timeout",
            Self::Offline => "offline",
            Self::Missed => "missed",
        }
    }
}

/// How many to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pick {
    Count(usize),
    /// 1 to 100; rounded up, so that a part of something is never nothing.
    Percent(u8),
}

/// `key=value|value`, `key!=value|value` or `key~part|part`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LabelTest {
    pub(super) key: String,
    pub(super) op: LabelOp,
    pub(super) values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LabelOp {
    /// One of the values.
    Is,
    /// Another value than these.
    IsNot,
    /// A value that holds one of these, upper or lower case; of a label, or of a fact that is text.
    Like,
}

impl LabelOp {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Is => "=",
            Self::IsNot => "!=",
            Self::Like => "~",
        }
    }
}

/// Calls `f` with each atom that is no parentheses, parentheses searched through. Recursion ends at the depth that the parser allowed.
pub(super) fn for_each_atom<'s>(clauses: &'s [Clause], f: &mut impl FnMut(&'s Atom)) {
    for atom in clauses
        .iter()
        .flat_map(|clause| &clause.items)
        .flat_map(|item| &item.atoms)
    {
        match &atom.kind {
            AtomKind::Parens(clauses) => for_each_atom(clauses, f),
            AtomKind::Name(_)
            | AtomKind::Pattern(_)
            | AtomKind::Label(_)
            | AtomKind::Compare(_)
            | AtomKind::Saved(_)
            | AtomKind::Run(..)
            | AtomKind::All
            | AtomKind::State(_)
            | AtomKind::Pick(_) => f(atom),
        }
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
            AtomKind::Compare(comparison) => write!(f, "{comparison}")?,
            AtomKind::Saved(name) => write!(f, "@{name}")?,
            AtomKind::Run(number, parts) => {
                write!(f, "{number}{}", if parts.is_empty() { "" } else { ":" })?;
                let parts: Vec<&str> = parts.iter().map(|part| part.as_str()).collect();
                joined(f, &parts, "|")?;
            }
            AtomKind::All => f.write_str("all")?,
            AtomKind::State(state) => f.write_str(state.as_str())?,
            AtomKind::Pick(Pick::Count(count)) => write!(f, "pick:{count}")?,
            AtomKind::Pick(Pick::Percent(percent)) => write!(f, "pick:{percent}%")?,
            AtomKind::Parens(clauses) => {
                f.write_str("(")?;
                joined(f, clauses, " | ")?;
                f.write_str(")")?;
            }
        }
        f.write_str(if self.optional { "?" } else { "" })
    }
}

pub(super) fn joined<T: fmt::Display>(
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

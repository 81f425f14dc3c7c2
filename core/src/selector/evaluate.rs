//! Syntax tree and hosts to a set of hosts. Every part must match something; what did not is reported with the nearest names.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use crate::ids::AgentId;

use super::error::SelectorErrorKind as Kind;
use super::near::nearest;
use super::pattern::{Pattern, shorten};
use super::{
    Atom, AtomKind, Clause, ERRORS_MAX, Host, Item, LabelOp, LabelTest, Resolution, SelectorError,
};

/// Errors that get the nearest names: looking through 10,000 names takes a millisecond or two each time.
const NEAREST_ERRORS_MAX: usize = 3;

/// The hosts of a selector, or every reason why there are none.
pub(super) fn resolve(
    clauses: &[Clause],
    hosts: &[Host<'_>],
) -> Result<Resolution, Vec<SelectorError>> {
    let mut evaluation = Evaluation::new(hosts);
    if hosts.is_empty() {
        let span = clauses
            .first()
            .map(|clause| clause.span)
            .unwrap_or_default();
        return Err(vec![SelectorError::new(
            Kind::NoHosts,
            span,
            "join a host first",
        )]);
    }
    let found = evaluation.clauses(clauses, Absence::Error);
    if !evaluation.errors.is_empty() {
        return Err(evaluation.errors);
    }
    let found: Vec<&Host<'_>> = found.members(hosts).collect();
    let mut ids: Vec<AgentId> = found.iter().map(|host| host.id).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut sha = Sha256::new();
    for id in &ids {
        sha.update(id.as_bytes());
    }
    Ok(Resolution {
        hosts: ids,
        digest: sha.finalize().into(),
        online: found.iter().filter(|host| host.online).count(),
        absent: evaluation.absent,
    })
}

/// Whether one host is in the set, without asking whether every part matches something.
pub(super) fn contains(clauses: &[Clause], host: &Host<'_>) -> bool {
    let in_item = |item: &Item| item.atoms.iter().any(|atom| is_atom(atom, host));
    clauses.iter().any(|clause| {
        let positive = clause.items.iter().any(|item| !item.exclude);
        positive
            && clause
                .items
                .iter()
                .all(|item| in_item(item) != item.exclude)
    })
}

fn is_atom(atom: &Atom, host: &Host<'_>) -> bool {
    match &atom.kind {
        AtomKind::Name(name) => host.name == name,
        AtomKind::Pattern(pattern) => pattern.matches(host.name.as_str()),
        AtomKind::Label(test) => host.labels.value(&test.key).is_some_and(|value| {
            let named = test.values.iter().any(|named| named == value);
            named == (test.op == LabelOp::Is)
        }),
        AtomKind::All => true,
        AtomKind::Online => host.online,
        AtomKind::Offline => !host.online,
        AtomKind::Group(clauses) => contains(clauses, host),
    }
}

/// Whether a part that matches nothing is an error.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Absence {
    Error,
    Allowed,
}

type LabelIndex<'h> = HashMap<&'h str, HashMap<&'h str, Vec<usize>>>;

struct Evaluation<'h> {
    hosts: &'h [Host<'h>],
    /// Places in `hosts`, by name, so that names and prefixes are found by halving.
    by_name: Vec<usize>,
    /// Built when the first label is asked for.
    by_label: Option<LabelIndex<'h>>,
    errors: Vec<SelectorError>,
    absent: Vec<String>,
}

impl<'h> Evaluation<'h> {
    fn new(hosts: &'h [Host<'h>]) -> Self {
        let mut by_name: Vec<usize> = (0..hosts.len()).collect();
        by_name.sort_unstable_by_key(|&at| hosts.get(at).map(|host| host.name));
        Self {
            hosts,
            by_name,
            by_label: None,
            errors: Vec::new(),
            absent: Vec::new(),
        }
    }

    fn clauses(&mut self, clauses: &[Clause], absence: Absence) -> Set {
        let mut all = Set::empty(self.hosts.len());
        for clause in clauses {
            all.add(&self.clause(clause, absence));
        }
        all
    }

    fn clause(&mut self, clause: &Clause, absence: Absence) -> Set {
        let errors = self.errors.len();
        let mut left: Option<Set> = None;
        let mut removed = Set::empty(self.hosts.len());
        let mut counts = Vec::with_capacity(clause.items.len());
        for item in &clause.items {
            let found = self.item(item, absence);
            counts.push(found.len());
            match (&mut left, item.exclude) {
                (_, true) => removed.add(&found),
                (Some(left), false) => left.keep(&found),
                (left @ None, false) => *left = Some(found),
            }
        }
        let mut left = left.unwrap_or_else(|| Set::empty(self.hosts.len()));
        left.remove(&removed);
        if left.is_empty() && absence == Absence::Error && self.errors.len() == errors {
            let parts = clause.items.iter().zip(counts);
            let parts = parts
                .map(|(item, count)| (shorten(&item.to_string()), count))
                .collect();
            self.error(SelectorError::new(
                Kind::NothingLeft(parts),
                clause.span,
                "",
            ));
        }
        left
    }

    fn item(&mut self, item: &Item, absence: Absence) -> Set {
        let mut all = Set::empty(self.hosts.len());
        for atom in &item.atoms {
            let absence = if atom.optional {
                Absence::Allowed
            } else {
                absence
            };
            self.atom(atom, absence, &mut all);
        }
        all
    }

    /// Adds the hosts of an atom.
    fn atom(&mut self, atom: &Atom, absence: Absence, all: &mut Set) {
        let found = match &atom.kind {
            AtomKind::Name(name) => self.name(name.as_str(), all),
            AtomKind::Pattern(pattern) if pattern.is_glob() => self.glob(pattern, all),
            AtomKind::Pattern(pattern) => self.range(pattern, all),
            AtomKind::Label(test) => return self.label(atom, test, absence, all),
            AtomKind::All => return self.state(all, |_| true),
            AtomKind::Online => return self.state(all, |host| host.online),
            AtomKind::Offline => return self.state(all, |host| !host.online),
            AtomKind::Group(clauses) => return all.add(&self.clauses(clauses, absence)),
        };
        if !found && absence == Absence::Error {
            let wanted = if let AtomKind::Pattern(pattern) = &atom.kind {
                pattern.skeleton()
            } else {
                atom.to_string()
            };
            let hint = self.name_hint(&wanted);
            let kind = Kind::NoMatch(shorten(&atom.to_string()));
            self.error(SelectorError::new(kind, atom.span, hint));
        }
    }

    fn state(&self, all: &mut Set, is: impl Fn(&Host<'_>) -> bool) {
        for (at, host) in self.hosts.iter().enumerate() {
            if is(host) {
                all.insert(at);
            }
        }
    }

    fn name(&self, name: &str, all: &mut Set) -> bool {
        self.tell(self.places(|other| other.cmp(name)), all)
    }

    fn glob(&self, pattern: &Pattern, all: &mut Set) -> bool {
        let prefix = pattern.prefix();
        let candidates = self.places(|name| {
            let head = name
                .as_bytes()
                .get(..prefix.len())
                .unwrap_or(name.as_bytes());
            head.cmp(prefix.as_bytes())
        });
        let matching = candidates
            .iter()
            .filter(|&&at| self.name_at(at).is_some_and(|name| pattern.matches(name)));
        self.tell(matching, all)
    }

    fn range(&mut self, pattern: &Pattern, all: &mut Set) -> bool {
        let mut found = false;
        let mut absent = Vec::new();
        for name in pattern.names() {
            if self.name(&name, all) {
                found = true;
            } else {
                absent.push(name);
            }
        }
        self.absent.append(&mut absent);
        found
    }

    fn tell<'i>(&self, places: impl IntoIterator<Item = &'i usize>, all: &mut Set) -> bool {
        let mut found = false;
        for &at in places {
            all.insert(at);
            found = true;
        }
        found
    }

    fn name_at(&self, at: usize) -> Option<&'h str> {
        self.hosts.get(at).map(|host| host.name.as_str())
    }

    /// The hosts whose names compare equal, by halving.
    fn places(&self, order: impl Fn(&str) -> std::cmp::Ordering) -> &[usize] {
        let at = |at: &usize| self.name_at(*at).map_or(std::cmp::Ordering::Less, &order);
        let first = self.by_name.partition_point(|place| at(place).is_lt());
        let last = self.by_name.partition_point(|place| at(place).is_le());
        self.by_name.get(first..last).unwrap_or_default()
    }

    fn label(&mut self, atom: &Atom, test: &LabelTest, absence: Absence, all: &mut Set) {
        let hosts = self.hosts;
        let index = self.by_label.get_or_insert_with(|| label_index(hosts));
        let values = index.get(test.key.as_str());
        let unknown =
            |value: &&String| !values.is_some_and(|known| known.contains_key(value.as_str()));
        let unknown: Vec<String> = test.values.iter().filter(unknown).cloned().collect();
        let mut found = false;
        for (value, places) in values.into_iter().flatten() {
            let named = test.values.iter().any(|named| named == value);
            if named == (test.op == LabelOp::Is) {
                places.iter().for_each(|&at| all.insert(at));
                found = true;
            }
        }
        if absence == Absence::Allowed {
            return;
        }
        for value in &unknown {
            let hint = self.label_hint(&test.key, value);
            let kind = Kind::NoMatch(format!("{}={value}", test.key));
            self.error(SelectorError::new(kind, atom.span, hint));
        }
        if !found && unknown.is_empty() {
            let hint = format!("every host that has `{}` has it so", test.key);
            let kind = Kind::NoMatch(shorten(&atom.to_string()));
            self.error(SelectorError::new(kind, atom.span, hint));
        }
    }

    fn error(&mut self, error: SelectorError) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(error);
        }
    }

    fn name_hint(&self, wanted: &str) -> String {
        if self.errors.len() >= NEAREST_ERRORS_MAX {
            return String::new();
        }
        let by_value = self.hosts.iter().flat_map(|host| host.labels.iter());
        if let Some((key, value)) = by_value.into_iter().find(|(_, value)| *value == wanted) {
            return format!("or the label `{key}={value}`?");
        }
        said(
            &nearest(wanted, self.hosts.iter().map(|host| host.name.as_str())),
            "",
        )
    }

    fn label_hint(&self, key: &str, value: &str) -> String {
        let Some(index) = &self.by_label else {
            return String::new();
        };
        let Some(values) = index.get(key) else {
            let keys = nearest(key, index.keys().copied());
            return if keys.is_empty() {
                format!("no host has a label `{key}`")
            } else {
                said(&keys, "=")
            };
        };
        let near = nearest(value, values.keys().copied());
        if !near.is_empty() {
            return said(&near, "");
        }
        let mut known: Vec<&str> = values.keys().copied().collect();
        known.sort_unstable();
        known.truncate(3);
        format!("`{key}` is {}", listed(&known, ""))
    }
}

fn said(near: &[&str], suffix: &str) -> String {
    match near {
        [] => String::new(),
        near => format!("nearest {}", listed(near, suffix)),
    }
}

fn listed(words: &[&str], suffix: &str) -> String {
    let words: Vec<String> = words
        .iter()
        .map(|word| format!("`{word}{suffix}`"))
        .collect();
    words.join(", ")
}

fn label_index<'h>(hosts: &'h [Host<'h>]) -> LabelIndex<'h> {
    let mut index = LabelIndex::new();
    for (at, host) in hosts.iter().enumerate() {
        for (key, value) in host.labels.iter() {
            let values = index.entry(key).or_default();
            values.entry(value).or_default().push(at);
        }
    }
    index
}

/// A set of places in the list of hosts, as bits.
struct Set(Vec<u64>);

impl Set {
    fn empty(len: usize) -> Self {
        Self(vec![0; len.div_ceil(64)])
    }

    fn insert(&mut self, at: usize) {
        if let Some(word) = self.0.get_mut(at / 64) {
            *word |= 1 << (at % 64);
        }
    }

    fn has(&self, at: usize) -> bool {
        self.0
            .get(at / 64)
            .is_some_and(|word| word & (1 << (at % 64)) != 0)
    }

    fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a |= b);
    }

    fn keep(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a &= b);
    }

    fn remove(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a &= !b);
    }

    fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|&word| word == 0)
    }

    fn members<'s>(&'s self, hosts: &'s [Host<'s>]) -> impl Iterator<Item = &'s Host<'s>> {
        hosts
            .iter()
            .enumerate()
            .filter(|(at, _)| self.has(*at))
            .map(|(_, host)| host)
    }
}

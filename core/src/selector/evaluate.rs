//! Syntax tree and hosts to a set of hosts. Every part must match something; what did not is reported with the nearest names.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sha2::{Digest, Sha256};

use crate::ids::{AgentId, RunNumber};
use crate::refusal::Code;
use crate::run::{Execution, How, Rank, Run};

use super::error::SelectorErrorKind as Kind;
use super::fact::Comparison;
use super::pattern::{Pattern, shorten};
use super::span::Span;
use super::tree::{Atom, AtomKind, Clause, Item, LabelOp, LabelTest, Pick, RunPart, State};
use super::{ERRORS_MAX, Host, Resolution, SCANS_MAX, Scope, SelectorError};

mod evaluator;
mod hint;
mod index;
mod one;
mod saved;
mod set;

pub use evaluator::Evaluator;
pub(super) use one::contains;

use index::Index;
use one::{has_label, is_state};
use saved::Known;
use set::Set;

/// Whether a part that matches nothing is an error.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Absence {
    Error,
    Allowed,
}

struct Evaluation<'h, 's> {
    hosts: &'h [Host<'h>],
    scope: Scope<'s>,
    index: Index<'h>,
    states: BTreeMap<State, Set>,
    /// Saved groups that were evaluated already.
    groups: HashMap<&'s str, Known>,
    groups_depth: usize,
    scans: usize,
    /// Scans of all that was only counted.
    counted: usize,
    picks: u64,
    /// `all` had a say.
    every: bool,
    /// Only counts: whether groups still stand for what was saved is not asked.
    counting: bool,
    /// What exclusions removed, outside of saved groups.
    excluded: Set,
    errors: Vec<SelectorError>,
    absent: Vec<String>,
}

impl<'h, 's> Evaluation<'h, 's> {
    fn new(hosts: &'h [Host<'h>], scope: Scope<'s>) -> Self {
        Self {
            hosts,
            scope,
            index: Index::new(hosts),
            states: BTreeMap::new(),
            groups: HashMap::new(),
            groups_depth: 0,
            scans: 0,
            counted: 0,
            picks: 0,
            every: false,
            counting: false,
            excluded: Set::empty(hosts.len()),
            errors: Vec::new(),
            absent: Vec::new(),
        }
    }

    /// Forgets what only the last selector was about.
    fn begin(&mut self) {
        self.groups_depth = 0;
        self.scans = 0;
        self.picks = 0;
        self.every = false;
        self.counting = false;
        self.excluded = Set::empty(self.hosts.len());
        // Its error is to be told again.
        self.groups.retain(|_, known| !known.failed);
        self.errors.clear();
        self.absent.clear();
    }

    fn resolve(&mut self, clauses: &[Clause]) -> Result<Resolution, Vec<SelectorError>> {
        if self.hosts.is_empty() {
            let span = clauses
                .first()
                .map(|clause| clause.span)
                .unwrap_or_default();
            self.error(Kind::NoHosts, span, "join a host first");
            return Err(std::mem::take(&mut self.errors));
        }
        let set = self.clauses(clauses, Absence::Error);
        if !self.errors.is_empty() {
            return Err(std::mem::take(&mut self.errors));
        }
        let found: Vec<&Host<'_>> = set.members(self.hosts).collect();
        let mut ids: Vec<AgentId> = found.iter().map(|host| host.id).collect();
        ids.sort_unstable();
        ids.dedup();
        self.excluded.remove(&set);
        let mut excluded: Vec<AgentId> = self
            .excluded
            .members(self.hosts)
            .map(|host| host.id)
            .collect();
        excluded.sort_unstable();
        Ok(Resolution {
            digest: digest(&ids),
            hosts: ids,
            online: found.iter().filter(|host| host.online).count(),
            excluded,
            absent: std::mem::take(&mut self.absent),
            every: self.every,
            drawn: self.picks > 0,
        })
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
        let mut pick = None;
        let mut counts = Vec::with_capacity(clause.items.len());
        for item in &clause.items {
            if let Some(drawn) = item.pick() {
                pick = Some(drawn);
                continue;
            }
            let found = self.item(item, absence);
            counts.push((item, found.len()));
            match (&mut left, item.exclude) {
                (_, true) => removed.add(&found),
                (Some(left), false) => left.keep(&found),
                (left @ None, false) => *left = Some(found),
            }
        }
        let mut left = left.unwrap_or_else(|| Set::empty(self.hosts.len()));
        if self.groups_depth == 0 {
            let mut hit = removed.clone();
            hit.keep(&left);
            self.excluded.add(&hit);
        }
        left.remove(&removed);
        if left.is_empty() && absence == Absence::Error && self.errors.len() == errors {
            let parts = counts
                .into_iter()
                .map(|(item, count)| (shorten(&item.to_string()), count))
                .collect();
            self.error(Kind::NothingLeft(parts), clause.span, "");
        }
        if let Some((atom, pick)) = pick
            && self.errors.len() == errors
        {
            self.draw(atom, pick, absence, &mut left);
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
            AtomKind::Name(name) => self.index.name(name.as_str(), all),
            AtomKind::Pattern(pattern) if pattern.is_glob() => {
                self.may_scan(atom) && self.index.glob(pattern, all)
            }
            AtomKind::Pattern(pattern) => self.range(pattern, all),
            AtomKind::Label(test) => return self.label(atom, test, absence, all),
            AtomKind::Compare(comparison) => return self.compare(atom, comparison, absence, all),
            AtomKind::Saved(name) => return self.saved(atom, name, absence, all),
            AtomKind::Run(number, parts) => return self.run(atom, *number, parts, absence, all),
            AtomKind::All => {
                self.every = true;
                return all.fill(self.hosts.len());
            }
            AtomKind::State(state) => return all.add(self.state(*state)),
            // Drawn once the rest of its clause is known.
            AtomKind::Pick(_) => return,
            AtomKind::Parens(clauses) => return all.add(&self.clauses(clauses, absence)),
        };
        if !found && absence == Absence::Error {
            let wanted = if let AtomKind::Pattern(pattern) = &atom.kind {
                pattern.skeleton()
            } else {
                atom.to_string()
            };
            let hint = self.name_hint(&wanted);
            let own = matches!(atom.kind, AtomKind::Name(_)) && self.groups_depth == 0;
            let nearest = if own && self.errors.is_empty() {
                self.mistyped(&wanted)
            } else {
                None
            };
            self.error(Kind::NoMatch(shorten(&atom.to_string())), atom.span, hint);
            if let Some(error) = self.errors.last_mut() {
                error.nearest = nearest;
            }
        }
    }

    /// Counts what is tried on every host. The parser bounds one selector; saved groups add theirs.
    fn may_scan(&mut self, atom: &Atom) -> bool {
        self.scans += 1;
        let may = self.scans <= SCANS_MAX;
        if !may && self.scans == SCANS_MAX + 1 {
            let hint = format!("at most {SCANS_MAX}, those of saved groups included");
            self.error(Kind::TooManyScans, atom.span, hint);
        }
        may
    }

    fn scan(&self, all: &mut Set, is: impl Fn(&Host<'_>) -> bool) -> bool {
        let mut found = false;
        for (at, host) in self.hosts.iter().enumerate() {
            if is(host) {
                all.insert(at);
                found = true;
            }
        }
        found
    }

    fn state(&mut self, state: State) -> &Set {
        let (hosts, current) = (self.hosts, self.scope.agent_version);
        self.states.entry(state).or_insert_with(|| {
            let mut all = Set::empty(hosts.len());
            let is = |(_, host): &(usize, &Host<'_>)| is_state(state, host, current);
            let places = hosts.iter().enumerate().filter(is);
            places.for_each(|(at, _)| all.insert(at));
            all
        })
    }

    fn range(&mut self, pattern: &Pattern, all: &mut Set) -> bool {
        let mut found = false;
        for name in pattern.names() {
            if self.index.name(&name, all) {
                found = true;
            } else if self.groups_depth == 0 {
                self.absent.push(name);
            }
        }
        found
    }

    fn label(&mut self, atom: &Atom, test: &LabelTest, absence: Absence, all: &mut Set) {
        if test.op == LabelOp::Like {
            let found = self.may_scan(atom) && self.scan(all, |host| has_label(test, host));
            if !found && absence == Absence::Error {
                let hint = self.like_hint(&test.key);
                self.error(Kind::NoMatch(shorten(&atom.to_string())), atom.span, hint);
            }
            return;
        }
        let labels = self.index.labels();
        let values = labels.get(test.key.as_str());
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
            self.error(kind, atom.span, hint);
        }
        if !found && unknown.is_empty() {
            let hint = format!("every host that has the label `{}` has it so", test.key);
            self.error(Kind::NoMatch(shorten(&atom.to_string())), atom.span, hint);
        }
    }

    /// Hosts that meet a comparison. That none does is no error; that none has told such a fact is one, since mounts can be misspelt.
    fn compare(&mut self, atom: &Atom, comparison: &Comparison, absence: Absence, all: &mut Set) {
        if !self.may_scan(atom) {
            return;
        }
        let mut known = false;
        for (at, host) in self.hosts.iter().enumerate() {
            if let Some(holds) = comparison.holds(&host.told) {
                known = true;
                if holds {
                    all.insert(at);
                }
            }
        }
        if !known && absence == Absence::Error {
            let hint = self.mount_hint(comparison.mount());
            self.error(Kind::NoMatch(shorten(&atom.to_string())), atom.span, hint);
        }
    }

    fn run(
        &mut self,
        atom: &Atom,
        number: RunNumber,
        parts: &[RunPart],
        absence: Absence,
        all: &mut Set,
    ) {
        if !self.may_scan(atom) {
            return;
        }
        let Some(run) = (self.scope.run)(number) else {
            let hint = "/runs lists those that you may see";
            return self.error(Kind::NoRun(number.to_string()), atom.span, hint);
        };
        let odd = if parts.contains(&RunPart::Differs) {
            run.differing()
        } else {
            BTreeSet::new()
        };
        let is_part = |agent: AgentId, execution: &Execution| {
            parts.is_empty()
                || odd.contains(&agent)
                || parts.iter().any(|part| is_run_part(*part, run, execution))
        };
        let found = self.scan(all, |host| {
            run.execution(host.id)
                .is_some_and(|execution| is_part(host.id, execution))
        });
        if !found && absence == Absence::Error {
            let ended = if run.all_ended() {
                "and has ended on all"
            } else {
                "and has not ended on all"
            };
            let hint = format!("{number} ran on {} {ended}", run_hosts(run));
            self.error(Kind::NoMatch(shorten(&atom.to_string())), atom.span, hint);
        }
    }

    /// Keeps what was drawn. The order of drawing hangs on the seed and the ids alone, so that the same seed draws the same hosts.
    fn draw(&mut self, atom: &Atom, pick: Pick, absence: Absence, left: &mut Set) {
        self.picks += 1;
        let count = match pick {
            Pick::Count(count) => count,
            Pick::Percent(percent) => (left.len() * usize::from(percent)).div_ceil(100),
        };
        let there = left.len();
        if count > there {
            if absence == Absence::Error && !atom.optional {
                let hint = format!("write `pick:{there}`, or leave it out");
                let kind = Kind::PickTooMany(atom.to_string(), there);
                self.error(kind, atom.span, hint);
            }
            return;
        }
        let (seed, pick) = (self.scope.seed, self.picks);
        let mut places: Vec<([u8; 32], usize)> = self
            .hosts
            .iter()
            .enumerate()
            .filter(|(at, _)| left.has(*at))
            .map(|(at, host)| {
                let mut sha = Sha256::new();
                sha.update(seed.to_be_bytes());
                sha.update(pick.to_be_bytes());
                sha.update(host.id.as_bytes());
                (sha.finalize().into(), at)
            })
            .collect();
        places.sort_unstable();
        left.clear();
        places
            .iter()
            .take(count)
            .for_each(|&(_, at)| left.insert(at));
    }

    fn error(&mut self, kind: Kind, span: Span, hint: impl Into<String>) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(SelectorError::new(kind, span, hint));
        }
    }
}

impl Item {
    /// The atom and its count when this is a `pick:`, which the parser lets stand only alone.
    fn pick(&self) -> Option<(&Atom, Pick)> {
        self.atoms.iter().find_map(|atom| match atom.kind {
            AtomKind::Pick(pick) => Some((atom, pick)),
            AtomKind::Name(_)
            | AtomKind::Pattern(_)
            | AtomKind::Label(_)
            | AtomKind::Compare(_)
            | AtomKind::Saved(_)
            | AtomKind::Run(..)
            | AtomKind::All
            | AtomKind::State(_)
            | AtomKind::Parens(_) => None,
        })
    }
}

fn is_run_part(part: RunPart, run: &Run, execution: &Execution) -> bool {
    let Some(outcome) = execution.outcome() else {
        return false;
    };
    match part {
        RunPart::Failed => Rank::of(&outcome.how, run.is_skipped(execution)).is_failure(),
        RunPart::Ok => outcome.is_ok(),
        // Known only beside the others.
        RunPart::Differs => false,
        RunPart::Timeout => matches!(outcome.how, How::TimedOut(_)),
        RunPart::Offline => {
            let away = [Code::Offline, Code::Draining, Code::Expired].map(Code::as_str);
            matches!(&outcome.how, How::NotStarted(reason) if away.contains(&reason.code.as_str()))
        }
        RunPart::Missed => matches!(outcome.how, How::NotStarted(_)),
    }
}

fn run_hosts(run: &Run) -> String {
    crate::text::count(run.spec.targets.len(), "host")
}

/// What tells a set of hosts from others: SHA-256 over the 16 bytes of each id, in their order.
#[must_use]
pub fn digest(sorted: &[AgentId]) -> [u8; 32] {
    let mut sha = Sha256::new();
    for id in sorted {
        sha.update(id.as_bytes());
    }
    sha.finalize().into()
}

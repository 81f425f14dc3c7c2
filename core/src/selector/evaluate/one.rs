//! What can be told of one host alone: whether a grant's selector holds it, its states and labels.

use super::super::Host;
use super::super::fact;
use super::super::tree::{Atom, AtomKind, Clause, Item, LabelOp, LabelTest, State};

/// Whether one host is in the set of a grant, without asking whether every part matches something.
pub(in crate::selector) fn contains(clauses: &[Clause], host: &Host<'_>) -> bool {
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
        AtomKind::Label(test) => has_label(test, host),
        AtomKind::All => true,
        AtomKind::Parens(clauses) => contains(clauses, host),
        AtomKind::Compare(comparison) => comparison.holds(&host.told) == Some(true),
        AtomKind::State(state) => is_state(*state, host, ""),
        // None of these can be in a grant (`Selector::parse_for_grant`), nor be known from one host.
        AtomKind::Saved(_) | AtomKind::Run(..) | AtomKind::Pick(_) => false,
    }
}

pub(super) fn is_state(state: State, host: &Host<'_>, agent_version: &str) -> bool {
    match state {
        State::Online => host.online,
        State::Offline => !host.online,
        State::Stale => host.online && host.stale,
        State::Draining => host.draining,
        State::Outdated => fact::is_outdated(host.told.version, agent_version),
    }
}

pub(super) fn has_label(test: &LabelTest, host: &Host<'_>) -> bool {
    let named = |value: &str| test.values.iter().any(|named| named == value);
    let value = host.labels.value(&test.key);
    match test.op {
        LabelOp::Is => value.is_some_and(named),
        LabelOp::IsNot => value.is_some_and(|value| !named(value)),
        LabelOp::Like => {
            let holds = |text: &str| test.values.iter().any(|part| text.contains(part.as_str()));
            match value {
                Some(value) => holds(value),
                None => fact::text_fact(&test.key, &host.told).is_some_and(|text| holds(&text)),
            }
        }
    }
}

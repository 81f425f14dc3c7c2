//! Saved groups: what they stand for, and that they still stand for what was saved.

use super::super::error::SelectorErrorKind as Kind;
use super::super::pattern::shorten;
use super::super::tree::Atom;
use super::super::{GROUPS_DEPTH_MAX, SelectorError};
use super::set::Set;
use super::{Absence, Evaluation};

/// A group that was evaluated: each is once, however often it is named.
pub(super) struct Known {
    found: Set,
    /// `all` had a say in it.
    every: bool,
    /// It has an error, which was told.
    pub(super) failed: bool,
}

impl Evaluation<'_, '_> {
    pub(super) fn saved(&mut self, atom: &Atom, name: &str, absence: Absence, all: &mut Set) {
        let Some((name, group)) = self.scope.groups.get_key_value(name) else {
            // A group that is not there is never meant, not even with `?`.
            let hint = self.group_hint(name);
            return self.error(Kind::NoGroup(shorten(name)), atom.span, hint);
        };
        if let Some(Known {
            found,
            every,
            failed,
        }) = self.groups.get(name.as_str())
        {
            let (found, failed) = (found.clone(), *failed);
            self.every |= every;
            if !failed {
                self.check(atom, name, absence, &found);
            }
            return all.add(&found);
        }
        if self.groups_depth == GROUPS_DEPTH_MAX {
            let hint = format!("at most {GROUPS_DEPTH_MAX} deep");
            return self.error(Kind::GroupDepth(shorten(name)), atom.span, hint);
        }
        let inside = if self.scope.groups_strict {
            absence
        } else {
            Absence::Allowed
        };
        self.groups_depth += 1;
        let errors = self.errors.len();
        let every = std::mem::take(&mut self.every);
        let found = self.clauses(&group.selector.clauses, inside);
        self.groups_depth -= 1;
        let failed = self.errors.len() > errors;
        self.retell(errors, atom, name);
        let group_every = self.every;
        self.every |= every;
        all.add(&found);
        if !failed {
            self.check(atom, name, absence, &found);
        }
        let known = Known {
            found,
            every: group_every,
            failed,
        };
        self.groups.insert(name, known);
    }

    /// Columns inside the group mean nothing to whoever typed its name, and once is enough.
    fn retell(&mut self, errors: usize, atom: &Atom, name: &str) {
        for error in self.errors.split_off(errors) {
            let error = if self.scope.groups_readable || error.kind == Kind::TooManyScans {
                SelectorError::new(error.kind, atom.span, error.hint)
            } else {
                // What it is made of is nothing for who may not read it.
                SelectorError::new(Kind::NoGroup(shorten(name)), atom.span, "")
            };
            if !self.errors.contains(&error) {
                self.errors.push(error);
            }
        }
    }

    /// A group must stand for something, and for what was saved: an exclusion that matches nothing any more would make it larger.
    fn check(&mut self, atom: &Atom, name: &str, absence: Absence, found: &Set) {
        let readable = self.scope.groups_readable;
        if self.counting || self.groups_depth > 0 {
            return;
        }
        // Whoever may not see its hosts is not told that it is there, not even by `?`.
        if !readable && found.is_empty() {
            return self.error(Kind::NoGroup(shorten(name)), atom.span, "");
        }
        if let Some(why) = (self.scope.stale)(name) {
            let why = if readable { why } else { String::new() };
            let hint = if readable {
                "save it again, with `?` after what may be missing"
            } else {
                "ask who manages its hosts"
            };
            return self.error(Kind::Stale(shorten(name), why), atom.span, hint);
        }
        if found.is_empty() && absence == Absence::Error {
            let selector = self
                .scope
                .groups
                .get(name)
                .map(|group| group.selector.to_string());
            let hint = format!("it stands for `{}`", shorten(&selector.unwrap_or_default()));
            self.error(Kind::NoMatch(shorten(&atom.to_string())), atom.span, hint);
        }
    }
}

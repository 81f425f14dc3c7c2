//! All actions together: what no definition can say alone.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::name::ActionName;
use super::parameter::Parameter;
use super::problem::{Problem, instead};
use super::{Action, discord};
use crate::refusal::{Code, Refusal};
use crate::text::shown;

/// Most actions of a catalogue.
pub const ACTIONS_MAX: usize = 1_000;

/// All actions, whole or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    actions: BTreeMap<ActionName, Action>,
}

/// Something that is wrong with an action of a catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The action.
    pub action: ActionName,
    /// What, and where in it.
    pub problem: Problem,
}

impl Catalogue {
    /// Puts actions together; `others` are those that are there besides, and `commands` the words in chat that are taken.
    ///
    /// # Errors
    /// Everything that is wrong with them together.
    pub fn new(actions: Vec<Action>, others: &Self, commands: &[&str]) -> Result<Self, Vec<Fault>> {
        let actions: BTreeMap<ActionName, Action> = actions
            .into_iter()
            .map(|action| (action.name.clone(), action))
            .collect();
        let catalogue = Self { actions };
        let mut faults = catalogue.follow_ups(others);
        faults.extend(discord::faults(&catalogue, commands));
        if let Some(action) = catalogue.actions.keys().nth(ACTIONS_MAX) {
            let what = format!("a catalogue has {ACTIONS_MAX} actions at most");
            faults.push(fault(action, &[], what));
        }
        if faults.is_empty() {
            Ok(catalogue)
        } else {
            Err(faults)
        }
    }

    /// Each action, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Action> {
        self.actions.values()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.actions.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// The action of a name.
    #[must_use]
    pub fn get(&self, name: &ActionName) -> Option<&Action> {
        self.actions.get(name)
    }

    /// The action that somebody typed.
    ///
    /// # Errors
    /// [`Code::ActionUnknown`], with the nearest one.
    pub fn find(&self, typed: &str) -> Result<&Action, Refusal> {
        let name = typed.parse::<ActionName>().ok();
        let found = name.and_then(|name| self.actions.get(&name));
        found.ok_or_else(|| {
            let names: Vec<String> = self.actions.keys().map(ToString::to_string).collect();
            let instead = instead(typed, names.iter().map(String::as_str));
            let what = format!("`{}` is no action here{instead}.", shown(typed, 60));
            Refusal::new(Code::ActionUnknown, what, "")
        })
    }

    /// SHA-256 over the names and digests of all actions.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        for action in self.iter() {
            digest.update(format!(
                "{} {}\n",
                action.name,
                hex::encode(action.digest())
            ));
        }
        digest.finalize().into()
    }

    /// These actions, and `others` that none of them replaces.
    #[must_use]
    pub fn over(mut self, others: &Self) -> Self {
        for (name, action) in &others.actions {
            self.actions
                .entry(name.clone())
                .or_insert_with(|| action.clone());
        }
        self
    }

    /// Follow-ups that name an action or a parameter that there is not.
    fn follow_ups(&self, others: &Self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for action in self.actions.values() {
            for (at, next) in action.then.iter().enumerate() {
                let path = ["then".to_owned(), at.to_string()];
                let target = self.get(&next.action).or_else(|| others.get(&next.action));
                let Some(target) = target else {
                    let all = self.actions.keys().chain(others.actions.keys());
                    let all: Vec<String> = all.map(ToString::to_string).collect();
                    let typed = next.action.to_string();
                    let instead = instead(&typed, all.iter().map(String::as_str));
                    let what = format!("`{typed}` is no action{instead}");
                    let path = [&path[..], &["do".to_owned()]].concat();
                    faults.push(fault(&action.name, &path, what));
                    continue;
                };
                for name in next.with.keys() {
                    if !target.parameters.contains_key(name.as_str()) {
                        let known = target.parameters.keys().map(String::as_str);
                        let instead = instead(name.as_str(), known);
                        let what =
                            format!("`{name}` is not a parameter of {}{instead}", target.name);
                        let more = ["with".to_owned(), name.to_string()];
                        faults.push(fault(&action.name, &[&path[..], &more].concat(), what));
                    }
                }
                let missing = |parameter: &&Parameter| {
                    !parameter.may_be_left_out() && !next.with.contains_key(&parameter.name)
                };
                if let Some(missing) = target.parameters.values().find(missing) {
                    let what = format!(
                        "a button asks for nothing more, and {} must have `{}`: say it in `with`",
                        target.name, missing.name
                    );
                    faults.push(fault(&action.name, &path, what));
                }
            }
        }
        faults
    }
}

/// Something wrong below the table of an action.
pub(super) fn fault(action: &ActionName, path: &[String], what: String) -> Fault {
    let mut whole = vec![action.action.to_string()];
    whole.extend_from_slice(path);
    Fault {
        action: action.clone(),
        problem: Problem {
            of_key: path.is_empty(),
            path: whole,
            at: 0,
            what,
        },
    }
}

#[cfg(test)]
mod tests;

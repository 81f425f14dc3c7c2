//! What can be asked for next: an action on a button under the run of another.

use std::collections::BTreeMap;

use super::name::{ActionName, Name};
use super::template::Template;

/// Most follow-ups of an action: a row of Discord has five buttons, and two are ours.
pub const THEN_MAX: usize = 3;

/// Characters of the text of a button (Discord: 80).
pub const LABEL_CHARS_MAX: usize = 80;

/// An action that is offered when another is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowUp {
    /// What stands on its button.
    pub label: String,
    /// The action.
    pub action: ActionName,
    /// What it is given.
    pub with: BTreeMap<Name, Template>,
    /// When it is offered.
    pub when: When,
}

/// How a run ended for a follow-up to be offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum When {
    /// However it ended.
    #[default]
    Always,
    /// All went well.
    Ok,
    /// Something did not.
    Failed,
}

impl When {
    /// As a definition says it; nothing where it says nothing.
    #[must_use]
    pub const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Always => None,
            Self::Ok => Some("ok"),
            Self::Failed => Some("failed"),
        }
    }
}

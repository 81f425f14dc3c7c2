//! Changing what is known of hosts: labels, saved groups, and whether they take new runs. What can be asked of it, and what is answered.

use crate::ids::{HostName, Labels};
use crate::selector::Selector;

/// A change of what is known of hosts, as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InventoryAsk {
    /// Change labels of hosts.
    Label {
        /// The selector.
        on: String,
        /// The changes: `role=web old-`.
        changes: String,
    },
    /// Ask hosts to take no new runs, or let them again.
    Drain {
        /// The selector.
        on: String,
        /// None.
        drain: bool,
    },
    /// Give up what hosts hold of runs that are not known here.
    Release {
        /// The selector.
        on: String,
    },
    /// Save a selector under a name.
    SaveGroup {
        /// The name, with or without `@`.
        name: String,
        /// The selector.
        on: String,
    },
    /// Remove a saved group.
    RemoveGroup {
        /// The name, with or without `@`.
        name: String,
    },
}

impl InventoryAsk {
    /// All that it names: the selector of the hosts that it is about, and the group that it changes.
    #[must_use]
    pub fn names(&self) -> String {
        match self {
            Self::Label { on, .. } | Self::Drain { on, .. } | Self::Release { on } => on.clone(),
            Self::SaveGroup { name, on } => format!("{on} @{}", name.trim_start_matches('@')),
            Self::RemoveGroup { name } => format!("@{}", name.trim_start_matches('@')),
        }
    }
}

/// What became of such a change.
#[derive(Clone, Debug)]
pub enum InventoryAnswer {
    /// Hosts that have other labels now, with all of them.
    Labelled(Vec<(HostName, Labels)>),
    /// Hosts for which it is new.
    Drained {
        /// Their names.
        names: Vec<HostName>,
        /// They take no new runs.
        drain: bool,
    },
    /// Hosts that held something of runs that are not known here, and how many executions of each were given up.
    Released(Vec<(HostName, usize)>),
    /// A group is saved.
    GroupSaved(SavedGroup),
    /// A group is gone.
    GroupRemoved {
        /// Its name, without `@`.
        name: String,
    },
}

/// A group that was just saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedGroup {
    /// Its name, without `@`.
    pub name: String,
    /// What it stands for.
    pub selector: Selector,
    /// How many hosts that is now.
    pub hosts: usize,
}

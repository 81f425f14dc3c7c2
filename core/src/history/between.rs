//! What changed between two runs: for each host that both were on, and together for those where the same changed.

use std::collections::BTreeMap;

use crate::output::diff::changes;
use crate::output::same_but::{SameBut, without};

/// Lines and UTF-16 units of one change.
const CHANGE_MAX: (usize, usize) = (200, 16_000);

/// Changes that are told apart. What comes after is counted.
const CHANGES_MAX: usize = 200;

/// How a run went on a host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Side {
    /// How it ended, for people.
    pub how: String,
    /// What it printed, from its beginning; nothing when that is not there any more.
    pub printed: Option<String>,
}

/// What changed on some hosts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// How it ended, the first time and the second; nothing where the host was not in the run.
    pub how: (Option<String>, Option<String>),
    /// Lines of a diff; empty when the same was printed. Nothing when it cannot be said.
    pub lines: Option<String>,
}

impl Change {
    /// True when nothing changed.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.how.0 == self.how.1 && self.lines.as_deref() == Some("")
    }
}

/// What changed between two runs, gathered host by host.
#[derive(Debug, Default)]
pub struct Between {
    changes: BTreeMap<Change, Vec<String>>,
    /// Hosts whose changes were not told apart any more.
    more: usize,
}

impl Between {
    /// Takes a host. Only texts are kept that differ, and of those what fits.
    pub fn take(&mut self, host: &str, from: Option<&Side>, to: Option<&Side>) {
        let how = |side: Option<&Side>| side.map(|side| side.how.clone());
        let lines = match (from, to) {
            (Some(from), Some(to)) => match (&from.printed, &to.printed) {
                (Some(from), Some(to)) => Some(lines(host, from, to)),
                _ => None,
            },
            _ => None,
        };
        let change = Change {
            how: (how(from), how(to)),
            lines,
        };
        let room = self.changes.len() < CHANGES_MAX;
        if room || self.changes.contains_key(&change) {
            let hosts = self.changes.entry(change).or_default();
            hosts.push(host.to_owned());
        } else {
            self.more += 1;
        }
    }

    /// So many hosts are not compared: there is no room for them.
    pub const fn leave_out(&mut self, hosts: usize) {
        self.more += hosts;
    }

    /// The changes with their hosts: what changed on the fewest comes first, and what did not change last.
    #[must_use]
    pub fn changes(&self) -> Vec<(&Change, &[String])> {
        let mut all: Vec<_> = self
            .changes
            .iter()
            .map(|(change, hosts)| (change, hosts.as_slice()))
            .collect();
        all.sort_by_key(|(change, hosts)| (change.is_none(), hosts.len()));
        all
    }

    /// Hosts whose changes had no room.
    #[must_use]
    pub const fn more(&self) -> usize {
        self.more
    }
}

/// Hosts that print their own name change alike all the same.
fn lines(host: &str, from: &str, to: &str) -> String {
    if from == to {
        return String::new();
    }
    let own = SameBut {
        host: true,
        ..SameBut::default()
    };
    let plain = |text: &str| without(text, host, own).0;
    changes(&plain(from), &plain(to), CHANGE_MAX.0, CHANGE_MAX.1)
}

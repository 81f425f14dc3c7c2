//! Hosts by name and by label, so that what is named is found without trying every host.

use std::collections::HashMap;

use super::super::Host;
use super::super::pattern::Pattern;
use super::set::Set;

/// Places of hosts, by value, by key.
pub(super) type Labels<'h> = HashMap<&'h str, HashMap<&'h str, Vec<usize>>>;

/// Hosts by name and by label.
pub(super) struct Index<'h> {
    hosts: &'h [Host<'h>],
    /// Places in `hosts`, by name, so that names and prefixes are found by halving.
    by_name: Vec<usize>,
    /// Built when the first label is asked for.
    by_label: Option<Labels<'h>>,
}

impl<'h> Index<'h> {
    pub(super) fn new(hosts: &'h [Host<'h>]) -> Self {
        let mut by_name: Vec<usize> = (0..hosts.len()).collect();
        by_name.sort_unstable_by_key(|&at| hosts.get(at).map(|host| host.name));
        Self {
            hosts,
            by_name,
            by_label: None,
        }
    }

    /// Adds the host of this name; false when there is none.
    pub(super) fn name(&self, name: &str, all: &mut Set) -> bool {
        insert(self.places(|other| other.cmp(name)), all)
    }

    /// Adds the hosts that match; false when there are none.
    pub(super) fn glob(&self, pattern: &Pattern, all: &mut Set) -> bool {
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
        insert(matching, all)
    }

    /// Every label with the places of the hosts that have it.
    pub(super) fn labels(&mut self) -> &Labels<'h> {
        let hosts = self.hosts;
        self.by_label.get_or_insert_with(|| {
            let mut labels = Labels::new();
            for (at, host) in hosts.iter().enumerate() {
                for (key, value) in host.labels.iter() {
                    let values = labels.entry(key).or_default();
                    values.entry(value).or_default().push(at);
                }
            }
            labels
        })
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
}

fn insert<'i>(places: impl IntoIterator<Item = &'i usize>, all: &mut Set) -> bool {
    let mut found = false;
    for &at in places {
        all.insert(at);
        found = true;
    }
    found
}

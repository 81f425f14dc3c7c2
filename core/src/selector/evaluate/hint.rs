//! What to say beside a part that matched nothing: the nearest names, values, groups and mounts.

use super::super::fact::{MEASURED_FACTS, TEXT_FACTS, mount_word};
use super::super::near::nearest;
use super::Evaluation;

/// Errors that get the nearest names: looking through 10,000 names takes a millisecond or two each time.
const NEAREST_ERRORS_MAX: usize = 3;

impl Evaluation<'_, '_> {
    pub(super) fn name_hint(&self, wanted: &str) -> String {
        if self.errors.len() >= NEAREST_ERRORS_MAX {
            return String::new();
        }
        if self.scope.groups_readable && self.scope.groups.contains_key(wanted) {
            return format!("or the group `@{wanted}`?");
        }
        let by_value = self.hosts.iter().flat_map(|host| host.labels.iter());
        if let Some((key, value)) = by_value.into_iter().find(|(_, value)| *value == wanted) {
            return format!("or the label `{key}={value}`?");
        }
        let names = self.hosts.iter().map(|host| host.name.as_str());
        said(&nearest(wanted, names), "", "")
    }

    pub(super) fn nearest_name(&self, wanted: &str) -> Option<String> {
        let names = self.hosts.iter().map(|host| host.name.as_str());
        let near = nearest(wanted, names);
        near.first().map(|name| (*name).to_owned())
    }

    pub(super) fn group_hint(&self, wanted: &str) -> String {
        if !self.scope.groups_readable {
            return String::new();
        }
        let names = || self.scope.groups.keys().map(String::as_str);
        let near = nearest(wanted, names());
        if !near.is_empty() {
            return said(&near, "@", "");
        }
        let known: Vec<&str> = names().take(3).collect();
        if known.is_empty() {
            return "no group was saved yet: name the hosts, or use a label".to_owned();
        }
        format!("there are {}", listed(&known, "@", ""))
    }

    pub(super) fn label_hint(&mut self, key: &str, value: &str) -> String {
        let labels = self.index.labels();
        let Some(values) = labels.get(key) else {
            let keys = nearest(key, labels.keys().copied());
            let fact = MEASURED_FACTS.iter().find(|(name, _)| *name == key);
            return match (keys.as_slice(), fact) {
                (_, Some((_, example))) => format!("`{key}` is a fact: `{example}`"),
                (_, None) if TEXT_FACTS.contains(&key) => {
                    format!("`{key}` is a fact: `{key}~{value}`")
                }
                ([], None) => format!("no host has a label `{key}`"),
                (keys, None) => said(keys, "", "="),
            };
        };
        let near = nearest(value, values.keys().copied());
        if !near.is_empty() {
            return said(&near, "", "");
        }
        let mut known: Vec<&str> = values.keys().copied().collect();
        known.sort_unstable();
        known.truncate(3);
        format!("`{key}` is {}", listed(&known, "", ""))
    }

    pub(super) fn like_hint(&mut self, key: &str) -> String {
        let labels = self.index.labels();
        if labels.contains_key(key) || TEXT_FACTS.contains(&key) {
            return format!("no `{key}` holds that");
        }
        let known = labels.keys().copied().chain(TEXT_FACTS);
        match nearest(key, known).as_slice() {
            [] => format!("no host has a label or fact `{key}`"),
            near => said(near, "", "~"),
        }
    }

    pub(super) fn mount_hint(&self, mount: Option<&str>) -> String {
        let Some(mount) = mount else {
            return "no host has told this fact yet".to_owned();
        };
        let metrics = self.hosts.iter().filter_map(|host| host.told.metrics);
        let mut mounts: Vec<String> = metrics
            .flat_map(|metrics| &metrics.disks)
            .map(|disk| mount_word(&disk.mount))
            .collect();
        mounts.sort_unstable();
        mounts.dedup();
        match nearest(mount, mounts.iter().map(String::as_str)).as_slice() {
            [] => "no host has told of such a mount".to_owned(),
            near => said(near, "disk.", ""),
        }
    }
}

fn said(near: &[&str], prefix: &str, suffix: &str) -> String {
    match near {
        [] => String::new(),
        near => format!("nearest {}", listed(near, prefix, suffix)),
    }
}

fn listed(words: &[&str], prefix: &str, suffix: &str) -> String {
    let words: Vec<String> = words
        .iter()
        .map(|word| format!("`{prefix}{word}{suffix}`"))
        .collect();
    words.join(", ")
}

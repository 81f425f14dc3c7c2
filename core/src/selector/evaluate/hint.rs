//! What to say beside a part that matched nothing: the nearest names, values, groups and mounts.

use super::super::fact::{MEASURED_FACTS, TEXT_FACTS, mount_word};
use super::super::near::{is_typo, nearest};
use super::{Evaluation, Host};
use crate::text::count;

/// Errors that get the nearest names: looking through 10,000 names takes a millisecond or two each time.
const NEAREST_ERRORS_MAX: usize = 3;

impl Evaluation<'_, '_> {
    pub(super) fn name_hint(&self, wanted: &str) -> String {
        if self.errors.len() >= NEAREST_ERRORS_MAX {
            return String::new();
        }
        if self.scope.groups_readable && self.scope.groups.contains_key(wanted) {
            return format!("did you mean the group `@{wanted}`?");
        }
        let ways = self.ways(wanted);
        if !ways.is_empty() {
            return ways.join("; ");
        }
        let names = self.hosts.iter().map(|host| host.name.as_str());
        said(&nearest(wanted, names), "", "")
    }

    /// How hosts can be named by what was taken for a name: several names begin with it, or it is the value of a label.
    fn ways(&self, wanted: &str) -> Vec<String> {
        let begin = |host: &&Host<'_>| !wanted.is_empty() && host.name.as_str().starts_with(wanted);
        let begin = self.hosts.iter().filter(begin).count();
        let by_value = self.hosts.iter().flat_map(|host| host.labels.iter());
        let key = by_value
            .into_iter()
            .find(|(_, value)| *value == wanted)
            .map(|(key, _)| key);
        let glob = (begin > 1).then(|| format!("`{wanted}*` is {}", count(begin, "host")));
        let label = key.map(|key| {
            let has = |host: &&Host<'_>| host.labels.value(key) == Some(wanted);
            let hosts = self.hosts.iter().filter(has).count();
            format!("`{key}={wanted}` is {}", count(hosts, "host"))
        });
        glob.into_iter().chain(label).collect()
    }

    /// The one name that was probably mistyped; nothing where several may have been, or where another host may be meant.
    pub(super) fn mistyped(&self, wanted: &str) -> Option<String> {
        if !self.ways(wanted).is_empty() {
            return None;
        }
        let names = self.hosts.iter().map(|host| host.name.as_str());
        let mut typos = names.filter(|name| is_typo(wanted, name));
        let name = typos.next()?.to_owned();
        typos.next().is_none().then_some(name)
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
        let known: Vec<&str> = names().collect();
        if known.is_empty() {
            return "no group was saved yet: name the hosts, or use a label".to_owned();
        }
        format!("there are {}", some(&known, "@", ""))
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
                ([], None) => {
                    let mut known: Vec<&str> = labels.keys().copied().collect();
                    known.sort_unstable();
                    match known.is_empty() {
                        true => "no host has a label".to_owned(),
                        false => format!("labels that hosts have: {}", some(&known, "", "=")),
                    }
                }
                (keys, None) => said(keys, "", "="),
            };
        };
        let near = nearest(value, values.keys().copied());
        let key = format!("{key}=");
        if !near.is_empty() {
            return said(&near, &key, "");
        }
        let mut known: Vec<&str> = values.keys().copied().collect();
        known.sort_unstable();
        format!("there are {}", some(&known, &key, ""))
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
            return "no host has told this fact yet: `/hosts` shows what is known".to_owned();
        };
        let metrics = self.hosts.iter().filter_map(|host| host.told.metrics);
        let mut mounts: Vec<String> = metrics
            .flat_map(|metrics| &metrics.disks)
            .map(|disk| mount_word(disk.mount.as_data()))
            .collect();
        mounts.sort_unstable();
        mounts.dedup();
        match nearest(mount, mounts.iter().map(String::as_str)).as_slice() {
            [] if mounts.is_empty() => "no host has told of its disks yet".to_owned(),
            [] => {
                let mounts: Vec<&str> = mounts.iter().map(String::as_str).collect();
                format!("there are {}", some(&mounts, "disk.", ""))
            }
            near => said(near, "disk.", ""),
        }
    }
}

fn said(near: &[&str], prefix: &str, suffix: &str) -> String {
    match near {
        [] => String::new(),
        near => format!("did you mean {}?", any_of(near, prefix, suffix)),
    }
}

/// `a`, `b` or `c`.
fn any_of(words: &[&str], prefix: &str, suffix: &str) -> String {
    match words {
        [first @ .., last] if !first.is_empty() => {
            let last = listed(&[last], prefix, suffix);
            format!("{} or {last}", listed(first, prefix, suffix))
        }
        words => listed(words, prefix, suffix),
    }
}

/// The first of them; that there are more is said.
fn some(words: &[&str], prefix: &str, suffix: &str) -> String {
    const SHOWN_MAX: usize = 3;
    let shown = listed(words.get(..SHOWN_MAX).unwrap_or(words), prefix, suffix);
    match words.len().saturating_sub(SHOWN_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn listed(words: &[&str], prefix: &str, suffix: &str) -> String {
    let words = words.iter();
    let words: Vec<String> = words
        .map(|word| format!("`{prefix}{word}{suffix}`"))
        .collect();
    words.join(", ")
}

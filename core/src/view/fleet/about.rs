//! What is said below the table of a page of hosts.

use super::table::NAME_COLUMNS;
use super::{HostRow, Trouble};
use crate::said::Said;
use crate::selector::fold::fold;
use crate::view::inline_code;

/// What the table does not say: first what is the same for all, then of each host what is its own, hosts with the same together.
pub(super) fn abouts(shown: &[&HostRow]) -> Vec<String> {
    let common = Common::of(shown);
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for row in shown {
        let words = common.own_words(row);
        match groups.iter_mut().find(|(known, _)| *known == words) {
            Some((_, names)) => names.push(row.name.as_str()),
            None => groups.push((words, vec![row.name.as_str()])),
        }
    }
    // A name that was cut in the table is said whole.
    let cut = |names: &[&str]| names.iter().any(|name| name.len() > NAME_COLUMNS);
    let groups = groups
        .into_iter()
        .filter(|(words, names)| !words.is_empty() || cut(names));
    let groups = groups.map(|(words, names)| {
        let names = format!("-# **{}**", fold(names.into_iter()));
        if words.is_empty() {
            names
        } else {
            format!("{names} · {words}")
        }
    });
    common.line().into_iter().chain(groups).collect()
}

/// What all hosts of a page have in common; nothing when there is one host only.
struct Common {
    labels: Vec<String>,
    /// By their place in [`facts_of`].
    facts: Vec<(usize, String)>,
}

impl Common {
    fn of(shown: &[&HostRow]) -> Self {
        let facts = shown.iter().map(|row| facts_of(row));
        let known: Vec<Vec<String>> = facts.filter(|facts| !facts.is_empty()).collect();
        let mut facts: Vec<(usize, String)> = match &known[..] {
            [first, _, ..] => first.iter().cloned().enumerate().collect(),
            [] | [_] => Vec::new(),
        };
        facts.retain(|(at, fact)| known.iter().all(|other| other.get(*at) == Some(fact)));
        let mut labels = match shown {
            [first, _, ..] => labels_of(first),
            [] | [_] => Vec::new(),
        };
        labels.retain(|label| shown.iter().all(|row| labels_of(row).contains(label)));
        Self { labels, facts }
    }

    fn line(&self) -> Option<String> {
        let facts = self.facts.iter().map(|(_, fact)| fact.clone());
        let words: Vec<String> = code(&self.labels).into_iter().chain(facts).collect();
        (!words.is_empty()).then(|| format!("-# all · {}", words.join(" · ")))
    }

    /// What is only true of this host, and of those that are like it.
    fn own_words(&self, row: &HostRow) -> String {
        let mut labels = labels_of(row);
        labels.retain(|label| !self.labels.contains(label));
        let facts = facts_of(row).into_iter().enumerate();
        let facts = facts.filter(|fact| !self.facts.contains(fact));
        let trouble = trouble_word(row).map(|word| format!("**{word}**"));
        let words = trouble.into_iter().chain(code(&labels));
        let words: Vec<String> = words.chain(facts.map(|(_, fact)| fact)).collect();
        words.join(" · ")
    }
}

fn labels_of(row: &HostRow) -> Vec<String> {
    let text = row.labels.to_string();
    text.split_whitespace().map(str::to_owned).collect()
}

fn code(labels: &[String]) -> Option<String> {
    (!labels.is_empty()).then(|| inline_code(&labels.join(" "), 80))
}

/// What an agent told of its host, always in this order; nothing when it told nothing.
fn facts_of(row: &HostRow) -> Vec<String> {
    let plain = |said: &Said| said.in_chat(40);
    row.facts.as_ref().map_or_else(Vec::new, |facts| {
        vec![
            plain(&short_os(&facts.os)),
            plain(&facts.kernel),
            plain(&facts.arch),
            format!("{} CPU", facts.cpus),
            format!("as {}", plain(&facts.run_as)),
        ]
    })
}

/// `Debian 12` for `Linux (Debian GNU/Linux 12)`.
pub(in crate::view) fn short_os(os: &Said) -> Said {
    let os = os.as_data();
    let inner = os
        .strip_prefix("Linux (")
        .and_then(|rest| rest.strip_suffix(')'));
    inner.unwrap_or(os).replace("GNU/Linux ", "").into()
}

fn trouble_word(row: &HostRow) -> Option<&'static str> {
    match row.trouble() {
        Trouble::None | Trouble::Offline => None,
        Trouble::Duplicated => Some("two machines use this identity"),
        Trouble::Stale => Some("stale"),
        Trouble::Full => Some("nearly full"),
        Trouble::Draining => Some("draining"),
        Trouble::Outdated => Some("agent outdated"),
    }
}

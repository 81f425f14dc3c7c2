//! Autocompletion of a selector: what the text means so far, then ways to go on. Discord's limits of a choice hold for every row.

use std::collections::BTreeMap;

use crate::limits::{CHOICES_MAX, NAME_CHARS_MAX};
use crate::text::count;

use super::fold::{fold, natural};
use super::{Host, Selector};

/// One row offered to a person who types a selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The whole selector when this row is taken, 1 to 100 characters.
    pub value: String,
    /// What the person reads, 1 to 100 characters.
    pub label: String,
}

/// Rows for a selector typed so far, among the hosts that the person may see: first what it means, then the last word completed.
///
/// At most [`CHOICES_MAX`]. A row whose value would be longer than [`NAME_CHARS_MAX`] is left out, never cut: a cut selector means
/// other hosts.
#[must_use]
pub fn complete(text: &str, hosts: &[Host<'_>]) -> Vec<Choice> {
    let typed = text.trim_start();
    let mut choices = Vec::new();
    if !typed.is_empty() {
        push(&mut choices, typed.trim_end(), &reading(typed, hosts));
    }
    let word_at = typed
        .rfind([' ', '\t', ',', '(', ')', '!'])
        // `!` opens a word, but in `env!=dev` it is part of one.
        .map_or(0, |at| match typed.get(at..) {
            Some(word) if word.starts_with("!=") => word_start(typed, at),
            Some(_) | None => at + 1,
        });
    let (before, word) = typed.split_at_checked(word_at).unwrap_or((typed, ""));
    if before.ends_with(')') || word.contains('[') || before.rfind('[') > before.rfind(']') {
        return choices;
    }
    for (completed, label) in completions(word, hosts) {
        if choices.len() == CHOICES_MAX {
            break;
        }
        push(&mut choices, &format!("{before}{completed}"), &label);
    }
    choices
}

fn word_start(text: &str, before: usize) -> usize {
    let head = text.get(..before).unwrap_or_default();
    head.rfind([' ', '\t', ',', '(', '!'])
        .map_or(0, |at| at + 1)
}

fn push(choices: &mut Vec<Choice>, value: &str, label: &str) {
    let known = choices.iter().any(|choice| choice.value == value);
    if !known && !value.is_empty() && value.chars().count() <= NAME_CHARS_MAX {
        choices.push(Choice {
            value: value.to_owned(),
            label: cut(label),
        });
    }
}

/// At most [`NAME_CHARS_MAX`] characters, with a mark where some were left out.
fn cut(label: &str) -> String {
    if label.chars().count() <= NAME_CHARS_MAX {
        return label.to_owned();
    }
    label
        .chars()
        .take(NAME_CHARS_MAX - 1)
        .chain(['…'])
        .collect()
}

/// `✓ 3 hosts, 1 offline: web[01-02],db-01` or `✗ nothing matches web9*, nearest web09`.
fn reading(text: &str, hosts: &[Host<'_>]) -> String {
    let resolved = Selector::parse(text).and_then(|selector| selector.resolve(hosts));
    match resolved {
        Ok(resolution) => {
            let offline = match resolution.hosts.len() - resolution.online {
                0 => String::new(),
                offline => format!(", {offline} offline"),
            };
            let names = hosts
                .iter()
                .filter(|host| resolution.contains(host.id))
                .map(|host| host.name.as_str());
            let hosts = count(resolution.hosts.len(), "host");
            format!("✓ {hosts}{offline}: {}", fold(names))
        }
        Err(errors) => {
            let Some(error) = errors.first() else {
                return String::new();
            };
            let hint = match error.hint.as_str() {
                "" => String::new(),
                hint => format!(", {hint}"),
            };
            // Choices are plain text: backticks would be read as part of a name.
            format!("✗ {}{hint}", error.kind).replace('`', "")
        }
    }
}

/// The last word completed, with what each means: labels, then names, then words of the grammar.
fn completions(word: &str, hosts: &[Host<'_>]) -> Vec<(String, String)> {
    if let Some((test, value)) = word.split_once('=') {
        return values(test, value, hosts);
    }
    let mut rows = Vec::new();
    if word.is_empty() {
        rows.push((
            "all".to_owned(),
            format!("all · {}", count(hosts.len(), "host")),
        ));
    }
    for ((key, value), n) in labels(hosts, |key| key.starts_with(word)) {
        let pair = format!("{key}={value}");
        let label = format!("{pair} · {}", count(n, "host"));
        rows.push((pair, label));
    }
    // Labels may be many; names must not be pushed out by them.
    rows.truncate(CHOICES_MAX / 2);
    rows.extend(names(word, hosts));
    for meta in ["all", "is:online", "is:offline"] {
        if !word.is_empty() && meta.starts_with(word) {
            rows.push((meta.to_owned(), meta.to_owned()));
        }
    }
    rows
}

/// Values of the label whose `key=` or `key!=` and maybe some alternatives are typed, most frequent first.
fn values(test: &str, typed: &str, hosts: &[Host<'_>]) -> Vec<(String, String)> {
    let key = test.strip_suffix('!').unwrap_or(test);
    let (listed, last) = match typed.rfind('|') {
        Some(at) => typed.split_at_checked(at + 1).unwrap_or((typed, "")),
        None => ("", typed),
    };
    let used: Vec<&str> = listed.split('|').collect();
    labels(hosts, |other| other == key)
        .into_iter()
        .filter(|((_, value), _)| value.starts_with(last) && !used.contains(value))
        .map(|((_, value), n)| {
            let label = format!("{key}={value} · {}", count(n, "host"));
            (format!("{test}={listed}{value}"), label)
        })
        .collect()
}

/// Labels with the number of hosts that have them, most frequent first.
fn labels<'h>(
    hosts: &'h [Host<'_>],
    wanted: impl Fn(&str) -> bool,
) -> Vec<((&'h str, &'h str), usize)> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for host in hosts {
        for label in host.labels.iter().filter(|(key, _)| wanted(key)) {
            *counts.entry(label).or_default() += 1;
        }
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|((a_key, a), n), ((b_key, b), m)| {
        m.cmp(n).then(a_key.cmp(b_key)).then_with(|| natural(a, b))
    });
    counts
}

/// Names that begin with the word, all of them as one glob first; names that hold it when none begins with it.
fn names(word: &str, hosts: &[Host<'_>]) -> Vec<(String, String)> {
    let all = || hosts.iter().map(|host| (host.name.as_str(), host.online));
    let mut found: Vec<_> = all().filter(|(name, _)| name.starts_with(word)).collect();
    let mut rows = Vec::new();
    if found.is_empty() {
        found = all().filter(|(name, _)| name.contains(word)).collect();
    } else if found.len() > 1 && !word.is_empty() {
        let glob = format!("{word}*");
        let label = format!("{glob} · {}", count(found.len(), "host"));
        rows.push((glob, label));
    }
    // Only the first rows are shown, so only they are put in order.
    let order = |a: &(&str, bool), b: &(&str, bool)| natural(a.0, b.0);
    if found.len() > CHOICES_MAX {
        found.select_nth_unstable_by(CHOICES_MAX, order);
        found.truncate(CHOICES_MAX);
    }
    found.sort_unstable_by(order);
    rows.extend(found.into_iter().map(|(name, online)| {
        let offline = if online { "" } else { " · offline" };
        (name.to_owned(), format!("{name}{offline}"))
    }));
    rows
}

//! Autocompletion of a selector: what the text means so far, then ways to go on. Discord's limits of a choice hold for every row.

use crate::limits::{CHOICES_MAX, NAME_CHARS_MAX};
use crate::run::Run;
use crate::text::{count, cut};

use super::evaluate::Evaluator;
use super::fact::{MEASURED_FACTS, TEXT_FACTS};
use super::fold::{fold, natural};
use super::tree::{RunPart, State};
use super::{Group, Host, Scope, Selector};

/// Rows of each kind when nothing is typed: the fleet must be in sight too.
const RECENT_ROWS_MAX: usize = 5;
const GROUP_ROWS_MAX: usize = 8;

/// Names are folded into a row up to this many hosts: of more, a hundred characters show nothing that helps.
const FOLDED_MAX: usize = 1_000;

/// One row offered to a person who types a selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The whole selector when this row is taken, 1 to 100 characters.
    pub value: String,
    /// What the person reads, 1 to 100 characters.
    pub label: String,
}

/// What somebody did before, newest first: offered before they type.
#[derive(Clone, Copy, Debug, Default)]
pub struct Recent<'a> {
    /// Selectors that they used.
    pub selectors: &'a [&'a str],
    /// Runs that they may see.
    pub runs: &'a [&'a Run],
}

/// Rows for a selector typed so far, among the hosts that the person may see: first what it means, then the last word completed.
/// What is wrong with it stands last: clients take the first row on Enter, and a word that is being typed is rarely right.
///
/// At most [`CHOICES_MAX`]. A row whose value would be longer than [`NAME_CHARS_MAX`] is left out, never cut: a cut selector means
/// other hosts.
#[must_use]
pub fn complete(
    text: &str,
    hosts: &[Host<'_>],
    scope: Scope<'_>,
    recent: Recent<'_>,
) -> Vec<Choice> {
    let typed = text.trim_start();
    let mut rows = Rows {
        hosts,
        scope,
        recent,
        evaluator: Evaluator::new(hosts, scope),
    };
    let mut choices = Vec::new();
    if typed.is_empty() {
        for selector in recent.selectors.iter().take(RECENT_ROWS_MAX) {
            if let Ok(reading) = rows.reading(selector) {
                push(&mut choices, selector, &format!("{selector} · {reading}"));
            }
        }
    }
    let (before, word) = last_word(typed);
    let mut wrong = None;
    // Nothing is named yet by a sign alone.
    if !typed.is_empty() && !matches!(word, "@" | "#") {
        match rows.reading(typed) {
            Ok(reading) => push(&mut choices, typed.trim_end(), &reading),
            Err(reading) => wrong = Some(reading),
        }
    }
    let in_range = word.contains('[') || before.rfind('[') > before.rfind(']');
    if in_range {
        let closed = format!("{}]", typed.trim_end());
        if let (Some(_), Ok(reading)) = (&wrong, rows.reading(&closed)) {
            push(&mut choices, &closed, &reading);
        }
    } else if !before.ends_with(')') {
        let room = CHOICES_MAX - usize::from(wrong.is_some());
        for (completed, label) in rows.completions(word) {
            if choices.len() == room {
                break;
            }
            let completed = format!("{before}{completed}");
            // What stands there already is not completed by itself.
            if wrong.is_none() || completed != typed.trim_end() {
                push(&mut choices, &completed, &label);
            }
        }
    }
    if let Some(reading) = wrong {
        push(&mut choices, typed.trim_end(), &reading);
    }
    choices
}

/// Whether runs are offered for this text ([`Recent::runs`]): its last word begins as theirs do.
#[must_use]
pub fn is_about_runs(text: &str) -> bool {
    last_word(text).1.starts_with('#')
}

/// The text before the word that is being typed, and the word.
fn last_word(typed: &str) -> (&str, &str) {
    let parts = [' ', '\t', ',', '(', ')'];
    let word_at = typed.rfind(parts).map_or(0, |at| at + 1);
    let (before, word) = typed.split_at_checked(word_at).unwrap_or((typed, ""));
    // `!` opens a word; inside of one, as in `env!=dev`, it is part of it.
    match word.strip_prefix('!') {
        Some(excluded) => (typed.get(..word_at + 1).unwrap_or(before), excluded),
        None => (before, word),
    }
}

fn push(choices: &mut Vec<Choice>, value: &str, label: &str) {
    let known = choices.iter().any(|choice| choice.value == value);
    if !known && !value.is_empty() && value.chars().count() <= NAME_CHARS_MAX {
        choices.push(Choice {
            value: value.to_owned(),
            label: cut(label, NAME_CHARS_MAX),
        });
    }
}

/// What rows are made from.
struct Rows<'a, 's> {
    hosts: &'a [Host<'a>],
    scope: Scope<'s>,
    recent: Recent<'a>,
    evaluator: Evaluator<'a, 's>,
}

impl Rows<'_, '_> {
    /// `✓ 3 hosts, 1 offline: web[01-02],db-01`, or what is wrong: `✗ no host matches web9*, did you mean web09?`.
    fn reading(&mut self, text: &str) -> Result<String, String> {
        let parsed = Selector::parse(text);
        match parsed.and_then(|selector| self.evaluator.resolve(&selector)) {
            Ok(resolution) => {
                let offline = match resolution.hosts.len() - resolution.online {
                    0 => String::new(),
                    offline => format!(", {offline} offline"),
                };
                let hosts = count(resolution.hosts.len(), "host");
                if resolution.drawn {
                    // Another draw is made when it runs: names would promise too much.
                    return Ok(format!("✓ {hosts}, drawn when it runs"));
                }
                if resolution.hosts.len() > FOLDED_MAX {
                    return Ok(format!("✓ {hosts}{offline}"));
                }
                let named = self
                    .hosts
                    .iter()
                    .filter(|host| resolution.contains(host.id));
                let names = fold(named.map(|host| host.name.as_str()));
                Ok(format!("✓ {hosts}{offline}: {names}"))
            }
            Err(errors) => {
                let Some(error) = errors.first() else {
                    return Err("✗".to_owned());
                };
                let hint = match error.hint.as_str() {
                    "" => String::new(),
                    hint => format!(", {hint}"),
                };
                // Choices are plain text: backticks would be read as part of a name.
                Err(format!("✗ {}{hint}", error.kind).replace('`', ""))
            }
        }
    }

    /// The last word completed, with what each means: groups, labels, then names, then words of the grammar.
    fn completions(&mut self, word: &str) -> Vec<(String, String)> {
        if word.starts_with('@') {
            return self.groups(word);
        }
        if word.starts_with('#') {
            return self.runs(word);
        }
        if let Some((test, value)) = word.split_once('=') {
            return values(test, value, self.evaluator.labels());
        }
        let mut rows = Vec::new();
        if word.is_empty() {
            rows.extend(self.groups("@").into_iter().take(GROUP_ROWS_MAX));
        }
        let mut pairs = labels(self.evaluator.labels(), |key| key.starts_with(word));
        // Labels may be many; names must not be pushed out by them.
        pairs.truncate((CHOICES_MAX / 2).saturating_sub(rows.len()));
        for ((key, value), n) in pairs {
            let pair = format!("{key}={value}");
            let label = format!("{pair} · {}", count(n, "host"));
            rows.push((pair, label));
        }
        rows.extend(names(word, self.hosts));
        if word.is_empty() {
            // Last, since clients take the first row on Enter, and in any case.
            let before = self.recent.selectors.len().min(RECENT_ROWS_MAX);
            rows.truncate(CHOICES_MAX.saturating_sub(before + 1));
            let all = count(self.hosts.len(), "host");
            rows.push(("all".to_owned(), format!("all · {all}")));
        } else {
            rows.extend(self.words(word));
        }
        rows
    }

    /// Saved groups that begin so, with what they stand for.
    fn groups(&mut self, word: &str) -> Vec<(String, String)> {
        let begin = word.trim_start_matches('@');
        let fitting = self
            .scope
            .groups
            .iter()
            .filter(|(name, _)| name.starts_with(begin));
        let readable = self.scope.groups_readable;
        let evaluator = &mut self.evaluator;
        let row = |(name, group): (&String, &Group)| {
            let n = evaluator.count(&group.selector);
            let hosts = n.map_or_else(String::new, |n| format!(" · {}", count(n, "host")));
            let label = match (readable, n) {
                (true, _) => format!("@{name}{hosts} · {}", group.selector),
                (false, None | Some(0)) => return None,
                (false, Some(_)) => format!("@{name}{hosts}"),
            };
            Some((format!("@{name}"), label))
        };
        fitting.filter_map(row).take(CHOICES_MAX).collect()
    }

    /// Runs that begin so, newest first; of a whole number, its parts too.
    fn runs(&mut self, word: &str) -> Vec<(String, String)> {
        let mut rows = Vec::new();
        for run in self.recent.runs {
            let number = run.number.to_string();
            if !number.starts_with(word) && !word.starts_with(&format!("{number}:")) {
                continue;
            }
            let hosts = count(run.spec.targets.len(), "host");
            let command: String = run.spec.what.text().chars().take(40).collect();
            // Of `#142:f` the whole run is no completion: it would be more hosts than what is typed.
            if number.starts_with(word) {
                rows.push((number.clone(), format!("{number} · {hosts} · {command}")));
            }
            let parts = RunPart::ALL
                .iter()
                .map(|(part, _)| format!("{number}:{part}"));
            let parts = parts.filter(|part| part.starts_with(word) && word.contains(&number));
            // A part that no host belongs to is no way to go on.
            rows.extend(parts.filter_map(|part| {
                let reading = self.reading(&part).ok()?;
                let label = format!("{part} · {reading}");
                Some((part, label))
            }));
        }
        rows
    }

    /// Words of the grammar that begin so.
    fn words(&mut self, word: &str) -> Vec<(String, String)> {
        let mut rows = Vec::new();
        let fits = |text: &str| text.starts_with(word);
        if fits("all") {
            rows.push(("all".to_owned(), "all".to_owned()));
        }
        for (text, _) in State::ALL.iter().filter(|(text, _)| fits(text)) {
            let n = Selector::parse(text)
                .ok()
                .and_then(|state| self.evaluator.count(&state))
                .unwrap_or(0);
            let label = format!("{text} · {}", count(n, "host"));
            rows.push(((*text).to_owned(), label));
        }
        for (text, meaning) in [("pick:1", "one of them"), ("pick:10%", "a tenth of them")] {
            if fits(text) {
                rows.push((
                    text.to_owned(),
                    format!("{text} · {meaning}, drawn when it runs"),
                ));
            }
        }
        for (name, example) in MEASURED_FACTS.iter().filter(|(name, _)| fits(name)) {
            rows.push((
                format!("{name}>"),
                format!("{name}> or {name}< · as in {example}"),
            ));
        }
        for name in TEXT_FACTS.iter().filter(|name| fits(name)) {
            rows.push((
                format!("{name}~"),
                format!("{name}~ · hosts whose {name} holds a word"),
            ));
        }
        rows
    }
}

/// Labels with how many hosts have each.
type Labels<'h> = Vec<((&'h str, &'h str), usize)>;

/// Values of the label whose `key=` or `key!=` and maybe some alternatives are typed, most frequent first.
fn values(test: &str, typed: &str, all: Labels<'_>) -> Vec<(String, String)> {
    let key = test.strip_suffix('!').unwrap_or(test);
    let (listed, last) = match typed.rfind('|') {
        Some(at) => typed.split_at_checked(at + 1).unwrap_or((typed, "")),
        None => ("", typed),
    };
    let used: Vec<&str> = listed.split('|').collect();
    labels(all, |other| other == key)
        .into_iter()
        .filter(|((_, value), _)| value.starts_with(last) && !used.contains(value))
        .map(|((_, value), n)| {
            let label = format!("{key}={value} · {}", count(n, "host"));
            (format!("{test}={listed}{value}"), label)
        })
        .collect()
}

/// The labels that are wanted, most frequent first.
fn labels<'h>(mut all: Labels<'h>, wanted: impl Fn(&str) -> bool) -> Labels<'h> {
    all.retain(|((key, _), _)| wanted(key));
    all.sort_by(|((a_key, a), n), ((b_key, b), m)| {
        m.cmp(n).then(a_key.cmp(b_key)).then_with(|| natural(a, b))
    });
    all
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
        let hosts = count(found.len(), "host");
        let label = if found.len() > FOLDED_MAX {
            format!("{glob} · {hosts}")
        } else {
            let folded = fold(found.iter().map(|(name, _)| *name));
            format!("{glob} · {hosts}: {folded}")
        };
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

//! What is looked for: as typed, and checked.

use std::collections::BTreeSet;

use super::{Sight, Stand};
use crate::ids::AgentId;
use crate::principal::Principal;
use crate::refusal::{Code, Refusal};
use crate::text::{parse_duration, shown, thousands};

/// Characters of a text that is looked for.
pub const SEARCH_CHARS_MAX: usize = 200;

/// Words of it.
const WORDS_MAX: usize = 16;

const DAY_MS: u64 = 86_400_000;

/// What somebody looks for, as typed. What is absent does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Any of these people; empty means everybody.
    pub who: Vec<Principal>,
    /// A selector: runs that were on any of these hosts.
    pub on: Option<String>,
    /// `7d`, `2h` or a date such as `2026-11-30`.
    pub since: Option<String>,
    /// The word of a [`Stand`].
    pub state: Option<String>,
    /// Words in the command or in what was printed.
    pub text: Option<String>,
}

impl Wanted {
    /// True when nothing is looked for: the whole history.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// All of it but the hosts, checked.
    pub(crate) fn checked(&self, sight: Sight, now_ms: u64) -> Result<Query, Refusal> {
        let since = self.since.as_deref().map(|text| since_ms(text, now_ms));
        let stand = self.state.as_deref().map(stand);
        let words = self.text.as_deref().map(Words::parse);
        if self.on.as_deref().is_some_and(|on| on.trim().is_empty()) {
            return Err(Refusal::new(
                Code::Selector,
                "No hosts are named. Nothing was looked for.",
                "Name some, such as `role=web`, or leave `on` out for runs on any hosts.",
            ));
        }
        Ok(Query {
            sight,
            who: self.who.clone(),
            on: None,
            since_ms: since.transpose()?.unwrap_or(0),
            stand: stand.transpose()?,
            words: words.transpose()?,
        })
    }
}

/// What is looked for, and how much of it somebody may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// What whoever asks may see.
    pub sight: Sight,
    /// Any of these people; empty means everybody.
    pub who: Vec<Principal>,
    /// Any of these hosts; nothing means all.
    pub on: Option<BTreeSet<AgentId>>,
    /// Accepted at this time or later, milliseconds since the Unix epoch.
    pub since_ms: u64,
    /// Standing so.
    pub stand: Option<Stand>,
    /// These words.
    pub words: Option<Words>,
}

impl Query {
    /// Whether a run on these hosts is one of those, as far as hosts decide.
    #[must_use]
    pub fn takes_hosts(&self, agents: &[AgentId]) -> bool {
        let named = self.on.as_ref();
        self.sight.covers(agents)
            && named.is_none_or(|on| agents.iter().any(|agent| on.contains(agent)))
    }
}

fn stand(word: &str) -> Result<Stand, Refusal> {
    Stand::named(word).ok_or_else(|| {
        let words: Vec<&str> = Stand::ALL.iter().map(|stand| stand.as_str()).collect();
        Refusal::new(
            Code::BadOption,
            format!("`{}` is no state of a run.", shown(word, 40)),
            format!("Use one of {}.", words.join(", ")),
        )
    })
}

/// Since when: so long ago, or since the beginning of a day, UTC.
///
/// # Errors
/// It is neither.
pub fn since_ms(text: &str, now_ms: u64) -> Result<u64, Refusal> {
    let text = text.trim();
    let ago = parse_duration(text).map(|ms| now_ms.saturating_sub(ms));
    ago.or_else(|| date_ms(text)).ok_or_else(|| {
        Refusal::new(
            Code::Duration,
            format!("`{}` is no time to look back to.", shown(text, 40)),
            "Use a number with m, h or d, such as `7d` or `2h`, or a date such as `2026-11-30`.",
        )
    })
}

/// The beginning of a day such as `2026-11-30`, UTC.
fn date_ms(text: &str) -> Option<u64> {
    let mut parts = text.split('-');
    let mut number = |len: usize| {
        let part = parts.next()?;
        let plain = part.len() == len && part.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| part.parse::<u64>().ok()).flatten()
    };
    let (year, month, day) = (number(4)?, number(2)?, number(2)?);
    if parts.next().is_some() || !(1970..=9999).contains(&year) {
        return None;
    }
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let february = if leap(year) { 29 } else { 28 };
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let at = usize::try_from(month).ok()?.checked_sub(1)?;
    let length = months.get(at)?;
    if !(1..=*length).contains(&day) {
        return None;
    }
    let years: u64 = (1970..year).map(|year| 365 + u64::from(leap(year))).sum();
    let before: u64 = months.iter().take(at).sum();
    Some((years + before + day - 1) * DAY_MS)
}

/// Words that are looked for. What a search engine would take for syntax is not: every word is meant as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words(Vec<String>);

impl Words {
    /// Reads what was typed: words that must all be in one command or one output, each as the beginning of a word.
    ///
    /// # Errors
    /// There is nothing to look for, or too much.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let chars = text.chars().count();
        if chars > SEARCH_CHARS_MAX {
            return Err(Refusal::new(
                Code::TooLong,
                format!(
                    "The search has {} characters, and {SEARCH_CHARS_MAX} is the limit. Nothing was searched.",
                    thousands(chars as u64)
                ),
                "Look for a few words of it.",
            ));
        }
        // What has no letter and no digit stands nowhere in an index of words.
        let says = |word: &&str| word.chars().any(char::is_alphanumeric);
        // One that is typed twice is looked for once.
        let mut seen = BTreeSet::new();
        let words: Vec<String> = text
            .split(|c: char| c.is_whitespace() || c == '\0')
            .filter(|word| says(word) && seen.insert(*word))
            .map(str::to_owned)
            .collect();
        if words.is_empty() {
            return Err(Refusal::new(
                Code::BadOption,
                "There is no word to look for. Nothing was searched.",
                "Type a few words that stand in the command or in its output.",
            ));
        }
        if words.len() > WORDS_MAX {
            return Err(Refusal::new(
                Code::TooLong,
                format!(
                    "The search has {} words, and {WORDS_MAX} is the limit. Nothing was searched.",
                    words.len()
                ),
                "Look for a few words of it.",
            ));
        }
        Ok(Self(words))
    }

    /// The words.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// The same as an expression of SQLite's FTS5: strings that begin so, all of them. Short ones stand for themselves: most words of an
    /// index begin with some letter, and all of those would be gathered first.
    #[must_use]
    pub fn expression(&self) -> String {
        let quoted = self.each().map(|(word, begins)| {
            let begins = if begins { "*" } else { "" };
            format!("\"{}\"{begins}", word.replace('"', "\"\""))
        });
        quoted.collect::<Vec<_>>().join(" AND ")
    }

    /// Each word, and whether it may be the beginning of one.
    pub(super) fn each(&self) -> impl Iterator<Item = (&str, bool)> {
        let begins = |word: &str| word.chars().filter(|c| c.is_alphanumeric()).count() >= 3;
        self.0.iter().map(move |word| (word.as_str(), begins(word)))
    }
}

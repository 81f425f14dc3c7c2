//! One token of a selector to an atom: names, patterns, labels, facts, groups, runs and states.

use crate::ids::{HostName, is_word};
use crate::limits::RANGE_NAMES_MAX;

use super::super::SCANS_MAX;
use super::super::error::SelectorErrorKind as Kind;
use super::super::fact::Comparison;
use super::super::pattern::{Pattern, shorten};
use super::super::tree::{AtomKind, LabelOp, LabelTest, Pick, RunPart, State};
use super::BAR_HINT;

/// What a name may hold; the end of most hints.
const NAME_HINT: &str = "names take a-z, 0-9, `.`, `_` and `-`";

/// What the tokens of one selector have used up of its limits.
#[derive(Debug, Default)]
pub(super) struct Used {
    range_names: usize,
    scans: usize,
}

/// A kind with the part of the token that is wrong, and a hint.
pub(super) struct Wrong {
    pub(super) kind: Kind,
    /// Bytes from the start of the token; none stands for the whole token.
    pub(super) part: Option<(usize, usize)>,
    pub(super) hint: String,
}

fn wrong<T>(kind: Kind, hint: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong {
        kind,
        part: None,
        hint: hint.into(),
    })
}

impl Used {
    /// The atom that a token stands for, and whether it may match nothing.
    pub(super) fn token(&mut self, token: &str) -> Result<(AtomKind, bool), Wrong> {
        check_characters(token)?;
        let (body, optional) = match token.strip_suffix('?') {
            Some(body) => (body, true),
            None => (token, false),
        };
        if body.is_empty() {
            return wrong(Kind::Missing("before `?`"), "`web99?` may match nothing");
        }
        if let Some(at) = body.find('?') {
            return Err(Wrong {
                kind: Kind::Question,
                part: Some((at, at + 1)),
                hint: "for one unknown digit write `web[0-9]`".to_owned(),
            });
        }
        Ok((self.body(body)?, optional))
    }

    fn body(&mut self, body: &str) -> Result<AtomKind, Wrong> {
        if body.starts_with('!') {
            return wrong(Kind::Exclamation, "`!` stands before a whole list: `!a,b`");
        }
        if let Some(name) = body.strip_prefix('@') {
            return saved(name);
        }
        if body.starts_with('#') {
            self.scan()?;
            return run(body);
        }
        if body.contains("=~") {
            return wrong(Kind::Operator("=~"), "write `role~web`");
        }
        if body.contains(['<', '>']) {
            self.scan()?;
            let comparison = Comparison::parse(body);
            return comparison
                .map(AtomKind::Compare)
                .or_else(|(kind, hint)| wrong(kind, hint));
        }
        if let Some(at) = body.find(['=', '~']) {
            return self.label(body, at).map(AtomKind::Label);
        }
        if body.contains('|') {
            return wrong(Kind::Bar, BAR_HINT);
        }
        if body.contains('!') {
            return wrong(Kind::Label(shorten(body)), "write `env!=dev`");
        }
        if body == "all" {
            return Ok(AtomKind::All);
        }
        if body.contains(':') {
            return meta(body);
        }
        if body.contains(['*', '[', ']']) {
            return self.pattern(body).map(AtomKind::Pattern);
        }
        match body.parse::<HostName>() {
            Ok(name) => Ok(AtomKind::Name(name)),
            Err(_) => wrong(
                Kind::Name(shorten(body)),
                "names have 1 to 63 characters, with a letter or digit at both ends",
            ),
        }
    }

    /// Counts what is tried on every host.
    fn scan(&mut self) -> Result<(), Wrong> {
        self.scans += 1;
        if self.scans > SCANS_MAX {
            return wrong(Kind::TooManyScans, format!("at most {SCANS_MAX}"));
        }
        Ok(())
    }

    fn pattern(&mut self, body: &str) -> Result<Pattern, Wrong> {
        if body.contains(['@', '#', '%']) {
            return wrong(Kind::Name(shorten(body)), NAME_HINT);
        }
        let pattern = match Pattern::parse(body) {
            Ok(pattern) => pattern,
            Err(kind) => {
                let hint = pattern_hint(&kind);
                return wrong(kind, hint);
            }
        };
        if pattern.is_glob() {
            self.scan()?;
        } else {
            let names = pattern.names_len().unwrap_or(usize::MAX);
            self.range_names = self.range_names.saturating_add(names);
            if self.range_names > RANGE_NAMES_MAX {
                return wrong(Kind::RangeTooBig, pattern_hint(&Kind::RangeTooBig));
            }
        }
        Ok(pattern)
    }

    /// A label; its first `=` or `~` stands at `sign`.
    fn label(&mut self, body: &str, sign: usize) -> Result<LabelTest, Wrong> {
        let (left, right) = body.split_at_checked(sign).unwrap_or((body, ""));
        let (key, op, right) = match (left.strip_suffix('!'), right.strip_prefix('~')) {
            (Some(_), Some(_)) => {
                return wrong(Kind::Operator("!~"), "remove what matches: `!role~web`");
            }
            (None, Some(right)) => (left, LabelOp::Like, right),
            (Some(key), None) => (key, LabelOp::IsNot, right.get(1..).unwrap_or_default()),
            (None, None) => (left, LabelOp::Is, right.get(1..).unwrap_or_default()),
        };
        if right.starts_with('=') {
            return wrong(Kind::Operator("=="), "write `role=web`");
        }
        if op == LabelOp::Like {
            self.scan()?;
        }
        let values: Vec<String> = right.split('|').map(str::to_owned).collect();
        let is_value = |value: &String| match op {
            LabelOp::Is | LabelOp::IsNot => is_word(value),
            LabelOp::Like => is_part(value),
        };
        if !is_word(key) || !values.iter().all(is_value) {
            let hint = match right {
                right if right.contains('=') => {
                    "`|` lists values; a comma adds: `role=web,env=prod`"
                }
                right if right.contains(['*', '[']) => {
                    "values are whole words: `role=web|db`; `role~web` looks inside"
                }
                _ => "as in `role=web`, `env!=dev`, `role=web|db` or `os~debian`",
            };
            return wrong(Kind::Label(shorten(body)), hint);
        }
        Ok(LabelTest {
            key: key.to_owned(),
            op,
            values,
        })
    }
}

fn pattern_hint(kind: &Kind) -> String {
    if *kind == Kind::RangeTooBig {
        return format!("at most {RANGE_NAMES_MAX}; a glob such as `web*` has no limit");
    }
    let hint = if matches!(kind, Kind::EveryHost(_)) {
        "type `all` if you mean every host"
    } else if matches!(kind, Kind::RangeOrder(_)) {
        "from low to high, padded alike: `web[01-20]`"
    } else if matches!(kind, Kind::Name(_)) {
        "names have at most 63 characters"
    } else {
        "as in `web[01-20,33]` or `db[1-9/2]`"
    };
    hint.to_owned()
}

/// Refuses the first character that no atom can hold.
fn check_characters(token: &str) -> Result<(), Wrong> {
    let known =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-*[],=!|~<>:@#%?".contains(c);
    let slash_in_range = |at: usize| {
        token
            .get(..at)
            .and_then(|before| before.rfind(['[', ']']))
            .and_then(|bracket| token.get(bracket..))
            .is_some_and(|inside| inside.starts_with('['))
    };
    let bad = token
        .char_indices()
        .find(|&(at, c)| !(known(c) || c == '/' && slash_in_range(at)));
    let Some((at, c)) = bad else {
        return Ok(());
    };
    let hint = match c {
        '/' => "there are no regular expressions: use a glob such as `web*`",
        '&' | '+' => "a space narrows: `role=web env=prod`",
        ';' | '\n' | '\r' => "a comma adds, a space narrows",
        '"' | '\'' | '`' => "write it without quotes",
        c if c.is_ascii_uppercase() => "names and labels are lower case",
        _ => NAME_HINT,
    };
    Err(Wrong {
        kind: Kind::Character(c),
        part: Some((at, at + c.len_utf8())),
        hint: hint.to_owned(),
    })
}

/// A saved group, its name without `@`.
fn saved(name: &str) -> Result<AtomKind, Wrong> {
    if is_word(name) {
        return Ok(AtomKind::Saved(name.to_owned()));
    }
    wrong(
        Kind::Name(shorten(&format!("@{name}"))),
        "groups are named as hosts are: `@web`",
    )
}

/// `#142`, `#142:failed`, `#142:failed|timeout`.
fn run(body: &str) -> Result<AtomKind, Wrong> {
    let (number, parts) = match body.split_once(':') {
        Some((number, parts)) => (number, Some(parts)),
        None => (body, None),
    };
    let part = |word: &str| {
        RunPart::ALL
            .iter()
            .find(|(name, _)| *name == word)
            .map(|(_, part)| *part)
    };
    let parts: Option<Vec<RunPart>> = parts.map_or(Some(Vec::new()), |parts| {
        parts.split('|').map(part).collect()
    });
    match (number.parse(), parts) {
        (Ok(number), Some(parts)) => Ok(AtomKind::Run(number, parts)),
        (Err(_), _) | (_, None) => {
            let words: Vec<&str> = RunPart::ALL.iter().map(|(name, _)| *name).collect();
            let hint = format!("as in `#142` or `#142:failed`; parts: {}", words.join(", "));
            wrong(Kind::Run(shorten(body)), hint)
        }
    }
}

/// `is:online`, `pick:3`, `pick:10%`.
fn meta(body: &str) -> Result<AtomKind, Wrong> {
    if let Some((_, state)) = State::ALL.iter().find(|(word, _)| *word == body) {
        return Ok(AtomKind::State(*state));
    }
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let pick = body
        .strip_prefix("pick:")
        .and_then(|pick| match pick.strip_suffix('%') {
            Some(percent) if plain(percent) => match percent.parse() {
                Ok(percent @ 1..=100) => Some(Pick::Percent(percent)),
                Ok(_) | Err(_) => None,
            },
            None if plain(pick) => pick.parse().ok().filter(|n| *n > 0).map(Pick::Count),
            Some(_) | None => None,
        });
    if let Some(pick) = pick {
        return Ok(AtomKind::Pick(pick));
    }
    let words: Vec<&str> = State::ALL.iter().map(|(word, _)| *word).collect();
    let hint = format!("there are {}, `pick:3` and `pick:10%`", quoted(&words));
    wrong(Kind::Meta(shorten(body)), hint)
}

fn quoted(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    words.join(", ")
}

/// Part of a word: what `~` looks for.
fn is_part(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|b| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-')
        })
}

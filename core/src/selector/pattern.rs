//! Patterns of names: literal text, `*`, and ranges such as `[01-20,33]`. Matching takes time linear in the pattern for any input,
//! since names have at most 63 characters and a set of places in one fits a machine word.

use std::fmt;

use crate::limits::RANGE_NAMES_MAX;
use crate::text::cut;

use super::error::SelectorErrorKind as Kind;

/// Longest name of a host, bytes.
const NAME_BYTES_MAX: usize = 63;

/// Most digits of a number in a range: it must fit 64 bits.
pub(super) const DIGITS_MAX: usize = 18;

/// A glob or a range. Never only stars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    parts: Vec<Element>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Element {
    Text(String),
    Star,
    Range(Vec<Run>),
}

/// `01-20/2`: numbers going up, written with at least `width` digits.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    first: u64,
    last: u64,
    step: u64,
    /// Zero when the numbers are not padded.
    width: usize,
}

impl Run {
    fn len(&self) -> u64 {
        (self.last.saturating_sub(self.first) / self.step).saturating_add(1)
    }

    fn contains(&self, digits: &str) -> bool {
        let Ok(number) = digits.parse::<u64>() else {
            return false;
        };
        let padding = digits.len() == self.width || !(digits.len() > 1 && digits.starts_with('0'));
        padding
            && digits.len() >= self.width
            && (self.first..=self.last).contains(&number)
            && (number - self.first).is_multiple_of(self.step)
    }

    fn numbers(&self) -> impl Iterator<Item = String> + '_ {
        (0..self.len())
            .map(|n| format!("{:0width$}", self.first + n * self.step, width = self.width))
    }
}

impl Pattern {
    /// Parses a token of name characters, `*` and `[...]`.
    pub(super) fn parse(token: &str) -> Result<Self, Kind> {
        let mut parts = Vec::new();
        let mut rest = token;
        while let Some(at) = rest.find(['*', '[', ']']) {
            let (text, special) = rest.split_at(at);
            if !text.is_empty() {
                parts.push(Element::Text(text.to_owned()));
            }
            rest = match special.strip_prefix('*') {
                Some(after) => {
                    if parts.last() != Some(&Element::Star) {
                        parts.push(Element::Star);
                    }
                    after
                }
                None => {
                    let Some((inside, after)) = special
                        .strip_prefix('[')
                        .and_then(|inside| inside.split_once(']'))
                    else {
                        return Err(Kind::Range(shorten(special)));
                    };
                    parts.push(Element::Range(parse_range(inside)?));
                    after
                }
            };
        }
        if !rest.is_empty() {
            parts.push(Element::Text(rest.to_owned()));
        }
        if parts == [Element::Star] {
            return Err(Kind::EveryHost(shorten(token)));
        }
        let pattern = Self { parts };
        // Nothing that long is a name, and expanding it would cost time and memory.
        if pattern.shortest_len() > NAME_BYTES_MAX {
            return Err(Kind::Name(shorten(token)));
        }
        match pattern.names_len() {
            Some(len) if len <= RANGE_NAMES_MAX => Ok(pattern),
            Some(_) | None => Err(Kind::RangeTooBig),
        }
    }

    /// True when it holds a `*`, so that the names it stands for cannot be listed.
    pub(super) fn is_glob(&self) -> bool {
        self.parts.contains(&Element::Star)
    }

    /// How many names the ranges stand for, stars left aside.
    pub(super) fn names_len(&self) -> Option<usize> {
        self.parts
            .iter()
            .try_fold(1_usize, |product, part| match part {
                Element::Text(_) | Element::Star => Some(product),
                Element::Range(runs) => {
                    let len = runs
                        .iter()
                        .try_fold(0_u64, |sum, run| sum.checked_add(run.len()))?;
                    product.checked_mul(usize::try_from(len).ok()?)
                }
            })
    }

    /// Bytes of the shortest name that it can match.
    fn shortest_len(&self) -> usize {
        self.parts
            .iter()
            .map(|part| match part {
                Element::Text(text) => text.len(),
                Element::Star => 0,
                Element::Range(_) => 1,
            })
            .sum()
    }

    /// The text before the first star or range.
    pub(super) fn prefix(&self) -> &str {
        match self.parts.first() {
            Some(Element::Text(text)) => text,
            Some(Element::Star | Element::Range(_)) | None => "",
        }
    }

    /// Every name that a pattern without stars stands for, at most [`RANGE_NAMES_MAX`].
    pub(super) fn names(&self) -> Vec<String> {
        debug_assert!(!self.is_glob(), "a glob stands for no list of names");
        let mut names = vec![String::new()];
        for part in &self.parts {
            match part {
                Element::Text(text) => names.iter_mut().for_each(|name| name.push_str(text)),
                Element::Star => {}
                Element::Range(runs) => {
                    let numbers: Vec<String> = runs.iter().flat_map(Run::numbers).collect();
                    names = names
                        .iter()
                        .flat_map(|name| {
                            numbers.iter().map(move |number| format!("{name}{number}"))
                        })
                        .collect();
                }
            }
        }
        names
    }

    /// Whether it matches the whole name. Names have at most 63 characters; anything longer is not a name and does not match.
    pub(super) fn matches(&self, name: &str) -> bool {
        if name.len() > NAME_BYTES_MAX {
            return false;
        }
        // Bit i stands for: the parts so far match the first i bytes.
        let within = u64::MAX >> (NAME_BYTES_MAX - name.len());
        let mut places = 1_u64;
        for part in &self.parts {
            places = match part {
                Element::Text(text) => after_text(places, name, text),
                Element::Star => !(lowest(places) - 1) & within,
                Element::Range(runs) => after_range(places, name, runs),
            };
            if places == 0 {
                return false;
            }
        }
        places & (1 << name.len()) != 0
    }

    /// The pattern with its stars left out and the first name of each range: what to look for when nothing matched.
    pub(super) fn skeleton(&self) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Element::Text(part) => text.push_str(part),
                Element::Star => {}
                Element::Range(runs) => {
                    text.extend(runs.first().and_then(|run| run.numbers().next()));
                }
            }
        }
        text
    }
}

const fn lowest(places: u64) -> u64 {
    places & places.wrapping_neg()
}

fn after_text(places: u64, name: &str, text: &str) -> u64 {
    let mut after = 0;
    for at in bits(places) {
        if name.as_bytes().get(at..at + text.len()) == Some(text.as_bytes()) {
            after |= 1 << (at + text.len());
        }
    }
    after
}

fn after_range(places: u64, name: &str, runs: &[Run]) -> u64 {
    let mut after = 0;
    for at in bits(places) {
        let rest = name.get(at..).unwrap_or_default();
        let digits = rest
            .bytes()
            .take(DIGITS_MAX)
            .take_while(u8::is_ascii_digit)
            .count();
        for len in 1..=digits {
            let number = rest.get(..len).unwrap_or_default();
            if runs.iter().any(|run| run.contains(number)) {
                after |= 1 << (at + len);
            }
        }
    }
    after
}

/// The places of the bits that are set, from the lowest.
fn bits(mut places: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        (places != 0).then(|| {
            let at = places.trailing_zeros() as usize;
            places &= places - 1;
            at
        })
    })
}

fn parse_range(inside: &str) -> Result<Vec<Run>, Kind> {
    inside.split(',').map(parse_run).collect()
}

fn parse_run(text: &str) -> Result<Run, Kind> {
    let wrong = || Kind::Range(format!("[{}]", shorten(text)));
    let (ends, step) = match text.split_once('/') {
        Some((ends, step)) if ends.contains('-') => (ends, number(step).ok_or_else(wrong)?),
        Some(_) => return Err(wrong()),
        None => (text, 1),
    };
    let (from, to) = ends.split_once('-').unwrap_or((ends, ends));
    let (Some(first), Some(last)) = (number(from), number(to)) else {
        return Err(wrong());
    };
    let padded = |text: &str| text.len() > 1 && text.starts_with('0');
    let width = if padded(from) { from.len() } else { 0 };
    if last < first || to.len() < from.len() || padded(to) && to.len() != width {
        return Err(Kind::RangeOrder(format!("[{}]", shorten(text))));
    }
    if step == 0 {
        return Err(wrong());
    }
    // A step from a number to itself is none: it would be lost when printed.
    let step = if first == last { 1 } else { step };
    Ok(Run {
        first,
        last,
        step,
        width,
    })
}

fn number(text: &str) -> Option<u64> {
    let plain = text.len() <= DIGITS_MAX && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// What an error repeats of a long token.
pub(super) fn shorten(text: &str) -> String {
    const CHARS_MAX: usize = 40;
    cut(text, CHARS_MAX)
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                Element::Text(text) => f.write_str(text)?,
                Element::Star => f.write_str("*")?,
                Element::Range(runs) => {
                    f.write_str("[")?;
                    super::tree::joined(f, runs, ",")?;
                    f.write_str("]")?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.width;
        write!(f, "{:0width$}", self.first)?;
        if self.last > self.first {
            write!(f, "-{:0width$}", self.last)?;
        }
        if self.step > 1 && self.last > self.first {
            write!(f, "/{}", self.step)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_what_they_say() {
        for (pattern, good, bad) in [
            ("web*", "web web-01 web.x", "xweb we"),
            ("*web", "web xweb webweb", "webx"),
            ("w*b*1", "web1 wbb11 wb-1", "web-2 xwb1"),
            ("***a", "a ba aaa", "ab"),
            (
                "web[01-20,33]",
                "web01 web20 web33",
                "web1 web21 web001 web032 web",
            ),
            ("db[1-9/2]", "db1 db9", "db2 db10 db01"),
            ("n[8-11]", "n8 n9 n10 n11", "n08 n12"),
            ("n[08-112]", "n08 n99 n100 n112", "n8 n008 n113 n0100"),
            ("r[1-2]-n[01-02]", "r1-n01 r2-n02", "r3-n01 r1-n1"),
            ("r[1-2]*", "r1 r1-x r10", "r3"),
            ("[0-1]", "0 1", "2 01"),
        ] {
            let parsed = Pattern::parse(pattern).unwrap();
            for name in good.split(' ') {
                assert!(parsed.matches(name), "{pattern} {name}");
            }
            for name in bad.split(' ') {
                assert!(!parsed.matches(name), "{pattern} {name}");
            }
            assert_eq!(Pattern::parse(&parsed.to_string()).as_ref(), Ok(&parsed));
        }
    }

    #[test]
    fn names_of_63_characters_reach_the_last_bit() {
        let name = "a".repeat(63);
        assert!(Pattern::parse("*a").unwrap().matches(&name));
        assert!(Pattern::parse("*a*a*a*").unwrap().matches(&name));
        assert!(!Pattern::parse("*b").unwrap().matches(&name));
        assert!(!Pattern::parse("a*").unwrap().matches(&"a".repeat(64)));
    }

    #[test]
    fn ranges_are_bounded_and_checked() {
        for (text, expected) in [
            ("web[1-1000000]", "ranges stand for too many names"),
            ("a[1-200]b[1-200]", "ranges stand for too many names"),
            ("a[0-999999999999999999]", "ranges stand for too many names"),
            ("web[5-1]", "`[5-1]` does not go up"),
            ("web[1-010]", "`[1-010]` does not go up"),
            ("web[01-1]", "`[01-1]` does not go up"),
            ("web[1-3", "`[1-3` is not a range of numbers"),
            ("web1-3]", "`]` is not a range of numbers"),
            ("web[a-z]", "`[a-z]` is not a range of numbers"),
            ("web[]", "`[]` is not a range of numbers"),
            ("web[1-9/0]", "`[1-9/0]` is not a range of numbers"),
            ("web[1/2]", "`[1/2]` is not a range of numbers"),
            (
                "web[1-99999999999999999999]",
                "`[1-99999999999999999999]` is not a range of numbers",
            ),
            ("**", "`**` is every host"),
        ] {
            assert_eq!(
                Pattern::parse(text).unwrap_err().to_string(),
                expected,
                "{text}"
            );
        }
        assert!(Pattern::parse("web[1-10000]").is_ok());
    }
}

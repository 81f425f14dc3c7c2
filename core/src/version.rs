//! The version of an agent, as a release names it: what is told apart by it, and which of two is older.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Bytes of one at most.
const BYTES_MAX: usize = 64;
/// Numbers at its beginning that are compared.
const NUMBERS: usize = 4;

/// A version such as `0.2.0` or `0.2.0-rc.1`: text that needs no quotes in a shell or a path, and begins with a number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version(String);

/// A text that is no version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "a version is a number and up to 63 of letters, digits and `._+~-` after it, such as `0.2.0`"
)]
pub struct VersionError;

impl Version {
    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Which of the two is older: by their numbers, absent ones being zero; where those are equal, what has something after a `-` or
    /// `~` is older than what has nothing, and two of those go by their parts. What stands after a `+` is not looked at.
    #[must_use]
    pub fn age(&self, other: &Self) -> Ordering {
        let (ours, theirs) = (Parts::of(&self.0), Parts::of(&other.0));
        ours.numbers
            .cmp(&theirs.numbers)
            .then_with(|| match (ours.before, theirs.before) {
                (None, None) => Ordering::Equal,
                (None, Some(_)) => Ordering::Greater,
                (Some(_), None) => Ordering::Less,
                (Some(ours), Some(theirs)) => by_parts(ours, theirs),
            })
    }

    /// True when it is older than the other one.
    #[must_use]
    pub fn is_older_than(&self, other: &Self) -> bool {
        self.age(other) == Ordering::Less
    }
}

/// A version taken apart.
struct Parts<'a> {
    numbers: [u64; NUMBERS],
    /// What stands after them, of one that comes before the version of these numbers.
    before: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Self {
        let text = text.split('+').next().unwrap_or_default();
        let plain = |c: char| c.is_ascii_digit() || c == '.';
        let end = text.find(|c| !plain(c)).unwrap_or(text.len());
        let (head, rest) = text.split_at(end);
        let mut numbers = [0; NUMBERS];
        for (number, digits) in numbers.iter_mut().zip(head.split('.')) {
            *number = digits.parse().unwrap_or(0);
        }
        let before = rest.trim_start_matches(['-', '~', '.', '_']);
        Self {
            numbers,
            before: (!before.is_empty()).then_some(before),
        }
    }
}

/// Numbers as numbers, and before words; what goes on is newer.
fn by_parts(ours: &str, theirs: &str) -> Ordering {
    let key = |part: &str| part.parse::<u64>().map_err(|_| part.to_owned());
    let parts = |text: &str| {
        text.split(['.', '-', '_', '~'])
            .map(key)
            .collect::<Vec<_>>()
    };
    let (ours, theirs) = (parts(ours), parts(theirs));
    let pairs = ours.iter().zip(&theirs);
    let first = pairs.map(|pair| match pair {
        (Ok(a), Ok(b)) => a.cmp(b),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(a), Err(b)) => a.cmp(b),
    });
    let differ = first.into_iter().find(|order| order.is_ne());
    differ.unwrap_or_else(|| ours.len().cmp(&theirs.len()))
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._+~-".contains(&b);
        let begins = text.bytes().next().is_some_and(|b| b.is_ascii_digit());
        let good = begins && text.len() <= BYTES_MAX && text.bytes().all(plain);
        good.then(|| Self(text.to_owned())).ok_or(VersionError)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn each_is_older_than_those_after_it() {
        let ordered = [
            "0.1.9",
            "0.1.10",
            "0.2.0-alpha",
            "0.2.0-rc.2",
            "0.2.0-rc.10",
            "0.2.0-rc.10.1",
            "0.2.0",
            "0.2.0.1",
            "0.2.1~rc1",
            "0.2.1",
            "1",
            "1.0.1",
        ];
        for (at, older) in ordered.iter().enumerate() {
            for newer in &ordered[at + 1..] {
                assert!(
                    version(older).is_older_than(&version(newer)),
                    "{older} {newer}"
                );
                assert!(
                    !version(newer).is_older_than(&version(older)),
                    "{newer} {older}"
                );
            }
        }
        for (a, b) in [
            ("1", "1.0.0"),
            ("0.2.0", "0.2.0+abc"),
            ("0.2.0-rc.1", "0.2.0~rc.1"),
        ] {
            assert_eq!(version(a).age(&version(b)), Ordering::Equal, "{a} {b}");
        }
        // Nothing panics that somebody might write.
        let huge = format!("{}.1", "9".repeat(60));
        assert!(
            version(&huge).is_older_than(&version("1")),
            "no number that we can read"
        );
    }

    #[test]
    fn nothing_that_means_something_to_a_path_or_a_shell_is_a_version() {
        for text in [
            "",
            "v1",
            "latest",
            "-1",
            ".1",
            "1/2",
            "1 2",
            "1'",
            "1$(reboot)",
            "1\n",
            "1\0",
            "1;",
            "ü",
        ] {
            assert_eq!(text.parse::<Version>(), Err(VersionError), "{text}");
        }
        assert!("1".repeat(BYTES_MAX).parse::<Version>().is_ok());
        assert!("1".repeat(BYTES_MAX + 1).parse::<Version>().is_err());
    }
}

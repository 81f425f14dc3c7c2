//! Names of actions and of their parameters: the grammar leaves nothing that means something to a shell, a path or Markdown.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::text::shown;

/// Longest name, characters: two of them and a dot fit a choice of Discord with room for more.
pub const NAME_CHARS_MAX: usize = 24;

/// A text that is no name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// Not one name.
    #[error(
        "`{0}` is no name: it takes 1 to {NAME_CHARS_MAX} of a-z, 0-9 and `-`, and starts and ends with a letter or digit"
    )]
    Name(String),
    /// Not the name of an action.
    #[error("`{0}` is not the name of an action, which is like `service.restart`")]
    Action(String),
}

/// The name of a group of actions, of an action in it, or of a parameter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The variable that a script finds a parameter of this name in: `P_DRY_RUN` for `dry-run`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("P_{}", self.0.to_ascii_uppercase().replace('-', "_"))
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let good = (1..=NAME_CHARS_MAX).contains(&text.len())
            && text.bytes().all(inner)
            && !text.starts_with('-')
            && !text.ends_with('-');
        good.then(|| Self(text.to_owned()))
            .ok_or_else(|| NameError::Name(shown(text, 40)))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The whole name of an action: `service.restart`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionName {
    /// The file that it stands in, without its ending.
    pub group: Name,
    /// Its table there.
    pub action: Name,
}

impl FromStr for ActionName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let parts = text.split_once('.');
        let (group, action) = parts.ok_or_else(|| NameError::Action(shown(text, 60)))?;
        match (group.parse(), action.parse()) {
            (Ok(group), Ok(action)) => Ok(Self { group, action }),
            (Err(_), _) | (_, Err(_)) => Err(NameError::Action(shown(text, 60))),
        }
    }
}

impl fmt::Display for ActionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.group, self.action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_grammar() {
        let longest = "x".repeat(NAME_CHARS_MAX);
        for good in ["a", "0", "dry-run", "v2", longest.as_str()] {
            assert_eq!(good.parse::<Name>().unwrap().as_str(), good);
        }
        let long = "x".repeat(NAME_CHARS_MAX + 1);
        for bad in [
            "", "-a", "a-", "A", "a_b", "a.b", "a b", "é", "a\n", &long, "$a",
        ] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
        let whole: ActionName = "service.restart".parse().unwrap();
        assert_eq!(whole.to_string(), "service.restart");
        for bad in ["service", "service.", ".restart", "a.b.c", "a..b", "A.b"] {
            assert!(bad.parse::<ActionName>().is_err(), "{bad}");
        }
        let name: Name = "dry-run".parse().unwrap();
        assert_eq!(name.variable(), "P_DRY_RUN");
    }
}

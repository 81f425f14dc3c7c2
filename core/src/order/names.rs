//! What a command may know of its run, for its own logs and locks.

use super::OrderError;
use crate::ids::{HostName, RunNumber};
use crate::principal::Principal;

/// Longest text of who asked, bytes.
const BY_BYTES_MAX: usize = 100;

/// Which run it is, by the words that people use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    host: HostName,
    number: RunNumber,
    by: String,
}

impl Names {
    /// A run that somebody asked for: `local:ann`, or the id of a user of Discord.
    #[must_use]
    pub fn new(host: HostName, number: RunNumber, by: &Principal) -> Self {
        let by = match by {
            Principal::Discord(user) => user.to_string(),
            Principal::Local(user) => format!("local:{user}"),
        };
        // One line of visible characters, whatever a directory of users has.
        let visible = |c: char| if c.is_ascii_graphic() { c } else { '?' };
        Self {
            host,
            number,
            by: by.chars().take(BY_BYTES_MAX).map(visible).collect(),
        }
    }

    /// What came over a wire.
    ///
    /// # Errors
    /// The first part that is none.
    pub fn read(host: &str, number: u64, by: String) -> Result<Self, OrderError> {
        let visible = by.chars().all(|c| c.is_ascii_graphic());
        if by.is_empty() || by.len() > BY_BYTES_MAX || !visible {
            return Err(OrderError::Names("who asked"));
        }
        let host = host.parse();
        Ok(Self {
            host: host.map_err(|_| OrderError::Names("the host's name"))?,
            number: Some(RunNumber(number))
                .filter(|number| number.0 > 0)
                .ok_or(OrderError::Names("the number"))?,
            by,
        })
    }

    /// The host's name.
    #[must_use]
    pub const fn host(&self) -> &HostName {
        &self.host
    }

    /// The number of the run.
    #[must_use]
    pub const fn number(&self) -> RunNumber {
        self.number
    }

    /// Who asked: one line of visible characters, and no proof of anything.
    #[must_use]
    pub fn by(&self) -> &str {
        &self.by
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Holds: `SHANTY_BY` is one line of visible characters, whoever asked.
    #[test]
    fn who_asked_is_one_bounded_line_whoever_it_is() {
        let host: HostName = "web-01".parse().unwrap();
        let long = "x".repeat(300);
        for (by, said) in [
            (Principal::Discord(3_001), "3001"),
            (Principal::Local("root".to_owned()), "local:root"),
            (
                Principal::Local("a b\nSHANTY_RUN=\u{202e}é".to_owned()),
                "local:a?b?SHANTY_RUN=??",
            ),
            (
                Principal::Local(long.clone()),
                &format!("local:{}", &long[..94]),
            ),
        ] {
            let names = Names::new(host.clone(), RunNumber(7), &by);
            assert_eq!(names.by(), said);
            let again = Names::read("web-01", 7, names.by().to_owned());
            assert_eq!(again, Ok(names), "what we send is taken");
        }
    }

    #[test]
    fn what_came_is_checked() {
        let long = "x".repeat(101);
        for (host, number, by, wrong) in [
            ("web 01", 7, "ann", "the host's name"),
            ("all", 7, "ann", "the host's name"),
            ("web-01", 0, "ann", "the number"),
            ("web-01", 7, "", "who asked"),
            ("web-01", 7, "a\nb", "who asked"),
            ("web-01", 7, "é", "who asked"),
            ("web-01", 7, &long, "who asked"),
        ] {
            let read = Names::read(host, number, by.to_owned());
            assert_eq!(read, Err(OrderError::Names(wrong)), "{host} {number} {by}");
        }
    }
}

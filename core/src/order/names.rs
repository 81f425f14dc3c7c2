//! What a command may know of its run, for its own logs and locks.

use std::num::NonZeroU64;

use super::OrderError;
use crate::ids::{HostName, RunNumber};
use crate::principal::Principal;
use crate::run::Origin;

/// Longest text of who asked, bytes.
const BY_BYTES_MAX: usize = 100;

/// Which run it is, by the words that people use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    host: HostName,
    number: RunNumber,
    by: Box<str>,
    by_id: Option<NonZeroU64>,
}

impl Names {
    /// A run that somebody asked for: `local:ann`, or what a user of Discord is called, with the id.
    #[must_use]
    pub fn new(host: HostName, number: RunNumber, origin: &Origin) -> Self {
        let by = origin.principal();
        let name = plain(origin.name());
        let (by, by_id) = match &by {
            Principal::Discord(user) if passes_for_another(&by, &name) => {
                (user.to_string(), NonZeroU64::new(*user))
            }
            Principal::Discord(user) => (name, NonZeroU64::new(*user)),
            Principal::Local(user) => (plain(&format!("local:{user}")), None),
        };
        Self {
            host,
            number,
            by: by.into(),
            by_id,
        }
    }

    /// What came over a wire; an id of zero is none.
    ///
    /// # Errors
    /// The first part that is none.
    pub fn read(host: &str, number: u64, (by, by_id): (String, u64)) -> Result<Self, OrderError> {
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
            by: by.into(),
            by_id: NonZeroU64::new(by_id),
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

    /// The id of who asked, when it was a user of Discord.
    #[must_use]
    pub fn by_id(&self) -> Option<u64> {
        self.by_id.map(NonZeroU64::get)
    }
}

/// One line of visible characters, whatever somebody is called: a shell reads none of it by accident as two words.
fn plain(name: &str) -> String {
    let visible = |c: char| if c.is_ascii_graphic() { c } else { '?' };
    name.chars().take(BY_BYTES_MAX).map(visible).collect()
}

/// No name, or one that reads as a user of the controller's machine or as an id.
fn passes_for_another(by: &Principal, name: &str) -> bool {
    let digits = name.bytes().all(|byte| byte.is_ascii_digit());
    digits || by.called(name) != name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::principal::Place;

    fn chat(name: &str) -> Origin {
        Origin::Chat {
            user: 3_001,
            name: name.to_owned(),
            place: Place {
                guild: 1,
                channel: 2,
                parent: None,
                interaction: 3,
            },
            grant: "ops".to_owned(),
        }
    }

    fn socket(user: &str) -> Origin {
        let user = user.to_owned();
        Origin::Socket { user }
    }

    /// Holds: `SHANTY_BY` is one line of at most 100 visible ASCII characters, `?` for any other; a name that reads as an id or as `local:` somebody gives way to the id.
    #[test]
    fn who_asked_is_one_bounded_line_whoever_it_is() {
        let host: HostName = "web-01".parse().unwrap();
        let long = "x".repeat(300);
        for (by, said, id) in [
            (chat("ann"), "ann", Some(3_001)),
            (chat(""), "3001", Some(3_001)),
            (chat("4711"), "3001", Some(3_001)),
            (chat("local:root"), "3001", Some(3_001)),
            (chat("discord:1"), "3001", Some(3_001)),
            (chat("ann\n\u{202e}é b$(id)"), "ann????b$(id)", Some(3_001)),
            (chat(&long), &long[..100], Some(3_001)),
            (socket("root"), "local:root", None),
            (
                socket("a b\nSHANTY_RUN=\u{202e}é"),
                "local:a?b?SHANTY_RUN=??",
                None,
            ),
            (socket(&long), &format!("local:{}", &long[..94]), None),
        ] {
            let names = Names::new(host.clone(), RunNumber(7), &by);
            assert_eq!((names.by(), names.by_id()), (said, id));
            let by = (names.by().to_owned(), id.unwrap_or(0));
            let again = Names::read("web-01", 7, by);
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
            let read = Names::read(host, number, (by.to_owned(), 0));
            assert_eq!(read, Err(OrderError::Names(wrong)), "{host} {number} {by}");
        }
    }
}

//! What a run is of: a command, or what agents do to themselves instead.

use std::borrow::Cow;

use crate::output::mask::Masks;
use crate::policy::Verb;
use crate::version::Version;

/// What runs on each host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A text for `/bin/sh -c`.
    Shell(String),
    /// A program and its arguments, without a shell.
    Argv(Vec<String>),
    /// No command: what the agent does to itself.
    Upkeep(Upkeep),
}

impl What {
    /// What the agent does to itself; nothing of a command.
    #[must_use]
    pub const fn upkeep(&self) -> Option<&Upkeep> {
        match self {
            Self::Shell(_) | Self::Argv(_) => None,
            Self::Upkeep(upkeep) => Some(upkeep),
        }
    }

    /// The version to which agents are updated; nothing of anything else.
    #[must_use]
    pub const fn update(&self) -> Option<&Update> {
        match self {
            Self::Upkeep(Upkeep::Update(update)) => Some(update),
            Self::Shell(_) | Self::Argv(_) | Self::Upkeep(Upkeep::Doctor) => None,
        }
    }

    /// What must be granted for it. A doctor changes nothing; it shows how a host is configured, so it is of those who manage hosts.
    #[must_use]
    pub const fn verb(&self) -> Verb {
        match self {
            Self::Shell(_) | Self::Argv(_) => Verb::Run,
            Self::Upkeep(Upkeep::Update(_)) => Verb::Update,
            Self::Upkeep(Upkeep::Doctor) => Verb::Manage,
        }
    }

    /// As people read it.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Shell(text) => Cow::Borrowed(text),
            Self::Argv(words) => Cow::Owned(words.join(" ")),
            Self::Upkeep(upkeep) => upkeep.text(),
        }
    }

    /// The same for somebody to read, when something of it is masked; never to run.
    pub(crate) fn masked(&self, masks: &Masks) -> Option<Self> {
        let text = self.text();
        let masked = masks.text(&text);
        match self {
            _ if masked == text => None,
            Self::Shell(_) => Some(Self::Shell(masked)),
            Self::Argv(_) => Some(Self::Argv(vec![masked])),
            // Nobody typed it but a version that is offered.
            Self::Upkeep(_) => None,
        }
    }
}

/// What an agent does to itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upkeep {
    /// It is replaced by another version, or comes back as it was.
    Update(Update),
    /// It looks what is wrong with it.
    Doctor,
}

/// To which version an agent is updated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The version.
    pub version: Version,
    /// That may be an older one than the agent's.
    pub older: bool,
}

impl Upkeep {
    /// As people read it.
    #[must_use]
    pub fn text(&self) -> Cow<'static, str> {
        match self {
            Self::Update(update) if update.older => Cow::Owned(format!(
                "update to {}, also from a newer one",
                update.version
            )),
            Self::Update(update) => Cow::Owned(format!("update to {}", update.version)),
            Self::Doctor => Cow::Borrowed("doctor"),
        }
    }

    /// True for a text that stands for one where only the texts of runs are known: it is no command to offer.
    #[must_use]
    pub fn is_called(text: &str) -> bool {
        let version = text.strip_prefix("update to ");
        let version = version.and_then(|rest| rest.split(',').next());
        text == "doctor" || version.is_some_and(|version| version.parse::<Version>().is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upkeep_is_told_from_commands_by_its_text() {
        let update = |older| {
            Upkeep::Update(Update {
                version: "0.2.0-rc.1".parse().unwrap(),
                older,
            })
        };
        for upkeep in [update(false), update(true), Upkeep::Doctor] {
            assert!(Upkeep::is_called(&upkeep.text()), "{}", upkeep.text());
        }
        for command in ["doctor --now", "update to the newest", "apt-get update", ""] {
            assert!(!Upkeep::is_called(command), "{command}");
        }
    }
}

//! What a run is of: a command, or what agents do to themselves instead.

use std::borrow::Cow;

use crate::output::mask::Masks;
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
}

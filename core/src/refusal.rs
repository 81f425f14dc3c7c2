//! Refusals: what was not done, why, and what to do next. The one list of error codes.

use std::fmt;
use std::str::FromStr;

/// Why something was refused. The code is stable for scripts, and is written as it is first shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// No grant allows it.
    Denied,
    /// A guild that the controller does not serve.
    Guild,
    /// Asked in a direct message.
    GuildOnly,
    /// A selector that does not parse, or names nothing.
    Selector,
    /// The selector names hosts, and none of them is online.
    AllOffline,
    /// Nothing to run.
    EmptyCommand,
    /// What is asked for holds a secret that is not shown.
    Masked,
    /// Longer than a limit.
    TooLong,
    /// A character that cannot be run.
    BadChar,
    /// A duration that does not parse or is out of range.
    Duration,
    /// A word that an option does not take.
    BadOption,
    /// A user that the agent does not run commands as.
    RunAs,
    /// New runs are on hold.
    Hold,
    /// No such run, host or token.
    NotFound,
    /// The run is over.
    Closed,
    /// A button or form from an older time.
    Stale,
    /// The journal could not be written; nothing was run.
    Storage,
    /// What is stored is damaged: it is not what was written.
    Damaged,
    /// It was deleted because of its age, or because there was too much.
    Deleted,
    /// The host is not connected.
    Offline,
    /// The host was asked to take no new runs.
    Draining,
    /// The order reached the host too late.
    Expired,
    /// More hosts of the run failed than it bears: no further one was started.
    MaxFail,
    /// The run was paused for too long, or is paused already.
    Paused,
    /// The controller restarted before the order was sent.
    ControllerRestart,
    /// Discord did not take the answer; nothing was run.
    AckFailed,
    /// A join token that is unknown, used, expired or revoked.
    Token,
    /// A host name that is taken.
    NameTaken,
    /// A host name that a person would take for another's.
    NameConfusable,
    /// A host name outside the grammar.
    Name,
    /// A label outside the grammar.
    Label,
    /// A certificate signing request that is not one of ours.
    Csr,
    /// The agent could not record or start the execution.
    Agent,
    /// A definition of an action that is none.
    Action,
    /// No such action.
    ActionUnknown,
    /// A value that a parameter of an action does not take.
    Param,
    /// A host that an action is not for.
    On,
    /// Too many at once.
    Rate,
    /// An interaction or message of a kind that this version does not know.
    Unsupported,
    /// An agent that is too old for what is asked of it.
    Version,
    /// Stopping; try again soon. Stays the last: [`Code::ALL`] counts to it.
    Stopping,
}

impl Code {
    /// Every code, in the order of their declaration.
    pub const ALL: [Self; Self::Stopping as usize + 1] = [
        Self::Denied,
        Self::Guild,
        Self::GuildOnly,
        Self::Selector,
        Self::AllOffline,
        Self::EmptyCommand,
        Self::Masked,
        Self::TooLong,
        Self::BadChar,
        Self::Duration,
        Self::BadOption,
        Self::RunAs,
        Self::Hold,
        Self::NotFound,
        Self::Closed,
        Self::Stale,
        Self::Storage,
        Self::Damaged,
        Self::Deleted,
        Self::Offline,
        Self::Draining,
        Self::Expired,
        Self::MaxFail,
        Self::Paused,
        Self::ControllerRestart,
        Self::AckFailed,
        Self::Token,
        Self::NameTaken,
        Self::NameConfusable,
        Self::Name,
        Self::Label,
        Self::Csr,
        Self::Agent,
        Self::Action,
        Self::ActionUnknown,
        Self::Param,
        Self::On,
        Self::Rate,
        Self::Unsupported,
        Self::Version,
        Self::Stopping,
    ];

    /// True where something else has to be typed: with a change it may be done.
    #[must_use]
    pub const fn is_of_what_was_typed(self) -> bool {
        match self {
            Self::Selector
            | Self::AllOffline
            | Self::EmptyCommand
            | Self::Masked
            | Self::TooLong
            | Self::BadChar
            | Self::Duration
            | Self::BadOption
            | Self::RunAs
            | Self::ActionUnknown
            | Self::Param
            | Self::On
            | Self::Unsupported => true,
            Self::Denied
            | Self::Guild
            | Self::GuildOnly
            | Self::Hold
            | Self::NotFound
            | Self::Closed
            | Self::Stale
            | Self::Storage
            | Self::Damaged
            | Self::Deleted
            | Self::Offline
            | Self::Draining
            | Self::Expired
            | Self::MaxFail
            | Self::Paused
            | Self::ControllerRestart
            | Self::AckFailed
            | Self::Token
            | Self::NameTaken
            | Self::NameConfusable
            | Self::Name
            | Self::Label
            | Self::Csr
            | Self::Agent
            | Self::Action
            | Self::Rate
            | Self::Version
            | Self::Stopping => false,
        }
    }

    /// The code as scripts see it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Denied => "E_DENIED",
            Self::Guild => "E_GUILD",
            Self::GuildOnly => "E_GUILD_ONLY",
            Self::Selector => "E_SELECTOR",
            Self::AllOffline => "E_ALL_OFFLINE",
            Self::EmptyCommand => "E_EMPTY_COMMAND",
            Self::Masked => "E_MASKED",
            Self::TooLong => "E_TOO_LONG",
            Self::BadChar => "E_BAD_CHAR",
            Self::Duration => "E_DURATION",
            Self::BadOption => "E_OPTION",
            Self::RunAs => "E_RUN_AS",
            Self::Hold => "E_HOLD",
            Self::NotFound => "E_NOT_FOUND",
            Self::Closed => "E_CLOSED",
            Self::Stale => "E_STALE",
            Self::Storage => "E_STORAGE",
            Self::Damaged => "E_DAMAGED",
            Self::Deleted => "E_DELETED",
            Self::Offline => "E_OFFLINE",
            Self::Draining => "E_DRAINING",
            Self::Expired => "E_EXPIRED",
            Self::MaxFail => "E_MAX_FAIL",
            Self::Paused => "E_PAUSED",
            Self::ControllerRestart => "E_CONTROLLER_RESTART",
            Self::AckFailed => "E_ACK_FAILED",
            Self::Token => "E_TOKEN",
            Self::NameTaken => "E_NAME_TAKEN",
            Self::NameConfusable => "E_NAME_CONFUSABLE",
            Self::Name => "E_NAME",
            Self::Label => "E_LABEL",
            Self::Csr => "E_CSR",
            Self::Agent => "E_AGENT",
            Self::Action => "E_ACTION",
            Self::ActionUnknown => "E_ACTION_UNKNOWN",
            Self::Param => "E_PARAM",
            Self::On => "E_ON",
            Self::Rate => "E_RATE",
            Self::Unsupported => "E_UNSUPPORTED",
            Self::Version => "E_VERSION",
            Self::Stopping => "E_STOPPING",
        }
    }
}

/// A code of another version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a code of this version")]
pub struct UnknownCode;

impl FromStr for Code {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut all = Self::ALL.into_iter();
        all.find(|code| code.as_str() == text).ok_or(UnknownCode)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a person gets instead of what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The stable code.
    pub code: Code,
    /// What happened, to which hosts: one sentence or a few lines, plain text.
    pub what: String,
    /// What to do next, one sentence; empty when there is nothing to do.
    pub next: String,
    /// What was probably meant, where one press can do that instead.
    pub meant: Option<Box<Meant>>,
}

/// What somebody probably meant, or can ask for instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meant {
    /// Another host, where the name that was typed is the only thing that is wrong.
    Name {
        /// The name that was typed.
        typed: String,
        /// The nearest one that there is.
        name: String,
        /// The whole selector with it.
        on: String,
    },
    /// The command with plain characters: see [`crate::admission::plain_command`].
    Plain {
        /// What its characters are that are no plain ones, for example `quotes`.
        kind: &'static str,
        /// That command.
        shown: String,
    },
    /// That somebody else does it, who may.
    Others {
        /// Those who may, as mentions.
        who: String,
    },
}

impl Refusal {
    /// A refusal from its three parts.
    pub fn new(code: Code, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            code,
            what: what.into(),
            next: next.into(),
            meant: None,
        }
    }

    /// The same where others may do it, as mentions; nothing when nobody may.
    #[must_use]
    pub fn but_others_may(mut self, who: Option<String>) -> Self {
        self.meant = who.map(|who| Box::new(Meant::Others { who }));
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        if !self.next.is_empty() {
            write!(f, "\n{}", self.next)?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back_as_itself() {
        for (at, code) in Code::ALL.into_iter().enumerate() {
            assert_eq!(code as usize, at, "{code} is missing or not in its place");
            assert_eq!(code.to_string().parse(), Ok(code));
            assert!(code.as_str().starts_with("E_"), "{code}");
        }
    }

    #[test]
    fn codes_of_other_versions_are_unknown() {
        for text in [
            "E_TEAPOT",
            "",
            "E_",
            "e_denied",
            "E_DENIED ",
            "E_CONTROLLER",
        ] {
            assert_eq!(text.parse::<Code>(), Err(UnknownCode), "{text}");
        }
    }
}

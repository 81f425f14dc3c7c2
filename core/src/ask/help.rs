//! What is asked and answered about the program itself: how something is done, and what somebody may do.

use std::str::FromStr;

use crate::policy::Verb;

/// Something that can be read about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Topic {
    /// What can be done here, in short.
    #[default]
    Start,
    /// Running commands.
    Running,
    /// Naming hosts.
    Naming,
    /// What was run before.
    History,
    /// What the buttons of a card do.
    Buttons,
    /// Taking hosts out of use, labelling and grouping them.
    Hosts,
}

impl Topic {
    /// Every topic, in the order in which people read them.
    pub const ALL: [Self; 6] = [
        Self::Start,
        Self::Running,
        Self::Naming,
        Self::History,
        Self::Buttons,
        Self::Hosts,
    ];

    /// The topic as an option and an id have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Running => "running",
            Self::Naming => "naming",
            Self::History => "history",
            Self::Buttons => "buttons",
            Self::Hosts => "hosts",
        }
    }
}

impl FromStr for Topic {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let all = Self::ALL.into_iter();
        all.into_iter()
            .find(|topic| topic.as_str() == text)
            .ok_or(())
    }
}

/// What somebody may do where they ask, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// The channel that grants look at; nothing on the controller's machine, where everything is allowed.
    pub channel: Option<u64>,
    /// Each verb, in the order of [`Verb::ALL`].
    pub verbs: Vec<VerbRights>,
    /// Other channels in which they have grants, at most [`ELSEWHERE_MAX`].
    pub elsewhere: Vec<u64>,
    /// A host that they could try a command on, and a label of it.
    pub example: Option<(String, Option<String>)>,
}

/// Other channels that are named.
pub const ELSEWHERE_MAX: usize = 5;

/// What somebody may do of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerbRights {
    /// The kind.
    pub verb: Verb,
    /// The grants that give it to them here; none when they may not.
    pub by: Vec<GivenBy>,
    /// On how many hosts, all of those grants together.
    pub hosts: usize,
    /// Who else has it here: roles.
    pub roles: Vec<u64>,
    /// The same: people.
    pub people: Vec<u64>,
}

/// A grant that gives somebody something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenBy {
    /// The id of the grant.
    pub grant: String,
    /// The role of theirs that it is given to; nothing when it names the person.
    pub role: Option<u64>,
    /// On which hosts.
    pub selector: String,
    /// How many those are.
    pub hosts: usize,
}

impl Rights {
    /// Whether they may do something of this kind here, on some hosts.
    #[must_use]
    pub fn may(&self, verb: Verb) -> bool {
        self.channel.is_none() || self.of(verb).is_some_and(|rights| !rights.by.is_empty())
    }

    /// What they may do of one kind.
    #[must_use]
    pub fn of(&self, verb: Verb) -> Option<&VerbRights> {
        self.verbs.iter().find(|rights| rights.verb == verb)
    }
}

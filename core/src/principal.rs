//! Who asks, and from where.

use std::fmt;

/// Somebody who may do something: known by an id that they cannot choose.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Principal {
    /// A Discord user.
    Discord(u64),
    /// A user of the controller's machine, proven by the admin socket.
    Local(String),
}

impl fmt::Display for Principal {
    /// As cards show it: a mention (which pings nobody, see the outbox), or `local:root`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Discord(user) => write!(f, "<@{user}>"),
            Self::Local(user) => write!(f, "local:{user}"),
        }
    }
}

/// Where in Discord something was asked, and by which interaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The guild.
    pub guild: u64,
    /// The channel, or the thread.
    pub channel: u64,
    /// The interaction: accepted at most once.
    pub interaction: u64,
}

/// Everything that a decision may rely on about the person who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asker {
    /// Somebody in Discord, as the interaction itself says.
    Discord {
        /// The user's id.
        user: u64,
        /// True for an application's account.
        bot: bool,
        /// Nothing in a direct message.
        guild: Option<u64>,
        /// The channel, or the thread.
        channel: u64,
        /// The channel above a thread: grants name channels.
        parent_channel: Option<u64>,
        /// Role ids at this moment.
        roles: Vec<u64>,
        /// The interaction's id.
        interaction: u64,
    },
    /// Somebody on the admin socket.
    Local {
        /// The user's name.
        user: String,
    },
}

impl Asker {
    /// Who it is.
    #[must_use]
    pub fn principal(&self) -> Principal {
        match self {
            Self::Discord { user, .. } => Principal::Discord(*user),
            Self::Local { user } => Principal::Local(user.clone()),
        }
    }

    /// Where it was asked; nothing for the command line and direct messages.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        match self {
            Self::Discord {
                guild,
                channel,
                interaction,
                ..
            } => guild.map(|guild| Place {
                guild,
                channel: *channel,
                interaction: *interaction,
            }),
            Self::Local { .. } => None,
        }
    }
}

//! Who asks, and from where; and who did what a record says.

use std::fmt;
use std::str::FromStr;

use crate::ids::AgentId;

/// Somebody who may do something: known by an id that they cannot choose.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Principal {
    /// A Discord user.
    Discord(u64),
    /// A user of the controller's machine, proven by the admin socket.
    Local(String),
}

impl fmt::Display for Principal {
    /// As terminals and logs show it: `discord:3001` or `local:root`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Discord(user) => write!(f, "discord:{user}"),
            Self::Local(user) => write!(f, "local:{user}"),
        }
    }
}

impl Principal {
    /// What terminals call somebody: in Discord by the name that is known, unless it is none or passes for somebody else's.
    #[must_use]
    pub fn called(&self, name: &str) -> String {
        let known = match self {
            Self::Discord(user) => {
                !name.is_empty() && name != user.to_string() && name.parse::<Self>().is_err()
            }
            Self::Local(_) => false,
        };
        if known {
            return name.to_owned();
        }
        self.to_string()
    }
}

impl FromStr for Principal {
    type Err = NoPrincipal;

    /// Reads what `Display` writes.
    fn from_str(text: &str) -> Result<Self, NoPrincipal> {
        if let Some(user) = text.strip_prefix("discord:") {
            return user.parse().map(Self::Discord).map_err(|_| NoPrincipal);
        }
        let user = text.strip_prefix("local:").filter(|user| !user.is_empty());
        Ok(Self::Local(user.ok_or(NoPrincipal)?.to_owned()))
    }
}

/// A text that names nobody as `discord:3001` and `local:root` do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoPrincipal;

/// Where in Discord something was asked, and by which interaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The guild.
    pub guild: u64,
    /// The channel, or the thread.
    pub channel: u64,
    /// The channel above it when it is a thread: grants name channels.
    pub parent: Option<u64>,
    /// The interaction: something is done for it at most once.
    pub interaction: u64,
}

/// Who did what a record says. There is always somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A person in Discord.
    Chat {
        /// The user.
        user: u64,
        /// Where; nothing in a direct message.
        place: Option<Place>,
    },
    /// A user of the controller's machine, on the admin socket.
    Socket {
        /// The user's name.
        user: String,
    },
    /// A host, by its certificate or its join token.
    Host(AgentId),
    /// The controller itself: what time, a restart or an end brought.
    Controller,
}

impl Actor {
    /// Where in Discord it was asked.
    #[must_use]
    pub const fn place(&self) -> Option<Place> {
        match self {
            Self::Chat { place, .. } => *place,
            Self::Socket { .. } | Self::Host(_) | Self::Controller => None,
        }
    }

    /// The person; nothing when it was none.
    #[must_use]
    pub fn principal(&self) -> Option<Principal> {
        match self {
            Self::Chat { user, .. } => Some(Principal::Discord(*user)),
            Self::Socket { user } => Some(Principal::Local(user.clone())),
            Self::Host(_) | Self::Controller => None,
        }
    }
}

/// Everything that a decision may rely on about the person who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asker {
    /// Somebody in Discord, as the interaction itself says.
    Discord {
        /// The user's id.
        user: u64,
        /// What they are called. Everybody chooses that, and nothing is decided by it.
        name: String,
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

    /// Where in Discord it was asked; nothing on the socket and in direct messages.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        self.actor().place()
    }

    /// Who did what comes of it.
    #[must_use]
    pub fn actor(&self) -> Actor {
        match self {
            Self::Discord {
                user,
                guild,
                channel,
                parent_channel,
                interaction,
                ..
            } => Actor::Chat {
                user: *user,
                place: guild.map(|guild| Place {
                    guild,
                    channel: *channel,
                    parent: *parent_channel,
                    interaction: *interaction,
                }),
            },
            Self::Local { user } => Actor::Socket { user: user.clone() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_called_as_somebody_else_is() {
        let (ann, root) = (Principal::Discord(3001), Principal::Local("root".into()));
        for (who, name, called) in [
            (&ann, "ann", "ann"),
            (&ann, "root", "root"),
            (&ann, "", "discord:3001"),
            (&ann, "3001", "discord:3001"),
            (&ann, "local:root", "discord:3001"),
            (&ann, "discord:1", "discord:3001"),
            (&root, "root", "local:root"),
        ] {
            assert_eq!(who.called(name), called, "{name}");
        }
    }
}

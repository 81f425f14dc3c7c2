//! Who asks: let in or not, before anything else is looked at.

use crate::ask::Right;
use crate::policy::{Verb, Who};
use crate::principal::{Asker, Place, Principal};
use crate::refusal::{Code, Refusal};

use super::Context;

/// Somebody who was let in, as far as decisions look at them. There is no other way to get one than [`authenticate`].
pub(super) enum Caller<'a> {
    /// A user of the controller's machine: allowed everything.
    Socket {
        /// The user's name.
        user: &'a str,
    },
    /// A person in a guild that is served: allowed what grants give.
    Person {
        /// As grants look at them.
        who: Who<'a>,
        /// Where.
        place: Place,
    },
}

impl Caller<'_> {
    pub(super) fn principal(&self) -> Principal {
        match self {
            Self::Socket { user } => Principal::Local((*user).to_owned()),
            Self::Person { who, .. } => Principal::Discord(who.user),
        }
    }
}

pub(super) fn authenticate<'a>(ctx: &Context<'_>, asker: &'a Asker) -> Result<Caller<'a>, Refusal> {
    let (user, bot, guild, channel, parent, roles, interaction) = match asker {
        Asker::Local { user } => return Ok(Caller::Socket { user }),
        Asker::Discord {
            user,
            bot,
            guild,
            channel,
            parent_channel,
            roles,
            interaction,
        } => (
            *user,
            *bot,
            *guild,
            *channel,
            *parent_channel,
            roles,
            *interaction,
        ),
    };
    let Some(guild) = guild else {
        return Err(Refusal::new(
            Code::GuildOnly,
            "Commands are taken in a server's channels, not in direct messages. Nothing was run.",
            "Ask again in a channel where you have a grant.",
        ));
    };
    if !ctx.settings.guilds.contains(&guild) {
        return Err(Refusal::new(
            Code::Guild,
            "This controller does not serve this Discord server. Nothing was run.",
            "Its operator can add the server's id to `guilds` in the configuration.",
        ));
    }
    if bot {
        return Err(denied(Verb::Run));
    }
    let who = Who {
        user,
        roles,
        channel: parent.unwrap_or(channel),
    };
    let place = Place {
        guild,
        channel,
        interaction,
    };
    Ok(Caller::Person { who, place })
}

/// Whoever lacks it learns nothing else.
pub(super) fn require(ctx: &Context<'_>, caller: &Caller<'_>, right: Right) -> Result<(), Refusal> {
    match (caller, right) {
        (Caller::Socket { .. }, Right::Grant(_) | Right::Operator) => Ok(()),
        (Caller::Person { who, .. }, Right::Grant(verb)) => {
            if ctx.settings.policy.gives_any(*who, verb) {
                Ok(())
            } else {
                Err(denied(verb))
            }
        }
        (Caller::Person { .. }, Right::Operator) => Err(Refusal::new(
            Code::Denied,
            "No grant gives this: it is done on the controller's machine. Nothing was done.",
            "Ask somebody who may use the command line there.",
        )),
    }
}

pub(super) fn denied(verb: Verb) -> Refusal {
    Refusal::new(
        Code::Denied,
        format!("You have no grant to {verb} in this channel. Nothing was done."),
        "Ask the operators for a grant, or use a channel where you have one.",
    )
}

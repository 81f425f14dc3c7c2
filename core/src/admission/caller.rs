//! Who asks: let in or not, before anything else is looked at.

use crate::ask::{Right, RunOption};
use crate::ids::RunNumber;
use crate::policy::{Verb, Who};
use crate::principal::{Asker, Place, Principal};
use crate::refusal::{Code, Refusal};
use crate::selector::Host;

use super::Context;

/// Roles, people or channels that one refusal names.
const NAMED_MAX: usize = 4;

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
        /// What they are called.
        name: &'a str,
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

    /// An option of a run as whoever asks types it: `batch:1,100%` in chat, `--batch 1,100%` in a shell. Without a value its name.
    pub(super) fn typed(&self, option: RunOption, value: &str) -> String {
        let name = option.name();
        match self {
            Self::Socket { .. } => {
                let typed = format!("--{} {value}", name.replace('_', "-"));
                format!("`{}`", typed.trim_end())
            }
            Self::Person { .. } => format!("`{name}:{value}`"),
        }
    }

    /// Where whoever asks sees how a run is, to begin a sentence with.
    pub(super) fn shows(&self, run: RunNumber) -> String {
        match self {
            Self::Socket { .. } => format!("`shanty runs show {}` shows", run.0),
            Self::Person { .. } => "Its card shows".to_owned(),
        }
    }
}

pub(super) fn authenticate<'a>(ctx: &Context<'_>, asker: &'a Asker) -> Result<Caller<'a>, Refusal> {
    let (user, name, bot, guild, channel, parent, roles, interaction) = match asker {
        Asker::Local { user } => return Ok(Caller::Socket { user }),
        Asker::Discord {
            user,
            name,
            bot,
            guild,
            channel,
            parent_channel,
            roles,
            interaction,
        } => (
            *user,
            name,
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
            "Type it in the channel where your team runs commands.",
        ));
    };
    if !ctx.settings.guilds.contains(&guild) {
        return Err(Refusal::new(
            Code::Guild,
            "This controller does not serve this Discord server. Nothing was run.",
            "Whoever runs the controller can add the id of this server to `guilds` in its configuration.",
        ));
    }
    if bot {
        let what = "Bots may not do this. Nothing was done.";
        let next = "Somebody must ask who is a person.";
        return Err(Refusal::new(Code::Denied, what, next));
    }
    let who = Who {
        user,
        roles,
        channel: parent.unwrap_or(channel),
    };
    let place = Place {
        guild,
        channel,
        parent,
        interaction,
    };
    Ok(Caller::Person { who, name, place })
}

/// Whoever lacks it learns nothing else.
pub(super) fn require(ctx: &Context<'_>, caller: &Caller<'_>, right: Right) -> Result<(), Refusal> {
    match (caller, right) {
        (Caller::Socket { .. }, Right::Grant(_) | Right::Operator)
        | (Caller::Socket { .. } | Caller::Person { .. }, Right::Anybody) => Ok(()),
        (Caller::Person { who, .. }, Right::Grant(verb)) => {
            if ctx.settings.policy.gives_any(*who, verb) {
                Ok(())
            } else {
                Err(denied(ctx, *who, verb))
            }
        }
        (Caller::Person { .. }, Right::Operator) => Err(Refusal::new(
            Code::Denied,
            "This is done on the controller's machine only. Nothing was done.",
            "Ask somebody who may use `shanty` there.",
        )),
    }
}

/// That somebody may not do something in this channel, and who may, or where they may themselves.
pub(super) fn denied(ctx: &Context<'_>, who: Who<'_>, verb: Verb) -> Refusal {
    let done = match verb {
        Verb::Run => "run",
        Verb::View | Verb::Cancel | Verb::Hold | Verb::Manage | Verb::Leave | Verb::Update => {
            "done"
        }
    };
    let what = format!("You may not {} here. Nothing was {done}.", verb.deed());
    let own = ctx.settings.policy.channels_for(who, verb);
    let own = listed(own.iter().map(|channel| format!("<#{channel}>")));
    let others = who_may(ctx, who.channel, verb, &[]);
    let next = match (own, &others) {
        (Some(channels), _) => {
            return Refusal::new(Code::Denied, what, format!("You may in {channels}."));
        }
        (None, Some(names)) => format!("{names} may."),
        (None, None) => {
            "Nobody may: whoever runs the controller can write a grant for it in its configuration."
                .to_owned()
        }
    };
    Refusal::new(Code::Denied, what, next).but_others_may(others)
}

/// Those who may, as mentions, which ping nobody; nothing when nobody may.
pub(super) fn who_may(
    ctx: &Context<'_>,
    channel: u64,
    verb: Verb,
    hosts: &[&Host<'_>],
) -> Option<String> {
    let holders = ctx.settings.policy.holders(channel, verb, hosts);
    let roles = holders.roles.iter().map(|role| format!("<@&{role}>"));
    let people = holders.people.iter().map(|user| format!("<@{user}>"));
    listed(roles.chain(people))
}

/// `a`, `a and b`, `a, b, c and 2 others`; nothing when there are none.
fn listed(names: impl Iterator<Item = String>) -> Option<String> {
    let mut names: Vec<String> = names.collect();
    if names.len() > NAMED_MAX {
        let others = names.len() - NAMED_MAX + 1;
        names.truncate(NAMED_MAX - 1);
        names.push(format!("{others} others"));
    }
    let last = names.pop()?;
    match names.is_empty() {
        true => Some(last),
        false => Some(format!("{} and {last}", names.join(", "))),
    }
}

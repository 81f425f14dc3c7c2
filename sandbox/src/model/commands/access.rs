//! Who may use a command where: contexts, default permissions, age restriction, and the overrides of a guild's admins.
//!
//! Follows "Permissions" of Discord's page on application commands. Discord's clients do not offer what is refused here, so
//! a bot never hears of it; that is convenience, and no protection that a bot may rely on.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{Command, DIRECT, IN_GUILD};
use crate::field::as_bits;
use crate::model::guild::permissions::{ADMINISTRATOR, USE_APPLICATION_COMMANDS};
use crate::model::guild::{Channel, Member};
use crate::snowflake::Snowflake;
use crate::world::World;

/// Overrides of one command in one guild.
pub(crate) const OVERRIDES_MAX: usize = 100;

/// What an override is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whom {
    Role,
    User,
    Channel,
}

impl Whom {
    /// As Discord numbers it.
    pub(crate) const fn number(self) -> u64 {
        match self {
            Self::Role => 1,
            Self::User => 2,
            Self::Channel => 3,
        }
    }

    /// By Discord's number.
    pub(crate) const fn numbered(number: u64) -> Option<Self> {
        match number {
            1 => Some(Self::Role),
            2 => Some(Self::User),
            3 => Some(Self::Channel),
            _ => None,
        }
    }
}

/// A permission that an admin gave or took for a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Override {
    /// Of a role, user or channel; the guild's id is everyone, the guild's id minus one is all channels.
    pub(crate) id: Snowflake,
    pub(crate) whom: Whom,
    pub(crate) allow: bool,
}

impl Override {
    fn json(&self) -> Value {
        json!({"id": self.id, "type": self.whom.number(), "permission": self.allow})
    }
}

/// All overrides, by guild and by command or application.
#[derive(Debug, Default)]
pub(crate) struct Overrides {
    by_target: HashMap<(Snowflake, Snowflake), Vec<Override>>,
}

impl Overrides {
    /// The overrides of a command, or of the application for all of its commands.
    pub(crate) fn of(&self, guild: Snowflake, target: Snowflake) -> &[Override] {
        self.by_target
            .get(&(guild, target))
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// Replaces the overrides of a command or of the application.
    pub(crate) fn set(&mut self, guild: Snowflake, target: Snowflake, list: Vec<Override>) {
        if list.is_empty() {
            self.by_target.remove(&(guild, target));
        } else {
            self.by_target.insert((guild, target), list);
        }
    }

    /// Everything that has overrides in a guild.
    pub(crate) fn targets(&self, guild: Snowflake) -> Vec<Snowflake> {
        let keys = self.by_target.keys();
        let mut targets: Vec<_> = keys
            .filter(|(of, _)| *of == guild)
            .map(|(_, target)| *target)
            .collect();
        targets.sort_unstable();
        targets
    }
}

/// Why a command is not offered to someone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotOffered {
    #[error("the command cannot be used in this kind of place")]
    Context,
    #[error("the command is age-restricted and the channel is not")]
    AgeRestricted,
    #[error("the user may not use commands in this channel")]
    NoCommands,
    #[error("the user lacks the command's default permissions")]
    Default,
    #[error("an override of the guild forbids the command in this channel")]
    ChannelOverride,
    #[error("an override of the guild forbids the command to the user")]
    PersonOverride,
}

impl World {
    /// Whether Discord's clients would let someone use a command in a channel.
    pub(crate) fn check_use(
        &self,
        command: &Command,
        user: Snowflake,
        channel: &Channel,
    ) -> Result<(), NotOffered> {
        let guild = channel.guild.and_then(|id| self.guilds.get(&id));
        let here = guild.map_or(DIRECT, |_| IN_GUILD);
        // A guild's own command has no contexts: it exists nowhere else.
        let contexts = command.contexts().filter(|_| command.scope.is_none());
        if contexts.is_some_and(|list| !list.contains(&here)) {
            return Err(NotOffered::Context);
        }
        let Some((guild, member)) = guild.and_then(|g| Some((g, g.members.get(&user)?))) else {
            return Ok(());
        };
        let restricted = command.body.get("nsfw") == Some(&Value::Bool(true));
        if restricted && !self.is_age_restricted(channel) {
            return Err(NotOffered::AgeRestricted);
        }
        let bits = self.permissions(user, channel);
        if bits & ADMINISTRATOR != 0 {
            return Ok(());
        }
        if bits & USE_APPLICATION_COMMANDS == 0 {
            return Err(NotOffered::NoCommands);
        }
        let overrides = &self.commands.overrides;
        let lists = [
            overrides.of(guild.id, command.id),
            overrides.of(guild.id, self.application.id),
        ];
        let in_channel = lists
            .iter()
            .find_map(|list| of_channel(list, channel.ruling(), guild.id));
        if in_channel == Some(false) {
            return Err(NotOffered::ChannelOverride);
        }
        let person = |list: &[Override]| of_person(list, user, member, guild.id);
        let [own, whole] = lists;
        match (person(own), person(whole)) {
            // What is said of the command itself goes before everything else.
            (Some(true), _) => Ok(()),
            (Some(false), _) | (None, Some(false)) => Err(NotOffered::PersonOverride),
            (None, Some(true) | None) => check_default(command, bits),
        }
    }

    fn is_age_restricted(&self, channel: &Channel) -> bool {
        let ruling = self.channels.get(&channel.ruling());
        ruling.is_some_and(|found| found.json().get("nsfw") == Some(&Value::Bool(true)))
    }

    /// Discord's object for the overrides of a command or of the application.
    pub(crate) fn overrides_json(&self, guild: Snowflake, target: Snowflake) -> Value {
        let list = self.commands.overrides.of(guild, target);
        let permissions: Vec<_> = list.iter().map(Override::json).collect();
        json!({"id": target, "application_id": self.application.id, "guild_id": guild, "permissions": permissions})
    }
}

fn check_default(command: &Command, bits: u64) -> Result<(), NotOffered> {
    let needed = command.body.get("default_member_permissions");
    match needed.and_then(as_bits) {
        // No permission at all means: nobody but admins.
        Some(0) => Err(NotOffered::Default),
        Some(needed) if bits & needed != needed => Err(NotOffered::Default),
        Some(_) | None => Ok(()),
    }
}

/// What a list says of a channel: of it alone before what it says of all channels.
fn of_channel(list: &[Override], channel: Snowflake, guild: Snowflake) -> Option<bool> {
    let of = |id| {
        let mut found = list.iter().filter(|o| o.whom == Whom::Channel);
        found.find(|o| o.id == id).map(|o| o.allow)
    };
    of(channel).or_else(|| of(guild.before()))
}

/// What a list says of someone: of them alone, then of their roles (one that allows is enough), then of everyone.
fn of_person(
    list: &[Override],
    user: Snowflake,
    member: &Member,
    guild: Snowflake,
) -> Option<bool> {
    let of_user = list.iter().find(|o| o.whom == Whom::User && o.id == user);
    if let Some(found) = of_user {
        return Some(found.allow);
    }
    let roles = || list.iter().filter(|o| o.whom == Whom::Role);
    let held = roles().filter(|o| member.roles.contains(&o.id));
    let of_roles = held.map(|o| o.allow).reduce(|one, other| one || other);
    of_roles.or_else(|| roles().find(|o| o.id == guild).map(|o| o.allow))
}

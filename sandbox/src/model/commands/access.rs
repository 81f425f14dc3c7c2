//! Who may use a command where: contexts, default permissions, age restriction, and the overrides of a guild's admins.
//!
//! Follows "Permissions" of Discord's page on application commands. Discord's clients do not offer what is refused here, so
//! a bot never hears of it; that is convenience, and no protection that a bot may rely on.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{Command, DIRECT, IN_GUILD};
use crate::field::as_bits;
use crate::model::guild::Member;
use crate::model::guild::permissions::{ADMINISTRATOR, USE_APPLICATION_COMMANDS};
use crate::snowflake::Snowflake;

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
    /// Discord's object for it.
    pub(crate) fn json(&self) -> Value {
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

/// Someone in a channel of a guild who wants to use a command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asking<'a> {
    pub(crate) user: Snowflake,
    pub(crate) member: &'a Member,
    pub(crate) guild: Snowflake,
    /// The channel whose settings rule here: of a thread its parent.
    pub(crate) ruling: Snowflake,
    /// Their permissions in the channel.
    pub(crate) bits: u64,
}

impl Command {
    /// Refuses a command in a kind of place that it was not registered for.
    pub(crate) fn check_context(&self, in_guild: bool) -> Result<(), NotOffered> {
        let here = if in_guild { IN_GUILD } else { DIRECT };
        // A guild's own command has no contexts: it exists nowhere else.
        let contexts = self.contexts().filter(|_| self.scope.is_none());
        if contexts.is_some_and(|list| !list.contains(&here)) {
            return Err(NotOffered::Context);
        }
        Ok(())
    }

    /// Whether it is for age-restricted channels only.
    pub(crate) fn is_age_restricted(&self) -> bool {
        self.body.get("nsfw") == Some(&Value::Bool(true))
    }
}

impl Overrides {
    /// Whether permissions and overrides let someone use a command of this application.
    pub(crate) fn check(
        &self,
        command: &Command,
        application: Snowflake,
        asking: Asking<'_>,
    ) -> Result<(), NotOffered> {
        let Asking {
            user,
            member,
            guild,
            ruling,
            bits,
        } = asking;
        if bits & ADMINISTRATOR != 0 {
            return Ok(());
        }
        if bits & USE_APPLICATION_COMMANDS == 0 {
            return Err(NotOffered::NoCommands);
        }
        let lists = [self.of(guild, command.id), self.of(guild, application)];
        let in_channel = lists
            .iter()
            .find_map(|list| of_channel(list, ruling, guild));
        if in_channel == Some(false) {
            return Err(NotOffered::ChannelOverride);
        }
        let person = |list: &[Override]| of_person(list, user, member, guild);
        let [own, whole] = lists;
        match (person(own), person(whole)) {
            // What is said of the command itself goes before everything else.
            (Some(true), _) => Ok(()),
            (Some(false), _) | (None, Some(false)) => Err(NotOffered::PersonOverride),
            (None, Some(true) | None) => check_default(command, bits),
        }
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

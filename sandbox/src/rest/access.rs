//! What the bot may touch with its token: channels, messages and threads, by role and overwrite.
//!
//! Discord's order: unknown, then no sight of it (50001), then a missing permission (50013).

use crate::error::{
    ARCHIVED_THREAD, ApiError, MISSING_ACCESS, MISSING_PERMISSIONS, NO_MESSAGES_TO_USER,
    NOT_A_TEXT_CHANNEL, THREAD_LOCKED, UNKNOWN_CHANNEL, UNKNOWN_GUILD, UNKNOWN_MESSAGE,
};
use crate::model::guild::permissions::{
    MANAGE_THREADS, SEND_IN_THREADS, SEND_MESSAGES, VIEW_CHANNEL, in_guild,
};
use crate::model::guild::{Channel, Guild};
use crate::model::intents::GUILD_MEMBERS;
use crate::model::message::Message;
use crate::snowflake::Snowflake;
use crate::world::World;

/// A channel that the bot sees and has these permissions in.
pub(crate) fn channel(world: &World, id: Snowflake, needed: u64) -> Result<&Channel, ApiError> {
    let channel = world.channels.get(&id).ok_or(UNKNOWN_CHANNEL)?;
    let bits = world.permissions(world.application.id, channel);
    if bits & VIEW_CHANNEL == 0 {
        return Err(MISSING_ACCESS.into());
    }
    if bits & needed != needed {
        return Err(MISSING_PERMISSIONS.into());
    }
    Ok(channel)
}

/// A channel or thread that the bot may post in; a locked thread needs MANAGE_THREADS, and a person may refuse.
pub(crate) fn postable(world: &World, id: Snowflake, needed: u64) -> Result<&Channel, ApiError> {
    let is_thread = world
        .channels
        .get(&id)
        .is_some_and(|channel| channel.thread.is_some());
    let send = if is_thread {
        SEND_IN_THREADS
    } else {
        SEND_MESSAGES
    };
    let channel = channel(world, id, send | needed)?;
    if !channel.takes_messages() {
        return Err(NOT_A_TEXT_CHANNEL.into());
    }
    if channel.recipient.is_some_and(|id| !reaches(world, id)) {
        return Err(NO_MESSAGES_TO_USER.into());
    }
    let locked = channel.thread.as_ref().is_some_and(|thread| thread.locked);
    if locked && !holds(world, channel, MANAGE_THREADS) {
        return Err(THREAD_LOCKED.into());
    }
    Ok(channel)
}

/// Whether the bot may write to someone directly: they share a guild, and take such messages.
fn reaches(world: &World, person: Snowflake) -> bool {
    let bot = world.application.id;
    let both =
        |guild: &Guild| guild.members.contains_key(&bot) && guild.members.contains_key(&person);
    let open = world
        .users
        .get(&person)
        .is_some_and(|user| !user.refuses_dms);
    open && world.guilds.values().any(both)
}

/// Whether the bot has these permissions in a channel.
pub(crate) fn holds(world: &World, channel: &Channel, needed: u64) -> bool {
    world.permissions(world.application.id, channel) & needed == needed
}

/// A message that everyone in the channel can see.
pub(crate) fn message(channel: &Channel, id: Snowflake) -> Result<&Message, ApiError> {
    let message = channel
        .messages
        .get(&id)
        .filter(|message| message.is_public());
    Ok(message.ok_or(UNKNOWN_MESSAGE)?)
}

/// Refuses a change of what stands in an archived thread.
pub(crate) fn not_archived(channel: &Channel) -> Result<(), ApiError> {
    if channel.is_archived() {
        Err(ARCHIVED_THREAD.into())
    } else {
        Ok(())
    }
}

/// A guild that the bot is in.
pub(crate) fn guild(world: &World, id: Snowflake) -> Result<&Guild, ApiError> {
    let guild = world.guilds.get(&id).ok_or(UNKNOWN_GUILD)?;
    if guild.members.contains_key(&world.application.id) {
        Ok(guild)
    } else {
        Err(MISSING_ACCESS.into())
    }
}

/// A guild in which the bot has these permissions.
pub(crate) fn guild_with(world: &World, id: Snowflake, needed: u64) -> Result<&Guild, ApiError> {
    let guild = guild(world, id)?;
    let bits = in_guild(guild, world.application.id, world.now_ms());
    if bits & needed == needed {
        Ok(guild)
    } else {
        Err(MISSING_PERMISSIONS.into())
    }
}

/// Lists of members are for applications that were granted the privileged intent for members.
pub(crate) fn members_granted(world: &World) -> Result<(), ApiError> {
    if world.application.privileged_intents & GUILD_MEMBERS == 0 {
        return Err(MISSING_ACCESS.into());
    }
    Ok(())
}

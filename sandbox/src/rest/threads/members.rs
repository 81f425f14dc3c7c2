//! Members of threads: joining, adding, leaving, removing, and reading who is in one.

use serde_json::Value;

use crate::error::{
    ApiError, MISSING_ACCESS, MISSING_PERMISSIONS, TOO_MANY_THREAD_MEMBERS, UNKNOWN_MEMBER,
    UNKNOWN_USER, WRONG_CHANNEL,
};
use crate::model::guild::channel::PRIVATE_THREAD;
use crate::model::guild::permissions::{MANAGE_THREADS, SEND_IN_THREADS, VIEW_CHANNEL};
use crate::model::guild::{Channel, Thread, thread_member_json, with};
use crate::rest::access;
use crate::rest::call::{Call, Reply};
use crate::rest::channels::require;
use crate::snowflake::Snowflake;
use crate::world::World;
use crate::world::threads::MEMBERS_MAX;

/// `PUT /channels/{channel_id}/thread-members/{user_id}`, also for `@me`
pub(crate) fn join(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let (id, user) = (call.id("channel_id")?, person(world, call)?);
    let (channel, thread) = thread(world, id)?;
    access::not_archived(channel)?;
    let bot = world.application.id;
    if user != bot {
        require(world, channel, SEND_IN_THREADS)?;
        let invites = thread.invitable || thread.owner == bot;
        if !invites && !access::holds(world, channel, MANAGE_THREADS) {
            return Err(MISSING_PERMISSIONS.into());
        }
        check_invited(world, channel, thread, user)?;
    }
    if !thread.members.contains_key(&user) && thread.members.len() >= MEMBERS_MAX {
        return Err(TOO_MANY_THREAD_MEMBERS.into());
    }
    world.join_thread(id, &[user]);
    Ok(Reply::none())
}

/// Only who is in the guild and sees the parent can be added.
fn check_invited(
    world: &World,
    channel: &Channel,
    thread: &Thread,
    user: Snowflake,
) -> Result<(), ApiError> {
    if !world.users.contains_key(&user) {
        return Err(UNKNOWN_USER.into());
    }
    let guild = channel.guild.and_then(|id| world.guilds.get(&id));
    if guild.is_none_or(|guild| !guild.members.contains_key(&user)) {
        return Err(UNKNOWN_MEMBER.into());
    }
    let parent = world.channels.get(&thread.parent);
    let sees = parent.is_some_and(|c| world.permissions(user, c) & VIEW_CHANNEL != 0);
    if sees {
        Ok(())
    } else {
        Err(MISSING_ACCESS.into())
    }
}

/// `DELETE /channels/{channel_id}/thread-members/{user_id}`, also for `@me`
pub(crate) fn leave(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let (id, user) = (call.id("channel_id")?, person(world, call)?);
    let (channel, thread) = thread(world, id)?;
    access::not_archived(channel)?;
    let bot = world.application.id;
    let own = channel.kind == PRIVATE_THREAD && thread.owner == bot;
    if user != bot && !own {
        require(world, channel, MANAGE_THREADS)?;
    }
    world.leave_thread(id, user);
    Ok(Reply::none())
}

/// `GET /channels/{channel_id}/thread-members/{user_id}`, also for `@me`
pub(crate) fn read(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let (id, user) = (call.id("channel_id")?, person(world, call)?);
    let (channel, thread) = thread(world, id)?;
    let joined = thread.members.get(&user).ok_or(UNKNOWN_MEMBER)?;
    Ok(Reply::ok(shown(world, channel, user, *joined, call)))
}

/// `GET /channels/{channel_id}/thread-members`
pub(crate) fn list(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let (channel, thread) = thread(world, call.id("channel_id")?)?;
    access::members_granted(world)?;
    let full = call.query_flag("with_member");
    let limit = call.limit(100, 100)?;
    let after = call.query_id("after")?.unwrap_or(Snowflake::MIN);
    // Only the full objects come in pages.
    let limit = if full { limit } else { usize::MAX };
    let later = thread.members.iter().filter(|(id, _)| **id > after);
    let list = later
        .take(limit)
        .map(|(user, joined)| shown(world, channel, *user, *joined, call));
    Ok(Reply::ok(list.collect()))
}

fn shown(world: &World, channel: &Channel, user: Snowflake, joined_ms: u64, call: &Call) -> Value {
    let json = thread_member_json(channel.id, user, joined_ms);
    let member = call.query_flag("with_member");
    let member = member.then(|| world.membership(channel.guild, user));
    match member.filter(|member| !member.is_null()) {
        Some(member) => with(json, "member", member),
        None => json,
    }
}

fn thread(world: &World, id: Snowflake) -> Result<(&Channel, &Thread), ApiError> {
    let channel = access::channel(world, id, 0)?;
    Ok((channel, channel.thread.as_ref().ok_or(WRONG_CHANNEL)?))
}

fn person(world: &World, call: &Call) -> Result<Snowflake, ApiError> {
    if call.text("user_id") == "@me" {
        Ok(world.application.id)
    } else {
        call.id("user_id")
    }
}

//! Guilds by the bot token: themselves, channels, roles, members, active threads.

use serde_json::{Value, json};

use super::access;
use super::call::{Call, Reply};
use super::threads::listing;
use crate::error::{ApiError, UNKNOWN_MEMBER};
use crate::guild::permissions::VIEW_CHANNEL;
use crate::guild::{Role, with};
use crate::world::World;

/// `GET /guilds/{guild_id}`
pub(crate) fn read(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let guild = access::guild(world, call.id("guild_id")?)?;
    let mut json = guild.json();
    if call.query_flag("with_counts") {
        json = with(json, "approximate_member_count", json!(guild.members.len()));
        json = with(
            json,
            "approximate_presence_count",
            json!(guild.members.len()),
        );
    }
    Ok(Reply::ok(json))
}

/// `GET /guilds/{guild_id}/channels`
pub(crate) fn channels(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let guild = access::guild(world, call.id("guild_id")?)?;
    let bot = world.application.id;
    let channels = guild
        .channels
        .iter()
        .filter_map(|id| world.channels.get(id));
    Ok(Reply::ok(
        channels
            .map(|channel| world.channel_json(channel, bot))
            .collect(),
    ))
}

/// `GET /guilds/{guild_id}/roles`
pub(crate) fn roles(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let guild = access::guild(world, call.id("guild_id")?)?;
    Ok(Reply::ok(guild.roles.values().map(Role::json).collect()))
}

/// `GET /guilds/{guild_id}/members`
pub(crate) fn members(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let guild = access::guild(world, call.id("guild_id")?)?;
    let limit = call.limit(1, 1000)?;
    let after = call.query_id("after")?;
    let later = guild
        .members
        .iter()
        .filter(|(id, _)| after.is_none_or(|after| **id > after));
    let list = later
        .take(limit)
        .filter_map(|(id, member)| Some(member.json_with(world.users.get(id)?)));
    Ok(Reply::ok(list.collect()))
}

/// `GET /guilds/{guild_id}/members/{user_id}`
pub(crate) fn member(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let guild = access::guild(world, call.id("guild_id")?)?;
    let id = call.id("user_id")?;
    let found = guild.members.get(&id).zip(world.users.get(&id));
    let (member, user) = found.ok_or(UNKNOWN_MEMBER)?;
    Ok(Reply::ok(member.json_with(user)))
}

/// `GET /guilds/{guild_id}/threads/active`
pub(crate) fn active_threads(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let guild = access::guild(world, call.id("guild_id")?)?;
    let threads = guild
        .active_threads
        .iter()
        .rev()
        .filter_map(|id| world.channels.get(id));
    let seen = threads.filter(|channel| access::holds(world, channel, VIEW_CHANNEL));
    Ok(Reply::ok(listing(world, seen, false)))
}

/// `GET /users/@me/guilds`
pub(crate) fn mine(world: &mut World, _call: &Call) -> Result<Reply, ApiError> {
    let bot = world.application.id;
    let mine = world
        .guilds
        .values()
        .filter(|guild| guild.members.contains_key(&bot));
    let list = mine.map(|guild| {
        let bits = crate::guild::permissions::in_channel(guild, bot, None).to_string();
        json!({
            "id": guild.id, "name": guild.name, "icon": null, "banner": null, "owner": guild.owner == bot,
            "permissions": bits, "features": [],
        })
    });
    Ok(Reply::ok(list.collect::<Value>()))
}

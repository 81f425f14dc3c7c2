//! Bans by the bot token: reading, banning, and lifting a ban.

use serde_json::{Value, json};

use super::access;
use super::call::{Call, Reply};
use crate::error::{ApiError, Form, MISSING_PERMISSIONS, UNKNOWN_BAN, UNKNOWN_USER};
use crate::field::Fields;
use crate::model::guild::permissions::BAN_MEMBERS;
use crate::model::guild::{Ban, User};
use crate::snowflake::Snowflake;
use crate::world::World;

/// The longest past whose messages a ban deletes: a week, in seconds.
const DELETED_MAX_S: u64 = 604_800;

/// `GET /guilds/{guild_id}/bans`
pub(crate) fn list(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let guild = access::guild_with(world, call.id("guild_id")?, BAN_MEMBERS)?;
    let limit = call.limit(1000, 1000)?;
    let before = call.query_id("before")?.unwrap_or(Snowflake::MAX);
    let after = call.query_id("after")?.unwrap_or(Snowflake::MIN);
    let found = guild.bans.iter();
    let found = found.filter(|(id, _)| **id < before && **id > after);
    let list = found.map(|(id, ban)| shown(world, *id, ban)).take(limit);
    Ok(Reply::ok(list.collect()))
}

/// `GET /guilds/{guild_id}/bans/{user_id}`
pub(crate) fn read(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let guild = access::guild_with(world, call.id("guild_id")?, BAN_MEMBERS)?;
    let user = call.id("user_id")?;
    let ban = guild.bans.get(&user).ok_or(UNKNOWN_BAN)?;
    Ok(Reply::ok(shown(world, user, ban)))
}

fn shown(world: &World, user: Snowflake, ban: &Ban) -> Value {
    json!({"user": world.users.get(&user).map(User::json), "reason": ban.reason})
}

/// `PUT /guilds/{guild_id}/bans/{user_id}`
pub(crate) fn create(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let guild = access::guild_with(world, call.id("guild_id")?, BAN_MEMBERS)?;
    let (guild_id, user) = (guild.id, call.id("user_id")?);
    if !world.users.contains_key(&user) {
        return Err(UNKNOWN_USER.into());
    }
    let is_member = guild.members.contains_key(&user);
    if guild.owner == user || (is_member && !guild.is_above_member(world.application.id, user)) {
        return Err(MISSING_PERMISSIONS.into());
    }
    let mut form = Form::default();
    let body = Fields::new(call.object()?, "");
    let seconds = body.integer(&mut form, "delete_message_seconds", 0..=DELETED_MAX_S);
    let days = body.integer(&mut form, "delete_message_days", 0..=7);
    form.finish()?;
    let deleted_s = seconds.or(days.map(|days| days * 86_400)).unwrap_or(0);
    world.ban(guild_id, user, Ban::default());
    delete_recent(world, guild_id, user, deleted_s);
    Ok(Reply::none())
}

fn delete_recent(world: &mut World, guild: Snowflake, author: Snowflake, seconds: u64) {
    if seconds == 0 {
        return;
    }
    let since_ms = world.now_ms().saturating_sub(seconds.saturating_mul(1000));
    let channels = world.channels.values();
    let ours = channels.filter(|channel| channel.guild == Some(guild));
    let messages = ours.flat_map(|channel| channel.messages.values());
    let recent = messages
        .filter(|m| m.author == author && m.created_ms >= since_ms && m.is_public())
        .map(|message| (message.channel, message.id));
    for (channel, id) in recent.collect::<Vec<_>>() {
        world.delete_message(channel, id);
    }
}

/// `DELETE /guilds/{guild_id}/bans/{user_id}`
pub(crate) fn delete(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let guild = access::guild_with(world, call.id("guild_id")?, BAN_MEMBERS)?.id;
    if world.unban(guild, call.id("user_id")?) {
        Ok(Reply::none())
    } else {
        Err(UNKNOWN_BAN.into())
    }
}

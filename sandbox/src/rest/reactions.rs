//! Reactions by the bot token: adding, listing and removing them.

use serde_json::Value;

use super::access;
use super::call::{Call, Reply};
use crate::error::{ApiError, MISSING_PERMISSIONS, TOO_MANY_REACTIONS, UNKNOWN_EMOJI};
use crate::model::guild::permissions::{ADD_REACTIONS, MANAGE_MESSAGES, READ_MESSAGE_HISTORY};
use crate::model::message::emoji::Emoji;
use crate::snowflake::Snowflake;
use crate::world::World;
use crate::world::reactions::At;

/// `PUT /channels/{channel_id}/messages/{message_id}/reactions/{emoji}/@me`
pub(crate) fn add(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let (at, emoji) = (
        found(world, call, READ_MESSAGE_HISTORY)?,
        emoji(world, call)?,
    );
    let channel = access::channel(world, at.channel, 0)?;
    let message = access::message(channel, at.message)?;
    // Joining an emoji that stands there already needs no more than seeing it.
    let joins = message.reactions.iter().any(|r| r.emoji == emoji);
    if !joins && !access::holds(world, channel, ADD_REACTIONS) {
        return Err(MISSING_PERMISSIONS.into());
    }
    let bot = world.application.id;
    world
        .react(at, bot, emoji)
        .map_err(|_| TOO_MANY_REACTIONS)?;
    Ok(Reply::none())
}

/// `GET /channels/{channel_id}/messages/{message_id}/reactions/{emoji}`
pub(crate) fn list(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let channel = access::channel(world, call.id("channel_id")?, READ_MESSAGE_HISTORY)?;
    let message = access::message(channel, call.id("message_id")?)?;
    let emoji = emoji(world, call)?;
    let limit = call.limit(25, 100)?;
    let after = call.query_id("after")?.unwrap_or(Snowflake::MIN);
    // Nobody can pay for a super reaction here.
    let bursts = call.query("type") == Some("1");
    let reaction = message.reactions.iter().find(|r| r.emoji == emoji);
    let users = reaction
        .filter(|_| !bursts)
        .map(|reaction| reaction.users.as_slice())
        .unwrap_or_default();
    let mut ids: Vec<_> = users.iter().filter(|id| **id > after).collect();
    ids.sort_unstable();
    let users = ids.into_iter().filter_map(|id| world.users.get(id));
    let shown: Vec<Value> = users.take(limit).map(|user| user.json()).collect();
    Ok(Reply::ok(Value::Array(shown)))
}

/// `DELETE /channels/{channel_id}/messages/{message_id}/reactions/{emoji}/@me`
pub(crate) fn remove_own(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let (at, emoji) = (found(world, call, 0)?, emoji(world, call)?);
    let bot = world.application.id;
    world.unreact(at, bot, &emoji);
    Ok(Reply::none())
}

/// `DELETE /channels/{channel_id}/messages/{message_id}/reactions/{emoji}/{user_id}`
pub(crate) fn remove_of(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let user = call.id("user_id")?;
    let needed = if user == world.application.id {
        0
    } else {
        MANAGE_MESSAGES
    };
    let (at, emoji) = (found(world, call, needed)?, emoji(world, call)?);
    world.unreact(at, user, &emoji);
    Ok(Reply::none())
}

/// `DELETE /channels/{channel_id}/messages/{message_id}/reactions/{emoji}`
pub(crate) fn remove_emoji(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let (at, emoji) = (found(world, call, MANAGE_MESSAGES)?, emoji(world, call)?);
    world.clear_emoji(at, &emoji);
    Ok(Reply::none())
}

/// `DELETE /channels/{channel_id}/messages/{message_id}/reactions`
pub(crate) fn remove_all(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let at = found(world, call, MANAGE_MESSAGES)?;
    world.clear_reactions(at);
    Ok(Reply::none())
}

fn emoji(world: &World, call: &Call) -> Result<Emoji, ApiError> {
    let read = Emoji::read(call.text("emoji"), |id| world.custom_emoji(id));
    Ok(read.ok_or(UNKNOWN_EMOJI)?)
}

/// The message that the path names, in a channel where its reactions may be changed.
fn found(world: &World, call: &Call, needed: u64) -> Result<At, ApiError> {
    let channel = access::channel(world, call.id("channel_id")?, needed)?;
    let message = access::message(channel, call.id("message_id")?)?;
    access::not_archived(channel)?;
    Ok(At {
        channel: channel.id,
        message: message.id,
    })
}

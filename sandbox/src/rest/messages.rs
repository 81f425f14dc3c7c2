//! Messages by the bot token: list, create, read, edit, delete; reactions and pins.

use serde_json::{Value, json};

use super::access;
use super::call::{Call, Reply};
use crate::error::{
    ApiError, FOREIGN_MESSAGE, Form, MISSING_PERMISSIONS, UNKNOWN_EMOJI, UNKNOWN_MESSAGE,
};
use crate::guild::permissions::{
    ADD_REACTIONS, ATTACH_FILES, MANAGE_MESSAGES, PIN_MESSAGES, READ_MESSAGE_HISTORY,
};
use crate::message::draft::{Draft, Kind};
use crate::message::mentions::Allowed;
use crate::message::{Message, REGULAR, REPLY};
use crate::snowflake::Snowflake;
use crate::world::World;
use crate::world::posting::Post;

/// Edits of messages older than this are limited more.
const OLD_MS: u64 = 60 * 60 * 1000;

/// `GET /channels/{channel_id}/messages`
pub(crate) fn list(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let channel = access::channel(world, call.id("channel_id")?, 0)?;
    let limit = call.limit(50, 100)?;
    if !access::holds(world, channel, READ_MESSAGE_HISTORY) {
        return Ok(Reply::ok(json!([])));
    }
    let public = |range: std::ops::Range<Snowflake>| {
        channel
            .messages
            .range(range)
            .map(|(_, message)| message)
            .filter(|message| message.is_public())
    };
    let after_id =
        |id: Snowflake| public(id..Snowflake::MAX).filter(move |message| message.id != id);
    let mut found: Vec<&Message> = if let Some(around) = call.query_id("around")? {
        let half = limit / 2;
        let newer = public(around..Snowflake::MAX).take(half + 1);
        public(Snowflake::MIN..around)
            .rev()
            .take(half)
            .chain(newer)
            .take(limit)
            .collect()
    } else if let Some(after) = call.query_id("after")? {
        after_id(after).take(limit).collect()
    } else {
        let before = call.query_id("before")?.unwrap_or(Snowflake::MAX);
        public(Snowflake::MIN..before).rev().take(limit).collect()
    };
    found.sort_unstable_by_key(|message| std::cmp::Reverse(message.id));
    Ok(Reply::ok(
        found
            .into_iter()
            .map(|message| world.message_json(message))
            .collect(),
    ))
}

/// `POST /channels/{channel_id}/messages`
pub(crate) fn create(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let id = call.id("channel_id")?;
    let needed = if call.uploads.is_empty() {
        0
    } else {
        ATTACH_FILES
    };
    let channel = access::postable(world, id, needed)?;
    let mut form = Form::default();
    let draft = Draft::read(call.object()?, "", &mut form);
    if let Some(reply_to) = draft.reply_to
        && access::message(channel, reply_to).is_err()
    {
        form.fault(
            "message_reference",
            "REPLIES_UNKNOWN_MESSAGE",
            "Unknown message",
        );
    }
    let settled = draft.settle(Kind::Create, None, &call.uploads, form)?;
    if let Some(nonce) = draft.nonce.as_ref().filter(|_| draft.enforce_nonce) {
        let text = nonce
            .as_str()
            .map_or_else(|| nonce.to_string(), str::to_owned);
        if let Some(first) = world.message_with_nonce(id, &text) {
            return Ok(Reply::ok(world.message_json(first)));
        }
    }
    let allowed = draft.mentions.clone().unwrap_or_else(Allowed::by_default);
    let post = Post {
        kind: if draft.reply_to.is_some() {
            REPLY
        } else {
            REGULAR
        },
        nonce: draft.nonce,
        tts: draft.tts,
        reply_to: draft.reply_to,
        ..Post::new(id, world.application.id, settled, allowed)
    };
    let message = world.post(post);
    Ok(Reply::ok(shown(world, id, message)))
}

/// `GET /channels/{channel_id}/messages/{message_id}`
pub(crate) fn read(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let channel = access::channel(world, call.id("channel_id")?, READ_MESSAGE_HISTORY)?;
    let message = access::message(channel, call.id("message_id")?)?;
    Ok(Reply::ok(world.message_json(message)))
}

/// `PATCH /channels/{channel_id}/messages/{message_id}`
pub(crate) fn edit(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let (channel_id, id) = (call.id("channel_id")?, call.id("message_id")?);
    let channel = access::channel(world, channel_id, 0)?;
    let message = access::message(channel, id)?;
    if message.author != world.application.id {
        return Err(FOREIGN_MESSAGE.into());
    }
    access::not_archived(channel)?;
    let old = world.now_ms().saturating_sub(message.created_ms) > OLD_MS;
    let mut form = Form::default();
    let draft = Draft::read(call.object()?, "", &mut form);
    let settled = draft.settle(Kind::Edit, Some(message), &call.uploads, form)?;
    if old {
        let now_ms = world.now_ms();
        world
            .limits
            .take_old_edit(channel_id, now_ms)
            .map_err(ApiError::old_edits)?;
    }
    let allowed = draft.mentions.unwrap_or_else(Allowed::by_default);
    world.revise(channel_id, id, settled, &allowed);
    Ok(Reply::ok(shown(world, channel_id, id)))
}

/// `DELETE /channels/{channel_id}/messages/{message_id}`
pub(crate) fn delete(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let (channel_id, id) = (call.id("channel_id")?, call.id("message_id")?);
    let channel = access::channel(world, channel_id, 0)?;
    let own = access::message(channel, id)?.author == world.application.id;
    if !own && !access::holds(world, channel, MANAGE_MESSAGES) {
        return Err(MISSING_PERMISSIONS.into());
    }
    world.delete_message(channel_id, id);
    Ok(Reply::none())
}

/// `PUT /channels/{channel_id}/messages/{message_id}/reactions/{emoji}/@me`
pub(crate) fn react(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let emoji = call.text("emoji");
    if emoji.is_empty() || emoji.chars().count() > 64 {
        return Err(UNKNOWN_EMOJI.into());
    }
    let channel = access::channel(
        world,
        call.id("channel_id")?,
        READ_MESSAGE_HISTORY | ADD_REACTIONS,
    )?;
    access::not_archived(channel)?;
    change(world, call, |message| {
        if !message.reactions.iter().any(|known| known == emoji) && message.reactions.len() < 20 {
            message.reactions.push(emoji.to_owned());
        }
    })
}

/// `DELETE /channels/{channel_id}/messages/{message_id}/reactions/{emoji}/@me`
pub(crate) fn unreact(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    access::channel(world, call.id("channel_id")?, 0)?;
    change(world, call, |message| {
        message
            .reactions
            .retain(|known| known != call.text("emoji"))
    })
}

/// `PUT /channels/{channel_id}/messages/pins/{message_id}` and its older path.
pub(crate) fn pin(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    access::channel(world, call.id("channel_id")?, PIN_MESSAGES)?;
    change(world, call, |message| message.pinned = true)
}

/// `DELETE /channels/{channel_id}/messages/pins/{message_id}` and its older path.
pub(crate) fn unpin(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    access::channel(world, call.id("channel_id")?, PIN_MESSAGES)?;
    change(world, call, |message| message.pinned = false)
}

fn change(
    world: &mut World,
    call: &Call,
    how: impl FnOnce(&mut Message),
) -> Result<Reply, ApiError> {
    let (channel_id, id) = (call.id("channel_id")?, call.id("message_id")?);
    let channel = world.channels.get_mut(&channel_id).ok_or(UNKNOWN_MESSAGE)?;
    let message = channel
        .messages
        .get_mut(&id)
        .filter(|message| message.is_public());
    how(message.ok_or(UNKNOWN_MESSAGE)?);
    world.touch(channel_id);
    Ok(Reply::none())
}

/// A message that was just written, as its writer gets it.
pub(crate) fn shown(world: &World, channel: Snowflake, id: Snowflake) -> Value {
    let message = world
        .channels
        .get(&channel)
        .and_then(|channel| channel.messages.get(&id));
    message.map_or(Value::Null, |message| world.message_json(message))
}

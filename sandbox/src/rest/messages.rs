//! Messages by the bot token: list, create, read, edit, delete.
//!
//! Reactions and pins have files of their own.

use serde_json::{Map, Value, json};

use super::access;
use super::call::{Call, Reply};
use crate::error::{
    ApiError, DM_CHANNEL, FOREIGN_MESSAGE, Form, MISSING_PERMISSIONS, REPLY_WITHOUT_HISTORY,
    SYSTEM_MESSAGE, TOO_OLD_FOR_BULK,
};
use crate::field::{Fields, as_id};
use crate::model::guild::Channel;
use crate::model::guild::permissions::{
    ATTACH_FILES, EMBED_LINKS, MANAGE_MESSAGES, READ_MESSAGE_HISTORY, SEND_TTS_MESSAGES,
};
use crate::model::message::draft::{Draft, Kind, Settled};
use crate::model::message::mentions::{Allowed, push_new};
use crate::model::message::{Message, REGULAR, REPLY, Reference, THREAD_STARTER};
use crate::snowflake::Snowflake;
use crate::world::World;
use crate::world::posting::Post;

/// Messages older than this cannot be deleted in bulk.
const BULK_AGE_MS: u64 = 14 * 24 * 60 * 60 * 1000;
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
            .map(|message| world.message_for_bot(message))
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
    let reference = reply_reference(world, channel, &draft, &mut form)?;
    let settled = draft.settle(Kind::Create, None, &call.uploads, form)?;
    check_content(world, channel, &settled)?;
    if draft.tts && !access::holds(world, channel, SEND_TTS_MESSAGES) {
        return Err(MISSING_PERMISSIONS.into());
    }
    if let Some(nonce) = draft.nonce.as_ref().filter(|_| draft.enforce_nonce) {
        let text = nonce
            .as_str()
            .map_or_else(|| nonce.to_string(), str::to_owned);
        if let Some(first) = world.message_with_nonce(id, &text) {
            return Ok(Reply::ok(world.message_for_bot(first)));
        }
    }
    let allowed = draft.mentions.clone().unwrap_or_else(Allowed::by_default);
    let post = Post {
        kind: reference.map_or(REGULAR, |_| REPLY),
        nonce: draft.nonce,
        tts: draft.tts,
        reference,
        ..Post::new(id, world.application.id, settled, allowed)
    };
    let message = world.post(post);
    Ok(Reply::ok(shown(world, id, message)))
}

/// `GET /channels/{channel_id}/messages/{message_id}`
pub(crate) fn read(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let channel = access::channel(world, call.id("channel_id")?, READ_MESSAGE_HISTORY)?;
    let message = access::message(channel, call.id("message_id")?)?;
    Ok(Reply::ok(world.message_for_bot(message)))
}

/// `PATCH /channels/{channel_id}/messages/{message_id}`
pub(crate) fn edit(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let (channel_id, id) = (call.id("channel_id")?, call.id("message_id")?);
    let channel = access::channel(world, channel_id, 0)?;
    let message = access::message(channel, id)?;
    if message.author != world.application.id
        && !(only_flags(call.object()?) && access::holds(world, channel, MANAGE_MESSAGES))
    {
        return Err(FOREIGN_MESSAGE.into());
    }
    if message.is_system() {
        return Err(SYSTEM_MESSAGE.into());
    }
    access::not_archived(channel)?;
    let old = world.now_ms().saturating_sub(message.created_ms) > OLD_MS;
    let mut form = Form::default();
    let draft = Draft::read(call.object()?, "", &mut form);
    let settled = draft.settle(Kind::Edit, Some(message), &call.uploads, form)?;
    if draft.has_embeds() {
        check_content(world, channel, &settled)?;
    }
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
    let message = access::message(channel, id)?;
    let own = message.author == world.application.id;
    if !own && channel.guild.is_none() {
        return Err(DM_CHANNEL.into());
    }
    if !own && !access::holds(world, channel, MANAGE_MESSAGES) {
        return Err(MISSING_PERMISSIONS.into());
    }
    if message.kind == THREAD_STARTER {
        return Err(SYSTEM_MESSAGE.into());
    }
    access::not_archived(channel)?;
    world.delete_message(channel_id, id);
    Ok(Reply::none())
}

/// `POST /channels/{channel_id}/messages/bulk-delete`
pub(crate) fn delete_many(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let channel = access::channel(world, call.id("channel_id")?, MANAGE_MESSAGES)?;
    if channel.guild.is_none() {
        return Err(DM_CHANNEL.into());
    }
    access::not_archived(channel)?;
    let mut form = Form::default();
    let body = Fields::new(call.object()?, "");
    let list = body.list(&mut form, "messages", 2..=100);
    if body.value("messages").is_none() {
        body.missing(&mut form, "messages");
    }
    let mut ids = Vec::new();
    for (index, value) in list.into_iter().flatten().enumerate() {
        match as_id(value) {
            Some(id) => push_new(&mut ids, id),
            None => form.fault(
                &format!("messages.{index}"),
                "NUMBER_TYPE_COERCE",
                "Value is not snowflake.",
            ),
        }
    }
    form.finish()?;
    let since_ms = world.now_ms().saturating_sub(BULK_AGE_MS);
    let written_ms = |id: &Snowflake| {
        let message = channel.messages.get(id);
        message.map_or(id.unix_ms(), |message| message.created_ms)
    };
    if ids.iter().any(|id| written_ms(id) < since_ms) {
        return Err(TOO_OLD_FOR_BULK.into());
    }
    let channel = channel.id;
    world.delete_messages(channel, &ids);
    Ok(Reply::none())
}

/// The reference that a request's reply becomes; none when it may also be posted without.
fn reply_reference(
    world: &World,
    channel: &Channel,
    draft: &Draft,
    form: &mut Form,
) -> Result<Option<Reference>, ApiError> {
    let Some(reply) = draft.reply else {
        return Ok(None);
    };
    if !access::holds(world, channel, READ_MESSAGE_HISTORY) {
        return Err(REPLY_WITHOUT_HISTORY.into());
    }
    let here = reply.channel.is_none_or(|id| id == channel.id);
    let found = access::message(channel, reply.message)
        .ok()
        .filter(|_| here);
    match found {
        Some(message) if message.is_system() => form.fault(
            "message_reference",
            "REPLIES_CANNOT_REPLY_TO_SYSTEM_MESSAGE",
            "Cannot reply to a system message",
        ),
        None if reply.must_exist => form.fault(
            "message_reference",
            "REPLIES_UNKNOWN_MESSAGE",
            "Unknown message",
        ),
        Some(_) | None => {}
    }
    Ok(found.map(|message| Reference {
        channel: channel.id,
        message: Some(message.id),
    }))
}

/// What the content of a message needs beside the right to write.
fn check_content(world: &World, channel: &Channel, settled: &Settled) -> Result<(), ApiError> {
    let has_embeds = !settled.embeds.is_empty();
    if has_embeds && !access::holds(world, channel, EMBED_LINKS) {
        return Err(MISSING_PERMISSIONS.into());
    }
    Ok(())
}

/// Whether an edit changes nothing but flags, which moderators may do to anyone's message.
fn only_flags(body: &Map<String, Value>) -> bool {
    body.contains_key("flags") && body.keys().all(|key| key == "flags")
}

/// A message that was just written, as its writer gets it.
pub(crate) fn shown(world: &World, channel: Snowflake, id: Snowflake) -> Value {
    let message = world
        .channels
        .get(&channel)
        .and_then(|channel| channel.messages.get(&id));
    message.map_or(Value::Null, |message| world.message_for_bot(message))
}

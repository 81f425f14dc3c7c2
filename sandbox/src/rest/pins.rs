//! Pins by the bot token: pinning, and the two listings, in pages and the older one without.

use serde_json::{Value, json};

use super::access;
use super::call::{Call, Reply};
use crate::error::{ApiError, SYSTEM_MESSAGE, TOO_MANY_PINS};
use crate::model::guild::permissions::{PIN_MESSAGES, READ_MESSAGE_HISTORY};
use crate::snowflake::{parse_rfc3339, rfc3339};
use crate::world::World;
use crate::world::pins::PINS_MAX;

/// Pins of one page, and those that the older listing knows of.
const PAGE_MAX: usize = 50;

/// `PUT /channels/{channel_id}/messages/pins/{message_id}` and its older path.
pub(crate) fn pin(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let channel = access::channel(world, call.id("channel_id")?, PIN_MESSAGES)?;
    let message = access::message(channel, call.id("message_id")?)?;
    access::not_archived(channel)?;
    if message.is_system() {
        return Err(SYSTEM_MESSAGE.into());
    }
    if message.pinned_ms.is_some() {
        return Ok(Reply::none());
    }
    let (channel, message) = (channel.id, message.id);
    if world.pins(channel).len() >= PINS_MAX {
        return Err(TOO_MANY_PINS.into());
    }
    let bot = world.application.id;
    world.pin(channel, message, bot);
    Ok(Reply::none())
}

/// `DELETE /channels/{channel_id}/messages/pins/{message_id}` and its older path.
pub(crate) fn unpin(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let channel = access::channel(world, call.id("channel_id")?, PIN_MESSAGES)?;
    let message = access::message(channel, call.id("message_id")?)?;
    access::not_archived(channel)?;
    let (channel, message, pinned) = (channel.id, message.id, message.pinned_ms.is_some());
    if pinned {
        world.unpin(channel, message);
    }
    Ok(Reply::none())
}

/// `GET /channels/{channel_id}/messages/pins`
pub(crate) fn page(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let channel = access::channel(world, call.id("channel_id")?, 0)?;
    let limit = call.limit(PAGE_MAX, PAGE_MAX)?;
    let before_ms = match call.query("before") {
        Some(text) => parse_rfc3339(text).ok_or_else(|| {
            let message = "Could not parse the value. Should be ISO8601.";
            ApiError::form("before", "DATE_TIME_TYPE_PARSE", message)
        })?,
        None => u64::MAX,
    };
    if !access::holds(world, channel, READ_MESSAGE_HISTORY) {
        return Ok(Reply::ok(json!({"items": [], "has_more": false})));
    }
    let pins = world.pins(channel.id);
    let mut older = pins.into_iter().filter(|(at_ms, _)| *at_ms < before_ms);
    let items: Vec<Value> = older
        .by_ref()
        .take(limit)
        .map(|(at_ms, message)| {
            json!({"pinned_at": rfc3339(at_ms), "message": world.message_for_bot(message)})
        })
        .collect();
    let has_more = older.next().is_some();
    Ok(Reply::ok(json!({"items": items, "has_more": has_more})))
}

/// `GET /channels/{channel_id}/pins`
pub(crate) fn list(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let channel = access::channel(world, call.id("channel_id")?, 0)?;
    if !access::holds(world, channel, READ_MESSAGE_HISTORY) {
        return Ok(Reply::ok(json!([])));
    }
    let pins = world.pins(channel.id).into_iter().take(PAGE_MAX);
    Ok(Reply::ok(
        pins.map(|(_, message)| world.message_for_bot(message))
            .collect(),
    ))
}

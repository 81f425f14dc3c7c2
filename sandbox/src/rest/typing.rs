//! The sign that the bot is writing.

use serde_json::json;

use super::access;
use super::call::{Call, Reply};
use crate::error::ApiError;
use crate::model::guild::with;
use crate::world::World;

/// How long the sign stays, unless a message comes first (Discord's documentation).
const TYPING_MS: u64 = 10_000;

/// `POST /channels/{channel_id}/typing`
pub(crate) fn typing(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let id = access::postable(world, call.id("channel_id")?, 0)?.id;
    let (user_id, timestamp) = (world.application.id, world.now_ms() / 1000);
    let mut d = json!({"channel_id": id, "user_id": user_id, "timestamp": timestamp});
    if let Some(member) = world.member_json(id, user_id) {
        d = with(d, "member", member);
    }
    world.publish_in(id, "TYPING_START", d);
    let until_ms = world.now_ms().saturating_add(TYPING_MS);
    if let Some(channel) = world.channels.get_mut(&id) {
        channel.typing_until_ms = until_ms;
    }
    world.touch(id);
    Ok(Reply::none())
}

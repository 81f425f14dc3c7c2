//! The bot's user, other users, direct messages, and where the gateway is.

use serde_json::{Value, json};

use super::call::{Call, Reply};
use crate::error::{ApiError, Form, INVALID_RECIPIENT, NO_MESSAGES_TO_USER, UNKNOWN_USER};
use crate::field::Fields;
use crate::model::guild::User;
use crate::world::World;
use crate::world::publish::Dispatch;

/// Characters of a picture in base64, which the bound of a JSON body keeps smaller still.
const PICTURE_MAX: usize = 14 * 1024 * 1024;

/// `GET /gateway`
pub(crate) fn gateway(world: &mut World, _call: &Call) -> Result<Reply, ApiError> {
    Ok(Reply::ok(json!({"url": world.gateway_url()})))
}

/// `GET /gateway/bot`
pub(crate) fn gateway_bot(world: &mut World, _call: &Call) -> Result<Reply, ApiError> {
    let (budget, now_ms) = (&world.budget, world.now_ms());
    Ok(Reply::ok(json!({
        "url": world.gateway_url(), "shards": 1,
        "session_start_limit": {
            "total": budget.total(), "remaining": budget.remaining(now_ms),
            "reset_after": budget.reset_after_ms(now_ms), "max_concurrency": 1,
        },
    })))
}

/// `GET /users/@me`
pub(crate) fn me(world: &mut World, _call: &Call) -> Result<Reply, ApiError> {
    Ok(Reply::ok(
        world.bot_user().map_or(Value::Null, User::private_json),
    ))
}

/// `GET /users/{user_id}`
pub(crate) fn user(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let user = world.users.get(&call.id("user_id")?).ok_or(UNKNOWN_USER)?;
    Ok(Reply::ok(user.json()))
}

/// `POST /users/@me/channels`
pub(crate) fn open_dm(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let mut form = Form::default();
    let body = Fields::new(call.object()?, "");
    let recipient = body.id(&mut form, "recipient_id");
    if body.value("recipient_id").is_none() {
        body.missing(&mut form, "recipient_id");
    }
    form.finish()?;
    let recipient = recipient
        .and_then(|id| world.users.get(&id))
        .ok_or(UNKNOWN_USER)?;
    if recipient.id == world.application.id {
        return Err(INVALID_RECIPIENT.into());
    }
    if recipient.bot {
        return Err(NO_MESSAGES_TO_USER.into());
    }
    let id = world.dm_with(recipient.id);
    let channel = world.channels.get(&id);
    Ok(Reply::ok(channel.map_or(Value::Null, |channel| {
        world.channel_object(channel)
    })))
}

/// `GET /users/@me/channels`: Discord tells bots of none, whatever they have opened.
pub(crate) fn direct(_world: &mut World, _call: &Call) -> Result<Reply, ApiError> {
    Ok(Reply::ok(json!([])))
}

/// `PATCH /users/@me`
pub(crate) fn change_me(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let mut form = Form::default();
    let body = Fields::new(call.object()?, "");
    let name = body.text(&mut form, "username", 2..=32).map(str::trim);
    if name.is_some_and(|name| name.chars().count() < 2) {
        let message = "Must be between 2 and 32 in length.";
        form.fault("username", "BASE_TYPE_BAD_LENGTH", message);
    }
    // Pictures are taken and not shown: everyone here has the same one.
    for picture in ["avatar", "banner"] {
        body.text(&mut form, picture, 0..=PICTURE_MAX);
    }
    form.finish()?;
    let bot = world.application.id;
    if let (Some(name), Some(user)) = (name, world.users.get_mut(&bot)) {
        name.clone_into(&mut user.username);
        let d = user.private_json();
        world.publish(Dispatch {
            name: "USER_UPDATE",
            channel: None,
            guild: None,
            d,
        });
        world.structure_changed();
    }
    me(world, call)
}

/// `GET /sticker-packs`, of which there are none
pub(crate) fn no_stickers(_world: &mut World, _call: &Call) -> Result<Reply, ApiError> {
    Ok(Reply::ok(json!({"sticker_packs": []})))
}

/// Routes that some clients insist on before they are ready.
pub(crate) fn empty_list(_world: &mut World, _call: &Call) -> Result<Reply, ApiError> {
    Ok(Reply::ok(json!([])))
}

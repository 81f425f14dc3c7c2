//! The bot itself: its user and application, other users, direct messages, and where the gateway is.

use serde_json::{Value, json};

use super::call::{Call, Reply};
use crate::error::{ApiError, Form, NO_MESSAGES_TO_USER, UNKNOWN_USER};
use crate::field::Fields;
use crate::guild::{User, with};
use crate::world::World;

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
    if recipient.bot {
        return Err(NO_MESSAGES_TO_USER.into());
    }
    let id = world.dm_with(recipient.id);
    let bot = world.application.id;
    Ok(Reply::ok(
        world
            .channels
            .get(&id)
            .map_or(Value::Null, |channel| world.channel_json(channel, bot)),
    ))
}

/// `GET /applications/@me` and `GET /oauth2/applications/@me`
pub(crate) fn application(world: &mut World, _call: &Call) -> Result<Reply, ApiError> {
    let owner = world.users.get(&world.seeds.owner).map(User::json);
    let flags = world.application_flags();
    Ok(Reply::ok(json!({
        "id": world.application.id, "name": world.application.name, "icon": null, "description": "",
        "summary": "", "type": null, "bot_public": false, "bot_require_code_grant": false,
        "verify_key": "0".repeat(64), "flags": flags, "flags_new": flags.to_string(), "redirect_uris": [],
        "interactions_endpoint_url": null, "role_connections_verification_url": null, "owner": owner,
        "bot": world.bot_user().map(User::json), "approximate_guild_count": world.guilds.len(),
        "approximate_user_install_count": 0, "approximate_user_authorization_count": 0,
        "explicit_content_filter": 0, "team": null, "eligible_oauth2_scopes": [], "rpc_origins": [],
        "integration_types_config": {"0": {}}, "hook": true, "is_monetized": false, "is_verified": false,
        "is_discoverable": false, "storefront_available": false,
    })))
}

/// Routes that some clients insist on before they are ready.
pub(crate) fn empty_list(_world: &mut World, _call: &Call) -> Result<Reply, ApiError> {
    Ok(Reply::ok(json!([])))
}

impl World {
    /// Where the gateway is; no query, and no slash at the end.
    pub(crate) fn gateway_url(&self) -> String {
        format!("ws://{}/gateway", self.address)
    }

    /// The bot's user.
    pub(crate) fn bot_user(&self) -> Option<&User> {
        self.users.get(&self.application.id)
    }

    /// READY's guild list: what the bot is in, to be filled by GUILD_CREATE.
    pub(crate) fn unavailable_guilds(&self, shard: u64, count: u64) -> Vec<Value> {
        let bot = self.application.id;
        let ours = self
            .guilds
            .values()
            .filter(|guild| guild.members.contains_key(&bot));
        ours.filter(|guild| guild.id.shard(count) == shard)
            .map(|guild| with(json!({"id": guild.id}), "unavailable", json!(true)))
            .collect()
    }
}

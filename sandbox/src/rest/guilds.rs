//! Guilds by the bot token: reading and changing them, the bot's own list, leaving one.
//!
//! Channels, roles, members and bans of a guild have their own modules.

use serde_json::{Value, json};

use super::access;
use super::call::{Call, Reply};
use crate::error::{ApiError, Form};
use crate::field::{Fields, not_among};
use crate::model::guild::permissions::{MANAGE_GUILD, in_guild};
use crate::model::guild::{Guild, with};
use crate::model::message::emoji::CustomEmoji;
use crate::snowflake::Snowflake;
use crate::world::World;

/// Guilds of one page of the bot's list.
const MINE_MAX: usize = 200;
/// Settings of a guild that are numbers in a range.
const NUMBERS: [(&str, u64); 4] = [
    ("verification_level", 4),
    ("default_message_notifications", 1),
    ("explicit_content_filter", 2),
    ("system_channel_flags", 63),
];
/// Seconds after which Discord moves idle people to the AFK channel.
const AFK_TIMEOUTS: [u64; 5] = [60, 300, 900, 1800, 3600];

/// `GET /guilds/{guild_id}`
pub(crate) fn read(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let guild = access::guild(world, call.id("guild_id")?)?;
    Ok(Reply::ok(counted(guild, guild.json(), call)))
}

/// Adds the counts to a guild if the query asks for them. Everyone in the sandbox counts as present.
fn counted(guild: &Guild, json: Value, call: &Call) -> Value {
    if !call.query_flag("with_counts") {
        return json;
    }
    let count = json!(guild.members.len());
    let json = with(json, "approximate_member_count", count.clone());
    with(json, "approximate_presence_count", count)
}

/// `GET /guilds/{guild_id}/preview`
pub(crate) fn preview(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let guild = access::guild(world, call.id("guild_id")?)?;
    Ok(Reply::ok(guild.preview()))
}

/// `PATCH /guilds/{guild_id}`
pub(crate) fn change(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let id = access::guild_with(world, call.id("guild_id")?, MANAGE_GUILD)?.id;
    let mut form = Form::default();
    let body = Fields::new(call.object()?, "");
    let name = body.text(&mut form, "name", 2..=100).map(str::to_owned);
    let mut settings = Vec::new();
    for (key, most) in NUMBERS {
        let value = body.integer(&mut form, key, 0..=most);
        settings.extend(value.map(|value| (key, value)));
    }
    if let Some(seconds) = body.integer(&mut form, "afk_timeout", 0..=u64::from(u32::MAX)) {
        if !AFK_TIMEOUTS.contains(&seconds) {
            not_among(&mut form, "afk_timeout", "60, 300, 900, 1800, 3600");
        }
        settings.push(("afk_timeout", seconds));
    }
    form.finish()?;
    if let Some(guild) = world.guilds.get_mut(&id) {
        guild.name = name.unwrap_or_else(|| std::mem::take(&mut guild.name));
        guild.settings.extend(settings);
    }
    world.guild_updated(id);
    Ok(Reply::ok(access::guild(world, id)?.json()))
}

/// `GET /users/@me/guilds`
pub(crate) fn mine(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let (bot, now_ms) = (world.application.id, world.now_ms());
    let limit = call.limit(MINE_MAX, MINE_MAX)?;
    let before = call.query_id("before")?.unwrap_or(Snowflake::MAX);
    let after = call.query_id("after")?.unwrap_or(Snowflake::MIN);
    let guilds = world.guilds.values();
    let mine = guilds.filter(|guild| guild.members.contains_key(&bot));
    let page = mine.filter(|guild| guild.id > after && guild.id < before);
    let list = page.take(limit).map(|guild| {
        let brief = guild.brief(bot, in_guild(guild, bot, now_ms));
        counted(guild, brief, call)
    });
    Ok(Reply::ok(list.collect()))
}

/// `DELETE /users/@me/guilds/{guild_id}`
pub(crate) fn leave(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let guild = access::guild(world, call.id("guild_id")?)?.id;
    let bot = world.application.id;
    world.leave_guild(guild, bot);
    Ok(Reply::none())
}

/// `GET /guilds/{guild_id}/emojis`
pub(crate) fn emojis(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let guild = access::guild(world, call.id("guild_id")?)?;
    let emojis = guild.emojis.values();
    Ok(Reply::ok(emojis.map(CustomEmoji::json).collect()))
}

/// Lists of a guild that are always empty here: stickers, invites, webhooks and the like.
pub(crate) fn nothing(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    access::guild(world, call.id("guild_id")?)?;
    Ok(Reply::ok(json!([])))
}

/// `GET /guilds/{guild_id}/soundboard-sounds`, of which there are none
pub(crate) fn no_sounds(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    access::guild(world, call.id("guild_id")?)?;
    Ok(Reply::ok(json!({"items": []})))
}

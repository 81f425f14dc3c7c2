//! Channels by the bot token: reading, making, changing, ordering and deleting.
//!
//! What a body may say is in `settings` and `overwrites`; threads are changed in `threads`.

use serde_json::Value;

use super::access;
use super::call::{Call, Reply};
use super::threads;
use crate::error::{
    ApiError, DM_CHANNEL, Form, MISSING_PERMISSIONS, TOO_MANY_CHANNELS, UNKNOWN_CHANNEL,
};
use crate::field::{Fields, not_object};
use crate::model::guild::channel::GUILD_CATEGORY;
use crate::model::guild::permissions::{MANAGE_CHANNELS, MANAGE_ROLES, MANAGE_THREADS};
use crate::model::guild::{CHANNELS_MAX, Channel, DM};
use crate::snowflake::Snowflake;
use crate::world::World;

pub(crate) mod overwrites;
pub(crate) mod settings;

use settings::Settings;

/// Channels of a category.
const CATEGORY_MAX: usize = 50;

/// `GET /channels/{channel_id}`
pub(crate) fn read(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let channel = access::channel(world, call.id("channel_id")?, 0)?;
    Ok(Reply::ok(world.channel_object(channel)))
}

/// `GET /guilds/{guild_id}/channels`
pub(crate) fn list(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let guild = access::guild(world, call.id("guild_id")?)?;
    let channels = guild.channels.iter();
    let channels = channels.filter_map(|id| world.channels.get(id));
    Ok(Reply::ok(channels.map(Channel::json).collect()))
}

/// `POST /guilds/{guild_id}/channels`
pub(crate) fn create(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let guild = access::guild_with(world, call.id("guild_id")?, MANAGE_CHANNELS)?;
    if guild.channels.len() >= CHANNELS_MAX {
        return Err(TOO_MANY_CHANNELS.into());
    }
    let (guild_id, below) = (guild.id, guild.channels.len());
    let mut form = Form::default();
    let body = Fields::new(call.object()?, "");
    let mut settings = Settings::read(body, &mut form, None);
    if settings.name.is_none() && body.value("name").is_none() {
        body.missing(&mut form, "name");
    }
    let id = world.next_id();
    let mut channel = Channel::text(
        id,
        guild_id,
        String::new(),
        u64::try_from(below).unwrap_or(0),
    );
    channel.kind = settings.kind.unwrap_or(channel.kind);
    if let Some(wanted) = settings.category.flatten() {
        check_category(world, guild_id, wanted, &channel, &mut form);
    }
    form.finish()?;
    if let Some(wanted) = &settings.overwrites {
        overwrites::check(world, guild_id, None, wanted)?;
    } else {
        // A channel made in a category begins with the category's overwrites.
        let category = settings.category.flatten();
        let above = category.and_then(|id| world.channels.get(&id));
        channel.overwrites = above.map(|c| c.overwrites.clone()).unwrap_or_default();
    }
    settings.settle(world, &[])?;
    settings.apply(&mut channel);
    let json = channel.json();
    world.add_channel(channel);
    Ok(Reply::created(json))
}

/// `PATCH /channels/{channel_id}`, also of a thread
pub(crate) fn change(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let id = call.id("channel_id")?;
    let channel = access::channel(world, id, 0)?;
    if channel.thread.is_some() {
        return threads::change::change(world, call);
    }
    let Some(guild) = channel.guild else {
        return Err(DM_CHANNEL.into());
    };
    let channel = access::channel(world, id, MANAGE_CHANNELS)?;
    let mut form = Form::default();
    let mut settings = Settings::read(
        Fields::new(call.object()?, ""),
        &mut form,
        Some(channel.kind),
    );
    if let Some(wanted) = settings.category.flatten() {
        check_category(world, guild, wanted, channel, &mut form);
    }
    form.finish()?;
    if let Some(wanted) = &settings.overwrites {
        access::channel(world, id, MANAGE_ROLES)?;
        overwrites::check(world, guild, Some(channel), wanted)?;
    }
    let renamed = settings.renames(channel);
    let tags = channel.forum.as_ref().map(|forum| forum.tags.clone());
    settings.settle(world, &tags.unwrap_or_default())?;
    if renamed {
        take_rename(world, id)?;
    }
    world.change_rights(guild, |world| {
        if let Some(channel) = world.channels.get_mut(&id) {
            settings.apply(channel);
        }
        world.channel_updated(id);
    });
    Ok(Reply::ok(
        world.channels.get(&id).map_or(Value::Null, Channel::json),
    ))
}

/// New names and topics are few: they have a limit of their own that no header tells of.
pub(crate) fn take_rename(world: &mut World, id: Snowflake) -> Result<(), ApiError> {
    let now_ms = world.now_ms();
    let taken = world.limits.take_rename(id, now_ms);
    taken.map_err(ApiError::sub_limited)
}

/// `DELETE /channels/{channel_id}`, also of a thread; a direct-message channel is closed, which changes nothing here.
pub(crate) fn delete(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let id = call.id("channel_id")?;
    let channel = access::channel(world, id, 0)?;
    let json = world.channel_object(channel);
    if channel.kind == DM {
        return Ok(Reply::ok(json));
    }
    let needed = if channel.thread.is_some() {
        MANAGE_THREADS
    } else {
        MANAGE_CHANNELS
    };
    access::channel(world, id, needed)?;
    world.remove_channel(id);
    Ok(Reply::ok(json))
}

/// `PATCH /guilds/{guild_id}/channels`
pub(crate) fn place(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let guild = access::guild_with(world, call.id("guild_id")?, MANAGE_CHANNELS)?.id;
    let mut form = Form::default();
    let list = call.list()?.iter().take(CHANNELS_MAX).enumerate();
    let moves: Vec<Move> = list
        .filter_map(|(index, entry)| Move::read(world, guild, entry, index, &mut form))
        .collect();
    form.finish()?;
    for wanted in &moves {
        access::channel(world, wanted.id, MANAGE_CHANNELS)?;
        if wanted.syncs {
            access::channel(world, wanted.id, MANAGE_ROLES)?;
        }
    }
    world.change_rights(guild, |world| {
        for wanted in moves {
            wanted.apply(world);
        }
    });
    Ok(Reply::none())
}

/// One entry of a change of positions.
struct Move {
    id: Snowflake,
    position: Option<u64>,
    category: Option<Option<Snowflake>>,
    /// Whether it takes the overwrites of its new category.
    syncs: bool,
}

impl Move {
    fn read(
        world: &World,
        guild: Snowflake,
        entry: &Value,
        index: usize,
        form: &mut Form,
    ) -> Option<Self> {
        let path = index.to_string();
        let Some(map) = entry.as_object() else {
            not_object(form, &path);
            return None;
        };
        let body = Fields::new(map, &path);
        if body.value("id").is_none() {
            body.missing(form, "id");
        }
        let id = body.id(form, "id")?;
        let channel = world.channels.get(&id);
        let Some(channel) = channel.filter(|c| c.guild == Some(guild) && c.thread.is_none()) else {
            form.fault(&body.path("id"), "CHANNEL_INVALID", UNKNOWN_CHANNEL.text());
            return None;
        };
        let category = Settings::category(body, form);
        if let Some(wanted) = category.flatten() {
            check_category(world, guild, wanted, channel, form);
        }
        Some(Self {
            id,
            position: body.integer(form, "position", 0..=u64::from(u32::MAX >> 1)),
            category,
            syncs: body.flag(form, "lock_permissions").unwrap_or(false),
        })
    }

    fn apply(self, world: &mut World) {
        let above = self.category.flatten();
        let above = above.and_then(|id| world.channels.get(&id));
        let synced = above.filter(|_| self.syncs).map(|c| c.overwrites.clone());
        let Some(channel) = world.channels.get_mut(&self.id) else {
            return;
        };
        channel.position = self.position.unwrap_or(channel.position);
        channel.category = self.category.unwrap_or(channel.category);
        channel.overwrites = synced.unwrap_or_else(|| std::mem::take(&mut channel.overwrites));
        world.channel_updated(self.id);
    }
}

/// A category must be one, of the same guild, and have room for the channel.
fn check_category(
    world: &World,
    guild: Snowflake,
    id: Snowflake,
    channel: &Channel,
    form: &mut Form,
) {
    let found = world.channels.get(&id).filter(|c| c.guild == Some(guild));
    let mut fault = |code, text| form.fault("parent_id", code, text);
    match found {
        None => fault("CHANNEL_PARENT_INVALID", "Category does not exist"),
        Some(category) if category.kind != GUILD_CATEGORY => {
            fault("CHANNEL_PARENT_INVALID_TYPE", "Not a category");
        }
        Some(_) if channel.kind == GUILD_CATEGORY => {
            fault(
                "CHANNEL_PARENT_INVALID_TYPE",
                "Categories cannot have subcategories",
            );
        }
        Some(_) if channel.category == Some(id) => {}
        Some(_) => {
            let within = world.channels.values().filter(|c| c.category == Some(id));
            if within.count() >= CATEGORY_MAX {
                fault(
                    "CHANNEL_PARENT_MAX_CHANNELS",
                    "Maximum number of channels in category reached (50)",
                );
            }
        }
    }
}

/// Refuses unless the bot has this right in a channel that it sees anyway.
pub(crate) fn require(world: &World, channel: &Channel, needed: u64) -> Result<(), ApiError> {
    if access::holds(world, channel, needed) {
        Ok(())
    } else {
        Err(MISSING_PERMISSIONS.into())
    }
}

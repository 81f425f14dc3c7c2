//! Staging of channels: of every type, with settings and overwrites, and their end.

use serde_json::Value;

use super::super::super::ask::{Ask, Bad};
use super::{NAME_MAX, name_in, short};
use crate::field::as_id;
use crate::model::guild::channel::{
    GUILD_ANNOUNCEMENT, GUILD_CATEGORY, GUILD_FORUM, GUILD_VOICE, normalised,
};
use crate::model::guild::forum::{Forum, REQUIRE_TAG, Tag};
use crate::model::guild::{CHANNELS_MAX, Channel, GUILD_TEXT, Overwrite, Whose};
use crate::snowflake::Snowflake;
use crate::world::World;

/// Characters of a topic; a forum's may be the longest.
const TOPIC_MAX: usize = 4096;
/// Characters of the name of an emoji.
const EMOJI_MAX: usize = 100;
/// Tags of a forum.
const TAGS_MAX: usize = 20;

/// Adds a channel below all others, unless it has a position.
pub(super) fn add(world: &mut World, guild: Snowflake, entry: Ask<'_>) -> Result<(), Bad> {
    let kind = kind(entry)?;
    let below = world.guilds.get(&guild).map_or(0, |g| g.channels.len());
    let below = u64::try_from(below).unwrap_or(u64::MAX);
    if world
        .guilds
        .get(&guild)
        .is_some_and(|g| g.channels.len() >= CHANNELS_MAX)
    {
        return Err(entry.bad(
            "name",
            format!("the guild has {CHANNELS_MAX} channels already"),
        ));
    }
    let name = normalised(kind, name_in(entry)?);
    let category = category(world, guild, entry)?;
    let id = world.next_id();
    let mut channel = Channel::text(id, guild, name, entry.number("position")?.unwrap_or(below));
    channel.kind = kind;
    channel.category = category;
    channel.topic = short(entry, "topic", TOPIC_MAX)?.map(str::to_owned);
    channel.nsfw = entry.flag("nsfw")?;
    channel.slowmode_s = entry.number("slowmode_s")?.unwrap_or(0);
    channel.thread_archive_minutes = entry.number("thread_archive_minutes")?;
    if kind == GUILD_FORUM {
        let tags = tags(world, entry)?;
        channel.forum = Some(Forum {
            tags,
            ..Forum::default()
        });
        let required = entry.flag("require_tag")?;
        channel.flags = if required { REQUIRE_TAG } else { 0 };
    }
    world.add_channel(channel);
    Ok(())
}

/// The type by its name or Discord's number; text unless said.
fn kind(entry: Ask<'_>) -> Result<u8, Bad> {
    let kinds = [
        ("text", GUILD_TEXT),
        ("voice", GUILD_VOICE),
        ("category", GUILD_CATEGORY),
        ("announcement", GUILD_ANNOUNCEMENT),
        ("forum", GUILD_FORUM),
    ];
    let Some(value) = entry.value("type") else {
        return Ok(GUILD_TEXT);
    };
    let named = |(name, number): &&(&str, u8)| {
        value.as_str() == Some(*name) || value.as_u64() == Some(u64::from(*number))
    };
    let found = kinds.iter().find(named).map(|(_, number)| *number);
    found.ok_or_else(|| {
        let text = "it must be text, voice, category, announcement or forum";
        entry.bad("type", text)
    })
}

/// The category by its id or name.
fn category(world: &World, guild: Snowflake, entry: Ask<'_>) -> Result<Option<Snowflake>, Bad> {
    let Some(value) = entry.value("parent") else {
        return Ok(None);
    };
    let wanted = |channel: &&Channel| {
        let named = value.as_str() == Some(channel.name.as_str());
        named || as_id(value) == Some(channel.id)
    };
    let channels = world.channels.values();
    let found = channels
        .filter(|channel| channel.guild == Some(guild) && channel.kind == GUILD_CATEGORY)
        .find(wanted);
    let found = found.ok_or_else(|| entry.bad("parent", "there is no such category"))?;
    Ok(Some(found.id))
}

/// Tags of a forum: names, or objects with a name.
fn tags(world: &mut World, entry: Ask<'_>) -> Result<Vec<Tag>, Bad> {
    let list = entry.list("tags")?;
    if list.len() > TAGS_MAX {
        return Err(entry.bad("tags", format!("at most {TAGS_MAX}")));
    }
    let mut tags = Vec::new();
    for (index, value) in list.iter().enumerate() {
        let path = format!("tags.{index}");
        let (name, moderated, emoji_name) = match value {
            Value::String(name) if name.chars().count() <= NAME_MAX => (name.clone(), false, None),
            _ => {
                let tag = Ask::within(value, &path)?;
                let emoji = short(tag, "emoji_name", EMOJI_MAX)?;
                let name = name_in(tag)?.to_owned();
                (name, tag.flag("moderated")?, emoji.map(str::to_owned))
            }
        };
        tags.push(Tag {
            id: world.next_id(),
            name,
            moderated,
            emoji_id: None,
            emoji_name,
        });
    }
    Ok(tags)
}

/// Sets what a role or a person may do in a channel.
pub(super) fn overwrite(world: &mut World, guild: Snowflake, entry: Ask<'_>) -> Result<(), Bad> {
    let (id, allow, deny) = (entry.id("id")?, entry.bits("allow")?, entry.bits("deny")?);
    let is_role = world
        .guilds
        .get(&guild)
        .is_some_and(|guild| guild.roles.contains_key(&id));
    if !is_role && !world.users.contains_key(&id) {
        return Err(entry.bad("id", "there is no such role or user"));
    }
    let channel = entry.id("channel_id")?;
    if !world.channels.contains_key(&channel) {
        return Err(entry.bad("channel_id", "there is no such channel"));
    }
    let overwrite = Overwrite {
        id,
        whose: if is_role { Whose::Role } else { Whose::Member },
        allow,
        deny,
    };
    world.change_rights(guild, |world| {
        if let Some(channel) = world.channels.get_mut(&channel) {
            channel.overwrites.retain(|known| known.id != id);
            channel.overwrites.push(overwrite);
        }
        world.channel_updated(channel);
    });
    Ok(())
}

/// Deletes a channel or thread of the guild.
pub(super) fn delete(world: &mut World, guild: Snowflake, entry: Ask<'_>) -> Result<(), Bad> {
    let id = entry.id("channel_id")?;
    let found = world.channels.get(&id);
    if found.is_none_or(|channel| channel.guild != Some(guild)) {
        return Err(entry.bad("channel_id", "the guild has no such channel"));
    }
    world.remove_channel(id);
    Ok(())
}

//! The `guild` action: more guilds, channels, roles and people, and who may do what.
//!
//! Everything in one body is done in order; the answer names all that the guild then has. A new guild is announced to
//! the bot with GUILD_CREATE, as if it had just been invited.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::ask::{Ask, Bad};
use crate::guild::{Channel, DM, Overwrite, Whose, fresh};
use crate::snowflake::Snowflake;
use crate::world::World;

/// Entries of one list in one request.
const ENTRIES_MAX: usize = 1000;

/// `guild`
pub(crate) fn guild(world: &mut World, ask: Ask<'_>) -> Result<Value, Bad> {
    let guild = target(world, ask)?;
    let sight = world.sight(guild);
    each(ask, "roles", |entry| {
        let (name, bits) = (entry.text("name")?, entry.bits("permissions")?);
        let color = u32::try_from(entry.number("color")?.unwrap_or(0)).unwrap_or(0);
        fresh::add_role(world, guild, name, bits, color);
        Ok(())
    })?;
    each(ask, "people", |entry| {
        let roles = roles(world, guild, entry)?;
        let user = fresh::add_user(world, entry.text("name")?, entry.flag("bot")?);
        fresh::add_member(world, guild, user, roles);
        Ok(())
    })?;
    each(ask, "members", |entry| {
        let (user, roles) = (entry.id("user_id")?, roles(world, guild, entry)?);
        if !world.users.contains_key(&user) {
            return Err(entry.bad("user_id", "there is no such user"));
        }
        fresh::add_member(world, guild, user, roles);
        Ok(())
    })?;
    each(ask, "channels", |entry| {
        let id = fresh::add_channel(world, guild, entry.text("name")?);
        let d = world.channels.get(&id).map_or(Value::Null, Channel::json);
        world.publish_channel("CHANNEL_CREATE", id, d);
        Ok(())
    })?;
    each(ask, "overwrites", |entry| overwrite(world, guild, entry))?;
    each(ask, "role_permissions", |entry| {
        let (id, bits) = (entry.id("role_id")?, entry.bits("permissions")?);
        let role = world
            .guilds
            .get_mut(&guild)
            .and_then(|guild| guild.roles.get_mut(&id));
        role.ok_or_else(|| entry.bad("role_id", "the guild has no such role"))?
            .permissions = bits;
        Ok(())
    })?;
    each(ask, "threads", |entry| moderate(world, entry))?;
    each(ask, "dms", |entry| {
        let user = entry.id("user_id")?;
        if !world.users.contains_key(&user) {
            return Err(entry.bad("user_id", "there is no such user"));
        }
        world.dm_with(user);
        Ok(())
    })?;
    world.sync_threads(&sight);
    world.structure_changed();
    Ok(ids(world, guild))
}

fn target(world: &mut World, ask: Ask<'_>) -> Result<Snowflake, Bad> {
    if let Some(new) = ask.value("new") {
        let new = Ask::within(new, "new")?;
        let owner = new.optional_id("owner_id")?.unwrap_or(world.seeds.owner);
        let with_bot = new
            .value("bot")
            .is_none_or(|bot| bot.as_bool() == Some(true));
        let id = fresh::add_guild(world, new.text("name")?, owner, with_bot);
        if with_bot {
            world.announce_guild(id);
        }
        return Ok(id);
    }
    let id = ask.optional_id("guild_id")?.unwrap_or(world.seeds.guild);
    if world.guilds.contains_key(&id) {
        Ok(id)
    } else {
        Err(ask.bad("guild_id", "there is no such guild"))
    }
}

fn each(
    ask: Ask<'_>,
    key: &str,
    mut act: impl FnMut(Ask<'_>) -> Result<(), Bad>,
) -> Result<(), Bad> {
    let list = ask.list(key)?;
    if list.len() > ENTRIES_MAX {
        return Err(ask.bad(key, format!("at most {ENTRIES_MAX} at once")));
    }
    for (index, entry) in list.iter().enumerate() {
        act(Ask::within(entry, &format!("{key}.{index}"))?)?;
    }
    Ok(())
}

/// Roles by id or by name.
fn roles(world: &World, guild: Snowflake, entry: Ask<'_>) -> Result<Vec<Snowflake>, Bad> {
    let Some(guild) = world.guilds.get(&guild) else {
        return Ok(Vec::new());
    };
    let find = |value: &Value| {
        let text = value.as_str()?;
        guild
            .roles
            .values()
            .find(|role| role.name == text || role.id.to_string() == text)
            .map(|role| role.id)
    };
    let found = entry.list("roles")?.iter().map(|value| {
        find(value).ok_or_else(|| entry.bad("roles", format!("the guild has no role {value}")))
    });
    found.collect()
}

fn overwrite(world: &mut World, guild: Snowflake, entry: Ask<'_>) -> Result<(), Bad> {
    let (id, allow, deny) = (entry.id("id")?, entry.bits("allow")?, entry.bits("deny")?);
    let is_role = world
        .guilds
        .get(&guild)
        .is_some_and(|guild| guild.roles.contains_key(&id));
    if !is_role && !world.users.contains_key(&id) {
        return Err(entry.bad("id", "there is no such role or user"));
    }
    let whose = if is_role { Whose::Role } else { Whose::Member };
    let channel = world.channels.get_mut(&entry.id("channel_id")?);
    let channel = channel.ok_or_else(|| entry.bad("channel_id", "there is no such channel"))?;
    channel.overwrites.retain(|known| known.id != id);
    channel.overwrites.push(Overwrite {
        id,
        whose,
        allow,
        deny,
    });
    let (id, d) = (channel.id, channel.json());
    world.publish_channel("CHANNEL_UPDATE", id, d);
    Ok(())
}

/// Archives, opens, locks or unlocks a thread as a moderator would.
fn moderate(world: &mut World, entry: Ask<'_>) -> Result<(), Bad> {
    let id = entry.id("id")?;
    let thread = world
        .channels
        .get_mut(&id)
        .and_then(|channel| channel.thread.as_mut());
    let thread = thread.ok_or_else(|| entry.bad("id", "there is no such thread"))?;
    if entry.value("locked").is_some() {
        thread.locked = entry.flag("locked")?;
    }
    if entry.value("archived").is_some() {
        world.set_archived(id, entry.flag("archived")?);
    }
    world.thread_updated(id);
    Ok(())
}

fn ids(world: &World, id: Snowflake) -> Value {
    let Some(guild) = world.guilds.get(&id) else {
        return Value::Null;
    };
    let roles: BTreeMap<_, _> = guild
        .roles
        .values()
        .map(|role| (role.name.as_str(), role.id))
        .collect();
    let channels = guild
        .channels
        .iter()
        .filter_map(|id| world.channels.get(id));
    let channels: BTreeMap<_, _> = channels
        .map(|channel| (channel.name.as_str(), channel.id))
        .collect();
    let people = guild.members.keys().filter_map(|id| world.users.get(id));
    let people: BTreeMap<_, _> = people
        .map(|user| (user.username.as_str(), user.id))
        .collect();
    let direct = world.channels.values().filter(|channel| channel.kind == DM);
    let dms: BTreeMap<String, _> = direct
        .filter_map(|channel| Some((channel.recipient?.to_string(), channel.id)))
        .collect();
    json!({"guild_id": id, "roles": roles, "channels": channels, "people": people, "dms": dms})
}

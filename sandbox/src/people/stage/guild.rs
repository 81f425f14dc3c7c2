//! The `guild` action: more guilds, channels, roles and people, who may do what, and who leaves.
//!
//! Everything in one body is done in order; the answer names all that the guild then has. The bot is told of each step
//! as Discord would tell it. Channels and threads are staged in the modules below.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::ask::{Ask, Bad};
use crate::model::guild::{DM, ROLES_MAX, Role};
use crate::snowflake::Snowflake;
use crate::world::World;
use crate::world::fresh;

mod channels;
mod threads;

/// Entries of one list in one request.
const ENTRIES_MAX: usize = 1000;
/// The longest timeout that can be staged: 28 days, in seconds.
const TIMEOUT_MAX_S: u64 = 28 * 24 * 60 * 60;

/// People and bots of the whole sandbox.
const USERS_MAX: usize = 100_000;
/// Guilds of the whole sandbox.
const GUILDS_MAX: usize = 200;
/// Characters of a name.
const NAME_MAX: usize = 100;

/// `guild`
pub(crate) fn guild(world: &mut World, ask: Ask<'_>) -> Result<Value, Bad> {
    let guild = target(world, ask)?;
    if ask.value("name").is_some() {
        let name = name_in(ask)?;
        if let Some(guild) = world.guilds.get_mut(&guild) {
            name.clone_into(&mut guild.name);
        }
        world.guild_updated(guild);
    }
    each(ask, "roles", |entry| add_role(world, guild, entry))?;
    each(ask, "people", |entry| {
        let roles = roles(world, guild, entry)?;
        let (name, bot) = (name_in(entry)?, entry.flag("bot")?);
        if world.users.len() >= USERS_MAX {
            return Err(entry.bad("name", format!("there are {USERS_MAX} people already")));
        }
        let user = fresh::add_user(world, name, bot);
        world.join_guild(guild, user, roles);
        describe(world, guild, user, entry)
    })?;
    each(ask, "members", |entry| member(world, guild, entry))?;
    each(ask, "channels", |entry| channels::add(world, guild, entry))?;
    each(ask, "overwrites", |entry| {
        channels::overwrite(world, guild, entry)
    })?;
    each(ask, "role_permissions", |entry| {
        let (id, bits) = (role_id(world, guild, entry)?, entry.bits("permissions")?);
        world.change_role(guild, id, |role| role.permissions = bits);
        Ok(())
    })?;
    each(ask, "role_positions", |entry| {
        let (id, position) = (role_id(world, guild, entry)?, entry.number("position")?);
        let position = position.ok_or_else(|| entry.bad("position", "it is required"))?;
        world.place_roles(guild, &[(id, position)]);
        Ok(())
    })?;
    each(ask, "threads", |entry| threads::stage(world, guild, entry))?;
    each(ask, "dms", |entry| {
        let user = known_user(world, entry)?;
        world.dm_with(user);
        Ok(())
    })?;
    each(ask, "leave", |entry| {
        let user = entry.id("user_id")?;
        if world.leave_guild(guild, user) {
            Ok(())
        } else {
            Err(entry.bad("user_id", "the user is not in the guild"))
        }
    })?;
    each(ask, "delete_channels", |entry| {
        channels::delete(world, guild, entry)
    })?;
    each(ask, "delete_roles", |entry| {
        let id = role_id(world, guild, entry)?;
        if id == guild {
            return Err(entry.bad("role_id", "@everyone cannot be deleted"));
        }
        world.remove_role(guild, id);
        Ok(())
    })?;
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
        let name = name_in(new)?;
        if world.guilds.len() >= GUILDS_MAX {
            return Err(new.bad("name", format!("there are {GUILDS_MAX} guilds already")));
        }
        let id = fresh::add_guild(world, name, owner, with_bot);
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

fn add_role(world: &mut World, guild: Snowflake, entry: Ask<'_>) -> Result<(), Bad> {
    let (name, bits) = (name_in(entry)?, entry.bits("permissions")?);
    let held = world.guilds.get(&guild).map_or(0, |g| g.roles.len());
    if held >= ROLES_MAX {
        return Err(entry.bad("name", format!("the guild has {ROLES_MAX} roles already")));
    }
    let color = u32::try_from(entry.number("color")?.unwrap_or(0)).unwrap_or(0);
    let (hoist, mentionable) = (entry.flag("hoist")?, entry.value("mentionable"));
    let id = fresh::add_role(world, guild, name, bits, color);
    let found = world.guilds.get_mut(&guild);
    if let Some(role) = found.and_then(|guild| guild.roles.get_mut(&id)) {
        role.hoist = hoist;
        role.mentionable = mentionable.is_none_or(|value| value.as_bool() == Some(true));
        let d = json!({"guild_id": guild, "role": role.json()});
        world.publish_guild("GUILD_ROLE_CREATE", guild, d);
    }
    Ok(())
}

/// Adds someone who exists, or changes what is named of a member.
fn member(world: &mut World, guild: Snowflake, entry: Ask<'_>) -> Result<(), Bad> {
    let user = known_user(world, entry)?;
    let wanted = roles(world, guild, entry)?;
    let found = world.guilds.get(&guild);
    if found.is_some_and(|guild| guild.members.contains_key(&user)) {
        if entry.value("roles").is_some() {
            world.change_member(guild, user, |member| member.roles = wanted);
        }
    } else if user == world.application.id {
        fresh::add_bot(world, guild);
        world.announce_guild(guild);
    } else {
        world.join_guild(guild, user, wanted);
    }
    describe(world, guild, user, entry)
}

/// Nickname, timeout and whether they take direct messages.
fn describe(
    world: &mut World,
    guild: Snowflake,
    user: Snowflake,
    entry: Ask<'_>,
) -> Result<(), Bad> {
    let nick = short(entry, "nick", NAME_MAX)?.map(str::to_owned);
    if entry.map.contains_key("nick") {
        world.change_member(guild, user, |member| member.nick = nick);
    }
    if let Some(seconds) = entry.number("timeout_s")? {
        if seconds > TIMEOUT_MAX_S {
            return Err(entry.bad("timeout_s", format!("at most {TIMEOUT_MAX_S}")));
        }
        let until_ms = world.now_ms().saturating_add(seconds * 1000);
        let until_ms = (seconds > 0).then_some(until_ms);
        world.change_member(guild, user, |member| member.timed_out_until_ms = until_ms);
    }
    let refuses = entry.flag("refuses_dms")?;
    let stated = entry.value("refuses_dms").is_some();
    if let Some(user) = world.users.get_mut(&user).filter(|_| stated) {
        user.refuses_dms = refuses;
    }
    Ok(())
}

/// The name that something gets.
fn name_in<'a>(entry: Ask<'a>) -> Result<&'a str, Bad> {
    let name = short(entry, "name", NAME_MAX)?;
    let name = name.filter(|name| !name.is_empty());
    name.ok_or_else(|| entry.bad("name", format!("it must have 1 to {NAME_MAX} characters")))
}

/// A text of at most so many characters.
fn short<'a>(entry: Ask<'a>, key: &str, chars_max: usize) -> Result<Option<&'a str>, Bad> {
    let text = entry.optional_text(key)?;
    match text.filter(|text| text.chars().count() > chars_max) {
        Some(_) => Err(entry.bad(key, format!("it must have at most {chars_max} characters"))),
        None => Ok(text),
    }
}

fn known_user(world: &World, entry: Ask<'_>) -> Result<Snowflake, Bad> {
    let user = entry.id("user_id")?;
    if world.users.contains_key(&user) {
        Ok(user)
    } else {
        Err(entry.bad("user_id", "there is no such user"))
    }
}

fn role_id(world: &World, guild: Snowflake, entry: Ask<'_>) -> Result<Snowflake, Bad> {
    let id = entry.id("role_id")?;
    let found = world.guilds.get(&guild);
    if found.is_some_and(|guild| guild.roles.contains_key(&id)) {
        Ok(id)
    } else {
        Err(entry.bad("role_id", "the guild has no such role"))
    }
}

/// Roles by id or by name.
fn roles(world: &World, guild: Snowflake, entry: Ask<'_>) -> Result<Vec<Snowflake>, Bad> {
    let Some(guild) = world.guilds.get(&guild) else {
        return Ok(Vec::new());
    };
    let find = |value: &Value| {
        let text = value.as_str()?;
        let named = |role: &&Role| role.name == text || role.id.to_string() == text;
        guild.roles.values().find(named).map(|role| role.id)
    };
    let found = entry.list("roles")?.iter().map(|value| {
        find(value).ok_or_else(|| entry.bad("roles", format!("the guild has no role {value}")))
    });
    found.collect()
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
    let named = |ids: &mut dyn Iterator<Item = &Snowflake>| -> BTreeMap<String, Snowflake> {
        ids.filter_map(|id| world.channels.get(id))
            .map(|channel| (channel.name.clone(), channel.id))
            .collect()
    };
    let people = guild.members.keys().filter_map(|id| world.users.get(id));
    let people: BTreeMap<_, _> = people
        .map(|user| (user.username.as_str(), user.id))
        .collect();
    let direct = world.channels.values().filter(|channel| channel.kind == DM);
    let dms: BTreeMap<String, _> = direct
        .filter_map(|channel| Some((channel.recipient?.to_string(), channel.id)))
        .collect();
    json!({
        "guild_id": id, "roles": roles, "people": people, "dms": dms,
        "channels": named(&mut guild.channels.iter()),
        "threads": named(&mut guild.active_threads.iter()),
    })
}

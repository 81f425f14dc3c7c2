//! Permission overwrites of channels: reading, setting and deleting them, and who may.

use serde_json::Value;

use crate::error::{
    ApiError, DM_CHANNEL, Form, MISSING_PERMISSIONS, UNKNOWN_OVERWRITE, UNKNOWN_ROLE, UNKNOWN_USER,
    WRONG_CHANNEL,
};
use crate::field::{Fields, as_bits, not_object};
use crate::model::guild::permissions::{ALL, MANAGE_ROLES, in_guild};
use crate::model::guild::{Channel, Overwrite, Whose};
use crate::rest::access;
use crate::rest::call::{Call, Reply};
use crate::snowflake::Snowflake;
use crate::world::World;

/// Overwrites of a channel.
const OVERWRITES_MAX: usize = 100;

/// `PUT /channels/{channel_id}/permissions/{overwrite_id}`
pub(crate) fn set(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let (id, target) = (call.id("channel_id")?, call.id("overwrite_id")?);
    let guild = own_guild(access::channel(world, id, MANAGE_ROLES)?)?;
    let mut form = Form::default();
    let body = Fields::new(call.object()?, "");
    let whose = read_whose(body, &mut form);
    let overwrite = Overwrite {
        id: target,
        whose,
        allow: bits(body, &mut form, "allow"),
        deny: bits(body, &mut form, "deny"),
    };
    form.finish()?;
    let is_role = world
        .guilds
        .get(&guild)
        .is_some_and(|guild| guild.roles.contains_key(&target));
    match whose {
        Whose::Role if !is_role => return Err(UNKNOWN_ROLE.into()),
        Whose::Member if !world.users.contains_key(&target) => return Err(UNKNOWN_USER.into()),
        Whose::Role | Whose::Member => {}
    }
    let channel = access::channel(world, id, MANAGE_ROLES)?;
    let mut wanted = channel.overwrites.clone();
    wanted.retain(|known| known.id != target);
    wanted.push(overwrite);
    check(world, guild, Some(channel), &wanted)?;
    store(world, guild, id, wanted);
    Ok(Reply::none())
}

/// `DELETE /channels/{channel_id}/permissions/{overwrite_id}`
pub(crate) fn delete(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let (id, target) = (call.id("channel_id")?, call.id("overwrite_id")?);
    let channel = access::channel(world, id, MANAGE_ROLES)?;
    let guild = own_guild(channel)?;
    let mut wanted = channel.overwrites.clone();
    wanted.retain(|known| known.id != target);
    if wanted.len() == channel.overwrites.len() {
        return Err(UNKNOWN_OVERWRITE.into());
    }
    check(world, guild, Some(channel), &wanted)?;
    store(world, guild, id, wanted);
    Ok(Reply::none())
}

fn own_guild(channel: &Channel) -> Result<Snowflake, ApiError> {
    match channel.guild {
        // A thread has the overwrites of its parent and none of its own.
        Some(_) if channel.thread.is_some() => Err(WRONG_CHANNEL.into()),
        Some(guild) => Ok(guild),
        None => Err(DM_CHANNEL.into()),
    }
}

fn store(world: &mut World, guild: Snowflake, id: Snowflake, overwrites: Vec<Overwrite>) {
    world.change_rights(guild, |world| {
        if let Some(channel) = world.channels.get_mut(&id) {
            channel.overwrites = overwrites;
        }
        world.channel_updated(id);
    });
}

/// Refuses overwrites that touch a right which the bot itself lacks, in the guild or in the channel.
pub(super) fn check(
    world: &World,
    guild: Snowflake,
    channel: Option<&Channel>,
    wanted: &[Overwrite],
) -> Result<(), ApiError> {
    let bot = world.application.id;
    let base = world.guilds.get(&guild);
    let base = base.map_or(0, |guild| in_guild(guild, bot, world.now_ms()));
    let here = channel.map_or(0, |channel| world.permissions(bot, channel));
    let known = channel.map(|channel| channel.overwrites.as_slice());
    let known = known.unwrap_or_default();
    let touched = |list: &[Overwrite], other: &[Overwrite]| {
        list.iter().fold(0, |bits, one| {
            let same = other.iter().find(|other| other.id == one.id);
            let (allow, deny) = same.map_or((0, 0), |same| (same.allow, same.deny));
            bits | (one.allow ^ allow) | (one.deny ^ deny)
        })
    };
    let changed = touched(wanted, known) | touched(known, wanted);
    // Bits that Discord has not given a meaning are nobody's to lack.
    if changed & ALL & !(base | here) == 0 {
        Ok(())
    } else {
        Err(MISSING_PERMISSIONS.into())
    }
}

/// The `permission_overwrites` of a body.
pub(super) fn read_list(body: Fields<'_>, form: &mut Form) -> Option<Vec<Overwrite>> {
    let list = body.list(form, "permission_overwrites", 0..=OVERWRITES_MAX)?;
    let mut overwrites: Vec<Overwrite> = Vec::new();
    for (index, entry) in list.iter().enumerate() {
        let path = body.path(&format!("permission_overwrites.{index}"));
        let Some(map) = entry.as_object() else {
            not_object(form, &path);
            continue;
        };
        let fields = Fields::new(map, &path);
        if fields.value("id").is_none() {
            fields.missing(form, "id");
        }
        let Some(id) = fields.id(form, "id") else {
            continue;
        };
        overwrites.retain(|known| known.id != id);
        overwrites.push(Overwrite {
            id,
            whose: read_whose(fields, form),
            allow: bits(fields, form, "allow"),
            deny: bits(fields, form, "deny"),
        });
    }
    Some(overwrites)
}

fn read_whose(body: Fields<'_>, form: &mut Form) -> Whose {
    // Old clients still write the words.
    match body.value("type").and_then(Value::as_str) {
        Some("member") => return Whose::Member,
        Some("role") => return Whose::Role,
        Some(_) | None => {}
    }
    match body.integer(form, "type", 0..=1) {
        Some(1) => Whose::Member,
        Some(_) | None => Whose::Role,
    }
}

/// Permission bits of a body, as a string or a number; none when absent.
pub(in crate::rest) fn bits(body: Fields<'_>, form: &mut Form, key: &str) -> u64 {
    let Some(value) = body.value(key) else {
        return 0;
    };
    as_bits(value).unwrap_or_else(|| {
        let path = body.path(key);
        form.fault(&path, "NUMBER_TYPE_COERCE", "Value is not int.");
        0
    })
}

//! The permissions that a guild's admins give and take for commands: read by the bot, written by a person.

use super::access;
use super::call::{Call, Caller, Reply};
use crate::error::{
    ApiError, Form, MISSING_PERMISSIONS, NOT_FOR_BOTS, UNKNOWN_APPLICATION, UNKNOWN_COMMAND,
    UNKNOWN_OVERRIDES,
};
use crate::field::{Fields, join, not_object};
use crate::model::commands::access::{OVERRIDES_MAX, Override, Whom};
use crate::model::guild::permissions::{MANAGE_GUILD, MANAGE_ROLES, in_guild};
use crate::snowflake::Snowflake;
use crate::world::World;

/// `GET /applications/{application_id}/guilds/{guild_id}/commands/permissions`
pub(crate) fn list(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let guild = guild(world, call)?;
    let targets = world.commands.overrides.targets(guild);
    let shown = targets
        .into_iter()
        .map(|target| world.overrides_json(guild, target));
    Ok(Reply::ok(shown.collect()))
}

/// `GET /applications/{application_id}/guilds/{guild_id}/commands/{command_id}/permissions`
pub(crate) fn read(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let (guild, target) = (guild(world, call)?, target(world, call)?);
    if world.commands.overrides.of(guild, target).is_empty() {
        return Err(UNKNOWN_OVERRIDES.into());
    }
    Ok(Reply::ok(world.overrides_json(guild, target)))
}

/// `PUT /applications/{application_id}/guilds/{guild_id}/commands/{command_id}/permissions`
pub(crate) fn replace(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let Caller::Person(user) = call.caller else {
        return Err(NOT_FOR_BOTS.into());
    };
    let (guild, target) = (guild(world, call)?, target(world, call)?);
    let may = world.guilds.get(&guild).is_some_and(|guild| {
        let needed = MANAGE_GUILD | MANAGE_ROLES;
        in_guild(guild, user, world.now_ms()) & needed == needed
    });
    if !may {
        return Err(MISSING_PERMISSIONS.into());
    }
    let mut form = Form::default();
    let read = read_overrides(Fields::new(call.object()?, ""), &mut form);
    form.finish()?;
    world.commands.overrides.set(guild, target, read);
    let d = world.overrides_json(guild, target);
    world.publish_guild("APPLICATION_COMMAND_PERMISSIONS_UPDATE", guild, d.clone());
    world.structure_changed();
    Ok(Reply::ok(d))
}

fn read_overrides(body: Fields<'_>, form: &mut Form) -> Vec<Override> {
    let list = body.list(form, "permissions", 0..=OVERRIDES_MAX);
    if body.value("permissions").is_none() {
        body.missing(form, "permissions");
    }
    let mut read: Vec<Override> = Vec::new();
    for (index, value) in list.into_iter().flatten().enumerate() {
        let path = join(&body.path("permissions"), index);
        let Some(map) = value.as_object() else {
            not_object(form, &path);
            continue;
        };
        let fields = Fields::new(map, &path);
        for key in ["id", "type", "permission"] {
            if fields.value(key).is_none() {
                fields.missing(form, key);
            }
        }
        let id = fields.id(form, "id");
        let whom = fields.integer(form, "type", 1..=3).and_then(Whom::numbered);
        let allow = fields.flag(form, "permission");
        let (Some(id), Some(whom), Some(allow)) = (id, whom, allow) else {
            continue;
        };
        read.retain(|known| known.id != id);
        read.push(Override { id, whom, allow });
    }
    read
}

fn guild(world: &World, call: &Call) -> Result<Snowflake, ApiError> {
    if call.id("application_id")? != world.application.id {
        return Err(UNKNOWN_APPLICATION.into());
    }
    Ok(access::guild(world, call.id("guild_id")?)?.id)
}

/// A command that exists in the guild, or the application for all of them.
fn target(world: &World, call: &Call) -> Result<Snowflake, ApiError> {
    let (guild, id) = (call.id("guild_id")?, call.id("command_id")?);
    let known = id == world.application.id
        || world.commands.find(Some(guild), id).is_some()
        || world.commands.find(None, id).is_some();
    if known {
        Ok(id)
    } else {
        Err(UNKNOWN_COMMAND.into())
    }
}

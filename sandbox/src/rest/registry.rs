//! Registration of application commands, globally and per guild.

use serde_json::{Map, Value};

use super::access;
use super::call::{Call, Reply};
use crate::error::{
    ApiError, Form, TOO_MANY_COMMANDS, TOO_MANY_CREATES, UNKNOWN_APPLICATION, UNKNOWN_COMMAND,
};
use crate::model::commands::{
    Command, ENTRY_POINT, MENU_MAX, MESSAGE_MENU, Registration, SLASH, SLASH_MAX, USER_MENU, check,
    locales, most_of,
};
use crate::snowflake::Snowflake;
use crate::world::World;

/// `GET .../commands`
pub(crate) fn list(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let scope = scope(world, call)?;
    let mut shown = all(world, scope);
    if !call.query_flag("with_localizations") {
        let commands = shown.as_array_mut();
        commands.into_iter().flatten().for_each(locales::strip);
    }
    Ok(Reply::ok(shown))
}

/// `PUT .../commands`
pub(crate) fn replace(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let scope = scope(world, call)?;
    let mut form = Form::default();
    let mut list: Vec<Registration> = Vec::new();
    for (index, value) in call
        .list()?
        .iter()
        .enumerate()
        .take(SLASH_MAX + 3 * MENU_MAX)
    {
        let path = index.to_string();
        let Some(new) = check::command(value, &path, &mut form) else {
            continue;
        };
        if list
            .iter()
            .any(|known| known.kind == new.kind && known.name == new.name)
        {
            let message = "Application command names must be unique";
            form.fault(
                &format!("{path}.name"),
                "APPLICATION_COMMANDS_DUPLICATE_NAME",
                message,
            );
        }
        list.push(new);
    }
    form.finish()?;
    for kind in [SLASH, USER_MENU, MESSAGE_MENU, ENTRY_POINT] {
        if list.iter().filter(|new| new.kind == kind).count() > most_of(kind) {
            return Err(TOO_MANY_COMMANDS.into());
        }
    }
    let is_new = |new: &&Registration| world.commands.replaced(scope, new).is_none();
    let count = list.iter().filter(is_new).count();
    count_creates(world, scope, count)?;
    let mut commands = std::mem::take(&mut world.commands);
    commands.replace(scope, list, || world.next_id());
    world.commands = commands;
    world.structure_changed();
    Ok(Reply::ok(all(world, scope)))
}

/// `POST .../commands`
pub(crate) fn create(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let scope = scope(world, call)?;
    let new = checked(&call.body)?;
    let known = world
        .commands
        .list(scope)
        .iter()
        .any(|c| c.kind == new.kind && c.name == new.name);
    if !known {
        if !world.commands.has_room(scope, new.kind) {
            return Err(TOO_MANY_COMMANDS.into());
        }
        count_creates(world, scope, 1)?;
    }
    let mut commands = std::mem::take(&mut world.commands);
    let (id, is_new) = commands.upsert(scope, new, || world.next_id());
    world.commands = commands;
    world.structure_changed();
    let body = find(world, scope, id)?.json(world.application.id);
    Ok(if is_new {
        Reply::created(body)
    } else {
        Reply::ok(body)
    })
}

/// `GET .../commands/{command_id}`
pub(crate) fn read(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let scope = scope(world, call)?;
    Ok(Reply::ok(
        find(world, scope, call.id("command_id")?)?.json(world.application.id),
    ))
}

/// `PATCH .../commands/{command_id}`
pub(crate) fn change(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let scope = scope(world, call)?;
    let id = call.id("command_id")?;
    let before = find(world, scope, id)?;
    let mut merged: Map<String, Value> = before.body.clone();
    merged.extend(
        call.object()?
            .iter()
            .map(|(key, value)| (key.clone(), value.clone())),
    );
    // The kind of a command is fixed when it is made.
    merged.insert("type".into(), before.kind.into());
    let new = checked(&Value::Object(merged))?;
    let taken = |c: &Command| c.id != id && c.kind == new.kind && c.name == new.name;
    if world.commands.list(scope).iter().any(taken) {
        let message = "Application command names must be unique";
        return Err(ApiError::form(
            "name",
            "APPLICATION_COMMANDS_DUPLICATE_NAME",
            message,
        ));
    }
    let mut commands = std::mem::take(&mut world.commands);
    commands.change(scope, id, new, || world.next_id());
    world.commands = commands;
    world.structure_changed();
    Ok(Reply::ok(
        find(world, scope, id)?.json(world.application.id),
    ))
}

/// `DELETE .../commands/{command_id}`
pub(crate) fn delete(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let scope = scope(world, call)?;
    if !world.commands.remove(scope, call.id("command_id")?) {
        return Err(UNKNOWN_COMMAND.into());
    }
    world.structure_changed();
    Ok(Reply::none())
}

fn scope(world: &World, call: &Call) -> Result<Option<Snowflake>, ApiError> {
    if call.id("application_id")? != world.application.id {
        return Err(UNKNOWN_APPLICATION.into());
    }
    if call.text("guild_id").is_empty() {
        return Ok(None);
    }
    Ok(Some(access::guild(world, call.id("guild_id")?)?.id))
}

fn count_creates(
    world: &mut World,
    scope: Option<Snowflake>,
    count: usize,
) -> Result<(), ApiError> {
    let now_ms = world.now_ms();
    let counted = world.commands.count_creates(scope, count, now_ms);
    Ok(counted.map_err(|_| TOO_MANY_CREATES)?)
}

fn checked(value: &Value) -> Result<Registration, ApiError> {
    let mut form = Form::default();
    let new = check::command(value, "", &mut form);
    form.finish()?;
    // A command without a fault is always there; the error only keeps this total.
    Ok(new.ok_or(UNKNOWN_COMMAND)?)
}

fn find(world: &World, scope: Option<Snowflake>, id: Snowflake) -> Result<&Command, ApiError> {
    Ok(world.commands.find(scope, id).ok_or(UNKNOWN_COMMAND)?)
}

fn all(world: &World, scope: Option<Snowflake>) -> Value {
    world
        .commands
        .list(scope)
        .iter()
        .map(|command| command.json(world.application.id))
        .collect()
}

//! Clicking buttons and choosing from selects.

use serde_json::{Map, Value, json};

use super::act::Place;
use super::ask::{Ask, Bad};
use super::command::Resolved;
use crate::model::guild::with;
use crate::model::interaction::Kind;
use crate::model::message::components::{BUTTON, CHANNEL_SELECT, STRING_SELECT, find};
use crate::snowflake::Snowflake;
use crate::world::World;
use crate::world::interactions::Start;

const USER_SELECT: u64 = 5;
const ROLE_SELECT: u64 = 6;

/// `click`
pub(crate) fn click(world: &mut World, ask: Ask<'_>) -> Result<Value, Bad> {
    let place = Place::read(world, ask)?;
    let (message, component) = component(world, place, ask)?;
    if kind_of(component) != BUTTON {
        return Err(ask.bad("custom_id", "this is not a button"));
    }
    let data = json!({"custom_id": ask.text("custom_id")?, "component_type": BUTTON, "id": component.get("id")});
    start(world, place, message, ask, data)
}

/// `select`
pub(crate) fn select(world: &mut World, ask: Ask<'_>) -> Result<Value, Bad> {
    let place = Place::read(world, ask)?;
    let (message, component) = component(world, place, ask)?;
    let kind = kind_of(component);
    if !(STRING_SELECT..=CHANNEL_SELECT).contains(&kind) || kind == 4 {
        return Err(ask.bad("custom_id", "this is not a select"));
    }
    let values = ask.list("values")?;
    let bound = |key: &str, default| {
        component
            .get(key)
            .and_then(Value::as_u64)
            .unwrap_or(default)
    };
    let count = u64::try_from(values.len()).unwrap_or(u64::MAX);
    let (least, most) = (bound("min_values", 1), bound("max_values", 1));
    if !(least..=most).contains(&count) {
        return Err(ask.bad("values", format!("there must be {least} to {most} of them")));
    }
    let mut resolved = Resolved::default();
    choose(world, place, component, values, &mut resolved)
        .map_err(|text| ask.bad("values", text))?;
    let custom_id = ask.text("custom_id")?;
    let mut data = json!({"custom_id": custom_id, "component_type": kind, "id": component.get("id"), "values": values});
    if let Some(resolved) = resolved.json() {
        data = with(data, "resolved", resolved);
    }
    start(world, place, message, ask, data)
}

/// Checks what someone chose from a select, in a message or in a modal, and names the entities among it.
pub(super) fn choose(
    world: &World,
    place: Place,
    select: &Map<String, Value>,
    values: &[Value],
    resolved: &mut Resolved,
) -> Result<(), String> {
    let kind = kind_of(select);
    for (index, value) in values.iter().enumerate() {
        if values.iter().take(index).any(|earlier| earlier == value) {
            return Err("a value is chosen twice".to_owned());
        }
        if kind == STRING_SELECT {
            if !offers(select, value) {
                return Err("a value is not among the options".to_owned());
            }
        } else {
            name(world, place, kind, value, resolved)?;
        }
        if kind == CHANNEL_SELECT {
            check_channel(world, select, value)?;
        }
    }
    Ok(())
}

/// Whether a value is one of the options.
pub(super) fn offers(select: &Map<String, Value>, value: &Value) -> bool {
    let options = select.get("options").and_then(Value::as_array);
    let mut options = options.into_iter().flatten();
    options.any(|option| option.get("value") == Some(value))
}

/// Whether a channel is of the types that a select or an option wants.
pub(super) fn check_channel(
    world: &World,
    wanted: &Map<String, Value>,
    value: &Value,
) -> Result<(), String> {
    let types = wanted.get("channel_types").and_then(Value::as_array);
    let Some(types) = types.filter(|types| !types.is_empty()) else {
        return Ok(());
    };
    let channel = crate::field::as_id(value).and_then(|id| world.channels.get(&id));
    let fits = channel.is_some_and(|channel| types.contains(&json!(channel.kind)));
    if fits {
        Ok(())
    } else {
        Err("the channel is not of a type that is asked for".to_owned())
    }
}

fn component<'a>(
    world: &'a World,
    place: Place,
    ask: Ask<'_>,
) -> Result<(Snowflake, &'a Map<String, Value>), Bad> {
    let id = ask.id("message_id")?;
    let message = world
        .channels
        .get(&place.channel)
        .and_then(|channel| channel.messages.get(&id));
    let seen = message
        .filter(|m| m.deleted_ms.is_none() && m.only_for.is_none_or(|who| who == place.user));
    let message = seen.ok_or_else(|| {
        ask.bad(
            "message_id",
            "the user sees no such message in this channel",
        )
    })?;
    let component = find(&message.components, ask.text("custom_id")?);
    let component =
        component.ok_or_else(|| ask.bad("custom_id", "the message has no such component"))?;
    if component.get("disabled") == Some(&Value::Bool(true)) {
        return Err(ask.bad("custom_id", "the component is disabled"));
    }
    Ok((id, component))
}

fn kind_of(component: &Map<String, Value>) -> u64 {
    component.get("type").and_then(Value::as_u64).unwrap_or(0)
}

fn name(
    world: &World,
    place: Place,
    kind: u64,
    value: &Value,
    resolved: &mut Resolved,
) -> Result<(), String> {
    let id = crate::field::as_id(value).ok_or("a value is not an id")?;
    match kind {
        USER_SELECT => resolved.user(world, place, id),
        ROLE_SELECT => resolved.role(world, place, id),
        CHANNEL_SELECT => resolved.channel(world, place, id),
        _ => resolved
            .role(world, place, id)
            .or_else(|_| resolved.user(world, place, id)),
    }
}

fn start(
    world: &mut World,
    place: Place,
    message: Snowflake,
    ask: Ask<'_>,
    data: Value,
) -> Result<Value, Bad> {
    let label = ask.text("custom_id")?.to_owned();
    let Place { user, channel, .. } = place;
    let start = Start {
        kind: Kind::Component,
        user,
        channel,
        label,
        data,
        source: Some(message),
        opener: None,
        menu: None,
    };
    Ok(json!({"interaction_id": world.start_interaction(start)}))
}

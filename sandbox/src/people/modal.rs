//! Modals as people see them: open, filled in and sent, or closed.

use serde_json::{Map, Value, json};

use super::act::Place;
use super::ask::{Ask, Bad};
use super::command::Resolved;
use super::{files, html, pick};
use crate::model::guild::with;
use crate::model::interaction::modal::{
    CHECKBOX, CHECKBOX_GROUP, FILE_UPLOAD, RADIO_GROUP, TEXT_INPUT,
};
use crate::model::interaction::{Answer, Kind};
use crate::world::World;
use crate::world::interactions::Start;

/// Characters that a text input takes when it names no bound.
const TEXT_MAX: u64 = 4000;
/// Files that can come with one modal: five uploads of ten.
const FILES_MAX: usize = 50;

/// `modal_open`
pub(crate) fn open(world: &mut World, ask: Ask<'_>) -> Result<Value, Bad> {
    let user = ask.id("user_id")?;
    let nothing = json!({"modal": null, "interaction_id": null});
    let Some(open) = world.open_modal(user) else {
        return Ok(nothing);
    };
    let Some(Answer::Modal(modal)) = &open.answer else {
        return Ok(nothing);
    };
    let mut modal = modal.clone();
    if ask.flag("html")? {
        let channel = world.channels.get(&open.channel);
        let place = Place {
            user,
            channel: open.channel,
            guild: channel.and_then(|channel| channel.guild),
        };
        html::annotate_modal(world, place, &mut modal);
    }
    Ok(json!({"modal": modal, "interaction_id": open.id}))
}

/// `modal_close`
pub(crate) fn close(world: &mut World, ask: Ask<'_>) -> Result<Value, Bad> {
    world.close_modals_of(ask.id("user_id")?);
    Ok(json!({}))
}

/// `modal_submit`
pub(crate) fn submit(world: &mut World, ask: Ask<'_>) -> Result<Value, Bad> {
    let user = ask.id("user_id")?;
    let opener = world.open_modal(user).cloned();
    let Some((opener, Some(Answer::Modal(shown)))) = opener.map(|o| (o.clone(), o.answer)) else {
        return Err(ask.bad("user_id", "no modal is open for this user"));
    };
    let none = Map::new();
    let fields = match ask.value("fields") {
        Some(Value::Object(map)) => map,
        Some(_) => return Err(ask.bad("fields", "it must be an object")),
        None => &none,
    };
    let channel = world.channels.get(&opener.channel);
    let place = Place {
        user,
        channel: opener.channel,
        guild: channel.and_then(|channel| channel.guild),
    };
    let mut resolved = Resolved::with_ids(world.reserve_ids(FILES_MAX));
    let components = Filling {
        world,
        place,
        fields,
        resolved: &mut resolved,
    }
    .all(&shown)?;
    resolved.store(world, place.channel);
    let custom_id = shown.get("custom_id").and_then(Value::as_str);
    let custom_id = custom_id.unwrap_or_default().to_owned();
    let mut data = json!({"custom_id": custom_id, "components": components});
    if let Some(resolved) = resolved.json() {
        data = with(data, "resolved", resolved);
    }
    let start = Start {
        kind: Kind::ModalSubmit,
        user,
        channel: opener.channel,
        label: custom_id,
        data,
        source: opener.source,
        opener: Some(opener.id),
        menu: None,
    };
    Ok(json!({"interaction_id": world.start_interaction(start)}))
}

/// Someone filling in a modal.
struct Filling<'a> {
    world: &'a World,
    place: Place,
    fields: &'a Map<String, Value>,
    resolved: &'a mut Resolved,
}

impl Filling<'_> {
    /// The `components` of the submission.
    fn all(mut self, modal: &Value) -> Result<Value, Bad> {
        let mut known = Vec::new();
        let mut filled = Vec::new();
        let list = modal.get("components").and_then(Value::as_array);
        for component in list.into_iter().flatten() {
            let (kind, id) = (component.get("type"), component.get("id"));
            let row = component.get("components").and_then(|list| list.get(0));
            let shell = json!({"type": kind, "id": id});
            filled.push(match (row, component.get("component")) {
                (Some(input), _) => {
                    let input = self.input(input, &mut known)?;
                    with(shell, "components", json!([input]))
                }
                (None, Some(input)) => with(shell, "component", self.input(input, &mut known)?),
                (None, None) => shell,
            });
        }
        match self.fields.keys().find(|key| !known.contains(key)) {
            Some(unknown) => Err(Bad::field(
                format!("fields.{unknown}"),
                "the modal has no such field",
            )),
            None => Ok(Value::Array(filled)),
        }
    }

    fn input(&mut self, input: &Value, known: &mut Vec<String>) -> Result<Value, Bad> {
        let custom_id = input.get("custom_id").and_then(Value::as_str);
        let custom_id = custom_id.unwrap_or_default().to_owned();
        let kind = input.get("type").and_then(Value::as_u64).unwrap_or(0);
        let path = format!("fields.{custom_id}");
        let given = self.fields.get(&custom_id).filter(|value| !value.is_null());
        let filled = json!({"type": kind, "id": input.get("id"), "custom_id": custom_id});
        known.push(custom_id);
        let Some(input) = input.as_object() else {
            return Ok(filled);
        };
        if kind == FILE_UPLOAD {
            let ids = self.files(input, given, &path)?;
            return Ok(with(filled, "values", ids));
        }
        let (key, value) = match kind {
            TEXT_INPUT => ("value", text(input, given)),
            CHECKBOX => ("value", tick(input, given)),
            RADIO_GROUP => ("value", one_of(input, given)),
            CHECKBOX_GROUP => ("values", some_of(input, given)),
            _ => ("values", self.chosen(input, given)),
        };
        let value = value.map_err(|text| Bad::field(path, text))?;
        Ok(with(filled, key, value))
    }

    fn files(
        &mut self,
        input: &Map<String, Value>,
        given: Option<&Value>,
        path: &str,
    ) -> Result<Value, Bad> {
        let list = listed(given);
        check_count(input, list.len()).map_err(|text| Bad::field(path, text))?;
        let mut ids = Vec::with_capacity(list.len());
        for (slot, value) in (0..).zip(&list) {
            let upload = files::upload(value, &format!("{path}.{slot}"), slot)?;
            let id = self.resolved.file(upload);
            ids.push(id.ok_or_else(|| Bad::field(path, "these are too many files"))?);
        }
        Ok(json!(ids))
    }

    fn chosen(
        &mut self,
        input: &Map<String, Value>,
        given: Option<&Value>,
    ) -> Result<Value, String> {
        let values = match given {
            Some(_) => listed(given),
            None => preset(input),
        };
        check_count(input, values.len())?;
        pick::choose(self.world, self.place, input, &values, self.resolved)?;
        Ok(Value::Array(values))
    }
}

/// A single value counts as a list of one.
fn listed(given: Option<&Value>) -> Vec<Value> {
    match given {
        Some(Value::Array(list)) => list.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    }
}

/// What is chosen when a modal opens: options marked so, and default values.
fn preset(input: &Map<String, Value>) -> Vec<Value> {
    let list = |key: &str| {
        input
            .get(key)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    let marked = list("options").filter(|option| option.get("default") == Some(&json!(true)));
    let options = marked.filter_map(|option| option.get("value"));
    let entities = list("default_values").filter_map(|value| value.get("id"));
    options.chain(entities).cloned().collect()
}

fn is_required(input: &Map<String, Value>) -> bool {
    input.get("required") != Some(&Value::Bool(false))
}

fn check_count(input: &Map<String, Value>, count: usize) -> Result<(), String> {
    let bound = |key: &str| input.get(key).and_then(Value::as_u64).unwrap_or(1);
    let (least, most) = (bound("min_values"), bound("max_values"));
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    if count == 0 && !is_required(input) {
        return Ok(());
    }
    if count == 0 && least > 0 {
        return Err("it is required".to_owned());
    }
    if (least..=most).contains(&count) {
        Ok(())
    } else {
        Err(format!("there must be {least} to {most} of them"))
    }
}

fn text(input: &Map<String, Value>, given: Option<&Value>) -> Result<Value, String> {
    let text = match given {
        Some(value) => value.as_str().ok_or("it must be a string")?,
        None => input
            .get("value")
            .and_then(Value::as_str)
            .unwrap_or_default(),
    };
    let chars = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
    let bound = |key: &str| input.get(key).and_then(Value::as_u64);
    if chars == 0 {
        return if is_required(input) {
            Err("it is required".to_owned())
        } else {
            Ok(json!(text))
        };
    }
    let (least, most) = (
        bound("min_length").unwrap_or(0),
        bound("max_length").unwrap_or(TEXT_MAX),
    );
    if (least..=most).contains(&chars) {
        Ok(json!(text))
    } else {
        Err(format!("it must have {least} to {most} characters"))
    }
}

fn tick(input: &Map<String, Value>, given: Option<&Value>) -> Result<Value, String> {
    match given {
        Some(Value::Bool(ticked)) => Ok(json!(ticked)),
        Some(_) => Err("it must be true or false".to_owned()),
        None => Ok(json!(input.get("default") == Some(&json!(true)))),
    }
}

fn one_of(input: &Map<String, Value>, given: Option<&Value>) -> Result<Value, String> {
    let value = given.cloned().or_else(|| preset(input).into_iter().next());
    match value {
        Some(value) if pick::offers(input, &value) => Ok(value),
        Some(_) => Err("it is not among the options".to_owned()),
        None if is_required(input) => Err("it is required".to_owned()),
        None => Ok(Value::Null),
    }
}

fn some_of(input: &Map<String, Value>, given: Option<&Value>) -> Result<Value, String> {
    let values = match given {
        Some(_) => listed(given),
        None => preset(input),
    };
    check_count(input, values.len())?;
    if !values.iter().all(|value| pick::offers(input, value)) {
        return Err("a value is not among the options".to_owned());
    }
    Ok(Value::Array(values))
}

//! Modals: checks of the one that the bot opens, and of what a person fills in.
//!
//! Limits are from Discord's component reference: title 45, 1 to 5 components, label 45, text 4,000.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::error::Form;
use crate::field::{Fields, join, not_object};
use crate::message::components::TEXT_DISPLAY;

const ROW: u64 = 1;
const STRING_SELECT: u64 = 3;
const TEXT_INPUT: u64 = 4;
const LABEL: u64 = 18;
/// What a label may hold: text input, selects, file upload, radio group, checkbox group, checkbox.
const IN_LABEL: [u64; 10] = [STRING_SELECT, TEXT_INPUT, 5, 6, 7, 8, 19, 21, 22, 23];

/// Checks a modal and gives it back with ids for all components.
pub(crate) fn check(data: Fields<'_>, form: &mut Form) -> Value {
    let title = data
        .required_text(form, "title", 1..=45)
        .unwrap_or_default();
    let custom_id = data
        .required_text(form, "custom_id", 1..=100)
        .unwrap_or_default();
    let mut stored = Vec::new();
    match data.list(form, "components", 1..=5) {
        Some(list) => {
            let mut next_id = 1;
            for (index, component) in list.iter().enumerate() {
                stored.extend(check_top(
                    component,
                    &join(&data.path("components"), index),
                    &mut next_id,
                    form,
                ));
            }
        }
        None if data.value("components").is_none() => data.missing(form, "components"),
        None => {}
    }
    json!({"title": title, "custom_id": custom_id, "components": stored})
}

fn check_top(value: &Value, path: &str, next_id: &mut u64, form: &mut Form) -> Option<Value> {
    let Some(map) = value.as_object() else {
        not_object(form, path);
        return None;
    };
    let fields = Fields::new(map, path);
    let mut stored = numbered(map, next_id);
    match map.get("type").and_then(Value::as_u64) {
        Some(ROW) => {
            let only = fields.list(form, "components", 1..=1)?.first()?;
            let child = check_input(
                only,
                &join(&fields.path("components"), 0),
                &[TEXT_INPUT],
                true,
                next_id,
                form,
            )?;
            stored.insert("components".into(), json!([child]));
        }
        Some(LABEL) => {
            fields.required_text(form, "label", 1..=45);
            fields.text(form, "description", 0..=100);
            let Some(child) = fields.value("component") else {
                fields.missing(form, "component");
                return None;
            };
            let child = check_input(
                child,
                &fields.path("component"),
                &IN_LABEL,
                false,
                next_id,
                form,
            )?;
            stored.insert("component".into(), child);
        }
        Some(TEXT_DISPLAY) => _ = fields.required_text(form, "content", 1..=4000),
        Some(_) | None => {
            let message = "Value of field \"type\" must be one of (1, 10, 18).";
            form.fault(&fields.path("type"), "UNION_TYPE_CHOICES", message);
            return None;
        }
    }
    Some(Value::Object(stored))
}

fn check_input(
    value: &Value,
    path: &str,
    allowed: &[u64],
    needs_label: bool,
    next_id: &mut u64,
    form: &mut Form,
) -> Option<Value> {
    let Some(map) = value.as_object() else {
        not_object(form, path);
        return None;
    };
    let fields = Fields::new(map, path);
    let Some(kind) = map
        .get("type")
        .and_then(Value::as_u64)
        .filter(|kind| allowed.contains(kind))
    else {
        form.fault(
            &fields.path("type"),
            "UNION_TYPE_CHOICES",
            "Value of field \"type\" is not allowed here.",
        );
        return None;
    };
    fields.required_text(form, "custom_id", 1..=100);
    fields.flag(form, "required");
    if kind == TEXT_INPUT {
        if needs_label {
            fields.required_text(form, "label", 1..=45);
        }
        if fields.integer(form, "style", 1..=2).is_none() && fields.value("style").is_none() {
            fields.missing(form, "style");
        }
        fields.integer(form, "min_length", 0..=4000);
        fields.integer(form, "max_length", 1..=4000);
        fields.text(form, "placeholder", 0..=100);
        fields.text(form, "value", 0..=4000);
    }
    Some(Value::Object(numbered(map, next_id)))
}

fn numbered(map: &Map<String, Value>, next_id: &mut u64) -> Map<String, Value> {
    let mut stored = map.clone();
    stored.retain(|_, value| !value.is_null());
    stored.insert("id".into(), json!(*next_id));
    *next_id = next_id.saturating_add(1);
    stored
}

/// What is wrong with a filled-in modal: the field and why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadField(pub(crate) String, pub(crate) String);

/// The `components` of a submission, from a modal and what a person put into its fields.
pub(crate) fn submit(modal: &Value, fields: &BTreeMap<String, Value>) -> Result<Value, BadField> {
    let mut known = Vec::new();
    let mut filled = Vec::new();
    for component in modal
        .get("components")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let (kind, id) = (component.get("type"), component.get("id"));
        let row = component.get("components").and_then(|list| list.get(0));
        filled.push(match (row, component.get("component")) {
            (Some(input), _) => {
                json!({"type": kind, "id": id, "components": [fill(input, fields, &mut known)?]})
            }
            (None, Some(input)) => {
                json!({"type": kind, "id": id, "component": fill(input, fields, &mut known)?})
            }
            (None, None) => json!({"type": kind, "id": id}),
        });
    }
    match fields.keys().find(|key| !known.contains(key)) {
        Some(unknown) => Err(BadField(
            unknown.clone(),
            "the modal has no such field".to_owned(),
        )),
        None => Ok(Value::Array(filled)),
    }
}

fn fill(
    input: &Value,
    fields: &BTreeMap<String, Value>,
    known: &mut Vec<String>,
) -> Result<Value, BadField> {
    let custom_id = input
        .get("custom_id")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let bad = |why: &str| Err(BadField(custom_id.clone(), why.to_owned()));
    known.push(custom_id.clone());
    let kind = input.get("type").and_then(Value::as_u64);
    let mut filled = json!({"type": kind, "id": input.get("id"), "custom_id": custom_id});
    let given = fields.get(&custom_id);
    let required = input
        .get("required")
        .and_then(Value::as_bool)
        .unwrap_or(true);
    let (key, value) = if kind == Some(TEXT_INPUT) {
        let text = given
            .and_then(Value::as_str)
            .or_else(|| input.get("value")?.as_str())
            .unwrap_or_default();
        let chars = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
        let bound = |key: &str| input.get(key).and_then(Value::as_u64);
        if chars == 0 && required {
            return bad("it is required");
        }
        if chars > bound("max_length").unwrap_or(4000)
            || (chars > 0 && chars < bound("min_length").unwrap_or(0))
        {
            return bad("its length is out of bounds");
        }
        ("value", json!(text))
    } else if kind == Some(23) {
        (
            "value",
            json!(given.and_then(Value::as_bool).unwrap_or(false)),
        )
    } else if kind == Some(21) {
        ("value", given.cloned().unwrap_or(Value::Null))
    } else {
        let values = match given {
            Some(Value::Array(list)) => list.clone(),
            Some(one) => vec![one.clone()],
            None => Vec::new(),
        };
        if values.is_empty() && required {
            return bad("it is required");
        }
        let options = input.get("options").and_then(Value::as_array);
        let offered =
            |value: &Value| options.is_none_or(|o| o.iter().any(|o| o.get("value") == Some(value)));
        if !values.iter().all(offered) {
            return bad("a value is not among its options");
        }
        ("values", Value::Array(values))
    };
    if let Some(map) = filled.as_object_mut() {
        map.insert(key.to_owned(), value);
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modal() -> Value {
        let data = json!({"title": "t", "custom_id": "m", "components": [
            {"type": 18, "label": "Reason", "component": {"type": 4, "custom_id": "why", "style": 1, "max_length": 5}},
        ]});
        let mut form = Form::default();
        let checked = check(Fields::new(data.as_object().unwrap(), "data"), &mut form);
        assert!(form.is_clean());
        checked
    }

    #[test]
    fn a_submission_has_discords_shape() {
        let fields = BTreeMap::from([("why".to_owned(), json!("oops"))]);
        let filled = submit(&modal(), &fields).unwrap();
        assert_eq!(
            filled[0]["component"],
            json!({"type": 4, "id": 2, "custom_id": "why", "value": "oops"})
        );
    }

    #[test]
    fn required_bounded_and_known() {
        for fields in [
            json!({}),
            json!({"why": "too long"}),
            json!({"why": "x", "other": "y"}),
        ] {
            let fields = serde_json::from_value(fields).unwrap();
            assert!(submit(&modal(), &fields).is_err(), "{fields:?}");
        }
    }

    #[test]
    fn a_modal_without_components_is_refused() {
        let data = json!({"title": "t", "custom_id": "m", "components": []});
        let mut form = Form::default();
        check(Fields::new(data.as_object().unwrap(), "data"), &mut form);
        assert!(!form.is_clean());
    }
}

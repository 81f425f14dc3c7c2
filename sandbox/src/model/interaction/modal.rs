//! Modals: checks of the one that the bot opens.
//!
//! Limits are from Discord's component reference: title 45, 1 to 5 components, label 45, text 4,000. What a person fills in
//! is checked in `people::modal`.

use serde_json::{Map, Value, json};

use crate::error::Form;
use crate::field::{Fields, drop_nulls, join, not_object};
use crate::model::message::components::input::{Home, Inputs, check_counts, check_options};
use crate::model::message::components::{Ids, STRING_SELECT, TEXT_DISPLAY};

const ROW: u64 = 1;
pub(crate) const TEXT_INPUT: u64 = 4;
const LABEL: u64 = 18;
pub(crate) const FILE_UPLOAD: u64 = 19;
pub(crate) const RADIO_GROUP: u64 = 21;
pub(crate) const CHECKBOX_GROUP: u64 = 22;
pub(crate) const CHECKBOX: u64 = 23;
/// What a label may hold: text input, selects, file upload, radio group, checkbox group, checkbox.
const IN_LABEL: [u64; 10] = [
    STRING_SELECT,
    TEXT_INPUT,
    5,
    6,
    7,
    8,
    FILE_UPLOAD,
    RADIO_GROUP,
    CHECKBOX_GROUP,
    CHECKBOX,
];

/// Files of an upload, and options of a group.
const GROUP_MAX: usize = 10;
/// Characters that a text input takes.
const TEXT_MAX: usize = 4000;

/// The fields of a modal's components that are shown.
const KEPT: [&str; 19] = [
    "type",
    "id",
    "components",
    "component",
    "label",
    "description",
    "content",
    "custom_id",
    "style",
    "value",
    "placeholder",
    "required",
    "min_length",
    "max_length",
    "min_values",
    "max_values",
    "options",
    "default_values",
    "channel_types",
];

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
            let mut walk = Walk {
                form,
                ids: Ids::reserve(list),
                inputs: Inputs::default(),
            };
            for (index, component) in list.iter().enumerate() {
                let path = join(&data.path("components"), index);
                stored.extend(walk.top(component, &path));
            }
        }
        None if data.value("components").is_none() => data.missing(form, "components"),
        None => {}
    }
    json!({"title": title, "custom_id": custom_id, "components": stored})
}

struct Walk<'a> {
    form: &'a mut Form,
    ids: Ids,
    inputs: Inputs,
}

impl Walk<'_> {
    fn top(&mut self, value: &Value, path: &str) -> Option<Value> {
        let Some(map) = value.as_object() else {
            not_object(self.form, path);
            return None;
        };
        let fields = Fields::new(map, path);
        let mut stored = self.stored(fields);
        match map.get("type").and_then(Value::as_u64) {
            Some(ROW) => {
                let list = fields.list(self.form, "components", 1..=1);
                if fields.value("components").is_none() {
                    fields.missing(self.form, "components");
                }
                let path = join(&fields.path("components"), 0);
                let child = self.input(list?.first()?, &path, &[TEXT_INPUT])?;
                stored.insert("components".into(), json!([child]));
            }
            Some(LABEL) => {
                fields.required_text(self.form, "label", 1..=45);
                fields.text(self.form, "description", 1..=100);
                let Some(child) = fields.value("component") else {
                    fields.missing(self.form, "component");
                    return None;
                };
                let child = self.input(child, &fields.path("component"), &IN_LABEL)?;
                stored.insert("component".into(), child);
            }
            Some(TEXT_DISPLAY) => _ = fields.required_text(self.form, "content", 1..=TEXT_MAX),
            Some(_) | None => {
                let message = "Value of field \"type\" must be one of (1, 10, 18).";
                self.form
                    .fault(&fields.path("type"), "UNION_TYPE_CHOICES", message);
                return None;
            }
        }
        Some(Value::Object(stored))
    }

    fn input(&mut self, value: &Value, path: &str, allowed: &[u64]) -> Option<Value> {
        let Some(map) = value.as_object() else {
            not_object(self.form, path);
            return None;
        };
        let fields = Fields::new(map, path);
        let kind = map.get("type").and_then(Value::as_u64);
        let Some(kind) = kind.filter(|kind| allowed.contains(kind)) else {
            self.form.fault(
                &fields.path("type"),
                "UNION_TYPE_CHOICES",
                "Value of field \"type\" is not allowed here.",
            );
            return None;
        };
        let mut stored = self.stored(fields);
        if (STRING_SELECT..=8).contains(&kind) && kind != TEXT_INPUT {
            let place = (kind, Home::Modal);
            self.inputs.select(fields, self.form, place, &mut stored);
            return Some(Value::Object(stored));
        }
        self.inputs.custom_id(fields, self.form);
        fields.flag(self.form, "required");
        match kind {
            TEXT_INPUT => self.text(fields, allowed.len() == 1),
            FILE_UPLOAD => _ = check_counts(fields, self.form, GROUP_MAX, &mut stored),
            RADIO_GROUP => check_options(fields, self.form, 2..=GROUP_MAX, 1),
            CHECKBOX_GROUP => self.group(fields, &mut stored),
            _ => {
                let ticked = fields.flag(self.form, "default").unwrap_or(false);
                stored.insert("default".into(), json!(ticked));
            }
        }
        Some(Value::Object(stored))
    }

    fn stored(&mut self, fields: Fields<'_>) -> Map<String, Value> {
        let mut stored = fields.map.clone();
        stored.retain(|key, _| KEPT.contains(&key.as_str()));
        drop_nulls(&mut stored);
        stored.insert("id".into(), json!(self.ids.of(fields, self.form)));
        stored
    }

    /// A text input, which has a label of its own only where none is around it.
    fn text(&mut self, fields: Fields<'_>, alone: bool) {
        if alone {
            fields.required_text(self.form, "label", 1..=45);
        }
        let style = fields.integer(self.form, "style", 1..=2);
        if style.is_none() && fields.value("style").is_none() {
            fields.missing(self.form, "style");
        }
        let least = fields.integer(self.form, "min_length", 0..=4000);
        let most = fields.integer(self.form, "max_length", 1..=4000);
        fields.text(self.form, "placeholder", 0..=100);
        let value = fields.text(self.form, "value", 0..=TEXT_MAX);
        let chars = value.and_then(|value| u64::try_from(value.chars().count()).ok());
        if least.is_some_and(|least| least > most.unwrap_or(4000)) {
            let message = "The minimum must not be greater than the maximum";
            self.form
                .fault(&fields.path("min_length"), "NUMBER_TYPE_MAX", message);
        }
        if chars.is_some_and(|chars| chars > most.unwrap_or(4000)) {
            let message = "The value is longer than the text may be";
            self.form
                .fault(&fields.path("value"), "BASE_TYPE_MAX_LENGTH", message);
        }
    }

    fn group(&mut self, fields: Fields<'_>, stored: &mut Map<String, Value>) {
        let options = fields.map.get("options").and_then(Value::as_array);
        let count = options.map_or(GROUP_MAX, Vec::len).clamp(1, GROUP_MAX);
        let most = check_counts(fields, self.form, GROUP_MAX, stored);
        if fields.value("max_values").is_none() {
            // As many as there are, unless the bot says less.
            stored.insert("max_values".into(), json!(count));
        }
        let chosen_max = if fields.value("max_values").is_none() {
            count
        } else {
            most
        };
        check_options(fields, self.form, 1..=GROUP_MAX, chosen_max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(components: &Value) -> Option<Value> {
        let data = json!({"title": "t", "custom_id": "m", "components": components});
        let mut form = Form::default();
        check(Fields::new(data.as_object().unwrap(), "data"), &mut form);
        let error = form.finish().err()?.body();
        Some(error["errors"]["data"]["components"].clone())
    }

    fn label(component: &Value) -> Value {
        json!({"type": 18, "label": "l", "component": component})
    }

    #[test]
    fn every_kind_of_input_passes() {
        let options = json!([{"label": "a", "value": "a"}, {"label": "b", "value": "b"}]);
        for input in [
            json!({"type": 4, "custom_id": "i", "style": 2, "min_length": 1, "max_length": 5, "value": "x"}),
            json!({"type": 3, "custom_id": "i", "options": options, "required": false}),
            json!({"type": 5, "custom_id": "i", "max_values": 3}),
            json!({"type": 19, "custom_id": "i", "min_values": 0, "max_values": 10}),
            json!({"type": 21, "custom_id": "i", "options": options}),
            json!({"type": 22, "custom_id": "i", "options": options, "min_values": 0}),
            json!({"type": 23, "custom_id": "i", "default": true}),
        ] {
            assert_eq!(faults(&json!([label(&input)])), None, "{input}");
        }
        let old = json!([{"type": 1, "components": [
            {"type": 4, "custom_id": "i", "style": 1, "label": "l"}]}, {"type": 10, "content": "x"}]);
        assert_eq!(faults(&old), None);
    }

    #[test]
    fn what_no_modal_may_hold() {
        let text = |id: &str| label(&json!({"type": 4, "custom_id": id, "style": 1}));
        let option = json!({"label": "a", "value": "a"});
        for bad in [
            json!([]),
            json!([3]),
            json!([
                text("a"),
                text("b"),
                text("c"),
                text("d"),
                text("e"),
                text("f")
            ]),
            json!([text("a"), text("a")]),
            json!([{"type": 18, "label": "l".repeat(46), "component": {"type": 23, "custom_id": "a"}}]),
            json!([{"type": 18, "label": "l"}]),
            json!([{"type": 2, "style": 1, "label": "b", "custom_id": "a"}]),
            json!([label(
                &json!({"type": 2, "style": 1, "label": "b", "custom_id": "a"})
            )]),
            json!([label(&json!({"type": 4, "custom_id": "a"}))]),
            json!([label(
                &json!({"type": 4, "custom_id": "a", "style": 1, "min_length": 5, "max_length": 4})
            )]),
            json!([label(
                &json!({"type": 4, "custom_id": "a", "style": 1, "max_length": 1, "value": "ab"})
            )]),
            json!([label(
                &json!({"type": 3, "custom_id": "a", "options": [option], "disabled": true})
            )]),
            json!([label(
                &json!({"type": 19, "custom_id": "a", "max_values": 11})
            )]),
            json!([label(
                &json!({"type": 21, "custom_id": "a", "options": [option]})
            )]),
            json!([label(&json!({"type": 22, "custom_id": "a", "options": []}))]),
            json!([{"type": 1, "components": [{"type": 4, "custom_id": "a", "style": 1}]}]),
            json!([{"type": 1}]),
        ] {
            assert!(faults(&bad).is_some(), "{bad}");
        }
    }
}

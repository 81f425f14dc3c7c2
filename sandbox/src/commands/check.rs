//! Checks of a command registration: Discord's rules for names, descriptions, options and choices.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::Registration;
use crate::error::Form;
use crate::field::{Fields, join, not_among, not_object};

/// Characters over names, descriptions and choice values of one command.
const SIZE_MAX: usize = 8000;
/// Options per level and choices per option.
const OPTIONS_MAX: usize = 25;

const SUB_COMMAND: u64 = 1;
const SUB_COMMAND_GROUP: u64 = 2;
const STRING: u64 = 3;
const INTEGER: u64 = 4;
const NUMBER: u64 = 10;

/// Checks one command; `None` when it has a fault.
pub(crate) fn command(value: &Value, path: &str, form: &mut Form) -> Option<Registration> {
    let Some(map) = value.as_object() else {
        not_object(form, path);
        return None;
    };
    let fields = Fields::new(map, path);
    let kind = fields.integer(form, "type", 1..=3).unwrap_or(super::SLASH);
    let name = fields.required_text(form, "name", 1..=32)?;
    let mut body = map.clone();
    body.retain(|key, _| KEPT.contains(&key.as_str()));
    body.insert("name".into(), json!(name));
    body.insert("type".into(), json!(kind));
    if kind == super::SLASH {
        check_name(fields, form, name);
        fields.required_text(form, "description", 1..=100);
        check_options(fields, form, 0);
    } else if fields
        .value("options")
        .is_some_and(|options| options.as_array().is_none_or(|o| !o.is_empty()))
    {
        form.fault(
            &fields.path("options"),
            "APPLICATION_COMMAND_CONTEXT_MENU_OPTIONS",
            "Context menu commands cannot have options",
        );
    } else {
        body.insert("description".into(), json!(""));
    }
    check_permissions(fields, form);
    if size(map) > SIZE_MAX {
        let message = format!("Command exceeds maximum size ({SIZE_MAX})");
        form.fault(path, "APPLICATION_COMMAND_TOO_LARGE", message);
    }
    Some(Registration {
        kind,
        name: name.to_owned(),
        body,
    })
}

/// The fields of a registration that Discord stores.
const KEPT: [&str; 11] = [
    "name",
    "name_localizations",
    "description",
    "description_localizations",
    "options",
    "nsfw",
    "type",
    "default_member_permissions",
    "dm_permission",
    "contexts",
    "integration_types",
];

fn check_permissions(fields: Fields<'_>, form: &mut Form) {
    if let Some(bits) = fields.value("default_member_permissions")
        && crate::field::as_bits(bits).is_none()
    {
        form.fault(
            &fields.path("default_member_permissions"),
            "NUMBER_TYPE_COERCE",
            "Value is not a permission set.",
        );
    }
    fields.flag(form, "nsfw");
    fields.flag(form, "dm_permission");
}

fn check_name(fields: Fields<'_>, form: &mut Form, name: &str) {
    let fits =
        |c: char| matches!(c, '-' | '_' | '\'') || (c.is_alphanumeric() && !c.is_uppercase());
    if !name.chars().all(fits) {
        form.fault(
            &fields.path("name"),
            "APPLICATION_COMMAND_INVALID_NAME",
            "Command name is invalid",
        );
    }
}

/// Checks the options of a command (`depth` 0), a group (1) or a sub-command (1 or 2).
fn check_options(parent: Fields<'_>, form: &mut Form, depth: u8) {
    let Some(options) = parent.list(form, "options", 0..=OPTIONS_MAX) else {
        return;
    };
    let mut names = BTreeSet::new();
    let mut optional_seen = false;
    for (index, option) in options.iter().enumerate() {
        let path = join(&parent.path("options"), index);
        let Some(map) = option.as_object() else {
            not_object(form, &path);
            continue;
        };
        let fields = Fields::new(map, &path);
        let Some(kind) = fields.integer(form, "type", 1..=11) else {
            if fields.value("type").is_none() {
                fields.missing(form, "type");
            }
            continue;
        };
        if let Some(name) = fields.required_text(form, "name", 1..=32) {
            check_name(fields, form, name);
            if !names.insert(name.to_owned()) {
                form.fault(
                    &fields.path("name"),
                    "APPLICATION_COMMAND_OPTIONS_NAME_DUPLICATED",
                    "Option names must be unique",
                );
            }
        }
        fields.required_text(form, "description", 1..=100);
        let required = fields.flag(form, "required").unwrap_or(false);
        if required && optional_seen {
            let message = "Required options must be placed before non-required options";
            form.fault(
                &path,
                "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
                message,
            );
        }
        optional_seen |= !required;
        check_option(fields, form, kind, depth);
    }
}

fn check_option(fields: Fields<'_>, form: &mut Form, kind: u64, depth: u8) {
    match kind {
        SUB_COMMAND if depth < 2 => check_options(fields, form, 2),
        SUB_COMMAND_GROUP if depth == 0 => check_options(fields, form, 1),
        SUB_COMMAND | SUB_COMMAND_GROUP => {
            form.fault(
                &fields.path("type"),
                "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID",
                "Sub-command option nested too deeply",
            );
        }
        _ => check_choices(fields, form, kind),
    }
}

fn check_choices(fields: Fields<'_>, form: &mut Form, kind: u64) {
    let autocomplete = fields.flag(form, "autocomplete").unwrap_or(false);
    let Some(choices) = fields.list(form, "choices", 0..=OPTIONS_MAX) else {
        return;
    };
    if autocomplete && !choices.is_empty() {
        let message = "Autocomplete and choices cannot be used together";
        form.fault(
            &fields.path("autocomplete"),
            "APPLICATION_COMMAND_OPTIONS_AUTOCOMPLETE_CHOICES",
            message,
        );
    }
    check_choice_list(choices, &fields.path("choices"), Some(kind), form);
}

/// Checks a list of choices, of a registration or of an autocomplete answer (where `kind` is the option's, if known).
pub(crate) fn check_choice_list(choices: &[Value], path: &str, kind: Option<u64>, form: &mut Form) {
    for (index, choice) in choices.iter().enumerate() {
        let path = join(path, index);
        let Some(map) = choice.as_object() else {
            not_object(form, &path);
            continue;
        };
        let fields = Fields::new(map, &path);
        fields.required_text(form, "name", 1..=100);
        let Some(value) = fields.value("value") else {
            fields.missing(form, "value");
            continue;
        };
        let fits = match kind {
            Some(STRING) => value.is_string(),
            Some(INTEGER) => value.is_i64() || value.is_u64(),
            Some(NUMBER) => value.is_number(),
            _ => value.is_string() || value.is_number(),
        };
        if !fits {
            not_among(form, &fields.path("value"), "a value of the option's type");
        } else if value.is_string() {
            fields.text(form, "value", 0..=100);
        }
    }
}

/// The characters that count towards a command's size.
fn size(map: &Map<String, Value>) -> usize {
    let own = ["name", "description", "value"]
        .iter()
        .filter_map(|key| map.get(*key)?.as_str());
    let own: usize = own.map(|text| text.chars().count()).sum();
    let below = ["options", "choices"]
        .iter()
        .filter_map(|key| map.get(*key)?.as_array())
        .flatten();
    below
        .filter_map(Value::as_object)
        .map(size)
        .fold(own, usize::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(command_json: &Value) -> bool {
        let mut form = Form::default();
        let _checked = command(command_json, "0", &mut form);
        !form.is_clean()
    }

    fn with_options(options: &Value) -> Value {
        json!({"name": "run", "description": "d", "options": options})
    }

    #[test]
    fn a_plain_command_passes() {
        let options = json!([
            {"type": 3, "name": "on", "description": "d", "required": true, "autocomplete": true},
            {"type": 4, "name": "timeout", "description": "d"},
        ]);
        assert!(!fault(&with_options(&options)));
    }

    #[test]
    fn what_discord_refuses_is_refused() {
        let choices: Vec<_> = (0..26)
            .map(|n| json!({"name": "n", "value": n.to_string()}))
            .collect();
        for bad in [
            json!(3),
            json!({"description": "d"}),
            json!({"name": "Run", "description": "d"}),
            json!({"name": "run"}),
            json!({"name": "a b", "description": "d"}),
            json!({"name": "x".repeat(33), "description": "d"}),
            with_options(
                &json!([{"type": 3, "name": "a", "description": "d"}, {"type": 3, "name": "b", "description": "d", "required": true}]),
            ),
            with_options(
                &json!([{"type": 3, "name": "a", "description": "d"}, {"type": 3, "name": "a", "description": "d"}]),
            ),
            with_options(
                &json!([{"type": 3, "name": "a", "description": "d", "choices": choices}]),
            ),
            with_options(
                &json!([{"type": 3, "name": "a", "description": "d", "autocomplete": true, "choices": [{"name": "n", "value": "v"}]}]),
            ),
            with_options(
                &json!([{"type": 4, "name": "a", "description": "d", "choices": [{"name": "n", "value": "v"}]}]),
            ),
            with_options(&json!([{"name": "a", "description": "d"}])),
        ] {
            assert!(fault(&bad), "{bad}");
        }
    }
}

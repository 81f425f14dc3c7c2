//! Checks of a command registration: Discord's rules for kinds, names, descriptions, places and permissions.
//!
//! Options are in `options`, translations in `locales`.

use serde_json::{Map, Value, json};

use super::options::{self, Depth};
use super::{ENTRY_POINT, Registration, SLASH, locales};
use crate::error::Form;
use crate::field::{Fields, not_among, not_object};

/// Characters over names, descriptions and choice values of one command.
const SIZE_MAX: usize = 8000;
/// Where a command can be used: a guild, a direct message with the bot, other direct messages.
const CONTEXTS: [u64; 3] = [0, 1, 2];
/// How the application can be installed: to a guild or to a user.
const INSTALLATIONS: [u64; 2] = [0, 1];

/// The fields of a registration that Discord stores as they are.
const KEPT: [&str; 9] = [
    "name",
    "name_localizations",
    "description",
    "description_localizations",
    "nsfw",
    "dm_permission",
    "contexts",
    "integration_types",
    "handler",
];

/// Checks one command; `None` when it has a fault that leaves nothing to store.
pub(crate) fn command(value: &Value, path: &str, form: &mut Form) -> Option<Registration> {
    let Some(map) = value.as_object() else {
        not_object(form, path);
        return None;
    };
    let fields = Fields::new(map, path);
    let kind = fields.choice(form, "type", &[1, 2, 3, 4]).unwrap_or(SLASH);
    let name = fields.required_text(form, "name", 1..=32)?;
    let mut body = map.clone();
    body.retain(|key, value| !value.is_null() && KEPT.contains(&key.as_str()));
    check_texts(fields, form, kind, name, &mut body);
    check_options(fields, form, kind, &mut body);
    check_permissions(fields, form, &mut body);
    check_places(fields, form);
    check_handler(fields, form, kind, &mut body);
    if options::size(map) > SIZE_MAX {
        let message = format!("Command exceeds maximum size ({SIZE_MAX})");
        form.fault(path, "APPLICATION_COMMAND_TOO_LARGE", message);
    }
    Some(Registration {
        id: fields.id(form, "id"),
        kind,
        name: name.to_owned(),
        body,
    })
}

fn check_texts(
    fields: Fields<'_>,
    form: &mut Form,
    kind: u64,
    name: &str,
    body: &mut Map<String, Value>,
) {
    locales::check(fields, form, "description_localizations", 100, |_| true);
    if kind == SLASH {
        check_name(fields, form, name);
        locales::check(fields, form, "name_localizations", 32, is_name);
        fields.required_text(form, "description", 1..=100);
        return;
    }
    locales::check(fields, form, "name_localizations", 32, |_| true);
    // Discord's clients show no description in menus.
    if fields
        .text(form, "description", 0..=100)
        .is_some_and(|text| !text.is_empty())
    {
        form.fault(
            &fields.path("description"),
            "APPLICATION_COMMAND_CONTEXT_MENU_DESCRIPTION",
            "Context menu commands cannot have description",
        );
    }
    body.insert("description".into(), json!(""));
}

fn check_options(fields: Fields<'_>, form: &mut Form, kind: u64, body: &mut Map<String, Value>) {
    if kind == SLASH {
        let stored = options::check(fields, form, Depth::Command);
        if !stored.is_empty() {
            body.insert("options".into(), Value::Array(stored));
        }
        return;
    }
    let given = fields.value("options");
    if given.is_some_and(|options| options.as_array().is_none_or(|list| !list.is_empty())) {
        form.fault(
            &fields.path("options"),
            "APPLICATION_COMMAND_CONTEXT_MENU_OPTIONS",
            "Context menu commands cannot have options",
        );
    }
}

fn check_permissions(fields: Fields<'_>, form: &mut Form, body: &mut Map<String, Value>) {
    fields.flag(form, "nsfw");
    fields.flag(form, "dm_permission");
    let Some(bits) = fields.value("default_member_permissions") else {
        return;
    };
    match crate::field::as_bits(bits) {
        Some(bits) => {
            let text = json!(bits.to_string());
            body.insert("default_member_permissions".into(), text);
        }
        None => form.fault(
            &fields.path("default_member_permissions"),
            "NUMBER_TYPE_COERCE",
            "Value is not a permission set.",
        ),
    }
}

fn check_places(fields: Fields<'_>, form: &mut Form) {
    let lists = [
        ("contexts", CONTEXTS.as_slice()),
        ("integration_types", INSTALLATIONS.as_slice()),
    ];
    for (key, known) in lists {
        let Some(list) = fields.list(form, key, 1..=known.len()) else {
            continue;
        };
        let numbers: Vec<_> = list.iter().map(Value::as_u64).collect();
        let valid = numbers.iter().enumerate().all(|(index, number)| {
            let first = numbers.iter().position(|other| other == number) == Some(index);
            first && number.is_some_and(|number| known.contains(&number))
        });
        if !valid {
            let names: Vec<_> = known.iter().map(u64::to_string).collect();
            not_among(form, &fields.path(key), &names.join(", "));
        }
    }
}

/// Only the entry point of an Activity says who handles it.
fn check_handler(fields: Fields<'_>, form: &mut Form, kind: u64, body: &mut Map<String, Value>) {
    let given = fields.integer(form, "handler", 1..=2);
    if kind == ENTRY_POINT {
        body.insert("handler".into(), json!(given.unwrap_or(1)));
    } else if given.is_some() {
        form.fault(
            &fields.path("handler"),
            "APPLICATION_COMMAND_HANDLER_INVALID",
            "Only entry point commands can have a handler",
        );
    }
}

/// Notes a name that a slash command or option cannot have.
pub(super) fn check_name(fields: Fields<'_>, form: &mut Form, name: &str) {
    if !is_name(name) {
        form.fault(
            &fields.path("name"),
            "APPLICATION_COMMAND_INVALID_NAME",
            "Command name is invalid",
        );
    }
}

/// Whether it can be the name of a slash command or option: letters in lower case, digits, dashes and apostrophes.
pub(super) fn is_name(name: &str) -> bool {
    name.chars()
        .all(|c| matches!(c, '-' | '_' | '\'') || (c.is_alphanumeric() && !c.is_uppercase()))
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
            with_options(
                &json!([{"type": 1, "name": "a", "description": "d"}, {"type": 3, "name": "b", "description": "d"}]),
            ),
            with_options(
                &json!([{"type": 2, "name": "a", "description": "d", "options": [{"type": 2, "name": "b", "description": "d"}]}]),
            ),
            with_options(
                &json!([{"type": 3, "name": "a", "description": "d", "min_length": 5, "max_length": 4}]),
            ),
            with_options(&json!([{"type": 3, "name": "a", "description": "d", "min_value": 5}])),
            with_options(&json!([{"type": 4, "name": "a", "description": "d", "min_value": 1.5}])),
            with_options(
                &json!([{"type": 5, "name": "a", "description": "d", "autocomplete": true}]),
            ),
            with_options(
                &json!([{"type": 7, "name": "a", "description": "d", "channel_types": [99]}]),
            ),
            with_options(
                &json!([{"type": 6, "name": "a", "description": "d", "channel_types": [0]}]),
            ),
            json!({"name": "run", "description": "d", "contexts": [3]}),
            json!({"name": "run", "description": "d", "contexts": [0, 0]}),
            json!({"name": "run", "description": "d", "contexts": []}),
            json!({"name": "run", "description": "d", "integration_types": [2]}),
            json!({"name": "run", "description": "d", "handler": 1}),
            json!({"name": "run", "description": "d", "default_member_permissions": "all"}),
            json!({"name": "run", "description": "d", "name_localizations": {"xx": "a"}}),
            json!({"name": "run", "description": "d", "name_localizations": {"de": "A b"}}),
            json!({"name": "Menu", "type": 3, "description": "d"}),
            json!({"name": "Menu", "type": 2, "options": [{}]}),
            json!({"name": "run", "description": "d", "options": (0..25).map(|n| json!({
                "type": 3, "name": format!("o{n}"), "description": "d".repeat(100),
                "choices": (0..25).map(|c| json!({"name": format!("{c}-{}", "n".repeat(10)), "value": "v"})).collect::<Vec<_>>(),
            })).collect::<Vec<_>>()}),
        ] {
            assert!(fault(&bad), "{bad}");
        }
    }

    #[test]
    fn what_is_stored_has_no_nulls_and_nothing_unknown() {
        let body = json!({"name": "run", "description": "d", "nsfw": null, "strange": 1,
            "default_member_permissions": 8, "options": [
                {"type": 3, "name": "on", "description": "d", "min_length": null, "strange": 1}]});
        let mut form = Form::default();
        let stored = command(&body, "", &mut form).unwrap().body;
        assert!(form.is_clean());
        assert_eq!(
            Value::Object(stored),
            json!({"name": "run", "description": "d", "default_member_permissions": "8",
                "options": [{"type": 3, "name": "on", "description": "d"}]})
        );
    }
}

//! Checks of a command's options: kinds and depth, order, bounds, choices.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::check::{check_name, is_name};
use super::locales;
use crate::error::Form;
use crate::field::{Fields, join, not_among, not_object};

/// Options per level and choices per option.
const OPTIONS_MAX: usize = 25;
/// Characters of a string that a person may type.
const STRING_MAX: u64 = 6000;
/// The whole numbers that survive JavaScript.
const INTEGER_MAX: i64 = (1 << 53) - 1;
/// The channel types that Discord knows (its OpenAPI file).
const CHANNEL_TYPES: [u64; 13] = [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 16];

pub(crate) const SUB_COMMAND: u64 = 1;
pub(crate) const SUB_COMMAND_GROUP: u64 = 2;
pub(crate) const STRING: u64 = 3;
pub(crate) const INTEGER: u64 = 4;
pub(crate) const CHANNEL: u64 = 7;
pub(crate) const NUMBER: u64 = 10;

/// The fields of an option that Discord stores.
const KEPT: [&str; 14] = [
    "type",
    "name",
    "name_localizations",
    "description",
    "description_localizations",
    "required",
    "options",
    "autocomplete",
    "choices",
    "min_value",
    "max_value",
    "min_length",
    "max_length",
    "channel_types",
];

/// Where options stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    Command,
    Group,
    SubCommand,
}

/// Checks the options of a command, group or sub-command and gives them as Discord stores them.
pub(super) fn check(parent: Fields<'_>, form: &mut Form, depth: Depth) -> Vec<Value> {
    let Some(options) = parent.list(form, "options", 0..=OPTIONS_MAX) else {
        return Vec::new();
    };
    let mut level = Level::default();
    let mut stored = Vec::with_capacity(options.len());
    for (index, option) in options.iter().enumerate() {
        let path = join(&parent.path("options"), index);
        match option.as_object() {
            Some(map) => stored.extend(level.option(Fields::new(map, &path), form, depth)),
            None => not_object(form, &path),
        }
    }
    stored
}

/// What the options of one level have in common.
#[derive(Default)]
struct Level {
    names: BTreeSet<String>,
    optional_seen: bool,
    has_subs: bool,
    has_values: bool,
}

impl Level {
    fn option(&mut self, fields: Fields<'_>, form: &mut Form, depth: Depth) -> Option<Value> {
        let Some(kind) = fields.choice(form, "type", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]) else {
            if fields.value("type").is_none() {
                fields.missing(form, "type");
            }
            return None;
        };
        self.name(fields, form);
        fields.required_text(form, "description", 1..=100);
        locales::check(fields, form, "description_localizations", 100, |_| true);
        self.kind(fields, form, kind, depth);
        let mut stored = fields.map.clone();
        stored.retain(|key, value| !value.is_null() && KEPT.contains(&key.as_str()));
        stored.insert("type".into(), json!(kind));
        match kind {
            SUB_COMMAND => {
                _ = stored.insert("options".into(), below(fields, form, Depth::SubCommand))
            }
            SUB_COMMAND_GROUP => {
                _ = stored.insert("options".into(), below(fields, form, Depth::Group))
            }
            _ => {
                self.order(fields, form);
                check_bounds(fields, form, kind);
                check_choices(fields, form, kind);
                check_channel_types(fields, form, kind);
                stored.remove("options");
            }
        }
        Some(Value::Object(stored))
    }

    fn name(&mut self, fields: Fields<'_>, form: &mut Form) {
        locales::check(fields, form, "name_localizations", 32, is_name);
        let Some(name) = fields.required_text(form, "name", 1..=32) else {
            return;
        };
        check_name(fields, form, name);
        if !self.names.insert(name.to_owned()) {
            form.fault(
                &fields.path("name"),
                "APPLICATION_COMMAND_OPTIONS_NAME_DUPLICATED",
                "Option names must be unique",
            );
        }
    }

    /// Which kinds may stand at this depth and beside each other.
    fn kind(&mut self, fields: Fields<'_>, form: &mut Form, kind: u64, depth: Depth) {
        let is_sub = matches!(kind, SUB_COMMAND | SUB_COMMAND_GROUP);
        let fits = match depth {
            Depth::Command => true,
            Depth::Group => kind == SUB_COMMAND,
            Depth::SubCommand => !is_sub,
        };
        self.has_subs |= is_sub;
        self.has_values |= !is_sub;
        if !fits || (self.has_subs && self.has_values) {
            let message = "Sub-command and sub-command group option types are mutually exclusive to all other types";
            form.fault(
                &fields.path("type"),
                "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID",
                message,
            );
        }
    }

    fn order(&mut self, fields: Fields<'_>, form: &mut Form) {
        let required = fields.flag(form, "required").unwrap_or(false);
        if required && self.optional_seen {
            let message = "Required options must be placed before non-required options";
            form.fault(
                &fields.path("required"),
                "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
                message,
            );
        }
        self.optional_seen |= !required;
    }
}

fn below(fields: Fields<'_>, form: &mut Form, depth: Depth) -> Value {
    Value::Array(check(fields, form, depth))
}

fn check_bounds(fields: Fields<'_>, form: &mut Form, kind: u64) {
    let lengths = [
        fields.integer(form, "min_length", 0..=STRING_MAX),
        fields.integer(form, "max_length", 1..=STRING_MAX),
    ];
    let values = ["min_value", "max_value"].map(|key| {
        let value = fields.value(key)?;
        let read = value.as_f64().filter(|_| fits_number(value, kind));
        if read.is_none() {
            let wanted = if kind == INTEGER { "int" } else { "float" };
            let message = format!("Value is not {wanted}.");
            form.fault(&fields.path(key), "NUMBER_TYPE_COERCE", message);
        }
        read
    });
    let crossed = matches!(lengths, [Some(least), Some(most)] if least > most)
        || matches!(values, [Some(least), Some(most)] if least > most);
    if crossed {
        let message = "The minimum must not be greater than the maximum";
        form.fault(
            &fields.path(if kind == STRING {
                "min_length"
            } else {
                "min_value"
            }),
            "APPLICATION_COMMAND_OPTIONS_MIN_GREATER_THAN_MAX",
            message,
        );
    }
    let foreign = |keys: [&'static str; 2], fits: bool| {
        let given = keys.into_iter().find(|key| fields.value(key).is_some());
        given.filter(|_| !fits)
    };
    let wrong = foreign(["min_length", "max_length"], kind == STRING)
        .or_else(|| foreign(["min_value", "max_value"], matches!(kind, INTEGER | NUMBER)));
    if let Some(key) = wrong {
        let message = "This field is not allowed for the option's type";
        form.fault(
            &fields.path(key),
            "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID",
            message,
        );
    }
}

fn fits_number(value: &Value, kind: u64) -> bool {
    if kind == INTEGER {
        value
            .as_i64()
            .is_some_and(|number| (-INTEGER_MAX..=INTEGER_MAX).contains(&number))
    } else {
        value.is_number()
    }
}

fn check_channel_types(fields: Fields<'_>, form: &mut Form, kind: u64) {
    let types = fields.list(form, "channel_types", 0..=CHANNEL_TYPES.len());
    let known = |value: &Value| {
        value
            .as_u64()
            .is_some_and(|kind| CHANNEL_TYPES.contains(&kind))
    };
    if types.is_some_and(|list| kind != CHANNEL || !list.iter().all(known)) {
        not_among(
            form,
            &fields.path("channel_types"),
            "the channel types of a channel option",
        );
    }
}

fn check_choices(fields: Fields<'_>, form: &mut Form, kind: u64) {
    let typed = matches!(kind, STRING | INTEGER | NUMBER);
    let autocomplete = fields.flag(form, "autocomplete").unwrap_or(false);
    if autocomplete && !typed {
        form.fault(
            &fields.path("autocomplete"),
            "APPLICATION_COMMAND_OPTIONS_AUTOCOMPLETE_INVALID",
            "Options of this type cannot have autocomplete",
        );
    }
    let Some(choices) = fields.list(form, "choices", 0..=OPTIONS_MAX) else {
        return;
    };
    if !choices.is_empty() && (autocomplete || !typed) {
        form.fault(
            &fields.path(if autocomplete {
                "autocomplete"
            } else {
                "choices"
            }),
            "APPLICATION_COMMAND_OPTIONS_AUTOCOMPLETE_CHOICES",
            "Choices need a string or number option without autocomplete",
        );
    }
    check_choice_list(choices, &fields.path("choices"), Some(kind), form);
}

/// Checks a list of choices, of a registration or of an autocomplete answer (where `kind` is the option's, if known).
pub(crate) fn check_choice_list(choices: &[Value], path: &str, kind: Option<u64>, form: &mut Form) {
    let mut names = BTreeSet::new();
    for (index, choice) in choices.iter().enumerate() {
        let path = join(path, index);
        let Some(map) = choice.as_object() else {
            not_object(form, &path);
            continue;
        };
        let fields = Fields::new(map, &path);
        locales::check(fields, form, "name_localizations", 100, |_| true);
        let name = fields.required_text(form, "name", 1..=100);
        if name.is_some_and(|name| !names.insert(name.to_owned())) {
            form.fault(
                &fields.path("name"),
                "APPLICATION_COMMAND_OPTIONS_CHOICE_NAME_DUPLICATED",
                "Choice names must be unique",
            );
        }
        check_choice_value(fields, form, kind);
    }
}

fn check_choice_value(fields: Fields<'_>, form: &mut Form, kind: Option<u64>) {
    let Some(value) = fields.value("value") else {
        fields.missing(form, "value");
        return;
    };
    let fits = match kind {
        Some(STRING) => value.is_string(),
        Some(kind @ (INTEGER | NUMBER)) => fits_number(value, kind),
        _ => value.is_string() || value.is_number(),
    };
    if !fits {
        not_among(form, &fields.path("value"), "a value of the option's type");
    } else if value.is_string() {
        fields.text(form, "value", 0..=100);
    }
}

/// The characters that count towards a command's size; of translations the longest counts.
pub(super) fn size(map: &Map<String, Value>) -> usize {
    let value = map.get("value").and_then(Value::as_str);
    let own = locales::longest(map, "name")
        .saturating_add(locales::longest(map, "description"))
        .saturating_add(value.map_or(0, |text| text.chars().count()));
    let below = ["options", "choices"]
        .iter()
        .filter_map(|key| map.get(*key)?.as_array())
        .flatten();
    below
        .filter_map(Value::as_object)
        .map(size)
        .fold(own, usize::saturating_add)
}

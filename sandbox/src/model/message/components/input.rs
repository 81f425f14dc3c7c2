//! Checks of what people press and choose from: buttons, selects and their options, in messages and in modals.
//!
//! Limits are from Discord's component reference.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{CHANNEL_SELECT, STRING_SELECT};
use crate::error::Form;
use crate::field::{Fields, join, not_among, not_object};
use crate::model::message::emoji::is_emoji;

/// Options of a select, and values that it may take.
const SELECT_MAX: usize = 25;
/// The channel types that Discord knows (its OpenAPI file).
const CHANNEL_TYPES: [u64; 13] = [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 16];

const LINK: u64 = 5;
const PREMIUM: u64 = 6;

/// Where a select stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    Message,
    Modal,
}

/// The inputs of one message or modal, whose custom ids must differ.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    custom_ids: BTreeSet<String>,
}

impl Inputs {
    /// Checks a custom id, which must be there.
    pub(crate) fn custom_id(&mut self, fields: Fields<'_>, form: &mut Form) {
        if let Some(id) = fields.required_text(form, "custom_id", 1..=100)
            && !self.custom_ids.insert(id.to_owned())
        {
            form.fault(
                &fields.path("custom_id"),
                "COMPONENT_CUSTOM_ID_DUPLICATED",
                "Component custom id cannot be duplicated",
            );
        }
    }

    /// Checks a button.
    pub(crate) fn button(&mut self, fields: Fields<'_>, form: &mut Form) {
        fields.flag(form, "disabled");
        let label = fields.text(form, "label", 0..=80);
        check_emoji(fields, form);
        let style = fields.integer(form, "style", 1..=PREMIUM);
        match style {
            None if fields.value("style").is_none() => fields.missing(form, "style"),
            None => {}
            Some(PREMIUM) => check_premium(fields, form),
            Some(LINK) => check_link(fields, form),
            Some(_) => {
                self.custom_id(fields, form);
                only_for(
                    fields,
                    form,
                    "url",
                    "A custom id and url cannot both be specified",
                );
            }
        }
        let bare = label.is_none_or(str::is_empty) && fields.value("emoji").is_none();
        if bare && style.is_some_and(|style| style != PREMIUM) && form.is_clean() {
            fields.missing(form, "label");
        }
    }

    /// Checks a select and gives it the numbers of values that hold when it names none.
    pub(crate) fn select(
        &mut self,
        fields: Fields<'_>,
        form: &mut Form,
        (kind, home): (u64, Home),
        stored: &mut Map<String, Value>,
    ) {
        self.custom_id(fields, form);
        fields.text(form, "placeholder", 0..=150);
        fields.flag(form, "required");
        let disabled = fields.flag(form, "disabled").unwrap_or(false);
        if home == Home::Modal && disabled {
            form.fault(
                &fields.path("disabled"),
                "COMPONENT_DISABLED_IN_MODAL",
                "Components of a modal cannot be disabled",
            );
        }
        if home == Home::Message {
            stored.remove("required");
        }
        let most = check_counts(fields, form, SELECT_MAX, stored);
        if kind == STRING_SELECT {
            check_options(fields, form, most.max(1)..=SELECT_MAX, usize::MAX);
        } else {
            check_defaults(fields, form, kind, most);
        }
        check_channel_types(fields, form, kind);
    }
}

/// Checks `min_values` and `max_values`, stores what holds, and gives the latter.
pub(crate) fn check_counts(
    fields: Fields<'_>,
    form: &mut Form,
    possible: usize,
    stored: &mut Map<String, Value>,
) -> usize {
    let bound = u64::try_from(possible).unwrap_or(u64::MAX);
    let least = fields.integer(form, "min_values", 0..=bound).unwrap_or(1);
    let most = fields.integer(form, "max_values", 1..=bound).unwrap_or(1);
    if least > most {
        let message = format!("int value should be less than or equal to {most}.");
        form.fault(&fields.path("min_values"), "NUMBER_TYPE_MAX", message);
    }
    stored.insert("min_values".into(), json!(least));
    stored.insert("max_values".into(), json!(most));
    usize::try_from(most).unwrap_or(possible)
}

/// Checks a list of options, of which at most so many may be chosen from the start.
pub(crate) fn check_options(
    fields: Fields<'_>,
    form: &mut Form,
    count: std::ops::RangeInclusive<usize>,
    chosen_max: usize,
) {
    let Some(options) = fields.list(form, "options", count) else {
        if fields.value("options").is_none() {
            fields.missing(form, "options");
        }
        return;
    };
    let mut values = BTreeSet::new();
    let mut chosen: usize = 0;
    for (index, option) in options.iter().enumerate() {
        let path = join(&fields.path("options"), index);
        let Some(map) = option.as_object() else {
            not_object(form, &path);
            continue;
        };
        let option = Fields::new(map, &path);
        option.required_text(form, "label", 1..=100);
        option.text(form, "description", 0..=100);
        check_emoji(option, form);
        chosen += usize::from(option.flag(form, "default").unwrap_or(false));
        if let Some(value) = option.required_text(form, "value", 1..=100)
            && !values.insert(value.to_owned())
        {
            form.fault(
                &option.path("value"),
                "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED",
                "The specified option value is already used",
            );
        }
    }
    if chosen > chosen_max {
        let message = format!("At most {chosen_max} options can be chosen from the start");
        form.fault(
            &fields.path("options"),
            "SELECT_COMPONENT_TOO_MANY_DEFAULT_OPTIONS",
            message,
        );
    }
}

/// The kinds of things that a select of users, roles, both, or channels chooses from.
const fn chosen_by(kind: u64) -> &'static [&'static str] {
    match kind {
        5 => &["user"],
        6 => &["role"],
        CHANNEL_SELECT => &["channel"],
        _ => &["user", "role"],
    }
}

fn check_defaults(fields: Fields<'_>, form: &mut Form, kind: u64, most: usize) {
    let path = fields.path("default_values");
    let list = fields.list(form, "default_values", 0..=most);
    for (index, value) in list.into_iter().flatten().enumerate() {
        let path = join(&path, index);
        let Some(map) = value.as_object() else {
            not_object(form, &path);
            continue;
        };
        let default = Fields::new(map, &path);
        if default.id(form, "id").is_none() && default.value("id").is_none() {
            default.missing(form, "id");
        }
        let named = map.get("type").and_then(Value::as_str);
        if !named.is_some_and(|named| chosen_by(kind).contains(&named)) {
            not_among(form, &default.path("type"), &chosen_by(kind).join(", "));
        }
    }
}

fn check_channel_types(fields: Fields<'_>, form: &mut Form, kind: u64) {
    let types = fields.list(form, "channel_types", 0..=CHANNEL_TYPES.len());
    let known = |value: &Value| value.as_u64().is_some_and(|t| CHANNEL_TYPES.contains(&t));
    if types.is_some_and(|list| kind != CHANNEL_SELECT || !list.iter().all(known)) {
        let path = fields.path("channel_types");
        not_among(form, &path, "the channel types of a channel select");
    }
}

fn check_emoji(fields: Fields<'_>, form: &mut Form) {
    let Some(map) = fields.object(form, "emoji") else {
        return;
    };
    let path = fields.path("emoji");
    let emoji = Fields::new(map, &path);
    let custom = emoji.id(form, "id");
    let name = emoji.text(form, "name", 0..=32);
    if custom.is_none() && !name.is_some_and(is_emoji) && form.is_clean() {
        let message = "Invalid emoji";
        form.fault(&emoji.path("name"), "COMPONENT_INVALID_EMOJI", message);
    }
}

fn check_link(fields: Fields<'_>, form: &mut Form) {
    if let Some(url) = fields.required_text(form, "url", 1..=512) {
        super::check_url(fields, form, url);
    }
    only_for(
        fields,
        form,
        "custom_id",
        "A custom id and url cannot both be specified",
    );
}

/// A premium button shows what the shop says of a product, and nothing of its own.
fn check_premium(fields: Fields<'_>, form: &mut Form) {
    if fields.id(form, "sku_id").is_none() && fields.value("sku_id").is_none() {
        fields.missing(form, "sku_id");
    }
    for key in ["custom_id", "url", "label", "emoji"] {
        only_for(fields, form, key, "Premium buttons cannot have this field");
    }
}

fn only_for(fields: Fields<'_>, form: &mut Form, key: &str, message: &str) {
    if fields.value(key).is_some() {
        form.fault(
            &fields.path(key),
            "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE",
            message,
        );
    }
}

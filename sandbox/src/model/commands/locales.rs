//! Translations of a command's names and descriptions.

use serde_json::{Map, Value};

use crate::error::Form;
use crate::field::{Fields, not_among};

/// The locales that Discord's clients have (Discord's reference page).
const LOCALES: [&str; 34] = [
    "ar", "bg", "cs", "da", "de", "el", "en-GB", "en-US", "es-419", "es-ES", "fi", "fr", "he",
    "hi", "hr", "hu", "id", "it", "ja", "ko", "lt", "nl", "no", "pl", "pt-BR", "ro", "ru", "sv-SE",
    "th", "tr", "uk", "vi", "zh-CN", "zh-TW",
];

/// The fields that a list of commands leaves out unless it is asked for them.
const FIELDS: [&str; 2] = ["name_localizations", "description_localizations"];

/// Checks one field of translations; each must be `valid` and at most so long.
pub(super) fn check(
    fields: Fields<'_>,
    form: &mut Form,
    key: &str,
    most: usize,
    valid: impl Fn(&str) -> bool,
) {
    let Some(map) = fields.object(form, key) else {
        return;
    };
    let path = fields.path(key);
    let texts = Fields::new(map, &path);
    for locale in map.keys() {
        if !LOCALES.contains(&locale.as_str()) {
            not_among(form, &path, "the locales of Discord's clients");
            return;
        }
        let text = texts.text(form, locale, 1..=most);
        if text.is_some_and(|text| !valid(text)) {
            let message = "Command name is invalid";
            form.fault(
                &texts.path(locale),
                "APPLICATION_COMMAND_INVALID_NAME",
                message,
            );
        }
    }
}

/// The characters of the longest translation of a field, or of the field itself if that is longer.
pub(super) fn longest(map: &Map<String, Value>, key: &str) -> usize {
    let chars = |value: &Value| value.as_str().map_or(0, |text| text.chars().count());
    let translations = map
        .get(&format!("{key}_localizations"))
        .and_then(Value::as_object);
    let longest = translations
        .into_iter()
        .flat_map(Map::values)
        .map(chars)
        .max();
    let own = map.get(key).map_or(0, chars);
    longest.unwrap_or(0).max(own)
}

/// Takes all translations out of a command, as lists show it.
pub(crate) fn strip(command: &mut Value) {
    let Some(map) = command.as_object_mut() else {
        return;
    };
    for key in FIELDS {
        map.remove(key);
    }
    for key in ["options", "choices"] {
        let below = map.get_mut(key).and_then(Value::as_array_mut);
        below.into_iter().flatten().for_each(strip);
    }
}

//! Checks of embeds: Discord's limits for each field and for all embeds of a message together.

use serde_json::{Map, Value, json};

use crate::error::Form;
use crate::field::{Fields, drop_nulls, join, not_object};

/// Embeds per message.
pub(crate) const EMBEDS_MAX: usize = 10;
/// Characters over all embeds of a message.
const CHARS_MAX: usize = 6000;

/// Checks a list of embeds and gives it back as Discord stores it: with `type`, without unknown fields of a wrong type.
pub(crate) fn check(list: &[Value], path: &str, form: &mut Form) -> Vec<Value> {
    let mut chars: usize = 0;
    let mut stored = Vec::with_capacity(list.len());
    for (index, embed) in list.iter().enumerate() {
        let path = join(path, index);
        match embed.as_object() {
            Some(map) => {
                chars = chars.saturating_add(check_one(Fields::new(map, &path), form));
                stored.push(as_stored(map));
            }
            None => not_object(form, &path),
        }
    }
    if chars > CHARS_MAX {
        let message = format!("Embed size exceeds maximum size of {CHARS_MAX}");
        form.fault(path, "MAX_EMBED_SIZE_EXCEEDED", message);
    }
    stored
}

/// Checks one embed and counts its characters.
fn check_one(embed: Fields<'_>, form: &mut Form) -> usize {
    let mut chars = 0;
    let mut count = |text: Option<&str>| chars += text.map_or(0, |text| text.chars().count());
    count(embed.text(form, "title", 0..=256));
    count(embed.text(form, "description", 0..=4096));
    embed.text(form, "url", 0..=2048);
    embed.integer(form, "color", 0..=0xff_ff_ff);
    for (part, key, most) in [("footer", "text", 2048), ("author", "name", 256)] {
        if let Some(map) = embed.object(form, part) {
            let path = embed.path(part);
            count(Fields::new(map, &path).required_text(form, key, 0..=most));
        }
    }
    let fields_path = embed.path("fields");
    for (index, field) in embed
        .list(form, "fields", 0..=25)
        .into_iter()
        .flatten()
        .enumerate()
    {
        let path = join(&fields_path, index);
        let Some(map) = field.as_object() else {
            not_object(form, &path);
            continue;
        };
        let field = Fields::new(map, &path);
        count(field.required_text(form, "name", 1..=256));
        count(field.required_text(form, "value", 1..=1024));
        field.flag(form, "inline");
    }
    chars
}

fn as_stored(map: &Map<String, Value>) -> Value {
    let mut stored = map.clone();
    drop_nulls(&mut stored);
    stored.insert("type".into(), json!("rich"));
    let fields = stored.get_mut("fields").and_then(Value::as_array_mut);
    for field in fields
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        field.entry("inline").or_insert(json!(false));
    }
    Value::Object(stored)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(list: &Value) -> Option<Value> {
        let mut form = Form::default();
        check(list.as_array().unwrap(), "embeds", &mut form);
        form.finish()
            .err()
            .map(|error| error.body()["errors"]["embeds"].clone())
    }

    #[test]
    fn limits_hold_for_each_field() {
        assert_eq!(
            faults(&json!([{"title": "t".repeat(256), "description": "d".repeat(4096)}])),
            None
        );
        assert!(faults(&json!([{"title": "t".repeat(257)}])).unwrap()["0"]["title"].is_object());
        let field = json!([{"fields": [{"name": "n", "value": ""}]}]);
        assert!(faults(&field).unwrap()["0"]["fields"]["0"]["value"].is_object());
    }

    #[test]
    fn the_sum_is_limited_too() {
        let list = json!([{"description": "d".repeat(4000)}, {"description": "d".repeat(2001)}]);
        assert_eq!(
            faults(&list).unwrap()["_errors"][0]["code"],
            "MAX_EMBED_SIZE_EXCEEDED"
        );
    }
}

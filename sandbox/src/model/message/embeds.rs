//! Checks of embeds: Discord's limits for each field and for all embeds of a message together.

use serde_json::{Map, Value, json};

use super::Attachment;
use crate::error::Form;
use crate::field::{Fields, drop_nulls, join, not_object};

/// Embeds per message.
pub(crate) const EMBEDS_MAX: usize = 10;
/// How an address names a file of the same message.
const ATTACHMENT: &str = "attachment://";
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
    link(embed, "url", form, Schemes::Page);
    embed.integer(form, "color", 0..=0xff_ff_ff);
    for (part, key, most) in [("footer", "text", 2048), ("author", "name", 256)] {
        if let Some(map) = embed.object(form, part) {
            let path = embed.path(part);
            let fields = Fields::new(map, &path);
            count(fields.required_text(form, key, 0..=most));
            link(fields, "url", form, Schemes::Page);
            link(fields, "icon_url", form, Schemes::Picture);
        }
    }
    for part in ["image", "thumbnail"] {
        if let Some(map) = embed.object(form, part) {
            let path = embed.path(part);
            link(Fields::new(map, &path), "url", form, Schemes::Picture);
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

/// What an address may point at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Schemes {
    Page,
    /// Also a file of the message.
    Picture,
}

fn link(fields: Fields<'_>, key: &str, form: &mut Form, schemes: Schemes) {
    let Some(url) = fields.text(form, key, 0..=2048) else {
        return;
    };
    let web = ["http://", "https://"].iter().any(|s| url.starts_with(s));
    let file = schemes == Schemes::Picture && url.starts_with(ATTACHMENT);
    if !web && !file && !url.is_empty() {
        let known = match schemes {
            Schemes::Page => "'http', 'https'",
            Schemes::Picture => "'http', 'https', 'attachment'",
        };
        let message = format!("Scheme must be one of ({known}).");
        form.fault(&fields.path(key), "URL_TYPE_INVALID_SCHEME", message);
    }
}

/// Points the pictures of embeds that are files of the message at their addresses.
pub(crate) fn link_files(list: &mut [Value], files: &[Attachment]) {
    for embed in list.iter_mut().filter_map(Value::as_object_mut) {
        for (part, key) in [
            ("image", "url"),
            ("thumbnail", "url"),
            ("author", "icon_url"),
            ("footer", "icon_url"),
        ] {
            let Some(map) = embed.get_mut(part).and_then(Value::as_object_mut) else {
                continue;
            };
            let url = map.get(key).and_then(Value::as_str);
            let name = url.and_then(|url| url.strip_prefix(ATTACHMENT));
            let file = name.and_then(|name| files.iter().find(|file| file.filename == name));
            if let Some(file) = file {
                map.insert(key.to_owned(), json!(file.url));
                map.insert(format!("proxy_{key}"), json!(file.url));
            }
        }
    }
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

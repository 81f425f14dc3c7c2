//! Checks of message components, old and V2: structure, limits and custom ids.
//!
//! Sources: Discord's component reference; the 4,000 characters of text and the total of 10,170 bytes past which
//! Discord answers 500 are from its issue tracker (discord-api-docs #8562 and #8554). Modals are in `interaction::modal`.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::error::Form;
use crate::field::{Fields, join, not_object};

pub(crate) const ACTION_ROW: u64 = 1;
pub(crate) const BUTTON: u64 = 2;
pub(crate) const STRING_SELECT: u64 = 3;
pub(crate) const CHANNEL_SELECT: u64 = 8;
pub(crate) const SECTION: u64 = 9;
pub(crate) const TEXT_DISPLAY: u64 = 10;
const THUMBNAIL: u64 = 11;
const MEDIA_GALLERY: u64 = 12;
const FILE: u64 = 13;
const SEPARATOR: u64 = 14;
const CONTAINER: u64 = 17;

/// Components of a V2 message, nested ones counted.
const TOTAL_MAX: usize = 40;
/// Characters over all text displays of a message.
const TEXT_MAX: usize = 4000;
/// UTF-8 bytes of all text displays plus 12 for each of them, past which Discord itself fails with a 500.
const BYTES_MAX: usize = 10_170;

/// What a message's components amount to.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// As stored and shown: every component has a numeric id.
    pub(crate) list: Vec<Value>,
    /// Whether Discord would fail on the size of the texts with a 500 instead of a clean refusal.
    pub(crate) breaks_discord: bool,
    /// Names that `attachment://` references ask for, with their paths.
    pub(crate) references: Vec<(String, String)>,
}

/// Checks the components of a message that has (`v2`) or lacks the flag IS_COMPONENTS_V2.
pub(crate) fn check(list: &[Value], v2: bool, path: &str, form: &mut Form) -> Checked {
    let mut walk = Walk {
        form,
        v2,
        total: 0,
        text_chars: 0,
        text_bytes: 0,
        custom_ids: BTreeSet::new(),
        next_id: 1,
        references: Vec::new(),
    };
    let allowed: &[u64] = if v2 {
        &[
            ACTION_ROW,
            SECTION,
            TEXT_DISPLAY,
            MEDIA_GALLERY,
            FILE,
            SEPARATOR,
            CONTAINER,
        ]
    } else {
        &[ACTION_ROW]
    };
    if !v2 && list.len() > 5 {
        walk.form.fault(
            path,
            "BASE_TYPE_BAD_LENGTH",
            "Must be between 1 and 5 in length.",
        );
    }
    let stored = walk.children(list, path, allowed);
    if walk.total > TOTAL_MAX {
        let message = format!("The maximum total components ({TOTAL_MAX}) was exceeded");
        walk.form
            .fault(path, "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED", message);
    }
    if walk.text_chars > TEXT_MAX {
        let message = format!("Displayable text size must be {TEXT_MAX} or fewer in length.");
        walk.form
            .fault(path, "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED", message);
    }
    Checked {
        list: stored,
        breaks_discord: walk.text_bytes > BYTES_MAX,
        references: walk.references,
    }
}

/// The texts of all text displays, for mentions and for readers.
pub(crate) fn texts(list: &[Value]) -> Vec<&str> {
    let mut found = Vec::new();
    visit(list, &mut |component| {
        if component.get("type").and_then(Value::as_u64) == Some(TEXT_DISPLAY) {
            found.extend(component.get("content").and_then(Value::as_str));
        }
    });
    found
}

/// The component with this custom id.
pub(crate) fn find<'a>(list: &'a [Value], custom_id: &str) -> Option<&'a Map<String, Value>> {
    let mut found = None;
    visit(list, &mut |component| {
        if component.get("custom_id").and_then(Value::as_str) == Some(custom_id) {
            found = Some(component);
        }
    });
    found
}

/// Points `attachment://name` references at the files' addresses.
pub(crate) fn link_files(list: &mut [Value], files: &[super::Attachment]) {
    for component in list {
        let Some(map) = component.as_object_mut() else {
            continue;
        };
        if let Some(file) = map.get_mut("file").and_then(|media| link(media, files)) {
            map.insert("name".into(), json!(file.filename));
            map.insert("size".into(), json!(file.size));
        }
        if let Some(media) = map.get_mut("media") {
            link(media, files);
        }
        if let Some(accessory) = map.get_mut("accessory") {
            link_files(std::slice::from_mut(accessory), files);
        }
        for key in ["components", "items"] {
            if let Some(Value::Array(children)) = map.get_mut(key) {
                link_files(children, files);
            }
        }
    }
}

fn link<'a>(media: &mut Value, files: &'a [super::Attachment]) -> Option<&'a super::Attachment> {
    let name = media.get("url")?.as_str()?.strip_prefix("attachment://")?;
    let file = files.iter().find(|file| file.filename == name)?;
    *media = json!({
        "id": file.id, "url": file.url, "proxy_url": file.url, "content_type": file.content_type,
        "attachment_id": file.id,
    });
    Some(file)
}

/// Visits every component of a stored list, parents before children.
pub(crate) fn visit<'a>(list: &'a [Value], each: &mut impl FnMut(&'a Map<String, Value>)) {
    for component in list {
        let Some(map) = component.as_object() else {
            continue;
        };
        each(map);
        if let Some(Value::Array(children)) = map.get("components") {
            visit(children, each);
        }
        for key in ["accessory", "component"] {
            if let Some(child) = map.get(key) {
                visit(std::slice::from_ref(child), each);
            }
        }
    }
}

/// The fields that Discord's answers always have, for what a request left out.
fn defaults(kind: u64) -> Vec<(&'static str, Value)> {
    match kind {
        THUMBNAIL => vec![("description", Value::Null), ("spoiler", json!(false))],
        FILE => vec![("spoiler", json!(false))],
        SEPARATOR => vec![("divider", json!(true)), ("spacing", json!(1))],
        CONTAINER => vec![("accent_color", Value::Null), ("spoiler", json!(false))],
        _ => Vec::new(),
    }
}

struct Walk<'a> {
    form: &'a mut Form,
    v2: bool,
    total: usize,
    text_chars: usize,
    text_bytes: usize,
    custom_ids: BTreeSet<String>,
    next_id: u64,
    references: Vec<(String, String)>,
}

impl Walk<'_> {
    fn children(&mut self, list: &[Value], path: &str, allowed: &[u64]) -> Vec<Value> {
        let mut stored = Vec::with_capacity(list.len().min(TOTAL_MAX));
        // Past the bound the count alone decides; looking further would only cost time.
        for (index, child) in list.iter().enumerate().take(TOTAL_MAX + 1) {
            stored.extend(self.one(child, &join(path, index), allowed));
        }
        stored
    }

    fn one(&mut self, value: &Value, path: &str, allowed: &[u64]) -> Option<Value> {
        self.total += 1;
        let Some(map) = value.as_object() else {
            not_object(self.form, path);
            return None;
        };
        let kind = map.get("type").and_then(Value::as_u64);
        let Some(kind) = kind.filter(|kind| allowed.contains(kind)) else {
            let names: Vec<_> = allowed.iter().map(u64::to_string).collect();
            let message = format!(
                "Value of field \"type\" must be one of ({}).",
                names.join(", ")
            );
            self.form
                .fault(&join(path, "type"), "UNION_TYPE_CHOICES", message);
            return None;
        };
        let mut stored = map.clone();
        stored.retain(|_, value| !value.is_null());
        let id = Fields::new(map, path)
            .integer(self.form, "id", 0..=u64::from(u32::MAX))
            .filter(|id| *id > 0);
        let id = id.unwrap_or(self.next_id);
        self.next_id = self.next_id.max(id).saturating_add(1);
        stored.insert("id".into(), json!(id));
        for (key, value) in defaults(kind) {
            stored.entry(key).or_insert(value);
        }
        let fields = Fields::new(map, path);
        match kind {
            ACTION_ROW => self.row(fields, &mut stored),
            BUTTON => self.button(fields),
            STRING_SELECT..=CHANNEL_SELECT => self.select(fields, kind, &mut stored),
            SECTION => self.section(fields, &mut stored),
            TEXT_DISPLAY => self.text(fields),
            THUMBNAIL => self.media(fields, "media"),
            MEDIA_GALLERY => self.gallery(fields),
            FILE => self.media(fields, "file"),
            CONTAINER => self.container(fields, &mut stored),
            _ => {}
        }
        Some(Value::Object(stored))
    }

    fn nested(
        &mut self,
        fields: Fields<'_>,
        stored: &mut Map<String, Value>,
        most: usize,
        allowed: &[u64],
    ) {
        let Some(list) = fields.list(self.form, "components", 1..=most) else {
            if fields.value("components").is_none() {
                fields.missing(self.form, "components");
            }
            return;
        };
        let children = self.children(list, &fields.path("components"), allowed);
        stored.insert("components".into(), Value::Array(children));
    }

    fn row(&mut self, fields: Fields<'_>, stored: &mut Map<String, Value>) {
        let first = fields
            .map
            .get("components")
            .and_then(|list| list.get(0)?.get("type")?.as_u64());
        if first == Some(BUTTON) {
            self.nested(fields, stored, 5, &[BUTTON]);
        } else {
            self.nested(
                fields,
                stored,
                1,
                &[BUTTON, STRING_SELECT, 5, 6, 7, CHANNEL_SELECT],
            );
        }
    }

    fn container(&mut self, fields: Fields<'_>, stored: &mut Map<String, Value>) {
        fields.integer(self.form, "accent_color", 0..=0xff_ff_ff);
        fields.flag(self.form, "spoiler");
        let allowed = &[
            ACTION_ROW,
            SECTION,
            TEXT_DISPLAY,
            MEDIA_GALLERY,
            FILE,
            SEPARATOR,
        ];
        self.nested(fields, stored, TOTAL_MAX, allowed);
    }

    fn section(&mut self, fields: Fields<'_>, stored: &mut Map<String, Value>) {
        self.nested(fields, stored, 3, &[TEXT_DISPLAY]);
        match fields.value("accessory") {
            Some(accessory) => {
                if let Some(kept) =
                    self.one(accessory, &fields.path("accessory"), &[BUTTON, THUMBNAIL])
                {
                    stored.insert("accessory".into(), kept);
                }
            }
            None => fields.missing(self.form, "accessory"),
        }
    }

    fn text(&mut self, fields: Fields<'_>) {
        if let Some(text) = fields.required_text(self.form, "content", 1..=TEXT_MAX) {
            self.text_chars = self.text_chars.saturating_add(text.chars().count());
            self.text_bytes = self
                .text_bytes
                .saturating_add(text.len())
                .saturating_add(12);
        }
    }

    fn media(&mut self, fields: Fields<'_>, key: &str) {
        let Some(map) = fields.object(self.form, key) else {
            if fields.value(key).is_none() {
                fields.missing(self.form, key);
            }
            return;
        };
        let path = fields.path(key);
        let inner = Fields::new(map, &path);
        let Some(url) = inner.required_text(self.form, "url", 1..=2048) else {
            return;
        };
        match url.strip_prefix("attachment://") {
            Some(name) => self.references.push((inner.path("url"), name.to_owned())),
            None if key == "file" => {
                let message = "File components must reference an attachment:// URL.";
                self.form
                    .fault(&inner.path("url"), "URL_TYPE_INVALID_SCHEME", message);
            }
            None => check_url(inner, self.form, url),
        }
    }

    fn gallery(&mut self, fields: Fields<'_>) {
        let Some(items) = fields.list(self.form, "items", 1..=10) else {
            if fields.value("items").is_none() {
                fields.missing(self.form, "items");
            }
            return;
        };
        for (index, item) in items.iter().enumerate() {
            let path = join(&fields.path("items"), index);
            match item.as_object() {
                Some(map) => self.media(Fields::new(map, &path), "media"),
                None => not_object(self.form, &path),
            }
        }
    }

    fn button(&mut self, fields: Fields<'_>) {
        fields.flag(self.form, "disabled");
        let label = fields.text(self.form, "label", 0..=80);
        let style = fields.integer(self.form, "style", 1..=6);
        match style {
            None if fields.value("style").is_none() => fields.missing(self.form, "style"),
            None | Some(6) => {}
            Some(5) => {
                if let Some(url) = fields.required_text(self.form, "url", 1..=512) {
                    check_url(fields, self.form, url);
                }
                if fields.value("custom_id").is_some() {
                    let message = "A custom id and url cannot both be specified";
                    self.form.fault(
                        &fields.path("custom_id"),
                        "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE",
                        message,
                    );
                }
            }
            Some(_) => self.custom_id(fields),
        }
        let bare =
            label.is_none_or(str::is_empty) && fields.value("emoji").is_none() && style != Some(6);
        if bare && self.form.is_clean() {
            self.form.fault(
                fields.path("label").as_str(),
                "BASE_TYPE_REQUIRED",
                "This field is required",
            );
        }
    }

    fn select(&mut self, fields: Fields<'_>, kind: u64, stored: &mut Map<String, Value>) {
        self.custom_id(fields);
        fields.text(self.form, "placeholder", 0..=150);
        let least = fields.integer(self.form, "min_values", 0..=25).unwrap_or(1);
        let most = fields.integer(self.form, "max_values", 1..=25).unwrap_or(1);
        stored.insert("min_values".into(), json!(least));
        stored.insert("max_values".into(), json!(most));
        if kind != STRING_SELECT {
            return;
        }
        let Some(options) = fields.list(self.form, "options", 1..=25) else {
            if fields.value("options").is_none() {
                fields.missing(self.form, "options");
            }
            return;
        };
        let mut values = BTreeSet::new();
        for (index, option) in options.iter().enumerate() {
            let path = join(&fields.path("options"), index);
            let Some(map) = option.as_object() else {
                not_object(self.form, &path);
                continue;
            };
            let option = Fields::new(map, &path);
            option.required_text(self.form, "label", 1..=100);
            option.text(self.form, "description", 0..=100);
            if let Some(value) = option.required_text(self.form, "value", 1..=100)
                && !values.insert(value.to_owned())
            {
                let message = "The specified option value is already used";
                self.form.fault(
                    &option.path("value"),
                    "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED",
                    message,
                );
            }
        }
    }

    fn custom_id(&mut self, fields: Fields<'_>) {
        if let Some(id) = fields.required_text(self.form, "custom_id", 1..=100)
            && !self.custom_ids.insert(id.to_owned())
        {
            let message = "Component custom id cannot be duplicated";
            self.form.fault(
                &fields.path("custom_id"),
                "COMPONENT_CUSTOM_ID_DUPLICATED",
                message,
            );
        }
        debug_assert!(
            self.v2 || self.total > 0,
            "invariant: a component is counted before it is read"
        );
    }
}

fn check_url(fields: Fields<'_>, form: &mut Form, url: &str) {
    if !["http://", "https://", "discord://"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
    {
        let message = "Scheme must be one of ('http', 'https', 'discord').";
        form.fault(&fields.path("url"), "URL_TYPE_INVALID_SCHEME", message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(list: &Value, v2: bool) -> Option<Value> {
        let mut form = Form::default();
        check(list.as_array().unwrap(), v2, "components", &mut form);
        form.finish()
            .err()
            .map(|error| error.body()["errors"]["components"].clone())
    }

    fn text(content: &str) -> Value {
        json!({"type": 10, "content": content})
    }

    fn button(id: &str) -> Value {
        json!({"type": 2, "style": 1, "label": "b", "custom_id": id})
    }

    #[test]
    fn a_card_passes_and_every_component_gets_an_id() {
        let list = json!([{"type": 17, "accent_color": 255, "components": [
            text("### hello"), {"type": 14}, {"type": 1, "components": [button("a"), button("b")]},
            {"type": 9, "components": [text("x")], "accessory": button("c")},
        ]}]);
        let mut form = Form::default();
        let checked = check(list.as_array().unwrap(), true, "components", &mut form);
        assert!(form.is_clean());
        let mut ids = BTreeSet::new();
        let mut count = 0;
        visit(&checked.list, &mut |component| {
            count += 1;
            ids.insert(component["id"].as_u64().unwrap());
        });
        assert_eq!((count, ids.len()), (9, 9));
        assert_eq!(texts(&checked.list), ["### hello", "x"]);
        assert!(find(&checked.list, "c").is_some());
    }

    #[test]
    fn forty_components_nested_ones_counted() {
        let row =
            || json!({"type": 17, "components": (0..19).map(|_| text("x")).collect::<Vec<_>>()});
        assert_eq!(codes(&json!([row(), row()]), true), None);
        let faults = codes(&json!([row(), row(), {"type": 14}]), true).unwrap();
        assert_eq!(
            faults["_errors"][0]["code"],
            "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED"
        );
    }

    #[test]
    fn text_is_limited_over_the_whole_message() {
        let faults = codes(
            &json!([text(&"a".repeat(2001)), text(&"a".repeat(2000))]),
            true,
        )
        .unwrap();
        assert_eq!(
            faults["_errors"][0]["code"],
            "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED"
        );
        let wide = json!([text(&"▰".repeat(3400))]);
        let checked = check(wide.as_array().unwrap(), true, "", &mut Form::default());
        assert!(checked.breaks_discord, "10,212 bytes");
    }

    #[test]
    fn the_old_kind_takes_rows_only() {
        let faults = codes(&json!([text("x")]), false).unwrap();
        assert_eq!(
            faults["0"]["type"]["_errors"][0]["code"],
            "UNION_TYPE_CHOICES"
        );
        assert_eq!(
            codes(&json!([{"type": 1, "components": [button("a")]}]), false),
            None
        );
        let six: Vec<_> = (0..6).map(|n| button(&n.to_string())).collect();
        assert!(codes(&json!([{"type": 1, "components": six}]), false).is_some());
    }

    #[test]
    fn custom_ids_are_unique_and_short() {
        let twice = json!([{"type": 1, "components": [button("a"), button("a")]}]);
        assert!(codes(&twice, false).unwrap()["0"]["components"]["1"]["custom_id"].is_object());
        let long = json!([{"type": 1, "components": [button(&"a".repeat(101))]}]);
        assert!(codes(&long, false).is_some());
    }

    #[test]
    fn hostile_shapes_are_faults_not_panics() {
        for list in [
            json!([1, null, "x"]),
            json!([{"type": "1"}]),
            json!([{"type": 17, "components": {}}]),
            json!([{"type": 9, "components": [], "accessory": 3}]),
            json!([{"type": 12, "items": [{}]}]),
        ] {
            assert!(codes(&list, true).is_some(), "{list}");
        }
    }
}

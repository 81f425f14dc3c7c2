//! Checks of message components, old and V2: structure, limits and custom ids.
//!
//! Sources: Discord's component reference; the 4,000 characters of text and the total of 10,170 bytes past which
//! Discord answers 500 are from its issue tracker (discord-api-docs #8562 and #8554). Modals are in `interaction::modal`.

use serde_json::{Map, Value, json};

use crate::error::Form;
use crate::field::{Fields, drop_nulls, join, not_object};
use crate::snowflake::Snowflake;

mod ids;
pub(crate) mod input;

pub(crate) use ids::Ids;
use input::{Home, Inputs};

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
        total: 0,
        text_chars: 0,
        text_bytes: 0,
        inputs: Inputs::default(),
        ids: Ids::reserve(list),
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
///
/// Media from elsewhere get an id, as Discord gives it to everything that it fetched.
pub(crate) fn link_files(
    list: &mut [Value],
    files: &[super::Attachment],
    next_id: &mut impl FnMut() -> Snowflake,
) {
    for component in list {
        let Some(map) = component.as_object_mut() else {
            continue;
        };
        if let Some(file) = map
            .get_mut("file")
            .and_then(|media| link(media, files, next_id))
        {
            map.insert("name".into(), json!(file.filename));
            map.insert("size".into(), json!(file.size));
        }
        if let Some(media) = map.get_mut("media") {
            link(media, files, next_id);
        }
        if let Some(accessory) = map.get_mut("accessory") {
            link_files(std::slice::from_mut(accessory), files, next_id);
        }
        for key in ["components", "items"] {
            if let Some(Value::Array(children)) = map.get_mut(key) {
                link_files(children, files, next_id);
            }
        }
    }
}

fn link<'a>(
    media: &mut Value,
    files: &'a [super::Attachment],
    next_id: &mut impl FnMut() -> Snowflake,
) -> Option<&'a super::Attachment> {
    let url = media.get("url")?.as_str()?;
    let Some(name) = url.strip_prefix("attachment://") else {
        if media.get("id").is_none() {
            *media = json!({"id": next_id(), "url": url, "proxy_url": url});
        }
        return None;
    };
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
    total: usize,
    text_chars: usize,
    text_bytes: usize,
    inputs: Inputs,
    ids: Ids,
    references: Vec<(String, String)>,
}

/// The fields of all kinds of components that Discord stores.
const KEPT: [&str; 25] = [
    "type",
    "id",
    "components",
    "accessory",
    "custom_id",
    "style",
    "label",
    "emoji",
    "url",
    "sku_id",
    "disabled",
    "required",
    "placeholder",
    "min_values",
    "max_values",
    "options",
    "default_values",
    "channel_types",
    "content",
    "media",
    "items",
    "file",
    "description",
    "spoiler",
    "accent_color",
];
/// And those of a separator.
const KEPT_OF_SEPARATORS: [&str; 2] = ["divider", "spacing"];

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
        let known = |key: &str| KEPT.contains(&key) || KEPT_OF_SEPARATORS.contains(&key);
        stored.retain(|key, _| known(key));
        drop_nulls(&mut stored);
        let id = self.ids.of(Fields::new(map, path), self.form);
        stored.insert("id".into(), json!(id));
        for (key, value) in defaults(kind) {
            stored.entry(key).or_insert(value);
        }
        let fields = Fields::new(map, path);
        match kind {
            ACTION_ROW => self.row(fields, &mut stored),
            BUTTON => self.inputs.button(fields, self.form),
            STRING_SELECT..=CHANNEL_SELECT => {
                let place = (kind, Home::Message);
                self.inputs.select(fields, self.form, place, &mut stored);
            }
            SECTION => self.section(fields, &mut stored),
            TEXT_DISPLAY => self.text(fields),
            THUMBNAIL => self.picture(fields),
            MEDIA_GALLERY => self.gallery(fields, &mut stored),
            FILE => {
                fields.flag(self.form, "spoiler");
                self.media(fields, "file");
            }
            SEPARATOR => {
                fields.flag(self.form, "divider");
                fields.integer(self.form, "spacing", 1..=2);
            }
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

    /// A thumbnail or one item of a gallery.
    fn picture(&mut self, fields: Fields<'_>) {
        fields.text(self.form, "description", 1..=1024);
        fields.flag(self.form, "spoiler");
        self.media(fields, "media");
    }

    fn gallery(&mut self, fields: Fields<'_>, stored: &mut Map<String, Value>) {
        let Some(items) = fields.list(self.form, "items", 1..=10) else {
            if fields.value("items").is_none() {
                fields.missing(self.form, "items");
            }
            return;
        };
        let mut kept = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let path = join(&fields.path("items"), index);
            let Some(map) = item.as_object() else {
                not_object(self.form, &path);
                continue;
            };
            self.picture(Fields::new(map, &path));
            let mut item = map.clone();
            item.retain(|key, _| matches!(key.as_str(), "media" | "description" | "spoiler"));
            item.entry("description").or_insert(Value::Null);
            item.entry("spoiler").or_insert(json!(false));
            kept.push(Value::Object(item));
        }
        stored.insert("items".into(), Value::Array(kept));
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
mod tests;

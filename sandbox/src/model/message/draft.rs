//! A request to create or edit a message, read from JSON and merged with what stood before.
//!
//! Two steps: `Draft::read` checks what each field is by itself, `Draft::settle` checks the message that would come of
//! it. Nothing is changed by either; storing is `world`'s.

use serde_json::{Map, Value};

use super::components::{self, Checked};
use super::mentions::Allowed;
use super::{
    Attachment, COMPONENTS_V2, EPHEMERAL, Message, SUPPRESS_EMBEDS, SUPPRESS_NOTIFICATIONS, embeds,
    weight,
};
use crate::error::{ApiError, EMPTY_MESSAGE, Form, SERVER_ERROR, TOO_LARGE};
use crate::field::{Fields, as_id, join, not_object};
use crate::snowflake::Snowflake;

/// Characters of `content` that a bot may send.
const CONTENT_MAX: usize = 2000;
/// Bytes of embeds and components in memory: more than any that keep to the other limits, so only fields that mean nothing
/// to Discord reach it.
const CARDS_MAX: usize = 1024 * 1024;
/// Files per message.
const FILES_MAX: usize = 10;
/// Bytes of one file for an unboosted guild.
pub(crate) const FILE_BYTES_MAX: usize = 10 * 1024 * 1024;

/// A file that came with a request.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    /// The `n` of its `files[n]`.
    pub(crate) slot: u64,
    pub(crate) filename: String,
    pub(crate) bytes: bytes::Bytes,
}

/// An entry of the body's `attachments`.
#[derive(Clone, Debug)]
struct Claim {
    id: u64,
    existing: Option<Snowflake>,
    filename: Option<String>,
    description: Option<String>,
    path: String,
}

/// What kind of request a draft comes from: it decides defaults and which flags count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A message by the bot token.
    Create,
    /// An edit, by token or webhook.
    Edit,
    /// An interaction's answer or follow-up.
    Answer,
}

impl Kind {
    const fn flags(self) -> u64 {
        match self {
            Self::Create => SUPPRESS_EMBEDS | SUPPRESS_NOTIFICATIONS | COMPONENTS_V2,
            Self::Edit => SUPPRESS_EMBEDS | COMPONENTS_V2,
            Self::Answer => SUPPRESS_EMBEDS | SUPPRESS_NOTIFICATIONS | COMPONENTS_V2 | EPHEMERAL,
        }
    }
}

/// A request's fields, each checked by itself; `None` where it was not sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    content: Option<String>,
    embeds: Option<Vec<Value>>,
    components: Option<Vec<Value>>,
    flags: Option<u64>,
    claims: Option<Vec<Claim>>,
    pub(crate) mentions: Option<Allowed>,
    pub(crate) nonce: Option<Value>,
    pub(crate) enforce_nonce: bool,
    pub(crate) tts: bool,
    pub(crate) reply: Option<Reply>,
    path: String,
}

/// The message that a request replies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) message: Snowflake,
    /// The channel it says that the message is in.
    pub(crate) channel: Option<Snowflake>,
    /// Whether the request fails when that message is gone; otherwise it is posted as no reply.
    pub(crate) must_exist: bool,
}

/// A file of the message as it will be.
#[derive(Clone, Debug)]
pub(crate) enum Planned {
    Keep(Attachment),
    New {
        upload: Upload,
        description: Option<String>,
    },
}

/// The message as it will be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settled {
    pub(crate) content: String,
    pub(crate) embeds: Vec<Value>,
    pub(crate) components: Vec<Value>,
    pub(crate) flags: u64,
    pub(crate) files: Vec<Planned>,
}

impl Draft {
    /// Reads the fields of a message body that stands at `path` of the request.
    pub(crate) fn read(map: &Map<String, Value>, path: &str, form: &mut Form) -> Self {
        let body = Fields::new(map, path);
        let sent_empty = |key: &str| map.get(key).is_some_and(Value::is_null);
        let content = body
            .text(form, "content", 0..=CONTENT_MAX)
            // Discord cuts white space off both ends.
            .map(|content| content.trim().to_owned());
        let embed_list = body.list(form, "embeds", 0..=embeds::EMBEDS_MAX);
        let embeds = embed_list.map(|list| embeds::check(list, &body.path("embeds"), form));
        refuse_unsupported(body, form);
        Self {
            content: content.or_else(|| sent_empty("content").then(String::new)),
            embeds: embeds.or_else(|| sent_empty("embeds").then(Vec::new)),
            components: body
                .list(form, "components", 0..=1000)
                .cloned()
                .or_else(|| sent_empty("components").then(Vec::new)),
            flags: body.integer(form, "flags", 0..=u64::from(u32::MAX)),
            claims: read_claims(body, form),
            mentions: Allowed::read(body, form),
            nonce: read_nonce(body, form),
            enforce_nonce: body.flag(form, "enforce_nonce").unwrap_or(false),
            tts: body.flag(form, "tts").unwrap_or(false),
            reply: read_reply(body, form),
            path: path.to_owned(),
        }
    }

    /// Whether the request brings embeds of its own.
    pub(crate) fn has_embeds(&self) -> bool {
        self.embeds
            .as_ref()
            .is_some_and(|embeds| !embeds.is_empty())
    }

    /// The message that comes of it, or why it cannot be.
    pub(crate) fn settle(
        &self,
        kind: Kind,
        before: Option<&Message>,
        uploads: &[Upload],
        mut form: Form,
    ) -> Result<Settled, ApiError> {
        let old_flags = before.map_or(0, |message| message.flags);
        let wanted = self.flags.unwrap_or(0) & kind.flags();
        // The V2 flag, once set, stays; everything but SUPPRESS_EMBEDS survives an edit.
        let flags = match before {
            Some(_) if self.flags.is_some() => (old_flags & !SUPPRESS_EMBEDS) | wanted,
            Some(_) => old_flags,
            None => wanted,
        };
        let v2 = flags & COMPONENTS_V2 != 0;
        let content = self
            .content
            .clone()
            .or_else(|| before.map(|m| m.content.clone()))
            .unwrap_or_default();
        let embeds = self
            .embeds
            .clone()
            .or_else(|| before.map(|m| m.embeds.clone()))
            .unwrap_or_default();
        let files = self.plan_files(before, uploads, &mut form)?;
        let path = join(&self.path, "components");
        let Checked {
            list: components,
            breaks_discord,
            references,
        } = match &self.components {
            Some(list) => components::check(list, v2, &path, &mut form),
            None => Checked {
                list: before.map(|m| m.components.clone()).unwrap_or_default(),
                ..Checked::default()
            },
        };
        check_references(&references, &files, &mut form);
        if v2 {
            self.check_legacy_fields(&content, &embeds, &mut form);
        }
        form.finish()?;
        if weight::of_list(&embeds).saturating_add(weight::of_list(&components)) > CARDS_MAX {
            return Err(TOO_LARGE.into());
        }
        if breaks_discord {
            return Err(SERVER_ERROR.into());
        }
        let shown = if v2 {
            !components.is_empty()
        } else {
            !content.trim().is_empty()
                || !embeds.is_empty()
                || !files.is_empty()
                || !components.is_empty()
        };
        if shown {
            Ok(Settled {
                content,
                embeds,
                components,
                flags,
                files,
            })
        } else {
            Err(EMPTY_MESSAGE.into())
        }
    }

    fn check_legacy_fields(&self, content: &str, embeds: &[Value], form: &mut Form) {
        for (key, used) in [
            ("content", !content.is_empty()),
            ("embeds", !embeds.is_empty()),
        ] {
            if used {
                let message = format!(
                    "The '{key}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2"
                );
                form.fault(
                    &join(&self.path, key),
                    "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
                    message,
                );
            }
        }
    }

    fn plan_files(
        &self,
        before: Option<&Message>,
        uploads: &[Upload],
        form: &mut Form,
    ) -> Result<Vec<Planned>, ApiError> {
        if uploads
            .iter()
            .any(|upload| upload.bytes.len() > FILE_BYTES_MAX)
        {
            return Err(TOO_LARGE.into());
        }
        let old = before
            .map(|message| message.attachments.as_slice())
            .unwrap_or_default();
        let mut planned: Vec<Planned> = Vec::new();
        let mut named = Vec::new();
        match &self.claims {
            None => planned.extend(old.iter().cloned().map(Planned::Keep)),
            Some(claims) => {
                for claim in claims {
                    planned.extend(claim.resolve(old, uploads, &mut named, form));
                }
            }
        }
        let rest = uploads
            .iter()
            .filter(|upload| !named.contains(&upload.slot));
        planned.extend(rest.map(|upload| Planned::New {
            upload: upload.clone(),
            description: None,
        }));
        if planned.len() > FILES_MAX {
            let message = format!("Must be {FILES_MAX} or fewer in length.");
            form.fault(
                &join(&self.path, "attachments"),
                "BASE_TYPE_MAX_LENGTH",
                message,
            );
        }
        Ok(planned)
    }
}

impl Claim {
    fn resolve(
        &self,
        old: &[Attachment],
        uploads: &[Upload],
        named: &mut Vec<u64>,
        form: &mut Form,
    ) -> Option<Planned> {
        if let Some(kept) = old.iter().find(|file| Some(file.id) == self.existing) {
            let mut kept = kept.clone();
            kept.description = self.description.clone().or(kept.description);
            return Some(Planned::Keep(kept));
        }
        let Some(upload) = uploads.iter().find(|upload| upload.slot == self.id) else {
            form.fault(
                &self.path,
                "ATTACHMENT_NOT_FOUND",
                "Attachment data not found",
            );
            return None;
        };
        named.push(self.id);
        let mut upload = upload.clone();
        if let Some(filename) = &self.filename {
            upload.filename.clone_from(filename);
        }
        Some(Planned::New {
            upload,
            description: self.description.clone(),
        })
    }
}

fn read_claims(body: Fields<'_>, form: &mut Form) -> Option<Vec<Claim>> {
    if body.map.get("attachments").is_some_and(Value::is_null) {
        return Some(Vec::new());
    }
    let list = body.list(form, "attachments", 0..=FILES_MAX)?;
    let mut claims = Vec::with_capacity(list.len());
    for (index, entry) in list.iter().enumerate() {
        let path = join(&body.path("attachments"), index);
        let Some(map) = entry.as_object() else {
            not_object(form, &path);
            continue;
        };
        let fields = Fields::new(map, &path);
        let Some(id) = fields.integer(form, "id", 0..=u64::MAX) else {
            if fields.value("id").is_none() {
                fields.missing(form, "id");
            }
            continue;
        };
        claims.push(Claim {
            id,
            existing: map.get("id").and_then(as_id),
            filename: fields.text(form, "filename", 1..=1024).map(str::to_owned),
            description: fields
                .text(form, "description", 0..=1024)
                .map(str::to_owned),
            path: path.clone(),
        });
    }
    Some(claims)
}

/// Stickers and polls do not exist here; a bot that sends one must not believe that it arrived.
fn refuse_unsupported(body: Fields<'_>, form: &mut Form) {
    if body
        .list(form, "sticker_ids", 0..=3)
        .is_some_and(|list| !list.is_empty())
    {
        let path = body.path("sticker_ids");
        form.fault(&path, "STICKER_NOT_FOUND", "There are no stickers here");
    }
    if body.value("poll").is_some() {
        let path = body.path("poll");
        form.fault(&path, "POLL_NOT_SUPPORTED", "There are no polls here");
    }
}

fn read_reply(body: Fields<'_>, form: &mut Form) -> Option<Reply> {
    let map = body.object(form, "message_reference")?;
    let path = body.path("message_reference");
    let fields = Fields::new(map, &path);
    // Type 1 forwards a message, which the sandbox has not.
    fields.choice(form, "type", &[0]);
    if fields.value("message_id").is_none() {
        fields.missing(form, "message_id");
    }
    let channel = fields.id(form, "channel_id");
    fields.id(form, "guild_id");
    let must_exist = fields.flag(form, "fail_if_not_exists").unwrap_or(true);
    Some(Reply {
        message: fields.id(form, "message_id")?,
        channel,
        must_exist,
    })
}

fn read_nonce(body: Fields<'_>, form: &mut Form) -> Option<Value> {
    let nonce = body.value("nonce")?;
    if nonce.is_number() {
        return Some(nonce.clone());
    }
    body.text(form, "nonce", 0..=25).map(Value::from)
}

fn check_references(references: &[(String, String)], files: &[Planned], form: &mut Form) {
    for (path, name) in references {
        let found = files.iter().any(|file| match file {
            Planned::Keep(kept) => kept.filename == *name,
            Planned::New { upload, .. } => safe_name(&upload.filename) == *name,
        });
        if !found {
            let message = "The referenced attachment was not found";
            form.fault(
                path,
                "UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND",
                message,
            );
        }
    }
}

/// A file name as Discord stores it: everything but letters, digits, `-`, `_` and `.` becomes `_`.
pub(crate) fn safe_name(name: &str) -> String {
    let kept = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name: String = name
        .chars()
        .take(255)
        .map(|c| if kept(c) { c } else { '_' })
        .collect();
    if name.trim_matches('.').is_empty() {
        "unknown".to_owned()
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settle(body: &Value, before: Option<&Message>) -> Result<Settled, ApiError> {
        let mut form = Form::default();
        let draft = Draft::read(body.as_object().unwrap(), "", &mut form);
        let kind = if before.is_some() {
            Kind::Edit
        } else {
            Kind::Create
        };
        draft.settle(kind, before, &[], form)
    }

    fn standing(flags: u64) -> Message {
        let id = "5".parse().unwrap();
        let mut message = Message::new(id, id, id, 0);
        message.flags = flags;
        message
    }

    #[test]
    fn empty_and_long_messages_are_refused() {
        for body in [
            json!({}),
            json!({"content": ""}),
            json!({"content": " \n"}),
            json!({"flags": COMPONENTS_V2}),
        ] {
            assert_eq!(settle(&body, None).unwrap_err().code, 50006, "{body}");
        }
        assert!(settle(&json!({"content": "x".repeat(2000)}), None).is_ok());
        assert_eq!(
            settle(&json!({"content": "x".repeat(2001)}), None)
                .unwrap_err()
                .code,
            50035
        );
        assert_eq!(
            settle(&json!({"content": 5}), None).unwrap_err().code,
            50035
        );
    }

    #[test]
    fn v2_excludes_the_old_fields_and_stays() {
        let card = json!([{"type": 10, "content": "x"}]);
        let both = json!({"flags": COMPONENTS_V2, "components": card, "content": "y"});
        assert!(settle(&both, None).unwrap_err().body()["errors"]["content"].is_object());
        let edit = settle(
            &json!({"components": card, "flags": 0}),
            Some(&standing(COMPONENTS_V2)),
        )
        .unwrap();
        assert_eq!(
            edit.flags, COMPONENTS_V2,
            "an edit cannot take the flag away"
        );
        let mut plain = standing(0);
        plain.content = "old".into();
        let upgrade = json!({"components": card, "flags": COMPONENTS_V2});
        assert!(
            settle(&upgrade, Some(&plain)).is_err(),
            "content must be emptied in the same edit"
        );
        let upgrade = json!({"components": card, "flags": COMPONENTS_V2, "content": null});
        assert!(settle(&upgrade, Some(&plain)).is_ok());
    }

    #[test]
    fn an_edit_keeps_what_it_does_not_name() {
        let mut before = standing(0);
        before.content = "old".into();
        let edit = settle(&json!({"embeds": [{"title": "t"}]}), Some(&before)).unwrap();
        assert_eq!((edit.content.as_str(), edit.embeds.len()), ("old", 1));
    }

    #[test]
    fn a_claim_without_its_file_is_a_fault() {
        let body = json!({"content": "x", "attachments": [{"id": "0", "filename": "a.txt"}]});
        assert!(settle(&body, None).unwrap_err().body()["errors"]["attachments"]["0"].is_object());
    }

    #[test]
    fn names_of_files_are_made_safe() {
        assert_eq!(safe_name("../a b.txt"), ".._a_b.txt");
        assert_eq!(safe_name(".."), "unknown");
    }
}

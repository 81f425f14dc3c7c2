//! Messages as JSON: Discord's message object, and the fuller forms for people and transcripts.

use serde_json::{Value, json};

use crate::model::guild::with;
use crate::model::intents::MESSAGE_CONTENT;
use crate::model::message::{
    Attachment, EPHEMERAL, HAS_THREAD, Menu, Message, Origin, REPLY, Reference, SUPPRESS_EMBEDS,
    THREAD_STARTER, components, content,
};
use crate::snowflake::rfc3339;
use crate::world::World;

impl World {
    /// Discord's message object.
    pub(crate) fn message_json(&self, message: &Message) -> Value {
        let author = self
            .users
            .get(&message.author)
            .map(crate::model::guild::User::json);
        let mut json = json!({
            "id": message.id, "channel_id": message.channel, "type": message.kind, "author": author,
            "content": message.content, "embeds": shown_embeds(message), "components": message.components,
            "attachments": message.attachments.iter().map(Attachment::json).collect::<Vec<_>>(),
            "timestamp": rfc3339(message.created_ms), "edited_timestamp": message.edited_ms.map(rfc3339),
            "flags": message.flags, "tts": message.tts, "pinned": message.pinned_ms.is_some(),
            "mention_everyone": message.mentions.everyone, "mention_roles": message.mentions.roles,
            "mentions": message.mentions.users.iter().filter_map(|id| Some(self.users.get(id)?.json()))
                .collect::<Vec<_>>(),
        });
        let Some(map) = json.as_object_mut() else {
            return json;
        };
        if let Some(nonce) = &message.nonce {
            map.insert("nonce".into(), nonce.clone());
        }
        if let Some(origin) = &message.origin {
            map.insert("webhook_id".into(), json!(self.application.id));
            map.insert("application_id".into(), json!(self.application.id));
            map.insert(
                "interaction_metadata".into(),
                self.origin_json(message, origin),
            );
            // The older form of the same, which libraries still read; only what answers a command first has it.
            if let Some(name) = origin
                .command
                .as_ref()
                .filter(|_| origin.original.is_none())
            {
                let user = self
                    .users
                    .get(&origin.user)
                    .map(crate::model::guild::User::json);
                let json = json!({"id": origin.interaction, "type": origin.kind, "name": name, "user": user});
                map.insert("interaction".into(), json);
            }
        }
        if !message.reactions.is_empty() {
            map.insert(
                "reactions".into(),
                message
                    .reactions
                    .iter()
                    .map(|reaction| reaction.json(self.application.id))
                    .collect(),
            );
        }
        if let Some(reference) = message.reference {
            map.insert("message_reference".into(), reference.json(message.guild));
            if matches!(message.kind, REPLY | THREAD_STARTER) {
                map.insert(
                    "referenced_message".into(),
                    self.referenced_json(message, reference),
                );
            }
        }
        if message.has(HAS_THREAD)
            && let Some(thread) = self.channels.get(&message.id)
        {
            map.insert("thread".into(), thread.json());
        }
        json
    }

    /// The message that a reply or a thread's start shows above itself; `null` when it is gone.
    fn referenced_json(&self, message: &Message, reference: Reference) -> Value {
        let shown = self
            .referenced(reference)
            // What one person sees is not quoted to everyone.
            .filter(|found| found.only_for.is_none() || found.only_for == message.only_for);
        let Some(found) = shown else {
            return Value::Null;
        };
        // Discord quotes one step deep only.
        let mut found = found.clone();
        found.reference = None;
        self.message_json(&found)
    }

    /// A message as the bot reads it by REST.
    pub(crate) fn message_for_bot(&self, message: &Message) -> Value {
        let json = self.message_json(message);
        let granted = self.application.privileged_intents & MESSAGE_CONTENT != 0;
        if granted || message.guild.is_none() {
            return json;
        }
        content::blank_hidden(&json, self.application.id).unwrap_or(json)
    }

    /// The message as an event carries it: with guild and the author's membership.
    pub(crate) fn message_event(&self, message: &Message) -> Value {
        let mut json = self.message_json(message);
        let Some(guild_id) = message.guild else {
            return json;
        };
        json = with(json, "guild_id", json!(guild_id));
        let member = self
            .guilds
            .get(&guild_id)
            .and_then(|guild| guild.members.get(&message.author));
        match member {
            Some(member) => with(json, "member", member.json()),
            None => json,
        }
    }

    /// The message as people see it, with what a script wants to know.
    pub(crate) fn message_view(&self, message: &Message) -> Value {
        let mut json = self.message_json(message);
        if let Some(map) = json.as_object_mut() {
            map.extend([
                ("ephemeral".into(), json!(message.has(EPHEMERAL))),
                ("deleted".into(), json!(message.deleted_ms.is_some())),
                ("edited".into(), json!(message.edited_ms.is_some())),
                ("text".into(), json!(full_text(message))),
            ]);
            if let Some(Value::Array(shown)) = map.get_mut("reactions") {
                for (json, reaction) in shown.iter_mut().zip(&message.reactions) {
                    json["user_ids"] = json!(reaction.users);
                }
            }
        }
        json
    }

    /// The message with everything that ever happened to it.
    pub(crate) fn message_transcript(&self, message: &Message) -> Value {
        let mut json = self.message_view(message);
        let history = message.history.iter().map(|past| {
            json!({
                "at": rfc3339(past.at_ms), "content": past.content, "embeds": past.embeds,
                "components": past.components, "resolved_mentions": past.mentions.json(),
            })
        });
        if let Some(map) = json.as_object_mut() {
            map.extend([
                ("edits".into(), json!(message.edits)),
                ("history".into(), history.collect()),
                ("resolved_mentions".into(), message.mentions.json()),
                ("ephemeral_for".into(), json!(message.only_for)),
                (
                    "deleted_timestamp".into(),
                    json!(message.deleted_ms.map(rfc3339)),
                ),
            ]);
        }
        json
    }

    fn origin_json(&self, message: &Message, origin: &Origin) -> Value {
        let owner = message
            .guild
            .map_or_else(|| "0".to_owned(), |guild| guild.to_string());
        let mut json = json!({
            "id": origin.interaction, "type": origin.kind,
            "user": self.users.get(&origin.user).map(crate::model::guild::User::json),
            "authorizing_integration_owners": {"0": owner},
        });
        let Some(map) = json.as_object_mut() else {
            return json;
        };
        if let Some(command) = &origin.command {
            map.extend([
                ("name".into(), json!(command)),
                (
                    "command_type".into(),
                    json!(origin.menu.map_or(1, |menu| menu.kind)),
                ),
            ]);
        }
        match origin.menu {
            Some(Menu { kind: 2, target }) => {
                let user = self.users.get(&target).map(crate::model::guild::User::json);
                map.insert("target_user".into(), json!(user));
            }
            Some(menu) => _ = map.insert("target_message_id".into(), json!(menu.target)),
            None => {}
        }
        if let Some(original) = origin.original {
            map.insert("original_response_message_id".into(), json!(original));
        }
        if let Some(trigger) = &origin.trigger {
            let trigger = self.origin_json(message, trigger);
            map.insert("triggering_interaction_metadata".into(), trigger);
        } else if let Some(source) = origin.source {
            map.insert("interacted_message_id".into(), json!(source));
        }
        json
    }
}

/// Everything that can be read in a message, in order, for scripts that only look for words.
fn full_text(message: &Message) -> String {
    let mut parts = vec![message.content.as_str()];
    for embed in &message.embeds {
        parts.extend(
            ["title", "description"]
                .iter()
                .filter_map(|key| embed.get(key)?.as_str()),
        );
    }
    parts.extend(components::texts(&message.components));
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

/// The embeds, unless the message hides them.
fn shown_embeds(message: &Message) -> &[Value] {
    if message.has(SUPPRESS_EMBEDS) {
        &[]
    } else {
        &message.embeds
    }
}

//! Guilds, their channels, roles and members, and the people in them: the data and its shapes in Discord's JSON.
//!
//! Decides nothing; who may do what is in `permissions`, what a request may change is in `rest`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::message::emoji::CustomEmoji;
use crate::message::timeline::Timeline;
use crate::snowflake::{Snowflake, rfc3339};

pub(crate) mod fresh;
pub(crate) mod furnish;
pub(crate) mod permissions;

/// Channel types of Discord that exist here.
pub(crate) const GUILD_TEXT: u8 = 0;
pub(crate) const DM: u8 = 1;
pub(crate) const PUBLIC_THREAD: u8 = 11;
pub(crate) const PRIVATE_THREAD: u8 = 12;

/// Someone with an account: a person or a bot.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) id: Snowflake,
    pub(crate) username: String,
    pub(crate) bot: bool,
}

impl User {
    /// Discord's user object.
    pub(crate) fn json(&self) -> Value {
        json!({
            "id": self.id, "username": self.username, "discriminator": "0", "global_name": self.username,
            "avatar": null, "bot": self.bot, "public_flags": 0, "flags": 0, "primary_guild": null,
            "banner": null, "accent_color": null, "avatar_decoration_data": null,
        })
    }

    /// The user object of the bot itself, with what only it may see.
    pub(crate) fn private_json(&self) -> Value {
        let mut user = self.json();
        if let Some(map) = user.as_object_mut() {
            map.extend([
                ("mfa_enabled".into(), json!(true)),
                ("verified".into(), json!(true)),
                ("email".into(), Value::Null),
                ("locale".into(), json!("en-US")),
            ]);
        }
        user
    }
}

/// A role of a guild.
#[derive(Clone, Debug)]
pub(crate) struct Role {
    pub(crate) id: Snowflake,
    pub(crate) name: String,
    pub(crate) permissions: u64,
    pub(crate) color: u32,
    pub(crate) position: u64,
    pub(crate) mentionable: bool,
    /// Whether it belongs to the bot and cannot be given to anyone else.
    pub(crate) managed: bool,
}

impl Role {
    /// Discord's role object.
    pub(crate) fn json(&self) -> Value {
        json!({
            "id": self.id, "name": self.name, "permissions": self.permissions.to_string(),
            "position": self.position, "color": self.color,
            "colors": {"primary_color": self.color, "secondary_color": null, "tertiary_color": null},
            "hoist": false, "managed": self.managed, "mentionable": self.mentionable,
            "icon": null, "unicode_emoji": null, "flags": 0, "description": null,
        })
    }
}

/// Someone's membership of a guild.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) roles: Vec<Snowflake>,
    pub(crate) joined_ms: u64,
}

impl Member {
    /// Discord's member object without its user.
    pub(crate) fn json(&self) -> Value {
        json!({
            "roles": self.roles, "joined_at": rfc3339(self.joined_ms), "nick": null, "avatar": null,
            "banner": null, "premium_since": null, "communication_disabled_until": null,
            "pending": false, "deaf": false, "mute": false, "flags": 0,
        })
    }

    /// Discord's member object with its user.
    pub(crate) fn json_with(&self, user: &User) -> Value {
        with(self.json(), "user", user.json())
    }
}

/// A guild.
#[derive(Clone, Debug)]
pub(crate) struct Guild {
    pub(crate) id: Snowflake,
    pub(crate) name: String,
    pub(crate) owner: Snowflake,
    pub(crate) created_ms: u64,
    /// By id; `@everyone` has the guild's own id.
    pub(crate) roles: BTreeMap<Snowflake, Role>,
    pub(crate) members: BTreeMap<Snowflake, Member>,
    pub(crate) emojis: BTreeMap<Snowflake, CustomEmoji>,
    /// Text channels, in the order in which they are shown.
    pub(crate) channels: Vec<Snowflake>,
    /// Threads that are not archived.
    pub(crate) active_threads: BTreeSet<Snowflake>,
}

impl Guild {
    /// Discord's guild object, without the lists that only GUILD_CREATE carries.
    pub(crate) fn json(&self) -> Value {
        json!({
            "id": self.id, "name": self.name, "owner_id": self.owner, "icon": null, "icon_hash": null,
            "splash": null, "discovery_splash": null, "home_header": null, "banner": null,
            "description": null, "region": "deprecated", "features": [],
            "emojis": self.emojis.values().map(CustomEmoji::json).collect::<Vec<_>>(), "stickers": [],
            "roles": self.roles.values().map(Role::json).collect::<Vec<_>>(),
            "afk_channel_id": null, "afk_timeout": 300, "application_id": null,
            "default_message_notifications": 0, "explicit_content_filter": 0, "mfa_level": 0,
            "nsfw": false, "nsfw_level": 0, "verification_level": 0, "preferred_locale": "en-US",
            "premium_progress_bar_enabled": false, "premium_subscription_count": 0, "premium_tier": 0,
            "system_channel_id": null, "system_channel_flags": 0, "rules_channel_id": null,
            "public_updates_channel_id": null, "safety_alerts_channel_id": null, "vanity_url_code": null,
            "widget_enabled": false, "widget_channel_id": null, "max_members": 500_000,
            "max_presences": null, "max_video_channel_users": 25, "max_stage_video_channel_users": 50,
            "incidents_data": null, "inventory_settings": null, "version": 1,
        })
    }
}

/// Who an overwrite is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    Role,
    Member,
}

/// A permission overwrite of a channel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Overwrite {
    pub(crate) id: Snowflake,
    pub(crate) whose: Whose,
    pub(crate) allow: u64,
    pub(crate) deny: u64,
}

impl Overwrite {
    fn json(&self) -> Value {
        json!({
            "id": self.id, "type": match self.whose { Whose::Role => 0, Whose::Member => 1 },
            "allow": self.allow.to_string(), "deny": self.deny.to_string(),
        })
    }
}

/// What makes a channel a thread.
#[derive(Clone, Debug)]
pub(crate) struct Thread {
    pub(crate) parent: Snowflake,
    pub(crate) owner: Snowflake,
    pub(crate) created_ms: u64,
    pub(crate) archived: bool,
    pub(crate) locked: bool,
    pub(crate) invitable: bool,
    /// Minutes without activity until Discord would archive it.
    pub(crate) auto_archive_minutes: u64,
    pub(crate) archive_changed_ms: u64,
    /// Who joined, and when.
    pub(crate) members: BTreeMap<Snowflake, u64>,
    /// Messages in it that were not deleted.
    pub(crate) message_count: u64,
    pub(crate) sent_total: u64,
}

impl Thread {
    /// Discord's `thread_metadata`.
    pub(crate) fn metadata(&self) -> Value {
        json!({
            "archived": self.archived, "locked": self.locked, "invitable": self.invitable,
            "auto_archive_duration": self.auto_archive_minutes,
            "archive_timestamp": rfc3339(self.archive_changed_ms),
            "create_timestamp": rfc3339(self.created_ms),
        })
    }
}

/// A text channel, a thread or a direct-message channel, with its messages.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    pub(crate) id: Snowflake,
    pub(crate) kind: u8,
    pub(crate) guild: Option<Snowflake>,
    pub(crate) name: String,
    pub(crate) topic: Option<String>,
    pub(crate) position: u64,
    pub(crate) slowmode_s: u64,
    pub(crate) overwrites: Vec<Overwrite>,
    pub(crate) thread: Option<Thread>,
    /// The person at the other end of a direct-message channel.
    pub(crate) recipient: Option<Snowflake>,
    pub(crate) messages: Timeline,
    pub(crate) last_message: Option<Snowflake>,
    /// When a message was last pinned.
    pub(crate) last_pin_ms: Option<u64>,
    /// The world's version at its last change; what long polls compare.
    pub(crate) version: u64,
    /// Until when people see that the bot is typing, in milliseconds of the Unix epoch.
    pub(crate) typing_until_ms: u64,
}

impl Channel {
    /// A guild's text channel without messages.
    pub(crate) fn text(id: Snowflake, guild: Snowflake, name: String, position: u64) -> Self {
        Self {
            id,
            kind: GUILD_TEXT,
            guild: Some(guild),
            name,
            topic: None,
            position,
            slowmode_s: 0,
            overwrites: Vec::new(),
            thread: None,
            recipient: None,
            messages: Timeline::default(),
            last_message: None,
            last_pin_ms: None,
            version: 0,
            typing_until_ms: 0,
        }
    }

    /// A direct-message channel between the bot and a person.
    pub(crate) fn dm(id: Snowflake, recipient: Snowflake) -> Self {
        let mut channel = Self::text(id, id, String::new(), 0);
        channel.kind = DM;
        channel.guild = None;
        channel.recipient = Some(recipient);
        channel
    }

    /// The channel whose overwrites apply: a thread has those of its parent.
    pub(crate) fn ruling(&self) -> Snowflake {
        self.thread.as_ref().map_or(self.id, |thread| thread.parent)
    }

    /// Whether posting and editing in it is closed by the archive.
    pub(crate) fn is_archived(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| thread.archived)
    }

    /// Discord's channel object for a text channel or a thread; a DM also needs its recipient (`with_recipient`).
    pub(crate) fn json(&self) -> Value {
        let mut json = json!({
            "id": self.id, "type": self.kind, "last_message_id": self.last_message, "flags": 0,
            "last_pin_timestamp": self.last_pin_ms.map(rfc3339),
        });
        let Some(map) = json.as_object_mut() else {
            return json;
        };
        if let Some(guild) = self.guild {
            map.extend([
                ("guild_id".into(), json!(guild)),
                ("name".into(), json!(self.name)),
                ("rate_limit_per_user".into(), json!(self.slowmode_s)),
            ]);
        }
        match &self.thread {
            Some(thread) => map.extend([
                ("parent_id".into(), json!(thread.parent)),
                ("owner_id".into(), json!(thread.owner)),
                ("thread_metadata".into(), thread.metadata()),
                ("message_count".into(), json!(thread.message_count)),
                // Discord stops counting members at 50.
                ("member_count".into(), json!(thread.members.len().min(50))),
                ("total_message_sent".into(), json!(thread.sent_total)),
            ]),
            None if self.guild.is_some() => map.extend([
                ("parent_id".into(), Value::Null),
                ("topic".into(), json!(self.topic)),
                ("position".into(), json!(self.position)),
                ("nsfw".into(), json!(false)),
                (
                    "permission_overwrites".into(),
                    self.overwrites.iter().map(Overwrite::json).collect(),
                ),
            ]),
            None => {}
        }
        json
    }
}

/// A thread member object.
pub(crate) fn thread_member_json(thread: Snowflake, user: Snowflake, joined_ms: u64) -> Value {
    json!({"id": thread, "user_id": user, "join_timestamp": rfc3339(joined_ms), "flags": 0})
}

/// The object with one more field.
pub(crate) fn with(mut object: Value, key: &str, value: Value) -> Value {
    if let Some(map) = object.as_object_mut() {
        map.insert(key.to_owned(), value);
    }
    object
}

//! Channels of every kind: what the sandbox keeps of one, and Discord's channel object.
//!
//! What makes a channel a thread or a forum is in `thread` and `forum`; a request that changes one is read in `rest`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::forum::Forum;
use super::thread::Thread;
use crate::model::message::timeline::Timeline;
use crate::snowflake::{Snowflake, rfc3339};

/// Channel types of Discord that exist here.
pub(crate) const GUILD_TEXT: u8 = 0;
pub(crate) const DM: u8 = 1;
pub(crate) const GUILD_VOICE: u8 = 2;
pub(crate) const GUILD_CATEGORY: u8 = 4;
pub(crate) const GUILD_ANNOUNCEMENT: u8 = 5;
pub(crate) const ANNOUNCEMENT_THREAD: u8 = 10;
pub(crate) const PUBLIC_THREAD: u8 = 11;
pub(crate) const PRIVATE_THREAD: u8 = 12;
pub(crate) const GUILD_FORUM: u8 = 15;

/// Bits per second of a voice channel, unless somebody says otherwise.
const BITRATE: u64 = 64_000;

/// Who an overwrite is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    Role,
    Member,
}

/// A permission overwrite of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// A guild's channel, a thread or a direct-message channel, with its messages.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    pub(crate) id: Snowflake,
    pub(crate) kind: u8,
    pub(crate) guild: Option<Snowflake>,
    pub(crate) name: String,
    pub(crate) topic: Option<String>,
    pub(crate) position: u64,
    /// The category that it stands in; a thread names its parent in `thread`.
    pub(crate) category: Option<Snowflake>,
    pub(crate) nsfw: bool,
    pub(crate) flags: u64,
    /// Seconds that a person must wait between two messages.
    pub(crate) slowmode_s: u64,
    /// What new threads in it get: minutes until the archive, and their slowmode in seconds.
    pub(crate) thread_archive_minutes: Option<u64>,
    pub(crate) thread_slowmode_s: Option<u64>,
    pub(crate) overwrites: Vec<Overwrite>,
    pub(crate) thread: Option<Thread>,
    pub(crate) forum: Option<Forum>,
    /// The person at the other end of a direct-message channel.
    pub(crate) recipient: Option<Snowflake>,
    pub(crate) messages: Timeline,
    pub(crate) last_message: Option<Snowflake>,
    /// When a message was last pinned.
    pub(crate) last_pin_ms: Option<u64>,
    /// When each person last posted, in milliseconds, for the slowmode; kept only while there is one.
    pub(crate) posted_ms: BTreeMap<Snowflake, u64>,
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
            category: None,
            nsfw: false,
            flags: 0,
            slowmode_s: 0,
            thread_archive_minutes: None,
            thread_slowmode_s: None,
            overwrites: Vec::new(),
            thread: None,
            forum: None,
            recipient: None,
            messages: Timeline::default(),
            last_message: None,
            last_pin_ms: None,
            posted_ms: BTreeMap::new(),
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

    /// Whether messages can stand in it at all.
    pub(crate) const fn takes_messages(&self) -> bool {
        !matches!(self.kind, GUILD_CATEGORY | GUILD_FORUM)
    }

    /// Discord's channel object, also of a thread; that of a direct-message channel also has its recipient
    /// (`World::channel_object`).
    pub(crate) fn json(&self) -> Value {
        let mut map = Map::from_iter([
            ("id".into(), json!(self.id)),
            ("type".into(), json!(self.kind)),
            ("flags".into(), json!(self.flags)),
        ]);
        if self.takes_messages() || self.kind == GUILD_FORUM {
            map.insert("last_message_id".into(), json!(self.last_message));
            let pinned = self.last_pin_ms.map(rfc3339);
            map.insert("last_pin_timestamp".into(), json!(pinned));
        }
        if let Some(guild) = self.guild {
            map.insert("guild_id".into(), json!(guild));
            map.insert("name".into(), json!(self.name));
            if self.kind != GUILD_CATEGORY {
                map.insert("rate_limit_per_user".into(), json!(self.slowmode_s));
            }
            match &self.thread {
                Some(thread) => thread.describe(self.kind, &mut map),
                None => self.describe(&mut map),
            }
        }
        Value::Object(map)
    }

    /// The fields of a guild's channel that is no thread.
    fn describe(&self, map: &mut Map<String, Value>) {
        let overwrites = self.overwrites.iter().map(Overwrite::json).collect();
        map.extend([
            ("parent_id".into(), json!(self.category)),
            ("position".into(), json!(self.position)),
            ("permission_overwrites".into(), overwrites),
        ]);
        if self.kind == GUILD_CATEGORY {
            return;
        }
        map.insert("nsfw".into(), json!(self.nsfw));
        if self.kind == GUILD_VOICE {
            map.insert("bitrate".into(), json!(BITRATE));
            map.insert("user_limit".into(), json!(0));
            map.insert("rtc_region".into(), Value::Null);
            return;
        }
        map.insert("topic".into(), json!(self.topic));
        if let Some(minutes) = self.thread_archive_minutes {
            map.insert("default_auto_archive_duration".into(), json!(minutes));
        }
        if let Some(seconds) = self.thread_slowmode_s {
            map.insert("default_thread_rate_limit_per_user".into(), json!(seconds));
        }
        if let Some(forum) = &self.forum {
            forum.describe(map);
        }
    }
}

/// Whether names of this kind of channel are written in lower case with dashes.
const fn has_plain_name(kind: u8) -> bool {
    matches!(kind, GUILD_TEXT | GUILD_ANNOUNCEMENT | GUILD_FORUM)
}

/// A channel's name as Discord keeps it: lower case, dashes for spaces, no ASCII punctuation where people type `#name`.
pub(crate) fn normalised(kind: u8, name: &str) -> String {
    if !has_plain_name(kind) {
        return name.to_owned();
    }
    let mut plain = String::new();
    for letter in name.trim().chars().flat_map(char::to_lowercase) {
        let letter = if letter.is_whitespace() { '-' } else { letter };
        let dropped = letter.is_ascii_punctuation() && !matches!(letter, '-' | '_');
        // A run of dashes becomes one.
        let repeats = letter == '-' && plain.ends_with('-');
        if !dropped && !repeats && !letter.is_control() {
            plain.push(letter);
        }
    }
    if plain.is_empty() {
        "-".to_owned()
    } else {
        plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_text_channels_are_plain() {
        for (given, kept) in [
            ("General Chat", "general-chat"),
            ("  Ärger  im   Büro ", "ärger-im-büro"),
            ("what's up? #1", "whats-up-1"),
            ("snake_case", "snake_case"),
            ("!!!", "-"),
        ] {
            assert_eq!(normalised(GUILD_TEXT, given), kept);
            assert_eq!(normalised(GUILD_FORUM, given), kept);
        }
        assert_eq!(normalised(GUILD_CATEGORY, "Text Channels"), "Text Channels");
        assert_eq!(normalised(GUILD_VOICE, "Lounge 1"), "Lounge 1");
    }
}

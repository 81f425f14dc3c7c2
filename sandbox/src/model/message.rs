//! Messages: what the sandbox keeps of one, and its history.
//!
//! Reading a request into a `Draft` and checking it are in the modules below; the whole message object takes the people of
//! the world (`world::render`).

use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::snowflake::Snowflake;

pub(crate) mod components;
pub(crate) mod content;
pub(crate) mod draft;
pub(crate) mod embeds;
pub(crate) mod emoji;
pub(crate) mod mentions;
pub(crate) mod timeline;
pub(crate) mod weight;

use emoji::Emoji;
use mentions::Mentions;

/// Message flags of Discord that mean something here.
pub(crate) const SUPPRESS_EMBEDS: u64 = 1 << 2;
pub(crate) const HAS_THREAD: u64 = 1 << 5;
pub(crate) const EPHEMERAL: u64 = 1 << 6;
pub(crate) const LOADING: u64 = 1 << 7;
pub(crate) const SUPPRESS_NOTIFICATIONS: u64 = 1 << 12;
pub(crate) const COMPONENTS_V2: u64 = 1 << 15;

/// Message types of Discord that occur here.
pub(crate) const REGULAR: u8 = 0;
/// Somebody pinned a message.
pub(crate) const PINNED: u8 = 6;
/// A thread was started without a message of the channel.
pub(crate) const THREAD_STARTED: u8 = 18;
pub(crate) const REPLY: u8 = 19;
pub(crate) const COMMAND_ANSWER: u8 = 20;
pub(crate) const MENU_ANSWER: u8 = 23;
/// The first entry of a thread: a reference to the message that it hangs on.
pub(crate) const THREAD_STARTER: u8 = 21;

/// Past states kept per message; older ones are dropped, while `edits` keeps counting them.
const HISTORY_MAX: usize = 256;

/// A file of a message; its bytes are kept apart (`world::Files`).
#[derive(Clone, Debug)]
pub(crate) struct Attachment {
    pub(crate) id: Snowflake,
    pub(crate) filename: String,
    pub(crate) description: Option<String>,
    pub(crate) content_type: &'static str,
    pub(crate) size: usize,
    pub(crate) url: String,
}

/// What a message points at: the message that it replies to, or what a system message tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) channel: Snowflake,
    pub(crate) message: Option<Snowflake>,
}

/// One emoji under a message, and who put it there, first one first.
#[derive(Clone, Debug)]
pub(crate) struct Reaction {
    pub(crate) emoji: Emoji,
    pub(crate) users: Vec<Snowflake>,
}

/// A context menu's command and what it was used on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Menu {
    /// Discord's command type: 2 for people, 3 for messages.
    pub(crate) kind: u64,
    pub(crate) target: Snowflake,
}

/// The interaction that a message answers.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) interaction: Snowflake,
    /// Discord's interaction type.
    pub(crate) kind: u8,
    pub(crate) user: Snowflake,
    pub(crate) command: Option<String>,
    /// Of a context menu: which one, and on what it was used.
    pub(crate) menu: Option<Menu>,
    /// The message whose component was used.
    pub(crate) source: Option<Snowflake>,
    /// Of a modal that was filled in: the interaction that it was the answer to.
    pub(crate) trigger: Option<Box<Self>>,
    /// Of a follow-up: the message that answered first.
    pub(crate) original: Option<Snowflake>,
}

/// A past state of a message.
#[derive(Clone, Debug)]
pub(crate) struct Revision {
    pub(crate) at_ms: u64,
    pub(crate) content: String,
    pub(crate) embeds: Vec<Value>,
    pub(crate) components: Vec<Value>,
    pub(crate) mentions: Mentions,
    /// What it costs in memory (`weight`).
    pub(crate) bytes: usize,
}

/// One message.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) id: Snowflake,
    pub(crate) channel: Snowflake,
    pub(crate) guild: Option<Snowflake>,
    pub(crate) author: Snowflake,
    pub(crate) kind: u8,
    pub(crate) content: String,
    pub(crate) embeds: Vec<Value>,
    pub(crate) components: Vec<Value>,
    pub(crate) attachments: Vec<Attachment>,
    pub(crate) flags: u64,
    pub(crate) mentions: Mentions,
    pub(crate) created_ms: u64,
    pub(crate) edited_ms: Option<u64>,
    pub(crate) deleted_ms: Option<u64>,
    pub(crate) nonce: Option<Value>,
    pub(crate) tts: bool,
    /// When it was pinned; `None` is not pinned.
    pub(crate) pinned_ms: Option<u64>,
    pub(crate) reference: Option<Reference>,
    pub(crate) origin: Option<Origin>,
    /// The only person who sees it, for ephemeral answers.
    pub(crate) only_for: Option<Snowflake>,
    /// In the order in which they first appeared.
    pub(crate) reactions: Vec<Reaction>,
    /// States before the present one, oldest first, bounded.
    pub(crate) history: VecDeque<Revision>,
    /// How often it was edited.
    pub(crate) edits: u64,
    /// The version of its last change (`Timeline`).
    pub(crate) version: u64,
    /// What it cost in memory at that change.
    pub(crate) bytes: usize,
}

impl Message {
    /// An empty message.
    pub(crate) const fn new(
        id: Snowflake,
        channel: Snowflake,
        author: Snowflake,
        now_ms: u64,
    ) -> Self {
        Self {
            id,
            channel,
            guild: None,
            author,
            kind: REGULAR,
            content: String::new(),
            embeds: Vec::new(),
            components: Vec::new(),
            attachments: Vec::new(),
            flags: 0,
            mentions: Mentions::none(),
            created_ms: now_ms,
            edited_ms: None,
            deleted_ms: None,
            nonce: None,
            tts: false,
            pinned_ms: None,
            reference: None,
            origin: None,
            only_for: None,
            reactions: Vec::new(),
            history: VecDeque::new(),
            edits: 0,
            version: 0,
            bytes: 0,
        }
    }

    /// Whether it has the flag.
    pub(crate) const fn has(&self, flag: u64) -> bool {
        self.flags & flag != 0
    }

    /// Whether it still stands in the channel for everyone who may read there.
    pub(crate) const fn is_public(&self) -> bool {
        self.deleted_ms.is_none() && self.only_for.is_none()
    }

    /// Whether Discord wrote it and not its author: it cannot be edited, pinned or replied to.
    pub(crate) const fn is_system(&self) -> bool {
        matches!(self.kind, PINNED | THREAD_STARTED | THREAD_STARTER)
    }

    /// Moves the present state into the history, before an edit replaces it.
    pub(crate) fn archive_state(&mut self) {
        if self.history.len() >= HISTORY_MAX {
            self.history.pop_front();
        }
        let bytes = self.weigh_state();
        self.history.push_back(Revision {
            bytes,
            at_ms: self.edited_ms.unwrap_or(self.created_ms),
            content: std::mem::take(&mut self.content),
            embeds: std::mem::take(&mut self.embeds),
            components: std::mem::take(&mut self.components),
            mentions: std::mem::replace(&mut self.mentions, Mentions::none()),
        });
        self.edits = self.edits.saturating_add(1);
    }
}

impl Attachment {
    /// Discord's attachment object.
    pub(crate) fn json(&self) -> Value {
        let mut json = json!({
            "id": self.id, "filename": self.filename, "size": self.size, "url": self.url,
            "proxy_url": self.url, "content_type": self.content_type,
        });
        if let Some(description) = &self.description {
            json["description"] = json!(description);
        }
        json
    }
}

impl Reaction {
    /// Discord's reaction object, as the bot sees it.
    pub(crate) fn json(&self, bot: Snowflake) -> Value {
        json!({
            "emoji": self.emoji.json(), "count": self.users.len(),
            "count_details": {"burst": 0, "normal": self.users.len()}, "me": self.users.contains(&bot),
            "me_burst": false, "burst_colors": [], "burst_count": 0, "burst_me": false,
        })
    }
}

impl Reference {
    /// Discord's message reference object.
    pub(crate) fn json(self, guild: Option<Snowflake>) -> Value {
        let mut json = json!({"type": 0, "channel_id": self.channel});
        if let Some(message) = self.message {
            json["message_id"] = json!(message);
        }
        if let Some(guild) = guild {
            json["guild_id"] = json!(guild);
        }
        json
    }
}

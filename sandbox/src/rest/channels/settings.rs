//! What the body of a request says of a guild's channel: types, lengths and ranges, and how it changes the channel.

use std::collections::BTreeSet;

use serde_json::Value;

use super::overwrites;
use crate::error::{ApiError, Form, TAG_NAMES_REPEAT, UNKNOWN_TAG};
use crate::field::{Fields, not_among, not_object};
use crate::model::guild::channel::{
    GUILD_ANNOUNCEMENT, GUILD_CATEGORY, GUILD_FORUM, GUILD_TEXT, GUILD_VOICE, normalised,
};
use crate::model::guild::forum::{DefaultReaction, REQUIRE_TAG, Tag};
use crate::model::guild::{Channel, Overwrite};
use crate::rest::threads::archive_minutes;
use crate::snowflake::Snowflake;
use crate::world::World;

/// Seconds of slowmode.
pub(in crate::rest) const SLOWMODE_MAX: u64 = 21_600;
/// Tags of a forum.
const TAGS_MAX: usize = 20;
/// Characters of a topic, and of a forum's guidelines.
const TOPIC_MAX: usize = 1024;
const GUIDELINES_MAX: usize = 4096;

/// What a body says; a field that was `null` is `Some(None)` where that means something.
pub(super) struct Settings {
    pub(super) name: Option<String>,
    pub(super) kind: Option<u8>,
    position: Option<u64>,
    topic: Option<Option<String>>,
    nsfw: Option<bool>,
    slowmode_s: Option<u64>,
    pub(super) category: Option<Option<Snowflake>>,
    pub(super) overwrites: Option<Vec<Overwrite>>,
    thread_archive_minutes: Option<u64>,
    thread_slowmode_s: Option<u64>,
    flags: Option<u64>,
    wanted_tags: Option<Vec<WantedTag>>,
    tags: Option<Vec<Tag>>,
    reaction: Option<Option<DefaultReaction>>,
    sort_order: Option<Option<u64>>,
    layout: Option<u64>,
}

/// A tag of a body; without an id it is new.
struct WantedTag {
    id: Option<Snowflake>,
    name: String,
    moderated: bool,
    emoji_id: Option<Snowflake>,
    emoji_name: Option<String>,
}

impl Settings {
    /// Reads a body; `now` is the kind of the channel that it changes, if it exists.
    pub(super) fn read(body: Fields<'_>, form: &mut Form, now: Option<u8>) -> Self {
        let kind = read_kind(body, form, now);
        let is_forum = kind.or(now) == Some(GUILD_FORUM);
        let topic_max = if is_forum { GUIDELINES_MAX } else { TOPIC_MAX };
        let given = |key: &str| body.map.contains_key(key);
        let topic = body.text(form, "topic", 0..=topic_max).map(str::to_owned);
        let sort_order = body.integer(form, "default_sort_order", 0..=1);
        let reaction = read_reaction(body, form);
        Self {
            name: body.text(form, "name", 1..=100).map(str::to_owned),
            kind,
            position: body.integer(form, "position", 0..=u64::from(u32::MAX >> 1)),
            topic: given("topic").then_some(topic.filter(|topic| !topic.is_empty())),
            nsfw: body.flag(form, "nsfw"),
            slowmode_s: body.integer(form, "rate_limit_per_user", 0..=SLOWMODE_MAX),
            category: Self::category(body, form),
            overwrites: overwrites::read_list(body, form),
            thread_archive_minutes: archive_minutes(body, form, "default_auto_archive_duration"),
            thread_slowmode_s: body.integer(
                form,
                "default_thread_rate_limit_per_user",
                0..=SLOWMODE_MAX,
            ),
            flags: body.integer(form, "flags", 0..=u64::from(u32::MAX)),
            wanted_tags: read_tags(body, form),
            tags: None,
            reaction: given("default_reaction_emoji").then_some(reaction),
            sort_order: given("default_sort_order").then_some(sort_order),
            layout: body.integer(form, "default_forum_layout", 0..=2),
        }
    }

    /// The category that a body names; `null` is none.
    pub(super) fn category(body: Fields<'_>, form: &mut Form) -> Option<Option<Snowflake>> {
        let id = body.id(form, "parent_id");
        body.map.contains_key("parent_id").then_some(id)
    }

    /// Whether it gives the channel another name or topic.
    pub(super) fn renames(&self, channel: &Channel) -> bool {
        let name = self.name.as_ref();
        let name = name.map(|name| normalised(channel.kind, name));
        let retold = self.topic.as_ref().is_some_and(|t| *t != channel.topic);
        retold || name.is_some_and(|name| name != channel.name)
    }

    /// Gives new tags their ids; `known` are the tags of the forum so far.
    pub(super) fn settle(&mut self, world: &mut World, known: &[Tag]) -> Result<(), ApiError> {
        if let Some(wanted) = self.wanted_tags.take() {
            self.tags = Some(settle_tags(world, known, wanted)?);
        }
        Ok(())
    }

    /// Changes the channel; nobody is told yet.
    pub(super) fn apply(self, channel: &mut Channel) {
        channel.kind = self.kind.unwrap_or(channel.kind);
        if channel.kind == GUILD_FORUM {
            let forum = channel.forum.get_or_insert_default();
            forum.tags = self.tags.unwrap_or_else(|| std::mem::take(&mut forum.tags));
            forum.reaction = self.reaction.unwrap_or_else(|| forum.reaction.take());
            forum.sort_order = self.sort_order.unwrap_or(forum.sort_order);
            forum.layout = self.layout.unwrap_or(forum.layout);
            // The only flag that a client may set on a channel.
            channel.flags = self
                .flags
                .map_or(channel.flags, |flags| flags & REQUIRE_TAG);
        }
        if let Some(name) = self.name {
            channel.name = normalised(channel.kind, &name);
        }
        channel.position = self.position.unwrap_or(channel.position);
        channel.topic = self.topic.unwrap_or_else(|| channel.topic.take());
        channel.nsfw = self.nsfw.unwrap_or(channel.nsfw);
        channel.category = self.category.unwrap_or(channel.category);
        if let Some(overwrites) = self.overwrites {
            channel.overwrites = overwrites;
        }
        if let Some(seconds) = self.slowmode_s {
            channel.slowmode_s = seconds;
            channel.posted_ms.clear();
        }
        let minutes = self.thread_archive_minutes;
        channel.thread_archive_minutes = minutes.or(channel.thread_archive_minutes);
        channel.thread_slowmode_s = self.thread_slowmode_s.or(channel.thread_slowmode_s);
    }
}

/// Text and announcement channels may become each other; everything else is settled when a channel is made.
fn read_kind(body: Fields<'_>, form: &mut Form, now: Option<u8>) -> Option<u8> {
    const MADE: [u8; 5] = [
        GUILD_TEXT,
        GUILD_VOICE,
        GUILD_CATEGORY,
        GUILD_ANNOUNCEMENT,
        GUILD_FORUM,
    ];
    let kind = body.integer(form, "type", 0..=u64::from(u8::MAX))?;
    let kind = u8::try_from(kind).ok().filter(|kind| MADE.contains(kind));
    let worded = |kind| matches!(kind, GUILD_TEXT | GUILD_ANNOUNCEMENT);
    match (kind, now) {
        (Some(kind), None) => Some(kind),
        (Some(kind), Some(now)) if kind == now || (worded(kind) && worded(now)) => Some(kind),
        (Some(_), Some(_)) => {
            not_among(form, &body.path("type"), "0, 5");
            None
        }
        (None, _) => {
            not_among(form, &body.path("type"), "0, 2, 4, 5, 15");
            None
        }
    }
}

fn read_reaction(body: Fields<'_>, form: &mut Form) -> Option<DefaultReaction> {
    let path = body.path("default_reaction_emoji");
    let emoji = Fields::new(body.object(form, "default_reaction_emoji")?, &path);
    Some(DefaultReaction {
        emoji_id: emoji.id(form, "emoji_id"),
        emoji_name: emoji.text(form, "emoji_name", 0..=100).map(str::to_owned),
    })
}

fn read_tags(body: Fields<'_>, form: &mut Form) -> Option<Vec<WantedTag>> {
    let list = body.list(form, "available_tags", 0..=TAGS_MAX)?;
    let tags = list.iter().enumerate().filter_map(|(index, entry)| {
        let path = body.path(&format!("available_tags.{index}"));
        let Some(map) = entry.as_object() else {
            not_object(form, &path);
            return None;
        };
        let tag = Fields::new(map, &path);
        Some(WantedTag {
            id: tag.id(form, "id"),
            name: tag.required_text(form, "name", 1..=20)?.to_owned(),
            moderated: tag.flag(form, "moderated").unwrap_or(false),
            emoji_id: tag.id(form, "emoji_id"),
            emoji_name: tag.text(form, "emoji_name", 0..=100).map(str::to_owned),
        })
    });
    Some(tags.collect())
}

/// An id that is named must be one of the forum's.
fn settle_tags(
    world: &mut World,
    known: &[Tag],
    wanted: Vec<WantedTag>,
) -> Result<Vec<Tag>, ApiError> {
    let names: BTreeSet<String> = wanted.iter().map(|tag| tag.name.to_lowercase()).collect();
    if names.len() < wanted.len() {
        return Err(TAG_NAMES_REPEAT.into());
    }
    let settle = |tag: WantedTag| {
        let id = match tag.id {
            Some(id) if known.iter().any(|tag| tag.id == id) => id,
            Some(_) => return Err(UNKNOWN_TAG.into()),
            None => world.next_id(),
        };
        Ok(Tag {
            id,
            name: tag.name,
            moderated: tag.moderated,
            emoji_id: tag.emoji_id,
            emoji_name: tag.emoji_name,
        })
    };
    wanted.into_iter().map(settle).collect()
}

/// The tags of a post: known to the forum, and open to whoever sets them.
pub(in crate::rest) fn read_applied(
    body: Fields<'_>,
    form: &mut Form,
    applied_max: usize,
) -> Option<Vec<Snowflake>> {
    let list = body.list(form, "applied_tags", 0..=applied_max)?;
    let mut tags = Vec::new();
    for (index, value) in list.iter().enumerate() {
        match crate::field::as_id(value) {
            Some(id) if tags.contains(&id) => {}
            Some(id) => tags.push(id),
            None => {
                let shown: String = plain(value).chars().take(50).collect();
                form.fault(
                    &body.path(&format!("applied_tags.{index}")),
                    "NUMBER_TYPE_COERCE",
                    format!("Value \"{shown}\" is not snowflake."),
                );
            }
        }
    }
    Some(tags)
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

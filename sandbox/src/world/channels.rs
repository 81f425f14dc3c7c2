//! Channels of guilds: adding, changing, ordering and deleting, with the events that follow.
//!
//! What a request may do was decided before; here it happens. Threads are in `threads`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::model::guild::channel::GUILD_CATEGORY;
use crate::model::guild::permissions::{BYPASS_SLOWMODE, MANAGE_CHANNELS, MANAGE_MESSAGES};
use crate::model::guild::{Channel, thread_member_json, with};
use crate::snowflake::Snowflake;
use crate::world::World;

impl World {
    /// Adds a channel to its guild, below the others of its position, and tells of it.
    pub(crate) fn add_channel(&mut self, channel: Channel) {
        let (id, guild) = (channel.id, channel.guild);
        let d = channel.json();
        self.channels.insert(id, channel);
        if let Some(guild) = guild {
            if let Some(guild) = self.guilds.get_mut(&guild) {
                guild.channels.push(id);
            }
            self.order_channels(guild);
        }
        self.publish_channel("CHANNEL_CREATE", id, d);
        self.touch(id);
        self.structure_changed();
    }

    /// Tells of a channel's changed settings.
    pub(crate) fn channel_updated(&mut self, id: Snowflake) {
        let Some(channel) = self.channels.get(&id) else {
            return;
        };
        let (d, guild) = (channel.json(), channel.guild);
        if let Some(guild) = guild {
            self.order_channels(guild);
        }
        self.publish_channel("CHANNEL_UPDATE", id, d);
        self.touch(id);
        self.structure_changed();
    }

    /// Deletes a channel or thread with all that stands in it. The threads of a channel go with it without a word, and
    /// the channels of a category are left without one, both as with Discord.
    pub(crate) fn remove_channel(&mut self, id: Snowflake) {
        let Some(channel) = self.channels.get(&id) else {
            return;
        };
        let (name, d) = match &channel.thread {
            Some(thread) => (
                "THREAD_DELETE",
                json!({
                    "id": id, "guild_id": channel.guild, "parent_id": thread.parent, "type": channel.kind,
                }),
            ),
            None => ("CHANNEL_DELETE", channel.json()),
        };
        let (guild, is_category) = (channel.guild, channel.kind == GUILD_CATEGORY);
        let is_below = |other: &Channel| other.thread.as_ref().is_some_and(|t| t.parent == id);
        let mut gone: BTreeSet<Snowflake> = self
            .channels
            .values()
            .filter(|other| is_below(other))
            .map(|other| other.id)
            .collect();
        gone.insert(id);
        self.publish_channel(name, id, d);
        for id in &gone {
            self.forget_channel(*id);
        }
        if let Some(guild) = guild.and_then(|id| self.guilds.get_mut(&id)) {
            guild.channels.retain(|known| !gone.contains(known));
            guild.active_threads.retain(|known| !gone.contains(known));
        }
        if is_category {
            self.empty_category(id);
        }
        self.structure_changed();
    }

    fn empty_category(&mut self, category: Snowflake) {
        let within = self.channels.values_mut();
        let freed: Vec<Snowflake> = within
            .filter(|channel| channel.category == Some(category))
            .map(|channel| {
                channel.category = None;
                channel.id
            })
            .collect();
        for id in freed {
            self.channel_updated(id);
        }
    }

    /// Puts the channels of a guild in the order in which they are shown: by position, of equals the older first.
    fn order_channels(&mut self, guild: Snowflake) {
        let Some(guild) = self.guilds.get_mut(&guild) else {
            return;
        };
        let channels = &self.channels;
        guild
            .channels
            .sort_by_key(|id| (channels.get(id).map(|channel| channel.position), *id));
    }

    /// Discord's channel object as REST gives it: a direct-message channel with its recipient.
    pub(crate) fn channel_object(&self, channel: &Channel) -> Value {
        let json = channel.json();
        let bot = self.application.id;
        if let Some(user) = channel.recipient.and_then(|id| self.users.get(&id)) {
            return with(json, "recipients", json!([user.json()]));
        }
        let joined = channel.thread.as_ref().and_then(|t| t.members.get(&bot));
        match joined {
            Some(joined) => with(json, "member", thread_member_json(channel.id, bot, *joined)),
            None => json,
        }
    }

    /// Changes who may see what in a guild; the bot is told of the threads that it sees only now.
    pub(crate) fn change_rights(&mut self, guild: Snowflake, change: impl FnOnce(&mut Self)) {
        let before = self.sight(guild);
        change(self);
        self.sync_threads(&before);
        self.structure_changed();
    }

    /// Seconds that a person must still wait before they may post here again; bots and moderators never wait.
    pub(crate) fn slowmode_left_s(&self, user: Snowflake, channel: &Channel) -> Option<u64> {
        let is_bot = self.users.get(&user).is_some_and(|user| user.bot);
        let exempt = MANAGE_MESSAGES | MANAGE_CHANNELS | BYPASS_SLOWMODE;
        if is_bot || self.permissions(user, channel) & exempt != 0 {
            return None;
        }
        let posted_ms = channel.posted_ms.get(&user)?;
        let free_ms = posted_ms.saturating_add(channel.slowmode_s.saturating_mul(1000));
        let left_ms = free_ms.saturating_sub(self.now_ms());
        (left_ms > 0).then(|| left_ms.div_ceil(1000))
    }

    /// Remembers when someone posted, where that matters.
    pub(crate) fn note_post(&mut self, channel: Snowflake, author: Snowflake) {
        let now_ms = self.now_ms();
        let slow = self.channels.get_mut(&channel);
        if let Some(channel) = slow.filter(|channel| channel.slowmode_s > 0) {
            channel.posted_ms.insert(author, now_ms);
        }
    }
}

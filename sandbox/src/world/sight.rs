//! What the bot comes to see: when it gains access to channels, it is told of the threads in them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::model::guild::thread_member_json;
use crate::snowflake::Snowflake;
use crate::world::World;

/// The channels of one guild that the bot sees into.
#[derive(Debug)]
pub(crate) struct Sight {
    guild: Snowflake,
    channels: BTreeSet<Snowflake>,
}

impl World {
    /// What the bot sees of a guild now, to be compared after a change of roles or overwrites.
    pub(crate) fn sight(&self, guild: Snowflake) -> Sight {
        let channels = self.guilds.get(&guild).map(|guild| &guild.channels);
        let channels = channels.into_iter().flatten().copied();
        Sight {
            guild,
            channels: channels.filter(|id| self.bot_sees(*id)).collect(),
        }
    }

    /// Sends THREAD_LIST_SYNC for the channels that the bot sees since then.
    pub(crate) fn sync_threads(&mut self, before: &Sight) {
        let now = self.sight(before.guild);
        let gained: Vec<Snowflake> = now.channels.difference(&before.channels).copied().collect();
        let active = self.guilds.get(&before.guild).map(|g| &g.active_threads);
        let bot = self.application.id;
        let mut threads: Vec<Value> = Vec::new();
        let mut members: Vec<Value> = Vec::new();
        for id in active
            .into_iter()
            .flatten()
            .filter(|id| self.bot_sees(**id))
        {
            let Some(channel) = self.channels.get(id) else {
                continue;
            };
            let Some(thread) = channel.thread.as_ref() else {
                continue;
            };
            if !gained.contains(&thread.parent) {
                continue;
            }
            threads.push(channel.json());
            if let Some(joined_ms) = thread.members.get(&bot) {
                members.push(thread_member_json(*id, bot, *joined_ms));
            }
        }
        if threads.is_empty() {
            return;
        }
        let d = json!({
            "guild_id": before.guild, "channel_ids": gained, "threads": threads, "members": members,
        });
        self.publish_guild("THREAD_LIST_SYNC", before.guild, d);
    }
}

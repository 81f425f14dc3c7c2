//! Who gets an event: every session whose intents and shard match, if the bot may see where it happens.
//!
//! What an event says is decided by whoever publishes it; which intents it takes is in `intents`.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::model::guild::permissions::VIEW_CHANNEL;
use crate::model::guild::with;
use crate::model::intents::{self, GUILD_MEMBERS, GUILDS, MESSAGE_CONTENT, Row};
use crate::model::message::content;
use crate::snowflake::Snowflake;
use crate::world::World;
use crate::world::sessions::Session;

/// An event and where it happens.
#[derive(Debug)]
pub(crate) struct Dispatch {
    /// One of the names in `intents`.
    pub(crate) name: &'static str,
    /// The channel that the bot must see, if the event is of those for which it must.
    pub(crate) channel: Option<Snowflake>,
    pub(crate) guild: Option<Snowflake>,
    pub(crate) d: Value,
}

impl World {
    /// Sends an event to every session that wants it and may see it, and counts them.
    pub(crate) fn publish(&mut self, dispatch: Dispatch) -> usize {
        let Dispatch {
            name,
            channel,
            guild,
            d,
        } = dispatch;
        let row = intents::row(name);
        debug_assert!(row.is_some(), "{name} has no row in the table of intents");
        let Some(row) = row else { return 0 };
        self.traffic.count_event(name);
        if row.sight && !channel.is_none_or(|id| self.bot_sees(id)) {
            return 0;
        }
        let bot = self.application.id;
        let needed = needed(row, guild.is_some(), &d, bot);
        let wants = |session: &&mut Session| session.wants(guild, needed);
        let mut whole: Option<Arc<str>> = None;
        let mut reduced: Option<Arc<str>> = None;
        let mut sent = 0;
        for session in self.sessions.all().filter(wants) {
            let text = if session.has(MESSAGE_CONTENT) {
                whole.get_or_insert_with(|| d.to_string().into())
            } else {
                reduced.get_or_insert_with(|| match content::blanked(name, &d, bot) {
                    Some(blanked) => blanked.to_string().into(),
                    None => d.to_string().into(),
                })
            };
            session.push(name, Arc::clone(text));
            sent += 1;
        }
        sent
    }

    /// Sends an event that happens in a guild as a whole.
    pub(crate) fn publish_guild(&mut self, name: &'static str, guild: Snowflake, d: Value) {
        self.publish(Dispatch {
            name,
            channel: None,
            guild: Some(guild),
            d,
        });
    }

    /// Sends an event that happens in a channel, a thread or direct messages. The channel must still exist.
    pub(crate) fn publish_channel(&mut self, name: &'static str, channel: Snowflake, d: Value) {
        let guild = self
            .channels
            .get(&channel)
            .and_then(|channel| channel.guild);
        self.publish(Dispatch {
            name,
            channel: Some(channel),
            guild,
            d,
        });
    }

    /// The same for something in a channel, which Discord says with the guild's id beside it.
    pub(crate) fn publish_in(&mut self, channel: Snowflake, name: &'static str, d: Value) {
        let guild = self.channels.get(&channel).and_then(|found| found.guild);
        let d = match guild {
            Some(guild) => with(d, "guild_id", json!(guild)),
            None => d,
        };
        self.publish(Dispatch {
            name,
            channel: Some(channel),
            guild,
            d,
        });
    }

    /// Sends an event to one session only, as the first ones after its start are.
    pub(crate) fn publish_to(&mut self, session: &str, name: &'static str, d: &Value) {
        self.traffic.count_event(name);
        if let Some(session) = self.sessions.find(session) {
            session.push(name, d.to_string().into());
        }
    }

    /// Sends an event to every session, whatever it asked for: a script knows what it does.
    pub(crate) fn publish_to_all(&mut self, name: &'static str, d: &Value) -> usize {
        self.traffic.count_event(name);
        let text: Arc<str> = d.to_string().into();
        let sessions = self.sessions.all();
        sessions
            .map(|session| session.push(name, Arc::clone(&text)))
            .count()
    }

    /// Whether the bot sees into a channel.
    pub(crate) fn bot_sees(&self, channel: Snowflake) -> bool {
        let channel = self.channels.get(&channel);
        channel.is_some_and(|c| self.permissions(self.application.id, c) & VIEW_CHANNEL != 0)
    }
}

/// The intents of which a session needs one. The bot hears of itself with less than it takes to hear of others.
fn needed(row: &Row, in_guild: bool, d: &Value, bot: Snowflake) -> u64 {
    let bot = bot.to_string();
    let names_bot = |user: Option<&Value>| user.and_then(Value::as_str).is_some_and(|id| id == bot);
    match row.name {
        "GUILD_MEMBER_UPDATE" if names_bot(d.pointer("/user/id")) => 0,
        "THREAD_MEMBERS_UPDATE" => {
            let list = |key: &str| d.get(key).and_then(Value::as_array).into_iter().flatten();
            let added = list("added_members").any(|member| names_bot(member.get("user_id")));
            let removed = list("removed_member_ids").any(|id| names_bot(Some(id)));
            if added || removed {
                GUILD_MEMBERS | GUILDS
            } else {
                GUILD_MEMBERS
            }
        }
        _ if in_guild => row.guild,
        _ => row.direct,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::sessions::tests::open;

    fn heard(world: &mut World, session: &str) -> Vec<String> {
        let due = world.sessions.due(session, 1, 0);
        due.frames.iter().map(|frame| frame.text()).collect()
    }

    #[test]
    fn the_bot_hears_of_itself_without_the_members_intent() {
        let mut world = World::for_tests();
        open(&mut world, "all", GUILDS | GUILD_MEMBERS, (0, 1));
        open(&mut world, "few", GUILDS, (0, 1));
        let (guild, general) = (world.seeds.guild, world.seeds.general);
        let (bot, other) = (world.application.id, world.seeds.guest);
        for user in [bot, other] {
            world.publish_guild("GUILD_MEMBER_UPDATE", guild, json!({"user": {"id": user}}));
            let d = json!({"added_members": [{"user_id": user}]});
            world.publish_channel("THREAD_MEMBERS_UPDATE", general, d);
            let d = json!({"removed_member_ids": [user]});
            world.publish_channel("THREAD_MEMBERS_UPDATE", general, d);
        }
        assert_eq!(heard(&mut world, "all").len(), 6);
        let few = heard(&mut world, "few");
        assert_eq!(few.len(), 3);
        assert!(few.iter().all(|frame| frame.contains(&bot.to_string())));
    }

    #[test]
    fn guilds_and_direct_messages_take_different_intents() {
        let mut world = World::for_tests();
        let person = world.seeds.operator;
        let direct = world.dm_with(person);
        let general = world.seeds.general;
        open(&mut world, "guild", 1 << 11, (0, 1));
        open(&mut world, "direct", 1 << 14, (0, 1));
        world.publish_channel("TYPING_START", general, json!({"at": "general"}));
        world.publish_channel("TYPING_START", direct, json!({"at": "direct"}));
        assert!(heard(&mut world, "guild")[0].contains("general"));
        assert!(heard(&mut world, "direct")[0].contains("\"direct\""));
        assert_eq!(heard(&mut world, "guild").len(), 1);
        assert_eq!(heard(&mut world, "direct").len(), 1);
    }
}

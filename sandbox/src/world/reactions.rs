//! Reactions: adding and removing them, with the events that follow.

use serde_json::{Value, json};

use crate::model::guild::with;
use crate::model::message::emoji::{CustomEmoji, Emoji};
use crate::model::message::{Message, Reaction};
use crate::snowflake::Snowflake;
use crate::world::World;

/// Different emoji under one message.
pub(crate) const EMOJI_MAX: usize = 20;

/// A message by where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At {
    pub(crate) channel: Snowflake,
    pub(crate) message: Snowflake,
}

/// There are 20 different emoji under the message already.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the message has {EMOJI_MAX} different reactions")]
pub(crate) struct Full;

impl World {
    /// A custom emoji, of whatever guild.
    pub(crate) fn custom_emoji(&self, id: Snowflake) -> Option<&CustomEmoji> {
        let mut guilds = self.guilds.values();
        guilds.find_map(|guild| guild.emojis.get(&id))
    }

    /// Adds someone's reaction to a message, which must exist; a second one of the same emoji changes nothing.
    pub(crate) fn react(&mut self, at: At, user: Snowflake, emoji: Emoji) -> Result<(), Full> {
        let Some(message) = self.message_at_mut(at) else {
            return Ok(());
        };
        let author = message.author;
        let full = message.reactions.len() >= EMOJI_MAX;
        let known = message.reactions.iter_mut().find(|r| r.emoji == emoji);
        match known {
            Some(reaction) if reaction.users.contains(&user) => return Ok(()),
            Some(reaction) => reaction.users.push(user),
            None if full => return Err(Full),
            None => message.reactions.push(Reaction {
                emoji: emoji.clone(),
                users: vec![user],
            }),
        }
        let mut d = self.reaction_event(at, &emoji, user);
        d = with(d, "message_author_id", json!(author));
        if let Some(member) = self.member_json(at.channel, user) {
            d = with(d, "member", member);
        }
        self.publish_reaction(at.channel, "MESSAGE_REACTION_ADD", d);
        Ok(())
    }

    /// Takes someone's reaction away, if it is there.
    pub(crate) fn unreact(&mut self, at: At, user: Snowflake, emoji: &Emoji) {
        let Some(message) = self.message_at_mut(at) else {
            return;
        };
        let known = message.reactions.iter_mut().find(|r| r.emoji == *emoji);
        let Some(reaction) = known.filter(|reaction| reaction.users.contains(&user)) else {
            return;
        };
        reaction.users.retain(|known| *known != user);
        message.reactions.retain(|r| !r.users.is_empty());
        let d = self.reaction_event(at, emoji, user);
        self.publish_reaction(at.channel, "MESSAGE_REACTION_REMOVE", d);
    }

    /// Takes all reactions of one emoji away.
    pub(crate) fn clear_emoji(&mut self, at: At, emoji: &Emoji) {
        let Some(message) = self.message_at_mut(at) else {
            return;
        };
        let before = message.reactions.len();
        message.reactions.retain(|r| r.emoji != *emoji);
        if message.reactions.len() < before {
            let d =
                json!({"channel_id": at.channel, "message_id": at.message, "emoji": emoji.json()});
            self.publish_reaction(at.channel, "MESSAGE_REACTION_REMOVE_EMOJI", d);
        }
    }

    /// Takes all reactions away.
    pub(crate) fn clear_reactions(&mut self, at: At) {
        let Some(message) = self.message_at_mut(at) else {
            return;
        };
        if !std::mem::take(&mut message.reactions).is_empty() {
            let d = json!({"channel_id": at.channel, "message_id": at.message});
            self.publish_reaction(at.channel, "MESSAGE_REACTION_REMOVE_ALL", d);
        }
    }

    fn message_at_mut(&mut self, at: At) -> Option<&mut Message> {
        let messages = &mut self.channels.get_mut(&at.channel)?.messages;
        messages
            .get_mut(&at.message)
            .filter(|message| message.is_public())
    }

    fn reaction_event(&self, at: At, emoji: &Emoji, user: Snowflake) -> Value {
        json!({
            "user_id": user, "channel_id": at.channel, "message_id": at.message,
            "emoji": emoji.json(), "burst": false, "type": 0,
        })
    }

    fn publish_reaction(&mut self, channel: Snowflake, name: &'static str, d: Value) {
        self.publish_in(channel, name, d);
        self.touch(channel);
    }

    /// Someone's membership of a channel's guild, with the user in it.
    pub(crate) fn member_json(&self, channel: Snowflake, user: Snowflake) -> Option<Value> {
        let guild = self.channels.get(&channel)?.guild?;
        let member = self.guilds.get(&guild)?.members.get(&user)?;
        Some(member.json_with(self.users.get(&user)?))
    }
}

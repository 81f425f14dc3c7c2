//! Interactions: what people start and the bot answers, with Discord's two clocks.
//!
//! The first answer is due within 3 seconds; after it the token lives for 15 minutes. What an answer may be is decided in
//! `rest::callback`.

use std::collections::{HashMap, VecDeque};

use serde_json::{Value, json};

use crate::model::guild::{Channel, Guild, with};
use crate::model::message::{Message, weight};
use crate::snowflake::Snowflake;
use crate::world::World;
use crate::world::publish::Dispatch;

pub(crate) mod modal;

/// Time for the first answer.
pub(crate) const FIRST_ANSWER_MS: u64 = 3000;
/// Life of the token.
pub(crate) const TOKEN_MS: u64 = 15 * 60 * 1000;
/// Bytes of a file in an answer, as told to the bot.
const ATTACHMENT_BYTES: usize = crate::model::message::draft::FILE_BYTES_MAX;
/// Interactions remembered; far more than can be alive within 15 minutes of a person's work.
const REMEMBERED_MAX: usize = 50_000;
/// Bytes of the modals and choices among their answers; beyond it the oldest interactions are forgotten.
const ANSWERS_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Discord's interaction types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Command,
    Component,
    Autocomplete,
    ModalSubmit,
}

impl Kind {
    /// As Discord numbers it.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Command => 2,
            Self::Component => 3,
            Self::Autocomplete => 4,
            Self::ModalSubmit => 5,
        }
    }
}

/// How the bot answered first.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// With a message: it is `@original`.
    Message(Snowflake),
    /// With "thinking": this placeholder is `@original`, until the first edit or follow-up fills it.
    Deferred(Snowflake),
    /// By changing, or promising to change, the message of the component: that is `@original`.
    Source(Snowflake),
    Choices(Vec<Value>),
    Modal(Value),
}

impl Answer {
    /// Bytes that it costs in memory, beside the interaction.
    fn weigh(&self) -> usize {
        match self {
            Self::Message(_) | Self::Deferred(_) | Self::Source(_) => 0,
            Self::Choices(choices) => weight::of_list(choices),
            Self::Modal(modal) => weight::of_json(modal),
        }
    }
}

/// One interaction.
#[derive(Clone, Debug)]
pub(crate) struct Interaction {
    pub(crate) id: Snowflake,
    pub(crate) token: String,
    pub(crate) kind: Kind,
    pub(crate) user: Snowflake,
    pub(crate) channel: Snowflake,
    pub(crate) created_ms: u64,
    /// The command's name, or the custom id.
    pub(crate) label: String,
    /// The message whose component was used, also of a modal that was opened from one.
    pub(crate) source: Option<Snowflake>,
    /// Of a modal that was filled in: the interaction that it was the answer to.
    pub(crate) opener: Option<Snowflake>,
    pub(crate) menu: Option<Menu>,
    pub(crate) answer: Option<Answer>,
    /// Whether a modal that answered this was filled in or closed.
    pub(crate) modal_done: bool,
    /// A script has let its time run out.
    pub(crate) expired: bool,
    /// Its person was shown that no answer came.
    silence_shown: bool,
}

impl Interaction {
    /// Whether the first answer is still possible.
    pub(crate) const fn is_fresh(&self, now_ms: u64) -> bool {
        !self.expired && now_ms.saturating_sub(self.created_ms) < FIRST_ANSWER_MS
    }

    /// Whether the token still works for edits and follow-ups.
    pub(crate) const fn has_token(&self, now_ms: u64) -> bool {
        !self.expired && now_ms.saturating_sub(self.created_ms) < TOKEN_MS
    }

    /// Whether people are told that the application did not respond.
    pub(crate) fn went_unanswered(&self, now_ms: u64) -> bool {
        self.answer.is_none() && !self.is_fresh(now_ms) && self.kind != Kind::Autocomplete
    }
}

/// All interactions.
#[derive(Debug, Default)]
pub(crate) struct Interactions {
    by_id: HashMap<Snowflake, Interaction>,
    by_token: HashMap<String, Snowflake>,
    oldest_first: VecDeque<Snowflake>,
    /// Bytes of all answers.
    bytes: usize,
}

impl Interactions {
    /// An interaction by id.
    pub(crate) fn find(&self, id: Snowflake) -> Option<&Interaction> {
        self.by_id.get(&id)
    }

    /// The interaction that a token belongs to.
    pub(crate) fn with_token(&self, token: &str) -> Option<&Interaction> {
        self.by_id.get(self.by_token.get(token)?)
    }

    /// An interaction by id, to change it.
    pub(crate) fn find_mut(&mut self, id: Snowflake) -> Option<&mut Interaction> {
        self.by_id.get_mut(&id)
    }

    /// The newest first.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &Interaction> {
        self.oldest_first
            .iter()
            .rev()
            .filter_map(|id| self.by_id.get(id))
    }

    /// When the next unanswered one runs out of time.
    pub(crate) fn next_deadline_ms(&self, now_ms: u64) -> Option<u64> {
        let recent = self
            .newest_first()
            .take_while(|i| now_ms.saturating_sub(i.created_ms) <= FIRST_ANSWER_MS);
        let waiting = recent.filter(|i| i.answer.is_none() && i.is_fresh(now_ms));
        waiting
            .map(|i| i.created_ms.saturating_add(FIRST_ANSWER_MS))
            .min()
    }

    fn insert(&mut self, interaction: Interaction) {
        self.by_token
            .insert(interaction.token.clone(), interaction.id);
        self.oldest_first.push_back(interaction.id);
        self.by_id.insert(interaction.id, interaction);
        self.forget_oldest();
    }

    /// Keeps the first answer of an interaction.
    pub(crate) fn answered(&mut self, id: Snowflake, answer: Answer) {
        if let Some(interaction) = self.by_id.get_mut(&id) {
            self.bytes = self.bytes.saturating_add(answer.weigh());
            interaction.answer = Some(answer);
        }
        self.forget_oldest();
    }

    fn forget_oldest(&mut self) {
        while self.oldest_first.len() > REMEMBERED_MAX || self.bytes > ANSWERS_BYTES_MAX {
            let Some(old) = self
                .oldest_first
                .pop_front()
                .and_then(|id| self.by_id.remove(&id))
            else {
                break;
            };
            self.by_token.remove(&old.token);
            let bytes = old.answer.as_ref().map_or(0, Answer::weigh);
            self.bytes = self.bytes.saturating_sub(bytes);
        }
    }
}

/// A context menu's command and what it was used on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Menu {
    /// Discord's command type: 2 for people, 3 for messages.
    pub(crate) kind: u64,
    pub(crate) target: Snowflake,
}

/// What someone does.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) kind: Kind,
    pub(crate) user: Snowflake,
    pub(crate) channel: Snowflake,
    pub(crate) label: String,
    pub(crate) data: Value,
    pub(crate) source: Option<Snowflake>,
    /// Of a modal that was filled in: the interaction that it was the answer to.
    pub(crate) opener: Option<Snowflake>,
    /// Of a context menu: which one, and on what.
    pub(crate) menu: Option<Menu>,
}

impl World {
    /// Makes an interaction and sends it to the bot. The channel and the user must exist.
    pub(crate) fn start_interaction(&mut self, start: Start) -> Snowflake {
        let id = self.next_id();
        let interaction = Interaction {
            id,
            token: crate::token::interaction(),
            kind: start.kind,
            user: start.user,
            channel: start.channel,
            created_ms: self.now_ms(),
            label: start.label,
            source: start.source,
            opener: start.opener,
            menu: start.menu,
            answer: None,
            modal_done: false,
            expired: false,
            silence_shown: false,
        };
        if let Some(d) = self.interaction_event(&interaction, start.data) {
            let guild = self
                .channels
                .get(&start.channel)
                .and_then(|channel| channel.guild);
            // No channel here: an interaction reaches the bot even where it sees nothing.
            self.publish(Dispatch {
                name: "INTERACTION_CREATE",
                channel: None,
                guild,
                d,
            });
        }
        self.interactions.insert(interaction);
        self.touch(start.channel);
        self.clocks_changed();
        id
    }

    /// Shows people in whose channels the bot has stayed silent for too long.
    pub(crate) fn notice_silence(&mut self) {
        let now_ms = self.now_ms();
        let recent = |i: &&Interaction| now_ms.saturating_sub(i.created_ms) <= 2 * TOKEN_MS;
        let silent = |i: &&Interaction| i.went_unanswered(now_ms) && !i.silence_shown;
        let found = self
            .interactions
            .newest_first()
            .take_while(recent)
            .filter(silent);
        let found: Vec<_> = found.map(|i| (i.id, i.channel)).collect();
        for (id, channel) in found {
            if let Some(interaction) = self.interactions.find_mut(id) {
                interaction.silence_shown = true;
            }
            self.touch(channel);
        }
    }

    fn interaction_event(&self, interaction: &Interaction, data: Value) -> Option<Value> {
        let channel = self.channels.get(&interaction.channel)?;
        let user = self.users.get(&interaction.user)?;
        let guild = channel.guild.and_then(|id| self.guilds.get(&id));
        let owner = guild.map_or_else(|| "0".to_owned(), |guild| guild.id.to_string());
        let mut d = json!({
            "id": interaction.id, "application_id": self.application.id, "type": interaction.kind.number(),
            "token": interaction.token, "version": 1, "data": data,
            "channel": self.channel_json(channel, interaction.user), "channel_id": channel.id,
            "app_permissions": self.permissions(self.application.id, channel).to_string(),
            "locale": "en-US", "entitlements": [], "entitlement_sku_ids": [],
            "authorizing_integration_owners": {"0": owner},
            "context": if guild.is_some() { 0 } else { 1 }, "attachment_size_limit": ATTACHMENT_BYTES,
        });
        match guild {
            Some(guild) => {
                let member = guild.members.get(&user.id).map(|member| {
                    let bits = self.permissions(user.id, channel).to_string();
                    with(member.json_with(user), "permissions", json!(bits))
                });
                d = with(d, "member", member.unwrap_or(Value::Null));
                d = with(d, "guild_id", json!(guild.id));
                d = with(d, "guild_locale", json!("en-US"));
                d = with(d, "guild", partial_guild(guild));
            }
            None => d = with(d, "user", user.json()),
        }
        let source = interaction
            .source
            .and_then(|id| self.message_anywhere(channel, id));
        Some(match source {
            Some(message) => with(d, "message", self.message_json(message)),
            None => d,
        })
    }

    /// A channel as an interaction shows it to the bot, with the person's permissions in it.
    pub(crate) fn channel_json(&self, channel: &Channel, viewer: Snowflake) -> Value {
        let mut json = channel.json();
        if let Some(recipient) = channel.recipient.and_then(|id| self.users.get(&id)) {
            json = with(json, "recipients", json!([recipient.json()]));
        }
        with(
            json,
            "permissions",
            json!(self.permissions(viewer, channel).to_string()),
        )
    }

    fn message_anywhere<'a>(&'a self, channel: &'a Channel, id: Snowflake) -> Option<&'a Message> {
        channel.messages.get(&id)
    }
}

fn partial_guild(guild: &Guild) -> Value {
    json!({"id": guild.id, "features": [], "locale": "en-US"})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(world: &mut World) -> Snowflake {
        world.start_interaction(Start {
            kind: Kind::Command,
            user: world.seeds.operator,
            channel: world.seeds.general,
            label: "form".to_owned(),
            data: json!({}),
            source: None,
            opener: None,
            menu: None,
        })
    }

    #[test]
    fn three_seconds_for_the_answer_and_a_quarter_of_an_hour_for_the_token() {
        let mut world = World::for_tests();
        let id = started(&mut world);
        let interaction = world.interactions.find(id).unwrap();
        let at = |ms: u64| interaction.created_ms + ms;
        assert!(interaction.is_fresh(at(2_999)) && !interaction.is_fresh(at(3_000)));
        assert!(!interaction.went_unanswered(at(2_999)) && interaction.went_unanswered(at(3_000)));
        assert!(interaction.has_token(at(899_999)) && !interaction.has_token(at(900_000)));
    }

    #[test]
    fn modals_share_a_bound_of_bytes() {
        let mut world = World::for_tests();
        let mut ids = Vec::new();
        for _ in 0..70 {
            let id = started(&mut world);
            let modal = Answer::Modal(json!({"title": "x".repeat(1024 * 1024)}));
            world.interactions.answered(id, modal);
            ids.push(id);
        }
        let kept = ids
            .iter()
            .filter(|id| world.interactions.find(**id).is_some());
        let kept: Vec<_> = kept.collect();
        assert_eq!(kept.len(), 63, "64 MiB, and each is a little more than one");
        assert_eq!(kept.last().copied(), ids.last(), "the newest stay");
        assert!(world.interactions.bytes <= ANSWERS_BYTES_MAX);
    }
}

//! What people start: an interaction is made, sent to the bot, and shown as unanswered when its time is over.

use serde_json::{Value, json};

use crate::model::guild::{Channel, Guild, with};
use crate::model::interaction::{Answer, Interaction, Kind, TOKEN_MS};
use crate::model::message::{Menu, Message, draft};
use crate::snowflake::Snowflake;
use crate::world::World;
use crate::world::publish::Dispatch;

/// Bytes of a file in an answer, as told to the bot.
const ATTACHMENT_BYTES: usize = draft::FILE_BYTES_MAX;

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

    /// Closes the modals that stand open for someone.
    pub(crate) fn close_modals_of(&mut self, user: Snowflake) {
        if let Some(id) = self.open_modal(user).map(|interaction| interaction.id)
            && let Some(interaction) = self.interactions.find_mut(id)
        {
            interaction.modal_done = true;
        }
    }

    /// The interaction whose modal stands open for someone: the newest.
    pub(crate) fn open_modal(&self, user: Snowflake) -> Option<&Interaction> {
        let open = |i: &&Interaction| {
            i.user == user && !i.modal_done && matches!(i.answer, Some(Answer::Modal(_)))
        };
        self.interactions.newest_first().take(1000).find(open)
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

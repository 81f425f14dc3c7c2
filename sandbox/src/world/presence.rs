//! Whether and how the bot is seen: people and sessions are told when it changes.

use serde_json::{Value, json};

use crate::model::guild::{User, with};
use crate::model::presence::Presence;
use crate::snowflake::Snowflake;
use crate::world::World;

impl World {
    /// The bot's presence now.
    pub(crate) fn bot_presence(&self) -> Presence {
        let said = self.sessions.presence();
        said.cloned().unwrap_or_else(Presence::offline)
    }

    /// Tells people and sessions if the bot is seen otherwise than before.
    pub(crate) fn presence_may_have_changed(&mut self) {
        let now = self.bot_presence();
        if now == self.shown_presence {
            return;
        }
        let bot = self.application.id;
        let guilds = self.guilds.values();
        let ours = guilds.filter(|guild| guild.members.contains_key(&bot));
        let ours: Vec<Snowflake> = ours.map(|guild| guild.id).collect();
        for guild in ours {
            let d = with(now.json(bot), "guild_id", json!(guild));
            self.publish_guild("PRESENCE_UPDATE", guild, d);
        }
        self.shown_presence = now;
        self.structure_changed();
    }

    /// Someone's presence, as lists of presences carry it.
    pub(crate) fn presence_of(&self, user: &User) -> Value {
        let presence = if user.id == self.application.id {
            self.bot_presence()
        } else if user.bot {
            Presence::offline()
        } else {
            Presence::online()
        };
        presence.json(user.id)
    }
}

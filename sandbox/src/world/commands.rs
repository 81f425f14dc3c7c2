//! Who may use a command where, as far as it takes guilds and channels to know; the rules are in `model::commands`.

use serde_json::{Value, json};

use crate::model::commands::Command;
use crate::model::commands::access::{Asking, NotOffered, Override};
use crate::model::guild::Channel;
use crate::snowflake::Snowflake;
use crate::world::World;

impl World {
    /// Whether Discord's clients would let someone use a command in a channel.
    pub(crate) fn check_use(
        &self,
        command: &Command,
        user: Snowflake,
        channel: &Channel,
    ) -> Result<(), NotOffered> {
        let guild = channel.guild.and_then(|id| self.guilds.get(&id));
        command.check_context(guild.is_some())?;
        let Some((guild, member)) = guild.and_then(|g| Some((g, g.members.get(&user)?))) else {
            return Ok(());
        };
        if command.is_age_restricted() && !self.is_age_restricted(channel) {
            return Err(NotOffered::AgeRestricted);
        }
        let asking = Asking {
            user,
            member,
            guild: guild.id,
            ruling: channel.ruling(),
            bits: self.permissions(user, channel),
        };
        let overrides = &self.commands.overrides;
        overrides.check(command, self.application.id, asking)
    }

    fn is_age_restricted(&self, channel: &Channel) -> bool {
        let ruling = self.channels.get(&channel.ruling());
        ruling.is_some_and(|found| found.json().get("nsfw") == Some(&Value::Bool(true)))
    }

    /// Discord's object for the overrides of a command or of the application.
    pub(crate) fn overrides_json(&self, guild: Snowflake, target: Snowflake) -> Value {
        let list = self.commands.overrides.of(guild, target);
        let permissions: Vec<_> = list.iter().map(Override::json).collect();
        json!({"id": target, "application_id": self.application.id, "guild_id": guild, "permissions": permissions})
    }
}

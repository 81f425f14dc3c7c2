//! Guilds, their channels, roles and members, and the people in them: the data and its shapes in Discord's JSON.
//!
//! Who may do what is in `permissions`; what a request may change is in `rest`, what happens and who is told of it in
//! `world`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::model::message::emoji::CustomEmoji;
use crate::model::message::mentions::Mention;
use crate::snowflake::Snowflake;

pub(crate) mod channel;
pub(crate) mod forum;
pub(crate) mod member;
pub(crate) mod permissions;
pub(crate) mod thread;

pub(crate) use channel::{Channel, DM, GUILD_TEXT, Overwrite, Whose};
pub(crate) use member::{Member, Role};
pub(crate) use thread::{Thread, thread_member_json};

/// Channels of a guild.
pub(crate) const CHANNELS_MAX: usize = 500;
/// Roles of a guild.
pub(crate) const ROLES_MAX: usize = 250;

/// Someone with an account: a person or a bot.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) id: Snowflake,
    pub(crate) username: String,
    pub(crate) bot: bool,
    /// Whether they take no direct messages from bots.
    pub(crate) refuses_dms: bool,
}

impl User {
    /// Someone new.
    pub(crate) const fn new(id: Snowflake, username: String, bot: bool) -> Self {
        Self {
            id,
            username,
            bot,
            refuses_dms: false,
        }
    }

    /// Discord's user object.
    pub(crate) fn json(&self) -> Value {
        json!({
            "id": self.id, "username": self.username, "discriminator": "0", "global_name": self.username,
            "avatar": null, "bot": self.bot, "public_flags": 0, "flags": 0, "primary_guild": null,
            "banner": null, "accent_color": null, "avatar_decoration_data": null,
        })
    }

    /// The user object of the bot itself, with what only it may see.
    pub(crate) fn private_json(&self) -> Value {
        let mut user = self.json();
        if let Some(map) = user.as_object_mut() {
            map.extend([
                ("mfa_enabled".into(), json!(true)),
                ("verified".into(), json!(true)),
                ("email".into(), Value::Null),
                ("locale".into(), json!("en-US")),
            ]);
        }
        user
    }
}

/// Why and that somebody was banned.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ban {
    pub(crate) reason: Option<String>,
}

/// A guild.
#[derive(Clone, Debug)]
pub(crate) struct Guild {
    pub(crate) id: Snowflake,
    pub(crate) name: String,
    pub(crate) owner: Snowflake,
    /// Numbers of its settings that somebody changed, by their name in the guild object.
    pub(crate) settings: BTreeMap<&'static str, u64>,
    /// By id; `@everyone` has the guild's own id.
    pub(crate) roles: BTreeMap<Snowflake, Role>,
    pub(crate) members: BTreeMap<Snowflake, Member>,
    pub(crate) emojis: BTreeMap<Snowflake, CustomEmoji>,
    pub(crate) bans: BTreeMap<Snowflake, Ban>,
    /// Channels that are no threads, in the order in which they are shown.
    pub(crate) channels: Vec<Snowflake>,
    /// Threads that are not archived.
    pub(crate) active_threads: BTreeSet<Snowflake>,
}

/// What this kind of guild can do: announcement channels.
const FEATURES: [&str; 1] = ["NEWS"];

impl Guild {
    /// A guild in which there is nothing and nobody yet, but the role of everyone.
    pub(crate) fn new(id: Snowflake, name: String, owner: Snowflake) -> Self {
        let everyone = Role::new(id, "@everyone".to_owned(), permissions::EVERYONE, 0);
        Self {
            id,
            name,
            owner,
            settings: BTreeMap::new(),
            roles: BTreeMap::from([(id, everyone)]),
            members: BTreeMap::new(),
            emojis: BTreeMap::new(),
            bans: BTreeMap::new(),
            channels: Vec::new(),
            active_threads: BTreeSet::new(),
        }
    }

    /// Whether a mention of a role or of everyone pings here. `mass`: the author may mention everyone, and roles that are
    /// not mentionable. People are mentioned wherever they are.
    pub(crate) fn lets_mention(&self, mention: Mention, mass: bool) -> bool {
        match mention {
            Mention::User(_) => true,
            Mention::Role(id) => {
                let role = self.roles.get(&id);
                role.is_some_and(|role| role.mentionable || mass)
            }
            Mention::Everyone => mass,
        }
    }

    /// Discord's guild object, without the lists that only GUILD_CREATE carries.
    pub(crate) fn json(&self) -> Value {
        let mut json = json!({
            "id": self.id, "name": self.name, "owner_id": self.owner, "icon": null, "icon_hash": null,
            "splash": null, "discovery_splash": null, "home_header": null, "banner": null,
            "description": null, "region": "deprecated", "features": FEATURES,
            "emojis": self.emojis.values().map(CustomEmoji::json).collect::<Vec<_>>(), "stickers": [],
            "roles": self.roles.values().map(Role::json).collect::<Vec<_>>(),
            "afk_channel_id": null, "afk_timeout": 300, "application_id": null,
            "default_message_notifications": 0, "explicit_content_filter": 0, "mfa_level": 0,
            "nsfw": false, "nsfw_level": 0, "verification_level": 0, "preferred_locale": "en-US",
            "premium_progress_bar_enabled": false, "premium_subscription_count": 0, "premium_tier": 0,
            "system_channel_id": null, "system_channel_flags": 0, "rules_channel_id": null,
            "public_updates_channel_id": null, "safety_alerts_channel_id": null, "vanity_url_code": null,
            "widget_enabled": false, "widget_channel_id": null, "max_members": 500_000,
            "max_presences": null, "max_video_channel_users": 25, "max_stage_video_channel_users": 50,
            "incidents_data": null, "inventory_settings": null, "version": 1,
        });
        if let Some(map) = json.as_object_mut() {
            let changed = self.settings.iter();
            map.extend(changed.map(|(name, value)| ((*name).to_owned(), json!(value))));
        }
        json
    }

    /// Discord's guild preview object.
    pub(crate) fn preview(&self) -> Value {
        let count = self.members.len();
        json!({
            "id": self.id, "name": self.name, "icon": null, "description": null, "home_header": null,
            "splash": null, "discovery_splash": null, "features": FEATURES, "emojis": [], "stickers": [],
            "approximate_member_count": count, "approximate_presence_count": count,
        })
    }

    /// What the bot's list of guilds says of it.
    pub(crate) fn brief(&self, bot: Snowflake, permissions: u64) -> Value {
        json!({
            "id": self.id, "name": self.name, "icon": null, "banner": null, "owner": self.owner == bot,
            "permissions": permissions.to_string(), "features": FEATURES,
        })
    }
}

/// The object with one more field.
pub(crate) fn with(mut object: Value, key: &str, value: Value) -> Value {
    if let Some(map) = object.as_object_mut() {
        map.insert(key.to_owned(), value);
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyone_and_silent_roles_need_the_permission() {
        let [id, operators, gone] = ["1", "2", "3"].map(|id| id.parse().unwrap());
        let mut guild = Guild::new(id, "lab".to_owned(), id);
        let role = Role::new(operators, "Operator".to_owned(), 0, 1);
        guild.roles.insert(operators, role);
        assert!(guild.lets_mention(Mention::Everyone, true));
        assert!(!guild.lets_mention(Mention::Everyone, false));
        assert!(guild.lets_mention(Mention::Role(operators), true));
        assert!(!guild.lets_mention(Mention::Role(operators), false));
        assert!(!guild.lets_mention(Mention::Role(gone), true));
        guild.roles.get_mut(&operators).unwrap().mentionable = true;
        assert!(guild.lets_mention(Mention::Role(operators), false));
    }
}

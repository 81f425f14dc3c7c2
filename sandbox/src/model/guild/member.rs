//! Roles and memberships, and who stands above whom.

use std::cmp::Reverse;

use serde_json::{Value, json};

use super::{Guild, User, with};
use crate::snowflake::{Snowflake, rfc3339};

/// A role of a guild.
#[derive(Clone, Debug)]
pub(crate) struct Role {
    pub(crate) id: Snowflake,
    pub(crate) name: String,
    pub(crate) permissions: u64,
    pub(crate) color: u32,
    pub(crate) position: u64,
    pub(crate) hoist: bool,
    pub(crate) mentionable: bool,
    pub(crate) unicode_emoji: Option<String>,
    /// The bot that it belongs to; it cannot be given to anyone else.
    pub(crate) bot: Option<Snowflake>,
}

impl Role {
    /// A role that nobody has shaped yet.
    pub(crate) const fn new(id: Snowflake, name: String, permissions: u64, position: u64) -> Self {
        Self {
            id,
            name,
            permissions,
            color: 0,
            position,
            hoist: false,
            mentionable: false,
            unicode_emoji: None,
            bot: None,
        }
    }

    /// Discord's role object.
    pub(crate) fn json(&self) -> Value {
        let role = json!({
            "id": self.id, "name": self.name, "permissions": self.permissions.to_string(),
            "position": self.position, "color": self.color,
            "colors": {"primary_color": self.color, "secondary_color": null, "tertiary_color": null},
            "hoist": self.hoist, "managed": self.bot.is_some(), "mentionable": self.mentionable,
            "icon": null, "unicode_emoji": self.unicode_emoji, "flags": 0, "description": null,
        });
        match self.bot {
            Some(bot) => with(role, "tags", json!({"bot_id": bot})),
            None => role,
        }
    }

    /// Orders roles: a higher position first, and of equals the older one.
    pub(crate) const fn rank(&self) -> Rank {
        Rank(self.position, Reverse(self.id))
    }
}

/// How high a role stands; the greatest is the highest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank(u64, Reverse<Snowflake>);

/// Someone's membership of a guild.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) roles: Vec<Snowflake>,
    pub(crate) joined_ms: u64,
    pub(crate) nick: Option<String>,
    /// Until when they may only look, in milliseconds; it may have passed.
    pub(crate) timed_out_until_ms: Option<u64>,
}

impl Member {
    /// A new membership.
    pub(crate) const fn new(roles: Vec<Snowflake>, joined_ms: u64) -> Self {
        Self {
            roles,
            joined_ms,
            nick: None,
            timed_out_until_ms: None,
        }
    }

    /// Discord's member object without its user.
    pub(crate) fn json(&self) -> Value {
        json!({
            "roles": self.roles, "joined_at": rfc3339(self.joined_ms), "nick": self.nick, "avatar": null,
            "banner": null, "premium_since": null,
            "communication_disabled_until": self.timed_out_until_ms.map(rfc3339),
            "pending": false, "deaf": false, "mute": false, "flags": 0,
        })
    }

    /// Discord's member object with its user.
    pub(crate) fn json_with(&self, user: &User) -> Value {
        with(self.json(), "user", user.json())
    }

    /// Whether they may only look now.
    pub(crate) fn is_timed_out(&self, now_ms: u64) -> bool {
        self.timed_out_until_ms.is_some_and(|until| until > now_ms)
    }
}

impl Guild {
    /// The highest role of someone; nobody's is that of `@everyone`.
    pub(crate) fn highest(&self, who: Snowflake) -> Option<Rank> {
        let member = self.members.get(&who)?;
        let held = member.roles.iter().chain(std::iter::once(&self.id));
        held.filter_map(|id| self.roles.get(id))
            .map(Role::rank)
            .max()
    }

    /// Whether someone stands above a role.
    pub(crate) fn is_above(&self, who: Snowflake, role: &Role) -> bool {
        self.owner == who || self.highest(who) > Some(role.rank())
    }

    /// Whether someone stands above another member; nobody stands above the owner or themselves.
    pub(crate) fn is_above_member(&self, who: Snowflake, other: Snowflake) -> bool {
        let owned = self.owner == who && who != other;
        owned || (self.owner != other && self.highest(who) > self.highest(other))
    }

    /// Roles from the lowest to the highest.
    pub(crate) fn roles_in_order(&self) -> Vec<&Role> {
        let mut roles: Vec<&Role> = self.roles.values().collect();
        roles.sort_unstable_by_key(|role| role.rank());
        roles
    }
}

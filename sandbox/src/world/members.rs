//! Members, roles and bans of guilds: joining, changing and leaving, with the events that follow.

use serde_json::{Value, json};

use crate::model::guild::{Ban, Member, Role, with};
use crate::snowflake::Snowflake;
use crate::world::World;

impl World {
    /// Discord's member object of someone, or null.
    pub(crate) fn membership(&self, guild: Option<Snowflake>, user: Snowflake) -> Value {
        let guild = guild.and_then(|id| self.guilds.get(&id));
        let member = guild.and_then(|guild| guild.members.get(&user));
        let found = member.zip(self.users.get(&user));
        found.map_or(Value::Null, |(member, user)| member.json_with(user))
    }

    /// Adds someone to a guild. When it is the bot, the guild is announced to it instead.
    pub(crate) fn join_guild(&mut self, guild: Snowflake, user: Snowflake, roles: Vec<Snowflake>) {
        let joined_ms = self.now_ms();
        if let Some(guild) = self.guilds.get_mut(&guild) {
            guild.members.insert(user, Member::new(roles, joined_ms));
        }
        if user == self.application.id {
            self.announce_guild(guild);
        } else {
            let member = self.membership(Some(guild), user);
            let d = with(member, "guild_id", json!(guild));
            self.publish_guild("GUILD_MEMBER_ADD", guild, d);
        }
        self.structure_changed();
    }

    /// Takes someone out of a guild and its threads; true when they were in it. The bot loses the whole guild.
    pub(crate) fn leave_guild(&mut self, id: Snowflake, user: Snowflake) -> bool {
        let Some(guild) = self.guilds.get_mut(&id) else {
            return false;
        };
        if guild.members.remove(&user).is_none() {
            return false;
        }
        let bot = self.application.id;
        if user == bot {
            // Its own role goes with it.
            guild.roles.retain(|_, role| role.bot != Some(bot));
        }
        let threads = self.channels.values_mut();
        for channel in threads.filter(|channel| channel.guild == Some(id)) {
            if let Some(thread) = &mut channel.thread {
                thread.members.remove(&user);
            }
        }
        if user == bot {
            self.publish_guild("GUILD_DELETE", id, json!({"id": id}));
        } else {
            let d = json!({"guild_id": id, "user": self.users.get(&user).map(crate::model::guild::User::json)});
            self.publish_guild("GUILD_MEMBER_REMOVE", id, d);
        }
        self.structure_changed();
        true
    }

    /// Changes a membership and tells of it; nothing happens to who is no member.
    pub(crate) fn change_member(
        &mut self,
        guild: Snowflake,
        user: Snowflake,
        change: impl FnOnce(&mut Member),
    ) {
        let apply = |world: &mut Self| {
            let found = world.guilds.get_mut(&guild);
            if let Some(member) = found.and_then(|guild| guild.members.get_mut(&user)) {
                change(member);
            }
            let member = world.membership(Some(guild), user);
            if !member.is_null() {
                let d = with(member, "guild_id", json!(guild));
                world.publish_guild("GUILD_MEMBER_UPDATE", guild, d);
            }
        };
        self.change_rights(guild, apply);
    }

    /// Bans someone, member or not; members are taken out.
    pub(crate) fn ban(&mut self, guild: Snowflake, user: Snowflake, ban: Ban) {
        if let Some(guild) = self.guilds.get_mut(&guild) {
            guild.bans.insert(user, ban);
        }
        self.publish_ban("GUILD_BAN_ADD", guild, user);
        self.leave_guild(guild, user);
    }

    /// Lifts a ban; true when there was one.
    pub(crate) fn unban(&mut self, id: Snowflake, user: Snowflake) -> bool {
        let guild = self.guilds.get_mut(&id);
        let lifted = guild.is_some_and(|guild| guild.bans.remove(&user).is_some());
        if lifted {
            self.publish_ban("GUILD_BAN_REMOVE", id, user);
        }
        lifted
    }

    fn publish_ban(&mut self, name: &'static str, guild: Snowflake, user: Snowflake) {
        let user = self.users.get(&user).map(crate::model::guild::User::json);
        let d = json!({"guild_id": guild, "user": user});
        self.publish_guild(name, guild, d);
    }

    /// Adds a role just above `@everyone`: those that stood there move up.
    pub(crate) fn insert_role(&mut self, guild: Snowflake, role: Role) {
        let json = role.json();
        let mut moved = Vec::new();
        if let Some(guild) = self.guilds.get_mut(&guild) {
            for other in guild.roles.values_mut().filter(|other| other.position > 0) {
                other.position = other.position.saturating_add(1);
                moved.push(other.id);
            }
            guild.roles.insert(role.id, role);
        }
        let d = json!({"guild_id": guild, "role": json});
        self.publish_guild("GUILD_ROLE_CREATE", guild, d);
        for id in moved {
            self.role_updated(guild, id);
        }
        self.structure_changed();
    }

    /// Changes a role, which may change what people and the bot see.
    pub(crate) fn change_role(
        &mut self,
        guild: Snowflake,
        id: Snowflake,
        change: impl FnOnce(&mut Role),
    ) {
        self.change_rights(guild, |world| {
            let found = world.guilds.get_mut(&guild);
            if let Some(role) = found.and_then(|guild| guild.roles.get_mut(&id)) {
                change(role);
            }
            world.role_updated(guild, id);
        });
    }

    /// Tells of a changed role.
    pub(crate) fn role_updated(&mut self, guild: Snowflake, id: Snowflake) {
        let found = self
            .guilds
            .get(&guild)
            .and_then(|guild| guild.roles.get(&id));
        let Some(role) = found.map(Role::json) else {
            return;
        };
        let d = json!({"guild_id": guild, "role": role});
        self.publish_guild("GUILD_ROLE_UPDATE", guild, d);
    }

    /// Gives roles new positions: those named get theirs, all others keep their order around them.
    pub(crate) fn place_roles(&mut self, guild: Snowflake, wanted: &[(Snowflake, u64)]) {
        let Some(found) = self.guilds.get_mut(&guild) else {
            return;
        };
        let mut order: Vec<Snowflake> = found.roles_in_order().iter().map(|role| role.id).collect();
        order.retain(|id| *id != guild);
        let mut wanted = wanted.to_vec();
        wanted.sort_by_key(|(_, position)| *position);
        order.retain(|id| wanted.iter().all(|(moved, _)| moved != id));
        for (id, position) in wanted {
            let index = usize::try_from(position.saturating_sub(1)).unwrap_or(usize::MAX);
            order.insert(index.min(order.len()), id);
        }
        let mut moved = Vec::new();
        for (position, id) in (1..).zip(order) {
            if let Some(role) = found.roles.get_mut(&id).filter(|r| r.position != position) {
                role.position = position;
                moved.push(id);
            }
        }
        for id in moved {
            self.role_updated(guild, id);
        }
        self.structure_changed();
    }

    /// Deletes a role and takes it from everyone.
    pub(crate) fn remove_role(&mut self, guild: Snowflake, id: Snowflake) {
        self.change_rights(guild, |world| {
            let Some(found) = world.guilds.get_mut(&guild) else {
                return;
            };
            found.roles.remove(&id);
            for member in found.members.values_mut() {
                member.roles.retain(|held| *held != id);
            }
            for channel in found.channels.clone() {
                if let Some(channel) = world.channels.get_mut(&channel) {
                    channel.overwrites.retain(|overwrite| overwrite.id != id);
                }
            }
            let d = json!({"guild_id": guild, "role_id": id});
            world.publish_guild("GUILD_ROLE_DELETE", guild, d);
        });
    }

    /// Tells of a guild's changed settings.
    pub(crate) fn guild_updated(&mut self, id: Snowflake) {
        if let Some(d) = self.guilds.get(&id).map(crate::model::guild::Guild::json) {
            self.publish_guild("GUILD_UPDATE", id, d);
        }
        self.structure_changed();
    }
}

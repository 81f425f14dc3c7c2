//! Makes guilds, channels, roles and people out of nothing: for the start (`furnish`) and for what tests stage.

use crate::model::guild::{Channel, Guild, Member, Role, User};
use crate::snowflake::Snowflake;
use crate::world::World;

/// The ids that `defaults` tells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seeds {
    pub(crate) guild: Snowflake,
    pub(crate) general: Snowflake,
    pub(crate) owner: Snowflake,
    pub(crate) operator: Snowflake,
    pub(crate) approver: Snowflake,
    pub(crate) guest: Snowflake,
}

/// Adds someone who is in no guild yet.
pub(crate) fn add_user(world: &mut World, username: &str, bot: bool) -> Snowflake {
    let id = world.next_id();
    let user = User::new(id, username.to_owned(), bot);
    world.users.insert(id, user);
    world.structure_changed();
    id
}

/// Adds a guild with its owner and, if wanted, our bot with its managed role.
pub(crate) fn add_guild(
    world: &mut World,
    name: &str,
    owner: Snowflake,
    with_bot: bool,
) -> Snowflake {
    let id = world.next_id();
    let guild = Guild::new(id, name.to_owned(), owner);
    world.guilds.insert(id, guild);
    add_member(world, id, owner, Vec::new());
    if with_bot {
        add_bot(world, id);
    }
    id
}

/// Adds our bot with its own role to a guild, or does nothing when it is there.
pub(crate) fn add_bot(world: &mut World, guild: Snowflake) {
    let bot = world.application.id;
    let there = world.guilds.get(&guild);
    if there.is_none_or(|guild| guild.members.contains_key(&bot)) {
        return;
    }
    let application = &world.application;
    let (name, rights) = (application.name.clone(), application.permissions);
    let id = add_role(world, guild, &name, rights, application.color);
    let guild_here = world.guilds.get_mut(&guild);
    if let Some(role) = guild_here.and_then(|guild| guild.roles.get_mut(&id)) {
        role.bot = Some(bot);
        role.mentionable = false;
    }
    add_member(world, guild, bot, vec![id]);
}

/// Adds a role above all others; unknown guilds are ignored.
pub(crate) fn add_role(
    world: &mut World,
    guild: Snowflake,
    name: &str,
    permissions: u64,
    color: u32,
) -> Snowflake {
    let id = world.next_id();
    if let Some(guild) = world.guilds.get_mut(&guild) {
        let position = u64::try_from(guild.roles.len()).unwrap_or(0);
        let mut role = Role::new(id, name.to_owned(), permissions, position);
        role.color = color;
        role.mentionable = true;
        guild.roles.insert(id, role);
    }
    world.structure_changed();
    id
}

/// Adds a text channel below all others; unknown guilds are ignored.
pub(crate) fn add_channel(world: &mut World, guild: Snowflake, name: &str) -> Snowflake {
    let id = world.next_id();
    if let Some(found) = world.guilds.get_mut(&guild) {
        let position = u64::try_from(found.channels.len()).unwrap_or(0);
        found.channels.push(id);
        world
            .channels
            .insert(id, Channel::text(id, guild, name.to_owned(), position));
    }
    world.structure_changed();
    id
}

/// Adds someone to a guild, or replaces their roles.
pub(crate) fn add_member(
    world: &mut World,
    guild: Snowflake,
    user: Snowflake,
    roles: Vec<Snowflake>,
) {
    let joined_ms = world.now_ms();
    if let Some(guild) = world.guilds.get_mut(&guild) {
        guild.members.insert(user, Member::new(roles, joined_ms));
    }
    world.structure_changed();
}

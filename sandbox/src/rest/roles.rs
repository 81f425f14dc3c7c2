//! Roles by the bot token: reading, making, changing, ordering and deleting, below the bot's own highest role.

use serde_json::{Map, Value, json};

use super::access;
use super::call::{Call, Reply};
use super::channels::overwrites::bits;
use crate::error::{
    ApiError, Form, INVALID_ROLE, MISSING_PERMISSIONS, TOO_MANY_ROLES, UNKNOWN_ROLE,
};
use crate::field::{Fields, not_object};
use crate::model::guild::permissions::{ALL, MANAGE_ROLES, in_guild};
use crate::model::guild::{Guild, ROLES_MAX, Role};
use crate::snowflake::Snowflake;
use crate::world::World;

/// The highest colour.
const COLOR_MAX: u64 = 0xff_ff_ff;

/// `GET /guilds/{guild_id}/roles`
pub(crate) fn list(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let guild = access::guild(world, call.id("guild_id")?)?;
    Ok(Reply::ok(guild.roles.values().map(Role::json).collect()))
}

/// `GET /guilds/{guild_id}/roles/{role_id}`
pub(crate) fn read(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let guild = access::guild(world, call.id("guild_id")?)?;
    let role = guild.roles.get(&call.id("role_id")?).ok_or(UNKNOWN_ROLE)?;
    Ok(Reply::ok(role.json()))
}

/// `GET /guilds/{guild_id}/roles/member-counts`: how many hold each role but `@everyone`.
pub(crate) fn counts(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let guild = access::guild(world, call.id("guild_id")?)?;
    let roles = guild.roles.keys().filter(|id| **id != guild.id);
    let count = |id: &Snowflake| {
        let held = guild.members.values().filter(|m| m.roles.contains(id));
        (id.to_string(), json!(held.count()))
    };
    Ok(Reply::ok(Value::Object(Map::from_iter(roles.map(count)))))
}

/// `POST /guilds/{guild_id}/roles`
pub(crate) fn create(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let guild = access::guild_with(world, call.id("guild_id")?, MANAGE_ROLES)?;
    if guild.roles.len() >= ROLES_MAX {
        return Err(TOO_MANY_ROLES.into());
    }
    let wanted = RoleFields::read(call)?;
    let everyone = guild.roles.get(&guild.id);
    let inherited = everyone.map_or(0, |everyone| everyone.permissions);
    let permissions = wanted.permissions.unwrap_or(inherited);
    // What everyone has anyway is nothing that the bot gives.
    check_grant(world, guild, permissions & !inherited)?;
    let guild = guild.id;
    let mut role = Role::new(world.next_id(), "new role".to_owned(), permissions, 1);
    wanted.apply(&mut role);
    let json = role.json();
    world.insert_role(guild, role);
    Ok(Reply::ok(json))
}

/// `PATCH /guilds/{guild_id}/roles/{role_id}`
pub(crate) fn change(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let guild = access::guild_with(world, call.id("guild_id")?, MANAGE_ROLES)?;
    let role = below(world, guild, call.id("role_id")?)?;
    let wanted = RoleFields::read(call)?;
    if let Some(permissions) = wanted.permissions {
        check_grant(world, guild, permissions ^ role.permissions)?;
    }
    if role.id == guild.id && wanted.name.as_ref().is_some_and(|name| *name != role.name) {
        return Err(INVALID_ROLE.into());
    }
    let (guild, id) = (guild.id, role.id);
    world.change_role(guild, id, |role| wanted.apply(role));
    let role = world.guilds.get(&guild).and_then(|g| g.roles.get(&id));
    Ok(Reply::ok(role.map_or(Value::Null, Role::json)))
}

/// `DELETE /guilds/{guild_id}/roles/{role_id}`
pub(crate) fn delete(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let guild = access::guild_with(world, call.id("guild_id")?, MANAGE_ROLES)?;
    let role = below(world, guild, call.id("role_id")?)?;
    if role.id == guild.id || role.bot.is_some() {
        return Err(INVALID_ROLE.into());
    }
    let (guild, id) = (guild.id, role.id);
    world.remove_role(guild, id);
    Ok(Reply::none())
}

/// `PATCH /guilds/{guild_id}/roles`: new positions
pub(crate) fn place(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let guild = access::guild_with(world, call.id("guild_id")?, MANAGE_ROLES)?;
    let mut form = Form::default();
    let mut wanted = Vec::new();
    for (index, entry) in call.list()?.iter().take(ROLES_MAX).enumerate() {
        let path = index.to_string();
        let Some(map) = entry.as_object() else {
            not_object(&mut form, &path);
            continue;
        };
        let body = Fields::new(map, &path);
        if body.value("id").is_none() {
            body.missing(&mut form, "id");
        }
        let id = body.id(&mut form, "id");
        let position = body.integer(&mut form, "position", 0..=u64::from(u32::MAX >> 1));
        wanted.extend(id.zip(position));
    }
    form.finish()?;
    let bot = world.application.id;
    let ceiling = guild.highest(bot);
    for (id, position) in &wanted {
        let role = below(world, guild, *id)?;
        let rises = Role::new(role.id, String::new(), 0, *position).rank();
        if role.id == guild.id || (guild.owner != bot && Some(rises) >= ceiling) {
            return Err(MISSING_PERMISSIONS.into());
        }
    }
    let guild = guild.id;
    world.place_roles(guild, &wanted);
    let guild = access::guild(world, guild)?;
    Ok(Reply::ok(guild.roles.values().map(Role::json).collect()))
}

/// A role that the bot stands above.
pub(super) fn below<'a>(
    world: &World,
    guild: &'a Guild,
    id: Snowflake,
) -> Result<&'a Role, ApiError> {
    let role = guild.roles.get(&id).ok_or(UNKNOWN_ROLE)?;
    if guild.is_above(world.application.id, role) {
        Ok(role)
    } else {
        Err(MISSING_PERMISSIONS.into())
    }
}

/// Nobody gives or takes a permission that they lack.
fn check_grant(world: &World, guild: &Guild, touched: u64) -> Result<(), ApiError> {
    let own = in_guild(guild, world.application.id, world.now_ms());
    if touched & ALL & !own == 0 {
        Ok(())
    } else {
        Err(MISSING_PERMISSIONS.into())
    }
}

/// What a body says of a role.
struct RoleFields {
    name: Option<String>,
    permissions: Option<u64>,
    color: Option<u32>,
    hoist: Option<bool>,
    mentionable: Option<bool>,
    unicode_emoji: Option<Option<String>>,
}

impl RoleFields {
    fn read(call: &Call) -> Result<Self, ApiError> {
        let mut form = Form::default();
        let body = Fields::new(call.object()?, "");
        let plain = body.integer(&mut form, "color", 0..=COLOR_MAX);
        let nested = body.object(&mut form, "colors").and_then(|map| {
            Fields::new(map, "colors").integer(&mut form, "primary_color", 0..=COLOR_MAX)
        });
        let emoji = body.text(&mut form, "unicode_emoji", 0..=100);
        let emoji = emoji.map(str::to_owned);
        let stated = body.value("permissions").is_some();
        let permissions = bits(body, &mut form, "permissions");
        let wanted = Self {
            name: body.text(&mut form, "name", 1..=100).map(str::to_owned),
            permissions: stated.then_some(permissions & ALL),
            color: nested.or(plain).and_then(|color| u32::try_from(color).ok()),
            hoist: body.flag(&mut form, "hoist"),
            mentionable: body.flag(&mut form, "mentionable"),
            unicode_emoji: body.map.contains_key("unicode_emoji").then_some(emoji),
        };
        form.finish()?;
        Ok(wanted)
    }

    fn apply(self, role: &mut Role) {
        if let Some(name) = self.name {
            role.name = name;
        }
        role.permissions = self.permissions.unwrap_or(role.permissions);
        role.color = self.color.unwrap_or(role.color);
        role.hoist = self.hoist.unwrap_or(role.hoist);
        role.mentionable = self.mentionable.unwrap_or(role.mentionable);
        role.unicode_emoji = self
            .unicode_emoji
            .unwrap_or_else(|| role.unicode_emoji.take());
    }
}

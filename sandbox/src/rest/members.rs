//! Members of guilds by the bot token: reading, searching, changing, roles, kicking.
//!
//! The bot may touch only who stands below it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::access;
use super::call::{Call, Reply};
use super::roles::below;
use crate::error::{
    ApiError, Form, INVALID_ROLE, MISSING_PERMISSIONS, NOT_IN_VOICE, UNKNOWN_MEMBER, UNKNOWN_ROLE,
};
use crate::field::Fields;
use crate::model::guild::permissions::{
    ADMINISTRATOR, CHANGE_NICKNAME, KICK_MEMBERS, MANAGE_NICKNAMES, MANAGE_ROLES, MODERATE_MEMBERS,
    in_guild,
};
use crate::model::guild::{Guild, Member, User, with};
use crate::snowflake::{Snowflake, parse_rfc3339};
use crate::world::World;

/// Roles that one request may name.
const ROLES_MAX: usize = 350;
/// Characters of a nickname.
const NICK_MAX: usize = 32;
/// The longest time that somebody may be timed out for, in milliseconds.
const TIMEOUT_MAX_MS: u64 = 28 * 24 * 60 * 60 * 1000;

/// `GET /guilds/{guild_id}/members`
pub(crate) fn list(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let guild = access::guild(world, call.id("guild_id")?)?;
    access::members_granted(world)?;
    let limit = call.limit(1, 1000)?;
    let after = call.query("after").filter(|after| *after != "0");
    let after = after.map(|_| call.query_id("after")).transpose()?.flatten();
    let after = after.unwrap_or(Snowflake::MIN);
    let later = people(world, guild).filter(|(_, user)| user.id > after);
    let list = later
        .take(limit)
        .map(|(member, user)| member.json_with(user));
    Ok(Reply::ok(list.collect()))
}

/// `GET /guilds/{guild_id}/members/search`: whose name or nickname begins so.
pub(crate) fn search(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let guild = access::guild(world, call.id("guild_id")?)?;
    let limit = call.limit(1, 1000)?;
    let query = call.query("query").unwrap_or_default().to_lowercase();
    if query.is_empty() || query.chars().count() > 100 {
        let message = "Must be between 1 and 100 in length.";
        return Err(ApiError::form("query", "BASE_TYPE_BAD_LENGTH", message));
    }
    let begins = |name: &str| name.to_lowercase().starts_with(&query);
    let found = people(world, guild).filter(|(member, user)| {
        begins(&user.username) || member.nick.as_deref().is_some_and(begins)
    });
    let list = found
        .take(limit)
        .map(|(member, user)| member.json_with(user));
    Ok(Reply::ok(list.collect()))
}

fn people<'a>(world: &'a World, guild: &'a Guild) -> impl Iterator<Item = (&'a Member, &'a User)> {
    let members = guild.members.iter();
    members.filter_map(|(id, member)| Some((member, world.users.get(id)?)))
}

/// `GET /guilds/{guild_id}/members/{user_id}`
pub(crate) fn read(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let guild = access::guild(world, call.id("guild_id")?)?.id;
    shown(world, guild, call.id("user_id")?)
}

fn shown(world: &World, guild: Snowflake, user: Snowflake) -> Result<Reply, ApiError> {
    match world.membership(Some(guild), user) {
        Value::Null => Err(UNKNOWN_MEMBER.into()),
        member => Ok(Reply::ok(member)),
    }
}

/// `PATCH /guilds/{guild_id}/members/@me`
pub(crate) fn change_me(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let (guild, bot) = (set_own_nick(world, call)?, world.application.id);
    let found = world.guilds.get(&guild).ok_or(UNKNOWN_MEMBER)?;
    let bits = in_guild(found, bot, world.now_ms()).to_string();
    let member = world.membership(Some(guild), bot);
    Ok(Reply::ok(with(member, "permissions", json!(bits))))
}

/// `PATCH /guilds/{guild_id}/members/@me/nick`, the older way
pub(crate) fn rename_me(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let guild = set_own_nick(world, call)?;
    let member = world.membership(Some(guild), world.application.id);
    let nick = member.get("nick").cloned().unwrap_or_default();
    Ok(Reply::ok(json!({"nick": nick})))
}

fn set_own_nick(world: &mut World, call: &Call) -> Result<Snowflake, ApiError> {
    let guild = access::guild(world, call.id("guild_id")?)?.id;
    let mut form = Form::default();
    let body = Fields::new(call.object()?, "");
    let nick = read_nick(body, &mut form);
    form.finish()?;
    if let Some(nick) = nick {
        access::guild_with(world, guild, CHANGE_NICKNAME)?;
        let bot = world.application.id;
        world.change_member(guild, bot, |member| member.nick = nick);
    }
    Ok(guild)
}

/// A nickname; none, or an empty one, takes it away.
fn read_nick(body: Fields<'_>, form: &mut Form) -> Option<Option<String>> {
    let nick = body.text(form, "nick", 0..=NICK_MAX).map(str::trim);
    let nick = nick.filter(|nick| !nick.is_empty()).map(str::to_owned);
    body.map.contains_key("nick").then_some(nick)
}

/// `PATCH /guilds/{guild_id}/members/{user_id}`
pub(crate) fn change(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let (guild, user) = (
        access::guild(world, call.id("guild_id")?)?,
        call.id("user_id")?,
    );
    let member = guild.members.get(&user).ok_or(UNKNOWN_MEMBER)?;
    let change = Change::read(world, call)?;
    change.check(world, guild, member, user)?;
    let guild = guild.id;
    world.change_member(guild, user, |member| change.apply(member));
    shown(world, guild, user)
}

/// What a body asks for.
struct Change {
    nick: Option<Option<String>>,
    roles: Option<Vec<Snowflake>>,
    timed_out_until_ms: Option<Option<u64>>,
    /// Whether it asks for something that only who is in a voice channel can have.
    needs_voice: bool,
}

impl Change {
    fn read(world: &World, call: &Call) -> Result<Self, ApiError> {
        let mut form = Form::default();
        let body = Fields::new(call.object()?, "");
        let change = Self {
            nick: read_nick(body, &mut form),
            roles: read_roles(body, &mut form),
            timed_out_until_ms: read_timeout(world, body, &mut form),
            needs_voice: ["mute", "deaf", "channel_id"]
                .iter()
                .any(|key| body.value(key).is_some()),
        };
        form.finish()?;
        Ok(change)
    }

    fn check(
        &self,
        world: &World,
        guild: &Guild,
        member: &Member,
        user: Snowflake,
    ) -> Result<(), ApiError> {
        let (bot, now_ms) = (world.application.id, world.now_ms());
        let own = in_guild(guild, bot, now_ms);
        let may = |needed: u64| own & needed == needed;
        let stands_above = guild.is_above_member(bot, user);
        if self.nick.is_some() {
            let own_name = user == bot && may(CHANGE_NICKNAME);
            let others = may(MANAGE_NICKNAMES) && stands_above;
            if !own_name && !others {
                return Err(MISSING_PERMISSIONS.into());
            }
        }
        if let Some(roles) = &self.roles {
            if !may(MANAGE_ROLES) {
                return Err(MISSING_PERMISSIONS.into());
            }
            let (now, then) = (set(&member.roles), set(roles));
            for id in now.symmetric_difference(&then) {
                check_role(world, guild, *id)?;
            }
        }
        if self.timed_out_until_ms.is_some() {
            let immune = in_guild(guild, user, 0) & ADMINISTRATOR != 0;
            if !may(MODERATE_MEMBERS) || !stands_above || immune {
                return Err(MISSING_PERMISSIONS.into());
            }
        }
        if self.needs_voice {
            return Err(NOT_IN_VOICE.into());
        }
        Ok(())
    }

    fn apply(self, member: &mut Member) {
        member.nick = self.nick.unwrap_or_else(|| member.nick.take());
        member.roles = self
            .roles
            .unwrap_or_else(|| std::mem::take(&mut member.roles));
        let until = self.timed_out_until_ms;
        member.timed_out_until_ms = until.unwrap_or(member.timed_out_until_ms);
    }
}

fn set(roles: &[Snowflake]) -> BTreeSet<Snowflake> {
    roles.iter().copied().collect()
}

fn read_roles(body: Fields<'_>, form: &mut Form) -> Option<Vec<Snowflake>> {
    let list = body.list(form, "roles", 0..=ROLES_MAX)?;
    let mut roles = Vec::new();
    for (index, value) in list.iter().enumerate() {
        match crate::field::as_id(value) {
            Some(id) if roles.contains(&id) => {}
            Some(id) => roles.push(id),
            None => form.fault(
                &body.path(&format!("roles.{index}")),
                "NUMBER_TYPE_COERCE",
                "Value is not snowflake.",
            ),
        }
    }
    Some(roles)
}

/// A time to come, at most 28 days away; `null` ends a timeout, and so does a time that has passed.
fn read_timeout(world: &World, body: Fields<'_>, form: &mut Form) -> Option<Option<u64>> {
    const KEY: &str = "communication_disabled_until";
    let text = body.text(form, KEY, 0..=100);
    let given = body.map.contains_key(KEY);
    let Some(text) = text else {
        return given.then_some(None);
    };
    let Some(until_ms) = parse_rfc3339(text) else {
        let message = "Could not parse. Should be ISO8601.";
        form.fault(&body.path(KEY), "DATE_TIME_TYPE_PARSE", message);
        return None;
    };
    let now_ms = world.now_ms();
    if until_ms > now_ms.saturating_add(TIMEOUT_MAX_MS) {
        let message = "Must be within 28 days.";
        form.fault(
            &body.path(KEY),
            "INVALID_COMMUNICATION_DISABLED_TIMESTAMP",
            message,
        );
    }
    Some(Some(until_ms).filter(|until_ms| *until_ms > now_ms))
}

/// A role that the bot may give and take: below its own, and neither everyone's nor a bot's.
fn check_role(world: &World, guild: &Guild, id: Snowflake) -> Result<(), ApiError> {
    let role = guild.roles.get(&id).ok_or(UNKNOWN_ROLE)?;
    if role.id == guild.id || role.bot.is_some() {
        return Err(INVALID_ROLE.into());
    }
    below(world, guild, id).map(|_| ())
}

/// `PUT /guilds/{guild_id}/members/{user_id}/roles/{role_id}`
pub(crate) fn give_role(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let (guild, user, role) = holding(world, call)?;
    world.change_member(guild, user, |member| {
        if !member.roles.contains(&role) {
            member.roles.push(role);
        }
    });
    Ok(Reply::none())
}

/// `DELETE /guilds/{guild_id}/members/{user_id}/roles/{role_id}`
pub(crate) fn take_role(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let (guild, user, role) = holding(world, call)?;
    world.change_member(guild, user, |member| {
        member.roles.retain(|held| *held != role);
    });
    Ok(Reply::none())
}

fn holding(world: &World, call: &Call) -> Result<(Snowflake, Snowflake, Snowflake), ApiError> {
    let guild = access::guild_with(world, call.id("guild_id")?, MANAGE_ROLES)?;
    let (user, role) = (call.id("user_id")?, call.id("role_id")?);
    if !guild.members.contains_key(&user) {
        return Err(UNKNOWN_MEMBER.into());
    }
    check_role(world, guild, role)?;
    Ok((guild.id, user, role))
}

/// `DELETE /guilds/{guild_id}/members/{user_id}`
pub(crate) fn kick(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let guild = access::guild_with(world, call.id("guild_id")?, KICK_MEMBERS)?;
    let user = call.id("user_id")?;
    if !guild.members.contains_key(&user) {
        return Err(UNKNOWN_MEMBER.into());
    }
    if !guild.is_above_member(world.application.id, user) {
        return Err(MISSING_PERMISSIONS.into());
    }
    let guild = guild.id;
    world.leave_guild(guild, user);
    Ok(Reply::none())
}

//! Makes the world that a seed describes: the default and every seed file take this one path.

use std::collections::HashMap;

use crate::model::guild::channel::GUILD_FORUM;
use crate::model::guild::forum::Forum;
use crate::model::guild::{GUILD_TEXT, Overwrite, Whose};
use crate::seed::{ChannelSeed, ForWhom, GuildSeed, OverwriteSeed, PersonSeed, RoleSeed, Seed};
use crate::snowflake::Snowflake;
use crate::world::World;
use crate::world::fresh::{self, Seeds};

/// Fills an empty world; the bot's own user exists already.
pub(crate) fn furnish(world: &mut World, seed: &Seed) -> Seeds {
    let mut known = HashMap::new();
    let mut first = None;
    for plan in &seed.guilds {
        let made = guild(world, plan, &mut known);
        first.get_or_insert((plan, made));
    }
    let bot = world.application.id;
    match first {
        Some((plan, guild)) => defaults(world, plan, guild, &known),
        // No seed file is without a guild; ids of nothing keep a world of tests whole.
        None => Seeds {
            guild: bot,
            general: bot,
            owner: bot,
            operator: bot,
            approver: bot,
            guest: bot,
        },
    }
}

/// The ids that `defaults` tells: people by their names, or else the next one who is not the owner.
fn defaults(
    world: &World,
    plan: &GuildSeed,
    guild: Snowflake,
    known: &HashMap<&str, Snowflake>,
) -> Seeds {
    let id = |name: &str| known.get(name).copied();
    let owner = plan.people.iter().find(|person| person.owner);
    let owner = owner
        .and_then(|person| id(&person.name))
        .unwrap_or(world.application.id);
    let wanted = ["operator", "approver", "guest"];
    let among = |name: &str| {
        plan.people
            .iter()
            .any(|person| person.name == name && !person.owner)
    };
    let others = plan.people.iter().filter(|person| !person.owner);
    let mut spare = others.filter(|person| !wanted.contains(&person.name.as_str()));
    let [operator, approver, guest] = wanted.map(|name| {
        let named = among(name).then_some(name);
        let chosen = named.or_else(|| spare.next().map(|person| person.name.as_str()));
        chosen.and_then(id).unwrap_or(owner)
    });
    let here = world.guilds.get(&guild);
    let mut channels = here.into_iter().flat_map(|guild| &guild.channels);
    let is_text = |id: &&Snowflake| world.channels.get(id).is_some_and(|c| c.kind == GUILD_TEXT);
    Seeds {
        guild,
        general: channels.find(is_text).copied().unwrap_or(guild),
        owner,
        operator,
        approver,
        guest,
    }
}

fn guild<'a>(
    world: &mut World,
    plan: &'a GuildSeed,
    known: &mut HashMap<&'a str, Snowflake>,
) -> Snowflake {
    for plan in &plan.people {
        if !known.contains_key(plan.name.as_str()) {
            world.give_id(plan.id);
            known.insert(&plan.name, fresh::add_user(world, &plan.name, false));
        }
    }
    let owner = plan.people.iter().find(|person| person.owner);
    let owner = owner.and_then(|person| known.get(person.name.as_str()).copied());
    world.give_id(plan.id);
    let owner = owner.unwrap_or(world.application.id);
    let guild = fresh::add_guild(world, &plan.name, owner, plan.bot);
    if let Some(everyone) = world
        .guilds
        .get_mut(&guild)
        .and_then(|g| g.roles.get_mut(&guild))
    {
        everyone.permissions = plan.everyone;
    }
    let roles: HashMap<&str, Snowflake> = plan
        .roles
        .iter()
        .map(|plan| (plan.name.as_str(), role(world, guild, plan)))
        .collect();
    for plan in &plan.people {
        member(world, guild, plan, &roles, known);
    }
    for plan in &plan.channels {
        let id = channel(world, guild, plan);
        let find = |whom: &ForWhom| match whom {
            ForWhom::Everyone => Some((guild, Whose::Role)),
            ForWhom::Role(name) => Some((*roles.get(name.as_str())?, Whose::Role)),
            ForWhom::Person(name) => Some((*known.get(name.as_str())?, Whose::Member)),
        };
        let overwrites = plan.overwrites.iter().filter_map(|plan: &OverwriteSeed| {
            let (id, whose) = find(&plan.whom)?;
            Some(Overwrite {
                id,
                whose,
                allow: plan.allow,
                deny: plan.deny,
            })
        });
        if let Some(channel) = world.channels.get_mut(&id) {
            channel.overwrites.extend(overwrites);
        }
    }
    guild
}

fn role(world: &mut World, guild: Snowflake, plan: &RoleSeed) -> Snowflake {
    world.give_id(plan.id);
    let id = fresh::add_role(world, guild, &plan.name, plan.permissions, plan.color);
    let here = world.guilds.get_mut(&guild);
    if let Some(role) = here.and_then(|guild| guild.roles.get_mut(&id)) {
        role.mentionable = plan.mentionable;
    }
    id
}

fn member(
    world: &mut World,
    guild: Snowflake,
    plan: &PersonSeed,
    roles: &HashMap<&str, Snowflake>,
    known: &HashMap<&str, Snowflake>,
) {
    let held = plan
        .roles
        .iter()
        .filter_map(|name| roles.get(name.as_str()).copied());
    if let Some(id) = known.get(plan.name.as_str()) {
        fresh::add_member(world, guild, *id, held.collect());
    }
}

fn channel(world: &mut World, guild: Snowflake, plan: &ChannelSeed) -> Snowflake {
    world.give_id(plan.id);
    let id = fresh::add_channel(world, guild, &plan.name);
    if let Some(channel) = world.channels.get_mut(&id) {
        channel.kind = plan.kind;
        channel.forum = (plan.kind == GUILD_FORUM).then(Forum::default);
        channel.topic.clone_from(&plan.topic);
        channel.slowmode_s = plan.slowmode_s;
    }
    id
}

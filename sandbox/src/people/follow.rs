//! What a web client asks to keep up: what is unread, and what became of an interaction.
//!
//! Where someone has read up to is the client's to remember; the sandbox only counts from there.

use serde_json::{Map, Value, json};

use super::act::Place;
use super::ask::{Ask, Bad};
use super::see::summary;
use crate::field::as_id;
use crate::model::guild::permissions::VIEW_CHANNEL;
use crate::model::guild::{Channel, with};
use crate::model::interaction::Answer;
use crate::model::message::Message;
use crate::snowflake::Snowflake;
use crate::world::World;

/// Channels in one question.
const CHANNELS_MAX: usize = 2000;
/// Unread messages looked at per channel; beyond it a client shows "99+" anyway.
const UNREAD_MAX: usize = 100;

/// `unread`: per channel, how many messages came after the one that was read last, and how many of them mention the person.
pub(crate) fn unread(world: &mut World, ask: Ask<'_>) -> Result<Value, Bad> {
    let user = ask.id("user_id")?;
    let asked = match ask.value("channels") {
        Some(Value::Object(map)) if map.len() <= CHANNELS_MAX => map,
        Some(Value::Object(_)) => {
            return Err(ask.bad("channels", format!("at most {CHANNELS_MAX} at once")));
        }
        Some(_) | None => {
            let text = "it must be an object from channel ids to the ids of messages";
            return Err(ask.bad("channels", text));
        }
    };
    let mut counted = Map::new();
    for (key, last_read) in asked {
        let read = as_id(last_read);
        let id = key.parse().ok();
        let (Some(id), Some(read)) = (id, read) else {
            return Err(ask.bad(&format!("channels.{key}"), "it must be an id, as a string"));
        };
        let seen = |c: &&Channel| world.permissions(user, c) & VIEW_CHANNEL != 0;
        if let Some(channel) = world.channels.get(&id).filter(seen) {
            counted.insert(key.clone(), count(world, channel, user, read));
        }
    }
    Ok(json!({"channels": counted}))
}

fn count(world: &World, channel: &Channel, user: Snowflake, read: Snowflake) -> Value {
    let guild = channel.guild.and_then(|id| world.guilds.get(&id));
    let roles = guild
        .and_then(|guild| guild.members.get(&user))
        .map(|member| member.roles.as_slice())
        .unwrap_or_default();
    let mentioned = |message: &Message| {
        let to = &message.mentions;
        to.everyone
            || to.users.contains(&user)
            || to.roles.iter().any(|role| roles.contains(role))
            || channel.guild.is_none()
    };
    let others = |message: &&Message| {
        message.author != user
            && message.deleted_ms.is_none()
            && message.only_for.is_none_or(|who| who == user)
    };
    let newer = channel.messages.range(read..).map(|(_, message)| message);
    let newer = newer.filter(|message| message.id > read);
    let (mut unread, mut mentions) = (0_u64, 0_u64);
    for message in newer.filter(others).take(UNREAD_MAX) {
        unread += 1;
        mentions += u64::from(mentioned(message));
    }
    json!({"unread": unread, "mentions": mentions, "last_message_id": channel.last_message})
}

/// The commands that someone is offered in a channel.
pub(crate) fn usable(world: &World, place: Place) -> Vec<Snowflake> {
    let Some(channel) = world.channels.get(&place.channel) else {
        return Vec::new();
    };
    let own = place.guild.map(|guild| world.commands.list(Some(guild)));
    let global = world.commands.list(None).iter();
    global
        .chain(own.into_iter().flatten())
        .filter(|command| world.check_use(command, place.user, channel).is_ok())
        .map(|command| command.id)
        .collect()
}

/// A channel as lists of channels show it to someone.
pub(crate) fn listed(world: &World, channel: &Channel, user: Snowflake) -> Value {
    let json = summary(world, channel);
    match &channel.thread {
        Some(thread) => with(json, "joined", json!(thread.members.contains_key(&user))),
        None => json,
    }
}

/// What became of an interaction, once that is known: answered, or silent for too long.
pub(crate) fn outcome(world: &World, id: Snowflake) -> Option<Value> {
    let interaction = world.interactions.find(id)?;
    let kind = match &interaction.answer {
        None if interaction.went_unanswered(world.now_ms()) => None,
        None => return None,
        Some(Answer::Message(_)) => Some("message"),
        Some(Answer::Deferred(_)) => Some("thinking"),
        Some(Answer::Source(_)) => Some("update"),
        Some(Answer::Choices(_)) => Some("choices"),
        Some(Answer::Modal(_)) => Some("modal"),
    };
    Some(json!({"answered": kind.is_some(), "kind": kind}))
}

//! What people see: their view of a channel, the transcript, and what the web client draws around it.

use std::ops::Range;

use serde_json::{Value, json};

use super::act::{Place, title};
use super::ask::{Ask, Bad};
use super::follow::{listed, usable};
use super::html;
use crate::model::guild::permissions::VIEW_CHANNEL;
use crate::model::guild::{Channel, DM, Role, with};
use crate::model::interaction::{Interaction, Kind};
use crate::model::message::{EPHEMERAL, Message};
use crate::snowflake::{Snowflake, rfc3339};
use crate::world::World;

/// Messages of a view, unless asked otherwise.
const VIEW_DEFAULT: usize = 50;
/// Messages of a view at most.
const VIEW_MAX: usize = 1000;
/// What a client says when the bot stayed silent for 3 seconds.
const NO_RESPONSE: &str = "The application did not respond";
/// Interactions looked at for such notices.
const NOTICES_FROM: usize = 2000;

/// `defaults`
pub(crate) fn defaults(world: &mut World, _ask: Ask<'_>) -> Result<Value, Bad> {
    let seeds = world.seeds;
    Ok(json!({
        "guild_id": seeds.guild, "channel_id": seeds.general, "user_id": seeds.operator,
        "user2_id": seeds.approver, "owner_id": seeds.owner, "guest_id": seeds.guest,
        "application_id": world.application.id, "bot_token": world.application.token,
    }))
}

/// `view`
pub(crate) fn view(world: &World, ask: Ask<'_>) -> Result<Value, Bad> {
    let place = Place::read(world, ask)?;
    let Some(channel) = world.channels.get(&place.channel) else {
        return Err(ask.bad("channel_id", "there is no such channel"));
    };
    let asked = ask
        .number("limit")?
        .and_then(|limit| usize::try_from(limit).ok());
    let limit = asked.unwrap_or(VIEW_DEFAULT).min(VIEW_MAX);
    if ask.flag("only_changed")? {
        let mut seen = changes(world, ask, place, channel, limit)?;
        with_html(world, ask, place, &mut seen)?;
        return with_commands(world, ask, place, seen);
    }
    let before = ask.optional_id("before")?.unwrap_or(Snowflake::MAX);
    let seen = |message: &&Message| message.only_for.is_none_or(|who| who == place.user);
    let messages = channel
        .messages
        .range(..before)
        .rev()
        .map(|(_, message)| message)
        .filter(seen);
    let mut list: Vec<(Snowflake, Value)> = messages
        .take(limit)
        .map(|message| (message.id, world.message_view(message)))
        .collect();
    list.extend(notices(world, place, Snowflake::MIN..before, limit));
    list.sort_unstable_by_key(|(id, _)| std::cmp::Reverse(*id));
    list.truncate(limit);
    let messages: Vec<Value> = list.into_iter().map(|(_, message)| message).collect();
    let mut seen = json!({
        "messages": messages, "version": channel.version, "channel": listed(world, channel, place.user),
    });
    with_html(world, ask, place, &mut seen)?;
    with_commands(world, ask, place, seen)
}

/// Adds which commands the person is offered here when the asker wants it, and when that may have changed.
fn with_commands(world: &World, ask: Ask<'_>, place: Place, seen: Value) -> Result<Value, Bad> {
    let since = ask
        .number("changed_since")?
        .filter(|_| ask.map.contains_key("only_changed"));
    if !ask.flag("commands")? || since.is_some_and(|since| world.structure_version <= since) {
        return Ok(seen);
    }
    Ok(with(seen, "command_ids", json!(usable(world, place))))
}

/// Adds the HTML of the messages when the asker wants it.
fn with_html(world: &World, ask: Ask<'_>, place: Place, seen: &mut Value) -> Result<(), Bad> {
    if ask.flag("html")? {
        let messages = seen.get_mut("messages").and_then(Value::as_array_mut);
        for message in messages.into_iter().flatten() {
            html::annotate(world, place, message);
        }
    }
    Ok(())
}

/// What is new to someone who has seen the channel at the version `changed_since`, from the message `from` on.
///
/// `complete` is false when there was more than `limit`: the client then looks at the whole again.
fn changes(
    world: &World,
    ask: Ask<'_>,
    place: Place,
    channel: &Channel,
    limit: usize,
) -> Result<Value, Bad> {
    let since = ask.number("changed_since")?.unwrap_or(0);
    let from = ask.optional_id("from")?.unwrap_or(Snowflake::MIN);
    // The starter of a thread shows the thread's name and count.
    let is_new = |message: &&Message| {
        message.version > since
            || world
                .channels
                .get(&message.id)
                .is_some_and(|thread| thread.id != channel.id && thread.version > since)
    };
    let changed: Vec<&Message> = channel
        .messages
        .range(from..)
        .rev()
        .map(|(_, message)| message)
        .filter(|message| message.only_for.is_none_or(|who| who == place.user))
        .filter(is_new)
        .take(limit.saturating_add(1))
        .collect();
    let complete = changed.len() <= limit;
    let (gone, stay): (Vec<&Message>, Vec<&Message>) = changed
        .into_iter()
        .take(limit)
        .partition(|message| message.deleted_ms.is_some());
    let gone: Vec<Snowflake> = gone.iter().map(|message| message.id).collect();
    let mut list: Vec<(Snowflake, Value)> = stay
        .into_iter()
        .map(|message| (message.id, world.message_view(message)))
        .collect();
    list.extend(notices(world, place, from..Snowflake::MAX, limit));
    list.sort_unstable_by_key(|(id, _)| std::cmp::Reverse(*id));
    let messages: Vec<Value> = list.into_iter().map(|(_, message)| message).collect();
    Ok(json!({
        "messages": messages, "deleted": gone, "complete": complete, "version": channel.version,
        "channel": listed(world, channel, place.user),
    }))
}

/// What someone is told of interactions that the bot left unanswered.
fn notices(
    world: &World,
    place: Place,
    range: Range<Snowflake>,
    limit: usize,
) -> impl Iterator<Item = (Snowflake, Value)> {
    let now_ms = world.now_ms();
    let silent = move |i: &&Interaction| {
        i.channel == place.channel
            && i.user == place.user
            && range.contains(&i.id)
            && i.went_unanswered(now_ms)
    };
    world
        .interactions
        .newest_first()
        .take(NOTICES_FROM)
        .filter(silent)
        .take(limit)
        .map(|interaction| (interaction.id, notice(world, interaction)))
}

/// `transcript`
pub(crate) fn transcript(world: &World, ask: Ask<'_>) -> Result<Value, Bad> {
    let channel = world.channels.get(&ask.id("channel_id")?);
    let channel = channel.ok_or_else(|| ask.bad("channel_id", "there is no such channel"))?;
    let messages: Vec<Value> = channel
        .messages
        .values()
        .map(|message| world.message_transcript(message))
        .collect();
    Ok(
        json!({"messages": messages, "version": channel.version, "channel": summary(world, channel)}),
    )
}

/// `stats`
pub(crate) fn stats(world: &mut World, _ask: Ask<'_>) -> Result<Value, Bad> {
    let sessions = json!(world.sessions.connected());
    let stats = with(world.traffic.stats(), "gateway_connections", sessions);
    let invalid = &world.limits.invalid;
    let mut stats = with(stats, "version", json!(world.version()));
    if let Some(map) = stats.as_object_mut() {
        let in_window = invalid.in_window(world.now_ms());
        map.extend([
            ("invalid_requests".into(), json!(invalid.total())),
            ("invalid_requests_in_window".into(), json!(in_window)),
            ("turned_away".into(), json!(invalid.turned_away())),
        ]);
    }
    Ok(stats)
}

/// `client`: channels, people, roles and commands, as the web client of one person shows them.
pub(crate) fn client(world: &mut World, ask: Ask<'_>) -> Result<Value, Bad> {
    let user = ask.id("user_id")?;
    let sees = |channel: &&Channel| world.permissions(user, channel) & VIEW_CHANNEL != 0;
    let guild = ask.optional_id("guild_id")?.unwrap_or(world.seeds.guild);
    let guild = world
        .guilds
        .get(&guild)
        .ok_or_else(|| ask.bad("guild_id", "there is no such guild"))?;
    let ordered = guild
        .channels
        .iter()
        .filter_map(|id| world.channels.get(id));
    let direct = world
        .channels
        .values()
        .filter(|c| c.kind == DM && c.recipient == Some(user));
    let threads = guild
        .active_threads
        .iter()
        .filter_map(|id| world.channels.get(id));
    let list = |channels: &mut dyn Iterator<Item = &Channel>| -> Vec<Value> {
        channels
            .filter(|channel| sees(channel))
            .map(|channel| listed(world, channel, user))
            .collect()
    };
    let people: Vec<Value> = guild
        .members
        .iter()
        .filter_map(|(id, member)| {
            let user = world.users.get(id)?;
            Some(with(user.json(), "roles", json!(member.roles)))
        })
        .collect();
    let global = world
        .commands
        .list(None)
        .iter()
        .chain(world.commands.list(Some(guild.id)));
    let commands: Vec<Value> = global
        .map(|command| command.json(world.application.id))
        .collect();
    let presence = world.bot_presence();
    Ok(json!({
        "version": world.version(), "structure_version": world.structure_version,
        "guild": {"id": guild.id, "name": guild.name, "owner_id": guild.owner}, "application_id": world.application.id,
        "channels": list(&mut ordered.chain(direct)), "threads": list(&mut threads.into_iter()),
        "people": people, "roles": guild.roles.values().map(Role::json).collect::<Vec<_>>(),
        "commands": commands, "bot_online": world.sessions.connected() > 0,
        "bot_status": presence.status(), "bot_activities": presence.activities(),
    }))
}

/// A channel with its title and version.
pub(crate) fn summary(world: &World, channel: &Channel) -> Value {
    with(
        with(channel.json(), "title", json!(title(world, channel))),
        "version",
        json!(channel.version),
    )
}

fn notice(world: &World, interaction: &Interaction) -> Value {
    let at_ms = interaction.id.unix_ms();
    let slash = if interaction.kind == Kind::Command {
        "/"
    } else {
        ""
    };
    json!({
        "id": interaction.id, "channel_id": interaction.channel, "type": 20, "content": NO_RESPONSE,
        "notice": NO_RESPONSE, "source_message_id": interaction.source, "interaction_id": interaction.id, "label": format!("{slash}{}", interaction.label),
        "author": world.bot_user().map(crate::model::guild::User::json), "timestamp": rfc3339(at_ms),
        "edited_timestamp": null, "flags": EPHEMERAL, "embeds": [], "components": [], "attachments": [],
        "mentions": [], "mention_roles": [], "mention_everyone": false, "pinned": false, "tts": false,
        "ephemeral": true, "deleted": false, "edited": false, "text": NO_RESPONSE,
    })
}

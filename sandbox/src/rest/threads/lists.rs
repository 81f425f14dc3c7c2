//! Lists of threads: active ones of a guild, archived ones of a channel.

use serde_json::{Value, json};

use crate::error::ApiError;
use crate::model::guild::channel::PRIVATE_THREAD;
use crate::model::guild::permissions::{MANAGE_THREADS, READ_MESSAGE_HISTORY, VIEW_CHANNEL};
use crate::model::guild::{Channel, Thread, thread_member_json};
use crate::rest::access;
use crate::rest::call::{Call, Reply};
use crate::snowflake::{Snowflake, parse_rfc3339};
use crate::world::World;

/// `GET /guilds/{guild_id}/threads/active`
pub(crate) fn active(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let guild = access::guild(world, call.id("guild_id")?)?;
    let newest_first = guild.active_threads.iter().rev();
    let threads = newest_first.filter_map(|id| world.channels.get(id));
    let seen = threads.filter(|channel| access::holds(world, channel, VIEW_CHANNEL));
    let mut json = listing(world, seen);
    if let Some(map) = json.as_object_mut() {
        map.insert("has_more".into(), json!(false));
    }
    Ok(Reply::ok(json))
}

/// `GET /channels/{channel_id}/threads/archived/public`
pub(crate) fn archived_public(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let parent = access::channel(world, call.id("channel_id")?, READ_MESSAGE_HISTORY)?.id;
    by_archive_time(world, call, parent, |channel| {
        channel.kind != PRIVATE_THREAD
    })
}

/// `GET /channels/{channel_id}/threads/archived/private`
pub(crate) fn archived_private(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let needed = READ_MESSAGE_HISTORY | MANAGE_THREADS;
    let parent = access::channel(world, call.id("channel_id")?, needed)?.id;
    by_archive_time(world, call, parent, |channel| {
        channel.kind == PRIVATE_THREAD
    })
}

/// `GET /channels/{channel_id}/users/@me/threads/archived/private`
pub(crate) fn archived_joined(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let parent = access::channel(world, call.id("channel_id")?, READ_MESSAGE_HISTORY)?.id;
    let before = call.query_id("before")?.unwrap_or(Snowflake::MAX);
    let bot = world.application.id;
    let mut found = archived(world, parent);
    found.retain(|(thread, channel)| {
        channel.kind == PRIVATE_THREAD && channel.id < before && thread.members.contains_key(&bot)
    });
    found.sort_unstable_by_key(|(_, channel)| std::cmp::Reverse(channel.id));
    page(world, call, &found)
}

fn by_archive_time(
    world: &World,
    call: &Call,
    parent: Snowflake,
    wanted: fn(&Channel) -> bool,
) -> Result<Reply, ApiError> {
    let before = match call.query("before") {
        Some(text) => parse_rfc3339(text).ok_or_else(|| {
            let message = "Could not parse. Should be ISO8601.";
            ApiError::form("before", "DATE_TIME_TYPE_PARSE", message)
        })?,
        None => u64::MAX,
    };
    let mut found = archived(world, parent);
    found.retain(|(thread, channel)| thread.archive_changed_ms < before && wanted(channel));
    let time = |thread: &Thread, channel: &Channel| (thread.archive_changed_ms, channel.id);
    found.sort_unstable_by_key(|(thread, channel)| std::cmp::Reverse(time(thread, channel)));
    page(world, call, &found)
}

fn archived(world: &World, parent: Snowflake) -> Vec<(&Thread, &Channel)> {
    let channels = world.channels.values();
    let threads = channels.filter_map(|channel| Some((channel.thread.as_ref()?, channel)));
    threads
        .filter(|(thread, _)| thread.parent == parent && thread.archived)
        .collect()
}

fn page(world: &World, call: &Call, found: &[(&Thread, &Channel)]) -> Result<Reply, ApiError> {
    let limit = call.limit(50, 100)?;
    let first = found.iter().take(limit).map(|(_, channel)| *channel);
    let mut json = listing(world, first);
    if let Some(map) = json.as_object_mut() {
        map.insert("has_more".into(), json!(found.len() > limit));
    }
    Ok(Reply::ok(json))
}

/// Threads with the bot's memberships.
fn listing<'a>(world: &World, threads: impl Iterator<Item = &'a Channel>) -> Value {
    let bot = world.application.id;
    let (mut list, mut members) = (Vec::new(), Vec::new());
    for channel in threads {
        list.push(channel.json());
        let joined = channel.thread.as_ref().and_then(|t| t.members.get(&bot));
        members.extend(joined.map(|joined| thread_member_json(channel.id, bot, *joined)));
    }
    json!({"threads": list, "members": members})
}

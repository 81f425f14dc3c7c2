//! Threads by the bot token: starting them from messages, without and in forums.
//!
//! Changing one is in `change`, its members in `members`, the lists in `lists`.

use serde_json::Value;

use super::access;
use super::call::{Call, Reply};
use super::channels::require;
use crate::error::{
    ApiError, Form, MISSING_PERMISSIONS, TAG_REQUIRED, THREAD_EXISTS, TOO_MANY_THREADS,
    UNKNOWN_TAG, WRONG_CHANNEL,
};
use crate::field::{Fields, not_among};
use crate::model::guild::channel::{
    ANNOUNCEMENT_THREAD, GUILD_ANNOUNCEMENT, GUILD_FORUM, PRIVATE_THREAD, PUBLIC_THREAD,
};
use crate::model::guild::forum::REQUIRE_TAG;
use crate::model::guild::permissions::{
    ATTACH_FILES, CREATE_PRIVATE_THREADS, CREATE_PUBLIC_THREADS, MANAGE_THREADS, SEND_MESSAGES,
};
use crate::model::guild::{Channel, GUILD_TEXT, with};
use crate::model::message::HAS_THREAD;
use crate::model::message::draft::{Draft, Kind};
use crate::model::message::mentions::Allowed;
use crate::snowflake::Snowflake;
use crate::world::World;
use crate::world::posting::Post;
use crate::world::threads::{ACTIVE_MAX, NewThread};

pub(crate) mod change;
pub(crate) mod lists;
pub(crate) mod members;

use super::channels::settings::{SLOWMODE_MAX, read_applied};

/// Minutes without activity after which Discord archives a thread.
const ARCHIVE_MINUTES: [u64; 4] = [60, 1440, 4320, 10080];
/// Those minutes, unless the thread or its parent says otherwise.
const ARCHIVE_DEFAULT: u64 = 1440;
/// Tags of a post.
const APPLIED_MAX: usize = 5;

/// `POST /channels/{channel_id}/messages/{message_id}/threads`
pub(crate) fn start_from_message(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let (parent, starter) = (call.id("channel_id")?, call.id("message_id")?);
    let channel = access::channel(world, parent, 0)?;
    let kind = match channel.kind {
        GUILD_TEXT => PUBLIC_THREAD,
        GUILD_ANNOUNCEMENT => ANNOUNCEMENT_THREAD,
        _ => return Err(WRONG_CHANNEL.into()),
    };
    require(world, channel, CREATE_PUBLIC_THREADS)?;
    let message = access::message(channel, starter)?;
    if message.has(HAS_THREAD) || world.channels.contains_key(&starter) {
        return Err(THREAD_EXISTS.into());
    }
    let new = NewThread {
        starter: Some(starter),
        ..read_new(world, call, channel, kind)?
    };
    let id = world.make_thread(new);
    Ok(Reply::created(shown(world, id)))
}

/// `POST /channels/{channel_id}/threads`
pub(crate) fn start(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let channel = access::channel(world, call.id("channel_id")?, 0)?;
    if channel.kind == GUILD_FORUM {
        return post_in_forum(world, call);
    }
    let mut form = Form::default();
    let asked = Fields::new(call.object()?, "").choice(&mut form, "type", &[10, 11, 12]);
    form.finish()?;
    // Discord's default is a private thread.
    let (kind, needed) = match (asked.unwrap_or(12), channel.kind) {
        (10, GUILD_ANNOUNCEMENT) => (ANNOUNCEMENT_THREAD, CREATE_PUBLIC_THREADS),
        (11, GUILD_TEXT) => (PUBLIC_THREAD, CREATE_PUBLIC_THREADS),
        (12, GUILD_TEXT) => (PRIVATE_THREAD, CREATE_PRIVATE_THREADS),
        _ => return Err(WRONG_CHANNEL.into()),
    };
    require(world, channel, needed)?;
    let new = read_new(world, call, channel, kind)?;
    let id = world.make_thread(new);
    Ok(Reply::created(shown(world, id)))
}

/// A forum's thread begins with a message of its own, in the same request.
fn post_in_forum(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let forum = access::channel(world, call.id("channel_id")?, SEND_MESSAGES)?;
    if !call.uploads.is_empty() {
        require(world, forum, ATTACH_FILES)?;
    }
    let mut form = Form::default();
    let body = Fields::new(call.object()?, "");
    let tags = read_applied(body, &mut form, APPLIED_MAX).unwrap_or_default();
    let message = body.object(&mut form, "message");
    if body.value("message").is_none() {
        body.missing(&mut form, "message");
    }
    let Some(message) = message else {
        return Err(form.finish().err().unwrap_or_else(|| WRONG_CHANNEL.into()));
    };
    let draft = Draft::read(message, "message", &mut form);
    let settled = draft.settle(Kind::Create, None, &call.uploads, form)?;
    check_tags(world, forum, &tags)?;
    let new = NewThread {
        tags: Some(tags),
        ..read_new(world, call, forum, PUBLIC_THREAD)?
    };
    let id = world.make_thread(new);
    let allowed = draft.mentions.unwrap_or_else(Allowed::by_default);
    let first = world.post(Post {
        opens: true,
        ..Post::new(id, world.application.id, settled, allowed)
    });
    let message = world
        .channels
        .get(&id)
        .and_then(|thread| thread.messages.get(&first))
        .map(|message| world.message_for_bot(message));
    let json = shown(world, id);
    Ok(Reply::created(match message {
        Some(message) => with(json, "message", message),
        None => json,
    }))
}

/// Tags must be the forum's; moderated ones are for those who manage threads; a forum may insist on one.
pub(super) fn check_tags(
    world: &World,
    forum: &Channel,
    tags: &[Snowflake],
) -> Result<(), ApiError> {
    let known = forum.forum.as_ref().map(|forum| forum.tags.as_slice());
    let known = known.unwrap_or_default();
    let manages = access::holds(world, forum, MANAGE_THREADS);
    for id in tags {
        let tag = known.iter().find(|tag| tag.id == *id).ok_or(UNKNOWN_TAG)?;
        if tag.moderated && !manages {
            return Err(MISSING_PERMISSIONS.into());
        }
    }
    if tags.is_empty() && forum.flags & REQUIRE_TAG != 0 {
        return Err(TAG_REQUIRED.into());
    }
    Ok(())
}

fn read_new(world: &World, call: &Call, parent: &Channel, kind: u8) -> Result<NewThread, ApiError> {
    let mut form = Form::default();
    let body = Fields::new(call.object()?, "");
    let name = body
        .required_text(&mut form, "name", 1..=100)
        .map(str::to_owned);
    let minutes = archive_minutes(body, &mut form, "auto_archive_duration");
    let slowmode_s = body.integer(&mut form, "rate_limit_per_user", 0..=SLOWMODE_MAX);
    let invitable = body.flag(&mut form, "invitable").unwrap_or(true);
    form.finish()?;
    check_room(world, parent)?;
    Ok(NewThread {
        starter: None,
        parent: parent.id,
        owner: world.application.id,
        kind,
        name: name.unwrap_or_default(),
        auto_archive_minutes: minutes
            .or(parent.thread_archive_minutes)
            .unwrap_or(ARCHIVE_DEFAULT),
        // Whether others may invite is a question of private threads only.
        invitable: invitable || kind != PRIVATE_THREAD,
        slowmode_s: slowmode_s.or(parent.thread_slowmode_s).unwrap_or(0),
        tags: None,
    })
}

/// Minutes until the archive, of which there are four choices.
pub(super) fn archive_minutes(body: Fields<'_>, form: &mut Form, key: &str) -> Option<u64> {
    let minutes = body.integer(form, key, 0..=u64::MAX)?;
    if !ARCHIVE_MINUTES.contains(&minutes) {
        not_among(form, &body.path(key), "60, 1440, 4320, 10080");
    }
    Some(minutes)
}

/// Refuses one more active thread than the guild of a channel may have.
fn check_room(world: &World, channel: &Channel) -> Result<(), ApiError> {
    let guild = channel.guild.and_then(|id| world.guilds.get(&id));
    let full = guild.is_some_and(|guild| guild.active_threads.len() >= ACTIVE_MAX);
    if full {
        Err(TOO_MANY_THREADS.into())
    } else {
        Ok(())
    }
}

/// A thread as its maker gets it.
fn shown(world: &World, id: Snowflake) -> Value {
    let channel = world.channels.get(&id);
    channel.map_or(Value::Null, |channel| world.channel_object(channel))
}

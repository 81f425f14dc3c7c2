//! Channels and threads by the bot token: reading, changing, archiving, making and joining.

use serde_json::{Value, json};

use super::access;
use super::call::{Call, Reply};
use crate::error::{
    ARCHIVED_THREAD, ApiError, Form, MISSING_PERMISSIONS, THREAD_EXISTS, TOO_MANY_THREADS,
    UNKNOWN_USER, WRONG_CHANNEL,
};
use crate::field::{Fields, not_among};
use crate::guild::permissions::{
    CREATE_PRIVATE_THREADS, CREATE_PUBLIC_THREADS, MANAGE_CHANNELS, MANAGE_THREADS, SEND_IN_THREADS,
};
use crate::guild::{
    Channel, GUILD_TEXT, PRIVATE_THREAD, PUBLIC_THREAD, Thread, thread_member_json, with,
};
use crate::message::HAS_THREAD;
use crate::snowflake::Snowflake;
use crate::world::World;
use crate::world::threads::{ACTIVE_MAX, NewThread};

/// Minutes without activity after which Discord archives a thread.
const ARCHIVE_MINUTES: [u64; 4] = [60, 1440, 4320, 10080];
/// Seconds of slowmode.
const SLOWMODE_MAX: u64 = 21_600;

/// `GET /channels/{channel_id}`
pub(crate) fn read_channel(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let channel = access::channel(world, call.id("channel_id")?, 0)?;
    Ok(Reply::ok(world.channel_json(channel, world.application.id)))
}

/// `PATCH /channels/{channel_id}`
pub(crate) fn change_channel(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let id = call.id("channel_id")?;
    let channel = access::channel(world, id, 0)?;
    let change = Change::read(call)?;
    let renames = change.renames(channel);
    match &channel.thread {
        Some(thread) => {
            change.check_thread(world, channel, thread)?;
            take_rename(world, id, renames)?;
            change.apply_to_thread(world, id);
            world.thread_updated(id);
        }
        None => {
            access::channel(world, id, MANAGE_CHANNELS)?;
            take_rename(world, id, renames)?;
            if let Some(channel) = world.channels.get_mut(&id) {
                change.name.into_iter().for_each(|name| channel.name = name);
                change
                    .slowmode_s
                    .into_iter()
                    .for_each(|seconds| channel.slowmode_s = seconds);
                channel.topic = change.topic.or_else(|| channel.topic.take());
            }
            let d = world.channels.get(&id).map_or(Value::Null, Channel::json);
            world.publish_channel("CHANNEL_UPDATE", id, d);
            world.structure_changed();
        }
    }
    read_channel(world, call)
}

/// New names and topics are few: a limit of their own that no header tells of.
fn take_rename(world: &mut World, id: Snowflake, renames: bool) -> Result<(), ApiError> {
    let now_ms = world.now_ms();
    if !renames {
        return Ok(());
    }
    let taken = world.limits.take_rename(id, now_ms);
    taken.map_err(ApiError::sub_limited)
}

/// `DELETE /channels/{channel_id}`
pub(crate) fn delete_channel(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let id = call.id("channel_id")?;
    let is_thread = access::channel(world, id, 0)?.thread.is_some();
    let channel = access::channel(
        world,
        id,
        if is_thread {
            MANAGE_THREADS
        } else {
            MANAGE_CHANNELS
        },
    )?;
    let json = channel.json();
    let (guild, parent) = (
        channel.guild,
        channel.thread.as_ref().map(|thread| thread.parent),
    );
    match parent {
        Some(parent) => {
            let d = json!({"id": id, "guild_id": guild, "parent_id": parent, "type": channel.kind});
            world.publish_channel("THREAD_DELETE", id, d);
        }
        None => world.publish_channel("CHANNEL_DELETE", id, json.clone()),
    }
    world.channels.remove(&id);
    if let Some(guild) = guild.and_then(|id| world.guilds.get_mut(&id)) {
        guild.channels.retain(|known| *known != id);
        guild.active_threads.remove(&id);
    }
    world.structure_changed();
    Ok(Reply::ok(json))
}

/// How long the sign of typing stays, unless a message comes first (Discord's documentation).
const TYPING_MS: u64 = 10_000;

/// `POST /channels/{channel_id}/typing`
pub(crate) fn typing(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let id = call.id("channel_id")?;
    let guild = access::postable(world, id, 0)?.guild;
    let (user_id, timestamp) = (world.application.id, world.now_ms() / 1000);
    let mut d = json!({"channel_id": id, "user_id": user_id, "timestamp": timestamp});
    if let Some(guild) = guild {
        d = with(d, "guild_id", json!(guild));
    }
    world.publish_channel("TYPING_START", id, d);
    let until_ms = world.now_ms().saturating_add(TYPING_MS);
    if let Some(channel) = world.channels.get_mut(&id) {
        channel.typing_until_ms = until_ms;
    }
    world.touch(id);
    Ok(Reply::none())
}

/// `POST /channels/{channel_id}/messages/{message_id}/threads`
pub(crate) fn start_from_message(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let (parent, starter) = (call.id("channel_id")?, call.id("message_id")?);
    let channel = access::channel(world, parent, CREATE_PUBLIC_THREADS)?;
    if channel.kind != GUILD_TEXT {
        return Err(WRONG_CHANNEL.into());
    }
    let message = access::message(channel, starter)?;
    if message.has(HAS_THREAD) || world.channels.contains_key(&starter) {
        return Err(THREAD_EXISTS.into());
    }
    let new = NewThread {
        starter: Some(starter),
        ..read_new(world, call, parent, PUBLIC_THREAD)?
    };
    Ok(started(world, new))
}

/// `POST /channels/{channel_id}/threads`
pub(crate) fn start(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let parent = call.id("channel_id")?;
    let mut form = Form::default();
    // Discord's default is a private thread.
    let kind = Fields::new(call.object()?, "")
        .integer(&mut form, "type", 10..=12)
        .unwrap_or(12);
    form.finish()?;
    let (kind, needed) = match kind {
        11 => (PUBLIC_THREAD, CREATE_PUBLIC_THREADS),
        12 => (PRIVATE_THREAD, CREATE_PRIVATE_THREADS),
        _ => return Err(WRONG_CHANNEL.into()),
    };
    if access::channel(world, parent, needed)?.kind != GUILD_TEXT {
        return Err(WRONG_CHANNEL.into());
    }
    let new = read_new(world, call, parent, kind)?;
    Ok(started(world, new))
}

/// `PUT /channels/{channel_id}/thread-members/{user_id}`, also for `@me`
pub(crate) fn join(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let (id, user) = (call.id("channel_id")?, person(world, call)?);
    let channel = access::channel(world, id, SEND_IN_THREADS)?;
    access::not_archived(channel)?;
    if !world.users.contains_key(&user) {
        return Err(UNKNOWN_USER.into());
    }
    let now_ms = world.now_ms();
    with_thread(world, id, |thread| {
        _ = thread.members.entry(user).or_insert(now_ms)
    })?;
    let count = thread_of(world, id).map_or(0, |thread| thread.members.len().min(50));
    let d = json!({
        "id": id, "guild_id": world.channels.get(&id).and_then(|c| c.guild), "member_count": count,
        "added_members": [thread_member_json(id, user, now_ms)],
    });
    world.publish_channel("THREAD_MEMBERS_UPDATE", id, d);
    world.touch(id);
    Ok(Reply::none())
}

/// `DELETE /channels/{channel_id}/thread-members/{user_id}`, also for `@me`
pub(crate) fn leave(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let (id, user) = (call.id("channel_id")?, person(world, call)?);
    let channel = access::channel(world, id, 0)?;
    access::not_archived(channel)?;
    if user != world.application.id && !access::holds(world, channel, MANAGE_THREADS) {
        return Err(MISSING_PERMISSIONS.into());
    }
    with_thread(world, id, |thread| _ = thread.members.remove(&user))?;
    world.touch(id);
    Ok(Reply::none())
}

/// `GET /channels/{channel_id}/thread-members`
pub(crate) fn members(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let id = call.id("channel_id")?;
    let channel = access::channel(world, id, 0)?;
    let thread = channel.thread.as_ref().ok_or(WRONG_CHANNEL)?;
    let list = thread
        .members
        .iter()
        .map(|(user, joined)| thread_member_json(id, *user, *joined));
    Ok(Reply::ok(list.collect()))
}

/// `GET /channels/{channel_id}/threads/archived/public`
pub(crate) fn archived(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let parent = access::channel(world, call.id("channel_id")?, 0)?.id;
    let limit = call.limit(50, 100)?;
    let mut found: Vec<(&Thread, &Channel)> = world
        .channels
        .values()
        .filter_map(|channel| Some((channel.thread.as_ref()?, channel)))
        .filter(|(thread, channel)| {
            thread.parent == parent && thread.archived && channel.kind == PUBLIC_THREAD
        })
        .collect();
    found.sort_unstable_by_key(|(thread, _)| std::cmp::Reverse(thread.archive_changed_ms));
    let more = found.len() > limit;
    let list = found.into_iter().take(limit).map(|(_, channel)| channel);
    Ok(Reply::ok(listing(world, list, more)))
}

/// The answer of the routes that list threads, with the bot's memberships.
pub(crate) fn listing<'a>(
    world: &World,
    threads: impl Iterator<Item = &'a Channel>,
    more: bool,
) -> Value {
    let bot = world.application.id;
    let (mut list, mut members) = (Vec::new(), Vec::new());
    for channel in threads {
        list.push(channel.json());
        let joined = channel
            .thread
            .as_ref()
            .and_then(|thread| thread.members.get(&bot));
        members.extend(joined.map(|joined| thread_member_json(channel.id, bot, *joined)));
    }
    json!({"threads": list, "members": members, "has_more": more})
}

fn person(world: &World, call: &Call) -> Result<Snowflake, ApiError> {
    if call.text("user_id") == "@me" {
        Ok(world.application.id)
    } else {
        call.id("user_id")
    }
}

fn thread_of(world: &World, id: Snowflake) -> Option<&Thread> {
    world.channels.get(&id)?.thread.as_ref()
}

fn with_thread(
    world: &mut World,
    id: Snowflake,
    how: impl FnOnce(&mut Thread),
) -> Result<(), ApiError> {
    let thread = world
        .channels
        .get_mut(&id)
        .and_then(|channel| channel.thread.as_mut());
    how(thread.ok_or(WRONG_CHANNEL)?);
    Ok(())
}

fn read_new(
    world: &World,
    call: &Call,
    parent: Snowflake,
    kind: u8,
) -> Result<NewThread, ApiError> {
    let mut form = Form::default();
    let body = Fields::new(call.object()?, "");
    let name = body
        .required_text(&mut form, "name", 1..=100)
        .map(str::to_owned);
    let auto_archive_minutes = archive_minutes(body, &mut form).unwrap_or(1440);
    let slowmode_s = body
        .integer(&mut form, "rate_limit_per_user", 0..=SLOWMODE_MAX)
        .unwrap_or(0);
    let invitable = body.flag(&mut form, "invitable").unwrap_or(true);
    form.finish()?;
    check_room(world, parent)?;
    let owner = world.application.id;
    let name = name.unwrap_or_default();
    Ok(NewThread {
        starter: None,
        parent,
        owner,
        kind,
        name,
        auto_archive_minutes,
        invitable,
        slowmode_s,
    })
}

fn archive_minutes(body: Fields<'_>, form: &mut Form) -> Option<u64> {
    let minutes = body.integer(form, "auto_archive_duration", 0..=u64::MAX)?;
    if !ARCHIVE_MINUTES.contains(&minutes) {
        not_among(
            form,
            &body.path("auto_archive_duration"),
            "60, 1440, 4320, 10080",
        );
    }
    Some(minutes)
}

fn check_room(world: &World, channel: Snowflake) -> Result<(), ApiError> {
    let guild = world
        .channels
        .get(&channel)
        .and_then(|channel| world.guilds.get(&channel.guild?));
    let full = guild.is_some_and(|guild| guild.active_threads.len() >= ACTIVE_MAX);
    if full {
        Err(TOO_MANY_THREADS.into())
    } else {
        Ok(())
    }
}

fn started(world: &mut World, new: NewThread) -> Reply {
    let id = world.make_thread(new);
    Reply::created(world.channels.get(&id).map_or(Value::Null, Channel::json))
}

/// What a PATCH of a channel or thread asks for.
struct Change {
    name: Option<String>,
    topic: Option<String>,
    archived: Option<bool>,
    locked: Option<bool>,
    auto_archive_minutes: Option<u64>,
    slowmode_s: Option<u64>,
    invitable: Option<bool>,
}

impl Change {
    fn read(call: &Call) -> Result<Self, ApiError> {
        let mut form = Form::default();
        let body = Fields::new(call.object()?, "");
        let change = Self {
            name: body.text(&mut form, "name", 1..=100).map(str::to_owned),
            topic: body.text(&mut form, "topic", 0..=1024).map(str::to_owned),
            archived: body.flag(&mut form, "archived"),
            locked: body.flag(&mut form, "locked"),
            auto_archive_minutes: archive_minutes(body, &mut form),
            slowmode_s: body.integer(&mut form, "rate_limit_per_user", 0..=SLOWMODE_MAX),
            invitable: body.flag(&mut form, "invitable"),
        };
        form.finish()?;
        Ok(change)
    }

    /// Whether the channel gets another name or topic.
    fn renames(&self, channel: &Channel) -> bool {
        let named = self.name.as_ref().is_some_and(|name| *name != channel.name);
        named || (self.topic.is_some() && self.topic != channel.topic)
    }

    /// Discord's rules: the maker of a thread may change it, its lock needs MANAGE_THREADS, an archived thread must be
    /// opened by the same request.
    fn check_thread(
        &self,
        world: &World,
        channel: &Channel,
        thread: &Thread,
    ) -> Result<(), ApiError> {
        let manages = access::holds(world, channel, MANAGE_THREADS);
        let made = thread.owner == world.application.id;
        let opens = self.archived == Some(false);
        let only_opens = opens && self.name.is_none() && self.auto_archive_minutes.is_none();
        if self.locked.is_some_and(|locked| locked != thread.locked) && !manages {
            return Err(MISSING_PERMISSIONS.into());
        }
        let may_open =
            only_opens && !thread.locked && access::holds(world, channel, SEND_IN_THREADS);
        if !manages && !made && !may_open {
            return Err(MISSING_PERMISSIONS.into());
        }
        if thread.archived && thread.locked && !manages {
            return Err(crate::error::THREAD_LOCKED.into());
        }
        if thread.archived && !opens {
            return Err(ARCHIVED_THREAD.into());
        }
        if thread.archived && opens {
            check_room(world, channel.id)?;
        }
        Ok(())
    }

    fn apply_to_thread(self, world: &mut World, id: Snowflake) {
        if let Some(archived) = self.archived {
            world.set_archived(id, archived);
        }
        let Some(channel) = world.channels.get_mut(&id) else {
            return;
        };
        if let Some(name) = self.name {
            channel.name = name;
        }
        if let Some(seconds) = self.slowmode_s {
            channel.slowmode_s = seconds;
        }
        if let Some(thread) = &mut channel.thread {
            thread.locked = self.locked.unwrap_or(thread.locked);
            thread.invitable = self.invitable.unwrap_or(thread.invitable);
            thread.auto_archive_minutes = self
                .auto_archive_minutes
                .unwrap_or(thread.auto_archive_minutes);
        }
    }
}

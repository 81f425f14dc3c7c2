//! Staging of threads: started by people, and moderated.

use serde_json::Value;

use super::super::super::ask::{Ask, Bad};
use super::{name_in, short};
use crate::field::as_id;
use crate::model::guild::Channel;
use crate::model::guild::channel::{
    ANNOUNCEMENT_THREAD, GUILD_ANNOUNCEMENT, GUILD_CATEGORY, GUILD_VOICE, PRIVATE_THREAD,
    PUBLIC_THREAD,
};
use crate::model::message::draft::Settled;
use crate::model::message::mentions::Allowed;
use crate::snowflake::Snowflake;
use crate::world::World;
use crate::world::posting::Post;
use crate::world::threads::{ACTIVE_MAX, NewThread};

/// Characters that a person may write.
const CONTENT_MAX: usize = 4000;
/// Minutes until the archive of a staged thread, unless said.
const ARCHIVE_MINUTES: u64 = 1440;

/// Starts a thread, or, given `id`, moderates one.
pub(super) fn stage(world: &mut World, guild: Snowflake, entry: Ask<'_>) -> Result<(), Bad> {
    let id = match entry.optional_id("id")? {
        Some(id) => id,
        None => start(world, guild, entry)?,
    };
    moderate(world, entry, id)
}

/// A person starts a thread: from a message, without one, or as a post in a forum.
fn start(world: &mut World, guild: Snowflake, entry: Ask<'_>) -> Result<Snowflake, Bad> {
    let (parent, owner) = (entry.id("parent_id")?, entry.id("user_id")?);
    if !world.users.contains_key(&owner) {
        return Err(entry.bad("user_id", "there is no such user"));
    }
    let found = world.channels.get(&parent);
    let found = found.filter(|c| c.guild == Some(guild) && takes_threads(c));
    let found = found.ok_or_else(|| entry.bad("parent_id", "the guild has no such channel"))?;
    let active = world
        .guilds
        .get(&guild)
        .map_or(0, |g| g.active_threads.len());
    if active >= ACTIVE_MAX {
        return Err(entry.bad("name", format!("{ACTIVE_MAX} threads are active already")));
    }
    let starter = entry.optional_id("message_id")?;
    if let Some(id) = starter
        && (!found.messages.contains_key(&id) || world.channels.contains_key(&id))
    {
        return Err(entry.bad("message_id", "no thread can be started there"));
    }
    let is_forum = found.forum.is_some();
    let private = entry.flag("private")?;
    let new = NewThread {
        starter,
        parent,
        owner,
        kind: match found.kind {
            GUILD_ANNOUNCEMENT => ANNOUNCEMENT_THREAD,
            _ if private => PRIVATE_THREAD,
            _ => PUBLIC_THREAD,
        },
        name: name_in(entry)?.to_owned(),
        auto_archive_minutes: entry.number("archive_minutes")?.unwrap_or(ARCHIVE_MINUTES),
        invitable: entry
            .value("invitable")
            .is_none_or(|v| v.as_bool() == Some(true)),
        slowmode_s: entry.number("slowmode_s")?.unwrap_or(0),
        tags: is_forum.then(|| applied(found, entry)).transpose()?,
    };
    let content = short(entry, "content", CONTENT_MAX)?;
    if is_forum && content.is_none() {
        return Err(entry.bad("content", "a post in a forum begins with a message"));
    }
    if content.is_some() {
        world.make_room().map_err(Bad::full)?;
    }
    let id = world.make_thread(new);
    if let Some(content) = content {
        write(world, id, owner, content, is_forum);
    }
    Ok(id)
}

const fn takes_threads(channel: &Channel) -> bool {
    channel.thread.is_none() && !matches!(channel.kind, GUILD_CATEGORY | GUILD_VOICE)
}

/// The tags of a post, by name or id.
fn applied(forum: &Channel, entry: Ask<'_>) -> Result<Vec<Snowflake>, Bad> {
    let known = forum.forum.as_ref().map(|forum| forum.tags.as_slice());
    let find = |value: &Value| {
        let tags = known.unwrap_or_default().iter();
        let mut named = tags.filter(|tag| {
            value.as_str() == Some(tag.name.as_str()) || as_id(value) == Some(tag.id)
        });
        named.next().map(|tag| tag.id)
    };
    let found = entry.list("tags")?.iter().map(|value| {
        find(value).ok_or_else(|| entry.bad("tags", format!("the forum has no tag {value}")))
    });
    found.collect()
}

fn write(world: &mut World, channel: Snowflake, author: Snowflake, content: &str, opens: bool) {
    let settled = Settled {
        content: content.to_owned(),
        embeds: Vec::new(),
        components: Vec::new(),
        flags: 0,
        files: Vec::new(),
    };
    world.post(Post {
        opens,
        ..Post::new(channel, author, settled, Allowed::by_default())
    });
}

/// Archives, opens, locks or unlocks a thread as a moderator would, and adds or removes members.
fn moderate(world: &mut World, entry: Ask<'_>, id: Snowflake) -> Result<(), Bad> {
    let locked = entry.value("locked").map(|_| entry.flag("locked"));
    let archived = entry.value("archived").map(|_| entry.flag("archived"));
    let (locked, archived) = (locked.transpose()?, archived.transpose()?);
    let thread = world.thread_mut(id);
    let thread = thread.ok_or_else(|| entry.bad("id", "there is no such thread"))?;
    thread.locked = locked.unwrap_or(thread.locked);
    if let Some(archived) = archived {
        world.set_archived(id, archived);
    }
    if locked.is_some() || archived.is_some() {
        world.thread_updated(id);
    }
    let added = users(world, entry, "add")?;
    world.join_thread(id, &added);
    for user in users(world, entry, "remove")? {
        world.leave_thread(id, user);
    }
    Ok(())
}

fn users(world: &World, entry: Ask<'_>, key: &str) -> Result<Vec<Snowflake>, Bad> {
    let known = |value: &Value| as_id(value).filter(|id| world.users.contains_key(id));
    let found = entry.list(key)?.iter().map(|value| {
        known(value).ok_or_else(|| entry.bad(key, format!("there is no user {value}")))
    });
    found.collect()
}

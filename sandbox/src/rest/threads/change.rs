//! Changing a thread: name, archive, lock, tags, and who may do which.

use serde_json::Value;

use super::{APPLIED_MAX, archive_minutes, check_room, check_tags};
use crate::error::{ARCHIVED_THREAD, ApiError, Form, MISSING_PERMISSIONS, THREAD_LOCKED};
use crate::field::Fields;
use crate::model::guild::channel::PRIVATE_THREAD;
use crate::model::guild::forum::PINNED;
use crate::model::guild::permissions::MANAGE_THREADS;
use crate::model::guild::{Channel, Thread};
use crate::rest::access;
use crate::rest::call::{Call, Reply};
use crate::rest::channels::settings::{SLOWMODE_MAX, read_applied};
use crate::rest::channels::take_rename;
use crate::snowflake::Snowflake;
use crate::world::World;

/// `PATCH /channels/{channel_id}` of a thread
pub(in crate::rest) fn change(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let id = call.id("channel_id")?;
    let channel = access::channel(world, id, 0)?;
    let mut change = Change::read(call)?;
    change.keep_what_applies(channel);
    if let Some(thread) = &channel.thread {
        change.check(world, channel, thread)?;
    }
    if change
        .name
        .as_ref()
        .is_some_and(|name| *name != channel.name)
    {
        take_rename(world, id)?;
    }
    change.apply(world, id);
    world.thread_updated(id);
    let channel = world.channels.get(&id);
    Ok(Reply::ok(channel.map_or(Value::Null, |channel| {
        world.channel_object(channel)
    })))
}

/// What a body asks for.
struct Change {
    name: Option<String>,
    archived: Option<bool>,
    locked: Option<bool>,
    auto_archive_minutes: Option<u64>,
    slowmode_s: Option<u64>,
    invitable: Option<bool>,
    tags: Option<Vec<Snowflake>>,
    flags: Option<u64>,
}

impl Change {
    fn read(call: &Call) -> Result<Self, ApiError> {
        let mut form = Form::default();
        let body = Fields::new(call.object()?, "");
        let change = Self {
            name: body.text(&mut form, "name", 1..=100).map(str::to_owned),
            archived: body.flag(&mut form, "archived"),
            locked: body.flag(&mut form, "locked"),
            auto_archive_minutes: archive_minutes(body, &mut form, "auto_archive_duration"),
            slowmode_s: body.integer(&mut form, "rate_limit_per_user", 0..=SLOWMODE_MAX),
            invitable: body.flag(&mut form, "invitable"),
            tags: read_applied(body, &mut form, APPLIED_MAX),
            flags: body.integer(&mut form, "flags", 0..=u64::from(u32::MAX)),
        };
        form.finish()?;
        Ok(change)
    }

    /// Drops what this kind of thread does not have, and what it has already.
    fn keep_what_applies(&mut self, channel: &Channel) {
        let Some(thread) = &channel.thread else {
            return;
        };
        self.invitable = self.invitable.filter(|_| channel.kind == PRIVATE_THREAD);
        self.tags = self.tags.take().filter(|_| thread.tags.is_some());
        self.flags = self.flags.filter(|_| thread.tags.is_some());
        self.locked = self.locked.filter(|locked| *locked != thread.locked);
        self.slowmode_s = self.slowmode_s.filter(|s| *s != channel.slowmode_s);
    }

    /// Discord's rules ("Editing & Deleting Threads"): lock and slowmode are for those who manage threads; its maker
    /// may do all else; who is a member may open it again unless it is locked. An archived thread must be opened by the
    /// same request.
    fn check(&self, world: &World, channel: &Channel, thread: &Thread) -> Result<(), ApiError> {
        let bot = world.application.id;
        let manages = access::holds(world, channel, MANAGE_THREADS);
        let opens = self.archived == Some(false);
        let moderates = self.locked.is_some() || self.slowmode_s.is_some() || self.flags.is_some();
        if moderates && !manages {
            return Err(MISSING_PERMISSIONS.into());
        }
        let may_open = opens && self.is_only_archive() && thread.members.contains_key(&bot);
        if !manages && thread.owner != bot && !may_open {
            return Err(MISSING_PERMISSIONS.into());
        }
        if thread.archived && thread.locked && !manages {
            return Err(THREAD_LOCKED.into());
        }
        if thread.archived && !opens {
            return Err(ARCHIVED_THREAD.into());
        }
        if thread.archived {
            check_room(world, channel)?;
        }
        let forum = world.channels.get(&thread.parent);
        match (&self.tags, forum) {
            (Some(tags), Some(forum)) => check_tags(world, forum, tags),
            (Some(_), None) | (None, _) => Ok(()),
        }
    }

    fn is_only_archive(&self) -> bool {
        let rest = self.name.is_none() && self.auto_archive_minutes.is_none();
        rest && self.invitable.is_none() && self.tags.is_none()
    }

    fn apply(self, world: &mut World, id: Snowflake) {
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
            channel.posted_ms.clear();
        }
        channel.flags = self.flags.map_or(channel.flags, |flags| flags & PINNED);
        if let Some(thread) = &mut channel.thread {
            thread.locked = self.locked.unwrap_or(thread.locked);
            thread.invitable = self.invitable.unwrap_or(thread.invitable);
            thread.tags = self.tags.or_else(|| thread.tags.take());
            let minutes = self.auto_archive_minutes;
            thread.auto_archive_minutes = minutes.unwrap_or(thread.auto_archive_minutes);
        }
    }
}

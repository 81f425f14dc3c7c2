//! Threads: making, archiving, joining, with the events that follow.

use std::collections::BTreeMap;

use serde_json::json;

use crate::guild::{Channel, PUBLIC_THREAD, Thread, thread_member_json, with};
use crate::message::{HAS_THREAD, Reference, THREAD_STARTED, THREAD_STARTER};
use crate::snowflake::Snowflake;
use crate::world::World;
use crate::world::posting::Notice;

/// Active threads per guild (Discord's limit without the INCREASED_THREAD_LIMIT feature).
pub(crate) const ACTIVE_MAX: usize = 1000;

/// A thread about to be made.
#[derive(Debug)]
pub(crate) struct NewThread {
    /// The message that it hangs on; its id becomes the thread's.
    pub(crate) starter: Option<Snowflake>,
    pub(crate) parent: Snowflake,
    pub(crate) owner: Snowflake,
    pub(crate) kind: u8,
    pub(crate) name: String,
    pub(crate) auto_archive_minutes: u64,
    pub(crate) invitable: bool,
    pub(crate) slowmode_s: u64,
}

impl World {
    /// Makes a thread; parent and starter must exist and the starter must have none yet.
    pub(crate) fn make_thread(&mut self, new: NewThread) -> Snowflake {
        let id = new.starter.unwrap_or_else(|| self.next_id());
        let guild = self
            .channels
            .get(&new.parent)
            .and_then(|parent| parent.guild);
        let now_ms = self.now_ms();
        let mut channel = Channel::text(id, id, new.name.clone(), 0);
        channel.guild = guild;
        channel.kind = new.kind;
        channel.slowmode_s = new.slowmode_s;
        channel.thread = Some(Thread {
            parent: new.parent,
            owner: new.owner,
            created_ms: now_ms,
            archived: false,
            locked: false,
            invitable: new.invitable,
            auto_archive_minutes: new.auto_archive_minutes,
            archive_changed_ms: now_ms,
            members: BTreeMap::from([(new.owner, now_ms)]),
            message_count: 0,
            sent_total: 0,
        });
        let member = thread_member_json(id, new.owner, now_ms);
        let d = with(
            with(channel.json(), "newly_created", json!(true)),
            "member",
            member,
        );
        self.channels.insert(id, channel);
        if let Some(guild) = guild.and_then(|id| self.guilds.get_mut(&id)) {
            guild.active_threads.insert(id);
        }
        self.publish_channel("THREAD_CREATE", id, d);
        match new.starter {
            Some(starter) => {
                self.mark_starter(new.parent, starter);
                self.announce_starter(id, &new);
            }
            None if new.kind == PUBLIC_THREAD => self.announce_thread(id, &new),
            None => {}
        }
        self.touch(new.parent);
        self.structure_changed();
        id
    }

    /// A thread begins with a reference to the message that it hangs on.
    fn announce_starter(&mut self, id: Snowflake, new: &NewThread) {
        self.post_notice(Notice {
            channel: id,
            author: new.owner,
            kind: THREAD_STARTER,
            content: String::new(),
            about: Reference {
                channel: new.parent,
                message: new.starter,
            },
        });
    }

    /// Without such a message the channel is told of the thread; its name is the text of that.
    fn announce_thread(&mut self, id: Snowflake, new: &NewThread) {
        self.post_notice(Notice {
            channel: new.parent,
            author: new.owner,
            kind: THREAD_STARTED,
            content: new.name.clone(),
            about: Reference {
                channel: id,
                message: None,
            },
        });
    }

    /// Makes an archived thread active again when something is posted in it.
    pub(crate) fn wake_thread(&mut self, id: Snowflake) {
        if self.channels.get(&id).is_some_and(Channel::is_archived) {
            self.set_archived(id, false);
            self.thread_updated(id);
        }
    }

    /// Archives a thread or makes it active, without telling anyone yet.
    pub(crate) fn set_archived(&mut self, id: Snowflake, archived: bool) {
        let now_ms = self.now_ms();
        let Some(channel) = self.channels.get_mut(&id) else {
            return;
        };
        let guild = channel.guild;
        let Some(thread) = &mut channel.thread else {
            return;
        };
        if thread.archived != archived {
            thread.archive_changed_ms = now_ms;
        }
        thread.archived = archived;
        if let Some(guild) = guild.and_then(|id| self.guilds.get_mut(&id)) {
            if archived {
                guild.active_threads.remove(&id);
            } else {
                guild.active_threads.insert(id);
            }
        }
    }

    /// Tells of a thread's changed state.
    pub(crate) fn thread_updated(&mut self, id: Snowflake) {
        let Some(d) = self.channels.get(&id).map(Channel::json) else {
            return;
        };
        self.publish_channel("THREAD_UPDATE", id, d);
        // The parent shows the name below the starter.
        self.touch_with_parent(id);
        self.structure_changed();
    }

    /// The starter shows its thread: Discord says so with an update of the message.
    fn mark_starter(&mut self, parent: Snowflake, starter: Snowflake) {
        let taken = self
            .channels
            .get_mut(&parent)
            .and_then(|c| c.messages.remove(&starter));
        if let Some(mut message) = taken {
            message.flags |= HAS_THREAD;
            self.put_back(message);
        }
    }
}

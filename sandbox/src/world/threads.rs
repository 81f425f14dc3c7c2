//! Threads: making, archiving, joining, with the events that follow.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::model::guild::channel::PUBLIC_THREAD;
use crate::model::guild::permissions::{MANAGE_THREADS, VIEW_CHANNEL};
use crate::model::guild::{Channel, Thread, thread_member_json, with};
use crate::model::message::{HAS_THREAD, Message, Reference, THREAD_STARTED, THREAD_STARTER};
use crate::snowflake::Snowflake;
use crate::world::World;
use crate::world::posting::Notice;
use crate::world::publish::Dispatch;

/// Active threads per guild (Discord's limit without the INCREASED_THREAD_LIMIT feature).
pub(crate) const ACTIVE_MAX: usize = 1000;
/// Members of a thread.
pub(crate) const MEMBERS_MAX: usize = 1000;
/// Channels and threads kept in all; beyond it the threads that were archived first are forgotten.
const KEPT_MAX: usize = 50_000;

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
    /// Tags of a forum post; `None` outside of forums.
    pub(crate) tags: Option<Vec<Snowflake>>,
}

impl World {
    /// Makes a thread; parent and starter must exist and the starter must have none yet.
    pub(crate) fn make_thread(&mut self, new: NewThread) -> Snowflake {
        self.forget_oldest_thread();
        let id = new.starter.unwrap_or_else(|| self.next_id());
        let parent = self.channels.get(&new.parent);
        let guild = parent.and_then(|parent| parent.guild);
        let nsfw = parent.is_some_and(|parent| parent.nsfw);
        let now_ms = self.now_ms();
        let mut channel = Channel::text(id, id, new.name.clone(), 0);
        channel.guild = guild;
        channel.kind = new.kind;
        channel.nsfw = nsfw;
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
            active_ms: now_ms,
            members: BTreeMap::from([(new.owner, now_ms)]),
            message_count: 0,
            sent_total: 0,
            tags: new.tags.clone(),
        });
        let d = with(self.channel_object(&channel), "newly_created", json!(true));
        self.channels.insert(id, channel);
        if let Some(guild) = guild.and_then(|id| self.guilds.get_mut(&id)) {
            guild.active_threads.insert(id);
        }
        if let Some(parent) = self.channels.get_mut(&new.parent) {
            // The newest post is to a forum what the newest message is to a text channel.
            parent.last_message = parent.forum.as_ref().map(|_| id).or(parent.last_message);
        }
        self.publish_channel("THREAD_CREATE", id, d);
        match new.starter {
            Some(starter) => {
                self.mark_starter(new.parent, starter);
                self.announce_starter(id, &new);
            }
            None if new.kind == PUBLIC_THREAD && new.tags.is_none() => {
                self.announce_thread(id, &new);
            }
            None => {}
        }
        self.touch(new.parent);
        self.structure_changed();
        self.clocks_changed();
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

    fn forget_oldest_thread(&mut self) {
        if self.channels.len() < KEPT_MAX {
            return;
        }
        let archived = self.channels.values().filter_map(|channel| {
            let thread = channel.thread.as_ref().filter(|thread| thread.archived)?;
            Some((thread.archive_changed_ms, channel.id))
        });
        if let Some((_, id)) = archived.min() {
            self.forget_channel(id);
        }
    }

    /// Notes that a new message stands in a thread: it becomes active, its author and whom it mentions are members now.
    pub(crate) fn thread_received(&mut self, message: &Message) {
        let (id, author) = (message.channel, message.author);
        let Some(channel) = self.channels.get(&id) else {
            return;
        };
        let Some(thread) = channel.thread.as_ref().filter(|_| message.is_public()) else {
            return;
        };
        let invites = thread.invitable
            || thread.owner == author
            || self.permissions(author, channel) & MANAGE_THREADS != 0;
        let sees_parent = |user: &Snowflake| {
            let parent = self.channels.get(&thread.parent);
            parent.is_some_and(|parent| self.permissions(*user, parent) & VIEW_CHANNEL != 0)
        };
        let mentioned = message.mentions.users.iter().filter(|_| invites);
        let mut joining: Vec<Snowflake> = mentioned
            .filter(|user| sees_parent(user))
            .copied()
            .collect();
        joining.insert(0, author);
        if thread.archived {
            self.set_archived(id, false);
            self.thread_updated(id);
        }
        let now_ms = self.now_ms();
        if let Some(thread) = self.thread_mut(id) {
            thread.active_ms = now_ms;
        }
        self.join_thread(id, &joining);
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
            thread.active_ms = now_ms;
        }
        thread.archived = archived;
        if let Some(guild) = guild.and_then(|id| self.guilds.get_mut(&id)) {
            if archived {
                guild.active_threads.remove(&id);
            } else {
                guild.active_threads.insert(id);
            }
        }
        self.clocks_changed();
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
        self.clocks_changed();
    }

    /// What makes a channel a thread, to change it.
    pub(crate) fn thread_mut(&mut self, id: Snowflake) -> Option<&mut Thread> {
        self.channels.get_mut(&id)?.thread.as_mut()
    }

    /// Makes these users members of a thread, as far as there is room, and tells of those that were none.
    pub(crate) fn join_thread(&mut self, id: Snowflake, users: &[Snowflake]) {
        let (now_ms, bot) = (self.now_ms(), self.application.id);
        let Some(thread) = self.thread_mut(id) else {
            return;
        };
        let mut added = Vec::new();
        for user in users {
            if thread.members.len() < MEMBERS_MAX && !thread.members.contains_key(user) {
                thread.members.insert(*user, now_ms);
                added.push(*user);
            }
        }
        if added.is_empty() {
            return;
        }
        let count = thread.member_count();
        let channel = self.channels.get(&id);
        let guild = channel.and_then(|channel| channel.guild);
        let hidden = channel.filter(|c| c.kind == crate::model::guild::channel::PRIVATE_THREAD);
        if let Some(channel) = hidden.filter(|_| added.contains(&bot)) {
            // To the bot the thread is new, also when it was made long ago.
            let d = self.channel_object(channel);
            self.publish_channel("THREAD_CREATE", id, d);
        }
        if added.contains(&bot) {
            self.own_membership(id, now_ms);
        }
        let members: Value = added
            .iter()
            .map(|user| {
                let json = with(
                    thread_member_json(id, *user, now_ms),
                    "presence",
                    Value::Null,
                );
                with(json, "member", self.membership(guild, *user))
            })
            .collect();
        let d = json!({
            "id": id, "guild_id": guild, "member_count": count, "added_members": members,
        });
        self.members_updated(id, added.contains(&bot), d);
    }

    /// Tells the bot of its own membership.
    fn own_membership(&mut self, id: Snowflake, now_ms: u64) {
        let Some(channel) = self.channels.get(&id) else {
            return;
        };
        let member = thread_member_json(id, self.application.id, now_ms);
        let d = with(member, "guild_id", json!(channel.guild));
        self.publish(Dispatch {
            name: "THREAD_MEMBER_UPDATE",
            channel: Some(channel.ruling()),
            guild: channel.guild,
            d,
        });
    }

    /// Ends someone's membership of a thread and tells of it.
    pub(crate) fn leave_thread(&mut self, id: Snowflake, user: Snowflake) {
        let Some(thread) = self.thread_mut(id) else {
            return;
        };
        if thread.members.remove(&user).is_none() {
            return;
        }
        let count = thread.member_count();
        let guild = self.channels.get(&id).and_then(|channel| channel.guild);
        let d = json!({
            "id": id, "guild_id": guild, "member_count": count, "removed_member_ids": [user],
        });
        self.members_updated(id, user == self.application.id, d);
    }

    fn members_updated(&mut self, id: Snowflake, is_bot: bool, d: Value) {
        let Some(channel) = self.channels.get(&id) else {
            return;
        };
        self.publish(Dispatch {
            name: "THREAD_MEMBERS_UPDATE",
            // Whoever was just put out of a private thread no longer sees it, but is told all the same.
            channel: Some(if is_bot { channel.ruling() } else { id }),
            guild: channel.guild,
            d,
        });
        self.touch(id);
        self.structure_changed();
    }

    /// Archives the threads in which nothing has happened for their time.
    pub(crate) fn archive_idle(&mut self) {
        let now_ms = self.now_ms();
        let idle: Vec<Snowflake> = self
            .active_threads()
            .filter(|(due_ms, _)| *due_ms <= now_ms)
            .map(|(_, id)| id)
            .collect();
        for id in idle {
            self.set_archived(id, true);
            self.thread_updated(id);
        }
    }

    /// When the next thread will be archived if nothing happens.
    pub(crate) fn next_archive_ms(&self) -> Option<u64> {
        self.active_threads().map(|(due_ms, _)| due_ms).min()
    }

    fn active_threads(&self) -> impl Iterator<Item = (u64, Snowflake)> {
        let active = self.guilds.values().flat_map(|guild| &guild.active_threads);
        active.filter_map(|id| {
            let thread = self.channels.get(id)?.thread.as_ref()?;
            Some((thread.archive_due_ms()?, *id))
        })
    }

    /// Moves the last activity of a thread into the past; its time may then be over. False when there is no such thread.
    pub(crate) fn age_thread(&mut self, id: Snowflake, minutes: u64) -> bool {
        let Some(thread) = self.thread_mut(id) else {
            return false;
        };
        let ms = minutes.saturating_mul(60_000);
        thread.active_ms = thread.active_ms.saturating_sub(ms);
        thread.archive_changed_ms = thread.archive_changed_ms.saturating_sub(ms);
        self.archive_idle();
        true
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

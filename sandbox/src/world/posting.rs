//! Creating, editing and deleting messages, with the events that follow.
//!
//! What a request may do was decided before; here it happens.

use serde_json::{Value, json};

use crate::model::guild::permissions;
use crate::model::message::draft::Settled;
use crate::model::message::mentions::{Allowed, Mention, Mentions, push_new};
use crate::model::message::{LOADING, Message, Origin, REGULAR, REPLY, Reference, THREAD_STARTER};
use crate::model::message::{components, embeds};
use crate::snowflake::Snowflake;
use crate::world::World;

/// Messages kept per channel, deleted ones included; beyond it the oldest are forgotten.
const MESSAGES_MAX: usize = 50_000;

/// A message about to be created.
#[derive(Debug)]
pub(crate) struct Post {
    pub(crate) channel: Snowflake,
    pub(crate) author: Snowflake,
    pub(crate) settled: Settled,
    pub(crate) allowed: Allowed,
    pub(crate) kind: u8,
    pub(crate) nonce: Option<Value>,
    pub(crate) tts: bool,
    pub(crate) reference: Option<Reference>,
    pub(crate) origin: Option<Origin>,
    pub(crate) only_for: Option<Snowflake>,
    /// The first message of a forum post: it has the id of its thread and is not counted.
    pub(crate) opens: bool,
}

impl Post {
    /// A plain message.
    pub(crate) const fn new(
        channel: Snowflake,
        author: Snowflake,
        settled: Settled,
        allowed: Allowed,
    ) -> Self {
        Self {
            channel,
            author,
            settled,
            allowed,
            kind: REGULAR,
            nonce: None,
            tts: false,
            reference: None,
            origin: None,
            only_for: None,
            opens: false,
        }
    }
}

/// A system message about to be written.
#[derive(Debug)]
pub(crate) struct Notice {
    pub(crate) channel: Snowflake,
    /// Who did what it tells of.
    pub(crate) author: Snowflake,
    pub(crate) kind: u8,
    pub(crate) content: String,
    pub(crate) about: Reference,
}

impl World {
    /// Creates a message; the channel must exist.
    pub(crate) fn post(&mut self, post: Post) -> Snowflake {
        let id = if post.opens {
            post.channel
        } else {
            self.next_id()
        };
        let mut message = Message::new(id, post.channel, post.author, self.now_ms());
        message.guild = self
            .channels
            .get(&post.channel)
            .and_then(|channel| channel.guild);
        message.kind = post.kind;
        message.nonce = post.nonce;
        message.tts = post.tts;
        message.reference = post.reference;
        message.origin = post.origin;
        message.only_for = post.only_for;
        message.flags = post.settled.flags;
        self.fill(&mut message, post.settled, &post.allowed);
        self.thread_received(&message);
        self.note_post(post.channel, post.author);
        let public = message.is_public();
        if public {
            self.publish_message("MESSAGE_CREATE", &message);
        }
        if let Some(nonce) = &message.nonce {
            let text = nonce
                .as_str()
                .map_or_else(|| nonce.to_string(), str::to_owned);
            self.remember_nonce(post.channel, text, id);
        }
        let from_bot = post.author == self.application.id;
        if let Some(channel) = self.channels.get_mut(&post.channel) {
            if from_bot {
                channel.typing_until_ms = 0;
            }
            channel.messages.insert(id, message);
            if channel.messages.len() > MESSAGES_MAX {
                channel.messages.pop_first();
            }
            if public {
                channel.last_message = Some(id);
                // Neither the first message of a post nor the reference to a starter is counted.
                let counted = post.kind != THREAD_STARTER && !post.opens;
                if let Some(thread) = channel.thread.as_mut().filter(|_| counted) {
                    thread.message_count = thread.message_count.saturating_add(1);
                    thread.sent_total = thread.sent_total.saturating_add(1);
                }
            }
        }
        self.touch_with_parent(post.channel);
        id
    }

    /// Posts what Discord itself writes in a channel: a system message. The channel must exist.
    pub(crate) fn post_notice(&mut self, notice: Notice) -> Snowflake {
        let settled = Settled {
            content: notice.content,
            ..Settled::default()
        };
        self.post(Post {
            kind: notice.kind,
            reference: Some(notice.about),
            ..Post::new(notice.channel, notice.author, settled, Allowed::nobody())
        })
    }

    /// The message that another one points at, unless it is gone.
    pub(crate) fn referenced(&self, reference: Reference) -> Option<&Message> {
        let channel = self.channels.get(&reference.channel)?;
        let message = channel.messages.get(&reference.message?)?;
        message.deleted_ms.is_none().then_some(message)
    }

    /// Replaces what a message says; it must exist.
    pub(crate) fn revise(
        &mut self,
        channel: Snowflake,
        id: Snowflake,
        settled: Settled,
        allowed: &Allowed,
    ) {
        // Out of the map while it is edited, so that the rest of the world can be read beside it.
        let Some(mut message) = self
            .channels
            .get_mut(&channel)
            .and_then(|c| c.messages.remove(&id))
        else {
            return;
        };
        message.flags = settled.flags;
        if message.has(LOADING) {
            // A deferred answer gets its first text: people do not see that as an edit.
            message.flags &= !LOADING;
        } else {
            message.archive_state();
            message.edited_ms = Some(self.now_ms());
        }
        self.fill(&mut message, settled, allowed);
        self.put_back(message);
    }

    /// Gives a message that was taken out for a change back, and tells of the change.
    pub(crate) fn put_back(&mut self, message: Message) {
        if message.is_public() {
            self.publish_message("MESSAGE_UPDATE", &message);
        }
        let (channel_id, id) = (message.channel, message.id);
        if let Some(channel) = self.channels.get_mut(&channel_id) {
            channel.messages.insert(id, message);
        }
        self.touch(channel_id);
        self.touch_begun(id);
    }

    /// Deletes a message; it must exist. It stays in the transcript, marked.
    pub(crate) fn delete_message(&mut self, channel_id: Snowflake, id: Snowflake) {
        let now_ms = self.now_ms();
        let Some(channel) = self.channels.get_mut(&channel_id) else {
            return;
        };
        let Some(message) = channel.messages.get_mut(&id) else {
            return;
        };
        let public = message.is_public();
        message.deleted_ms = Some(now_ms);
        if let Some(thread) = channel.thread.as_mut().filter(|_| public) {
            thread.message_count = thread.message_count.saturating_sub(1);
        }
        if public {
            let d = json!({"id": id, "channel_id": channel_id});
            self.publish_in(channel_id, "MESSAGE_DELETE", d);
        }
        self.touch_with_parent(channel_id);
        self.touch_begun(id);
    }

    /// Deletes many messages with one event; those that are not there are passed over.
    pub(crate) fn delete_messages(&mut self, channel_id: Snowflake, ids: &[Snowflake]) {
        let now_ms = self.now_ms();
        let Some(channel) = self.channels.get_mut(&channel_id) else {
            return;
        };
        let mut gone = Vec::with_capacity(ids.len());
        for id in ids {
            let message = channel.messages.get_mut(id);
            if let Some(message) = message.filter(|message| message.is_public()) {
                message.deleted_ms = Some(now_ms);
                gone.push(*id);
            }
        }
        if let Some(thread) = channel.thread.as_mut() {
            let count = u64::try_from(gone.len()).unwrap_or(u64::MAX);
            thread.message_count = thread.message_count.saturating_sub(count);
        }
        let d = json!({"ids": gone, "channel_id": channel_id});
        self.publish_in(channel_id, "MESSAGE_DELETE_BULK", d);
        self.touch_with_parent(channel_id);
        for id in ids {
            self.touch_begun(*id);
        }
    }

    /// Sends a message event to the sessions that may see it.
    pub(crate) fn publish_message(&mut self, name: &'static str, message: &Message) {
        let d = self.message_event(message);
        self.publish_channel(name, message.channel, d);
    }

    fn fill(&mut self, message: &mut Message, settled: Settled, allowed: &Allowed) {
        message.content = settled.content;
        message.embeds = settled.embeds;
        message.components = settled.components;
        message.attachments = self.attach(message.channel, settled.files);
        embeds::link_files(&mut message.embeds, &message.attachments);
        let mut next_id = || self.next_id();
        components::link_files(&mut message.components, &message.attachments, &mut next_id);
        let guild = message.guild.and_then(|id| self.guilds.get(&id));
        let mass = self.channels.get(&message.channel).is_some_and(|channel| {
            self.permissions(message.author, channel) & permissions::MENTION_EVERYONE != 0
        });
        let shown = components::texts(&message.components);
        let texts = std::iter::once(message.content.as_str()).chain(shown);
        message.mentions = Mentions::resolve(texts, allowed, |mention| match mention {
            Mention::User(id) => self.users.contains_key(&id),
            Mention::Role(_) | Mention::Everyone => {
                guild.is_some_and(|guild| guild.lets_mention(mention, mass))
            }
        });
        let replied = message
            .reference
            .filter(|_| message.kind == REPLY && message.origin.is_none() && allowed.replied_user);
        if let Some(replied) = replied.and_then(|reference| self.referenced(reference)) {
            push_new(&mut message.mentions.users, replied.author);
        }
    }

    /// Notes a change of a message where the thread that it began shows it as its first.
    fn touch_begun(&mut self, starter: Snowflake) {
        let Some(thread) = self.channels.get_mut(&starter) else {
            return;
        };
        let shown = |message: &&Message| message.kind == THREAD_STARTER;
        let Some(shown) = thread.messages.values().find(shown).map(|found| found.id) else {
            return;
        };
        thread.messages.get_mut(&shown);
        self.touch(starter);
    }

    /// Notes a change in a channel that its parent shows too, as a thread's count of messages.
    pub(crate) fn touch_with_parent(&mut self, channel: Snowflake) {
        self.touch(channel);
        let parent = self
            .channels
            .get(&channel)
            .and_then(|c| Some(c.thread.as_ref()?.parent));
        if let Some(parent) = parent {
            self.touch(parent);
        }
    }
}

//! The messages of one channel, each with the version of its last change.
//!
//! Whoever changes a message need not think of the version: everything that was put in or borrowed to be changed gets the
//! channel's next version when the channel is touched. What may be changed is decided elsewhere.

use std::collections::BTreeMap;
use std::ops::Deref;

use super::Message;
use crate::snowflake::Snowflake;

/// The version of a message that was changed and whose channel was not touched since: newer than all others.
const PENDING: u64 = u64::MAX;

/// Messages by id, so oldest first. Reads as the map that it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timeline {
    by_id: BTreeMap<Snowflake, Message>,
    pending: Vec<Snowflake>,
    /// What the messages cost together.
    bytes: usize,
    /// What of it the world's sum holds.
    counted: usize,
}

impl Timeline {
    /// Puts a message in, new or changed.
    pub(crate) fn insert(&mut self, id: Snowflake, mut message: Message) {
        message.bytes = 0;
        Self::mark(&mut self.pending, &mut message);
        let before = self.by_id.insert(id, message);
        let before = before.map_or(0, |before| before.bytes);
        self.bytes = self.bytes.saturating_sub(before);
    }

    /// A message, to be changed.
    pub(crate) fn get_mut(&mut self, id: &Snowflake) -> Option<&mut Message> {
        let message = self.by_id.get_mut(id)?;
        Self::mark(&mut self.pending, message);
        Some(message)
    }

    /// Takes a message out.
    pub(crate) fn remove(&mut self, id: &Snowflake) -> Option<Message> {
        let removed = self.by_id.remove(id)?;
        self.bytes = self.bytes.saturating_sub(removed.bytes);
        Some(removed)
    }

    /// Takes the oldest message out.
    pub(crate) fn pop_first(&mut self) -> Option<(Snowflake, Message)> {
        let id = *self.by_id.keys().next()?;
        Some((id, self.remove(&id)?))
    }

    /// Forgets a message for good, as if it had never been; how many bytes that frees.
    pub(crate) fn forget(&mut self, id: Snowflake) -> usize {
        let freed = self.remove(&id).map_or(0, |message| message.bytes);
        self.counted = self.counted.saturating_sub(freed);
        freed
    }

    /// Forgets the oldest past state of a message; false when it has none.
    pub(crate) fn forget_oldest_state(&mut self, id: Snowflake) -> bool {
        let message = self.by_id.get_mut(&id);
        let Some((message, past)) = message.and_then(|message| {
            let past = message.history.pop_front()?;
            Some((message, past))
        }) else {
            return false;
        };
        for sum in [&mut message.bytes, &mut self.bytes, &mut self.counted] {
            *sum = sum.saturating_sub(past.bytes);
        }
        true
    }

    /// What the world's sum holds of these messages, in bytes.
    pub(crate) const fn counted(&self) -> usize {
        self.counted
    }

    /// Gives everything that was changed since the last time this version, and brings the world's `sum` of bytes up to
    /// date.
    pub(crate) fn stamp(&mut self, version: u64, sum: &mut usize) {
        for id in self.pending.drain(..) {
            if let Some(message) = self.by_id.get_mut(&id) {
                message.version = version;
                let now = message.weigh();
                let before = std::mem::replace(&mut message.bytes, now);
                self.bytes = self
                    .bytes
                    .saturating_add(message.bytes)
                    .saturating_sub(before);
            }
        }
        *sum = sum.saturating_sub(self.counted).saturating_add(self.bytes);
        self.counted = self.bytes;
    }

    fn mark(pending: &mut Vec<Snowflake>, message: &mut Message) {
        if message.version != PENDING {
            message.version = PENDING;
            pending.push(message.id);
        }
    }
}

impl Deref for Timeline {
    type Target = BTreeMap<Snowflake, Message>;

    fn deref(&self) -> &Self::Target {
        &self.by_id
    }
}

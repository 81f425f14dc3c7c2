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
}

impl Timeline {
    /// Puts a message in, new or changed.
    pub(crate) fn insert(&mut self, id: Snowflake, mut message: Message) {
        Self::mark(&mut self.pending, &mut message);
        self.by_id.insert(id, message);
    }

    /// A message, to be changed.
    pub(crate) fn get_mut(&mut self, id: &Snowflake) -> Option<&mut Message> {
        let message = self.by_id.get_mut(id)?;
        Self::mark(&mut self.pending, message);
        Some(message)
    }

    /// Takes a message out.
    pub(crate) fn remove(&mut self, id: &Snowflake) -> Option<Message> {
        self.by_id.remove(id)
    }

    /// Takes the oldest message out.
    pub(crate) fn pop_first(&mut self) -> Option<(Snowflake, Message)> {
        self.by_id.pop_first()
    }

    /// Gives everything that was changed since the last time this version.
    pub(crate) fn stamp(&mut self, version: u64) {
        for id in self.pending.drain(..) {
            if let Some(message) = self.by_id.get_mut(&id) {
                message.version = version;
            }
        }
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

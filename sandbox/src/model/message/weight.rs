//! What a message costs in memory, estimated well enough to bound the sum of all.

use serde_json::Value;

use super::{Attachment, Message, Revision};

/// Bytes of one JSON value by itself.
const VALUE: usize = size_of::<Value>();
/// Bytes that an entry of a map, a vector on the heap or a name costs beside what it holds.
const OVERHEAD: usize = 64;
/// Bytes of a message that says nothing, with its place in the channel.
const MESSAGE: usize = size_of::<Message>() + OVERHEAD;
/// Bytes of the ids, numbers and addresses that an interaction's answer carries.
const ORIGIN: usize = 512;
/// Bytes of an id in a list.
const ID: usize = 8;

/// Bytes of a JSON document as it lies in memory.
pub(crate) fn of_json(value: &Value) -> usize {
    let held = match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(list) => of_list(list),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| OVERHEAD + key.len() + of_json(value))
            .sum(),
    };
    VALUE + held
}

/// Bytes of several.
pub(crate) fn of_list(list: &[Value]) -> usize {
    list.iter().map(of_json).sum()
}

impl Message {
    /// Bytes that it costs, with all of its history.
    pub(crate) fn weigh(&self) -> usize {
        let origin = self.origin.as_ref().map_or(0, |_| ORIGIN);
        let reactions = self.reactions.iter();
        let reactions = reactions.map(|reaction| OVERHEAD * 2 + reaction.users.len() * ID);
        MESSAGE
            + origin
            + self.nonce.as_ref().map_or(0, of_json)
            + self.weigh_state()
            + self
                .attachments
                .iter()
                .map(Attachment::weigh)
                .sum::<usize>()
            + reactions.sum::<usize>()
            + self.history.iter().map(|past| past.bytes).sum::<usize>()
    }

    /// Bytes of what an edit replaces.
    pub(super) fn weigh_state(&self) -> usize {
        let mentioned = self.mentions.users.len() + self.mentions.roles.len();
        self.content.len()
            + of_list(&self.embeds)
            + of_list(&self.components)
            + mentioned * ID
            + size_of::<Revision>()
    }
}

impl Attachment {
    fn weigh(&self) -> usize {
        let described = self.description.as_ref().map_or(0, String::len);
        size_of::<Self>() + self.filename.len() + self.url.len() + described
    }
}

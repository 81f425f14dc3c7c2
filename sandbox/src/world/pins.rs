//! Pinned messages: pinning, with the system message and the events that follow.

use serde_json::json;

use crate::model::message::{Message, PINNED, Reference};
use crate::snowflake::{Snowflake, rfc3339};
use crate::world::World;
use crate::world::posting::Notice;

/// Pins of one channel. It was 50 until the listing of pins got pages of at most 50.
pub(crate) const PINS_MAX: usize = 250;

impl World {
    /// The pinned messages of a channel with the time of pinning, last pinned first.
    pub(crate) fn pins(&self, channel: Snowflake) -> Vec<(u64, &Message)> {
        let messages = self.channels.get(&channel).map(|found| &found.messages);
        let public = messages
            .into_iter()
            .flat_map(|messages| messages.values())
            .filter(|message| message.is_public());
        let mut pins: Vec<_> = public
            .filter_map(|message| Some((message.pinned_ms?, message)))
            .collect();
        pins.sort_unstable_by_key(|(at_ms, message)| std::cmp::Reverse((*at_ms, message.id)));
        pins
    }

    /// Pins a message, which must exist and not be pinned, and says so in the channel.
    pub(crate) fn pin(&mut self, channel_id: Snowflake, id: Snowflake, by: Snowflake) {
        let now_ms = self.now_ms();
        self.set_pinned(channel_id, id, Some(now_ms));
        self.post_notice(Notice {
            channel: channel_id,
            author: by,
            kind: PINNED,
            content: String::new(),
            about: Reference {
                channel: channel_id,
                message: Some(id),
            },
        });
    }

    /// Takes a message, which must exist, off the pins.
    pub(crate) fn unpin(&mut self, channel_id: Snowflake, id: Snowflake) {
        self.set_pinned(channel_id, id, None);
    }

    fn set_pinned(&mut self, channel_id: Snowflake, id: Snowflake, pinned_ms: Option<u64>) {
        let taken = self
            .channels
            .get_mut(&channel_id)
            .and_then(|channel| channel.messages.remove(&id));
        let Some(mut message) = taken else {
            return;
        };
        message.pinned_ms = pinned_ms;
        self.put_back(message);
        let last_ms = self.pins(channel_id).first().map(|(at_ms, _)| *at_ms);
        if let Some(channel) = self.channels.get_mut(&channel_id) {
            channel.last_pin_ms = last_ms;
        }
        let d = json!({"channel_id": channel_id, "last_pin_timestamp": last_ms.map(rfc3339)});
        self.publish_in(channel_id, "CHANNEL_PINS_UPDATE", d);
    }
}

//! How much all messages together may take: beyond it the oldest past states go first, then what was deleted; what still
//! does not fit is refused.
//!
//! Bytes are estimates (`message::weight`); a channel's are counted when it is touched.

use crate::model::message::Message;
use crate::snowflake::Snowflake;
use crate::world::World;

/// Bytes of all messages together, histories included.
const BYTES_MAX: usize = 512 * 1024 * 1024;

/// There is no room for another message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the messages take all the memory that they may: delete channels or start anew")]
pub(crate) struct Full;

/// What messages take, and may take.
#[derive(Debug)]
pub(crate) struct Keeping {
    pub(crate) bytes: usize,
    /// A script may change it.
    pub(crate) bytes_max: usize,
    /// The version at which nothing was left to forget.
    full_at: Option<u64>,
}

impl Default for Keeping {
    fn default() -> Self {
        Self {
            bytes: 0,
            bytes_max: BYTES_MAX,
            full_at: None,
        }
    }
}

impl World {
    /// Sees to it that there is room for what a request may bring.
    pub(crate) fn make_room(&mut self) -> Result<(), Full> {
        let Keeping {
            bytes,
            bytes_max,
            full_at,
        } = self.keeping;
        if bytes < bytes_max {
            return Ok(());
        }
        // Looking through all messages is dear: never twice for the same ones.
        if full_at == Some(self.version()) {
            return Err(Full);
        }
        // Well below, so that the next look is far off.
        let wanted = bytes_max / 4 * 3;
        self.forget_history(wanted);
        if self.keeping.bytes > wanted {
            self.forget_deleted(wanted);
        }
        if self.keeping.bytes < bytes_max {
            return Ok(());
        }
        self.keeping.full_at = Some(self.version());
        Err(Full)
    }

    fn forget_history(&mut self, wanted: usize) {
        let revisions = |message: &Message| {
            let (channel, id) = (message.channel, message.id);
            let past = message.history.iter();
            past.map(move |past| (past.at_ms, past.bytes, channel, id))
                .collect::<Vec<_>>()
        };
        let mut all: Vec<_> = self.messages().flat_map(revisions).collect();
        all.sort_unstable();
        for (_, bytes, channel, id) in all {
            if self.keeping.bytes <= wanted {
                return;
            }
            let channel = self.channels.get_mut(&channel);
            if channel.is_some_and(|channel| channel.messages.forget_oldest_state(id)) {
                self.keeping.bytes = self.keeping.bytes.saturating_sub(bytes);
            }
        }
    }

    fn forget_deleted(&mut self, wanted: usize) {
        let deleted = |message: &Message| {
            let at_ms = message.deleted_ms?;
            Some((at_ms, message.channel, message.id))
        };
        let mut all: Vec<_> = self.messages().filter_map(deleted).collect();
        all.sort_unstable();
        for (_, channel, id) in all {
            if self.keeping.bytes <= wanted {
                return;
            }
            let channel = self.channels.get_mut(&channel);
            let bytes = channel.map_or(0, |channel| channel.messages.forget(id));
            self.keeping.bytes = self.keeping.bytes.saturating_sub(bytes);
        }
    }

    fn messages(&self) -> impl Iterator<Item = &Message> {
        let channels = self.channels.values();
        channels.flat_map(|channel| channel.messages.values())
    }

    /// Takes a channel away with all that stands in it.
    pub(crate) fn forget_channel(&mut self, id: Snowflake) {
        if let Some(channel) = self.channels.remove(&id) {
            let bytes = channel.messages.counted();
            self.keeping.bytes = self.keeping.bytes.saturating_sub(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::message::draft::Settled;
    use crate::model::message::mentions::Allowed;
    use crate::world::posting::Post;

    fn settled(content: &str) -> Settled {
        Settled {
            content: content.to_owned(),
            ..Settled::default()
        }
    }

    fn post(world: &mut World, channel: Snowflake, content: &str) -> Snowflake {
        let author = world.seeds.operator;
        world.post(Post::new(
            channel,
            author,
            settled(content),
            Allowed::nobody(),
        ))
    }

    fn edit(world: &mut World, channel: Snowflake, id: Snowflake, content: &str) {
        world.revise(channel, id, settled(content), &Allowed::nobody());
    }

    fn weighed(world: &World) -> usize {
        world.messages().map(Message::weigh).sum()
    }

    #[test]
    fn the_count_follows_every_change() {
        let mut world = World::for_tests();
        let channel = world.seeds.general;
        let id = post(&mut world, channel, &"x".repeat(1000));
        assert!(world.keeping.bytes > 1000);
        for _ in 0..300 {
            edit(&mut world, channel, id, &"y".repeat(2000));
        }
        assert_eq!(world.keeping.bytes, weighed(&world));
        assert!(
            world.keeping.bytes > 256 * 2000,
            "the history is counted too"
        );
        world.delete_message(channel, id);
        world.pin(channel, id, world.seeds.operator);
        assert_eq!(world.keeping.bytes, weighed(&world));
        world.remove_channel(channel);
        assert_eq!(world.keeping.bytes, 0);
    }

    #[test]
    fn history_goes_first_then_what_was_deleted_then_nothing_more_is_taken() {
        let mut world = World::for_tests();
        let channel = world.seeds.general;
        let kept = post(&mut world, channel, &"x".repeat(1000));
        let gone = post(&mut world, channel, &"x".repeat(1000));
        edit(&mut world, channel, kept, &"y".repeat(1000));
        edit(&mut world, channel, gone, &"y".repeat(1000));
        world.delete_message(channel, gone);
        let all = world.keeping.bytes;
        world.keeping.bytes_max = all;
        assert_eq!(world.make_room(), Ok(()));
        let messages = |world: &World| world.channels.get(&channel).unwrap().messages.clone();
        assert!(messages(&world).get(&kept).unwrap().history.is_empty());
        assert!(
            messages(&world).get(&gone).is_some(),
            "history was enough: {all}"
        );
        world.keeping.bytes_max = world.keeping.bytes;
        assert_eq!(world.make_room(), Ok(()));
        assert!(messages(&world).get(&gone).is_none());
        assert_eq!(world.keeping.bytes, weighed(&world));
        world.keeping.bytes_max = world.keeping.bytes;
        assert_eq!(world.make_room(), Err(Full));
        assert_eq!(world.make_room(), Err(Full), "without another look");
        world.remove_channel(channel);
        assert_eq!(world.make_room(), Ok(()));
    }
}

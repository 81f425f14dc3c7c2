//! What makes a channel a forum: the tags of its posts and how clients show them.

use serde_json::{Map, Value, json};

use crate::snowflake::Snowflake;

/// Channel flag: every post must have a tag.
pub(crate) const REQUIRE_TAG: u64 = 1 << 4;
/// Thread flag: the post stays at the top of its forum.
pub(crate) const PINNED: u64 = 1 << 1;

/// A tag that posts of a forum may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) id: Snowflake,
    pub(crate) name: String,
    /// Whether only those who manage threads may set it.
    pub(crate) moderated: bool,
    pub(crate) emoji_id: Option<Snowflake>,
    pub(crate) emoji_name: Option<String>,
}

impl Tag {
    fn json(&self) -> Value {
        json!({
            "id": self.id, "name": self.name, "moderated": self.moderated,
            "emoji_id": self.emoji_id, "emoji_name": self.emoji_name,
        })
    }
}

/// The emoji that clients offer first below a post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DefaultReaction {
    pub(crate) emoji_id: Option<Snowflake>,
    pub(crate) emoji_name: Option<String>,
}

/// What makes a channel a forum.
#[derive(Clone, Debug, Default)]
pub(crate) struct Forum {
    pub(crate) tags: Vec<Tag>,
    pub(crate) reaction: Option<DefaultReaction>,
    pub(crate) sort_order: Option<u64>,
    pub(crate) layout: u64,
}

impl Forum {
    /// Adds the fields of a forum to a channel object.
    pub(super) fn describe(&self, map: &mut Map<String, Value>) {
        let tags = self.tags.iter().map(Tag::json).collect();
        let reaction = self
            .reaction
            .as_ref()
            .map(|emoji| json!({"emoji_id": emoji.emoji_id, "emoji_name": emoji.emoji_name}));
        map.extend([
            ("available_tags".into(), tags),
            ("default_reaction_emoji".into(), json!(reaction)),
            ("default_sort_order".into(), json!(self.sort_order)),
            ("default_forum_layout".into(), json!(self.layout)),
        ]);
    }
}

//! What makes a channel a thread: its parent, archive, lock and members, and their shapes in Discord's JSON.
//!
//! What happens to threads is in `world::threads`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::channel::PRIVATE_THREAD;
use crate::snowflake::{Snowflake, rfc3339};

/// Discord stops counting the members of a thread here.
const MEMBERS_COUNTED_MAX: usize = 50;
/// Milliseconds of a minute.
const MINUTE_MS: u64 = 60_000;

/// What makes a channel a thread.
#[derive(Clone, Debug)]
pub(crate) struct Thread {
    pub(crate) parent: Snowflake,
    pub(crate) owner: Snowflake,
    pub(crate) created_ms: u64,
    pub(crate) archived: bool,
    pub(crate) locked: bool,
    pub(crate) invitable: bool,
    /// Minutes without activity until it is archived.
    pub(crate) auto_archive_minutes: u64,
    pub(crate) archive_changed_ms: u64,
    /// The last message or opening, from which the minutes count.
    pub(crate) active_ms: u64,
    /// Who joined, and when.
    pub(crate) members: BTreeMap<Snowflake, u64>,
    /// Messages in it that were not deleted.
    pub(crate) message_count: u64,
    pub(crate) sent_total: u64,
    /// Tags of a forum post; `None` outside of forums.
    pub(crate) tags: Option<Vec<Snowflake>>,
}

impl Thread {
    /// When it will be archived if nothing happens in it; `None` once it is.
    pub(crate) const fn archive_due_ms(&self) -> Option<u64> {
        if self.archived {
            return None;
        }
        let idle_ms = self.auto_archive_minutes.saturating_mul(MINUTE_MS);
        Some(self.active_ms.saturating_add(idle_ms))
    }

    /// Members as Discord counts them.
    pub(crate) fn member_count(&self) -> usize {
        self.members.len().min(MEMBERS_COUNTED_MAX)
    }

    /// Adds the fields of a thread to a channel object.
    pub(super) fn describe(&self, kind: u8, map: &mut Map<String, Value>) {
        map.extend([
            ("parent_id".into(), json!(self.parent)),
            ("owner_id".into(), json!(self.owner)),
            ("thread_metadata".into(), self.metadata(kind)),
            ("message_count".into(), json!(self.message_count)),
            ("member_count".into(), json!(self.member_count())),
            ("total_message_sent".into(), json!(self.sent_total)),
        ]);
        if let Some(tags) = &self.tags {
            map.insert("applied_tags".into(), json!(tags));
        }
    }

    fn metadata(&self, kind: u8) -> Value {
        let mut metadata = json!({
            "archived": self.archived, "locked": self.locked,
            "auto_archive_duration": self.auto_archive_minutes,
            "archive_timestamp": rfc3339(self.archive_changed_ms),
            "create_timestamp": rfc3339(self.created_ms),
        });
        if let Some(map) = metadata.as_object_mut().filter(|_| kind == PRIVATE_THREAD) {
            map.insert("invitable".into(), json!(self.invitable));
        }
        metadata
    }
}

/// A thread member object.
pub(crate) fn thread_member_json(thread: Snowflake, user: Snowflake, joined_ms: u64) -> Value {
    json!({"id": thread, "user_id": user, "join_timestamp": rfc3339(joined_ms), "flags": 0})
}

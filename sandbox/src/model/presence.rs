//! What the bot says of itself (op 3): its status and activities, for people and for sessions with GUILD_PRESENCES.
//!
//! People are always online: they are there whenever somebody acts as one of them.

use serde_json::{Map, Value, json};

use crate::snowflake::Snowflake;

/// Characters of an activity's name, state or details.
const TEXT_MAX: usize = 128;
/// Kinds of activity: playing to competing.
const KINDS: u64 = 5;

/// A status with activities.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Presence {
    status: &'static str,
    activities: Vec<Value>,
}

impl Presence {
    /// What is said of a bot that says nothing.
    pub(crate) const fn online() -> Self {
        Self {
            status: "online",
            activities: Vec::new(),
        }
    }

    /// A bot that is not there, or does not want to be seen.
    pub(crate) const fn offline() -> Self {
        Self {
            status: "offline",
            activities: Vec::new(),
        }
    }

    /// Reads `d` of op 3, or `presence` of op 2; `None` is one that Discord does not take.
    pub(crate) fn read(d: &Value, now_ms: u64) -> Option<Self> {
        let status = match d.get("status").and_then(Value::as_str) {
            Some("online") => "online",
            Some("idle") => "idle",
            Some("dnd") => "dnd",
            Some("invisible" | "offline") => return Some(Self::offline()),
            Some(_) | None => return None,
        };
        let activities = match d.get("activities") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(list)) => {
                let read = list.iter().map(|one| activity(one, now_ms));
                read.collect::<Option<_>>()?
            }
            Some(_) => return None,
        };
        Some(Self { status, activities })
    }

    /// The status as people see it.
    pub(crate) const fn status(&self) -> &'static str {
        self.status
    }

    /// The activities as Discord shows them.
    pub(crate) fn activities(&self) -> &[Value] {
        &self.activities
    }

    /// Discord's presence object.
    pub(crate) fn json(&self, user: Snowflake) -> Value {
        let mut devices = Map::new();
        if self.status != "offline" {
            devices.insert("web".to_owned(), json!(self.status));
        }
        json!({
            "user": {"id": user}, "status": self.status, "activities": self.activities,
            "client_status": devices,
        })
    }
}

/// An activity with the fields that a bot may set.
fn activity(sent: &Value, now_ms: u64) -> Option<Value> {
    let text = |key: &str| match sent.get(key) {
        None | Some(Value::Null) => Some(None),
        Some(Value::String(text)) if text.chars().count() <= TEXT_MAX => Some(Some(text)),
        Some(_) => None,
    };
    let kind = sent.get("type").and_then(Value::as_u64);
    let kind = kind.filter(|kind| *kind <= KINDS)?;
    let mut shown = json!({"name": text("name")??, "type": kind, "created_at": now_ms});
    let map = shown.as_object_mut()?;
    for key in ["state", "details", "url"] {
        if let Some(text) = text(key)? {
            map.insert(key.to_owned(), json!(text));
        }
    }
    Some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_presence_is_read_or_refused() {
        let read = |d: Value| Presence::read(&d, 7);
        let activity = json!({"name": "the logs", "type": 3, "state": "busy", "emoji": {}});
        let busy = read(json!({"status": "dnd", "activities": [activity], "since": 0})).unwrap();
        assert_eq!(busy.status(), "dnd");
        assert_eq!(
            busy.activities(),
            [json!({"name": "the logs", "type": 3, "state": "busy", "created_at": 7})]
        );
        let hidden = read(json!({"status": "invisible", "activities": []})).unwrap();
        assert_eq!(hidden, Presence::offline());
        for wrong in [
            json!({}),
            json!(null),
            json!({"status": "asleep"}),
            json!({"status": "online", "activities": {}}),
            json!({"status": "online", "activities": [{"type": 0}]}),
            json!({"status": "online", "activities": [{"name": "x", "type": 9}]}),
            json!({"status": "online", "activities": [{"name": "x".repeat(129), "type": 0}]}),
        ] {
            assert_eq!(read(wrong), None);
        }
    }
}

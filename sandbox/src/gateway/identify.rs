//! Reads what a client says when it identifies or resumes, and refuses it with Discord's close codes.

use serde_json::{Value, json};

use crate::guild::with;
use crate::world::World;

/// Intents that exist.
const INTENTS: u64 = (1 << 26) - 1;
/// GUILD_PRESENCES, the one privileged intent that this application was not granted.
const NOT_GRANTED: u64 = 1 << 8;
/// Members of one chunk.
const CHUNK: usize = 1000;

/// A close code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused(pub(crate) u16);

/// An accepted IDENTIFY.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Identify {
    pub(crate) intents: u64,
    /// Number and count.
    pub(crate) shard: (u64, u64),
    /// Whether large payloads are to be compressed one by one.
    pub(crate) compress: bool,
}

impl Identify {
    /// Reads `d` of op 2.
    pub(crate) fn read(d: &Value, token: &str) -> Result<Self, Refused> {
        check_token(d, token)?;
        let intents = d
            .get("intents")
            .and_then(Value::as_u64)
            .ok_or(Refused(4013))?;
        if intents & !INTENTS != 0 {
            return Err(Refused(4013));
        }
        if intents & NOT_GRANTED != 0 {
            return Err(Refused(4014));
        }
        let shard = match d.get("shard").filter(|shard| !shard.is_null()) {
            Some(shard) => {
                let part = |index: usize| shard.get(index).and_then(Value::as_u64);
                part(0)
                    .zip(part(1))
                    .filter(|(number, count)| number < count)
                    .ok_or(Refused(4010))?
            }
            None => (0, 1),
        };
        let compress = d.get("compress").and_then(Value::as_bool) == Some(true);
        Ok(Self {
            intents,
            shard,
            compress,
        })
    }
}

/// A readable RESUME.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Resume {
    pub(crate) session: String,
    pub(crate) seq: u64,
}

impl Resume {
    /// Reads `d` of op 6.
    pub(crate) fn read(d: &Value, token: &str) -> Result<Self, Refused> {
        check_token(d, token)?;
        let session = d
            .get("session_id")
            .and_then(Value::as_str)
            .ok_or(Refused(4002))?
            .to_owned();
        let seq = d.get("seq").and_then(Value::as_u64).ok_or(Refused(4007))?;
        Ok(Self { session, seq })
    }
}

fn check_token(d: &Value, token: &str) -> Result<(), Refused> {
    let sent = d.get("token").and_then(Value::as_str).unwrap_or_default();
    if sent.strip_prefix("Bot ").unwrap_or(sent) == token {
        Ok(())
    } else {
        Err(Refused(4004))
    }
}

impl World {
    /// Answers a request for guild members (op 8) with GUILD_MEMBERS_CHUNK.
    pub(crate) fn publish_members(&mut self, session: &str, d: &Value) {
        let guild = d
            .get("guild_id")
            .and_then(crate::field::as_id)
            .and_then(|id| self.guilds.get(&id));
        let Some(guild) = guild else { return };
        let prefix = d
            .get("query")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_lowercase();
        let people = guild
            .members
            .iter()
            .filter_map(|(id, member)| Some((member, self.users.get(id)?)));
        let wanted = people.filter(|(_, user)| user.username.to_lowercase().starts_with(&prefix));
        let list: Vec<Value> = wanted
            .take(CHUNK)
            .map(|(member, user)| member.json_with(user))
            .collect();
        let mut chunk =
            json!({"guild_id": guild.id, "members": list, "chunk_index": 0, "chunk_count": 1});
        if let Some(nonce) = d.get("nonce").filter(|nonce| nonce.is_string()) {
            chunk = with(chunk, "nonce", nonce.clone());
        }
        self.publish_to(session, "GUILD_MEMBERS_CHUNK", &chunk);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_have_discords_codes() {
        let read = |d: Value| Identify::read(&d, "t");
        assert_eq!(
            read(json!({"token": "Bot t", "intents": 1})),
            Ok(Identify {
                intents: 1,
                shard: (0, 1),
                compress: false
            })
        );
        assert_eq!(
            read(json!({"token": "x", "intents": 1})),
            Err(Refused(4004))
        );
        assert_eq!(
            read(json!({"token": "t", "intents": 1_u64 << 40})),
            Err(Refused(4013))
        );
        assert_eq!(
            read(json!({"token": "t", "intents": 256})),
            Err(Refused(4014))
        );
        assert_eq!(
            read(json!({"token": "t", "intents": 1, "shard": [1, 1]})),
            Err(Refused(4010))
        );
        assert_eq!(read(json!([])), Err(Refused(4004)));
    }
}

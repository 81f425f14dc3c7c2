//! Requests for guild members (op 8) and their answers in chunks.
//!
//! A request that Discord would not answer gets no answer here either: without the intent for what is asked for, or for
//! a guild that the bot is not in.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::field::as_id;
use crate::model::guild::{Guild, Member, User, with};
use crate::model::intents::{GUILD_MEMBERS, GUILD_PRESENCES};
use crate::snowflake::Snowflake;
use crate::world::World;

/// Members of one chunk.
const CHUNK: usize = 1000;
/// Members that a prefix finds, and ids that may be asked for at once.
const FOUND_MAX: usize = 100;
/// Bytes of a nonce; a longer one is not sent back.
const NONCE_MAX: usize = 32;
/// How often all members of a guild may be asked for, in milliseconds.
const WHOLE_EVERY_MS: u64 = 30_000;

/// AskedFor a request is about.
#[derive(Debug, PartialEq, Eq)]
enum AskedFor {
    Everyone,
    Prefix { prefix: String, limit: usize },
    Ids(Vec<String>),
}

impl AskedFor {
    fn read(d: &Value) -> Option<Self> {
        let query = d.get("query").and_then(Value::as_str);
        let ids = d.get("user_ids").filter(|ids| !ids.is_null());
        if let Some(ids) = ids {
            let one = |id: &Value| match id {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            };
            let list = match ids {
                Value::Array(list) => list.iter().map(one).collect::<Option<Vec<_>>>()?,
                single => vec![one(single)?],
            };
            return (list.len() <= FOUND_MAX).then_some(Self::Ids(list));
        }
        let prefix = query?.to_lowercase();
        let limit = d.get("limit").and_then(Value::as_u64)?;
        if prefix.is_empty() && limit == 0 {
            return Some(Self::Everyone);
        }
        let limit = usize::try_from(limit).unwrap_or(FOUND_MAX);
        let limit = if limit == 0 {
            FOUND_MAX
        } else {
            limit.min(FOUND_MAX)
        };
        Some(Self::Prefix { prefix, limit })
    }
}

/// Answers a request for guild members. `limited`: all members of a guild are not to be had again too soon.
pub(crate) fn publish_members(world: &mut World, session: &str, d: &Value, limited: bool) {
    let Some(wanted) = AskedFor::read(d) else {
        return;
    };
    let bot = world.application.id;
    let id = d.get("guild_id").and_then(as_id);
    let guild = id.and_then(|id| world.guilds.get(&id));
    let Some(guild) = guild.filter(|guild| guild.members.contains_key(&bot)) else {
        return;
    };
    let guild = guild.id;
    let Some(asking) = world.sessions.find(session) else {
        return;
    };
    let presences = d.get("presences").and_then(Value::as_bool) == Some(true);
    if (wanted == AskedFor::Everyone && !asking.has(GUILD_MEMBERS))
        || (presences && !asking.has(GUILD_PRESENCES))
    {
        return;
    }
    let nonce = d.get("nonce").and_then(Value::as_str);
    let nonce = nonce.filter(|nonce| nonce.len() <= NONCE_MAX);
    if limited && wanted == AskedFor::Everyone && asked_too_soon(world, session, guild, nonce) {
        return;
    }
    for chunk in chunks(world, guild, &wanted, presences, nonce) {
        world.publish_to(session, "GUILD_MEMBERS_CHUNK", &chunk);
    }
}

fn asked_too_soon(world: &mut World, session: &str, guild: Snowflake, nonce: Option<&str>) -> bool {
    let now_ms = world.now_ms();
    let asked = world.sessions.asked_ms.get(&guild);
    let since = asked.map_or(WHOLE_EVERY_MS, |asked| now_ms.saturating_sub(*asked));
    let Some(left_ms) = WHOLE_EVERY_MS.checked_sub(since).filter(|left| *left > 0) else {
        world.sessions.asked_ms.insert(guild, now_ms);
        return false;
    };
    let retry_after = std::time::Duration::from_millis(left_ms).as_secs_f64();
    let mut meta = json!({"guild_id": guild});
    if let Some(nonce) = nonce {
        meta = with(meta, "nonce", json!(nonce));
    }
    let d = json!({"opcode": 8, "retry_after": retry_after, "meta": meta});
    world.publish_to(session, "RATE_LIMITED", &d);
    true
}

fn chunks(
    world: &World,
    guild: Snowflake,
    wanted: &AskedFor,
    presences: bool,
    nonce: Option<&str>,
) -> Vec<Value> {
    let Some(guild) = world.guilds.get(&guild) else {
        return Vec::new();
    };
    let (found, not_found) = found(&world.users, guild, wanted);
    // An answer without members is one chunk as well.
    let parts: Vec<&[(&Member, &User)]> = match found.is_empty() {
        true => vec![&[]],
        false => found.chunks(CHUNK).collect(),
    };
    let count = parts.len();
    let chunk = |(index, part): (usize, &[(&Member, &User)])| {
        let members = part.iter().map(|(member, user)| member.json_with(user));
        let mut chunk = json!({
            "guild_id": guild.id, "members": members.collect::<Vec<_>>(),
            "chunk_index": index, "chunk_count": count,
        });
        if presences {
            let list = part.iter().map(|(_, user)| world.presence_of(user));
            chunk = with(chunk, "presences", list.collect());
        }
        if !not_found.is_empty() {
            chunk = with(chunk, "not_found", json!(not_found));
        }
        match nonce {
            Some(nonce) => with(chunk, "nonce", json!(nonce)),
            None => chunk,
        }
    };
    parts.into_iter().enumerate().map(chunk).collect()
}

fn found<'a>(
    users: &'a HashMap<Snowflake, User>,
    guild: &'a Guild,
    wanted: &AskedFor,
) -> (Vec<(&'a Member, &'a User)>, Vec<String>) {
    let pair = |id: &Snowflake| Some((guild.members.get(id)?, users.get(id)?));
    let all = || guild.members.keys().filter_map(pair);
    match wanted {
        AskedFor::Everyone => (all().collect(), Vec::new()),
        AskedFor::Prefix { prefix, limit } => {
            let named = |(_, user): &(&Member, &User)| {
                user.username.to_lowercase().starts_with(prefix.as_str())
            };
            (all().filter(named).take(*limit).collect(), Vec::new())
        }
        AskedFor::Ids(ids) => {
            let mut found = Vec::new();
            let mut not_found = Vec::new();
            for id in ids {
                match id.parse().ok().and_then(|id: Snowflake| pair(&id)) {
                    Some(member) => found.push(member),
                    None => not_found.push(id.clone()),
                }
            }
            (found, not_found)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_say_whom_they_want() {
        let prefix = |prefix: &str, limit| AskedFor::Prefix {
            prefix: prefix.to_owned(),
            limit,
        };
        for (d, wanted) in [
            (json!({"query": "", "limit": 0}), Some(AskedFor::Everyone)),
            (json!({"query": "", "limit": 5}), Some(prefix("", 5))),
            (json!({"query": "Op", "limit": 0}), Some(prefix("op", 100))),
            (
                json!({"query": "op", "limit": 500}),
                Some(prefix("op", 100)),
            ),
            (json!({"query": "op"}), None),
            (json!({}), None),
            (
                json!({"user_ids": ["1", "x"]}),
                Some(AskedFor::Ids(vec!["1".into(), "x".into()])),
            ),
            (
                json!({"user_ids": 5}),
                Some(AskedFor::Ids(vec!["5".into()])),
            ),
            (json!({"user_ids": [{}]}), None),
            (json!({"user_ids": vec!["1"; 101]}), None),
        ] {
            assert_eq!(AskedFor::read(&d), wanted, "{d}");
        }
    }
}

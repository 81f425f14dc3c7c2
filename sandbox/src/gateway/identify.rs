//! Reads what a client says when it identifies or resumes, and refuses it with Discord's close codes.

use serde_json::Value;

use super::close;
use crate::model::intents;
use crate::model::presence::Presence;
use crate::world::sessions::Terms;

/// The bounds of `large_threshold`, and what it is when nothing is said.
const LARGE: (u64, u64) = (50, 250);

/// A close code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused(pub(crate) u16);

/// An accepted IDENTIFY.
#[derive(Debug, PartialEq)]
pub(crate) struct Identify {
    pub(crate) terms: Terms,
    /// Whether large payloads are to be compressed one by one.
    pub(crate) compress: bool,
}

impl Identify {
    /// Reads `d` of op 2; `granted` are the privileged intents that the application may use.
    pub(crate) fn read(d: &Value, token: &str, granted: u64, now_ms: u64) -> Result<Self, Refused> {
        check_token(d, token)?;
        let intents = d.get("intents").and_then(Value::as_u64);
        let intents = intents
            .filter(|intents| intents & !intents::ALL == 0)
            .ok_or(Refused(close::INVALID_INTENTS))?;
        if intents & intents::PRIVILEGED & !granted != 0 {
            return Err(Refused(close::DISALLOWED_INTENTS));
        }
        let presence = match d.get("presence").filter(|presence| !presence.is_null()) {
            Some(presence) => read_presence(presence, now_ms)?,
            None => Presence::online(),
        };
        let large = d.get("large_threshold").and_then(Value::as_u64);
        let terms = Terms {
            intents,
            shard: shard(d)?,
            presence,
            large_threshold: large.map_or(LARGE.0, |large| large.clamp(LARGE.0, LARGE.1)),
        };
        let compress = d.get("compress").and_then(Value::as_bool) == Some(true);
        Ok(Self { terms, compress })
    }
}

/// A presence, or the close code for one that cannot be read.
pub(crate) fn read_presence(d: &Value, now_ms: u64) -> Result<Presence, Refused> {
    Presence::read(d, now_ms).ok_or(Refused(close::DECODE_ERROR))
}

fn shard(d: &Value) -> Result<(u64, u64), Refused> {
    let Some(shard) = d.get("shard").filter(|shard| !shard.is_null()) else {
        return Ok((0, 1));
    };
    let part = |index: usize| shard.get(index).and_then(Value::as_u64);
    let pair = part(0).zip(part(1));
    pair.filter(|(number, count)| number < count)
        .ok_or(Refused(close::INVALID_SHARD))
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
            .ok_or(Refused(close::DECODE_ERROR))?
            .to_owned();
        let seq = d.get("seq").and_then(Value::as_u64);
        let seq = seq.ok_or(Refused(close::INVALID_SEQ))?;
        Ok(Self { session, seq })
    }
}

fn check_token(d: &Value, token: &str) -> Result<(), Refused> {
    if !d.is_object() {
        return Err(Refused(close::DECODE_ERROR));
    }
    let sent = d.get("token").and_then(Value::as_str).unwrap_or_default();
    if sent.strip_prefix("Bot ").unwrap_or(sent) == token {
        Ok(())
    } else {
        Err(Refused(close::AUTHENTICATION_FAILED))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn refusals_have_discords_codes() {
        let granted = intents::GUILD_MEMBERS;
        let read = |d: Value| Identify::read(&d, "t", granted, 0).map_err(|Refused(code)| code);
        for (d, code) in [
            (json!({"token": "x", "intents": 1}), 4004),
            (json!({"intents": 1}), 4004),
            (json!({"token": "t", "intents": 1_u64 << 40}), 4013),
            (json!({"token": "t", "intents": -1}), 4013),
            (json!({"token": "t"}), 4013),
            (json!({"token": "t", "intents": 1 << 8}), 4014),
            (json!({"token": "t", "intents": 1 << 15}), 4014),
            (json!({"token": "t", "intents": 1, "shard": [1, 1]}), 4010),
            (json!({"token": "t", "intents": 1, "shard": [0, 0]}), 4010),
            (json!({"token": "t", "intents": 1, "shard": "0"}), 4010),
            (json!({"token": "t", "intents": 1, "presence": {}}), 4002),
            (json!([]), 4002),
            (Value::Null, 4002),
        ] {
            assert_eq!(read(d.clone()), Err(code), "{d}");
        }
    }

    #[test]
    fn an_identify_says_what_the_client_wants() {
        let d = json!({
            "token": "Bot t", "intents": (1 << 17) | 2, "shard": [1, 4], "compress": true, "large_threshold": 9000,
            "presence": {"status": "idle", "activities": [], "since": null, "afk": false},
            "properties": {}, "capabilities": 1,
        });
        let Identify { terms, compress } =
            Identify::read(&d, "t", intents::GUILD_MEMBERS, 0).unwrap();
        assert!(compress);
        assert_eq!((terms.intents, terms.shard), ((1 << 17) | 2, (1, 4)));
        assert_eq!(
            (terms.large_threshold, terms.presence.status()),
            (250, "idle")
        );
    }
}

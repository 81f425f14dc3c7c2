//! What a test stages: broken connections, faults, expired interactions, old messages.

use serde_json::{Value, json};

use super::ask::{Ask, Bad};
use crate::faults::{Aim, Fault};
use crate::limits::Scope;
use crate::model::guild::with;
use crate::model::intents::{GRANTS, row};
use crate::world::World;
use crate::world::sessions::Control;

pub(crate) mod guild;

/// The longest delay of an injected failure.
const DELAY_MAX_MS: u64 = 60_000;

/// Close codes that no frame may carry (RFC 6455, 7.4.1).
const NEVER_SENT: [u16; 4] = [1004, 1005, 1006, 1015];
/// Bytes of the path, and of the words, of an ordered fault.
const WORDS_MAX: usize = 2000;

/// `drop_gateway`
pub(crate) fn drop_gateway(world: &mut World, ask: Ask<'_>) -> Result<Value, Bad> {
    let control = match ask.optional_text("how")?.unwrap_or("tcp") {
        "tcp" => Control::Drop,
        "close" => {
            let code = ask.number("code")?.unwrap_or(4000);
            let valid = u16::try_from(code)
                .ok()
                .filter(|code| (1000..5000).contains(code) && !NEVER_SENT.contains(code));
            Control::Close(valid.ok_or_else(|| ask.bad("code", "it must be a close code"))?)
        }
        _ => return Err(ask.bad("how", "it must be tcp or close")),
    };
    let dropped = world.sessions.control(&control);
    if ask.flag("forget")? {
        world.sessions.forget_all();
    }
    Ok(json!({"dropped": dropped}))
}

/// `gateway_send`
pub(crate) fn gateway_send(world: &mut World, ask: Ask<'_>) -> Result<Value, Bad> {
    let op = ask
        .number("op")?
        .ok_or_else(|| ask.bad("op", "it is required"))?;
    let d = ask.value("d").cloned().unwrap_or(Value::Null);
    if op == 0 {
        let row = ask.value("t").and_then(Value::as_str).and_then(row);
        let row = row.ok_or_else(|| ask.bad("t", "it must be the name of an event"))?;
        return Ok(json!({"sent": world.publish_to_all(row.name, &d)}));
    }
    let frame = json!({"t": null, "s": null, "op": op, "d": d}).to_string();
    Ok(json!({"sent": world.sessions.control(&Control::Send(frame))}))
}

/// `application`: which privileged intents the bot was granted; sessions that are open keep what they have.
pub(crate) fn application(world: &mut World, ask: Ask<'_>) -> Result<Value, Bad> {
    if ask.value("privileged_intents").is_some() {
        let named = ask.list("privileged_intents")?.iter().map(|name| {
            let known = GRANTS.iter().find(|(known, ..)| name == known);
            known
                .map(|(_, intent, _)| *intent)
                .ok_or_else(|| ask.bad("privileged_intents", format!("there is no {name}")))
        });
        world.application.privileged_intents = named
            .collect::<Result<Vec<u64>, Bad>>()?
            .into_iter()
            .fold(0, |bits, bit| bits | bit);
    }
    let granted = world.application.privileged_intents;
    let held = GRANTS.iter().filter(|(_, intent, _)| granted & intent != 0);
    let names: Vec<&str> = held.map(|(name, ..)| *name).collect();
    Ok(json!({"privileged_intents": names, "flags": world.application_flags()}))
}

/// `ratelimit_next`
pub(crate) fn ratelimit_next(world: &mut World, ask: Ask<'_>) -> Result<Value, Bad> {
    let seconds = match ask.value("retry_after") {
        Some(value) => value.as_f64().filter(|s| (0.0..=3600.0).contains(s)),
        None => Some(1.0),
    };
    let seconds = seconds.ok_or_else(|| ask.bad("retry_after", "it must be 0 to 3600 seconds"))?;
    let scope = match ask.optional_text("scope")?.unwrap_or("user") {
        "user" => Scope::User,
        "shared" => Scope::Shared,
        "global" => Scope::Global,
        _ => return Err(ask.bad("scope", "it must be user, shared or global")),
    };
    let wait = std::time::Duration::from_secs_f64(seconds);
    let retry_after_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    order(
        world,
        ask,
        Fault::RateLimit {
            retry_after_ms,
            scope,
        },
    )
}

/// `fail_next`
pub(crate) fn fail_next(world: &mut World, ask: Ask<'_>) -> Result<Value, Bad> {
    let status = ask.number("status")?.unwrap_or(500);
    let status = u16::try_from(status)
        .ok()
        .filter(|status| (400..600).contains(status));
    let status = status.ok_or_else(|| ask.bad("status", "it must be 400 to 599"))?;
    let code = u32::try_from(ask.number("code")?.unwrap_or(0))
        .map_err(|_| ask.bad("code", "it is too large"))?;
    let message = ask
        .optional_text("message")?
        .map_or_else(|| format!("{status}: Ordered Failure"), str::to_owned);
    let delay_ms = ask.number("delay_ms")?.unwrap_or(0).min(DELAY_MAX_MS);
    let after_commit = ask.flag("after_commit")?;
    order(
        world,
        ask,
        Fault::Fail {
            status,
            code,
            message,
            after_commit,
            delay_ms,
        },
    )
}

/// `delay_next`: the answer comes late.
pub(crate) fn delay_next(world: &mut World, ask: Ask<'_>) -> Result<Value, Bad> {
    let delay_ms = ask
        .number("delay_ms")?
        .ok_or_else(|| ask.bad("delay_ms", "it is required"))?
        .min(DELAY_MAX_MS);
    order(world, ask, Fault::Delay { delay_ms })
}

/// `hang_next`: no answer comes for as long as the client waits.
pub(crate) fn hang_next(world: &mut World, ask: Ask<'_>) -> Result<Value, Bad> {
    let after_commit = ask.flag("after_commit")?;
    order(world, ask, Fault::Hang { after_commit })
}

/// `limits`: changes the rate limits that are given, and tells all of them.
pub(crate) fn limits(world: &mut World, ask: Ask<'_>) -> Result<Value, Bad> {
    let positive = |key: &str| match ask.number(key)? {
        Some(0) => Err(ask.bad(key, "it must be at least 1")),
        number => Ok(number),
    };
    let (global_per_s, invalid) = (positive("global_per_s")?, positive("invalid_requests")?);
    let message_bytes = positive("message_bytes")?;
    let message_bytes = message_bytes.and_then(|bytes| usize::try_from(bytes).ok());
    let keeping = &mut world.keeping;
    keeping.bytes_max = message_bytes.unwrap_or(keeping.bytes_max);
    let kept = json!({"message_bytes": keeping.bytes_max, "message_bytes_used": keeping.bytes});
    let on = ask.value("on").map(|_| ask.flag("on")).transpose()?;
    let limits = &mut world.limits;
    limits.on = on.unwrap_or(limits.on);
    limits.global_per_s = global_per_s.unwrap_or(limits.global_per_s);
    limits.invalid.limit = invalid.unwrap_or(limits.invalid.limit);
    let kept = with(kept, "on", json!(limits.on));
    let kept = with(kept, "global_per_s", json!(limits.global_per_s));
    Ok(with(kept, "invalid_requests", json!(limits.invalid.limit)))
}

/// `routes`: every route of the REST interface, for tests that walk all of them.
pub(crate) fn routes(_world: &mut World, _ask: Ask<'_>) -> Result<Value, Bad> {
    Ok(json!({"routes": crate::rest::routes()}))
}

fn order(world: &mut World, ask: Ask<'_>, fault: Fault) -> Result<Value, Bad> {
    let method = ask
        .optional_text("method")?
        .filter(|method| *method != "*")
        .map(str::to_ascii_uppercase);
    for key in ["path_glob", "message", "method"] {
        let text = ask.optional_text(key)?.unwrap_or_default();
        if text.len() > WORDS_MAX {
            return Err(ask.bad(key, format!("it must have at most {WORDS_MAX} bytes")));
        }
    }
    let path_glob = ask.optional_text("path_glob")?.unwrap_or("*").to_owned();
    let count = ask.number("count")?.unwrap_or(1);
    let ordered = world.faults.order(
        Aim {
            method,
            path_glob,
            count,
        },
        fault,
    );
    ordered.map_err(|error| Bad::body(error.to_string()))?;
    Ok(json!({}))
}

/// `expire_interaction`: unanswered, its 3 seconds are over; answered, its 15 minutes are.
pub(crate) fn expire_interaction(world: &mut World, ask: Ask<'_>) -> Result<Value, Bad> {
    let interaction = world.interactions.find_mut(ask.id("interaction_id")?);
    let interaction =
        interaction.ok_or_else(|| ask.bad("interaction_id", "there is no such interaction"))?;
    interaction.expired = true;
    let channel = interaction.channel;
    world.touch(channel);
    Ok(json!({}))
}

/// `age_message`: makes a message older by so many seconds, for what Discord forbids on old ones.
pub(crate) fn age_message(world: &mut World, ask: Ask<'_>) -> Result<Value, Bad> {
    let seconds = ask
        .number("seconds")?
        .ok_or_else(|| ask.bad("seconds", "it is required"))?;
    let channel = world.channels.get_mut(&ask.id("channel_id")?);
    let channel = channel.ok_or_else(|| ask.bad("channel_id", "there is no such channel"))?;
    let message = channel.messages.get_mut(&ask.id("message_id")?);
    let message = message.ok_or_else(|| ask.bad("message_id", "there is no such message"))?;
    message.created_ms = message
        .created_ms
        .saturating_sub(seconds.saturating_mul(1000));
    Ok(json!({}))
}

/// `age_thread`: makes the last activity in a thread older by so many minutes; Discord's clock may archive it then.
pub(crate) fn age_thread(world: &mut World, ask: Ask<'_>) -> Result<Value, Bad> {
    let minutes = ask.number("minutes")?;
    let minutes = minutes.ok_or_else(|| ask.bad("minutes", "it is required"))?;
    if world.age_thread(ask.id("channel_id")?, minutes) {
        Ok(json!({}))
    } else {
        Err(ask.bad("channel_id", "there is no such thread"))
    }
}

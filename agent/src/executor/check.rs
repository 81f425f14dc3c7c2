//! May this order be carried out here? What no order may say is known to [`shanty_core::order`]; what hangs on this host, its users and
//! the time is in this file. What follows it believes the order.
//!
//! The controller checks most of this too. An agent does not rely on it.

use std::path::Path;

use nix::unistd::Uid;
use prost::Message as _;
use shanty_core::causes::chain;
use shanty_core::ids::AgentId;
use shanty_core::limits;
use shanty_core::order::{Order, OrderError};
use shanty_core::output::mask::SecretFiles;
use shanty_core::refusal::Code;
use shanty_core::text::sentence;
use shanty_core::time::LinkTime;
use shanty_proto::convert::{ReceivedOrder, order_from_wire};
use shanty_proto::v1;

use super::{ClockOffset, Config, Refusal};
use crate::mask;
use crate::shim::command::{Account, AccountError};

/// Reads exactly the bytes that the controller sent, as an order for us that names its run. What it says is still to be refused, or not.
pub(super) fn parse(bytes: &[u8], us: AgentId) -> Result<ReceivedOrder, Refusal> {
    let max = limits::ORDER_BYTES_MAX;
    if bytes.len() > max {
        let text = format!(
            "The order has {} bytes, over the limit of {max}.",
            bytes.len()
        );
        return Err(Refusal::new(Code::TooLong, text));
    }
    let order = v1::ExecutionOrder::decode(bytes)
        .map_err(|_| Refusal::new(Code::Unsupported, "The order cannot be parsed."))?;
    let received = order_from_wire(order).map_err(|error| {
        let text = format!("The order is malformed: {}.", chain(&error));
        Refusal::new(Code::Unsupported, text)
    })?;
    if received.agent != us {
        let text = format!(
            "The order is for agent {}, and this is {us}.",
            received.agent
        );
        return Err(Refusal::new(Code::Denied, text));
    }
    Ok(received)
}

/// The refusal of an order that says what none may.
pub(super) fn refused(error: &OrderError) -> Refusal {
    Refusal::new(error.code(), sentence(&error.to_string()))
}

/// Checks that the secrets of this host can be masked: what could print them must not run otherwise. The shim reads them anew. Blocks.
pub(super) fn secrets(files: &SecretFiles) -> Result<(), Refusal> {
    mask::load(files).map(drop).map_err(|why| {
        let text = format!("The secrets named in [mask] of agent.toml cannot be masked: {why}.");
        Refusal::new(Code::Agent, text)
    })
}

/// Checks what hangs on the time, with so much patience, and on this host, and finds the user: none when that is the agent's own. Blocks: it looks at users and
/// folders.
pub(super) fn check(
    order: &Order,
    config: &Config,
    clock: ClockOffset,
    late_ms_max: u64,
) -> Result<Option<String>, Refusal> {
    let now = LinkTime::from_ms(clock.now_ms());
    in_time(order.not_after, now, late_ms_max)?;
    if order.what.upkeep().is_some() {
        if config.upkeep.is_empty() {
            let text = "This agent was started so that it cannot look after itself.";
            return Err(Refusal::new(Code::Unsupported, text));
        }
        return Ok(None);
    }
    order.cwd.as_deref().map_or(Ok(()), folder)?;
    user(order.options.run_as.as_deref(), &config.run_as)
}

/// Checks what the owner of the host allows, for the user that the command would run as: none is the agent's own. Blocks.
pub(super) fn policy(order: &Order, config: &Config, run_as: Option<&str>) -> Result<(), Refusal> {
    let rules = std::sync::Arc::clone(&config.policy.rules.borrow());
    if let Some(upkeep) = order.what.upkeep() {
        return rules.upkeep(upkeep);
    }
    match run_as {
        Some(user) => rules.check(order, user),
        None => {
            let own = Account::find(None)
                .map_err(|error| Refusal::new(Code::RunAs, cannot_be_used(&error)))?;
            rules.check(order, own.name())
        }
    }
}

fn in_time(not_after: LinkTime, now: LinkTime, late_ms_max: u64) -> Result<(), Refusal> {
    if now > not_after.plus_ms(late_ms_max) {
        let late = now.since_ms(not_after);
        let text = format!("The order reached the host {late} ms too late and was not run.");
        return Err(Refusal::new(Code::Expired, text));
    }
    // What may start later than we remember what was started could start twice.
    if not_after.since_ms(now) > limits::ORDER_MEMORY_MS {
        let text = "The order is valid for longer than the agent remembers orders.";
        return Err(Refusal::new(Code::Expired, text));
    }
    Ok(())
}

fn folder(cwd: &str) -> Result<(), Refusal> {
    if Path::new(cwd).is_dir() {
        return Ok(());
    }
    let text = format!(
        "The working directory {} is not a folder on this host.",
        cwd.escape_debug()
    );
    Err(Refusal::new(Code::NotFound, text))
}

/// The user to become, by name; none for the agent's own. No name asks for the first that is allowed.
fn user(asked: Option<&str>, allowed: &[String]) -> Result<Option<String>, Refusal> {
    let refused = |text: String| Refusal::new(Code::RunAs, text);
    let own = Account::find(None).map_err(|error| refused(cannot_be_used(&error)))?;
    let name = match (asked, allowed.first()) {
        (None, Some(first)) => first.as_str(),
        (None, None) if Uid::effective().is_root() => {
            let text = "This agent is root and no user is configured that commands may run as.";
            return Err(refused(text.to_owned()));
        }
        (None, None) => return Ok(None),
        (Some(asked), _) => asked,
    };
    let permitted = if allowed.is_empty() {
        name == own.name() && !Uid::effective().is_root()
    } else {
        allowed.iter().any(|user| user == name)
    };
    if !permitted {
        let shown: String = name.escape_debug().take(40).collect();
        let instead = instead(allowed, own.name());
        return Err(refused(format!(
            "This agent runs nothing as `{shown}`. {instead}"
        )));
    }
    let account = Account::find(Some(name)).map_err(|error| refused(cannot_be_used(&error)))?;
    if account.name() == own.name() {
        return Ok(None);
    }
    if !Uid::effective().is_root() {
        let text = format!(
            "This agent is not root and cannot become {}.",
            account.name()
        );
        return Err(refused(text));
    }
    Ok(Some(account.name().to_owned()))
}

/// The users that are allowed.
fn instead(allowed: &[String], own: &str) -> String {
    const NAMED_MAX: usize = 8;
    match allowed {
        [] if Uid::effective().is_root() => {
            "None is allowed there: `run_as` in its agent.toml lists them.".to_owned()
        }
        [] => format!("Allowed there: {own}."),
        [users @ .., _] if users.len() >= NAMED_MAX => {
            let users = allowed.get(..NAMED_MAX).unwrap_or(allowed);
            format!("Allowed there: {} and others.", users.join(", "))
        }
        users => format!("Allowed there: {}.", users.join(", ")),
    }
}

fn cannot_be_used(error: &AccountError) -> String {
    format!("The user cannot be used: {error}.")
}

#[cfg(test)]
mod tests;

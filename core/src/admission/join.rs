//! Who may join, and who is removed for good. Removing is asked on the controller's machine only.

use crate::ask::{Answer, TokenRequest};
use crate::journal::{HostChange, HostEntry, Kind};
use crate::limits;
use crate::policy::Verb;
use crate::refusal::{Code, Refusal};
use crate::selector::Selector;
use crate::text;

use super::caller::Caller;
use super::{Change, Context};

/// Asks to remove a host for good.
pub(super) fn remove_host(ctx: &Context<'_>, name: &str) -> Result<Change, Refusal> {
    let Some((agent, host)) = ctx.state.host_named(name) else {
        let shown = text::shown(name, 80);
        let what = format!("There is no host named {shown}. Nothing was removed.");
        let next = "`shanty hosts` shows all.";
        return Err(Refusal::new(Code::NotFound, what, next));
    };
    let name = host.enrolment.name.clone();
    let answer = Answer::HostRemoved { name };
    Ok(Change::one(HostChange::Revoked.of(agent), answer))
}

/// Asks that the name of a host that was removed may be taken again. Until then nobody is taken for it.
pub(super) fn free_name(ctx: &Context<'_>, name: &str) -> Result<Change, Refusal> {
    let shown = text::shown(name, 80);
    if ctx.state.host_named(name).is_some() {
        let what = format!("{shown} has joined and was not removed. Nothing was freed.");
        let next = "`shanty hosts remove` removes it for good.";
        return Err(Refusal::new(Code::NameTaken, what, next));
    }
    let hosts = ctx.state.hosts.iter();
    let keeps = |host: &HostEntry| host.keeps_name() && host.enrolment.name.as_str() == name;
    let removed: Vec<_> = hosts.filter(|(_, host)| keeps(host)).collect();
    let Some((_, host)) = removed.first() else {
        let what =
            format!("No host named {shown} was removed, or its name is free. Nothing was freed.");
        let next = "Write the whole name, as it was.";
        return Err(Refusal::new(Code::NotFound, what, next));
    };
    let name = host.enrolment.name.clone();
    let freed = removed
        .iter()
        .map(|(agent, _)| HostChange::NameFreed.of(**agent));
    Ok(Change {
        kinds: freed.collect(),
        answer: Answer::NameFreed { name },
    })
}

/// Whoever chooses the labels and the name of a host chooses whose grants hold it: a grant for some hosts says nothing of one that is to come.
fn manages_all(ctx: &Context<'_>, caller: &Caller<'_>, done: &str) -> Result<(), Refusal> {
    let all = match caller {
        Caller::Socket { .. } => true,
        Caller::Person { who, .. } => ctx.settings.policy.gives_all(*who, Verb::Manage),
    };
    if all {
        return Ok(());
    }
    let what = format!("You manage some hosts here, and a host that joins may become any. {done}");
    let next =
        "Ask somebody who manages `all`, or who may use `shanty` on the controller's machine.";
    Err(Refusal::new(Code::Denied, what, next))
}

/// Asks for a join token.
pub(super) fn create_token(
    ctx: &Context<'_>,
    caller: &Caller<'_>,
    token: &TokenRequest,
) -> Result<Change, Refusal> {
    manages_all(ctx, caller, "No token was made.")?;
    if !(1..=limits::TOKEN_USES_MAX).contains(&token.uses_max) {
        let what = format!(
            "A token takes 1 to {} uses. No token was made.",
            limits::TOKEN_USES_MAX
        );
        let next = match token.uses_max {
            0 => "Write for example `5`.",
            _ => "Make several tokens for more hosts.",
        };
        return Err(Refusal::new(Code::BadOption, what, next));
    }
    if !(1_000..=limits::TOKEN_MS.1).contains(&token.ttl_ms) {
        let what = "A token lives from 1s to 7d. No token was made.";
        let next = "Write for example `30m`.";
        return Err(Refusal::new(Code::Duration, what, next));
    }
    if !token.names.is_empty()
        && let Err(errors) = Selector::parse_for_token(&token.names)
    {
        let why: Vec<String> = errors.iter().map(ToString::to_string).collect();
        let what = format!(
            "The names of a token cannot be read: {}. No token was made.",
            why.join("; ")
        );
        let next = "Write for example `web-[01-20]` or `web-*`.";
        return Err(Refusal::new(Code::Selector, what, next));
    }
    let expires_ms = ctx.now_ms.saturating_add(token.ttl_ms);
    let kind = Kind::TokenCreated {
        token: token.id.clone(),
        secret_sha256: token.secret_sha256,
        labels: token.labels.clone(),
        names: token.names.clone(),
        uses_max: token.uses_max,
        expires_ms,
    };
    Ok(Change::one(kind, Answer::TokenCreated { expires_ms }))
}

/// Asks to void a join token.
pub(super) fn revoke_token(
    ctx: &Context<'_>,
    caller: &Caller<'_>,
    id: &str,
) -> Result<Change, Refusal> {
    manages_all(ctx, caller, "Nothing was revoked.")?;
    if ctx.state.tokens.contains_key(id) {
        let token = id.to_owned();
        let kind = Kind::TokenRevoked { token };
        return Ok(Change::one(kind, Answer::TokenRevoked));
    }
    let next = "`shanty token list` shows the ids of all.";
    Err(Refusal::new(
        Code::NotFound,
        "There is no such token. Nothing was revoked.",
        next,
    ))
}

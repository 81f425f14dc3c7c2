//! Who may join, and who is removed for good: asked on the controller's machine only.

use crate::ask::{Answer, TokenRequest};
use crate::journal::{HostChange, Kind};
use crate::limits;
use crate::refusal::{Code, Refusal};
use crate::text;

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

/// Asks for a join token.
pub(super) fn create_token(ctx: &Context<'_>, token: &TokenRequest) -> Result<Change, Refusal> {
    if !(1..=limits::TOKEN_USES_MAX).contains(&token.uses_max) {
        let what = format!(
            "A token takes 1 to {} uses. No token was made.",
            limits::TOKEN_USES_MAX
        );
        let next = "Make several tokens for more hosts.";
        return Err(Refusal::new(Code::TooLong, what, next));
    }
    if !(1_000..=limits::TOKEN_MS.1).contains(&token.ttl_ms) {
        let what = "A token lives from 1s to 7d. No token was made.";
        let next = "Write for example `30m`.";
        return Err(Refusal::new(Code::Duration, what, next));
    }
    let expires_ms = ctx.now_ms.saturating_add(token.ttl_ms);
    let kind = Kind::TokenCreated {
        token: token.id.clone(),
        secret_sha256: token.secret_sha256,
        labels: token.labels.clone(),
        uses_max: token.uses_max,
        expires_ms,
    };
    Ok(Change::one(kind, Answer::TokenCreated { expires_ms }))
}

/// Asks to void a join token.
pub(super) fn revoke_token(ctx: &Context<'_>, id: &str) -> Result<Change, Refusal> {
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

//! Asks Discord where people stand in their guilds, when the hub wants to know it before something of theirs starts later than they asked.

use std::sync::Arc;

use shanty_core::causes::chain;
use shanty_core::members::{Member, Membership};

use super::Edge;
use super::error::{SendError, UNKNOWN_MEMBER, UNKNOWN_USER};

/// Answers until shutdown, one after another: the hub asks about each once at a time.
pub(super) async fn hear(edge: Arc<Edge>) -> anyhow::Result<()> {
    let mut asked = edge.hub.members();
    loop {
        let next = asked.borrow_and_update().first().copied();
        let waiting = async {
            match next {
                Some(member) => {
                    let membership = membership(&edge, member).await;
                    edge.hub.member_heard(member, membership).await;
                    asked
                        .wait_for(|asked| !asked.contains(&member))
                        .await
                        .is_ok()
                }
                None => asked.changed().await.is_ok(),
            }
        };
        let goes = tokio::select! {
            () = edge.shutdown.cancelled() => return Ok(()),
            goes = waiting => goes,
        };
        if !goes {
            // The hub is gone: the process stops.
            edge.shutdown.cancelled().await;
            return Ok(());
        }
    }
}

/// Where somebody stands; nothing when Discord does not say.
async fn membership(edge: &Edge, member: Member) -> Option<Membership> {
    // An id that Discord never gives is nobody's.
    let Ok(call) = edge.requests.read_member(member) else {
        return Some(Membership::Gone);
    };
    let answer = edge.sender.call(&call).await;
    match answer.and_then(|answer| answer.roles()) {
        Ok(roles) => Some(Membership::Roles(roles)),
        Err(error) if is_gone(&error) => Some(Membership::Gone),
        Err(error) => {
            tracing::warn!(
                user = member.user,
                error = chain(&error),
                "it is not known whether somebody still may run what waits; asked again"
            );
            None
        }
    }
}

const fn is_gone(error: &SendError) -> bool {
    match error {
        SendError::Discord { status, code, .. } => {
            *status == 404 && matches!(*code, UNKNOWN_MEMBER | UNKNOWN_USER)
        }
        SendError::Timeout(_)
        | SendError::Unreached(_)
        | SendError::Connection(_)
        | SendError::RateLimited { .. }
        | SendError::Unauthorized
        | SendError::Body(_)
        | SendError::TooLong
        | SendError::Malformed(_) => false,
    }
}

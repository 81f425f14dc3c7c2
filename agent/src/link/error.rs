//! Why a link broke, in words for whoever looks after the host.

use std::error::Error;
use std::time::Duration;

use shanty_core::causes::innermost;
use shanty_core::ids::AgentId;
use shanty_core::link::sender::PastEnd;
use thiserror::Error;

use super::wire::BadMessage;
use crate::failure::words;

/// Why a link broke.
#[derive(Debug, Error)]
pub(crate) enum LinkError {
    /// gRPC ended with an error.
    #[error("{0}")]
    Broken(String),
    /// The controller closed it.
    #[error("the controller closed the link")]
    Closed,
    /// No message for too long.
    #[error("the controller was silent for {} s", .0.as_secs())]
    Silent(Duration),
    /// No `Welcome` in time.
    #[error("the controller did not greet")]
    NoWelcome,
    /// A message that makes no sense.
    #[error(transparent)]
    BadMessage(#[from] BadMessage),
    /// It acknowledged, or asked for, what does not exist.
    #[error("the controller named bytes that there are not")]
    PastEnd(#[from] PastEnd),
    /// The other process has ended.
    #[error("the executor has gone; is `shanty-agent executor` running?")]
    Executor,
    /// The host joined anew while one of the two processes went on.
    #[error(
        "the executor works as agent {executor}, and the link as agent {link}: this host joined anew. Restart both: \
         `systemctl restart shanty-executor shanty-agent`"
    )]
    OtherAgent {
        /// As the executor said.
        executor: AgentId,
        /// Ourselves.
        link: AgentId,
    },
    /// What a controller that signs says is signed.
    #[error(
        "the controller did not sign its time, or not with the key that this host knows. If its key was replaced on purpose, let the host \
         join again"
    )]
    Time,
    /// More at once than an agent takes.
    #[error("the controller sends more than it reads, or more orders than can be taken")]
    Flood,
}

impl From<tonic::Status> for LinkError {
    /// Keeps what a person needs: the controller's own words, or the innermost cause. A status prints itself with all its layers.
    fn from(status: tonic::Status) -> Self {
        let cause = status.source().map(innermost);
        Self::Broken(cause.map_or_else(|| words(&status), ToString::to_string))
    }
}

/// Nothing that is signed for one of them counts for the other. An executor that is older does not say whom it works as.
pub(super) fn same_agent(executor: Option<AgentId>, link: AgentId) -> Result<(), LinkError> {
    match executor {
        Some(executor) if executor != link => Err(LinkError::OtherAgent { executor, link }),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_executor_of_another_agent_is_named_and_what_to_do() {
        let [one, other] = [1, 2].map(|n| AgentId::from_bytes([n; 16]));
        assert!(same_agent(Some(one), one).is_ok() && same_agent(None, one).is_ok());
        let said = same_agent(Some(one), other).unwrap_err().to_string();
        for part in [&one.to_string(), &other.to_string(), "systemctl restart"] {
            assert!(said.contains(part), "{said}");
        }
    }
}

//! Certificates of agents, as the hub's shell hands them out.

use std::time::SystemTime;

use shanty_core::hub::{Joined, Ticket};
use shanty_core::ids::AgentId;

use super::{Identity, Shell};

impl Shell {
    /// Signs what a host wants signed; nothing when that cannot be.
    pub(super) fn issue(&self, ticket: Ticket, agent: AgentId) -> Option<Vec<u8>> {
        let (csr, _) = self.joins.get(&ticket)?;
        match self
            .ca
            .issue_agent(csr, *agent.as_bytes(), SystemTime::now())
        {
            Ok(chain) => chain.first().map(|leaf| leaf.to_vec()),
            Err(error) => {
                tracing::error!(%error, "no certificate could be issued");
                None
            }
        }
    }

    /// A leaf with the certificates above it.
    pub(super) fn with_chain(&self, joined: Joined) -> Identity {
        let above = self.ca.issuers();
        let chain = std::iter::once(joined.leaf);
        Identity {
            agent: joined.agent,
            name: joined.name,
            chain: chain
                .chain(above.into_iter().map(|der| der.to_vec()))
                .collect(),
        }
    }
}

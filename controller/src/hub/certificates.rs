//! Certificates of agents, as the hub's shell hands them out.

use std::time::{Duration, SystemTime};

use shanty_certs::csr::Csr;
use shanty_core::ask::Answer;
use shanty_core::authority::AuthorityChange;
use shanty_core::hub::{Event, Joined, Renewal, Ticket};
use shanty_core::ids::AgentId;
use shanty_core::principal::Actor;
use shanty_core::refusal::Refusal;

use super::message::Reply;
use super::moment::fresh;
use super::{Chain, Identity, JoinRequest, Shell};

impl Shell {
    pub(super) fn join(&mut self, join: JoinRequest, reply: Reply<Identity>) {
        let ticket = self.ticket();
        let wanted = join.wanted();
        self.joins.insert(ticket, (join.csr, reply));
        self.take(Event::Joining {
            ticket,
            join: wanted,
            fresh: fresh(),
        });
    }

    /// A step of the authority that they come from.
    pub(super) fn step(&mut self, by: Actor, change: Box<AuthorityChange>, reply: Reply<Answer>) {
        let ticket = self.ticket();
        self.tickets.insert(ticket, reply);
        self.take(Event::Authority(ticket, by, change));
    }

    pub(super) fn renew(&mut self, renewal: Renewal, csr: Csr, reply: Reply<Chain>) {
        let ticket = self.ticket();
        self.renewals.insert(ticket, (csr, reply));
        self.take(Event::Renewing { ticket, renewal });
    }

    pub(super) fn renewed(&mut self, ticket: Ticket, renewed: Result<Vec<u8>, Refusal>) {
        if let Some((_, reply)) = self.renewals.remove(&ticket) {
            reply.send(renewed.map(|leaf| self.chain(leaf))).ok(); // the host has gone
        }
    }

    /// Signs what a host wants signed; nothing when that cannot be.
    pub(super) fn issue(&self, ticket: Ticket, agent: AgentId) -> Option<Vec<u8>> {
        let joining = self.joins.get(&ticket).map(|(csr, _)| csr);
        let csr = joining.or_else(|| self.renewals.get(&ticket).map(|(csr, _)| csr))?;
        let life = Duration::from_millis(self.machine.known().settings.identities.leaf_ms);
        match self
            .ca
            .issue_agent(csr, *agent.as_bytes(), SystemTime::now(), life)
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
        Identity {
            agent: joined.agent,
            name: joined.name,
            chain: self.chain(joined.leaf),
        }
    }

    fn chain(&self, leaf: Vec<u8>) -> Chain {
        let above = self.ca.issuers_of(&leaf);
        let above = above.into_iter().map(|der| der.to_vec());
        std::iter::once(leaf).chain(above).collect()
    }
}

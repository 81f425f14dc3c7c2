//! The join service: turns a token and a request into an identity. Everything is decided by the hub.

use std::sync::Arc;

use shanty_certs::ca::Ca;
use shanty_certs::orders::OrderKeys;
use shanty_proto::v1;
use tonic::{Request, Response, Status};
use zeroize::Zeroizing;

use super::accept::Peer;
use super::backlog::{Rates, network};
use super::renewal;
use crate::hub::{Handle, JoinRequest};
use crate::log;
use crate::status::status;

/// The service on the join listener.
pub(super) struct Enroll {
    pub(super) hub: Handle,
    /// What hosts check orders with.
    pub(super) orders: Arc<OrderKeys>,
    /// Whose certificates are renewed late.
    pub(super) ca: Arc<Ca>,
    /// What agents are told to dial; nothing lets the agent take the host that it dialled, with the link's port.
    pub(super) public: Option<String>,
    pub(super) link_port: u16,
    /// How often it may be asked.
    pub(super) rates: Rates,
}

#[tonic::async_trait]
impl v1::enroll_server::Enroll for Enroll {
    async fn join(
        &self,
        request: Request<v1::JoinRequest>,
    ) -> Result<Response<v1::JoinReply>, Status> {
        let from = request.extensions().get::<Peer>().map(|peer| peer.from);
        if let Some(from) = from {
            self.rates.turn(from).await;
        }
        let request = request.into_inner();
        let csr = renewal::csr(&request.csr).inspect_err(|refused| {
            if let Some(from) = from {
                log::of(log::Peer::Network(network(from)), || tracing::warn!(peer.address = %from, "a signing request was refused: {}", refused.message()));
            }
        })?;
        let join = JoinRequest {
            token: request.token_id,
            secret: Zeroizing::new(request.token_secret),
            name: request.name,
            csr,
        };
        let joined = self
            .hub
            .join(join)
            .await
            .map_err(|refusal| status(&refusal))?;
        tracing::info!(peer.address = ?from, host = %joined.name, agent.id = %joined.agent, "a host has joined");
        // Port only: the agent puts the host in front that it dialled, which is known to work from there.
        let link = self
            .public
            .clone()
            .unwrap_or_else(|| format!(":{}", self.link_port));
        Ok(Response::new(v1::JoinReply {
            agent: joined.agent.to_string(),
            name: joined.name.to_string(),
            chain: joined.chain,
            link,
            // While another takes its place, of the former: who joins takes up the new one as others do, once it says what it knows.
            order_key: self.orders.for_host(&[]).public().as_bytes().to_vec(),
        }))
    }

    async fn renew_late(
        &self,
        request: Request<v1::RenewLateRequest>,
    ) -> Result<Response<v1::RenewReply>, Status> {
        let peer = request.extensions().get::<Peer>().cloned();
        let peer = peer.ok_or_else(|| Status::unauthenticated("a connection is required"))?;
        self.rates.turn(peer.from).await;
        let renewed = renewal::late(&self.hub, &self.ca, peer.binding, request.into_inner());
        let (agent, reply) = renewed.await.inspect_err(|refused| {
            log::of(log::Peer::Network(network(peer.from)), || tracing::warn!(peer.address = %peer.from, "a late renewal was refused: {}", refused.message()));
        })?;
        tracing::info!(peer.address = %peer.from, agent.id = %agent, "a host renewed its certificate after it ran out");
        Ok(Response::new(reply))
    }
}

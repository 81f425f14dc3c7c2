//! The join service: turns a token and a request into an identity. Everything is decided by the hub.

use shanty_certs::csr::Csr;
use shanty_certs::orders::OrderPublicKey;
use shanty_core::refusal::{Code, Refusal};
use shanty_proto::v1;
use tonic::{Request, Response, Status};
use zeroize::Zeroizing;

use super::accept::Peer;
use super::backlog::{Rates, network};
use crate::hub::{Handle, JoinRequest};
use crate::log;
use crate::status::status;

/// The service on the join listener.
pub(super) struct Enroll {
    pub(super) hub: Handle,
    /// What hosts check orders with.
    pub(super) order_key: OrderPublicKey,
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
        let csr = Csr::check(&request.csr).map_err(|error| {
            if let Some(from) = from {
                log::of(log::Peer::Network(network(from)), || tracing::warn!(peer.address = %from, %error, "a signing request was refused"));
            }
            let what = format!("The certificate signing request is not one of ours: {error}.");
            status(&Refusal::new(
                Code::Csr,
                what,
                "Use the agent of this version.",
            ))
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
            order_key: self.order_key.as_bytes().to_vec(),
        }))
    }
}

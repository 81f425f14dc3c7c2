//! The two listeners for agents: one to join, one to keep a link. Knows nothing of chat.

mod accept;
mod agents;
mod backlog;
mod budgets;
mod connection;
mod install;
mod join;
mod pump;
mod renewal;
mod seats;
mod signer;
mod visit;

use accept::{Allowed, Listener};
use backlog::Rates;
use budgets::Budgets;

use std::sync::Arc;

use nix::sys::socket::{setsockopt, sockopt};
use shanty_certs::ca::Ca;
use shanty_certs::orders::OrderKeys;
use shanty_certs::revocation::Revoked;
use shanty_certs::tls;
use shanty_core::limits;
use shanty_proto::v1::agents_server::AgentsServer;
use shanty_proto::v1::enroll_server::EnrollServer;
use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic::transport::Server;

use crate::authority::Authority;
use crate::hub;
use crate::install::Installer;
use crate::store::{Inputs, Output};
use crate::supervise::Supervisor;

/// HTTP/2 window of a link, bytes: what may be on its way before the controller has read it.
const WINDOW_BYTES: u32 = 1024 * 1024;

/// Links at once: what one controller is made for.
const LINKS_MAX: usize = 20_000;
/// Connections to the join listener at once, and those of one network. Past it, who has come to a stop makes room.
const JOINS_MAX: usize = 256;
/// See [`JOINS_MAX`].
const JOINS_NETWORK_MAX: usize = 64;
/// How long each may last.
const JOIN_AGE: std::time::Duration = std::time::Duration::from_secs(30);
/// The same of one with a download that moves: what a slow line needs for an agent.
const DOWNLOAD_AGE: std::time::Duration = std::time::Duration::from_secs(600);
/// What the system takes of an answer before its peer read it, bytes: so that what was taken is soon read too.
const SEND_BYTES: usize = 256 * 1024;

/// What the listeners need.
pub struct Parts {
    /// Proves that we are the controller.
    pub ca: Arc<Ca>,
    /// When its issuing key is replaced.
    pub authority: Authority,
    /// Signs what hosts are told to run.
    pub orders: Arc<OrderKeys>,
    /// Whose certificates are good for nothing any more: the hub's own set.
    pub revoked: Revoked,
    /// The hub.
    pub hub: hub::Handle,
    /// Where output goes.
    pub output: Output,
    /// What commands are given.
    pub inputs: Inputs,
    /// host:port that agents dial from now on; nothing means what they dialled to join, with the link's port.
    pub public: Option<String>,
    /// What new hosts are installed with.
    pub installer: Installer,
    /// How long a certificate of an agent is good, milliseconds.
    pub leaf_ms: u64,
}

/// Starts both listeners.
///
/// # Errors
/// The TLS configurations cannot be built from the authority's files.
pub fn start(
    supervisor: &mut Supervisor,
    links: TcpListener,
    joins: TcpListener,
    parts: Parts,
) -> anyhow::Result<()> {
    let link_port = links.local_addr()?.port();
    let link_tls = tls::link_server(&parts.ca, parts.revoked)?;
    let join_tls = tls::join_server(&parts.ca)?;
    let domain = parts.ca.trust_domain().clone();

    let agents = agents::Agents {
        hub: parts.hub.clone(),
        output: parts.output,
        inputs: parts.inputs,
        authority: parts.authority,
        orders: Arc::clone(&parts.orders),
        budgets: Budgets::default(),
        spawner: supervisor.spawner(),
        shutdown: supervisor.shutdown(),
        leaf_ms: parts.leaf_ms,
    };
    let agents = AgentsServer::new(agents)
        .max_decoding_message_size(limits::FRAME_BYTES_MAX)
        .max_encoding_message_size(limits::FRAME_BYTES_MAX);
    let listener = Listener::new(links, link_tls, Allowed::agents(domain, LINKS_MAX));
    serve(
        supervisor,
        "link listener",
        listener,
        server().add_service(agents),
    );

    let enroll = join::Enroll {
        hub: parts.hub,
        orders: parts.orders,
        ca: parts.ca,
        public: parts.public,
        link_port,
        rates: Rates::new(limits::JOINS_MAX),
    };
    let enroll = EnrollServer::new(enroll).max_decoding_message_size(limits::CHUNK_BYTES_MAX);
    // What is accepted has what its listener has.
    setsockopt(&joins, sockopt::SndBuf, &SEND_BYTES)?;
    let allowed = Allowed::anybody(JOINS_MAX, JOINS_NETWORK_MAX);
    let listener = Listener::new(joins, join_tls, allowed);
    // Whoever can reach the port can connect: nobody stays.
    let mut server = server()
        .accept_http1(true)
        .max_connection_age(JOIN_AGE)
        .max_connection_age_grace(DOWNLOAD_AGE);
    let routes = Routes::new(enroll)
        .into_axum_router()
        .merge(install::routes(parts.installer))
        .fallback(install::nothing_here);
    serve(
        supervisor,
        "join listener",
        listener,
        server.add_routes(Routes::from(routes)),
    );
    Ok(())
}

fn server() -> Server {
    Server::builder()
        .http2_keepalive_interval(Some(std::time::Duration::from_secs(20)))
        .http2_keepalive_timeout(Some(std::time::Duration::from_secs(10)))
        .http2_max_header_list_size(16 * 1024)
        .max_concurrent_streams(8)
        // One agent streams one output at a time: the window must hold what is on its way on a long line.
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
}

fn serve(
    supervisor: &mut Supervisor,
    name: &'static str,
    listener: Listener,
    router: tonic::transport::server::Router,
) {
    let shutdown = supervisor.shutdown();
    let incoming = listener.incoming(&supervisor.spawner(), supervisor.shutdown());
    supervisor.start(name, async move {
        router
            .serve_with_incoming_shutdown(incoming, shutdown.cancelled_owned())
            .await?;
        Ok(())
    });
}

#[cfg(test)]
mod tests;

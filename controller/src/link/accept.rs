//! Our own accept loop: TLS with a bound on handshakes, and the peer's identity handed to tonic.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use shanty_certs::identity::{PeerIdentity, TrustDomain};
use shanty_certs::tls;
use shanty_core::limits;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected;

use crate::supervise::Spawner;

/// Connections that are through their handshake and wait for tonic.
const READY_MAX: usize = 64;

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    /// By its certificate; nothing on the join listener.
    pub(super) identity: Option<PeerIdentity>,
    /// The address that it dialled from, for the log.
    pub(super) from: std::net::SocketAddr,
}

/// A connection through its handshake.
pub(super) struct AgentIo {
    io: TlsStream<TcpStream>,
    peer: Peer,
    /// One of the connections that the listener may have at once.
    _place: OwnedSemaphorePermit,
}

/// A bound socket with its TLS configuration.
pub(super) struct Listener {
    socket: TcpListener,
    acceptor: TlsAcceptor,
    domain: Option<TrustDomain>,
    places: Arc<Semaphore>,
}

impl Listener {
    /// With a domain, every peer must have an identity in it. Past this number of connections others wait.
    #[must_use]
    pub(super) fn new(
        socket: TcpListener,
        config: Arc<rustls::ServerConfig>,
        domain: Option<TrustDomain>,
        connections_max: usize,
    ) -> Self {
        Self {
            socket,
            acceptor: TlsAcceptor::from(config),
            domain,
            places: Arc::new(Semaphore::new(connections_max)),
        }
    }

    /// Connections as they get through their handshake, until shutdown.
    pub(super) fn incoming(
        self,
        spawner: &Spawner,
        shutdown: CancellationToken,
    ) -> ReceiverStream<io::Result<AgentIo>> {
        let (tx, rx) = mpsc::channel(READY_MAX);
        let handshakes = Arc::new(Semaphore::new(limits::HANDSHAKES_MAX));
        let each = spawner.clone();
        spawner.spawn(async move {
            loop {
                let Ok(permit) = Arc::clone(&handshakes).acquire_owned().await else {
                    return;
                };
                let place = tokio::select! {
                    () = shutdown.cancelled() => return,
                    place = Arc::clone(&self.places).acquire_owned() => place,
                };
                let Ok(place) = place else {
                    return;
                };
                let (stream, from) = tokio::select! {
                    () = shutdown.cancelled() => return,
                    accepted = self.socket.accept() => match accepted {
                        Ok(accepted) => accepted,
                        Err(error) => {
                            // Too many open files and the like: the next accept would fail at once as well.
                            tracing::warn!(%error, "a connection could not be accepted");
                            tokio::time::sleep(Duration::from_millis(100)).await;
                            continue;
                        }
                    },
                };
                let (acceptor, domain, tx) =
                    (self.acceptor.clone(), self.domain.clone(), tx.clone());
                let stopping = shutdown.clone();
                each.spawn(async move {
                    tokio::select! {
                        () = stopping.cancelled() => {}
                        done = handshake(acceptor, stream, from, domain, place) => {
                            drop(permit);
                            if let Some(io) = done {
                                tx.send(Ok(io)).await.ok(); // tonic is gone: shutting down
                            }
                        }
                    }
                });
            }
        });
        ReceiverStream::new(rx)
    }
}

async fn handshake(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    from: std::net::SocketAddr,
    domain: Option<TrustDomain>,
    place: OwnedSemaphorePermit,
) -> Option<AgentIo> {
    stream.set_nodelay(true).ok(); // a socket that is gone fails at its next use
    let within = Duration::from_millis(limits::HANDSHAKE_MS_MAX);
    let io = match tokio::time::timeout(within, acceptor.accept(stream)).await {
        Ok(Ok(io)) => io,
        Ok(Err(error)) => {
            let why =
                tls::agent_refused(&error).map_or_else(|| error.to_string(), ToString::to_string);
            tracing::warn!(peer.address = %from, "a handshake failed: {why}");
            return None;
        }
        Err(_) => {
            tracing::warn!(peer.address = %from, "a handshake took too long");
            return None;
        }
    };
    let identity = match domain {
        None => None,
        Some(domain) => match tls::peer_identity(io.get_ref().1, &domain) {
            Ok(identity) => Some(identity),
            Err(error) => {
                tracing::warn!(peer.address = %from, %error, "a peer has no identity here");
                return None;
            }
        },
    };
    Some(AgentIo {
        io,
        peer: Peer { identity, from },
        _place: place,
    })
}

impl Connected for AgentIo {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for AgentIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for AgentIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

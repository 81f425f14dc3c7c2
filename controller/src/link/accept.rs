//! Our own accept loop: TLS with a bound on handshakes, and the peer's identity handed to tonic.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use shanty_certs::identity::{PeerIdentity, TrustDomain};
use shanty_certs::late::Binding;
use shanty_certs::tls;
use shanty_core::causes::chain;
use shanty_core::ids::AgentId;
use shanty_core::limits;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, StartHandshake};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected;

use super::backlog::{Backlog, Guest, Rates, Share, Shares, network};
use super::connection::Connection;
use crate::log;
use crate::supervise::Spawner;

/// Connections that are through their handshake and wait for tonic.
const READY_MAX: usize = 64;

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    /// By its certificate; nothing on the join listener.
    pub(super) identity: Option<PeerIdentity>,
    /// DER of that certificate.
    pub(super) leaf: Vec<u8>,
    /// The address that it dialled from, for the log.
    pub(super) from: SocketAddr,
    /// What only the two ends of the connection know.
    pub(super) binding: Option<Binding>,
    /// The connection, as its calls know it.
    pub(super) connection: Arc<Connection>,
}

/// A connection through its handshake.
pub(super) struct AgentIo {
    io: TlsStream<TcpStream>,
    peer: Peer,
    /// Ends when the connection is over; nothing where only its age ends it.
    over: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    ended: bool,
    _places: Places,
}

/// What a connection takes of what there is: one of all, and one of its identity or network.
struct Places {
    _all: OwnedSemaphorePermit,
    _own: Own,
}

enum Own {
    Agent(#[expect(dead_code, reason = "held until it is dropped")] Share<AgentId>),
    Network(#[expect(dead_code, reason = "held until it is dropped")] Share<IpAddr>),
}

/// Who may connect to a listener, besides how many.
pub(super) enum Allowed {
    /// Agents with an identity in this domain, each with so many connections.
    Agents(TrustDomain, Arc<Shares<AgentId>>),
    /// Anybody, each network with so many connections.
    Anybody(Arc<Shares<IpAddr>>),
}

impl Allowed {
    /// Agents of this domain.
    pub(super) fn agents(domain: TrustDomain) -> Self {
        Self::Agents(domain, Arc::new(Shares::new(limits::CONNECTIONS_MAX)))
    }

    /// Anybody, each network with so many connections.
    pub(super) fn anybody(network_max: usize) -> Self {
        Self::Anybody(Arc::new(Shares::new(network_max)))
    }
}

/// A bound socket.
pub(super) struct Listener {
    socket: TcpListener,
    door: Arc<Door>,
}

/// What decides who gets in.
struct Door {
    config: Arc<rustls::ServerConfig>,
    allowed: Allowed,
    backlog: Arc<Backlog>,
    rates: Rates,
    places: Arc<Semaphore>,
}

impl Listener {
    /// Past this number of connections others wait.
    #[must_use]
    pub(super) fn new(
        socket: TcpListener,
        config: Arc<rustls::ServerConfig>,
        allowed: Allowed,
        connections_max: usize,
    ) -> Self {
        let door = Door {
            config,
            allowed,
            backlog: Arc::new(Backlog::new()),
            rates: Rates::new(limits::HANDSHAKE_RATE),
            places: Arc::new(Semaphore::new(connections_max)),
        };
        Self {
            socket,
            door: Arc::new(door),
        }
    }

    /// Connections as they get through their handshake, until shutdown.
    pub(super) fn incoming(
        self,
        spawner: &Spawner,
        shutdown: CancellationToken,
    ) -> ReceiverStream<io::Result<AgentIo>> {
        let (tx, rx) = mpsc::channel(READY_MAX);
        let each = spawner.clone();
        spawner.spawn(async move {
            loop {
                let (stream, from) = tokio::select! {
                    () = shutdown.cancelled() => return,
                    accepted = self.socket.accept() => match accepted {
                        Ok(accepted) => accepted,
                        Err(error) => {
                            // Too many open files and the like: the next accept would fail at once as well.
                            let all = log::Peer::Network(IpAddr::from([0; 4]));
                            log::of(all, || tracing::warn!(%error, "a connection could not be accepted"));
                            tokio::time::sleep(Duration::from_millis(100)).await;
                            continue;
                        }
                    },
                };
                let (door, tx, stopping) = (Arc::clone(&self.door), tx.clone(), shutdown.clone());
                each.spawn(async move {
                    let guest = door.backlog.enter(from);
                    tokio::select! {
                        () = stopping.cancelled() => {}
                        () = guest.dropped() => {
                            said(from, || tracing::warn!(peer.address = %from, "a connection that waited made room for others"));
                        }
                        done = door.let_in(stream, from, &guest) => {
                            drop(guest);
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

impl Door {
    /// Shakes hands, once there is a place for that.
    async fn let_in(&self, stream: TcpStream, from: SocketAddr, guest: &Guest) -> Option<AgentIo> {
        stream.set_nodelay(true).ok(); // a socket that is gone fails at its next use
        let greeted = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream);
        let greeted = within(limits::CLIENT_HELLO_MS, from, greeted).await?;
        let (hands, all) = within(limits::HANDSHAKE_MS_MAX, from, self.places(guest, from)).await?;
        let io = self.shake_hands(greeted, from).await?;
        drop(hands);
        self.know(io, from, all)
    }

    async fn places(
        &self,
        guest: &Guest,
        from: SocketAddr,
    ) -> io::Result<([OwnedSemaphorePermit; 2], OwnedSemaphorePermit)> {
        let gone = || io::Error::other("the listener is gone");
        self.rates.turn(from).await;
        let all = Arc::clone(&self.places).acquire_owned().await;
        let all = all.map_err(|_| gone())?;
        let hands = guest.place().await.ok_or_else(gone)?;
        Ok((hands, all))
    }

    async fn shake_hands(
        &self,
        greeted: StartHandshake<TcpStream>,
        from: SocketAddr,
    ) -> Option<TlsStream<TcpStream>> {
        let accepted = greeted.into_stream(Arc::clone(&self.config));
        within(limits::HANDSHAKE_MS_MAX, from, accepted).await
    }

    /// Who it is, and whether it has a connection too many.
    fn know(
        &self,
        io: TlsStream<TcpStream>,
        from: SocketAddr,
        all: OwnedSemaphorePermit,
    ) -> Option<AgentIo> {
        let connection = Arc::new(Connection::default());
        let binding = Binding::of(io.get_ref().1);
        let leaf = tls::peer_leaf(io.get_ref().1);
        let (identity, own, over) = match &self.allowed {
            Allowed::Anybody(shares) => {
                let share = shares.take(network(from));
                (None, share.map(Own::Network), None)
            }
            Allowed::Agents(domain, shares) => {
                let identity = match tls::peer_identity(io.get_ref().1, domain) {
                    Ok(identity) => identity,
                    Err(error) => {
                        said(
                            from,
                            || tracing::warn!(peer.address = %from, error = chain(&error), "a peer has no identity here"),
                        );
                        return None;
                    }
                };
                let share = shares.take(AgentId::from_bytes(identity.agent));
                let over: Pin<Box<dyn Future<Output = ()> + Send>> =
                    Box::pin(Arc::clone(&connection).over());
                (Some(identity), share.map(Own::Agent), Some(over))
            }
        };
        let Some(own) = own else {
            let agent = identity.map(|identity| AgentId::from_bytes(identity.agent).to_string());
            said(
                from,
                || tracing::warn!(peer.address = %from, agent.id = agent, "a peer has too many connections"),
            );
            return None;
        };
        Some(AgentIo {
            io,
            peer: Peer {
                identity,
                leaf,
                from,
                binding,
                connection,
            },
            over,
            ended: false,
            _places: Places {
                _all: all,
                _own: own,
            },
        })
    }
}

/// What a step of a handshake comes to in this time; otherwise the log says why not.
async fn within<T>(
    ms: u64,
    from: SocketAddr,
    step: impl Future<Output = io::Result<T>>,
) -> Option<T> {
    match tokio::time::timeout(Duration::from_millis(ms), step).await {
        Ok(Ok(done)) => Some(done),
        Ok(Err(error)) => {
            let why =
                tls::agent_refused(&error).map_or_else(|| error.to_string(), ToString::to_string);
            said(
                from,
                || tracing::warn!(peer.address = %from, "a handshake failed: {why}"),
            );
            None
        }
        Err(_) => {
            said(
                from,
                || tracing::warn!(peer.address = %from, "a handshake took too long"),
            );
            None
        }
    }
}

/// A line about whoever is at this address.
fn said(from: SocketAddr, write: impl FnOnce()) {
    log::of(log::Peer::Network(network(from)), write);
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
        if let Some(over) = &mut self.over
            && over.as_mut().poll(cx).is_ready()
        {
            // As if the peer had left.
            self.over = None;
            self.ended = true;
        }
        if self.ended {
            return Poll::Ready(Ok(()));
        }
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

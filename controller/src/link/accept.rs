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
use super::seats::{Bounds, Claim, Seats};
use super::visit::Visit;
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
    /// The connection of an agent, as its calls know it.
    pub(super) connection: Arc<Connection>,
    /// The connection of anybody.
    pub(super) visit: Option<Arc<Visit>>,
}

/// A connection through its handshake.
pub(super) struct AgentIo {
    io: TlsStream<TcpStream>,
    peer: Peer,
    /// Ends when the connection is over.
    over: Option<Over>,
    ended: bool,
    _place: Place,
}

type Over = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a connection takes of what there is, until this is dropped.
enum Place {
    /// One of all, and one of its identity, which is known after the handshake.
    Link(
        OwnedSemaphorePermit,
        #[expect(dead_code, reason = "held until it is dropped")] Option<Share<AgentId>>,
    ),
    /// One of all and of its network.
    Visit(Arc<Visit>),
}

/// Who may connect to a listener, and how many.
pub(super) enum Allowed {
    /// Agents with an identity in this domain, so many in all, and each with so many connections.
    Agents(TrustDomain, Arc<Semaphore>, Arc<Shares<AgentId>>),
    /// Anybody, so many in all and of each network.
    Anybody(Arc<Seats>),
}

impl Allowed {
    /// Agents of this domain, so many in all.
    pub(super) fn agents(domain: TrustDomain, all: usize) -> Self {
        let shares = Shares::new(limits::CONNECTIONS_MAX);
        Self::Agents(domain, Arc::new(Semaphore::new(all)), Arc::new(shares))
    }

    /// Anybody, so many in all and of each network.
    pub(super) fn anybody(all: usize, each: usize) -> Self {
        let bounds = Bounds {
            all,
            each,
            spared_ms: 0,
        };
        Self::Anybody(Arc::new(Seats::new(bounds)))
    }

    /// A place, when there is one.
    async fn place(&self, from: SocketAddr) -> io::Result<Place> {
        match self {
            Self::Agents(_, places, _) => {
                let place = Arc::clone(places).acquire_owned().await;
                let place = place.map_err(|_| io::Error::other("the listener is gone"))?;
                Ok(Place::Link(place, None))
            }
            Self::Anybody(seats) => Ok(Place::Visit(Visit::begin(seats, from).await)),
        }
    }
}

impl Place {
    /// Ends when it is lost to somebody else.
    async fn lost(&self) {
        match self {
            Self::Link(..) => std::future::pending().await,
            Self::Visit(visit) => visit.must_go().await,
        }
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
}

impl Listener {
    #[must_use]
    pub(super) fn new(
        socket: TcpListener,
        config: Arc<rustls::ServerConfig>,
        allowed: Allowed,
    ) -> Self {
        let door = Door {
            config,
            allowed,
            backlog: Arc::new(Backlog::new()),
            rates: Rates::new(limits::HANDSHAKE_RATE),
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
        let (place, hands) =
            within(limits::HANDSHAKE_MS_MAX, from, self.places(guest, from)).await?;
        let io = tokio::select! {
            () = place.lost() => None,
            io = self.shake_hands(greeted, from) => io,
        };
        drop(hands);
        self.know(io?, from, place)
    }

    /// Of its network first, so that nobody waits for those who have too many.
    async fn places(&self, guest: &Guest, from: SocketAddr) -> io::Result<(Place, Claim)> {
        self.rates.turn(from).await;
        let place = self.allowed.place(from).await?;
        let hands = tokio::select! {
            () = place.lost() => return Err(io::Error::other("it made room for others")),
            hands = guest.place() => hands,
        };
        Ok((place, hands))
    }

    async fn shake_hands(
        &self,
        greeted: StartHandshake<TcpStream>,
        from: SocketAddr,
    ) -> Option<TlsStream<TcpStream>> {
        // As `shanty check` does, which is not to be told from others: but whoever is here could do more.
        let is_here = greeted
            .io
            .local_addr()
            .is_ok_and(|own| own.ip() == from.ip());
        let accepted = greeted.into_stream(Arc::clone(&self.config));
        let accepted = async {
            match accepted.await {
                Err(error) if is_here && has_no_certificate(&error) => {
                    said(
                        from,
                        || tracing::info!(peer.address = %from, "somebody on this machine looked whether the controller answers, and showed no certificate"),
                    );
                    Ok(None)
                }
                other => other.map(Some),
            }
        };
        within(limits::HANDSHAKE_MS_MAX, from, accepted).await?
    }

    /// Who it is, and whether it has a connection too many.
    fn know(&self, io: TlsStream<TcpStream>, from: SocketAddr, place: Place) -> Option<AgentIo> {
        let connection = Arc::new(Connection::default());
        let (identity, place, over): (_, _, Over) = match (&self.allowed, place) {
            (Allowed::Agents(domain, _, shares), Place::Link(all, _)) => {
                let (identity, own) = known(&io, from, domain, shares)?;
                let over = Box::pin(Arc::clone(&connection).over());
                (Some(identity), Place::Link(all, Some(own)), over)
            }
            (Allowed::Agents(..) | Allowed::Anybody(_), place) => {
                let over = match &place {
                    Place::Visit(visit) => Box::pin(Arc::clone(visit).over()) as Over,
                    Place::Link(..) => Box::pin(std::future::ready(())),
                };
                (None, place, over)
            }
        };
        let visit = match &place {
            Place::Visit(visit) => Some(Arc::clone(visit)),
            Place::Link(..) => None,
        };
        Some(AgentIo {
            peer: Peer {
                identity,
                leaf: tls::peer_leaf(io.get_ref().1),
                from,
                binding: Binding::of(io.get_ref().1),
                connection,
                visit,
            },
            io,
            over: Some(over),
            ended: false,
            _place: place,
        })
    }
}

/// Which agent it is, and one of its connections.
fn known(
    io: &TlsStream<TcpStream>,
    from: SocketAddr,
    domain: &TrustDomain,
    shares: &Arc<Shares<AgentId>>,
) -> Option<(PeerIdentity, Share<AgentId>)> {
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
    let agent = AgentId::from_bytes(identity.agent);
    let Some(own) = shares.take(agent) else {
        said(
            from,
            || tracing::warn!(peer.address = %from, agent.id = %agent, "a peer has too many connections"),
        );
        return None;
    };
    Some((identity, own))
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

fn has_no_certificate(error: &io::Error) -> bool {
    let error = error.get_ref().and_then(|error| error.downcast_ref());
    matches!(error, Some(rustls::Error::NoCertificatesPresented))
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

impl AgentIo {
    /// Whether it is over, as if the peer had left. Whoever asks is woken when it is.
    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        if let Some(over) = &mut self.over
            && over.as_mut().poll(cx).is_ready()
        {
            self.over = None;
            self.ended = true;
        }
        self.ended
    }
}

impl AsyncRead for AgentIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_over(cx) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

/// A peer that reads nothing holds up whoever writes: that ends too.
impl AsyncWrite for AgentIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_over(cx) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_over(cx) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_over(cx) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

//! A controller of a few lines: both listeners with real certificates; the test is its hub.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use shanty_certs::ca::Ca;
use shanty_certs::csr::Csr;
use shanty_certs::identity::PeerIdentity;
use shanty_certs::late::{self, Binding};
use shanty_certs::orders::OrderKey;
use shanty_certs::revocation::Revoked;
use shanty_certs::tls;
use shanty_certs::token::JoinToken;
use shanty_proto::v1::agents_server::{Agents, AgentsServer};
use shanty_proto::v1::enroll_server::{Enroll, EnrollServer};
use shanty_proto::v1::{self, down, up};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;
use tonic::transport::server::Connected;
use tonic::{Code, Request, Response, Status, Streaming};

use crate::program::{self, soon};

/// Decides about a join that has a right shape.
type Decide = Box<dyn FnMut(&v1::JoinRequest) -> Result<(), Status> + Send>;

/// What is done with a request for the next certificate.
#[derive(Clone, Debug)]
pub(crate) enum Renew {
    /// It is issued.
    Issue,
    /// It is refused.
    Refuse(Code, &'static str),
}

pub(crate) struct Controller {
    pub(crate) ca: Arc<Ca>,
    pub(crate) orders: Arc<OrderKey>,
    pub(crate) revoked: Revoked,
    pub(crate) join: SocketAddr,
    pub(crate) joins: Arc<Mutex<Vec<v1::JoinRequest>>>,
    pub(crate) decide: Arc<Mutex<Decide>>,
    /// How long the next certificates that it issues are good.
    pub(crate) life: Arc<Mutex<Duration>>,
    /// What it decides of renewals, on the link and late ones.
    pub(crate) renew: Arc<Mutex<Renew>>,
    links: mpsc::Receiver<Link>,
    _dir: tempfile::TempDir,
    _servers: JoinSet<()>,
}

/// One link, as the controller holds it.
pub(crate) struct Link {
    pub(crate) peer: PeerIdentity,
    orders: Arc<OrderKey>,
    down: mpsc::Sender<Result<v1::Down, Status>>,
    up: Streaming<v1::Up>,
}

impl Link {
    pub(crate) async fn send(&self, kind: down::Kind) {
        self.down
            .send(Ok(v1::Down { kind: Some(kind) }))
            .await
            .unwrap();
    }

    /// The next message, or none when the agent ended the link.
    pub(crate) async fn try_hear(&mut self) -> Option<up::Kind> {
        let message = soon("a message of the agent", self.up.message()).await;
        Some(message.ok()??.kind.expect("a kind"))
    }

    pub(crate) async fn hear(&mut self) -> up::Kind {
        self.try_hear().await.expect("the link is up")
    }

    pub(crate) async fn hello(&mut self) -> v1::Hello {
        match self.hear().await {
            up::Kind::Hello(hello) => hello,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn welcome(&self, acked: Vec<v1::Ack>) {
        self.welcome_to_renew(acked, None).await;
    }

    /// Greets, and says when to renew.
    pub(crate) async fn welcome_to_renew(&self, acked: Vec<v1::Ack>, renewal: Option<v1::Renewal>) {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap();
        let now_ms = u64::try_from(now.as_millis()).unwrap();
        let welcome = v1::Welcome {
            now_ms,
            acked,
            renewal,
            order_key: self.orders.public().as_bytes().to_vec(),
            ..v1::Welcome::default()
        };
        self.send(down::Kind::Welcome(welcome)).await;
    }

    /// Messages until one fits; the others are dropped.
    pub(crate) async fn hear_until<T>(&mut self, pick: impl Fn(up::Kind) -> Option<T>) -> T {
        loop {
            if let Some(found) = pick(self.hear().await) {
                return found;
            }
        }
    }

    /// Sends an order as the controller does, signed.
    pub(crate) async fn start(&self, run: &str, order: Vec<u8>) {
        let start = v1::Start {
            run: run.to_owned(),
            sig: self.orders.sign(&order),
            key_id: self.orders.public().id(),
            order,
        };
        self.send(down::Kind::Start(start)).await;
    }

    pub(crate) async fn ack(&self, run: &str, offset: u64) {
        let run = run.to_owned();
        self.send(down::Kind::Ack(v1::Ack { run, offset })).await;
    }
}

impl Controller {
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ca = Ca::open_or_create(&dir.path().join("ca"), SystemTime::now()).unwrap();
        let (orders, _) = OrderKey::open_or_create(&dir.path().join("ca")).unwrap();
        let (ca, revoked) = (Arc::new(ca), Revoked::default());
        let orders = Arc::new(orders);
        let mut servers = JoinSet::new();
        let (links_tx, links) = mpsc::channel(8);
        let joins = Arc::<Mutex<Vec<_>>>::default();
        let accept_all: Decide = Box::new(|_| Ok(()));
        let decide = Arc::new(Mutex::new(accept_all));
        let life = Arc::new(Mutex::new(Duration::from_secs(86_400)));
        let renew = Arc::new(Mutex::new(Renew::Issue));
        let renewals = Renewals {
            ca: ca.clone(),
            life: life.clone(),
            renew: renew.clone(),
        };

        let link_config = tls::link_server(&ca, revoked.clone()).unwrap();
        let (link, link_streams) = listen(link_config, ca.clone(), &mut servers).await;
        let agents = AgentsServer::new(AgentsHere {
            links: links_tx,
            orders: orders.clone(),
            renewals: renewals.clone(),
        });
        servers.spawn(async move {
            let served = Server::builder()
                .add_service(agents)
                .serve_with_incoming(link_streams);
            served.await.unwrap();
        });
        let (join, join_streams) =
            listen(tls::join_server(&ca).unwrap(), ca.clone(), &mut servers).await;
        let enroll = EnrollServer::new(EnrollHere {
            orders: orders.clone(),
            renewals,
            joins: joins.clone(),
            decide: decide.clone(),
            link,
        });
        servers.spawn(async move {
            let served = Server::builder()
                .add_service(enroll)
                .serve_with_incoming(join_streams);
            served.await.unwrap();
        });
        Self {
            ca,
            orders,
            revoked,
            join,
            joins,
            decide,
            life,
            renew,
            links,
            _dir: dir,
            _servers: servers,
        }
    }

    pub(crate) fn token(&self) -> String {
        JoinToken::generate(self.ca.pin())
            .unwrap()
            .reveal()
            .to_string()
    }

    pub(crate) fn server(&self) -> String {
        self.join.to_string()
    }

    /// An enrolled agent's data directory, whose agent dials again at once.
    pub(crate) async fn enroll(&self) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = dir.path().join("agent");
        let output = program::join(&data_dir, &self.server(), &self.token(), &[]).await;
        assert!(output.status.success(), "{}", program::stderr(&output));
        let config = data_dir.join("agent.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        let limits = "\n[limits]\nreconnect_min_ms = 20\nreconnect_max_ms = 100\nrefused_ms = 20\n";
        std::fs::write(&config, text + limits).unwrap();
        dir
    }

    pub(crate) async fn link(&mut self) -> Link {
        soon("a link", self.links.recv()).await.unwrap()
    }

    /// The next link, greeted, with nothing acknowledged.
    pub(crate) async fn greeted(&mut self) -> (Link, v1::Hello) {
        let mut link = self.link().await;
        let hello = link.hello().await;
        link.welcome(Vec::new()).await;
        (link, hello)
    }
}

async fn listen(
    config: Arc<rustls::ServerConfig>,
    ca: Arc<Ca>,
    servers: &mut JoinSet<()>,
) -> (SocketAddr, ReceiverStream<io::Result<AgentIo>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tx, rx) = mpsc::channel(8);
    let acceptor = TlsAcceptor::from(config);
    servers.spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            if let Ok(io) = acceptor.accept(tcp).await {
                let peer = tls::peer_identity(io.get_ref().1, ca.trust_domain()).ok();
                let binding = Binding::of(io.get_ref().1).unwrap();
                let peer = (peer, binding);
                tx.send(Ok(AgentIo { io, peer })).await.ok();
            }
        }
    });
    (address, ReceiverStream::new(rx))
}

struct AgentIo {
    io: TlsStream<TcpStream>,
    peer: Known,
}

/// Whose connection it is, and what only the two ends of it know.
type Known = (Option<PeerIdentity>, Binding);

impl Connected for AgentIo {
    type ConnectInfo = Known;

    fn connect_info(&self) -> Self::ConnectInfo {
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
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[derive(Clone)]
struct Renewals {
    ca: Arc<Ca>,
    life: Arc<Mutex<Duration>>,
    renew: Arc<Mutex<Renew>>,
}

impl Renewals {
    fn issue(&self, csr: &[u8], agent: [u8; 16]) -> Result<Vec<Vec<u8>>, Status> {
        let csr = Csr::check(csr).map_err(|e| Status::invalid_argument(e.to_string()))?;
        let (now, life) = (SystemTime::now(), *self.life.lock().unwrap());
        let chain = self.ca.issue_agent(&csr, agent, now, life).unwrap();
        Ok(chain.iter().map(|der| der.to_vec()).collect())
    }

    fn renew(&self, csr: &[u8], agent: [u8; 16]) -> Result<Response<v1::RenewReply>, Status> {
        match self.renew.lock().unwrap().clone() {
            Renew::Issue => {}
            Renew::Refuse(code, why) => return Err(Status::new(code, why)),
        }
        let chain = self.issue(csr, agent)?;
        Ok(Response::new(v1::RenewReply { chain }))
    }
}

struct AgentsHere {
    orders: Arc<OrderKey>,
    links: mpsc::Sender<Link>,
    renewals: Renewals,
}

#[tonic::async_trait]
impl Agents for AgentsHere {
    type LinkStream = ReceiverStream<Result<v1::Down, Status>>;

    async fn link(
        &self,
        request: Request<Streaming<v1::Up>>,
    ) -> Result<Response<Self::LinkStream>, Status> {
        let peer = request
            .extensions()
            .get::<Known>()
            .and_then(|(peer, _)| peer.clone());
        let (down, messages) = mpsc::channel(64);
        let link = Link {
            peer: peer.expect("the link listener knows its peers"),
            orders: self.orders.clone(),
            down,
            up: request.into_inner(),
        };
        self.links.send(link).await.ok();
        Ok(Response::new(ReceiverStream::new(messages)))
    }

    type FetchInputStream = tokio_stream::Iter<std::vec::IntoIter<Result<v1::InputSlice, Status>>>;

    /// The id of the run as its input, in slices; one that ends in zero has none.
    async fn fetch_input(
        &self,
        request: Request<v1::FetchInputRequest>,
    ) -> Result<Response<Self::FetchInputStream>, Status> {
        let run = request.into_inner().run;
        if run.ends_with('0') {
            return Err(Status::not_found("it is not kept any more"));
        }
        let slices = run.as_bytes().chunks(10).map(|bytes| {
            Ok(v1::InputSlice {
                bytes: bytes.to_vec(),
            })
        });
        let slices: Vec<_> = slices.collect();
        Ok(Response::new(tokio_stream::iter(slices)))
    }

    async fn renew(
        &self,
        request: Request<v1::RenewRequest>,
    ) -> Result<Response<v1::RenewReply>, Status> {
        let peer = request.extensions().get::<Known>().cloned();
        let agent = peer.and_then(|(peer, _)| peer).unwrap().agent;
        self.renewals.renew(&request.into_inner().csr, agent)
    }
}

struct EnrollHere {
    orders: Arc<OrderKey>,
    renewals: Renewals,
    joins: Arc<Mutex<Vec<v1::JoinRequest>>>,
    decide: Arc<Mutex<Decide>>,
    link: SocketAddr,
}

#[tonic::async_trait]
impl Enroll for EnrollHere {
    async fn join(
        &self,
        request: Request<v1::JoinRequest>,
    ) -> Result<Response<v1::JoinReply>, Status> {
        let request = request.into_inner();
        self.joins.lock().unwrap().push(request.clone());
        (self.decide.lock().unwrap())(&request)?;
        let agent = *uuid::Uuid::now_v7().as_bytes();
        let chain = self.renewals.issue(&request.csr, agent)?;
        Ok(Response::new(v1::JoinReply {
            agent: hex::encode(agent),
            name: request.name,
            chain,
            // Only a port: the agent knows the host that it dialled.
            link: format!(":{}", self.link.port()),
            order_key: self.orders.public().as_bytes().to_vec(),
        }))
    }

    /// The proof must be good, and the host is what its leaf says.
    async fn renew_late(
        &self,
        request: Request<v1::RenewLateRequest>,
    ) -> Result<Response<v1::RenewReply>, Status> {
        let (_, binding) = request.extensions().get::<Known>().cloned().unwrap();
        let v1::RenewLateRequest { leaf, csr, proof } = request.into_inner();
        let domain = self.renewals.ca.trust_domain();
        let peer = late::check(&leaf, domain, &binding, &csr, &proof);
        let peer = peer.map_err(|error| Status::permission_denied(error.to_string()))?;
        self.renewals.renew(&csr, peer.agent)
    }
}

//! Speaks to a controller's ports directly, to do what no agent of ours does: foreign certificates, none, or a copied identity.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use shanty_certs::agent::AgentIdentity;
use shanty_certs::tls;
use shanty_certs::token::RootPin;
use shanty_core::ids::AgentId;
use shanty_proto::v1;
use shanty_proto::v1::agents_client::AgentsClient;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Status, Streaming};

use crate::wait::{self, BOUND};
use crate::{Host, World};

/// Connects with any certificate, or with none: PEM texts that hold a private key and the chain, the leaf first.
///
/// A server of TLS 1.3 may refuse the certificate after this has returned: then the first call fails.
///
/// # Errors
/// The connection, or the handshake, failed.
///
/// # Panics
/// When the texts hold no key.
pub async fn connect(address: &str, pin: RootPin, certificate: &[&str]) -> io::Result<Channel> {
    let mut config = (*tls::join_client(pin).map_err(io::Error::other)?).clone();
    if !certificate.is_empty() {
        let text = certificate.concat();
        let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).expect("there is a key");
        let chain = CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<_, _>>();
        let provider = rustls::crypto::ring::default_provider();
        let certified = CertifiedKey::from_der(chain.expect("a chain"), key, &provider);
        let certified = certified.map_err(io::Error::other)?;
        config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(certified));
    }
    let stream = TcpStream::connect(address).await?;
    let stream = TlsConnector::from(Arc::new(config))
        .connect(tls::server_name(), stream)
        .await?;
    let mut stream = Some(TokioIo::new(stream));
    let once = tower::service_fn(move |_| {
        let gone = || io::Error::from(io::ErrorKind::NotConnected);
        std::future::ready(stream.take().ok_or_else(gone))
    });
    // The address is not used: the connector hands out the connection that there is.
    Endpoint::from_static("http://controller.shanty.internal")
        .connect_with_connector(once)
        .await
        .map_err(io::Error::other)
}

/// Addresses of this machine in four networks that nothing else here is in.
pub const STRANGERS: [Ipv4Addr; 4] = [
    Ipv4Addr::new(127, 1, 0, 1),
    Ipv4Addr::new(127, 2, 0, 1),
    Ipv4Addr::new(127, 3, 0, 1),
    Ipv4Addr::new(127, 4, 0, 1),
];

/// Connections to a join port from each of these addresses of this machine, through their handshake, on which this was said. They say and read
/// nothing more.
///
/// # Errors
/// A connection, or a handshake, failed.
pub async fn crowd(
    address: &str,
    pin: RootPin,
    from: &[Ipv4Addr],
    each: usize,
    said: &str,
) -> io::Result<Vec<TlsStream<TcpStream>>> {
    let config = tls::join_client(pin).map_err(io::Error::other)?;
    let to: SocketAddr = address.parse().map_err(io::Error::other)?;
    let mut crowd = Vec::new();
    for ip in from.iter().cycle().take(from.len() * each) {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((*ip, 0)))?;
        let stream = socket.connect(to).await?;
        let connector = TlsConnector::from(Arc::clone(&config));
        let mut stream = connector.connect(tls::server_name(), stream).await?;
        stream.write_all(said.as_bytes()).await?;
        crowd.push(stream);
    }
    Ok(crowd)
}

/// The identity of a host that joined, in the hands of somebody else.
#[derive(Clone)]
pub struct Stolen {
    pem: String,
    /// Whose it is.
    pub agent: AgentId,
    /// The pin of the controller that gave it out.
    pub pin: RootPin,
    address: String,
}

impl Stolen {
    /// That of a host of this world.
    ///
    /// # Panics
    /// When it has not joined.
    #[must_use]
    pub fn of(world: &World, host: &Host) -> Self {
        let pem = std::fs::read_to_string(host.data.join("identity.pem")).expect("it has joined");
        let identity = AgentIdentity::from_pem(pem.as_bytes()).expect("it is an identity");
        let address = world.ready["agents"].as_str().unwrap_or_default();
        Self {
            agent: AgentId::from_bytes(identity.peer().agent),
            pin: identity.pin(),
            address: address.to_owned(),
            pem,
        }
    }

    /// Connects with it.
    ///
    /// # Errors
    /// As of [`connect`].
    pub async fn dial(&self) -> io::Result<Channel> {
        connect(&self.address, self.pin, &[&self.pem]).await
    }

    /// A first message, of this start of an agent on this machine.
    #[must_use]
    pub fn hello(&self, instance: &str, executions: Vec<v1::State>) -> v1::Hello {
        let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
        let boot_id = boot_id.unwrap_or_default();
        hello(
            &self.agent.to_string(),
            boot_id.trim(),
            instance,
            executions,
        )
    }

    /// Opens a link, once the controller knows that earlier connections are gone: it lets an identity have two.
    pub async fn talk(&self, instance: &str, executions: Vec<v1::State>) -> Talk {
        wait::until("a link", || async {
            let channel = self.dial().await.map_err(|error| error.to_string())?;
            let talk = talk(channel, self.hello(instance, executions.clone())).await;
            talk.map_err(|status| status.to_string())
        })
        .await
    }
}

/// Both directions of a link, for what no agent of ours says.
pub struct Talk {
    /// What the agent says.
    pub up: mpsc::Sender<v1::Up>,
    /// What it is told.
    pub down: Streaming<v1::Down>,
}

impl Talk {
    /// What is said next, but for pings, which are answered as an agent does; nothing when the link has ended.
    ///
    /// # Panics
    /// When nothing is said for longer than a test may take.
    pub async fn next(&mut self) -> Option<v1::down::Kind> {
        loop {
            let said = tokio::time::timeout(BOUND, self.down.message()).await;
            let said = said.expect("the controller says something in time");
            match said.ok()??.kind {
                Some(v1::down::Kind::Ping(ping)) => {
                    let pong = v1::up::Kind::Pong(v1::Pong { id: ping.id });
                    self.say(pong).await;
                }
                kind => return kind,
            }
        }
    }

    /// Says something; whether the link still takes it.
    pub async fn say(&self, kind: v1::up::Kind) -> bool {
        let up = v1::Up { kind: Some(kind) };
        self.up.send(up).await.is_ok()
    }
}

/// A first message as this agent, started like this on a host with this boot id, which holds these executions.
#[must_use]
pub fn hello(agent: &str, boot_id: &str, instance: &str, executions: Vec<v1::State>) -> v1::Hello {
    v1::Hello {
        takes_input: true,
        takes_upkeep: true,
        more: false,
        agent: agent.to_owned(),
        boot_id: boot_id.to_owned(),
        instance: instance.to_owned(),
        version: "0.0.0".to_owned(),
        executions,
        ..v1::Hello::default()
    }
}

/// Opens a link with this first message.
///
/// # Errors
/// The controller ended the call instead.
pub async fn talk(channel: Channel, hello: v1::Hello) -> Result<Talk, Status> {
    let (up, messages) = mpsc::channel(64);
    let talk = Talk {
        up,
        down: {
            let first = v1::Up {
                kind: Some(v1::up::Kind::Hello(hello)),
            };
            let messages = tokio_stream::once(first).chain(ReceiverStream::new(messages));
            let answer = AgentsClient::new(channel).link(messages).await?;
            answer.into_inner()
        },
    };
    Ok(talk)
}

/// Opens a link as this agent on a host with this boot id, and gives the first thing that the controller says.
///
/// # Errors
/// The controller ended the call instead.
pub async fn link(channel: Channel, agent: &str, boot_id: &str) -> Result<v1::down::Kind, Status> {
    let hello = hello(agent, boot_id, "another", Vec::new());
    let up = v1::Up {
        kind: Some(v1::up::Kind::Hello(hello)),
    };
    // An agent that has said its first message stays: a stream that ends is an agent that has left.
    let up = tokio_stream::once(up).chain(tokio_stream::pending());
    let answer = AgentsClient::new(channel).link(up).await?;
    let first = answer.into_inner().message().await?;
    first
        .and_then(|down| down.kind)
        .ok_or_else(|| Status::aborted("the controller said nothing"))
}

//! Speaks to a controller's ports directly, to do what no agent of ours does: foreign certificates, none, or a copied identity.

use std::io;
use std::sync::Arc;

use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use shanty_certs::tls;
use shanty_certs::token::RootPin;
use shanty_proto::v1;
use shanty_proto::v1::agents_client::AgentsClient;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_stream::StreamExt as _;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

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

/// Opens a link as this agent on a host with this boot id, and gives the first thing that the controller says.
///
/// # Errors
/// The controller ended the call instead.
pub async fn link(channel: Channel, agent: &str, boot_id: &str) -> Result<v1::down::Kind, Status> {
    let hello = v1::Hello {
        takes_input: true,
        agent: agent.to_owned(),
        boot_id: boot_id.to_owned(),
        instance: "another".to_owned(),
        version: "0.0.0".to_owned(),
        executions: Vec::new(),
    };
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

//! TLS configurations of the link and of joining, for both sides, and the checks that stock verifiers lack.
//!
//! TLS 1.3 only, and HTTP/2 only but for downloads from the join listener. No sessions are resumed: resumption skips the certificate checks, so a revoked agent would come back.
//! Opens no connection itself.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{AlertDescription, CertificateError, ClientConfig, ServerConfig};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use thiserror::Error;

pub use self::verify::ServerRefused;
use crate::agent::AgentIdentity;
use crate::ca::Ca;
use crate::identity::{self, IdentityError, PeerIdentity, SERVER_NAME, TrustDomain};
use crate::revocation::Revoked;
use crate::token::RootPin;

mod verify;

/// The only protocol that agents speak inside.
const ALPN: &[u8] = b"h2";
/// What downloaders speak that know no other.
const ALPN_OLD: &[u8] = b"http/1.1";

/// A configuration that cannot be built: keys and certificates that rustls does not take. A bug or a damaged file.
#[derive(Debug, Error)]
pub enum TlsError {
    /// rustls said no.
    #[error("configure TLS")]
    Rustls(#[from] rustls::Error),
    /// The root is not usable as a trust anchor.
    #[error("configure whom to trust")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
    /// The root cannot be read.
    #[error("read the root certificate")]
    Root(#[source] IdentityError),
}

/// The name that clients ask for.
#[must_use]
pub fn server_name() -> ServerName<'static> {
    ServerName::try_from(SERVER_NAME).expect("invariant: the constant is a DNS name")
}

/// For the link listener: an agent's certificate of this installation is required, and not a revoked one.
///
/// # Errors
/// [`TlsError`].
pub fn link_server(ca: &Arc<Ca>, revoked: Revoked) -> Result<Arc<ServerConfig>, TlsError> {
    let verifier = verify::AgentVerifier::new(ca, revoked, &provider())?;
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(Arc::new(verifier));
    let config = builder.with_cert_resolver(Shown::of(ca));
    Ok(hardened(config, &[ALPN]))
}

/// For the join listener: whoever comes has no certificate yet, and may be a downloader.
///
/// # Errors
/// [`TlsError`].
pub fn join_server(ca: &Arc<Ca>) -> Result<Arc<ServerConfig>, TlsError> {
    let config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_cert_resolver(Shown::of(ca));
    Ok(hardened(config, &[ALPN, ALPN_OLD]))
}

/// Shows each connection the controller's identity of that moment.
#[derive(Debug)]
struct Shown(Arc<Ca>);

impl Shown {
    fn of(ca: &Arc<Ca>) -> Arc<Self> {
        Arc::new(Self(Arc::clone(ca)))
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.shown())
    }
}

/// For joining: trusts exactly the installation whose root has this pin. Nothing may be sent before the handshake is done.
///
/// # Errors
/// [`TlsError`].
pub fn join_client(pin: RootPin) -> Result<Arc<ClientConfig>, TlsError> {
    let verifier = verify::ControllerVerifier::pinned(pin, provider());
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(client(config))
}

/// For the link: trusts the controllers of the agent's installation and presents the agent's certificate.
///
/// # Errors
/// [`TlsError`].
pub fn link_client(identity: &AgentIdentity) -> Result<Arc<ClientConfig>, TlsError> {
    let verifier = verify::ControllerVerifier::rooted(identity.root(), provider())?;
    let [leaf, issuing, _] = identity.chain();
    let chain = vec![leaf.clone(), issuing.clone()];
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_auth_cert(chain, PrivateKeyDer::Pkcs8(identity.key()))?;
    Ok(client(config))
}

/// Who is at the other end of a finished handshake on the link listener.
///
/// # Errors
/// [`IdentityError`]; never after a handshake with [`link_server`], which checked the same.
pub fn peer_identity(
    connection: &rustls::ServerConnection,
    domain: &TrustDomain,
) -> Result<PeerIdentity, IdentityError> {
    let leaf = connection.peer_certificates().and_then(<[_]>::first);
    PeerIdentity::of_agent(leaf.ok_or(IdentityError::Parse)?, domain)
}

/// DER of the certificate at the other end of a finished handshake, or nothing.
#[must_use]
pub fn peer_leaf(connection: &rustls::ServerConnection) -> Vec<u8> {
    let leaf = connection.peer_certificates().and_then(<[_]>::first);
    leaf.map(|leaf| leaf.to_vec()).unwrap_or_default()
}

/// Why our side refused the controller, looked up in the chain of any error that a handshake ended with.
#[must_use]
pub fn server_refused<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a ServerRefused> {
    match rustls_error(error)? {
        rustls::Error::InvalidCertificate(CertificateError::Other(other)) => other.0.downcast_ref(),
        _ => None,
    }
}

/// Why the link listener refused a certificate that is otherwise valid, looked up in the chain of a handshake's error. For the log.
#[must_use]
pub fn agent_refused<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a IdentityError> {
    match rustls_error(error)? {
        rustls::Error::InvalidCertificate(CertificateError::Other(other)) => other.0.downcast_ref(),
        rustls::Error::InvalidCertificate(CertificateError::Revoked) => {
            Some(&IdentityError::Revoked)
        }
        _ => None,
    }
}

/// True when the controller ended the connection because our identity is revoked. Only an authenticated controller can say so:
/// the alert is encrypted.
#[must_use]
pub fn says_revoked(error: &(dyn StdError + 'static)) -> bool {
    matches!(
        rustls_error(error),
        Some(rustls::Error::AlertReceived(
            AlertDescription::CertificateRevoked
        ))
    )
}

/// True when the controller ended the connection because our certificate ran out, by its clock, or because who signed it is retired: another
/// can be asked for with proof of its key.
#[must_use]
pub fn says_expired(error: &(dyn StdError + 'static)) -> bool {
    matches!(
        rustls_error(error),
        Some(rustls::Error::AlertReceived(
            AlertDescription::CertificateExpired | AlertDescription::UnknownCA
        ))
    )
}

/// True when whoever answers takes those only who show a certificate, and we showed none.
#[must_use]
pub fn says_certificate_required(error: &(dyn StdError + 'static)) -> bool {
    matches!(
        rustls_error(error),
        Some(rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired
        ))
    )
}

/// True when what answers does not speak TLS at all.
#[must_use]
pub fn is_no_tls(error: &(dyn StdError + 'static)) -> bool {
    matches!(rustls_error(error), Some(rustls::Error::InvalidMessage(_)))
}

/// The rustls error in a chain of errors. [`io::Error`] hides its content from [`StdError::source`], so it is opened.
fn rustls_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    // Chains are a handful long; the bound is against one that loops.
    let mut next = Some(error);
    for _ in 0..32 {
        let error = next?;
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        let inside = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = match inside {
            Some(inside) => Some(inside),
            None => error.source(),
        };
    }
    None
}

fn hardened(mut config: ServerConfig, protocols: &[&[u8]]) -> Arc<ServerConfig> {
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Arc::new(config)
}

fn client(mut config: ClientConfig) -> Arc<ClientConfig> {
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Arc::new(config)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn trust(root: &CertificateDer<'_>) -> Result<Arc<rustls::RootCertStore>, rustls::Error> {
    let mut store = rustls::RootCertStore::empty();
    store.add(root.clone().into_owned())?;
    Ok(Arc::new(store))
}

fn domain_of(root: &CertificateDer<'_>) -> Result<TrustDomain, IdentityError> {
    Ok(TrustDomain::of_root(&identity::pin_of(root)?))
}

#[cfg(test)]
mod tests;

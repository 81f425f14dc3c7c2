//! The verifiers: path validation by rustls, then what it does not look at: the URI, the role, revocation, the pin.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, PeerMisbehaved,
    SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use thiserror::Error as ThisError;

use super::{TlsError, domain_of, trust};
use crate::ca::Ca;
use crate::identity::{self, IdentityError, PeerIdentity, TrustDomain};
use crate::revocation::Revoked;
use crate::token::RootPin;

/// Certificates that a peer may send; ours are three.
const CHAIN_LEN_MAX: usize = 4;

/// Why we do not talk to a server, beyond what rustls says itself.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum ServerRefused {
    /// Another root than the pinned one: another installation, or somebody in between.
    #[error(
        "the controller's root is {presented}, and the token pins {pinned}: the certificate that answered is by `{by}`"
    )]
    Pin {
        /// The pin in the token.
        pinned: RootPin,
        /// The pin of the root that was presented.
        presented: RootPin,
        /// Who signed what was presented, as it says itself.
        by: String,
    },
    /// No root was presented, so there is nothing to compare the pin with.
    #[error(
        "the server presented no root certificate to compare with the pin {pinned}: the certificate that answered is by `{by}`"
    )]
    NoRoot {
        /// The pin in the token.
        pinned: RootPin,
        /// Who signed what was presented, as it says itself.
        by: String,
    },
    /// A certificate that our root did not sign: another installation, or something on the way that takes TLS apart.
    #[error(
        "the certificate that answered is by `{by}`, and not of this installation: that is another controller, or a proxy on the way \
         that opens TLS, which must let this connection through as it is"
    )]
    Stranger {
        /// Who signed what was presented, as it says itself.
        by: String,
    },
    /// A certificate of this installation, but not of a controller.
    #[error("the server is not a controller: {0}")]
    Identity(IdentityError),
}

impl From<ServerRefused> for Error {
    fn from(refused: ServerRefused) -> Self {
        Self::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(refused))))
    }
}

/// Accepts agents of our installation that are not revoked.
#[derive(Debug)]
pub(super) struct AgentVerifier {
    path: Arc<dyn ClientCertVerifier>,
    ca: Arc<Ca>,
    domain: TrustDomain,
    revoked: Revoked,
}

impl AgentVerifier {
    pub(super) fn new(
        ca: &Arc<Ca>,
        revoked: Revoked,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, TlsError> {
        let roots = trust(ca.root())?;
        let path = WebPkiClientVerifier::builder_with_provider(roots, provider.clone()).build()?;
        Ok(Self {
            path,
            ca: Arc::clone(ca),
            domain: ca.trust_domain().clone(),
            revoked,
        })
    }

    fn check_identity(&self, leaf: &CertificateDer<'_>) -> Result<(), Error> {
        let peer = PeerIdentity::of_agent(leaf, &self.domain).map_err(|error| {
            Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(error))))
        })?;
        if self.revoked.contains(&peer.agent) {
            return Err(CertificateError::Revoked.into());
        }
        Ok(())
    }
}

impl ClientCertVerifier for AgentVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.path.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        check_length(intermediates)?;
        // Below ours: what an agent keeps of an issuing certificate may be older than ours with the same key, or retired. A newer one is of this
        // authority before an older backup of it was put back.
        let mut above = self.ca.issuing();
        let ahead = intermediates.iter().filter(|other| self.ca.is_ahead(other));
        above.extend(ahead.cloned());
        let verified = self.path.verify_client_cert(end_entity, &above, now);
        let verified = verified.map_err(|error| match error {
            // All issuing certificates have one name: by one that is retired is by nobody whom we know.
            Error::InvalidCertificate(CertificateError::BadSignature) => {
                CertificateError::UnknownIssuer.into()
            }
            other => other,
        })?;
        self.check_identity(end_entity)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.path.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.path.supported_verify_schemes()
    }
}

/// How a client knows the installation that it wants to talk to.
#[derive(Debug)]
enum Trust {
    /// By the hash of the root's key; the server has to send the root.
    Pin(RootPin),
    /// By the root itself.
    Root {
        path: Arc<WebPkiServerVerifier>,
        domain: TrustDomain,
    },
}

/// Accepts controllers of one installation.
#[derive(Debug)]
pub(super) struct ControllerVerifier {
    trust: Trust,
    provider: Arc<CryptoProvider>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ControllerVerifier {
    pub(super) fn pinned(pin: RootPin, provider: Arc<CryptoProvider>) -> Self {
        Self {
            trust: Trust::Pin(pin),
            algorithms: provider.signature_verification_algorithms,
            provider,
        }
    }

    pub(super) fn rooted(
        root: &CertificateDer<'_>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, TlsError> {
        let path = path_verifier(root, &provider)?;
        let domain = domain_of(root).map_err(TlsError::Root)?;
        Ok(Self {
            trust: Trust::Root { path, domain },
            algorithms: provider.signature_verification_algorithms,
            provider,
        })
    }

    /// The presented root, when its key has the pinned hash. A copy of the real root does not help an impostor: the leaf must
    /// still be signed below it.
    fn pinned_root<'a>(
        pinned: RootPin,
        leaf: &CertificateDer<'_>,
        intermediates: &'a [CertificateDer<'a>],
    ) -> Result<&'a CertificateDer<'a>, Error> {
        let by = || identity::signer(leaf);
        let root = intermediates
            .last()
            .ok_or_else(|| ServerRefused::NoRoot { pinned, by: by() })?;
        let presented = identity::pin_of(root).map_err(|_| CertificateError::BadEncoding)?;
        if presented == pinned {
            Ok(root)
        } else {
            let by = by();
            Err(ServerRefused::Pin {
                pinned,
                presented,
                by,
            }
            .into())
        }
    }
}

impl ServerCertVerifier for ControllerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        check_length(intermediates)?;
        let (path, domain) = match &self.trust {
            Trust::Root { path, domain } => (path.clone(), domain.clone()),
            Trust::Pin(pin) => {
                let root = Self::pinned_root(*pin, end_entity, intermediates)?;
                let path = path_verifier(root, &self.provider)
                    .map_err(|_| CertificateError::BadEncoding)?;
                (path, TrustDomain::of_root(pin))
            }
        };
        let verified =
            path.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let verified = verified.map_err(|error| match error {
            Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
                let by = identity::signer(end_entity);
                ServerRefused::Stranger { by }.into()
            }
            other => other,
        })?;
        identity::controller_id(end_entity, &domain).map_err(ServerRefused::Identity)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn path_verifier(
    root: &CertificateDer<'_>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, TlsError> {
    let roots = trust(root)?;
    Ok(WebPkiServerVerifier::builder_with_provider(roots, provider.clone()).build()?)
}

fn check_length(intermediates: &[CertificateDer<'_>]) -> Result<(), Error> {
    if intermediates.len() >= CHAIN_LEN_MAX {
        return Err(CertificateError::BadEncoding.into());
    }
    Ok(())
}

/// Unreachable with TLS 1.3 alone, and refused should that ever change.
fn no_tls12() -> Error {
    PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into()
}

//! The agent's side of an identity: a key and its signing request, and the certificate chain that came back for it.
//!
//! Where it is kept and when it is asked for is the agent's part.

use std::fmt;

use rcgen::{KeyPair, PublicKeyData};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::csr;
use crate::identity::{self, IdentityError, PeerIdentity, TrustDomain};
use crate::pem;
use crate::token::RootPin;

/// Longest file that [`AgentIdentity::from_pem`] accepts, bytes.
pub const IDENTITY_BYTES_MAX: u64 = pem::PEM_BYTES_MAX;

/// Longest certificate that a controller may hand out, bytes. Ours are below 1 KiB.
const CERTIFICATE_BYTES_MAX: usize = 8 * 1024;

const READING_KEY: &str = "reading the private key";

/// Why a key and a chain are no identity.
#[derive(Debug, Error)]
pub enum AgentIdentityError {
    /// The key could not be generated or read, or did not sign.
    #[error("{0} failed")]
    Key(&'static str, #[source] Option<rcgen::Error>),
    /// Not leaf, issuing and root.
    #[error("the chain is not the three certificates leaf, issuing and root")]
    Chain,
    /// The certificates do not build on one another.
    #[error("the {0} is not signed by the certificate above it")]
    Signature(&'static str),
    /// The chain ends at another root than the pinned one.
    #[error("the chain ends at the root {presented}, not at the pinned {pinned}")]
    Root {
        /// The pin in the token.
        pinned: RootPin,
        /// What the controller sent.
        presented: RootPin,
    },
    /// The certificate is for another key than ours.
    #[error("the certificate was made for another key")]
    OtherKey,
    /// The leaf is not an agent's.
    #[error("the leaf is not the identity of an agent")]
    Identity(#[from] IdentityError),
}

/// A new key, before there is a certificate for it.
pub struct AgentKey(KeyPair);

impl AgentKey {
    /// Generates a P-256 key.
    ///
    /// # Errors
    /// [`AgentIdentityError::Key`].
    pub fn generate() -> Result<Self, AgentIdentityError> {
        let key = KeyPair::generate();
        key.map(Self).map_err(failed("generating a key"))
    }

    /// Reads what [`AgentKey::to_pem`] printed.
    ///
    /// # Errors
    /// [`AgentIdentityError::Key`].
    pub fn from_pem(text: &[u8]) -> Result<Self, AgentIdentityError> {
        let key = pem::key(text).ok_or(AgentIdentityError::Key(READING_KEY, None))?;
        let key = KeyPair::try_from(&key).map_err(failed(READING_KEY))?;
        Ok(Self(key))
    }

    /// The key as PEM, for a file that nobody else may read.
    #[must_use]
    pub fn to_pem(&self) -> Zeroizing<String> {
        pem::encode(Some(self.0.serialized_der()), &[])
    }

    /// SHA-256 of its public half: what the controller's journal knows it by.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        *RootPin::of_spki(&self.0.subject_public_key_info()).as_bytes()
    }

    /// The signing request: DER, asking for nothing.
    ///
    /// # Errors
    /// [`AgentIdentityError::Key`].
    pub fn csr(&self) -> Result<Vec<u8>, AgentIdentityError> {
        csr::request(&self.0).map_err(failed("signing a request"))
    }
}

impl AgentKey {
    pub(crate) const fn pair(&self) -> &KeyPair {
        &self.0
    }
}

impl fmt::Debug for AgentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AgentKey(***)")
    }
}

/// An agent's key with the chain leaf, issuing, root.
pub struct AgentIdentity {
    key: PrivatePkcs8KeyDer<'static>,
    chain: [CertificateDer<'static>; 3],
    pin: RootPin,
    peer: PeerIdentity,
}

impl AgentIdentity {
    /// Puts together the key and what the controller answered, and checks all of it: signatures, the pinned root, our key, an
    /// agent's name.
    ///
    /// # Errors
    /// [`AgentIdentityError`].
    pub fn new(
        key: &AgentKey,
        chain: &[Vec<u8>],
        pinned: &RootPin,
    ) -> Result<Self, AgentIdentityError> {
        let certificates = chain.iter().map(|der| CertificateDer::from(der.clone()));
        let identity = Self::check(&key.0, certificates.collect())?;
        if identity.pin == *pinned {
            Ok(identity)
        } else {
            Err(AgentIdentityError::Root {
                pinned: *pinned,
                presented: identity.pin,
            })
        }
    }

    /// Reads what [`AgentIdentity::to_pem`] printed, with the same checks.
    ///
    /// # Errors
    /// [`AgentIdentityError`].
    pub fn from_pem(text: &[u8]) -> Result<Self, AgentIdentityError> {
        let key = AgentKey::from_pem(text)?;
        let chain = pem::certificates(text).ok_or(AgentIdentityError::Chain)?;
        Self::check(&key.0, chain)
    }

    /// Key and chain as PEM, for a file that nobody else may read.
    #[must_use]
    pub fn to_pem(&self) -> Zeroizing<String> {
        pem::encode(Some(self.key.secret_pkcs8_der()), &self.chain)
    }

    /// Id, serial number and end of validity.
    #[must_use]
    pub const fn peer(&self) -> &PeerIdentity {
        &self.peer
    }

    /// The pin of the root that it was issued under.
    #[must_use]
    pub const fn pin(&self) -> RootPin {
        self.pin
    }

    /// DER of the leaf.
    #[must_use]
    pub fn leaf(&self) -> &[u8] {
        let [leaf, _, _] = &self.chain;
        leaf
    }

    /// The key, to prove with.
    ///
    /// # Errors
    /// [`AgentIdentityError::Key`].
    pub fn agent_key(&self) -> Result<AgentKey, AgentIdentityError> {
        let key = KeyPair::try_from(&self.key).map_err(failed(READING_KEY))?;
        Ok(AgentKey(key))
    }

    pub(crate) fn root(&self) -> &CertificateDer<'static> {
        let [_, _, root] = &self.chain;
        root
    }

    pub(crate) const fn chain(&self) -> &[CertificateDer<'static>; 3] {
        &self.chain
    }

    pub(crate) fn key(&self) -> PrivatePkcs8KeyDer<'static> {
        self.key.clone_key()
    }

    fn check(
        key: &KeyPair,
        chain: Vec<CertificateDer<'static>>,
    ) -> Result<Self, AgentIdentityError> {
        let chain = <[_; 3]>::try_from(chain).map_err(|_: Vec<_>| AgentIdentityError::Chain)?;
        if chain.iter().any(|der| der.len() > CERTIFICATE_BYTES_MAX) {
            return Err(AgentIdentityError::Chain);
        }
        let [leaf, issuing, root] = &chain;
        signed_by(leaf, issuing, "leaf")?;
        signed_by(issuing, root, "issuing certificate")?;
        signed_by(root, root, "root")?;
        let spki = key.subject_public_key_info();
        if identity::parse(leaf)?.public_key().raw != spki {
            return Err(AgentIdentityError::OtherKey);
        }
        let pin = identity::pin_of(root)?;
        let peer = PeerIdentity::of_agent(leaf, &TrustDomain::of_root(&pin))?;
        Ok(Self {
            key: key.serialize_der().into(),
            chain,
            pin,
            peer,
        })
    }
}

impl fmt::Debug for AgentIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AgentIdentity({:?}, ***)", self.peer)
    }
}

fn signed_by(
    certificate: &CertificateDer<'_>,
    above: &CertificateDer<'_>,
    which: &'static str,
) -> Result<(), AgentIdentityError> {
    let above = identity::parse(above)?;
    identity::parse(certificate)?
        .verify_signature(Some(above.public_key()))
        .map_err(|_| AgentIdentityError::Signature(which))
}

fn failed(what: &'static str) -> impl FnOnce(rcgen::Error) -> AgentIdentityError {
    move |error| AgentIdentityError::Key(what, Some(error))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::ca::Ca;
    use crate::csr::Csr;

    fn ca() -> Ca {
        let dir = tempfile::tempdir().unwrap();
        Ca::open_or_create(&dir.path().join("ca"), SystemTime::now()).unwrap()
    }

    fn joined(ca: &Ca, key: &AgentKey) -> Vec<Vec<u8>> {
        let csr = Csr::check(&key.csr().unwrap()).unwrap();
        let life = std::time::Duration::from_secs(60);
        let chain = ca
            .issue_agent(&csr, [3; 16], SystemTime::now(), life)
            .unwrap();
        chain.iter().map(|der| der.to_vec()).collect()
    }

    #[test]
    fn an_identity_is_kept_as_pem() {
        let (ca, key) = (ca(), AgentKey::generate().unwrap());
        let identity = AgentIdentity::new(&key, &joined(&ca, &key), &ca.pin()).unwrap();
        let read = AgentIdentity::from_pem(identity.to_pem().as_bytes()).unwrap();
        assert_eq!(read.peer(), identity.peer());
        assert_eq!(read.peer().agent, [3; 16]);
        assert_eq!(read.pin(), ca.pin());
        assert!(format!("{read:?}").contains("***"));
    }

    #[test]
    fn a_key_is_kept_between_two_attempts_to_join() {
        let key = AgentKey::generate().unwrap();
        let kept = AgentKey::from_pem(key.to_pem().as_bytes()).unwrap();
        let spki = |key: &AgentKey| Csr::check(&key.csr().unwrap()).unwrap().spki();
        assert_eq!(spki(&key), spki(&kept));
        assert!(AgentKey::from_pem(b"torn").is_err());
    }

    #[test]
    fn an_answer_that_is_not_for_us_is_refused() {
        let (ca, key, other) = (
            ca(),
            AgentKey::generate().unwrap(),
            AgentKey::generate().unwrap(),
        );
        let chain = joined(&ca, &key);
        let refused = |key: &AgentKey, chain: &[Vec<u8>], pin: &RootPin| {
            AgentIdentity::new(key, chain, pin).unwrap_err().to_string()
        };
        assert_eq!(
            refused(&other, &chain, &ca.pin()),
            "the certificate was made for another key"
        );
        assert!(refused(&key, &chain, &RootPin::from_bytes([0; 32])).contains("sha256:0000"));
        assert!(refused(&key, &chain[..2], &ca.pin()).contains("three certificates"));
        let foreign = joined(&self::ca(), &other);
        let mixed = [chain[0].clone(), foreign[1].clone(), foreign[2].clone()];
        assert!(refused(&key, &mixed, &ca.pin()).starts_with("the leaf is not signed"));
        let garbage = [vec![0; 9], vec![0; 9], vec![0; 9]];
        assert!(refused(&key, &garbage, &ca.pin()).contains("not the identity"));
        assert!(AgentIdentity::from_pem(b"").is_err());
    }
}

//! Proof of a key whose certificate ran out, for one connection: what is signed holds what only the two ends of it know (RFC 5705), so that it
//! is good for nothing on any other, and nobody has to remember what was asked of whom.

use rcgen::SigningKey as _;
use rustls::ConnectionCommon;
use rustls::crypto::CryptoProvider;
use rustls_pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::agent::AgentKey;
use crate::identity::{self, IdentityError, PeerIdentity, TrustDomain};

/// Longest leaf that is looked at, bytes. Ours are below 1 KiB.
pub const LEAF_BYTES_MAX: usize = 8 * 1024;

/// Longest proof, bytes.
pub const PROOF_BYTES_MAX: usize = 256;

const LABEL: &[u8] = b"EXPORTER-shanty-late-renewal";

/// What only the two ends of one connection know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding([u8; 32]);

/// Why a proof is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LateError {
    /// Too long to be looked at.
    #[error("the certificate or the proof is too long")]
    Size,
    /// Not an agent's certificate of this installation.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Not signed by the key in the certificate, or for another connection or request.
    #[error("the proof is not by the key of the certificate, for this connection and this request")]
    Proof,
}

impl Binding {
    /// Of a connection whose handshake is done; nothing of any other.
    #[must_use]
    pub fn of<T>(connection: &ConnectionCommon<T>) -> Option<Self> {
        let out = connection.export_keying_material([0; 32], LABEL, None);
        out.ok().map(Self)
    }

    /// One of no connection, for tests without any.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    fn signed(&self, leaf: &[u8], csr: &[u8]) -> Vec<u8> {
        let (leaf, csr) = (Sha256::digest(leaf), Sha256::digest(csr));
        [&b"shanty late renewal 1\0"[..], &self.0, &leaf, &csr].concat()
    }
}

/// Proves, on this connection, that the key of a leaf is ours, for this request.
#[must_use]
pub fn prove(key: &AgentKey, leaf: &[u8], binding: &Binding, csr: &[u8]) -> Option<Vec<u8>> {
    key.pair().sign(&binding.signed(leaf, csr)).ok()
}

/// Whose proof it is. Whether the certificate is the right one, and how long ago it ran out, is for whoever knows them to say.
///
/// # Errors
/// [`LateError`].
pub fn check(
    leaf: &[u8],
    domain: &TrustDomain,
    binding: &Binding,
    csr: &[u8],
    proof: &[u8],
) -> Result<PeerIdentity, LateError> {
    if leaf.len() > LEAF_BYTES_MAX || proof.len() > PROOF_BYTES_MAX {
        return Err(LateError::Size);
    }
    let der = CertificateDer::from(leaf);
    let peer = PeerIdentity::of_agent(&der, domain)?;
    let certificate = identity::parse(&der)?;
    let key = &certificate.public_key().subject_public_key.data;
    let signed = binding.signed(leaf, csr);
    if algorithms().any(|one| one.verify_signature(key, &signed, proof).is_ok()) {
        Ok(peer)
    } else {
        Err(LateError::Proof)
    }
}

/// Those that keys of agents sign with: see [`crate::csr`].
fn algorithms()
-> impl Iterator<Item = &'static dyn rustls_pki_types::SignatureVerificationAlgorithm> {
    let provider: CryptoProvider = rustls::crypto::ring::default_provider();
    let all = provider.signature_verification_algorithms.all.iter();
    let ours = |one: &&&'static dyn rustls_pki_types::SignatureVerificationAlgorithm| {
        use rustls_pki_types::alg_id::{ECDSA_P256, ECDSA_SHA256, ED25519};
        let pair = (one.public_key_alg_id(), one.signature_alg_id());
        pair == (ECDSA_P256, ECDSA_SHA256) || pair == (ED25519, ED25519)
    };
    all.filter(ours).copied()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::ca::Ca;
    use crate::csr::Csr;

    #[test]
    fn a_proof_is_for_one_key_one_connection_and_one_request() {
        let dir = tempfile::tempdir().unwrap();
        let ca = Ca::open_or_create(&dir.path().join("ca"), SystemTime::now()).unwrap();
        let (key, other) = (AgentKey::generate().unwrap(), AgentKey::generate().unwrap());
        let issue = |key: &AgentKey| {
            let csr = Csr::check(&key.csr().unwrap()).unwrap();
            let now = SystemTime::now();
            let chain = ca.issue_agent(&csr, [3; 16], now, Duration::from_secs(1));
            chain.unwrap()[0].to_vec()
        };
        let (leaf, foreign) = (issue(&key), issue(&other));
        let here = Binding::from_bytes([1; 32]);
        let proof = prove(&key, &leaf, &here, b"csr").unwrap();
        let domain = ca.trust_domain();
        let peer = check(&leaf, domain, &here, b"csr", &proof).unwrap();
        assert_eq!(peer.agent, [3; 16]);
        let there = Binding::from_bytes([2; 32]);
        let no = Err(LateError::Proof);
        assert_eq!(check(&leaf, domain, &there, b"csr", &proof), no);
        assert_eq!(check(&leaf, domain, &here, b"other", &proof), no);
        assert_eq!(check(&foreign, domain, &here, b"csr", &proof), no);
        assert_eq!(check(&leaf, domain, &here, b"csr", b""), no);
        assert_eq!(
            check(&leaf, domain, &here, b"csr", &[0; 999]),
            Err(LateError::Size)
        );
        let elsewhere = TrustDomain::of_root(&crate::token::RootPin::from_bytes([0; 32]));
        let refused = check(&leaf, &elsewhere, &here, b"csr", &proof);
        assert!(matches!(refused, Err(LateError::Identity(_))));
    }
}

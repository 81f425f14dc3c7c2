//! Certificate signing requests: proof that whoever joins owns a key, and nothing else.
//!
//! A request that asks for anything (a subject, names, extensions) is refused: rcgen would copy what a request asks for into the
//! certificate, so only the public key ever leaves this module.

use rcgen::{CertificateParams, DistinguishedName, KeyPair, PublicKeyData, SubjectPublicKeyInfo};
use sha2::{Digest, Sha256};
use thiserror::Error;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_SIG_ECDSA_WITH_SHA256, OID_SIG_ECDSA_WITH_SHA384,
    OID_SIG_ED25519,
};
use x509_parser::prelude::FromDer;
use x509_parser::x509::AlgorithmIdentifier;

/// Longest request, bytes. Ours are about 200.
pub const CSR_BYTES_MAX: usize = 4 * 1024;

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CsrError {
    /// Too long to be looked at.
    #[error("the signing request is longer than {CSR_BYTES_MAX} bytes")]
    Size,
    /// Not the DER of a PKCS#10 request.
    #[error("the signing request is not PKCS#10 in DER")]
    Parse,
    /// Something follows the request.
    #[error("bytes follow the signing request")]
    Trailing,
    /// It asks for a subject.
    #[error("the signing request names a subject; it must be empty")]
    Subject,
    /// It asks for extensions or carries other attributes.
    #[error("the signing request has attributes or asks for extensions; it must not")]
    Attributes,
    /// Neither P-256 nor Ed25519.
    #[error("the key of the signing request is neither P-256 nor Ed25519")]
    Key,
    /// Signed with something else than SHA-2 (or Ed25519).
    #[error("the signature algorithm of the signing request is not accepted")]
    Algorithm,
    /// Not signed by the key that it names.
    #[error("the signature of the signing request is wrong")]
    Signature,
}

/// A request whose sender owns the key in it.
#[derive(Debug, Clone)]
pub struct Csr {
    key: SubjectPublicKeyInfo,
    key_sha256: [u8; 32],
}

impl Csr {
    /// Checks a request: shape, that it asks for nothing, key type, signature algorithm, and the signature.
    ///
    /// # Errors
    /// [`CsrError`], the first that applies, cheapest check first.
    pub fn check(der: &[u8]) -> Result<Self, CsrError> {
        if der.len() > CSR_BYTES_MAX {
            return Err(CsrError::Size);
        }
        let (rest, csr) = X509CertificationRequest::from_der(der).map_err(|_| CsrError::Parse)?;
        if !rest.is_empty() {
            return Err(CsrError::Trailing);
        }
        let info = &csr.certification_request_info;
        if info.subject.iter().next().is_some() {
            return Err(CsrError::Subject);
        }
        if !info.attributes().is_empty() {
            return Err(CsrError::Attributes);
        }
        let kind = KeyKind::of(&info.subject_pki.algorithm).ok_or(CsrError::Key)?;
        let key =
            SubjectPublicKeyInfo::from_der(info.subject_pki.raw).map_err(|_| CsrError::Key)?;
        let spki = key.subject_public_key_info();
        let algorithm = kind
            .signature_algorithm(&csr.signature_algorithm)
            .ok_or(CsrError::Algorithm)?;
        // The parser forgives much; what it read is what was sent only if it prints the same.
        if plain_request(&spki, algorithm, &csr.signature_value.data).as_deref() != Some(der) {
            return Err(CsrError::Parse);
        }
        csr.verify_signature().map_err(|_| CsrError::Signature)?;
        Ok(Self {
            key,
            key_sha256: Sha256::digest(&spki).into(),
        })
    }

    /// The public key, as rcgen wants it.
    pub(crate) const fn key(&self) -> &SubjectPublicKeyInfo {
        &self.key
    }

    /// The DER SubjectPublicKeyInfo of the key.
    #[must_use]
    pub fn spki(&self) -> Vec<u8> {
        self.key.subject_public_key_info()
    }

    /// SHA-256 of the DER SubjectPublicKeyInfo: tells whether a key was seen before.
    #[must_use]
    pub const fn key_sha256(&self) -> &[u8; 32] {
        &self.key_sha256
    }
}

/// The request for a key that asks for nothing but a certificate.
pub(crate) fn request(key: &KeyPair) -> Result<Vec<u8>, rcgen::Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    Ok(params.serialize_request(key)?.der().to_vec())
}

#[derive(Clone, Copy)]
enum KeyKind {
    P256,
    Ed25519,
}

impl KeyKind {
    fn of(algorithm: &AlgorithmIdentifier<'_>) -> Option<Self> {
        let parameters = algorithm.parameters.as_ref();
        if algorithm.algorithm == OID_SIG_ED25519 {
            return parameters.is_none().then_some(Self::Ed25519);
        }
        let curve = parameters?.as_oid().ok()?;
        (algorithm.algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY && curve == OID_EC_P256)
            .then_some(Self::P256)
    }

    /// The DER AlgorithmIdentifier of an algorithm that is accepted for this kind of key.
    fn signature_algorithm(self, algorithm: &AlgorithmIdentifier<'_>) -> Option<&'static [u8]> {
        let oid = &algorithm.algorithm;
        match self {
            Self::P256 if *oid == OID_SIG_ECDSA_WITH_SHA256 => Some(ECDSA_SHA256),
            Self::P256 if *oid == OID_SIG_ECDSA_WITH_SHA384 => Some(ECDSA_SHA384),
            Self::Ed25519 if *oid == OID_SIG_ED25519 => Some(ED25519),
            Self::P256 | Self::Ed25519 => None,
        }
    }
}

const ECDSA_SHA256: &[u8] = &[
    0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02,
];
const ECDSA_SHA384: &[u8] = &[
    0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03,
];
const ED25519: &[u8] = &[0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70];

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;

/// The only bytes that are accepted for a key, an algorithm and a signature: version 0, empty subject, the key, no attributes.
/// None when they do not fit one length byte, which keys of both kinds do.
fn plain_request(spki: &[u8], algorithm: &[u8], signature: &[u8]) -> Option<Vec<u8>> {
    let info = [&[0x02, 0x01, 0x00, SEQUENCE, 0x00], spki, &[0xa0, 0x00]].concat();
    let info = der(SEQUENCE, &info)?;
    let signature = der(BIT_STRING, &[&[0], signature].concat())?;
    der(SEQUENCE, &[&info, algorithm, &signature].concat())
}

fn der(tag: u8, content: &[u8]) -> Option<Vec<u8>> {
    let short = u8::try_from(content.len()).ok()?;
    let long = (short >= 0x80).then_some(0x81);
    let mut out = vec![tag];
    out.extend(long);
    out.push(short);
    out.extend_from_slice(content);
    Some(out)
}

#[cfg(test)]
mod tests {
    use rcgen::{
        BasicConstraints, CustomExtension, DnType, IsCa, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
        PKCS_ECDSA_P384_SHA384, PKCS_ED25519, SanType,
    };

    use super::*;

    fn key() -> KeyPair {
        KeyPair::generate().unwrap()
    }

    fn asking(ask: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        ask(&mut params);
        params.serialize_request(&key()).unwrap().der().to_vec()
    }

    #[test]
    fn a_plain_request_gives_the_key_and_its_hash() {
        for alg in [&PKCS_ECDSA_P256_SHA256, &PKCS_ED25519] {
            let key = KeyPair::generate_for(alg).unwrap();
            let csr = Csr::check(&request(&key).unwrap()).unwrap();
            assert_eq!(csr.spki(), key.subject_public_key_info());
            let hash: [u8; 32] = Sha256::digest(csr.spki()).into();
            assert_eq!(csr.key_sha256(), &hash);
        }
    }

    #[test]
    fn what_asks_for_anything_is_refused() {
        let subject = asking(|p| p.distinguished_name.push(DnType::CommonName, "root"));
        assert_eq!(Csr::check(&subject).unwrap_err(), CsrError::Subject);
        for der in [
            asking(|p| {
                p.subject_alt_names = vec![SanType::URI("spiffe://x/y".try_into().unwrap())]
            }),
            asking(|p| p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
            asking(|p| p.key_usages = vec![KeyUsagePurpose::KeyCertSign]),
            asking(|p| {
                let mut unknown = CustomExtension::from_oid_content(&[1, 3, 9, 9], vec![5, 0]);
                unknown.set_criticality(true);
                p.custom_extensions = vec![unknown];
            }),
        ] {
            assert_eq!(Csr::check(&der).unwrap_err(), CsrError::Attributes);
        }
    }

    #[test]
    fn garbage_size_and_trailing_bytes_are_told_apart() {
        let good = request(&key()).unwrap();
        let mut trailing = good.clone();
        trailing.push(0);
        let mut huge = good.clone();
        huge.resize(5 * 1024, 0);
        for (der, expected) in [
            (&b""[..], CsrError::Parse),
            (b"-----BEGIN CERTIFICATE REQUEST-----", CsrError::Parse),
            (&good[..good.len() - 1], CsrError::Parse),
            (&trailing, CsrError::Trailing),
            (&huge, CsrError::Size),
        ] {
            assert_eq!(Csr::check(der).unwrap_err(), expected);
        }
    }

    #[test]
    fn other_keys_are_refused() {
        let p384 = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
        let der = request(&p384).unwrap();
        assert_eq!(Csr::check(&der).unwrap_err(), CsrError::Key);
        // The P-256 curve renamed to P-521's identifier.
        let good = request(&key()).unwrap();
        let p256_oid = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
        let at = good.windows(8).position(|w| w == p256_oid).unwrap();
        let mut renamed = good;
        renamed[at + 7] = 0x06;
        assert_eq!(Csr::check(&renamed).unwrap_err(), CsrError::Key);
    }

    #[test]
    fn other_hashes_and_wrong_signatures_are_refused() {
        let good = request(&key()).unwrap();
        // ecdsa-with-SHA256 is 1.2.840.10045.4.3.2; .4.3.1 is SHA-224, not in our list.
        let oid = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
        let at = good.windows(8).position(|w| w == oid).unwrap();
        let mut weak = good.clone();
        weak[at + 7] = 0x01;
        assert_eq!(Csr::check(&weak).unwrap_err(), CsrError::Algorithm);

        let other = Csr::check(&request(&key()).unwrap()).unwrap().spki();
        let own = Csr::check(&good).unwrap().spki();
        let at = good.windows(own.len()).position(|w| w == own).unwrap();
        let mut stolen = good;
        stolen[at..at + own.len()].copy_from_slice(&other);
        assert_eq!(Csr::check(&stolen).unwrap_err(), CsrError::Signature);
    }

    #[test]
    fn no_cut_or_flipped_bit_passes() {
        let good = request(&key()).unwrap();
        for at in 0..good.len() {
            assert!(Csr::check(&good[..at]).is_err(), "cut at {at}");
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                assert!(Csr::check(&bad).is_err(), "bit {bit} of byte {at}");
            }
        }
    }
}

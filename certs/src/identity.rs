//! Who a certificate says it is: trust domain, role and id in exactly one URI, and what the certificate may be used for.
//!
//! Path validation (signatures, validity) is rustls' part; what is read here counts only after it.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use rustls_pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use crate::token::RootPin;

/// The name that every controller's certificate carries and every agent asks for, whatever address it dialled.
pub const SERVER_NAME: &str = "controller.shanty.internal";

/// Clocks of hosts differ: a certificate is already valid this long before it is issued.
pub(crate) const BACKDATE: Duration = Duration::from_secs(300);

/// Longest text of a certificate that an error repeats, characters.
const SHOWN_CHARS_MAX: usize = 120;

/// Why a certificate is not the identity that it should be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IdentityError {
    /// Not an X.509 certificate that can be read.
    #[error("the certificate cannot be read")]
    Parse,
    /// It must carry exactly one URI name.
    #[error("the certificate carries {0} URI names instead of one")]
    UriCount(usize),
    /// It carries names that its role does not have.
    #[error("the certificate carries other names than its role has")]
    OtherNames,
    /// The URI is none of ours.
    #[error("the certificate's name `{0}` is not spiffe://DOMAIN/agent|controller/ID")]
    Uri(String),
    /// An identity of another installation.
    #[error("the certificate belongs to the trust domain {got}, not to {expected}")]
    TrustDomain {
        /// Ours.
        expected: String,
        /// The one in the certificate.
        got: String,
    },
    /// An identity of another role, such as an agent that acts as a controller.
    #[error("the certificate is one of {got}, not of {expected}")]
    Role {
        /// The role that is needed here.
        expected: Role,
        /// The role in the certificate.
        got: Role,
    },
    /// The key usages are not exactly those of the role.
    #[error("the certificate's key usages are not those of {0}")]
    Usage(Role),
    /// The identity was revoked.
    #[error("the identity was revoked")]
    Revoked,
}

/// What a holder of a certificate does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Runs commands on a host; a TLS client.
    Agent,
    /// Takes links from agents; a TLS server.
    Controller,
}

impl Role {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Controller => "controller",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Agent => "an agent",
            Self::Controller => "a controller",
        })
    }
}

/// The name of one installation, `<16 hex digits>.shanty.internal`, from the first 8 bytes of its root's [`RootPin`]. Two
/// installations never share one, and whoever knows the root knows the domain without asking.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TrustDomain(String);

impl TrustDomain {
    /// The trust domain of the installation with this root.
    #[must_use]
    pub fn of_root(pin: &RootPin) -> Self {
        let digits: String = hex::encode(pin.as_bytes()).chars().take(16).collect();
        Self(format!("{digits}.shanty.internal"))
    }

    /// The domain as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The content of an identity's URI: `spiffe://<trust domain>/<role>/<32 lower-case hex digits>`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SpiffeId {
    pub(crate) domain: String,
    pub(crate) role: Role,
    pub(crate) id: [u8; 16],
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (domain, role, id) = (&self.domain, self.role.as_str(), hex::encode(self.id));
        write!(f, "spiffe://{domain}/{role}/{id}")
    }
}

impl FromStr for SpiffeId {
    type Err = IdentityError;

    /// Accepts only what prints the same again: no upper case, no `%`, no dots, no further segments.
    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let refused = || {
            let printable = text.chars().filter(|c| !c.is_control());
            IdentityError::Uri(printable.take(SHOWN_CHARS_MAX).collect())
        };
        let rest = text.strip_prefix("spiffe://").ok_or_else(refused)?;
        let mut parts = rest.split('/');
        let (Some(domain), Some(role), Some(digits), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(refused());
        };
        let role = match role {
            "agent" => Role::Agent,
            "controller" => Role::Controller,
            _ => return Err(refused()),
        };
        let mut id = [0; 16];
        hex::decode_to_slice(digits, &mut id).map_err(|_| refused())?;
        let parsed = Self {
            domain: domain.to_owned(),
            role,
            id,
        };
        if parsed.to_string() == text {
            Ok(parsed)
        } else {
            Err(refused())
        }
    }
}

/// The agent at the other end of a link, read from its validated certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerIdentity {
    /// The id of the agent.
    pub agent: [u8; 16],
    /// SHA-256 of the DER SubjectPublicKeyInfo: each certificate of an agent has a key of its own.
    pub key_sha256: [u8; 32],
    /// Serial number of the certificate, lower-case hex.
    pub serial: String,
    /// When the certificate was issued.
    pub issued: SystemTime,
    /// When the certificate runs out. A link that outlives it must be closed by its owner.
    pub not_after: SystemTime,
}

impl PeerIdentity {
    /// Reads an agent's leaf.
    ///
    /// # Errors
    /// [`IdentityError`] unless it carries exactly one name, the URI of an agent of this trust domain, and may be used as a TLS
    /// client and for nothing else.
    pub fn of_agent(
        leaf: &CertificateDer<'_>,
        domain: &TrustDomain,
    ) -> Result<Self, IdentityError> {
        let certificate = parse(leaf)?;
        let agent = check_role(&certificate, domain, Role::Agent)?;
        Ok(Self {
            agent,
            key_sha256: Sha256::digest(certificate.public_key().raw).into(),
            serial: hex::encode(certificate.raw_serial()),
            issued: not_before(&certificate) + BACKDATE,
            not_after: not_after(&certificate),
        })
    }
}

/// Checks that a validated leaf is a controller of this trust domain, and gives the controller's id.
pub(crate) fn controller_id(
    leaf: &CertificateDer<'_>,
    domain: &TrustDomain,
) -> Result<[u8; 16], IdentityError> {
    check_role(&parse(leaf)?, domain, Role::Controller)
}

/// Parses a certificate that nothing may follow.
pub(crate) fn parse<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, IdentityError> {
    match X509Certificate::from_der(der.as_ref()) {
        Ok(([], certificate)) => Ok(certificate),
        Ok(_) | Err(_) => Err(IdentityError::Parse),
    }
}

/// The pin of the key in a certificate.
pub(crate) fn pin_of(der: &CertificateDer<'_>) -> Result<RootPin, IdentityError> {
    Ok(RootPin::of_spki(parse(der)?.public_key().raw))
}

/// Who signed a certificate, as it says itself, safe to show: whoever made it chose the text.
pub(crate) fn signer(der: &CertificateDer<'_>) -> String {
    let Ok(certificate) = parse(der) else {
        return "somebody whose certificate cannot be read".to_owned();
    };
    let name = certificate.issuer().to_string();
    let safe = name.chars().map(|c| match c {
        '`' => '\'',
        ' '..='~' => c,
        _ => '?',
    });
    safe.take(SHOWN_CHARS_MAX).collect()
}

/// The beginning of a certificate's validity.
pub(crate) fn not_before(certificate: &X509Certificate<'_>) -> SystemTime {
    let seconds = certificate.validity().not_before.timestamp();
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// The end of a certificate's validity. Times before 1970 count as 1970.
pub(crate) fn not_after(certificate: &X509Certificate<'_>) -> SystemTime {
    let seconds = certificate.validity().not_after.timestamp();
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

fn check_role(
    certificate: &X509Certificate<'_>,
    domain: &TrustDomain,
    role: Role,
) -> Result<[u8; 16], IdentityError> {
    let id = only_uri(certificate, role)?;
    if id.domain != domain.as_str() {
        return Err(IdentityError::TrustDomain {
            expected: domain.to_string(),
            got: id.domain,
        });
    }
    if id.role != role {
        return Err(IdentityError::Role {
            expected: role,
            got: id.role,
        });
    }
    check_usage(certificate, role)?;
    Ok(id.id)
}

fn only_uri(certificate: &X509Certificate<'_>, role: Role) -> Result<SpiffeId, IdentityError> {
    let names = certificate
        .subject_alternative_name()
        .map_err(|_| IdentityError::Parse)?
        .ok_or(IdentityError::UriCount(0))?;
    let names = &names.value.general_names;
    let mut uris = names.iter().filter_map(|name| match name {
        GeneralName::URI(uri) => Some(*uri),
        _ => None,
    });
    let (Some(uri), None) = (uris.next(), uris.next()) else {
        let count = |name: &&GeneralName<'_>| matches!(name, GeneralName::URI(_));
        return Err(IdentityError::UriCount(names.iter().filter(count).count()));
    };
    let id: SpiffeId = uri.parse()?;
    let foreign = |name: &GeneralName<'_>| match name {
        GeneralName::URI(_) => false,
        GeneralName::DNSName(dns) => role != Role::Controller || *dns != SERVER_NAME,
        _ => true,
    };
    if names.iter().any(foreign) && id.role == role {
        return Err(IdentityError::OtherNames);
    }
    Ok(id)
}

/// webpki accepts a certificate without any extended key usage for everything; we do not.
fn check_usage(certificate: &X509Certificate<'_>, role: Role) -> Result<(), IdentityError> {
    let refused = || IdentityError::Usage(role);
    let usage = certificate
        .extended_key_usage()
        .map_err(|_| IdentityError::Parse)?
        .ok_or_else(refused)?
        .value;
    let others = usage.any
        || usage.code_signing
        || usage.email_protection
        || usage.time_stamping
        || usage.ocsp_signing
        || !usage.other.is_empty();
    let expected = match role {
        Role::Agent => (true, false),
        Role::Controller => (false, true),
    };
    if others || (usage.client_auth, usage.server_auth) != expected || certificate.is_ca() {
        return Err(refused());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_are_parsed_only_in_their_one_form() {
        let id = "0192f3a4b5c67d8e9fa0b1c2d3e4f506";
        let good = format!("spiffe://ab.shanty.internal/agent/{id}");
        assert_eq!(good.parse::<SpiffeId>().unwrap().to_string(), good);
        for bad in [
            String::new(),
            "spiffe://ab.shanty.internal".to_owned(),
            "spiffe://ab.shanty.internal/agent/".to_owned(),
            "spiffe://ab.shanty.internal/agent/../x".to_owned(),
            format!("spiffe://ab.shanty.internal/operator/{id}"),
            format!("spiffe://ab.shanty.internal/agent/{}", id.to_uppercase()),
            format!("spiffe://ab.shanty.internal/agent/{id}/"),
            format!("spiffe://ab.shanty.internal/agent/%2e{id}"),
            format!("SPIFFE://ab.shanty.internal/agent/{id}"),
            format!("https://ab.shanty.internal/agent/{id}"),
            format!("{good} "),
        ] {
            assert!(
                matches!(bad.parse::<SpiffeId>(), Err(IdentityError::Uri(_))),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_trust_domain_follows_from_the_root() {
        let domain = TrustDomain::of_root(&RootPin::from_bytes([0xab; 32]));
        assert_eq!(domain.as_str(), "abababababababab.shanty.internal");
    }

    #[test]
    fn garbage_is_no_identity() {
        let domain = TrustDomain::of_root(&RootPin::from_bytes([0; 32]));
        let garbage = CertificateDer::from(vec![0x30, 0x03, 1, 2, 3]);
        assert_eq!(
            PeerIdentity::of_agent(&garbage, &domain),
            Err(IdentityError::Parse)
        );
    }
}

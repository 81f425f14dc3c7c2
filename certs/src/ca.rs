//! The certificate authority of one installation: a root that agents pin, an issuing certificate below it, the controller's own
//! identity, and certificates for agents.
//!
//! Decides what stands in a certificate; who gets one is decided by whoever checks join tokens. On disk (one private directory):
//! `root.crt`, `root.key` (needed only to renew the issuing certificate, so it may be kept elsewhere), `issuing.pem` and
//! `controller.pem` (key and certificate each).

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{Issuer, KeyPair, PublicKeyData};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use thiserror::Error;
use x509_parser::certificate::X509Certificate;

use crate::csr::Csr;
use crate::files::FileError;
use crate::identity::{self, Role, SpiffeId, TrustDomain};
use crate::token::RootPin;

mod lifetimes;
mod profile;
mod store;

pub use lifetimes::{Lifetime, lifetimes};

/// A clock before 2020 would make certificates that nobody accepts.
const CLOCK_MIN: Duration = Duration::from_secs(1_577_836_800);

/// Why the authority cannot be opened or created, or does not issue.
#[derive(Debug, Error)]
pub enum CaError {
    /// A file or directory is missing, unreadable or open to others.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file does not hold what it should.
    #[error("{} {what}; restore it from a backup{}", path.display(), otherwise(path))]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The issuing certificate must be renewed and the root's key is not there.
    #[error("the issuing certificate must be renewed, and {} is not there; put it back for one start", path.display())]
    RootKeyAway {
        /// Where the key is looked for.
        path: PathBuf,
    },
    /// The clock is wrong beyond doubt.
    #[error("the clock says a time before 2020; set it and try again")]
    Clock,
    /// The agent brought a key of the authority itself.
    #[error("the key of the signing request belongs to the controller")]
    OwnKey,
    /// Random bytes or cryptography failed.
    #[error("{0} failed")]
    Crypto(&'static str, #[source] Option<rcgen::Error>),
}

impl CaError {
    fn crypto(what: &'static str) -> impl FnOnce(rcgen::Error) -> Self {
        move |error| Self::Crypto(what, Some(error))
    }
}

/// For the controller's own leaf there is a simpler way than a backup.
fn otherwise(path: &Path) -> &'static str {
    if path
        .file_name()
        .is_some_and(|name| name == store::CONTROLLER)
    {
        ", or delete it: a new one is made at the next start"
    } else {
        ""
    }
}

/// A private key with the certificate for it.
#[derive(Debug)]
struct Pair {
    key: KeyPair,
    certificate: CertificateDer<'static>,
}

/// The authority, open. Holds the issuing key and the controller's, not the root's.
#[derive(Debug)]
pub struct Ca {
    root: CertificateDer<'static>,
    pin: RootPin,
    domain: TrustDomain,
    issuing: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
    controller: Pair,
}

impl Ca {
    /// Opens the authority in `directory`, or creates one when there is none: all of it or nothing, also when the machine stops
    /// half-way. Renews the issuing certificate (same key) and the controller's leaf when a third of their life is left.
    ///
    /// # Errors
    /// [`CaError`]: what is there is never overwritten, so anything unexpected has to be settled by a person.
    pub fn open_or_create(directory: &Path, now: SystemTime) -> Result<Self, CaError> {
        if since_epoch(now) < CLOCK_MIN {
            return Err(CaError::Clock);
        }
        if store::is_absent_or_empty(directory)? {
            store::create(directory, now)?;
        }
        store::open(directory, now)
    }

    /// Issues a certificate for the key of a request: leaf, issuing and root in DER. A TLS client and nothing else, for this long.
    /// Only the public key comes from the request.
    ///
    /// # Errors
    /// [`CaError::OwnKey`] for a key of the authority, [`CaError::Crypto`].
    pub fn issue_agent(
        &self,
        csr: &Csr,
        agent: [u8; 16],
        now: SystemTime,
        life: Duration,
    ) -> Result<[CertificateDer<'static>; 3], CaError> {
        let own = [
            self.pin,
            RootPin::of_spki(&self.issuer.key().subject_public_key_info()),
            RootPin::of_spki(&self.controller.key.subject_public_key_info()),
        ];
        if own.contains(&RootPin::from_bytes(*csr.key_sha256())) {
            return Err(CaError::OwnKey);
        }
        let id = self.spiffe_id(Role::Agent, agent);
        let leaf = profile::agent(&id, now, life)?
            .signed_by(csr.key(), &self.issuer)
            .map_err(CaError::crypto("signing a certificate"))?;
        Ok([leaf.der().clone(), self.issuing.clone(), self.root.clone()])
    }

    /// Whether a leaf was issued here.
    #[must_use]
    pub fn is_ours(&self, leaf: &[u8]) -> bool {
        let leaf = CertificateDer::from(leaf);
        let Ok(issuing) = identity::parse(&self.issuing) else {
            return false;
        };
        let signed = |leaf: X509Certificate<'_>| leaf.verify_signature(Some(issuing.public_key()));
        identity::parse(&leaf).is_ok_and(|leaf| signed(leaf).is_ok())
    }

    /// What agents pin.
    #[must_use]
    pub const fn pin(&self) -> RootPin {
        self.pin
    }

    /// The key that both listeners show, for downloaders that can pin no root: the same over restarts and renewals.
    #[must_use]
    pub fn listener_pin(&self) -> RootPin {
        RootPin::of_spki(&self.controller.key.subject_public_key_info())
    }

    /// The trust domain of all identities that it issues.
    #[must_use]
    pub const fn trust_domain(&self) -> &TrustDomain {
        &self.domain
    }

    /// The certificates above every leaf: issuing and root.
    #[must_use]
    pub fn issuers(&self) -> [CertificateDer<'static>; 2] {
        [self.issuing.clone(), self.root.clone()]
    }

    /// The root certificate.
    #[must_use]
    pub const fn root(&self) -> &CertificateDer<'static> {
        &self.root
    }

    /// The issuing certificate.
    pub(crate) const fn issuing(&self) -> &CertificateDer<'static> {
        &self.issuing
    }

    /// The controller's leaf, issuing and root: what both listeners send.
    pub(crate) fn controller_chain(&self) -> Vec<CertificateDer<'static>> {
        let leaf = self.controller.certificate.clone();
        vec![leaf, self.issuing.clone(), self.root.clone()]
    }

    /// The key of the controller's leaf.
    pub(crate) fn controller_key(&self) -> PrivatePkcs8KeyDer<'static> {
        self.controller.key.serialize_der().into()
    }

    /// The issuing key, for certificates that only tests make.
    #[cfg(test)]
    pub(crate) const fn issuer(&self) -> &Issuer<'static, KeyPair> {
        &self.issuer
    }

    fn spiffe_id(&self, role: Role, id: [u8; 16]) -> SpiffeId {
        SpiffeId {
            domain: self.domain.to_string(),
            role,
            id,
        }
    }
}

fn since_epoch(now: SystemTime) -> Duration {
    now.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
}

/// True when less than a third of the certificate's life is left.
fn is_due(certificate: &X509Certificate<'_>, now: SystemTime) -> bool {
    let end = identity::not_after(certificate);
    let left = end.duration_since(now).unwrap_or(Duration::ZERO);
    left < profile::LEAF_LIFE / 3
}

#[cfg(test)]
mod tests;

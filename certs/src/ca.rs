//! The certificate authority of one installation: a root that agents pin, an issuing certificate below it, the controller's own
//! identity, and certificates for agents.
//!
//! What changes while it is open, and how, is `rotation`'s.
//!
//! Decides what stands in a certificate; who gets one is decided by whoever checks join tokens. On disk (one private directory):
//! `root.crt`, `root.key` (needed only to make or renew the issuing certificate, so it may be kept elsewhere), `issuing.pem` and
//! `controller.pem` (key and certificate each); while a rotation is under way `issuing.next.pem`, and then `former.crt`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rcgen::{KeyPair, PublicKeyData};
use rustls::sign::CertifiedKey;
use rustls_pki_types::CertificateDer;
use thiserror::Error;
use x509_parser::certificate::X509Certificate;

use crate::csr::Csr;
use crate::files::FileError;
use crate::identity::{self, Role, SpiffeId, TrustDomain};
use crate::token::RootPin;

mod lifetimes;
mod profile;
mod rotation;
mod store;

pub use lifetimes::{Lifetime, lifetimes};
pub use rotation::{CaKey, CaStatus};

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
    /// The issuing certificate has run out and the root's key is not there.
    #[error("the issuing certificate has run out, and {} is not there; put it back for one start", path.display())]
    RootKeyAway {
        /// Where the key is looked for.
        path: PathBuf,
    },
    /// The root's key is needed and is not there.
    #[error("the root's key is needed, and it is not in {}", path.display())]
    NoRootKey {
        /// Where the key is looked for.
        path: PathBuf,
    },
    /// The key that was brought is another.
    #[error("what was given is not the key of this root")]
    OtherRootKey,
    /// An issuing certificate was replaced, and what it signed is good still.
    #[error("the issuing certificate before the one in use is not retired yet")]
    NotRetired,
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
    directory: PathBuf,
    root: CertificateDer<'static>,
    pin: RootPin,
    domain: TrustDomain,
    active: ArcSwap<Active>,
    /// Changes are made one after another.
    changing: Mutex<()>,
}

/// What changes while the authority is open.
#[derive(Debug)]
struct Active {
    issuing: CertificateDer<'static>,
    issuer: rcgen::Issuer<'static, KeyPair>,
    controller: Pair,
    /// What connections are shown: the controller's chain with its key.
    shown: Arc<CertifiedKey>,
    /// The issuing certificate before this one, while what it signed is good still.
    former: Option<CertificateDer<'static>>,
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
        let active = self.active.load();
        let own = [
            self.pin,
            RootPin::of_spki(&active.issuer.key().subject_public_key_info()),
            RootPin::of_spki(&active.controller.key.subject_public_key_info()),
        ];
        if own.contains(&RootPin::from_bytes(*csr.key_sha256())) {
            return Err(CaError::OwnKey);
        }
        let id = self.spiffe_id(Role::Agent, agent);
        let leaf = profile::agent(&id, now, life)?
            .signed_by(csr.key(), &active.issuer)
            .map_err(CaError::crypto("signing a certificate"))?;
        Ok([
            leaf.der().clone(),
            active.issuing.clone(),
            self.root.clone(),
        ])
    }

    /// Whether a leaf was issued here, by a certificate that is not retired.
    #[must_use]
    pub fn is_ours(&self, leaf: &[u8]) -> bool {
        self.issuing().iter().any(|issuing| is_by(leaf, issuing))
    }

    /// What agents pin.
    #[must_use]
    pub const fn pin(&self) -> RootPin {
        self.pin
    }

    /// The key that both listeners show, for downloaders that can pin no root: the same over restarts and renewals.
    #[must_use]
    pub fn listener_pin(&self) -> RootPin {
        RootPin::of_spki(&self.active.load().controller.key.subject_public_key_info())
    }

    /// The trust domain of all identities that it issues.
    #[must_use]
    pub const fn trust_domain(&self) -> &TrustDomain {
        &self.domain
    }

    /// The certificates above a leaf of ours: issuing and root.
    #[must_use]
    pub fn issuers_of(&self, leaf: &[u8]) -> [CertificateDer<'static>; 2] {
        let active = self.active.load();
        let former = active.former.as_ref().filter(|former| is_by(leaf, former));
        let issuing = former.unwrap_or(&active.issuing).clone();
        [issuing, self.root.clone()]
    }

    /// The root certificate.
    #[must_use]
    pub const fn root(&self) -> &CertificateDer<'static> {
        &self.root
    }

    /// The issuing certificates whose leaves are good: the one in use, and the former until it is retired.
    pub(crate) fn issuing(&self) -> Vec<CertificateDer<'static>> {
        let active = self.active.load();
        let former = active.former.clone();
        std::iter::once(active.issuing.clone())
            .chain(former)
            .collect()
    }

    /// The controller's leaf, issuing and root with the leaf's key: what both listeners show.
    pub(crate) fn shown(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.active.load().shown)
    }

    /// The controller's leaf, issuing and root, for tests.
    #[cfg(test)]
    pub(crate) fn controller_chain(&self) -> Vec<CertificateDer<'static>> {
        self.shown().cert.clone()
    }

    /// The key of the controller's leaf, for tests.
    #[cfg(test)]
    pub(crate) fn controller_key(&self) -> rustls_pki_types::PrivatePkcs8KeyDer<'static> {
        self.active.load().controller.key.serialize_der().into()
    }

    /// Signs what only tests make.
    #[cfg(test)]
    pub(crate) fn sign<K: PublicKeyData>(
        &self,
        params: rcgen::CertificateParams,
        key: &K,
    ) -> CertificateDer<'static> {
        let active = self.active.load();
        let signed = params.signed_by(key, &active.issuer);
        signed.expect("a test's certificate").der().clone()
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

/// Whether a leaf is signed by the key of this certificate.
fn is_by(leaf: &[u8], issuing: &CertificateDer<'_>) -> bool {
    let leaf = CertificateDer::from(leaf);
    let Ok(issuing) = identity::parse(issuing) else {
        return false;
    };
    let signed = |leaf: X509Certificate<'_>| leaf.verify_signature(Some(issuing.public_key()));
    identity::parse(&leaf).is_ok_and(|leaf| signed(leaf).is_ok())
}

/// True when less than a third of the certificate's life is left.
fn is_due(certificate: &X509Certificate<'_>, now: SystemTime) -> bool {
    let end = identity::not_after(certificate);
    let left = end.duration_since(now).unwrap_or(Duration::ZERO);
    left < profile::LEAF_LIFE / 3
}

#[cfg(test)]
mod tests;

//! Where a release comes from: a file, its detached OpenSSH signature, the certificate of the release key in that signature, and the roots
//! that may certify one.
//!
//! Roots stand in lines as `ssh-keygen -Y verify` reads them, and signatures are what `ssh-keygen -Y sign` makes, so that a person can check
//! the same with the tools of any machine. Only what releases use is taken: Ed25519, SHA-512, certificates for the principal `release`.

mod date;
mod roots;
mod sshsig;

use ring::signature::{ED25519, UnparsedPublicKey};
use sha2::{Digest as _, Sha256, Sha512};
use thiserror::Error;

pub use roots::{Roots, RootsError};

use date::Utc;
use sshsig::{Certificate, Signature};

/// The namespace of what says which agents there are: `manifest.json`.
pub const AGENTS: &str = "shanty-agents";

/// Whom a certificate of a release key is for.
pub const PRINCIPAL: &str = "release";

/// Largest signature that is looked at, bytes. One with a certificate has about 1,000.
pub const SIGNATURE_BYTES_MAX: usize = 16 * 1024;

/// Who signed, as far as it was proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// What the root called the release key, made printable.
    pub key: String,
    /// Until when its certificate counts, Unix seconds.
    pub not_after: u64,
}

/// Why a file is not taken for a release. Each says what is wrong, in words that stand after "the signature does not hold: ".
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotReleased {
    /// Nothing can be checked.
    #[error("no root of releases is known here")]
    NoRoots,
    /// It cannot be read to its end, or is something else.
    #[error("the signature is no OpenSSH signature, or a part of it is missing ({0})")]
    Unreadable(&'static str),
    /// It was made for files of another kind.
    #[error("it was made for `{said}`, and not for `{wanted}`")]
    Namespace {
        /// What it is for.
        said: String,
        /// What it has to be for.
        wanted: String,
    },
    /// Made with something that releases do not use.
    #[error("it was made with `{0}`, which releases do not use")]
    Algorithm(String),
    /// There is no certificate in it.
    #[error(
        "it was made with a plain key, and a release key has a certificate of a root; sign with the key beside its -cert.pub"
    )]
    PlainKey,
    /// A certificate of another kind.
    #[error("the certificate of the key is one of a host, and not of who releases")]
    KindOfCertificate,
    /// The certificate was made for somebody else.
    #[error("the certificate of the key is for {0}, and not for `release`")]
    Principal(String),
    /// The certificate asks for something that nobody here knows.
    #[error("the certificate of the key demands `{0}`, which is not known here")]
    Demand(String),
    /// A root that is not ours.
    #[error("the key was certified by {0}, which is no root here")]
    UnknownRoot(String),
    /// The root is for files of another kind.
    #[error("the root that certified the key may not do so for `{0}`")]
    RootNamespace(String),
    /// A root that does not count yet.
    #[error("the root that certified the key counts from {0}")]
    RootNotYet(Utc),
    /// A root that counts no more.
    #[error("the root that certified the key counted until {0}")]
    RootExpired(Utc),
    /// The certificate is older than what the root is still believed.
    #[error(
        "the key was certified for {made}, and of its root only what it certified from {from} on counts"
    )]
    RootSince {
        /// From when the certificate counts.
        made: Utc,
        /// From when the root does.
        from: Utc,
    },
    /// The root did not sign the certificate.
    #[error("the certificate of the key is not what its root signed")]
    Certificate,
    /// The certificate's time has not come.
    #[error("the certificate of the key counts from {0}; is the clock of this machine right?")]
    NotYet(Utc),
    /// The certificate's time is over.
    #[error(
        "the certificate of the key counted until {0}: what is offered is too old, sign it again"
    )]
    Expired(Utc),
    /// The signature is of other bytes.
    #[error(
        "the file is not the one that was signed: it was changed since, or belongs to another signature"
    )]
    Changed,
}

impl Roots {
    /// Checks that a release key, which one of these roots certified for this namespace, signed exactly these bytes, and that it may at this
    /// time, Unix seconds.
    ///
    /// # Errors
    /// [`NotReleased`], with the first thing that is wrong.
    pub fn verify(
        &self,
        namespace: &str,
        bytes: &[u8],
        signature: &[u8],
        at: u64,
    ) -> Result<Signer, NotReleased> {
        if self.is_empty() {
            return Err(NotReleased::NoRoots);
        }
        let signature = Signature::parse(signature)?;
        if signature.namespace != namespace.as_bytes() {
            return Err(NotReleased::Namespace {
                said: printable(&signature.namespace),
                wanted: namespace.to_owned(),
            });
        }
        if signature.hash != b"sha512" {
            return Err(NotReleased::Algorithm(printable(&signature.hash)));
        }
        let certificate = Certificate::parse(&signature.key)?;
        self.check_certificate(&certificate, namespace, at)?;
        let signed = signature.signed(&Sha512::digest(bytes));
        if !verifies(&certificate.key, &signed, &signature.signature) {
            return Err(NotReleased::Changed);
        }
        Ok(Signer {
            key: printable(&certificate.id),
            not_after: certificate.valid_before,
        })
    }

    fn check_certificate(
        &self,
        certificate: &Certificate,
        namespace: &str,
        at: u64,
    ) -> Result<(), NotReleased> {
        let root = self
            .of(&certificate.root)
            .ok_or_else(|| NotReleased::UnknownRoot(fingerprint(&certificate.root)))?;
        if !verifies(&root.key, &certificate.signed, &certificate.signature) {
            return Err(NotReleased::Certificate);
        }
        if !certificate.of_user {
            return Err(NotReleased::KindOfCertificate);
        }
        if !certificate
            .principals
            .iter()
            .any(|p| p == PRINCIPAL.as_bytes())
        {
            return Err(NotReleased::Principal(said(&certificate.principals)));
        }
        if let Some(demand) = certificate.demands.first() {
            return Err(NotReleased::Demand(printable(demand)));
        }
        if !root.is_for(namespace) {
            return Err(NotReleased::RootNamespace(namespace.to_owned()));
        }
        if let Some(from) = root.valid_after {
            if at < from {
                return Err(NotReleased::RootNotYet(Utc(from)));
            }
            // So a release key that was lost counts no more, although its root goes on.
            if certificate.valid_after < from {
                let made = Utc(certificate.valid_after);
                return Err(NotReleased::RootSince {
                    made,
                    from: Utc(from),
                });
            }
        }
        if let Some(until) = root.valid_before.filter(|until| at >= *until) {
            return Err(NotReleased::RootExpired(Utc(until)));
        }
        if at < certificate.valid_after {
            return Err(NotReleased::NotYet(Utc(certificate.valid_after)));
        }
        if at >= certificate.valid_before {
            return Err(NotReleased::Expired(Utc(certificate.valid_before)));
        }
        Ok(())
    }
}

fn verifies(key: &[u8; 32], signed: &[u8], signature: &[u8; 64]) -> bool {
    let key = UnparsedPublicKey::new(&ED25519, key);
    key.verify(signed, signature).is_ok()
}

/// As `ssh-keygen -l` says it.
fn fingerprint(key: &[u8; 32]) -> String {
    use base64::Engine as _;
    let digest = Sha256::digest(sshsig::public_key(key));
    let text = base64::engine::general_purpose::STANDARD_NO_PAD.encode(digest);
    format!("SHA256:{text}")
}

fn said(principals: &[Vec<u8>]) -> String {
    match principals {
        [] => "anybody".to_owned(),
        some => {
            let names: Vec<_> = some
                .iter()
                .take(5)
                .map(|p| format!("`{}`", printable(p)))
                .collect();
            names.join(", ")
        }
    }
}

/// What stands in a signature before anything of it is proven, for people.
fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let seen = |c: char| {
        if c.is_ascii_graphic() && c != '`' || c == ' ' {
            c
        } else {
            '?'
        }
    };
    text.chars().take(64).map(seen).collect()
}

#[cfg(test)]
mod tests;

//! The authority's directory: created whole, opened with every file checked against the others, renewed file by file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use rcgen::{Issuer, KeyPair, PublicKeyData};
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use super::{Active, Ca, CaError, Pair, is_due, profile};
use crate::files::{self, FileError};
use crate::identity::{self, Role, SpiffeId, TrustDomain};
use crate::pem;
use crate::token::RootPin;

pub(super) const ROOT_KEY: &str = "root.key";
pub(super) const ROOT: &str = "root.crt";
pub(super) const ISSUING: &str = "issuing.pem";
/// The issuing certificate that comes, until its record is written.
pub(super) const NEXT: &str = "issuing.next.pem";
/// The issuing certificate before the one in use, while what it signed is good. Its key is gone.
pub(super) const FORMER: &str = "former.crt";
pub(super) const CONTROLLER: &str = "controller.pem";

/// True when nothing was ever created in `directory`.
pub(super) fn is_absent_or_empty(directory: &Path) -> Result<bool, CaError> {
    match fs::read_dir(directory) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(source) => Err(CaError::File(FileError::Io {
            doing: "read",
            path: directory.to_owned(),
            source,
        })),
    }
}

/// Creates root and issuing certificate beside `directory` and moves them there at once.
pub(super) fn create(directory: &Path, now: SystemTime) -> Result<(), CaError> {
    let root_key = generate()?;
    let pin = RootPin::of_spki(&root_key.subject_public_key_info());
    let domain = TrustDomain::of_root(&pin);
    let root = profile::root(&domain, now)?
        .self_signed(&root_key)
        .map_err(CaError::crypto("signing the root"))?
        .der()
        .clone();
    let issuing_key = generate()?;
    let root_issuer = issuer(&root, &root_key)?;
    let issuing = profile::issuing(&domain, now)?
        .signed_by(&issuing_key, &root_issuer)
        .map_err(CaError::crypto("signing the issuing certificate"))?
        .der()
        .clone();

    let parent = directory.parent().filter(|p| !p.as_os_str().is_empty());
    if let Some(absent) = parent.filter(|parent| !parent.exists()) {
        files::private_directory(absent)?;
    }
    let staging = files::staging_directory(directory)?;
    write(&staging.join(ROOT_KEY), Some(&root_key), None)?;
    write(&staging.join(ROOT), None, Some(&root))?;
    write(&staging.join(ISSUING), Some(&issuing_key), Some(&issuing))?;
    files::publish_directory(&staging, directory)?;
    Ok(())
}

/// Opens what [`create`] left, checks that it belongs together, and renews what is due.
pub(super) fn open(directory: &Path, now: SystemTime) -> Result<Ca, CaError> {
    files::check_private_directory(directory)?;
    let root = read_root(&directory.join(ROOT))?;
    let pin = identity::pin_of(&root).map_err(|_| broken(directory.join(ROOT), UNREADABLE))?;
    let domain = TrustDomain::of_root(&pin);
    let root_key = read_root_key(&directory.join(ROOT_KEY), &pin)?;

    let active = open_active(directory, (&root, &domain), root_key.as_ref(), now)?;
    Ok(Ca {
        directory: directory.to_owned(),
        root,
        pin,
        domain,
        active: ArcSwap::from_pointee(active),
        changing: Mutex::default(),
    })
}

/// Opens what may change while the authority is open, and renews what is due. Without the root's key the issuing certificate is used to its end.
pub(super) fn open_active(
    directory: &Path,
    (root, domain): (&CertificateDer<'static>, &TrustDomain),
    root_key: Option<&KeyPair>,
    now: SystemTime,
) -> Result<Active, CaError> {
    let issuing_path = directory.join(ISSUING);
    let mut issuing = read_pair(&issuing_path)?;
    check_signed(&issuing.certificate, root, &issuing_path)?;
    let is_due = due(&issuing.certificate, &issuing_path, now)?;
    if is_due && let Some(root_key) = root_key {
        issuing.certificate = sign_issuing(domain, &issuing.key, (root, root_key), now)?;
        write(
            &issuing_path,
            Some(&issuing.key),
            Some(&issuing.certificate),
        )?;
    } else if is_due && until(&issuing.certificate, &issuing_path)? <= now {
        return Err(CaError::RootKeyAway {
            path: directory.join(ROOT_KEY),
        });
    }
    let issuer = issuer(&issuing.certificate, issuing.key)?;
    let former = read_former(directory, root, &issuing.certificate)?;
    let controller = open_controller(
        &directory.join(CONTROLLER),
        (&issuing.certificate, &issuer, former.as_ref()),
        domain,
        now,
    )?;
    let chain = [&controller.certificate, &issuing.certificate, root];
    let shown = shown(chain.map(Clone::clone).into(), &controller.key)?;
    Ok(Active {
        issuing: issuing.certificate,
        issuer,
        controller,
        shown,
        former,
    })
}

/// An issuing certificate for a key.
pub(super) fn sign_issuing(
    domain: &TrustDomain,
    key: &KeyPair,
    (root, root_key): (&CertificateDer<'static>, &KeyPair),
    now: SystemTime,
) -> Result<CertificateDer<'static>, CaError> {
    let signed = profile::issuing(domain, now)?.signed_by(key, &issuer(root, root_key)?);
    let signed = signed.map_err(CaError::crypto("signing the issuing certificate"))?;
    Ok(signed.der().clone())
}

/// The former issuing certificate; one that is the one in use was kept before that was replaced, and counts for nothing.
fn read_former(
    directory: &Path,
    root: &CertificateDer<'_>,
    issuing: &CertificateDer<'_>,
) -> Result<Option<CertificateDer<'static>>, CaError> {
    let path = directory.join(FORMER);
    let text = match files::read_secret(&path, pem::PEM_BYTES_MAX) {
        Err(error) if error.is_missing() => return Ok(None),
        read => read?,
    };
    let former = only_certificate(&text, &path)?;
    check_signed(&former, root, &path)?;
    let pin = |der: &CertificateDer<'_>| identity::pin_of(der);
    Ok(Some(former).filter(|former| pin(former) != pin(issuing)))
}

/// What connections are shown.
fn shown(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Result<Arc<CertifiedKey>, CaError> {
    let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let provider = rustls::crypto::ring::default_provider();
    let certified = CertifiedKey::from_der(chain, key, &provider);
    let certified = certified.map_err(|_| CaError::Crypto("using the controller's key", None))?;
    Ok(Arc::new(certified))
}

/// The controller's leaf: made at the first open and again when it is due, with the same id and the same key, which downloaders pin.
fn open_controller(
    path: &Path,
    (issuing, issuer, former): (
        &CertificateDer<'static>,
        &Issuer<'static, KeyPair>,
        Option<&CertificateDer<'static>>,
    ),
    domain: &TrustDomain,
    now: SystemTime,
) -> Result<Pair, CaError> {
    let (id, key) = match read_pair(path) {
        Ok(pair) => {
            let by_former = former.is_some_and(|former| super::is_by(&pair.certificate, former));
            if !by_former {
                check_signed(&pair.certificate, issuing, path)?;
            }
            let id = identity::controller_id(&pair.certificate, domain)
                .map_err(|_| broken(path.to_owned(), "is not a controller's identity"))?;
            if !by_former && !due(&pair.certificate, path, now)? {
                return Ok(pair);
            }
            (id, pair.key)
        }
        Err(CaError::File(error)) if error.is_missing() => (profile::random()?, generate()?),
        Err(error) => return Err(error),
    };
    let id = SpiffeId {
        domain: domain.to_string(),
        role: Role::Controller,
        id,
    };
    let certificate = profile::controller(&id, now)?
        .signed_by(&key, issuer)
        .map_err(CaError::crypto("signing the controller's certificate"))?
        .der()
        .clone();
    write(path, Some(&key), Some(&certificate))?;
    Ok(Pair { key, certificate })
}

pub(super) const UNREADABLE: &str = "does not hold a certificate that can be read";

fn read_root(path: &Path) -> Result<CertificateDer<'static>, CaError> {
    let text = files::read_secret(path, pem::PEM_BYTES_MAX)?;
    let root = only_certificate(&text, path)?;
    check_signed(&root, &root, path)?;
    Ok(root)
}

pub(super) fn read_root_key(path: &Path, pin: &RootPin) -> Result<Option<KeyPair>, CaError> {
    let text = match files::read_secret(path, pem::PEM_BYTES_MAX) {
        Err(error) if error.is_missing() => return Ok(None),
        read => read?,
    };
    let key = read_key(&text, path)?;
    if RootPin::of_spki(&key.subject_public_key_info()) == *pin {
        Ok(Some(key))
    } else {
        Err(broken(path.to_owned(), "is not the key of root.crt"))
    }
}

pub(super) fn read_pair(path: &Path) -> Result<Pair, CaError> {
    let text = files::read_secret(path, pem::PEM_BYTES_MAX)?;
    let certificate = only_certificate(&text, path)?;
    let key = read_key(&text, path)?;
    let of_certificate =
        identity::pin_of(&certificate).map_err(|_| broken(path.to_owned(), UNREADABLE))?;
    if RootPin::of_spki(&key.subject_public_key_info()) == of_certificate {
        Ok(Pair { key, certificate })
    } else {
        Err(broken(
            path.to_owned(),
            "holds a key and a certificate that do not match",
        ))
    }
}

fn read_key(text: &[u8], path: &Path) -> Result<KeyPair, CaError> {
    pem::key(text)
        .and_then(|key| KeyPair::try_from(&key).ok())
        .ok_or_else(|| {
            broken(
                path.to_owned(),
                "does not hold a private key that can be read",
            )
        })
}

pub(super) fn only_certificate(
    text: &[u8],
    path: &Path,
) -> Result<CertificateDer<'static>, CaError> {
    let found = pem::certificates(text).map(<[CertificateDer<'static>; 1]>::try_from);
    let Some(Ok([certificate])) = found else {
        return Err(broken(path.to_owned(), UNREADABLE));
    };
    identity::parse(&certificate).map_err(|_| broken(path.to_owned(), UNREADABLE))?;
    Ok(certificate)
}

pub(super) fn check_signed(
    certificate: &CertificateDer<'_>,
    by: &CertificateDer<'_>,
    path: &Path,
) -> Result<(), CaError> {
    let unreadable = |_| broken(path.to_owned(), UNREADABLE);
    let by = identity::parse(by).map_err(unreadable)?;
    identity::parse(certificate)
        .map_err(unreadable)?
        .verify_signature(Some(by.public_key()))
        .map_err(|_| {
            broken(
                path.to_owned(),
                "is not signed by the authority in this directory",
            )
        })
}

/// When a certificate runs out.
pub(super) fn until(certificate: &CertificateDer<'_>, path: &Path) -> Result<SystemTime, CaError> {
    let parsed = identity::parse(certificate).map_err(|_| broken(path.to_owned(), UNREADABLE))?;
    Ok(identity::not_after(&parsed))
}

fn due(certificate: &CertificateDer<'_>, path: &Path, now: SystemTime) -> Result<bool, CaError> {
    let parsed = identity::parse(certificate).map_err(|_| broken(path.to_owned(), UNREADABLE))?;
    Ok(is_due(&parsed, now))
}

fn issuer<K: rcgen::SigningKey>(
    certificate: &CertificateDer<'_>,
    key: K,
) -> Result<Issuer<'static, K>, CaError> {
    Issuer::from_ca_cert_der(certificate, key).map_err(CaError::crypto("reading a certificate"))
}

pub(super) fn generate() -> Result<KeyPair, CaError> {
    KeyPair::generate().map_err(CaError::crypto("generating a key"))
}

pub(super) fn write(
    path: &Path,
    key: Option<&KeyPair>,
    certificate: Option<&CertificateDer<'_>>,
) -> Result<(), CaError> {
    let text = pem::encode(
        key.map(KeyPair::serialized_der),
        certificate.map_or(&[], std::slice::from_ref),
    );
    Ok(files::write_secret(path, text.as_bytes())?)
}

pub(super) fn broken(path: PathBuf, what: &'static str) -> CaError {
    CaError::Content { path, what }
}

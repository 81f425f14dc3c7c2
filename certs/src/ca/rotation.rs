//! What changes of an authority that is open: another issuing key, the end of the former, and the root's key that goes elsewhere.
//!
//! A change is made in steps of one file each. Which of them count is decided by whoever keeps records: [`Ca::prepare`] leaves a file that
//! counts for nothing, and [`Ca::settle`] finishes at a start what was recorded and undoes what was not.

use std::path::Path;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::SystemTime;

use rcgen::{KeyPair, PublicKeyData};
use rustls_pki_types::CertificateDer;
use zeroize::Zeroizing;

use super::{Ca, CaError, store};
use crate::files;
use crate::identity;
use crate::pem;
use crate::token::RootPin;

/// A key of the authority, or of the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaKey {
    /// The hash of the public key.
    pub pin: RootPin,
    /// When its certificate runs out.
    pub until: SystemTime,
}

/// How an authority stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaStatus {
    /// What agents pin.
    pub root: CaKey,
    /// Whether the root's private key is in the directory.
    pub root_key: bool,
    /// What certificates come from.
    pub issuing: CaKey,
    /// What they came from before, until it is retired.
    pub former: Option<CaKey>,
    /// The controller's own.
    pub controller: CaKey,
}

impl Ca {
    /// How it stands.
    ///
    /// # Errors
    /// [`CaError::Crypto`] when a certificate cannot be read, which it could when it was opened.
    pub fn status(&self) -> Result<CaStatus, CaError> {
        let active = self.active.load();
        Ok(CaStatus {
            root: key_of(&self.root)?,
            root_key: self.directory.join(store::ROOT_KEY).exists(),
            issuing: key_of(&active.issuing)?,
            former: active.former.as_ref().map(key_of).transpose()?,
            controller: key_of(&active.controller.certificate)?,
        })
    }

    /// Whether an issuing certificate was replaced whose leaves are good still.
    #[must_use]
    pub fn has_former(&self) -> bool {
        self.active.load().former.is_some()
    }

    /// Whether a leaf of ours is by the former issuing certificate: it is renewed soon, so that that one can be retired. Only looks whom the
    /// leaf names: for leaves that are known to be ours.
    #[must_use]
    pub fn is_by_former(&self, leaf: &[u8]) -> bool {
        let active = self.active.load();
        let former = active.former.as_ref().and_then(subject_key_of);
        former.is_some_and(|former| issuer_key_of(leaf).is_some_and(|issuer| issuer == former))
    }

    /// Whether an issuing certificate is by our root and newer than the one in use: it was made after this authority, which is an older one
    /// that was put back. One that is retired is older.
    pub(crate) fn is_ahead(&self, issuing: &CertificateDer<'_>) -> bool {
        let active = self.active.load();
        let (Ok(other), Ok(own)) = (identity::parse(issuing), identity::parse(&active.issuing))
        else {
            return false;
        };
        let newer = identity::not_before(&other) > identity::not_before(&own);
        newer && other.is_ca() && super::is_by(issuing, &self.root)
    }

    /// When a certificate runs out; nothing when it is none.
    #[must_use]
    pub fn runs_out(leaf: &[u8]) -> Option<SystemTime> {
        let leaf = CertificateDer::from(leaf);
        let certificate = identity::parse(&leaf).ok()?;
        Some(identity::not_after(&certificate))
    }

    /// Draws another issuing key and has the root sign it, with the key in the directory or the PEM text that is given. Nothing comes from it
    /// before [`Ca::activate`].
    ///
    /// # Errors
    /// [`CaError::NotRetired`], [`CaError::NoRootKey`], [`CaError::OtherRootKey`], and those of files.
    pub fn prepare(&self, root_key: Option<&[u8]>, now: SystemTime) -> Result<RootPin, CaError> {
        let _one = self.changing();
        if self.has_former() {
            return Err(CaError::NotRetired);
        }
        let root_key = match root_key {
            Some(text) => self.own_root_key(text)?,
            None => {
                let path = self.directory.join(store::ROOT_KEY);
                let key = store::read_root_key(&path, &self.pin)?;
                key.ok_or(CaError::NoRootKey { path })?
            }
        };
        let key = store::generate()?;
        let certificate = store::sign_issuing(&self.domain, &key, (&self.root, &root_key), now)?;
        let path = self.directory.join(store::NEXT);
        store::write(&path, Some(&key), Some(&certificate))?;
        Ok(RootPin::of_spki(&key.subject_public_key_info()))
    }

    /// Has certificates come from the key that was prepared. What the one before it signed is good until [`Ca::retire`].
    ///
    /// # Errors
    /// Those of files: what was done by then is finished by [`Ca::settle`].
    pub fn activate(&self, now: SystemTime) -> Result<(), CaError> {
        let _one = self.changing();
        let next = self.directory.join(store::NEXT);
        let pair = store::read_pair(&next)?;
        store::check_signed(&pair.certificate, &self.root, &next)?;
        let issuing = self.directory.join(store::ISSUING);
        let former = self.active.load().issuing.clone();
        store::write(&self.directory.join(store::FORMER), None, Some(&former))?;
        files::replace(&next, &issuing)?;
        self.reopen(now)
    }

    /// Gives up what was prepared.
    ///
    /// # Errors
    /// Those of files.
    pub fn give_up(&self) -> Result<(), CaError> {
        let _one = self.changing();
        Ok(files::remove(&self.directory.join(store::NEXT))?)
    }

    /// What the former issuing certificate signed is good for nothing any more.
    ///
    /// # Errors
    /// Those of files; nothing is retired then.
    pub fn retire(&self, now: SystemTime) -> Result<(), CaError> {
        let _one = self.changing();
        files::remove(&self.directory.join(store::FORMER))?;
        self.reopen(now)
    }

    /// Does at a start what was recorded and not done: certificates come from the key with the first of these hashes, and the one with the
    /// second is retired. What was prepared and not recorded is given up.
    ///
    /// # Errors
    /// Those of files.
    pub fn settle(
        &self,
        rotated: Option<&[u8; 32]>,
        retired: Option<&[u8; 32]>,
        now: SystemTime,
    ) -> Result<(), CaError> {
        let next = self.directory.join(store::NEXT);
        if next.exists() {
            let prepared = store::read_pair(&next).ok();
            let pin = prepared.map(|pair| RootPin::of_spki(&pair.key.subject_public_key_info()));
            match pin.is_some_and(|pin| rotated == Some(pin.as_bytes())) {
                true => self.activate(now)?,
                false => self.give_up()?,
            }
        }
        let former = self.status()?.former;
        if former.is_some_and(|former| retired == Some(former.pin.as_bytes())) {
            self.retire(now)?;
        }
        Ok(())
    }

    /// The root's private key, as PEM, to be kept elsewhere.
    ///
    /// # Errors
    /// [`CaError::NoRootKey`], and those of files.
    pub fn root_key(&self) -> Result<Zeroizing<Vec<u8>>, CaError> {
        let path = self.directory.join(store::ROOT_KEY);
        let key = store::read_root_key(&path, &self.pin)?;
        let key = key.ok_or(CaError::NoRootKey { path })?;
        let text = pem::encode(Some(key.serialized_der()), &[]);
        Ok(Zeroizing::new(text.as_bytes().to_vec()))
    }

    /// Whether a PEM text is the root's private key.
    #[must_use]
    pub fn is_root_key(&self, text: &[u8]) -> bool {
        self.own_root_key(text).is_ok()
    }

    /// Overwrites the root's private key in the directory and deletes it.
    ///
    /// # Errors
    /// [`CaError::NoRootKey`], and those of files.
    pub fn shred_root_key(&self) -> Result<(), CaError> {
        let _one = self.changing();
        let path = self.directory.join(store::ROOT_KEY);
        files::shred(&path).map_err(|error| match error.is_missing() {
            true => CaError::NoRootKey { path },
            false => error.into(),
        })
    }

    /// The root certificate, as PEM, for people.
    #[must_use]
    pub fn root_pem(&self) -> String {
        pem::encode(None, std::slice::from_ref(&self.root)).to_string()
    }

    fn own_root_key(&self, text: &[u8]) -> Result<KeyPair, CaError> {
        let key = pem::key(text).and_then(|key| KeyPair::try_from(&key).ok());
        let own = |key: &KeyPair| RootPin::of_spki(&key.subject_public_key_info()) == self.pin;
        key.filter(own).ok_or(CaError::OtherRootKey)
    }

    fn reopen(&self, now: SystemTime) -> Result<(), CaError> {
        let active = store::open_active(&self.directory, (&self.root, &self.domain), None, now)?;
        self.active.store(Arc::new(active));
        Ok(())
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key_of(der: &CertificateDer<'static>) -> Result<CaKey, CaError> {
    let unreadable = |_| CaError::Crypto("reading a certificate", None);
    Ok(CaKey {
        pin: identity::pin_of(der).map_err(unreadable)?,
        until: store::until(der, Path::new("a certificate"))?,
    })
}

/// What a certificate calls its own key.
fn subject_key_of(der: &CertificateDer<'static>) -> Option<Vec<u8>> {
    use x509_parser::extensions::ParsedExtension;
    let certificate = identity::parse(der).ok()?;
    let parsed = |extension: &x509_parser::extensions::X509Extension<'_>| match extension
        .parsed_extension()
    {
        ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0.to_vec()),
        _ => None,
    };
    certificate.extensions().iter().find_map(parsed)
}

/// What a leaf calls the key that signed it.
fn issuer_key_of(leaf: &[u8]) -> Option<Vec<u8>> {
    use x509_parser::extensions::ParsedExtension;
    let der = CertificateDer::from(leaf);
    let certificate = identity::parse(&der).ok()?;
    let parsed = |extension: &x509_parser::extensions::X509Extension<'_>| match extension
        .parsed_extension()
    {
        ParsedExtension::AuthorityKeyIdentifier(id) => {
            id.key_identifier.as_ref().map(|id| id.0.to_vec())
        }
        _ => None,
    };
    certificate.extensions().iter().find_map(parsed)
}

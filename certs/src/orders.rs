//! Signed orders: the key that a controller signs with, and what a host knows of it.
//!
//! A signature says that this controller made exactly these bytes. Whom they are for, until when they count and whether the host does what
//! they say is decided by whoever reads them.

use std::fmt;
use std::path::{Path, PathBuf};

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::files::{self, FileError};
use crate::pem;

mod keys;

pub use keys::OrderKeys;

/// In the authority's directory: the key that a controller signs with.
const KEY: &str = "orders.pem";

/// Stands before the bytes of an order, so that no other signature of this key is one of an order.
const ORDER_TAG: &[u8] = b"shanty-order-v1\0";

/// The same for the time.
const TIME_TAG: &[u8] = b"shanty-time-v1\0";

/// And for a key that takes the place of this one.
const ENDORSE_TAG: &[u8] = b"shanty-order-key-v1\0";

/// And for one that is to be known no more.
const GONE_TAG: &[u8] = b"shanty-order-key-gone-v1\0";

/// Largest file of known keys that is read, bytes.
const KNOWN_BYTES_MAX: u64 = 4 * 1024;

/// Keys that a host knows at most: the one in use, one that comes, one that goes, and one to spare.
const KNOWN_MAX: usize = 4;

/// Bytes of what a host draws to have the time signed for it alone.
pub const NONCE_BYTES: usize = 32;

/// Why there is no key.
#[derive(Debug, Error)]
pub enum OrderKeyError {
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The controller's file holds something else.
    #[error("{} does not hold a key that can be read; restore it from a backup", .0.display())]
    Key(PathBuf),
    /// A host's file holds something else.
    #[error("{}: line {line}: {what}", path.display())]
    Known {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// What is wrong there.
        what: &'static str,
    },
    /// The operating system gave no random bytes.
    #[error("draw a key for signing orders")]
    Random,
}

/// What a controller signs with.
pub struct OrderKey {
    pair: Ed25519KeyPair,
    public: OrderPublicKey,
}

/// What hosts check signatures with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OrderPublicKey([u8; 32]);

/// Why an order is not taken for one of this controller.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotSigned {
    /// There is no signature.
    #[error("the order is not signed")]
    Missing,
    /// The host knows no key at all.
    #[error("this host knows no key of a controller")]
    NoneKnown,
    /// A key that the host does not know.
    #[error("the order is signed with the key {asked}, and this host knows {known} only")]
    UnknownKey {
        /// The id of the key, as far as it can be one.
        asked: String,
        /// The ids of those that are known.
        known: String,
    },
    /// The signature is of something else.
    #[error("the signature of the order is not that of the key {0}")]
    Wrong(String),
}

/// The keys that a host takes orders of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownKeys(Vec<OrderPublicKey>);

impl OrderKey {
    /// Reads the key in the authority's directory, or makes one where there is none. The second value is true when it was made now.
    ///
    /// # Errors
    /// [`OrderKeyError`]: what is there is never overwritten.
    pub fn open_or_create(directory: &Path) -> Result<(Self, bool), OrderKeyError> {
        let path = directory.join(KEY);
        match Self::read(&path) {
            Ok(key) => return Ok((key, false)),
            Err(OrderKeyError::File(error)) if error.is_missing() => {}
            Err(error) => return Err(error),
        }
        let (key, der) = Self::drawn()?;
        files::write_secret(&path, pem::encode(Some(&der), &[]).as_bytes())?;
        Ok((key, true))
    }

    fn read(path: &Path) -> Result<Self, OrderKeyError> {
        let text = files::read_secret(path, pem::PEM_BYTES_MAX)?;
        let der = pem::key(&text);
        let key = der.and_then(|der| Self::of(der.secret_pkcs8_der()));
        key.ok_or_else(|| OrderKeyError::Key(path.to_owned()))
    }

    /// A key that is kept nowhere.
    ///
    /// # Errors
    /// [`OrderKeyError::Random`].
    pub fn generate() -> Result<Self, OrderKeyError> {
        Self::drawn().map(|(key, _)| key)
    }

    fn drawn() -> Result<(Self, zeroize::Zeroizing<Vec<u8>>), OrderKeyError> {
        let random = ring::rand::SystemRandom::new();
        let der = Ed25519KeyPair::generate_pkcs8(&random).map_err(|_| OrderKeyError::Random)?;
        let der = zeroize::Zeroizing::new(der.as_ref().to_vec());
        let key = Self::of(&der).ok_or(OrderKeyError::Random)?;
        Ok((key, der))
    }

    fn of(pkcs8: &[u8]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8).ok()?;
        let public = OrderPublicKey::from_bytes(pair.public_key().as_ref())?;
        Some(Self { pair, public })
    }

    /// What hosts check with.
    #[must_use]
    pub const fn public(&self) -> &OrderPublicKey {
        &self.public
    }

    /// Signs exactly these bytes, as an order.
    #[must_use]
    pub fn sign(&self, order: &[u8]) -> Vec<u8> {
        let signature = self.pair.sign(&tagged(ORDER_TAG, &[order]));
        signature.as_ref().to_vec()
    }

    /// Says that another key takes the place of this one.
    #[must_use]
    pub fn endorse(&self, other: &OrderPublicKey) -> Vec<u8> {
        let signature = self.pair.sign(&tagged(ENDORSE_TAG, &[&other.0]));
        signature.as_ref().to_vec()
    }

    /// Says that the key with this id is to be known no more.
    #[must_use]
    pub fn renounce(&self, id: &str) -> Vec<u8> {
        let signature = self.pair.sign(&tagged(GONE_TAG, &[id.as_bytes()]));
        signature.as_ref().to_vec()
    }

    /// Signs the controller's time for one host, which drew the nonce for this.
    #[must_use]
    pub fn sign_time(&self, agent: &[u8; 16], nonce: &[u8], now_ms: u64) -> Vec<u8> {
        let parts = [agent.as_slice(), &now_ms.to_be_bytes(), nonce];
        let signature = self.pair.sign(&tagged(TIME_TAG, &parts));
        signature.as_ref().to_vec()
    }
}

impl fmt::Debug for OrderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OrderKey").field(&self.public).finish()
    }
}

impl OrderPublicKey {
    /// The key with these bytes; nothing when they are too few or too many.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Its 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What it is called: the beginning of its digest.
    #[must_use]
    pub fn id(&self) -> String {
        let digest = Sha256::digest(self.0);
        hex::encode(digest.get(..8).unwrap_or_default())
    }

    fn verifies(&self, tag: &[u8], parts: &[&[u8]], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, self.0);
        key.verify(&tagged(tag, parts), signature).is_ok()
    }
}

impl fmt::Debug for OrderPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OrderPublicKey({})", self.id())
    }
}

impl KnownKeys {
    /// Knows this one.
    #[must_use]
    pub fn of(key: OrderPublicKey) -> Self {
        Self(vec![key])
    }

    /// Reads the file of a host: none is known when it is not there.
    ///
    /// # Errors
    /// [`OrderKeyError::File`] when others could have changed it, [`OrderKeyError::Known`] with the first line that is wrong.
    pub fn read(path: &Path) -> Result<Self, OrderKeyError> {
        let text = match files::read_trusted(path, KNOWN_BYTES_MAX) {
            Ok(text) => text,
            Err(error) if error.is_missing() => return Ok(Self::default()),
            Err(error) => return Err(error.into()),
        };
        Self::parse(&String::from_utf8_lossy(&text)).map_err(|(line, what)| OrderKeyError::Known {
            path: path.to_owned(),
            line,
            what,
        })
    }

    /// Writes the file of a host.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn write(&self, path: &Path) -> Result<(), FileError> {
        files::write_secret(path, self.to_text().as_bytes())
    }

    fn parse(text: &str) -> Result<Self, (usize, &'static str)> {
        let mut keys = Vec::new();
        for (line, said) in (1..).zip(text.lines()) {
            let said = said.trim();
            if said.is_empty() || said.starts_with('#') {
                continue;
            }
            let mut bytes = [0; 32];
            let key = said.strip_prefix("ed25519 ").map(str::trim);
            key.and_then(|key| hex::decode_to_slice(key, &mut bytes).ok())
                .ok_or((line, "this is no key: `ed25519` and 64 hex digits"))?;
            keys.push(OrderPublicKey(bytes));
        }
        match keys.len() {
            0 => Err((1, "there is no key in it")),
            1..=KNOWN_MAX => Ok(Self(keys)),
            _ => Err((1, "there are more keys in it than a host knows")),
        }
    }

    fn to_text(&self) -> String {
        let lines = self
            .0
            .iter()
            .map(|key| format!("# {}\ned25519 {}\n", key.id(), hex::encode(key.0)));
        let lines: String = lines.collect();
        format!("# What this host checks the orders of its controller with.\n{lines}")
    }

    /// True when no order can be checked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What they are called.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        self.0.iter().map(OrderPublicKey::id).collect()
    }

    /// These with another key that one of them vouches for; nothing when none does. Where there are too many, the oldest goes.
    #[must_use]
    pub fn endorsed(&self, key: OrderPublicKey, signature: &[u8]) -> Option<Self> {
        let vouches = |known: &&OrderPublicKey| known.verifies(ENDORSE_TAG, &[&key.0], signature);
        let by = *self.0.iter().find(vouches)?;
        let mut keys = self.0.clone();
        if !keys.contains(&key) {
            if keys.len() >= KNOWN_MAX {
                let oldest = keys.iter().position(|known| *known != by)?;
                keys.remove(oldest);
            }
            keys.push(key);
        }
        Some(Self(keys))
    }

    /// These without the one with this id, where another of them says so; nothing when none does.
    #[must_use]
    pub fn without(&self, id: &str, signature: &[u8]) -> Option<Self> {
        let stay = self.0.iter().filter(|key| key.id() != id);
        let stay: Vec<OrderPublicKey> = stay.copied().collect();
        let said = |key: &OrderPublicKey| key.verifies(GONE_TAG, &[id.as_bytes()], signature);
        stay.iter().any(said).then_some(Self(stay))
    }

    /// Checks that the controller signed exactly these bytes as an order.
    ///
    /// # Errors
    /// [`NotSigned`].
    pub fn check(&self, order: &[u8], signature: &[u8], key_id: &str) -> Result<(), NotSigned> {
        if self.is_empty() {
            return Err(NotSigned::NoneKnown);
        }
        if signature.is_empty() && key_id.is_empty() {
            return Err(NotSigned::Missing);
        }
        let Some(key) = self.0.iter().find(|key| key.id() == key_id) else {
            let hex = key_id.chars().filter(char::is_ascii_hexdigit);
            let known: Vec<_> = self.0.iter().map(OrderPublicKey::id).collect();
            return Err(NotSigned::UnknownKey {
                asked: hex.take(16).collect(),
                known: known.join(", "),
            });
        };
        if key.verifies(ORDER_TAG, &[order], signature) {
            Ok(())
        } else {
            Err(NotSigned::Wrong(key.id()))
        }
    }

    /// Whether the controller said that this is its time, to this host and to this nonce.
    #[must_use]
    pub fn said_time(&self, agent: &[u8; 16], nonce: &[u8], now_ms: u64, signature: &[u8]) -> bool {
        let parts = [agent.as_slice(), &now_ms.to_be_bytes(), nonce];
        self.0
            .iter()
            .any(|key| key.verifies(TIME_TAG, &parts, signature))
    }
}

fn tagged(tag: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = tag.to_vec();
    for part in parts {
        bytes.extend_from_slice(part);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    fn key() -> OrderKey {
        OrderKey::generate().unwrap()
    }

    #[test]
    fn a_key_is_made_once_and_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (made, new) = OrderKey::open_or_create(dir.path()).unwrap();
        assert!(new);
        let (again, new) = OrderKey::open_or_create(dir.path()).unwrap();
        assert!(!new && again.public() == made.public());
        let path = dir.path().join("orders.pem");
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        std::fs::write(&path, "-----BEGIN PRIVATE KEY-----\n").unwrap();
        let error = OrderKey::open_or_create(dir.path()).unwrap_err();
        assert!(error.to_string().contains("orders.pem"), "{error}");
        assert!(!format!("{made:?}").contains("PRIVATE"));
    }

    #[test]
    fn only_the_very_bytes_under_the_very_key_are_an_order() {
        let key = key();
        let (id, known) = (key.public().id(), KnownKeys::of(*key.public()));
        let signature = key.sign(b"order");
        assert_eq!(known.check(b"order", &signature, &id), Ok(()));
        let wrong = Err(NotSigned::Wrong(id.clone()));
        assert_eq!(known.check(b"orders", &signature, &id), wrong);
        for at in 0..signature.len() {
            let mut other = signature.clone();
            other[at] ^= 1;
            assert_eq!(known.check(b"order", &other, &id), wrong);
        }
        for other in [
            &signature[..63],
            &[],
            &[signature.clone(), vec![0]].concat(),
        ] {
            assert_eq!(known.check(b"order", other, &id), wrong);
        }
        // What the key signed as the time is no order, and the other way round.
        let nonce = [7; NONCE_BYTES];
        let time = key.sign_time(&[1; 16], &nonce, 5);
        let parts = [[1; 16].as_slice(), &5_u64.to_be_bytes(), &nonce].concat();
        assert_eq!(known.check(&parts, &time, &id), wrong);
        assert!(!known.said_time(&[1; 16], &nonce, 5, &key.sign(&parts)));
    }

    #[test]
    fn what_is_not_signed_is_told_apart() {
        let (own, other) = (key(), key());
        let known = KnownKeys::of(*own.public());
        assert_eq!(known.check(b"x", &[], ""), Err(NotSigned::Missing));
        let id = other.public().id();
        let unknown = known.check(b"x", &other.sign(b"x"), &id).unwrap_err();
        assert_eq!(
            unknown.to_string(),
            format!(
                "the order is signed with the key {id}, and this host knows {} only",
                own.public().id()
            )
        );
        let hostile = "\u{1b}[2J@everyone".repeat(99);
        let said = known.check(b"x", b"y", &hostile).unwrap_err().to_string();
        assert!(
            !said.contains(['\u{1b}', '@']) && said.len() < 200,
            "{said}"
        );
        let none = KnownKeys::default().check(b"x", &own.sign(b"x"), "");
        assert_eq!(none, Err(NotSigned::NoneKnown));
    }

    #[test]
    fn the_time_is_said_to_one_host_once() {
        let key = key();
        let known = KnownKeys::of(*key.public());
        let (agent, nonce) = ([3; 16], [9; NONCE_BYTES]);
        let said = key.sign_time(&agent, &nonce, 1_000);
        assert!(known.said_time(&agent, &nonce, 1_000, &said));
        assert!(!known.said_time(&agent, &nonce, 1_001, &said));
        assert!(!known.said_time(&[4; 16], &nonce, 1_000, &said));
        assert!(!known.said_time(&agent, &[8; NONCE_BYTES], 1_000, &said));
        assert!(!KnownKeys::default().said_time(&agent, &nonce, 1_000, &said));
    }

    #[test]
    fn another_key_is_taken_on_the_word_of_one_that_is_known_and_of_no_other() {
        let [old, new, foreign] = [key(), key(), key()];
        let known = KnownKeys::of(*old.public());
        let both = known
            .endorsed(*new.public(), &old.endorse(new.public()))
            .unwrap();
        assert_eq!(both.ids(), [old.public().id(), new.public().id()]);
        assert_eq!(
            both.endorsed(*new.public(), &old.endorse(new.public())),
            Some(both.clone())
        );
        for (added, signature) in [
            (new.public(), foreign.endorse(new.public())),
            (new.public(), new.endorse(new.public())),
            (foreign.public(), old.endorse(new.public())),
            (new.public(), old.sign(new.public().as_bytes())),
            (new.public(), Vec::new()),
        ] {
            assert_eq!(known.endorsed(*added, &signature), None);
        }
        let none = KnownKeys::default();
        assert_eq!(
            none.endorsed(*new.public(), &old.endorse(new.public())),
            None
        );
        // And is known no more on the word of another that is.
        let gone = old.public().id();
        let after = both.without(&gone, &new.renounce(&gone)).unwrap();
        assert_eq!(after, KnownKeys::of(*new.public()));
        assert_eq!(both.without(&gone, &old.renounce(&gone)), None);
        assert_eq!(both.without(&gone, &new.renounce(&new.public().id())), None);
        assert_eq!(
            known.without(&gone, &old.renounce(&gone)),
            None,
            "the last one stays"
        );
        // However many came.
        let mut many = known;
        let mut last = old;
        for _ in 0..9 {
            let next = key();
            many = many
                .endorsed(*next.public(), &last.endorse(next.public()))
                .unwrap();
            last = next;
        }
        assert_eq!(many.ids().len(), KNOWN_MAX);
        assert_eq!(many.ids().last(), Some(&last.public().id()));
    }

    #[test]
    fn what_a_host_knows_is_written_and_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("orders.pub");
        assert!(KnownKeys::read(&path).unwrap().is_empty());
        let known = KnownKeys(vec![*key().public(), *key().public()]);
        known.write(&path).unwrap();
        assert_eq!(KnownKeys::read(&path).unwrap(), known);
        for (text, said) in [
            ("", "line 1: there is no key"),
            ("# only this\n", "line 1: there is no key"),
            ("# a\n\ned25519 12\n", "line 3: this is no key"),
            ("rsa 12\n", "line 1: this is no key"),
            (&known.to_text().repeat(3), "line 1: there are more keys"),
        ] {
            files::write_secret(&path, text.as_bytes()).unwrap();
            let error = KnownKeys::read(&path).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}

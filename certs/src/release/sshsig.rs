//! The forms of OpenSSH: an armoured signature (`PROTOCOL.sshsig`), and a certificate of an Ed25519 key (`PROTOCOL.certkeys`).
//!
//! Only taken apart here; nothing of it is proven yet.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{NotReleased, SIGNATURE_BYTES_MAX, printable};

const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";
const MAGIC: &[u8] = b"SSHSIG";
const PLAIN: &[u8] = b"ssh-ed25519";
const CERTIFIED: &[u8] = b"ssh-ed25519-cert-v01@openssh.com";

/// Most principals and options of a certificate that are read.
const LIST_MAX: usize = 64;

/// A signature.
pub(super) struct Signature {
    /// The public key or certificate, in its own form.
    pub(super) key: Vec<u8>,
    pub(super) namespace: Vec<u8>,
    reserved: Vec<u8>,
    pub(super) hash: Vec<u8>,
    pub(super) signature: [u8; 64],
}

/// A certificate of an Ed25519 key by an Ed25519 key.
pub(super) struct Certificate {
    pub(super) key: [u8; 32],
    pub(super) of_user: bool,
    pub(super) id: Vec<u8>,
    pub(super) principals: Vec<Vec<u8>>,
    pub(super) valid_after: u64,
    pub(super) valid_before: u64,
    /// Critical options, by name.
    pub(super) demands: Vec<Vec<u8>>,
    pub(super) root: [u8; 32],
    /// What the root signed.
    pub(super) signed: Vec<u8>,
    pub(super) signature: [u8; 64],
}

impl Signature {
    pub(super) fn parse(armoured: &[u8]) -> Result<Self, NotReleased> {
        let blob = unarmoured(armoured).map_err(NotReleased::Unreadable)?;
        let mut rest = Rest(&blob);
        if rest.take(MAGIC.len()) != Some(MAGIC) || rest.u32() != Some(1) {
            return Err(NotReleased::Unreadable(
                "its first bytes are not those of one",
            ));
        }
        let mut part = || rest.string().map(<[u8]>::to_vec);
        let parts = (part(), part(), part(), part(), part());
        let (Some(key), Some(namespace), Some(reserved), Some(hash), Some(made)) = parts else {
            return Err(NotReleased::Unreadable("it ends too early"));
        };
        if !rest.0.is_empty() {
            return Err(NotReleased::Unreadable("something stands behind it"));
        }
        Ok(Self {
            key,
            namespace,
            reserved,
            hash,
            signature: made_signature(&made)?,
        })
    }

    /// The bytes that the key signed, for a file with this digest.
    pub(super) fn signed(&self, digest: &[u8]) -> Vec<u8> {
        let mut signed = MAGIC.to_vec();
        for part in [&self.namespace, &self.reserved, &self.hash, digest] {
            put(&mut signed, part);
        }
        signed
    }
}

impl Certificate {
    pub(super) fn parse(blob: &[u8]) -> Result<Self, NotReleased> {
        const CUT: NotReleased = NotReleased::Unreadable("its certificate ends too early");
        let mut rest = Rest(blob);
        match rest.string().ok_or(CUT)? {
            CERTIFIED => {}
            PLAIN => return Err(NotReleased::PlainKey),
            other => return Err(NotReleased::Algorithm(printable(other))),
        }
        rest.string().ok_or(CUT)?; // A nonce: it only makes certificates differ.
        let key = rest
            .string()
            .and_then(|key| key.try_into().ok())
            .ok_or(CUT)?;
        rest.u64().ok_or(CUT)?; // A serial number, for lists of revoked ones.
        let kind = rest.u32().ok_or(CUT)?;
        let id = rest.string().ok_or(CUT)?.to_vec();
        let principals = rest.string().and_then(list).ok_or(CUT)?;
        let (valid_after, valid_before) = (rest.u64().ok_or(CUT)?, rest.u64().ok_or(CUT)?);
        let critical = rest.string().and_then(list).ok_or(CUT)?;
        rest.string().ok_or(CUT)?; // Extensions: they allow things that are nothing to us.
        rest.string().ok_or(CUT)?; // Reserved.
        let root = rest.string().ok_or(CUT)?;
        let signed = blob
            .len()
            .checked_sub(rest.0.len())
            .and_then(|len| blob.get(..len));
        let signed = signed.ok_or(CUT)?.to_vec();
        let signature = made_signature(rest.string().ok_or(CUT)?)?;
        if !rest.0.is_empty() {
            return Err(NotReleased::Unreadable(
                "something stands behind its certificate",
            ));
        }
        Ok(Self {
            key,
            of_user: kind == 1,
            id,
            principals,
            valid_after,
            valid_before,
            demands: critical.into_iter().step_by(2).collect(),
            root: ed25519(root)
                .ok_or(NotReleased::Algorithm("a root of another kind".to_owned()))?,
            signed,
            signature,
        })
    }
}

/// The bytes of an `ssh-ed25519` public key.
pub(super) fn ed25519(blob: &[u8]) -> Option<[u8; 32]> {
    let mut rest = Rest(blob);
    let kind = rest.string()?;
    let key = rest.string()?.try_into().ok()?;
    (kind == PLAIN && rest.0.is_empty()).then_some(key)
}

/// The form of such a key.
pub(super) fn public_key(key: &[u8; 32]) -> Vec<u8> {
    let mut blob = Vec::new();
    put(&mut blob, PLAIN);
    put(&mut blob, key);
    blob
}

fn made_signature(blob: &[u8]) -> Result<[u8; 64], NotReleased> {
    let mut rest = Rest(blob);
    let kind = rest.string();
    if let Some(other) = kind.filter(|kind| *kind != PLAIN) {
        return Err(NotReleased::Algorithm(printable(other)));
    }
    let made = rest.string().and_then(|made| made.try_into().ok());
    made.filter(|_| rest.0.is_empty())
        .ok_or(NotReleased::Unreadable("it is not as long as it has to be"))
}

fn unarmoured(armoured: &[u8]) -> Result<Vec<u8>, &'static str> {
    if armoured.len() > SIGNATURE_BYTES_MAX {
        return Err("it is longer than any");
    }
    let text = std::str::from_utf8(armoured).map_err(|_| "it is no text")?;
    let text = text.trim();
    let body = text
        .strip_prefix(BEGIN)
        .ok_or("its first line is another")?;
    let body = body.strip_suffix(END).ok_or("its last line is missing")?;
    let body: String = body.split_ascii_whitespace().collect();
    STANDARD.decode(body).map_err(|_| "it is not base64")
}

fn list(blob: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (mut rest, mut parts) = (Rest(blob), Vec::new());
    while !rest.0.is_empty() && parts.len() < LIST_MAX {
        parts.push(rest.string()?.to_vec());
    }
    rest.0.is_empty().then_some(parts)
}

fn put(blob: &mut Vec<u8>, part: &[u8]) {
    let len = u32::try_from(part.len()).unwrap_or(u32::MAX);
    blob.extend_from_slice(&len.to_be_bytes());
    blob.extend_from_slice(part);
}

/// What has not been read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_be_bytes)
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.u32()?).ok()?;
        self.take(len)
    }
}

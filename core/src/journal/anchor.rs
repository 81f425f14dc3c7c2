//! The chain of the journal's records: a digest of all of them up to one, so that none of them can be changed, left out or put in without a
//! difference from there on.
//!
//! It is computed while records are written and read, from the bytes as they are stored. A place with its digest is an anchor: whoever kept
//! one elsewhere can tell later whether the journal still says what it said then.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// What the chain begins with.
const BEGINNING: &[u8] = b"shanty-journal-v1\0";

/// A place in the journal, with the digest of all records up to it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// The record's place; zero before the first.
    pub seq: u64,
    /// The digest.
    pub digest: [u8; 32],
}

impl Anchor {
    /// Before the first record.
    #[must_use]
    pub fn beginning() -> Self {
        Self {
            seq: 0,
            digest: Sha256::digest(BEGINNING).into(),
        }
    }

    /// After one more record, which is stored as these bytes.
    #[must_use]
    pub fn after(&self, record: &[u8]) -> Self {
        let digest = Sha256::new()
            .chain_update(self.digest)
            .chain_update((record.len() as u64).to_be_bytes())
            .chain_update(record)
            .finalize();
        Self {
            seq: self.seq.saturating_add(1),
            digest: digest.into(),
        }
    }
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, hex::encode(self.digest))
    }
}

impl fmt::Debug for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no anchor.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("an anchor is written NUMBER:DIGEST, with a digest of 64 digits of 0-9 and a-f")]
pub struct NotAnAnchor;

impl FromStr for Anchor {
    type Err = NotAnAnchor;

    fn from_str(text: &str) -> Result<Self, NotAnAnchor> {
        let (seq, hex) = text.split_once(':').ok_or(NotAnAnchor)?;
        let plain = !seq.is_empty() && seq.bytes().all(|b| b.is_ascii_digit());
        let mut digest = [0; 32];
        hex::decode_to_slice(hex, &mut digest).map_err(|_| NotAnAnchor)?;
        match seq.parse() {
            Ok(seq) if plain => Ok(Self { seq, digest }),
            Ok(_) | Err(_) => Err(NotAnAnchor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(records: &[&[u8]]) -> Anchor {
        let begin = Anchor::beginning();
        records.iter().fold(begin, |anchor, one| anchor.after(one))
    }

    #[test]
    fn every_change_of_records_is_another_digest() {
        let good = of(&[b"one", b"two", b"three"]);
        assert_eq!(good.seq, 3);
        let others: [&[&[u8]]; 7] = [
            &[b"one", b"two", b"thref"],
            &[b"One", b"two", b"three"],
            &[b"two", b"one", b"three"],
            &[b"onet", b"wo", b"three"],
            &[b"one", b"two", b"three", b""],
            &[b"one", b"two"],
            &[b"", b"one", b"two", b"three"],
        ];
        for records in others {
            assert_ne!(of(records).digest, good.digest, "{records:?}");
        }
    }

    /// What was posted somewhere must be found again by every later version.
    #[test]
    fn the_chain_is_the_same_for_ever() {
        let text = of(&[b"one", b"two"]).to_string();
        assert_eq!(
            text,
            "2:749f01a35c70281b528cae76495f32f6bdd4bc24569a4d78d686dcd05eba1791"
        );
        assert_eq!(text.parse(), Ok(of(&[b"one", b"two"])));
    }

    #[test]
    fn what_is_no_anchor_is_refused() {
        let digest = "0".repeat(64);
        for text in [
            String::new(),
            "12".to_owned(),
            digest.clone(),
            format!(":{digest}"),
            format!("-1:{digest}"),
            format!("+1:{digest}"),
            format!("1:{digest}0"),
            format!("1:{}", &digest[1..]),
            format!("99999999999999999999999:{digest}"),
        ] {
            assert_eq!(text.parse::<Anchor>(), Err(NotAnAnchor), "{text}");
        }
    }
}

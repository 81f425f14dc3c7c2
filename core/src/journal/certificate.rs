//! The certificates of a host: the one that it uses, and the next one until it is used for the first time.
//!
//! They are told apart by their keys: each has a new one. What stands in them is not known here.

use std::sync::Arc;

/// A certificate that a host got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of the public key in it.
    pub key_sha256: [u8; 32],
    /// DER.
    pub leaf: Vec<u8>,
    /// When it was issued, milliseconds since the Unix epoch.
    pub issued_ms: u64,
}

/// The certificates of one host that are good for something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificates {
    current: Arc<Certificate>,
    next: Option<Arc<Certificate>>,
}

/// What the key of a certificate is to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStanding {
    /// That of the certificate in use.
    Current,
    /// That of the next one. Its first link makes it the one in use, and the former void.
    Next,
    /// None of the two, and newer than both: it was issued after this journal ends, which is an older one that was put back.
    Ahead,
    /// None of the two, and older: it was replaced.
    Void,
}

impl Certificates {
    /// Those of a host that just joined.
    #[must_use]
    pub fn new(joined: Certificate) -> Self {
        Self {
            current: Arc::new(joined),
            next: None,
        }
    }

    /// The one in use.
    #[must_use]
    pub fn current(&self) -> &Certificate {
        &self.current
    }

    /// The one that was issued and not used yet.
    #[must_use]
    pub fn next(&self) -> Option<&Certificate> {
        self.next.as_deref()
    }

    /// What the key of a certificate of ours is to the host, which was issued then, milliseconds since the Unix epoch.
    #[must_use]
    pub fn standing(&self, key_sha256: &[u8; 32], issued_ms: u64) -> KeyStanding {
        if self.current.key_sha256 == *key_sha256 {
            KeyStanding::Current
        } else if self
            .next()
            .is_some_and(|next| next.key_sha256 == *key_sha256)
        {
            KeyStanding::Next
        } else if issued_ms > self.newest_ms() {
            KeyStanding::Ahead
        } else {
            KeyStanding::Void
        }
    }

    /// The one with this key, if it is good for something.
    #[must_use]
    pub fn with_key(&self, key_sha256: &[u8; 32]) -> Option<&Certificate> {
        match self.standing(key_sha256, 0) {
            KeyStanding::Current => Some(&self.current),
            KeyStanding::Next => self.next(),
            KeyStanding::Ahead | KeyStanding::Void => None,
        }
    }

    /// When the newest was issued, milliseconds since the Unix epoch.
    #[must_use]
    pub fn newest_ms(&self) -> u64 {
        self.next().unwrap_or(&self.current).issued_ms
    }

    /// Another next one; one that was never used is void.
    pub(super) fn renew(&mut self, next: Certificate) {
        self.next = Some(Arc::new(next));
    }

    /// The next one is in use, if it has this key.
    pub(super) fn promote(&mut self, key_sha256: &[u8; 32]) {
        let used = self.next.take_if(|next| next.key_sha256 == *key_sha256);
        if let Some(used) = used {
            self.current = used;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(n: u8) -> Certificate {
        Certificate {
            key_sha256: [n; 32],
            leaf: vec![n],
            issued_ms: u64::from(n),
        }
    }

    #[test]
    fn exactly_one_is_in_use_and_the_former_is_void_after_the_first_use_of_the_next() {
        use KeyStanding::{Current, Next, Void};
        let mut all = Certificates::new(certificate(1));
        let standings = |all: &Certificates| [1, 2, 3].map(|n| all.standing(&[n; 32], 0));
        assert_eq!(standings(&all), [Current, Void, Void]);
        all.renew(certificate(2));
        assert_eq!(standings(&all), [Current, Next, Void]);
        // Asked for again with another key: the one that was never used is void.
        all.renew(certificate(3));
        assert_eq!(standings(&all), [Current, Void, Next]);
        all.promote(&[2; 32]);
        assert_eq!(standings(&all), [Current, Void, Next], "it was replaced");
        all.promote(&[3; 32]);
        assert_eq!(standings(&all), [Void, Void, Current]);
        all.promote(&[3; 32]);
        assert_eq!(
            (standings(&all), all.newest_ms()),
            ([Void, Void, Current], 3)
        );
        // Issued before the newest one that is known, and after it.
        assert_eq!(all.standing(&[9; 32], 3), Void);
        assert_eq!(all.standing(&[9; 32], 4), KeyStanding::Ahead);
        assert!(all.with_key(&[1; 32]).is_none());
        assert_eq!(all.with_key(&[3; 32]), Some(&certificate(3)));
    }
}

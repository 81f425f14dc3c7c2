//! Join tokens `sht1.<id>.<secret>.<pin>` and the pin of a root: what a person carries from the controller to a new host.
//!
//! Says only whether a token has the right shape. Whether it may be used is in the controller's journal.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

const PREFIX: &str = "sht1";
const ID_BYTES: usize = 8;
const SECRET_BYTES: usize = 32;
/// A token is 104 characters; more than this is not looked at.
const TEXT_BYTES_MAX: usize = 256;

/// A text that is not a join token. Never repeats any of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TokenError {
    /// No text at all.
    #[error("the token is empty")]
    Empty,
    /// Far too long for a token.
    #[error("the token is longer than {TEXT_BYTES_MAX} characters")]
    TooLong,
    /// Not of this kind.
    #[error("the token does not start with `{PREFIX}.`")]
    Prefix,
    /// Too few or too many parts between dots.
    #[error("the token takes 4 parts between dots, this one has {0}")]
    Parts(usize),
    /// The last part is not there: without it the controller could be anybody.
    #[error("the token has no pin, its fourth part")]
    PinMissing,
    /// A part that is not base64url.
    #[error("the {0} of the token is not base64url")]
    Base64(Part),
    /// A part that was cut or grew.
    #[error("the {part} of the token takes {expected} bytes, this one has {got}")]
    Length {
        /// Which part.
        part: Part,
        /// Bytes that it takes.
        expected: usize,
        /// Bytes that it has.
        got: usize,
    },
    /// The operating system gave no random bytes.
    #[error("draw random bytes for a token")]
    Random,
}

impl TokenError {
    /// True when the pin is what is wrong: a question of whom to trust, not of typing.
    #[must_use]
    pub const fn is_about_pin(self) -> bool {
        matches!(
            self,
            Self::PinMissing
                | Self::Base64(Part::Pin)
                | Self::Length {
                    part: Part::Pin,
                    ..
                }
        )
    }
}

/// A part of a join token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The public name of the token.
    Id,
    /// What proves that the token was handed out.
    Secret,
    /// The hash of the root's key.
    Pin,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Id => "id",
            Self::Secret => "secret",
            Self::Pin => "pin",
        })
    }
}

/// SHA-256 of the DER SubjectPublicKeyInfo of a root: who the controller is, for an agent that has no certificate yet.
#[derive(Clone, Copy)]
pub struct RootPin([u8; 32]);

impl RootPin {
    /// The pin of a key, from its DER SubjectPublicKeyInfo.
    #[must_use]
    pub fn of_spki(spki: &[u8]) -> Self {
        Self(Sha256::digest(spki).into())
    }

    /// Wraps a hash.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for RootPin {
    /// Takes the same time whatever differs.
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for RootPin {}

impl fmt::Display for RootPin {
    /// `sha256:` and 64 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", hex::encode(self.0))
    }
}

impl fmt::Debug for RootPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A join token. Zeroed when dropped; `Debug` shows the id only, [`JoinToken::reveal`] shows all of it.
pub struct JoinToken {
    id: [u8; ID_BYTES],
    secret: [u8; SECRET_BYTES],
    pin: RootPin,
}

impl JoinToken {
    /// Draws a new token for a controller whose root has this pin.
    ///
    /// # Errors
    /// [`TokenError::Random`].
    pub fn generate(pin: RootPin) -> Result<Self, TokenError> {
        let mut token = Self {
            id: [0; ID_BYTES],
            secret: [0; SECRET_BYTES],
            pin,
        };
        getrandom::fill(&mut token.id).map_err(|_| TokenError::Random)?;
        getrandom::fill(&mut token.secret).map_err(|_| TokenError::Random)?;
        Ok(token)
    }

    /// The public name of the token, 11 characters of base64url: what is listed, logged and sent as `token_id`.
    #[must_use]
    pub fn id(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.id)
    }

    /// The secret bytes, to be sent only to whoever proved to own the pinned root.
    #[must_use]
    pub const fn secret(&self) -> &[u8; SECRET_BYTES] {
        &self.secret
    }

    /// What the controller keeps of the secret.
    #[must_use]
    pub fn secret_sha256(&self) -> [u8; 32] {
        secret_sha256(&self.secret)
    }

    /// The pin of the controller's root.
    #[must_use]
    pub const fn pin(&self) -> RootPin {
        self.pin
    }

    /// The whole token as text, secret included.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(TEXT_BYTES_MAX));
        text.push_str(PREFIX);
        for part in [&self.id[..], &self.secret, self.pin.as_bytes()] {
            text.push('.');
            URL_SAFE_NO_PAD.encode_string(part, &mut text);
        }
        text
    }
}

/// The hash by which a secret is known to the controller: what is kept of each token, and what is compared.
#[must_use]
pub fn secret_sha256(secret: &[u8]) -> [u8; 32] {
    Sha256::digest(secret).into()
}

impl FromStr for JoinToken {
    type Err = TokenError;

    /// One trailing newline is ignored, since files and `echo` add one.
    fn from_str(text: &str) -> Result<Self, TokenError> {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.is_empty() {
            return Err(TokenError::Empty);
        }
        if text.len() > TEXT_BYTES_MAX {
            return Err(TokenError::TooLong);
        }
        let mut parts = text.split('.');
        if parts.next() != Some(PREFIX) || !text.contains('.') {
            return Err(TokenError::Prefix);
        }
        let (Some(id), Some(secret)) = (parts.next(), parts.next()) else {
            return Err(TokenError::Parts(text.split('.').count()));
        };
        let pin = parts.next().unwrap_or_default();
        if parts.next().is_some() {
            return Err(TokenError::Parts(text.split('.').count()));
        }
        let mut token = Self {
            id: decode(Part::Id, id)?,
            secret: decode(Part::Secret, secret)?,
            pin: RootPin([0; 32]),
        };
        if pin.is_empty() {
            return Err(TokenError::PinMissing);
        }
        token.pin = RootPin(decode(Part::Pin, pin)?);
        Ok(token)
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinToken({}, ***)", self.id())
    }
}

impl Drop for JoinToken {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

fn decode<const N: usize>(part: Part, text: &str) -> Result<[u8; N], TokenError> {
    let bytes = URL_SAFE_NO_PAD
        .decode(text)
        .map(Zeroizing::new)
        .map_err(|_| TokenError::Base64(part))?;
    <[u8; N]>::try_from(bytes.as_slice()).map_err(|_| TokenError::Length {
        part,
        expected: N,
        got: bytes.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> JoinToken {
        JoinToken::generate(RootPin::of_spki(b"a root")).unwrap()
    }

    #[test]
    fn a_token_is_parsed_as_it_was_printed() {
        let token = token();
        let text = token.reveal();
        for form in [text.to_string(), format!("{}\n", *text)] {
            let parsed: JoinToken = form.parse().unwrap();
            assert_eq!(parsed.id(), token.id());
            assert_eq!(parsed.secret(), token.secret());
            assert_eq!(parsed.pin(), token.pin());
        }
        assert_eq!(text.len(), 104);
        assert_eq!(token.id().len(), 11);
    }

    #[test]
    fn tokens_differ_and_hide_their_secret() {
        let (one, two) = (token(), token());
        assert_ne!(one.id(), two.id());
        assert_ne!(one.secret(), two.secret());
        assert_eq!(format!("{one:?}"), format!("JoinToken({}, ***)", one.id()));
    }

    #[test]
    fn every_bad_shape_has_its_own_error() {
        let good = token().reveal().to_string();
        let parts: Vec<&str> = good.split('.').collect();
        let (id, secret, pin) = (parts[1], parts[2], parts[3]);
        let length = |part, expected, got| TokenError::Length {
            part,
            expected,
            got,
        };
        for (text, expected) in [
            (String::new(), TokenError::Empty),
            ("\n".to_owned(), TokenError::Empty),
            ("x".repeat(10_240), TokenError::TooLong),
            ("sht1".to_owned(), TokenError::Prefix),
            (good.to_uppercase(), TokenError::Prefix),
            (good.replace("sht1", "sht2"), TokenError::Prefix),
            (format!(" {good}"), TokenError::Prefix),
            (format!("sht1.{id}"), TokenError::Parts(2)),
            (format!("{good}.x"), TokenError::Parts(5)),
            (format!("sht1.{id}.{secret}"), TokenError::PinMissing),
            (format!("sht1.{id}.{secret}."), TokenError::PinMissing),
            (format!("{good}\n\n"), TokenError::Base64(Part::Pin)),
            (format!("{good} "), TokenError::Base64(Part::Pin)),
            (
                format!("sht1.{id}.{} {}.{pin}", &secret[..9], &secret[10..]),
                TokenError::Base64(Part::Secret),
            ),
            (format!("sht1..{secret}.{pin}"), length(Part::Id, 8, 0)),
            (
                format!("sht1.{id}.{}.{pin}", &secret[..40]),
                length(Part::Secret, 32, 30),
            ),
            (
                format!("sht1.{id}.{secret}.{}", &pin[..40]),
                length(Part::Pin, 32, 30),
            ),
            (
                format!("sht1.{id}.{secret}.sha256:00"),
                TokenError::Base64(Part::Pin),
            ),
        ] {
            let error = text.parse::<JoinToken>().unwrap_err();
            assert_eq!(error, expected, "{text}");
            assert!(!error.to_string().contains(secret));
        }
    }

    #[test]
    fn what_is_wrong_with_a_pin_is_told_from_a_mistyped_token() {
        assert!(TokenError::PinMissing.is_about_pin());
        assert!(TokenError::Base64(Part::Pin).is_about_pin());
        assert!(!TokenError::Base64(Part::Secret).is_about_pin());
        assert!(!TokenError::Empty.is_about_pin());
    }

    #[test]
    fn only_the_right_secret_has_the_hash_of_the_token() {
        let token = token();
        let stored = token.secret_sha256();
        assert_eq!(secret_sha256(token.secret()), stored);
        for wrong in [&b""[..], &token.secret()[..31], &[0; 32], b"short"] {
            assert_ne!(secret_sha256(wrong), stored);
        }
    }

    #[test]
    fn a_pin_reads_as_a_hash() {
        let pin = RootPin::from_bytes([0xab; 32]);
        assert_eq!(pin.to_string(), format!("sha256:{}", "ab".repeat(32)));
        assert_ne!(pin, RootPin::from_bytes([0; 32]));
    }
}

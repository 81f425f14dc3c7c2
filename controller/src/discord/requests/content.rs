//! What calls are made of: the interaction to answer, the message to post, its files and its nonce, and what of them cannot be sent.

use sha2::{Digest, Sha256};
use shanty_core::ids::RunId;
use shanty_core::limits::{ATTACHMENT_BYTES_MAX, MESSAGE_CHARS_MAX, NAME_CHARS_MAX};
use shanty_core::text::units;
use shanty_core::view::Card;

use super::RequestError;
use crate::discord::secret::Secret;
use crate::discord::upload::Piece;

/// Files of one message (Discord).
const FILES_MAX: usize = 10;

/// Longest token of an interaction that we put into a path, bytes. Discord's have about 200.
const TOKEN_BYTES_MAX: usize = 1_024;

/// An interaction to answer.
#[derive(Clone, Copy, Debug)]
pub struct ReplyTo<'a> {
    /// The interaction.
    pub interaction: u64,
    /// Our application.
    pub application: u64,
    /// The interaction's token: good for 3 s for the first answer, then for 15 min.
    pub token: &'a Secret,
}

/// Whether a message makes a sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sound {
    /// It does, for those who want it.
    Loud,
    /// It does not.
    Quiet,
}

/// A message to post with the bot's token.
#[derive(Clone, Debug)]
pub struct NewMessage<'a> {
    /// What it shows.
    pub content: Content<'a>,
    /// Makes posting it again the same as posting it once, for a few minutes.
    pub nonce: Nonce,
    /// Whether it makes a sound.
    pub sound: Sound,
    /// The one person whom a `<@ID>` in the text notifies; nobody else is ever notified.
    pub mention: Option<u64>,
}

/// What a message shows.
#[derive(Clone, Debug)]
pub enum Content<'a> {
    /// Markdown and files; the text may be empty when there is a file.
    Text {
        /// The text.
        text: &'a str,
        /// At most ten.
        files: &'a [File],
    },
    /// A card.
    Card(&'a Card),
}

/// A file to attach.
#[derive(Clone, Debug)]
pub struct File {
    /// Its name, of `[A-Za-z0-9._-]`.
    pub name: String,
    /// What is in it.
    pub content: Piece,
}

/// The nonce of a message: 25 hexadecimal digits, the longest that Discord takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce(String);

impl Nonce {
    /// The nonce of one block of a run's output, always the same for the same block.
    #[must_use]
    pub fn of(run: &RunId, block: &str) -> Self {
        let digest = Sha256::new()
            .chain_update(run.as_bytes())
            .chain_update(block.as_bytes())
            .finalize();
        Self(hex::encode(digest).chars().take(25).collect())
    }

    /// The nonce of a message that is of no run, always the same for the same name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let digest = Sha256::new().chain_update(name.as_bytes()).finalize();
        Self(hex::encode(digest).chars().take(25).collect())
    }

    /// The nonce as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Refuses a text or files that Discord would refuse.
pub(super) fn check_text(text: &str, files: &[File]) -> Result<(), RequestError> {
    if text.trim().is_empty() && (files.is_empty() || !text.is_empty()) {
        return Err(RequestError::Empty);
    }
    let length = units(text);
    if length > MESSAGE_CHARS_MAX {
        return Err(RequestError::TooLong(length));
    }
    if files.len() > FILES_MAX {
        return Err(RequestError::File("more than ten files"));
    }
    let named = |name: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        !name.is_empty() && name.len() <= NAME_CHARS_MAX && name.bytes().all(plain)
    };
    for file in files {
        if !named(&file.name) {
            return Err(RequestError::File(
                "a file whose name is not of A-Z, a-z, 0-9, `.`, `_` and `-`",
            ));
        }
        if file.content.len() > ATTACHMENT_BYTES_MAX as u64 {
            return Err(RequestError::File("a file of more than 10 MiB"));
        }
    }
    Ok(())
}

/// A token that stands in a path as one segment and nothing else.
pub(super) fn path_safe(token: &Secret) -> Result<&str, RequestError> {
    let text = token.expose();
    let safe = |b: u8| b.is_ascii_graphic() && !matches!(b, b'/' | b'\\' | b'?' | b'#' | b'%');
    let dots = matches!(text, "." | "..");
    if text.is_empty() || text.len() > TOKEN_BYTES_MAX || dots || !text.bytes().all(safe) {
        return Err(RequestError::Token);
    }
    Ok(text)
}

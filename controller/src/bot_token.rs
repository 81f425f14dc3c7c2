//! Reads the bot's token from where the configuration says it is. Whether Discord takes it is not known here.

use std::path::{Path, PathBuf};

use shanty_certs::files::{self, FileError};
use thiserror::Error;

use crate::config::TokenSource;
use crate::discord::secret::Secret;

/// Longest token file, bytes.
const TOKEN_BYTES_MAX: u64 = 4 * 1024;

/// Why there is no token.
#[derive(Debug, Error)]
pub enum TokenError {
    /// The file cannot be used.
    #[error("read the bot's token (`{key}` in [discord])")]
    File {
        /// The key that names it.
        key: &'static str,
        /// Why.
        #[source]
        source: FileError,
    },
    /// Something else stands in it.
    #[error("{} does not hold a token on one line", .0.display())]
    Content(PathBuf),
    /// The service was given no credentials.
    #[error(
        "there is no credential `{0}` (`token_credential` in [discord]): it is there in a service with LoadCredential={0}:FILE only"
    )]
    NoCredentials(String),
}

/// Reads the token; `credentials` is where systemd put those of the service.
///
/// # Errors
/// [`TokenError`].
pub fn read(source: &TokenSource, credentials: Option<&Path>) -> Result<Secret, TokenError> {
    let key = source.key();
    let unusable = |source| TokenError::File { key, source };
    let (path, bytes) = match source {
        TokenSource::File(path) => {
            let bytes = files::read_secret(path, TOKEN_BYTES_MAX).map_err(unusable)?;
            (path.clone(), bytes)
        }
        TokenSource::Credential(name) => {
            let path = source
                .path(credentials)
                .ok_or_else(|| TokenError::NoCredentials(name.clone()))?;
            // The service manager lets the service's user read it by an access list, which shows as a mode for the group.
            let bytes = files::read_trusted(&path, TOKEN_BYTES_MAX).map_err(unusable)?;
            (path, bytes)
        }
    };
    one_line(&bytes).ok_or(TokenError::Content(path))
}

/// The token on the one line that there is.
#[must_use]
pub fn one_line(bytes: &[u8]) -> Option<Secret> {
    let text = std::str::from_utf8(bytes).ok()?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    plain.then(|| Secret::new(text.to_owned()))
}

/// What somebody took for a token, by its look. Discord says of none of them more than 401.
#[must_use]
pub fn looks_like(token: &str) -> Option<&'static str> {
    let bare = token.trim_start_matches("Bot ");
    let of = |c: &dyn Fn(u8) -> bool| bare.bytes().all(c);
    let url_safe = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if bare.starts_with("mfa.") {
        return Some("the token of a person");
    }
    match bare.len() {
        17..=20 if of(&|b| b.is_ascii_digit()) => Some("an id"),
        64 if of(&|b| b.is_ascii_hexdigit()) => Some("the application's public key"),
        32 if of(&url_safe) => Some("the client secret of OAuth2"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use shanty_core::causes::chain;

    use super::*;

    #[test]
    fn a_credential_is_read_as_systemd_lays_it_down() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bot-token");
        std::fs::write(&path, "abc\n").unwrap();
        let source = TokenSource::Credential("bot-token".to_owned());
        let chmod = |mode| {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        };
        for mode in [0o400, 0o440] {
            chmod(mode);
            let token = read(&source, Some(dir.path())).unwrap();
            assert_eq!(token.expose(), "abc");
        }
        chmod(0o460);
        let error = read(&source, Some(dir.path())).unwrap_err();
        assert!(
            chain(&error).contains("can be changed by other users"),
            "{error:?}"
        );
        let error = read(&source, None).unwrap_err();
        assert!(
            error.to_string().contains("LoadCredential=bot-token:FILE"),
            "{error}"
        );
        // A file of the configuration is the controller's alone.
        chmod(0o440);
        let error = read(&TokenSource::File(path.clone()), None).unwrap_err();
        assert!(chain(&error).contains("open to other users"), "{error:?}");
    }

    #[test]
    fn what_is_no_token_is_called_by_its_name() {
        for (text, what) in [
            ("123456789012345678", Some("an id")),
            (&"0f".repeat(32), Some("the application's public key")),
            (
                "abcdefghijklmnopqrstuvwxyz-_0123",
                Some("the client secret of OAuth2"),
            ),
            ("mfa.abc", Some("the token of a person")),
            ("MTIz.abc.def", None),
            ("", None),
        ] {
            assert_eq!(looks_like(text), what, "{text}");
        }
    }
}

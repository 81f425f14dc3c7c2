//! Who was given the address: the key of one start, which stands in it as a path in front of everything.
//!
//! Other users of this machine reach loopback too, and the guard of browsers asks nobody who they are. Without the key only
//! that answers which asks for the bot's token itself, and files whose addresses were given out.

use std::fmt;

use axum::http::Uri;
use axum::http::uri::PathAndQuery;

use crate::token;

/// What stands before the key in a path.
const BEFORE: &str = "/k/";

/// A secret of one start, as text that can stand in a path.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Key(String);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(***)")
    }
}

/// What a path says of the key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// The right one, and what was asked for behind it.
    Right(Uri),
    /// The right one without the slash behind it, from which a page's own addresses would not be found.
    Bare,
    /// None, or another.
    Not,
}

impl Key {
    /// A key that nobody can guess.
    pub(crate) fn new() -> Self {
        Self(token::key())
    }

    /// The path that stands in front of everything, with a slash at its end.
    pub(crate) fn path(&self) -> String {
        format!("{BEFORE}{}/", self.0)
    }

    /// Whether a path begins with this key, and what it asks for then.
    pub(crate) fn given(&self, target: &Uri) -> Given {
        let Some(rest) = target.path().strip_prefix(BEFORE) else {
            return Given::Not;
        };
        let (key, below) = rest.split_once('/').unwrap_or((rest, ""));
        if !is_same(key, &self.0) {
            return Given::Not;
        }
        if rest.len() == key.len() {
            return Given::Bare;
        }
        let asked = match target.query() {
            Some(query) => format!("/{below}?{query}"),
            None => format!("/{below}"),
        };
        let Ok(asked) = PathAndQuery::try_from(asked) else {
            return Given::Not;
        };
        let mut parts = target.clone().into_parts();
        parts.path_and_query = Some(asked);
        Uri::from_parts(parts).map_or(Given::Not, Given::Right)
    }
}

/// Compares in a time that does not tell where two texts of one length differ.
pub(crate) fn is_same(given: &str, right: &str) -> bool {
    let (given, right) = (given.as_bytes(), right.as_bytes());
    let differ = given.iter().zip(right).fold(0, |sum, (a, b)| sum | (a ^ b));
    given.len() == right.len() && std::hint::black_box(differ) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(key: &Key, target: &str) -> Given {
        key.given(&target.parse().unwrap())
    }

    #[test]
    fn only_the_whole_key_is_one() {
        let (key, other) = (Key::new(), Key::new());
        assert_ne!(key, other);
        let path = key.path();
        let right = |target: &str| Given::Right(target.parse().unwrap());
        assert_eq!(given(&key, &path), right("/"));
        assert_eq!(
            given(&key, &format!("{path}sandbox/view?a=%2f")),
            right("/sandbox/view?a=%2f")
        );
        assert_eq!(
            given(&key, &format!("http://127.0.0.1:1{path}app.js")),
            right("http://127.0.0.1:1/app.js")
        );
        let bare = path.trim_end_matches('/');
        assert_eq!(given(&key, bare), Given::Bare);
        let upper = path.to_uppercase();
        for wrong in [
            "/",
            "/k",
            "/k/",
            "/k//",
            "/sandbox/view",
            &upper,
            &bare[..bare.len() - 1],
            &format!("{bare}0/"),
            &format!("/{path}"),
            &format!("/k{path}"),
            &other.path(),
            &path.replacen("/k/", "/k/%20", 1),
        ] {
            assert_eq!(given(&key, wrong), Given::Not, "{wrong}");
        }
    }

    #[test]
    fn no_log_shows_it() {
        let key = Key::new();
        assert_eq!(format!("{key:?}"), "Key(***)");
    }
}

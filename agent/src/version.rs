//! Which version this program says that it is.

use std::sync::OnceLock;

static SAID: OnceLock<String> = OnceLock::new();

/// The version of this build, unless whoever started the program said another.
pub(crate) fn here() -> &'static str {
    SAID.get().map_or(env!("CARGO_PKG_VERSION"), String::as_str)
}

/// Says another, once and before anybody asks.
pub(crate) fn say(version: &str) {
    SAID.set(version.to_owned()).ok(); // Said already: the first counts.
}

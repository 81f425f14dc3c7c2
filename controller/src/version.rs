//! Which version this process is: decided once, by its `main`.

use std::sync::OnceLock;

static VERSION: OnceLock<String> = OnceLock::new();

/// Says which version this process is. The first word counts.
pub fn is(version: &str) {
    VERSION.get_or_init(|| version.to_owned());
}

/// The version of this process: that of its source unless its `main` said otherwise.
#[must_use]
pub fn current() -> &'static str {
    VERSION.get_or_init(|| env!("CARGO_PKG_VERSION").to_owned())
}

//! The configuration file, as every subcommand that needs it reads it.

use std::path::Path;

use crate::config::{Config, LoadError, Source};

/// Where the configuration is unless somebody says otherwise.
pub(super) const CONFIG_DEFAULT: &str = "/etc/shanty/shanty.toml";

/// Reads the configuration.
///
/// # Errors
/// All that is wrong with it, for people, a line each.
pub(super) fn load(path: &Path) -> Result<Config, LoadError> {
    let source = Source {
        path: path.to_owned(),
        credentials: std::env::var_os("CREDENTIALS_DIRECTORY").map(Into::into),
    };
    source.load()
}

/// What is wrong, as it is printed: what does not begin with a file and a line says who says it.
pub(super) fn printed(wrong: &LoadError) -> String {
    match wrong {
        LoadError::Unusable { .. } => format!("shanty: {wrong}"),
        LoadError::Wrong(_) => wrong.to_string(),
    }
}

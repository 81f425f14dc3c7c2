//! The configuration file, as every subcommand that needs it reads it.

use std::path::Path;

use shanty_certs::files::read_trusted;
use shanty_core::causes::chain;

use crate::config::Config;

/// Where the configuration is unless somebody says otherwise.
pub(super) const CONFIG_DEFAULT: &str = "/etc/shanty/shanty.toml";

/// Far more than a configuration with hundreds of grants has.
const CONFIG_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Reads the file in which the grants stand: who may change it may do everything.
fn text(path: &Path) -> Result<String, String> {
    let bytes = read_trusted(path, CONFIG_BYTES_MAX).map_err(|error| chain(&error))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    Ok(text.to_owned())
}

/// Reads the configuration.
///
/// # Errors
/// All that is wrong with it, for people, a line each.
pub(super) fn load(path: &Path) -> Result<Config, String> {
    let file = path.display().to_string();
    let text = text(path)
        .map_err(|why| format!("shanty: the configuration {file} cannot be used: {why}"))?;
    let mut config = Config::parse(&file, &text).map_err(|errors| errors.to_string())?;
    config.credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(Into::into);
    Ok(config)
}

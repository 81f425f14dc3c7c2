//! The configuration as a file, which is read again when somebody changed it.

use std::path::{Path, PathBuf};

use shanty_certs::files::read_trusted;
use shanty_core::causes::chain;
use thiserror::Error;

use super::{Config, ConfigErrors};

/// Far more than a configuration with hundreds of grants has.
const CONFIG_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Where a configuration came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file.
    pub path: PathBuf,
    /// Where systemd put the credentials of the service.
    pub credentials: Option<PathBuf>,
}

/// Why there is no configuration: for people, a line each.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("the configuration {file} cannot be used: {why}")]
    Unusable {
        /// The file.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// What it says is wrong: each line begins with file and line.
    #[error(transparent)]
    Wrong(ConfigErrors),
}

impl Source {
    /// Reads the configuration.
    ///
    /// # Errors
    /// All that is wrong with it, for people, a line each.
    pub fn load(&self) -> Result<Config, LoadError> {
        let file = self.path.display().to_string();
        let text = text(&self.path).map_err(|why| LoadError::Unusable {
            file: file.clone(),
            why,
        })?;
        let mut config = Config::parse(&file, &text).map_err(LoadError::Wrong)?;
        config.source = Some(self.clone());
        Ok(config)
    }
}

/// Reads the file in which the grants stand: who may change it may do everything.
fn text(path: &Path) -> Result<String, String> {
    let bytes = read_trusted(path, CONFIG_BYTES_MAX).map_err(|error| chain(&error))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    Ok(text.to_owned())
}

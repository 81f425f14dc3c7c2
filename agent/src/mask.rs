//! `[mask]` in `agent.toml`: which files hold secrets that no output may show, and how they come to the shim.
//!
//! Only paths are handed on. The files are read when an execution starts, so that a secret that was changed counts at once.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use shanty_certs::files::{FileError, read_foreign};
use shanty_core::output::mask::{Masks, Secret, SecretError, VALUE_BYTES_MAX, VALUES_MAX};
use thiserror::Error;

/// Holds what [`Mask::encode`] makes, in the shim's own environment; absent means that nothing is masked.
pub(crate) const MASK_VARIABLE: &str = "SHANTY_MASK";

/// What is masked in the output of every execution on this host.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mask {
    /// Files that hold one secret each.
    pub files: Vec<PathBuf>,
    /// Files of lines `KEY=VALUE`, whose values are secrets.
    pub env_files: Vec<PathBuf>,
    /// Whether texts that look like keys and tokens are masked as well.
    pub shapes: bool,
}

/// Why the secrets of this host cannot be masked; then nothing runs that could print them.
#[derive(Debug, Error)]
pub enum MaskError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// What it holds cannot be masked.
    #[error("{} cannot be masked", .path.display())]
    Secret {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: SecretError,
    },
    /// There are too many of them.
    #[error("the files named in [mask] hold more than {VALUES_MAX} secrets")]
    TooMany,
}

impl Default for Mask {
    /// Only what looks like a key or a token.
    fn default() -> Self {
        Self {
            files: Vec::new(),
            env_files: Vec::new(),
            shapes: true,
        }
    }
}

impl Mask {
    /// What is wrong with the paths, if anything is.
    pub(crate) fn check(&self) -> Result<(), String> {
        for path in self.files.iter().chain(&self.env_files) {
            let text = path.to_string_lossy();
            if !path.is_absolute() || text.chars().any(char::is_control) {
                let shown = crate::failure::printable(&text);
                return Err(format!("`{shown}` is not an absolute path"));
            }
        }
        Ok(())
    }

    /// Reads the files.
    ///
    /// # Errors
    /// [`MaskError`] for the first file that cannot be used.
    pub fn load(&self) -> Result<Masks, MaskError> {
        let mut secrets = Vec::new();
        let read = |path: &Path| read_foreign(path, VALUE_BYTES_MAX as u64 + 2);
        let failed = |path: &PathBuf, source| MaskError::Secret {
            path: path.clone(),
            source,
        };
        for path in &self.files {
            let secret = Secret::new(&read(path)?).map_err(|error| failed(path, error))?;
            secrets.push(secret);
        }
        for path in &self.env_files {
            let found = Secret::variables(&read(path)?).map_err(|error| failed(path, error))?;
            secrets.extend(found);
        }
        if secrets.len() > VALUES_MAX {
            return Err(MaskError::TooMany);
        }
        Ok(Masks::new(&secrets, self.shapes))
    }

    /// One line for each thing to mask.
    pub(crate) fn encode(&self) -> String {
        let mut text = String::new();
        if self.shapes {
            text.push_str("shapes\n");
        }
        for (word, paths) in [("file", &self.files), ("env", &self.env_files)] {
            for path in paths {
                writeln!(text, "{word} {}", path.display()).ok(); // A text takes everything.
            }
        }
        text
    }

    /// What [`Mask::encode`] made of it, or nothing when it was not that.
    pub(crate) fn decode(text: &str) -> Option<Self> {
        let mut mask = Self {
            shapes: false,
            ..Self::default()
        };
        for line in text.lines() {
            match line.split_once(' ') {
                Some(("file", path)) => mask.files.push(path.into()),
                Some(("env", path)) => mask.env_files.push(path.into()),
                None if line == "shapes" => mask.shapes = true,
                Some(_) | None => return None,
            }
        }
        Some(mask)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_handed_on_is_the_same_on_the_other_side() {
        let mask = Mask {
            files: vec!["/etc/app/db pass".into(), "/é".into()],
            env_files: vec!["/etc/app/env".into()],
            shapes: true,
        };
        assert_eq!(Mask::decode(&mask.encode()), Some(mask.clone()));
        let plain = Mask {
            shapes: false,
            ..mask
        };
        assert_eq!(Mask::decode(&plain.encode()), Some(plain));
        assert_eq!(Mask::decode("files /x\n"), None);
    }

    #[test]
    fn a_file_that_cannot_be_masked_is_named_and_what_it_holds_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pass");
        let told = |content: Option<&str>, env: bool| {
            if let Some(content) = content {
                fs::write(&path, content).unwrap();
            }
            let (files, env_files) = (vec![path.clone()], vec![]);
            let (files, env_files) = if env {
                (env_files, files)
            } else {
                (files, env_files)
            };
            let mask = Mask {
                files,
                env_files,
                shapes: false,
            };
            let error = mask.load().unwrap_err();
            shanty_core::causes::chain(&error)
        };
        let name = path.display();
        let missing = told(None, false);
        assert!(missing.contains(&name.to_string()), "{missing}");
        let short = format!(
            "{name} cannot be masked: it holds 5 bytes, and what is masked takes at least 6"
        );
        assert_eq!(told(Some("horse\n"), false), short);
        let none = told(Some("PORT=80\n"), true);
        assert!(
            none.starts_with(&format!("{name} cannot be masked: it has no line")),
            "{none}"
        );
    }
}

//! `[mask]`: files with secrets that nobody is shown, whatever an agent sends.

use std::path::{Path, PathBuf};

use shanty_certs::files::read_foreign;
use shanty_core::causes::chain;
use shanty_core::output::mask::{Masks, Secret, SecretError, VALUE_BYTES_MAX, VALUES_MAX};

use super::AbsolutePath;
use super::read::{Errors, Section};

/// What is masked in everything that is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    /// Files that hold one secret each.
    pub files: Vec<PathBuf>,
    /// Files of lines `KEY=VALUE`, whose values are secrets.
    pub env_files: Vec<PathBuf>,
    /// Whether texts that look like keys and tokens are masked as well.
    pub shapes: bool,
}

impl Default for Mask {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            env_files: Vec::new(),
            shapes: true,
        }
    }
}

impl Mask {
    pub(super) fn read(mut section: Section<'_, '_>, errors: &mut Errors<'_>) -> Self {
        let mut paths = |key| {
            let paths = section.list::<AbsolutePath>(key, errors);
            let paths = paths.unwrap_or_default().into_iter();
            paths.map(|path| path.0).collect()
        };
        let (files, env_files) = (paths("files"), paths("env_files"));
        let shapes = section.boolean("shapes", errors).unwrap_or(true);
        section.finish(errors);
        Self {
            files,
            env_files,
            shapes,
        }
    }

    /// Reads the files.
    ///
    /// # Errors
    /// One sentence for each file that cannot be masked.
    pub fn load(&self) -> Result<Masks, Vec<String>> {
        let (mut secrets, mut errors) = (Vec::new(), Vec::new());
        let one = |content: &[u8]| Secret::new(content).map(|secret| vec![secret]);
        let files = self.files.iter().map(|path| values(path, one));
        let variables = self.env_files.iter();
        for read in files.chain(variables.map(|path| values(path, Secret::variables))) {
            match read {
                Ok(found) => secrets.extend(found),
                Err(error) => errors.push(error),
            }
        }
        if secrets.len() > VALUES_MAX {
            errors.push(format!(
                "the files named in [mask] hold more than {VALUES_MAX} secrets"
            ));
        }
        if errors.is_empty() {
            Ok(Masks::new(&secrets, self.shapes))
        } else {
            Err(errors)
        }
    }
}

fn values(
    path: &Path,
    parse: impl Fn(&[u8]) -> Result<Vec<Secret>, SecretError>,
) -> Result<Vec<Secret>, String> {
    let content = read_foreign(path, VALUE_BYTES_MAX as u64 + 2).map_err(|error| chain(&error))?;
    parse(&content).map_err(|error| format!("{} cannot be masked: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn mask(lines: &str) -> Result<Mask, String> {
        let text = format!("data_dir = \"/x\"\n{lines}");
        Config::parse("shanty.toml", &text)
            .map(|config| config.mask)
            .map_err(|errors| errors.to_string())
    }

    #[test]
    fn what_is_not_said_has_its_default() {
        assert_eq!(mask("").unwrap(), Mask::default());
        let said = mask("[mask]\nfiles = [\"/a\"]\nenv_files = [\"/b\"]\nshapes = false\n");
        let expected = Mask {
            files: vec!["/a".into()],
            env_files: vec!["/b".into()],
            shapes: false,
        };
        assert_eq!(said.unwrap(), expected);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_line() {
        for (line, wrong) in [
            ("files = [\"a\"]", "the path must start with /"),
            ("files = \"/a\"", "must be a list of texts"),
            ("shapes = \"no\"", "must be true or false"),
            ("file = [\"/a\"]", "unknown key `file` in [mask]"),
        ] {
            let told = mask(&format!("[mask]\n{line}\n")).unwrap_err();
            assert!(told.starts_with("shanty.toml:3: "), "{line}: {told}");
            assert!(told.contains(wrong), "{line}: {told}");
        }
    }

    #[test]
    fn every_file_that_cannot_be_masked_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let short = dir.path().join("short");
        std::fs::write(&short, "horse\n").unwrap();
        let gone = dir.path().join("gone");
        let mask = Mask {
            files: vec![short.clone(), gone.clone()],
            ..Mask::default()
        };
        let told = mask.load().unwrap_err();
        assert_eq!(told.len(), 2);
        assert!(told[0].contains(short.to_str().unwrap()) && told[0].contains("5 bytes"));
        assert!(told[1].contains(gone.to_str().unwrap()), "{told:?}");
        assert!(!told.concat().contains("horse"));
    }
}

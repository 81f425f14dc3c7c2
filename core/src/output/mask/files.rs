//! Which files hold secrets: what `[mask]` says in every configuration, and what comes of reading them. Who reads is who calls.

use std::path::{Path, PathBuf};

use super::{Masks, Secret, SecretError, VALUE_BYTES_MAX, VALUES_MAX};

/// Longest file that is read, bytes: a value and the line end after it.
pub const FILE_BYTES_MAX: u64 = VALUE_BYTES_MAX as u64 + 2;

/// What `[mask]` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretFiles {
    /// Files that hold one secret each.
    pub files: Vec<PathBuf>,
    /// Files of lines `KEY=VALUE`, whose values are secrets.
    pub env_files: Vec<PathBuf>,
    /// Whether texts that look like keys and tokens are masked as well.
    pub shapes: bool,
}

impl Default for SecretFiles {
    /// Only what looks like a key or a token.
    fn default() -> Self {
        Self {
            files: Vec::new(),
            env_files: Vec::new(),
            shapes: true,
        }
    }
}

impl SecretFiles {
    /// The masks that follow from what the files hold, as `read` gives it: at most [`FILE_BYTES_MAX`] of each.
    ///
    /// # Errors
    /// One part of a sentence for each file that cannot be masked; none repeats any of what it holds.
    pub fn load<C: AsRef<[u8]>>(
        &self,
        read: impl Fn(&Path) -> Result<C, String>,
    ) -> Result<Masks, Vec<String>> {
        let values = |path: &PathBuf, parse: Parse| {
            let content = read(path)?;
            parse(content.as_ref())
                .map_err(|error| format!("{} cannot be masked: {error}", path.display()))
        };
        let files = self.files.iter().map(|path| values(path, one));
        let variables = self.env_files.iter();
        let variables = variables.map(|path| values(path, Secret::variables));
        let (mut secrets, mut errors) = (Vec::new(), Vec::new());
        for read in files.chain(variables) {
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

/// What a file holds.
type Parse = fn(&[u8]) -> Result<Vec<Secret>, SecretError>;

fn one(content: &[u8]) -> Result<Vec<Secret>, SecretError> {
    Secret::new(content).map(|secret| vec![secret])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path) -> Result<Vec<u8>, String> {
        let content = match path.to_str().unwrap() {
            "/pass" => "correct horse\n".to_owned(),
            "/short" => "horse\n".to_owned(),
            "/env" => "PORT=80\nPASS=battery staple\n".to_owned(),
            "/none" => "PORT=80\n".to_owned(),
            "/many" => (0..=VALUES_MAX)
                .map(|n| format!("K{n}=value-{n}\n"))
                .collect(),
            path => return Err(format!("{path} is not there")),
        };
        Ok(content.into_bytes())
    }

    fn named(files: &[&str], env_files: &[&str]) -> SecretFiles {
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect();
        SecretFiles {
            files: paths(files),
            env_files: paths(env_files),
            shapes: false,
        }
    }

    #[test]
    fn what_files_hold_is_masked() {
        let masks = named(&["/pass"], &["/env"]).load(read).unwrap();
        let text = masks.text("correct horse, battery staple, port 80");
        assert_eq!(text, "[masked], [masked], port 80");
    }

    #[test]
    fn every_file_that_cannot_be_masked_is_named_and_what_it_holds_is_not() {
        let all = named(&["/short", "/gone", "/pass"], &["/none"]);
        let told = all.load(read).unwrap_err();
        let starts = [
            "/short cannot be masked: it holds 5 bytes",
            "/gone is not there",
            "/none cannot be masked: it has no line",
        ];
        assert_eq!(told.len(), starts.len(), "{told:?}");
        for (told, start) in told.iter().zip(starts) {
            assert!(told.starts_with(start), "{told}");
        }
        assert!(!told.concat().contains("horse"));
        let many = named(&[], &["/many"]).load(read).unwrap_err();
        assert_eq!(
            many,
            ["the files named in [mask] hold more than 256 secrets"]
        );
    }
}

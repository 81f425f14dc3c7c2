//! Which program wrote a data directory: one small file beside the journal, durable before a program of another version writes anything else.
//!
//! An older program refuses what a newer one wrote, since it would pass over records that it does not know and decide without them. Between two
//! programs that differ in the last number of their version only it does not: such a release brings no record and no schema.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use shanty_certs::files;
use shanty_core::causes::chain;
use shanty_core::version::Version;

use super::StoreError;

/// The file, in the data directory.
pub const NAME: &str = "version.json";

/// What wrote a data directory that does not say so: the programs before this file was.
pub const FIRST: &str = "0.1.0";

/// The form that is written and read.
const FORM: u32 = 1;

/// More than such a file ever has, bytes.
const BYTES_MAX: u64 = 64 * 1024;

/// Which program writes a data directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenBy {
    form: u32,
    /// Its version.
    pub version: String,
    /// Since when, milliseconds since the Unix epoch.
    pub since_ms: u64,
    /// The version that did before; nothing where it was the first.
    pub was: Option<String>,
    /// Where the backup is that was made before it took over.
    pub backup: Option<PathBuf>,
}

impl WrittenBy {
    /// A program that is the first to write a data directory.
    #[must_use]
    pub fn new(version: &str, since_ms: u64) -> Self {
        Self {
            form: FORM,
            version: version.to_owned(),
            since_ms,
            was: None,
            backup: None,
        }
    }

    /// The same, of a program that takes over from another one.
    #[must_use]
    pub fn after(self, was: &str, backup: Option<PathBuf>) -> Self {
        Self {
            was: Some(was.to_owned()),
            backup,
            ..self
        }
    }

    /// Who wrote a data directory; nothing when it does not say so.
    ///
    /// # Errors
    /// The file cannot be read: then nobody knows, and nothing may be written.
    pub fn read(data_dir: &Path) -> Result<Option<Self>, StoreError> {
        let path = data_dir.join(NAME);
        let text = match files::read_trusted(&path, BYTES_MAX) {
            Ok(text) => text,
            Err(error) if error.is_missing() => return Ok(None),
            Err(error) => return Err(unknown(&path, chain(&error))),
        };
        let written: Self = serde_json::from_slice(&text)
            .map_err(|error| unknown(&path, format!("it is damaged: {error}")))?;
        if written.form != FORM {
            let form = written.form;
            return Err(unknown(
                &path,
                format!("it has form {form}, and this program reads {FORM}"),
            ));
        }
        written.at(&path)?;
        Ok(Some(written))
    }

    /// Says so in a data directory, durably: the file says this or what it said before.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, data_dir: &Path) -> Result<(), StoreError> {
        let path = data_dir.join(NAME);
        let mut text = serde_json::to_vec_pretty(self).map_err(StoreError::Value)?;
        text.push(b'\n');
        files::write_secret(&path, &text).map_err(|source| match source.is_full() {
            true => StoreError::Full,
            false => StoreError::NotSaid { path, source },
        })
    }

    fn at(&self, path: &Path) -> Result<Version, StoreError> {
        self.version
            .parse()
            .map_err(|_| unknown(path, "it names no version".to_owned()))
    }

    /// Whether a program of this version may write there.
    ///
    /// # Errors
    /// A newer one wrote it.
    pub fn admits(&self, ours: &Version, data_dir: &Path) -> Result<(), StoreError> {
        let theirs = self.at(&data_dir.join(NAME))?;
        if !ours.is_older_than(&theirs) || is_patch(ours, &theirs) {
            return Ok(());
        }
        Err(StoreError::NewerProgram {
            data_dir: data_dir.to_owned(),
            version: self.version.clone(),
            since_ms: self.since_ms,
            ours: ours.to_string(),
        })
    }
}

/// Whether a program of this version may write to a data directory, whoever wrote it.
///
/// # Errors
/// A newer one wrote it, or nobody knows which.
pub fn admits(data_dir: &Path, ours: &str) -> Result<(), StoreError> {
    let path = data_dir.join(NAME);
    let named = |version: &str| {
        version
            .parse()
            .map_err(|_| unknown(&path, format!("{version} is no version")))
    };
    match WrittenBy::read(data_dir)? {
        Some(written) => written.admits(&named(ours)?, data_dir),
        None => Ok(()),
    }
}

/// Whether two versions differ in nothing that is stored: in their third number at most. One that comes before a release is like itself only.
#[must_use]
pub fn is_patch(a: &Version, b: &Version) -> bool {
    let (a, b) = (release(a), release(b));
    a.is_some() && a == b
}

/// The first two numbers of a release.
fn release(version: &Version) -> Option<(u64, u64)> {
    let plain = version.as_str().split('+').next()?;
    let numbers: Option<Vec<u64>> = plain.split('.').map(|part| part.parse().ok()).collect();
    match numbers?.as_slice() {
        [major] => Some((*major, 0)),
        [major, minor, ..] => Some((*major, *minor)),
        [] => None,
    }
}

fn unknown(path: &Path, why: String) -> StoreError {
    StoreError::UnknownProgram {
        path: path.to_owned(),
        why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn an_older_program_is_refused_unless_only_the_last_number_differs() {
        for (ours, theirs, admitted) in [
            ("0.1.0", "0.1.0", true),
            ("0.2.0", "0.1.0", true),
            ("0.1.0", "0.1.9", true),
            ("0.1.0", "0.1.9+build.7", true),
            ("0.1.9", "0.2.0", false),
            ("0.9.0", "1.0.0", false),
            ("0.2.0-rc.1", "0.2.0", false),
            ("0.2.0-rc.1", "0.2.0-rc.2", false),
            ("0.2.0-rc.2", "0.2.0-rc.1", true),
            ("0.2.0", "0.2.0-rc.1", true),
            ("0.2.0", "0.2.1-rc.1", false),
        ] {
            let written = WrittenBy::new(theirs, 7);
            let told = written.admits(&version(ours), Path::new("/d"));
            assert_eq!(told.is_ok(), admitted, "{ours} on {theirs}");
        }
    }

    #[test]
    fn what_was_said_is_read_and_what_cannot_be_read_is_nobody() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(WrittenBy::read(dir.path()).unwrap(), None);
        let backup = Some(PathBuf::from("/b"));
        let written = WrittenBy::new("0.2.0", 7).after("0.1.0", backup);
        written.write(dir.path()).unwrap();
        assert_eq!(WrittenBy::read(dir.path()).unwrap(), Some(written));
        let path = dir.path().join(NAME);
        let whole = std::fs::read_to_string(&path).unwrap();
        let damages = [
            String::new(),
            whole[..whole.len() / 2].to_owned(),
            whole.replace("\"form\": 1", "\"form\": 2"),
            whole.replace("0.2.0", "../x"),
            whole.replace("0.2.0", ""),
        ];
        for damage in damages {
            std::fs::write(&path, &damage).unwrap();
            let told = WrittenBy::read(dir.path()).unwrap_err().to_string();
            assert!(told.contains("version.json"), "{damage}: {told}");
            assert!(admits(dir.path(), "9.9.9").is_err(), "{damage}");
        }
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/null", &path).unwrap();
        assert!(WrittenBy::read(dir.path()).is_err(), "a link");
    }
}

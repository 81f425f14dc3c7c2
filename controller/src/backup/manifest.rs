//! What is in a backup, with the digest of each file.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use shanty_certs::files;
use shanty_core::journal::Anchor;

use super::BackupError;

/// The manifest's file.
pub const NAME: &str = "manifest.json";

/// The form that this program writes and reads.
const FORM: u32 = 1;

/// Longest manifest that is read, bytes: of some hundred thousand files.
const BYTES_MAX: u64 = 64 << 20;

/// Bytes read at a time.
const READ_BYTES: usize = 256 * 1024;

/// The files of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// In which form it is written.
    form: u32,
    /// The version of the program that wrote what is in it.
    pub program: String,
    /// When, milliseconds since the Unix epoch.
    pub made_ms: u64,
    /// Where the journal was: NUMBER:DIGEST.
    anchor: String,
    files: Vec<Entry>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Its path below the backup's directory.
    pub(super) name: String,
    bytes: u64,
    sha256: String,
}

impl Manifest {
    /// Of all files of a directory.
    pub(super) fn of(
        dir: &Path,
        program: String,
        anchor: Anchor,
        made_ms: u64,
    ) -> Result<Self, BackupError> {
        let mut files = Vec::new();
        look(dir, "", &mut files)?;
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self {
            form: FORM,
            program,
            made_ms,
            anchor: anchor.to_string(),
            files,
        })
    }

    /// Writes it, durably; gives its digest.
    pub(super) fn write(&self, dir: &Path) -> Result<String, BackupError> {
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        files::write_secret(&dir.join(NAME), &text)?;
        Ok(hex::encode(Sha256::digest(&text)))
    }

    /// Reads that of a backup, from a place where nobody else could have put another: what is put back decides everything.
    ///
    /// # Errors
    /// There is none, or it cannot be read, or others could have changed it.
    pub fn read(dir: &Path) -> Result<Self, BackupError> {
        let path = dir.join(NAME);
        let text = match files::read_trusted(&path, BYTES_MAX) {
            Ok(text) => text,
            Err(error) if error.is_missing() => return Err(BackupError::None(dir.to_owned())),
            Err(error) => return Err(error.into()),
        };
        let failed = |why: String| BackupError::Manifest {
            path: path.clone(),
            why,
        };
        let manifest: Self =
            serde_json::from_slice(&text).map_err(|error| failed(error.to_string()))?;
        if manifest.form != FORM {
            return Err(failed(format!(
                "it has form {}, and this program reads {FORM}",
                manifest.form
            )));
        }
        // Each is joined to a path that is written to.
        let plain = |name: &str| {
            let mut parts = name.split('/');
            parts.all(|part| !matches!(part, "" | "." | "..")) && !name.contains('\0')
        };
        if !manifest.files.iter().all(|file| plain(&file.name)) {
            return Err(failed("it names a file outside of the backup".to_owned()));
        }
        Ok(manifest)
    }

    /// Where the journal was.
    ///
    /// # Errors
    /// It does not say so.
    pub(super) fn anchor(&self, dir: &Path) -> Result<Anchor, BackupError> {
        self.anchor.parse().map_err(|_| BackupError::Manifest {
            path: dir.join(NAME),
            why: "it has no anchor".to_owned(),
        })
    }

    /// Bytes of all files.
    pub(super) fn bytes(&self) -> u64 {
        let bytes = self.files.iter().map(|file| file.bytes);
        bytes.fold(0, u64::saturating_add)
    }

    /// The files.
    pub(super) fn files(&self) -> &[Entry] {
        &self.files
    }

    /// Compares every file of a backup.
    ///
    /// # Errors
    /// One is not what it was, is not there, or was put in.
    pub(super) fn check(&self, dir: &Path) -> Result<(), BackupError> {
        let mut there = Vec::new();
        look(dir, "", &mut there)?;
        let found: BTreeSet<&str> = there.iter().map(|file| file.name.as_str()).collect();
        // A link is none of its files, wherever it leads.
        if let Some(file) = self
            .files
            .iter()
            .find(|file| !found.contains(file.name.as_str()))
        {
            return Err(BackupError::Differs {
                path: dir.join(&file.name),
                why: "it is not there",
            });
        }
        for file in there.iter().filter(|file| file.name != NAME) {
            let why = match self.files.iter().find(|known| known.name == file.name) {
                Some(known) if known == file => continue,
                Some(known) if known.bytes != file.bytes => "it has another length",
                Some(_) => "it has another digest",
                None => "it is not in it",
            };
            let path = dir.join(&file.name);
            return Err(BackupError::Differs { path, why });
        }
        Ok(())
    }
}

fn look(dir: &Path, below: &str, files: &mut Vec<Entry>) -> Result<(), BackupError> {
    let here = dir.join(below);
    for entry in std::fs::read_dir(&here).map_err(BackupError::copy(&here))? {
        let entry = entry.map_err(BackupError::copy(&here))?;
        let own = entry.file_name().to_string_lossy().into_owned();
        let name = match below {
            "" => own,
            below => format!("{below}/{own}"),
        };
        let kind = entry
            .file_type()
            .map_err(BackupError::copy(&entry.path()))?;
        if kind.is_dir() {
            look(dir, &name, files)?;
        } else if kind.is_file() {
            let (bytes, sha256) = digest(&entry.path())?;
            files.push(Entry {
                name,
                bytes,
                sha256,
            });
        }
    }
    Ok(())
}

fn digest(path: &Path) -> Result<(u64, String), BackupError> {
    let mut file = File::open(path).map_err(BackupError::copy(path))?;
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let read = file.read(&mut buffer).map_err(BackupError::copy(path))?;
        if read == 0 {
            return Ok((bytes, hex::encode(hash.finalize())));
        }
        bytes += read as u64;
        hash.update(buffer.get(..read).unwrap_or_default());
    }
}

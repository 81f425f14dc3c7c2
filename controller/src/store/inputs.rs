//! What commands are given, as files beside the databases: each under its digest, so that what is recorded of a run says which bytes those are.
//!
//! Nobody changes one. It goes when it was not used for as long as output is kept.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};
use shanty_core::limits;
use shanty_core::output::mask::{Masker, Masks};
use shanty_core::refusal::{Code, Refusal};
use shanty_core::run::{About, Input, InputKind, head, script_name};
use shanty_core::text::size;
use thiserror::Error;

/// Bytes of the beginning of which the first lines are taken.
const HEAD_BYTES: usize = 2_048;

/// What a file is called while it comes.
const COMING: &str = "coming-";

/// What stands where an input was deleted, with its digest: empty, and as old as that.
const DELETED: &str = "deleted-";

/// When an input was deleted is known for so long.
const DELETED_KNOWN: Duration = Duration::from_secs(2 * 366 * 24 * 60 * 60);

/// Why an input is not kept, or not had.
#[derive(Debug, Error)]
pub enum InputError {
    /// Longer than its kind may be.
    #[error("the {} is longer than {} bytes", .0.as_str(), .0.bytes_max())]
    TooLong(InputKind),
    /// All of them together are too much.
    #[error(
        "the inputs of runs take more than {} bytes",
        limits::INPUTS_TOTAL_BYTES_MAX
    )]
    Full,
    /// The disk.
    #[error("write or read what a command is given")]
    Io(#[from] io::Error),
}

impl InputError {
    /// What is told to whoever gave it, or wants to see it.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::TooLong(kind) => Refusal::new(
                Code::TooLong,
                format!(
                    "The {} is longer than {}, and that is the limit. Nothing was run.",
                    kind.as_str(),
                    size(kind.bytes_max())
                ),
                "Bring it to the hosts in another way, such as `curl`, and run a command that reads it there.",
            ),
            Self::Full => Refusal::new(
                Code::Storage,
                "The controller keeps too many scripts and inputs of runs to take another one. Nothing was run.",
                "They are deleted with old output: `[retention] output` says when.",
            ),
            Self::Io(source) => {
                let error = source as &dyn std::error::Error;
                tracing::error!(error, "what a command is given cannot be kept or read");
                Refusal::new(
                    Code::Storage,
                    "The controller could not keep or read what the command is given. Nothing was run.",
                    "Is its disk full? Its log says more.",
                )
            }
        }
    }
}

/// The inputs.
#[derive(Clone)]
pub struct Inputs {
    folder: Arc<PathBuf>,
    next: Arc<AtomicU64>,
    masks: Masks,
}

/// An input that comes. Dropped before it is whole it leaves nothing.
pub struct Coming {
    inputs: Inputs,
    path: PathBuf,
    /// Absent only while a slice is written.
    file: Option<File>,
    kind: InputKind,
    name: String,
    digest: Sha256,
    bytes: u64,
    seen: Seen,
}

/// Reads an input.
pub struct InputReader {
    file: Option<File>,
    masker: Option<Masker>,
}

impl Inputs {
    /// Opens or makes the folder. What was only half there goes.
    ///
    /// # Errors
    /// It cannot be made or read.
    pub fn open(folder: &Path) -> io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry
                .file_name()
                .as_encoded_bytes()
                .starts_with(COMING.as_bytes())
            {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(Self {
            folder: Arc::new(folder.to_path_buf()),
            next: Arc::default(),
            masks: Masks::none(),
        })
    }

    /// The same for whoever shows it to somebody: nothing is read past these masks.
    #[must_use]
    pub fn masked(self, masks: Masks) -> Self {
        Self { masks, ..self }
    }

    /// A place for an input that comes. A script has its name from this path.
    ///
    /// # Errors
    /// The disk, or too much is kept.
    pub async fn begin(&self, kind: InputKind, path: &str) -> Result<Coming, InputError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let own = self.clone();
        let name = match kind {
            InputKind::Stdin => String::new(),
            InputKind::Script => script_name(path),
        };
        blocking(move || {
            if own.total()? > limits::INPUTS_TOTAL_BYTES_MAX {
                return Err(InputError::Full);
            }
            let path = own.folder.join(format!("{COMING}{number}"));
            let file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)?;
            Ok(Coming {
                inputs: own,
                path,
                file: Some(file),
                kind,
                name,
                digest: Sha256::new(),
                bytes: 0,
                seen: Seen::default(),
            })
        })
        .await
    }

    /// What is kept under a digest, as a run of it says it; nothing when that is not here. All of it is read.
    ///
    /// # Errors
    /// The disk.
    pub async fn find(
        &self,
        kind: InputKind,
        name: &str,
        sha256: [u8; 32],
    ) -> Result<Option<Input>, InputError> {
        let (path, name) = (self.path(sha256), name.to_owned());
        blocking(move || {
            let mut file = match File::open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            let mut digest = Sha256::new();
            let mut seen = Seen::default();
            let mut bytes = 0_u64;
            let mut slice = vec![0; limits::CHUNK_BYTES_MAX];
            loop {
                let n = file.read(&mut slice)?;
                let slice = slice.get(..n).unwrap_or_default();
                if slice.is_empty() {
                    break;
                }
                digest.update(slice);
                seen.take(slice);
                bytes += slice.len() as u64;
            }
            // What is damaged is not what anybody recorded.
            Ok(
                (<[u8; 32]>::from(digest.finalize()) == sha256).then(|| Input {
                    kind,
                    name,
                    bytes,
                    sha256,
                    about: seen.about(),
                }),
            )
        })
        .await
    }

    /// Reads what is kept under a digest; nothing when that is not here. It counts as used now.
    ///
    /// # Errors
    /// The disk.
    pub async fn read(&self, sha256: [u8; 32]) -> Result<Option<InputReader>, InputError> {
        let path = self.path(sha256);
        let masker = (!self.masks.is_empty()).then(|| self.masks.masker());
        blocking(move || match File::open(path) {
            Ok(file) => {
                file.set_modified(SystemTime::now())?;
                Ok(Some(InputReader {
                    file: Some(file),
                    masker,
                }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        })
        .await
    }

    /// Whether what is under a digest is not here any more, and when it was deleted, if that is known, milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// The disk.
    pub async fn gone(&self, sha256: [u8; 32]) -> Result<Option<Option<u64>>, InputError> {
        let (path, mark) = (self.path(sha256), self.mark(&hex::encode(sha256)));
        blocking(move || {
            if path.try_exists()? {
                return Ok(None);
            }
            let deleted = match fs::metadata(mark) {
                Ok(mark) => mark.modified()?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(None)),
                Err(error) => return Err(error.into()),
            };
            let since = deleted.duration_since(SystemTime::UNIX_EPOCH);
            let at_ms = since.ok().map(|since| since.as_millis());
            Ok(Some(at_ms.and_then(|ms| u64::try_from(ms).ok())))
        })
        .await
    }

    /// Deletes what was not used for so long; how many that were. When that was stays known.
    ///
    /// # Errors
    /// The disk.
    pub async fn delete_unused(&self, for_ms: u64) -> Result<usize, InputError> {
        let own = self.clone();
        blocking(move || {
            let mut deleted = 0;
            for entry in fs::read_dir(&*own.folder)? {
                let entry = entry?;
                let used = entry.metadata()?.modified()?;
                let unused = used.elapsed().unwrap_or_default();
                let name = entry.file_name();
                let name = name.to_string_lossy();
                if name.starts_with(DELETED) {
                    if unused >= DELETED_KNOWN {
                        fs::remove_file(entry.path())?;
                    }
                } else if unused >= Duration::from_millis(for_ms) {
                    own.delete(&entry.path(), &name)?;
                    deleted += 1;
                }
            }
            Ok(deleted)
        })
        .await
    }

    /// Deletes one and marks when. On a full disk there may be no room for the mark before it is gone.
    fn delete(&self, path: &Path, digest: &str) -> io::Result<()> {
        // One that is half there has no digest.
        if digest.starts_with(COMING) {
            return fs::remove_file(path);
        }
        let mark = || File::create(self.mark(digest))?.set_modified(SystemTime::now());
        let before = mark();
        fs::remove_file(path)?;
        if let Err(error) = before.or_else(|_| mark()) {
            tracing::warn!(%error, "when the input of a run was deleted cannot be kept");
        }
        Ok(())
    }

    fn path(&self, sha256: [u8; 32]) -> PathBuf {
        self.folder.join(hex::encode(sha256))
    }

    fn mark(&self, digest: &str) -> PathBuf {
        self.folder.join(format!("{DELETED}{digest}"))
    }

    fn total(&self) -> io::Result<u64> {
        let mut total = 0_u64;
        for entry in fs::read_dir(&*self.folder)? {
            total = total.saturating_add(entry?.metadata()?.len());
        }
        Ok(total)
    }
}

/// What a script would be if it was kept: its name, its length and its digest.
#[must_use]
pub fn input_of(path: &str, script: &[u8]) -> Input {
    let mut seen = Seen::default();
    let mut unix = seen.with_unix_ends(script);
    if seen.held_cr {
        unix.push(b'\r');
    }
    seen.take(&unix);
    Input {
        kind: InputKind::Script,
        name: script_name(path),
        bytes: unix.len() as u64,
        sha256: Sha256::digest(&unix).into(),
        about: seen.about(),
    }
}

impl Coming {
    /// Takes the next slice.
    ///
    /// # Errors
    /// The disk, or it is longer than its kind may be: then nothing of it stays.
    pub async fn push(&mut self, slice: &[u8]) -> Result<(), InputError> {
        let slice = match self.kind {
            InputKind::Stdin => slice.to_vec(),
            InputKind::Script => self.seen.with_unix_ends(slice),
        };
        self.write(slice).await
    }

    async fn write(&mut self, slice: Vec<u8>) -> Result<(), InputError> {
        self.bytes = self.bytes.saturating_add(slice.len() as u64);
        if self.bytes > self.kind.bytes_max() {
            return Err(InputError::TooLong(self.kind));
        }
        self.digest.update(&slice);
        self.seen.take(&slice);
        let Some(mut file) = self.file.take() else {
            return Err(io::Error::from(io::ErrorKind::BrokenPipe).into());
        };
        let written = blocking(move || {
            file.write_all(&slice)?;
            Ok(file)
        });
        self.file = Some(written.await?);
        Ok(())
    }

    /// All of it came: it is kept for good, and this is what it is.
    ///
    /// # Errors
    /// The disk.
    pub async fn finish(mut self) -> Result<Input, InputError> {
        if self.seen.held_cr {
            self.write(vec![b'\r']).await?;
        }
        let Some(file) = self.file.take() else {
            return Err(io::Error::from(io::ErrorKind::BrokenPipe).into());
        };
        let sha256 = <[u8; 32]>::from(std::mem::take(&mut self.digest).finalize());
        let (from, to) = (self.path.clone(), self.inputs.path(sha256));
        let folder = Arc::clone(&self.inputs.folder);
        blocking(move || {
            file.sync_all()?;
            fs::rename(from, to)?;
            File::open(&*folder)?.sync_all()?;
            Ok(())
        })
        .await?;
        Ok(Input {
            kind: self.kind,
            name: std::mem::take(&mut self.name),
            bytes: self.bytes,
            sha256,
            about: self.seen.about(),
        })
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        fs::remove_file(&self.path).ok(); // It has its name by now, or the next start removes it.
    }
}

impl InputReader {
    /// The next bytes; nothing at the end.
    ///
    /// # Errors
    /// The disk.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, InputError> {
        while let Some(mut file) = self.file.take() {
            let (file, read) = blocking(move || {
                let mut slice = vec![0; limits::CHUNK_BYTES_MAX];
                let n = file.read(&mut slice)?;
                slice.truncate(n);
                Ok((file, slice))
            })
            .await?;
            let mut shown = Vec::new();
            match (&mut self.masker, read.is_empty()) {
                (Some(masker), true) => masker.finish(&mut shown),
                (Some(masker), false) => masker.push(&read, &mut shown),
                (None, _) => shown = read.clone(),
            }
            if !read.is_empty() {
                self.file = Some(file);
            }
            // A frame may not be longer, and masks make some texts so.
            if !shown.is_empty() {
                return Ok(Some(shown));
            }
        }
        Ok(None)
    }
}

/// What is seen of an input while it passes.
#[derive(Default)]
struct Seen {
    beginning: Vec<u8>,
    newlines: u64,
    last: Option<u8>,
    crlf: bool,
    /// A CR that stood at the end of a slice.
    held_cr: bool,
}

impl Seen {
    fn take(&mut self, slice: &[u8]) {
        let room = HEAD_BYTES.saturating_sub(self.beginning.len());
        self.beginning.extend(slice.iter().take(room));
        let newlines = slice.iter().filter(|byte| **byte == b'\n').count();
        self.newlines = self.newlines.saturating_add(newlines as u64);
        self.last = slice.last().copied().or(self.last);
    }

    /// The same with LF where CRLF was.
    fn with_unix_ends(&mut self, slice: &[u8]) -> Vec<u8> {
        let mut unix = Vec::with_capacity(slice.len() + 1);
        for &byte in slice {
            if std::mem::take(&mut self.held_cr) {
                if byte == b'\n' {
                    self.crlf = true;
                } else {
                    unix.push(b'\r');
                }
            }
            if byte == b'\r' {
                self.held_cr = true;
            } else {
                unix.push(byte);
            }
        }
        unix
    }

    fn about(&self) -> About {
        let open = u64::from(self.last.is_some_and(|last| last != b'\n'));
        About {
            lines: self.newlines + open,
            head: head(&self.beginning),
            crlf: self.crlf,
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, InputError> + Send + 'static,
) -> Result<T, InputError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| InputError::Io(io::Error::other(error)))?
}

#[cfg(test)]
mod tests;

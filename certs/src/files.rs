//! Secret files, files that decide something, and private directories: read only when nobody else could have read or replaced them,
//! written so that a crash leaves the old content or the new.
//!
//! Knows nothing of what the files hold. Every error names the file, what is wrong with it and the command that puts it right.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::unistd::geteuid;
use thiserror::Error;
use zeroize::Zeroizing;

/// A file or directory that cannot be used for secrets, or to decide anything by.
#[derive(Debug, Error)]
pub enum FileError {
    /// The file does not exist.
    #[error("{} does not exist", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A symbolic link: whoever owns the link chooses what is read.
    #[error("{} is a symbolic link; put the {expected} itself there", path.display())]
    Symlink {
        /// The link.
        path: PathBuf,
        /// `file` or `directory`.
        expected: &'static str,
    },
    /// Another kind of thing than expected.
    #[error("{} is not a {expected}", path.display())]
    Kind {
        /// The thing.
        path: PathBuf,
        /// `regular file` or `directory`.
        expected: &'static str,
    },
    /// Owned by somebody who is neither us nor root.
    #[error("{} belongs to user id {owner}; run `chown {us} {}`", path.display(), path.display())]
    Owner {
        /// The file.
        path: PathBuf,
        /// The user id that owns it.
        owner: u32,
        /// Our effective user id.
        us: u32,
    },
    /// The group or everybody may read or write it.
    #[error(
        "{} is open to other users (mode {mode:04o}); run `chmod {fix:04o} {}`",
        path.display(),
        path.display()
    )]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// The permission bits to set.
        fix: u32,
    },
    /// The group or everybody may write it, or replace what is in it.
    #[error(
        "{} can be changed by other users (mode {mode:04o}); run `chmod go-w {}`",
        path.display(),
        path.display()
    )]
    Writable {
        /// The file, or a directory above it.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Larger than what is expected there.
    #[error("{} is larger than {max} bytes", path.display())]
    Size {
        /// The file.
        path: PathBuf,
        /// The most that is read, bytes.
        max: u64,
    },
    /// The operating system refused.
    #[error("{doing} {}", path.display())]
    Io {
        /// What was tried, such as `open`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
}

impl FileError {
    fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            doing,
            path: path.to_owned(),
            source,
        }
    }

    /// True when there is no room for it.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull)
    }

    /// True when the file is simply not there.
    #[must_use]
    pub const fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }
}

/// Reads a secret: a regular file, not a symbolic link, owned by us or root, closed to group and others, at most `max` bytes, in a place
/// where nobody else could put another.
///
/// # Errors
/// [`FileError`]; the checks apply to the opened file, so nobody can swap it between check and read.
pub fn read_secret(path: &Path, max: u64) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let (file, meta) = open_regular(path, OFlag::O_NOFOLLOW)?;
    check_access(path, &meta, 0o600)?;
    check_place(path)?;
    read_open(&file, &meta, path, max)
}

/// Reads a file by which something is decided: the same, but others may read it.
///
/// # Errors
/// [`FileError`], as of [`read_secret`].
pub fn read_trusted(path: &Path, max: u64) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let (file, meta) = open_regular(path, OFlag::O_NOFOLLOW)?;
    check_owner(path, &meta)?;
    check_unwritable(path, &meta, false)?;
    check_place(path)?;
    read_open(&file, &meta, path, max)
}

/// Reads a file that belongs to others, whoever may read it as well: at most `max` bytes.
///
/// # Errors
/// [`FileError`] of any kind but that of access.
pub fn read_foreign(path: &Path, max: u64) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let (file, meta) = open_regular(path, OFlag::empty())?;
    read_open(&file, &meta, path, max)
}

fn open_regular(path: &Path, flags: OFlag) -> Result<(File, Metadata), FileError> {
    // Without O_NONBLOCK, opening a named pipe would hang.
    let flags = flags | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits())
        .open(path)
        .map_err(|source| opening(path, source, "file"))?;
    let meta = file
        .metadata()
        .map_err(|e| FileError::io("inspect", path, e))?;
    if !meta.is_file() {
        return Err(FileError::Kind {
            path: path.to_owned(),
            expected: "regular file",
        });
    }
    Ok((file, meta))
}

fn read_open(
    file: &File,
    meta: &Metadata,
    path: &Path,
    max: u64,
) -> Result<Zeroizing<Vec<u8>>, FileError> {
    // Reserved at once: growing would leave copies of the secret in freed memory.
    let capacity = usize::try_from(meta.len().min(max)).unwrap_or(0);
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity.saturating_add(1)));
    file.take(max.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|e| FileError::io("read", path, e))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > max {
        return Err(FileError::Size {
            path: path.to_owned(),
            max,
        });
    }
    Ok(bytes)
}

/// Whose a file is, and who may do what with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Its user's id; ours where there is none.
    pub uid: Option<u32>,
    /// Its group's id; ours where there is none.
    pub gid: Option<u32>,
    /// Its permission bits.
    pub mode: u32,
}

impl Access {
    /// For nobody but us.
    pub const OURS: Self = Self {
        uid: None,
        gid: None,
        mode: 0o600,
    };
}

/// Writes a secret with mode 0600, replacing what is there: the file holds the old bytes or the new ones, also after a crash.
///
/// # Errors
/// [`FileError::Io`].
pub fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    write_with(path, bytes, Access::OURS)
}

/// The same, for somebody else. It is theirs before it gets its name, so that nobody can put another file in its place meanwhile and have
/// that one handed out.
///
/// # Errors
/// [`FileError::Io`].
pub fn write_with(path: &Path, bytes: &[u8], access: Access) -> Result<(), FileError> {
    let parent = parent(path);
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    let temporary = parent.join(name);
    match fs::remove_file(&temporary) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(FileError::io("remove", &temporary, e)),
    }
    write_new(&temporary, bytes, access)?;
    fs::rename(&temporary, path).map_err(|e| FileError::io("replace", path, e))?;
    sync_directory(parent)
}

/// Puts a file in the place of another in the same directory: after a crash that place holds the one or the other, whole.
///
/// # Errors
/// [`FileError::Io`].
pub fn replace(from: &Path, place: &Path) -> Result<(), FileError> {
    fs::rename(from, place).map_err(|e| FileError::io("replace", place, e))?;
    sync_directory(parent(place))
}

/// Removes a file for good, if it is there.
///
/// # Errors
/// [`FileError::Io`].
pub fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Ok(()) => sync_directory(parent(path)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(FileError::io("remove", path, e)),
    }
}

/// Overwrites a file before it is removed, so that nothing of it is left where the file system writes in place.
///
/// # Errors
/// [`FileError::Io`].
pub fn shred(path: &Path) -> Result<(), FileError> {
    let io = |e| FileError::io("overwrite", path, e);
    let options = OpenOptions::new()
        .write(true)
        .custom_flags((OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW).bits())
        .open(path);
    let mut file = options.map_err(|e| opening(path, e, "file"))?;
    let length = file.metadata().map_err(io)?.len();
    let zeros = vec![0; usize::try_from(length).unwrap_or(0)];
    file.write_all(&zeros)
        .and_then(|()| file.sync_all())
        .map_err(io)?;
    remove(path)
}

/// Makes sure that a directory exists which only we may enter: creates it (and parents) with mode 0700, or checks what is there.
///
/// # Errors
/// [`FileError`].
pub fn private_directory(path: &Path) -> Result<(), FileError> {
    match check_private_directory(path) {
        Err(error) if error.is_missing() => {}
        checked => return checked,
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|e| FileError::io("create", path, e))?;
    sync_directory(parent(path))?;
    check_private_directory(path)
}

/// Checks that a directory is one, is no symbolic link, belongs to us or root and is closed to others.
///
/// # Errors
/// [`FileError`].
pub fn check_private_directory(path: &Path) -> Result<(), FileError> {
    let meta = fs::symlink_metadata(path).map_err(|e| opening(path, e, "directory"))?;
    if meta.is_symlink() {
        return Err(FileError::Symlink {
            path: path.to_owned(),
            expected: "directory",
        });
    }
    if !meta.is_dir() {
        return Err(FileError::Kind {
            path: path.to_owned(),
            expected: "directory",
        });
    }
    check_access(path, &meta, 0o700)
}

/// Publishes a directory that was filled beside its final place: syncs it, renames it (over nothing, or over an empty
/// directory), syncs the parent. After a crash the directory is there whole or not at all.
///
/// # Errors
/// [`FileError::Io`], also when the final place holds something.
pub fn publish_directory(filled: &Path, place: &Path) -> Result<(), FileError> {
    sync_directory(filled)?;
    fs::rename(filled, place).map_err(|e| FileError::io("create", place, e))?;
    sync_directory(parent(place))
}

/// Creates an empty private directory beside `place`, removing what an interrupted attempt left there.
///
/// # Errors
/// [`FileError::Io`].
pub fn staging_directory(place: &Path) -> Result<PathBuf, FileError> {
    let mut name = std::ffi::OsString::from(".");
    name.push(place.file_name().unwrap_or_default());
    name.push(".new");
    let staging = parent(place).join(name);
    match fs::remove_dir_all(&staging) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(FileError::io("remove", &staging, e)),
    }
    DirBuilder::new()
        .mode(0o700)
        .create(&staging)
        .map_err(|e| FileError::io("create", &staging, e))?;
    Ok(staging)
}

fn write_new(path: &Path, bytes: &[u8], access: Access) -> Result<(), FileError> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(OFlag::O_CLOEXEC.bits())
        .open(path)
        .map_err(|e| FileError::io("create", path, e))?;
    if access != Access::OURS {
        // A service that hands nothing out may not even ask to.
        fchown(&file, access.uid, access.gid)
            .and_then(|()| file.set_permissions(fs::Permissions::from_mode(access.mode)))
            .map_err(|e| FileError::io("hand out", path, e))?;
    }
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(|e| FileError::io("write", path, e))
}

fn sync_directory(path: &Path) -> Result<(), FileError> {
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(|e| FileError::io("sync", path, e))
}

/// The directory that holds `path`; the current one for a bare name.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}

fn opening(path: &Path, source: io::Error, expected: &'static str) -> FileError {
    let path_buf = path.to_owned();
    if source.kind() == io::ErrorKind::NotFound {
        FileError::Missing { path: path_buf }
    } else if source.raw_os_error() == Some(nix::errno::Errno::ELOOP as i32) {
        FileError::Symlink {
            path: path_buf,
            expected,
        }
    } else {
        FileError::io("open", path, source)
    }
}

/// Checks every directory above a file, by the names that were given and by where they lead: whoever may write in one of them chooses what
/// stands in that place.
///
/// # Errors
/// [`FileError`].
pub fn check_place(path: &Path) -> Result<(), FileError> {
    let absolute = std::path::absolute(path).map_err(|e| FileError::io("find", path, e))?;
    let named = parent(&absolute);
    let real = fs::canonicalize(named).map_err(|e| FileError::io("find", named, e))?;
    for directory in named.ancestors().chain(real.ancestors()) {
        let meta = fs::metadata(directory).map_err(|e| FileError::io("inspect", directory, e))?;
        check_owner(directory, &meta)?;
        check_unwritable(directory, &meta, true)?;
    }
    Ok(())
}

fn check_owner(path: &Path, meta: &Metadata) -> Result<(), FileError> {
    let us = geteuid().as_raw();
    if meta.uid() != us && meta.uid() != 0 {
        return Err(FileError::Owner {
            path: path.to_owned(),
            owner: meta.uid(),
            us,
        });
    }
    Ok(())
}

/// In a directory with the sticky bit, such as `/tmp`, others may not touch what is ours.
fn check_unwritable(path: &Path, meta: &Metadata, sticky: bool) -> Result<(), FileError> {
    let mode = meta.permissions().mode() & 0o7777;
    if mode & 0o022 != 0 && !(sticky && mode & 0o1000 != 0) {
        return Err(FileError::Writable {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(())
}

fn check_access(path: &Path, meta: &Metadata, fix: u32) -> Result<(), FileError> {
    check_owner(path, meta)?;
    let mode = meta.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(FileError::Mode {
            path: path.to_owned(),
            mode,
            fix,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;

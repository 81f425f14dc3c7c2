//! Secret files, files that decide something, and private directories: read only when nobody else could have read or replaced them,
//! written so that a crash leaves the old content or the new.
//!
//! Knows nothing of what the files hold. Every error names the file, what is wrong with it and the command that puts it right.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
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

/// Writes a secret with mode 0600, replacing what is there: the file holds the old bytes or the new ones, also after a crash.
///
/// # Errors
/// [`FileError::Io`].
pub fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
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
    write_new(&temporary, bytes)?;
    fs::rename(&temporary, path).map_err(|e| FileError::io("replace", path, e))?;
    sync_directory(parent)
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

fn write_new(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(OFlag::O_CLOEXEC.bits())
        .open(path)
        .map_err(|e| FileError::io("create", path, e))?;
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
fn check_place(path: &Path) -> Result<(), FileError> {
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
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_written_secret_is_private_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        write_secret(&path, b"one").unwrap();
        write_secret(&path, b"two").unwrap();
        assert_eq!(*read_secret(&path, 3).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_left_over_of_an_interrupted_write_is_no_obstacle() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(".key.new"), "torn").unwrap();
        let path = dir.path().join("key");
        write_secret(&path, b"whole").unwrap();
        assert_eq!(*read_secret(&path, 99).unwrap(), b"whole");
    }

    #[test]
    fn every_refusal_names_the_file_and_the_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let said = |path: &Path| {
            let text = read_secret(path, 4).unwrap_err().to_string();
            text.replace(&dir.path().display().to_string(), "DIR")
        };
        assert_eq!(said(&path), "DIR/key does not exist");
        write_secret(&path, b"12345").unwrap();
        assert_eq!(said(&path), "DIR/key is larger than 4 bytes");
        chmod(&path, 0o644);
        assert_eq!(
            said(&path),
            "DIR/key is open to other users (mode 0644); run `chmod 0600 DIR/key`"
        );
        let link = dir.path().join("link");
        symlink(&path, &link).unwrap();
        assert_eq!(
            said(&link),
            "DIR/link is a symbolic link; put the file itself there"
        );
        assert_eq!(said(dir.path()), "DIR is not a regular file");
        let pipe = dir.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
        assert_eq!(said(&pipe), "DIR/pipe is not a regular file");
    }

    /// What is wrong with a file, without the directory of the test.
    fn refused(read: Result<Zeroizing<Vec<u8>>, FileError>, dir: &Path) -> String {
        let text = read.unwrap_err().to_string();
        text.replace(&dir.display().to_string(), "DIR")
    }

    #[test]
    fn what_decides_may_be_read_by_others_and_changed_by_nobody_else() {
        let dir = tempfile::tempdir().unwrap();
        let etc = dir.path().join("etc");
        fs::create_dir(&etc).unwrap();
        let path = etc.join("shanty.toml");
        fs::write(&path, b"grants").unwrap();
        for (mode, dir_mode) in [
            (0o644, 0o755),
            (0o600, 0o700),
            (0o444, 0o1777),
            (0o640, 0o755),
        ] {
            chmod(&path, mode);
            chmod(&etc, dir_mode);
            assert_eq!(
                *read_trusted(&path, 9).unwrap(),
                b"grants",
                "{mode:o} {dir_mode:o}"
            );
        }
        let said = || refused(read_trusted(&path, 9), dir.path());
        chmod(&path, 0o664);
        chmod(&etc, 0o755);
        assert_eq!(
            said(),
            "DIR/etc/shanty.toml can be changed by other users (mode 0664); run `chmod go-w DIR/etc/shanty.toml`"
        );
        chmod(&path, 0o646);
        assert!(said().contains("(mode 0646)"));
        // Whoever may write in a directory above it puts another file there.
        for above in [etc.as_path(), dir.path()] {
            chmod(&path, 0o600);
            chmod(above, 0o775);
            let (trusted, secret) = (said(), refused(read_secret(&path, 9), dir.path()));
            assert!(
                trusted.contains("can be changed by other users (mode 0775)"),
                "{trusted}"
            );
            assert_eq!(trusted, secret);
            chmod(above, 0o755);
        }
        assert!(
            read_trusted(&path, 5)
                .unwrap_err()
                .to_string()
                .contains("larger than 5")
        );
        // A link in the path does not hide where it leads, nor where it stands.
        let open = dir.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::write(open.join("shanty.toml"), b"grants").unwrap();
        chmod(&open, 0o777);
        let link = dir.path().join("link");
        symlink(&open, &link).unwrap();
        let linked = refused(read_trusted(&link.join("shanty.toml"), 9), dir.path());
        assert!(linked.contains("(mode 0777)"), "{linked}");
        symlink(&etc, open.join("hop")).unwrap();
        let hop = refused(read_trusted(&open.join("hop/shanty.toml"), 9), dir.path());
        assert!(hop.contains("DIR/open can be changed"), "{hop}");
        symlink(&path, dir.path().join("file")).unwrap();
        let file = refused(read_trusted(&dir.path().join("file"), 9), dir.path());
        assert_eq!(
            file,
            "DIR/file is a symbolic link; put the file itself there"
        );
    }

    #[test]
    fn a_file_or_directory_of_somebody_else_decides_nothing() {
        if !geteuid().is_root() {
            // Only root can give a file away.
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let etc = dir.path().join("etc");
        fs::create_dir(&etc).unwrap();
        let path = etc.join("shanty.toml");
        write_secret(&path, b"grants").unwrap();
        for given in [&path, &etc] {
            let give = |to| nix::unistd::chown(given, Some(nix::unistd::Uid::from_raw(to)), None);
            give(1).unwrap();
            for read in [read_trusted(&path, 9), read_secret(&path, 9)] {
                let said = refused(read, dir.path());
                assert!(
                    said.contains("belongs to user id 1; run `chown 0 DIR/etc"),
                    "{said}"
                );
            }
            give(0).unwrap();
        }
        assert_eq!(*read_trusted(&path, 9).unwrap(), b"grants");
    }

    #[test]
    fn a_foreign_owner_is_refused() {
        if !geteuid().is_root() {
            // Only root can give a file away.
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        write_secret(&path, b"x").unwrap();
        nix::unistd::chown(&path, Some(nix::unistd::Uid::from_raw(12_345)), None).unwrap();
        let error = read_secret(&path, 9).unwrap_err();
        assert!(
            matches!(
                error,
                FileError::Owner {
                    owner: 12_345,
                    us: 0,
                    ..
                }
            ),
            "{error}"
        );
    }

    #[test]
    fn directories_are_created_private_and_checked() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("a/b");
        private_directory(&place).unwrap();
        private_directory(&place).unwrap();
        assert_eq!(fs::metadata(&place).unwrap().mode() & 0o777, 0o700);
        chmod(&place, 0o755);
        let error = private_directory(&place).unwrap_err().to_string();
        assert!(
            error.contains("mode 0755") && error.contains("chmod 0700"),
            "{error}"
        );
        let link = dir.path().join("link");
        symlink(dir.path(), &link).unwrap();
        assert!(matches!(
            private_directory(&link),
            Err(FileError::Symlink { .. })
        ));
        let file = dir.path().join("file");
        write_secret(&file, b"").unwrap();
        assert!(matches!(
            private_directory(&file),
            Err(FileError::Kind { .. })
        ));
    }

    #[test]
    fn a_directory_is_published_whole_and_never_over_another() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("ca");
        let torn = staging_directory(&place).unwrap();
        write_secret(&torn.join("half"), b"x").unwrap();
        let staging = staging_directory(&place).unwrap();
        write_secret(&staging.join("whole"), b"x").unwrap();
        publish_directory(&staging, &place).unwrap();
        let names: Vec<_> = fs::read_dir(&place)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["whole"]);
        let second = staging_directory(&place).unwrap();
        assert!(publish_directory(&second, &place).is_err());
    }
}

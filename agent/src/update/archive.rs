//! Unpacks the archive of a version: files and folders of a `ustar`, and nothing else that such an archive can hold.
//!
//! Read here and not by `tar`, which would make links and devices, and follow the former, before anybody looked. It was verified before;
//! what is refused here would take a release key.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Component, Path, PathBuf};

use thiserror::Error;

/// Largest content of all files together, bytes.
pub(crate) const TOTAL_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Most files and folders. Ours have a dozen.
const ENTRIES_MAX: usize = 256;

/// Deepest path. Ours have two parts.
const DEPTH_MAX: usize = 4;

const BLOCK: usize = 512;

/// Why it is not unpacked.
#[derive(Debug, Error)]
pub(crate) enum ArchiveError {
    #[error("it cannot be read, or ends too early")]
    Read(#[source] io::Error),
    #[error("{} cannot be written", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("a header in it is damaged")]
    Header,
    #[error("`{0}` in it is no path below its folder")]
    Path(String),
    #[error("`{0}` in it is neither a file nor a folder")]
    Kind(String),
    #[error("it holds more than a version ever does, or than there is room for")]
    TooMuch,
}

/// One file or folder.
struct Entry {
    path: PathBuf,
    folder: bool,
    runs: bool,
    size: u64,
}

/// Unpacks so many bytes at most into a folder that is made now.
///
/// # Errors
/// [`ArchiveError`]; what was unpacked until then stays.
pub(crate) fn unpack(
    mut archive: impl Read,
    into: &Path,
    bytes_max: u64,
) -> Result<(), ArchiveError> {
    let make = |path: &Path| make_folder(path).map_err(|source| written(path, source));
    make(into)?;
    let (mut total, mut entries) = (0_u64, 0);
    while let Some(entry) = next(&mut archive)? {
        entries += 1;
        total = total.saturating_add(entry.size);
        if entries > ENTRIES_MAX || total > bytes_max.min(TOTAL_BYTES_MAX) {
            return Err(ArchiveError::TooMuch);
        }
        let path = into.join(&entry.path);
        if entry.folder {
            make(&path)?;
            continue;
        }
        if let Some(above) = path.parent() {
            make(above)?;
        }
        put(&mut archive, &entry, &path)?;
    }
    Ok(())
}

fn make_folder(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)),
    }
}

fn put(archive: &mut impl Read, entry: &Entry, path: &Path) -> Result<(), ArchiveError> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let mut file = file.map_err(|source| written(path, source))?;
    let mut content = archive.take(entry.size);
    copy(&mut content, &mut file, path)?;
    if content.limit() > 0 {
        return Err(ArchiveError::Read(io::ErrorKind::UnexpectedEof.into()));
    }
    let mode = if entry.runs { 0o755 } else { 0o644 };
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))
        .map_err(|source| written(path, source))?;
    let padding = entry.size.next_multiple_of(BLOCK as u64) - entry.size;
    let skipped = io::copy(&mut archive.take(padding), &mut io::sink());
    skipped.map_err(ArchiveError::Read).map(drop)
}

/// Copies, and tells what cannot be read from what cannot be written: a full disk is nobody's fault but this host's.
fn copy(from: &mut impl Read, to: &mut File, path: &Path) -> Result<(), ArchiveError> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut buffer).map_err(ArchiveError::Read)?;
        let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else {
            return Ok(());
        };
        to.write_all(part).map_err(|source| written(path, source))?;
    }
}

fn written(path: &Path, source: io::Error) -> ArchiveError {
    ArchiveError::Write {
        path: path.to_owned(),
        source,
    }
}

/// The next file or folder; nothing at the end, which two blocks of zeros are.
fn next(archive: &mut impl Read) -> Result<Option<Entry>, ArchiveError> {
    loop {
        let mut block = [0; BLOCK];
        archive.read_exact(&mut block).map_err(ArchiveError::Read)?;
        if block == [0; BLOCK] {
            return Ok(None);
        }
        let entry = header(&block)?;
        // The folder itself, which is there.
        if !entry.path.as_os_str().is_empty() {
            return Ok(Some(entry));
        }
    }
}

fn header(block: &[u8; BLOCK]) -> Result<Entry, ArchiveError> {
    let field = |at: usize, len: usize| block.get(at..at + len).unwrap_or_default();
    let sum: u64 = (0..)
        .zip(block)
        .map(|(at, byte)| {
            if (148..156).contains(&at) {
                32
            } else {
                u64::from(*byte)
            }
        })
        .sum();
    if octal(field(148, 8)) != Some(sum) || field(257, 5) != b"ustar" {
        return Err(ArchiveError::Header);
    }
    let name = text(field(0, 100));
    // Only the form of POSIX has more of the path there.
    let prefix = if field(257, 8) == b"ustar\x0000" {
        text(field(345, 155))
    } else {
        String::new()
    };
    let full = if prefix.is_empty() {
        name
    } else {
        format!("{prefix}/{name}")
    };
    let path = below(&full).ok_or_else(|| ArchiveError::Path(shown(&full)))?;
    let size = octal(field(124, 12)).ok_or(ArchiveError::Header)?;
    let mode = octal(field(100, 8)).ok_or(ArchiveError::Header)?;
    let folder = match block.get(156) {
        Some(b'0' | 0) => false,
        Some(b'5') if size == 0 => true,
        _ => return Err(ArchiveError::Kind(shown(&full))),
    };
    if !folder && path.as_os_str().is_empty() {
        return Err(ArchiveError::Path(shown(&full)));
    }
    let runs = mode & 0o100 != 0;
    Ok(Entry {
        path,
        folder,
        runs,
        size,
    })
}

/// The path without what leads nowhere; nothing when it leads out of its folder.
fn below(path: &str) -> Option<PathBuf> {
    let mut below = PathBuf::new();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => below.push(name),
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::ParentDir => return None,
        }
    }
    let plain = |c: char| c.is_ascii_graphic() || c == ' ';
    (below.components().count() <= DEPTH_MAX && path.chars().all(plain)).then_some(below)
}

fn text(field: &[u8]) -> String {
    let end = field
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(field.len());
    String::from_utf8_lossy(field.get(..end).unwrap_or_default()).into_owned()
}

fn octal(field: &[u8]) -> Option<u64> {
    let digits = text(field);
    u64::from_str_radix(digits.trim(), 8).ok()
}

fn shown(text: &str) -> String {
    text.chars()
        .take(80)
        .flat_map(char::escape_default)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::Command;

    use super::*;

    /// An entry as an archive has it, whatever it is.
    fn entry(name: &str, kind: u8, mode: &str, content: &[u8]) -> Vec<u8> {
        sized(name, kind, mode, content, content.len())
    }

    fn sized(name: &str, kind: u8, mode: &str, content: &[u8], size: usize) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, name.as_bytes());
        put(100, format!("{mode:0>7}\0").as_bytes());
        put(124, format!("{size:011o}\0").as_bytes());
        put(148, b"        ");
        put(156, &[kind]);
        put(157, b"/etc/passwd");
        put(257, b"ustar\x0000");
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block.extend_from_slice(content);
        block.resize(block.len().next_multiple_of(BLOCK), 0);
        block
    }

    fn archive(entries: &[Vec<u8>]) -> Vec<u8> {
        [entries.concat(), vec![0; 2 * BLOCK]].concat()
    }

    fn unpacked(bytes: &[u8]) -> (tempfile::TempDir, Result<(), String>) {
        let dir = tempfile::tempdir().unwrap();
        let done = unpack(bytes, &dir.path().join("new"), u64::MAX);
        let done = done.map_err(|error| shanty_core::causes::chain(&error));
        (dir, done)
    }

    #[test]
    fn files_and_folders_are_made_as_they_are() {
        let (dir, done) = unpacked(&archive(&[
            entry("./", b'5', "755", b""),
            entry("./shanty-agent", b'0', "4777", &[7; 700]),
            entry("systemd/a.service", 0, "666", b"x"),
        ]));
        assert_eq!(done, Ok(()));
        let new = dir.path().join("new");
        let mode = |name: &str| new.join(name).metadata().unwrap().permissions().mode() & 0o7777;
        assert_eq!(fs::read(new.join("shanty-agent")).unwrap(), [7; 700]);
        assert_eq!(mode("shanty-agent"), 0o755);
        assert_eq!((mode("systemd/a.service"), mode("systemd")), (0o644, 0o755));
    }

    #[test]
    fn what_tar_makes_is_read() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("from/systemd")).unwrap();
        fs::write(dir.path().join("from/shanty-agent"), vec![1; 100_000]).unwrap();
        fs::write(dir.path().join("from/systemd/b"), "").unwrap();
        for format in ["ustar", "gnu"] {
            let format = format!("--format={format}");
            let tar = Command::new("tar")
                .args([&format, "-C"])
                .arg(dir.path().join("from"))
                .args(["-c", "."])
                .output();
            let bytes = tar.unwrap().stdout;
            let (dir, done) = unpacked(&bytes);
            assert_eq!(done, Ok(()));
            assert_eq!(
                fs::read(dir.path().join("new/shanty-agent")).unwrap().len(),
                100_000
            );
            assert!(dir.path().join("new/systemd/b").is_file());
        }
    }

    #[test]
    fn nothing_else_that_an_archive_can_hold_is_made() {
        let long = format!("{}x", "a/".repeat(4));
        let good = entry("shanty-agent", b'0', "755", b"x");
        let mut damaged = good.clone();
        damaged[0] ^= 1;
        let cut = archive(&[entry("a", b'0', "644", &[1; 2_000])])[..1_500].to_vec();
        for (bytes, expected) in [
            (
                archive(&[entry("../out", b'0', "644", b"x")]),
                "`../out` in it is no path below",
            ),
            (
                archive(&[entry("a/../../out", b'0', "644", b"x")]),
                "no path below",
            ),
            (
                archive(&[entry("/out", b'0', "644", b"x")]),
                "no path below",
            ),
            (
                archive(&[entry("a\nb", b'0', "644", b"x")]),
                "`a\\nb` in it is no path",
            ),
            (archive(&[entry(&long, b'0', "644", b"x")]), "no path below"),
            (archive(&[entry("./", b'0', "644", b"x")]), "no path below"),
            (
                archive(&[entry("link", b'2', "777", b"")]),
                "neither a file nor a folder",
            ),
            (
                archive(&[entry("hard", b'1', "644", b"")]),
                "neither a file nor a folder",
            ),
            (
                archive(&[entry("disk", b'4', "644", b"")]),
                "neither a file nor a folder",
            ),
            (
                archive(&[entry("pipe", b'6', "644", b"")]),
                "neither a file nor a folder",
            ),
            (
                archive(&[entry("long", b'L', "644", b"x")]),
                "neither a file nor a folder",
            ),
            (
                archive(&[entry("pax", b'x', "644", b"x")]),
                "neither a file nor a folder",
            ),
            (
                archive(&[entry("dir", b'5', "644", b"x")]),
                "neither a file nor a folder",
            ),
            (archive(&[good.clone(), good.clone()]), "cannot be written"),
            (
                archive(&[entry("a", b'0', "644", b""), entry("a/b", b'0', "644", b"")]),
                "cannot be written",
            ),
            (
                archive(&[sized("bomb", b'0', "644", b"x", 1 << 31)]),
                "more than a version",
            ),
            (
                archive(
                    &(0..300)
                        .map(|n| entry(&format!("{n}"), b'0', "644", b""))
                        .collect::<Vec<_>>(),
                ),
                "more than a version",
            ),
            (archive(&[damaged]), "a header in it is damaged"),
            (cut, "ends too early"),
            (good[..300].to_vec(), "ends too early"),
            (good.clone(), "ends too early"),
            (Vec::new(), "ends too early"),
            (b"not an archive".repeat(99), "damaged"),
        ] {
            let (dir, done) = unpacked(&bytes);
            let said = done.unwrap_err();
            assert!(said.contains(expected), "{expected}: {said}");
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "{said}");
            assert!(!dir.path().join("out").exists());
        }
    }
}

//! The files of a catalogue, and nothing outside of its folder.

use std::fs::{self, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use nix::fcntl::OFlag;
use shanty_certs::files::read_trusted;
use shanty_core::action::SCRIPT_BYTES_MAX;
use shanty_core::causes::chain;

use super::{Mistake, Wrong};

/// Most files of a catalogue.
const FILES_MAX: usize = 500;

/// Largest file of definitions, bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Who could have written the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Whoever looks at them: they are checked, and nothing runs by them.
    Checkout,
    /// Only root and the controller's user: what stands in them will run.
    Server,
}

/// Name and text of each `*.toml` of a folder, by name.
pub(super) fn list(folder: &Path, trust: Trust) -> Result<Vec<(String, String)>, Wrong> {
    let of_folder = |what: String| Wrong(vec![whole(folder, what)]);
    let entries = fs::read_dir(folder)
        .map_err(|error| of_folder(format!("the folder cannot be read: {error}")))?;
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in entries {
        let entry =
            entry.map_err(|error| of_folder(format!("the folder cannot be read: {error}")))?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        let path = entry.path();
        if !hidden && path.extension().is_some_and(|ending| ending == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    if paths.is_empty() {
        return Err(of_folder(
            "there is no file of actions here: they are named *.toml".to_owned(),
        ));
    }
    if paths.len() > FILES_MAX {
        let count = paths.len();
        return Err(of_folder(format!(
            "a catalogue has {FILES_MAX} files at most, this one {count}"
        )));
    }
    let mut files = Vec::new();
    let mut wrong = Vec::new();
    for path in paths {
        let text = read(folder, &path, FILE_BYTES_MAX, trust).and_then(|bytes| {
            String::from_utf8(bytes).map_err(|_| "the file is not UTF-8".to_owned())
        });
        match text {
            Ok(text) => files.push((path.display().to_string(), text)),
            Err(what) => wrong.push(whole(&path, what)),
        }
    }
    if wrong.is_empty() {
        Ok(files)
    } else {
        Err(Wrong(wrong))
    }
}

/// What is in a script.
pub(super) fn script(folder: &Path, file: &str, trust: Trust) -> Result<Bytes, String> {
    let max = SCRIPT_BYTES_MAX as u64;
    read(folder, &folder.join(file), max, trust).map(Bytes::from)
}

/// Reads a file that is in the folder, also when links are followed.
fn read(folder: &Path, path: &Path, max: u64, trust: Trust) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("{} is not there", path.display()),
        _ => format!("{} cannot be read: {error}", path.display()),
    };
    let root = folder.canonicalize().map_err(unreadable)?;
    let real = path.canonicalize().map_err(unreadable)?;
    if !real.starts_with(&root) {
        return Err(format!(
            "{} leads out of the folder of the catalogue",
            path.display()
        ));
    }
    if trust == Trust::Server {
        let bytes = read_trusted(path, max).map_err(|error| chain(&error))?;
        return Ok(bytes.to_vec());
    }
    // Nothing is waited for: a pipe there is no file.
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits())
        .open(&real)
        .map_err(unreadable)?;
    let about = file.metadata().map_err(unreadable)?;
    if !about.is_file() {
        return Err(format!("{} is no regular file", path.display()));
    }
    let mut bytes = Vec::new();
    file.take(max + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > max {
        return Err(format!(
            "{} is larger than {} KiB",
            path.display(),
            max / 1024
        ));
    }
    Ok(bytes)
}

fn whole(path: &Path, what: String) -> Mistake {
    Mistake {
        file: path.display().to_string(),
        line: 1,
        column: 1,
        what,
    }
}

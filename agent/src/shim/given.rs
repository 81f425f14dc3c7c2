//! What the command is given, from the execution's folder: its standard input as a file, or a script as a program of its user's.
//!
//! The executor checked length and digest before it accepted the order.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use shanty_core::ids::{AgentId, RunId};
use shanty_core::order::Order;
use shanty_core::run::{Input, InputKind};

use super::command::{Account, CannotStart};
use crate::surroundings::USUAL_SHELL;

/// The file in an execution's folder that holds what its command is given.
pub(crate) const INPUT: &str = "input";

/// Bytes of a first line that are looked at, as the kernel does.
const FIRST_LINE_BYTES_MAX: usize = 256;

/// What a command is given, ready.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// Its standard input.
    pub(super) stdin: Option<File>,
    /// The script that it is.
    pub(super) script: Option<Script>,
}

/// A script that lies where its user can run it, until this is dropped.
#[derive(Debug)]
pub(super) struct Script {
    folder: PathBuf,
    /// The interpreter, what is given to it, and the script.
    pub(super) words: Vec<String>,
}

impl Given {
    /// Opens or places what the order's command is given, from the execution's folder.
    pub(super) fn of(
        dir: &Path,
        order: &Order,
        account: &Account,
        path: &str,
    ) -> Result<Self, CannotStart> {
        let Some(input) = &order.input else {
            return Ok(Self::default());
        };
        let cannot = |error: io::Error| {
            let what = input.kind.as_str();
            CannotStart::refused(&format!("the {what} cannot be had: {error}"))
        };
        let file = File::open(dir.join(INPUT)).map_err(cannot)?;
        match input.kind {
            InputKind::Stdin => Ok(Self {
                stdin: Some(file),
                script: None,
            }),
            InputKind::Script => {
                let mut words = interpreter(&first_line(file).map_err(cannot)?, input, path)?;
                let folder = folder(order.run, order.agent);
                let placed = place(dir, &folder, input, account).map_err(|error| {
                    let folder = std::env::temp_dir();
                    let folder = folder.display();
                    CannotStart::refused(&format!(
                        "the script cannot be put into {folder}: {error}"
                    ))
                })?;
                words.push(placed);
                Ok(Self {
                    stdin: None,
                    script: Some(Script { folder, words }),
                })
            }
        }
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).ok(); // The next agent's recovery has another try.
    }
}

/// Removes the script of an execution, wherever its shim ended.
pub(crate) fn remove(run: RunId, agent: AgentId) {
    fs::remove_dir_all(folder(run, agent)).ok(); // Usually there is none.
}

/// Named by the execution, so that it is found again when its shim was killed, and is not that of another agent on this machine.
fn folder(run: RunId, agent: AgentId) -> PathBuf {
    std::env::temp_dir().join(format!("shanty-{run}-{agent}"))
}

/// The data directory is closed to the user, so the script lies in one that nobody else can write to.
fn place(dir: &Path, folder: &Path, input: &Input, account: &Account) -> io::Result<String> {
    // One that is there already is not ours.
    DirBuilder::new().mode(0o700).create(folder)?;
    fill(dir, folder, input, account).inspect_err(|_| {
        fs::remove_dir_all(folder).ok();
    })
}

fn fill(dir: &Path, folder: &Path, input: &Input, account: &Account) -> io::Result<String> {
    let path = folder.join(&input.name);
    let mut script = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    io::copy(&mut File::open(dir.join(INPUT))?, &mut script)?;
    script.flush()?;
    script.set_permissions(Permissions::from_mode(0o500))?;
    if !account.is_own() {
        fchown(&script, Some(account.uid()), Some(account.gid()))?;
    }
    // Open to pass through only now: nobody saw it half written.
    fs::set_permissions(folder, Permissions::from_mode(0o711))?;
    path.into_os_string()
        .into_string()
        .map_err(|_| io::ErrorKind::InvalidFilename.into())
}

fn first_line(file: File) -> io::Result<Vec<u8>> {
    let mut first = Vec::new();
    file.take(FIRST_LINE_BYTES_MAX as u64)
        .read_to_end(&mut first)?;
    let end = first.iter().position(|&byte| byte == b'\n');
    first.truncate(end.unwrap_or(first.len()));
    Ok(first)
}

/// What runs a script, by its first line, and what is given to it: one word at most, as the kernel does. It must be there: a person is
/// told what is missing, and not only 127.
fn interpreter(first: &[u8], input: &Input, path: &str) -> Result<Vec<String>, CannotStart> {
    let name = &input.name;
    let Some(named) = first.strip_prefix(b"#!") else {
        return Ok(vec![USUAL_SHELL.to_owned()]);
    };
    let named = String::from_utf8_lossy(named);
    let named = named.trim();
    let (program, argument) = named.split_once([' ', '\t']).unwrap_or((named, ""));
    let argument = argument.trim();
    if !program.starts_with('/') {
        let text = format!("{name} begins with `#!{program}`, which is no absolute path");
        return Err(CannotStart::missing(&text));
    }
    let missing = |what: &str| {
        let text = format!("{what}, which {name} is for, is not on this host");
        CannotStart::missing(&text)
    };
    if !Path::new(program).exists() {
        return Err(missing(program));
    }
    let looked_for = argument.split([' ', '\t']).next().unwrap_or_default();
    let by_env = program.ends_with("/env") && !looked_for.is_empty();
    if by_env && !looked_for.starts_with('-') && !looked_for.contains(['=', '/']) {
        let mut places = path.split(':');
        if !places.any(|place| Path::new(place).join(looked_for).exists()) {
            return Err(missing(looked_for));
        }
    }
    let words = [program, argument].into_iter();
    Ok(words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect())
}

#[cfg(test)]
mod tests {
    use shanty_core::run::About;

    use super::*;

    fn script() -> Input {
        Input {
            kind: InputKind::Script,
            name: "deploy.sh".to_owned(),
            bytes: 1,
            sha256: [0; 32],
            about: About::default(),
        }
    }

    #[test]
    fn the_first_line_says_what_runs_a_script() {
        for (first, words) in [
            ("", &["/bin/sh"][..]),
            ("echo hi", &["/bin/sh"]),
            ("# no interpreter", &["/bin/sh"]),
            ("#!/bin/sh", &["/bin/sh"]),
            ("#! /bin/sh  -e ", &["/bin/sh", "-e"]),
            ("#!/bin/sh\t-e -x", &["/bin/sh", "-e -x"]),
            ("#!/usr/bin/env sh", &["/usr/bin/env", "sh"]),
            ("#!/usr/bin/env -S sh -e", &["/usr/bin/env", "-S sh -e"]),
        ] {
            let found = interpreter(first.as_bytes(), &script(), "/usr/bin:/bin").unwrap();
            assert_eq!(found, words, "{first}");
        }
    }

    #[test]
    fn an_interpreter_that_is_missing_is_named() {
        for (first, said) in [
            (
                "#!/usr/bin/no-such-shell",
                "/usr/bin/no-such-shell, which deploy.sh is for, is not on this host",
            ),
            (
                "#!/usr/bin/env no-such-shell",
                "no-such-shell, which deploy.sh is for, is not on this host",
            ),
            (
                "#!sh",
                "deploy.sh begins with `#!sh`, which is no absolute path",
            ),
            (
                "#!",
                "deploy.sh begins with `#!`, which is no absolute path",
            ),
        ] {
            let why = interpreter(first.as_bytes(), &script(), "/usr/bin:/bin").unwrap_err();
            assert_eq!((why.text.as_str(), why.code), (said, 127));
        }
    }
}

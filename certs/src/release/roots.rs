//! The roots that a machine knows: lines of a file as `ssh-keygen -Y verify` reads them.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use super::{PRINCIPAL, date, sshsig};
use crate::files::{self, FileError};

/// Largest file of roots that is read, bytes.
const BYTES_MAX: u64 = 16 * 1024;

/// Most roots: some that are in use, some that come or go.
const ROOTS_MAX: usize = 16;

/// The roots of which release keys are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roots(Vec<Root>);

/// Why there are none.
#[derive(Debug, Error)]
pub enum RootsError {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// A line is no root.
    #[error("{}: line {line}: {what}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// What is wrong there.
        what: &'static str,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Root {
    pub(super) key: [u8; 32],
    /// Of what it may certify keys; of everything when it does not say.
    namespaces: Option<Vec<String>>,
    pub(super) valid_after: Option<u64>,
    pub(super) valid_before: Option<u64>,
}

impl Root {
    pub(super) fn is_for(&self, namespace: &str) -> bool {
        match &self.namespaces {
            None => true,
            Some(some) => some.iter().any(|one| one == namespace),
        }
    }
}

impl Roots {
    /// Reads a file that nobody but its owner and root may have changed.
    ///
    /// # Errors
    /// [`RootsError`]; a file that is not there is [`FileError::Missing`].
    pub fn read(path: &Path) -> Result<Self, RootsError> {
        let text = files::read_trusted(path, BYTES_MAX)?;
        Self::parse(&text).map_err(|(line, what)| RootsError::Line {
            path: path.to_owned(),
            line,
            what,
        })
    }

    /// Reads the lines of such a file.
    ///
    /// # Errors
    /// The first line that is no root, and what is wrong there. A line that cannot be understood is never passed over: it could be the one
    /// that takes a right away.
    pub fn parse(text: &[u8]) -> Result<Self, (usize, &'static str)> {
        let text = std::str::from_utf8(text).map_err(|_| (1, "this is no text"))?;
        let mut roots = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            roots.push(root(line).map_err(|what| (number, what))?);
        }
        match roots.len() {
            0 => Err((1, "there is no root in it")),
            1..=ROOTS_MAX => Ok(Self(roots)),
            _ => Err((1, "there are too many roots in it")),
        }
    }

    /// True when nothing can be checked.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn of(&self, key: &[u8; 32]) -> Option<&Root> {
        self.0.iter().find(|root| root.key == *key)
    }
}

fn root(line: &str) -> Result<Root, &'static str> {
    let mut words = words(line)?.into_iter();
    let principals = words.next().unwrap_or_default();
    if !principals.split(',').any(|one| one == PRINCIPAL) {
        return Err("the line has to begin with the principal `release`");
    }
    let (mut options, mut kind) = (None, words.next().ok_or(NO_KEY)?);
    if !kind.starts_with("ssh-") {
        options = Some(kind);
        kind = words.next().ok_or(NO_KEY)?;
    }
    if kind != "ssh-ed25519" {
        return Err("a root is an `ssh-ed25519` key");
    }
    let encoded = words.next().ok_or(NO_KEY)?;
    let key = STANDARD.decode(&encoded).ok();
    let key = key.and_then(|key| sshsig::ed25519(&key)).ok_or(NO_KEY)?;
    let mut root = Root {
        key,
        namespaces: None,
        valid_after: None,
        valid_before: None,
    };
    let mut is_authority = false;
    for option in split(options.as_deref().unwrap_or_default(), ',')? {
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, Some(unquoted(value)?)),
            None => (option.as_str(), None),
        };
        match (name.to_ascii_lowercase().as_str(), value) {
            ("cert-authority", None) => is_authority = true,
            ("namespaces", Some(names)) if root.namespaces.is_none() => {
                root.namespaces = Some(namespaces(names)?);
            }
            ("valid-after", Some(at)) if root.valid_after.is_none() => {
                root.valid_after = Some(date::parse(at).ok_or(NO_TIME)?);
            }
            ("valid-before", Some(at)) if root.valid_before.is_none() => {
                root.valid_before = Some(date::parse(at).ok_or(NO_TIME)?);
            }
            _ => {
                return Err(
                    "an option is not known or stands twice: there are `cert-authority`, `namespaces`, `valid-after` and `valid-before`",
                );
            }
        }
    }
    if !is_authority {
        return Err(
            "`cert-authority` is missing: a root certifies release keys and signs nothing itself",
        );
    }
    Ok(root)
}

const NO_KEY: &str =
    "this is no root: `release cert-authority,namespaces=\"shanty-agents\" ssh-ed25519 AAAA...`";
const NO_TIME: &str = "a time is written `20270131` or `202701311200Z`, in UTC";

fn namespaces(names: &str) -> Result<Vec<String>, &'static str> {
    let names: Vec<_> = names.split(',').map(str::to_owned).collect();
    if names
        .iter()
        .any(|n| n.is_empty() || n.contains(['*', '?', '!']))
    {
        return Err("namespaces are named in full");
    }
    Ok(names)
}

fn unquoted(value: &str) -> Result<&str, &'static str> {
    let inner = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
    match inner {
        Some(inner) if !inner.contains(['"', '\\']) => Ok(inner),
        Some(_) | None => Err("what an option says stands in quotes"),
    }
}

/// The parts between blanks that no quotes hold together.
fn words(line: &str) -> Result<Vec<String>, &'static str> {
    let line = line.replace('\t', " ");
    let mut words = split(&line, ' ')?;
    words.retain(|word| !word.is_empty());
    Ok(words)
}

fn split(text: &str, separator: char) -> Result<Vec<String>, &'static str> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let (mut parts, mut part, mut quoted) = (Vec::new(), String::new(), false);
    for c in text.chars() {
        quoted ^= c == '"';
        if c == separator && !quoted {
            parts.push(std::mem::take(&mut part));
        } else {
            part.push(c);
        }
    }
    if quoted {
        return Err("a quote is not closed");
    }
    parts.push(part);
    Ok(parts)
}

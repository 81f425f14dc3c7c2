//! `host.toml`: what the owner of a host lets any controller do there. No controller and no link can write it; it only ever takes away.
//!
//! Says what may be done; who does it is not known here.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use shanty_certs::files::{self, FileError};
use shanty_core::causes::chain;
use shanty_core::order::Order;
use shanty_core::refusal::Code;
use shanty_core::run::Upkeep;
use shanty_core::text::{duration, parse_duration, parse_size};
use thiserror::Error;
use tokio::sync::watch;

use crate::executor::Refusal;

/// Where it is unless the command line says otherwise.
pub const FILE: &str = "/etc/shanty/host.toml";

/// Largest file that is read, bytes.
const BYTES_MAX: u64 = 64 * 1024;

/// Users that a refusal names.
const NAMED_MAX: usize = 8;

/// Why it cannot be used.
#[derive(Debug, Error)]
pub enum PolicyError {
    /// It is not there, or others could have written it.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is no TOML, or has keys that do not exist.
    #[error("{}: {text}", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// What the parser said, with the line.
        text: String,
    },
    /// Values that are none.
    #[error("{}: {}", path.display(), errors.join("; "))]
    Values {
        /// The file.
        path: PathBuf,
        /// One sentence for each.
        errors: Vec<String>,
    },
}

/// What may run at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Commands and scripts.
    #[default]
    Shell,
    /// Actions only, and no command that somebody typed.
    Actions,
    /// Nothing.
    Off,
}

impl Mode {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Shell => "shell",
            Self::Actions => "actions",
            Self::Off => "off",
        }
    }
}

/// What a host allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostPolicy {
    file: PathBuf,
    mode: Mode,
    /// Only the host's owner updates the agent.
    no_updates: bool,
    /// Nothing leaves it to `agent.toml`.
    run_as: Option<Vec<String>>,
    max_timeout_ms: Option<u64>,
    /// Executions at once.
    pub(crate) max_running: Option<usize>,
    /// Output that is kept of one, bytes.
    pub(crate) output_max: Option<u64>,
    digest: String,
}

/// What is told of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Empty without a file.
    pub mode: String,
    /// SHA-256 of the file, in hex.
    pub digest: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    mode: Mode,
    updates: Option<bool>,
    run_as: Option<Vec<String>>,
    #[serde(default)]
    limits: Limits,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    max_timeout: Option<String>,
    max_running: Option<u64>,
    output_max: Option<String>,
}

impl HostPolicy {
    /// Reads the file. One that is not there takes nothing away, unless it must be there.
    ///
    /// # Errors
    /// [`PolicyError`].
    pub fn read(path: &Path, required: bool) -> Result<Self, PolicyError> {
        match files::read_trusted(path, BYTES_MAX) {
            Ok(bytes) => Self::parse(path, &bytes),
            Err(error) if error.is_missing() && !required => Ok(Self::default()),
            Err(error) => Err(error.into()),
        }
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Self, PolicyError> {
        let broken = |text: String| PolicyError::Toml {
            path: path.to_owned(),
            text,
        };
        let text = std::str::from_utf8(bytes).map_err(|_| broken("not UTF-8".to_owned()))?;
        let file: File = toml::from_str(text)
            .map_err(|error| broken(error.to_string().trim_end().to_owned()))?;
        let mut errors = Vec::new();
        if file.run_as.as_ref().is_some_and(Vec::is_empty) {
            errors.push("run_as names nobody; leave it out, or say mode = \"off\"".to_owned());
        }
        let max_timeout_ms = file.limits.max_timeout.map(|typed| {
            let ms = parse_duration(&typed).filter(|ms| *ms > 0);
            ms.unwrap_or_else(|| {
                errors.push("max_timeout is a time such as \"30m\"".to_owned());
                1
            })
        });
        let output_max = file.limits.output_max.map(|typed| {
            parse_size(&typed).unwrap_or_else(|| {
                errors.push("output_max is a size such as \"16m\"".to_owned());
                0
            })
        });
        let max_running = file.limits.max_running.map(|most| {
            if most == 0 {
                errors.push("max_running is at least 1; for none say mode = \"off\"".to_owned());
            }
            usize::try_from(most).unwrap_or(usize::MAX)
        });
        if !errors.is_empty() {
            let path = path.to_owned();
            return Err(PolicyError::Values { path, errors });
        }
        Ok(Self {
            file: path.to_owned(),
            mode: file.mode,
            no_updates: file.updates == Some(false),
            run_as: file.run_as,
            max_timeout_ms,
            max_running,
            output_max,
            digest: hex::encode(Sha256::digest(bytes)),
        })
    }

    /// What is told of it.
    #[must_use]
    pub fn told(&self) -> Told {
        if self.digest.is_empty() {
            return Told::default();
        }
        Told {
            mode: self.mode.as_str().to_owned(),
            digest: self.digest.clone(),
        }
    }

    /// Whether an order may be carried out as this user.
    pub(crate) fn check(&self, order: &Order, user: &str) -> Result<(), Refusal> {
        let file = self.file.display();
        let refused = |code, text| Err(Refusal { code, text });
        match self.mode {
            Mode::Shell => {}
            Mode::Actions => {
                let text = format!(
                    "{file} says mode = \"actions\": this host runs actions only, and no commands."
                );
                return refused(Code::Denied, text);
            }
            Mode::Off => {
                let text = format!(
                    "{file} says mode = \"off\": nothing runs on this host until its owner changes that."
                );
                return refused(Code::Denied, text);
            }
        }
        if let Some(allowed) = &self.run_as
            && !allowed.iter().any(|name| name == user)
        {
            let named = allowed.get(..NAMED_MAX).unwrap_or(allowed).join(", ");
            let text =
                format!("{file} lets nothing run as {user} on this host. Allowed there: {named}.");
            return refused(Code::RunAs, text);
        }
        let asked = order.options.timeout_ms;
        if let Some(most) = self.max_timeout_ms
            && (asked == 0 || asked > most)
        {
            let asked = match asked {
                0 => "as long as it likes".to_owned(),
                ms => duration(ms),
            };
            let text = format!(
                "{file} lets a command run for {} at most on this host, and this one may for {asked}. Ask with a shorter timeout.",
                duration(most)
            );
            return refused(Code::Duration, text);
        }
        Ok(())
    }

    /// Whether the agent may look after itself so.
    pub(crate) fn upkeep(&self, upkeep: &Upkeep) -> Result<(), Refusal> {
        let file = self.file.display();
        let text = match (self.mode, upkeep) {
            (Mode::Off, _) => format!(
                "{file} says mode = \"off\": nothing runs on this host until its owner changes that."
            ),
            (Mode::Shell | Mode::Actions, Upkeep::Update(_)) if self.no_updates => format!(
                "{file} says updates = false: the owner of this host updates its agent, and nobody else."
            ),
            (Mode::Shell | Mode::Actions, Upkeep::Update(_) | Upkeep::Doctor) => return Ok(()),
        };
        let code = Code::Denied;
        Err(Refusal { code, text })
    }

    /// Why no more runs at once, when it is because of this.
    pub(crate) fn busy(&self, running_max: usize) -> Option<String> {
        let most = self.max_running.filter(|most| *most < running_max)?;
        let file = self.file.display();
        Some(format!(
            "{file} lets {most} commands run at once on this host, and as many do."
        ))
    }
}

/// The policy as it is read again and again: whoever goes by it sees the newest that was whole.
#[derive(Clone, Debug)]
pub struct PolicyWatch {
    pub(crate) rules: watch::Receiver<Arc<HostPolicy>>,
    pub(crate) told: watch::Receiver<Told>,
}

impl Default for PolicyWatch {
    /// Takes nothing away.
    fn default() -> Self {
        Keeper::of(HostPolicy::default(), PathBuf::new(), false).watch()
    }
}

/// Reads the policy, and reads it again when that is asked for.
#[derive(Debug)]
pub struct Keeper {
    path: PathBuf,
    required: bool,
    rules: watch::Sender<Arc<HostPolicy>>,
    told: watch::Sender<Told>,
}

impl Keeper {
    /// Reads the policy for the first time.
    ///
    /// # Errors
    /// [`PolicyError`]: nothing should run without it.
    pub fn open(path: PathBuf, required: bool) -> Result<Self, PolicyError> {
        let policy = HostPolicy::read(&path, required)?;
        if !policy.digest.is_empty() {
            tracing::info!(file = %path.display(), mode = policy.mode.as_str(), "The host's own policy counts.");
        }
        Ok(Self::of(policy, path, required))
    }

    fn of(policy: HostPolicy, path: PathBuf, required: bool) -> Self {
        Self {
            path,
            required,
            told: watch::Sender::new(policy.told()),
            rules: watch::Sender::new(Arc::new(policy)),
        }
    }

    /// Where it is seen.
    #[must_use]
    pub fn watch(&self) -> PolicyWatch {
        PolicyWatch {
            rules: self.rules.subscribe(),
            told: self.told.subscribe(),
        }
    }

    /// Waits until nobody goes by it any more.
    pub async fn unwatched(&self) {
        self.rules.closed().await;
    }

    /// Reads it again. One that is broken changes nothing, and that is said; so does one that has gone: what took something away gives it
    /// back by its words only.
    pub fn reload(&self) {
        let file = self.path.display();
        let required = self.required || !self.rules.borrow().digest.is_empty();
        match HostPolicy::read(&self.path, required) {
            Ok(policy) => {
                tracing::info!(file = %file, mode = policy.mode.as_str(), "The host's own policy was read again.");
                self.told.send_replace(policy.told());
                self.rules.send_replace(Arc::new(policy));
            }
            Err(error) => {
                tracing::error!(
                    "The host's own policy stays as it was, since {file} cannot be used: {}.",
                    chain(&error)
                );
            }
        }
    }
}

#[cfg(test)]
mod tests;

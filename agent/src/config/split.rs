//! Where things lie when link and executor are two processes: who joins makes them so that each finds its own, and the link none of the
//! executor's.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown, lchown};
use std::path::{Path, PathBuf};

use nix::unistd::{User, geteuid};
use shanty_certs::agent::AgentIdentity;
use shanty_certs::files::{self, FileError};
use shanty_certs::orders::KnownKeys;
use thiserror::Error;

use super::{Config, DataDir};
use crate::executor::KEYS_FILE;

/// The configuration of both.
pub const CONFIG: &str = "/etc/shanty/agent.toml";

/// What the executor keeps.
pub const EXECUTOR_DIR: &str = "/var/lib/shanty-executor";

/// Where they meet.
pub const SOCKET: &str = "/run/shanty-executor/executor.sock";

/// Why a host cannot be set up for two processes.
#[derive(Debug, Error)]
pub enum SplitError {
    /// The user is none.
    #[error("there is no user `{0}` on this host; make it with `useradd --system {0}`")]
    NoUser(String),
    /// A user that could do what the executor can.
    #[error("the link may not run as root: choose a user that can do nothing with --link-user")]
    Root,
    /// Somebody who cannot hand files to others.
    #[error("only root can let the link run as `{0}`")]
    NotRoot(String),
    /// A file or folder cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file or folder cannot be given to whom it is for.
    #[error("{doing} {}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
}

/// The set-up of two processes.
#[derive(Debug)]
pub struct Split {
    config: PathBuf,
    executor_dir: PathBuf,
    user: User,
}

impl Split {
    /// For a link that runs as this user.
    ///
    /// # Errors
    /// [`SplitError::NoUser`], [`SplitError::Root`], [`SplitError::NotRoot`].
    pub fn new(user: &str, config: PathBuf, executor_dir: PathBuf) -> Result<Self, SplitError> {
        let found = User::from_name(user).ok().flatten();
        let shown = crate::failure::printable(user);
        let user = found.ok_or_else(|| SplitError::NoUser(shown.clone()))?;
        let own = geteuid();
        if user.uid.is_root() {
            return Err(SplitError::Root);
        }
        if !own.is_root() && user.uid != own {
            return Err(SplitError::NotRoot(shown));
        }
        Ok(Self {
            config,
            executor_dir,
            user,
        })
    }

    /// The user of the link.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user.name
    }

    /// Takes the link's folder over for the time of joining, if it is there: so nobody else changes what stands in it.
    ///
    /// # Errors
    /// [`SplitError::Io`].
    pub fn begin(&self, data_dir: &DataDir) -> Result<(), SplitError> {
        let folder = data_dir.path();
        match fs::symlink_metadata(folder) {
            Ok(found) if found.is_dir() && geteuid().is_root() => {
                lchown(folder, Some(0), None).map_err(failed("take over", folder))
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Gives the link's folder to its user.
    ///
    /// # Errors
    /// [`SplitError::Io`].
    pub fn hand_over(&self, data_dir: &DataDir) -> Result<(), SplitError> {
        if !geteuid().is_root() {
            return Ok(());
        }
        let folder = data_dir.path();
        let give = |path: &Path| {
            let (uid, gid) = (self.user.uid.as_raw(), self.user.gid.as_raw());
            lchown(path, Some(uid), Some(gid)).map_err(failed("hand over", path))
        };
        for entry in fs::read_dir(folder).map_err(failed("read", folder))? {
            give(&entry.map_err(failed("read", folder))?.path())?;
        }
        give(folder)
    }

    /// Writes what a join brought: the keys for the executor, the configuration for both, and last the link's identity, which makes it
    /// count.
    ///
    /// # Errors
    /// [`SplitError`].
    pub fn enroll(
        &self,
        data_dir: &DataDir,
        identity: &AgentIdentity,
        config: &Config,
        keys: &KnownKeys,
    ) -> Result<(), SplitError> {
        files::private_directory(&self.executor_dir)?;
        keys.write(&self.executor_dir.join(KEYS_FILE))?;
        self.write_config(config)?;
        data_dir.write_identity(identity)?;
        Ok(())
    }

    /// What stood there before is kept beside it. The link's user may read it, and nobody but us may write it.
    fn write_config(&self, config: &Config) -> Result<(), SplitError> {
        let path = &self.config;
        if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
            fs::create_dir_all(folder).map_err(failed("create", folder))?;
            let open = fs::Permissions::from_mode(0o755);
            fs::set_permissions(folder, open).map_err(failed("open", folder))?;
        }
        if path.exists() {
            let old = path.with_extension("toml.old");
            fs::rename(path, &old).map_err(failed("keep", path))?;
        }
        files::write_secret(path, config.to_toml().as_bytes())?;
        if geteuid().is_root() {
            let group = self.user.gid.as_raw();
            chown(path, None, Some(group)).map_err(failed("hand over", path))?;
        }
        let readable = fs::Permissions::from_mode(0o640);
        fs::set_permissions(path, readable).map_err(failed("open", path))
    }
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SplitError {
    let path = path.to_owned();
    move |source| SplitError::Io {
        doing,
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(user: &str) -> Result<Split, SplitError> {
        Split::new(user, PathBuf::new(), PathBuf::new())
    }

    #[test]
    fn the_link_runs_as_somebody_who_is_there_and_is_not_root() {
        assert!(matches!(split("root"), Err(SplitError::Root)));
        let none = split("no-such-user-\u{1b}").unwrap_err().to_string();
        assert!(
            none.contains("useradd") && !none.contains('\u{1b}'),
            "{none}"
        );
        let nobody = split("nobody");
        assert_eq!(nobody.is_ok(), geteuid().is_root(), "{nobody:?}");
    }
}

//! Where things lie when link and executor are two processes: who joins makes them so that each finds its own, and the link none of the
//! executor's.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, lchown};
use std::path::{Path, PathBuf};

use nix::unistd::{User, geteuid};
use shanty_certs::agent::AgentIdentity;
use shanty_certs::files::{self, Access, FileError};
use shanty_certs::orders::KnownKeys;
use thiserror::Error;

use super::replace::replace;
use super::{CONFIG_BYTES_MAX, Config, DataDir};
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
#[derive(Clone, Debug)]
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

    /// Takes the link's folder over for the time of joining, if it is there: so nobody else changes what stands in it. Whether it was the
    /// link's.
    ///
    /// # Errors
    /// [`SplitError::Io`].
    pub fn begin(&self, data_dir: &DataDir) -> Result<bool, SplitError> {
        let folder = data_dir.path();
        match fs::symlink_metadata(folder) {
            Ok(found) if found.is_dir() && geteuid().is_root() => {
                lchown(folder, Some(0), None).map_err(failed("take over", folder))?;
                Ok(found.uid() == self.user.uid.as_raw())
            }
            Ok(_) | Err(_) => Ok(false),
        }
    }

    /// Gives the link's folder to its user, whether a join came to its end or not, and in it what a join writes: nothing else there is ours
    /// to give, and nothing that has another name elsewhere. The key of an attempt that failed stays ours until the next.
    ///
    /// # Errors
    /// [`SplitError::Io`], [`SplitError::File`].
    pub fn hand_over(&self, data_dir: &DataDir) -> Result<(), SplitError> {
        if !geteuid().is_root() {
            return Ok(());
        }
        let folder = data_dir.path();
        files::check_private_directory(folder)?;
        let give = |path: &Path| {
            let (uid, gid) = (self.user.uid.as_raw(), self.user.gid.as_raw());
            lchown(path, Some(uid), Some(gid)).map_err(failed("hand over", path))
        };
        for path in [data_dir.lock_file(), data_dir.identity()] {
            match fs::symlink_metadata(&path) {
                Ok(found) if found.is_file() && found.nlink() == 1 => give(&path)?,
                Ok(_) => {
                    let why = io::Error::other("it is no file, or has another name elsewhere");
                    return give(folder).and(Err(failed("hand over", &path)(why)));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed("hand over", &path)(error)),
            }
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

    /// The link's user may read it, and nobody but us may write it.
    fn write_config(&self, config: &Config) -> Result<(), SplitError> {
        let path = &self.config;
        if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
            fs::create_dir_all(folder).map_err(failed("create", folder))?;
            let open = fs::Permissions::from_mode(0o755);
            fs::set_permissions(folder, open).map_err(failed("open", folder))?;
        }
        let access = Access {
            uid: None,
            gid: geteuid().is_root().then(|| self.user.gid.as_raw()),
            mode: 0o640,
        };
        let old = files::read_trusted(path, CONFIG_BYTES_MAX);
        replace(path, config, old, access)?;
        Ok(())
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
    fn what_the_links_user_put_into_its_folder_is_not_given_to_it() {
        if !geteuid().is_root() {
            return; // Nothing can be given away.
        }
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("link");
        files::private_directory(&folder).unwrap();
        let data_dir = DataDir::new(folder.clone());
        let split = split("nobody").unwrap();
        let own = split.user.uid.as_raw();
        let owner = |path: &Path| fs::symlink_metadata(path).unwrap().uid();
        assert!(!split.begin(&data_dir).unwrap());
        drop(data_dir.lock().unwrap());
        let [victim, other] = ["victim", "other"].map(|name| dir.path().join(name));
        fs::write(&victim, "").unwrap();
        fs::hard_link(&victim, folder.join("any")).unwrap();
        fs::write(data_dir.join_key(), "").unwrap();
        split.hand_over(&data_dir).unwrap();
        assert_eq!(owner(&victim), 0);
        assert_eq!(owner(&data_dir.join_key()), 0);
        assert_eq!((owner(&folder), owner(&data_dir.lock_file())), (own, own));

        assert!(split.begin(&data_dir).unwrap());
        assert_eq!(owner(&folder), 0);
        fs::write(&other, "").unwrap();
        fs::hard_link(&other, data_dir.identity()).unwrap();
        let refused = split.hand_over(&data_dir).unwrap_err();
        assert!(refused.to_string().contains("identity.pem"), "{refused}");
        assert_eq!((owner(&folder), owner(&other)), (own, 0));
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

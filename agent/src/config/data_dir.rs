//! What an enrolled agent keeps in its data directory: `identity.pem` (key and chain), `agent.toml`, and the controller's key in `orders.pub`.
//!
//! `identity.pem` is written last, so it alone says whether the host is enrolled. Only joining writes them.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg, OFlag};
use nix::unistd::geteuid;
use shanty_certs::agent::{AgentIdentity, IDENTITY_BYTES_MAX};
use shanty_certs::files::{self, Access, FileError};
use shanty_certs::orders::KnownKeys;
use shanty_core::ids::AgentId;

use super::replace::replace;
use super::{CONFIG_BYTES_MAX, Config, ConfigError};
use crate::executor::KEYS_FILE;

/// The files of one agent.
#[derive(Clone, Debug)]
pub struct DataDir {
    path: PathBuf,
    /// Where the configuration is that lies apart.
    config: Option<PathBuf>,
}

impl DataDir {
    /// The directory at `path`, which need not exist.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path, config: None }
    }

    /// With a configuration that lies apart from it.
    #[must_use]
    pub fn with_config(self, file: PathBuf) -> Self {
        Self {
            config: Some(file),
            ..self
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The key that a first attempt to join leaves for the next, should its answer be lost.
    #[must_use]
    pub fn join_key(&self) -> PathBuf {
        self.path.join("join.key")
    }

    /// The file that keeps other agents out.
    #[must_use]
    pub(super) fn lock_file(&self) -> PathBuf {
        self.path.join("lock")
    }

    /// The key and the chain of the host.
    #[must_use]
    pub(super) fn identity(&self) -> PathBuf {
        self.path.join("identity.pem")
    }

    /// Where its configuration is.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        let apart = self.config.clone();
        apart.unwrap_or_else(|| self.path.join("agent.toml"))
    }

    /// True when a host joined with this directory, whether or not its files can be used.
    #[must_use]
    pub fn is_enrolled(&self) -> bool {
        fs::symlink_metadata(self.identity()).is_ok()
    }

    /// Makes sure that the directory is there and ours alone, and keeps other agents out while the lock is held.
    ///
    /// # Errors
    /// [`ConfigError::File`], [`ConfigError::InUse`], [`ConfigError::Lock`].
    pub fn lock(&self) -> Result<Flock<File>, ConfigError> {
        files::private_directory(&self.path)?;
        let path = self.lock_file();
        let failed = |source| ConfigError::Lock {
            path: path.clone(),
            source,
        };
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = regular(&mut options, &path).map_err(failed)?;
        Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| {
            if errno == nix::errno::Errno::EWOULDBLOCK {
                ConfigError::InUse(self.path.clone())
            } else {
                failed(errno.into())
            }
        })
    }

    /// Checks that nobody else chooses what stands where the identity and the configuration are, or will be.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn check_places(&self) -> Result<(), FileError> {
        for path in [self.identity(), self.config()] {
            let path = std::path::absolute(&path).unwrap_or(path);
            // What is not there yet will be made in the nearest folder that is.
            let is_there = |path: &&Path| path.parent().is_none_or(Path::exists);
            let at = path.ancestors().find(is_there);
            files::check_place(at.unwrap_or(&path))?;
        }
        Ok(())
    }

    /// True while an agent works in it. Changes nothing, and creates nothing.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        let opened = regular(OpenOptions::new().read(true), &self.lock_file());
        let Ok(file) = opened else {
            return false;
        };
        // Given back at once.
        Flock::lock(file, FlockArg::LockSharedNonblock)
            .is_err_and(|(_, errno)| errno == nix::errno::Errno::EWOULDBLOCK)
    }

    /// Reads identity and configuration.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn load(&self) -> Result<(AgentIdentity, Config), ConfigError> {
        if !self.is_enrolled() {
            return Err(ConfigError::NotEnrolled(self.path.clone()));
        }
        let path = self.identity();
        // The link's own, at which root looks.
        let foreign = self.config.is_some() && geteuid().is_root();
        let text = match foreign {
            true => files::read_foreign(&path, IDENTITY_BYTES_MAX)?,
            false => files::read_secret(&path, IDENTITY_BYTES_MAX)?,
        };
        let identity = AgentIdentity::from_pem(&text).map_err(|source| ConfigError::Identity {
            path: path.clone(),
            source,
        })?;
        let config_path = self.config();
        let config = match &self.config {
            Some(apart) => Config::read(apart)?,
            None => {
                let text = files::read_secret(&config_path, CONFIG_BYTES_MAX)?;
                Config::of_bytes(&config_path, &text)?
            }
        };
        let certified = AgentId::from_bytes(identity.peer().agent);
        if certified != config.agent {
            return Err(ConfigError::Mismatch {
                path,
                identity: certified,
                config: config.agent,
            });
        }
        Ok((identity, config))
    }

    /// Writes what a join brought: configuration and the controller's key, then the identity, which makes it count.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn enroll(
        &self,
        identity: &AgentIdentity,
        config: &Config,
        keys: &KnownKeys,
    ) -> Result<(), FileError> {
        let path = self.config();
        let old = files::read_secret(&path, CONFIG_BYTES_MAX);
        replace(&path, config, old, Access::OURS)?;
        keys.write(&self.path.join(KEYS_FILE))?;
        self.write_identity(identity)
    }

    /// Writes the identity, which makes everything else count.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn write_identity(&self, identity: &AgentIdentity) -> Result<(), FileError> {
        files::write_secret(&self.identity(), identity.to_pem().as_bytes())?;
        fs::remove_file(self.join_key()).ok(); // Of no use any more, and not in the way.
        Ok(())
    }
}

/// Opens a file where another user may have put something: never through a link, and without waiting at a pipe.
fn regular(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = options.custom_flags(flags.bits()).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file; remove it"));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

    use super::*;

    #[test]
    fn what_somebody_put_in_the_place_of_the_lock_is_not_followed_and_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = DataDir::new(dir.path().join("agent"));
        drop(data_dir.lock().unwrap());
        let (lock, victim) = (data_dir.lock_file(), dir.path().join("victim"));
        let refused = || {
            assert!(matches!(data_dir.lock(), Err(ConfigError::Lock { .. })));
            assert!(!data_dir.is_in_use());
            fs::remove_file(&lock).unwrap();
        };
        fs::remove_file(&lock).unwrap();
        symlink(&victim, &lock).unwrap();
        refused();
        assert!(!victim.exists());
        mkfifo(&lock, Mode::S_IRWXU).unwrap();
        refused();
        mkfifo(&lock, Mode::S_IRWXU).unwrap();
        let mut read = OpenOptions::new();
        read.read(true).custom_flags(OFlag::O_NONBLOCK.bits());
        let _reader = read.open(&lock).unwrap();
        refused();
        data_dir.lock().unwrap();
    }

    #[test]
    fn one_agent_works_in_a_directory() {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = DataDir::new(dir.path().join("agent"));
        assert!(!data_dir.is_in_use() && !data_dir.path().exists());
        let lock = data_dir.lock().unwrap();
        assert!(data_dir.is_in_use());
        assert!(matches!(data_dir.lock(), Err(ConfigError::InUse(_))));
        drop(lock);
        assert!(!data_dir.is_in_use());
        data_dir.lock().unwrap();
        assert!(matches!(data_dir.load(), Err(ConfigError::NotEnrolled(_))));
    }
}

//! The executor's end: takes connections of the link's user and serves each within bounds. What a connection says is worth what its
//! signatures are worth.

mod connection;

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, PermissionsExt as _, lchown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::unistd::geteuid;
use shanty_certs::files::{self, FileError};
use shanty_core::causes::chain;
use shanty_core::quiet::{Line, Quiet};
use thiserror::Error;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::connection::Connection;
use crate::executor::Handle;

/// Connections at once: one is in use, and another takes over while its end is noticed.
const CONNECTIONS_MAX: usize = 4;

/// After an error of the listener itself, such as too many open files.
const AGAIN: Duration = Duration::from_millis(200);

/// Why the socket cannot be used.
#[derive(Debug, Error)]
pub enum SocketError {
    /// Something else is there.
    #[error("{} is no socket; remove it, or choose another place with --socket", .0.display())]
    Occupied(PathBuf),
    /// Others may put something in its place.
    #[error("the link and the executor cannot meet there; or choose another place with --socket")]
    Place(#[from] FileError),
    /// The operating system refused.
    #[error("cannot listen at {}", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
}

/// A socket that only the link's user, our own and root may use.
pub struct Listener {
    socket: UnixListener,
    allowed: Vec<u32>,
    quiet: Quiet<&'static str>,
    begun: Instant,
}

impl Listener {
    /// Listens at a path, for a user besides our own and root. Whatever an executor before us left there is replaced: we hold its lock.
    ///
    /// # Errors
    /// [`SocketError`].
    pub fn bind(path: &Path, user: Option<u32>) -> Result<Self, SocketError> {
        let failed = |source| SocketError::Io {
            path: path.to_owned(),
            source,
        };
        if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
            let mut made = fs::DirBuilder::new();
            made.recursive(true).mode(0o755);
            made.create(folder).map_err(failed)?;
            // The link's user has to pass, whatever our umask.
            let open = fs::Permissions::from_mode(0o755);
            fs::set_permissions(folder, open).map_err(failed)?;
        }
        // From here on nobody else changes what stands there.
        files::check_place(path)?;
        match fs::symlink_metadata(path) {
            Ok(found) if found.file_type().is_socket() => {
                fs::remove_file(path).map_err(failed)?;
            }
            Ok(_) => return Err(SocketError::Occupied(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let socket = UnixListener::bind(path).map_err(failed)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        let own = geteuid().as_raw();
        if let Some(user) = user.filter(|user| *user != own) {
            lchown(path, Some(user), None).map_err(failed)?;
        }
        Ok(Self {
            socket,
            allowed: user.into_iter().chain([own, 0]).collect(),
            quiet: Quiet::default(),
            begun: Instant::now(),
        })
    }

    /// Serves until it is dropped. `proven` is cancelled when the controller proved, through a link, that it hears it.
    pub async fn serve(mut self, executor: Handle, proven: CancellationToken) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.socket.accept() => match accepted {
                    Ok((stream, _)) => {
                        if self.may(&stream, connections.len()) {
                            connections.spawn(Connection::new(stream, executor.clone(), proven.clone()).run());
                        }
                    }
                    Err(error) => {
                        self.say("listen", &format!("The socket of the link takes nobody for now: {error}."));
                        tokio::time::sleep(AGAIN).await;
                    }
                },
                Some(ended) = connections.join_next() => match ended {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => {
                        self.say("link", &format!("The link's connection is closed: {}.", chain(&error)));
                    }
                    Err(error) => {
                        if let Ok(panic) = error.try_into_panic() {
                            std::panic::resume_unwind(panic);
                        }
                    }
                },
            }
        }
    }

    fn may(&mut self, stream: &UnixStream, connected: usize) -> bool {
        let uid = match stream.peer_cred() {
            Ok(peer) => peer.uid(),
            Err(error) => {
                self.say("peer", &format!("Nobody knows who connects: {error}."));
                return false;
            }
        };
        if !self.allowed.contains(&uid) {
            self.say(
                "peer",
                &format!("The user with the id {uid} is not the link's and was turned away."),
            );
            return false;
        }
        if connected >= CONNECTIONS_MAX {
            self.say(
                "many",
                "The link has too many connections; another was turned away.",
            );
            return false;
        }
        true
    }

    /// A line that somebody else can cause.
    fn say(&mut self, about: &'static str, what: &str) {
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (line, left_out) = self.quiet.line(about, now);
        if let Some((count, _)) = left_out {
            tracing::warn!(count, "Lines like the last were left out.");
        }
        match line {
            Line::Written => tracing::warn!("{what}"),
            Line::Last => tracing::warn!("{what} More like it is only counted for a minute."),
            Line::Counted => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[tokio::test]
    async fn nothing_is_touched_where_somebody_else_may_put_something() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("open");
        let socket = folder.join("executor.sock");
        drop(Listener::bind(&socket, None).unwrap());
        let mode = |mode| fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
        mode(0o777);
        let inode = || fs::symlink_metadata(&socket).unwrap().ino();
        let before = inode();
        let refused = Listener::bind(&socket, None).err().unwrap();
        let said = chain(&refused);
        assert!(
            said.contains("chmod go-w") && said.contains("--socket"),
            "{said}"
        );
        assert_eq!(inode(), before);
        mode(0o755);
        Listener::bind(&socket, None).unwrap();
    }
}

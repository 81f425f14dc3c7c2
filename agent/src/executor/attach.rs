//! One execution from its shim's birth, or from where an earlier agent left it, to its end: follows the shim over `ctl`, and finds out
//! what happened when that breaks. Knows one execution and no other.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use shanty_core::ids::{AgentId, RunId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::Config;
use super::recover::{Found, settle};
use crate::mask::{self, MASK_VARIABLE};
use crate::shim::control::{FromShim, Inbox, ToShim};
use crate::shim::upkeep::{self, UPKEEP_VARIABLE};
use crate::shim::{OUTPUT_MAX_VARIABLE, RUN_AS_VARIABLE, ctl_path};
use crate::surroundings::COMMAND_VARIABLE;

/// First and longest wait before an execution is looked at again, when its shim holds the lock and does not answer, or its files
/// cannot be read. The shim has not bound `ctl` yet, or is about to exit, in all but the strangest cases.
const AGAIN: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(30));

/// What an execution should be doing. A level and not an event: a shim that is met again is told once more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Desired {
    pub(super) cancel: Cancel,
    pub(super) pause: bool,
}

/// How urgently it should end. Never falls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cancel {
    #[default]
    No,
    Term,
    Kill,
}

/// What happened to an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The spool has so many bytes of whole records; `full` while the disk takes no more.
    Grew { len: u64, full: bool },
    /// The spool is complete.
    Ended { len: u64 },
    /// Nothing of it ever ran; `full` when there is no room on the disk for it.
    NotBegun { full: bool },
}

/// A shim that was spawned, and our end of the socket that is its standard input.
pub(super) struct Shim {
    child: Child,
    socket: UnixStream,
}

impl Shim {
    /// Spawns the shim of an accepted order. No code of ours runs between fork and exec, so std spawns it the cheap way.
    pub(super) fn spawn(
        config: &Config,
        folder: &std::path::Path,
        run_as: Option<&str>,
    ) -> io::Result<Self> {
        let (program, arguments) = config
            .shim
            .split_first()
            .ok_or(io::ErrorKind::InvalidInput)?;
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let output_max = config.policy.rules.borrow().output_max;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .arg(folder)
            .env_clear()
            .envs(run_as.map(|user| (RUN_AS_VARIABLE, user)))
            .env(MASK_VARIABLE, mask::encode(&config.mask))
            .envs(output_max.map(|max| (OUTPUT_MAX_VARIABLE, max.to_string())))
            .env(COMMAND_VARIABLE, config.surroundings.encode())
            .env(UPKEEP_VARIABLE, upkeep::encode(&config.upkeep))
            .current_dir("/")
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let socket = UnixStream::from_std(ours)?;
        // Last: the order of a shim that was spawned can no longer be refused.
        let child = command.spawn()?;
        Ok(Self { child, socket })
    }
}

/// Follows one execution.
pub(super) struct Follower {
    pub(super) run: RunId,
    pub(super) agent: AgentId,
    pub(super) folder: PathBuf,
    pub(super) desired: watch::Receiver<Desired>,
    pub(super) events: mpsc::Sender<(RunId, Event)>,
}

impl Follower {
    /// Follows until the end. Without a shim of our own the one that holds the lock is looked for.
    pub(super) async fn follow(mut self, shim: Option<Shim>) {
        let (mut child, mut socket) = match shim {
            Some(shim) => (Some(shim.child), Some(shim.socket)),
            None => (None, None),
        };
        let mut again = AGAIN.0;
        loop {
            if let Some(socket) = socket.take() {
                match self.listen(socket).await {
                    Ok(()) => break,
                    Err(error) => tracing::debug!(run.id = %self.run, %error, "A shim was lost."),
                }
                again = AGAIN.0;
            }
            match self.settle().await {
                Ok(Found::Ended { len }) => {
                    self.tell(Event::Ended { len }).await;
                    break;
                }
                Ok(Found::NotBegun { full }) => {
                    self.tell(Event::NotBegun { full }).await;
                    break;
                }
                Ok(Found::Alive { .. } | Found::Dying { .. }) => socket = self.connect().await.ok(),
                Err(error) => {
                    tracing::warn!(run.id = %self.run, %error, "An execution cannot be looked at.");
                }
            }
            if socket.is_none() {
                sleep(again).await;
                again = (again * 2).min(AGAIN.1);
            }
        }
        if let Some(child) = &mut child {
            child.wait().await.ok(); // Only so that no zombie stays; the spool said everything.
        }
    }

    /// Follows a shim over its socket, to the end of the execution or to an error.
    async fn listen(&mut self, mut socket: UnixStream) -> io::Result<()> {
        let (mut read, mut write) = socket.split();
        let mut inbox = Inbox::default();
        let mut buffer = [0; 512];
        let mut sent = None;
        loop {
            let desired = *self.desired.borrow_and_update();
            send_desired(&mut write, sent, desired).await?;
            sent = Some(desired);
            tokio::select! {
                read = read.read(&mut buffer) => {
                    let n = read?;
                    if n == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    inbox.push(buffer.get(..n).unwrap_or_default());
                    if let Some(event) = newest(&mut inbox)? {
                        self.tell(event).await;
                        if matches!(event, Event::Ended { .. }) {
                            return Ok(());
                        }
                    }
                }
                // The owner outlives its followers, or drops them: an error here never spins.
                changed = self.desired.changed() => changed.map_err(io::Error::other)?,
            }
        }
    }

    async fn settle(&self) -> io::Result<Found> {
        let (folder, run, agent) = (self.folder.clone(), self.run, self.agent);
        spawn_blocking(move || settle(&folder, run, agent))
            .await
            .map_err(io::Error::other)?
    }

    async fn connect(&self) -> io::Result<UnixStream> {
        let folder = File::open(&self.folder)?;
        let mut socket = UnixStream::connect(ctl_path(&folder)).await?;
        socket.write_all(&ToShim::Watch.encode()).await?;
        Ok(socket)
    }

    async fn tell(&self, event: Event) {
        self.events.send((self.run, event)).await.ok(); // The executor is being dropped.
    }
}

/// Tells a shim what changed between two desired states. At first everything has: an earlier executor may have paused it.
async fn send_desired(
    socket: &mut (impl tokio::io::AsyncWrite + Unpin),
    sent: Option<Desired>,
    desired: Desired,
) -> io::Result<()> {
    if sent.is_none_or(|sent| sent.pause != desired.pause) {
        let on = desired.pause;
        socket.write_all(&ToShim::Pause { on }.encode()).await?;
    }
    if desired.cancel > sent.unwrap_or_default().cancel {
        let force = desired.cancel == Cancel::Kill;
        socket.write_all(&ToShim::Cancel { force }.encode()).await?;
    }
    Ok(())
}

/// Of all that arrived only the newest matters, and an end is always that.
fn newest(inbox: &mut Inbox) -> io::Result<Option<Event>> {
    let mut newest = None;
    while let Some(message) = inbox.next_from_shim()? {
        newest = Some(match message {
            FromShim::Grew { len, full } => Event::Grew { len, full },
            FromShim::Ended { len } => Event::Ended { len },
        });
    }
    Ok(newest)
}

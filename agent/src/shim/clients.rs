//! The shim's end of `ctl`: who is connected, what they ask, what they are told. Knows nothing of executions.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use nix::poll::PollFlags;

use super::control::{FromShim, Inbox, ToShim};

/// Executors and people that may be connected at once; more are turned away.
const CLIENTS_MAX: usize = 8;

/// The listener and those who came.
pub(super) struct Clients {
    listener: UnixListener,
    clients: Vec<Client>,
    told: FromShim,
}

struct Client {
    socket: UnixStream,
    inbox: Inbox,
    watches: bool,
    feeds: bool,
    gone: bool,
    /// What this client knows; behind [`Clients::told`] when its socket was full.
    knows: Option<FromShim>,
}

impl Clients {
    /// Binds the socket. Standard input, when it is a socket, is the first client and watches from the start.
    pub(super) fn bind(path: &Path) -> io::Result<Self> {
        let listener = UnixListener::bind(path)?;
        listener.set_nonblocking(true)?;
        let mut clients = Self {
            listener,
            clients: Vec::new(),
            told: FromShim::Grew {
                len: 0,
                full: false,
            },
        };
        let given = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        if given.local_addr().is_ok() {
            clients.add(given, true)?;
        }
        Ok(clients)
    }

    /// The listener to wait on.
    pub(super) fn listener(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }

    /// The clients in order, each with what to wait for. Those who feed the command's input are not heard while it is full.
    pub(super) fn waited(
        &self,
        input_full: bool,
    ) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        self.clients.iter().map(move |client| {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::POLLIN, !(client.feeds && input_full));
            flags.set(PollFlags::POLLOUT, client.behind(self.told));
            (client.socket.as_fd(), flags)
        })
    }

    /// Takes those who wait at the listener.
    pub(super) fn accept(&mut self) {
        while let Ok((socket, _)) = self.listener.accept() {
            if self.clients.len() < CLIENTS_MAX {
                self.add(socket, false).ok(); // It is closed and may come again.
            }
        }
    }

    /// Reads what the client at `at` sent into `asked`. A client that left or sends nonsense is dropped at the next
    /// [`Clients::tell`].
    pub(super) fn read(&mut self, at: usize, asked: &mut Vec<ToShim>) {
        let Some(client) = self.clients.get_mut(at) else {
            return;
        };
        client.gone = client.read(asked).is_err();
    }

    /// Tells everyone who watches the newest state; nobody is told an older one later.
    pub(super) fn tell(&mut self, state: FromShim) {
        self.told = state;
        self.clients
            .retain_mut(|client| !client.gone && client.tell(state).is_ok());
    }

    fn add(&mut self, socket: UnixStream, watches: bool) -> io::Result<()> {
        socket.set_nonblocking(true)?;
        self.clients.push(Client {
            socket,
            inbox: Inbox::default(),
            watches,
            feeds: false,
            gone: false,
            knows: None,
        });
        Ok(())
    }
}

impl Client {
    fn behind(&self, told: FromShim) -> bool {
        self.watches && self.knows != Some(told)
    }

    fn read(&mut self, asked: &mut Vec<ToShim>) -> io::Result<()> {
        let mut buffer = [0; 4_096];
        match self.socket.read(&mut buffer) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(n) => self.inbox.push(buffer.get(..n).unwrap_or_default()),
            Err(error) if is_transient(&error) => return Ok(()),
            Err(error) => return Err(error),
        }
        while let Some(message) = self.inbox.next_to_shim()? {
            match message {
                ToShim::Watch => self.watches = true,
                ToShim::Stdin { .. } => {
                    self.feeds = true;
                    asked.push(message);
                }
                ToShim::Cancel { .. } | ToShim::Pause { .. } => asked.push(message),
            }
        }
        Ok(())
    }

    fn tell(&mut self, state: FromShim) -> io::Result<()> {
        if !self.behind(state) {
            return Ok(());
        }
        let message = state.encode();
        match self.socket.write(&message) {
            Ok(n) if n == message.len() => {
                self.knows = Some(state);
                Ok(())
            }
            // Half a message would make nonsense of the next one.
            Ok(_) => Err(ErrorKind::WriteZero.into()),
            Err(error) if is_transient(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

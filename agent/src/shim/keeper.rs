//! The loop of the shim: waits for output, children, requests and times, and decides when the execution is over.
//!
//! The end is the end of the *main* process and never of a pipe, which a daemon may hold for ever. What it leaves behind gets
//! [`LEFT_OVER_MS`](limits::LEFT_OVER_MS) and is then killed, or named and left alone where the order says so.

mod exit;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::sys::signalfd::SignalFd;
use nix::unistd::Pid;
use shanty_core::limits;
use shanty_core::order::Order;
use shanty_core::spool::{Cause, How, Left, OomKill, Stream};

use super::clients::Clients;
use super::command::{CannotStart, Running};
use super::control::{FromShim, ToShim};
use super::descendants;
use super::memory::Watch;
use super::recorder::Recorder;
use super::system::{Reaped, reap};
use crate::cgroup::Group;

/// Bytes of one read of a pipe: a whole pipe as Linux makes them.
const READ_BYTES: usize = 64 * 1024;

/// Reads of each pipe after the end, at most: a megabyte pipe of an unkillable writer must not keep us.
const LAST_READS_MAX: usize = 1_024;

/// Children taken before anything else is looked at: a fork bomb makes them faster than anyone can.
const REAP_MAX: usize = 4_096;

/// Between two rounds of killing.
const KILL_AGAIN: Duration = Duration::from_millis(20);

/// What the kernel does not let die after the main process, stuck in a driver, is left behind after this time of killing.
const KILLING_MAX: Duration = Duration::from_secs(10);

/// Bytes for the command's standard input that wait here; beyond it clients wait.
const STDIN_BYTES_MAX: usize = 2 * limits::CHUNK_BYTES_MAX;

/// What an order says of its end.
pub(super) struct Limits {
    timeout: Option<Duration>,
    grace: Duration,
    leave: bool,
}

impl Limits {
    pub(super) fn of(order: &Order) -> Self {
        Self {
            timeout: order.options.timeout(),
            grace: Duration::from_millis(order.grace_ms),
            leave: order.options.leave,
        }
    }
}

/// Keeps one execution until it is over.
pub(super) struct Keeper {
    recorder: Recorder,
    clients: Clients,
    limits: Limits,
    started_ms: u64,
    started: Instant,
    out: Option<File>,
    err: Option<File>,
    stdin: Option<File>,
    stdin_waiting: Vec<u8>,
    stdin_eof: bool,
    paused: bool,
    main: Main,
    childless: bool,
    /// Set while there may be children to take.
    more_dead: bool,
    cause: Cause,
    timeout_at: Option<Instant>,
    kill_at: Option<Instant>,
    killing_since: Option<Instant>,
    killed: BTreeSet<Pid>,
    left_over: u32,
    /// Who was left alone; nothing before that.
    left: Option<Left>,
    /// What read the command, when that is told, and the user that it runs as.
    shell: Option<String>,
    user: Option<String>,
    memory: Option<Watch>,
    oom_kill: Option<OomKill>,
    /// The command's control group, where it has one: removed when all of it is over.
    pub(super) group: Option<Group>,
    buffer: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Main {
    Alive(Pid),
    Over { how: How, at: Instant },
}

/// What a descriptor is for.
#[derive(Clone, Copy)]
enum Source {
    Signals,
    Listener,
    Client(usize),
    Output(Stream),
    Stdin,
}

impl Keeper {
    /// A keeper of a command that was started, or was to be, at `started_ms` by the host's clock. What `memory` counts begins before.
    pub(super) fn new(
        recorder: Recorder,
        clients: Clients,
        limits: Limits,
        started_ms: u64,
        memory: Option<Watch>,
    ) -> Self {
        let started = Instant::now();
        Self {
            recorder,
            clients,
            started_ms,
            started,
            out: None,
            err: None,
            stdin: None,
            stdin_waiting: Vec::new(),
            stdin_eof: false,
            paused: false,
            main: Main::Over {
                how: How::Code(126),
                at: started,
            },
            childless: true,
            more_dead: false,
            cause: Cause::Command,
            timeout_at: limits.timeout.map(|timeout| started + timeout),
            limits,
            kill_at: None,
            killing_since: None,
            killed: BTreeSet::new(),
            left_over: 0,
            left: None,
            shell: None,
            user: None,
            memory,
            oom_kill: None,
            group: None,
            buffer: vec![0; READ_BYTES],
        }
    }

    /// Keeps the command until everything is over and recorded.
    pub(super) fn keep(
        mut self,
        command: Result<Running, CannotStart>,
        signals: &SignalFd,
    ) -> io::Result<()> {
        match command {
            Ok(running) => {
                self.main = Main::Alive(running.pid);
                self.childless = false;
                self.more_dead = true;
                self.out = Some(running.out);
                self.err = running.err;
                self.stdin = running.stdin;
                self.shell = running.shell;
                self.user = Some(running.user);
            }
            Err(why) => self.cannot_start(&why)?,
        }
        while !self.over(Instant::now()) {
            self.tell();
            let ready = self.wait(signals)?;
            let mut asked = Vec::new();
            for (source, flags) in ready {
                self.serve(source, flags, signals, &mut asked)?;
            }
            for request in asked {
                self.obey(request);
            }
            self.tick(Instant::now())?;
        }
        self.finish()
    }

    fn cannot_start(&mut self, why: &CannotStart) -> io::Result<()> {
        let now = Instant::now();
        self.main = Main::Over {
            how: How::Code(why.code),
            at: now,
        };
        let text = format!("shanty: cannot start: {}\n", why.text);
        self.recorder.take(Stream::Err, text.as_bytes(), now)
    }

    fn over(&self, now: Instant) -> bool {
        let given_up = self
            .killing_since
            .is_some_and(|since| now >= since + KILLING_MAX);
        let done = self.childless || given_up || self.left.is_some();
        matches!(self.main, Main::Over { .. }) && done
    }

    fn tell(&mut self) {
        self.clients.tell(FromShim::Grew {
            len: self.recorder.whole_len(),
            full: self.recorder.full(),
        });
    }

    /// Waits until something is ready or a time has come.
    fn wait(&self, signals: &SignalFd) -> io::Result<Vec<(Source, PollFlags)>> {
        let waited = self.waited(signals);
        let mut polled: Vec<_> = waited
            .iter()
            .map(|(_, descriptor, flags)| PollFd::new(*descriptor, *flags))
            .collect();
        match poll(&mut polled, self.wait_at_most(Instant::now())) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let ready = waited
            .iter()
            .zip(&polled)
            .filter_map(|((source, ..), polled)| {
                let flags = polled.revents()?;
                (!flags.is_empty()).then_some((*source, flags))
            });
        Ok(ready.collect())
    }

    fn waited<'a>(&'a self, signals: &'a SignalFd) -> Vec<(Source, BorrowedFd<'a>, PollFlags)> {
        let input = PollFlags::POLLIN;
        let mut waited = vec![
            (Source::Signals, signals.as_fd(), input),
            (Source::Listener, self.clients.listener(), input),
        ];
        let stdin_full = self.stdin_waiting.len() > STDIN_BYTES_MAX;
        for (at, (descriptor, flags)) in self.clients.waited(stdin_full).enumerate() {
            waited.push((Source::Client(at), descriptor, flags));
        }
        if !self.paused && !self.recorder.backed_up() {
            for (stream, pipe) in [(Stream::Out, &self.out), (Stream::Err, &self.err)] {
                let pipe = pipe.iter();
                waited.extend(pipe.map(|pipe| (Source::Output(stream), pipe.as_fd(), input)));
            }
        }
        if let Some(stdin) = self
            .stdin
            .as_ref()
            .filter(|_| !self.stdin_waiting.is_empty())
        {
            waited.push((Source::Stdin, stdin.as_fd(), PollFlags::POLLOUT));
        }
        waited
    }

    fn wait_at_most(&self, now: Instant) -> PollTimeout {
        if self.more_dead {
            return PollTimeout::ZERO;
        }
        let timeout_at = match self.main {
            Main::Alive(_) => self.timeout_at,
            Main::Over { .. } => None,
        };
        let times = [timeout_at, self.kill_at, self.recorder.next_at()];
        let Some(at) = times.into_iter().flatten().min() else {
            return PollTimeout::NONE;
        };
        // Rounded up, or the last millisecond would be spent asking.
        let wait = at.saturating_duration_since(now) + Duration::from_micros(999);
        PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX)
    }

    fn serve(
        &mut self,
        source: Source,
        flags: PollFlags,
        signals: &SignalFd,
        asked: &mut Vec<ToShim>,
    ) -> io::Result<()> {
        match source {
            Source::Signals => self.hear(signals),
            Source::Listener => self.clients.accept(),
            // One that is only ready for writing is told the news at the next turn.
            Source::Client(_) if flags == PollFlags::POLLOUT => {}
            Source::Client(at) => self.clients.read(at, asked),
            Source::Output(stream) => {
                self.read_output(stream)?;
            }
            Source::Stdin => self.feed(),
        }
        Ok(())
    }

    /// Takes the signals that came. TERM and INT stop it, as a person at the host would expect; HUP means nothing to us.
    fn hear(&mut self, signals: &SignalFd) {
        while let Ok(Some(signal)) = signals.read_signal() {
            match i32::try_from(signal.ssi_signo).map(Signal::try_from) {
                Ok(Ok(Signal::SIGCHLD)) => self.more_dead = true,
                Ok(Ok(Signal::SIGTERM | Signal::SIGINT)) => self.stop(Cause::OnHost, false),
                Ok(_) | Err(_) => {}
            }
        }
    }

    fn obey(&mut self, request: ToShim) {
        match request {
            ToShim::Cancel { force } => self.stop(Cause::Cancelled, force),
            ToShim::Pause { on } => self.paused = on,
            ToShim::Stdin { eof, bytes } => {
                if self.stdin.is_some() && !self.stdin_eof {
                    self.stdin_waiting.extend(bytes);
                    self.stdin_eof = eof;
                    self.feed();
                }
            }
            ToShim::Watch => {} // The clients keep that to themselves.
        }
    }

    /// TERM to everyone, KILL after the grace; with `force`, or once only left-overs remain, KILL now.
    fn stop(&mut self, cause: Cause, force: bool) {
        let now = Instant::now();
        match self.main {
            Main::Over { .. } => {
                self.limits.leave = false;
                self.kill_at = self.kill_at.map(|at| at.min(now));
            }
            Main::Alive(pid) => {
                if self.cause == Cause::Command {
                    self.cause = cause;
                }
                if force {
                    self.kill_at = Some(now);
                } else if self.kill_at.is_none() {
                    self.kill_at = Some(now + self.limits.grace);
                    descendants::terminate(Pid::this(), pid);
                }
            }
        }
    }

    /// Does what its time has come for.
    fn tick(&mut self, now: Instant) -> io::Result<()> {
        if self.more_dead {
            self.reap(now);
        }
        if matches!(self.main, Main::Alive(_)) && self.timeout_at.is_some_and(|at| at <= now) {
            self.timeout_at = None;
            self.stop(Cause::Timeout, false);
        }
        if !self.childless && self.kill_at.is_some_and(|at| at <= now) {
            if self.leaves() {
                self.left = Some(descendants::named(Pid::this()));
            } else {
                self.kill(now);
            }
        }
        self.recorder.tick(now)
    }

    /// True when who outlives the main process may live: it ended by itself, and nobody wants an end of all of it.
    fn leaves(&self) -> bool {
        let by_itself = matches!(self.main, Main::Over { .. }) && self.cause == Cause::Command;
        self.limits.leave && by_itself
    }

    fn reap(&mut self, now: Instant) {
        for _ in 0..REAP_MAX {
            match reap() {
                Reaped::Child(pid, status) => self.child_ended(pid, status, now),
                alive @ (Reaped::Alive | Reaped::Childless) => {
                    self.childless = alive == Reaped::Childless;
                    self.more_dead = false;
                    return;
                }
            }
        }
    }

    fn child_ended(&mut self, pid: Pid, status: ExitStatus, now: Instant) {
        let Main::Alive(main) = self.main else {
            return;
        };
        if main != pid {
            return;
        }
        self.main = Main::Over {
            how: exit::how(status),
            at: now,
        };
        self.oom_kill = self.memory.as_ref().and_then(Watch::end);
        self.stdin = None;
        let left_over_at = now + Duration::from_millis(limits::LEFT_OVER_MS);
        self.kill_at = Some(self.kill_at.map_or(left_over_at, |at| at.min(left_over_at)));
    }

    /// One round of killing. It is repeated until no child is left, as the dying may have forked.
    fn kill(&mut self, now: Instant) {
        let since = *self.killing_since.get_or_insert(now);
        let leader = match self.main {
            Main::Alive(pid) => Some(pid),
            Main::Over { .. } => None,
        };
        for pid in descendants::kill_all(Pid::this(), leader) {
            if self.killed.insert(pid) && leader.is_none() {
                self.left_over += 1;
            }
        }
        if let Some(group) = &self.group {
            group.kill();
        }
        let stuck = now >= since + KILLING_MAX;
        let again = if stuck {
            Duration::from_secs(1)
        } else {
            KILL_AGAIN
        };
        self.kill_at = Some(Instant::now() + again);
        self.more_dead = true;
    }

    /// Reads a pipe once; false when there is nothing more to have now.
    fn read_output(&mut self, stream: Stream) -> io::Result<bool> {
        let pipe = match stream {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        };
        let Some(file) = pipe else {
            return Ok(false);
        };
        match file.read(&mut self.buffer) {
            Ok(n) if n > 0 => {
                let bytes = self.buffer.get(..n).unwrap_or_default();
                self.recorder.take(stream, bytes, Instant::now())?;
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(true),
            Ok(_) | Err(_) => {
                *pipe = None;
                Ok(false)
            }
        }
    }

    /// Gives the command what waits for its standard input.
    fn feed(&mut self) {
        let Some(stdin) = &mut self.stdin else {
            return;
        };
        let broken = match stdin.write(&self.stdin_waiting) {
            Ok(n) => {
                self.stdin_waiting.drain(..n);
                false
            }
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        };
        if broken || (self.stdin_eof && self.stdin_waiting.is_empty()) {
            self.stdin = None;
            self.stdin_waiting = Vec::new();
        }
    }

    /// Takes what is still in the pipes, writes the exit, and tells everyone.
    fn finish(mut self) -> io::Result<()> {
        for stream in [Stream::Out, Stream::Err] {
            let mut reads = 0;
            while reads < LAST_READS_MAX && self.read_output(stream)? {
                reads += 1;
            }
        }
        let exit = self.exit_record();
        self.recorder.exit(&exit, Instant::now())?;
        while !self.recorder.settled() {
            self.tell();
            poll(&mut [], PollTimeout::from(100_u8)).ok(); // Interrupted: looked at again just the same.
            self.recorder.tick(Instant::now())?;
        }
        // The end is on its way while the disk takes its time: what was told and is then lost with the host is lost with it.
        self.tell();
        self.recorder.sync()?;
        self.clients.tell(FromShim::Ended {
            len: self.recorder.whole_len(),
        });
        Ok(())
    }
}

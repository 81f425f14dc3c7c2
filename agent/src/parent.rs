//! `shanty-agent supervise`: keeps an agent running where systemd does not, and lets other versions of it be tried.
//!
//! It starts the stable version and starts it again when it ends. Told that there is an experiment, it stops the agent, gives the other
//! version a minute to make itself stable, and goes back to the one before in every other case. It decides nothing else, so that it need not
//! be replaced itself. What runs on the host belongs to shims, which go on throughout.

mod orphans;

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::fcntl::Flock;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use shanty_core::version::Version;
use tokio::io::{AsyncBufReadExt as _, BufReader, Split};
use tokio::process::{Child, ChildStderr, ChildStdin, Command};
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::failure::{Failure, exit, printable};
use crate::update::home::{self, Home};
use crate::update::record::{Outcome, Record, Records};
use crate::update::switch::PARENT;

/// First and longest wait before an agent that ended is started again.
const AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// One that ran for so long had no trouble starting.
const STABLE: Duration = Duration::from_secs(60);

/// An agent that is told to stop has so long.
const STOPS: Duration = Duration::from_secs(30);

const LOOK: Duration = Duration::from_millis(100);

/// What the command line says.
pub(crate) struct Options {
    pub(crate) home: PathBuf,
    /// The agent's own, where its executor keeps its things too.
    pub(crate) data_dir: PathBuf,
    /// Arguments of `shanty-agent run`.
    pub(crate) run: Vec<OsString>,
    /// A version that is tried has so long to connect.
    pub(crate) within: Duration,
    /// It ends with the agent.
    pub(crate) stop: CancellationToken,
}

/// Why it ends.
enum Over {
    /// The agent ended so, and is not started again.
    Agent(u8),
    /// It was told to end, and the agent with it.
    Told,
}

/// Keeps the agent until it ends for good. The exit code.
pub(crate) async fn keep(options: Options) -> Result<u8, Failure> {
    let home = Home::new(options.home);
    let lock = home.path().join(PARENT);
    let held = home::lock(&lock).map_err(|error| Failure::config(&error))?;
    let held = held.ok_or_else(|| {
        let text = format!(
            "another `shanty-agent supervise` keeps the agent of {}",
            home.path().display()
        );
        Failure::new("E_IN_USE", exit::TRY_AGAIN, text)
    })?;
    let mut parent = Parent {
        told: Told::listen(options.stop)?,
        records: Records::of(&options.data_dir),
        home,
        run: options.run,
        within: options.within,
    };
    orphans::end(&parent.home, &parent.run).await;
    write_pid(&held).map_err(|error| Failure::internal(&error))?;
    match parent.keep().await? {
        Over::Agent(code) => Ok(code),
        Over::Told => Ok(0),
    }
}

fn write_pid(held: &Flock<std::fs::File>) -> std::io::Result<()> {
    use std::io::{Seek as _, Write as _};
    let mut file: &std::fs::File = held;
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "{}", std::process::id())
}

struct Parent {
    home: Home,
    records: Records,
    run: Vec<OsString>,
    within: Duration,
    told: Told,
}

/// What this process is told.
struct Told {
    stop: [Signals; 2],
    reload: Signals,
    /// There is an experiment.
    experiment: Signals,
    stopped: CancellationToken,
}

enum Word {
    Stop,
    Reload,
    Experiment,
}

impl Told {
    fn listen(stopped: CancellationToken) -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|error| Failure::internal(&error));
        Ok(Self {
            stop: [
                listen(SignalKind::terminate())?,
                listen(SignalKind::interrupt())?,
            ],
            reload: listen(SignalKind::hangup())?,
            experiment: listen(SignalKind::user_defined1())?,
            stopped,
        })
    }

    async fn next(&mut self) -> Word {
        let [term, int] = &mut self.stop;
        tokio::select! {
            _ = term.recv() => Word::Stop,
            _ = int.recv() => Word::Stop,
            () = self.stopped.cancelled() => Word::Stop,
            _ = self.reload.recv() => Word::Reload,
            _ = self.experiment.recv() => Word::Experiment,
        }
    }
}

/// An agent that runs. What it logs goes through here, so that its last words are known.
struct Agent {
    child: Child,
    /// Its standard input, which it ends with: waiting for a child would close it.
    _alive: Option<ChildStdin>,
    log: Option<Split<BufReader<ChildStderr>>>,
    last: String,
    begun: Instant,
}

impl Agent {
    fn start(
        home: &Home,
        version: &Version,
        run: &[OsString],
        more: &[&str],
    ) -> std::io::Result<Self> {
        let mut command = Command::new(home.program(version));
        // When this process is gone the agent stops, and what it ran goes on: the next one would not be let in beside it.
        command
            .arg("run")
            .arg("--exit-with-stdin")
            .args(more)
            .args(run);
        let mut child = command
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let log = child
            .stderr
            .take()
            .map(|log| BufReader::new(log).split(b'\n'));
        let alive = child.stdin.take();
        Ok(Self {
            child,
            _alive: alive,
            log,
            last: String::new(),
            begun: Instant::now(),
        })
    }

    /// Waits for its end, and passes its log on meanwhile. Cancel-safe.
    async fn ended(&mut self) -> ExitStatus {
        loop {
            let Some(log) = &mut self.log else {
                let ended = self.child.wait().await;
                return ended.unwrap_or_else(|_| ExitStatus::from_raw(1 << 8));
            };
            // To the end of its log first: what it says last says why.
            match log.next_segment().await {
                Ok(Some(line)) => self.pass(&line),
                Ok(None) | Err(_) => self.log = None,
            }
        }
    }

    fn pass(&mut self, line: &[u8]) {
        let text = String::from_utf8_lossy(line).into_owned();
        if !text.trim().is_empty() {
            self.last = printable(text.trim());
        }
        let mut line = line.to_vec();
        line.push(b'\n');
        std::io::Write::write_all(&mut std::io::stderr(), &line).ok(); // Nobody to tell.
    }

    fn tell(&self, signal: Signal) {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok());
        if let Some(pid) = pid {
            kill(Pid::from_raw(pid), signal).ok(); // It ended meanwhile.
        }
    }

    /// Lets it stop in order, or kills it.
    async fn stop(&mut self) -> ExitStatus {
        self.tell(Signal::SIGTERM);
        match tokio::time::timeout(STOPS, self.ended()).await {
            Ok(status) => status,
            Err(_) => self.end().await,
        }
    }

    /// Kills it. What of its log some process holds open is not waited for.
    async fn end(&mut self) -> ExitStatus {
        self.tell(Signal::SIGKILL);
        let ended = self.child.wait().await;
        ended.unwrap_or_else(|_| ExitStatus::from_raw(1 << 8))
    }
}

impl Parent {
    async fn keep(&mut self) -> Result<Over, Failure> {
        let mut wait = AGAIN.0;
        loop {
            let Some(version) = self.home.stable() else {
                let text = format!("{}/stable points at no version", self.home.path().display());
                return Err(Failure::new("E_HOME", exit::CONFIG, text));
            };
            let started = Agent::start(&self.home, &version, &self.run, &[]);
            let mut agent = started.map_err(|error| {
                let program = self.home.program(&version);
                let text = format!("{} cannot be started: {error}", program.display());
                Failure::new("E_HOME", exit::CONFIG, text)
            })?;
            let status = match self.watch(&mut agent).await {
                Ok(status) => status,
                Err(over) => return Ok(over),
            };
            if let Some(code) = for_good(status) {
                return Ok(Over::Agent(code));
            }
            if agent.begun.elapsed() >= STABLE {
                wait = AGAIN.0;
            }
            tracing::warn!(
                wait_ms = wait.as_millis(),
                "The agent ended ({status}), and is started again."
            );
            // Told to stop it need not wait; told of an experiment it starts the stable one first.
            tokio::select! {
                () = sleep(wait) => {}
                word = self.told.next() => if matches!(word, Word::Stop) {
                    return Ok(Over::Told);
                },
            }
            wait = wait.saturating_mul(2).min(AGAIN.1);
        }
    }

    /// Waits for the end of an agent that is not told to stop, through any number of experiments.
    async fn watch(&mut self, agent: &mut Agent) -> Result<ExitStatus, Over> {
        loop {
            tokio::select! {
                status = agent.ended() => return Ok(status),
                word = self.told.next() => match word {
                    Word::Stop => {
                        agent.stop().await;
                        return Err(Over::Told);
                    }
                    Word::Reload => agent.tell(Signal::SIGHUP),
                    Word::Experiment => {
                        let (Some(to), Some(from)) = (self.home.experiment(), self.home.stable()) else {
                            continue;
                        };
                        if to == from {
                            continue;
                        }
                        *agent = self.experiment(agent, &to, &from).await?;
                    }
                },
            }
        }
    }

    /// Lets another version take over. The agent that runs afterwards: it, or the one before.
    async fn experiment(
        &mut self,
        agent: &mut Agent,
        to: &Version,
        from: &Version,
    ) -> Result<Agent, Over> {
        tracing::info!("Version {to} is tried in place of {from}.");
        agent.stop().await;
        let why = match Agent::start(&self.home, to, &self.run, &["--experiment"]) {
            Err(error) => format!("cannot be started: {error}"),
            Ok(mut tried) => match self.outcome(&mut tried, to).await? {
                None => {
                    self.told(to, from, None);
                    return Ok(tried);
                }
                Some(why) => {
                    tried.end().await;
                    // It may have come through at the last moment.
                    if self.home.stable().as_ref() == Some(to) {
                        self.told(to, from, None);
                        return self.again(to).await;
                    }
                    match tried.last.as_str() {
                        "" => why,
                        last => format!("{why} ({last})"),
                    }
                }
            },
        };
        self.told(to, from, Some(&why));
        self.again(from).await
    }

    async fn again(&mut self, version: &Version) -> Result<Agent, Over> {
        loop {
            match Agent::start(&self.home, version, &self.run, &[]) {
                Ok(agent) => return Ok(agent),
                Err(error) => tracing::error!(
                    "Version {version} cannot be started, and is tried again: {error}."
                ),
            }
            tokio::select! {
                () = sleep(AGAIN.1) => {}
                word = self.told.next() => if matches!(word, Word::Stop) {
                    return Err(Over::Told);
                },
            }
        }
    }

    /// What becomes of a version that is tried: nothing when it made itself the stable one, or why not.
    async fn outcome(&mut self, tried: &mut Agent, to: &Version) -> Result<Option<String>, Over> {
        let until = Instant::now() + self.within;
        loop {
            if self.home.stable().as_ref() == Some(to) {
                return Ok(None);
            }
            tokio::select! {
                status = tried.ended() => return Ok(Some(ended(status))),
                () = sleep_until(until) => {
                    return Ok(Some(format!("did not connect within {} s", self.within.as_secs())));
                }
                () = sleep(LOOK) => {}
                word = self.told.next() => match word {
                    Word::Stop => {
                        tried.stop().await;
                        return Err(Over::Told);
                    }
                    Word::Reload => tried.tell(Signal::SIGHUP),
                    Word::Experiment => {}
                },
            }
        }
    }

    /// Keeps what became of it, and ends it: who waits goes by that.
    fn told(&self, to: &Version, from: &Version, why: Option<&str>) {
        let record = Record::new(to, from, Outcome::Trying);
        let record = match why {
            None => record.in_use(),
            Some(why) => record.came_back(why),
        };
        tracing::info!("The update is over: {}.", record.said());
        if let Err(error) = self.records.write(&record) {
            tracing::warn!("What became of the update cannot be kept: {error}.");
        }
        self.home.end_trial().ok(); // The next start removes it.
    }
}

/// The code of an end after which starting again would not help.
fn for_good(status: ExitStatus) -> Option<u8> {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.filter(|code| [exit::REFUSED, exit::CONFIG].contains(code))
}

fn ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with status {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_not_get_better_is_not_started_again() {
        let code = |code: i32| for_good(ExitStatus::from_raw(code << 8));
        assert_eq!((code(77), code(78)), (Some(77), Some(78)));
        assert_eq!((code(0), code(1), code(75)), (None, None, None));
        assert_eq!(for_good(ExitStatus::from_raw(9)), None);
        assert_eq!(ended(ExitStatus::from_raw(3 << 8)), "ended with status 3");
        assert_eq!(ended(ExitStatus::from_raw(9)), "was ended by signal 9");
    }
}

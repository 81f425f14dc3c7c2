//! One agent's executor in a folder of its own, and what tests ask of it.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, getuid};
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use shanty_agent::executor::{
    ClockOffset, Config, Handle, KEYS_FILE, Refusal, Signed, Started, State, Status, open,
};
use shanty_certs::orders::{KnownKeys, OrderKey};
use shanty_core::ids::{AgentId, RunId};
use shanty_core::spool::{Cause, Decoder, Exit, How, Record};
use shanty_proto::v1;
use shanty_proto::v1::execution_order::What;
use tempfile::TempDir;
use tokio::task::JoinSet;

/// How long anything may take before a test says that it hangs.
const BOUND: Duration = Duration::from_secs(120);

pub(crate) const AGENT: AgentId = AgentId::from_bytes([0xa9; 16]);

/// An executor that works, and the runs that it was given.
pub(crate) struct World {
    pub(crate) handle: Handle,
    pub(crate) config: Config,
    pub(crate) folder: TempDir,
    executor: JoinSet<()>,
}

/// A spool that is complete, taken apart.
pub(crate) struct Ended {
    pub(crate) out: Vec<u8>,
    pub(crate) err: Vec<u8>,
    pub(crate) dropped: u64,
    pub(crate) records: usize,
    pub(crate) exit: Exit,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let own = User::from_uid(getuid()).unwrap().unwrap().name;
        let shim = vec![env!("CARGO_BIN_EXE_shanty-agent").into(), "shim".into()];
        let data_dir = folder.path().join("data");
        let mut config = Config::new(data_dir, AGENT, vec![own], shim);
        change(&mut config);
        let (handle, executor) = opened(&config).await;
        Self {
            handle,
            config,
            folder,
            executor,
        }
    }

    /// Ends the executor, as when the agent is killed, and opens it again. Shims go on meanwhile.
    pub(crate) async fn reopen(&mut self) {
        self.stop().await;
        self.open().await;
    }

    pub(crate) async fn stop(&mut self) {
        self.executor.shutdown().await;
    }

    pub(crate) async fn open(&mut self) {
        (self.handle, self.executor) = opened(&self.config).await;
    }

    /// A path for what a command leaves to be found.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn execution(&self, run: RunId) -> PathBuf {
        self.config
            .data_dir
            .join("executions")
            .join(run.to_string())
    }

    /// Starts a command that must be accepted.
    pub(crate) async fn start(&self, order: &v1::ExecutionOrder) -> RunId {
        assert_eq!(self.try_start(order).await, Ok(Started::New));
        order.run.parse().unwrap()
    }

    pub(crate) async fn try_start(&self, order: &v1::ExecutionOrder) -> Result<Started, Refusal> {
        let clock = ClockOffset::new(now_ms());
        self.handle.start(signed(order), clock).await
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&self, order: &v1::ExecutionOrder) -> Ended {
        let run = self.start(order).await;
        self.ended(run).await
    }

    pub(crate) async fn status(&self, run: RunId) -> Option<Status> {
        let held = self.handle.list().await;
        held.into_iter()
            .find_map(|(id, status)| (id == run).then_some(status))
    }

    /// Waits until the status of a run is as wanted.
    pub(crate) async fn until(&self, run: RunId, wanted: impl Fn(&Status) -> bool) -> Status {
        let mut watch = self.handle.watch();
        let seen = watch.wait_for(|held| held.get(&run).is_some_and(&wanted));
        match tokio::time::timeout(BOUND, seen).await {
            Ok(held) => held.unwrap()[&run].clone(),
            Err(_) => panic!("run {run} stays at {:?}", self.status(run).await),
        }
    }

    /// Waits until a running command has written this much of exactly this.
    pub(crate) async fn wrote(&self, run: RunId, expected: &str) {
        let started = Instant::now();
        loop {
            let status = self.until(run, |_| true).await;
            let seen = taken_apart(&self.spool(run, status.spool_len).await).0;
            let seen = String::from_utf8_lossy(&seen.out).into_owned();
            if seen == expected {
                return;
            }
            assert!(started.elapsed() < BOUND, "{seen:?} is not {expected:?}");
            self.until(run, |next| next != &status).await;
        }
    }

    /// Waits for the end, and takes the spool apart. It is whole, and its hash is right.
    pub(crate) async fn ended(&self, run: RunId) -> Ended {
        let status = self.until(run, |status| status.state == State::Ended).await;
        assert!(!status.spool_full);
        let spool = self.spool(run, status.spool_len).await;
        let (mut ended, exit) = taken_apart(&spool);
        let (exit, start) = exit.expect("the last record is an exit");
        assert_eq!(
            exit.sha256,
            <[u8; 32]>::from(Sha256::digest(&spool[..start]))
        );
        ended.exit = exit;
        ended
    }

    /// The first bytes of a spool, read in odd pieces.
    pub(crate) async fn spool(&self, run: RunId, len: u64) -> Vec<u8> {
        let mut spool = Vec::new();
        while (spool.len() as u64) < len {
            let offset = spool.len() as u64;
            let bytes = self.handle.read(run, offset, 700_001).await.unwrap();
            assert!(!bytes.is_empty());
            spool.extend(bytes);
        }
        spool.truncate(usize::try_from(len).unwrap());
        spool
    }

    /// The process that keeps a run. For a moment its child looks like it, which becomes the command.
    pub(crate) fn shim(&self, run: RunId) -> Pid {
        let mut shims = shims(&self.execution(run));
        let all = shims.clone();
        shims.retain(|shim| parent(*shim).is_some_and(|parent| !all.contains(&parent)));
        assert_eq!(shims.len(), 1, "one shim keeps {run}");
        shims[0]
    }

    /// Waits until nothing of these runs is alive.
    pub(crate) fn nothing_left(&self) {
        let folder = self.config.data_dir.join("executions");
        let runs: Vec<_> = fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        wait(|| {
            let shims = shims(&folder);
            let commands: Vec<_> = runs.iter().flat_map(|run| commands(run)).collect();
            let left = !shims.is_empty() || !commands.is_empty();
            left.then(|| format!("shims {shims:?} and commands {commands:?} are left"))
        });
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let folder = self.config.data_dir.join("executions");
            for shim in shims(&folder) {
                kill(shim, Signal::SIGTERM).ok(); // A failed test cleans up as well as it can.
            }
        } else {
            self.nothing_left();
        }
    }
}

impl Ended {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.out).into_owned()
    }

    pub(crate) fn err_text(&self) -> String {
        String::from_utf8_lossy(&self.err).into_owned()
    }

    /// How and why it ended, and what it left.
    pub(crate) fn end(&self) -> (How, Cause, u32) {
        (self.exit.how, self.exit.cause, self.exit.left_over)
    }
}

/// The key of the controller of all these tests.
pub(crate) fn key() -> &'static OrderKey {
    static KEY: OnceLock<OrderKey> = OnceLock::new();
    KEY.get_or_init(|| OrderKey::generate().unwrap())
}

/// An order as the controller sends it.
pub(crate) fn signed(order: &v1::ExecutionOrder) -> Signed {
    signed_bytes(order.encode_to_vec())
}

pub(crate) fn signed_bytes(order: Vec<u8>) -> Signed {
    Signed {
        sig: key().sign(&order),
        key_id: key().public().id(),
        order,
    }
}

async fn opened(config: &Config) -> (Handle, JoinSet<()>) {
    let file = config.data_dir.join(KEYS_FILE);
    if !file.exists() {
        let mut folder = fs::DirBuilder::new();
        folder.recursive(true).mode(0o700);
        folder.create(&config.data_dir).unwrap();
        KnownKeys::of(*key().public()).write(&file).unwrap();
    }
    let (handle, executor) = open(config.clone()).await.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(executor);
    (handle, tasks)
}

/// Everything in whole records, and the exit with where it begins.
fn taken_apart(spool: &[u8]) -> (Ended, Option<(Exit, usize)>) {
    let mut decoder = Decoder::new();
    decoder.push(spool);
    let mut ended = Ended {
        out: Vec::new(),
        err: Vec::new(),
        dropped: 0,
        records: 0,
        exit: Exit::lost(0),
    };
    let mut last = None;
    let mut start = 0;
    while let Some((record, end)) = decoder.next_record().unwrap() {
        ended.records += 1;
        match record {
            Record::Out { bytes, .. } => ended.out.extend(bytes),
            Record::Err { bytes, .. } => ended.err.extend(bytes),
            Record::Truncated { dropped } => ended.dropped += dropped,
            Record::Exit(exit) => last = Some((exit, start)),
            Record::Header(_) | Record::Unknown { .. } => {}
        }
        start = usize::try_from(end).unwrap();
    }
    assert_eq!(start, spool.len(), "a status counts whole records");
    (ended, last)
}

/// An order that is good for half a minute, with short times.
pub(crate) fn order(command: &str) -> v1::ExecutionOrder {
    v1::ExecutionOrder {
        run: RunId::from_bytes(uuid::Uuid::now_v7().into_bytes()).to_string(),
        agent: AGENT.to_string(),
        not_after_ms: now_ms() + 30_000,
        what: Some(What::Command(command.to_owned())),
        grace_ms: 300,
        streams_apart: true,
        ..v1::ExecutionOrder::default()
    }
}

pub(crate) fn argv(words: &[&str]) -> v1::ExecutionOrder {
    let words = words.iter().map(|&word| word.to_owned()).collect();
    v1::ExecutionOrder {
        what: Some(What::Argv(v1::Argv { words })),
        ..order("")
    }
}

pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

/// Waits until the condition has nothing to complain about any more.
pub(crate) fn wait(complaint: impl Fn() -> Option<String>) {
    let started = Instant::now();
    while let Some(text) = complaint() {
        assert!(started.elapsed() < BOUND, "{text}");
        std::thread::yield_now();
    }
}

/// Live processes whose arguments name something at or below `folder`.
fn shims(folder: &Path) -> Vec<Pid> {
    let folder = folder.to_str().unwrap();
    processes("cmdline", |word| word.starts_with(folder))
}

/// Live processes of a run.
pub(crate) fn commands(run: &str) -> Vec<Pid> {
    let mark = format!("SHANTY_RUN={run}");
    processes("environ", |word| word == mark)
}

fn parent(pid: Pid) -> Option<Pid> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    parent.trim().parse().ok().map(Pid::from_raw)
}

fn processes(file: &str, wanted: impl Fn(&str) -> bool) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| {
        let words = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let mut words = words.split(|&byte| byte == 0);
        words.any(|word| wanted(&String::from_utf8_lossy(word)))
    })
    .map(Pid::from_raw)
    .collect()
}

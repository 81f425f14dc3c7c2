//! The executor: accepts orders, keeps them on disk, starts a shim for each, and answers for what came of them.
//!
//! This file is the seam: the link talks to [`Handle`] and to nothing behind it, and never opens a file of an execution. The messages behind it are closed enums with plain fields, so that the executor can move to a process of its own.
//!
//! Invariant: an order is durable before its shim is spawned, and a run that was ever accepted or refused here is never started again
//! until the controller's own bound on orders, [`ORDER_MEMORY_MS`](shanty_core::limits::ORDER_MEMORY_MS) past `not_after`, is over.

mod accept;
mod attach;
mod check;
mod folder;
mod input;
mod offers;
mod owner;
mod recover;
mod request;
mod reserve;
mod signed;
mod sweep;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use shanty_certs::orders::{OrderKeyError, OrderPublicKey};
use shanty_core::ids::{AgentId, RunId};
use shanty_core::limits;
use shanty_core::output::mask::SecretFiles;
use shanty_core::refusal::Code;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};

use crate::policy::{PolicyWatch, Told};

pub use crate::clock::ClockOffset;
pub use crate::surroundings::Surroundings;
pub use input::{Inputs, SliceOrEnd, Wanted};
pub use offers::Offers;
pub(crate) use request::Request;
pub use signed::{KEYS_FILE, KeysTold};

/// Requests that may wait for the executor. A full queue makes the asker wait: the executor never waits for the link.
const REQUESTS_MAX: usize = 64;

/// Executions that run at once on one host. Each takes a shim of about 3 MB; nobody watches more.
pub const RUNNING_MAX: usize = 256;

/// What the link holds of the executor.
#[derive(Clone, Debug)]
pub struct Handle {
    tx: mpsc::Sender<Request>,
    watch: watch::Receiver<BTreeMap<RunId, Status>>,
    /// Which connection to it there is, where it is another process.
    present: Option<watch::Receiver<Option<u64>>>,
    policy: watch::Receiver<Told>,
    agent: watch::Receiver<Option<AgentId>>,
    offers: watch::Receiver<Offers>,
}

/// What the executor is told at its start.
#[derive(Clone, Debug)]
pub struct Config {
    /// Executions live in `executions/`, the memory of released ones in `released/`, room for orders on a full disk in `reserve/` below it. Absolute.
    pub data_dir: PathBuf,
    /// Whether the key of a controller that proved who it is may be learned when none is known: where nothing stands between it and us.
    pub learns: bool,
    /// Us: orders for another agent are refused.
    pub agent: AgentId,
    /// Users that commands may run as, by name; the first is the default. Empty means the agent's own user, and nothing may run when that is root.
    pub run_as: Vec<String>,
    /// What is masked in all output.
    pub mask: SecretFiles,
    /// What every command finds around itself.
    pub surroundings: Surroundings,
    /// Program, by its absolute path, and leading arguments of the shim; the execution's folder is appended.
    pub shim: Vec<OsString>,
    /// Unreleased spool bytes from which commands wait, [`limits::SPOOL_TOTAL_BYTES_MAX`] unless a test needs less.
    pub spool_total_bytes_max: u64,
    /// Executions that may run at once; more are refused. [`RUNNING_MAX`] unless a test needs less.
    pub running_max: usize,
    /// What a command is given is there after this time or does not come any more; 15 minutes unless a test needs less.
    pub input_within: Duration,
    /// What the host's owner allows.
    pub policy: PolicyWatch,
    /// What each command may use as a whole, for people.
    pub limits: String,
    /// Program and arguments with which the agent looks after itself; where an empty one stands, a subcommand takes its place. Empty where it does not.
    pub upkeep: Vec<OsString>,
}

impl Config {
    /// A configuration with the limits as they are.
    #[must_use]
    pub fn new(
        data_dir: PathBuf,
        agent: AgentId,
        run_as: Vec<String>,
        shim: Vec<OsString>,
    ) -> Self {
        Self {
            data_dir,
            learns: false,
            agent,
            run_as,
            mask: SecretFiles::default(),
            surroundings: Surroundings::default(),
            shim,
            spool_total_bytes_max: limits::SPOOL_TOTAL_BYTES_MAX,
            running_max: RUNNING_MAX,
            input_within: input::WITHIN,
            policy: PolicyWatch::default(),
            upkeep: Vec::new(),
            limits: String::new(),
        }
    }

    /// Executions that may run at once, by the host's own policy too.
    fn running_max(&self) -> usize {
        let most = self.policy.rules.borrow().max_running;
        most.map_or(self.running_max, |most| most.min(self.running_max))
    }
}

/// An order as it came: exactly the bytes that the controller sent, and what says that they are its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signed {
    /// A serialized order.
    pub order: Vec<u8>,
    /// The controller's signature of those bytes.
    pub sig: Vec<u8>,
    /// The key that it signed with.
    pub key_id: String,
}

/// One execution as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Bytes of whole records in the spool.
    pub spool_len: u64,
    /// How far it is.
    pub state: State,
    /// True while its output waits: the agent holds too much that is not released, or the disk is full.
    pub spool_full: bool,
}

/// How far an execution is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// About to start or running. While its order is only just becoming durable, a refusal may still follow.
    Running,
    /// Over: the spool's last record says how.
    Ended,
    /// It never started and never will.
    Refused(Refusal),
}

/// Why an order is not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{code}: {text}")]
pub struct Refusal {
    /// The stable code.
    pub code: Code,
    /// One sentence for a person.
    pub text: String,
}

impl Refusal {
    fn new(code: Code, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
        }
    }

    fn stopping() -> Self {
        Self::new(Code::Stopping, "The agent is stopping.")
    }
}

/// The answer to an order that is not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Started {
    /// Accepted now: it is durable and its shim is spawned.
    New,
    /// Accepted or refused before. It was not started again; this is how it stands.
    Duplicate(Status),
}

/// Why bytes of a spool are not to be had.
#[derive(Debug, Error)]
pub enum ReadError {
    /// No such execution here, or it was released.
    #[error("no spool of run {0} is held here")]
    Unknown(RunId),
    /// An offset behind the end.
    #[error("offset {offset} is past the end of the spool at {spool_len}")]
    Offset {
        /// The offset that was asked for.
        offset: u64,
        /// Bytes of whole records.
        spool_len: u64,
    },
    /// The file cannot be read.
    #[error("cannot read the spool of run {run}")]
    Io {
        /// The run.
        run: RunId,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// What the executor said, where it is another process.
    #[error("{0}")]
    Said(String),
    /// The executor is gone.
    #[error("the executor has stopped")]
    Stopped,
}

/// Why the executor cannot work in its data directory.
#[derive(Debug, Error)]
pub enum OpenError {
    /// A folder of ours cannot be made or read.
    #[error("cannot use the folder {path}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The data directory must be absolute: shims run in another working directory.
    #[error("the data directory {0} is not absolute")]
    Relative(PathBuf),
    /// The keys of the controller cannot be read.
    #[error(transparent)]
    Keys(#[from] OrderKeyError),
    /// No program is configured for shims.
    #[error("no program is configured for shims")]
    NoShim,
}

impl Handle {
    /// Accepts an order that the controller signed, and starts it.
    ///
    /// # Errors
    /// [`Refusal`] when it will not be started. An order that was refused before is a duplicate, with its refusal as the state;
    /// one that was released is refused with [`Code::Closed`].
    pub async fn start(&self, order: Signed, clock: ClockOffset) -> Result<Started, Refusal> {
        self.start_with(order, clock, None).await
    }

    /// The same with a place where what its command is given can be had. An order that has such a thing is answered for before that has
    /// come: whoever asks what is held here is told that it runs, and a refusal may follow.
    ///
    /// # Errors
    /// As [`Handle::start`].
    pub async fn start_with(
        &self,
        order: Signed,
        clock: ClockOffset,
        inputs: Option<Inputs>,
    ) -> Result<Started, Refusal> {
        let (reply, answer) = oneshot::channel();
        let request = Request::Start {
            order,
            clock,
            inputs,
            reply,
        };
        if self.tx.send(request).await.is_err() {
            return Err(Refusal::stopping());
        }
        answer.await.unwrap_or_else(|_| Err(Refusal::stopping()))
    }

    /// The same of an executor in another process.
    pub(crate) const fn remote(
        tx: mpsc::Sender<Request>,
        watch: watch::Receiver<BTreeMap<RunId, Status>>,
        present: watch::Receiver<Option<u64>>,
        policy: watch::Receiver<Told>,
        agent: watch::Receiver<Option<AgentId>>,
        offers: watch::Receiver<Offers>,
    ) -> Self {
        Self {
            tx,
            watch,
            present: Some(present),
            policy,
            agent,
            offers,
        }
    }

    /// Whom the executor works as; not known of one that does not say it, or that was never there.
    #[must_use]
    pub fn agent(&self) -> Option<AgentId> {
        *self.agent.borrow()
    }

    /// Waits until the executor is there, and says by which connection: the number of one that has ended never comes again.
    pub(crate) async fn present(&self) -> u64 {
        let Some(mut present) = self.present.clone() else {
            return 0;
        };
        match present.wait_for(Option::is_some).await {
            Ok(session) => session.unwrap_or_default(),
            // The agent ends.
            Err(_) => std::future::pending().await,
        }
    }

    /// Waits until this connection to the executor has ended; for ever where the executor is in this process.
    pub(crate) async fn gone(&self, session: u64) {
        match self.present.clone() {
            Some(mut present) => {
                present.wait_for(|now| *now != Some(session)).await.ok(); // The agent ends.
            }
            None => std::future::pending().await,
        }
    }

    /// What the controller has to sign its time for; empty where nothing stands between it and the executor.
    pub async fn nonce(&self) -> Vec<u8> {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::Nonce { reply }).await;
        answer.await.unwrap_or_default()
    }

    /// Tells the controller's time; whether it is signed for the nonce.
    pub async fn told_time(&self, now_ms: u64, sig: Vec<u8>) -> bool {
        let (reply, answer) = oneshot::channel();
        let nonce = Vec::new();
        self.ask(Request::Time {
            nonce,
            now_ms,
            sig,
            reply,
        })
        .await;
        answer.await.unwrap_or(false)
    }

    /// Hands a request over; whoever waits for its answer sees that the executor is gone.
    pub(crate) async fn ask(&self, request: Request) {
        self.tx.send(request).await.ok(); // Executor gone.
    }

    /// Tells the key of the controller that has just proved who it is. Counts only where none is known and one may be learned.
    pub async fn learn(&self, key: OrderPublicKey) {
        self.tx.send(Request::Learn { key }).await.ok(); // Executor gone: the next link tells it again.
    }

    /// Tells of keys for orders that come and go, and gives the ids of those that are known then; of nothing told, those that are known.
    pub async fn order_keys(&self, told: KeysTold) -> Vec<String> {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::Keys { told, reply }).await;
        answer.await.unwrap_or_default()
    }

    /// Stops an execution: TERM, then KILL after its grace, or KILL now with `force`. Unknown and ended runs are left alone.
    pub async fn cancel(&self, run: RunId, force: bool) {
        let request = Request::Cancel { run, force };
        self.tx.send(request).await.ok(); // Executor gone: shims go on and a later agent finds them.
    }

    /// Every execution held here. Unlike [`Handle::watch`], which may be a moment behind, this knows of all orders that were handed
    /// over before, whether or not somebody still waits for their answers.
    pub async fn list(&self) -> BTreeMap<RunId, Status> {
        let (reply, answer) = oneshot::channel();
        // With the executor gone, what it showed last is all there is.
        let last = || self.watch.borrow().clone();
        if self.tx.send(Request::List { reply }).await.is_err() {
            return last();
        }
        answer.await.unwrap_or_else(|_| last())
    }

    /// Refuses new orders from now on. Afterwards [`Handle::watch`] shows every execution that runs or still will.
    pub async fn close(&self) {
        let (reply, answer) = oneshot::channel();
        if self.tx.send(Request::Close { reply }).await.is_ok() {
            answer.await.ok(); // Executor gone: it accepts nothing either.
        }
    }

    /// Bytes of a spool from `offset`, at most `max`, ending at or before the last whole record; empty at the end.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn read(&self, run: RunId, offset: u64, max: usize) -> Result<Vec<u8>, ReadError> {
        let (reply, answer) = oneshot::channel();
        let request = Request::Read {
            run,
            offset,
            max,
            reply,
        };
        if self.tx.send(request).await.is_err() {
            return Err(ReadError::Stopped);
        }
        answer.await.unwrap_or(Err(ReadError::Stopped))
    }

    /// The state of every execution held here, and its changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<BTreeMap<RunId, Status>> {
        self.watch.clone()
    }

    /// What is told of the host's own policy, and its changes.
    #[must_use]
    pub fn policy(&self) -> watch::Receiver<Told> {
        self.policy.clone()
    }

    /// What a command gets there. Known as soon as the executor is there.
    pub(crate) fn offers(&self) -> Offers {
        self.offers.borrow().clone()
    }

    /// Forgets an execution that is over and deletes its spool. Its order is remembered, so that it never starts again.
    pub async fn release(&self, run: RunId) {
        let request = Request::Release { run };
        self.tx.send(request).await.ok(); // Executor gone: the controller releases again on the next link.
    }
}

/// Opens the data directory, takes up what an earlier agent left there, and returns the handle and the executor itself, which works
/// while it is polled and ends when the last handle is dropped. Dropping it stops nothing that runs.
///
/// # Errors
/// [`OpenError`] when the data directory cannot be used. A single broken execution is no error: it is `lost`.
pub async fn open(
    config: Config,
) -> Result<(Handle, impl Future<Output = ()> + Send + 'static), OpenError> {
    let policy = config.policy.told.clone();
    let agent = watch::channel(Some(config.agent)).1;
    let offers = watch::channel(Offers::of(&config)).1;
    let owner = owner::Owner::open(config).await?;
    let (tx, requests) = mpsc::channel(REQUESTS_MAX);
    let handle = Handle {
        tx,
        watch: owner.watch(),
        present: None,
        policy,
        agent,
        offers,
    };
    Ok((handle, owner.run(requests)))
}

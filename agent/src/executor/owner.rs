//! The executor's own loop: the one owner of what is held here. It waits for nothing but the next thing to do; disks and shims have
//! tasks of their own, which die with it.

mod found;
mod given;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shanty_core::ids::RunId;
use shanty_core::refusal::Code;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinSet, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval};

use super::accept::{accept, refuse_busy};
use super::attach::{Cancel, Desired, Event, Follower, Shim};
use super::check;
use super::folder::{Folders, forget_at_ms};
use super::input::Inputs;
use super::recover::settle_by;
use super::signed::Keys;
use super::{
    ClockOffset, Config, OpenError, ReadError, Refusal, Request, Signed, Started, State, Status,
};
use crate::cgroup::Kernel;
use crate::clock::wall_ms;

/// Events that may wait for the owner. A full queue makes the followers wait, never the owner.
const EVENTS_MAX: usize = 256;

/// Runs held and remembered at once. Past it every new order is refused: one that cannot be remembered could start twice.
const RUNS_MAX: usize = 10_000;

/// At the start of an agent all that was left of lost commands together has so long to die. What the kernel holds longer has that beside the work.
const DYING: Duration = Duration::from_millis(500);

/// Runs are forgotten this often.
const PRUNE: Duration = Duration::from_secs(60);

type Reply = oneshot::Sender<Result<Started, Refusal>>;

/// Holds every execution of this agent.
pub(super) struct Owner {
    config: Arc<Config>,
    keys: Keys,
    folders: Folders,
    /// What is shown to the link: everything held, but for orders that are just being refused because too much runs.
    status: watch::Sender<BTreeMap<RunId, Status>>,
    held: BTreeMap<RunId, Held>,
    /// Runs that must not start again, and until when by the host's clock.
    remembered: BTreeMap<RunId, u64>,
    work: JoinSet<Option<Accepted>>,
    events_tx: mpsc::Sender<(RunId, Event)>,
    events: mpsc::Receiver<(RunId, Event)>,
    paused: bool,
    /// Nothing new is accepted any more.
    closed: bool,
}

/// One execution that is not over, or was not at the last look.
struct Held {
    desired: watch::Sender<Desired>,
    /// While the order is being accepted, those who wait to hear of it; the first of them brought it.
    waiting: Option<Vec<Reply>>,
    disk_full: bool,
}

/// What became of an order that was to be made durable.
struct Accepted {
    run: RunId,
    result: Result<Shim, Refusal>,
}

impl Owner {
    /// Takes up what is on disk.
    pub(super) async fn open(config: Config) -> Result<Self, OpenError> {
        if !config.data_dir.is_absolute() {
            return Err(OpenError::Relative(config.data_dir));
        }
        if config.shim.is_empty() {
            return Err(OpenError::NoShim);
        }
        let path = config.data_dir.clone();
        let failed = |error: JoinError| OpenError::Folder {
            path,
            source: std::io::Error::other(error),
        };
        let agent = config.agent;
        let (data_dir, learns) = (config.data_dir.clone(), config.learns);
        let taken = spawn_blocking(move || {
            let folders = Folders::open(&data_dir)?;
            let cut_off = folders.cut_off()?;
            let remembered = folders.remembered()?;
            let runs = folders.executions()?;
            Kernel::here().remove_old(agent, &runs);
            let by = Some(Instant::now() + DYING);
            let found: Vec<_> = runs
                .into_iter()
                .map(|run| (run, settle_by(&folders.execution(run), run, agent, by)))
                .collect();
            let keys = Keys::open(&data_dir, learns)?;
            Ok::<_, OpenError>((keys, folders, cut_off, remembered, found))
        });
        let (keys, folders, cut_off, remembered, found) = taken.await.map_err(failed)??;
        let (events_tx, events) = mpsc::channel(EVENTS_MAX);
        let mut owner = Self {
            config: Arc::new(config),
            keys,
            folders,
            status: watch::Sender::new(BTreeMap::new()),
            held: BTreeMap::new(),
            remembered: remembered.into_iter().collect(),
            work: JoinSet::new(),
            events_tx,
            events,
            paused: false,
            closed: false,
        };
        for run in cut_off {
            owner.refuse_cut_off(run);
        }
        for (run, found) in found {
            owner.take_up(run, found);
        }
        Ok(owner)
    }

    /// Where the state of everything held is seen.
    pub(super) fn watch(&self) -> watch::Receiver<BTreeMap<RunId, Status>> {
        self.status.subscribe()
    }

    /// Works until the last handle is gone.
    pub(super) async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut prune = interval(PRUNE);
        prune.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                request = requests.recv() => match request {
                    Some(request) => self.serve(request),
                    None => return,
                },
                Some((run, event)) = self.events.recv() => self.observe(run, event),
                Some(done) = self.work.join_next() => self.done(done),
                _ = prune.tick() => self.prune(),
            }
            self.press_back();
        }
    }

    fn serve(&mut self, request: Request) {
        match request {
            Request::Start {
                order,
                clock,
                inputs,
                reply,
            } => self.start(order, clock, inputs, reply),
            Request::Cancel { run, force } => self.cancel(run, force),
            Request::Read {
                run,
                offset,
                max,
                reply,
            } => self.read(run, offset, max, reply),
            Request::Release { run } => self.release(run),
            Request::List { reply } => {
                reply.send(self.status.borrow().clone()).ok(); // Asker gone.
            }
            Request::Learn { key } => self.keys.learn(key),
            Request::Keys { told, reply } => drop(reply.send(self.keys.told(&told))),
            Request::Nonce { reply } => drop(reply.send(Vec::new())),
            Request::Time {
                nonce,
                now_ms,
                sig,
                reply,
            } => {
                let us = self.config.agent.as_bytes();
                let said = self.keys.said_time(us, &nonce, now_ms, &sig);
                reply.send(said).ok(); // Asker gone.
            }
            Request::Close { reply } => {
                self.closed = true;
                reply.send(()).ok(); // Asker gone.
            }
        }
    }

    /// Starts a run that is new here, and answers for one that is not.
    fn start(&mut self, order: Signed, clock: ClockOffset, inputs: Option<Inputs>, reply: Reply) {
        let checked = self.keys.check(&order);
        let order = order.order;
        let received = match checked.and_then(|()| check::parse(&order, self.config.agent)) {
            Ok(received) => received,
            Err(refusal) => return answer(reply, Err(refusal)),
        };
        let run = received.run;
        let held = self.held.get_mut(&run);
        if let Some(waiting) = held.and_then(|held| held.waiting.as_mut()) {
            waiting.push(reply);
            return;
        }
        if let Some(status) = self.status.borrow().get(&run) {
            return answer(reply, Ok(Started::Duplicate(status.clone())));
        }
        if self.remembered.contains_key(&run) {
            let text = "This order was carried out or refused before, and is over.";
            return answer(reply, Err(Refusal::new(Code::Closed, text)));
        }
        if self.closed {
            return answer(reply, Err(Refusal::stopping()));
        }
        let known = self.status.borrow().len() + self.held.len() + self.remembered.len();
        if known >= RUNS_MAX {
            let text = format!("The agent remembers {RUNS_MAX} runs and takes no more for now.");
            return answer(reply, Err(Refusal::new(Code::Rate, text)));
        }
        let busy = self.held.len() >= self.config.running_max();
        let input = received.order.as_ref().ok().and_then(|o| o.input.clone());
        if let (Some(input), false) = (input, busy) {
            self.start_when_given(received, order, (clock, inputs), input);
            return answer(reply, Ok(Started::New));
        }
        self.hold(run, Some(vec![reply]));
        if !busy {
            // From here on a shim may come of it, so whoever asks what runs here has to hear of it; a refusal may still follow.
            self.show_state(run, State::Running);
        }
        let (config, folders) = (Arc::clone(&self.config), self.folders.clone());
        self.work.spawn_blocking(move || {
            let result = if busy {
                Err(refuse_busy(run, &config, &folders))
            } else {
                accept(&received, &order, &config, &folders, clock)
            };
            Some(Accepted { run, result })
        });
    }

    fn cancel(&self, run: RunId, force: bool) {
        let Some(held) = self.held.get(&run) else {
            return;
        };
        let cancel = if force { Cancel::Kill } else { Cancel::Term };
        held.desired.send_if_modified(|desired| {
            let rises = cancel > desired.cancel;
            desired.cancel = desired.cancel.max(cancel);
            rises
        });
    }

    fn read(
        &mut self,
        run: RunId,
        offset: u64,
        max: usize,
        reply: oneshot::Sender<Result<Vec<u8>, ReadError>>,
    ) {
        let spool_len = self
            .status
            .borrow()
            .get(&run)
            .map(|status| status.spool_len);
        let left = match spool_len {
            None => Err(ReadError::Unknown(run)),
            Some(spool_len) => spool_len
                .checked_sub(offset)
                .ok_or(ReadError::Offset { offset, spool_len }),
        };
        let left = match left {
            Ok(left) if left > 0 => left,
            Ok(_) => {
                reply.send(Ok(Vec::new())).ok(); // Asker gone.
                return;
            }
            Err(error) => {
                reply.send(Err(error)).ok(); // Asker gone.
                return;
            }
        };
        let len = usize::try_from(left).unwrap_or(max).min(max);
        let folders = self.folders.clone();
        self.work.spawn_blocking(move || {
            let read = folders.read(run, offset, len);
            let read = read.map_err(|source| ReadError::Io { run, source });
            reply.send(read).ok(); // Asker gone.
            None
        });
    }

    fn release(&mut self, run: RunId) {
        let Some(status) = self.status.borrow().get(&run).cloned() else {
            return;
        };
        match status.state {
            State::Running => {
                tracing::warn!(run.id = %run, "A running execution is not released.");
            }
            // It left nothing, and is remembered since it was refused.
            State::Refused(_) if self.remembered.contains_key(&run) => self.show(|shown| {
                shown.remove(&run);
            }),
            State::Refused(_) | State::Ended => {
                self.remembered.insert(run, forget_at_ms());
                self.show(|shown| {
                    shown.remove(&run);
                });
                self.let_go(run);
            }
        }
    }

    fn hold(&mut self, run: RunId, waiting: Option<Vec<Reply>>) -> watch::Receiver<Desired> {
        let desired = Desired {
            pause: self.paused,
            ..Desired::default()
        };
        let (desired, seen) = watch::channel(desired);
        let held = Held {
            desired,
            waiting,
            disk_full: false,
        };
        self.held.insert(run, held);
        seen
    }

    fn follow(&mut self, run: RunId, desired: watch::Receiver<Desired>, shim: Option<Shim>) {
        let follower = Follower {
            run,
            agent: self.config.agent,
            folder: self.folders.execution(run),
            desired,
            events: self.events_tx.clone(),
        };
        self.work.spawn(async move {
            follower.follow(shim).await;
            None
        });
    }

    fn done(&mut self, done: Result<Option<Accepted>, JoinError>) {
        match done {
            Ok(None) => {}
            Ok(Some(accepted)) => self.accepted(accepted),
            Err(error) => {
                if let Ok(panic) = error.try_into_panic() {
                    std::panic::resume_unwind(panic);
                }
            }
        }
    }

    /// Answers those who wait: the first brought the order, the others repeated it.
    fn accepted(&mut self, accepted: Accepted) {
        let Accepted { run, result } = accepted;
        let held = self.held.get_mut(&run);
        let Some(waiting) = held.and_then(|held| held.waiting.take()) else {
            return;
        };
        let state = match result {
            Ok(shim) => {
                let desired = held_desired(&self.held, run);
                self.follow(run, desired, Some(shim));
                State::Running
            }
            Err(refusal) => {
                self.held.remove(&run);
                self.remembered.insert(run, forget_at_ms());
                State::Refused(refusal)
            }
        };
        let status = self.show_state(run, state);
        let mut first = match &status.state {
            State::Refused(refusal) => Some(Err(refusal.clone())),
            State::Running | State::Ended => Some(Ok(Started::New)),
        };
        for reply in waiting {
            let again = || Ok(Started::Duplicate(status.clone()));
            answer(reply, first.take().unwrap_or_else(again));
        }
    }

    fn observe(&mut self, run: RunId, event: Event) {
        let Some(held) = self.held.get_mut(&run) else {
            return;
        };
        let (len, state) = match event {
            Event::Grew { len, full } => {
                held.disk_full = full;
                (len, State::Running)
            }
            Event::Ended { len } => {
                self.held.remove(&run);
                (len, State::Ended)
            }
            Event::NotBegun { full } => return self.not_begun(run, full),
        };
        let spool_full = self.is_full(run);
        self.show(|shown| {
            if let Some(status) = shown.get_mut(&run) {
                // A shim that is met again begins to tell from where it is.
                status.spool_len = status.spool_len.max(len);
                status.state = state;
                status.spool_full = spool_full;
            }
        });
    }

    /// Makes commands wait while more is held than may be, and lets them go on when it is less.
    fn press_back(&mut self) {
        let total: u64 = self
            .status
            .borrow()
            .values()
            .map(|status| status.spool_len)
            .sum();
        let pause = total > self.config.spool_total_bytes_max;
        if pause == self.paused {
            return;
        }
        self.paused = pause;
        for held in self.held.values() {
            held.desired.send_modify(|desired| desired.pause = pause);
        }
        let full: BTreeMap<_, _> = self
            .held
            .keys()
            .map(|&run| (run, self.is_full(run)))
            .collect();
        self.show(|shown| {
            for (run, full) in full {
                if let Some(status) = shown.get_mut(&run) {
                    status.spool_full = full;
                }
            }
        });
    }

    fn is_full(&self, run: RunId) -> bool {
        let held = self.held.get(&run);
        held.is_some_and(|held| self.paused || held.disk_full)
    }

    /// Forgets the runs whose time has come.
    fn prune(&mut self) {
        let now = wall_ms();
        let due: Vec<RunId> = self
            .remembered
            .extract_if(.., |_, forget_at| *forget_at <= now)
            .map(|(run, _)| run)
            .collect();
        // A refusal that nobody released goes with its memory.
        self.show(|shown| {
            for run in &due {
                shown.remove(run);
            }
        });
        let folders = self.folders.clone();
        self.work.spawn_blocking(move || {
            for run in due {
                folders.forget(run);
            }
            folders.refill();
            None
        });
    }

    /// Shows an execution of which nothing is in the spool yet.
    fn show_state(&self, run: RunId, state: State) -> Status {
        let status = Status {
            spool_len: 0,
            state,
            spool_full: self.is_full(run),
        };
        self.show(|shown| {
            shown.insert(run, status.clone());
        });
        status
    }

    fn show(&self, change: impl FnOnce(&mut BTreeMap<RunId, Status>)) {
        self.status.send_modify(change);
    }
}

fn held_desired(held: &BTreeMap<RunId, Held>, run: RunId) -> watch::Receiver<Desired> {
    held.get(&run).map_or_else(
        || watch::channel(Desired::default()).1,
        |held| held.desired.subscribe(),
    )
}

fn answer(reply: Reply, result: Result<Started, Refusal>) {
    reply.send(result).ok(); // Asker gone: the state is seen in the watch all the same.
}

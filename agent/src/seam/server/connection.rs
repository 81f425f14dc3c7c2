//! One connection of the link. Requests are handed to the executor in the order in which they came; answers go back as they come.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use shanty_certs::orders::NONCE_BYTES;
use shanty_core::ids::RunId;
use shanty_core::limits;
use shanty_core::refusal::Code;
use shanty_proto::v1;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use v1::from_executor::Kind as Said;
use v1::to_executor::Kind as Asked;

use crate::clock::since_boot;
use crate::executor::{
    ClockOffset, Handle, Inputs, Refusal, Request, Signed, SliceOrEnd, Started, Status, Wanted,
};
use crate::failure::printable;
use crate::link::wire as link;
use crate::policy::Told;
use crate::seam::pipe::{Pipe, Turn};
use crate::seam::wire;

/// Requests that are being answered at once; more are not read.
const AT_ONCE: usize = 64;

/// Inputs that may be asked for at once: as many as executions.
const WANTED_MAX: usize = crate::executor::RUNNING_MAX;

type Permit = mpsc::OwnedPermit<SliceOrEnd>;

/// What was waited for.
enum Done {
    /// An answer.
    Said(v1::FromExecutor),
    /// All that is held is known.
    Listed { id: u64 },
    /// Whether the controller said its time.
    Time { id: u64, clock: Option<ClockOffset> },
    /// There is room for a part of an input; none when it is not wanted any more.
    Room { wanted: u64, permit: Option<Permit> },
}

pub(super) struct Connection {
    executor: Handle,
    pipe: Pipe,
    held: watch::Receiver<BTreeMap<RunId, Status>>,
    policy: watch::Receiver<Told>,
    told: BTreeMap<RunId, Status>,
    /// What was drawn last, and when: whoever signs the time for it does so afterwards.
    nonce: Option<([u8; NONCE_BYTES], Duration)>,
    clock: Option<ClockOffset>,
    closed: bool,
    work: JoinSet<Done>,
    inputs: Inputs,
    wanted: mpsc::Receiver<Wanted>,
    last_wanted: u64,
    room: BTreeMap<u64, Permit>,
    /// For when the controller has signed its time.
    proven: CancellationToken,
}

impl Connection {
    pub(super) fn new(stream: UnixStream, executor: Handle, proven: CancellationToken) -> Self {
        let (inputs, wanted) = mpsc::channel(WANTED_MAX);
        Self {
            held: executor.watch(),
            policy: executor.policy(),
            executor,
            pipe: Pipe::new(stream),
            told: BTreeMap::new(),
            nonce: None,
            clock: None,
            closed: false,
            work: JoinSet::new(),
            inputs,
            wanted,
            last_wanted: 0,
            room: BTreeMap::new(),
            proven,
        }
    }

    /// Serves until the other end leaves, or does what it may not.
    pub(super) async fn run(mut self) -> io::Result<()> {
        self.introduce();
        self.tell();
        loop {
            let reads = self.work.len() < AT_ONCE && !self.pipe.is_full();
            let flushed = self.pipe.is_flushed();
            tokio::select! {
                turn = self.pipe.turn(reads) => match turn? {
                    Turn::Came(message) => self.hear(message).await?,
                    Turn::Sent => {}
                    Turn::Closed => return Ok(()),
                },
                Some(done) = self.work.join_next() => match done {
                    Ok(done) => self.done(done),
                    Err(error) => std::panic::resume_unwind(error.into_panic()),
                },
                Some(wanted) = self.wanted.recv() => self.want(wanted),
                Ok(()) = self.policy.changed() => self.introduce(),
                // A level: who reads slowly is told of fewer states on the way.
                changed = self.held.changed(), if flushed => match changed {
                    Ok(()) => self.tell(),
                    Err(_) => return Ok(()),
                },
            }
        }
    }

    async fn hear(&mut self, message: v1::ToExecutor) -> io::Result<()> {
        let id = message.id;
        match message.kind {
            // A kind that a newer link knows.
            None => {}
            Some(Asked::Start(start)) => self.start(id, start).await,
            Some(Asked::Cancel(cancel)) => {
                let (run, force) = (run(&cancel.run)?, cancel.force);
                self.executor.cancel(run, force).await;
                self.say(id, Said::Done(v1::Unit {}));
            }
            Some(Asked::Release(release)) => {
                self.executor.release(run(&release.run)?).await;
                self.say(id, Said::Done(v1::Unit {}));
            }
            Some(Asked::Read(read)) => self.read(id, &read).await?,
            Some(Asked::List(_)) => {
                let executor = self.executor.clone();
                self.work.spawn(async move {
                    executor.list().await;
                    Done::Listed { id }
                });
            }
            Some(Asked::Close(_)) => {
                self.closed = true;
                self.say(id, Said::Done(v1::Unit {}));
            }
            Some(Asked::Nonce(_)) => {
                let mut nonce = [0; NONCE_BYTES];
                getrandom::fill(&mut nonce).map_err(io::Error::other)?;
                self.nonce = Some((nonce, since_boot()));
                let bytes = nonce.to_vec();
                self.say(id, Said::Nonce(v1::Nonce { bytes }));
            }
            Some(Asked::OrderKeys(told)) => {
                let ids = self.executor.order_keys(link::keys_told(told)).await;
                self.say(id, Said::OrderKeys(v1::OrderKeysKnown { ids }));
            }
            Some(Asked::Time(time)) => self.time(id, time).await,
            Some(Asked::Part(part)) => self.part(part)?,
        }
        Ok(())
    }

    async fn start(&mut self, id: u64, start: v1::Start) {
        let refuse = |code, text: &str| {
            let refusal = Refusal {
                code,
                text: text.to_owned(),
            };
            Said::Started(wire::started(&start.run, Err(refusal)))
        };
        if self.closed {
            return self.say(id, refuse(Code::Stopping, "The agent is stopping."));
        }
        let Some(clock) = self.clock else {
            let text = "The controller has not signed its time for this link, so that nobody knows whether the order is still in time.";
            return self.say(id, refuse(Code::Agent, text));
        };
        let (reply, answer) = oneshot::channel();
        let request = Request::Start {
            order: Signed {
                order: start.order,
                sig: start.sig,
                key_id: start.key_id,
            },
            clock,
            inputs: Some(self.inputs.clone()),
            reply,
        };
        self.executor.ask(request).await;
        let run = start.run;
        self.work.spawn(async move {
            let answer: Result<Started, Refusal> = match answer.await {
                Ok(answer) => answer,
                Err(_) => Err(Refusal {
                    code: Code::Stopping,
                    text: "The executor is stopping.".to_owned(),
                }),
            };
            said(id, Said::Started(wire::started(&run, answer)))
        });
    }

    async fn read(&mut self, id: u64, read: &v1::ReadSpool) -> io::Result<()> {
        let max = usize::try_from(read.max).unwrap_or(usize::MAX);
        let (reply, answer) = oneshot::channel();
        let request = Request::Read {
            run: run(&read.run)?,
            offset: read.offset,
            max: max.min(limits::CHUNK_BYTES_MAX),
            reply,
        };
        self.executor.ask(request).await;
        self.work.spawn(async move {
            let mut piece = v1::Piece::default();
            match answer.await {
                Ok(Ok(bytes)) => piece.bytes = bytes,
                Ok(Err(error)) => piece.failed = shanty_core::causes::chain(&error),
                Err(_) => piece.failed = "the executor is stopping".to_owned(),
            }
            said(id, Said::Piece(piece))
        });
        Ok(())
    }

    /// A nonce is good once: the time that it proves cannot be set back with it.
    async fn time(&mut self, id: u64, time: v1::ControllerTime) {
        let drawn = self.nonce.take();
        let (nonce, at) = drawn.unwrap_or_else(|| ([0; NONCE_BYTES], since_boot()));
        let (reply, answer) = oneshot::channel();
        let request = Request::Time {
            nonce: nonce.to_vec(),
            now_ms: time.now_ms,
            sig: time.sig,
            reply,
        };
        self.executor.ask(request).await;
        self.work.spawn(async move {
            let signed = drawn.is_some() && answer.await.unwrap_or(false);
            let clock = signed.then(|| ClockOffset::since(time.now_ms, at));
            Done::Time { id, clock }
        });
    }

    fn part(&mut self, part: v1::InputPart) -> io::Result<()> {
        let unasked =
            || io::Error::new(io::ErrorKind::InvalidData, "it sends what nobody asked for");
        let permit = self.room.remove(&part.wanted).ok_or_else(unasked)?;
        if !part.failed.is_empty() {
            permit.send(Err(printable(&part.failed)));
        } else if !part.bytes.is_empty() {
            let slices = permit.send(Ok(part.bytes));
            self.make_room(part.wanted, slices);
        }
        // Otherwise the channel ends, and with it the input.
        Ok(())
    }

    fn want(&mut self, wanted: Wanted) {
        self.last_wanted += 1;
        let id = self.last_wanted;
        let run = wanted.run.to_string();
        self.say(0, Said::Wanted(v1::InputWanted { id, run }));
        self.make_room(id, wanted.slices);
    }

    fn make_room(&mut self, wanted: u64, slices: mpsc::Sender<SliceOrEnd>) {
        self.work.spawn(async move {
            let permit = slices.reserve_owned().await.ok();
            Done::Room { wanted, permit }
        });
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Said(message) => self.pipe.push(&message),
            Done::Listed { id } => {
                self.tell();
                self.say(id, Said::Done(v1::Unit {}));
            }
            Done::Time { id, clock } => {
                if clock.is_none() {
                    tracing::warn!("The link brought a time that the controller did not sign.");
                }
                if clock.is_some() {
                    self.proven.cancel();
                }
                self.clock = clock.or(self.clock);
                let nonce = Vec::new();
                // Whether it counts is seen by what is answered.
                let kind = match clock {
                    Some(_) => Said::Done(v1::Unit {}),
                    None => Said::Nonce(v1::Nonce { bytes: nonce }),
                };
                self.say(id, kind);
            }
            Done::Room { wanted, permit } => {
                let end = permit.is_none();
                self.room.extend(permit.map(|permit| (wanted, permit)));
                self.say(0, Said::More(v1::InputMore { wanted, end }));
            }
        }
    }

    fn introduce(&mut self) {
        let policy = self.policy.borrow_and_update().clone();
        let offers = self.executor.offers();
        let about = v1::About {
            run_as: offers.run_as,
            limits: offers.limits,
            version: crate::version::here().to_owned(),
            policy_mode: policy.mode,
            policy_digest: policy.digest,
            agent: self
                .executor
                .agent()
                .map_or_else(String::new, |agent| agent.to_string()),
        };
        self.say(0, Said::About(about));
    }

    fn tell(&mut self) {
        let held = self.held.borrow_and_update();
        for changes in wire::changes(&mut self.told, &held) {
            self.pipe.push(&v1::FromExecutor {
                id: 0,
                kind: Some(Said::Changes(changes)),
            });
        }
    }

    fn say(&mut self, id: u64, kind: Said) {
        let kind = Some(kind);
        self.pipe.push(&v1::FromExecutor { id, kind });
    }
}

fn said(id: u64, kind: Said) -> Done {
    let kind = Some(kind);
    Done::Said(v1::FromExecutor { id, kind })
}

fn run(text: &str) -> io::Result<RunId> {
    let invalid = |_| io::Error::new(io::ErrorKind::InvalidData, "it names a run that is no id");
    text.parse().map_err(invalid)
}

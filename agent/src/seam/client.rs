//! The link's end: looks like the executor itself. When the executor is gone it is looked for until it is there again; what was asked and
//! can be asked twice is asked again, and nobody is told that an order is refused that may have been accepted.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use shanty_core::causes::chain;
use shanty_core::ids::{AgentId, RunId};
use shanty_proto::v1;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;
use v1::from_executor::Kind as Said;
use v1::to_executor::Kind as Asked;

use super::pipe::{Pipe, Turn};
use super::wire;
use crate::executor::{
    Handle, Inputs, Offers, ReadError, Refusal, Request, SliceOrEnd, Started, Status, Wanted,
};
use crate::link::wire as link;
use crate::policy::Told;

/// Requests that wait for their answers; more wait for a place.
const WAITING_MAX: usize = 64;

/// Between two tries to reach the executor: it is a file on this machine.
const AGAIN: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// Somebody who waits for an answer.
enum Reply {
    Start(oneshot::Sender<Result<Started, Refusal>>),
    Read(oneshot::Sender<Result<Vec<u8>, ReadError>>),
    Time(oneshot::Sender<bool>),
    List(oneshot::Sender<BTreeMap<RunId, Status>>),
    Close(oneshot::Sender<()>),
    Nonce(oneshot::Sender<Vec<u8>>),
    Keys(oneshot::Sender<Vec<String>>),
    /// Nobody, and it has to be done.
    Nobody,
}

impl Reply {
    /// Whether it is asked again of an executor that was gone. An order is not: the link that brought it ends, and the next one is told by
    /// the executor what became of it.
    const fn is_asked_again(&self) -> bool {
        match self {
            Self::List(_) | Self::Close(_) | Self::Nonce(_) | Self::Keys(_) | Self::Nobody => true,
            Self::Start(_) | Self::Read(_) | Self::Time(_) => false,
        }
    }

    fn is_closed(&self) -> bool {
        match self {
            Self::Start(reply) => reply.is_closed(),
            Self::Read(reply) => reply.is_closed(),
            Self::Time(reply) => reply.is_closed(),
            Self::List(reply) => reply.is_closed(),
            Self::Close(reply) => reply.is_closed(),
            Self::Nonce(reply) => reply.is_closed(),
            Self::Keys(reply) => reply.is_closed(),
            Self::Nobody => true,
        }
    }
}

/// A part of an input that came, or the end of it.
struct Came {
    wanted: u64,
    slices: mpsc::Receiver<SliceOrEnd>,
    part: Option<SliceOrEnd>,
}

struct Client {
    path: PathBuf,
    requests: mpsc::Receiver<Request>,
    held: watch::Sender<BTreeMap<RunId, Status>>,
    present: watch::Sender<Option<u64>>,
    /// Connections that there have been.
    sessions: u64,
    policy: watch::Sender<Told>,
    agent: watch::Sender<Option<AgentId>>,
    offers: watch::Sender<Offers>,
    last: u64,
    waiting: BTreeMap<u64, (Asked, Reply)>,
    /// They get no answer, and leave by themselves.
    unanswered: Vec<Reply>,
    /// Where the link that is up fetches inputs.
    inputs: Option<Inputs>,
}

/// What belongs to one connection.
struct Session {
    pipe: Pipe,
    /// As told so far; shown when it is whole.
    held: BTreeMap<RunId, Status>,
    coming: BTreeMap<u64, mpsc::Receiver<SliceOrEnd>>,
    parts: JoinSet<Came>,
}

/// A handle of the executor behind this socket, and what keeps the connection while it is polled; it ends when the last handle is dropped.
pub fn connect(path: PathBuf) -> (Handle, impl Future<Output = ()> + Send + 'static) {
    let (tx, requests) = mpsc::channel(1);
    let (held, watch) = watch::channel(BTreeMap::new());
    let (present, here) = watch::channel(None);
    let (policy, told) = watch::channel(Told::default());
    let (agent, who) = watch::channel(None);
    let (offers, offered) = watch::channel(Offers::default());
    let client = Client {
        path,
        requests,
        held,
        present,
        sessions: 0,
        policy,
        agent,
        offers,
        last: 0,
        waiting: BTreeMap::new(),
        unanswered: Vec::new(),
        inputs: None,
    };
    (
        Handle::remote(tx, watch, here, told, who, offered),
        client.run(),
    )
}

impl Client {
    async fn run(mut self) {
        let mut again = AGAIN.0;
        let mut missed = false;
        loop {
            let why = match UnixStream::connect(&self.path).await {
                Ok(socket) => match self.serve(socket).await {
                    Ok(()) => return,
                    Err(error) => error,
                },
                Err(error) => error,
            };
            if self.present.send_replace(None).is_some() {
                (again, missed) = (AGAIN.0, false);
            }
            if !missed {
                missed = true;
                tracing::warn!(socket = %self.path.display(), "The executor is not there, and is waited for: {}. Is `shanty-agent executor` running?", chain(&why));
            }
            self.lose();
            if !self.wait(again).await {
                return;
            }
            again = (again * 2).min(AGAIN.1);
        }
    }

    /// Waits, and takes what is asked meanwhile; false when nobody asks any more.
    async fn wait(&mut self, time: Duration) -> bool {
        let mut pause = std::pin::pin!(sleep(time));
        loop {
            let room = self.waiting.len() < WAITING_MAX;
            tokio::select! {
                () = &mut pause => return true,
                request = self.requests.recv(), if room => match request {
                    Some(request) => {
                        self.keep(request);
                        self.lose();
                    }
                    None => return false,
                },
            }
        }
    }

    /// What is not asked again is not answered either.
    fn lose(&mut self) {
        self.unanswered.retain(|reply| !reply.is_closed());
        let lost = self
            .waiting
            .extract_if(.., |_, (_, reply)| !reply.is_asked_again());
        self.unanswered.extend(lost.map(|(_, (_, reply))| reply));
    }

    /// Serves one connection to its end; no error when nobody asks any more.
    async fn serve(&mut self, socket: UnixStream) -> io::Result<()> {
        self.sessions += 1;
        let mut session = Session {
            pipe: Pipe::new(socket),
            held: BTreeMap::new(),
            coming: BTreeMap::new(),
            parts: JoinSet::new(),
        };
        for (id, (asked, _)) in &self.waiting {
            session.ask(*id, asked.clone());
        }
        loop {
            let room = self.waiting.len() < WAITING_MAX && !session.pipe.is_full();
            tokio::select! {
                turn = session.pipe.turn(true) => match turn? {
                    Turn::Came(message) => self.hear(&mut session, message)?,
                    Turn::Sent => {}
                    Turn::Closed => return Err(io::ErrorKind::UnexpectedEof.into()),
                },
                request = self.requests.recv(), if room => match request {
                    Some(request) => {
                        if let Some((id, asked)) = self.keep(request) {
                            session.ask(id, asked);
                        }
                    }
                    None => return Ok(()),
                },
                Some(Ok(came)) = session.parts.join_next() => session.pass_on(came),
            }
        }
    }

    /// Keeps who waits, and gives what is asked.
    fn keep(&mut self, request: Request) -> Option<(u64, Asked)> {
        let (asked, reply) = match request {
            Request::Start {
                order,
                clock: _,
                inputs,
                reply,
            } => {
                self.inputs = inputs.or_else(|| self.inputs.take());
                let start = v1::Start {
                    // Only for the answer: what runs stands in the order.
                    run: String::new(),
                    order: order.order,
                    sig: order.sig,
                    key_id: order.key_id,
                };
                (Asked::Start(start), Reply::Start(reply))
            }
            Request::Cancel { run, force } => {
                let run = run.to_string();
                (Asked::Cancel(v1::Cancel { run, force }), Reply::Nobody)
            }
            Request::Release { run } => {
                let run = run.to_string();
                (Asked::Release(v1::Release { run }), Reply::Nobody)
            }
            Request::Read {
                run,
                offset,
                max,
                reply,
            } => {
                let read = v1::ReadSpool {
                    run: run.to_string(),
                    offset,
                    max: max as u64,
                };
                (Asked::Read(read), Reply::Read(reply))
            }
            Request::List { reply } => (Asked::List(v1::Unit {}), Reply::List(reply)),
            Request::Close { reply } => (Asked::Close(v1::Unit {}), Reply::Close(reply)),
            Request::Nonce { reply } => (Asked::Nonce(v1::Unit {}), Reply::Nonce(reply)),
            Request::Keys { told, reply } => {
                (Asked::OrderKeys(link::keys(told)), Reply::Keys(reply))
            }
            Request::Time {
                nonce: _,
                now_ms,
                sig,
                reply,
            } => {
                let time = v1::ControllerTime { now_ms, sig };
                (Asked::Time(time), Reply::Time(reply))
            }
            // Only what stands in its own folder counts.
            Request::Learn { .. } => return None,
        };
        self.last += 1;
        self.waiting.insert(self.last, (asked.clone(), reply));
        Some((self.last, asked))
    }

    fn hear(&mut self, session: &mut Session, message: v1::FromExecutor) -> io::Result<()> {
        match message.kind {
            // A kind that a newer executor knows.
            None => Ok(()),
            Some(Said::About(about)) => {
                if self.present.borrow().is_none() {
                    tracing::info!(version = about.version, "The executor is there.");
                }
                self.agent.send_replace(about.agent.parse().ok());
                self.offers.send_replace(Offers {
                    run_as: about.run_as,
                    limits: about.limits,
                });
                self.policy.send_replace(Told {
                    mode: about.policy_mode,
                    digest: about.policy_digest,
                });
                Ok(())
            }
            Some(Said::Changes(changes)) => {
                if !wire::take(&changes, &mut session.held) {
                    return Err(senseless());
                }
                if changes.whole {
                    self.held.send_replace(session.held.clone());
                    let session = Some(self.sessions);
                    self.present
                        .send_if_modified(|now| std::mem::replace(now, session) != session);
                }
                Ok(())
            }
            Some(Said::Wanted(wanted)) => self.want(session, &wanted),
            Some(Said::More(more)) => {
                session.more(&more);
                Ok(())
            }
            Some(
                kind @ (Said::Done(_)
                | Said::Started(_)
                | Said::Piece(_)
                | Said::Nonce(_)
                | Said::OrderKeys(_)),
            ) => {
                let (_, reply) = self.waiting.remove(&message.id).ok_or_else(senseless)?;
                self.answer(reply, kind)
            }
        }
    }

    /// Gives an answer to whoever waits; who has left does not want it.
    fn answer(&self, reply: Reply, kind: Said) -> io::Result<()> {
        match (reply, kind) {
            (Reply::Start(reply), Said::Started(started)) => {
                let answer = wire::answer(started).ok_or_else(senseless)?;
                drop(reply.send(answer));
            }
            (Reply::Read(reply), Said::Piece(piece)) => {
                let failed = !piece.failed.is_empty();
                let answer = if failed {
                    Err(ReadError::Said(piece.failed))
                } else {
                    Ok(piece.bytes)
                };
                drop(reply.send(answer));
            }
            (Reply::Nonce(reply), Said::Nonce(nonce)) => drop(reply.send(nonce.bytes)),
            (Reply::Keys(reply), Said::OrderKeys(known)) => drop(reply.send(known.ids)),
            (Reply::Time(reply), Said::Done(_)) => drop(reply.send(true)),
            (Reply::Time(reply), Said::Nonce(_)) => drop(reply.send(false)),
            (Reply::List(reply), Said::Done(_)) => drop(reply.send(self.held.borrow().clone())),
            (Reply::Close(reply), Said::Done(_)) => drop(reply.send(())),
            (Reply::Nobody, Said::Done(_)) => {}
            _ => return Err(senseless()),
        }
        Ok(())
    }

    /// Asks the link for an input. Without one that is up, nothing comes.
    fn want(&self, session: &mut Session, wanted: &v1::InputWanted) -> io::Result<()> {
        let run = wanted.run.parse().map_err(|_| senseless())?;
        let (slices, coming) = mpsc::channel(1);
        let asked = Wanted { run, slices };
        let sent = self.inputs.as_ref().map(|inputs| inputs.try_send(asked));
        if !matches!(sent, Some(Ok(()))) {
            tracing::warn!(run.id = %run, "There is no link that would bring what a command is given.");
        }
        session.coming.insert(wanted.id, coming);
        Ok(())
    }
}

impl Session {
    fn ask(&mut self, id: u64, asked: Asked) {
        let kind = Some(asked);
        self.pipe.push(&v1::ToExecutor { id, kind });
    }

    fn more(&mut self, more: &v1::InputMore) {
        let Some(slices) = self.coming.remove(&more.wanted) else {
            return;
        };
        if !more.end {
            self.wait_for(more.wanted, slices);
        }
    }

    fn wait_for(&mut self, wanted: u64, mut slices: mpsc::Receiver<SliceOrEnd>) {
        self.parts.spawn(async move {
            let part = slices.recv().await;
            Came {
                wanted,
                slices,
                part,
            }
        });
    }

    fn pass_on(&mut self, came: Came) {
        let mut part = v1::InputPart {
            wanted: came.wanted,
            ..v1::InputPart::default()
        };
        match came.part {
            // An empty one would be the end.
            Some(Ok(bytes)) if bytes.is_empty() => {
                return self.wait_for(came.wanted, came.slices);
            }
            Some(Ok(bytes)) => {
                part.bytes = bytes;
                self.coming.insert(came.wanted, came.slices);
            }
            Some(Err(why)) => part.failed = why,
            None => {}
        }
        self.ask(0, Asked::Part(part));
    }
}

fn senseless() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the executor makes no sense")
}

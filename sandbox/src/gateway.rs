//! The gateway edge: one task per WebSocket, Discord's opcodes and close codes.
//!
//! What is sent to whom, and what a resume replays, is in `world::sessions`; how it looks on the wire in `wire`. A connection
//! only carries it.

use std::collections::VecDeque;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::model::budget::Taken;
use crate::sandbox::Sandbox;
use crate::world::World;
use crate::world::sessions::{Control, Resumed, Terms};

mod close;
mod identify;
mod members;
mod wire;

use identify::{Identify, Refused, Resume, read_presence};
use members::publish_members;
pub(crate) use wire::Contexts;
use wire::{Compressing, Gone, Seat, Wire};

/// Bytes of a client's frame.
const FRAME_MAX: usize = 4096;
/// Frames that a client may send per minute.
const SENDS_MAX: usize = 120;
const SENDS_WINDOW: Duration = Duration::from_secs(60);

/// Bytes that a connection reads at once. Clients say little, and thousands of idle ones must not cost much.
const READ_BUFFER: usize = 4096;
/// Bytes of a message that is read at all; it is longer than what is accepted, so that the client learns why.
const MESSAGE_MAX: usize = 64 * 1024;

/// The upgrade with buffers of the gateway's size.
pub(crate) fn sized(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade
        .read_buffer_size(READ_BUFFER)
        .max_message_size(MESSAGE_MAX)
        .max_frame_size(MESSAGE_MAX)
}

/// Serves one connection until it ends.
pub(crate) async fn serve(
    sandbox: Sandbox,
    contexts: Contexts,
    socket: WebSocket,
    query: Vec<(String, String)>,
) {
    let interval = Duration::from_millis(sandbox.options.heartbeat_interval_ms.max(1));
    let patience = sandbox.options.patience;
    let number = sandbox.world().sessions.number();
    let (seat, refused) = match Compressing::read(&query).map(|asked| contexts.seat(asked)) {
        Ok(Some(seat)) => (seat, None),
        Ok(None) => (Seat::plain(), Some(close::UNKNOWN)),
        Err(code) => (Seat::plain(), Some(code)),
    };
    let wire = Wire::new(socket, seat);
    let mut connection = Connection {
        sandbox,
        evicted: wire.evicted(),
        wire,
        number,
        bound: None,
        heartbeat_due: Instant::now() + interval + interval / 2,
        identify_due: Instant::now() + patience,
        interval,
        sent_by_client: VecDeque::new(),
    };
    let ended = match refused {
        None => connection.run().await,
        Some(code) => Ended::ByUs(code),
    };
    connection.finish(ended).await;
}

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    /// We close with this code.
    ByUs(u16),
    /// The client closed in good order and does not come back.
    ByClientForGood,
    /// It broke, or the client means to resume.
    Broken,
    /// We let it break.
    Dropped,
}

struct Bound {
    session: String,
    cursor: u64,
    /// There is more to send than was asked for at once.
    more: bool,
    woken: watch::Receiver<u64>,
}

struct Connection {
    sandbox: Sandbox,
    wire: Wire,
    evicted: CancellationToken,
    number: u64,
    bound: Option<Bound>,
    heartbeat_due: Instant,
    /// Until when it must have a session: heartbeats alone keep no connection open.
    identify_due: Instant,
    interval: Duration,
    sent_by_client: VecDeque<Instant>,
}

impl Connection {
    async fn run(&mut self) -> Ended {
        let millis = u64::try_from(self.interval.as_millis()).unwrap_or(u64::MAX);
        let hello = json!({"heartbeat_interval": millis, "_trace": []});
        if let Err(gone) = self.wire.send(control_frame(10, hello)).await {
            return gone.into();
        }
        loop {
            let step = tokio::select! {
                // A heartbeat that has arrived counts, even when sending kept us from reading it in time.
                biased;
                // All can be dropped at any point without losing anything.
                () = self.sandbox.shutdown.cancelled() => Err(Ended::ByUs(close::GOING_AWAY)),
                received = self.wire.receive() => self.received(received).await,
                () = sleep_until(self.heartbeat_due) => Err(Ended::ByUs(close::TIMED_OUT)),
                () = sleep_until(self.identify_due), if self.bound.is_none() => {
                    Err(Ended::ByUs(close::TIMED_OUT))
                }
                () = self.evicted.cancelled() => Err(Ended::ByUs(close::UNKNOWN)),
                () = woken(&mut self.bound) => self.deliver().await,
            };
            if let Err(ended) = step {
                return ended;
            }
        }
    }

    async fn received(
        &mut self,
        received: Option<Result<Message, axum::Error>>,
    ) -> Result<(), Ended> {
        let text = match received {
            None => return Err(Ended::Broken),
            // Not a WebSocket frame, or far too large: if the client is still there, it learns so.
            Some(Err(_)) => return Err(Ended::ByUs(close::DECODE_ERROR)),
            Some(Ok(Message::Close(frame))) => {
                let for_good = frame.is_some_and(|frame| matches!(frame.code, 1000 | 1001));
                return Err(if for_good {
                    Ended::ByClientForGood
                } else {
                    Ended::Broken
                });
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Ok(()),
            Some(Ok(Message::Text(text))) => Bytes::from(text),
            Some(Ok(Message::Binary(bytes))) => bytes,
        };
        self.count_send()?;
        if text.len() > FRAME_MAX {
            return Err(Ended::ByUs(close::DECODE_ERROR));
        }
        let frame: Value =
            serde_json::from_slice(&text).map_err(|_| Ended::ByUs(close::DECODE_ERROR))?;
        let op = frame
            .get("op")
            .and_then(Value::as_u64)
            .ok_or(Ended::ByUs(close::DECODE_ERROR))?;
        let d = frame.get("d").unwrap_or(&Value::Null);
        match op {
            1 => self.heartbeat().await,
            2 => self.identify(d).await,
            6 => self.resume(d).await,
            3 if self.bound.is_some() => self.update_presence(d),
            4 | 31 | 43 if self.bound.is_some() => Ok(()),
            8 if self.bound.is_some() => self.request_members(d).await,
            3 | 4 | 8 | 31 | 43 => Err(Ended::ByUs(close::NOT_AUTHENTICATED)),
            _ => Err(Ended::ByUs(close::UNKNOWN_OP)),
        }
    }

    fn count_send(&mut self) -> Result<(), Ended> {
        let now = Instant::now();
        while self
            .sent_by_client
            .front()
            .is_some_and(|at| now.duration_since(*at) >= SENDS_WINDOW)
        {
            self.sent_by_client.pop_front();
        }
        self.sent_by_client.push_back(now);
        if self.sent_by_client.len() > SENDS_MAX {
            Err(Ended::ByUs(close::RATE_LIMITED))
        } else {
            Ok(())
        }
    }

    async fn heartbeat(&mut self) -> Result<(), Ended> {
        self.heartbeat_due = Instant::now() + self.interval + self.interval / 2;
        Ok(self.wire.send(control_frame(11, Value::Null)).await?)
    }

    async fn identify(&mut self, d: &Value) -> Result<(), Ended> {
        if self.bound.is_some() {
            return Err(Ended::ByUs(close::ALREADY_AUTHENTICATED));
        }
        let Some(bound) = self.open_session(d)? else {
            // Too soon after the last one; the client waits and identifies again.
            self.identify_due = Instant::now() + self.sandbox.options.patience;
            return Ok(self.wire.send(control_frame(9, json!(false))).await?);
        };
        self.wire.identified();
        self.bound = Some(bound);
        self.deliver().await
    }

    /// A new session, or none if the client has to wait.
    fn open_session(&mut self, d: &Value) -> Result<Option<Bound>, Ended> {
        let mut world = self.sandbox.world();
        let now_ms = world.now_ms();
        let (token, granted) = (
            &world.application.token,
            world.application.privileged_intents,
        );
        let Identify { terms, compress } =
            Identify::read(d, token, granted, now_ms).map_err(closing)?;
        match world.budget.take(now_ms) {
            Taken::Granted => {}
            Taken::TooSoon => return Ok(None),
            Taken::Exceeded => {
                reset_token(&mut world);
                return Err(Ended::ByUs(close::AUTHENTICATION_FAILED));
            }
        }
        if compress {
            self.wire.compress_payloads();
        }
        let session = crate::token::session();
        let woken = begin_session(&mut world, &session, self.number, terms);
        Ok(Some(Bound {
            session,
            cursor: 0,
            more: false,
            woken,
        }))
    }

    fn update_presence(&self, d: &Value) -> Result<(), Ended> {
        let mut world = self.sandbox.world();
        let presence = read_presence(d, world.now_ms()).map_err(closing)?;
        if let Some(bound) = &self.bound {
            world.sessions.say_presence(&bound.session, presence);
            world.presence_may_have_changed();
        }
        Ok(())
    }

    async fn resume(&mut self, d: &Value) -> Result<(), Ended> {
        if self.bound.is_some() {
            return Err(Ended::ByUs(close::ALREADY_AUTHENTICATED));
        }
        let resumed = {
            let mut world = self.sandbox.world();
            let Resume { session, seq } =
                Resume::read(d, &world.application.token).map_err(closing)?;
            let now_ms = world.now_ms();
            match world.sessions.resume(&session, self.number, seq, now_ms) {
                Resumed::Yes(woken) => {
                    world.traffic.resumes = world.traffic.resumes.saturating_add(1);
                    world.publish_to(&session, "RESUMED", &json!({"_trace": []}));
                    world.presence_may_have_changed();
                    world.bump();
                    Some(Bound {
                        session,
                        cursor: seq,
                        more: false,
                        woken,
                    })
                }
                Resumed::Unknown => {
                    world.traffic.invalid_sessions =
                        world.traffic.invalid_sessions.saturating_add(1);
                    None
                }
                Resumed::FromTheFuture => return Err(Ended::ByUs(close::INVALID_SEQ)),
            }
        };
        if resumed.is_none() {
            // The client may identify on this same connection.
            self.identify_due = Instant::now() + self.sandbox.options.patience;
            return Ok(self.wire.send(control_frame(9, json!(false))).await?);
        }
        self.wire.identified();
        self.bound = resumed;
        self.deliver().await
    }

    async fn request_members(&mut self, d: &Value) -> Result<(), Ended> {
        let Some(bound) = &self.bound else {
            return Ok(());
        };
        let session = bound.session.clone();
        let limited = self.sandbox.options.limits;
        publish_members(&mut self.sandbox.world(), &session, d, limited);
        self.deliver().await
    }

    /// Sends everything that the session has and the client has not.
    async fn deliver(&mut self) -> Result<(), Ended> {
        let Some(bound) = &mut self.bound else {
            return Ok(());
        };
        bound.woken.mark_unchanged();
        let due = self
            .sandbox
            .world()
            .sessions
            .due(&bound.session, self.number, bound.cursor);
        if due.lost {
            return Err(Ended::ByUs(close::UNKNOWN));
        }
        bound.cursor = due.cursor;
        bound.more = due.more;
        for frame in due.frames {
            self.wire.feed(frame.text()).await?;
        }
        for control in due.controls {
            match control {
                Control::Send(frame) => self.wire.feed(frame).await?,
                Control::Close(code) => {
                    self.wire.flush().await?;
                    return Err(Ended::ByUs(code));
                }
                Control::Drop => {
                    self.wire.flush().await?;
                    return Err(Ended::Dropped);
                }
            }
        }
        Ok(self.wire.flush().await?)
    }

    async fn finish(self, ended: Ended) {
        if let Some(bound) = &self.bound {
            let mut world = self.sandbox.world();
            let now_ms = world.now_ms();
            if ended == Ended::ByClientForGood {
                world.sessions.end(&bound.session, self.number);
            } else {
                world.sessions.detach(&bound.session, self.number, now_ms);
            }
            world.presence_may_have_changed();
            world.bump();
        }
        let code = match ended {
            Ended::ByUs(code) => Some(code),
            Ended::ByClientForGood | Ended::Broken | Ended::Dropped => None,
        };
        self.wire.finish(code).await;
    }
}

/// Opens a session for a connection and queues its first events.
fn begin_session(world: &mut World, id: &str, number: u64, terms: Terms) -> watch::Receiver<u64> {
    let now_ms = world.now_ms();
    world.traffic.identifies = world.traffic.identifies.saturating_add(1);
    let woken = world
        .sessions
        .open(id.to_owned(), number, terms.clone(), now_ms);
    world.welcome(id, &terms);
    world.presence_may_have_changed();
    world.bump();
    woken
}

/// What Discord does to a bot that identified too often: its sessions end, and its token is worth nothing.
fn reset_token(world: &mut World) {
    world.application.token = crate::token::bot(world.application.id);
    world
        .sessions
        .control(&Control::Close(close::AUTHENTICATION_FAILED));
    world.sessions.forget_all();
    world.structure_changed();
}

/// Waits until the session has something to say; forever without one.
async fn woken(bound: &mut Option<Bound>) {
    match bound {
        Some(Bound { more: true, .. }) => {}
        // An error means that the session is gone; looking for what is due then tells so.
        Some(bound) => bound.woken.changed().await.unwrap_or_default(),
        None => std::future::pending().await,
    }
}

const fn closing(refused: Refused) -> Ended {
    Ended::ByUs(refused.0)
}

impl From<Gone> for Ended {
    fn from(Gone: Gone) -> Self {
        Self::Broken
    }
}

/// A frame that is no event.
fn control_frame(op: u64, d: Value) -> String {
    json!({"t": null, "s": null, "op": op, "d": d}).to_string()
}

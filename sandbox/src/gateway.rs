//! The gateway edge: one task per WebSocket, Discord's opcodes and close codes.
//!
//! What is sent to whom, and what a resume replays, is in `session`; a connection only carries it. `compress` is accepted
//! and answered with text frames.

use std::collections::VecDeque;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use crate::world::Sandbox;

mod identify;
mod ready;
pub(crate) mod session;

use identify::{Identify, Refused, Resume};
use session::{Control, Resumed};

/// Bytes of a client's frame.
const FRAME_MAX: usize = 4096;
/// Frames that a client may send per minute.
const SENDS_MAX: usize = 120;
const SENDS_WINDOW: Duration = Duration::from_secs(60);
/// How long a client may take to read one frame.
const SEND_TIMEOUT: Duration = Duration::from_secs(20);

const UNKNOWN_OP: u16 = 4001;
const DECODE_ERROR: u16 = 4002;
const NOT_AUTHENTICATED: u16 = 4003;
const ALREADY_AUTHENTICATED: u16 = 4005;
const RATE_LIMITED: u16 = 4008;
const TIMED_OUT: u16 = 4009;
const INVALID_VERSION: u16 = 4012;

/// Serves one connection until it ends.
pub(crate) async fn serve(sandbox: Sandbox, socket: WebSocket, query: Vec<(String, String)>) {
    let interval = Duration::from_millis(sandbox.options.heartbeat_interval_ms.max(1));
    let number = sandbox.world().sessions.number();
    let mut connection = Connection {
        sandbox,
        socket,
        number,
        bound: None,
        heartbeat_due: Instant::now() + interval + interval / 2,
        interval,
        sent_by_client: VecDeque::new(),
    };
    let ended = match check_query(&query) {
        Ok(()) => connection.run().await,
        Err(code) => Ended::ByUs(code),
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
    woken: watch::Receiver<u64>,
}

struct Connection {
    sandbox: Sandbox,
    socket: WebSocket,
    number: u64,
    bound: Option<Bound>,
    heartbeat_due: Instant,
    interval: Duration,
    sent_by_client: VecDeque<Instant>,
}

impl Connection {
    async fn run(&mut self) -> Ended {
        let millis = u64::try_from(self.interval.as_millis()).unwrap_or(u64::MAX);
        let hello = json!({"t": null, "s": null, "op": 10, "d": {"heartbeat_interval": millis, "_trace": []}});
        if let Err(ended) = self.send(hello.to_string().into()).await {
            return ended;
        }
        loop {
            let step = tokio::select! {
                // All three can be dropped at any point without losing anything.
                received = self.socket.recv() => self.received(received).await,
                () = woken(&mut self.bound) => self.deliver().await,
                () = sleep_until(self.heartbeat_due) => Err(Ended::ByUs(TIMED_OUT)),
                () = self.sandbox.shutdown.cancelled() => Err(Ended::ByUs(1001)),
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
            None | Some(Err(_)) => return Err(Ended::Broken),
            Some(Ok(Message::Close(frame))) => {
                let for_good = frame.is_some_and(|frame| matches!(frame.code, 1000 | 1001));
                return Err(if for_good {
                    Ended::ByClientForGood
                } else {
                    Ended::Broken
                });
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Ok(()),
            Some(Ok(Message::Text(text))) => text.as_bytes().to_vec(),
            Some(Ok(Message::Binary(bytes))) => bytes.to_vec(),
        };
        self.count_send()?;
        if text.len() > FRAME_MAX {
            return Err(Ended::ByUs(DECODE_ERROR));
        }
        let frame: Value = serde_json::from_slice(&text).map_err(|_| Ended::ByUs(DECODE_ERROR))?;
        let op = frame
            .get("op")
            .and_then(Value::as_u64)
            .ok_or(Ended::ByUs(DECODE_ERROR))?;
        let d = frame.get("d").unwrap_or(&Value::Null);
        match op {
            1 => self.heartbeat().await,
            2 => self.identify(d).await,
            6 => self.resume(d).await,
            3 | 4 | 31 | 43 if self.bound.is_some() => Ok(()),
            8 if self.bound.is_some() => self.request_members(d).await,
            3 | 4 | 8 | 31 | 43 => Err(Ended::ByUs(NOT_AUTHENTICATED)),
            _ => Err(Ended::ByUs(UNKNOWN_OP)),
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
            Err(Ended::ByUs(RATE_LIMITED))
        } else {
            Ok(())
        }
    }

    async fn heartbeat(&mut self) -> Result<(), Ended> {
        self.heartbeat_due = Instant::now() + self.interval + self.interval / 2;
        self.send(
            json!({"t": null, "s": null, "op": 11, "d": null})
                .to_string()
                .into(),
        )
        .await
    }

    async fn identify(&mut self, d: &Value) -> Result<(), Ended> {
        if self.bound.is_some() {
            return Err(Ended::ByUs(ALREADY_AUTHENTICATED));
        }
        let session = crate::token::session();
        let woken = {
            let mut world = self.sandbox.world();
            let Identify { intents, shard } =
                Identify::read(d, &world.application.token).map_err(closing)?;
            let now_ms = world.now_ms();
            world.traffic.identifies = world.traffic.identifies.saturating_add(1);
            let woken = world
                .sessions
                .open(session.clone(), self.number, intents, shard, now_ms);
            world.welcome(&session, intents, shard);
            world.bump();
            woken
        };
        self.bound = Some(Bound {
            session,
            cursor: 0,
            woken,
        });
        self.deliver().await
    }

    async fn resume(&mut self, d: &Value) -> Result<(), Ended> {
        if self.bound.is_some() {
            return Err(Ended::ByUs(ALREADY_AUTHENTICATED));
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
                    world.bump();
                    Some(Bound {
                        session,
                        cursor: seq,
                        woken,
                    })
                }
                Resumed::Unknown => {
                    world.traffic.invalid_sessions =
                        world.traffic.invalid_sessions.saturating_add(1);
                    None
                }
                Resumed::FromTheFuture => return Err(Ended::ByUs(4007)),
            }
        };
        if resumed.is_none() {
            // The client may identify on this same connection.
            return self
                .send(
                    json!({"t": null, "s": null, "op": 9, "d": false})
                        .to_string()
                        .into(),
                )
                .await;
        }
        self.bound = resumed;
        self.deliver().await
    }

    async fn request_members(&mut self, d: &Value) -> Result<(), Ended> {
        let Some(bound) = &self.bound else {
            return Ok(());
        };
        let session = bound.session.clone();
        self.sandbox.world().publish_members(&session, d);
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
            return Err(Ended::ByUs(4000));
        }
        bound.cursor = due.cursor;
        for frame in due.frames {
            self.send(frame).await?;
        }
        for control in due.controls {
            match control {
                Control::Send(frame) => self.send(frame.into()).await?,
                Control::Close(code) => return Err(Ended::ByUs(code)),
                Control::Drop => return Err(Ended::Dropped),
            }
        }
        Ok(())
    }

    async fn send(&mut self, frame: Utf8Bytes) -> Result<(), Ended> {
        match timeout(SEND_TIMEOUT, self.socket.send(Message::Text(frame))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Ended::Broken),
        }
    }

    async fn finish(mut self, ended: Ended) {
        if let Some(bound) = &self.bound {
            let mut world = self.sandbox.world();
            let now_ms = world.now_ms();
            if ended == Ended::ByClientForGood {
                world.sessions.forget(&bound.session);
            } else {
                world.sessions.detach(&bound.session, self.number, now_ms);
            }
            world.bump();
        }
        let closing = async {
            if let Ended::ByUs(code) = ended {
                let frame = CloseFrame {
                    code,
                    reason: reason(code).into(),
                };
                self.socket.send(Message::Close(Some(frame))).await.ok(); // client gone: nothing to tell
            }
            // Reading on sends our half of the goodbye, and lets the client see the code before the connection is gone.
            while let Some(Ok(_)) = self.socket.recv().await {}
        };
        timeout(Duration::from_secs(2), closing).await.ok(); // a silent client is dropped
    }
}

/// Waits until the session has something to say; forever without one.
async fn woken(bound: &mut Option<Bound>) {
    match bound {
        // An error means that the session is gone; looking for what is due then tells so.
        Some(bound) => bound.woken.changed().await.unwrap_or_default(),
        None => std::future::pending().await,
    }
}

const fn closing(refused: Refused) -> Ended {
    Ended::ByUs(refused.0)
}

fn check_query(query: &[(String, String)]) -> Result<(), u16> {
    let value = |name: &str| {
        query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    };
    if !matches!(value("v"), None | Some("9" | "10")) {
        return Err(INVALID_VERSION);
    }
    if matches!(value("encoding"), None | Some("json")) {
        Ok(())
    } else {
        Err(DECODE_ERROR)
    }
}

const fn reason(code: u16) -> &'static str {
    match code {
        UNKNOWN_OP => "Unknown opcode.",
        DECODE_ERROR => "Error while decoding payload.",
        NOT_AUTHENTICATED => "Not authenticated.",
        4004 => "Authentication failed.",
        ALREADY_AUTHENTICATED => "Already authenticated.",
        4007 => "Invalid `seq`.",
        RATE_LIMITED => "You are being rate limited.",
        TIMED_OUT => "Session timed out.",
        4010 => "Invalid shard.",
        INVALID_VERSION => "Invalid API version.",
        4013 => "Invalid intent(s).",
        4014 => "Disallowed intent(s).",
        1001 => "Going away.",
        _ => "Unknown error.",
    }
}

//! A Discord of a few lines for the tests of this edge: one that answers calls by script, and one whose gateway a test speaks for.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, Once};

use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::config::api::Api;
use crate::testing::within;

/// What `main` does at start.
pub(crate) fn install_tls() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok(); // Already there: as good.
    });
}

/// An address where nobody answers, for as long as this is kept: bound, so that no other test gets its port, and not listening.
pub(crate) struct Nobody {
    pub(crate) api: Api,
    _bound: TcpSocket,
}

impl Nobody {
    pub(crate) fn there() -> Self {
        let bound = TcpSocket::new_v4().unwrap();
        bound.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Self {
            api: api(bound.local_addr().unwrap()),
            _bound: bound,
        }
    }
}

/// What the REST side does with a call.
pub(crate) enum Reply {
    Answer(u16, Vec<(&'static str, String)>, String),
    Hang,
    /// The same as an answer, once this is so.
    Once(watch::Receiver<bool>, String),
    /// Closes the connection without a word.
    Cut,
    /// Closes it within the body.
    CutInBody,
}

/// A call as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) line: String,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

type Script = dyn Fn(usize, &Seen) -> Reply + Send + Sync;

/// A REST side that answers by script: the number of the call, from zero, and the call.
pub(crate) struct FakeRest {
    pub(crate) api: Api,
    seen: Arc<Mutex<Vec<Seen>>>,
    _running: JoinSet<()>,
}

impl FakeRest {
    pub(crate) async fn start(
        script: impl Fn(usize, &Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = api(listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let log = Arc::clone(&seen);
        let script: Arc<Script> = Arc::new(script);
        let mut running = JoinSet::new();
        running.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(converse(stream, Arc::clone(&log), Arc::clone(&script)));
            }
        });
        Self {
            api,
            seen,
            _running: running,
        }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn converse(mut stream: TcpStream, log: Arc<Mutex<Vec<Seen>>>, script: Arc<Script>) {
    while let Some(seen) = read_call(&mut stream).await {
        let number = {
            let mut log = log.lock().unwrap();
            log.push(seen.clone());
            log.len() - 1
        };
        match script(number, &seen) {
            Reply::Answer(status, headers, body) => {
                let mut text = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
                for (name, value) in headers {
                    text.push_str(&format!("{name}: {value}\r\n"));
                }
                text.push_str("\r\n");
                text.push_str(&body);
                stream.write_all(text.as_bytes()).await.unwrap();
            }
            Reply::Hang => std::future::pending().await,
            Reply::Once(mut so, body) => {
                so.wait_for(|so| *so).await.unwrap();
                let length = body.len();
                let text = format!("HTTP/1.1 200 X\r\ncontent-length: {length}\r\n\r\n{body}");
                stream.write_all(text.as_bytes()).await.unwrap();
            }
            Reply::Cut => return,
            Reply::CutInBody => {
                let text = "HTTP/1.1 200 X\r\ncontent-length: 100\r\n\r\n{";
                stream.write_all(text.as_bytes()).await.unwrap();
                return;
            }
        }
    }
}

async fn read_call(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    while bytes.len() < head_end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let text = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    Some(Seen {
        line: text.lines().next().unwrap_or_default().to_owned(),
        head: text,
        body: bytes[head_end..head_end + length].to_vec(),
    })
}

/// A Discord whose gateway connections are handed to the test.
pub(crate) struct FakeGateway {
    pub(crate) api: Api,
    pub(crate) address: SocketAddr,
    connections: mpsc::Receiver<Connection>,
    _running: JoinSet<()>,
}

/// The server's end of a gateway connection.
pub(crate) struct Connection(WebSocket);

#[derive(Clone)]
struct Shared {
    address: SocketAddr,
    remaining: u32,
    connections: mpsc::Sender<Connection>,
}

impl FakeGateway {
    pub(crate) async fn start(remaining: u32) -> Self {
        install_tls();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tx, connections) = mpsc::channel(16);
        let router = Router::new()
            .route("/api/v10/gateway/bot", get(gateway_bot))
            .route("/gateway/", get(upgrade))
            .with_state(Shared {
                address,
                remaining,
                connections: tx,
            });
        let mut running = JoinSet::new();
        running.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            api: api(address),
            address,
            connections,
            _running: running,
        }
    }

    pub(crate) async fn accept(&mut self) -> Connection {
        within("a gateway connection", self.connections.recv())
            .await
            .unwrap()
    }
}

async fn gateway_bot(State(shared): State<Shared>) -> Json<Value> {
    Json(json!({
        "url": format!("ws://{}/gateway", shared.address), "shards": 1,
        "session_start_limit": {"total": 1000, "remaining": shared.remaining, "reset_after": 60_000, "max_concurrency": 1},
    }))
}

async fn upgrade(State(shared): State<Shared>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async move |socket| {
        shared.connections.send(Connection(socket)).await.ok(); // The test is over.
    })
}

impl Connection {
    pub(crate) async fn send(&mut self, value: Value) {
        self.0.send(Message::text(value.to_string())).await.unwrap();
    }

    /// The next message that is not a heartbeat; none when the connection ended.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            match within("a message on the gateway", self.0.recv()).await? {
                Ok(Message::Text(text)) => {
                    let value: Value = serde_json::from_str(&text).unwrap();
                    if value["op"] != 1 {
                        return Some(value);
                    }
                }
                Ok(Message::Close(frame)) => {
                    return Some(json!({"close": frame.map(|frame| frame.code)}));
                }
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }

    /// Says hello and returns the identify or resume that follows.
    pub(crate) async fn greet(&mut self) -> Value {
        self.send(json!({"op": 10, "d": {"heartbeat_interval": 45_000}, "s": null, "t": null}))
            .await;
        self.next().await.unwrap()
    }

    pub(crate) async fn dispatch(&mut self, sequence: u64, kind: &str, data: Value) {
        self.send(json!({"op": 0, "s": sequence, "t": kind, "d": data}))
            .await;
    }

    pub(crate) async fn close(mut self, code: u16) {
        let frame = CloseFrame {
            code,
            reason: "".into(),
        };
        self.0.send(Message::Close(Some(frame))).await.unwrap();
        // The peer's own close, so that ours is not overtaken by a reset.
        within("the end of a gateway connection", self.0.recv()).await;
    }
}

fn api(address: SocketAddr) -> Api {
    format!("http://{address}").parse().unwrap()
}

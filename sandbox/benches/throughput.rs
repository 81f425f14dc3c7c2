//! How much the sandbox takes, so that it is not the bottleneck of what is measured with it.
//!
//! Edits of messages with no, one and three gateway sessions and somebody's view polled beside; slash commands until
//! their callback was taken; autocomplete. Prints a table; run it with
//! `cargo bench --package shanty-sandbox --bench throughput`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench stops where it fails, and its table is its result"
)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use shanty_sandbox::{Options, Ready, serve_with};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

/// How long each line of the table is measured.
const MEASURED: Duration = Duration::from_secs(5);
/// Keep-alive connections that edit at once.
const CONNECTIONS: usize = 8;
/// Interactions and autocompletes of one line.
const ROUNDS: u32 = 2000;

/// One keep-alive connection.
struct Client {
    sender: SendRequest<Full<Bytes>>,
    address: SocketAddr,
    token: String,
    _driving: JoinSet<hyper::Result<()>>,
}

impl Client {
    async fn connect(ready: &Ready) -> Self {
        let stream = TcpStream::connect(ready.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        let mut driving = JoinSet::new();
        driving.spawn(connection);
        Self {
            sender,
            address: ready.address,
            token: ready.bot_token.clone(),
            _driving: driving,
        }
    }

    async fn ask(&mut self, method: &str, path: &str, body: &Value) -> Value {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.address.to_string())
            .header("authorization", format!("Bot {}", self.token))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.to_string())));
        self.sender.ready().await.unwrap();
        let response = self.sender.send_request(request.unwrap()).await.unwrap();
        assert!(
            response.status().is_success(),
            "{path}: {}",
            response.status()
        );
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice(&bytes).unwrap_or(Value::Null)
    }
}

/// A bot that reads everything; gives interactions to `heard` when somebody wants them.
async fn listen(ready: Ready, logged_in: oneshot::Sender<()>, callbacks: bool) {
    let url = format!("ws://{}/gateway?v=10&encoding=json", ready.address);
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    let identify =
        json!({"op": 2, "d": {"token": ready.bot_token, "intents": 1 | 1 << 9, "properties": {}}});
    socket
        .send(Message::text(identify.to_string()))
        .await
        .unwrap();
    let mut client = Client::connect(&ready).await;
    let mut logged_in = Some(logged_in);
    while let Some(Ok(message)) = socket.next().await {
        let Message::Text(text) = message else {
            continue;
        };
        if text.contains("\"t\":\"GUILD_CREATE\"")
            && let Some(logged_in) = logged_in.take()
        {
            logged_in.send(()).unwrap();
        }
        if callbacks && text.contains("\"t\":\"INTERACTION_CREATE\"") {
            let frame: Value = serde_json::from_str(&text).unwrap();
            let (id, token) = (&frame["d"]["id"], &frame["d"]["token"]);
            let path = format!(
                "/api/v10/interactions/{}/{}/callback",
                id.as_str().unwrap(),
                token.as_str().unwrap()
            );
            let answer = if frame["d"]["type"] == 4 {
                json!({"type": 8, "data": {"choices": [{"name": "a", "value": "a"}]}})
            } else {
                json!({"type": 4, "data": {"content": "done"}})
            };
            client.ask("POST", &path, &answer).await;
        }
    }
}

async fn log_in(tasks: &mut JoinSet<()>, ready: &Ready, callbacks: bool) {
    let (logged_in, begun) = oneshot::channel();
    tasks.spawn(listen(ready.clone(), logged_in, callbacks));
    begun.await.unwrap();
}

/// Edits for a while over all connections; edits a second.
async fn edits(ready: &Ready, channel: &str, user: &str) -> f64 {
    let mut editing = JoinSet::new();
    let begun = Instant::now();
    for _ in 0..CONNECTIONS {
        let mut client = Client::connect(ready).await;
        let path = format!("/api/v10/channels/{channel}/messages");
        editing.spawn(async move {
            let made = client.ask("POST", &path, &json!({"content": "0"})).await;
            let path = format!("{path}/{}", made["id"].as_str().unwrap());
            let mut count = 0_u32;
            while begun.elapsed() < MEASURED {
                count += 1;
                let body = json!({"content": format!("line {count} of what a run prints, and some more of it")});
                client.ask("PATCH", &path, &body).await;
            }
            count
        });
    }
    let mut watcher = Client::connect(ready).await;
    let look = json!({"channel_id": channel, "user_id": user, "limit": 50});
    let mut watching = JoinSet::new();
    watching.spawn(async move {
        loop {
            watcher.ask("POST", "/sandbox/view", &look).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let total: u32 = editing.join_all().await.into_iter().sum();
    f64::from(total) / begun.elapsed().as_secs_f64()
}

fn percentiles(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    format!("p50 {:.2?}, p99 {:.2?}", at(50), at(99))
}

async fn measure(ready: Ready) {
    let mut client = Client::connect(&ready).await;
    let defaults = client.ask("POST", "/sandbox/defaults", &json!({})).await;
    let id = |key: &str| defaults[key].as_str().unwrap().to_owned();
    let (guild, channel, user) = (id("guild_id"), id("channel_id"), id("user_id"));
    println!("| what | figure |\n|---|---|");
    let mut bots = JoinSet::new();
    let mut sessions = 0;
    for wanted in [0, 1, 3] {
        while sessions < wanted {
            log_in(&mut bots, &ready, false).await;
            sessions += 1;
        }
        let rate = edits(&ready, &channel, &user).await;
        println!(
            "| edits a second, {CONNECTIONS} connections, {wanted} gateway sessions | {rate:.0} |"
        );
    }
    drop(bots);
    let mut bots = JoinSet::new();
    log_in(&mut bots, &ready, true).await;
    let commands = json!([{"name": "run", "description": "runs", "options": [
        {"type": 3, "name": "what", "description": "what", "autocomplete": true}
    ]}]);
    let path = format!(
        "/api/v10/applications/{}/guilds/{guild}/commands",
        ready.application_id
    );
    client.ask("PUT", &path, &commands).await;
    let place = json!({"guild_id": guild, "channel_id": channel, "user_id": user, "name": "run"});
    let begun = Instant::now();
    for _ in 0..ROUNDS {
        client.ask("POST", "/sandbox/slash", &place).await;
    }
    loop {
        let stats = client.ask("POST", "/sandbox/stats", &json!({})).await;
        if stats["acknowledgement"]["count"].as_u64() >= Some(u64::from(ROUNDS)) {
            let rate = f64::from(ROUNDS) / begun.elapsed().as_secs_f64();
            println!(
                "| slash commands a second, sent one by one until all are answered | {rate:.0} |"
            );
            break;
        }
    }
    let mut asked = place.clone();
    asked["options"] = json!([{"name": "what", "type": 3, "value": "a", "focused": true}]);
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let got = client.ask("POST", "/sandbox/autocomplete", &asked).await;
        assert_eq!(got["answered"], true);
        times.push(begun.elapsed());
    }
    println!(
        "| autocomplete, typed until the choices are there | {} |",
        percentiles(times)
    );
}

#[tokio::main]
async fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let shutdown = CancellationToken::new();
    let (tell, told) = oneshot::channel();
    let options = Options {
        open: true,
        limits: false,
        ..Options::default()
    };
    let mut serving = JoinSet::new();
    serving.spawn(serve_with(listener, options, shutdown.clone(), |ready| {
        tell.send(ready).unwrap();
    }));
    measure(told.await.unwrap()).await;
    shutdown.cancel();
    serving
        .join_all()
        .await
        .into_iter()
        .for_each(Result::unwrap);
}

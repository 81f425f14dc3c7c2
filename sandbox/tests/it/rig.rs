//! A sandbox on a free port, a bare HTTP client, a bot on the gateway, and people.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use shanty_sandbox::{Options, ServeError, serve};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use tokio_util::sync::CancellationToken;

use crate::judge::{self, Asked};

/// The bound of every wait.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
/// GUILDS, GUILD_MESSAGES, DIRECT_MESSAGES.
pub(crate) const INTENTS: u64 = 1 | 1 << 9 | 1 << 12;
pub(crate) const V2: u64 = 1 << 15;

/// A running sandbox; dropping it stops it.
pub(crate) struct Rig {
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
    pub(crate) defaults: Value,
    pub(crate) shutdown: CancellationToken,
    pub(crate) serving: JoinSet<Result<(), ServeError>>,
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map(|value| value.to_str().unwrap())
            .unwrap_or_default()
    }

    /// Discord's error code.
    pub(crate) fn code(&self) -> u64 {
        self.json()["code"].as_u64().unwrap_or(u64::MAX)
    }
}

impl Rig {
    /// A sandbox without rate limits.
    pub(crate) async fn start() -> Self {
        Self::start_with(Options {
            limits: false,
            ..Options::default()
        })
        .await
    }

    /// One that is open to whoever reaches it: what the key adds is tried in `key`.
    pub(crate) async fn start_with(options: Options) -> Self {
        let options = Options {
            open: true,
            ..options
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, options, shutdown.clone()));
        let mut rig = Self {
            address,
            token: String::new(),
            defaults: Value::Null,
            shutdown,
            serving,
        };
        rig.defaults = rig.act("defaults", json!({})).await;
        rig.token = text(&rig.defaults["bot_token"]);
        rig
    }

    /// An id of `defaults`.
    pub(crate) fn id(&self, key: &str) -> String {
        text(&self.defaults[key])
    }

    /// Sends any request. What comes back from the REST interface must be as Discord has it, and what was taken too.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let asked = Asked::of(&parts, &body);
        let answer = self
            .exchange(Request::from_parts(parts, Full::new(body)))
            .await;
        asked.inspect(|asked| asked.judge(&answer));
        answer
    }

    /// Sends a request that is meant to be wrong: it may be taken all the same, but the answer must be as Discord has it.
    pub(crate) async fn send_wrong(&self, request: Request<Full<Bytes>>) -> Answer {
        let (parts, body) = request.into_parts();
        let asked = Asked::of(&parts, &[]);
        let answer = self.exchange(Request::from_parts(parts, body)).await;
        asked.inspect(|asked| asked.judge(&answer));
        answer
    }

    /// A REST request with one file of these bytes beside its body.
    pub(crate) async fn upload(
        &self,
        path: &str,
        payload: &Value,
        name: &str,
        bytes: &[u8],
    ) -> Answer {
        let mut body = format!(
            "--B\r\nContent-Disposition: form-data; name=\"payload_json\"\r\nContent-Type: application/json\r\n\r\n{payload}\r\n\
             --B\r\nContent-Disposition: form-data; name=\"files[0]\"; filename=\"{name}\"\r\nContent-Type: application/octet-stream\r\n\r\n"
        )
        .into_bytes();
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n--B--\r\n");
        let request = Request::builder()
            .method("POST")
            .uri(format!("/api/v10{path}"))
            .header(HOST, self.address.to_string())
            .header(AUTHORIZATION, format!("Bot {}", self.token))
            .header(CONTENT_TYPE, "multipart/form-data; boundary=B")
            .body(Full::new(Bytes::from(body)));
        self.send(request.unwrap()).await
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Answer {
        let sending = async {
            let stream = TcpStream::connect(self.address).await.unwrap();
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
            let mut driving = JoinSet::new();
            driving.spawn(connection);
            let response = sender.send_request(request).await.unwrap();
            let (parts, body) = response.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            Answer {
                status: parts.status.as_u16(),
                headers: parts.headers,
                body,
            }
        };
        timeout(PATIENCE, sending)
            .await
            .expect("an answer within the bound")
    }

    /// A REST request with the bot's token.
    pub(crate) async fn api(&self, method: &str, path: &str, body: Value) -> Answer {
        let token = format!("Bot {}", self.token);
        self.api_as(&token, method, path, body).await
    }

    /// A REST request with any authorisation.
    pub(crate) async fn api_as(
        &self,
        authorization: &str,
        method: &str,
        path: &str,
        body: Value,
    ) -> Answer {
        let bytes = if body.is_null() {
            Bytes::new()
        } else {
            Bytes::from(body.to_string())
        };
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v10{path}"))
            .header(HOST, self.address.to_string())
            .header(AUTHORIZATION, authorization)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(bytes));
        self.send(request.unwrap()).await
    }

    /// What stands at an address that the sandbox gave out.
    pub(crate) async fn fetch(&self, url: &str) -> Answer {
        let path = url.replace(&format!("http://{}", self.address), "");
        let request = Request::builder()
            .uri(path)
            .header(HOST, self.address.to_string())
            .body(Full::default());
        self.send(request.unwrap()).await
    }

    /// A REST request that must succeed.
    pub(crate) async fn ok(&self, method: &str, path: &str, body: Value) -> Value {
        let answer = self.api(method, path, body).await;
        assert!(
            answer.status < 300,
            "{method} {path}: {} {}",
            answer.status,
            answer.json()
        );
        answer.json()
    }

    /// A script action, whatever comes of it.
    pub(crate) async fn try_act(&self, action: &str, body: Value) -> Answer {
        let request = Request::builder()
            .method("POST")
            .uri(format!("/sandbox/{action}"))
            .header(HOST, self.address.to_string())
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.to_string())));
        self.send(request.unwrap()).await
    }

    /// A script action that must succeed.
    pub(crate) async fn act(&self, action: &str, body: Value) -> Value {
        let answer = self.try_act(action, body).await;
        assert_eq!(answer.status, 200, "{action}: {}", answer.json());
        answer.json()
    }

    /// Registers a command in the first guild.
    pub(crate) async fn register(&self, commands: Value) -> Value {
        let path = format!(
            "/applications/{}/guilds/{}/commands",
            self.id("application_id"),
            self.id("guild_id")
        );
        self.ok("PUT", &path, commands).await
    }

    /// The operator types a command in #general.
    pub(crate) async fn slash(&self, name: &str, options: Value) -> String {
        let mut body = self.place();
        body["name"] = json!(name);
        body["options"] = options;
        text(&self.act("slash", body).await["interaction_id"])
    }

    /// The operator in #general, as the fields of an action.
    pub(crate) fn place(&self) -> Value {
        json!({"guild_id": self.id("guild_id"), "channel_id": self.id("channel_id"), "user_id": self.id("user_id")})
    }

    /// The messages that someone sees in a channel.
    pub(crate) async fn view(&self, channel: &str, user: &str) -> Vec<Value> {
        let body = json!({"channel_id": channel, "user_id": user, "limit": 100});
        self.act("view", body).await["messages"]
            .as_array()
            .unwrap()
            .clone()
    }

    /// A bot on the gateway, ready.
    pub(crate) async fn bot(&self) -> Bot {
        let mut bot = Bot::connect(self.address).await;
        bot.identify(&self.token, INTENTS).await;
        bot.event("READY").await;
        bot.event("GUILD_CREATE").await;
        bot
    }

    /// A post in a channel by the bot; its id.
    pub(crate) async fn post(&self, channel: &str, content: &str) -> String {
        let path = format!("/channels/{channel}/messages");
        text(&self.ok("POST", &path, json!({"content": content})).await["id"])
    }

    /// Gives the bot's own role exactly these rights and puts it above all others.
    pub(crate) async fn empower(&self, permissions: u64) {
        let roles = self.act("guild", json!({})).await["roles"].clone();
        let rights = json!({"role_id": roles["Shanty"], "permissions": permissions.to_string()});
        let place = json!({"role_id": roles["Shanty"], "position": 100});
        let body = json!({"role_permissions": [rights], "role_positions": [place]});
        self.act("guild", body).await;
    }

    /// A path below the first guild.
    pub(crate) fn guild(&self, rest: &str) -> String {
        format!("/guilds/{}{rest}", self.id("guild_id"))
    }

    /// A bot on the gateway with these intents, past its guild.
    pub(crate) async fn bot_with(&self, intents: u64) -> Bot {
        let mut bot = Bot::connect(self.address).await;
        bot.identify(&self.token, intents).await;
        bot.event("GUILD_CREATE").await;
        bot
    }

    /// Answers an interaction, whatever comes of it.
    pub(crate) async fn answer(&self, interaction: &Value, body: Value) -> Answer {
        let (id, token) = (text(&interaction["id"]), text(&interaction["token"]));
        self.api(
            "POST",
            &format!("/interactions/{id}/{token}/callback?with_response=true"),
            body,
        )
        .await
    }

    /// The path of an interaction's webhook.
    pub(crate) fn webhook(&self, interaction: &Value) -> String {
        format!(
            "/webhooks/{}/{}",
            self.id("application_id"),
            text(&interaction["token"])
        )
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// A client of the gateway.
pub(crate) struct Bot {
    pub(crate) socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub(crate) seq: u64,
    pub(crate) session: String,
}

impl Bot {
    /// Connects and takes HELLO.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let mut bot = Self::open(&format!("ws://{address}/gateway/?v=10&encoding=json")).await;
        assert_eq!(bot.frame().await["op"], 10);
        bot
    }

    /// Opens a connection and takes nothing.
    pub(crate) async fn open(url: &str) -> Self {
        let (socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        Self {
            socket,
            seq: 0,
            session: String::new(),
        }
    }

    pub(crate) async fn say(&mut self, op: u64, d: Value) {
        let frame = json!({"op": op, "d": d}).to_string();
        self.socket.send(Message::text(frame)).await.unwrap();
    }

    pub(crate) async fn identify(&mut self, token: &str, intents: u64) {
        self.say(
            2,
            json!({"token": token, "intents": intents, "properties": {}}),
        )
        .await;
    }

    /// The next frame; a close is an error with its code.
    pub(crate) async fn try_frame(&mut self) -> Result<Value, u16> {
        loop {
            let next = timeout(PATIENCE, self.socket.next())
                .await
                .expect("a frame within the bound");
            match next {
                Some(Ok(Message::Text(sent))) => {
                    let frame: Value = serde_json::from_str(&sent).unwrap();
                    judge::event(&frame);
                    self.seq = frame["s"].as_u64().unwrap_or(self.seq);
                    if frame["t"] == "READY" {
                        self.session = text(&frame["d"]["session_id"]);
                    }
                    return Ok(frame);
                }
                Some(Ok(Message::Close(frame))) => {
                    return Err(frame.map_or(1005, |frame| frame.code.into()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(1006),
            }
        }
    }

    pub(crate) async fn frame(&mut self) -> Value {
        self.try_frame().await.expect("an open connection")
    }

    /// The code with which the server closes.
    pub(crate) async fn close_code(&mut self) -> u16 {
        loop {
            if let Err(code) = self.try_frame().await {
                return code;
            }
        }
    }

    /// The next event of a kind, past all others.
    pub(crate) async fn event(&mut self, name: &str) -> Value {
        loop {
            let frame = self.frame().await;
            if frame["t"] == name {
                return frame["d"].clone();
            }
        }
    }
}

pub(crate) fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is not a string"))
        .to_owned()
}

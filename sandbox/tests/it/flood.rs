//! The program under floods: thousands of sockets that say nothing useful, and requests of random nonsense.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, ChildStdout};
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::program::sandbox;
use crate::rig::{Bot, INTENTS, text};

/// Resident memory that floods may cost, in kilobytes: a tenth of it is the program itself.
const RESIDENT_MAX_KB: u64 = 200 * 1024;
/// The bound of every read and write.
const PATIENCE: Duration = Duration::from_secs(30);

/// The program in a process of its own.
struct Program {
    child: Child,
    address: String,
    token: String,
    _stdout: BufReader<ChildStdout>,
    stderr: ChildStderr,
}

impl Program {
    fn start() -> Self {
        let args = [
            "--listen",
            "127.0.0.1:0",
            "--exit-with-stdin",
            "--open",
            "--limits",
            "off",
        ];
        let mut child = sandbox(&args).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let stderr = child.stderr.take().unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        let address = text(&ready["web"]);
        let address = address
            .strip_prefix("http://")
            .unwrap()
            .trim_end_matches('/');
        Self {
            child,
            address: address.to_owned(),
            token: text(&ready["bot_token"]),
            _stdout: stdout,
            stderr,
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bot {}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            self.token,
            body.len()
        );
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let mut heard = String::new();
        stream.read_to_string(&mut heard).unwrap();
        let status = heard.get(9..12).unwrap().parse().unwrap();
        let body = heard.split_once("\r\n\r\n").unwrap().1;
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }

    fn resident_kb(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Ends it; no panic may stand on its standard error.
    fn end(mut self) {
        drop(self.child.stdin.take());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).unwrap();
        assert!(!said.contains("panicked"), "{said}");
    }
}

/// How many sockets this process may open: ten thousand where the system lets it.
fn sockets() -> usize {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    // The sandbox keeps some files for itself, and other tests run beside this one.
    usize::try_from(hard.saturating_sub(2000))
        .unwrap()
        .min(10_000)
}

#[tokio::test]
async fn ten_thousand_idle_sockets_disturb_nobody() {
    let program = Program::start();
    let upgrade = format!(
        "GET /gateway?v=10&encoding=json HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        program.address
    );
    let mut held = Vec::new();
    for number in 0..sockets() {
        let mut stream = program.connect();
        match number % 3 {
            0 => {}
            1 => stream
                .write_all(b"POST /api/v10/users/@me/channels HTTP/1.1\r\nHost: x\r\nX-")
                .unwrap(),
            _ => {
                stream.write_all(upgrade.as_bytes()).unwrap();
                let mut begun = [0; 12];
                stream.read_exact(&mut begun).unwrap();
                assert_eq!(&begun, b"HTTP/1.1 101");
            }
        }
        held.push(stream);
    }
    assert_eq!(program.ask("GET", "/api/v10/users/@me", "").0, 200);
    let mut bot = Bot::connect(program.address.parse().unwrap()).await;
    bot.identify(&program.token, INTENTS).await;
    bot.event("READY").await;
    let resident = program.resident_kb();
    assert!(
        resident < RESIDENT_MAX_KB,
        "{resident} kB with {} sockets",
        held.len()
    );
    drop(held);
    program.end();
}

/// JSON of the shapes and names that requests have, with anything in them.
fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0_u64..30).prop_map(Value::from),
        "\\PC{0,40}".prop_map(Value::from),
        Just(json!("x".repeat(5000))),
        Just(json!("18446744073709551616")),
        Just(json!("a\u{0}b\u{202e}")),
    ];
    let name = prop::sample::select(vec![
        "content",
        "embeds",
        "components",
        "flags",
        "attachments",
        "type",
        "name",
        "options",
        "data",
        "id",
        "custom_id",
        "title",
        "description",
        "fields",
        "value",
        "choices",
        "message_reference",
        "message_id",
        "allowed_mentions",
        "parse",
        "users",
        "nonce",
        "auto_archive_duration",
        "message",
        "accessory",
        "items",
        "recipient_id",
        "permissions",
        "roles",
        "nick",
        "locked",
        "archived",
        "label",
        "style",
        "min_values",
    ]);
    leaf.prop_recursive(6, 60, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..8).prop_map(|pairs| {
                pairs
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect()
            }),
        ]
    })
}

fn body() -> impl Strategy<Value = (String, Vec<u8>)> {
    let json = |kind: &'static str, bytes: Vec<u8>| (kind.to_owned(), bytes);
    prop_oneof![
        6 => document().prop_map(move |value| json("application/json", value.to_string().into_bytes())),
        1 => prop::collection::vec(any::<u8>(), 0..200).prop_map(move |bytes| json("application/json", bytes)),
        1 => Just(json("application/json", "[".repeat(200).into_bytes())),
        1 => Just(json("application/json", br#"{"content":1e999,"content":"a","content":"b"}"#.to_vec())),
        1 => document().prop_map(move |value| json(
            "application/x-www-form-urlencoded",
            format!("payload_json={}&%zz=%", value.to_string().replace('%', "%25").replace('&', "%26")).into_bytes(),
        )),
        1 => (document(), "\\PC{0,30}").prop_map(move |(value, name)| json(
            "multipart/form-data; boundary=b",
            format!("--b\r\nContent-Disposition: form-data; name=\"payload_json\"\r\n\r\n{value}\r\n\
                     --b\r\nContent-Disposition: form-data; name=\"files[7]\"; filename=\"{name}\"\r\n\r\nx\r\n--b--")
            .into_bytes(),
        )),
        1 => ("\\PC{0,30}", prop::collection::vec(any::<u8>(), 0..100))
            .prop_map(|(kind, bytes)| (kind.replace(['\r', '\n'], ""), bytes)),
        1 => Just(json("multipart/form-data", b"--b\r\n".to_vec())),
    ]
}

/// Paths of real routes with real and false ids, and nonsense.
fn path(ids: Vec<String>) -> impl Strategy<Value = String> {
    let id = prop_oneof![
        8 => prop::sample::select(ids),
        1 => Just("@me".to_owned()),
        1 => Just("0".to_owned()),
        1 => Just("99999999999999999999999".to_owned()),
        1 => "[!-~]{1,12}".prop_map(|text| text.replace(['?', '#'], "%")),
    ];
    let template = prop::sample::select(vec![
        "/channels/A/messages",
        "/channels/A/messages/B",
        "/channels/A/messages/bulk-delete",
        "/channels/A",
        "/channels/A/threads",
        "/channels/A/messages/B/threads",
        "/channels/A/messages/B/reactions/%F0%9F%91%8D/@me",
        "/channels/A/permissions/B",
        "/channels/A/thread-members/B",
        "/channels/A/typing",
        "/channels/A/pins/B",
        "/applications/A/commands",
        "/applications/A/guilds/B/commands",
        "/applications/A/guilds/B/commands/A",
        "/interactions/A/token/callback",
        "/webhooks/A/token",
        "/webhooks/A/token/messages/@original",
        "/guilds/A",
        "/guilds/A/roles",
        "/guilds/A/roles/B",
        "/guilds/A/channels",
        "/guilds/A/members",
        "/guilds/A/members/B",
        "/guilds/A/members/B/roles/A",
        "/guilds/A/bans/B",
        "/users/@me",
        "/users/@me/channels",
        "/users/A",
        "/gateway/bot",
        "/nope/A",
        "",
        "/%",
        "//..//%2e%2e/",
        "/channels/A/messages?limit=-1&before=B&around=x",
    ]);
    (template, id.clone(), id).prop_map(|(template, a, b)| {
        format!("/api/v10{}", template.replace('A', &a).replace('B', &b))
    })
}

#[test]
fn nonsense_gets_plain_answers_and_nothing_falls_over() {
    let program = Program::start();
    let defaults = program.ask("POST", "/sandbox/defaults", "{}").1;
    let ids =
        ["guild_id", "channel_id", "application_id", "user_id"].map(|key| text(&defaults[key]));
    let method = prop_oneof![
        8 => prop::sample::select(vec!["GET", "POST", "PUT", "PATCH", "DELETE"]).prop_map(str::to_owned),
        1 => "[A-Z]{1,20}",
    ];
    let requests = (method, path(ids.to_vec()), body(), any::<bool>());
    let config = Config {
        cases: 600,
        failure_persistence: None,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&requests, |(method, path, (kind, bytes), known)| {
        let authorisation = if known { format!("Bot {}", program.token) } else { "Bot x".to_owned() };
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {authorisation}\r\nConnection: close\r\n\
             Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            bytes.len()
        )
        .into_bytes();
        request.extend_from_slice(&bytes);
        let mut stream = program.connect();
        stream.write_all(&request).ok(); // refused before it was read
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).ok(); // a close in whatever way
        let heard = String::from_utf8_lossy(&heard).into_owned();
        let status: u16 = heard.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
        prop_assert!(status > 0, "no answer to {method} {path}");
        prop_assert!(status < 500, "{method} {path}: {heard}");
        let body = heard.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let json: Value = serde_json::from_str(body).unwrap_or(Value::Null);
        let from_discord = heard.contains("via: 1.1 google");
        prop_assert!(!from_discord || status < 400 || json["code"].is_number(), "{method} {path}: {heard}");
        Ok(())
    });
    outcome.unwrap();
    let resident = program.resident_kb();
    assert!(resident < RESIDENT_MAX_KB, "{resident} kB");
    program.end();
}

#[test]
fn bytes_that_are_no_http_end_in_an_answer_or_a_close() {
    let program = Program::start();
    let host = program.address.clone();
    for (bytes, wanted) in [
        ("\u{16}\u{3}\u{1}hello\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/9.9\r\n\r\n".to_owned(), 400),
        (format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(40_000)), 431),
        (
            format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(40_000)),
            431,
        ),
        (
            format!("GET / HTTP/1.1\r\n{}\r\n", "X: 1\r\n".repeat(200)),
            431,
        ),
        ("GET /api/v10/gateway HTTP/1.0\r\n\r\n".to_owned(), 200),
        (
            format!(
                "GET http://{host}/api/v10/gateway HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            ),
            200,
        ),
        (
            "GET /api/v10/gateway HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(),
            200,
        ),
        (
            "GET /api/v10/users/@me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(),
            401,
        ),
        (
            "BREW /api/v10/gateway HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(),
            405,
        ),
        (
            "GET /api/v10/nope HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(),
            404,
        ),
        (
            "CONNECT evil.example:80 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(),
            421,
        ),
        (
            format!(
                "GET /api/v10/gateway HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\
                  Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            ),
            200,
        ),
        (
            format!(
                "POST /gateway HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            ),
            405,
        ),
        (
            format!("GET /gateway HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"),
            400,
        ),
    ] {
        let mut stream = program.connect();
        stream.write_all(bytes.as_bytes()).ok(); // refused before it was read
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).ok(); // a close in whatever way
        let heard = String::from_utf8_lossy(&heard);
        let shown: String = bytes.chars().take(60).collect();
        assert!(
            heard.starts_with(&format!("HTTP/1.1 {wanted}"))
                || heard.starts_with(&format!("HTTP/1.0 {wanted}")),
            "{shown:?}: {heard}"
        );
    }
    let two = "GET /api/v10/gateway HTTP/1.1\r\nHost: x\r\n\r\nGET /api/v10/gateway HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let mut stream = program.connect();
    stream.write_all(two.as_bytes()).unwrap();
    let mut heard = String::new();
    stream.read_to_string(&mut heard).unwrap();
    assert_eq!(
        heard.matches("HTTP/1.1 200").count(),
        2,
        "pipelined: {heard}"
    );
    program.end();
}

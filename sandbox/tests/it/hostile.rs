//! Clients that are silent, slow, broken or malicious: each gets a plain answer or is cut off, and the others go on.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use shanty_sandbox::Options;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::rig::{Bot, PATIENCE, Rig};

/// A sandbox that loses its patience soon.
async fn impatient() -> Rig {
    Rig::start_with(Options {
        limits: false,
        patience: Duration::from_millis(300),
        ..Options::default()
    })
    .await
}

/// What a client that says this gets until the end of the connection.
async fn said(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    rest(&mut stream).await
}

/// Everything until the connection ends, in whatever way.
async fn rest(stream: &mut TcpStream) -> String {
    let mut heard = Vec::new();
    let reading = async {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            heard.extend_from_slice(buffer.get(..read).unwrap());
        }
    };
    timeout(PATIENCE, reading)
        .await
        .expect("the connection ends within the bound");
    String::from_utf8_lossy(&heard).into_owned()
}

/// The same, over a connection that the client wants closed after the answer.
async fn asked(rig: &Rig, method: &str, path: &str, headers: &str, body: &[u8]) -> (u16, Value) {
    let mut request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bot {}\r\nConnection: close\r\n{headers}\r\n",
        rig.address, rig.token,
    )
    .into_bytes();
    request.extend_from_slice(body);
    parsed(&said(rig.address, &request).await)
}

/// Status and JSON body of a raw answer without chunks.
fn parsed(answer: &str) -> (u16, Value) {
    let status = answer.get(9..12).and_then(|status| status.parse().ok());
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (
        status.unwrap_or_default(),
        serde_json::from_str(body).unwrap_or(Value::Null),
    )
}

#[tokio::test]
async fn the_silent_and_the_slow_are_cut_off() {
    let rig = impatient().await;
    assert_eq!(said(rig.address, b"").await, "", "said nothing");
    let half = said(
        rig.address,
        b"GET /api/v10/gateway HTTP/1.1\r\nHost: x\r\nX-",
    )
    .await;
    assert!(!half.contains("200"), "never finished its head: {half}");
    let kept = said(
        rig.address,
        b"GET /api/v10/gateway HTTP/1.1\r\nHost: x\r\n\r\n",
    )
    .await;
    assert!(kept.contains("200 OK"), "answered, then idle: {kept}");
    let path = "/api/v10/users/@me/channels";
    let (status, _) = asked(&rig, "POST", path, "Content-Length: 50\r\n", b"{\"re").await;
    assert_eq!(status, 408, "never finished its body");
    let chunk =
        b"POST /sandbox/view HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":";
    let turned = said(rig.address, chunk).await;
    assert!(turned.starts_with("HTTP/1.1 421"), "{turned}");
}

#[tokio::test]
async fn a_head_that_drips_in_is_cut_off() {
    let rig = impatient().await;
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    let dripping = async {
        let mut text = "GET /api/v10/gateway HTTP/1.1\r\n".to_owned();
        text.push_str(&"X-Header: 1\r\n".repeat(1000));
        for byte in text.bytes() {
            if writer.write_all(&[byte]).await.is_err() {
                return;
            }
            pace.tick().await;
        }
    };
    let reading = async {
        let mut buffer = [0; 1024];
        while let Ok(1..) = reader.read(&mut buffer).await {}
    };
    let cut = async {
        tokio::select! { () = dripping => false, () = reading => true }
    };
    assert!(
        timeout(PATIENCE, cut).await.unwrap(),
        "cut off while it dripped"
    );
}

#[tokio::test]
async fn whoever_does_not_read_is_cut_off() {
    let rig = impatient().await;
    let guild = rig.id("guild_id");
    let head = format!(
        "GET /api/v10/guilds/{guild} HTTP/1.1\r\nHost: x\r\nAuthorization: Bot {}\r\n\r\n",
        rig.token
    );
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    let many = head.repeat(100);
    let flooding = async {
        // Ends with an error when the sandbox has closed its side.
        while stream.write_all(many.as_bytes()).await.is_ok() {}
    };
    timeout(PATIENCE, flooding)
        .await
        .expect("an end of the flood");
    rig.ok("GET", "/gateway", Value::Null).await;
}

#[tokio::test]
async fn beyond_the_bound_of_connections_there_is_a_plain_503() {
    let rig = Rig::start_with(Options {
        connections_max: 3,
        ..Options::default()
    })
    .await;
    let mut taken = Vec::new();
    for _ in 0..3 {
        taken.push(TcpStream::connect(rig.address).await.unwrap());
    }
    let get = b"GET /api/v10/gateway HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let (status, body) = loop {
        // The connection of the rig's own start may still be on its way out.
        let refused = parsed(&said(rig.address, get).await);
        if refused.0 == 503 {
            break refused;
        }
    };
    assert_eq!((status, &body["code"]), (503, &json!(0)));
    drop(taken);
    let patience = async { while parsed(&said(rig.address, get).await).0 != 200 {} };
    timeout(PATIENCE, patience).await.expect("a place again");
}

#[tokio::test]
async fn a_websocket_keeps_its_place_and_gives_it_back() {
    let rig = Rig::start_with(Options {
        connections_max: 2,
        ..Options::default()
    })
    .await;
    let bots = (
        Bot::connect(rig.address).await,
        Bot::connect(rig.address).await,
    );
    let get = b"GET /api/v10/gateway HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert_eq!(parsed(&said(rig.address, get).await).0, 503);
    drop(bots);
    let patience = async { while parsed(&said(rig.address, get).await).0 != 200 {} };
    timeout(PATIENCE, patience).await.expect("a place again");
}

#[tokio::test]
async fn bodies_that_are_too_large_or_lie_are_answered_as_discord_does() {
    let rig = Rig::start().await;
    let path = format!("/api/v10/channels/{}/messages", rig.id("channel_id"));
    let json = "Content-Type: application/json\r\n";
    let huge = vec![b' '; 26 * 1024 * 1024];
    let head = format!("{json}Content-Length: {}\r\n", huge.len());
    let (status, body) = asked(&rig, "POST", &path, &head, &huge).await;
    assert_eq!((status, &body["code"]), (413, &json!(40005)));
    let chunked = format!("{json}Transfer-Encoding: chunked\r\n");
    let (status, _) = asked(&rig, "POST", &path, &chunked, b"zz\r\n").await;
    assert_eq!(status, 400, "a chunk of no size");
    let both = format!("{chunked}Content-Length: 3\r\n");
    let (status, _) = asked(&rig, "POST", &path, &both, b"3\r\n{}\n\r\n0\r\n\r\n").await;
    assert_eq!(status, 400, "two lengths, as smugglers send");
    let short = format!("{json}Content-Length: 2\r\n");
    let (status, _) = asked(&rig, "POST", &path, &short, b"{}GARBAGE\r\n\r\n").await;
    assert_eq!(status, 400, "more than it said: {{}} is an empty message");
    rig.ok("GET", "/gateway", Value::Null).await;
}

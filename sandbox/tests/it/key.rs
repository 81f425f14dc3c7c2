//! Other users of this machine reach loopback too: who was not given the address may do nothing that people do.

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use serde_json::{Value, json};
use shanty_sandbox::{Options, Ready, serve_with};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_tungstenite::connect_async;
use tokio_util::sync::CancellationToken;

use crate::rig::{Answer, Rig, text};

/// A sandbox as it is unless somebody opens it, and the path that stands in front of everything.
async fn closed() -> (Rig, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let shutdown = CancellationToken::new();
    let (tell, told) = oneshot::channel::<Ready>();
    let options = Options {
        limits: false,
        ..Options::default()
    };
    let mut serving = JoinSet::new();
    serving.spawn(serve_with(listener, options, shutdown.clone(), |ready| {
        tell.send(ready).unwrap();
    }));
    let ready = told.await.unwrap();
    let base = format!("http://{}", ready.address);
    let key = ready.web.strip_prefix(&base).unwrap().to_owned();
    let rig = Rig {
        address: ready.address,
        token: ready.bot_token,
        defaults: Value::Null,
        shutdown,
        serving,
    };
    (rig, key)
}

async fn ask(rig: &Rig, method: &str, path: &str, body: &Value) -> Answer {
    let bytes = match body {
        Value::Null => Bytes::new(),
        body => Bytes::from(body.to_string()),
    };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, rig.address.to_string())
        .header(AUTHORIZATION, format!("Bot {}", rig.token))
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(bytes));
    rig.send(request.unwrap()).await
}

#[tokio::test]
async fn without_the_key_nothing_answers_that_people_do() {
    let (rig, key) = closed().await;
    let other = closed().await.1;
    let bare = key.trim_end_matches('/');
    for front in [
        "/",
        "//",
        "/k/",
        "/k//",
        &other,
        &key.to_uppercase(),
        &format!("{}0/", bare),
        &format!("{}/", &bare[..bare.len() - 1]),
        &format!("/x{key}"),
        &key.replace("/k/", "/k/./"),
        &key.replace("/k/", "/%6b/"),
    ] {
        for (method, path) in [
            ("POST", "sandbox/defaults"),
            ("POST", "sandbox/slash"),
            ("POST", "sandbox/view"),
            ("POST", "sandbox/nope"),
            ("GET", "sandbox/live"),
            ("GET", "app.js"),
            ("GET", ""),
        ] {
            let path = format!("{front}{path}");
            let answer = ask(&rig, method, &path, &json!({})).await;
            let body = String::from_utf8_lossy(&answer.body);
            assert_eq!(answer.status, 403, "{method} {path}: {body}");
            assert!(!body.contains(bare), "{body}");
        }
    }
    for path in ["/sandbox/live", &format!("{other}sandbox/live")] {
        let address = format!("ws://{}{path}", rig.address);
        assert!(connect_async(address).await.is_err(), "{path}");
    }
    // Behind the key all of it is there, the bot's interfaces too.
    assert_eq!(ask(&rig, "GET", &key, &Value::Null).await.status, 200);
    let moved = ask(&rig, "GET", bare, &Value::Null).await;
    assert_eq!(
        (moved.status, moved.header("location")),
        (308, key.as_str())
    );
    let act = format!("{key}sandbox/defaults");
    assert_eq!(ask(&rig, "POST", &act, &json!({})).await.status, 200);
    let api = format!("{key}api/v10/users/@me");
    assert_eq!(ask(&rig, "GET", &api, &Value::Null).await.status, 200);
    for socket in ["sandbox/live", "gateway", ""] {
        let address = format!("ws://{}{key}{socket}", rig.address);
        connect_async(address).await.expect(socket);
    }
}

#[tokio::test]
async fn a_bot_needs_its_token_only_and_never_meets_the_key() {
    let (rig, key) = closed().await;
    let defaults = ask(&rig, "POST", &format!("{key}sandbox/defaults"), &json!({}))
        .await
        .json();
    for socket in ["/gateway", "/"] {
        let address = format!("ws://{}{socket}", rig.address);
        connect_async(address).await.expect(socket);
    }
    let path = format!("/channels/{}/messages", text(&defaults["channel_id"]));
    let sent = rig.upload(&path, &json!({}), "a.txt", b"for the bot").await;
    assert_eq!(sent.status, 200);
    let url = text(&sent.json()["attachments"][0]["url"]);
    // Its address opens the file; the same with another sign, or none, does not.
    assert_eq!(rig.fetch(&url).await.body, "for the bot");
    let (file, sign) = url.split_once("?hm=").unwrap();
    for wrong in [
        file.to_owned(),
        format!("{file}?hm="),
        format!("{file}?hm={}", "0".repeat(sign.len())),
        format!("{file}?{sign}"),
    ] {
        assert_eq!(rig.fetch(&wrong).await.status, 404, "{wrong}");
    }
    let name = file.replace(&format!("http://{}/", rig.address), &key);
    assert_eq!(rig.fetch(&name).await.body, "for the bot", "on the page");
    let noted = ask(&rig, "POST", &format!("{key}sandbox/traffic"), &json!({})).await;
    let key = key.trim_matches('/').trim_start_matches("k/");
    for said in [&noted.body, &sent.body] {
        assert!(!String::from_utf8_lossy(said).contains(key));
    }
}

//! Whoever reaches the actions can run commands: nobody but this machine's own programs and page may.

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{CONTENT_TYPE, HOST, HeaderName, ORIGIN};
use serde_json::{Value, json};

use crate::rig::{Answer, Rig};

async fn ask(rig: &Rig, method: &str, path: &str, headers: &[(HeaderName, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    rig.send(request.body(Full::new(Bytes::from_static(b"{}"))).unwrap())
        .await
}

const JSON: (HeaderName, &str) = (CONTENT_TYPE, "application/json");

#[tokio::test]
async fn foreign_hosts_origins_and_types_are_turned_away() {
    let rig = Rig::start().await;
    let ours = rig.address.to_string();
    let host = (HOST, ours.as_str());
    let path = "/sandbox/defaults";
    assert_eq!(
        ask(&rig, "POST", path, &[host.clone(), JSON]).await.status,
        200
    );
    assert_eq!(
        ask(&rig, "POST", path, &[(HOST, "evil.example"), JSON])
            .await
            .status,
        421
    );
    let foreign = (ORIGIN, "http://evil.example");
    assert_eq!(
        ask(&rig, "POST", path, &[host.clone(), foreign.clone(), JSON])
            .await
            .status,
        403
    );
    assert_eq!(
        ask(
            &rig,
            "POST",
            path,
            &[host.clone(), (CONTENT_TYPE, "text/plain")]
        )
        .await
        .status,
        415
    );
    for named in [
        "http://evil.example",
        "http://evil.example:80",
        &format!("http://x.{ours}"),
    ] {
        let target = format!("{named}{path}");
        let answer = ask(&rig, "POST", &target, &[host.clone(), JSON]).await;
        assert_eq!(
            answer.status, 421,
            "the target names another server: {target}"
        );
    }
    let target = format!("http://{ours}{path}");
    assert_eq!(
        ask(&rig, "POST", &target, &[host.clone(), JSON])
            .await
            .status,
        200
    );
    assert_eq!(
        ask(&rig, "POST", "/sandbox/nope", &[host.clone(), JSON])
            .await
            .status,
        404
    );
    assert_eq!(
        ask(&rig, "GET", path, &[host.clone(), JSON]).await.status,
        405
    );
    let origin = format!("http://{ours}");
    assert_eq!(
        ask(&rig, "POST", path, &[host.clone(), (ORIGIN, &origin), JSON])
            .await
            .status,
        200
    );
    assert_eq!(
        ask(&rig, "GET", "/", &[(HOST, "evil.example")])
            .await
            .status,
        421
    );
    let upgrade = [
        host.clone(),
        foreign,
        (hyper::header::UPGRADE, "websocket"),
        (hyper::header::CONNECTION, "upgrade"),
        (hyper::header::SEC_WEBSOCKET_VERSION, "13"),
        (hyper::header::SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    assert_eq!(
        ask(&rig, "GET", "/sandbox/live", &upgrade).await.status,
        403
    );
}

#[tokio::test]
async fn broken_bodies_are_said_to_be_so() {
    let rig = Rig::start().await;
    for body in ["[]", "{", "3"] {
        let request = Request::builder()
            .method("POST")
            .uri("/sandbox/view")
            .header(HOST, rig.address.to_string())
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)));
        let refused = rig.send(request.unwrap()).await;
        assert_eq!(
            (refused.status, &refused.json()["field"]),
            (400, &Value::Null)
        );
    }
    let missing = rig.try_act("view", json!({})).await;
    assert_eq!(
        (missing.status, &missing.json()["field"]),
        (400, &json!("channel_id"))
    );
}

/// Posts a file and gives the answer to its address.
async fn posted(rig: &Rig, filename: &str, bytes: &[u8]) -> Answer {
    let path = format!("/channels/{}/messages", rig.id("channel_id"));
    let message = rig
        .upload(&path, &serde_json::json!({}), filename, bytes)
        .await;
    assert_eq!(message.status, 200, "{filename}: {}", message.json());
    let url = crate::rig::text(&message.json()["attachments"][0]["url"]);
    let path = url.split_once(&rig.address.to_string()).unwrap().1;
    ask(rig, "GET", path, &[(HOST, &rig.address.to_string())]).await
}

#[tokio::test]
async fn files_are_downloads_and_only_pictures_are_shown() {
    let rig = Rig::start().await;
    let png = b"\x89PNG\r\n\x1a\n....";
    let (html, svg) = (b"<script>alert(1)</script>", b"<svg onload=alert(1)>");
    for (name, bytes, kind, how) in [
        ("a.png", &png[..], "image/png", "inline"),
        ("a.bin", &png[..], "image/png", "inline"),
        ("a.jpg", b"\xff\xd8\xff\xe0", "image/jpeg", "inline"),
        ("a.gif", b"GIF89a..", "image/gif", "inline"),
        ("a.webp", b"RIFF....WEBPVP8 ", "image/webp", "inline"),
        ("a.png", html, "application/octet-stream", "attachment"),
        ("a.svg", svg, "application/octet-stream", "attachment"),
        ("a.html", html, "application/octet-stream", "attachment"),
        ("a.txt", html, "text/plain; charset=utf-8", "attachment"),
    ] {
        let got = posted(&rig, name, bytes).await;
        assert_eq!((got.status, &got.body[..]), (200, bytes), "{name}");
        assert_eq!(got.header("content-type"), kind, "{name}");
        assert!(got.header("content-disposition").starts_with(how), "{name}");
        assert_eq!(got.header("x-content-type-options"), "nosniff");
        assert_eq!(
            got.header("content-security-policy"),
            "default-src 'none'; sandbox"
        );
    }
}

#[tokio::test]
async fn names_of_files_cannot_write_headers_or_paths() {
    let rig = Rig::start().await;
    for name in [
        "../../etc/passwd",
        "a\\\"b",
        "..",
        "a%0d%0aX-Evil: 1",
        "\u{202e}gpj.exe",
    ] {
        let got = posted(&rig, name, b"x").await;
        assert_eq!(got.status, 200, "{name}");
        assert_eq!(got.header("x-evil"), "");
        let said = got.header("content-disposition");
        let quoted = said
            .strip_prefix("attachment; filename=\"")
            .and_then(|rest| rest.strip_suffix('"'));
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        assert!(quoted.is_some_and(|name| name.chars().all(plain)), "{said}");
    }
}

#[tokio::test]
async fn a_preflight_is_never_allowed() {
    let rig = Rig::start().await;
    let host = rig.address.to_string();
    let method = HeaderName::from_static("access-control-request-method");
    for path in [
        "/sandbox/defaults",
        "/api/v10/users/@me",
        "/gateway",
        "/",
        "/sandbox/live",
    ] {
        let headers = [
            (HOST, host.as_str()),
            (ORIGIN, "http://evil.example"),
            (method.clone(), "POST"),
        ];
        let got = ask(&rig, "OPTIONS", path, &headers).await;
        assert!(got.status >= 400, "{path}: {}", got.status);
        let cors = got
            .headers
            .keys()
            .any(|name| name.as_str().starts_with("access-control-"));
        assert!(!cors, "{path}");
    }
}

#[tokio::test]
async fn strangers_that_a_browser_names_are_turned_away() {
    let rig = Rig::start().await;
    let host = rig.address.to_string();
    let (site, mode, dest) = (
        HeaderName::from_static("sec-fetch-site"),
        HeaderName::from_static("sec-fetch-mode"),
        HeaderName::from_static("sec-fetch-dest"),
    );
    let from = |value, how, what| {
        [
            (HOST, host.as_str()),
            JSON,
            (site.clone(), value),
            (mode.clone(), how),
            (dest.clone(), what),
        ]
    };
    let ours = ask(
        &rig,
        "POST",
        "/sandbox/defaults",
        &from("same-origin", "cors", "empty"),
    )
    .await;
    assert_eq!(ours.status, 200);
    let neighbour = ask(
        &rig,
        "POST",
        "/sandbox/defaults",
        &from("same-site", "cors", "empty"),
    )
    .await;
    assert_eq!(neighbour.status, 403);
    let script = ask(
        &rig,
        "GET",
        "/app.js",
        &from("cross-site", "no-cors", "script"),
    )
    .await;
    assert_eq!(script.status, 403);
    let link = ask(
        &rig,
        "GET",
        "/",
        &from("cross-site", "navigate", "document"),
    )
    .await;
    assert_eq!(link.status, 200, "a link to the page may be followed");
    let frame = ask(&rig, "GET", "/", &from("cross-site", "navigate", "iframe")).await;
    assert_eq!(frame.status, 403);
}

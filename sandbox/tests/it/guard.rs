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

//! Rate limits and ordered faults, as headers and bodies tell of them.

use std::pin::pin;

use bytes::Bytes;
use futures_util::poll;
use http_body_util::Full;
use hyper::Request;
use hyper::header::HOST;
use serde_json::{Value, json};
use shanty_sandbox::Options;

use crate::rig::{Answer, PATIENCE, Rig, text};

/// The headers that tell of a bucket.
const BUCKET: [&str; 5] = [
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-ratelimit-reset-after",
    "x-ratelimit-bucket",
];

/// A request without a token.
async fn stranger(rig: &Rig, path: &str) -> Answer {
    let request = Request::builder()
        .uri(format!("/api/v10{path}"))
        .header(HOST, rig.address.to_string())
        .body(Full::<Bytes>::default());
    rig.send(request.unwrap()).await
}

#[tokio::test]
async fn five_posts_then_429_and_edits_have_their_own_bucket() {
    let rig = Rig::start_with(Options::default()).await;
    let path = format!("/channels/{}/messages", rig.id("channel_id"));
    let mut last = rig.api("POST", &path, json!({"content": "0"})).await;
    let id = text(&last.json()["id"]);
    assert_eq!(
        (
            last.header("x-ratelimit-limit"),
            last.header("x-ratelimit-remaining")
        ),
        ("5", "4")
    );
    assert_eq!(
        (
            last.header("x-ratelimit-scope"),
            last.header("x-ratelimit-global")
        ),
        ("", "")
    );
    assert!(last.header("x-ratelimit-reset").contains('.'));
    for n in 1..6 {
        last = rig
            .api("POST", &path, json!({"content": n.to_string()}))
            .await;
    }
    assert_eq!(last.status, 429);
    assert_eq!(
        (
            last.header("x-ratelimit-scope"),
            last.header("x-ratelimit-remaining")
        ),
        ("user", "0")
    );
    assert_eq!(last.header("via"), "1.1 google");
    let wait: u64 = last.header("retry-after").parse().unwrap();
    let body = last.json();
    assert!((1..=5).contains(&wait) && body["retry_after"].as_f64().unwrap() <= 5.0);
    assert_eq!(
        (&body["global"], &body["message"]),
        (&json!(false), &json!("You are being rate limited."))
    );
    let edit = rig
        .api("PATCH", &format!("{path}/{id}"), json!({"content": "x"}))
        .await;
    assert_eq!(edit.status, 200);
    assert_ne!(
        edit.header("x-ratelimit-bucket"),
        last.header("x-ratelimit-bucket")
    );
}

#[tokio::test]
async fn switched_off_nothing_waits() {
    let rig = Rig::start().await;
    let path = format!("/channels/{}/messages", rig.id("channel_id"));
    for n in 0..60 {
        let sent = rig
            .api("POST", &path, json!({"content": n.to_string()}))
            .await;
        assert_eq!(
            (sent.status, sent.header("x-ratelimit-remaining")),
            (200, "9999")
        );
    }
}

#[tokio::test]
async fn ordered_limits_have_their_scope() {
    let rig = Rig::start().await;
    let order = json!({"method": "GET", "path_glob": "/users/*", "count": 2, "retry_after": 0.25, "scope": "global"});
    rig.act("ratelimit_next", order).await;
    for _ in 0..2 {
        let limited = rig.api("GET", "/users/@me", Value::Null).await;
        assert_eq!((limited.status, limited.header("retry-after")), (429, "1"));
        assert_eq!(
            (
                limited.header("x-ratelimit-global"),
                limited.header("x-ratelimit-scope")
            ),
            ("true", "global")
        );
        assert_eq!(
            (&limited.json()["global"], &limited.json()["retry_after"]),
            (&json!(true), &json!(0.25))
        );
    }
    assert_eq!(rig.api("GET", "/users/@me", Value::Null).await.status, 200);
    let bad = rig.try_act("ratelimit_next", json!({"scope": "x"})).await;
    assert_eq!((bad.status, &bad.json()["field"]), (400, &json!("scope")));
}

#[tokio::test]
async fn ordered_failures_before_and_after_the_deed() {
    let rig = Rig::start().await;
    let channel = rig.id("channel_id");
    let path = format!("/channels/{channel}/messages");
    let order = |after: bool| json!({"method": "POST", "path_glob": "/api/v10/channels/*/messages", "status": 502, "after_commit": after});
    rig.act("fail_next", order(false)).await;
    assert_eq!(
        rig.api("POST", &path, json!({"content": "lost"}))
            .await
            .status,
        502
    );
    assert!(rig.view(&channel, &rig.id("user_id")).await.is_empty());
    rig.act("fail_next", order(true)).await;
    assert_eq!(
        rig.api("POST", &path, json!({"content": "done"}))
            .await
            .status,
        502
    );
    assert_eq!(
        rig.view(&channel, &rig.id("user_id")).await[0]["content"],
        "done"
    );
}

#[tokio::test]
async fn old_messages_take_few_edits() {
    let rig = Rig::start_with(Options::default()).await;
    let channel = rig.id("channel_id");
    let id = rig.post(&channel, "x").await;
    rig.act(
        "age_message",
        json!({"channel_id": channel, "message_id": id, "seconds": 3601}),
    )
    .await;
    let path = format!("/channels/{channel}/messages/{id}");
    for n in 0..3 {
        rig.ok("PATCH", &path, json!({"content": n.to_string()}))
            .await;
    }
    let refused = rig.api("PATCH", &path, json!({"content": "x"})).await;
    assert_eq!((refused.status, refused.code()), (429, 30046));
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
}

#[tokio::test]
async fn every_answer_of_a_known_route_tells_of_its_bucket() {
    let rig = Rig::start_with(Options::default()).await;
    let channel = rig.id("channel_id");
    let empty = json!({"content": ""});
    let bucketed = [
        ("GET", "/users/@me".to_owned(), Value::Null, 200),
        ("GET", "/channels/1".to_owned(), Value::Null, 404),
        ("GET", "/channels/x".to_owned(), Value::Null, 400),
        ("POST", format!("/channels/{channel}/messages"), empty, 400),
        (
            "POST",
            format!("/channels/{channel}/typing"),
            Value::Null,
            204,
        ),
        (
            "GET",
            "/webhooks/1/token/messages/2".to_owned(),
            Value::Null,
            404,
        ),
    ];
    for (method, path, body, status) in bucketed {
        let answer = rig.api(method, &path, body).await;
        assert_eq!(answer.status, status, "{method} {path}");
        for name in BUCKET {
            assert!(!answer.header(name).is_empty(), "{method} {path}: {name}");
        }
        let scoped = ["x-ratelimit-scope", "x-ratelimit-global", "retry-after"];
        assert!(scoped.iter().all(|name| answer.header(name).is_empty()));
    }
    for answer in [
        rig.api("GET", "/nope", Value::Null).await,
        rig.api("PUT", "/users/@me", Value::Null).await,
        stranger(&rig, "/users/@me").await,
    ] {
        assert!(matches!(answer.status, 401 | 404 | 405));
        assert!(BUCKET.iter().all(|name| answer.header(name).is_empty()));
    }
}

#[tokio::test]
async fn a_bucket_is_one_for_each_major_parameter() {
    let rig = Rig::start_with(Options::default()).await;
    let person = json!({"recipient_id": rig.id("user_id")});
    let direct = text(&rig.ok("POST", "/users/@me/channels", person).await["id"]);
    let in_channel = |channel: &str| format!("/channels/{channel}/messages");
    let full = in_channel(&rig.id("channel_id"));
    let mut last = rig.api("POST", &full, json!({"content": "x"})).await;
    for _ in 0..5 {
        last = rig.api("POST", &full, json!({"content": "x"})).await;
    }
    assert_eq!(last.status, 429);
    let other = rig
        .api("POST", &in_channel(&direct), json!({"content": "x"}))
        .await;
    assert_eq!(
        (other.status, other.header("x-ratelimit-remaining")),
        (200, "4")
    );
    assert_eq!(
        other.header("x-ratelimit-bucket"),
        last.header("x-ratelimit-bucket")
    );
}

#[tokio::test]
async fn the_global_limit_spares_what_goes_by_an_interactions_token() {
    let rig = Rig::start_with(Options::default()).await;
    let set = rig.act("limits", json!({"global_per_s": 1})).await;
    assert_eq!(
        (&set["global_per_s"], &set["on"]),
        (&json!(1), &json!(true))
    );
    let mut refused = None;
    for _ in 0..20 {
        let answer = rig.api("GET", "/users/@me", Value::Null).await;
        refused = Some(answer).filter(|answer| answer.status == 429);
        if refused.is_some() {
            break;
        }
    }
    let refused = refused.expect("one of twenty requests within a second");
    assert_eq!(
        (
            refused.header("x-ratelimit-global"),
            refused.header("x-ratelimit-scope")
        ),
        ("true", "global")
    );
    assert!(BUCKET.iter().all(|name| refused.header(name).is_empty()));
    assert_eq!(refused.json()["global"], true);
    for n in 1..=4 {
        let path = format!("/interactions/{n}/token/callback");
        let answer = rig.api("POST", &path, json!({"type": 5})).await;
        assert_eq!((answer.status, answer.code()), (404, 10062));
    }
    let bad = rig.try_act("limits", json!({"global_per_s": 0})).await;
    assert_eq!(
        (bad.status, &bad.json()["field"]),
        (400, &json!("global_per_s"))
    );
}

#[tokio::test]
async fn too_many_invalid_requests_shut_the_door() {
    let rig = Rig::start_with(Options::default()).await;
    rig.act("limits", json!({"invalid_requests": 3})).await;
    let order = |scope: &str| json!({"path_glob": "/users/*", "retry_after": 0, "scope": scope});
    for scope in ["shared", "user"] {
        rig.act("ratelimit_next", order(scope)).await;
        let limited = rig.api("GET", "/users/@me", Value::Null).await;
        assert_eq!(limited.status, 429);
        let shared = limited.json()["message"] == "The resource is being rate limited.";
        assert_eq!(shared, scope == "shared");
    }
    assert_eq!(stranger(&rig, "/users/@me").await.status, 401);
    assert_eq!(rig.api("GET", "/channels/1", Value::Null).await.status, 404);
    let before = rig.act("stats", json!({})).await;
    assert_eq!(
        (&before["invalid_requests"], &before["turned_away"]),
        (&json!(2), &json!(0)),
        "neither the shared limit nor the 404 counts"
    );
    assert_eq!(stranger(&rig, "/users/@me").await.status, 401);
    for path in ["/users/@me", "/gateway", "/nope"] {
        let shut = rig.api("GET", path, Value::Null).await;
        assert_eq!((shut.status, shut.header("via")), (429, ""));
        assert_eq!(shut.body, "error code: 1015");
        let wait: u64 = shut.header("retry-after").parse().unwrap();
        assert!((1..=600).contains(&wait), "{wait}");
    }
    let after = rig.act("stats", json!({})).await;
    assert_eq!(
        (&after["invalid_requests_in_window"], &after["turned_away"]),
        (&json!(3), &json!(3))
    );
    rig.act("limits", json!({"on": false})).await;
    assert_eq!(rig.api("GET", "/users/@me", Value::Null).await.status, 200);
}

#[tokio::test]
async fn new_names_are_few_and_no_header_tells_of_it() {
    let rig = Rig::start_with(Options::default()).await;
    let (channel, id) = (rig.id("channel_id"), rig.id("application_id"));
    let allow = json!({"channel_id": channel, "id": id, "allow": (1u64 << 4).to_string()});
    rig.act("guild", json!({"overwrites": [allow]})).await;
    let path = format!("/channels/{channel}");
    for name in ["one", "two"] {
        rig.ok("PATCH", &path, json!({"name": name})).await;
    }
    rig.ok(
        "PATCH",
        &path,
        json!({"name": "two", "rate_limit_per_user": 5}),
    )
    .await;
    let refused = rig.api("PATCH", &path, json!({"topic": "three"})).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.json()["message"], "You are being rate limited.");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    let left: u64 = refused.header("x-ratelimit-remaining").parse().unwrap();
    assert!(wait > 60 && left > 0, "{wait} {left}");
    assert_eq!(rig.ok("GET", &path, Value::Null).await["name"], "two");
}

#[tokio::test]
async fn an_answer_may_come_late_or_never() {
    let rig = Rig::start().await;
    let channel = rig.id("channel_id");
    let path = format!("/channels/{channel}/messages");
    let order = json!({"method": "POST", "path_glob": "*/messages", "delay_ms": 20});
    rig.act("delay_next", order).await;
    rig.ok("POST", &path, json!({"content": "late"})).await;
    for after_commit in [false, true] {
        let order = json!({"path_glob": "*/messages", "after_commit": after_commit});
        rig.act("hang_next", order).await;
        let content = format!("committed {after_commit}");
        let body = json!({"content": content});
        let mut hanging = pin!(rig.api("POST", &path, body));
        let taken = async {
            // The record has the request once it was carried out, or not.
            loop {
                let traffic = rig.try_act("traffic", json!({})).await;
                if String::from_utf8_lossy(&traffic.body).contains(&content) {
                    return;
                }
            }
        };
        tokio::select! {
            _ = &mut hanging => panic!("it does not hang"),
            taken = tokio::time::timeout(PATIENCE, taken) => taken.expect("the request is taken"),
        }
        assert!(poll!(&mut hanging).is_pending());
        let seen = rig.view(&channel, &rig.id("user_id")).await;
        assert_eq!(seen[0]["content"] == content, after_commit);
        if after_commit {
            rig.shutdown.cancel();
            let given_up = hanging.await;
            assert_eq!((given_up.status, given_up.header("via")), (524, ""));
        }
    }
}

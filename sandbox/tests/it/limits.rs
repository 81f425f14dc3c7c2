//! Rate limits and ordered faults, as headers and bodies tell of them.

use serde_json::{Value, json};
use shanty_sandbox::Options;

use crate::rig::{Rig, text};

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

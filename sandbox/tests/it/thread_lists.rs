//! Lists of threads, the archive by idle time, and the limit on names.

use serde_json::{Value, json};
use shanty_sandbox::Options;

use crate::rig::{Rig, text};

const MANAGE_THREADS: u64 = 1 << 34;

async fn thread(rig: &Rig, body: Value) -> String {
    let path = format!("/channels/{}/threads", rig.id("channel_id"));
    text(&rig.ok("POST", &path, body).await["id"])
}

async fn archive(rig: &Rig, id: &str) {
    rig.ok(
        "PATCH",
        &format!("/channels/{id}"),
        json!({"archived": true}),
    )
    .await;
}

fn names(list: &Value) -> Vec<String> {
    let threads = list["threads"].as_array().unwrap();
    threads.iter().map(|thread| text(&thread["name"])).collect()
}

#[tokio::test]
async fn archived_threads_come_in_pages_newest_first() {
    let rig = Rig::start().await;
    for n in 0..3 {
        let id = thread(&rig, json!({"name": n.to_string(), "type": 11})).await;
        archive(&rig, &id).await;
        // Each in a minute of its own, the first one longest ago.
        rig.act("age_thread", json!({"channel_id": id, "minutes": 10 - n}))
            .await;
    }
    let path = format!("/channels/{}/threads/archived/public", rig.id("channel_id"));
    let first = rig.ok("GET", &format!("{path}?limit=2"), Value::Null).await;
    assert_eq!(
        (names(&first), &first["has_more"]),
        (vec!["2".into(), "1".into()], &json!(true))
    );
    assert_eq!(first["members"].as_array().unwrap().len(), 2);
    let before = text(&first["threads"][1]["thread_metadata"]["archive_timestamp"]);
    let before = before.replace('+', "%2B");
    let rest = rig
        .ok("GET", &format!("{path}?before={before}"), Value::Null)
        .await;
    assert_eq!(
        (names(&rest), &rest["has_more"]),
        (vec!["0".to_owned()], &json!(false))
    );
    let bad = rig
        .api("GET", &format!("{path}?before=yesterday"), Value::Null)
        .await;
    assert_eq!(bad.code(), 50035);
}

#[tokio::test]
async fn private_archives_need_rights_or_membership() {
    let rig = Rig::start().await;
    rig.empower(0).await;
    let mine = thread(&rig, json!({"name": "mine"})).await;
    archive(&rig, &mine).await;
    let theirs = json!({
        "parent_id": rig.id("channel_id"), "user_id": rig.id("user_id"), "name": "theirs", "private": true,
        "archived": true,
    });
    rig.act("guild", json!({"threads": [theirs]})).await;
    let channel = format!("/channels/{}", rig.id("channel_id"));
    let joined = format!("{channel}/users/@me/threads/archived/private");
    let joined = rig.ok("GET", &joined, Value::Null).await;
    assert_eq!(
        (names(&joined), &joined["has_more"]),
        (vec!["mine".to_owned()], &json!(false))
    );
    let all = format!("{channel}/threads/archived/private");
    assert_eq!(rig.api("GET", &all, Value::Null).await.code(), 50013);
    rig.empower(MANAGE_THREADS).await;
    assert_eq!(names(&rig.ok("GET", &all, Value::Null).await).len(), 2);
    let public = format!("{channel}/threads/archived/public");
    assert_eq!(
        rig.ok("GET", &public, Value::Null).await["threads"],
        json!([])
    );
}

#[tokio::test]
async fn idle_threads_are_archived_by_discords_clock() {
    let rig = Rig::start().await;
    let mut bot = rig.bot().await;
    let id = thread(
        &rig,
        json!({"name": "t", "type": 11, "auto_archive_duration": 60}),
    )
    .await;
    rig.act("age_thread", json!({"channel_id": id, "minutes": 59}))
        .await;
    let state = async || {
        rig.ok("GET", &format!("/channels/{id}"), Value::Null).await["thread_metadata"]["archived"]
            .clone()
    };
    assert_eq!(state().await, false);
    rig.act("age_thread", json!({"channel_id": id, "minutes": 1}))
        .await;
    assert_eq!(state().await, true);
    let update = bot.event("THREAD_UPDATE").await;
    assert_eq!(
        (&update["id"], &update["thread_metadata"]["archived"]),
        (&json!(id), &json!(true))
    );
    rig.post(&id, "again").await;
    assert_eq!(
        state().await,
        false,
        "a message opens it, and its time begins anew"
    );
    rig.act("age_thread", json!({"channel_id": id, "minutes": 59}))
        .await;
    assert_eq!(state().await, false);
}

#[tokio::test]
async fn who_is_no_member_cannot_open_and_who_is_no_moderator_cannot_slow() {
    let rig = Rig::start().await;
    rig.empower(0).await;
    let theirs = json!({
        "parent_id": rig.id("channel_id"), "user_id": rig.id("user_id"), "name": "theirs", "archived": true,
    });
    rig.act("guild", json!({"threads": [theirs]})).await;
    let archived = format!("/channels/{}/threads/archived/public", rig.id("channel_id"));
    let archived = rig.ok("GET", &archived, Value::Null).await;
    let path = format!("/channels/{}", text(&archived["threads"][0]["id"]));
    let open = json!({"archived": false});
    assert_eq!(rig.api("PATCH", &path, open.clone()).await.code(), 50013);
    let own = thread(&rig, json!({"name": "own", "type": 11})).await;
    let own = format!("/channels/{own}");
    rig.ok(
        "PATCH",
        &own,
        json!({"name": "renamed", "auto_archive_duration": 60}),
    )
    .await;
    assert_eq!(
        rig.api("PATCH", &own, json!({"rate_limit_per_user": 5}))
            .await
            .code(),
        50013
    );
    rig.empower(MANAGE_THREADS).await;
    assert_eq!(
        rig.api("PATCH", &path, json!({"name": "x"})).await.code(),
        50083
    );
    rig.ok("PATCH", &path, open).await;
    rig.ok("PATCH", &own, json!({"rate_limit_per_user": 5}))
        .await;
}

#[tokio::test]
async fn threads_of_announcements_are_of_their_own_kind() {
    let rig = Rig::start().await;
    let made = json!({"channels": [{"name": "news", "type": "announcement"}, {"name": "hall", "type": "voice"}]});
    let made = rig.act("guild", made).await["channels"].clone();
    let news = format!("/channels/{}", text(&made["news"]));
    let message = rig.post(&text(&made["news"]), "we sail").await;
    let thread = format!("{news}/messages/{message}/threads");
    assert_eq!(
        rig.ok("POST", &thread, json!({"name": "t"})).await["type"],
        10
    );
    assert_eq!(
        rig.api("POST", &thread, json!({"name": "t"})).await.code(),
        160_004
    );
    let path = format!("{news}/threads");
    assert_eq!(
        rig.ok("POST", &path, json!({"name": "t", "type": 10}))
            .await["type"],
        10
    );
    for (path, kind) in [
        (path, 11),
        (format!("/channels/{}/threads", text(&made["hall"])), 11),
    ] {
        let answer = rig
            .api("POST", &path, json!({"name": "t", "type": kind}))
            .await;
        assert_eq!(answer.code(), 50024, "{path}");
    }
}

#[tokio::test]
async fn a_name_changes_twice_in_ten_minutes() {
    let rig = Rig::start_with(Options {
        limits: true,
        ..Options::default()
    })
    .await;
    let id = thread(&rig, json!({"name": "0", "type": 11})).await;
    let path = format!("/channels/{id}");
    for n in ["1", "2"] {
        rig.ok("PATCH", &path, json!({"name": n})).await;
    }
    let third = rig.api("PATCH", &path, json!({"name": "3"})).await;
    assert_eq!(
        (third.status, third.header("x-ratelimit-scope")),
        (429, "user")
    );
    assert!(third.json()["retry_after"].as_f64().unwrap() > 500.0);
    rig.ok("PATCH", &path, json!({"archived": true})).await;
}

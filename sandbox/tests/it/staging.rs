//! What scripts see and stage: long polls, the live socket, traffic, counts.

use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::rig::{PATIENCE, Rig, text};

#[tokio::test]
async fn a_long_poll_wakes_with_the_change() {
    let rig = Rig::start().await;
    let channel = rig.id("channel_id");
    let view = json!({"channel_id": channel, "user_id": rig.id("user_id")});
    let version = rig.act("view", view.clone()).await["version"].clone();
    let mut waiting = view.clone();
    waiting["changed_since"] = version;
    waiting["wait_ms"] = json!(30_000);
    let (seen, _) = tokio::join!(rig.act("view", waiting), rig.post(&channel, "news"));
    assert_eq!(seen["messages"][0]["content"], "news");
    let mut patient = view;
    patient["changed_since"] = seen["version"].clone();
    patient["wait_ms"] = json!(1);
    let same = rig.act("view", patient).await;
    assert_eq!(
        same["version"], seen["version"],
        "nothing happened, and the time is over"
    );
}

#[tokio::test]
async fn the_live_socket_names_what_changed() {
    let rig = Rig::start().await;
    let url = format!("ws://{}/sandbox/live", rig.address);
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    let channel = rig.id("channel_id");
    let mut next = async || -> Value {
        let frame = timeout(PATIENCE, socket.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        serde_json::from_str(frame.to_text().unwrap()).unwrap()
    };
    assert!(next().await["version"].is_u64());
    rig.post(&channel, "x").await;
    assert!(next().await["channels"][&channel].is_u64());
}

#[tokio::test]
async fn traffic_and_counts_are_told() {
    let rig = Rig::start().await;
    let channel = rig.id("channel_id");
    rig.post(&channel, "one").await;
    rig.api("GET", "/nope", Value::Null).await;
    let lines = rig.try_act("traffic", json!({})).await;
    let lines: Vec<Value> = std::str::from_utf8(&lines.body)
        .unwrap()
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(
        (&lines[0]["method"], &lines[0]["status"]),
        (&json!("POST"), &json!(200))
    );
    assert_eq!(
        lines[0]["path"],
        json!(format!("/api/v10/channels/{channel}/messages"))
    );
    assert_eq!(
        (
            &lines[0]["request"]["content"],
            &lines[0]["response"]["content"]
        ),
        (&json!("one"), &json!("one"))
    );
    let later = rig
        .try_act("traffic", json!({"since": lines[0]["seq"]}))
        .await;
    assert_eq!(std::str::from_utf8(&later.body).unwrap().lines().count(), 1);
    let stats = rig.act("stats", json!({})).await;
    assert_eq!(
        stats["routes"]["POST /channels/{channel_id}/messages"]["200"],
        1
    );
}

#[tokio::test]
async fn deleted_messages_stay_marked() {
    let rig = Rig::start().await;
    let channel = rig.id("channel_id");
    let id = rig.post(&channel, "gone soon").await;
    rig.api(
        "DELETE",
        &format!("/channels/{channel}/messages/{id}"),
        Value::Null,
    )
    .await;
    assert_eq!(
        rig.view(&channel, &rig.id("user_id")).await[0]["deleted"],
        true
    );
    let transcript = rig.act("transcript", json!({"channel_id": channel})).await;
    assert!(transcript["messages"][0]["deleted_timestamp"].is_string());
    let listed = rig
        .ok("GET", &format!("/channels/{channel}/messages"), Value::Null)
        .await;
    assert_eq!(listed, json!([]));
}

#[tokio::test]
async fn people_roles_and_channels_are_added() {
    let rig = Rig::start().await;
    let made = rig.act("guild", json!({
        "roles": [{"name": "Deploy"}], "people": [{"name": "zoe", "roles": ["Deploy", "Operator"]}],
        "channels": [{"name": "deploys"}],
    })).await;
    let member = format!(
        "/guilds/{}/members/{}",
        rig.id("guild_id"),
        text(&made["people"]["zoe"])
    );
    assert_eq!(
        rig.ok("GET", &member, Value::Null).await["roles"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let client = rig
        .act("client", json!({"user_id": made["people"]["zoe"]}))
        .await;
    let names: Vec<_> = client["channels"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| text(&c["title"]))
        .collect();
    assert_eq!(names, ["general", "ops", "audit", "deploys"]);
    let bad = rig
        .try_act(
            "guild",
            json!({"people": [{"name": "x", "roles": ["Nope"]}]}),
        )
        .await;
    assert_eq!(
        (bad.status, &bad.json()["field"]),
        (400, &json!("people.0.roles"))
    );
}

#[tokio::test]
async fn the_sandbox_stops_when_told() {
    let mut rig = Rig::start().await;
    let mut bot = rig.bot().await;
    rig.shutdown.cancel();
    assert_eq!(bot.close_code().await, 1001);
    let served = timeout(PATIENCE, rig.serving.join_next()).await.unwrap();
    assert!(served.unwrap().unwrap().is_ok());
}

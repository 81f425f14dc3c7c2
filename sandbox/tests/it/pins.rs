//! Pins: both listings, the notice in the channel, and what is told of it.

use serde_json::{Value, json};

use crate::rig::{Rig, text};

#[tokio::test]
async fn a_pin_is_listed_announced_and_taken_off() {
    let rig = Rig::start().await;
    let mut bot = rig.bot().await;
    let channel = rig.id("channel_id");
    let id = rig.post(&channel, "keep this").await;
    let pin = format!("/channels/{channel}/messages/pins/{id}");
    assert_eq!(rig.api("PUT", &pin, Value::Null).await.status, 204);
    let update = bot.event("MESSAGE_UPDATE").await;
    assert_eq!(
        (&update["id"], &update["pinned"]),
        (&json!(id), &json!(true))
    );
    let told = bot.event("CHANNEL_PINS_UPDATE").await;
    assert_eq!(told["channel_id"], json!(channel));
    assert!(told["last_pin_timestamp"].is_string());
    let notice = bot.event("MESSAGE_CREATE").await;
    assert_eq!(
        (&notice["type"], &notice["message_reference"]["message_id"]),
        (&json!(6), &json!(id))
    );
    let page = rig
        .ok(
            "GET",
            &format!("/channels/{channel}/messages/pins"),
            Value::Null,
        )
        .await;
    assert_eq!(
        (&page["items"][0]["message"]["id"], &page["has_more"]),
        (&json!(id), &json!(false))
    );
    assert_eq!(page["items"][0]["pinned_at"], told["last_pin_timestamp"]);
    let again = rig.api("PUT", &pin, Value::Null).await;
    assert_eq!(again.status, 204, "a second pin changes nothing");

    let notice_path = format!("/channels/{channel}/messages/{}", text(&notice["id"]));
    let edited = rig
        .api("PATCH", &notice_path, json!({"content": "x"}))
        .await;
    assert_eq!((edited.status, edited.code()), (403, 50021));
    let pinned = rig
        .api("PUT", &pin.replace(&id, &text(&notice["id"])), Value::Null)
        .await;
    assert_eq!(pinned.code(), 50021);

    let old = format!("/channels/{channel}/pins");
    let listed = rig.ok("GET", &old, Value::Null).await;
    assert_eq!(listed.as_array().unwrap().len(), 1);
    rig.ok("DELETE", &format!("{old}/{id}"), Value::Null).await;
    assert_eq!(
        bot.event("CHANNEL_PINS_UPDATE").await["last_pin_timestamp"],
        Value::Null
    );
    assert_eq!(rig.ok("GET", &old, Value::Null).await, json!([]));
}

#[tokio::test]
async fn pins_come_in_pages_up_to_a_limit() {
    let rig = Rig::start().await;
    let channel = rig.id("channel_id");
    let mut ids = Vec::new();
    for n in 0..251 {
        ids.push(rig.post(&channel, &n.to_string()).await);
    }
    for id in &ids[..250] {
        let path = format!("/channels/{channel}/pins/{id}");
        assert_eq!(rig.api("PUT", &path, Value::Null).await.status, 204);
    }
    let over = format!("/channels/{channel}/pins/{}", ids[250]);
    let over = rig.api("PUT", &over, Value::Null).await;
    assert_eq!((over.status, over.code()), (400, 30003));
    let base = format!("/channels/{channel}/messages/pins?limit=50");
    let (mut seen, mut path) = (0, base.clone());
    loop {
        let page = rig.ok("GET", &path, Value::Null).await;
        let items = page["items"].as_array().unwrap();
        seen += items.len();
        if page["has_more"] == false {
            break;
        }
        let oldest = text(&items[items.len() - 1]["pinned_at"]).replace('+', "%2B");
        path = format!("{base}&before={oldest}");
    }
    // Pins of one millisecond cannot be told apart by a page's end.
    assert!((200..=250).contains(&seen), "{seen}");
    for bad in ["limit=51", "limit=0", "before=yesterday"] {
        let path = format!("/channels/{channel}/messages/pins?{bad}");
        assert_eq!(
            rig.api("GET", &path, Value::Null).await.code(),
            50035,
            "{bad}"
        );
    }
}

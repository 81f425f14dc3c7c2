//! Whoever fills the sandbox meets a bound that says so, and everything else goes on.

use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::rig::{PATIENCE, Rig, text};

#[tokio::test]
async fn messages_share_a_bound_of_bytes() {
    let rig = Rig::start().await;
    let made = rig
        .act("guild", json!({"channels": [{"name": "brief"}]}))
        .await;
    let brief = text(&made["channels"]["brief"]);
    let path = format!("/channels/{brief}/messages");
    let first = rig.post(&brief, &"a".repeat(2000)).await;
    let edited = format!("{path}/{first}");
    for _ in 0..20 {
        let body = json!({"content": "b".repeat(2000)});
        rig.ok("PATCH", &edited, body).await;
    }
    let used = rig.act("limits", json!({})).await["message_bytes_used"].clone();
    assert!(used.as_u64().unwrap() > 21 * 2000, "{used}");
    rig.act("limits", json!({"message_bytes": used})).await;
    rig.post(&brief, "history makes room").await;
    let seen = rig.act("transcript", json!({"channel_id": brief})).await;
    let kept = seen["messages"][0]["history"].as_array().unwrap().len();
    assert!((1..20).contains(&kept), "the oldest states went: {kept}");
    rig.act("limits", json!({"message_bytes": 1000})).await;
    let refused = rig.api("POST", &path, json!({"content": "x"})).await;
    assert_eq!((refused.status, refused.code()), (507, 0));
    let mut said = rig.place();
    said["content"] = json!("x");
    let refused = rig.try_act("message", said).await;
    assert_eq!(refused.status, 507, "{}", refused.json());
    let gone = json!({"delete_channels": [{"channel_id": brief}]});
    rig.act("guild", gone).await;
    rig.post(&rig.id("channel_id"), "room again").await;
}

#[tokio::test]
async fn one_message_is_not_a_store_of_bytes() {
    let rig = Rig::start().await;
    let path = format!("/channels/{}/messages", rig.id("channel_id"));
    let embed = json!({"title": "t", "unknown": "x".repeat(1_500_000)});
    let refused = rig.api("POST", &path, json!({"embeds": [embed]})).await;
    assert_eq!((refused.status, refused.code()), (413, 40005));
}

#[tokio::test]
async fn what_scripts_make_is_bounded_as_discord_bounds_it() {
    let rig = Rig::start().await;
    let stage = async |body: Value| {
        let answer = rig.try_act("guild", body).await;
        (answer.status, answer.json()["error"].clone())
    };
    let named = |count: usize| -> Vec<Value> {
        (0..count)
            .map(|number| json!({"name": format!("n{number}")}))
            .collect()
    };
    for (list, most) in [("roles", 250), ("channels", 500)] {
        let (status, error) = stage(json!({"new": {"name": "g"}, list: named(most + 1)})).await;
        assert_eq!(status, 400, "{list}");
        assert!(text(&error).contains(&most.to_string()), "{error}");
    }
    let long = json!({"name": "x".repeat(101)});
    for list in ["roles", "channels", "people"] {
        assert_eq!(stage(json!({list: [long]})).await.0, 400, "{list}");
    }
    assert_eq!(stage(json!({"new": long})).await.0, 400);
    assert_eq!(stage(long).await.0, 400);
    let topic = json!({"name": "n", "topic": "x".repeat(5000)});
    assert_eq!(stage(json!({"channels": [topic]})).await.0, 400);
    let mut last = (200, Value::Null);
    for _ in 0..200 {
        last = stage(json!({"new": {"name": "g"}})).await;
    }
    assert_eq!(last.0, 400);
    assert!(text(&last.1).contains("200 guilds"), "{}", last.1);
}

#[tokio::test]
async fn the_socket_of_the_page_tells_one_start_from_another() {
    let start = async |rig: &Rig| {
        let url = format!("ws://{}/sandbox/live", rig.address);
        let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        let news = timeout(PATIENCE, socket.next()).await.unwrap();
        let Some(Ok(Message::Text(news))) = news else {
            panic!("{news:?}");
        };
        let news: Value = serde_json::from_str(&news).unwrap();
        text(&news["start"])
    };
    let (one, other) = (Rig::start().await, Rig::start().await);
    let first = start(&one).await;
    assert_eq!(start(&one).await, first);
    assert_ne!(start(&other).await, first);
}

#[tokio::test]
async fn orders_of_scripts_are_bounded_and_possible() {
    let rig = Rig::start().await;
    for key in ["path_glob", "message", "method"] {
        let mut order = json!({});
        order[key] = json!("*".repeat(2001));
        let refused = rig.try_act("fail_next", order).await;
        assert_eq!(
            (refused.status, &refused.json()["field"]),
            (400, &json!(key))
        );
    }
    for code in [999, 1005, 1006, 1015, 5000] {
        let order = json!({"how": "close", "code": code});
        let refused = rig.try_act("drop_gateway", order).await;
        assert_eq!(refused.status, 400, "no frame says {code}");
    }
}

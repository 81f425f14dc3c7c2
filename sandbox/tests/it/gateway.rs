//! The gateway: close codes, resume, several sessions, blanking.

use futures_util::SinkExt;
use serde_json::{Value, json};
use shanty_sandbox::Options;
use tokio_tungstenite::tungstenite::Message;

use crate::rig::{Bot, INTENTS, Rig};

#[tokio::test]
async fn mistakes_close_with_discords_codes() {
    let rig = Rig::start().await;
    let identify =
        |token: &str, intents: u64| json!({"token": token, "intents": intents, "properties": {}});
    for (op, d, code) in [
        (2, identify("wrong", 1), 4004),
        (2, identify(&rig.token, 1 << 40), 4013),
        (2, identify(&rig.token, 1 << 8), 4014),
        (
            2,
            json!({"token": rig.token, "intents": 1, "shard": [2, 2]}),
            4010,
        ),
        (
            6,
            json!({"token": "wrong", "session_id": "x", "seq": 0}),
            4004,
        ),
        (77, Value::Null, 4001),
        (3, json!({}), 4003),
    ] {
        let mut bot = Bot::connect(rig.address).await;
        bot.say(op, d).await;
        assert_eq!(bot.close_code().await, code, "op {op}");
    }
    let mut bot = rig.bot().await;
    bot.identify(&rig.token, INTENTS).await;
    assert_eq!(bot.close_code().await, 4005);
    let long = |length| format!("{{\"op\":1,\"d\":\"{}\"}}", "x".repeat(length));
    // A frame of 4096 bytes is the longest that is read; one far beyond it is not even kept.
    let mut bot = Bot::connect(rig.address).await;
    let longest = long(4096 - long(0).len());
    bot.socket.send(Message::text(longest)).await.unwrap();
    assert_eq!(bot.frame().await["op"], 11);
    let over = long(4097 - long(0).len());
    for text in ["{".to_owned(), over, long(1 << 20), "[]".to_owned()] {
        let mut bot = Bot::connect(rig.address).await;
        // Of the longest one not everything may go out before the server has closed.
        bot.socket.send(Message::text(text)).await.ok();
        assert_eq!(bot.close_code().await, 4002);
    }
    let mut bot = Bot::open(&format!("ws://{}/?v=6", rig.address)).await;
    assert_eq!(bot.close_code().await, 4012);
}

#[tokio::test]
async fn too_many_frames_and_too_few_heartbeats() {
    let rig = Rig::start_with(Options {
        limits: false,
        heartbeat_interval_ms: 1000,
        ..Options::default()
    })
    .await;
    let mut silent = Bot::connect(rig.address).await;
    let mut loud = Bot::connect(rig.address).await;
    for _ in 0..121 {
        loud.say(1, Value::Null).await;
    }
    assert_eq!(loud.close_code().await, 4008);
    assert_eq!(silent.close_code().await, 4009);
}

#[tokio::test]
async fn heartbeats_are_acknowledged_also_in_binary() {
    let rig = Rig::start().await;
    let mut bot = rig.bot().await;
    bot.socket
        .send(Message::binary(br#"{"op":1,"d":2}"#.to_vec()))
        .await
        .unwrap();
    assert_eq!(bot.frame().await["op"], 11);
}

#[tokio::test]
async fn a_broken_connection_resumes_with_what_was_missed() {
    let rig = Rig::start().await;
    let mut bot = rig.bot().await;
    assert_eq!(
        rig.act("drop_gateway", json!({"how": "tcp"})).await["dropped"],
        1
    );
    assert_eq!(bot.close_code().await, 1006, "no close frame");
    rig.post(&rig.id("channel_id"), "missed").await;
    let mut back = Bot::connect(rig.address).await;
    let resume = |seq: u64| json!({"token": rig.token, "session_id": bot.session, "seq": seq});
    back.say(6, resume(bot.seq)).await;
    let missed = back.frame().await;
    assert_eq!(
        (&missed["t"], missed["s"].as_u64()),
        (&json!("MESSAGE_CREATE"), Some(bot.seq + 1))
    );
    assert_eq!(back.frame().await["t"], "RESUMED");
    assert_eq!(rig.act("stats", json!({})).await["resumes"], 1);
    let mut future = Bot::connect(rig.address).await;
    future.say(6, resume(9999)).await;
    assert_eq!(future.close_code().await, 4007);
}

#[tokio::test]
async fn an_unknown_session_may_identify_on_the_same_connection() {
    let rig = Rig::start().await;
    let mut bot = Bot::connect(rig.address).await;
    bot.say(
        6,
        json!({"token": rig.token, "session_id": "gone", "seq": 1}),
    )
    .await;
    let refused = bot.frame().await;
    assert_eq!(
        (refused["op"].as_u64(), &refused["d"]),
        (Some(9), &json!(false))
    );
    bot.identify(&rig.token, INTENTS).await;
    bot.event("READY").await;
}

#[tokio::test]
async fn a_clean_goodbye_ends_the_session() {
    let rig = Rig::start().await;
    let mut bot = rig.bot().await;
    bot.socket.close(None).await.ok();
    bot.close_code().await;
    let mut kept = Bot::connect(rig.address).await;
    kept.say(
        6,
        json!({"token": rig.token, "session_id": bot.session, "seq": bot.seq}),
    )
    .await;
    // A close without a code is not a goodbye: the session is still there.
    assert_eq!(kept.frame().await["t"], "RESUMED");
    let frame = tokio_tungstenite::tungstenite::protocol::CloseFrame {
        code: 1000.into(),
        reason: "".into(),
    };
    kept.socket.close(Some(frame)).await.ok();
    kept.close_code().await;
    let mut gone = Bot::connect(rig.address).await;
    gone.say(
        6,
        json!({"token": rig.token, "session_id": bot.session, "seq": bot.seq}),
    )
    .await;
    assert_eq!(gone.frame().await["op"], 9);
}

#[tokio::test]
async fn scripts_close_and_send() {
    let rig = Rig::start().await;
    let mut bot = rig.bot().await;
    assert_eq!(rig.act("gateway_send", json!({"op": 7})).await["sent"], 1);
    assert_eq!(bot.frame().await["op"], 7);
    rig.act(
        "drop_gateway",
        json!({"how": "close", "code": 4000, "forget": true}),
    )
    .await;
    assert_eq!(bot.close_code().await, 4000);
    let mut back = Bot::connect(rig.address).await;
    back.say(
        6,
        json!({"token": rig.token, "session_id": bot.session, "seq": bot.seq}),
    )
    .await;
    assert_eq!(back.frame().await["op"], 9);
}

#[tokio::test]
async fn texts_of_others_are_blank_without_the_intent() {
    let rig = Rig::start().await;
    let mut blind = rig.bot().await;
    let mut seeing = Bot::connect(rig.address).await;
    seeing.identify(&rig.token, INTENTS | 1 << 15).await;
    seeing.event("READY").await;
    let mut body = rig.place();
    body["content"] = json!("secret");
    rig.act("message", body.clone()).await;
    assert_eq!(blind.event("MESSAGE_CREATE").await["content"], "");
    assert_eq!(seeing.event("MESSAGE_CREATE").await["content"], "secret");
    body["content"] = json!(format!("<@{}> hello", rig.id("application_id")));
    rig.act("message", body).await;
    assert_ne!(blind.event("MESSAGE_CREATE").await["content"], "");
    rig.post(&rig.id("channel_id"), "own").await;
    assert_eq!(blind.event("MESSAGE_CREATE").await["content"], "own");
}

#[tokio::test]
async fn the_bot_hears_nothing_from_where_it_sees_nothing() {
    let rig = Rig::start().await;
    let mut bot = rig.bot().await;
    let hidden = rig
        .act("guild", json!({"channels": [{"name": "hidden"}]}))
        .await["channels"]["hidden"]
        .clone();
    let overwrite = json!({"channel_id": hidden, "id": rig.id("application_id"), "deny": "1024"});
    rig.act("guild", json!({"overwrites": [overwrite]})).await;
    rig.act(
        "message",
        json!({"channel_id": hidden, "user_id": rig.id("user_id"), "content": "x"}),
    )
    .await;
    let general = rig.post(&rig.id("channel_id"), "heard").await;
    assert_eq!(bot.event("MESSAGE_CREATE").await["id"], json!(general));
}

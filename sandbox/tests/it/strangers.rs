//! Clients of the gateway that nobody knows: they neither stay for ever nor keep memory from others.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use shanty_sandbox::Options;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::rig::{Bot, INTENTS, PATIENCE, Rig};

/// More than there are compressing contexts.
const MANY: usize = 257;

#[tokio::test]
async fn heartbeats_alone_keep_no_connection_open() {
    let rig = Rig::start_with(Options {
        limits: false,
        patience: Duration::from_millis(300),
        ..Options::default()
    })
    .await;
    let mut known = rig.bot().await;
    let mut stranger = Bot::connect(rig.address).await;
    let mut beats = tokio::time::interval(Duration::from_millis(50));
    let beating = async {
        loop {
            beats.tick().await;
            let beat = json!({"op": 1, "d": null}).to_string();
            if stranger.socket.send(Message::text(beat)).await.is_err() {
                return None;
            }
            if let Err(code) = stranger.try_frame().await {
                return Some(code);
            }
        }
    };
    let code = timeout(PATIENCE, beating).await.expect("an end");
    assert_eq!(code, Some(4009));
    known.say(1, Value::Null).await;
    assert_eq!(known.frame().await["op"], 11, "whoever identified stays");
}

#[tokio::test]
async fn strangers_give_their_compression_up_to_whoever_comes() {
    let rig = Rig::start().await;
    let url = format!("ws://{}/gateway?v=10&compress=zlib-stream", rig.address);
    let mut first = Bot::open(&url).await;
    let mut others = Vec::new();
    for _ in 1..MANY {
        others.push(Bot::open(&url).await);
    }
    assert_eq!(closed(&mut first).await, Some(4000));
    let mut last = others.pop().unwrap();
    last.identify(&rig.token, INTENTS).await;
    let mut stream = flate2::Decompress::new(true);
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains("\"READY\"") {
        let next = timeout(PATIENCE, last.socket.next()).await.unwrap();
        let Some(Ok(Message::Binary(packed))) = next else {
            panic!("{next:?}");
        };
        let mut plain = Vec::with_capacity(64 * 1024);
        let flush = flate2::FlushDecompress::Sync;
        stream.decompress_vec(&packed, &mut plain, flush).unwrap();
        heard.extend(plain);
    }
}

/// The close code, past everything that is compressed.
async fn closed(bot: &mut Bot) -> Option<u16> {
    loop {
        match timeout(PATIENCE, bot.socket.next()).await.unwrap() {
            Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return None,
        }
    }
}

#[tokio::test]
async fn without_the_intent_what_others_wrote_is_blank_by_rest_too() {
    let rig = Rig::start().await;
    let (channel, user) = (rig.id("channel_id"), rig.id("user_id"));
    let bot = rig.id("application_id");
    let said = async |content: String| {
        let body = json!({"channel_id": channel, "user_id": user, "content": content});
        rig.act("message", body).await;
    };
    said("secret".to_owned()).await;
    said(format!("<@{bot}> hello")).await;
    rig.post(&channel, "own").await;
    let path = format!("/channels/{channel}/messages");
    let contents = async || -> Vec<String> {
        let list = rig.ok("GET", &path, Value::Null).await;
        let list = list.as_array().unwrap().iter();
        list.map(|m| crate::rig::text(&m["content"])).collect()
    };
    assert_eq!(contents().await[2], "secret");
    rig.act("application", json!({"privileged_intents": []}))
        .await;
    let seen = contents().await;
    assert_eq!(seen[0], "own");
    assert!(seen[1].ends_with("hello"), "it mentions the bot: {seen:?}");
    assert_eq!(seen[2], "", "somebody else's");
    let list = rig.ok("GET", &path, Value::Null).await;
    let one = format!("{path}/{}", crate::rig::text(&list[2]["id"]));
    assert_eq!(rig.ok("GET", &one, Value::Null).await["content"], "");
    let view = rig.view(&channel, &user).await;
    assert_eq!(view[2]["content"], "secret", "people see it");
}

#[tokio::test]
async fn a_channel_that_is_gone_takes_no_answers() {
    let rig = Rig::start().await;
    rig.register(json!([{"name": "ping", "description": "d"}]))
        .await;
    let mut bot = rig.bot().await;
    let made = rig
        .act("guild", json!({"channels": [{"name": "brief"}]}))
        .await;
    let channel = crate::rig::text(&made["channels"]["brief"]);
    let mut place = rig.place();
    place["channel_id"] = json!(channel);
    place["name"] = json!("ping");
    rig.act("slash", place.clone()).await;
    let early = bot.event("INTERACTION_CREATE").await;
    rig.act("slash", place).await;
    let late = bot.event("INTERACTION_CREATE").await;
    let answered = rig.answer(&early, json!({"type": 5})).await;
    assert_eq!(answered.status, 200);
    let gone = json!({"delete_channels": [{"channel_id": channel}]});
    rig.act("guild", gone).await;
    let body = json!({"type": 4, "data": {"content": "pong"}});
    let refused = rig.answer(&late, body).await;
    assert_eq!((refused.status, refused.code()), (404, 10003));
    let path = rig.webhook(&early);
    let refused = rig.api("POST", &path, json!({"content": "pong"})).await;
    assert_eq!((refused.status, refused.code()), (404, 10003));
}

#[tokio::test]
async fn orders_for_a_client_that_does_not_read_are_bounded_in_bytes() {
    let rig = Rig::start().await;
    let _deaf = rig.bot().await;
    let frame = json!({"op": 99, "d": "x".repeat(4 * 1024 * 1024)});
    let mut refused = false;
    for _ in 0..30 {
        refused |= rig.act("gateway_send", frame.clone()).await["sent"] == 0;
    }
    assert!(refused, "what one socket takes and one order that waits");
}

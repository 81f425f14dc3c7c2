//! What one person sees alone: not by any other view, count, list, quote or event, while the transcript has it.

use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::connect_async;

use crate::rig::{Bot, PATIENCE, Rig, text};

/// An ephemeral answer to the operator in a channel; the bot, the interaction and the id of the answer.
async fn whispered(rig: &Rig, channel: &str) -> (Bot, Value, String) {
    let mut bot = rig.bot().await;
    rig.register(json!([{"name": "go", "description": "d"}]))
        .await;
    let mut body = rig.place();
    body["channel_id"] = json!(channel);
    body["name"] = json!("go");
    rig.act("slash", body).await;
    let interaction = bot.event("INTERACTION_CREATE").await;
    let row = json!([{"type": 1, "components": [{"type": 2, "style": 1, "label": "b", "custom_id": "b"}]}]);
    let data = json!({"content": "whisper", "flags": 64, "components": row});
    let answered = rig
        .answer(&interaction, json!({"type": 4, "data": data}))
        .await;
    let id = text(&answered.json()["interaction"]["response_message_id"]);
    (bot, interaction, id)
}

#[tokio::test]
async fn nothing_of_it_reaches_others() {
    let rig = Rig::start().await;
    let channel = rig.id("channel_id");
    let before = rig.post(&channel, "before").await;
    let (mut socket, _) = connect_async(format!("ws://{}/sandbox/live", rig.address))
        .await
        .unwrap();
    let (_bot, _, id) = whispered(&rig, &channel).await;
    let after = rig.post(&channel, "after").await;

    // The live socket tells only of the messages before and after.
    let mut told = String::new();
    while !told.contains(&after) {
        let frame = timeout(PATIENCE, socket.next())
            .await
            .expect("news within the bound");
        told.push_str(frame.unwrap().unwrap().to_text().unwrap());
    }
    assert!(told.contains(&before) && !told.contains(&id), "{told}");

    let unread = async |user: &str| {
        let body = json!({"user_id": rig.id(user), "channels": {channel.clone(): before}});
        rig.act("unread", body).await["channels"][&channel]["unread"].clone()
    };
    assert_eq!(
        (unread("user_id").await, unread("guest_id").await),
        (json!(2), json!(1))
    );

    for only_changed in [false, true] {
        let mut body = json!({"channel_id": channel, "user_id": rig.id("guest_id"), "html": true});
        body["only_changed"] = json!(only_changed);
        let seen = rig.act("view", body).await.to_string();
        assert!(seen.contains(&after) && !seen.contains("whisper") && !seen.contains(&id));
    }
    let transcript = rig.act("transcript", json!({"channel_id": channel})).await;
    let kept = transcript["messages"]
        .as_array()
        .unwrap()
        .iter()
        .find(|m| m["id"] == json!(id));
    assert_eq!(kept.unwrap()["ephemeral_for"], rig.defaults["user_id"]);
}

#[tokio::test]
async fn nobody_else_can_use_it() {
    let rig = Rig::start().await;
    let channel = rig.id("channel_id");
    let (_bot, _, id) = whispered(&rig, &channel).await;
    let press = |user: &str| {
        let mut body = rig.place();
        body["user_id"] = json!(rig.id(user));
        body["message_id"] = json!(id);
        body["custom_id"] = json!("b");
        body
    };
    assert_eq!(
        rig.try_act("click", press("guest_id")).await.json()["field"],
        "message_id"
    );
    rig.act("click", press("user_id")).await;
    // By the bot token it does not exist: neither read nor reacted to, pinned, answered or made a thread of.
    let message = format!("/channels/{channel}/messages/{id}");
    for (method, path, body) in [
        ("GET", message.clone(), Value::Null),
        ("DELETE", message.clone(), Value::Null),
        (
            "PUT",
            format!("{message}/reactions/%E2%9C%85/@me"),
            Value::Null,
        ),
        (
            "PUT",
            format!("/channels/{channel}/messages/pins/{id}"),
            Value::Null,
        ),
        ("POST", format!("{message}/threads"), json!({"name": "t"})),
    ] {
        let refused = rig.api(method, &path, body).await;
        assert_eq!(
            (refused.status, refused.code()),
            (404, 10008),
            "{method} {path}"
        );
    }
    let reply = json!({"content": "x", "message_reference": {"message_id": id}});
    let refused = rig
        .api("POST", &format!("/channels/{channel}/messages"), reply)
        .await;
    assert_eq!(refused.code(), 50035);
    for (action, key) in [("message", "reply_to"), ("react", "message_id")] {
        let mut body = rig.place();
        body["user_id"] = json!(rig.id("guest_id"));
        body["content"] = json!("x");
        body["emoji"] = json!("✅");
        body[key] = json!(id);
        assert_eq!(
            rig.try_act(action, body).await.json()["field"],
            key,
            "{action}"
        );
    }
}

#[tokio::test]
async fn an_answer_to_everyone_does_not_quote_it() {
    let rig = Rig::start().await;
    let channel = rig.id("channel_id");
    let (mut bot, _, id) = whispered(&rig, &channel).await;
    let mut press = rig.place();
    press["message_id"] = json!(id);
    press["custom_id"] = json!("b");
    rig.act("click", press).await;
    let pressed = bot.event("INTERACTION_CREATE").await;
    assert_eq!(
        (&pressed["message"]["id"], &pressed["message"]["flags"]),
        (&json!(id), &json!(64))
    );
    let aloud = json!({"type": 4, "data": {"content": "aloud"}});
    let answered = rig.answer(&pressed, aloud).await.json();
    let sent = &answered["resource"]["message"];
    assert_eq!(
        (&sent["content"], &sent["referenced_message"]),
        (&json!("aloud"), &Value::Null)
    );
    let heard = bot.event("MESSAGE_CREATE").await;
    assert_eq!(
        (&heard["id"], &heard["referenced_message"]),
        (&sent["id"], &Value::Null)
    );
    let seen = rig.view(&channel, &rig.id("guest_id")).await;
    assert_eq!(seen.len(), 1);
    assert!(!json!(seen).to_string().contains("whisper"));
    // What is answered as privately quotes it.
    let mut press = rig.place();
    press["message_id"] = json!(id);
    press["custom_id"] = json!("b");
    rig.act("click", press).await;
    let pressed = bot.event("INTERACTION_CREATE").await;
    let quiet = json!({"type": 4, "data": {"content": "quietly", "flags": 64}});
    let answered = rig.answer(&pressed, quiet).await.json();
    assert_eq!(
        answered["resource"]["message"]["referenced_message"]["content"],
        "whisper"
    );
}

#[tokio::test]
async fn it_leaves_the_numbers_of_a_thread_alone() {
    let rig = Rig::start().await;
    let channel = rig.id("channel_id");
    let card = rig.post(&channel, "card").await;
    let path = format!("/channels/{channel}/messages/{card}/threads");
    rig.ok("POST", &path, json!({"name": "t"})).await;
    let page = rig.post(&card, "page").await;
    let (_bot, interaction, _) = whispered(&rig, &card).await;
    let thread = rig
        .ok("GET", &format!("/channels/{card}"), Value::Null)
        .await;
    assert_eq!(thread["last_message_id"], json!(page));
    assert_eq!(
        (&thread["message_count"], &thread["total_message_sent"]),
        (&json!(1), &json!(1))
    );
    // A follow-up of its own choice is as private; one without the flag is not.
    let hook = rig.webhook(&interaction);
    rig.ok(
        "POST",
        &hook,
        json!({"content": "second whisper", "flags": 64}),
    )
    .await;
    rig.ok("POST", &hook, json!({"content": "aloud"})).await;
    let said = |messages: Vec<Value>| -> Vec<String> {
        messages
            .iter()
            .map(|m| text(&m["content"]))
            .filter(|text| !text.is_empty())
            .collect()
    };
    let operator = said(rig.view(&card, &rig.id("user_id")).await);
    assert_eq!(operator, ["aloud", "second whisper", "whisper", "page"]);
    let guest = said(rig.view(&card, &rig.id("guest_id")).await);
    assert_eq!(guest, ["aloud", "page"]);
}

#[tokio::test]
async fn its_token_ends_and_nothing_else_changes_it() {
    let rig = Rig::start().await;
    let channel = rig.id("channel_id");
    let (_bot, interaction, id) = whispered(&rig, &channel).await;
    let own = format!("{}/messages/{id}", rig.webhook(&interaction));
    assert_eq!(
        rig.ok("PATCH", &own, json!({"content": "changed"})).await["flags"],
        64
    );
    rig.act(
        "expire_interaction",
        json!({"interaction_id": interaction["id"]}),
    )
    .await;
    for (method, path) in [
        ("PATCH", own.clone()),
        ("DELETE", own.clone()),
        ("POST", rig.webhook(&interaction)),
    ] {
        let refused = rig.api(method, &path, json!({"content": "late"})).await;
        assert_eq!((refused.status, refused.code()), (401, 50027), "{method}");
    }
    let seen = rig.view(&channel, &rig.id("user_id")).await;
    assert_eq!(seen[0]["content"], "changed");
}

//! The order of events, also after a resume, and whose texts a session may read.

use serde_json::{Value, json};

use crate::rig::{Bot, INTENTS, Rig, text};

const REACTIONS: u64 = 1 << 10;

#[tokio::test]
async fn each_session_counts_its_own_events_without_a_gap() {
    let rig = Rig::start().await;
    let mut bots = Vec::new();
    for intents in [INTENTS | REACTIONS, INTENTS] {
        let mut bot = Bot::connect(rig.address).await;
        bot.identify(&rig.token, intents).await;
        bots.push(bot);
    }
    let channel = rig.id("channel_id");
    let id = rig.post(&channel, "one").await;
    let path = format!("/channels/{channel}/messages/{id}");
    rig.ok(
        "PUT",
        &format!("{path}/reactions/%E2%9C%85/@me"),
        Value::Null,
    )
    .await;
    rig.ok("PATCH", &path, json!({"content": "two"})).await;
    rig.ok("DELETE", &path, Value::Null).await;
    let whole = [
        "READY",
        "GUILD_CREATE",
        "MESSAGE_CREATE",
        "MESSAGE_REACTION_ADD",
        "MESSAGE_UPDATE",
        "MESSAGE_DELETE",
    ];
    for (bot, reactions) in bots.iter_mut().zip([true, false]) {
        let wanted: Vec<&str> = whole
            .into_iter()
            .filter(|name| reactions || *name != "MESSAGE_REACTION_ADD")
            .collect();
        for (at, name) in wanted.into_iter().enumerate() {
            let frame = bot.frame().await;
            assert_eq!(
                (&frame["op"], &frame["t"], &frame["s"]),
                (&json!(0), &json!(name), &json!(at + 1))
            );
        }
    }
    // Frames that are no events carry neither number nor name.
    let bot = &mut bots[0];
    bot.say(1, json!(bot.seq)).await;
    let beat = bot.frame().await;
    assert_eq!(
        (&beat["op"], &beat["s"], &beat["t"]),
        (&json!(11), &Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn a_session_that_is_said_to_be_resumable_resumes() {
    let rig = Rig::start().await;
    let mut bot = rig.bot().await;
    rig.act("gateway_send", json!({"op": 9, "d": true})).await;
    let told = bot.frame().await;
    assert_eq!(
        (&told["op"], &told["d"], &told["s"]),
        (&json!(9), &json!(true), &Value::Null)
    );
    drop(bot.socket);
    let missed = rig.post(&rig.id("channel_id"), "missed").await;
    let mut back = Bot::connect(rig.address).await;
    let resume = json!({"token": rig.token, "session_id": bot.session, "seq": bot.seq});
    back.say(6, resume).await;
    // In order, each once, and then the word that this was all.
    let replayed = back.frame().await;
    assert_eq!(
        (&replayed["d"]["id"], &replayed["s"]),
        (&json!(missed), &json!(bot.seq + 1))
    );
    let done = back.frame().await;
    assert_eq!(
        (&done["t"], &done["s"]),
        (&json!("RESUMED"), &json!(bot.seq + 2))
    );
}

#[tokio::test]
async fn without_the_intent_others_are_read_blank_but_for_direct_messages() {
    let rig = Rig::start().await;
    let mut blind = rig.bot().await;
    let mut said = rig.place();
    said["content"] = json!("secret");
    said["attachments"] = json!([{"filename": "a.txt", "content": "secret"}]);
    let id = text(&rig.act("message", said.clone()).await["message_id"]);
    let heard = blind.event("MESSAGE_CREATE").await;
    assert_eq!(
        (&heard["id"], &heard["attachments"]),
        (&json!(id), &json!([]))
    );
    // A reply of the bot mentions nobody of its own, and quotes what it may not read.
    let reply = json!({"content": "so", "message_reference": {"message_id": id}});
    let path = format!("/channels/{}/messages", rig.id("channel_id"));
    rig.ok("POST", &path, reply).await;
    let own = blind.event("MESSAGE_CREATE").await;
    assert_eq!(
        (&own["content"], &own["referenced_message"]["content"]),
        (&json!("so"), &json!(""))
    );
    let dm = json!({"recipient_id": rig.id("user_id")});
    let dm = text(&rig.ok("POST", "/users/@me/channels", dm).await["id"]);
    said["channel_id"] = json!(dm);
    said["guild_id"] = Value::Null;
    rig.act("message", said).await;
    assert_eq!(blind.event("MESSAGE_CREATE").await["content"], "secret");
}

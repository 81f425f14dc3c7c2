//! What sight and rights do across the interface: thread lists after gained sight, silence, private threads.

use serde_json::{Value, json};

use crate::rig::{INTENTS, Rig, text};

const VIEW_CHANNEL: u64 = 1 << 10;
const SEND_MESSAGES: u64 = 1 << 11;
const MANAGE_THREADS: u64 = 1 << 34;

#[tokio::test]
async fn gained_sight_brings_the_threads() {
    let rig = Rig::start().await;
    let channel = rig.id("channel_id");
    let bot_id = rig.id("application_id");
    let thread = rig
        .ok(
            "POST",
            &format!("/channels/{channel}/threads"),
            json!({"name": "t", "type": 11}),
        )
        .await;
    let set = |deny: u64| json!({"overwrites": [{"channel_id": channel, "id": bot_id, "deny": deny.to_string()}]});
    rig.act("guild", set(VIEW_CHANNEL)).await;
    let mut bot = crate::rig::Bot::connect(rig.address).await;
    bot.identify(&rig.token, INTENTS).await;
    let guild = bot.event("GUILD_CREATE").await;
    assert_eq!(
        guild["threads"],
        json!([]),
        "no thread of what it does not see"
    );
    assert!(
        guild["channels"]
            .as_array()
            .unwrap()
            .iter()
            .any(|c| c["id"] == json!(channel))
    );
    let active = rig
        .ok("GET", &rig.guild("/threads/active"), Value::Null)
        .await;
    assert_eq!(active["threads"], json!([]));
    rig.act("guild", set(0)).await;
    let sync = bot.event("THREAD_LIST_SYNC").await;
    assert_eq!(sync["channel_ids"], json!([channel]));
    assert_eq!(sync["threads"][0]["id"], thread["id"]);
    assert_eq!(sync["members"][0]["id"], thread["id"]);
}

#[tokio::test]
async fn who_cannot_write_cannot_mention_either() {
    let rig = Rig::start().await;
    let channel = rig.id("channel_id");
    let mute =
        json!({"channel_id": channel, "id": rig.id("guild_id"), "deny": SEND_MESSAGES.to_string()});
    rig.act("guild", json!({"overwrites": [mute]})).await;
    let post = rig
        .api(
            "POST",
            &format!("/channels/{channel}/messages"),
            json!({"content": "x"}),
        )
        .await;
    assert_eq!((post.status, post.code()), (403, 50013));
    // A thread has a right of its own to write in it.
    let thread = rig
        .ok(
            "POST",
            &format!("/channels/{channel}/threads"),
            json!({"name": "t", "type": 11}),
        )
        .await;
    let path = format!("/channels/{}/messages", text(&thread["id"]));
    let sent = rig.ok("POST", &path, json!({"content": "@everyone"})).await;
    assert_eq!(sent["mention_everyone"], true);
}

#[tokio::test]
async fn private_threads_are_for_members_and_moderators() {
    let rig = Rig::start().await;
    rig.empower(0).await;
    let private = json!({
        "parent_id": rig.id("channel_id"), "user_id": rig.id("user_id"), "name": "secret", "private": true,
    });
    let made = rig.act("guild", json!({"threads": [private]})).await;
    let id = text(&made["threads"]["secret"]);
    let path = format!("/channels/{id}");
    assert_eq!(rig.api("GET", &path, Value::Null).await.code(), 50001);
    let look = |user: String| json!({"channel_id": id, "user_id": user});
    assert_eq!(
        rig.try_act("view", look(rig.id("guest_id"))).await.status,
        400
    );
    assert_eq!(
        rig.try_act("view", look(rig.id("user_id"))).await.status,
        200
    );
    rig.empower(MANAGE_THREADS).await;
    rig.ok("GET", &path, Value::Null).await;
    rig.empower(0).await;
    let mut bot = rig.bot().await;
    let add = json!({"id": id, "add": [rig.id("application_id")]});
    rig.act("guild", json!({"threads": [add]})).await;
    let created = bot.event("THREAD_CREATE").await;
    assert_eq!(created["id"], json!(id), "to the bot the thread is new");
    assert!(created.get("newly_created").is_none() && created["member"].is_object());
    let joined = bot.event("THREAD_MEMBERS_UPDATE").await;
    assert_eq!(
        joined["added_members"][0]["user_id"],
        rig.defaults["application_id"]
    );
    rig.ok("GET", &path, Value::Null).await;
    let remove = json!({"id": id, "remove": [rig.id("application_id")]});
    rig.act("guild", json!({"threads": [remove]})).await;
    let left = bot.event("THREAD_MEMBERS_UPDATE").await;
    assert_eq!(
        left["removed_member_ids"],
        json!([rig.id("application_id")])
    );
    assert_eq!(rig.api("GET", &path, Value::Null).await.code(), 50001);
}

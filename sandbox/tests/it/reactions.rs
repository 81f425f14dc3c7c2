//! Reactions: by the bot and by people, listed, removed, and told of.

use serde_json::{Value, json};

use crate::rig::{Bot, INTENTS, Rig};

/// The percent-encoded form in which clients send an emoji.
const CHECK: &str = "%E2%9C%85";

async fn listening(rig: &Rig) -> Bot {
    let mut bot = Bot::connect(rig.address).await;
    bot.identify(&rig.token, INTENTS | 1 << 10 | 1 << 13).await;
    bot.event("GUILD_CREATE").await;
    bot
}

async fn react(rig: &Rig, user: &str, message: &str, emoji: &str) -> u16 {
    let body = json!({"channel_id": rig.id("channel_id"), "user_id": rig.id(user),
        "message_id": message, "emoji": emoji});
    rig.try_act("react", body).await.status
}

#[tokio::test]
async fn the_bot_and_people_share_an_emoji() {
    let rig = Rig::start().await;
    let mut bot = listening(&rig).await;
    let channel = rig.id("channel_id");
    let id = rig.post(&channel, "vote").await;
    let message = format!("/channels/{channel}/messages/{id}");
    let check = format!("{message}/reactions/{CHECK}");
    for _ in 0..2 {
        assert_eq!(
            rig.api("PUT", &format!("{check}/@me"), Value::Null)
                .await
                .status,
            204
        );
    }
    let added = bot.event("MESSAGE_REACTION_ADD").await;
    assert_eq!(
        (&added["user_id"], &added["emoji"]["name"], &added["type"]),
        (&rig.defaults["application_id"], &json!("✅"), &json!(0))
    );
    assert_eq!(react(&rig, "user_id", &id, "✅").await, 200);
    let added = bot.event("MESSAGE_REACTION_ADD").await;
    assert_eq!(
        (&added["user_id"], &added["member"]["user"]["id"]),
        (&rig.defaults["user_id"], &rig.defaults["user_id"]),
        "the second reaction of the bot was none"
    );
    assert_eq!(added["message_author_id"], rig.defaults["application_id"]);
    let shown = rig.ok("GET", &message, Value::Null).await["reactions"].clone();
    assert_eq!(
        (
            &shown[0]["count"],
            &shown[0]["me"],
            &shown[0]["emoji"]["id"]
        ),
        (&json!(2), &json!(true), &Value::Null)
    );
    let users = rig.ok("GET", &check, Value::Null).await;
    assert_eq!(users.as_array().unwrap().len(), 2);
    let after = format!("{check}?after={}&limit=1", rig.id("application_id"));
    let users = rig.ok("GET", &after, Value::Null).await;
    assert_eq!(users[0]["id"], rig.defaults["user_id"]);

    rig.api("DELETE", &format!("{check}/@me"), Value::Null)
        .await;
    let removed = bot.event("MESSAGE_REACTION_REMOVE").await;
    assert_eq!(removed["user_id"], rig.defaults["application_id"]);
    let shown = rig.ok("GET", &message, Value::Null).await["reactions"].clone();
    assert_eq!(
        (&shown[0]["count"], &shown[0]["me"]),
        (&json!(1), &json!(false))
    );
}

#[tokio::test]
async fn moderators_remove_the_reactions_of_others() {
    let rig = Rig::start().await;
    let mut bot = listening(&rig).await;
    let channel = rig.id("channel_id");
    let id = rig.post(&channel, "vote").await;
    let base = format!("/channels/{channel}/messages/{id}/reactions");
    for emoji in ["✅", "❤️", "👍"] {
        assert_eq!(react(&rig, "user_id", &id, emoji).await, 200);
    }
    let theirs = format!("{base}/{CHECK}/{}", rig.id("user_id"));
    for path in [&theirs, &base, &format!("{base}/{CHECK}")] {
        let refused = rig.api("DELETE", path, Value::Null).await;
        assert_eq!((refused.status, refused.code()), (403, 50013), "{path}");
    }
    let allow = json!({"overwrites": [{"channel_id": channel, "id": rig.id("application_id"),
        "allow": (1u64 << 13).to_string()}]});
    rig.act("guild", allow).await;
    rig.ok("DELETE", &theirs, Value::Null).await;
    bot.event("MESSAGE_REACTION_REMOVE").await;
    rig.ok("DELETE", &format!("{base}/%E2%9D%A4"), Value::Null)
        .await;
    let gone = bot.event("MESSAGE_REACTION_REMOVE_EMOJI").await;
    assert_eq!(
        gone["emoji"]["name"], "❤",
        "one emoji with or without its selector"
    );
    rig.ok("DELETE", &base, Value::Null).await;
    assert_eq!(
        bot.event("MESSAGE_REACTION_REMOVE_ALL").await["message_id"],
        json!(id)
    );
    let message = format!("/channels/{channel}/messages/{id}");
    assert!(rig.ok("GET", &message, Value::Null).await["reactions"].is_null());
}

#[tokio::test]
async fn what_is_no_emoji_and_one_too_many() {
    let rig = Rig::start().await;
    let channel = rig.id("channel_id");
    let id = rig.post(&channel, "x").await;
    let base = format!("/channels/{channel}/messages/{id}/reactions");
    for bad in ["nope", "party:123", "%E2%9C%85%E2%9C%85", "a:b:c", "%00"] {
        let refused = rig
            .api("PUT", &format!("{base}/{bad}/@me"), Value::Null)
            .await;
        assert_eq!((refused.status, refused.code()), (400, 10014), "{bad}");
    }
    // U+1F600 and the nineteen after it.
    for low in 0x80..0x94 {
        let path = format!("{base}/%F0%9F%98%{low:X}/@me");
        assert_eq!(
            rig.api("PUT", &path, Value::Null).await.status,
            204,
            "{path}"
        );
    }
    let full = rig
        .api("PUT", &format!("{base}/{CHECK}/@me"), Value::Null)
        .await;
    assert_eq!((full.status, full.code()), (400, 30010));
    assert_eq!(react(&rig, "user_id", &id, "✅").await, 400);
    assert_eq!(react(&rig, "user_id", &id, "\u{1f600}").await, 200);
}

#[tokio::test]
async fn a_new_emoji_needs_the_permission_and_joining_one_does_not() {
    let rig = Rig::start().await;
    let channel = rig.id("channel_id");
    let id = rig.post(&channel, "x").await;
    assert_eq!(react(&rig, "owner_id", &id, "✅").await, 200);
    let deny = json!({"overwrites": [{"channel_id": channel, "id": rig.id("guild_id"),
        "deny": (1u64 << 6).to_string()}]});
    rig.act("guild", deny).await;
    let base = format!("/channels/{channel}/messages/{id}/reactions");
    let joined = rig
        .api("PUT", &format!("{base}/{CHECK}/@me"), Value::Null)
        .await;
    assert_eq!(joined.status, 204);
    let new = rig
        .api("PUT", &format!("{base}/%E2%9D%A4/@me"), Value::Null)
        .await;
    assert_eq!((new.status, new.code()), (403, 50013));
    assert_eq!(react(&rig, "user_id", &id, "❤").await, 400);
    assert_eq!(react(&rig, "user_id", &id, "✅").await, 200);
}

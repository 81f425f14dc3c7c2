//! What client libraries send or expect beyond the plain reading of the documentation, by raw HTTP.
//!
//! The libraries themselves are run in `foreign`; each test here is one thing that one of them stumbled over.

use serde_json::{Value, json};
use shanty_sandbox::Options;

use crate::rig::{Bot, Rig, text};

#[tokio::test]
async fn history_after_zero_begins_with_the_first_message() {
    let rig = Rig::start().await;
    let channel = rig.id("channel_id");
    for content in ["a", "b", "c"] {
        rig.post(&channel, content).await;
    }
    let path = format!("/channels/{channel}/messages?after=0&limit=2");
    let list = rig.ok("GET", &path, Value::Null).await;
    let contents: Vec<String> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|message| text(&message["content"]))
        .collect();
    assert_eq!(contents, ["b", "a"]);
    let path = format!("/channels/{channel}/messages?after=x");
    assert_eq!(rig.api("GET", &path, json!(null)).await.code(), 50035);
}

#[tokio::test]
async fn a_refusal_tells_of_its_own_wait_and_not_of_the_buckets() {
    let rig = Rig::start().await;
    let path = format!("/channels/{}/messages", rig.id("channel_id"));
    for (scope, remaining, reset_after) in [
        ("user", "0", "0.300"),
        ("shared", "9999", "0.300"),
        ("global", "", ""),
    ] {
        let order = json!({"path_glob": "*/messages", "retry_after": 0.3, "scope": scope});
        rig.act("ratelimit_next", order).await;
        let refused = rig.api("POST", &path, json!({"content": "x"})).await;
        assert_eq!(refused.status, 429);
        assert_eq!(refused.header("x-ratelimit-scope"), scope);
        assert_eq!(
            refused.header("x-ratelimit-remaining"),
            remaining,
            "{scope}"
        );
        assert_eq!(
            refused.header("x-ratelimit-reset-after"),
            reset_after,
            "{scope}"
        );
        assert_eq!(
            refused.header("x-ratelimit-bucket").is_empty(),
            scope == "global"
        );
        assert_eq!(
            refused.header("x-ratelimit-global"),
            if scope == "global" { "true" } else { "" }
        );
        assert_eq!(refused.header("retry-after"), "1");
        rig.ok("POST", &path, json!({"content": "x"})).await;
    }
}

#[tokio::test]
async fn answers_to_interactions_have_no_bucket() {
    let rig = Rig::start_with(Options::default()).await;
    let mut bot = rig.bot().await;
    rig.register(json!([{"name": "ping", "description": "d"}]))
        .await;
    rig.slash("ping", json!([])).await;
    let interaction = bot.event("INTERACTION_CREATE").await;
    let answer = json!({"type": 4, "data": {"content": "x"}});
    for status in [200, 400, 400, 400, 400, 400, 400] {
        let answered = rig.answer(&interaction, answer.clone()).await;
        assert_eq!(answered.status, status);
        for name in ["limit", "remaining", "reset", "reset-after", "bucket"] {
            assert_eq!(
                answered.header(&format!("x-ratelimit-{name}")),
                "",
                "{name}"
            );
        }
    }
    let follow_up = rig
        .api("POST", &rig.webhook(&interaction), json!({"content": "y"}))
        .await;
    assert_eq!(follow_up.header("x-ratelimit-remaining"), "4");
}

#[tokio::test]
async fn who_types_in_a_guild_is_named_as_its_member() {
    let rig = Rig::start().await;
    let mut bot = Bot::connect(rig.address).await;
    bot.identify(&rig.token, 1 | 1 << 11 | 1 << 14).await;
    bot.event("GUILD_CREATE").await;
    let channel = rig.id("channel_id");
    rig.ok("POST", &format!("/channels/{channel}/typing"), Value::Null)
        .await;
    let typing = bot.event("TYPING_START").await;
    assert_eq!(typing["guild_id"], rig.defaults["guild_id"]);
    assert_eq!(
        typing["member"]["user"]["id"],
        rig.defaults["application_id"]
    );
    assert!(typing["member"]["roles"].is_array());
    let recipient = json!({"recipient_id": rig.id("user_id")});
    let direct = rig.ok("POST", "/users/@me/channels", recipient).await;
    let path = format!("/channels/{}/typing", text(&direct["id"]));
    rig.ok("POST", &path, Value::Null).await;
    let typing = bot.event("TYPING_START").await;
    assert!(
        typing.get("guild_id").is_none() && typing.get("member").is_none(),
        "{typing}"
    );
}

#[tokio::test]
async fn what_a_client_writes_as_null_is_answered_with_nothing() {
    let rig = Rig::start().await;
    let path = format!("/channels/{}/messages", rig.id("channel_id"));
    let emoji = json!({"id": null, "name": "🚀", "animated": false});
    let button = json!({"type": 2, "style": 1, "custom_id": "a", "label": null, "emoji": emoji});
    let option = json!({"label": "A", "value": "a", "description": null, "emoji": emoji});
    let select = json!({"type": 3, "custom_id": "b", "options": [option], "placeholder": null});
    let row = |component: Value| json!({"type": 1, "components": [component]});
    let body = json!({
        "components": [row(button), row(select)],
        "embeds": [{"title": "t", "footer": {"text": "f", "icon_url": null}}],
    });
    let sent = rig.ok("POST", &path, body).await;
    let button = &sent["components"][0]["components"][0];
    assert_eq!(button["emoji"], json!({"name": "🚀", "animated": false}));
    assert!(button.get("label").is_none());
    let option = &sent["components"][1]["components"][0]["options"][0];
    assert!(option.get("description").is_none() && option["emoji"].get("id").is_none());
    assert!(
        sent["embeds"][0]["footer"].get("icon_url").is_none(),
        "{sent}"
    );
}

//! Channels of guilds: every kind, names, categories, positions, overwrites, slowmode, and their end.

use serde_json::{Value, json};

use crate::rig::{Answer, Rig, text};

const MANAGE_CHANNELS: u64 = 1 << 4;
const VIEW_CHANNEL: u64 = 1 << 10;
const SEND_MESSAGES: u64 = 1 << 11;
const MANAGE_ROLES: u64 = 1 << 28;
const MANAGE_THREADS: u64 = 1 << 34;

async fn make(rig: &Rig, body: Value) -> Value {
    rig.ok("POST", &rig.guild("/channels"), body).await
}

fn fault(answer: &Answer, field: &str) -> String {
    assert_eq!((answer.status, answer.code()), (400, 50035));
    text(&answer.json()["errors"][field]["_errors"][0]["code"])
}

#[tokio::test]
async fn channels_are_made_changed_and_deleted() {
    let rig = Rig::start().await;
    rig.empower(MANAGE_CHANNELS).await;
    let mut bot = rig.bot().await;
    let made = make(
        &rig,
        json!({"name": "Deploy  Log!", "topic": "what went out", "nsfw": true, "rate_limit_per_user": 5}),
    )
    .await;
    assert_eq!(
        (&made["name"], &made["type"], &made["topic"], &made["nsfw"]),
        (
            &json!("deploy-log"),
            &json!(0),
            &json!("what went out"),
            &json!(true)
        )
    );
    assert_eq!(made["rate_limit_per_user"], 5);
    assert_eq!(bot.event("CHANNEL_CREATE").await, made);
    let path = format!("/channels/{}", text(&made["id"]));
    let change =
        json!({"name": "News", "topic": null, "type": 5, "default_auto_archive_duration": 60});
    let changed = rig.ok("PATCH", &path, change).await;
    assert_eq!(
        (&changed["name"], &changed["topic"], &changed["type"]),
        (&json!("news"), &Value::Null, &json!(5))
    );
    assert_eq!(changed["default_auto_archive_duration"], 60);
    assert_eq!(bot.event("CHANNEL_UPDATE").await["name"], "news");
    let deleted = rig.ok("DELETE", &path, Value::Null).await;
    assert_eq!(deleted["id"], made["id"]);
    assert_eq!(bot.event("CHANNEL_DELETE").await["id"], made["id"]);
    assert_eq!(rig.api("GET", &path, Value::Null).await.code(), 10003);
}

#[tokio::test]
async fn every_kind_has_its_own_fields() {
    let rig = Rig::start().await;
    rig.empower(MANAGE_CHANNELS).await;
    let category = make(&rig, json!({"name": "Text Channels", "type": 4})).await;
    assert_eq!(category["name"], "Text Channels");
    assert!(category.get("topic").is_none());
    let voice = make(
        &rig,
        json!({"name": "Lounge 1", "type": 2, "parent_id": category["id"]}),
    )
    .await;
    assert_eq!(
        (&voice["name"], &voice["parent_id"], &voice["bitrate"]),
        (&json!("Lounge 1"), &category["id"], &json!(64_000))
    );
    let forum = make(
        &rig,
        json!({"name": "Help", "type": 15, "available_tags": [{"name": "bug"}], "default_sort_order": 1}),
    )
    .await;
    assert_eq!(forum["available_tags"][0]["name"], "bug");
    assert!(forum["available_tags"][0]["id"].is_string());
    assert_eq!(forum["default_sort_order"], 1);
    for (channel, code) in [(&category, 50008), (&forum, 50008)] {
        let path = format!("/channels/{}/messages", text(&channel["id"]));
        assert_eq!(
            rig.api("POST", &path, json!({"content": "x"})).await.code(),
            code
        );
    }
}

#[tokio::test]
async fn bodies_are_checked_field_by_field() {
    let rig = Rig::start().await;
    rig.empower(MANAGE_CHANNELS).await;
    let path = rig.guild("/channels");
    for (body, field, code) in [
        (json!({}), "name", "BASE_TYPE_REQUIRED"),
        (json!({"name": ""}), "name", "BASE_TYPE_BAD_LENGTH"),
        (
            json!({"name": "n".repeat(101)}),
            "name",
            "BASE_TYPE_BAD_LENGTH",
        ),
        (json!({"name": "n", "type": 3}), "type", "BASE_TYPE_CHOICES"),
        (
            json!({"name": "n", "topic": "t".repeat(1025)}),
            "topic",
            "BASE_TYPE_MAX_LENGTH",
        ),
        (
            json!({"name": "n", "rate_limit_per_user": 21_601}),
            "rate_limit_per_user",
            "NUMBER_TYPE_RANGE",
        ),
        (
            json!({"name": "n", "parent_id": "77"}),
            "parent_id",
            "CHANNEL_PARENT_INVALID",
        ),
        (
            json!({"name": "n", "parent_id": rig.id("channel_id")}),
            "parent_id",
            "CHANNEL_PARENT_INVALID_TYPE",
        ),
        (
            json!({"name": "n", "nsfw": "yes"}),
            "nsfw",
            "BOOLEAN_TYPE_CONVERT",
        ),
    ] {
        assert_eq!(
            fault(&rig.api("POST", &path, body.clone()).await, field),
            code,
            "{body}"
        );
    }
    let general = format!("/channels/{}", rig.id("channel_id"));
    let turned = rig.api("PATCH", &general, json!({"type": 15})).await;
    assert_eq!(fault(&turned, "type"), "BASE_TYPE_CHOICES");
    let repeated =
        json!({"name": "f", "type": 15, "available_tags": [{"name": "a"}, {"name": "A"}]});
    assert_eq!(rig.api("POST", &path, repeated).await.code(), 40061);
}

#[tokio::test]
async fn without_the_right_nothing_is_made_or_changed() {
    let rig = Rig::start().await;
    let general = format!("/channels/{}", rig.id("channel_id"));
    for (method, path, body) in [
        ("POST", rig.guild("/channels"), json!({"name": "n"})),
        ("PATCH", general.clone(), json!({"name": "n"})),
        ("DELETE", general.clone(), Value::Null),
        (
            "PATCH",
            rig.guild("/channels"),
            json!([{"id": rig.id("channel_id"), "position": 1}]),
        ),
        (
            "PUT",
            format!("{general}/permissions/{}", rig.id("guild_id")),
            json!({"type": 0, "deny": "0"}),
        ),
    ] {
        let answer = rig.api(method, &path, body).await;
        assert_eq!(
            (answer.status, answer.code()),
            (403, 50013),
            "{method} {path}"
        );
    }
    let hide = json!({"channel_id": rig.id("channel_id"), "id": rig.id("application_id"), "deny": VIEW_CHANNEL.to_string()});
    rig.act("guild", json!({"overwrites": [hide]})).await;
    let unseen = rig.api("GET", &general, Value::Null).await;
    assert_eq!((unseen.status, unseen.code()), (403, 50001));
}

#[tokio::test]
async fn categories_hand_down_their_overwrites_and_let_go_at_their_end() {
    let rig = Rig::start().await;
    rig.empower(MANAGE_CHANNELS | MANAGE_ROLES).await;
    let overwrite = json!({"id": rig.id("guest_id"), "type": 1, "allow": "0", "deny": SEND_MESSAGES.to_string()});
    let category = make(
        &rig,
        json!({"name": "c", "type": 4, "permission_overwrites": [overwrite]}),
    )
    .await;
    let inside = make(&rig, json!({"name": "in", "parent_id": category["id"]})).await;
    assert_eq!(inside["permission_overwrites"], json!([overwrite]));
    let nested = rig
        .api(
            "POST",
            &rig.guild("/channels"),
            json!({"name": "d", "type": 4, "parent_id": category["id"]}),
        )
        .await;
    assert_eq!(fault(&nested, "parent_id"), "CHANNEL_PARENT_INVALID_TYPE");
    let moved = json!([{"id": rig.id("channel_id"), "position": 9, "parent_id": category["id"], "lock_permissions": true}]);
    assert_eq!(
        rig.api("PATCH", &rig.guild("/channels"), moved)
            .await
            .status,
        204
    );
    let listed = rig.ok("GET", &rig.guild("/channels"), Value::Null).await;
    let last = listed.as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["name"], &last["position"]),
        (&json!("general"), &json!(9))
    );
    assert_eq!(last["permission_overwrites"], json!([overwrite]));
    let mut bot = rig.bot().await;
    rig.ok(
        "DELETE",
        &format!("/channels/{}", text(&category["id"])),
        Value::Null,
    )
    .await;
    bot.event("CHANNEL_DELETE").await;
    assert_eq!(bot.event("CHANNEL_UPDATE").await["parent_id"], Value::Null);
}

#[tokio::test]
async fn overwrites_are_set_and_deleted_within_what_the_bot_may() {
    let rig = Rig::start().await;
    rig.empower(MANAGE_ROLES).await;
    let path = format!("/channels/{}/permissions", rig.id("channel_id"));
    let guest = format!("{path}/{}", rig.id("guest_id"));
    let deny = json!({"type": 1, "deny": SEND_MESSAGES.to_string()});
    assert_eq!(rig.api("PUT", &guest, deny.clone()).await.status, 204);
    let write =
        json!({"channel_id": rig.id("channel_id"), "user_id": rig.id("guest_id"), "content": "x"});
    assert_eq!(rig.try_act("message", write.clone()).await.status, 400);
    let beyond = json!({"type": 1, "allow": MANAGE_CHANNELS.to_string()});
    assert_eq!(
        rig.api("PUT", &guest, beyond).await.code(),
        50013,
        "it lacks that itself"
    );
    assert_eq!(rig.api("DELETE", &guest, Value::Null).await.status, 204);
    rig.act("message", write).await;
    assert_eq!(rig.api("DELETE", &guest, Value::Null).await.code(), 10009);
    assert_eq!(
        rig.api("PUT", &format!("{path}/77"), json!({"type": 0}))
            .await
            .code(),
        10011
    );
    assert_eq!(
        rig.api("PUT", &format!("{path}/77"), json!({"type": 1}))
            .await
            .code(),
        10013
    );
}

#[tokio::test]
async fn slowmode_is_for_people_without_rights() {
    let rig = Rig::start().await;
    rig.empower(MANAGE_CHANNELS).await;
    let channel = rig.id("channel_id");
    let slow = json!({"rate_limit_per_user": 600});
    rig.ok("PATCH", &format!("/channels/{channel}"), slow).await;
    let say = |user: String| json!({"channel_id": channel, "user_id": user, "content": "x"});
    rig.act("message", say(rig.id("user_id"))).await;
    let second = rig.try_act("message", say(rig.id("user_id"))).await;
    assert_eq!(
        (second.status, &second.json()["field"]),
        (400, &json!("channel_id"))
    );
    rig.act("message", say(rig.id("guest_id"))).await;
    for _ in 0..2 {
        rig.act("message", say(rig.id("owner_id"))).await;
        rig.post(&channel, "bots never wait").await;
    }
}

#[tokio::test]
async fn threads_go_with_their_channel() {
    let rig = Rig::start().await;
    rig.empower(MANAGE_CHANNELS | MANAGE_THREADS).await;
    let made = make(&rig, json!({"name": "short-lived"})).await;
    let path = format!("/channels/{}", text(&made["id"]));
    let thread = rig
        .ok(
            "POST",
            &format!("{path}/threads"),
            json!({"name": "t", "type": 11}),
        )
        .await;
    rig.ok("DELETE", &path, Value::Null).await;
    let gone = rig
        .api(
            "GET",
            &format!("/channels/{}", text(&thread["id"])),
            Value::Null,
        )
        .await;
    assert_eq!(gone.code(), 10003);
    let active = rig
        .ok("GET", &rig.guild("/threads/active"), Value::Null)
        .await;
    assert_eq!(active["threads"], json!([]));
}

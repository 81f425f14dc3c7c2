//! Forums: posts with their first message, and tags.

use serde_json::{Value, json};

use crate::rig::{Rig, text};

const MANAGE_CHANNELS: u64 = 1 << 4;
const MANAGE_THREADS: u64 = 1 << 34;
const REQUIRE_TAG: u64 = 1 << 4;

/// A forum with the tags `bug`, and `done`, which is moderated.
async fn forum(rig: &Rig) -> Value {
    rig.empower(MANAGE_CHANNELS).await;
    let tags = json!([{"name": "bug"}, {"name": "done", "moderated": true, "emoji_name": "✅"}]);
    let body = json!({"name": "help", "type": 15, "available_tags": tags, "default_thread_rate_limit_per_user": 7});
    rig.ok("POST", &rig.guild("/channels"), body).await
}

#[tokio::test]
async fn a_post_is_a_thread_and_its_first_message() {
    let rig = Rig::start().await;
    let forum = forum(&rig).await;
    let mut bot = rig.bot().await;
    let path = format!("/channels/{}/threads", text(&forum["id"]));
    let tag = &forum["available_tags"][0]["id"];
    let body = json!({"name": "It broke", "applied_tags": [tag], "message": {"content": "help!"}});
    let post = rig.ok("POST", &path, body).await;
    let id = text(&post["id"]);
    assert_eq!(
        post["message"]["id"], post["id"],
        "the first message has the id of its thread"
    );
    assert_eq!(
        (&post["message"]["content"], &post["type"]),
        (&json!("help!"), &json!(11))
    );
    assert_eq!(
        (&post["applied_tags"], &post["rate_limit_per_user"]),
        (&json!([tag]), &json!(7))
    );
    let created = bot.event("THREAD_CREATE").await;
    assert_eq!(
        (&created["id"], &created["newly_created"]),
        (&json!(id), &json!(true))
    );
    assert_eq!(bot.event("MESSAGE_CREATE").await["id"], json!(id));
    let count = |channel: &Value| {
        (
            channel["message_count"].clone(),
            channel["total_message_sent"].clone(),
        )
    };
    let channel = rig.ok("GET", &format!("/channels/{id}"), Value::Null).await;
    assert_eq!(
        count(&channel),
        (json!(0), json!(0)),
        "the first message is not counted"
    );
    rig.post(&id, "more").await;
    let channel = rig.ok("GET", &format!("/channels/{id}"), Value::Null).await;
    assert_eq!(count(&channel), (json!(1), json!(1)));
    let messages = rig
        .ok("GET", &format!("/channels/{id}/messages"), Value::Null)
        .await;
    assert_eq!(messages.as_array().unwrap().len(), 2);
    let above = rig
        .ok(
            "GET",
            &format!("/channels/{}", text(&forum["id"])),
            Value::Null,
        )
        .await;
    assert_eq!(above["last_message_id"], json!(id));
}

#[tokio::test]
async fn a_post_needs_a_message_and_tags_that_exist() {
    let rig = Rig::start().await;
    let forum = forum(&rig).await;
    let forum_path = format!("/channels/{}", text(&forum["id"]));
    let path = format!("{forum_path}/threads");
    let post =
        |tags: Value| json!({"name": "p", "applied_tags": tags, "message": {"content": "x"}});
    let bare = rig.api("POST", &path, json!({"name": "p"})).await;
    assert_eq!(
        bare.json()["errors"]["message"]["_errors"][0]["code"],
        "BASE_TYPE_REQUIRED"
    );
    let empty = rig
        .api("POST", &path, json!({"name": "p", "message": {}}))
        .await;
    assert_eq!(empty.code(), 50006);
    let long = json!({"name": "p", "message": {"content": "x".repeat(2001)}});
    let long = rig.api("POST", &path, long).await;
    assert!(long.json()["errors"]["message"]["content"].is_object());
    assert_eq!(
        rig.api("POST", &path, post(json!(["77"]))).await.code(),
        10087
    );
    let moderated = json!([forum["available_tags"][1]["id"]]);
    assert_eq!(
        rig.api("POST", &path, post(moderated.clone())).await.code(),
        50013
    );
    rig.ok("PATCH", &forum_path, json!({"flags": REQUIRE_TAG}))
        .await;
    assert_eq!(rig.api("POST", &path, post(json!([]))).await.code(), 40067);
    rig.empower(MANAGE_THREADS).await;
    let done = rig.ok("POST", &path, post(moderated)).await;
    assert_eq!(
        done["applied_tags"],
        json!([forum["available_tags"][1]["id"]])
    );
}

#[tokio::test]
async fn tags_of_a_post_change_and_posts_are_pinned_by_moderators() {
    let rig = Rig::start().await;
    let forum = forum(&rig).await;
    let path = format!("/channels/{}/threads", text(&forum["id"]));
    let post = rig
        .ok(
            "POST",
            &path,
            json!({"name": "p", "message": {"content": "x"}}),
        )
        .await;
    let path = format!("/channels/{}", text(&post["id"]));
    let tag = &forum["available_tags"][0]["id"];
    let tagged = rig
        .ok("PATCH", &path, json!({"applied_tags": [tag, tag]}))
        .await;
    assert_eq!(tagged["applied_tags"], json!([tag]));
    assert_eq!(
        rig.api("PATCH", &path, json!({"flags": 2})).await.code(),
        50013
    );
    rig.empower(MANAGE_THREADS).await;
    assert_eq!(
        rig.ok("PATCH", &path, json!({"flags": 2})).await["flags"],
        2
    );
}

#[tokio::test]
async fn tags_of_a_forum_keep_their_ids() {
    let rig = Rig::start().await;
    let forum = forum(&rig).await;
    let path = format!("/channels/{}", text(&forum["id"]));
    let bug = &forum["available_tags"][0]["id"];
    let body = json!({"available_tags": [{"id": bug, "name": "defect"}, {"name": "idea"}]});
    let tags = rig.ok("PATCH", &path, body).await["available_tags"].clone();
    assert_eq!((&tags[0]["id"], &tags[0]["name"]), (bug, &json!("defect")));
    assert_eq!(tags[1]["name"], "idea");
    let foreign = json!({"available_tags": [{"id": "77", "name": "x"}]});
    assert_eq!(rig.api("PATCH", &path, foreign).await.code(), 10087);
}

#[tokio::test]
async fn files_come_with_a_post() {
    let rig = Rig::start().await;
    let forum = forum(&rig).await;
    let payload = json!({"name": "log", "message": {"content": "see", "attachments": [{"id": 0}]}});
    let path = format!("/channels/{}/threads", text(&forum["id"]));
    let answer = rig.upload(&path, &payload, "a.log", b"lines").await;
    assert_eq!(answer.status, 201, "{}", answer.json());
    assert_eq!(
        answer.json()["message"]["attachments"][0]["filename"],
        "a.log"
    );
}

#[tokio::test]
async fn people_post_too() {
    let rig = Rig::start().await;
    let made = json!({"channels": [{"name": "ideas", "type": "forum", "tags": ["small", {"name": "big"}]}]});
    let made = rig.act("guild", made).await;
    let post = json!({
        "parent_id": made["channels"]["ideas"], "user_id": rig.id("guest_id"), "name": "more coffee",
        "content": "please", "tags": ["small"],
    });
    let made = rig.act("guild", json!({"threads": [post]})).await;
    let id = text(&made["threads"]["more coffee"]);
    let thread = rig.ok("GET", &format!("/channels/{id}"), Value::Null).await;
    assert_eq!(
        (
            &thread["owner_id"],
            thread["applied_tags"].as_array().unwrap().len()
        ),
        (&rig.defaults["guest_id"], 1)
    );
    let first = rig
        .ok("GET", &format!("/channels/{id}/messages/{id}"), Value::Null)
        .await;
    assert_eq!(first["content"], "please");
}

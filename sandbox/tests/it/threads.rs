//! Threads: archive, lock, room, members.

use serde_json::{Value, json};

use crate::rig::{Rig, text};

async fn thread(rig: &Rig) -> String {
    let channel = rig.id("channel_id");
    let message = rig.post(&channel, "card").await;
    let path = format!("/channels/{channel}/messages/{message}/threads");
    text(&rig.ok("POST", &path, json!({"name": "t"})).await["id"])
}

#[tokio::test]
async fn an_archived_thread_opens_when_posted_in_but_not_when_edited() {
    let rig = Rig::start().await;
    let mut bot = rig.bot().await;
    let id = thread(&rig).await;
    let page = rig.post(&id, "page").await;
    let archived = rig
        .ok(
            "PATCH",
            &format!("/channels/{id}"),
            json!({"archived": true}),
        )
        .await;
    assert_eq!(archived["thread_metadata"]["archived"], true);
    assert_eq!(
        bot.event("THREAD_UPDATE").await["thread_metadata"]["archived"],
        true
    );
    let active = format!("/guilds/{}/threads/active", rig.id("guild_id"));
    assert_eq!(
        rig.ok("GET", &active, Value::Null).await["threads"],
        json!([])
    );
    let edit = rig
        .api(
            "PATCH",
            &format!("/channels/{id}/messages/{page}"),
            json!({"content": "x"}),
        )
        .await;
    assert_eq!((edit.status, edit.code()), (400, 50083));
    rig.post(&id, "more").await;
    assert_eq!(
        bot.event("THREAD_UPDATE").await["thread_metadata"]["archived"],
        false
    );
    rig.ok(
        "PATCH",
        &format!("/channels/{id}/messages/{page}"),
        json!({"content": "x"}),
    )
    .await;
    assert_eq!(
        rig.ok("GET", &active, Value::Null).await["threads"][0]["id"],
        json!(id)
    );
}

#[tokio::test]
async fn a_locked_thread_needs_a_moderator() {
    let rig = Rig::start().await;
    let id = thread(&rig).await;
    // The bot's role may manage threads; take that away first.
    let roles = rig.act("guild", json!({})).await["roles"].clone();
    let role = json!({"role_id": roles["Shanty"], "permissions": "0"});
    rig.act("guild", json!({"role_permissions": [role]})).await;
    rig.act(
        "guild",
        json!({"threads": [{"id": id, "locked": true, "archived": true}]}),
    )
    .await;
    let post = rig
        .api(
            "POST",
            &format!("/channels/{id}/messages"),
            json!({"content": "x"}),
        )
        .await;
    assert_eq!((post.status, post.code()), (400, 160_005));
    let open = rig
        .api(
            "PATCH",
            &format!("/channels/{id}"),
            json!({"archived": false}),
        )
        .await;
    assert_eq!(open.code(), 160_005);
    let unlock = rig
        .api(
            "PATCH",
            &format!("/channels/{id}"),
            json!({"locked": false}),
        )
        .await;
    assert_eq!(unlock.code(), 50013);
}

#[tokio::test]
async fn a_thousand_active_threads_and_no_more() {
    let rig = Rig::start().await;
    let path = format!("/channels/{}/threads", rig.id("channel_id"));
    for n in 0..1000 {
        rig.ok("POST", &path, json!({"name": n.to_string(), "type": 11}))
            .await;
    }
    assert_eq!(
        rig.api("POST", &path, json!({"name": "x", "type": 11}))
            .await
            .code(),
        160_006
    );
}

#[tokio::test]
async fn names_kinds_and_places() {
    let rig = Rig::start().await;
    let path = format!("/channels/{}/threads", rig.id("channel_id"));
    for bad in [
        json!({}),
        json!({"name": ""}),
        json!({"name": "n".repeat(101)}),
        json!({"name": "n", "auto_archive_duration": 7}),
    ] {
        assert_eq!(
            rig.api("POST", &path, bad.clone()).await.code(),
            50035,
            "{bad}"
        );
    }
    assert_eq!(
        rig.ok("POST", &path, json!({"name": "n"})).await["type"],
        12,
        "private unless said"
    );
    let id = thread(&rig).await;
    let inside = rig
        .api(
            "POST",
            &format!("/channels/{id}/threads"),
            json!({"name": "n", "type": 11}),
        )
        .await;
    assert_eq!(inside.code(), 50024);
}

#[tokio::test]
async fn people_join_and_leave() {
    let rig = Rig::start().await;
    let id = thread(&rig).await;
    let members = format!("/channels/{id}/thread-members");
    let guest = rig.id("guest_id");
    assert_eq!(
        rig.api("PUT", &format!("{members}/{guest}"), Value::Null)
            .await
            .status,
        204
    );
    assert_eq!(
        rig.ok("GET", &members, Value::Null)
            .await
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        rig.api("DELETE", &format!("{members}/@me"), Value::Null)
            .await
            .status,
        204
    );
    assert_eq!(
        rig.ok("GET", &members, Value::Null).await[0]["user_id"],
        json!(guest)
    );
    let typing = rig
        .api("POST", &format!("/channels/{id}/typing"), Value::Null)
        .await;
    assert_eq!(typing.status, 204);
}

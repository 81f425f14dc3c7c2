//! The bot's own user and application, direct messages, and what clients ask for before they are ready.

use serde_json::{Value, json};

use crate::rig::{Rig, text};

#[tokio::test]
async fn the_bot_changes_its_name_and_its_application() {
    let rig = Rig::start().await;
    let mut bot = rig.bot().await;
    let renamed = rig
        .ok("PATCH", "/users/@me", json!({"username": "Bosun"}))
        .await;
    assert_eq!(renamed["username"], "Bosun");
    assert_eq!(bot.event("USER_UPDATE").await["username"], "Bosun");
    assert_eq!(
        rig.ok("GET", "/users/@me", Value::Null).await["username"],
        "Bosun"
    );
    let short = rig
        .api("PATCH", "/users/@me", json!({"username": "x"}))
        .await;
    assert_eq!(short.code(), 50035);
    let body = json!({"description": "Runs commands.", "tags": ["ops"], "interactions_endpoint_url": null});
    let changed = rig.ok("PATCH", "/applications/@me", body).await;
    assert_eq!(
        (&changed["description"], &changed["tags"]),
        (&json!("Runs commands."), &json!(["ops"]))
    );
    let read = rig.ok("GET", "/oauth2/applications/@me", Value::Null).await;
    assert_eq!(read, changed);
    let endpoint = json!({"interactions_endpoint_url": "https://example.invalid/"});
    let endpoint = rig.api("PATCH", "/applications/@me", endpoint).await;
    assert!(endpoint.json()["errors"]["interactions_endpoint_url"].is_object());
    assert_eq!(
        rig.api("GET", "/applications/77", Value::Null).await.code(),
        10002
    );
}

#[tokio::test]
async fn what_clients_ask_before_they_are_ready() {
    let rig = Rig::start().await;
    let application = format!("/applications/{}", rig.id("application_id"));
    assert_eq!(
        rig.ok("GET", &application, Value::Null).await["name"],
        "Shanty"
    );
    for (path, answer) in [
        ("/sticker-packs".to_owned(), json!({"sticker_packs": []})),
        ("/voice/regions".to_owned(), json!([])),
        ("/soundboard-default-sounds".to_owned(), json!([])),
        ("/users/@me/channels".to_owned(), json!([])),
        (format!("{application}/emojis"), json!({"items": []})),
        (
            format!("{application}/role-connections/metadata"),
            json!([]),
        ),
        (rig.guild("/emojis"), json!([])),
        (rig.guild("/stickers"), json!([])),
        (rig.guild("/soundboard-sounds"), json!({"items": []})),
    ] {
        assert_eq!(rig.ok("GET", &path, Value::Null).await, answer, "{path}");
    }
}

#[tokio::test]
async fn guilds_are_read_and_changed() {
    let rig = Rig::start().await;
    let path = rig.guild("");
    let counted = rig
        .ok("GET", &format!("{path}?with_counts=true"), Value::Null)
        .await;
    assert_eq!(counted["approximate_member_count"], 5);
    let preview = rig.ok("GET", &format!("{path}/preview"), Value::Null).await;
    assert_eq!(preview["approximate_member_count"], 5);
    let change = json!({"name": "Harbour", "verification_level": 2});
    assert_eq!(rig.api("PATCH", &path, change.clone()).await.code(), 50013);
    rig.empower(1 << 5).await;
    let mut bot = rig.bot().await;
    let changed = rig.ok("PATCH", &path, change).await;
    assert_eq!(
        (&changed["name"], &changed["verification_level"]),
        (&json!("Harbour"), &json!(2))
    );
    assert_eq!(bot.event("GUILD_UPDATE").await["name"], "Harbour");
    for bad in [
        json!({"name": "x"}),
        json!({"verification_level": 9}),
        json!({"afk_timeout": 61}),
    ] {
        assert_eq!(
            rig.api("PATCH", &path, bad.clone()).await.code(),
            50035,
            "{bad}"
        );
    }
    assert_eq!(
        rig.api("GET", "/guilds/77", Value::Null).await.code(),
        10004
    );
}

#[tokio::test]
async fn direct_messages_reach_who_takes_them() {
    let rig = Rig::start().await;
    let open = |id: String| json!({"recipient_id": id});
    let dm = rig
        .ok("POST", "/users/@me/channels", open(rig.id("guest_id")))
        .await;
    let id = text(&dm["id"]);
    assert_eq!(dm["recipients"][0]["id"], rig.defaults["guest_id"]);
    rig.post(&id, "psst").await;
    let path = format!("/channels/{id}");
    assert_eq!(
        rig.api("PATCH", &path, json!({"name": "x"})).await.code(),
        50003
    );
    assert_eq!(
        rig.ok("DELETE", &path, Value::Null).await["id"],
        dm["id"],
        "closed"
    );
    let again = rig
        .ok("POST", "/users/@me/channels", open(rig.id("guest_id")))
        .await;
    assert_eq!(again["id"], dm["id"], "opened again it is the same");
    let refuse = json!({"members": [{"user_id": rig.id("guest_id"), "refuses_dms": true}]});
    rig.act("guild", refuse).await;
    let post = rig
        .api("POST", &format!("{path}/messages"), json!({"content": "x"}))
        .await;
    assert_eq!((post.status, post.code()), (403, 50007));
    rig.act("guild", json!({"leave": [{"user_id": rig.id("user_id")}]}))
        .await;
    let gone = rig
        .ok("POST", "/users/@me/channels", open(rig.id("user_id")))
        .await;
    let gone = format!("/channels/{}/messages", text(&gone["id"]));
    assert_eq!(
        rig.api("POST", &gone, json!({"content": "x"})).await.code(),
        50007
    );
    for (id, code) in [(rig.id("application_id"), 50033), ("77".to_owned(), 10013)] {
        assert_eq!(
            rig.api("POST", "/users/@me/channels", open(id))
                .await
                .code(),
            code
        );
    }
}

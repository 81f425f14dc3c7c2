//! Commands: what a registration keeps, what it costs, and who may use it where.

use serde_json::{Value, json};

use crate::rig::{Answer, Rig, text};

fn global(rig: &Rig) -> String {
    format!("/applications/{}/commands", rig.id("application_id"))
}

fn own(rig: &Rig) -> String {
    format!(
        "/applications/{}/guilds/{}/commands",
        rig.id("application_id"),
        rig.id("guild_id")
    )
}

async fn uses(rig: &Rig, user: &str, name: &str, more: Value) -> Answer {
    let mut body = rig.place();
    body["user_id"] = rig.defaults[user].clone();
    body["name"] = json!(name);
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    rig.try_act("slash", body).await
}

async fn offered(rig: &Rig, user: &str, name: &str) -> bool {
    let answer = uses(rig, user, name, json!({})).await;
    if answer.status != 200 {
        assert_eq!(
            (answer.status, &answer.json()["field"]),
            (400, &json!("name")),
            "{}",
            answer.json()
        );
    }
    answer.status == 200
}

#[tokio::test]
async fn an_identical_overwrite_changes_nothing() {
    let rig = Rig::start().await;
    let commands = json!([{"name": "a", "description": "d", "options": [
        {"type": 3, "name": "o", "description": "d", "required": true, "min_length": 2}]},
        {"name": "Look", "type": 2}]);
    let first = rig.ok("PUT", &global(&rig), commands.clone()).await;
    let second = rig.ok("PUT", &global(&rig), commands).await;
    assert_eq!(first, second);
    let id = text(&first[0]["id"]);
    let one = format!("{}/{id}", global(&rig));
    let same = rig.ok("PATCH", &one, json!({"description": "d"})).await;
    assert_eq!(same["version"], first[0]["version"]);
    let renamed = json!([{"id": id, "name": "b", "description": "d"}]);
    let third = rig.ok("PUT", &global(&rig), renamed).await;
    assert_eq!(
        (&third[0]["id"], &third[0]["name"]),
        (&json!(id), &json!("b"))
    );
    assert_eq!(third.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn translations_are_listed_when_asked_for() {
    let rig = Rig::start().await;
    let command = json!({"name": "hosts", "description": "d", "name_localizations": {"de": "rechner"},
        "options": [{"type": 3, "name": "o", "description": "d",
            "description_localizations": {"fr": "quoi"},
            "choices": [{"name": "x", "value": "x", "name_localizations": {"da": "y"}}]}]});
    let made = rig.ok("POST", &global(&rig), command).await;
    assert_eq!(made["name_localizations"]["de"], "rechner");
    let short = rig.ok("GET", &global(&rig), Value::Null).await.to_string();
    assert!(!short.contains("localizations"), "{short}");
    let path = format!("{}?with_localizations=true", global(&rig));
    let full = rig.ok("GET", &path, Value::Null).await;
    assert_eq!(
        full[0]["options"][0]["choices"][0]["name_localizations"]["da"],
        "y"
    );
}

#[tokio::test]
async fn limits_of_number_and_of_a_day() {
    let rig = Rig::start().await;
    let many = |count: usize, letter: char| -> Value {
        (0..count)
            .map(|n| json!({"name": format!("{letter}{n}"), "description": "d"}))
            .collect()
    };
    assert_eq!(
        rig.api("PUT", &own(&rig), many(101, 'a')).await.code(),
        30032
    );
    let menus: Value = (0..16)
        .map(|n| json!({"name": n.to_string(), "type": 3}))
        .collect();
    assert_eq!(rig.api("PUT", &own(&rig), menus).await.code(), 30032);
    rig.ok("PUT", &own(&rig), many(100, 'a')).await;
    let more = rig
        .api(
            "POST",
            &own(&rig),
            json!({"name": "more", "description": "d"}),
        )
        .await;
    assert_eq!(more.code(), 30032);
    rig.ok("PUT", &own(&rig), many(100, 'a')).await;
    rig.ok("PUT", &own(&rig), many(99, 'b')).await;
    let last = json!({"name": "last", "description": "d"});
    assert_eq!(rig.api("POST", &own(&rig), last.clone()).await.status, 201);
    let spent = rig.api("PUT", &own(&rig), many(1, 'c')).await;
    assert_eq!((spent.status, spent.code()), (400, 30034));
    assert_eq!(
        rig.api("POST", &own(&rig), last).await.status,
        200,
        "what is there already costs nothing"
    );
    let other = rig.api("PUT", &global(&rig), many(1, 'c')).await;
    assert_eq!(other.status, 200, "every scope has a day of its own");
}

#[tokio::test]
async fn places_and_default_permissions_decide_who_is_offered_a_command() {
    let rig = Rig::start().await;
    let commands = json!([
        {"name": "guild", "description": "d", "contexts": [0]},
        {"name": "dm", "description": "d", "contexts": [1]},
        {"name": "all", "description": "d"},
        {"name": "old", "description": "d", "dm_permission": false},
        {"name": "admin", "description": "d", "default_member_permissions": "0"},
        {"name": "mod", "description": "d", "default_member_permissions": (1u64 << 13).to_string()},
        {"name": "adult", "description": "d", "nsfw": true},
    ]);
    let made = rig.ok("PUT", &global(&rig), commands).await;
    assert_eq!(
        (
            &made[4]["default_member_permissions"],
            &made[3]["dm_permission"],
            &made[0]["contexts"]
        ),
        (&json!("0"), &json!(false), &json!([0]))
    );
    for (name, operator, owner) in [
        ("guild", true, true),
        ("dm", false, false),
        ("all", true, true),
        ("admin", false, true),
        ("mod", false, true),
        ("adult", false, false),
    ] {
        assert_eq!(offered(&rig, "user_id", name).await, operator, "{name}");
        assert_eq!(offered(&rig, "owner_id", name).await, owner, "{name}");
    }
    let allow = json!({"overwrites": [{"channel_id": rig.id("channel_id"), "id": rig.id("user_id"),
        "allow": (1u64 << 13).to_string()}]});
    rig.act("guild", allow).await;
    assert!(offered(&rig, "user_id", "mod").await);
    let deny = json!({"overwrites": [{"channel_id": rig.id("channel_id"), "id": rig.id("user_id"),
        "deny": (1u64 << 31).to_string()}]});
    rig.act("guild", deny).await;
    assert!(!offered(&rig, "user_id", "all").await);

    let dms = json!({"dms": [{"user_id": rig.id("guest_id")}]});
    let dm = rig.act("guild", dms).await["dms"][&rig.id("guest_id")].clone();
    let there = json!({"channel_id": dm, "guild_id": null});
    for (name, status) in [
        ("guild", 400),
        ("dm", 200),
        ("all", 200),
        ("old", 400),
        ("admin", 200),
    ] {
        let answer = uses(&rig, "guest_id", name, there.clone()).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.json());
    }
}

#[tokio::test]
async fn a_guilds_command_exists_nowhere_else_but_in_a_forgery() {
    let rig = Rig::start().await;
    let mut bot = rig.bot().await;
    rig.register(json!([{"name": "here", "description": "d"}]))
        .await;
    let new = json!({"new": {"name": "Other", "owner_id": rig.id("user_id")}, "channels": [{"name": "x"}]});
    let other = rig.act("guild", new).await;
    let there = json!({"guild_id": other["guild_id"], "channel_id": other["channels"]["x"]});
    let refused = uses(&rig, "user_id", "here", there.clone()).await;
    assert_eq!(
        (refused.status, &refused.json()["field"]),
        (400, &json!("name"))
    );
    let mut forged = there;
    forged["forged"] = json!(true);
    assert_eq!(uses(&rig, "user_id", "here", forged).await.status, 200);
    assert_eq!(
        bot.event("INTERACTION_CREATE").await["guild_id"],
        other["guild_id"]
    );
}

/// Writes overrides as the owner.
async fn write(rig: &Rig, target: &Value, permissions: Value) -> Answer {
    let token = text(
        &rig.act("bearer", json!({"user_id": rig.id("owner_id")}))
            .await["token"],
    );
    let path = format!("{}/{}/permissions", own(rig), text(target));
    rig.api_as(
        &format!("Bearer {token}"),
        "PUT",
        &path,
        json!({"permissions": permissions}),
    )
    .await
}

#[tokio::test]
async fn overrides_are_written_by_people_and_read_by_the_bot() {
    let rig = Rig::start().await;
    let mut bot = rig.bot().await;
    let made = rig
        .register(json!([{"name": "run", "description": "d"}]))
        .await;
    let path = format!("{}/{}/permissions", own(&rig), text(&made[0]["id"]));
    let none = rig.api("GET", &path, Value::Null).await;
    assert_eq!((none.status, none.code()), (404, 10066));
    let by_bot = rig.api("PUT", &path, json!({"permissions": []})).await;
    assert_eq!((by_bot.status, by_bot.code()), (403, 20001));
    let stranger = rig.api_as("Bearer nonsense", "PUT", &path, json!({})).await;
    assert_eq!(stranger.status, 401);
    let guest = text(
        &rig.act("bearer", json!({"user_id": rig.id("guest_id")}))
            .await["token"],
    );
    let guest = format!("Bearer {guest}");
    let refused = rig
        .api_as(&guest, "PUT", &path, json!({"permissions": []}))
        .await;
    assert_eq!((refused.status, refused.code()), (403, 50013));
    let elsewhere = rig.api_as(&guest, "GET", "/users/@me", Value::Null).await;
    assert_eq!(
        elsewhere.status, 401,
        "such a token is good for these routes only"
    );

    let list = json!([{"id": rig.id("user_id"), "type": 2, "permission": false}]);
    let written = write(&rig, &made[0]["id"], list.clone()).await;
    assert_eq!(
        (written.status, &written.json()["permissions"]),
        (200, &list)
    );
    let told = bot.event("APPLICATION_COMMAND_PERMISSIONS_UPDATE").await;
    assert_eq!((&told["id"], &told["permissions"]), (&made[0]["id"], &list));
    assert_eq!(rig.ok("GET", &path, Value::Null).await, written.json());
    let all = rig
        .ok("GET", &format!("{}/permissions", own(&rig)), Value::Null)
        .await;
    assert_eq!(all, json!([written.json()]));
    for bad in [
        json!([{"id": "1", "type": 4, "permission": true}]),
        json!([{"id": "1"}]),
        json!([3]),
    ] {
        assert_eq!(write(&rig, &made[0]["id"], bad).await.code(), 50035);
    }
    assert_eq!(write(&rig, &json!("5"), json!([])).await.code(), 10063);
}

#[tokio::test]
async fn overrides_are_honoured() {
    let rig = Rig::start().await;
    let made = rig
        .register(json!([{"name": "run", "description": "d", "default_member_permissions": "0"}]))
        .await;
    let (command, app) = (
        made[0]["id"].clone(),
        rig.defaults["application_id"].clone(),
    );
    let guild = rig.id("guild_id");
    let roles = rig.act("guild", json!({})).await["roles"].clone();
    let role = |allow: bool| json!({"id": roles["Operator"], "type": 1, "permission": allow});
    let user = |allow: bool| json!({"id": rig.id("user_id"), "type": 2, "permission": allow});
    let everyone = |allow: bool| json!({"id": guild, "type": 1, "permission": allow});
    let channel = |allow: bool| json!({"id": rig.id("channel_id"), "type": 3, "permission": allow});
    let before = (guild.parse::<u64>().unwrap() - 1).to_string();
    let channels = |allow: bool| json!({"id": before, "type": 3, "permission": allow});
    assert!(!offered(&rig, "user_id", "run").await);
    for (list, operator, guest) in [
        (json!([role(true)]), true, false),
        (json!([everyone(true)]), true, true),
        (json!([everyone(true), role(false)]), false, true),
        (
            json!([everyone(false), role(true), user(false)]),
            false,
            false,
        ),
        (json!([everyone(true), channels(false)]), false, false),
        (
            json!([everyone(true), channels(false), channel(true)]),
            true,
            true,
        ),
        (json!([everyone(true), channel(false)]), false, false),
    ] {
        assert_eq!(write(&rig, &command, list.clone()).await.status, 200);
        assert_eq!(offered(&rig, "user_id", "run").await, operator, "{list}");
        assert_eq!(offered(&rig, "guest_id", "run").await, guest, "{list}");
        assert!(offered(&rig, "owner_id", "run").await, "{list}");
    }
    assert_eq!(
        write(&rig, &app, json!([everyone(false)])).await.status,
        200
    );
    assert_eq!(write(&rig, &command, json!([role(true)])).await.status, 200);
    assert!(
        offered(&rig, "user_id", "run").await,
        "the command's own go first"
    );
    assert!(!offered(&rig, "guest_id", "run").await);
}

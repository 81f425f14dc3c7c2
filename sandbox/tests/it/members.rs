//! Members: lists, search, nicknames, roles, timeouts, kicks, bans, joining and leaving.

use serde_json::{Value, json};

use crate::rig::{INTENTS, Rig, text};

const KICK_MEMBERS: u64 = 1 << 1;
const BAN_MEMBERS: u64 = 1 << 2;
const CHANGE_NICKNAME: u64 = 1 << 26;
const MANAGE_NICKNAMES: u64 = 1 << 27;
const MANAGE_ROLES: u64 = 1 << 28;
const MODERATE_MEMBERS: u64 = 1 << 40;
/// GUILDS, GUILD_MEMBERS, GUILD_MODERATION and the messages.
const ALL_OF_THEM: u64 = INTENTS | 1 << 1 | 1 << 2;

fn member(rig: &Rig, key: &str) -> String {
    rig.guild(&format!("/members/{}", rig.id(key)))
}

#[tokio::test]
async fn members_come_in_pages_and_by_name() {
    let rig = Rig::start().await;
    let members = rig.guild("/members");
    let first = rig
        .ok("GET", &format!("{members}?limit=2"), Value::Null)
        .await;
    let last = text(&first[1]["user"]["id"]);
    let rest = rig
        .ok(
            "GET",
            &format!("{members}?limit=1000&after={last}"),
            Value::Null,
        )
        .await;
    let count = |list: &Value| list.as_array().unwrap().len();
    assert_eq!((count(&first), count(&rest)), (2, 3));
    assert_eq!(
        count(
            &rig.ok("GET", &format!("{members}?after=0"), Value::Null)
                .await
        ),
        1
    );
    let nick = json!({"members": [{"user_id": rig.id("guest_id"), "nick": "Operetta"}]});
    rig.act("guild", nick).await;
    let found = rig
        .ok(
            "GET",
            &format!("{members}/search?query=oper&limit=10"),
            Value::Null,
        )
        .await;
    assert_eq!(count(&found), 2);
    let none = rig
        .api("GET", &format!("{members}/search?query="), Value::Null)
        .await;
    assert_eq!(none.code(), 50035);
    assert_eq!(
        rig.api("GET", &format!("{members}/77"), Value::Null)
            .await
            .code(),
        10007
    );
}

#[tokio::test]
async fn nicknames_and_roles_of_those_below() {
    let rig = Rig::start().await;
    rig.empower(MANAGE_NICKNAMES | MANAGE_ROLES).await;
    let mut bot = rig.bot_with(ALL_OF_THEM).await;
    let roles = rig.act("guild", json!({})).await["roles"].clone();
    let body = json!({"nick": " Gast ", "roles": [roles["Operator"]]});
    let changed = rig.ok("PATCH", &member(&rig, "guest_id"), body).await;
    assert_eq!(
        (&changed["nick"], &changed["roles"]),
        (&json!("Gast"), &json!([roles["Operator"]]))
    );
    let update = bot.event("GUILD_MEMBER_UPDATE").await;
    assert_eq!(
        (&update["nick"], &update["guild_id"]),
        (&json!("Gast"), &rig.defaults["guild_id"])
    );
    let role = format!(
        "{}/roles/{}",
        member(&rig, "guest_id"),
        text(&roles["Operator"])
    );
    assert_eq!(rig.api("DELETE", &role, Value::Null).await.status, 204);
    assert_eq!(bot.event("GUILD_MEMBER_UPDATE").await["roles"], json!([]));
    assert_eq!(rig.api("PUT", &role, Value::Null).await.status, 204);
    let cleared = rig
        .ok("PATCH", &member(&rig, "guest_id"), json!({"nick": ""}))
        .await;
    assert_eq!(cleared["nick"], Value::Null);
    let long = rig
        .api(
            "PATCH",
            &member(&rig, "guest_id"),
            json!({"nick": "n".repeat(33)}),
        )
        .await;
    assert_eq!(long.code(), 50035);
    let owner = rig
        .api("PATCH", &member(&rig, "owner_id"), json!({"nick": "x"}))
        .await;
    assert_eq!(owner.code(), 50013, "nobody stands above the owner");
    let managed = format!(
        "{}/roles/{}",
        member(&rig, "guest_id"),
        text(&roles["Shanty"])
    );
    assert_eq!(rig.api("PUT", &managed, Value::Null).await.code(), 50028);
    let muted = rig
        .api("PATCH", &member(&rig, "guest_id"), json!({"mute": true}))
        .await;
    assert_eq!(muted.code(), 40032);
}

#[tokio::test]
async fn the_bot_renames_itself() {
    let rig = Rig::start().await;
    let mine = rig.guild("/members/@me");
    let changed = rig.ok("PATCH", &mine, json!({"nick": "Deckhand"})).await;
    assert_eq!(changed["nick"], "Deckhand");
    assert!(changed["permissions"].is_string());
    let older = rig
        .ok("PATCH", &format!("{mine}/nick"), json!({"nick": "Mate"}))
        .await;
    assert_eq!(older, json!({"nick": "Mate"}));
    let everyone = json!({"role_id": rig.id("guild_id"), "permissions": "0"});
    rig.act("guild", json!({"role_permissions": [everyone]}))
        .await;
    assert_eq!(
        rig.api("PATCH", &mine, json!({"nick": "x"})).await.code(),
        50013
    );
    rig.empower(CHANGE_NICKNAME).await;
    rig.ok("PATCH", &mine, json!({"nick": "x"})).await;
}

#[tokio::test]
async fn a_timeout_silences_until_it_ends() {
    let rig = Rig::start().await;
    rig.empower(MODERATE_MEMBERS).await;
    let path = member(&rig, "guest_id");
    let say =
        json!({"channel_id": rig.id("channel_id"), "user_id": rig.id("guest_id"), "content": "x"});
    // Far in the past, and further ahead than 28 days.
    for (until, code) in [
        ("2020-01-01T00:00:00Z", None),
        ("2999-01-01T00:00:00Z", Some(50035)),
        ("soon", Some(50035)),
    ] {
        let answer = rig
            .api(
                "PATCH",
                &path,
                json!({"communication_disabled_until": until}),
            )
            .await;
        assert_eq!(
            (answer.status != 200).then(|| answer.code()),
            code,
            "{until}"
        );
    }
    rig.act("message", say.clone()).await;
    let hour = json!({"members": [{"user_id": rig.id("guest_id"), "timeout_s": 3600}]});
    rig.act("guild", hour).await;
    let until = rig.ok("GET", &path, Value::Null).await["communication_disabled_until"].clone();
    assert_eq!(rig.try_act("message", say.clone()).await.status, 400);
    let again = rig
        .ok(
            "PATCH",
            &path,
            json!({"communication_disabled_until": until}),
        )
        .await;
    assert_eq!(again["communication_disabled_until"], until);
    let ended = rig
        .ok(
            "PATCH",
            &path,
            json!({"communication_disabled_until": null}),
        )
        .await;
    assert_eq!(ended["communication_disabled_until"], Value::Null);
    rig.act("message", say).await;
    let owner = json!({"communication_disabled_until": until});
    assert_eq!(
        rig.api("PATCH", &member(&rig, "owner_id"), owner)
            .await
            .code(),
        50013
    );
}

#[tokio::test]
async fn kicked_and_banned() {
    let rig = Rig::start().await;
    let guest = member(&rig, "guest_id");
    assert_eq!(rig.api("DELETE", &guest, Value::Null).await.code(), 50013);
    rig.empower(KICK_MEMBERS | BAN_MEMBERS).await;
    let mut bot = rig.bot_with(ALL_OF_THEM).await;
    assert_eq!(rig.api("DELETE", &guest, Value::Null).await.status, 204);
    assert_eq!(
        bot.event("GUILD_MEMBER_REMOVE").await["user"]["id"],
        rig.defaults["guest_id"]
    );
    assert_eq!(rig.api("DELETE", &guest, Value::Null).await.code(), 10007);
    let channel = rig.id("channel_id");
    let said = json!({"channel_id": channel, "user_id": rig.id("user_id"), "content": "rude"});
    let said = text(&rig.act("message", said).await["message_id"]);
    let bans = rig.guild("/bans");
    let ban = format!("{bans}/{}", rig.id("user_id"));
    assert_eq!(rig.api("GET", &ban, Value::Null).await.code(), 10026);
    assert_eq!(
        rig.api("PUT", &ban, json!({"delete_message_seconds": 60}))
            .await
            .status,
        204
    );
    assert_eq!(
        bot.event("GUILD_BAN_ADD").await["user"]["id"],
        rig.defaults["user_id"]
    );
    bot.event("GUILD_MEMBER_REMOVE").await;
    let gone = rig
        .api(
            "GET",
            &format!("/channels/{channel}/messages/{said}"),
            Value::Null,
        )
        .await;
    assert_eq!(gone.code(), 10008);
    let listed = rig.ok("GET", &bans, Value::Null).await;
    assert_eq!(listed[0]["user"]["id"], rig.defaults["user_id"]);
    assert_eq!(rig.api("DELETE", &ban, Value::Null).await.status, 204);
    bot.event("GUILD_BAN_REMOVE").await;
    assert_eq!(rig.api("DELETE", &ban, Value::Null).await.code(), 10026);
    let owner = format!("{bans}/{}", rig.id("owner_id"));
    assert_eq!(rig.api("PUT", &owner, Value::Null).await.code(), 50013);
}

#[tokio::test]
async fn people_come_and_go() {
    let rig = Rig::start().await;
    let mut bot = rig.bot_with(ALL_OF_THEM).await;
    let zoe = json!({"people": [{"name": "zoe", "nick": "Z", "roles": ["Operator"]}]});
    let zoe = rig.act("guild", zoe).await["people"]["zoe"].clone();
    let added = bot.event("GUILD_MEMBER_ADD").await;
    assert_eq!(
        (&added["user"]["id"], &added["guild_id"]),
        (&zoe, &rig.defaults["guild_id"])
    );
    rig.act("guild", json!({"leave": [{"user_id": zoe}]})).await;
    assert_eq!(bot.event("GUILD_MEMBER_REMOVE").await["user"]["id"], zoe);
    let twice = rig
        .try_act("guild", json!({"leave": [{"user_id": zoe}]}))
        .await;
    assert_eq!(
        (twice.status, &twice.json()["field"]),
        (400, &json!("leave.0.user_id"))
    );
}

#[tokio::test]
async fn the_bot_is_invited_and_leaves() {
    let rig = Rig::start().await;
    let mut bot = rig.bot_with(ALL_OF_THEM).await;
    let other = rig
        .act("guild", json!({"new": {"name": "Other", "bot": false}}))
        .await;
    let id = text(&other["guild_id"]);
    let path = format!("/guilds/{id}");
    assert_eq!(rig.api("GET", &path, Value::Null).await.code(), 50001);
    let invite = json!({"guild_id": id, "members": [{"user_id": rig.id("application_id")}]});
    rig.act("guild", invite).await;
    let created = bot.event("GUILD_CREATE").await;
    assert_eq!(
        (&created["id"], &created["unavailable"]),
        (&json!(id), &json!(false))
    );
    assert_eq!(rig.ok("GET", &path, Value::Null).await["name"], "Other");
    let mine = rig
        .ok("GET", "/users/@me/guilds?with_counts=true", Value::Null)
        .await;
    assert_eq!(
        (
            mine.as_array().unwrap().len(),
            &mine[1]["approximate_member_count"]
        ),
        (2, &json!(2))
    );
    assert_eq!(
        rig.api("DELETE", &format!("/users/@me{path}"), Value::Null)
            .await
            .status,
        204
    );
    assert_eq!(bot.event("GUILD_DELETE").await, json!({"id": id}));
    assert_eq!(rig.api("GET", &path, Value::Null).await.code(), 50001);
}

#[tokio::test]
async fn without_the_intent_the_bot_hears_only_of_itself() {
    let rig = Rig::start().await;
    let mut bot = rig.bot_with(INTENTS).await;
    rig.act("guild", json!({"people": [{"name": "zoe"}]})).await;
    rig.ok("PATCH", &rig.guild("/members/@me"), json!({"nick": "Mate"}))
        .await;
    let next = loop {
        let frame = bot.frame().await;
        if frame["op"] == 0 {
            break frame;
        }
    };
    assert_eq!(
        (&next["t"], &next["d"]["nick"]),
        (&json!("GUILD_MEMBER_UPDATE"), &json!("Mate"))
    );
}

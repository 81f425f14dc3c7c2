//! Roles: making, changing, ordering, deleting, and what stands above what.

use serde_json::{Value, json};

use crate::rig::{Rig, text};

const KICK_MEMBERS: u64 = 1 << 1;
const ADMINISTRATOR: u64 = 1 << 3;
const MANAGE_ROLES: u64 = 1 << 28;

async fn role_ids(rig: &Rig) -> Value {
    rig.act("guild", json!({})).await["roles"].clone()
}

#[tokio::test]
async fn roles_are_made_changed_and_deleted() {
    let rig = Rig::start().await;
    rig.empower(MANAGE_ROLES | KICK_MEMBERS).await;
    let mut bot = rig.bot().await;
    let roles = rig.guild("/roles");
    let plain = rig.ok("POST", &roles, json!({})).await;
    assert_eq!(
        (&plain["name"], &plain["position"]),
        (&json!("new role"), &json!(1))
    );
    let everyone = rig
        .ok(
            "GET",
            &format!("{roles}/{}", rig.id("guild_id")),
            Value::Null,
        )
        .await;
    assert_eq!(plain["permissions"], everyone["permissions"]);
    assert_eq!(bot.event("GUILD_ROLE_CREATE").await["role"], plain);
    let path = format!("{roles}/{}", text(&plain["id"]));
    let change = json!({
        "name": "Helper", "permissions": KICK_MEMBERS.to_string(), "colors": {"primary_color": 255},
        "hoist": true, "mentionable": true,
    });
    let changed = rig.ok("PATCH", &path, change).await;
    assert_eq!(
        (
            &changed["name"],
            &changed["permissions"],
            &changed["color"],
            &changed["hoist"]
        ),
        (&json!("Helper"), &json!("2"), &json!(255), &json!(true))
    );
    // Everything above the new role moved, and the bot was told of each.
    while bot.event("GUILD_ROLE_UPDATE").await["role"]["name"] != "Helper" {}
    let give = rig.guild(&format!(
        "/members/{}/roles/{}",
        rig.id("guest_id"),
        text(&plain["id"])
    ));
    assert_eq!(rig.api("PUT", &give, Value::Null).await.status, 204);
    let counts = rig
        .ok("GET", &format!("{roles}/member-counts"), Value::Null)
        .await;
    assert_eq!(counts[text(&plain["id"])], 1);
    assert_eq!(rig.api("DELETE", &path, Value::Null).await.status, 204);
    assert_eq!(bot.event("GUILD_ROLE_DELETE").await["role_id"], plain["id"]);
    assert_eq!(rig.api("GET", &path, Value::Null).await.code(), 10011);
    let guest = rig
        .ok(
            "GET",
            &rig.guild(&format!("/members/{}", rig.id("guest_id"))),
            Value::Null,
        )
        .await;
    assert_eq!(guest["roles"], json!([]));
}

#[tokio::test]
async fn nobody_touches_what_stands_above_or_gives_what_they_lack() {
    let rig = Rig::start().await;
    rig.empower(MANAGE_ROLES).await;
    let ids = role_ids(&rig).await;
    let above = json!({"roles": [{"name": "Boss", "permissions": ADMINISTRATOR.to_string()}]});
    let boss = text(&rig.act("guild", above).await["roles"]["Boss"]);
    let roles = rig.guild("/roles");
    let own = text(&ids["Shanty"]);
    let operator = text(&ids["Operator"]);
    for (method, path, body) in [
        ("PATCH", format!("{roles}/{boss}"), json!({"name": "x"})),
        ("DELETE", format!("{roles}/{boss}"), Value::Null),
        ("PATCH", format!("{roles}/{own}"), json!({"name": "x"})),
        (
            "POST",
            roles.clone(),
            json!({"permissions": ADMINISTRATOR.to_string()}),
        ),
        (
            "PATCH",
            format!("{roles}/{operator}"),
            json!({"permissions": KICK_MEMBERS.to_string()}),
        ),
        (
            "PATCH",
            roles.clone(),
            json!([{"id": operator, "position": 50}]),
        ),
    ] {
        let answer = rig.api(method, &path, body.clone()).await;
        assert_eq!(
            (answer.status, answer.code()),
            (403, 50013),
            "{method} {path} {body}"
        );
    }
    for (id, code) in [(rig.id("guild_id"), 50028), ("77".to_owned(), 10011)] {
        let answer = rig
            .api("DELETE", &format!("{roles}/{id}"), Value::Null)
            .await;
        assert_eq!(answer.code(), code);
    }
    rig.empower(0).await;
    assert_eq!(rig.api("POST", &roles, json!({})).await.code(), 50013);
}

#[tokio::test]
async fn positions_change_in_one_go() {
    let rig = Rig::start().await;
    rig.empower(MANAGE_ROLES).await;
    let ids = role_ids(&rig).await;
    let body =
        json!([{"id": ids["Operator"], "position": 2}, {"id": ids["Approver"], "position": 1}]);
    let placed = rig.ok("PATCH", &rig.guild("/roles"), body).await;
    let position = |name: &str| {
        let roles = placed.as_array().unwrap();
        roles.iter().find(|role| role["name"] == name).unwrap()["position"].clone()
    };
    assert_eq!(
        [
            position("@everyone"),
            position("Approver"),
            position("Operator"),
            position("Shanty")
        ],
        [json!(0), json!(1), json!(2), json!(3)]
    );
    let bad = rig
        .api("PATCH", &rig.guild("/roles"), json!([{"position": 1}, 7]))
        .await;
    assert_eq!(bad.code(), 50035);
    assert!(bad.json()["errors"]["0"]["id"].is_object() && bad.json()["errors"]["1"].is_object());
}

#[tokio::test]
async fn a_guild_has_250_roles_at_most() {
    let rig = Rig::start().await;
    rig.empower(MANAGE_ROLES).await;
    let many: Vec<Value> = (0..246).map(|n| json!({"name": n.to_string()})).collect();
    rig.act("guild", json!({"roles": many})).await;
    assert_eq!(
        rig.api("POST", &rig.guild("/roles"), json!({}))
            .await
            .code(),
        30005
    );
}

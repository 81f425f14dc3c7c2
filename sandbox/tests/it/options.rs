//! Options of commands: every type with what it names, subcommands and groups, bounds and choices.

use serde_json::{Value, json};

use crate::rig::{Rig, text};

/// The operator calls `/all` with these options, whatever comes of it.
async fn call(rig: &Rig, options: Value) -> crate::rig::Answer {
    let mut body = rig.place();
    body["name"] = json!("all");
    body["options"] = options;
    rig.try_act("slash", body).await
}

fn of_type(kind: u64, name: &str) -> Value {
    json!({"type": kind, "name": name, "description": "d"})
}

#[tokio::test]
async fn every_type_arrives_with_what_it_names() {
    let rig = Rig::start().await;
    let mut bot = rig.bot().await;
    let roles = rig.act("guild", json!({})).await["roles"].clone();
    let (user, channel, role) = (
        rig.id("guest_id"),
        rig.id("channel_id"),
        text(&roles["Operator"]),
    );
    let kinds = [
        (3, "text", json!("hello"), json!("hello"), ""),
        (4, "whole", json!(-3), json!(-3), ""),
        (5, "flag", json!(true), json!(true), ""),
        (10, "part", json!(0.5), json!(0.5), ""),
        (6, "who", json!(user), json!(user), "users"),
        (7, "where", json!(channel), json!(channel), "channels"),
        (8, "rank", json!(role), json!(role), "roles"),
        (9, "someone", json!(user), json!(user), "members"),
        (9, "somerole", json!(role), json!(role), "roles"),
    ];
    let definitions: Vec<Value> = kinds
        .iter()
        .map(|(kind, name, ..)| of_type(*kind, name))
        .collect();
    rig.register(json!([{"name": "all", "description": "d", "options": definitions}]))
        .await;
    for (kind, name, given, wanted, list) in kinds {
        let answer = call(&rig, json!([{"name": name, "value": given}])).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.json());
        let data = bot.event("INTERACTION_CREATE").await["data"].clone();
        assert_eq!(
            data["options"],
            json!([{"name": name, "type": kind, "value": wanted}])
        );
        if list.is_empty() {
            assert_eq!(data["resolved"], Value::Null, "{name}");
            continue;
        }
        let entity = &data["resolved"][list][text(&wanted)];
        assert!(entity.is_object(), "{name}: {data}");
        // A member stands there without the user, a channel with what its caller may do.
        assert!(entity.get("user").is_none(), "{name}: {entity}");
        if matches!(list, "members" | "channels" | "roles") {
            assert!(
                text(&entity["permissions"]).parse::<u64>().is_ok(),
                "{name}: {entity}"
            );
        }
        let wrong = call(&rig, json!([{"name": name, "value": "1"}])).await;
        assert_eq!(
            (wrong.status, &wrong.json()["field"]),
            (400, &json!("options.0.value")),
            "{name}"
        );
    }
}

#[tokio::test]
async fn bounds_and_choices_hold() {
    let rig = Rig::start().await;
    let mut bot = rig.bot().await;
    let choices =
        json!([{"name": "Production", "value": "prod"}, {"name": "Test", "value": "test"}]);
    rig.register(json!([{"name": "all", "description": "d", "options": [
        {"type": 3, "name": "text", "description": "d", "min_length": 2, "max_length": 4},
        {"type": 4, "name": "whole", "description": "d", "min_value": 1, "max_value": 9},
        {"type": 10, "name": "part", "description": "d", "min_value": 0.5, "max_value": 1.5},
        {"type": 3, "name": "env", "description": "d", "choices": choices},
    ]}]))
    .await;
    for (name, value) in [
        ("text", json!("x")),
        ("text", json!("xxxxx")),
        ("text", json!(5)),
        ("whole", json!(0)),
        ("whole", json!(10)),
        ("whole", json!(1.5)),
        ("part", json!(0.4)),
        ("part", json!("x")),
        ("env", json!("Production")),
    ] {
        let refused = call(&rig, json!([{"name": name, "value": value}])).await;
        assert_eq!(
            (refused.status, &refused.json()["field"]),
            (400, &json!("options.0.value")),
            "{name} {value}"
        );
    }
    let fine = json!([{"name": "env", "value": "prod"}, {"name": "text", "value": "éé"}]);
    assert_eq!(call(&rig, fine).await.status, 200);
    let data = bot.event("INTERACTION_CREATE").await["data"].clone();
    assert_eq!(data["options"][0]["value"], "prod");
    for options in [
        json!([{"name": "strange", "value": 1}]),
        json!([{"name": "env", "value": "prod"}, {"name": "env", "value": "test"}]),
    ] {
        assert_eq!(call(&rig, options).await.status, 400);
    }
}

#[tokio::test]
async fn subcommands_and_groups_nest() {
    let rig = Rig::start().await;
    let mut bot = rig.bot().await;
    let on = json!({"type": 3, "name": "on", "description": "d", "required": true});
    let add = json!({"type": 1, "name": "add", "description": "d", "options": [on]});
    let plain = json!({"type": 1, "name": "show", "description": "d"});
    let group = json!({"type": 2, "name": "label", "description": "d", "options": [add]});
    let made = rig
        .register(json!([{"name": "all", "description": "d", "options": [group, plain]}]))
        .await;
    let given = json!([{"name": "label", "type": 2, "options": [
        {"name": "add", "type": 1, "options": [{"name": "on", "value": "web"}]}]}]);
    assert_eq!(call(&rig, given).await.status, 200);
    let interaction = bot.event("INTERACTION_CREATE").await;
    let data = &interaction["data"];
    assert_eq!((&data["id"], &data["type"]), (&made[0]["id"], &json!(1)));
    assert_eq!(
        data["options"],
        json!([{"name": "label", "type": 2, "options": [
            {"name": "add", "type": 1, "options": [{"name": "on", "type": 3, "value": "web"}]}]}])
    );
    // People see the whole name of what was called.
    let body = json!({"type": 4, "data": {"content": "x"}});
    let answered = rig.answer(&interaction, body).await.json();
    let told = &answered["resource"]["message"]["interaction"]["name"];
    assert_eq!(told, "all label add");
    assert_eq!(
        call(&rig, json!([{"name": "show", "type": 1}]))
            .await
            .status,
        200
    );
    let shown = bot.event("INTERACTION_CREATE").await;
    assert_eq!(shown["data"]["options"][0]["name"], "show");
    for options in [
        json!([]),
        json!([{"name": "label", "type": 2, "options": []}]),
        json!([{"name": "label", "type": 2, "options": [{"name": "add", "type": 1, "options": []}]}]),
        json!([{"name": "show", "type": 1}, {"name": "label", "type": 2}]),
    ] {
        let refused = call(&rig, options.clone()).await;
        assert_eq!(refused.status, 400, "{options}");
    }
}

//! What people press, choose, fill in and attach, as the bot hears of it.

use serde_json::{Value, json};

use crate::rig::{Bot, Rig, V2, text};

/// A message with one select; its id.
async fn with_select(rig: &Rig, select: Value) -> Value {
    let path = format!("/channels/{}/messages", rig.id("channel_id"));
    let row = json!([{"type": 1, "components": [select]}]);
    rig.ok(
        "POST",
        &path,
        json!({"content": "choose", "components": row}),
    )
    .await["id"]
        .clone()
}

async fn choose(rig: &Rig, message: &Value, values: Value) -> Result<(), Value> {
    let mut body = rig.place();
    body["message_id"] = message.clone();
    body["custom_id"] = json!("s");
    body["values"] = values;
    let answer = rig.try_act("select", body).await;
    if answer.status == 200 {
        Ok(())
    } else {
        Err(answer.json()["field"].clone())
    }
}

#[tokio::test]
async fn selects_of_entities_name_them() {
    let rig = Rig::start().await;
    let mut bot = rig.bot().await;
    let roles = rig.act("guild", json!({})).await["roles"].clone();
    let (user, channel) = (rig.id("user_id"), rig.id("channel_id"));
    for (kind, value, list) in [
        (5, json!(user), "users"),
        (6, roles["Operator"].clone(), "roles"),
        (7, roles["Operator"].clone(), "roles"),
        (7, json!(user), "members"),
        (8, json!(channel), "channels"),
    ] {
        let message = with_select(&rig, json!({"type": kind, "custom_id": "s"})).await;
        assert_eq!(
            choose(&rig, &message, json!(["1"])).await,
            Err(json!("values"))
        );
        choose(&rig, &message, json!([value])).await.unwrap();
        let data = bot.event("INTERACTION_CREATE").await["data"].clone();
        assert_eq!(
            (&data["component_type"], &data["values"]),
            (&json!(kind), &json!([value]))
        );
        assert!(
            data["resolved"][list][text(&value)].is_object(),
            "{kind} {data}"
        );
    }
}

#[tokio::test]
async fn selects_keep_to_their_bounds() {
    let rig = Rig::start().await;
    let option = |value: &str| json!({"label": value, "value": value});
    let options = json!([option("a"), option("b"), option("c")]);
    let select =
        json!({"type": 3, "custom_id": "s", "min_values": 0, "max_values": 2, "options": options});
    let message = with_select(&rig, select).await;
    let bad = Err(json!("values"));
    for (values, want) in [
        (json!([]), Ok(())),
        (json!(["a", "c"]), Ok(())),
        (json!(["a", "a"]), bad.clone()),
        (json!(["a", "b", "c"]), bad.clone()),
        (json!(["z"]), bad.clone()),
        (json!([3]), bad.clone()),
    ] {
        assert_eq!(
            choose(&rig, &message, values.clone()).await,
            want,
            "{values}"
        );
    }
    let threads = json!({"type": 8, "custom_id": "s", "channel_types": [11]});
    let message = with_select(&rig, threads).await;
    assert_eq!(
        choose(&rig, &message, json!([rig.id("channel_id")])).await,
        bad
    );
}

#[tokio::test]
async fn a_file_is_an_option_of_a_command() {
    let rig = Rig::start().await;
    let mut bot = rig.bot().await;
    rig.register(json!([{"name": "put", "description": "d", "options": [
        {"type": 11, "name": "file", "description": "d", "required": true},
        {"type": 7, "name": "where", "description": "d", "channel_types": [11]}]}]))
        .await;
    let put = |options: Value| {
        let mut body = rig.place();
        body["name"] = json!("put");
        body["options"] = options;
        body
    };
    let file = json!({"filename": "a b.txt", "content": "line"});
    rig.act("slash", put(json!([{"name": "file", "value": file}])))
        .await;
    let data = bot.event("INTERACTION_CREATE").await["data"].clone();
    let id = text(&data["options"][0]["value"]);
    let attached = &data["resolved"]["attachments"][&id];
    assert_eq!(
        (&attached["filename"], &attached["size"]),
        (&json!("a_b.txt"), &json!(4))
    );
    let got = rig.fetch(&text(&attached["url"])).await;
    assert_eq!(got.body, "line");
    for (options, field) in [
        (json!([{"name": "file", "value": "x"}]), "options.0.value"),
        (
            json!([{"name": "file", "value": {"filename": "a"}}]),
            "options.0.value.content",
        ),
        (
            json!([{"name": "file", "value": {"filename": "a", "base64": "!"}}]),
            "options.0.value.base64",
        ),
        (
            json!([{"name": "file", "value": file}, {"name": "where", "value": rig.id("channel_id")}]),
            "options.1.value",
        ),
    ] {
        let refused = rig.try_act("slash", put(options)).await;
        assert_eq!(
            (refused.status, &refused.json()["field"]),
            (400, &json!(field))
        );
    }
}

#[tokio::test]
async fn menus_name_what_they_were_used_on() {
    let rig = Rig::start().await;
    let mut bot = rig.bot().await;
    rig.register(json!([{"name": "Who is", "type": 2}, {"name": "Run again", "type": 3}]))
        .await;
    let message = rig.post(&rig.id("channel_id"), "target").await;
    for (name, kind, target, list, key) in [
        ("Who is", 2, rig.id("guest_id"), "users", "target_user"),
        ("Run again", 3, message, "messages", "target_message_id"),
    ] {
        let mut body = rig.place();
        body["name"] = json!(name);
        body["type"] = json!(kind);
        body["target_id"] = json!(target);
        rig.act("slash", body.clone()).await;
        let interaction = bot.event("INTERACTION_CREATE").await;
        let data = &interaction["data"];
        assert_eq!(
            (&data["target_id"], &data["type"]),
            (&json!(target), &json!(kind))
        );
        assert_eq!(data["resolved"][list][&target]["id"], json!(target));
        let body_of = json!({"type": 4, "data": {"content": "x"}});
        let answered = rig.answer(&interaction, body_of).await.json();
        let shown = &answered["resource"]["message"];
        assert_eq!(shown["type"], 23);
        assert!(!shown["interaction_metadata"][key].is_null(), "{shown}");
        body["target_id"] = json!("1");
        assert_eq!(
            rig.try_act("slash", body).await.json()["field"],
            "target_id"
        );
    }
}

/// A modal with one of every input, open for the operator.
async fn with_modal(rig: &Rig) -> Bot {
    let mut bot = rig.bot().await;
    rig.register(json!([{"name": "go", "description": "d"}]))
        .await;
    rig.slash("go", json!([])).await;
    let interaction = bot.event("INTERACTION_CREATE").await;
    let options =
        json!([{"label": "A", "value": "a"}, {"label": "B", "value": "b", "default": true}]);
    let label = |component: Value| json!({"type": 18, "label": "l", "component": component});
    let modal = json!({"title": "t", "custom_id": "m", "components": [
        label(json!({"type": 4, "custom_id": "text", "style": 1, "required": false, "min_length": 2, "value": "preset"})),
        label(json!({"type": 5, "custom_id": "who", "max_values": 2})),
        label(json!({"type": 19, "custom_id": "files", "min_values": 0, "max_values": 2, "required": false})),
        label(json!({"type": 21, "custom_id": "radio", "options": options})),
        label(json!({"type": 22, "custom_id": "ticks", "min_values": 0, "options": options})),
    ]});
    let answered = rig
        .answer(&interaction, json!({"type": 9, "data": modal}))
        .await;
    assert_eq!(answered.status, 200, "{}", answered.json());
    bot
}

#[tokio::test]
async fn every_input_of_a_modal_arrives() {
    let rig = Rig::start().await;
    let mut bot = with_modal(&rig).await;
    let (user, guest) = (rig.id("user_id"), rig.id("guest_id"));
    let submit = |fields: Value| json!({"user_id": user, "fields": fields});
    for (fields, field) in [
        (json!({}), "fields.who"),
        (json!({"who": ["1"]}), "fields.who"),
        (json!({"who": [guest, guest]}), "fields.who"),
        (json!({"who": [guest], "text": "x"}), "fields.text"),
        (json!({"who": [guest], "radio": "z"}), "fields.radio"),
        (json!({"who": [guest], "ticks": ["z"]}), "fields.ticks"),
        (
            json!({"who": [guest], "files": [{"filename": "a"}]}),
            "fields.files.0.content",
        ),
        (json!({"who": [guest], "strange": 1}), "fields.strange"),
    ] {
        let refused = rig.try_act("modal_submit", submit(fields.clone())).await;
        assert_eq!(
            (refused.status, &refused.json()["field"]),
            (400, &json!(field)),
            "{fields}"
        );
    }
    let file = json!({"filename": "log.txt", "base64": "aGk="});
    let fields = json!({"who": [guest], "text": "", "files": [file], "ticks": ["a", "b"]});
    rig.act("modal_submit", submit(fields)).await;
    let submitted = bot.event("INTERACTION_CREATE").await;
    let data = &submitted["data"];
    let input = |index: usize| data["components"][index]["component"].clone();
    assert_eq!(input(0)["value"], "");
    assert_eq!(input(1)["values"], json!([guest]));
    assert!(data["resolved"]["users"][&guest].is_object());
    let attached = &data["resolved"]["attachments"][text(&input(2)["values"][0])];
    assert_eq!(
        (&attached["filename"], &attached["size"]),
        (&json!("log.txt"), &json!(2))
    );
    assert_eq!(
        input(3)["value"],
        "b",
        "the option that is chosen from the start"
    );
    assert_eq!(input(4)["values"], json!(["a", "b"]));
    let again = json!({"type": 9, "data": {"title": "t", "custom_id": "m", "components": []}});
    assert_eq!(rig.answer(&submitted, again).await.code(), 50035);
    let done = rig
        .answer(&submitted, json!({"type": 4, "data": {"content": "x"}}))
        .await
        .json();
    let told = &done["resource"]["message"]["interaction_metadata"];
    assert_eq!(told["triggering_interaction_metadata"]["type"], 2);
}

#[tokio::test]
async fn media_from_elsewhere_and_galleries() {
    let rig = Rig::start().await;
    let path = format!("/channels/{}/messages", rig.id("channel_id"));
    let components = json!([
        {"type": 12, "items": [{"media": {"url": "https://example.com/a.png"}, "strange": 1}]},
        {"type": 9, "components": [{"type": 10, "content": "x"}],
         "accessory": {"type": 11, "media": {"url": "https://example.com/b.png"}}},
    ]);
    let sent = rig
        .ok(
            "POST",
            &path,
            json!({"flags": V2, "components": components}),
        )
        .await;
    let item = &sent["components"][0]["items"][0];
    assert_eq!(
        (
            &item["media"]["proxy_url"],
            &item["spoiler"],
            &item["strange"]
        ),
        (
            &json!("https://example.com/a.png"),
            &json!(false),
            &Value::Null
        )
    );
    assert!(sent["components"][1]["accessory"]["media"]["id"].is_string());
    let bad = json!([{"type": 12, "items": [{"media": {"url": "file:///etc/passwd"}}]}]);
    let refused = rig
        .api("POST", &path, json!({"flags": V2, "components": bad}))
        .await;
    assert_eq!(refused.code(), 50035);
}

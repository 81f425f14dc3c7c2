//! Interactions: clocks, tokens, what may answer what, and where people may start them.

use serde_json::{Value, json};

use crate::rig::{Bot, Rig, text};

async fn started(rig: &Rig) -> (Bot, Value) {
    let mut bot = rig.bot().await;
    rig.register(json!([{"name": "go", "description": "d"}]))
        .await;
    rig.slash("go", json!([])).await;
    let interaction = bot.event("INTERACTION_CREATE").await;
    (bot, interaction)
}

fn message(content: &str) -> Value {
    json!({"type": 4, "data": {"content": content}})
}

#[tokio::test]
async fn a_refused_answer_leaves_the_interaction_open() {
    let rig = Rig::start().await;
    let (_bot, interaction) = started(&rig).await;
    let long = rig.answer(&interaction, message(&"x".repeat(2001))).await;
    assert!(long.json()["errors"]["data"]["content"].is_object());
    for kind in [6, 7, 8, 99] {
        assert_eq!(
            rig.answer(&interaction, json!({"type": kind})).await.code(),
            50035,
            "{kind}"
        );
    }
    assert_eq!(rig.answer(&interaction, message("ok")).await.status, 200);
    let again = rig.answer(&interaction, message("again")).await;
    assert_eq!((again.status, again.code()), (400, 40060));
}

#[tokio::test]
async fn silence_is_shown_to_its_person_only() {
    let rig = Rig::start().await;
    let (_bot, interaction) = started(&rig).await;
    rig.act(
        "expire_interaction",
        json!({"interaction_id": interaction["id"]}),
    )
    .await;
    let late = rig.answer(&interaction, message("late")).await;
    assert_eq!((late.status, late.code()), (404, 10062));
    let channel = rig.id("channel_id");
    let seen = rig.view(&channel, &rig.id("user_id")).await;
    assert_eq!(seen[0]["notice"], "The application did not respond");
    assert_eq!(seen[0]["interaction_id"], interaction["id"]);
    assert!(rig.view(&channel, &rig.id("guest_id")).await.is_empty());
}

#[tokio::test]
async fn three_seconds_are_three_seconds() {
    let rig = Rig::start().await;
    let (_bot, interaction) = started(&rig).await;
    let mut body = json!({"channel_id": rig.id("channel_id"), "user_id": rig.id("user_id"), "wait_ms": 30_000});
    let mut view = rig.act("view", body.clone()).await;
    while view["messages"].as_array().unwrap().is_empty() {
        body["changed_since"] = view["version"].clone();
        view = rig.act("view", body.clone()).await;
    }
    assert!(
        view["messages"][0]["notice"].is_string(),
        "a waiting client is told in time"
    );
    assert_eq!(
        rig.answer(&interaction, message("late")).await.code(),
        10062
    );
}

#[tokio::test]
async fn tokens_live_between_the_first_answer_and_a_quarter_of_an_hour() {
    let rig = Rig::start().await;
    let (_bot, interaction) = started(&rig).await;
    let hook = rig.webhook(&interaction);
    let original = format!("{hook}/messages/@original");
    let early = rig.api("PATCH", &original, json!({"content": "x"})).await;
    assert_eq!((early.status, early.code()), (404, 10015));
    rig.answer(&interaction, message("ok")).await;
    let posted = rig.ok("GET", &original, Value::Null).await;
    rig.act(
        "expire_interaction",
        json!({"interaction_id": interaction["id"]}),
    )
    .await;
    let late = rig.api("PATCH", &original, json!({"content": "x"})).await;
    assert_eq!((late.status, late.code()), (401, 50027));
    let by_bot = format!(
        "/channels/{}/messages/{}",
        rig.id("channel_id"),
        text(&posted["id"])
    );
    rig.ok("PATCH", &by_bot, json!({"content": "by the bot token"}))
        .await;
    let wrong = format!("/webhooks/{}/nonsense", rig.id("application_id"));
    assert_eq!(
        rig.api("POST", &wrong, json!({"content": "x"}))
            .await
            .code(),
        50027
    );
}

#[tokio::test]
async fn answers_mention_users_only_by_default() {
    let rig = Rig::start().await;
    let (_bot, interaction) = started(&rig).await;
    let text = format!("<@{}> @everyone", rig.id("user_id"));
    let answered = rig.answer(&interaction, message(&text)).await.json();
    let shown = &answered["resource"]["message"];
    assert_eq!(
        (
            shown["mentions"].as_array().unwrap().len(),
            &shown["mention_everyone"]
        ),
        (1, &json!(false))
    );
}

#[tokio::test]
async fn commands_come_from_threads_dms_bots_and_other_guilds() {
    let rig = Rig::start().await;
    let mut bot = rig.bot().await;
    let global = format!("/applications/{}/commands", rig.id("application_id"));
    let commands = json!([{"name": "go", "description": "d"}]);
    rig.ok("PUT", &global, commands).await;
    let dms = rig
        .act("guild", json!({"dms": [{"user_id": rig.id("user_id")}]}))
        .await["dms"]
        .clone();
    let dm = dms[&rig.id("user_id")].clone();
    rig.act(
        "slash",
        json!({"channel_id": dm, "user_id": rig.id("user_id"), "name": "go"}),
    )
    .await;
    let direct = bot.event("INTERACTION_CREATE").await;
    assert!(direct["member"].is_null() && direct["guild_id"].is_null());
    assert_eq!(
        (&direct["user"]["id"], direct["context"].as_u64()),
        (&rig.defaults["user_id"], Some(1))
    );

    let other = rig
        .act(
            "guild",
            json!({"new": {"name": "Other"}, "channels": [{"name": "there"}],
        "people": [{"name": "robot", "bot": true}]}),
        )
        .await;
    assert_eq!(bot.event("GUILD_CREATE").await["id"], other["guild_id"]);
    let body = json!({"guild_id": other["guild_id"], "channel_id": other["channels"]["there"],
        "user_id": other["people"]["robot"], "name": "go"});
    rig.act("slash", body).await;
    let foreign = bot.event("INTERACTION_CREATE").await;
    assert_eq!(
        (&foreign["guild_id"], &foreign["member"]["user"]["bot"]),
        (&other["guild_id"], &json!(true))
    );

    let channel = rig.id("channel_id");
    let card = rig.post(&channel, "card").await;
    rig.ok(
        "POST",
        &format!("/channels/{channel}/messages/{card}/threads"),
        json!({"name": "t"}),
    )
    .await;
    rig.act(
        "slash",
        json!({"channel_id": card, "user_id": rig.id("user_id"), "name": "go"}),
    )
    .await;
    let inside = bot.event("INTERACTION_CREATE").await;
    assert_eq!(
        (
            inside["channel"]["type"].as_u64(),
            &inside["channel"]["parent_id"]
        ),
        (Some(11), &json!(channel))
    );
}

#[tokio::test]
async fn what_a_person_cannot_do_names_the_field() {
    let rig = Rig::start().await;
    rig.register(json!([{"name": "go", "description": "d", "options": [
        {"type": 3, "name": "on", "description": "d", "required": true}]}]))
        .await;
    for (change, field) in [
        (json!({"name": "nope"}), "name"),
        (json!({"name": "go"}), "options.on"),
        (json!({"name": "go", "user_id": "1"}), "user_id"),
        (json!({"name": "go", "channel_id": "1"}), "channel_id"),
        (json!({"name": "go", "channel_id": 5.5}), "channel_id"),
        (json!({"name": "go", "guild_id": "1"}), "guild_id"),
        (json!({}), "name"),
    ] {
        let mut body = rig.place();
        for (key, value) in change.as_object().unwrap() {
            body[key] = value.clone();
        }
        let refused = rig.try_act("slash", body).await;
        assert_eq!(
            (refused.status, &refused.json()["field"]),
            (400, &json!(field)),
            "{change}"
        );
    }
}

#[tokio::test]
async fn buttons_that_are_not_there_cannot_be_pressed() {
    let rig = Rig::start().await;
    let channel = rig.id("channel_id");
    let row = json!([{"type": 1, "components": [
        {"type": 2, "style": 1, "label": "a", "custom_id": "a", "disabled": true},
        {"type": 2, "style": 5, "label": "b", "url": "https://example.com"},
    ]}]);
    let sent = rig
        .ok(
            "POST",
            &format!("/channels/{channel}/messages"),
            json!({"components": row}),
        )
        .await;
    for custom_id in ["a", "b"] {
        let mut press = rig.place();
        press["message_id"] = sent["id"].clone();
        press["custom_id"] = json!(custom_id);
        let refused = rig.try_act("click", press).await;
        assert_eq!(
            (refused.status, &refused.json()["field"]),
            (400, &json!("custom_id"))
        );
    }
}

#[tokio::test]
async fn an_update_answers_a_press_by_changing_its_message() {
    let rig = Rig::start().await;
    let mut bot = rig.bot().await;
    let channel = rig.id("channel_id");
    let row = json!([{"type": 1, "components": [{"type": 3, "custom_id": "s", "options": [
        {"label": "A", "value": "a"}, {"label": "B", "value": "b"}]}]}]);
    let sent = rig
        .ok(
            "POST",
            &format!("/channels/{channel}/messages"),
            json!({"content": "x", "components": row}),
        )
        .await;
    let mut choose = rig.place();
    choose["message_id"] = sent["id"].clone();
    choose["custom_id"] = json!("s");
    choose["values"] = json!(["z"]);
    assert_eq!(
        rig.try_act("select", choose.clone()).await.json()["field"],
        "values"
    );
    choose["values"] = json!(["b"]);
    rig.act("select", choose).await;
    let chosen = bot.event("INTERACTION_CREATE").await;
    assert_eq!(
        (
            &chosen["data"]["values"],
            chosen["data"]["component_type"].as_u64()
        ),
        (&json!(["b"]), Some(3))
    );
    let update = json!({"type": 7, "data": {"content": "chosen", "components": []}});
    let answered = rig.answer(&chosen, update).await.json();
    assert_eq!(answered["resource"]["message"]["id"], sent["id"]);
    assert_eq!(
        rig.view(&channel, &rig.id("user_id")).await[0]["content"],
        "chosen"
    );
}

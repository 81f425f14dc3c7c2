//! The main way through: log in, register, be called, answer with a card, stream into a thread.

use serde_json::{Value, json};

use crate::rig::{Rig, V2, text};

fn run_command() -> Value {
    json!([{"name": "run", "description": "Run a command", "options": [
        {"type": 3, "name": "on", "description": "hosts", "required": true, "autocomplete": true},
        {"type": 3, "name": "command", "description": "what", "required": true},
    ]}])
}

fn options() -> Value {
    json!([{"name": "on", "value": "role=web"}, {"name": "command", "value": "uptime"}])
}

#[tokio::test]
async fn a_card_a_thread_and_live_output() {
    let rig = Rig::start().await;
    let me = rig.ok("GET", "/users/@me", Value::Null).await;
    assert_eq!(me["id"], rig.defaults["application_id"]);
    let mut bot = rig.bot().await;
    let commands = rig.register(run_command()).await;
    assert_eq!(commands[0]["name"], "run");

    let id = rig.slash("run", options()).await;
    let interaction = bot.event("INTERACTION_CREATE").await;
    assert_eq!(interaction["id"], json!(id));
    assert_eq!(interaction["data"]["options"][1]["value"], "uptime");
    assert_eq!(interaction["member"]["user"]["id"], rig.defaults["user_id"]);
    assert_eq!(interaction["member"]["roles"].as_array().unwrap().len(), 1);

    let card = json!([{"type": 17, "accent_color": 255, "components": [
        {"type": 10, "content": "### #1 uptime"},
        {"type": 1, "components": [{"type": 2, "style": 4, "label": "Cancel", "custom_id": "v1:cancel:1"}]},
    ]}]);
    let data = json!({"flags": V2, "components": card, "allowed_mentions": {"parse": []}});
    let answered = rig
        .answer(&interaction, json!({"type": 4, "data": data}))
        .await;
    assert_eq!(answered.status, 200);
    let message = answered.json()["resource"]["message"].clone();
    assert_eq!(
        answered.json()["interaction"]["response_message_id"],
        message["id"]
    );
    assert_eq!(
        (message["type"].as_u64(), message["flags"].as_u64()),
        (Some(20), Some(V2))
    );
    assert_eq!(
        message["interaction_metadata"]["user"]["id"],
        rig.defaults["user_id"]
    );
    let created = bot.event("MESSAGE_CREATE").await;
    assert_eq!(created["id"], message["id"]);

    let (channel, message_id) = (rig.id("channel_id"), text(&message["id"]));
    let path = format!("/channels/{channel}/messages/{message_id}/threads");
    let thread = rig
        .ok(
            "POST",
            &path,
            json!({"name": "#1 uptime", "auto_archive_duration": 1440}),
        )
        .await;
    assert_eq!(
        thread["id"], message["id"],
        "the thread has the id of its message"
    );
    assert_eq!(bot.event("THREAD_CREATE").await["newly_created"], true);
    assert_eq!(
        rig.api("POST", &path, json!({"name": "again"}))
            .await
            .code(),
        160_004
    );

    let page = rig.post(&message_id, "```\nline 1\n```").await;
    let path = format!("/channels/{message_id}/messages/{page}");
    let edited = rig
        .ok(
            "PATCH",
            &path,
            json!({"content": "```\nline 1\nline 2\n```"}),
        )
        .await;
    assert!(edited["edited_timestamp"].is_string());

    let seen = rig.view(&message_id, &rig.id("guest_id")).await;
    assert_eq!(seen[0]["content"], "```\nline 1\nline 2\n```");
    assert_eq!(seen[0]["edited"], true);
    let seen = rig.view(&channel, &rig.id("guest_id")).await;
    assert_eq!(seen[0]["thread"]["message_count"], 1);
    assert_eq!(seen[0]["flags"], V2 | 32);

    let mut press = rig.place();
    press["message_id"] = json!(message_id);
    press["custom_id"] = json!("v1:cancel:1");
    rig.act("click", press).await;
    let pressed = bot.event("INTERACTION_CREATE").await;
    assert_eq!(
        (pressed["type"].as_u64(), &pressed["message"]["id"]),
        (Some(3), &message["id"])
    );
    assert_eq!(rig.answer(&pressed, json!({"type": 6})).await.status, 200);
}

#[tokio::test]
async fn autocomplete_waits_for_the_bot() {
    let rig = Rig::start().await;
    let mut bot = rig.bot().await;
    rig.register(run_command()).await;
    let mut body = rig.place();
    body["name"] = json!("run");
    body["options"] = json!([{"name": "on", "value": "we", "focused": true}]);
    let asking = rig.act("autocomplete", body);
    let answering = async {
        let interaction = bot.event("INTERACTION_CREATE").await;
        assert_eq!(interaction["type"], 4);
        assert_eq!(interaction["data"]["options"][0]["focused"], true);
        let choices = json!([{"name": "web-01", "value": "web-01"}]);
        rig.answer(
            &interaction,
            json!({"type": 8, "data": {"choices": choices}}),
        )
        .await
    };
    let (asked, answered) = tokio::join!(asking, answering);
    assert_eq!(answered.status, 200);
    assert_eq!(asked["choices"][0]["value"], "web-01");
}

#[tokio::test]
async fn a_deferral_is_filled_by_token_and_stays_unedited() {
    let rig = Rig::start().await;
    let mut bot = rig.bot().await;
    rig.register(run_command()).await;
    rig.slash("run", options()).await;
    let interaction = bot.event("INTERACTION_CREATE").await;
    let answered = rig.answer(&interaction, json!({"type": 5})).await;
    assert_eq!(
        answered.json()["interaction"]["response_message_loading"],
        true
    );
    let original = format!("{}/messages/@original", rig.webhook(&interaction));
    let filled = rig.ok("PATCH", &original, json!({"content": "done"})).await;
    assert_eq!(
        (filled["flags"].as_u64(), &filled["edited_timestamp"]),
        (Some(0), &Value::Null)
    );
    assert_eq!(
        filled["id"],
        answered.json()["interaction"]["response_message_id"]
    );
    let again = rig
        .ok("GET", &original.replace('@', "%40"), Value::Null)
        .await;
    assert_eq!(again["content"], "done");
    let follow_up = rig
        .ok(
            "POST",
            &rig.webhook(&interaction),
            json!({"content": "more"}),
        )
        .await;
    assert_ne!(follow_up["id"], filled["id"]);
    assert_eq!(rig.api("DELETE", &original, Value::Null).await.status, 204);
    assert_eq!(rig.api("GET", &original, Value::Null).await.code(), 10008);
}

#[tokio::test]
async fn ephemeral_answers_are_for_one_person() {
    let rig = Rig::start().await;
    let mut bot = rig.bot().await;
    rig.register(run_command()).await;
    rig.slash("run", options()).await;
    let interaction = bot.event("INTERACTION_CREATE").await;
    let body = json!({"type": 4, "data": {"content": "no", "flags": 64}});
    let answered = rig.answer(&interaction, body).await.json();
    let id = text(&answered["interaction"]["response_message_id"]);
    let channel = rig.id("channel_id");
    assert_eq!(
        rig.view(&channel, &rig.id("user_id")).await[0]["ephemeral"],
        true
    );
    assert!(rig.view(&channel, &rig.id("guest_id")).await.is_empty());
    let listed = rig
        .ok("GET", &format!("/channels/{channel}/messages"), Value::Null)
        .await;
    assert_eq!(listed, json!([]));
    let direct = format!("/channels/{channel}/messages/{id}");
    assert_eq!(rig.api("GET", &direct, Value::Null).await.code(), 10008);
    assert_eq!(
        rig.api("PATCH", &direct, json!({"content": "x"}))
            .await
            .code(),
        10008
    );
    let by_token = format!("{}/messages/@original", rig.webhook(&interaction));
    assert_eq!(
        rig.ok("PATCH", &by_token, json!({"content": "yes"})).await["content"],
        "yes"
    );
}

#[tokio::test]
async fn a_modal_is_opened_filled_and_answered() {
    let rig = Rig::start().await;
    let mut bot = rig.bot().await;
    rig.register(run_command()).await;
    rig.slash("run", options()).await;
    let interaction = bot.event("INTERACTION_CREATE").await;
    let modal = json!({"title": "Why?", "custom_id": "v1:why:1", "components": [
        {"type": 18, "label": "Reason", "component": {"type": 4, "custom_id": "reason", "style": 1}},
    ]});
    assert_eq!(
        rig.answer(&interaction, json!({"type": 9, "data": modal}))
            .await
            .status,
        200
    );
    let who = json!({"user_id": rig.id("user_id")});
    let open = rig.act("modal_open", who.clone()).await;
    assert_eq!(open["modal"]["title"], "Why?");
    let empty = json!({"user_id": rig.id("user_id"), "fields": {}});
    let refused = rig.try_act("modal_submit", empty).await;
    assert_eq!(
        (refused.status, &refused.json()["field"]),
        (400, &json!("fields.reason"))
    );
    let filled = json!({"user_id": rig.id("user_id"), "fields": {"reason": "because"}});
    rig.act("modal_submit", filled).await;
    let submitted = bot.event("INTERACTION_CREATE").await;
    assert_eq!(
        submitted["data"]["components"][0]["component"]["value"],
        "because"
    );
    let done = rig
        .answer(
            &submitted,
            json!({"type": 4, "data": {"content": "thanks"}}),
        )
        .await;
    assert_eq!(done.status, 200);
    assert_eq!(rig.act("modal_open", who).await["modal"], Value::Null);
}

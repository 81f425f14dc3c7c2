//! Who is told what: refusals for the asker alone, suggestions at once, and nothing for what nobody can be told.

use shanty_core::hold::Hold;
use shanty_core::view::{Listing, Press};

use super::*;

/// Removes who and where from an interaction, as in a direct message.
fn in_a_direct_message(mut interaction: Value) -> Value {
    let user = interaction["member"]["user"].take();
    let fields = interaction.as_object_mut().unwrap();
    for field in ["member", "guild_id"] {
        fields.remove(field);
    }
    fields.insert("user".to_owned(), user);
    interaction["channel"] = json!({"id": OPS.to_string(), "type": 1});
    interaction
}

fn with(mut interaction: Value, pointer: &str, value: Value) -> Value {
    *interaction.pointer_mut(pointer).expect("there is one") = value;
    interaction
}

#[tokio::test]
async fn who_may_not_is_told_alone_and_it_is_recorded_as_denied() {
    let stage = Stage::start().await;
    let mut web = stage.rig.link(1).await;
    web.said();
    let bot = json!({"id": "43", "username": "bot", "discriminator": "0", "bot": true});
    let other = with(run("web-01"), "/guild_id", json!("2"));
    let elsewhere_installed = with(other, "/authorizing_integration_owners/0", json!("2"));
    // Of whom no grant names one refusal a minute is recorded: somebody else than who asks in a direct message.
    let other = with(run("web-01"), "/member/user/id", json!("44"));
    let without_roles = with(other, "/member/roles", json!([]));
    let elsewhere = json!({"id": "6", "type": 0, "guild_id": "1"});
    for (asked, code) in [
        (elsewhere_installed, "E_GUILD"),
        (in_a_direct_message(run("web-01")), "E_GUILD_ONLY"),
        (with(run("web-01"), "/member/user", bot), "E_DENIED"),
        (without_roles, "E_DENIED"),
        (with(run("web-01"), "/channel", elsewhere), "E_DENIED"),
    ] {
        let before = stage.calls().len();
        stage.interact(asked.clone()).await;
        let calls = stage.calls();
        let [(line, body)] = &calls[before..] else {
            panic!("one answer: {calls:?}")
        };
        assert_eq!(*line, callback_with_message(&asked));
        assert!(is_private(body), "{body}");
        assert!(
            !body.to_string().contains("E_"),
            "codes are for scripts: {body}"
        );
        let Some(Kind::Denied(denied)) = stage.rig.kinds().pop() else {
            panic!("it is recorded")
        };
        assert_eq!(denied.code, code);
    }
    assert_eq!(web.said(), []);
    assert!(
        stage
            .rig
            .kinds()
            .iter()
            .all(|kind| matches!(kind, Kind::Denied { .. }))
    );
}

#[tokio::test]
async fn a_thread_has_the_grants_of_its_channel() {
    let stage = Stage::start().await;
    let _web = stage.rig.link(1).await;
    let thread = json!({"id": "66", "type": 11, "guild_id": "1", "parent_id": OPS.to_string()});
    let asked = with(run("web-01"), "/channel", thread);
    stage.interact(asked).await;
    let run = stage.run();
    let begun = |run: &Run| run.phase == Phase::Running;
    stage.rig.seen(run, "the begin", begun).await;
}

#[tokio::test]
async fn what_is_unknown_is_answered_and_changes_nothing() {
    let stage = Stage::start().await;
    for asked in [
        slash("teapot", json!([])),
        slash("run", json!([option("command", "id")])),
        press("v0:go:1"),
        press("v1:go:nonsense"),
    ] {
        stage.interact(asked.clone()).await;
        let bodies = stage.bodies(&callback_with_message(&asked));
        let [body] = &bodies[..] else {
            panic!("one answer: {bodies:?}")
        };
        assert!(
            is_private(body) && body.to_string().contains("from another version"),
            "{body}"
        );
    }
    assert_eq!(stage.rig.kinds(), []);
}

#[tokio::test]
async fn nobody_is_told_anything_of_an_interaction_without_a_person() {
    let stage = Stage::start().await;
    let mut nobody = run("web-01");
    nobody.as_object_mut().unwrap().remove("member");
    stage.interact(nobody).await;
    let mut ping = with(run("web-01"), "/type", json!(1));
    ping.as_object_mut().unwrap().remove("data");
    stage.interact(ping).await;
    assert_eq!(stage.calls(), []);
    assert_eq!(stage.rig.kinds(), []);
}

#[tokio::test]
async fn a_refusal_that_discord_does_not_take_is_not_said_again() {
    let stage = Stage::scripted(|seen| {
        is_callback(seen).then(|| refusal(404, 10_062, "Unknown interaction"))
    })
    .await;
    stage.interact(run("nobody")).await;
    assert_eq!(stage.calls().len(), 1);
}

#[tokio::test]
async fn suggestions_come_while_nothing_is_committed() {
    let stage = Stage::start().await;
    stage.rig.journal.commit(Commits::Later);
    let typing = json!([{"name": "on", "type": 3, "value": "we", "focused": true}]);
    let asked = with(slash("run", typing), "/type", json!(4));
    stage.interact(asked.clone()).await;
    let bodies = stage.bodies(&callback(&asked));
    let [body] = &bodies[..] else {
        panic!("one answer: {bodies:?}")
    };
    assert_eq!(body["type"], 8);
    let choices = body["data"]["choices"].as_array().unwrap();
    assert!(
        choices.iter().any(|choice| choice["value"] == "web-01"),
        "{body}"
    );
    let others = |choice: &Value| choice["value"].as_str().unwrap().contains("db");
    assert!(!choices.iter().any(others), "no grant: {body}");
}

#[tokio::test]
async fn what_is_changed_is_said_when_it_is_committed() {
    let stage = Stage::start().await;
    stage.rig.journal.commit(Commits::Later);
    let asked = slash("hold", hold_on());
    let interaction = serde_json::from_value(asked.clone()).unwrap();
    let answered = interaction::answer(Arc::clone(&stage.edge), interaction);
    stage.edge.spawner.spawn(answered);
    let_others_go_on().await;
    assert_eq!(stage.calls(), []);
    stage.rig.journal.commit(Commits::AtOnce);
    stage.called("the answer", |calls| !calls.is_empty()).await;
    let bodies = stage.bodies(&callback_with_message(&asked));
    let [body] = &bodies[..] else {
        panic!("one answer: {bodies:?}")
    };
    assert!(!is_private(body) && body["type"] == 4, "{body}");
    assert_eq!(stage.rig.kinds(), [Kind::Hold(Hold::on("db move"))]);
}

#[tokio::test]
async fn the_same_interaction_does_nothing_twice() {
    let stage = Stage::start().await;
    let asked = slash("hold", hold_on());
    stage.interact(asked.clone()).await;
    stage.interact(asked.clone()).await;
    let bodies = stage.bodies(&callback_with_message(&asked));
    assert!(
        !is_private(&bodies[0]) && is_private(&bodies[1]),
        "{bodies:?}"
    );
    let holds = stage.rig.kinds();
    let holds = holds.iter().filter(|kind| matches!(kind, Kind::Hold(_)));
    assert_eq!(holds.count(), 1);
}

#[tokio::test]
async fn a_list_of_a_long_selector_is_turned_by_what_is_kept_of_it() {
    let stage = Stage::start().await;
    let long = format!("role=web | {}", ["web-01"; 20].join(" | "));
    let asked = slash("hosts", json!([option("on", &long)]));
    stage.interact(asked.clone()).await;
    let listing = Listing::of(&long);
    let turn = Press::Page(listing).to_string();
    let mut turned = press(&turn);
    turned["message"]["flags"] = json!(64);
    stage.interact(turned.clone()).await;
    let bodies = stage.bodies(&callback(&turned));
    assert!(
        bodies[0]["type"] == 7 && bodies[0].to_string().contains("web-02"),
        "{bodies:?}"
    );

    let never = Listing::of(&long.replace("web-01", "web-02"));
    let stale = press(&Press::Page(never).to_string());
    stage.interact(stale.clone()).await;
    let bodies = stage.bodies(&callback_with_message(&stale));
    assert!(
        is_private(&bodies[0]) && bodies[0].to_string().contains("too old to be turned"),
        "{bodies:?}"
    );
}

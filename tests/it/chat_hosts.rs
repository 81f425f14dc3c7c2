//! `/hosts`: trouble first, pages whose buttons work after a restart, and one host whole.

use serde_json::{Value, json};
use shanty_tests::{Message, Options, Person, World, wait};

use crate::programs;

/// A world with one host that is there and so many that joined and never linked.
async fn world(away: usize) -> World {
    let hosts = [("web-01", "env=prod,role=web")];
    let mut world = World::with_hosts(&programs(), Options::default(), &hosts).await;
    let token = world.token(&["--labels", "env=lab", "--uses", "50"]).await;
    for n in 1..=away {
        let host = world.new_host(&format!("lab-{n:02}"));
        let joined = host.join(&world.join_address(), &token).await;
        assert_eq!(joined.code, 0, "{joined:?}");
        world.hosts.push(host);
    }
    world
}

/// The custom ids of the controls of a message, by what they are: buttons by label, the menu by its own.
fn control(message: &Message, label: &str) -> String {
    fn find(components: &Value, label: &str) -> Option<String> {
        components.as_array()?.iter().find_map(|component| {
            let this = component["label"] == label || component["type"] == 3 && label == "menu";
            let id = this.then(|| component["custom_id"].as_str().map(str::to_owned));
            id.flatten()
                .or_else(|| find(&component["components"], label))
        })
    }
    find(&message.0["components"], label)
        .unwrap_or_else(|| panic!("no {label}: {}", message.text()))
}

async fn presses(person: &Person, message: &Message, label: &str, told: &str) -> Message {
    person.click(message, &control(message, label)).await;
    person
        .sees(told, |m| m.id() == message.id() && m.text().contains(told))
        .await
}

async fn picks(person: &Person, message: &Message, host: &str, told: &str) -> Message {
    let mut body = person.press(message.id(), &control(message, "menu"));
    body["values"] = json!([host]);
    let (status, answer) = person.act("select", &body).await;
    assert_eq!(status, 200, "{answer}");
    person
        .sees(told, |m| m.id() == message.id() && m.text().contains(told))
        .await
}

#[tokio::test]
async fn pages_turn_also_after_a_restart_and_a_host_is_shown_whole() {
    let mut world = world(17).await;
    let operator = world.operator();
    let asked = operator.run("web-01", "true").await;
    operator.card_end(&asked, "exit 0").await;

    let asked = operator.slash("hosts", &[]).await;
    let list = operator.answer(&asked).await;
    assert!(list.is_ephemeral());
    let text = list.text();
    for told in [
        "### Hosts · 18 · 🟢\u{a0}1 online · ",
        "⚪\u{a0}17 offline\n",
        "- lab-01  offline, never seen",
        "-# page 1/2 · trouble first",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    assert!(!text.contains("web-01"), "what is well comes last: {text}");
    let second = presses(&operator, &list, "▶", "page 2/2").await;
    assert!(second.text().contains(" web-01 "), "{}", second.text());

    world.take_controller().kill().await;
    world.start_controller().await;
    world.is_online("web-01", true).await;
    let first = presses(&operator, &second, "◀", "page 1/2").await;
    assert!(first.text().contains("lab-15"), "{}", first.text());
    let second = presses(&operator, &first, "▶", "page 2/2").await;
    let detail = picks(&operator, &second, "web-01", "web-01 · online").await;
    for told in [
        " web-01 · online",
        "labels `env=prod role=web`",
        &format!("agent {}", env!("CARGO_PKG_VERSION")),
        "**Last runs**\n✅ #1 · web-01 · exit 0",
    ] {
        assert!(detail.text().contains(told), "{told}: {}", detail.text());
    }
    let back = presses(&operator, &detail, "◀ Back to the list", "page 2/2").await;
    let detail = picks(&operator, &back, "lab-16", "lab-16 · offline, never seen").await;
    assert!(
        detail.text().contains("labels `env=lab`"),
        "{}",
        detail.text()
    );
    world.end().await;
}

#[tokio::test]
async fn a_list_of_a_selector_too_long_for_a_button_turns_too() {
    let mut world = world(17).await;
    let operator = world.operator();
    let names: Vec<String> = (1..=17).map(|n| format!("lab-{n:02}")).collect();
    let on = names.join(",");
    let asked = operator.slash("hosts", &[("on", &on)]).await;
    let list = operator.answer(&asked).await;
    assert!(list.text().contains("page 1/2"), "{}", list.text());
    world.take_controller().stop().await;
    world.start_controller().await;
    let second = presses(&operator, &list, "▶", "page 2/2").await;
    assert!(second.text().contains("lab-17"), "{}", second.text());
    assert!(!second.text().contains("web-01"), "{}", second.text());
    world.end().await;
}

#[tokio::test]
async fn one_host_is_shown_at_once_and_rights_are_asked_anew_at_each_press() {
    let world = World::with_three(&programs()).await;
    let operator = world.operator();
    wait::until("facts of the host", || async {
        let asked = operator.slash("hosts", &[("on", "web-02")]).await;
        let text = operator.answer(&asked).await.text();
        match text.contains("load ") && text.contains("runs as ") {
            true => Ok(()),
            false => Err(text),
        }
    })
    .await;

    // A forged menu leads nobody to what they may not see.
    let body = json!({"content": "forged", "components": [
        {"type": 1, "components": [{"type": 2, "style": 2, "label": "x", "custom_id": "v1:hosts:0:="}]},
        {"type": 1, "components": [{"type": 3, "custom_id": "v1:host:0:=", "options": [
            {"label": "db", "value": "db-01"}, {"label": "web", "value": "web-01"},
        ]}]},
    ]});
    let path = format!("/channels/{}/messages", operator.channel);
    let forged = Message(world.as_bot(hyper::Method::POST, &path, &body).await);
    for (person, host, told) in [
        (world.viewer(), "db-01", "No host matches `db-01`"),
        (
            world.guest(),
            "web-01",
            "You may not look at hosts and runs here",
        ),
    ] {
        let mut body = person.press(forged.id(), "v1:host:0:=");
        body["values"] = json!([host]);
        let (status, answer) = person.act("select", &body).await;
        assert_eq!(status, 200, "{answer}");
        let answer = person
            .answer(answer["interaction_id"].as_str().unwrap())
            .await;
        assert!(answer.is_ephemeral(), "{answer:?}");
        assert!(answer.text().contains(told), "{told}: {}", answer.text());
    }
    // A list that is not kept any more says so.
    let body = json!({"content": "old", "components": [{"type": 1, "components": [
        {"type": 2, "style": 2, "label": "x", "custom_id": format!("v1:hosts:1:~{}", "0".repeat(24))},
    ]}]});
    let old = Message(world.as_bot(hyper::Method::POST, &path, &body).await);
    let pressed = operator
        .click(&old, &format!("v1:hosts:1:~{}", "0".repeat(24)))
        .await;
    let told = operator.answer(&pressed).await;
    assert!(
        told.is_ephemeral() && told.text().contains("too old to be turned"),
        "{}",
        told.text()
    );
    world.end().await;
}

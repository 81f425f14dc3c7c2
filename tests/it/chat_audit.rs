//! What the audit channel is told of what is refused, done and granted, and that nobody is told anything twice.

use serde_json::json;
use shanty_tests::{Message, Options, World};

use crate::programs;

const HOSTS: [(&str, &str); 1] = [("web-01", "role=web")];

fn has(message: &Message, parts: &[&str]) -> bool {
    let text = message.text();
    parts.iter().all(|part| text.contains(part))
}

#[tokio::test]
async fn who_is_refused_is_one_line_and_what_is_seen_there_is_not_told_again() {
    let options = Options {
        ops_channel: true,
        ..Options::default()
    };
    let world = World::with_hosts(&programs(), options, &HOSTS).await;
    let (operator, viewer) = (world.operator(), world.viewer());
    operator
        .sees("what grants hold", |m| {
            has(m, &["2 grants hold now, SHA-256", "➕ `viewers`: for <@"])
        })
        .await;
    // What only they see, and what is theirs to try: one line, however often.
    for _ in 0..3 {
        let asked = viewer.run("web-01", "id; @everyone").await;
        assert!(viewer.answer(&asked).await.is_ephemeral());
    }
    let told = operator
        .sees("the attempts", |m| {
            let who = format!("<@{}> in <#{}>", viewer.id, viewer.channel);
            let what = "`run on web-01: id; @everyone` · You may not run commands here";
            has(m, &["3 attempts were refused", &who, what, "**3 times**"])
        })
        .await;
    assert!(!told.is_ephemeral());
    assert_eq!(told.0["mentions"], json!([]));

    // What is done here in chat stands here: its answer is what is told.
    let reason = [("reason", "db move")];
    let held = operator.slash("hold on", &reason).await;
    assert!(!operator.answer(&held).await.is_ephemeral());
    let ran = world.shanty(&["hosts", "label", "web-01", "rack=k1"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    // It is told later than anything of the hold would be.
    operator
        .sees("the label", |m| {
            has(m, &["changed the labels of", "rack=k1"])
        })
        .await;
    let texts: Vec<String> = operator.view().await.iter().map(Message::text).collect();
    for (once, times) in [("New runs are on hold", 1), ("attempts were refused", 1)] {
        let told = texts.iter().filter(|text| text.contains(once)).count();
        assert_eq!(told, times, "{once}: {texts:#?}");
    }
    world.end().await;
}

#[tokio::test]
async fn what_a_stranger_tried_is_told_each_by_itself_and_asking_for_it_is_no_attempt() {
    let options = Options {
        ops_channel: true,
        ..Options::default()
    };
    let world = World::with_hosts(&programs(), options, &HOSTS).await;
    let (operator, guest, viewer) = (world.operator(), world.guest(), world.viewer());
    let mut each = Vec::new();
    for (person, command) in [(&guest, "id"), (&guest, "rm -rf /"), (&viewer, "id")] {
        let asked = person.run("web-01", command).await;
        let refusal = person.answer(&asked).await;
        let pressed = person.presses(&refusal, "ask").await;
        let told = person.answer(&pressed).await;
        assert!(!told.is_ephemeral(), "{}", told.text());
        let here = format!("<@{}> in <#{}>", person.id, person.channel);
        each.push(format!("{here}: `run on web-01: {command}`"));
    }
    let told = operator
        .sees("all attempts", |m| {
            let each: Vec<&str> = each.iter().map(String::as_str).collect();
            has(m, &["3 attempts were refused"]) && has(m, &each)
        })
        .await;
    assert!(!told.text().contains(" times"), "{}", told.text());
    world.end().await;
}

#[tokio::test]
async fn a_channel_for_the_audit_is_told_of_everything_wherever_it_is_done() {
    let options = Options {
        ops_channel: true,
        ..Options::default()
    };
    let mut world = World::with_hosts(&programs(), options, &HOSTS).await;
    let operator = world.operator();
    let made = json!({"channels": [{"name": "audit"}]});
    let audit = world.act("guild", &made).await["channels"]["audit"].clone();
    let audit = operator.in_channel(audit.as_str().unwrap());
    operator
        .sees("what grants hold", |m| has(m, &["2 grants hold now"]))
        .await;
    world.take_controller().stop().await;
    let config = std::fs::read_to_string(world.config_path()).unwrap();
    let channel = format!("audit_channel = {:?}\nguilds =", audit.channel);
    let config = config.replacen("guilds =", &channel, 1);
    let config = config.replace("hosts = \"role=web\"", "hosts = \"role=db\"");
    std::fs::write(world.config_path(), config).unwrap();
    world.start_controller().await;
    world.is_online("web-01", true).await;
    audit
        .sees("what grants hold now", |m| {
            has(m, &["✏ `viewers`: on `role=db`, not `role=web` any more"])
        })
        .await;

    let here = format!("in <#{}>", operator.channel);
    let labelled = [("on", "web-01"), ("set", "rack=k1")];
    operator.slash("host label", &labelled).await;
    audit
        .sees("what is done in chat", |m| {
            let by = format!("🏷 <@{}> changed the labels of **web-01**", operator.id);
            has(m, &[&by, &here])
        })
        .await;
    let token = world.token(&[]).await;
    audit
        .sees("what is done on the machine", |m| {
            has(m, &["made the join token", "on the controller's machine"])
        })
        .await;
    let host = world.new_host("web-02");
    let ran = host.join(&world.join_address(), &token).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    audit
        .sees("who joined", |m| {
            has(m, &["1 host joined", "**web-02** with the join token `"])
        })
        .await;
    let ran = world.shanty(&["hosts", "remove", "web-02", "--yes"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    audit
        .sees("who was removed", |m| {
            has(m, &["🗑 local:", "removed **web-02**"])
        })
        .await;
    let guest = world.guest();
    guest.run("web-01", "id").await;
    audit
        .sees("who was refused", |m| {
            let who = format!("<@{}> {here}: `run on web-01: id`", guest.id);
            has(m, &["Somebody was refused", &who])
        })
        .await;
    // Operators are told what is done on the machine, and of nobody who was refused.
    let told = operator
        .sees("the removal", |m| has(m, &["removed **web-02**"]))
        .await;
    assert_eq!(told.0["mentions"], json!([]));
    let texts: Vec<String> = operator.view().await.iter().map(Message::text).collect();
    assert!(
        !texts.iter().any(|text| text.contains("refused")),
        "{texts:#?}"
    );
    world.end().await;
}

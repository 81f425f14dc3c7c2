//! What can be pressed on the card of a run, by who may and by who may not.

use serde_json::{Value, json};
use shanty_tests::{Message, Options, Person, World};

use crate::programs;

const HOSTS: [(&str, &str); 3] = [
    ("web-01", "role=web"),
    ("web-02", "role=web"),
    ("web-03", "role=web"),
];

async fn world() -> World {
    World::with_hosts(&programs(), Options::default(), &HOSTS).await
}

/// The card of a run that is over, once it has a button with this verb.
async fn over(operator: &Person, asked: &str, verb: &str) -> Message {
    let what = format!("to be over and have {verb}");
    let is = |card: &Message| card.is_over() && card.button(verb).is_some();
    operator.card(asked, &what, is).await
}

/// The hosts of a run, its selector and its command.
async fn run_of(world: &World, number: &str) -> (Vec<String>, String, String) {
    let run = world.run_ends(number).await;
    let executions = run["executions"].as_array().unwrap();
    let host = |execution: &Value| execution["host"].as_str().unwrap().to_owned();
    let mut hosts: Vec<String> = executions.iter().map(host).collect();
    hosts.sort();
    let text = |field: &str| run[field].as_str().unwrap_or_default().to_owned();
    (hosts, text("selector"), text("command"))
}

/// A command that fails on the first host which comes to it, and prints something else on the second.
fn uneven(world: &World) -> String {
    let dir = world.dir.path().display();
    format!(
        "if mkdir {dir}/first 2>/dev/null; then exit 3; fi; if mkdir {dir}/second 2>/dev/null; then echo odd; else echo usual; fi"
    )
}

#[tokio::test]
async fn a_run_is_run_again_also_after_a_restart_and_by_nobody_without_rights() {
    let mut world = world().await;
    let operator = world.operator();
    let command = "echo 'two  words'\necho done";
    let options = [
        ("on", "web-[01-02]"),
        ("command", command),
        ("timeout", "90s"),
    ];
    let asked = operator.slash("run", &options).await;
    let card = over(&operator, &asked, "again").await;
    assert!(card.button("retry").is_none(), "{card:?}");
    assert!(card.button("missed").is_none(), "{card:?}");

    let pressed = operator.presses(&card, "again").await;
    let second = operator.card_end(&pressed, "#2").await;
    let again = |of: &str| {
        (
            vec!["web-01".to_owned(), "web-02".to_owned()],
            of.to_owned(),
            command.to_owned(),
        )
    };
    assert_eq!(run_of(&world, "2").await, again("#1"));

    world.take_controller().kill().await;
    world.start_controller().await;
    world.is_online("web-01", true).await;
    world.is_online("web-02", true).await;
    // On its own card: twice on one at once is one run.
    let pressed = operator.presses(&second, "again").await;
    operator.card_end(&pressed, "#3").await;
    assert_eq!(run_of(&world, "3").await, again("#2"));

    for (who, person) in [("guest", world.guest()), ("viewer", world.viewer())] {
        for verb in ["again", "edit"] {
            let refusal = person.refused_press(&card, verb).await;
            let told = "You may not run commands here. Nothing was run.";
            assert!(refusal.contains(told), "{who} {verb}: {refusal}");
        }
    }
    let guest = world.guest();
    for verb in ["copy", "byhost"] {
        let refusal = guest.refused_press(&card, verb).await;
        assert!(
            refusal.contains("You may not look at hosts and runs here"),
            "{refusal}"
        );
    }
    assert_eq!(world.runs().await.len(), 3);
    world.end().await;
}

#[tokio::test]
async fn what_failed_is_tried_again_and_what_is_odd_is_run_alone() {
    let world = world().await;
    let operator = world.operator();
    let asked = operator.run("role=web", &uneven(&world)).await;
    let card = over(&operator, &asked, "retry").await;
    let run = world.run_ends("1").await;
    let failed = |execution: &&Value| execution["exit_code"] == 3;
    let failed = run["executions"].as_array().unwrap().iter().find(failed);
    let failed = failed.unwrap()["host"].as_str().unwrap().to_owned();
    assert!(card.0["components"].to_string().contains("Retry 1 failed"));

    let guest = world.guest();
    for verb in ["retry", "these", "odd"] {
        if card.button(verb).is_some() {
            let refusal = guest.refused_press(&card, verb).await;
            assert!(
                refusal.contains("You may not run commands here"),
                "{refusal}"
            );
        }
    }
    let pressed = operator.presses(&card, "retry").await;
    let retried = operator.card_end(&pressed, "#2").await;
    let (hosts, selector, _) = run_of(&world, "2").await;
    assert_eq!((hosts, selector.as_str()), (vec![failed], "#1:failed"));
    assert!(retried.button("retry").is_none(), "{retried:?}");

    let odd = ["these", "odd"]
        .into_iter()
        .find(|verb| card.button(verb).is_some());
    let odd = odd.unwrap_or_else(|| panic!("nothing odd on {card:?}"));
    assert!(card.0["components"].to_string().contains("Run on 1 odd"));
    let pressed = operator.presses(&card, odd).await;
    operator.card_end(&pressed, "#3").await;
    let (hosts, _, _) = run_of(&world, "3").await;
    let output = world.output("1").await;
    let output = String::from_utf8_lossy(&output);
    assert_eq!(hosts.len(), 1, "{hosts:?}");
    assert!(output.contains("odd"), "{output}");

    // How it went on each host, and how outputs differ, for the person alone.
    let pressed = operator.presses(&card, "byhost").await;
    let page = operator.answer(&pressed).await;
    assert!(page.is_ephemeral(), "{page:?}");
    let text = page.text();
    let at = |host: &str| text.find(&format!("**{host}**")).unwrap();
    let (failed, usual) = (&run_of(&world, "2").await.0[0], "exit 0");
    assert!(text.contains("exit 3") && text.contains(usual), "{text}");
    assert!(
        HOSTS.iter().all(|(host, _)| at(failed) <= at(host)),
        "{text}"
    );
    let pressed = operator.presses(&page, "diff").await;
    let filled = |message: &Message| !message.text().is_empty();
    let diff = operator.card(&pressed, "to be filled", filled).await;
    assert!(diff.is_ephemeral(), "{diff:?}");
    for line in ["odd", "usual"] {
        assert!(diff.text().contains(line), "{}", diff.text());
    }
    world.end().await;
}

#[tokio::test]
async fn what_was_left_out_is_run_when_its_host_is_back() {
    let mut world = world().await;
    let operator = world.operator();
    world.host("web-02").stop().await;
    world.is_online("web-02", false).await;
    let options = [
        ("on", "role=web"),
        ("command", "echo hi"),
        ("offline", "skip"),
    ];
    let asked = operator.slash("run", &options).await;
    let card = over(&operator, &asked, "missed").await;
    assert!(card.button("retry").is_none(), "it did not fail: {card:?}");
    let refusal = world.guest().refused_press(&card, "missed").await;
    assert!(
        refusal.contains("You may not run commands here"),
        "{refusal}"
    );

    let pressed = operator.presses(&card, "missed").await;
    let waits = |card: &Message| card.text().contains("#2") && card.button("cancel").is_some();
    operator.card(&pressed, "to wait", waits).await;
    world.host("web-02").run("keep").await;
    operator.card_end(&pressed, "exit 0").await;
    let (hosts, selector, _) = run_of(&world, "2").await;
    assert_eq!(
        (hosts, selector.as_str()),
        (vec!["web-02".to_owned()], "#1:missed")
    );
    world.end().await;
}

#[tokio::test]
async fn what_was_run_is_changed_in_a_form_and_copied() {
    let world = world().await;
    let operator = world.operator();
    let command = "echo '```'\necho two";
    let options = [("on", "web-01"), ("command", command), ("timeout", "90s")];
    let asked = operator.slash("run", &options).await;
    let card = over(&operator, &asked, "edit").await;

    operator.presses(&card, "edit").await;
    let form = operator.form().await.to_string();
    for held in ["echo two", "web-01", "90s", "Edit and run · #1"] {
        assert!(form.contains(held), "{held}: {form}");
    }
    let fields = json!({"command": "echo changed", "on": "web-[02-03]", "timeout": "", "as": ""});
    let filled = operator.fills_in(&fields).await;
    operator.card_end(&filled, "#2").await;
    let (hosts, selector, command) = run_of(&world, "2").await;
    assert_eq!(hosts, ["web-02", "web-03"]);
    assert_eq!(
        (selector.as_str(), command.as_str()),
        ("web-[02-03]", "echo changed")
    );

    // What comes back is refused as what is typed.
    operator.presses(&card, "edit").await;
    operator.form().await;
    let fields = json!({"command": "true", "on": "web-09", "timeout": "", "as": ""});
    let filled = operator.fills_in(&fields).await;
    let refusal = operator.answer(&filled).await;
    assert!(
        refusal.is_ephemeral() && refusal.text().contains("Nothing was run"),
        "{refusal:?}"
    );

    let pressed = operator.presses(&card, "copy").await;
    let copy = operator.answer(&pressed).await;
    assert!(copy.is_ephemeral(), "{copy:?}");
    let text = copy.text();
    assert!(text.contains("echo two\n```"), "{text}");
    assert_eq!(
        text.matches("```").count(),
        2,
        "nothing ends the block: {text}"
    );

    // A form holds less than a command may have.
    let long = format!("true {}", "x".repeat(4_000));
    let asked = operator.run("web-01", &long).await;
    let card = over(&operator, &asked, "edit").await;
    let refusal = operator.refused_press(&card, "edit").await;
    assert!(refusal.contains("a form holds 4"), "{refusal}");
    world.end().await;
}

#[tokio::test]
async fn the_menu_of_a_message_runs_again_what_its_card_shows() {
    let world = world().await;
    let operator = world.operator();
    let asked = operator.run("web-01", "echo once").await;
    let card = over(&operator, &asked, "again").await;
    let chosen = operator.chooses(&card, "Run again").await;
    operator.card_end(&chosen, "#2").await;
    assert_eq!(run_of(&world, "2").await.1, "#1");

    let mut guest = world.guest();
    guest.forges = true;
    let chosen = guest.chooses(&card, "Run again").await;
    let refusal = guest.answer(&chosen).await;
    assert!(refusal.is_ephemeral(), "{refusal:?}");
    assert!(
        refusal.text().contains("You may not run commands here"),
        "{}",
        refusal.text()
    );

    // What somebody wrote is no card.
    let body = json!({"channel_id": operator.channel, "user_id": operator.id, "content": "#1"});
    operator.act("message", &body).await;
    let said = operator
        .sees("what was said", |message| message.text() == "#1")
        .await;
    let chosen = operator.chooses(&said, "Run again").await;
    let refusal = operator.answer(&chosen).await.text();
    assert!(refusal.contains("not the card of a run"), "{refusal}");
    assert_eq!(world.runs().await.len(), 2);
    world.end().await;
}

#[tokio::test]
async fn a_name_that_is_nearly_right_is_offered() {
    let world = world().await;
    let operator = world.operator();
    let asked = operator.run("web-1", "echo meant").await;
    let refusal = operator.answer(&asked).await;
    assert!(refusal.is_ephemeral(), "{refusal:?}");
    let text = refusal.text();
    assert!(text.contains("No host matches `web-1`"), "{text}");
    assert!(text.contains("Did you mean **web-01**?"), "{text}");
    let pressed = operator.presses(&refusal, "meant").await;
    operator.card_end(&pressed, "exit 0").await;
    let (hosts, selector, command) = run_of(&world, "1").await;
    assert_eq!(
        (hosts, selector.as_str()),
        (vec!["web-01".to_owned()], "web-01")
    );
    assert_eq!(command, "echo meant");
    world.end().await;
}

#[tokio::test]
async fn characters_that_only_look_like_plain_ones_are_named_before_anything_runs() {
    let mut world = world().await;
    let operator = world.operator();
    let asked = operator.run("web-01", "printf '<%s>' “a b” –c").await;
    let refusal = operator.answer(&asked).await;
    assert!(refusal.is_ephemeral(), "{refusal:?}");
    let text = refusal.text();
    for told in [
        "Nothing was run.",
        "column 15: quote “ (U+201C) instead of \"",
        "column 21: dash – (U+2013) instead of -",
        "printf '<%s>' \"a b\" -c",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    assert!(world.runs().await.is_empty());
    let buttons = refusal.buttons();
    let [_plain, as_typed, edit] = &buttons[..] else {
        panic!("{buttons:?}")
    };
    assert!(edit.starts_with("v1:change:"), "{edit}");
    // The controller may start anew before it is answered.
    world.take_controller().kill().await;
    world.start_controller().await;
    world.is_online("web-01", true).await;
    let pressed = operator.click(&refusal, as_typed).await;
    operator.card_end(&pressed, "<“a><b”><–c>").await;
    // It was said once that it is meant.
    let card = over(&operator, &pressed, "again").await;
    let pressed = operator.presses(&card, "again").await;
    let card = operator.card_end(&pressed, "<“a><b”><–c>").await;
    assert!(card.text().contains("#2"), "{}", card.text());
    let card = over(&operator, &pressed, "edit").await;
    assert_eq!(world.runs().await.len(), 2);

    // Who is refused may press again, and the refusal goes when it is answered.
    let asked = operator.run("web-01", "echo “once”").await;
    let twice = operator.answer(&asked).await;
    let [plain, ..] = &twice.buttons()[..] else {
        panic!("{twice:?}")
    };
    let held = world.shanty(&["hold", "on", "db move"]).await;
    assert_eq!(held.code, 0, "{held:?}");
    let pressed = operator.click(&twice, plain).await;
    let told = operator.answer(&pressed).await;
    assert!(told.text().contains("hold"), "{told:?}");
    let held = world.shanty(&["hold", "off"]).await;
    assert_eq!(held.code, 0, "{held:?}");
    let pressed = operator.click(&twice, plain).await;
    operator.card_end(&pressed, "once").await;
    operator
        .waits("the refusal to be gone", |messages| {
            let shown = |m: &Message| m.id() == twice.id() && m.0["deleted"] != true;
            (!messages.iter().any(shown)).then_some(())
        })
        .await;
    assert_eq!(world.runs().await.len(), 3);

    // Spaces that are none, also in a text that a form holds.
    operator.presses(&card, "edit").await;
    operator.form().await;
    let command = "cat <<END\none\u{a0}two\nEND";
    let fields = json!({"command": command, "on": "web-01", "timeout": "", "as": ""});
    let filled = operator.fills_in(&fields).await;
    let refusal = operator.answer(&filled).await.text();
    let told = "line 2, column 4: space U+00A0 instead of a plain one";
    assert!(refusal.contains(told), "{refusal}");
    // Quotes and dashes in a text are what they are.
    let asked = operator.run("web-01", "echo 'it’s “fine” – all'").await;
    operator.card_end(&asked, "```\nit’s “fine” – all\n").await;
    world.end().await;
}

//! Before anything runs on many hosts, on all, or where some are away, the person sees exactly what would: and that is what runs.

use serde_json::{Value, json};
use shanty_tests::{Message, Options, Person, World, wait};

use crate::programs;

const WEB: [(&str, &str); 2] = [
    ("web-01", "env=prod,role=web"),
    ("web-02", "env=prod,role=web"),
];

async fn world() -> World {
    World::with_hosts(&programs(), Options::default(), &WEB).await
}

/// What only the asker sees, without what differs from run to run.
async fn preview(operator: &Person, asked: &str) -> String {
    let message = operator.answer(asked).await;
    assert!(message.is_ephemeral(), "{message:?}");
    assert!(!message.buttons().is_empty(), "{message:?}");
    message.text()
}

async fn goes_away(world: &mut World, name: &str) {
    world.host(name).stop().await;
    world.is_online(name, false).await;
}

async fn comes_back(world: &mut World, name: &str) {
    world.host(name).run("keep").await;
    world.is_online(name, true).await;
}

/// How a run stands on one of its hosts.
fn on<'v>(run: &'v Value, host: &str) -> Option<&'v Value> {
    let executions = run["executions"].as_array();
    executions.into_iter().flatten().find(|e| e["host"] == host)
}

#[tokio::test]
async fn all_hosts_are_shown_to_who_asked_and_run_when_confirmed() {
    let world = world().await;
    let operator = world.operator();
    let asked = operator.run("all", "echo here").await;
    let text = preview(&operator, &asked).await;
    for told in [
        "### ❓ Run this on 2 hosts?\n`echo here`",
        "\n`all` was named.\n",
        "ready 2\n  web-[01-02]",
        "Nothing runs before you say so",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    assert_eq!(world.runs().await, Vec::<Value>::new());
    let others = world.viewer().view().await;
    assert!(others.is_empty(), "only who asked sees it: {others:?}");

    let pressed = operator.confirms(&asked, "go").await;
    let card = operator.card_end(&pressed, " · 2 ok · ").await;
    assert!(
        card.text().starts_with("### ✅ #1 · 2 hosts · 2 ok · "),
        "{}",
        card.text()
    );
    assert!(!card.is_ephemeral());
    let seen = world.viewer().view().await;
    assert!(seen.iter().any(|message| message.id() == card.id()));
    operator
        .waits("the preview to be gone", |messages| {
            let shown =
                |m: &Message| m.is_ephemeral() && m.answers(&asked) && m.0["deleted"] != true;
            (!messages.iter().any(shown)).then_some(())
        })
        .await;
    world.end().await;
}

#[tokio::test]
async fn what_was_shown_runs_whoever_comes_and_goes() {
    let mut world = world().await;
    let operator = world.operator();
    goes_away(&mut world, "web-02").await;
    let asked = operator.run("role=web", "echo here").await;
    let text = preview(&operator, &asked).await;
    assert!(text.contains("\n1 cannot run it now.\n"), "{text}");
    assert!(text.contains("offline 1\n  web-02  last seen "), "{text}");
    comes_back(&mut world, "web-02").await;
    world.add_host("web-03", "env=prod,role=web").await;
    let pressed = operator.confirms(&asked, "online").await;
    let card = operator.card_end(&pressed, "exit 0").await.text();
    for told in [
        "### ⚠ #1 · 2 hosts · 1 ok, 1 left out · ",
        "✅ **web-01** · exit 0 · ",
        "⏭ **web-02** · left out: the host was offline",
    ] {
        assert!(card.contains(told), "{told}: {card}");
    }
    let run = world.run_ends("1").await;
    assert_eq!(run["executions"].as_array().map(Vec::len), Some(2), "{run}");
    assert_eq!(on(&run, "web-01").unwrap()["exit_code"], 0, "{run}");
    assert_eq!(on(&run, "web-02").unwrap()["skipped"], true, "{run}");
    assert_eq!(on(&run, "web-02").unwrap()["state"], "not_started", "{run}");

    // Who was left out can be named.
    let asked = operator.run("#1:offline", "echo there").await;
    operator.card_end(&asked, "exit 0").await;
    assert!(on(&world.show("2").await, "web-02").is_some());
    world.end().await;
}

#[tokio::test]
async fn who_said_what_becomes_of_hosts_that_are_away_is_not_asked_for_that() {
    let mut world = world().await;
    let operator = world.operator();
    goes_away(&mut world, "web-02").await;
    for (offline, end, told) in [
        (
            "skip",
            " · 1 ok, 1 left out · ",
            "⏭ **web-02** · left out: the host was offline",
        ),
        (
            "fail",
            " · 1 ok, 1 not started · ",
            "⚪ **web-02** · not started: the host was offline",
        ),
    ] {
        let options = [
            ("on", "role=web"),
            ("command", "true"),
            ("offline", offline),
        ];
        let asked = operator.slash("run", &options).await;
        let card = operator.card_end(&asked, end).await.text();
        assert!(card.contains(told), "{told}: {card}");
    }
    // On the command line it is an option too, and the exit code says what counted.
    for (offline, code) in [("skip", 0), ("fail", 75)] {
        let args = [
            "run",
            "--on",
            "role=web",
            "--offline",
            offline,
            "--",
            "true",
        ];
        let ran = world.shanty(&args).await;
        assert_eq!(ran.code, code, "{offline}: {ran:?}");
        assert!(ran.err.contains("web-02: not started"), "{ran:?}");
    }
    world.end().await;
}

#[tokio::test]
async fn many_hosts_are_asked_for_and_what_is_not_among_them_is_told() {
    let options = Options {
        limits: "confirm_hosts = 1".to_owned(),
        ..Options::default()
    };
    let hosts = [WEB[0], WEB[1], ("db-01", "env=prod,role=db")];
    let world = World::with_hosts(&programs(), options, &hosts).await;
    let operator = world.operator();
    let asked = operator.run("web-01", "true").await;
    operator.card_end(&asked, "exit 0").await;

    let asked = operator.run("env=prod,web-[02-05] !db*", "true").await;
    let text = preview(&operator, &asked).await;
    for told in [
        "\nMore than 1 host.\n",
        "ready 2\n  web-[01-02]",
        "excluded 1\n  db-01",
        "no such host 3\n  web-[03-05]",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    let pressed = operator.confirms(&asked, "go").await;
    operator.card_end(&pressed, " · 2 ok · ").await;
    world.end().await;
}

#[tokio::test]
async fn what_is_taken_back_never_runs() {
    let world = world().await;
    let operator = world.operator();
    let asked = operator.run("all", "true").await;
    let shown = operator.answer(&asked).await;
    operator.confirms(&asked, "drop").await;
    let after = operator
        .card(&asked, "to be taken back", |m| {
            m.text().contains("Taken back")
        })
        .await;
    assert!(after.buttons().is_empty(), "{after:?}");

    // Somebody whose client still showed the button.
    let go = shown.buttons()[0].clone();
    let body = json!({"content": "old", "components": [
        {"type": 1, "components": [{"type": 2, "style": 1, "label": "x", "custom_id": go}]},
    ]});
    let path = format!("/channels/{}/messages", operator.channel);
    let old = Message(world.as_bot(hyper::Method::POST, &path, &body).await);
    let pressed = operator.click(&old, &go).await;
    let told = operator.answer(&pressed).await;
    assert!(told.is_ephemeral());
    assert!(
        told.text()
            .contains("This preview is not open any more. Nothing was run."),
        "{}",
        told.text()
    );
    assert_eq!(world.runs().await, Vec::<Value>::new());
    world.end().await;
}

#[tokio::test]
async fn a_press_counts_once_and_only_of_who_was_asked() {
    let world = world().await;
    let operator = world.operator();
    let once = world.dir.path().join("ran");
    let command = format!("echo x >> {}", once.display());
    let asked = operator.run("all", &command).await;
    let shown = operator.answer(&asked).await;
    let go = shown.buttons()[0].clone();

    // A public message with the same buttons, as somebody might forge one: others press it, and all at once.
    let body = json!({"content": "forged", "components": [
        {"type": 1, "components": [{"type": 2, "style": 1, "label": "x", "custom_id": go}]},
    ]});
    let path = format!("/channels/{}/messages", operator.channel);
    let forged = Message(world.as_bot(hyper::Method::POST, &path, &body).await);
    for (person, told) in [
        (world.viewer(), "You may not run commands here"),
        (world.guest(), "You may not run commands here"),
    ] {
        let pressed = person.click(&forged, &go).await;
        let answer = person.answer(&pressed).await;
        assert!(
            answer.is_ephemeral() && answer.text().contains(told),
            "{}",
            answer.text()
        );
    }
    let (first, second, third) = tokio::join!(
        operator.click(&shown, &go),
        operator.click(&forged, &go),
        operator.click(&forged, &go)
    );
    let mut cards = 0;
    for pressed in [first, second, third] {
        let answer = operator.answer(&pressed).await;
        if answer.is_ephemeral() {
            let text = answer.text();
            assert!(text.contains("Nothing was run twice."), "{text}");
        } else {
            cards += 1;
        }
    }
    assert_eq!(cards, 1);
    world.run_ends("1").await;
    assert_eq!(world.runs().await.len(), 1);
    assert_eq!(
        std::fs::read_to_string(&once).unwrap(),
        "x\nx\n",
        "once on each host"
    );
    world.end().await;
}

#[tokio::test]
async fn a_preview_stays_open_over_a_restart_and_is_decided_anew() {
    let mut world = world().await;
    let operator = world.operator();
    let asked = operator.run("all", "true").await;
    let shown = preview(&operator, &asked).await;
    world.take_controller().kill().await;
    world.start_controller().await;
    for host in ["web-01", "web-02"] {
        world.is_online(host, true).await;
    }
    assert!(shown.contains("ready 2"), "{shown}");

    let ran = world.shanty(&["hold", "on", "db move"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let pressed = operator.confirms(&asked, "go").await;
    let told = operator.answer(&pressed).await.text();
    assert!(told.contains(": \"db move\". Nothing was run."), "{told}");
    world.shanty(&["hold", "off"]).await;
    let pressed = operator.confirms(&asked, "go").await;
    operator.card_end(&pressed, " · 2 ok · ").await;
    // The token that could change the preview is gone with the old process: its buttons say what became of it.
    let pressed = operator.confirms(&asked, "go").await;
    let told = operator.answer(&pressed).await.text();
    assert!(
        told.contains("This was confirmed already: it is #1"),
        "{told}"
    );
    world.end().await;
}

#[tokio::test]
async fn a_host_that_was_removed_meanwhile_stops_all_of_it() {
    let mut world = world().await;
    let operator = world.operator();
    let asked = operator.run("all", "true").await;
    preview(&operator, &asked).await;
    let ran = world.shanty(&["hosts", "remove", "web-02", "--yes"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let pressed = operator.confirms(&asked, "go").await;
    let told = operator.answer(&pressed).await.text();
    assert!(
        told.contains("web-02 was removed since this was shown. Nothing was run."),
        "{told}"
    );
    assert_eq!(world.runs().await, Vec::<Value>::new());
    let mut agent = world.host("web-02").take_agent();
    assert_eq!(agent.ended().await, 77);
    world.end().await;
}

#[tokio::test]
async fn when_discord_does_not_take_the_card_nothing_runs() {
    let world = world().await;
    let operator = world.operator();
    let asked = operator.run("all", "true").await;
    preview(&operator, &asked).await;
    let fail = json!({"method": "POST", "path_glob": "/api/v10/interactions/*/*/callback",
        "count": 1, "status": 500});
    world.act("fail_next", &fail).await;
    operator.confirms(&asked, "go").await;
    let said = operator
        .sees("that it was not started", |m| {
            m.text().contains("was not started and nothing was run")
        })
        .await;
    assert!(!said.is_ephemeral());
    wait::until("the run to be given up", || async {
        let runs = world.runs().await;
        match runs.first() {
            Some(run) if run["state"] == "expired" => Ok(()),
            _ => Err(runs),
        }
    })
    .await;
    world.end().await;
}

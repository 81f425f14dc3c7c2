//! One group or one host opened from a menu, and all output as files: for who may see the run, and for nobody else.

use std::io::{Cursor, Read as _};

use hyper::Method;
use serde_json::json;
use shanty_controller::store::{Deletion, Store};
use shanty_tests::{Message, Options, Person, World};

use crate::chat_groups::script;
use crate::past::a_year_passes;
use crate::programs;

const THREE: [(&str, &str); 3] = [
    ("web-01", "role=web"),
    ("web-02", "role=web"),
    ("db-01", "role=db"),
];

/// On the two web hosts the same long output, on the other one a failure.
fn uneven(world: &World) -> String {
    let lines = "case $name in db-01) echo 'E: no lock'; exit 100;; *) seq 1 2000;; esac";
    script(world, lines)
}

/// The card of a run that is over and says all that it will.
async fn over(operator: &Person, asked: &str) -> Message {
    let done = |card: &Message| {
        card.is_over() && card.text().contains("exit") && !card.options("open").is_empty()
    };
    operator.card(asked, "to have a menu", done).await
}

/// Picks an option by its label; gives what comes of it, once that is more than a promise.
async fn opened(person: &Person, card: &Message, label: &str) -> Message {
    let options = card.options("open");
    let option = options.iter().find(|(_, text)| text.starts_with(label));
    let (value, _) = option.unwrap_or_else(|| panic!("no {label} in {options:?}"));
    let picked = person.picks(card, "open", value).await;
    let filled = |message: &Message| !message.text().is_empty();
    let shown = person.card(&picked, "to be filled", filled).await;
    assert!(shown.is_ephemeral(), "{shown:?}");
    shown
}

/// Presses a button that gives files; their names and contents.
async fn files(person: &Person, on: &Message, verb: &str) -> Vec<(String, Vec<u8>)> {
    let pressed = person.presses(on, verb).await;
    let filled = |message: &Message| !message.files().is_empty();
    let message = person.card(&pressed, "to have files", filled).await;
    assert!(message.is_ephemeral(), "{message:?}");
    let mut all = Vec::new();
    for (name, url) in message.files() {
        all.push((name, person.download(&url).await));
    }
    all
}

/// What is in an archive, by name.
fn unzip(bytes: &[u8]) -> Vec<(String, String)> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut all = Vec::new();
    for at in 0..archive.len() {
        let mut file = archive.by_index(at).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        all.push((file.name().unwrap().into_owned(), text));
    }
    all.sort();
    all
}

fn numbers() -> String {
    (1..=2_000).map(|n| format!("{n}\n")).collect()
}

#[tokio::test]
async fn one_group_or_one_host_is_opened_also_after_a_restart() {
    let mut world = World::with_hosts(&programs(), Options::default(), &THREE).await;
    let operator = world.operator();
    let asked = operator.run_confirmed("all", &uneven(&world)).await;
    over(&operator, &asked).await;
    let leads = |card: &Message| {
        let link = card.thread().map(|thread| format!("/{thread}\""));
        link.is_some_and(|link| card.0["components"].to_string().contains(&link))
    };
    let labels = [
        "❌ db-01 · exit 100",
        "✅ web-[01-02] · 2 hosts · exit 0",
        "✅ web-01 · exit 0",
        "✅ web-02 · exit 0",
    ];
    let offers = |card: &Message| {
        let options = card.options("open");
        options.iter().map(|(_, label)| label).eq(labels)
    };
    let card = operator
        .card(
            &asked,
            "to lead to its thread and offer all of it",
            |card| leads(card) && offers(card),
        )
        .await;

    let group = opened(&operator, &card, "✅ web-[01-02]").await;
    let text = group.text();
    for told in [
        "### ✅ #1 · web-[01-02]\n",
        "2 hosts · exit 0",
        "2,000 lines, 8.6 KiB",
        "```\n1\n2\n",
        "lines left out here",
        "\n1999\n2000\n```",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    let link = format!("/{}\"", card.thread().unwrap());
    assert!(group.0["components"].to_string().contains(&link));
    let expected = [("web-01.1.log".to_owned(), numbers().into_bytes())];
    assert_eq!(files(&operator, &group, "whole").await, expected);

    for (who, told) in [
        (world.guest(), "You may not look at hosts and runs here"),
        (world.viewer(), "There is no such run."),
    ] {
        let (value, _) = card.options("open").remove(0);
        let picked = who.picks(&card, "open", &value).await;
        let refusal = who.answer(&picked).await;
        assert!(refusal.is_ephemeral(), "{refusal:?}");
        let text = refusal.text();
        assert!(text.contains(told) && !text.contains("no lock"), "{text}");
    }

    world.take_controller().kill().await;
    world.start_controller().await;
    let host = opened(&operator, &card, "❌ db-01").await;
    let text = host.text();
    assert!(
        text.starts_with("### ❌ #1 · db-01\n-# exit 100 · "),
        "{text}"
    );
    assert!(
        text.contains("1 line, 11 B") && text.contains("```\nE: no lock\n```"),
        "{text}"
    );

    // The page of all hosts has the same, and leads to the thread too.
    let pressed = operator.presses(&card, "byhost").await;
    let page = operator.answer(&pressed).await;
    assert!(page.0["components"].to_string().contains(&link), "{page:?}");
    assert_eq!(page.options("open").len(), 3);
    let host = opened(&operator, &page, "✅ web-02").await;
    assert!(host.text().contains("#1 · web-02\n"), "{}", host.text());
    assert!(host.0["components"].to_string().contains(&link), "{host:?}");
    let archives = files(&operator, &page, "files").await;
    assert_eq!(archives[0].0, "1.zip");
    let inside = unzip(&archives[0].1);
    let log = |name: &str| inside.iter().find(|(known, _)| known == name).unwrap();
    assert_eq!(log("web-02.log").1, numbers());
    assert_eq!(log("db-01.log").1, "E: no lock\n");
    world.end().await;
}

#[tokio::test]
async fn what_is_forged_is_answered_and_shows_nothing() {
    let world = World::with_hosts(&programs(), Options::default(), &THREE).await;
    let operator = world.operator();
    let asked = operator.run("web-[01-02]", "echo shown").await;
    let card = over(&operator, &asked).await;
    let run = world.runs().await[0]["run"].as_str().unwrap().to_owned();
    let known = world.shanty(&["hosts", "db-01", "--json"]).await.json();
    let other = known["agent"].as_str().unwrap().to_owned();
    let none = "0".repeat(32);
    let values = [
        format!("h:{other}"),
        format!("g:{other}"),
        format!("h:{none}"),
        "h:web-01".to_owned(),
        format!("x:{other}"),
        "shown".to_owned(),
    ];
    let option = |value: &String| json!({"label": "x", "value": value});
    let options: Vec<_> = values.iter().map(option).collect();
    let menu = json!({"type": 3, "custom_id": format!("v1:open:{run}"), "options": options});
    let ids = [
        format!("v1:whole:{run}:{other}"),
        format!("v1:whole:{none}:{other}"),
        format!("v1:whole:{run}:web-01"),
        format!("v1:files:{none}"),
        format!("v1:files:{run}:"),
    ];
    let button = |id: &String| json!({"type": 2, "style": 2, "label": "x", "custom_id": id});
    let buttons: Vec<_> = ids.iter().map(button).collect();
    let body = json!({
        "content": "from another time",
        "components": [{"type": 1, "components": [menu]}, {"type": 1, "components": buttons}],
    });
    let path = format!("/channels/{}/messages", operator.channel);
    let forged = Message(world.as_bot(Method::POST, &path, &body).await);
    let mut pressed = Vec::new();
    for value in &values {
        pressed.push((value, operator.picks(&forged, "open", value).await));
    }
    for id in &ids {
        pressed.push((id, operator.click(&forged, id).await));
    }
    for (what, pressed) in pressed {
        let answer = operator.answer(&pressed).await;
        assert!(answer.is_ephemeral(), "{what}: {answer:?}");
        let text = answer.text();
        let plain = [
            "#1 has no such host",
            "There is no such run",
            "from another version",
        ];
        assert!(
            plain.iter().any(|told| text.contains(told)),
            "{what}: {text}"
        );
        assert!(
            answer.files().is_empty() && !text.contains("shown\n"),
            "{what}: {text}"
        );
    }
    let host = opened(&operator, &card, "✅ web-01").await;
    assert!(host.text().contains("```\nshown\n```"), "{}", host.text());
    world.end().await;
}

#[tokio::test]
async fn of_many_the_first_are_in_the_menu_and_all_on_pages() {
    let names: Vec<String> = (1..=27).map(|n| format!("web-{n:02}")).collect();
    let hosts: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    let world = World::with_hosts(&programs(), Options::default(), &hosts).await;
    let operator = world.operator();
    // Each prints something else, which is not its name.
    let lines = "echo $name | tr 'a-z0-9' 'b-za1-90'; [ $name != web-27 ] || exit 1";
    let asked = operator.run_confirmed("all", &script(&world, lines)).await;
    let card = over(&operator, &asked).await;
    let options = card.options("open");
    assert_eq!(options.len(), 25);
    assert!(
        options[0].1.starts_with("❌ web-27 · exit 1"),
        "{options:?}"
    );
    let host = opened(&operator, &card, "❌ web-27").await;
    assert!(host.text().contains("```\nxfc-38\n```"), "{}", host.text());

    let pressed = operator.presses(&card, "byhost").await;
    let first = operator.answer(&pressed).await;
    assert_eq!(first.options("open").len(), 15);
    let next = first.buttons().into_iter().find(|id| id.ends_with(":1"));
    operator.click(&first, &next.unwrap()).await;
    let second = operator
        .card(&pressed, "to be turned", |page| {
            page.text().contains("page 2 of 2")
        })
        .await;
    assert_eq!(second.options("open").len(), 12);
    let host = opened(&operator, &second, "✅ web-26").await;
    assert!(host.text().contains("```\nxfc-37\n```"), "{}", host.text());
    let archives = files(&operator, &second, "files").await;
    let logs = unzip(&archives[0].1);
    let logs = logs.iter().filter(|(name, _)| name.ends_with(".log"));
    assert_eq!(logs.count(), 27);
    world.end().await;
}

#[tokio::test]
async fn where_no_thread_has_the_files_the_card_gives_them() {
    let options = Options {
        chat: "thread = \"auto\"".to_owned(),
        ..Options::default()
    };
    let world = World::with_hosts(&programs(), options, &THREE).await;
    let operator = world.operator();
    let asked = operator.run("web-[01-02]", "echo short").await;
    let card = over(&operator, &asked).await;
    assert_eq!(card.thread(), None);
    let archives = files(&operator, &card, "files").await;
    let inside = unzip(&archives[0].1);
    let logs = inside.iter().filter(|(_, text)| text == "short\n");
    assert_eq!(logs.count(), 2, "{inside:?}");
    let refusal = world.guest().refused_press(&card, "files").await;
    assert!(
        refusal.contains("You may not look at hosts and runs here"),
        "{refusal}"
    );

    // A thread that may not be made: of one host the log itself.
    let fault = json!({
        "method": "POST", "path_glob": "/channels/*/threads", "count": 1, "status": 403,
        "after_commit": false, "code": 0,
    });
    world.act("fail_next", &fault).await;
    let asked = operator.run("web-01", "seq 1 2000").await;
    let card = operator
        .card(&asked, "to give the files", |card| {
            card.is_over() && card.button("files").is_some()
        })
        .await;
    let expected = [("web-01.2.log".to_owned(), numbers().into_bytes())];
    assert_eq!(files(&operator, &card, "files").await, expected);
    // All of this one stands on its card.
    let asked = operator.run("web-01", "echo short").await;
    let card = operator.card_end(&asked, "short\n").await;
    assert_eq!(card.button("files"), None, "{card:?}");
    world.end().await;
}

#[tokio::test]
async fn what_was_deleted_of_a_run_of_last_year_is_said() {
    let mut world = World::with_hosts(&programs(), Options::default(), &THREE).await;
    let operator = world.operator();
    let asked = operator.run_confirmed("all", &uneven(&world)).await;
    let card = over(&operator, &asked).await;
    operator.in_thread_of(&asked).await;
    world.run_ends("1").await;
    let data = world.dir.path().join("controller");
    world.take_controller().stop().await;
    a_year_passes(&data, true).await;
    world.start_controller().await;
    let host = opened(&operator, &card, "❌ db-01").await;
    assert!(host.text().contains("E: no lock"), "{}", host.text());

    world.take_controller().stop().await;
    let store = Store::open(&data, u64::MAX).unwrap();
    let old = store.output.oldest(None, 9).await.unwrap();
    for old in &old {
        let at_ms = old.changed_ms + 90 * 86_400_000;
        store
            .output
            .delete(old, Deletion::Age, at_ms)
            .await
            .unwrap();
    }
    let closed = tokio::task::spawn_blocking(move || store.close());
    assert!(closed.await.unwrap());
    world.start_controller().await;
    let host = opened(&operator, &card, "❌ db-01").await;
    let text = host.text();
    assert!(text.contains("#1 · db-01\n-# exit 100 · "), "{text}");
    let told = "its output was deleted on <t:";
    assert!(
        text.contains(told) && text.contains(":D> by `[retention]`"),
        "{text}"
    );
    assert!(!text.contains("E: no lock"), "{text}");
    let group = opened(&operator, &card, "✅ web-[01-02]").await;
    let text = group.text();
    assert!(text.contains("web-[01-02]\n-# 2 hosts · exit 0"), "{text}");
    assert!(text.contains(told), "{text}");
    let pressed = operator.presses(&card, "byhost").await;
    let page = operator.answer(&pressed).await;
    let pressed = operator.presses(&page, "files").await;
    let answer = operator
        .card(&pressed, "to be filled", |message| {
            !message.text().is_empty()
        })
        .await;
    let text = answer.text();
    assert!(
        answer.is_ephemeral() && answer.files().is_empty(),
        "{answer:?}"
    );
    assert!(
        text.contains("nothing to attach") && text.contains(told),
        "{text}"
    );
    world.end().await;
}

#[tokio::test]
async fn secrets_are_masked_in_what_is_opened_given_and_refused() {
    const SECRET: &str = "pa55-word-of-ours";
    let mut world = World::with_hosts(&programs(), Options::default(), &THREE).await;
    let file = world.dir.path().join("secret");
    std::fs::write(&file, SECRET).unwrap();
    world.take_controller().stop().await;
    let config = std::fs::read_to_string(world.config_path()).unwrap();
    let masks = format!("[mask]\nfiles = [\"{}\"]\n", file.display());
    std::fs::write(world.config_path(), format!("{config}\n{masks}")).unwrap();
    world.start_controller().await;
    for (host, _) in THREE {
        world.is_online(host, true).await;
    }
    let operator = world.operator();
    let command = format!("echo \"it is $(cat {})\"", file.display());
    let asked = operator.run("web-[01-02]", &command).await;
    let card = over(&operator, &asked).await;
    let host = opened(&operator, &card, "✅ web-02").await;
    assert!(host.text().contains("it is [masked]"), "{}", host.text());
    let (_, log) = files(&operator, &host, "whole").await.remove(0);
    assert_eq!(String::from_utf8_lossy(&log), "it is [masked]\n");
    let pressed = operator.presses(&card, "byhost").await;
    let page = operator.answer(&pressed).await;
    let archives = files(&operator, &page, "files").await;
    let logs = unzip(&archives[0].1);
    let masked = logs.iter().filter(|(_, text)| text == "it is [masked]\n");
    assert_eq!(masked.count(), 2, "{logs:?}");

    // What is offered instead is shown without it, and run with it.
    let command = format!("test {SECRET} = “$(cat {})”", file.display());
    let asked = operator.run("web-01", &command).await;
    let refusal = operator.answer(&asked).await;
    let text = refusal.text();
    assert!(text.contains("test [masked] = \"$(cat"), "{text}");
    assert!(!text.contains(SECRET), "{text}");
    let pressed = operator.presses(&refusal, "meant").await;
    operator.card_end(&pressed, "exit 0").await;
    let channel = world.transcript(&operator.channel).await;
    assert!(!format!("{channel:?}").contains(SECRET), "{channel:?}");
    world.end().await;
}

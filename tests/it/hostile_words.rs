//! What a host says in its own words, of an order, of itself and of its disks: it does nothing to who reads it, wherever they read it.

use serde_json::Value;
use shanty_core::output::sanitise;
use shanty_proto::v1::down::Kind as Down;
use shanty_proto::v1::up::Kind as Up;
use shanty_proto::v1::{self, ExecutionState};
use shanty_tests::peer::Stolen;
use shanty_tests::{Options, Terminal, World, wait};

use crate::chat_hostile::{seen, texts};
use crate::hostile_link::state;
use crate::programs;

/// For tables, for chats, for terminals and for eyes.
const SAID: [&str; 4] = [
    "=HYPERLINK(\"https://pay.example/t\") @SUM(1)",
    "[sign in](https://pay.example/a) <https://pay.example/b> @here <@&7> <#7> </run:7>",
    "\u{1b}]0;owned\u{7}\u{1b}[2J\u{1b}[1A\r✅ web-02 exit 0\u{8}\u{9b}2K",
    "\u{202e}lmth.knil\u{2069}\u{200b}\n### ✅ all is well\n-# by root\n```\n@everyone\n",
];

fn hides(text: &str) -> Option<char> {
    let hidden = |c: &char| (c.is_control() && *c != '\n') || sanitise::is_hidden(*c);
    text.chars().find(hidden)
}

/// What is seen of a text in chat leads nowhere, calls nobody, and begins nothing of its own.
async fn is_inert(world: &World, text: &str) {
    // Between backticks our own code puts what parts them.
    let hidden = hides(&text.replace("`\u{200b}", "`"));
    assert_eq!(hidden, None, "{text:?}");
    let html = seen(world, text).await;
    // Our own links lead to runs.
    for alive in [
        "href=\"https://pay",
        "<span class=\"mention",
        "data-channel=\"7\"",
        "<h3>✅",
        "<blockquote",
    ] {
        assert!(!html.contains(alive), "{alive}: {html}\n{text}");
    }
}

async fn refuses_in_its_own_words(world: &World) -> Vec<Value> {
    let operator = world.operator();
    let stolen = Stolen::of(world, &world.hosts[0]);
    let mut talk = stolen.talk("one", Vec::new()).await;
    let all = SAID.concat();
    talk.say(Up::Facts(v1::Facts {
        os: all.clone(),
        kernel: SAID[1].to_owned(),
        arch: SAID[2].to_owned(),
        hostname: SAID[3].to_owned(),
        run_as: SAID[2].to_owned(),
        containment: SAID[1].to_owned(),
        ..v1::Facts::default()
    }))
    .await;
    let disks = SAID.map(|mount| v1::Disk {
        mount: mount.to_owned(),
        total_bytes: 1 << 30,
        available_bytes: 1,
    });
    talk.say(Up::Metrics(v1::Metrics {
        disks: disks.to_vec(),
        ..v1::Metrics::default()
    }))
    .await;
    wait::until("the host to be known by its words", || async {
        let host = world.shanty(&["hosts", "web-01", "--json"]).await.json();
        match host["metrics"]["disks"][0].is_object() && host["facts"].is_object() {
            true => Ok(()),
            false => Err(host),
        }
    })
    .await;
    let mut shown = Vec::new();
    for said in SAID {
        let asked = operator.run("web-01", "true").await;
        let run = loop {
            match talk.next().await {
                Some(Down::Start(start)) => break start.run,
                Some(_) => {}
                None => panic!("the link goes on"),
            }
        };
        let refused = v1::State {
            code: said.to_owned(),
            text: said.to_owned(),
            ..state(&run, ExecutionState::Refused)
        };
        talk.say(Up::State(refused)).await;
        shown.push(operator.card_end(&asked, "refused").await.0);
    }
    for (name, options) in [
        ("hosts", [].as_slice()),
        ("hosts", &[("on", "web-01")]),
        ("runs", &[]),
    ] {
        let asked = operator.slash(name, options).await;
        shown.push(operator.answer(&asked).await.0);
    }
    shown
}

#[tokio::test]
async fn what_a_host_says_in_the_place_of_an_answer_is_only_text() {
    let hosts = [("web-01", "role=web")];
    let options = Options {
        rate_limits: false,
        ..Options::default()
    };
    let mut world = World::with_hosts(&programs(), options, &hosts).await;
    world.host("web-01").stop().await;
    let shown = refuses_in_its_own_words(&world).await;
    assert_eq!(shown.len(), 7);
    for text in shown.iter().flat_map(texts) {
        is_inert(&world, &text).await;
    }
    let card = texts(&shown[0]).concat();
    assert!(card.contains("HYPERLINK"), "its words are there: {card}");

    for args in [
        ["hosts"].as_slice(),
        &["hosts", "show", "web-01"],
        &["runs", "list"],
        &["runs", "show", "1"],
        &["runs", "show", "3"],
        &["runs", "show", "4"],
        &["runs", "follow", "3"],
        &["runs", "output", "3"],
        &["runs", "export"],
    ] {
        let ran = world.shanty(args).await;
        for text in [&ran.out, &ran.err] {
            let text = text.replace("\r\n", "\n"); // as lines of tables end
            assert_eq!(hides(&text), None, "{args:?}: {text:?}");
            let cells = text.split(['\n', ',']).map(|cell| cell.trim_matches('"'));
            let mut formulas = cells.filter(|cell| cell.starts_with(['=', '@']));
            assert_eq!(formulas.next(), None, "{args:?}: {text}");
        }
        let (_, seen) = Terminal::start(world.shanty_call(args), 100).end().await;
        for alive in [
            "\u{1b}]",
            "\u{1b}[2J",
            "\u{7}",
            "\u{8}",
            "\u{9b}",
            "\u{202e}",
        ] {
            assert!(!seen.contains(alive), "{args:?} {alive:?}: {seen:?}");
        }
    }
    for args in [
        ["hosts", "web-01", "--json"].as_slice(),
        &["runs", "show", "3", "--json"],
        &["runs", "export", "--ndjson"],
        &["audit", "export"],
    ] {
        let ran = world.shanty(args).await;
        assert_eq!(hides(&ran.out), None, "{args:?}: {ran:?}");
        let lines = ran.out.lines();
        assert!(
            lines
                .map(serde_json::from_str::<Value>)
                .all(|line| line.is_ok()),
            "{args:?}: {ran:?}"
        );
    }
    world.end().await;
}

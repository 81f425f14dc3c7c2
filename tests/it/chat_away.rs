//! Hosts that are away or drain: what waits for them starts once, when they can take it.

use std::path::PathBuf;

use shanty_tests::{Gate, Message, Options, Person, World, wait};

use crate::programs;

const HOSTS: [(&str, &str); 2] = [
    ("web-01", "env=prod,role=web"),
    ("web-02", "env=prod,role=web"),
];

/// A world in which `web-02` is away.
async fn world() -> World {
    let mut world = World::with_hosts(&programs(), Options::default(), &HOSTS).await;
    world.host("web-02").stop().await;
    world.is_online("web-02", false).await;
    world
}

/// A command that writes a line of a file whenever it runs.
fn counting(world: &World) -> (String, PathBuf) {
    let path = world.dir.path().join("count");
    (format!("echo ran >> {}", path.display()), path)
}

/// `/run` that waits for hosts which are away; gives the interaction's id.
async fn queues(operator: &Person, on: &str, command: &str) -> String {
    let options = [("on", on), ("command", command), ("offline", "queue:1h")];
    operator.slash("run", &options).await
}

async fn waits_for_web_02(operator: &Person, asked: &str) {
    let waits = |card: &Message| card.text().contains("⏳ waits for web-02");
    operator.card(asked, "to wait", waits).await;
}

fn count(path: &PathBuf) -> usize {
    std::fs::read_to_string(path)
        .unwrap_or_default()
        .lines()
        .count()
}

#[tokio::test]
async fn what_is_queued_starts_once_when_its_host_returns() {
    let mut world = world().await;
    let operator = world.operator();
    let (command, path) = counting(&world);
    let asked = queues(&operator, "role=web", &command).await;
    let waiting = operator
        .card(&asked, "to wait for one host", |card| {
            let text = card.text();
            text.contains("✅ ok · web-01\n")
                && text.contains("⏳ waits for web-02: each starts once")
        })
        .await;
    assert!(
        waiting.text().starts_with("### ⏳ #1 · 2 hosts · 1/2\n"),
        "{}",
        waiting.text()
    );
    world.host("web-02").run("keep").await;
    let card = operator.card_end(&asked, " · 2 ok · ").await.text();
    assert!(!card.contains("waits for"), "{card}");
    assert_eq!(count(&path), 2);

    // It is over: coming back again starts nothing.
    world.host("web-02").stop().await;
    world.is_online("web-02", false).await;
    world.host("web-02").run("keep").await;
    world.is_online("web-02", true).await;
    let asked = operator.run("web-02", "true").await;
    operator.card_end(&asked, "exit 0").await;
    assert_eq!(count(&path), 2);
    world.end().await;
}

#[tokio::test]
async fn what_is_queued_survives_a_killed_controller() {
    let mut world = world().await;
    let operator = world.operator();
    let (command, path) = counting(&world);
    let command = format!("{command}; echo here");
    let asked = queues(&operator, "role=web", &command).await;
    let thread = operator.in_thread_of(&asked).await;
    let live = thread
        .sees("the line of web-01", |page| {
            page.has_line("web-01", "here") && page.text().contains("-# 1/2 ended · ")
        })
        .await;
    operator
        .card(&asked, "to wait", |card| {
            card.text().contains("⏳ waits for web-02") && card.text().contains("✅ ok · web-01\n")
        })
        .await;
    world.take_controller().kill().await;
    world.start_controller().await;
    let run = world.show("1").await;
    assert_eq!(run["state"], "waiting", "{run}");
    world.host("web-02").run("keep").await;
    let run = world.run_ends("1").await;
    for execution in run["executions"].as_array().unwrap() {
        assert_eq!(execution["exit_code"], 0, "{run}");
    }
    assert_eq!(count(&path), 2);
    operator.card_end(&asked, " · 2 ok · ").await;
    // The same message goes on: what had not begun then is shown in it, and what had not twice.
    let page = thread
        .sees("both hosts", |page| {
            page.text().starts_with("✅ **web-[01-02]** · 2 hosts")
        })
        .await;
    assert_eq!((page.id(), page.block().as_str()), (live.id(), "here\n"));
    assert_eq!(thread.view().await.len(), 1);
    world.end().await;
}

#[tokio::test]
async fn a_run_may_wait_for_every_host_of_it() {
    let mut world = world().await;
    let operator = world.operator();
    let (command, path) = counting(&world);
    let asked = queues(&operator, "web-02", &command).await;
    waits_for_web_02(&operator, &asked).await;
    world.host("web-02").run("keep").await;
    operator.card_end(&asked, "exit 0").await;
    assert_eq!(count(&path), 1);
    world.end().await;
}

#[tokio::test]
async fn what_waits_is_cancelled_at_once_and_never_starts() {
    let mut world = world().await;
    let operator = world.operator();
    let (command, path) = counting(&world);
    let asked = queues(&operator, "web-02", &command).await;
    let card = operator
        .card(&asked, "to have a button", |card| {
            !card.buttons().is_empty()
        })
        .await;
    operator.click(&card, &card.buttons()[0]).await;
    let card = operator
        .card_end(&asked, "cancelled before it began")
        .await
        .text();
    assert!(card.starts_with("### ⏹ #1 · web-02"), "{card}");
    let run = world.run_ends("1").await;
    assert_eq!(run["executions"][0]["state"], "not_started", "{run}");
    world.host("web-02").run("keep").await;
    world.is_online("web-02", true).await;
    assert_eq!(count(&path), 0);
    world.end().await;
}

#[tokio::test]
async fn a_hold_keeps_what_waits_from_starting() {
    let mut world = world().await;
    let (command, path) = counting(&world);
    let args = [
        "run",
        "--on",
        "web-02",
        "--offline",
        "queue",
        "--detach",
        "--json",
        "--",
        &command,
    ];
    let ran = world.shanty(&args).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    world.shanty(&["hold", "on", "db move"]).await;
    world.host("web-02").run("keep").await;
    world.is_online("web-02", true).await;
    let run = world.show("1").await;
    assert_eq!(run["executions"][0]["state"], "queued", "{run}");
    let shown = world.shanty(&["runs", "show", "1"]).await.out;
    assert!(
        shown.contains("hosts that are away are waited for, 23h 59m"),
        "{shown}"
    );
    assert_eq!(count(&path), 0);
    world.shanty(&["hold", "off"]).await;
    let run = world.run_ends("1").await;
    assert_eq!(run["executions"][0]["exit_code"], 0, "{run}");
    assert_eq!(count(&path), 1);
    world.end().await;
}

#[tokio::test]
async fn a_draining_host_takes_no_new_runs_until_it_is_let_again() {
    let world = World::with_hosts(&programs(), Options::default(), &HOSTS).await;
    let operator = world.operator();
    let asked = operator.below("host", "drain", &[("on", "web-02")]).await;
    let said = world.viewer().answer(&asked).await.text();
    assert!(
        said.starts_with("### ⏸ 1 host draining\n**web-02**"),
        "{said}"
    );

    let refused = operator
        .refused("run", &[("on", "web-02"), ("command", "true")])
        .await;
    assert!(
        refused.contains("web-02 is draining. Nothing was run."),
        "{refused}"
    );
    let ran = world
        .shanty(&["run", "--on", "is:draining", "--", "true"])
        .await;
    assert_eq!(ran.code, 75, "{ran:?}");
    let ran = world
        .shanty(&["run", "--on", "role=web", "--yes", "--", "true"])
        .await;
    assert_eq!(ran.code, 75, "{ran:?}");
    assert!(
        ran.err
            .contains("web-02: not started: the host is draining"),
        "{ran:?}"
    );
    let list = world.shanty(&["hosts", "is:draining"]).await.out;
    assert!(list.contains("web-02  draining"), "{list}");
    let show = world.shanty(&["hosts", "show", "web-02"]).await.out;
    assert!(show.contains("asked by discord:"), "{show}");

    let (command, path) = counting(&world);
    let asked = operator.run("role=web", &command).await;
    let preview = operator.answer(&asked).await.text();
    assert!(preview.contains("draining 1\n  web-02  for "), "{preview}");
    let pressed = operator.confirms(&asked, "queue").await;
    waits_for_web_02(&operator, &pressed).await;
    let ran = world.shanty(&["hosts", "undrain", "web-02"]).await;
    assert_eq!(ran.out, "web-02 takes new runs again.\n", "{ran:?}");
    operator.card_end(&pressed, " · 2 ok · ").await;
    assert_eq!(count(&path), 2);
    let ran = world.shanty(&["hosts", "undrain", "web-02"]).await;
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, "Nothing changes: they are so already.\n")
    );
    world.end().await;
}

/// Holds: 77 (the host was removed) and 78 (something is not set up) are for a person: systemd does not start it again.
#[tokio::test]
async fn nothing_waits_for_a_host_that_was_removed() {
    let mut world = world().await;
    let operator = world.operator();
    let waits = queues(&operator, "web-02", "true").await;
    waits_for_web_02(&operator, &waits).await;
    let gate = Gate::new(world.dir.path(), "gate");
    let command = format!("{}; echo begun; cat <&3", gate.open_in_shell());
    let runs = operator.run("web-01", &command).await;
    let thread = operator.in_thread_of(&runs).await;
    thread
        .sees("the command", |page| page.text().contains("begun"))
        .await;

    for host in ["web-01", "web-02"] {
        let ran = world.shanty(&["hosts", "remove", host, "--yes"]).await;
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    operator
        .card_end(&waits, "not started: the host was removed")
        .await;
    // What had begun there is heard of no more.
    operator
        .card_end(&runs, "outcome unknown: the host was removed")
        .await;
    let mut agent = world.host("web-01").take_agent();
    assert_eq!(agent.ended().await, 77);
    drop(gate);
    world.end().await;
}

#[tokio::test]
async fn when_a_host_was_last_seen_is_known_after_a_restart() {
    let mut world = world().await;
    world.take_controller().stop().await;
    world.start_controller().await;
    wait::until("web-02 to have been seen", || async {
        let ran = world.shanty(&["hosts", "web-02", "--json"]).await;
        match ran.json()["seen_ms"].as_u64() {
            Some(seen) if seen > 0 => Ok(()),
            _ => Err(ran),
        }
    })
    .await;
    world.end().await;
}

//! A controller that is killed while a run is on its way to its card: people are told what became of it, once, and nothing else runs.

use serde_json::json;
use shanty_tests::{Gate, Message, Options, Person, World, wait};

use crate::programs;

const WEB: (&str, &str) = ("web-01", "role=web");
const CALLBACK: &str = "/interactions/*/callback";

async fn world(ops_channel: bool) -> World {
    let options = Options {
        ops_channel,
        // What is posted there is what the tests do.
        chat: "news = \"off\"".to_owned(),
        ..Options::default()
    };
    World::with_hosts(&programs(), options, &[WEB]).await
}

/// The next such call gets no answer; with `after_commit` it is done all the same.
async fn hang_next(world: &World, path_glob: &str, after_commit: bool) {
    let fault = json!({
        "method": "POST", "path_glob": path_glob, "count": 1, "after_commit": after_commit,
    });
    world.act("hang_next", &fault).await;
}

/// Waits until the call that gets no answer has come.
async fn hangs(world: &World) {
    wait::until("a call to hang", || async {
        let traffic = world.traffic().await;
        let hung = traffic.iter().any(|call| call["status"] == 524);
        hung.then_some(()).ok_or(traffic.len())
    })
    .await;
}

/// From now on the journal is told of in another channel, so that only the next card is posted where people type.
async fn audit_elsewhere(world: &mut World) {
    let made = json!({"channels": [{"name": "audit"}]});
    let made = world.act("guild", &made).await;
    let audit = made["channels"]["audit"].as_str().unwrap().to_owned();
    world.take_controller().stop().await;
    let config = std::fs::read_to_string(world.config_path()).unwrap();
    let named = format!("audit_channel = {audit:?}\nguilds =");
    std::fs::write(world.config_path(), config.replacen("guilds =", &named, 1)).unwrap();
    world.start_controller().await;
    world.is_online("web-01", true).await;
}

/// The messages of the channel but those that say where the journal is.
async fn cards(person: &Person) -> usize {
    let posted = person.view().await;
    let cards = posted
        .iter()
        .filter(|one| !one.text().contains("audit verify"));
    cards.count()
}

async fn kill_and_start(world: &mut World) {
    world.take_controller().kill().await;
    world.start_controller().await;
}

/// A command that leaves a trace when it runs, and the trace.
fn traced(world: &World) -> (String, std::path::PathBuf) {
    let trace = world.dir.path().join("trace");
    (format!("echo ran >> {}", trace.display()), trace)
}

/// Checks that the first run ran nowhere, and that another runs.
async fn nothing_ran(world: &World, operator: &Person, trace: &std::path::Path) {
    let run = world.show("1").await;
    assert_eq!(run["state"], "expired", "{run}");
    world.is_online("web-01", true).await;
    let asked = operator.run("web-01", "true").await;
    operator.card_end(&asked, "exit 0").await;
    assert!(!trace.exists(), "it ran");
}

#[tokio::test]
async fn a_card_that_discord_took_is_brought_to_its_end() {
    let mut world = world(false).await;
    let operator = world.operator();
    let (command, trace) = traced(&world);
    hang_next(&world, CALLBACK, true).await;
    let asked = operator.run("web-01", &command).await;
    let runs = |card: &Message| !card.buttons().is_empty();
    operator.card(&asked, "to look as if it ran", runs).await;
    kill_and_start(&mut world).await;
    let why = "Nothing was run: the controller restarted before it began.";
    let card = operator.card_end(&asked, why).await.text();
    assert!(
        card.starts_with("### ✖ #1 · web-01 · not started"),
        "{card}"
    );
    assert!(!card.contains("restarted meanwhile"), "{card}");
    assert_eq!(operator.view().await.len(), 1, "nothing besides the card");
    nothing_ran(&world, &operator, &trace).await;
    world.end().await;
}

#[tokio::test]
async fn the_card_of_a_confirmed_run_is_found_as_the_answer_to_the_press() {
    let mut world = world(false).await;
    let operator = world.operator();
    let (command, trace) = traced(&world);
    let asked = operator.run("all", &command).await;
    operator.answer(&asked).await;
    hang_next(&world, CALLBACK, true).await;
    let pressed = operator.confirms(&asked, "go").await;
    let runs = |card: &Message| !card.buttons().is_empty();
    operator.card(&pressed, "to look as if it ran", runs).await;
    kill_and_start(&mut world).await;
    let why = "Nothing was run: the controller restarted before it began.";
    operator.card_end(&pressed, why).await;
    nothing_ran(&world, &operator, &trace).await;
    world.end().await;
}

#[tokio::test]
async fn a_run_without_a_card_is_told_to_the_channel() {
    let mut world = world(false).await;
    let operator = world.operator();
    let (command, trace) = traced(&world);
    hang_next(&world, CALLBACK, false).await;
    operator.run("web-01", &command).await;
    hangs(&world).await;
    kill_and_start(&mut world).await;
    let said = operator
        .sees("that nothing was run", |message| {
            let text = message.text().replace('\\', "");
            text.starts_with("#1 was not started and nothing was run: ")
                && text.ends_with("Please ask again.")
        })
        .await;
    assert!(!said.is_ephemeral());
    nothing_ran(&world, &operator, &trace).await;

    // It was told: the next process has nothing to say.
    kill_and_start(&mut world).await;
    nothing_ran(&world, &operator, &trace).await;
    let told = operator.view().await;
    let told = told.iter().filter(|message| message.text().contains("#1"));
    assert_eq!(told.count(), 1);
    world.end().await;
}

#[tokio::test]
async fn a_run_of_the_command_line_has_one_card_whenever_the_controller_dies() {
    for after_commit in [true, false] {
        let mut world = world(true).await;
        let operator = world.operator();
        audit_elsewhere(&mut world).await;
        let mut gate = Gate::new(world.dir.path(), "gate");
        let command = format!("{}; echo one; read x <&3; echo two", gate.open_in_shell());
        let create = format!("/channels/{}/messages", operator.channel);
        hang_next(&world, &create, after_commit).await;
        let number = world.detach("web-01", &command).await;
        hangs(&world).await;
        let posted = cards(&operator).await;
        assert_eq!(posted, usize::from(after_commit));
        kill_and_start(&mut world).await;
        gate.say("on");
        let card = operator.sees_end("web-01 · exit 0").await;
        assert!(card.text().contains("```\none\ntwo\n```"), "{card:?}");
        // A run that ended meanwhile has its end on the card before there is a thread.
        let has_thread = |card: &Message| card.thread().is_some();
        let card = operator.sees("the thread of the card", has_thread).await;
        operator
            .in_channel(&card.thread().unwrap_or_default())
            .sees("the output", |page| {
                page.text().contains("\none\ntwo\n```\n-# exit 0")
            })
            .await;
        assert_eq!(cards(&operator).await, 1, "one card");
        world.run_ends(&number).await;
        world.end().await;
    }
}

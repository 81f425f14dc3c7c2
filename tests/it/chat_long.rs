//! Runs that go on with a new card, and edits of cards that are old or young: here every card is old at once, by configuration.

use std::path::Path;

use hyper::Method;
use serde_json::{Value, json};
use shanty_tests::{Gate, Message, Options, Person, World, wait};

use crate::programs;

const WEB: (&str, &str) = ("web-01", "role=web");
const THREE: [(&str, &str); 3] = [("web-01", ""), ("web-02", ""), ("db-01", "")];

/// A world in which what people must see comes as a new card.
async fn world(hosts: &[(&str, &str)]) -> World {
    let options = Options {
        chat: "new_card_after = \"0s\"".to_owned(),
        ..Options::default()
    };
    World::with_hosts(&programs(), options, hosts).await
}

/// A command that says so, waits at a gate, and says when it goes on.
fn waits_at(gate: &Gate) -> String {
    let open = gate.open_in_shell();
    format!("{open}; echo waiting; read x <&3; echo done")
}

/// The same, but that the first host to get there fails at once.
fn one_fails(gate: &Gate, dir: &Path) -> String {
    let first = dir.join("first");
    let fails = format!("mkdir {} 2>/dev/null && exit 3", first.display());
    format!("{fails}; {}", waits_at(gate))
}

/// The card that answers an interaction, once it says that the run goes on in this message.
async fn goes_on_in(operator: &Person, asked: &str, message: &Message) -> Message {
    let (guild, channel, id) = (&operator.guild, &operator.channel, message.id());
    let link = format!("Goes on below: https://discord.com/channels/{guild}/{channel}/{id}");
    let card = operator
        .card(asked, &format!("to say {link}"), |card| {
            card.text().contains(&link)
        })
        .await;
    assert_eq!(card.buttons(), [""; 0], "two cards to press on");
    card
}

/// True for a card that is no answer, whose first line has this.
fn newer(card: &Message, asked: &str, text: &str) -> bool {
    let shown = card.text();
    !card.answers(asked) && shown.lines().next().unwrap_or_default().contains(text)
}

/// Posts in the channel itself: threads have paths of their own.
fn posts(operator: &Person) -> String {
    format!("/channels/{}/messages", operator.channel)
}

/// Runs something else to its end: so many cards there were before, and its own two.
async fn no_more_than(cards: usize, operator: &Person) {
    let asked = operator.run("web-01", "echo other").await;
    let ended = operator
        .sees("the end of another run", |card| {
            newer(card, &asked, "web-01 · exit 0") && card.block() == "other\n"
        })
        .await;
    goes_on_in(operator, &asked, &ended).await;
    let texts: Vec<String> = operator.view().await.iter().map(Message::text).collect();
    assert_eq!(texts.len(), cards + 2, "{texts:#?}");
}

async fn next(world: &World, action: &str, fault: Value) {
    world.act(action, &fault).await;
}

#[tokio::test]
async fn the_first_failure_and_the_end_come_as_new_cards_and_the_older_ones_lead_there() {
    let world = world(&THREE).await;
    let operator = world.operator();
    let mut gate = Gate::new(world.dir.path(), "gate");
    let command = one_fails(&gate, world.dir.path());
    let asked = operator.run_confirmed("all", &command).await;
    let failed = operator
        .sees("a card for the failure", |card| {
            newer(card, &asked, "▶ #1 · 3 hosts · 1/3") && card.button("cancel").is_some()
        })
        .await;
    goes_on_in(&operator, &asked, &failed).await;
    gate.say("on");
    gate.say("on");
    let ended = operator
        .sees("a card for the end", |card| {
            newer(card, &asked, "2 ok, 1 failed") && card.id() != failed.id()
        })
        .await;
    let first = goes_on_in(&operator, &asked, &ended).await;
    let moved = operator
        .sees("the second card to lead there", |card| {
            card.id() == failed.id() && card.text().contains("Goes on below: ")
        })
        .await;
    assert_eq!(moved.buttons(), [""; 0]);
    // The thread is the first card's, and the newest leads to it.
    let thread = first.thread().expect("the first card has its thread");
    let link = format!("https://discord.com/channels/{}/{thread}", operator.guild);
    operator
        .sees("the link to the output", |card| {
            card.id() == ended.id() && card.0["components"].to_string().contains(&link)
        })
        .await;
    operator
        .in_channel(&thread)
        .sees("the output", |page| page.block() == "waiting\ndone\n")
        .await;
    // Its buttons are those of the run.
    let again = operator.presses(&ended, "retry").await;
    gate.say("on");
    let second = operator
        .sees("the end of the second run", |card| {
            newer(card, &again, "✅ #2 ") && card.text().contains(" · exit 0")
        })
        .await;
    goes_on_in(&operator, &again, &second).await;
    let public = |card: &&Message| !card.is_ephemeral();
    let cards = operator.view().await;
    assert_eq!(cards.iter().filter(public).count(), 5, "{cards:#?}");
    world.end().await;
}

#[tokio::test]
async fn a_controller_that_dies_while_it_posts_a_new_card_leaves_one() {
    for after_commit in [true, false] {
        let mut world = world(&[WEB]).await;
        let operator = world.operator();
        let mut gate = Gate::new(world.dir.path(), "gate");
        let asked = operator.run("web-01", &waits_at(&gate)).await;
        operator.answer(&asked).await;
        let fault = json!({
            "method": "POST", "path_glob": posts(&operator), "count": 1, "after_commit": after_commit,
        });
        next(&world, "hang_next", fault).await;
        gate.say("on");
        wait::until("the new card to hang", || async {
            let traffic = world.traffic().await;
            let hung = traffic.iter().any(|call| call["status"] == 524);
            hung.then_some(()).ok_or(traffic.len())
        })
        .await;
        world.take_controller().kill().await;
        world.start_controller().await;
        let ended = operator
            .sees("the end", |card| {
                newer(card, &asked, "web-01 · exit 0") && card.block() == "waiting\ndone\n"
            })
            .await;
        goes_on_in(&operator, &asked, &ended).await;
        world.is_online("web-01", true).await;
        no_more_than(2, &operator).await;
        world.end().await;
    }
}

#[tokio::test]
async fn a_new_card_whose_answer_was_lost_is_there_once() {
    let world = world(&[WEB]).await;
    let operator = world.operator();
    let fault = json!({
        "method": "POST", "path_glob": posts(&operator), "count": 1, "status": 500, "after_commit": true,
    });
    next(&world, "fail_next", fault).await;
    let asked = operator.run("web-01", "echo done").await;
    let ended = operator
        .sees("the end", |card| newer(card, &asked, "web-01 · exit 0"))
        .await;
    goes_on_in(&operator, &asked, &ended).await;
    no_more_than(2, &operator).await;
    world.end().await;
}

#[tokio::test]
async fn a_new_card_that_discord_does_not_take_leaves_the_first_to_say_the_end() {
    let world = world(&[WEB]).await;
    let operator = world.operator();
    let fault = json!({
        "method": "POST", "path_glob": posts(&operator), "count": 1, "status": 403, "code": 50_013,
    });
    next(&world, "fail_next", fault).await;
    let asked = operator.run("web-01", "echo done").await;
    let card = operator.card_end(&asked, "exit 0").await;
    assert!(card.button("again").is_some(), "{card:?}");
    no_more_than(1, &operator).await;
    world.end().await;
}

#[tokio::test]
async fn the_first_card_goes_on_when_somebody_deletes_the_newer_one() {
    let world = world(&THREE).await;
    let operator = world.operator();
    let mut gate = Gate::new(world.dir.path(), "gate");
    let command = one_fails(&gate, world.dir.path());
    let asked = operator.run_confirmed("all", &command).await;
    let failed = operator
        .sees("a card for the failure", |card| newer(card, &asked, "1/3"))
        .await;
    goes_on_in(&operator, &asked, &failed).await;
    let path = format!("/channels/{}/messages/{}", operator.channel, failed.id());
    world.as_bot(Method::DELETE, &path, &Value::Null).await;
    gate.say("on");
    operator
        .card(&asked, "to go on", |card| {
            card.text().contains("▶ #1 · 3 hosts · 2/3") && card.button("cancel").is_some()
        })
        .await;
    gate.say("on");
    let ended = operator
        .sees("the end", |card| newer(card, &asked, "2 ok, 1 failed"))
        .await;
    goes_on_in(&operator, &asked, &ended).await;
    world.end().await;
}

#[tokio::test]
async fn a_young_card_is_edited_by_its_interaction_and_later_by_the_bot() {
    let world = World::with_hosts(&programs(), Options::default(), &[WEB]).await;
    let operator = world.operator();
    let mut gate = Gate::new(world.dir.path(), "gate");
    let first = operator.run("web-01", "echo done").await;
    operator.card_end(&first, "exit 0").await;
    let edits = async || {
        let traffic = world.traffic().await;
        let paths = traffic.iter().filter(|call| call["method"] == "PATCH");
        let paths = paths.filter_map(|call| call["path"].as_str().map(str::to_owned));
        let (mine, tokens): (Vec<_>, Vec<_>) = paths.partition(|path| path.contains("/channels/"));
        let card = |path: &&String| path.contains(&posts(&operator));
        (mine.iter().filter(card).count(), tokens)
    };
    let (mine, tokens) = wait::until("an edit by the interaction", || async {
        let (mine, tokens) = edits().await;
        let some = !tokens.is_empty();
        some.then_some((mine, tokens)).ok_or(mine)
    })
    .await;
    assert_eq!(mine, 0, "{tokens:?}");

    let asked = operator.run("web-01", &waits_at(&gate)).await;
    operator.answer(&asked).await;
    let expired = json!({"interaction_id": asked});
    world.act("expire_interaction", &expired).await;
    gate.say("on");
    operator.card_end(&asked, "exit 0").await;
    wait::until("an edit by the bot", || async {
        let (mine, tokens) = edits().await;
        (mine > 0).then_some(()).ok_or(tokens)
    })
    .await;
    // Whoever has a token can answer for us.
    let log = std::fs::read_to_string(world.dir.path().join("controller.log")).unwrap();
    for path in tokens {
        let token = path.split('/').rev().nth(2).unwrap();
        assert!(
            token.len() > 20 && !log.contains(token),
            "{token} is in the log"
        );
    }
    world.end().await;
}

#[tokio::test]
async fn old_cards_reach_their_end_within_what_discord_allows() {
    let mut world = World::with_hosts(&programs(), Options::default(), &[WEB]).await;
    let operator = world.operator();
    let gate = Gate::new(world.dir.path(), "gate");
    let mut all = Vec::new();
    for number in 1..=4 {
        let asked = operator.run("web-01", &waits_at(&gate)).await;
        let card = operator.answer(&asked).await;
        world.output_has(&number.to_string(), "waiting").await;
        let aged = json!({
            "channel_id": operator.channel, "message_id": card.id(), "seconds": 7_200,
        });
        world.act("age_message", &aged).await;
        all.push(asked);
    }
    // The next process has no tokens of interactions.
    world.take_controller().kill().await;
    world.start_controller().await;
    world.is_online("web-01", true).await;
    // Each of them waits until no more of this is left.
    let limit = json!({
        "method": "PATCH", "path_glob": format!("{}/*", posts(&operator)), "count": 3,
        "retry_after": 0.2, "scope": "shared",
    });
    next(&world, "ratelimit_next", limit).await;
    drop(gate);
    for asked in &all {
        operator.card_end(asked, "exit 0").await;
    }
    let stats = world.act("stats", &json!({})).await;
    assert!(stats["rate_limited"].as_u64() >= Some(3), "{stats}");
    let asked = operator.run("web-01", "true").await;
    operator.card_end(&asked, "exit 0").await;
    assert_eq!(operator.view().await.len(), 5);
    world.end().await;
}

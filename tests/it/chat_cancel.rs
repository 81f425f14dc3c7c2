//! Stopping what runs: by TERM, by KILL after the grace time, by KILL at once.

use serde_json::Value;
use shanty_tests::{Options, World, left, wait};

use crate::programs;

const HOSTS: [(&str, &str); 2] = [("web-01", "role=web"), ("web-02", "role=web")];

fn limits(grace_ms: u64) -> Options {
    Options {
        limits: format!("grace_ms = {grace_ms}"),
        ..Options::default()
    }
}

/// The id of the only run, once there is one.
async fn only_run(world: &World) -> String {
    wait::until("a run", || async {
        let runs = world.runs().await;
        let run = runs.first().and_then(|run| run["run"].as_str());
        run.map(str::to_owned).ok_or("none yet")
    })
    .await
}

#[tokio::test]
async fn cancel_stops_a_command_everywhere_and_the_card_says_so() {
    let world = World::with_hosts(&programs(), Options::default(), &HOSTS).await;
    let operator = world.operator();
    let asked = operator
        .run(
            "role=web",
            "sleep 1000 & echo begun; sleep 1000; echo never",
        )
        .await;
    let run = only_run(&world).await;
    wait::until_true("two sleeps on each of two hosts", || {
        let sleeps = left::of_runs(Some(&run));
        sleeps
            .iter()
            .filter(|each| each.ends_with("sleep 1000"))
            .count()
            == 4
    })
    .await;
    let card = operator
        .card(&asked, "to have a button", |card| {
            !card.buttons().is_empty()
        })
        .await;
    assert_eq!(card.buttons(), [format!("v1:cancel:{run}")]);
    operator.click(&card, &card.buttons()[0]).await;

    let text = operator.card_end(&asked, "stopped by ").await.text();
    let who = format!("### ⏹ #1 · 2 hosts · stopped by <@{}> after ", operator.id);
    assert!(text.starts_with(&who), "{text}");
    let both = "⏹ **web-[01-02]** · 2 hosts · stopped, exit 143 · ";
    assert!(text.contains(both), "{text}");
    let thread = operator.in_thread_of(&asked).await;
    thread
        .sees("both in one message", |page| {
            page.text().starts_with(both) && page.block() == "begun\n"
        })
        .await;
    let left = left::of_runs(Some(&run));
    assert!(left.is_empty(), "{left:?}");
    for execution in world.runs().await[0]["executions"].as_array().unwrap() {
        assert_eq!(execution["state"], "cancelled", "{execution}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_command_that_ignores_term_is_killed_at_once_by_the_second_press() {
    // Nothing but the second press can end it within this test.
    let world = World::with_hosts(&programs(), limits(600_000), &HOSTS[..1]).await;
    let operator = world.operator();
    let asked = operator
        .run("web-01", "trap '' TERM; echo deaf; sleep 1000; sleep 1000")
        .await;
    let run = only_run(&world).await;
    let card = operator
        .card(&asked, "to have a thread", |card| card.thread().is_some())
        .await;
    let thread = operator.in_thread_of(&asked).await;
    thread
        .sees("that it is deaf", |page| page.text().contains("deaf"))
        .await;
    operator.click(&card, &format!("v1:cancel:{run}")).await;

    let card = operator
        .card(&asked, "to say that it does not stop", |card| {
            card.text().contains("still stopping: web-01")
        })
        .await;
    assert!(
        card.text()
            .starts_with("### ⏹ #1 · web-01 · being stopped by <@"),
        "{}",
        card.text()
    );
    assert_eq!(card.buttons(), [format!("v1:kill:{run}")]);
    assert!(
        card.0["components"].to_string().contains("Kill now"),
        "{card:?}"
    );
    assert!(!left::of_runs(Some(&run)).is_empty(), "it ignores TERM");

    operator.click(&card, &card.buttons()[0]).await;
    let who = format!("#1 · web-01 · stopped by <@{}> after ", operator.id);
    operator.card_end(&asked, &who).await;
    thread
        .sees("how it ended", |page| {
            page.text().contains("```\n-# stopped, exit 137 · ")
        })
        .await;
    let left = left::of_runs(Some(&run));
    assert!(left.is_empty(), "{left:?}");
    world.end().await;
}

#[tokio::test]
async fn a_command_that_ignores_term_is_killed_after_the_grace_time() {
    let world = World::with_hosts(&programs(), limits(200), &HOSTS[..1]).await;
    let operator = world.operator();
    let asked = operator
        .run("web-01", "trap '' TERM; echo deaf; sleep 1000; sleep 1000")
        .await;
    let run = only_run(&world).await;
    let card = operator
        .card(&asked, "to have a thread", |card| card.thread().is_some())
        .await;
    let thread = operator.in_thread_of(&asked).await;
    thread
        .sees("that it is deaf", |page| page.text().contains("deaf"))
        .await;
    operator.click(&card, &format!("v1:cancel:{run}")).await;
    let who = format!("#1 · web-01 · stopped by <@{}> after ", operator.id);
    operator.card_end(&asked, &who).await;
    thread
        .sees("how it ended", |page| {
            page.text().contains("```\n-# stopped, exit 137 · ")
        })
        .await;
    assert!(left::of_runs(Some(&run)).is_empty());
    world.end().await;
}

#[tokio::test]
async fn one_host_that_is_done_does_not_hide_what_was_stopped() {
    let world = World::with_hosts(&programs(), Options::default(), &HOSTS).await;
    let operator = world.operator();
    let command = format!(
        "mkdir {}/first 2>/dev/null && exit 0; echo second; sleep 1000",
        world.dir.path().display()
    );
    let asked = operator.run_confirmed("all", &command).await;
    let card = operator
        .card(&asked, "to say that one is done", |card| {
            card.text().contains("· 1/2\n")
        })
        .await;
    let runs = world.runs().await;
    let done = |execution: &&Value| execution["state"] == "exited";
    let done = runs[0]["executions"].as_array().unwrap().iter().find(done);
    let done = done.expect("one has ended")["host"].as_str().unwrap();
    let other = if done == "web-01" { "web-02" } else { "web-01" };
    operator.click(&card, &card.buttons()[0]).await;

    let text = operator
        .card_end(&asked, " · 1 ok, 1 stopped\n")
        .await
        .text();
    for group in [
        format!("⏹ **{other}** · stopped, exit 143 · "),
        format!("✅ **{done}** · exit 0 · "),
    ] {
        assert!(text.contains(&group), "{group}: {text}");
    }
    world.end().await;
}

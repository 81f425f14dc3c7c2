//! Runs in waves, from chat: they pause, go on, stop after failures, and survive a restart of the controller.

use std::path::{Path, PathBuf};

use serde_json::Value;
use shanty_tests::{Gate, Options, Person, World, wait};

use crate::programs;

const HOSTS: [(&str, &str); 4] = [
    ("web-01", "role=web"),
    ("web-02", "role=web"),
    ("web-03", "role=web"),
    ("web-04", "role=web"),
];

/// `/run` on all four with options.
async fn asks(person: &Person, command: &str, options: &[(&str, &str)]) -> String {
    let mut all = vec![("on", "role=web"), ("command", command)];
    all.extend(options);
    person.slash("run", &all).await
}

/// How each host stands, in the order of their names.
fn states(run: &Value) -> Vec<&str> {
    let executions = run["executions"].as_array().unwrap();
    let states = executions
        .iter()
        .map(|each| each["state"].as_str().unwrap());
    states.collect()
}

/// Counts who has run: a line each.
fn count(world: &World) -> (PathBuf, fn(&Path) -> usize) {
    let path = world.dir.path().join("count");
    let lines = |path: &Path| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.lines().count()
    };
    (path, lines)
}

#[tokio::test]
async fn it_pauses_after_the_first_wave_and_goes_on_when_somebody_may_say_so() {
    let world = World::with_hosts(&programs(), Options::default(), &HOSTS).await;
    let operator = world.operator();
    let options = [("batch", "1,100%"), ("pause", "first")];
    let asked = asks(&operator, "echo done", &options).await;
    let card = operator
        .card(&asked, "to be paused", |card| {
            card.text().contains("paused after wave 1 · 1/4") && card.button("continue").is_some()
        })
        .await;
    let run = world.show("1").await;
    assert_eq!(run["state"], "paused");
    assert_eq!(states(&run), ["exited", "queued", "queued", "queued"]);
    let text = card.text();
    assert!(
        text.contains("waves of 1, 100%, the first failure stops it"),
        "{text}"
    );
    let refused = world.viewer().refused_press(&card, "continue").await;
    assert!(refused.contains("Nothing was done"), "{refused}");
    assert_eq!(
        states(&world.show("1").await),
        states(&run),
        "nothing went on"
    );

    operator.presses(&card, "continue").await;
    let text = operator.card_end(&asked, "4 hosts · 4 ok").await.text();
    assert!(!text.contains("paused"), "{text}");
    world.end().await;
}

#[tokio::test]
async fn after_a_failure_no_further_host_starts_and_the_rest_is_resumed() {
    let world = World::with_hosts(&programs(), Options::default(), &HOSTS).await;
    let operator = world.operator();
    let (path, lines) = count(&world);
    // The second fails.
    let shown = path.display();
    let command = format!("echo x >> {shown}; test $(wc -l < {shown}) -ne 2");
    let asked = asks(&operator, &command, &[("batch", "1")]).await;
    let card = operator
        .card_end(
            &asked,
            "stopped after 1 of 4 failed · 1 ok, 1 failed, 2 never ran",
        )
        .await;
    assert_eq!(lines(&path), 2);
    let text = card.text();
    assert!(
        text.contains("finished  1 ok, 1 failed\nnever ran 2 web-[03-04]"),
        "{text}"
    );
    let ends = world.show("1").await;
    let told = ends["executions"][3]["text"].as_str().unwrap();
    assert_eq!(told, "not started: stopped after 1 of 4 failed");

    let again = operator.presses(&card, "missed").await;
    operator.card_end(&again, "2 hosts · 2 ok").await;
    assert_eq!(lines(&path), 4);
    world.end().await;
}

#[tokio::test]
async fn whoever_pauses_it_lets_what_runs_end_and_can_stop_the_rest() {
    let world = World::with_hosts(&programs(), Options::default(), &HOSTS).await;
    let operator = world.operator();
    let mut gate = Gate::new(world.dir.path(), "gate");
    let command = format!("{}; read -r go <&3", gate.open_in_shell());
    let asked = asks(&operator, &command, &[("parallel", "1")]).await;
    let running = |run: &Value| states(run)[0] == "running";
    world.run_is("1", "to run on the first host", running).await;
    let card = operator
        .card(&asked, "to have buttons", |card| {
            card.button("pause").is_some()
        })
        .await;
    operator.presses(&card, "pause").await;
    let by = format!("paused by <@{}>", operator.id);
    let card = operator
        .card(&asked, "to say who paused it", |card| {
            card.text().contains(&by) && card.button("continue").is_some()
        })
        .await;
    gate.say("go");
    let ended = |run: &Value| states(run)[0] == "exited";
    let run = world
        .run_is("1", "to have ended on the first host", ended)
        .await;
    assert_eq!(states(&run), ["exited", "queued", "queued", "queued"]);
    operator.presses(&card, "cancel").await;
    let card = operator.card_end(&asked, "1 ok, 3 never ran").await;
    let text = card.text();
    assert!(text.contains("never ran 3 web-[02-04]"), "{text}");
    assert!(card.button("missed").is_some(), "{:?}", card.buttons());
    world.end().await;
}

#[tokio::test]
async fn a_controller_that_is_killed_between_two_hosts_forgets_nobody() {
    let mut world = World::with_hosts(&programs(), Options::default(), &HOSTS).await;
    let operator = world.operator();
    let (path, lines) = count(&world);
    let mut gate = Gate::new(world.dir.path(), "gate");
    let command = format!(
        "{}; read -r go <&3; echo x >> {}",
        gate.open_in_shell(),
        path.display()
    );
    let asked = asks(&operator, &command, &[("batch", "1,2,1")]).await;
    gate.say("go");
    let second = |run: &Value| states(run)[1..3] == ["running", "running"];
    world.run_is("1", "to be in its second wave", second).await;
    world.take_controller().kill().await;
    // What ran goes on meanwhile.
    gate.say("go");
    gate.say("go");
    wait::until_true("the second wave to be over", || lines(&path) == 3).await;
    world.start_controller().await;
    let last = |run: &Value| states(run)[3] == "running";
    world.run_is("1", "to be in its last wave", last).await;
    gate.say("go");
    operator.card_end(&asked, "4 hosts · 4 ok").await;
    assert_eq!(lines(&path), 4, "each once");
    world.end().await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_before_anything_runs() {
    let world = World::with_hosts(&programs(), Options::default(), &HOSTS[..2]).await;
    let operator = world.operator();
    for (option, typed, told) in [
        ("batch", "0", "A wave of 0 is nobody. Nothing was run."),
        ("batch", "0%", "A wave of 0% is nobody. Nothing was run."),
        (
            "batch",
            "101%",
            "101% is more than all hosts. Nothing was run.",
        ),
        (
            "batch",
            "1,3",
            "A wave of 3 is more than there are: these are 2 hosts. Nothing was run.",
        ),
        (
            "parallel",
            "0",
            "0 hosts at once is nobody. Nothing was run.",
        ),
        (
            "max_fail",
            "1",
            "All hosts start at once, so that a failure keeps none of them from it.",
        ),
        (
            "pause",
            "first",
            "There is no pause without waves. Nothing was run.",
        ),
    ] {
        let options = [("on", "role=web"), ("command", "true"), (option, typed)];
        let refused = operator.refused("run", &options).await;
        assert!(refused.contains(told), "{option}:{typed}: {refused}");
    }
    let options = [
        ("on", "role=web"),
        ("command", "true"),
        ("batch", "1"),
        ("max_fail", "101%"),
    ];
    let refused = operator.refused("run", &options).await;
    assert!(refused.contains("101% is more than all hosts"), "{refused}");
    assert!(world.runs().await.is_empty());
    world.end().await;
}

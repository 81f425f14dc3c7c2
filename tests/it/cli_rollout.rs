//! Runs in waves, from the command line.

use std::process::Stdio;

use serde_json::Value;
use shanty_tests::wait::BOUND;
use shanty_tests::{Options, World};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::programs;

const HOSTS: [(&str, &str); 3] = [
    ("web-01", "role=web"),
    ("web-02", "role=web"),
    ("web-03", "role=web"),
];

fn ended(run: &Value) -> usize {
    let executions = run["executions"].as_array().unwrap();
    let ended = executions.iter().filter(|each| each["state"] == "exited");
    ended.count()
}

#[tokio::test]
async fn a_run_is_paused_and_continued_by_its_number() {
    let world = World::with_hosts(&programs(), Options::default(), &HOSTS).await;
    let args = "run --on role=web --batch 1 --pause every --detach -- true";
    let ran = world.shanty(&args.split(' ').collect::<Vec<_>>()).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let paused = |run: &Value| run["state"] == "paused";
    let run = world.run_is("1", "to be paused", paused).await;
    assert_eq!(ended(&run), 1);

    let twice = world.shanty(&["runs", "pause", "1"]).await;
    assert_eq!(twice.code, 65, "{twice:?}");
    assert!(
        twice.err.contains("#1 is paused already, after a wave."),
        "{twice:?}"
    );
    let goes_on = world.shanty(&["runs", "continue", "#1"]).await;
    assert_eq!(goes_on.code, 0, "{goes_on:?}");
    assert!(
        goes_on.out.starts_with("#1 goes on: 2 hosts to go."),
        "{goes_on:?}"
    );
    let again = |run: &Value| paused(run) && ended(run) == 2;
    world
        .run_is("1", "to be paused after the second wave", again)
        .await;
    let goes_on = world.shanty(&["runs", "continue", "1", "--json"]).await;
    let told = goes_on.json();
    assert_eq!(
        (&told["event"], &told["left"]),
        (&"continued".into(), &1.into())
    );
    let run = world.run_ends("1").await;
    assert_eq!(ended(&run), 3);

    let over = world.shanty(&["runs", "continue", "1"]).await;
    assert_eq!(over.code, 65, "{over:?}");
    assert!(over.err.contains("#1 is over."), "{over:?}");
    world.end().await;
}

#[tokio::test]
async fn what_has_no_waves_is_not_paused_and_a_failure_is_told() {
    let world = World::with_hosts(&programs(), Options::default(), &HOSTS).await;
    let plain = world.detach("role=web", "sleep 1000").await;
    let refused = world.shanty(&["runs", "pause", &plain]).await;
    assert_eq!(refused.code, 65, "{refused:?}");
    let told = "#1 has no waves: its 3 hosts were all to start at once";
    assert!(refused.err.contains(told), "{refused:?}");
    let stopped = world.shanty(&["runs", "cancel", &plain, "--force"]).await;
    assert_eq!(stopped.code, 0, "{stopped:?}");
    world.run_ends(&plain).await;

    let args = "run --on role=web --parallel 1 --max-fail 1 -- exit 4";
    let ran = world.shanty(&args.split(' ').collect::<Vec<_>>()).await;
    assert_ne!(ran.code, 0, "{ran:?}");
    let run = world.show("2").await;
    let states: Vec<&Value> = run["executions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| &e["state"])
        .collect();
    assert_eq!(states, ["exited", "exited", "not_started"]);
    assert_eq!(
        run["executions"][2]["text"],
        "not started: stopped after 2 of 3 failed"
    );
    // Whoever follows one is told that it rests, and what to type.
    let args = "run --on role=web --batch 2 --pause first -- true";
    let mut follows = world.shanty_call(&args.split(' ').collect::<Vec<_>>());
    follows.stdin(Stdio::null()).stderr(Stdio::piped());
    let mut follows = follows.spawn().unwrap();
    let mut lines = BufReader::new(follows.stderr.take().unwrap()).lines();
    loop {
        let line = tokio::time::timeout(BOUND, lines.next_line()).await;
        let line = line.unwrap().unwrap().expect("it follows");
        if line.starts_with("#3 is paused. Go on with `shanty runs continue 3`") {
            break;
        }
    }
    let goes_on = world.shanty(&["runs", "continue", "3"]).await;
    assert_eq!(goes_on.code, 0, "{goes_on:?}");
    while let Ok(Some(_)) = lines.next_line().await {}
    assert!(follows.wait().await.unwrap().success());
    let refused = world
        .shanty(&["run", "--on", "role=web", "--batch", "0", "--", "true"])
        .await;
    assert_eq!(refused.code, 64, "{refused:?}");
    assert!(
        refused.err.contains("a wave of 0 is nobody")
            || refused.err.contains("A wave of 0 is nobody"),
        "{refused:?}"
    );
    world.end().await;
}

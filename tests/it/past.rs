//! Runs of long ago: not in memory any more, and still found, named and shown.

use std::path::Path;

use shanty_controller::store::{Checkpoints, Store};
use shanty_core::ids::{AgentId, RunId};
use shanty_core::journal::{Kind, Record};
use shanty_core::limits;
use shanty_core::principal::Actor;
use shanty_core::run::{Offline, Options as RunOptions, Origin, Spec, Strategy, Target, What};
use shanty_tests::{Options, World};

use crate::programs;

/// A run that nobody saw begin, as the journal has it.
fn given_up(n: u64, agent: AgentId) -> [Record; 2] {
    let user = "root".to_owned();
    let id = RunId::from_bytes((u128::from(n) + 1).to_be_bytes());
    let spec = Spec {
        id,
        origin: Origin::Socket { user: user.clone() },
        what: What::Shell("true".to_owned()),
        input: None,
        selector: "web-01".to_owned(),
        options: RunOptions {
            timeout_ms: 1_000,
            ..RunOptions::default()
        },
        targets: vec![Target {
            agent,
            name: "web-01".parse().unwrap(),
            away: None,
        }],
        digest: [0; 32],
        seed: None,
        strategy: Strategy {
            offline: Offline::Fail,
            rollout: None,
        },
    };
    let reason = "nobody saw it".to_owned();
    [Kind::Accepted(spec), Kind::Expired { run: id, reason }].map(|kind| Record {
        at_ms: now_ms(),
        actor: Actor::Socket { user: user.clone() },
        kind,
    })
}

fn now_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(now.unwrap().as_millis()).unwrap()
}

/// What a busy year leaves in the journal of a controller that does not run, with a checkpoint or without; how many runs.
pub(super) async fn a_year_passes(data: &Path, checkpoint: bool) -> u64 {
    let store = Store::open(data, u64::MAX).unwrap();
    let state = store.journal.state().unwrap();
    let agent = *state.hosts.keys().next().unwrap();
    let runs = limits::RUNS_WHOLE_MAX as u64 + 100;
    let first = state.runs.newest().0;
    let records: Vec<Record> = (first..first + runs)
        .flat_map(|n| given_up(n, agent))
        .collect();
    store.journal.append(&records).await.unwrap().unwrap();
    let made = tokio::task::spawn_blocking(move || {
        if checkpoint {
            let checkpoints = Checkpoints::of(&store.journal).unwrap();
            checkpoints.make(|| false).unwrap();
        }
        assert!(store.close());
    });
    made.await.unwrap();
    runs
}

/// Without how long ago it was asked.
fn without_age(shown: &str) -> String {
    let lines = shown.lines();
    let lines = lines.map(|line| line.split_once(" ago").map_or(line, |(_, rest)| rest));
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_run_of_last_year_is_found_named_and_shown() {
    let hosts = [("web-01", "role=web"), ("web-02", "role=web")];
    let mut world = World::with_hosts(&programs(), Options::default(), &hosts).await;
    let ran = world
        .shanty(&["run", "--on", "web-01", "--", "echo remembered"])
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    world.run_ends("1").await;
    let operator = world.operator();
    let asked = operator.run("web-02", "echo from the card").await;
    let card = operator.card_end(&asked, "exit 0").await;
    let shown = without_age(&world.shanty(&["runs", "show", "1"]).await.out);
    let data = world.dir.path().join("controller");
    let mut newest = 2;
    for checkpoint in [false, true] {
        world.take_controller().stop().await;
        newest += a_year_passes(&data, checkpoint).await;
        world.start_controller().await;
        world.is_online("web-01", true).await;
        world.is_online("web-02", true).await;

        shanty_tests::wait::until("the newest run to be listed", || async {
            let listed = world.operator().slash("runs", &[]).await;
            let listed = world.operator().answer(&listed).await.text();
            let is_there = listed.contains(&format!("#{newest} · web-01"));
            if is_there { Ok(()) } else { Err(listed) }
        })
        .await;
        let again = world.shanty(&["runs", "show", "1"]).await.out;
        assert_eq!(without_age(&again), shown);
        let output = world.shanty(&["runs", "output", "1"]).await.out;
        assert!(output.contains("remembered"), "{output}");
        let hosts = world.shanty(&["hosts", "#1:ok"]).await.out;
        assert!(
            hosts.contains("web-01") && !hosts.contains("web-02"),
            "{hosts}"
        );
        let cancel = world.shanty(&["runs", "cancel", "1"]).await;
        assert!(cancel.err.contains("The run is over."), "{cancel:?}");
        let none = world.shanty(&["runs", "show", "9999"]).await;
        assert!(none.err.contains("There is no such run."), "{none:?}");
    }
    let again = world
        .shanty(&["run", "--on", "#1", "--", "echo again"])
        .await;
    assert_eq!(
        (again.code, again.out.contains("again")),
        (0, true),
        "{again:?}"
    );
    for verb in ["again", "copy"] {
        let pressed = operator.presses(&card, verb).await;
        let answer = operator.answer(&pressed).await;
        let told = answer.text();
        assert!(
            told.contains("from the card") || told.contains("web-02"),
            "{told}"
        );
        if verb == "again" {
            operator.card_end(&pressed, "exit 0").await;
        }
    }
    world.end().await;
}

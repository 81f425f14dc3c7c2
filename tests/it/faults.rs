//! What survives when something is killed: every command at most once on each host, output complete, state told truly.

use std::path::PathBuf;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use shanty_tests::{Gate, Options, World, left, wait};

use crate::programs;

const ONE: [(&str, &str); 1] = [("web-01", "role=web")];

async fn world(hosts: &[(&str, &str)]) -> World {
    World::with_hosts(&programs(), Options::default(), hosts).await
}

/// A command that writes down each of its starts, prints lines, and waits at a gate in between.
struct Slow {
    gate: Gate,
    starts: PathBuf,
    passed: PathBuf,
    command: String,
}

impl Slow {
    /// Lines 1 to 1,000, the gate, lines to 2,000, the gate, lines to 3,000.
    fn new(world: &World) -> Self {
        let gate = Gate::new(world.dir.path(), "gate");
        let starts = world.dir.path().join("starts");
        let passed = world.dir.path().join("passed");
        let command = format!(
            "echo started >> {}; {}; seq 1 1000; read x <&3; seq 1001 2000; echo > {}; read x <&3; \
             seq 2001 3000",
            starts.display(),
            gate.open_in_shell(),
            passed.display(),
        );
        Self {
            gate,
            starts,
            passed,
            command,
        }
    }

    /// Lets it write its second part, and waits until it has, whoever listens.
    async fn go_on(&mut self) {
        self.gate.say("on");
        wait::until_true("the command to go on", || self.passed.exists()).await;
    }

    /// Lets it come to its end, and checks that it ran once and that nothing of its output is missing or twice.
    async fn ends_well(&mut self, world: &World, number: &str) {
        self.gate.say("on");
        let run = world.run_ends(number).await;
        assert_eq!(run["executions"][0]["exit_code"], 0, "{run}");
        let lines: String = (1..=3_000).map(|n| format!("{n}\n")).collect();
        let output = String::from_utf8(world.output(number).await).unwrap();
        assert!(output == lines, "{} bytes of {}", output.len(), lines.len());
        self.started_once();
    }

    fn started_once(&self) {
        assert_eq!(std::fs::read_to_string(&self.starts).unwrap(), "started\n");
    }
}

fn sigkill(pid: i32) {
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
}

fn run_id(run: &Value) -> String {
    run["run"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_command_outlives_its_killed_agent_and_nothing_of_it_is_lost() {
    let mut world = world(&ONE).await;
    let mut slow = Slow::new(&world);
    let number = world.detach("web-01", &slow.command).await;
    world.output_has(&number, "\n1000\n").await;
    world.host("web-01").take_agent().kill().await;
    world.is_online("web-01", false).await;
    slow.go_on().await;
    let run = world.show(&number).await;
    assert_eq!(run["state"], "running", "{run}");
    assert_eq!(run["executions"][0]["online"], false, "{run}");
    let shown = world.shanty(&["runs", "show", &number]).await.out;
    assert!(shown.contains("host away"), "{shown}");

    world.host("web-01").run("keep").await;
    world.output_has(&number, "\n2000\n").await;
    slow.ends_well(&world, &number).await;
    world.end().await;
}

#[tokio::test]
async fn a_command_that_ended_while_its_host_was_away_is_told_when_it_returns() {
    let mut world = world(&ONE).await;
    let mut slow = Slow::new(&world);
    let number = world.detach("web-01", &slow.command).await;
    world.output_has(&number, "\n1000\n").await;
    // In order this time: `--on-stop keep` leaves the command running.
    world.host("web-01").stop().await;
    slow.go_on().await;
    slow.gate.say("on");
    let shims = || left::shims(world.dir.path()).is_empty();
    wait::until_true("the command to end", shims).await;
    assert_eq!(world.show(&number).await["state"], "running");
    world.host("web-01").run("keep").await;
    slow.ends_well(&world, &number).await;
    world.end().await;
}

#[tokio::test]
async fn a_killed_shim_takes_its_command_along_and_the_outcome_is_unknown() {
    let mut world = world(&ONE).await;
    let starts = world.dir.path().join("starts");
    let command = format!(
        "echo started >> {}; setsid sleep 1000 & sleep 1000 & echo begun; wait",
        starts.display()
    );
    let operator = world.operator();
    let asked = operator.run("web-01", &command).await;
    let run = wait::until("a run", || async {
        world.runs().await.pop().ok_or("none yet")
    })
    .await;
    let (number, run) = (run["number"].to_string(), run_id(&run));
    world.output_has(&number, "begun").await;
    wait::until_true("three processes", || left::of_runs(Some(&run)).len() >= 3).await;
    let shims = left::shims(world.dir.path());
    assert_eq!(shims.len(), 1, "{shims:?}");
    sigkill(shims[0]);
    let swept = || left::of_runs(Some(&run)).is_empty();
    wait::until_true("the command and its descendants to be gone", swept).await;

    let ended = world.run_ends(&number).await;
    assert_eq!(ended["executions"][0]["state"], "lost", "{ended}");
    assert_eq!(ended["executions"][0]["exit_code"], Value::Null, "{ended}");
    let shown = world.shanty(&["runs", "show", &number]).await.out;
    assert!(shown.contains("web-01  outcome unknown: "), "{shown}");
    assert_eq!(world.shanty(&["runs", "follow", &number]).await.code, 75);
    assert_eq!(world.output(&number).await, b"begun\n");
    let card = operator.card_end(&asked, "outcome unknown").await.text();
    assert!(card.contains("❔ #1 · web-01"), "{card}");

    // Neither a new link nor a new agent or controller runs it again.
    world.host("web-01").stop().await;
    world.take_controller().stop().await;
    world.start_controller().await;
    world.host("web-01").run("keep").await;
    let ran = world.shanty(&["run", "--on", "web-01", "--", "true"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(std::fs::read_to_string(&starts).unwrap(), "started\n");
    assert_eq!(world.show(&number).await, ended);
    world.end().await;
}

#[tokio::test]
async fn a_run_goes_on_without_its_killed_controller_and_the_next_one_has_it_all() {
    let mut world = world(&ONE).await;
    let mut slow = Slow::new(&world);
    let number = world.detach("web-01", &slow.command).await;
    world.output_has(&number, "\n1000\n").await;
    world.take_controller().kill().await;
    slow.go_on().await;
    world.start_controller().await;
    assert_eq!(world.show(&number).await["state"], "running");
    world.output_has(&number, "\n2000\n").await;
    slow.ends_well(&world, &number).await;
    assert_eq!(world.runs().await.len(), 1);
    world.end().await;
}

#[tokio::test]
async fn the_card_of_a_run_reaches_its_end_under_the_next_controller() {
    let mut world = world(&ONE).await;
    let mut slow = Slow::new(&world);
    let operator = world.operator();
    let asked = operator.run("web-01", &slow.command).await;
    let thread = operator.in_thread_of(&asked).await;
    let begun = |page: &shanty_tests::Message| page.text().contains("1000");
    let begun = thread.sees("output", begun).await;
    world.take_controller().kill().await;
    world.start_controller().await;
    slow.go_on().await;
    slow.ends_well(&world, "1").await;
    let card = operator.card_end(&asked, "exit 0").await.text();
    assert!(!card.contains("restarted"), "{card}");
    // Its thread goes on, and holds all of it.
    let whole = thread
        .sees("the file", |page| !page.files().is_empty())
        .await;
    let file = thread.download(&whole.files()[0].1).await;
    assert_eq!(file, world.output("1").await);
    let pages = thread.view().await;
    let begun = pages.iter().find(|page| page.id() == begun.id()).unwrap();
    assert!(begun.block().contains("\n1000\n"), "{}", begun.text());
    assert_eq!(pages.len(), 5, "three pages, the tail and the file");
    world.end().await;
}

#[tokio::test]
async fn agent_and_controller_killed_at_once_still_start_nothing_twice() {
    let mut world = world(&ONE).await;
    let mut slow = Slow::new(&world);
    let number = world.detach("web-01", &slow.command).await;
    world.output_has(&number, "\n1000\n").await;
    world.take_controller().kill().await;
    world.host("web-01").take_agent().kill().await;
    slow.go_on().await;
    world.start_controller().await;
    world.host("web-01").run("keep").await;
    slow.ends_well(&world, &number).await;
    world.end().await;
}

#[tokio::test]
async fn a_controller_restarted_in_order_knows_runs_hosts_and_tokens() {
    let mut world = world(&ONE).await;
    let ran = world
        .shanty(&["run", "--on", "web-01", "--", "echo kept; exit 3"])
        .await;
    assert_eq!(ran.code, 3, "{ran:?}");
    world.token(&["--labels", "env=prod", "--uses", "4"]).await;
    let ran = world.shanty(&["hosts", "label", "web-01", "tier=1"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(world.shanty(&["hold", "on", "db move"]).await.code, 0);
    let runs = world.runs().await;
    let tokens = world.shanty(&["token", "list", "--json"]).await.out;

    world.take_controller().stop().await;
    world.start_controller().await;
    assert_eq!(world.runs().await, runs);
    assert_eq!(world.shanty(&["token", "list", "--json"]).await.out, tokens);
    assert_eq!(world.output("1").await, b"kept\n");
    world.is_online("web-01", true).await;
    let host = world.shanty(&["hosts", "tier=1", "--names"]).await;
    assert_eq!(host.out, "web-01\n");
    // The hold is kept too; without it the next run has the next number.
    let args = ["run", "--on", "web-01", "--", "true"];
    assert_eq!(world.shanty(&args).await.code, 77);
    assert_eq!(world.shanty(&["hold", "off"]).await.code, 0);
    assert_eq!(world.detach("web-01", "true").await, "2");
    world.run_ends("2").await;
    world.end().await;
}

#[tokio::test]
async fn an_agent_that_kills_on_stop_leaves_no_process_and_tells_the_end() {
    let mut world = world(&[]).await;
    let token = world.token(&[]).await;
    let mut host = world.new_host("web-01");
    let joined = host.join(&world.join_address(), &token).await;
    assert_eq!(joined.code, 0, "{joined:?}");
    host.run("kill").await;
    world.hosts.push(host);
    world.is_online("web-01", true).await;
    let command = "trap '' TERM; setsid sleep 1000 & echo begun; while :; do sleep 1; done";
    let number = world.detach("web-01", command).await;
    world.output_has(&number, "begun").await;
    let run = run_id(&world.show(&number).await);
    assert!(!left::of_runs(Some(&run)).is_empty());
    world.host("web-01").stop().await;
    let left = left::of_runs(Some(&run));
    assert!(left.is_empty(), "{left:?}");
    // The shim goes when it has written the end, which the agent may read first.
    let shims = || left::shims(world.dir.path()).is_empty();
    wait::until_true("the end of the shim", shims).await;
    let run = world.run_ends(&number).await;
    assert_eq!(run["executions"][0]["exit_code"], 137, "{run}");
    world.end().await;
}

#[tokio::test]
async fn what_a_command_leaves_behind_is_killed_and_counted() {
    let world = world(&ONE).await;
    // A daemon of its own session, one that forked twice to have no parent, and one that is stopped and so cannot be asked to end.
    let command = "setsid sleep 1000 & (sleep 1001 & exec sleep 0.01) & wait $!; \
                   sh -c 'kill -STOP $$' & echo hi; exit 3";
    let ran = world
        .shanty(&["run", "--on", "web-01", "--", command])
        .await;
    assert_eq!((ran.code, ran.out.as_str()), (3, "hi\n"), "{ran:?}");
    assert!(
        ran.err.contains("3 processes left behind were stopped"),
        "{ran:?}"
    );
    let run = world.show("1").await;
    assert_eq!(run["executions"][0]["left_over"], 3, "{run}");
    let left = left::of_runs(Some(&run_id(&run)));
    assert!(left.is_empty(), "{left:?}");
    world.end().await;
}

#[tokio::test]
async fn stored_output_that_was_damaged_is_named_and_the_rest_is_shown() {
    let world = world(&[("web-01", "role=web"), ("web-02", "role=web")]).await;
    let command = "seq 1 2000; printf 'end of '; cat /proc/sys/kernel/hostname";
    let number = world.detach("all", command).await;
    let run = world.run_ends(&number).await;
    let executions = run["executions"].as_array().unwrap();
    let of = |name: &str| {
        executions
            .iter()
            .find(|execution| execution["host"] == name)
    };
    let damaged = of("web-01").unwrap()["agent"].as_str().unwrap();
    let damaged: shanty_core::ids::AgentId = damaged.parse().unwrap();

    let path = world.dir.path().join("controller/output.db");
    let store = rusqlite::Connection::open(path).unwrap();
    let first = "SELECT chunk.rowid, bytes FROM chunk JOIN execution ON execution.id = execution
                 WHERE agent = ?1 ORDER BY offset DESC LIMIT 1";
    let (row, mut bytes): (i64, Vec<u8>) = store
        .query_row(first, [damaged.as_bytes()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x20;
    store
        .execute(
            "UPDATE chunk SET bytes = ?2 WHERE rowid = ?1",
            (row, &bytes),
        )
        .unwrap();

    for verb in ["output", "follow"] {
        let ran = world.shanty(&["runs", verb, &number]).await;
        assert_eq!(ran.code, 65, "{verb}: {ran:?}");
        let told = format!("The stored output of run #{number} on web-01 is damaged: the record ");
        for part in [told.as_str(), "at offset"] {
            assert!(ran.err.contains(part), "{verb}: {part}: {}", ran.err);
        }
        assert!(ran.out.contains("end of"), "web-02 is shown: {}", ran.out);
    }
    let args = ["runs", "output", &number, "--host", "web-01", "--json"];
    let ran = world.shanty(&args).await;
    assert!(ran.out.contains("E_DAMAGED"), "{}", ran.out);
    let args = ["runs", "output", &number, "--host", "web-02"];
    assert_eq!(world.shanty(&args).await.code, 0);
    world.end().await;
}

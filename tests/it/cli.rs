//! `shanty` without chat: its exit codes, its streams, and what it prints for people and for scripts.

use nix::sys::signal::Signal;
use serde_json::Value;
use shanty_tests::{Call, Gate, Options, Terminal, World, wait};

use crate::programs;

pub(crate) const ONE: [(&str, &str); 1] = [("web-01", "role=web")];
const TWO: [(&str, &str); 2] = [("web-01", "role=web"), ("web-02", "role=web")];

pub(crate) async fn world(hosts: &[(&str, &str)]) -> World {
    World::with_hosts(&programs(), Options::default(), hosts).await
}

/// JSON lines.
pub(crate) fn events(text: &str) -> Vec<Value> {
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    text.lines().map(parse).collect()
}

#[tokio::test]
async fn run_gives_the_code_of_one_host_and_a_verdict_on_several() {
    let mut world = world(&TWO).await;
    for (command, code) in [
        ("true", 0),
        ("exit 7", 7),
        ("exit 255", 255),
        ("kill -KILL $$", 137),
        ("kill -TERM $$", 143),
        ("no-such-program-here", 127),
    ] {
        let ran = world
            .shanty(&["run", "--on", "web-01", "--", command])
            .await;
        assert_eq!(ran.code, code, "{command}: {ran:?}");
    }
    let ran = world
        .shanty(&["run", "--on", "all", "--yes", "--", "true"])
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    // A directory can be made once: one host fails.
    let once = format!("mkdir {}", world.dir.path().join("once").display());
    let ran = world
        .shanty(&["run", "--on", "all", "--yes", "--", &once])
        .await;
    assert_eq!(ran.code, 1, "{ran:?}");
    let args = [
        "run",
        "--on",
        "web-01",
        "--timeout",
        "1s",
        "--",
        "sleep 1000",
    ];
    let ran = world.shanty(&args).await;
    assert_eq!(ran.code, 124, "{ran:?}");
    assert!(ran.err.contains("timed out"), "{ran:?}");
    // What ends well because it was stopped did not end well.
    let polite = "trap 'exit 0' TERM; sleep 1000 & wait";
    let args = ["run", "--on", "web-01", "--timeout", "1s", "--", polite];
    let ran = world.shanty(&args).await;
    assert_eq!(ran.code, 124, "{ran:?}");

    world.host("web-02").stop().await;
    world.is_online("web-02", false).await;
    let ran = world
        .shanty(&["run", "--on", "all", "--yes", "--", "true"])
        .await;
    assert_eq!(ran.code, 75, "{ran:?}");
    assert!(ran.err.contains("web-02: not started"), "{ran:?}");
    let ran = world.shanty(&["run", "--on", "web-02", "--", "true"]).await;
    assert_eq!(ran.code, 75, "{ran:?}");
    world.end().await;
}

#[tokio::test]
async fn output_streams_while_the_command_runs() {
    let world = world(&ONE).await;
    let mut gate = Gate::new(world.dir.path(), "gate");
    let command = format!(
        "{}; echo one; read x <&3; echo two; echo bad >&2; read x <&3; printf three",
        gate.open_in_shell()
    );
    let mut call = Call::start(world.shanty_call(&["run", "--on", "web-01", "--", &command]));
    assert_eq!(call.out().await, "one");
    gate.say("on");
    assert_eq!(call.out().await, "two");
    assert_eq!(call.err().await, "bad");
    gate.say("on");
    let ran = call.end().await;
    assert_eq!(
        (ran.code, ran.out.as_str(), ran.err.as_str()),
        (0, "three\n", "")
    );
    world.end().await;
}

#[tokio::test]
async fn output_of_several_hosts_is_told_apart_and_kept_apart_from_errors() {
    let world = world(&TWO).await;
    let command = "echo out; echo err >&2; printf tail";
    let ran = world
        .shanty(&["run", "--on", "web-01", "--", command])
        .await;
    assert_eq!(
        (ran.code, ran.out.as_str(), ran.err.as_str()),
        (0, "out\ntail", "err\n")
    );

    let ran = world
        .shanty(&["run", "--on", "all", "--yes", "--", command])
        .await;
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines.join("\n")
    };
    let out = "web-01: out\nweb-01: tail\nweb-02: out\nweb-02: tail";
    assert_eq!(sorted(&ran.out), out, "{ran:?}");
    for line in [
        "web-01: err\n",
        "web-02: err\n",
        "web-01: exit 0",
        "web-02: exit 0",
    ] {
        assert!(ran.err.contains(line), "{line}: {ran:?}");
    }

    let ran = world
        .shanty(&["run", "--on", "all", "--yes", "--json", "--", command])
        .await;
    let events = events(&ran.out);
    let written = |host: &str, stream: &str| -> String {
        let of = |event: &&Value| event["host"] == host && event["stream"] == stream;
        let texts = events
            .iter()
            .filter(of)
            .filter_map(|event| event["text"].as_str());
        texts.collect()
    };
    for host in ["web-01", "web-02"] {
        assert_eq!(written(host, "out"), "out\ntail");
        assert_eq!(written(host, "err"), "err\n");
    }
    let last = events.last().unwrap();
    assert_eq!(
        (&last["event"], &last["state"]),
        (&"run".into(), &"closed".into())
    );
    assert_eq!(last["executions"][1]["exit_code"], 0, "{last}");
    world.end().await;
}

#[tokio::test]
async fn a_detached_run_can_be_followed_from_its_beginning_and_listed() {
    let world = world(&ONE).await;
    let mut gate = Gate::new(world.dir.path(), "gate");
    let command = format!(
        "{}; echo one; read x <&3; echo two; exit 4",
        gate.open_in_shell()
    );
    let ran = world
        .shanty(&["run", "--on", "web-01", "--detach", "--", &command])
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let said = "#1 runs on web-01. See it with `shanty runs follow 1`.\n";
    assert_eq!(ran.out, said);
    // The answer comes before the run begins.
    wait::until("the run to be listed as running", async || {
        let list = world.shanty(&["runs", "list"]).await.out;
        let runs = list.contains("#1") && list.contains("running");
        if runs { Ok(()) } else { Err(list) }
    })
    .await;

    let mut follow = Call::start(world.shanty_call(&["runs", "follow", "#1"]));
    assert_eq!(follow.out().await, "one");
    gate.say("on");
    let ran = follow.end().await;
    assert_eq!((ran.code, ran.out.as_str()), (4, "two\n"), "{}", ran.err);

    // Whoever follows a run that is over gets all of it.
    let ran = world.shanty(&["runs", "follow", "1"]).await;
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (4, "one\ntwo\n"),
        "{}",
        ran.err
    );
    let list = world.shanty(&["runs", "list"]).await.out;
    assert!(list.contains("  1 failed  local:"), "{list}");
    let show = world.shanty(&["runs", "show", "1"]).await.out;
    for part in [
        "#1 · 1 failed · web-01 · by local:",
        "web-01  exit 4",
        "selector  web-01",
    ] {
        assert!(show.contains(part), "{part}: {show}");
    }
    world.detach("web-01", "true").await;
    let list = world.shanty(&["runs", "list", "--limit", "1"]).await.out;
    assert!(
        list.starts_with("#2") && list.lines().count() == 1,
        "{list}"
    );
    world.end().await;
}

#[tokio::test]
async fn raw_output_is_what_the_command_wrote_to_the_byte() {
    let world = world(&TWO).await;
    let path = world.dir.path().join("written");
    let command = format!(
        "head -c 300000 /dev/urandom > {path}.$$; cat {path}.$$; printf '\\000\\033[2J\\377'; mv {path}.$$ {path}",
        path = path.display()
    );
    let number = world.detach("web-01", &command).await;
    world.run_ends(&number).await;
    let mut written = std::fs::read(&path).unwrap();
    written.extend(b"\0\x1b[2J\xff");
    assert!(world.output(&number).await == written, "the bytes differ");
    // A pipe gets the bytes of one host without being asked for them.
    let piped = world
        .shanty_call(&["runs", "output", &number])
        .output()
        .await;
    assert!(piped.unwrap().stdout == written, "the bytes differ");
    // For a terminal, nothing that moves its cursor comes through.
    let call = world.shanty_call(&["runs", "output", &number]);
    let (_, seen) = Terminal::start(call, 80).end().await;
    assert!(!seen.contains(['\0', '\x1b']), "raw bytes reach it");

    let number = world
        .detach("all", "echo $SHANTY_RUN; echo wrong >&2")
        .await;
    let run = world.run_ends(&number).await["run"]
        .as_str()
        .unwrap()
        .to_owned();
    let args = ["runs", "output", &number, "--host", "web-02", "--raw"];
    let ran = world.shanty(&args).await;
    for part in [run.as_str(), "wrong"] {
        assert_eq!(ran.out.matches(part).count(), 1, "{ran:?}");
    }
    let ran = world.shanty(&["runs", "output", &number]).await;
    for line in ["web-01: ", "web-02: "] {
        assert_eq!(ran.out.matches(line).count(), 2, "{ran:?}");
        assert!(ran.out.contains(&format!("{line}wrong\n")), "{ran:?}");
    }
    let args = ["runs", "output", &number, "--host", "db-09"];
    let ran = world.shanty(&args).await;
    assert_eq!(ran.code, 65, "{ran:?}");
    world.end().await;
}

#[tokio::test]
async fn cancel_stops_one_run_or_all_of_them() {
    let world = world(&ONE).await;
    let mut numbers = Vec::new();
    for _ in 0..3 {
        let number = world.detach("web-01", "echo begun; sleep 1000").await;
        world.output_has(&number, "begun").await;
        numbers.push(number);
    }
    let ran = world.shanty(&["runs", "cancel", &numbers[0]]).await;
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, "1 host told to stop #1: web-01\n"),
        "{ran:?}"
    );
    let run = world.run_ends(&numbers[0]).await;
    assert_eq!(run["executions"][0]["state"], "cancelled", "{run}");
    assert_eq!(world.show(&numbers[1]).await["state"], "running");

    let ran = world.shanty(&["runs", "cancel", "--all", "--json"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let mut stopped: Vec<u64> = serde_json::from_value(ran.json()["numbers"].clone()).unwrap();
    stopped.sort_unstable();
    assert_eq!(stopped, [2, 3], "{ran:?}");
    for number in &numbers[1..] {
        let run = world.run_ends(number).await;
        assert_eq!(run["executions"][0]["state"], "cancelled", "{run}");
    }
    let ran = world.shanty(&["runs", "cancel", "--all"]).await;
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, "No run is under way.\n"),
        "{ran:?}"
    );
    let ran = world.shanty(&["runs", "cancel", "1"]).await;
    assert_eq!(
        ran.code, 65,
        "a run that is over cannot be stopped: {ran:?}"
    );

    // TERM is ignored by some; a forced cancel is not.
    let number = world
        .detach(
            "web-01",
            "trap '' TERM; echo begun; while :; do sleep 1; done",
        )
        .await;
    world.output_has(&number, "begun").await;
    let ran = world.shanty(&["runs", "cancel", &number, "--force"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let run = world.run_ends(&number).await;
    assert_eq!(run["executions"][0]["exit_code"], 137, "{run}");
    world.end().await;
}

#[tokio::test]
async fn ctrl_c_leaves_the_run_going_and_says_how_to_stop_it() {
    let world = world(&ONE).await;
    let mut gate = Gate::new(world.dir.path(), "gate");
    let command = format!("{}; echo one; read x <&3; echo two", gate.open_in_shell());
    let mut call = Call::start(world.shanty_call(&["run", "--on", "web-01", "--", &command]));
    assert_eq!(call.out().await, "one");
    call.signal(Signal::SIGINT);
    let ran = call.end().await;
    let said = "#1 goes on. Stop it with `shanty runs cancel 1`.\n";
    assert_eq!((ran.code, ran.err.as_str()), (130, said), "{ran:?}");
    assert_eq!(world.show("1").await["state"], "running");
    gate.say("on");
    let run = world.run_ends("1").await;
    assert_eq!(run["executions"][0]["exit_code"], 0, "{run}");
    assert_eq!(world.output("1").await, b"one\ntwo\n");
    world.end().await;
}

#[tokio::test]
async fn twenty_runs_at_once_all_end_with_their_own_output() {
    let world = world(&TWO).await;
    let runs = (0..20).map(|n| {
        let (world, command) = (&world, format!("echo {n}; exit {n}"));
        let on = if n % 2 == 0 { "web-01" } else { "web-02" };
        async move { world.shanty(&["run", "--on", on, "--", &command]).await }
    });
    let ran = futures_util::future::join_all(runs).await;
    for (n, ran) in ran.iter().enumerate() {
        assert_eq!(
            (ran.code, ran.out.clone()),
            (i32::try_from(n).unwrap(), format!("{n}\n")),
            "{ran:?}"
        );
    }
    assert_eq!(world.runs().await.len(), 20);
    world.end().await;
}

#[tokio::test]
async fn output_that_was_deleted_is_said_to_be() {
    let mut world = world(&TWO).await;
    let old = world.detach("all", "echo of long ago").await;
    world.run_ends(&old).await;
    let new = world.detach("web-01", "echo of today").await;
    world.run_ends(&new).await;
    world.take_controller().stop().await;
    let path = world.dir.path().join("controller/output.db");
    let store = rusqlite::Connection::open(path).unwrap();
    // 91 days, and one output only: that of web-02 in the old run.
    let back = "UPDATE execution SET changed_ms = changed_ms - 91 * 86400000
                WHERE id = (SELECT max(id) FROM execution
                            WHERE run = (SELECT run FROM execution ORDER BY id LIMIT 1))";
    assert_eq!(store.execute(back, []).unwrap(), 1);
    drop(store);
    world.start_controller().await;

    wait::until("the old output to be deleted", async || {
        let ran = world.shanty(&["runs", "output", &old]).await;
        if ran.code == 0 { Err(ran) } else { Ok(()) }
    })
    .await;
    // Once more: the first one may have read some of it before it went.
    let ran = world.shanty(&["runs", "output", &old]).await;
    assert_eq!(ran.code, 65, "{ran:?}");
    let host = if ran.out.contains("web-01: of long ago") {
        "web-02"
    } else {
        "web-01"
    };
    let told = format!("The output of run #{old} on {host} was deleted after 91 days.");
    assert!(ran.err.contains(&told), "{ran:?}");
    assert_eq!(ran.out.matches("of long ago").count(), 1, "{ran:?}");

    let args = ["runs", "output", &old, "--host", host, "--json"];
    let ran = world.shanty(&args).await;
    assert_eq!(
        (ran.code, ran.json()["code"].as_str()),
        (65, Some("E_DELETED"))
    );
    let ran = world.shanty(&["runs", "follow", &old]).await;
    assert!(ran.code == 65 && ran.err.contains(&told), "{ran:?}");
    let shown = world.shanty(&["runs", "show", &old]).await;
    assert_eq!(shown.out.matches("exit 0").count(), 2, "{shown:?}");
    assert_eq!(world.output(&new).await, b"of today\n");
    world.end().await;
}

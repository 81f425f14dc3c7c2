//! `shanty` without chat: its exit codes, its streams, and what it prints for people and for scripts.

use nix::sys::signal::Signal;
use serde_json::Value;
use shanty_tests::process;
use shanty_tests::{Call, Gate, Options, Terminal, World, wait};

use crate::programs;

const ONE: [(&str, &str); 1] = [("web-01", "role=web")];
const TWO: [(&str, &str); 2] = [("web-01", "role=web"), ("web-02", "role=web")];

async fn world(hosts: &[(&str, &str)]) -> World {
    World::with_hosts(&programs(), Options::default(), hosts).await
}

/// JSON lines.
fn events(text: &str) -> Vec<Value> {
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
async fn hosts_are_listed_selected_shown_and_labelled() {
    let world = world(&[
        ("web-01", "env=prod,role=web"),
        ("db-01", "env=prod,role=db"),
    ])
    .await;
    let ran = world.shanty(&["hosts"]).await;
    assert!(ran.out.starts_with("NAME "), "{ran:?}");
    for part in ["db-01", "web-01", "env=prod role=web"] {
        assert!(ran.out.contains(part), "{part}: {ran:?}");
    }
    assert_eq!(ran.err, "2 hosts, 2 online\n");
    let names = async |selector: &str| world.shanty(&["hosts", selector, "--names"]).await.out;
    assert_eq!(names("env=prod").await, "db-01\nweb-01\n");
    assert_eq!(names("env=prod !role=db").await, "web-01\n");

    let ran = world.shanty(&["hosts", "--json"]).await;
    let hosts = events(&ran.out);
    assert_eq!(hosts.len(), 2, "{ran:?}");
    assert_eq!(
        (&hosts[0]["name"], &hosts[0]["online"]),
        (&"db-01".into(), &true.into())
    );
    assert!(hosts[0]["facts"]["cpus"].as_u64().unwrap() > 0, "{ran:?}");
    assert!(hosts[0]["metrics"]["disks"].is_array(), "{ran:?}");
    let ran = world.shanty(&["hosts", "show", "web-01"]).await;
    for part in ["web-01  ", "system", "memory", "env=prod role=web"] {
        assert!(ran.out.contains(part), "{part}: {ran:?}");
    }

    let ran = world
        .shanty(&["hosts", "label", "web-01", "env=stage", "tier=1", "role-"])
        .await;
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, "web-01 has the labels: env=stage tier=1\n"),
        "{ran:?}"
    );
    assert_eq!(names("env=stage").await, "web-01\n");
    let host = world.shanty(&["hosts", "web-01", "--json"]).await.json();
    assert_eq!(
        host["labels"],
        serde_json::json!({"env": "stage", "tier": "1"})
    );
    for label in ["noequals", "bad key=1", "=x"] {
        let ran = world.shanty(&["hosts", "label", "web-01", label]).await;
        assert_eq!(ran.code, 64, "{label}: {ran:?}");
    }
    let ran = world.shanty(&["hosts", "weeb-01"]).await;
    assert_eq!(ran.code, 64, "{ran:?}");
    assert!(ran.err.contains("web-01"), "the nearest name: {ran:?}");
    world.end().await;
}

#[tokio::test]
async fn tokens_are_made_listed_and_revoked_and_shown_once() {
    let world = world(&[]).await;
    assert_eq!(
        world.shanty(&["token", "list"]).await.out,
        "There are no tokens.\n"
    );
    let args = [
        "token", "create", "--labels", "env=prod", "--uses", "3", "--ttl", "2h",
    ];
    let ran = world.shanty(&args).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let token = ran.out.trim_end();
    assert_eq!(token.split('.').count(), 4, "{ran:?}");
    for part in ["SHANTY_TOKEN=", "3 hosts, for 2h.", &world.join_address()] {
        assert!(ran.err.contains(part), "{part}: {ran:?}");
    }
    let list = world.shanty(&["token", "list"]).await.out;
    for part in [
        token.split('.').nth(1).unwrap(),
        "0/3 used",
        "good for 1h 59m",
        "env=prod",
    ] {
        assert!(list.contains(part), "{part}: {list}");
    }
    let secret = token.split('.').nth(2).unwrap();
    for ran in [world.shanty(&["token", "list", "--json"]).await.out, list] {
        assert!(!ran.contains(secret), "{ran}");
    }
    let id = token.split('.').nth(1).unwrap();
    let ran = world.shanty(&["token", "revoke", id]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let list = world.shanty(&["token", "list"]).await.out;
    assert!(list.contains("revoked"), "{list}");
    for (args, code) in [
        (["token", "revoke", "nothing"].as_slice(), 65),
        (&["token", "create", "--ttl", "5"], 64),
        (&["token", "create", "--ttl", "900d"], 64),
        (&["token", "create", "--uses", "0"], 64),
        (&["token", "create", "--uses", "1000000"], 64),
        (&["token", "create", "--labels", "env"], 64),
    ] {
        let ran = world.shanty(args).await;
        assert_eq!(ran.code, code, "{args:?}: {ran:?}");
    }
    world.end().await;
}

#[tokio::test]
async fn hold_refuses_new_runs_and_lets_the_others_go_on() {
    let world = world(&ONE).await;
    let mut gate = Gate::new(world.dir.path(), "gate");
    let command = format!("{}; read x <&3; echo done", gate.open_in_shell());
    let number = world.detach("web-01", &command).await;
    assert_eq!(world.shanty(&["hold", "on", "db move"]).await.code, 0);
    let ran = world.shanty(&["run", "--on", "web-01", "--", "true"]).await;
    assert_eq!(ran.code, 77, "{ran:?}");
    assert!(ran.err.contains("hold"), "{ran:?}");
    gate.say("on");
    let run = world.run_ends(&number).await;
    assert_eq!(run["executions"][0]["exit_code"], 0, "{run}");
    assert_eq!(world.shanty(&["hold", "off"]).await.code, 0);
    let ran = world.shanty(&["run", "--on", "web-01", "--", "true"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(world.runs().await.len(), 2);
    world.end().await;
}

#[tokio::test]
async fn what_is_refused_has_a_code_for_scripts_and_a_sentence_for_people() {
    let world = world(&ONE).await;
    let long = "x".repeat(6_001);
    for (args, code, name) in [
        (["runs", "show", "99"].as_slice(), 65, "E_NOT_FOUND"),
        (&["runs", "output", "99"], 65, "E_NOT_FOUND"),
        (&["runs", "follow", "99"], 65, "E_NOT_FOUND"),
        (&["runs", "cancel", "99"], 65, "E_NOT_FOUND"),
        (&["runs", "show", "last"], 64, "E_USAGE"),
        (&["hosts", "label", "db-01", "a=b"], 64, "E_SELECTOR"),
        (&["hosts", "label", "web-01", "a=b=c"], 64, "E_LABEL"),
        (&["hosts", "drain", "db-01"], 64, "E_SELECTOR"),
        (&["groups", "save", "a b", "web-01"], 64, "E_NAME"),
        (&["groups", "save", "web", "wbe-01"], 64, "E_SELECTOR"),
        (&["groups", "remove", "web"], 65, "E_NOT_FOUND"),
        (
            &["run", "--on", "web-01", "--offline", "wait", "--", "true"],
            64,
            "E_OPTION",
        ),
        (&["hosts", "remove", "db-01", "--yes"], 65, "E_NOT_FOUND"),
        (&["hosts", "show", "db-01"], 64, "E_SELECTOR"),
        (&["run", "--on", "db-01", "--", "true"], 64, "E_SELECTOR"),
        (&["run", "--on", "", "--", "true"], 64, "E_SELECTOR"),
        (&["run", "--on", "web-01 (", "--", "true"], 64, "E_SELECTOR"),
        (
            &["run", "--on", "web-01", "--", "  "],
            64,
            "E_EMPTY_COMMAND",
        ),
        (&["run", "--on", "web-01", "--", &long], 64, "E_TOO_LONG"),
        (
            &["run", "--on", "web-01", "--timeout", "5", "--", "true"],
            64,
            "E_DURATION",
        ),
    ] {
        let ran = world.shanty(args).await;
        assert_eq!(ran.code, code, "{args:?}: {ran:?}");
        assert!(ran.err.starts_with("shanty: "), "{args:?}: {ran:?}");
        // Options stand before the command, which follows `--`.
        let at = args
            .iter()
            .position(|arg| *arg == "--")
            .unwrap_or(args.len());
        let args = [&args[..at], &["--json"], &args[at..]].concat();
        let ran = world.shanty(&args).await;
        assert_eq!(ran.code, code, "{args:?}: {ran:?}");
        let error = ran.json();
        assert_eq!(
            (&error["event"], &error["code"]),
            (&"error".into(), &name.into()),
            "{error}"
        );
        assert!(!error["text"].as_str().unwrap().is_empty(), "{error}");
    }
    assert_eq!(world.runs().await.len(), 0, "nothing was run");
    world.end().await;
}

#[tokio::test]
async fn without_a_controller_or_with_a_wrong_call_nothing_is_tried() {
    let dir = tempfile::tempdir().unwrap();
    let admin = dir
        .path()
        .join("nobody.sock")
        .to_string_lossy()
        .into_owned();
    let ran =
        async |args: &[&str]| process::run(&mut process::call(&programs().shanty, args)).await;
    for args in [
        ["hosts", "--admin", &admin].as_slice(),
        &["runs", "list", "--admin", &admin],
        &["token", "list", "--admin", &admin],
        &["hold", "on", "db move", "--admin", &admin],
        &[
            "run", "--on", "all", "--yes", "--admin", &admin, "--", "true",
        ],
    ] {
        let ran = ran(args).await;
        assert_eq!(ran.code, 75, "{args:?}: {ran:?}");
        assert!(ran.err.contains(&admin), "{ran:?}");
        assert!(ran.err.contains("shanty serve"), "what to do: {ran:?}");
    }
    let json = ran(&["hosts", "--json", "--admin", &admin]).await;
    assert_eq!(json.json()["code"], "E_NO_CONTROLLER");
    for args in [
        [].as_slice(),
        &["dance"],
        &["hosts", "--loud"],
        &["run", "--on", "all"],
        &["run", "--", "true"],
        &["runs", "cancel"],
        &["runs", "cancel", "1", "--all"],
        &["runs", "list", "--limit", "0"],
        &["hold", "maybe"],
        &["token", "create", "--uses", "many"],
    ] {
        let ran = ran(args).await;
        assert_eq!(ran.code, 64, "{args:?}: {ran:?}");
        assert!(
            !ran.err.is_empty() && ran.out.is_empty(),
            "{args:?}: {ran:?}"
        );
    }
    assert_eq!(ran(&["--help"]).await.code, 0);
    assert_eq!(ran(&["--version"]).await.code, 0);
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

#[tokio::test]
async fn characters_that_only_look_like_plain_ones_are_run_only_when_they_are_meant() {
    let world = world(&ONE).await;
    let run = ["run", "--on", "web-01"];
    let typed = ["--", "echo ‘a’ –n\u{2003}b"];
    let ran = world.shanty(&[&run[..], &typed].concat()).await;
    assert_ne!(ran.code, 0, "{ran:?}");
    for told in [
        "Nothing was run.",
        "column 6: quote ‘ (U+2018) instead of '",
        "column 10: dash – (U+2013) instead of -",
        "column 12: space U+2003 instead of a plain one",
        "echo 'a' -n b",
        "--exact",
    ] {
        assert!(ran.err.contains(told), "{told}: {ran:?}");
    }
    assert!(world.runs().await.is_empty());
    let ran = world
        .shanty(&[&run[..], &["--exact"], &typed].concat())
        .await;
    assert_eq!((ran.code, ran.out.as_str()), (0, "‘a’ –n\u{2003}b\n"));
    world.end().await;
}

//! How `shanty` ends when something around it does: its reader, its controller.

use std::collections::BTreeSet;
use std::process::Stdio;

use nix::sys::signal::Signal;
use serde_json::Value;
use shanty_tests::process;
use shanty_tests::{Call, Gate, Options, World, wait};

use crate::programs;

const ONE: [(&str, &str); 1] = [("web-01", "role=web")];
const TWO: [(&str, &str); 2] = [("web-01", "role=web"), ("web-02", "role=web")];

async fn world(hosts: &[(&str, &str)]) -> World {
    World::with_hosts(&programs(), Options::default(), hosts).await
}

#[tokio::test]
async fn a_closed_pipe_ends_every_subcommand_without_a_word() {
    let world = world(&TWO).await;
    world.shanty(&["groups", "save", "web", "role=web"]).await;
    let number = world.detach("web-01", "echo out").await;
    world.run_ends(&number).await;
    for args in [
        &["hosts"][..],
        &["hosts", "--json"],
        &["hosts", "--names"],
        &["hosts", "show", "web-01"],
        &["groups"],
        &["token", "list"],
        &["token", "create"],
        &["run", "--on", "web-01", "--", "echo out"],
        &["run", "--on", "role=web", "--", "echo out"],
        &["run", "--on", "role=web", "--json", "--", "true"],
        &["runs", "follow", &number],
        &["hold", "off"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut call = world.shanty_call(args);
        call.stdin(Stdio::null())
            .stdout(writer)
            .stderr(Stdio::piped());
        let ended = call.spawn().unwrap().wait_with_output();
        let ended = tokio::time::timeout(wait::BOUND, ended).await;
        let ended = ended.expect("it ends in time").unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(141), "{args:?}: {said}");
        assert!(
            !said.contains("panicked") && !said.contains("pipe"),
            "{args:?}: {said}"
        );
    }
    // What cannot be written for another reason is told.
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
    let mut call = world.shanty_call(&["hosts"]);
    call.stdin(Stdio::null())
        .stdout(full.unwrap())
        .stderr(Stdio::piped());
    let ended = call.spawn().unwrap().wait_with_output().await.unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(74), "{said}");
    assert!(said.contains("standard output cannot be written"), "{said}");
    world.end().await;
}

#[tokio::test]
async fn help_that_cannot_be_written_is_told() {
    let programs = programs();
    let calls = [
        (&programs.shanty, &["help"][..], ""),
        (&programs.shanty, &["runs", "--help"], ""),
        (&programs.shanty, &["--version"], ""),
        (&programs.shanty, &[], "bash"),
        (&programs.shanty, &["--", "shanty", "ho"], "bash"),
        (&programs.agent, &["--help"], ""),
        (&programs.agent, &["--version"], ""),
    ];
    for (program, args, shell) in calls {
        let ended = async |stdout: Stdio| {
            let mut call = process::call(program, args);
            if !shell.is_empty() {
                call.env("SHANTY_COMPLETE", shell);
                call.env("_CLAP_COMPLETE_INDEX", "1");
            }
            call.stdin(Stdio::null()).stdout(stdout);
            call.stderr(Stdio::piped());
            let ended = call.spawn().unwrap().wait_with_output();
            let ended = tokio::time::timeout(wait::BOUND, ended).await;
            let ended = ended.expect("it ends in time").unwrap();
            let said = String::from_utf8_lossy(&ended.stderr).into_owned();
            (ended.status.code(), said)
        };
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
        let (code, said) = ended(full.unwrap().into()).await;
        assert_eq!(code, Some(74), "{args:?}: {said}");
        let why = "standard output cannot be written: No space left on device";
        assert!(
            said.contains(why) && said.lines().count() == 1,
            "{args:?}: {said}"
        );
        let (reader, closed) = std::io::pipe().unwrap();
        drop(reader);
        let closed = ended(closed.into()).await;
        assert_eq!(closed, (Some(141), String::new()), "{args:?}");
    }
}

#[tokio::test]
async fn json_tells_a_run_once_and_then_what_changes() {
    let world = world(&TWO).await;
    let args = [
        "run",
        "--on",
        "role=web",
        "--json",
        "--",
        r"printf 'caf\303\251 \377'; exit 3",
    ];
    let ran = world.shanty(&args).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    let lines = ran
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let events: Vec<Value> = lines.collect();
    let of = |kind: &str| -> Vec<&Value> {
        let is = |event: &&Value| event["event"] == kind;
        events.iter().filter(is).collect()
    };
    let runs = of("run");
    assert_eq!(
        runs.len(),
        2,
        "at the beginning and at the end: {}",
        ran.out
    );
    assert_eq!((runs[0], runs[1]), (&events[0], &events[events.len() - 1]));
    assert_eq!(runs[1]["state"], "closed");
    assert_eq!(runs[1]["executions"][0]["exit_code"], 3);
    assert_eq!(
        (&runs[0]["result"], &runs[1]["result"]),
        (&Value::Null, &"failed".into())
    );
    assert!(runs[1]["stopped_by"].is_null(), "{}", runs[1]);
    for event in of("host") {
        assert!(
            event["host"].is_string() && event["state"].is_string(),
            "{event}"
        );
        assert!(event.get("executions").is_none(), "{event}");
    }
    let bytes: Vec<u8> = [b"caf\xc3\xa9 ".as_slice(), b"\xff"].concat();
    for host in ["web-01", "web-02"] {
        let printed = of("output")
            .into_iter()
            .filter(|event| event["host"] == host);
        let bytes_of = |event: &Value| match event["base64"].as_str() {
            Some(text) => {
                use base64::Engine as _;
                base64::prelude::BASE64_STANDARD.decode(text).unwrap()
            }
            None => event["text"].as_str().unwrap().as_bytes().to_vec(),
        };
        let all: Vec<u8> = printed.flat_map(bytes_of).collect();
        assert_eq!(all, bytes, "{}", ran.out);
    }
    world.end().await;
}

#[tokio::test]
async fn whoever_follows_gets_the_rest_from_the_next_controller_and_nothing_twice() {
    let mut world = world(&ONE).await;
    let mut gate = Gate::new(world.dir.path(), "gate");
    let command = format!(
        "{}; echo one; read x <&3; echo two; exit 4",
        gate.open_in_shell()
    );
    let mut call = Call::start(world.shanty_call(&["run", "--on", "web-01", "--", &command]));
    assert_eq!(call.out().await, "one");
    world.take_controller().kill().await;
    let said = call.err().await;
    for part in [
        "the controller went away",
        "run #1 goes on",
        "`shanty runs follow 1`",
    ] {
        assert!(said.contains(part), "{said}");
    }
    world.start_controller().await;
    gate.say("on");
    let ran = call.end().await;
    assert_eq!((ran.code, ran.out.as_str()), (4, "two\n"), "{ran:?}");
    world.end().await;
}

#[tokio::test]
async fn a_controller_that_stays_away_has_a_code_of_its_own() {
    let mut world = world(&ONE).await;
    let mut gate = Gate::new(world.dir.path(), "gate");
    let command = format!("{}; echo one; read x <&3; echo two", gate.open_in_shell());
    let args = ["run", "--on", "web-01", "--reconnect", "0s", "--", &command];
    let mut call = Call::start(world.shanty_call(&args));
    assert_eq!(call.out().await, "one");
    world.take_controller().signal(Signal::SIGKILL);
    let ran = call.end().await;
    assert_eq!(ran.code, 69, "{ran:?}");
    for part in [
        "the controller went away; run #1 goes on",
        "`shanty runs follow 1`",
    ] {
        assert!(ran.err.contains(part), "{ran:?}");
    }
    world.start_controller().await;
    gate.say("on");
    let run = world.run_ends("1").await;
    assert_eq!(run["executions"][0]["exit_code"], 0, "{run}");
    world.end().await;
}

#[tokio::test]
async fn what_somebody_else_stopped_is_never_0() {
    let world = world(&ONE).await;
    let command = "trap 'exit 0' TERM; echo begun; sleep 1000 & wait";
    let mut call = Call::start(world.shanty_call(&["run", "--on", "web-01", "--", command]));
    assert_eq!(call.out().await, "begun");
    world.shanty(&["runs", "cancel", "1"]).await;
    let ran = call.end().await;
    assert_eq!(ran.code, 130, "{ran:?}");
    assert!(ran.err.contains("web-01: stopped, exit 0"), "{ran:?}");
    // Whoever follows and whoever looks later is told by whom.
    let run = world.show("1").await;
    let stopper = run["stopped_by"].as_str().unwrap_or_default();
    assert!(stopper.starts_with("local:"), "{run}");
    let ran = world.shanty(&["runs", "follow", "1", "--json"]).await;
    let last = ran.out.lines().last().unwrap_or_default();
    let last: Value = serde_json::from_str(last).unwrap();
    for field in ["result", "stopped_by", "by"] {
        assert_eq!(last[field], run[field], "{field}: {last}");
    }
    assert_eq!(
        (&run["result"], &run["executions"][0]["result"]),
        (&"stopped".into(), &"stopped".into())
    );
    world.end().await;
}

/// The fields that a table of docs/COMMAND-LINE.md names, which stands below this line of it.
fn documented(table: &str) -> BTreeSet<String> {
    let docs = include_str!("../../docs/COMMAND-LINE.md");
    let (_, below) = docs.split_once(table).expect("the table is there");
    let rows = below.lines().skip_while(|line| line.is_empty());
    let rows = rows.take_while(|line| line.starts_with('|'));
    let cells = rows.filter_map(|row| row.split('|').nth(1));
    let quoted = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    quoted.map(str::to_owned).collect()
}

fn fields(value: &Value) -> BTreeSet<String> {
    let fields = value.as_object().expect("it has fields");
    fields.keys().cloned().collect()
}

#[tokio::test]
async fn every_field_of_a_run_is_documented() {
    let world = world(&TWO).await;
    let ran = world
        .shanty(&["run", "role=web", "--json", "--", "echo out"])
        .await;
    let lines = ran.out.lines();
    let events: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let last = events.last().expect("it says how it ended");
    let of_a_run = "Fields of a run:";
    let of_a_host = "Fields of each of its `executions`:";
    assert_eq!(fields(last), documented(of_a_run), "{last}");
    assert_eq!(fields(&world.show("1").await), documented(of_a_run));
    let hosts = last["executions"].as_array().unwrap();
    assert_eq!(fields(&hosts[0]), documented(of_a_host), "{last}");
    let groups = last["groups"].as_array().unwrap();
    assert_eq!(
        fields(&groups[0]),
        documented("Fields of each of its `groups`:")
    );
    let mut changed = 0;
    for event in events.iter().filter(|event| event["event"] == "host") {
        let more = ["event", "number"].map(str::to_owned);
        let all: BTreeSet<_> = documented(of_a_host).into_iter().chain(more).collect();
        assert_eq!(fields(event), all, "{event}");
        changed += 1;
    }
    assert!(changed > 0, "hosts that changed were told: {}", ran.out);
    world.end().await;
}

#[tokio::test]
async fn where_to_look_and_how_to_print_may_stand_anywhere() {
    let world = world(&ONE).await;
    let admin = world.admin().to_string_lossy().into_owned();
    for args in [
        &["--admin", &admin, "--json", "hosts", "show", "web-01"][..],
        &["hosts", "--json", "--admin", &admin, "show", "web-01"],
        &["hosts", "show", "--json", "web-01", "--admin", &admin],
        &["--json", "hosts", "web-01", "--admin", &admin],
    ] {
        let ran = process::run(&mut process::call(&world.programs().shanty, args)).await;
        assert_eq!(ran.code, 0, "{args:?}: {ran:?}");
        assert_eq!(ran.json()["name"], "web-01", "{args:?}");
    }
    let pages = world.dir.path().to_string_lossy().into_owned();
    for (program, page, part) in [
        (&world.programs().shanty, "shanty-run.1", "dry\\-run"),
        (
            &world.programs().agent,
            "shanty-agent-join.1",
            "token\\-file",
        ),
    ] {
        let ran = process::run(&mut process::call(program, &["man", &pages])).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        let page = std::fs::read_to_string(world.dir.path().join(page)).unwrap();
        assert!(page.contains(part), "{page}");
        let ran = process::run(&mut process::call(program, &["man", "/nonexistent"])).await;
        assert_eq!(ran.code, 73, "{ran:?}");
        assert!(
            ran.err.contains("manual pages cannot be written"),
            "{ran:?}"
        );
    }
    let ran = world.shanty(&["help"]).await;
    assert!(
        ran.code == 0 && ran.out.contains("Usage: shanty"),
        "{ran:?}"
    );
    let ran = world.shanty(&["help", "run"]).await;
    assert!(ran.code == 0 && ran.out.contains("--timeout"), "{ran:?}");
    world.end().await;
}

//! Looking back on the command line: lists by who, where and how, words in what was printed, two runs compared, tables.

use std::process::Stdio;

use serde_json::Value;
use shanty_tests::wait::{self, BOUND};
use shanty_tests::{Options, World};

use crate::programs;

/// What a call printed, which did what it was asked for.
async fn printed(world: &World, args: &[&str]) -> String {
    let ran = world.shanty(args).await;
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{args:?}: {ran:?}");
    ran.out
}

async fn run(world: &World, on: &str, command: &str) -> i32 {
    let ran = world
        .shanty(&["run", "--yes", "--on", on, "--", command])
        .await;
    ran.code
}

fn numbers(lines: &str) -> Vec<u64> {
    let number = |line: &str| {
        let run: Value = serde_json::from_str(line).unwrap();
        run["number"].as_u64().unwrap()
    };
    lines.lines().map(number).collect()
}

#[tokio::test]
async fn runs_are_listed_by_who_where_when_and_how() {
    let world = World::with_three(&programs()).await;
    let operator = world.operator();
    assert_eq!(run(&world, "web-01", "exit 3").await, 3);
    assert_eq!(run(&world, "all", "echo fine").await, 0);
    let asked = operator.run("db-01", "uptime").await;
    operator.card_end(&asked, "exit 0").await;

    let user = format!("local:{}", shanty_tests::host::own_user());
    for (filters, expected) in [
        (&[][..], &[3, 2, 1][..]),
        (&["--state", "ok"], &[3, 2]),
        (&["--state", "failed"], &[1]),
        (&["--state", "running"], &[]),
        (&["--on", "db-01"], &[3, 2]),
        (&["--on", "web-02"], &[2]),
        (&["--by", &user], &[2, 1]),
        (&["--by", &operator.id], &[3]),
        (&["--since", "1h"], &[3, 2, 1]),
        (&["--since", "9999-12-31"], &[]),
        (
            &["--on", "web-01", "--state", "failed", "--limit", "1"],
            &[1],
        ),
    ] {
        let all = [&["runs", "list", "--json"][..], filters].concat();
        assert_eq!(
            numbers(&printed(&world, &all).await),
            expected,
            "{filters:?}"
        );
    }
    let none = printed(&world, &["runs", "list", "--state", "stopped"]).await;
    assert_eq!(none, "Nothing was found.\n");
    for (wrong, said) in [
        (&["--since", "soon"][..], "no time to look back to"),
        (&["--on", "nobody"], "nobody"),
        (&["--on", ""], "No hosts are named"),
        (&["--by="], "Nobody is named"),
        (&["--by", " "], "Nobody is named"),
        (&["--since", ""], "no time to look back to"),
    ] {
        for verb in ["list", "export"] {
            let all = [&["runs", verb][..], wrong].concat();
            let ran = world.shanty(&all).await;
            assert_eq!((ran.code, ran.out.contains("#1")), (64, false), "{ran:?}");
            assert!(ran.err.contains(said), "{ran:?}");
        }
    }
    world.end().await;
}

#[tokio::test]
async fn what_was_printed_is_found_compared_and_run_again() {
    let world = World::with_three(&programs()).await;
    let state = world.dir.path().join("state");
    std::fs::write(&state, "6.1.0-33\n").unwrap();
    let command = format!(
        "echo before; cat {}; test $(hostname) -o 1 = 1",
        state.display()
    );
    let command = command.replace("test $(hostname) -o 1 = 1", "true");
    assert_eq!(run(&world, "all", &command).await, 0);
    std::fs::write(&state, "6.1.0-37\n").unwrap();
    assert_eq!(run(&world, "all", &command).await, 0);
    let fails = "echo 'No space left on device' >&2; exit 28";
    assert_eq!(run(&world, "db-01", fails).await, 28);

    // What is printed is read a moment after the run is over.
    let search = ["runs", "search", "space", "lef", "--json"];
    let found = wait::until("the output to be searched", || async {
        let ran = world.shanty(&search).await;
        let lines: Vec<Value> = ran
            .out
            .lines()
            .filter_map(|l| serde_json::from_str(l).ok())
            .collect();
        let hit = lines
            .first()
            .is_some_and(|run| run["hit"]["host"] == "db-01");
        if hit { Ok(lines) } else { Err(ran.out) }
    })
    .await;
    assert_eq!((found.len(), &found[0]["number"]), (1, &Value::from(3)));
    assert_eq!(found[0]["event"], "found");
    wait::until("all output to be searched", || async {
        let ran = world.shanty(&["runs", "search", "before"]).await;
        let all = ran.out.lines().count() == 4 && ran.err.is_empty();
        if all { Ok(()) } else { Err(ran) }
    })
    .await;
    let text = printed(&world, &["runs", "search", "6.1.0-33"]).await;
    assert!(
        text.starts_with("#1 ") && text.lines().count() == 2,
        "{text}"
    );
    assert!(text.contains("before 6.1.0-33"), "{text}");
    let none = printed(&world, &["runs", "search", "NEAR(\"", "OR", "*nothing*"]).await;
    assert_eq!(none, "Nothing was found.\n");
    for (wrong, said) in [
        ("x".repeat(6_000), "6,000 characters"),
        ("--".to_owned() + "*", "no word"),
    ] {
        let ran = world.shanty(&["runs", "search", "--", &wrong]).await;
        assert_eq!(ran.code, 64, "{ran:?}");
        assert!(ran.err.contains(said), "{ran:?}");
    }

    let diff = printed(&world, &["runs", "diff", "1", "2"]).await;
    let changed = "db-01,web-[01-02]  3 hosts · exit 0\n   before\n  -6.1.0-33\n  +6.1.0-37\n";
    assert!(diff.contains(changed), "{diff}");
    let diff = printed(&world, &["runs", "diff", "1", "3"]).await;
    for part in [
        "db-01  1 host · exit 0 → exit 28",
        "web-[01-02]  2 hosts · only in the first run",
    ] {
        assert!(diff.contains(part), "{part}: {diff}");
    }
    let same = printed(&world, &["runs", "diff", "1", "1", "--json"]).await;
    assert!(same.contains("\"lines\":\"\""), "{same}");
    let ran = world.shanty(&["runs", "diff", "1", "99"]).await;
    assert_eq!(ran.code, 65, "{ran:?}");

    let ran = world.shanty(&["runs", "rerun", "3", "--failed"]).await;
    assert_eq!(ran.code, 28, "{ran:?}");
    let again = world.show("4").await;
    assert_eq!(
        (&again["hosts"], &again["selector"]),
        (&"db-01".into(), &"#3:failed".into())
    );
    let ran = world.shanty(&["runs", "rerun", "1", "--detach"]).await;
    assert!(ran.out.starts_with("#5 runs on "), "{ran:?}");
    world.run_ends("5").await;
    let ran = world.shanty(&["runs", "rerun", "1", "--failed"]).await;
    assert_ne!(ran.code, 0, "no host failed: {ran:?}");

    let show = printed(&world, &["runs", "show", "3"]).await;
    let shown = world.show("3").await;
    let user = shown["users"][0].as_str().expect("the host said it");
    let ran_as = format!("as {user} · timeout 5m");
    for part in ["by local:", "command line", &ran_as] {
        assert!(show.contains(part), "{part}: {show}");
    }
    world.end().await;
}

#[tokio::test]
async fn lines_of_an_output_are_chosen_for_each_host() {
    let world = World::with_three(&programs()).await;
    assert_eq!(run(&world, "role=web", "seq 1 30").await, 0);
    let output = |args: &'static [&'static str]| {
        let all = [&["runs", "output", "1"][..], args].concat();
        let world = &world;
        async move { printed(world, &all).await }
    };
    let both = |lines: [u8; 2]| {
        let line = |host| lines.map(|line| format!("{host}: {line}\n")).concat();
        ["web-01", "web-02"].map(line).concat()
    };
    assert_eq!(output(&["--head", "2"]).await, both([1, 2]));
    assert_eq!(output(&["--tail", "2"]).await, both([29, 30]));
    assert_eq!(
        output(&["--grep", "3", "--tail", "2"]).await,
        both([23, 30])
    );
    assert_eq!(output(&["--grep", "nothing"]).await, "");
    assert_eq!(output(&["--host", "web-02", "--head", "1"]).await, "1\n");
    let ran = world
        .shanty(&["runs", "output", "1", "--raw", "--head", "1"])
        .await;
    assert_eq!(ran.code, 64, "{ran:?}");
    world.end().await;
}

#[tokio::test]
async fn a_table_holds_every_run_and_a_full_disk_is_told() {
    let world = World::with_hosts(&programs(), Options::default(), &[("web-01", "role=web")]).await;
    for command in ["true", "=1+1; exit 2", "echo 'a,b'"] {
        run(&world, "web-01", command).await;
    }
    let csv = printed(&world, &["runs", "export"]).await;
    let lines: Vec<&str> = csv.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 4, "{csv}");
    assert!(lines[0].starts_with("number,accepted_ms,"), "{csv}");
    assert!(
        lines[1].starts_with("3,") && lines[1].ends_with(",\"echo 'a,b'\""),
        "{csv}"
    );
    assert!(
        lines[2].contains(",failed,0,1,") && lines[2].ends_with(",'=1+1; exit 2"),
        "{csv}"
    );
    assert!(lines[3].ends_with(",web-01,web-01,true"), "{csv}");
    let json = printed(&world, &["runs", "export", "--ndjson", "--state", "failed"]).await;
    let run: Value = serde_json::from_str(json.trim_end()).unwrap();
    assert_eq!(
        (&run["number"], &run["command"]),
        (&2.into(), &"=1+1; exit 2".into())
    );

    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    for args in [
        &["runs", "export"][..],
        &["runs", "show", "1"],
        &["runs", "output", "3"],
    ] {
        let (code, told) = to(&world, args, full.try_clone().unwrap()).await;
        assert_eq!(code, 74, "{args:?}: {told}");
        let said = "standard output cannot be written: No space left";
        assert!(told.contains(said), "{args:?}: {told}");
    }
    half_a_table(&world).await;
    for args in [
        &["runs", "export"][..],
        &["runs", "list"],
        &["runs", "search", "true"],
        &["runs", "show", "1"],
        &["runs", "show", "1", "--json"],
        &["runs", "output", "3"],
        &["runs", "output", "3", "--raw"],
        &["runs", "output", "3", "--json"],
        &["runs", "cancel", "--all"],
    ] {
        let (reader, closed) = std::io::pipe().unwrap();
        drop(reader);
        let (code, told) = to(&world, args, closed).await;
        assert_eq!((code, told.as_str()), (141, ""), "{args:?}");
    }
    world.end().await;
}

/// A disk that is full in the middle leaves half a table, and that is said.
async fn half_a_table(world: &World) {
    run(world, "web-01", &format!("true {}", "x".repeat(4_000))).await;
    for kind in ["--csv", "--ndjson"] {
        let whole = printed(world, &["runs", "export", kind]).await;
        let file = world.dir.path().join(format!("half{kind}"));
        // Some hundred bytes may be written to a file.
        let script = "trap '' XFSZ; ulimit -f 2; exec \"$0\" runs export $2 > \"$1\"";
        let mut call = tokio::process::Command::new("sh");
        call.args(["-c", script]);
        call.arg(&world.programs().shanty).arg(&file).arg(kind);
        call.env("SHANTY_ADMIN", world.admin());
        call.stdin(Stdio::null()).kill_on_drop(true);
        let ended = tokio::time::timeout(BOUND, call.output()).await;
        let ended = ended.expect("it ends in time").unwrap();
        let told = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(74), "{told}");
        assert!(told.contains("cannot be written: File too large"), "{told}");
        assert!(told.contains("The table is not whole"), "{told}");
        let half = std::fs::read_to_string(&file).unwrap();
        assert!(!half.is_empty() && half.len() < whole.len(), "{half}");
        assert!(whole.starts_with(&half), "{half}");
    }
}

/// What comes of a call whose output goes there: its exit code, and what it says of that.
async fn to(world: &World, args: &[&str], out: impl Into<Stdio>) -> (i32, String) {
    let mut call = world.shanty_call(args);
    call.stdin(Stdio::null()).stdout(out).stderr(Stdio::piped());
    let child = call.spawn().unwrap();
    let ended = tokio::time::timeout(BOUND, child.wait_with_output()).await;
    let ended = ended.expect("it ends in time").unwrap();
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    (ended.status.code().unwrap_or(-1), told)
}

#[tokio::test]
async fn what_is_searched_is_made_again_when_it_is_lost() {
    let mut world =
        World::with_hosts(&programs(), Options::default(), &[("web-01", "role=web")]).await;
    assert_eq!(run(&world, "web-01", "echo barnacles").await, 0);
    world.take_controller().stop().await;
    std::fs::write(world.dir.path().join("controller/search.db"), "no database").unwrap();
    world.start_controller().await;
    wait::until("the output to be searched again", || async {
        let ran = world
            .shanty(&["runs", "search", "barnacles", "--json"])
            .await;
        let hit = ran.out.contains("\"hit\":{\"host\":\"web-01\"");
        if hit { Ok(()) } else { Err(ran) }
    })
    .await;
    world.end().await;
}

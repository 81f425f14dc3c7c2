//! `shanty` as a person at a terminal sees it.

use shanty_tests::{Gate, Options, Terminal, World};

use crate::programs;

const TWO: [(&str, &str); 2] = [("web-01", "role=web"), ("web-02", "role=web")];
const THREE: &str = "web-01,web-02,db-01";

/// Without colours, where what is said is looked at.
fn at(world: &World, columns: u16, args: &[&str]) -> Terminal {
    let mut call = world.shanty_call(args);
    call.env("NO_COLOR", "1");
    Terminal::start(call, columns)
}

/// What is left on the screen of lines that were drawn anew.
fn left(seen: &str) -> String {
    let last = |line: &str| line.rsplit("\r\u{1b}[K").next().unwrap_or("").to_owned();
    let lines: Vec<String> = seen.lines().map(last).collect();
    lines.join("\n")
}

#[tokio::test]
async fn several_hosts_show_how_they_stand_and_are_then_folded() {
    let world = World::with_three(&programs()).await;
    let mut gate = Gate::new(world.dir.path(), "gate");
    let once = world.dir.path().join("once");
    // One host makes the directory; two cannot.
    let command = format!(
        "{}; read x <&3; mkdir {} 2>/dev/null && echo first && exit; echo second; exit 3",
        gate.open_in_shell(),
        once.display()
    );
    let mut run = at(&world, 100, &["run", "--on", THREE, "--", &command]);
    run.shows("shanty: 0/3 · running db-01,web-[01-02] · ")
        .await;
    for _ in 0..3 {
        gate.say("on");
    }
    let (code, seen) = run.end().await;
    assert_eq!(code, 1, "{seen}");
    let shown = left(&seen);
    assert!(!shown.contains("shanty: "), "the line is gone: {shown}");
    let lines: Vec<&str> = shown.lines().collect();
    let [number, failed, second, blank, well, first, summary] = lines[..] else {
        panic!("other lines: {shown}");
    };
    assert_eq!(number, "#1 on db-01,web-[01-02]");
    assert!(
        failed.starts_with("✗ ") && failed.contains(" · 2 hosts · exit 3 · "),
        "{shown}"
    );
    // What hosts print has a margin, so that it is not taken for a heading.
    let told = (second, blank, first);
    assert_eq!(told, ("  second", "", "  first"), "{shown}");
    assert!(
        well.starts_with("✓ ") && well.contains(" · exit 0 · "),
        "{shown}"
    );
    assert!(summary.starts_with("1 ok · 2 failed · "), "{shown}");
    world.end().await;
}

#[tokio::test]
async fn outputs_that_are_the_same_but_for_the_hosts_name_are_one() {
    let world = World::with_hosts(&programs(), Options::default(), &TWO).await;
    // Each host has a name of its own in what it prints.
    let once = world.dir.path().join("once");
    let command = format!(
        "mkdir {} 2>/dev/null && echo one && exit; echo two; echo same",
        once.display()
    );
    let args = ["run", "--on", "role=web", "--diff", "--", &command];
    let (code, seen) = at(&world, 80, &args).end().await;
    assert_eq!(code, 0, "{seen}");
    let shown = left(&seen);
    assert!(shown.contains("another output than most"), "{shown}");
    assert!(
        shown.contains("-one") || shown.contains("-two"),
        "what only most have: {shown}"
    );
    assert!(shown.contains("+one") || shown.contains("+two"), "{shown}");
    world.end().await;
}

#[tokio::test]
async fn lines_are_streamed_where_somebody_wants_them() {
    let world = World::with_hosts(&programs(), Options::default(), &TWO).await;
    let evil = r"printf 'mine\rweb-09: forged\033[2J\n'";
    let args = ["run", "--on", "role=web", "--stream", "--", evil];
    let (code, seen) = at(&world, 80, &args).end().await;
    assert_eq!(code, 0, "{seen}");
    for line in ["web-01: web-09: forged\n", "web-02: web-09: forged\n"] {
        assert!(seen.contains(line), "{line}: {seen}");
    }
    assert!(!seen.contains("\u{1b}[2J"), "{seen:?}");
    assert!(seen.contains("2 ok · "), "{seen}");

    // Of one host too; raw is what somebody asks for.
    let args = ["run", "--on", "web-01", "--", evil];
    let (_, seen) = at(&world, 80, &args).end().await;
    assert!(
        seen.contains("web-09: forged") && !seen.contains("\u{1b}[2J"),
        "{seen:?}"
    );
    let args = ["run", "--on", "web-01", "--raw", "--", evil];
    let (_, seen) = at(&world, 80, &args).end().await;
    assert!(seen.contains("mine\rweb-09: forged\u{1b}[2J"), "{seen:?}");
    world.end().await;
}

#[tokio::test]
async fn what_was_typed_does_nothing_to_the_terminal_when_it_is_said_again() {
    let programs = programs();
    let dir = tempfile::tempdir().unwrap();
    let nowhere = dir
        .path()
        .join("\u{1b}]0;x\u{7}")
        .to_string_lossy()
        .into_owned();
    let evil = "\u{1b}[2J\u{9b}31m\rshanty: all is well";
    for (program, args) in [
        (&programs.shanty, &[evil][..]),
        (&programs.shanty, &["runs", "list", "--limit", evil]),
        (
            &programs.shanty,
            &["runs", "show", evil, "--admin", &nowhere],
        ),
        (&programs.shanty, &["run", "web-01", evil]),
        (&programs.shanty, &["hosts", "--admin", &nowhere]),
        (&programs.shanty, &["man", &nowhere]),
        (&programs.shanty, &["serve", "--config", &nowhere]),
        (
            &programs.shanty,
            &["demo", "stop", evil, "--data-dir", &nowhere],
        ),
        (&programs.agent, &[evil]),
        (&programs.agent, &["man", &nowhere]),
        (&programs.agent, &["run", "--data-dir", &nowhere]),
        (&programs.agent, &["join", "--server", evil]),
    ] {
        let mut call = shanty_tests::process::call(program, args);
        call.env("NO_COLOR", "1").env("RUST_LOG", "off");
        let (code, seen) = Terminal::start(call, 80).end().await;
        assert_ne!(code, 0, "{args:?}: {seen:?}");
        assert!(seen.contains('␛'), "it is shown: {args:?}: {seen:?}");
        let moves = |c: char| c != '\n' && c.is_control();
        assert_eq!(seen.find(moves), None, "{args:?}: {seen:?}");
    }
}

#[tokio::test]
async fn a_question_without_an_end_of_line_is_seen_while_it_waits() {
    let world = World::with_hosts(&programs(), Options::default(), &TWO).await;
    let mut gate = Gate::new(world.dir.path(), "gate");
    let command = format!(
        "{}; printf 'go on? '; read x <&3; echo yes",
        gate.open_in_shell()
    );
    let mut run = at(&world, 80, &["run", "--on", "web-01", "--", &command]);
    run.shows("go on? ").await;
    gate.say("on");
    let (code, seen) = run.end().await;
    assert_eq!((code, seen.as_str()), (0, "go on? yes\n"));
    world.end().await;
}

#[tokio::test]
async fn tables_fit_terminals_and_have_colours_where_those_are_shown() {
    let world = World::with_three(&programs()).await;
    world.shanty(&["groups", "save", "web", "role=web"]).await;
    world
        .shanty(&["run", "web-01", "--", "echo barnacles"])
        .await;
    shanty_tests::wait::until("its output to be searched", || async {
        let ran = world.shanty(&["runs", "search", "barnacles"]).await;
        if ran.err.is_empty() { Ok(()) } else { Err(ran) }
    })
    .await;
    for columns in [20_u16, 80] {
        for args in [
            &["hosts"][..],
            &["groups"],
            &["token", "list"],
            &["runs", "list"],
            &["runs", "search", "barnacles"],
        ] {
            let (code, seen) = at(&world, columns, args).end().await;
            assert_eq!(code, 0, "{seen}");
            let wide = |line: &&str| line.chars().count() > usize::from(columns);
            let rows = seen.lines().filter(|line| !line.contains(", 3 online"));
            assert_eq!(rows.clone().find(wide), None, "{columns}: {seen}");
            assert!(rows.count() > 1, "a header and rows: {seen}");
        }
    }
    let (_, seen) = Terminal::start(world.shanty_call(&["hosts"]), 80)
        .end()
        .await;
    assert!(seen.starts_with("\u{1b}[1mNAME"), "{seen:?}");
    // The machine may be nearly full.
    let states = ["\u{1b}[32monline\u{1b}[0m", "\u{1b}[33mfull\u{1b}[0m"];
    assert!(states.iter().any(|state| seen.contains(state)), "{seen:?}");
    for (name, value) in [("TERM", "dumb"), ("NO_COLOR", "1"), ("CLICOLOR", "0")] {
        let mut call = world.shanty_call(&["hosts"]);
        call.env(name, value);
        let (_, seen) = Terminal::start(call, 80).end().await;
        assert!(!seen.contains('\u{1b}'), "{name}: {seen:?}");
    }
    // A terminal that can do nothing is told nothing by escape sequences, during a run too.
    let mut call = world.shanty_call(&["run", "--on", THREE, "--", "echo out"]);
    call.env("TERM", "dumb");
    let (code, seen) = Terminal::start(call, 80).end().await;
    assert_eq!(code, 0, "{seen}");
    assert!(!seen.contains('\u{1b}'), "{seen:?}");
    assert!(
        seen.contains("✓ db-01,web-[01-02] · 3 hosts · exit 0"),
        "{seen}"
    );
    world.end().await;
}

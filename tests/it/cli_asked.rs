//! What `shanty` asks before it does something, at a terminal and where nobody sits at one.

use shanty_tests::{Terminal, World};

use crate::programs;

async fn runs(world: &World) -> usize {
    world.runs().await.len()
}

#[tokio::test]
async fn a_run_on_all_is_shown_first_and_runs_when_somebody_says_yes() {
    let world = World::with_three(&programs()).await;
    let args = ["run", "all", "--", "echo out"];
    let terminal = || {
        let mut call = world.shanty_call(&args);
        call.env("NO_COLOR", "1");
        Terminal::start(call, 100)
    };
    for answer in ["", "n", "maybe"] {
        let mut asked = terminal();
        asked.shows("Run it? [y/N] ").await;
        asked.types(answer).await;
        let (code, seen) = asked.end().await;
        assert_eq!(code, 1, "{seen}");
        assert!(seen.contains("not confirmed: nothing was done"), "{seen}");
    }
    assert_eq!(runs(&world).await, 0);
    let mut asked = terminal();
    asked
        .shows("3 hosts: db-01,web-[01-02]\n  command   echo out\n")
        .await;
    asked
        .shows("You are asked first: `all` was named.\nRun it? [y/N] ")
        .await;
    asked.types("y").await;
    let (code, seen) = asked.end().await;
    assert_eq!(code, 0, "{seen}");
    assert!(seen.contains("3 ok · "), "{seen}");
    assert_eq!(runs(&world).await, 1);
    world.end().await;
}

#[tokio::test]
async fn what_was_shown_is_what_runs() {
    let mut world = World::with_three(&programs()).await;
    let call = world.shanty_call(&["run", "all", "--", "echo out"]);
    let mut asked = Terminal::start(call, 100);
    asked.shows("Run it? [y/N] ").await;
    world.add_host("web-03", "role=web").await;
    asked.types("y").await;
    let (code, seen) = asked.end().await;
    assert_eq!(code, 65, "{seen}");
    assert!(seen.contains("not the hosts that were shown"), "{seen}");
    assert_eq!(runs(&world).await, 0);
    world.end().await;
}

#[tokio::test]
async fn where_nobody_sits_a_large_run_needs_its_yes_and_a_dry_one_runs_nothing() {
    let mut world = World::with_three(&programs()).await;
    let ran = world.shanty(&["run", "all", "--", "true"]).await;
    assert_eq!(ran.code, 64, "{ran:?}");
    for part in ["`all` was named", "--yes"] {
        assert!(ran.err.contains(part), "{part}: {ran:?}");
    }
    let ran = world.shanty(&["run", "all", "--json", "--", "true"]).await;
    assert_eq!(
        (ran.code, &ran.json()["code"]),
        (64, &"E_CONFIRM".into()),
        "{ran:?}"
    );

    let ran = world
        .shanty(&["run", "all", "--dry-run", "--", "rm -rf x"])
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.out
            .starts_with("3 hosts: db-01,web-[01-02]\n  command   rm -rf x\n"),
        "{ran:?}"
    );
    let args = ["run", "role=web", "--dry-run", "--json", "--", "true"];
    let plan = world.shanty(&args).await.json();
    assert_eq!(
        (&plan["hosts"], &plan["count"]),
        (&"web-[01-02]".into(), &2.into())
    );
    assert_eq!(plan["cautions"], serde_json::json!([]));

    // Hosts that are away are a question too, unless it is answered.
    world.host("web-02").stop().await;
    world.is_online("web-02", false).await;
    let ran = world.shanty(&["run", "role=web", "--", "true"]).await;
    assert_eq!(ran.code, 64, "{ran:?}");
    assert!(ran.err.contains("some hosts cannot take it now"), "{ran:?}");
    assert_eq!(runs(&world).await, 0);
    for (args, code) in [
        (&["run", "role=web", "--yes", "--", "true"][..], 75),
        (&["run", "role=web", "--offline", "skip", "--", "true"], 0),
        (&["run", "all", "-y", "--offline", "skip", "--", "true"], 0),
    ] {
        let ran = world.shanty(args).await;
        assert_eq!(ran.code, code, "{args:?}: {ran:?}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_mistake_in_typing_runs_nothing_anywhere() {
    let world = World::with_three(&programs()).await;
    for (args, told) in [
        (
            &["run", "web-01", "uptime"][..],
            "shanty run web-01 -- uptime",
        ),
        (
            &["run", "--on", "web-01", "uptime"],
            "shanty run web-01 -- uptime",
        ),
        (&["run", "web-01"], "shanty run web-01 -- COMMAND"),
        (
            &["run", "web-01", "db-01", "--", "uptime"],
            "shanty run 'web-01 db-01' -- uptime",
        ),
        (&["run", "--", "uptime"], "shanty run SELECTOR -- uptime"),
    ] {
        let ran = world.shanty(args).await;
        assert_eq!(ran.code, 64, "{args:?}: {ran:?}");
        assert!(ran.err.contains(told), "{told}: {ran:?}");
    }
    assert_eq!(runs(&world).await, 0);
    world.end().await;
}

#[tokio::test]
async fn what_runs_again_is_shown_first_as_what_is_typed() {
    let mut world = World::with_three(&programs()).await;
    let args = ["run", "role=web", "--", "echo out"];
    assert_eq!(world.shanty(&args).await.code, 0);
    let dry = world.shanty(&["runs", "rerun", "1", "--dry-run"]).await;
    let shown = "2 hosts: web-[01-02]\n  command   echo out\n";
    assert!(dry.code == 0 && dry.out.starts_with(shown), "{dry:?}");
    world.host("web-02").stop().await;
    world.is_online("web-02", false).await;
    let ran = world.shanty(&["runs", "rerun", "1"]).await;
    assert_eq!(ran.code, 64, "{ran:?}");
    for part in ["some hosts cannot take it now", "--yes"] {
        assert!(ran.err.contains(part), "{part}: {ran:?}");
    }
    let mut asked = Terminal::start(world.shanty_call(&["runs", "rerun", "1"]), 100);
    asked.shows("2 hosts: web-[01-02]\n").await;
    asked.shows("Run it? [y/N] ").await;
    asked.types("n").await;
    assert_eq!(asked.end().await.0, 1);
    assert_eq!(runs(&world).await, 1, "nothing ran");
    let none = world.shanty(&["runs", "rerun", "9"]).await;
    assert_eq!(none.code, 65, "{none:?}");
    let ran = world.shanty(&["runs", "rerun", "1", "--yes"]).await;
    assert_eq!(ran.code, 75, "one of them was away: {ran:?}");
    assert_eq!(runs(&world).await, 2);
    world.end().await;
}

#[tokio::test]
async fn a_host_is_removed_when_somebody_says_yes() {
    let mut world = World::with_three(&programs()).await;
    // Nobody is asked about what is not there, at a terminal or not.
    for name in ["nope", "web*", "role=web", "\u{1b}[2J"] {
        let ran = world.shanty(&["hosts", "remove", name]).await;
        assert_eq!(ran.code, 65, "{name:?}: {ran:?}");
        assert!(ran.err.contains("There is no host named"), "{ran:?}");
    }
    let call = world.shanty_call(&["hosts", "remove", "nope"]);
    let (code, seen) = Terminal::start(call, 80).end().await;
    assert!(code == 65 && !seen.contains("[y/N]"), "{seen}");
    let ran = world.shanty(&["hosts", "remove", "db-01"]).await;
    assert_eq!(ran.code, 64, "{ran:?}");
    assert!(ran.err.contains("--yes"), "{ran:?}");
    let call = world.shanty_call(&["hosts", "remove", "db-01"]);
    let mut asked = Terminal::start(call, 80);
    asked.shows("Remove it for good? [y/N] ").await;
    asked.types("no").await;
    assert_eq!(asked.end().await.0, 1);
    world.is_online("db-01", true).await;
    let call = world.shanty_call(&["hosts", "remove", "db-01"]);
    let mut asked = Terminal::start(call, 80);
    asked.shows("Remove it for good? [y/N] ").await;
    asked.types("yes").await;
    let (code, seen) = asked.end().await;
    assert_eq!(code, 0, "{seen}");
    assert!(seen.contains("db-01 was removed"), "{seen}");
    assert_eq!(world.host("db-01").take_agent().ended().await, 77);
    world.end().await;
}

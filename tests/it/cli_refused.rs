//! What the command line does not do: it says so, and has a code for it.

use shanty_tests::process;

use crate::cli::{ONE, world};
use crate::programs;

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

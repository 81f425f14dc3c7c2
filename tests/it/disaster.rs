//! A backup is put back while hosts hold what happened since: nothing runs again, every link is taken, and what is not known is told.

use shanty_core::text::thousands;
use shanty_tests::process::Ran;
use shanty_tests::{Options, World, wait};

use crate::programs;

async fn ok(world: &World, args: &[&str]) -> Ran {
    let ran = world.shanty(args).await;
    assert_eq!(ran.code, 0, "{args:?}: {ran:?}");
    ran
}

/// Lines of a file that commands write to.
fn lines(path: &std::path::Path) -> usize {
    std::fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

#[tokio::test]
async fn after_an_older_backup_nothing_runs_again_and_every_host_is_there() {
    let options = Options {
        ops_channel: true,
        ..Options::default()
    };
    let hosts = [("web-01", "role=web"), ("web-02", "role=web")];
    let mut world = World::with_hosts(&programs(), options, &hosts).await;
    let (log, go) = (world.dir.path().join("ran"), world.dir.path().join("go"));
    let command = format!(
        "echo ran >> {}; until [ -e {} ]; do sleep 0.05; done; seq 20000",
        log.display(),
        go.display()
    );
    ok(
        &world,
        &["run", "--on", "role=web", "--yes", "--", "echo before"],
    )
    .await;
    let backup = world.dir.path().join("backup").display().to_string();
    let made = ok(&world, &["backup", "--json", &backup]).await.json();
    let manifest = std::fs::read(format!("{backup}/manifest.json")).unwrap();
    assert!(
        !manifest.is_empty() && made["bytes"].as_u64() > Some(0),
        "{made}"
    );

    // Runs that the backup does not know: one that goes on, and one that has ended.
    ok(
        &world,
        &[
            "run", "--on", "role=web", "--yes", "--detach", "--", &command,
        ],
    )
    .await;
    wait::until_true("both to run", || lines(&log) == 2).await;
    world.take_controller().stop().await;
    let data = world.dir.path().join("controller");
    std::fs::rename(&data, world.dir.path().join("lost")).unwrap();
    let data = data.display().to_string();
    let restored = ok(&world, &["restore", &backup, "--data-dir", &data]).await;
    assert!(restored.out.contains("holds the backup of"), "{restored:?}");
    world.start_controller().await;
    for name in ["web-01", "web-02"] {
        world.is_online(name, true).await;
    }
    // What is not known goes on and prints more than a link has under way; hosts take commands beside it, again and again.
    std::fs::write(&go, b"").unwrap();
    for _ in 0..3 {
        let ran = ok(
            &world,
            &["run", "--on", "role=web", "--yes", "--", "echo after"],
        )
        .await;
        assert_eq!(ran.out.matches("after").count(), 2, "{ran:?}");
    }
    assert_eq!(lines(&log), 2, "nothing ran again");
    let verified = ok(
        &world,
        &[
            "audit",
            "verify",
            "--anchor",
            made["anchor"].as_str().unwrap(),
        ],
    )
    .await;
    assert!(verified.out.contains("intact"), "{verified:?}");

    let held = async |expected: u64| {
        wait::until("what hosts hold", || async {
            let shown = ok(&world, &["hosts", "--json"]).await;
            let counts: Vec<u64> = shown
                .out
                .lines()
                .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
                .filter_map(|host| host["unknown_runs"].as_u64())
                .collect();
            match counts.len() == 2 && counts.iter().all(|count| *count == expected) {
                true => Ok(()),
                false => Err(shown.out),
            }
        })
        .await;
    };
    held(1).await;
    let told = world
        .operator()
        .sees("what hosts hold to be told", |message| {
            message
                .text()
                .contains("2 hosts hold what is not known here")
        })
        .await;
    assert!(told.text().contains("web-01"), "{}", told.text());
    let released = ok(&world, &["hosts", "release", "role=web"]).await;
    assert_eq!(
        released.out.matches("gives up 1 execution").count(),
        2,
        "{released:?}"
    );
    held(0).await;
    world.end().await;
}

#[tokio::test]
async fn output_that_is_not_what_was_recorded_is_told_wherever_it_is_read() {
    let options = Options::default();
    let mut world = World::with_hosts(&programs(), options, &[("web-01", "role=web")]).await;
    let printed = ok(&world, &["run", "--on", "web-01", "--", "seq 30000"]).await;
    world.take_controller().stop().await;
    let place = world.dir.path().join("controller/output.db");
    let output = rusqlite::Connection::open(&place).unwrap();
    let half = "DELETE FROM chunk WHERE offset >= 70000;
                UPDATE chunk SET bytes = substr(bytes, 1, 70000 - offset) WHERE offset + length(bytes) > 70000;
                UPDATE execution SET len = 70000";
    output.execute_batch(half).unwrap();
    output.close().unwrap();
    world.start_controller().await;
    let ran = world.shanty(&["runs", "output", "1"]).await;
    assert_eq!(ran.code, 65, "{}", ran.err);
    assert!(printed.out.starts_with(&ran.out) && ran.out.len() > 1_000);
    let missing = printed.out.len() - ran.out.len();
    let told = format!(
        "{} of 168,894 bytes are there",
        thousands(ran.out.len() as u64)
    );
    assert!(ran.err.contains(&told), "{missing} missing: {}", ran.err);
    let ran = world.shanty(&["runs", "follow", "1"]).await;
    assert_eq!(ran.code, 65, "{}", ran.err);

    // All of it is gone, without a word of SQLite.
    world.take_controller().stop().await;
    for name in ["output.db", "output.db-wal", "output.db-shm"] {
        std::fs::remove_file(place.with_file_name(name)).ok(); // a file that need not be there
    }
    world.start_controller().await;
    let ran = world.shanty(&["runs", "output", "1"]).await;
    assert_eq!((ran.code, ran.out.as_str()), (65, ""), "{}", ran.err);
    assert!(
        ran.err
            .contains("0 of 168,894 bytes are there, 168,894 are missing"),
        "{}",
        ran.err
    );
    world.end().await;
}

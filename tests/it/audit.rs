//! The journal of a controller, looked at by whoever must be able to say what was done: whether it is what was written, with and without a
//! controller that runs, and what becomes of one that is not.

use std::path::PathBuf;

use serde_json::Value;
use shanty_tests::{Options, World, wait};

use crate::config::Setup;
use crate::programs;

impl Setup {
    async fn tokens(&self, n: usize) {
        for _ in 0..n {
            let ran = self.shanty(&["token", "create"]).await;
            assert_eq!(ran.code, 0, "{ran:?}");
        }
    }

    fn data(&self) -> String {
        self.path("data").display().to_string()
    }

    fn journal(&self) -> PathBuf {
        self.path("data").join("shanty.db")
    }

    /// Does to the journal what no program of ours does.
    fn sql(&self, sql: &str) {
        let journal = rusqlite::Connection::open(self.journal()).unwrap();
        journal.execute_batch(sql).unwrap();
        journal.close().unwrap();
    }

    async fn verify(&self, more: &[&str]) -> shanty_tests::process::Ran {
        let data = self.data();
        let args = [&["audit", "verify", "--data-dir", &data][..], more].concat();
        self.shanty(&args).await
    }
}

#[tokio::test]
async fn what_was_done_can_be_checked_and_printed_with_and_without_a_controller() {
    let setup = Setup::new();
    let controller = setup.serve().await;
    setup.tokens(3).await;
    let online = setup.shanty(&["audit", "verify", "--json"]).await;
    assert_eq!(online.code, 0, "{online:?}");
    let online = online.json();
    assert_eq!(online["records"], 3);
    let anchor = online["anchor"].as_str().unwrap().to_owned();
    let exported = setup.shanty(&["audit", "export"]).await;
    assert_eq!(exported.code, 0, "{exported:?}");
    let lines: Vec<Value> = exported
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[2]["kind"], "token_created");
    assert!(
        lines[2]["by"]["who"]
            .as_str()
            .unwrap()
            .starts_with("local:"),
        "{exported:?}"
    );
    assert_eq!(
        anchor,
        format!("3:{}", lines[2]["digest"].as_str().unwrap())
    );
    // A look at a directory that a controller uses disturbs nobody.
    let beside = setup.verify(&["--anchor", &anchor]).await;
    assert_eq!(beside.code, 0, "{beside:?}");
    setup.tokens(1).await;
    controller.stop().await;

    let ran = setup.verify(&["--anchor", &anchor]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.out
            .starts_with("The journal is intact: 4 records. Its anchor now: 4:"),
        "{ran:?}"
    );
    let offline = setup
        .shanty(&[
            "audit",
            "export",
            "--after",
            "3",
            "--data-dir",
            &setup.data(),
        ])
        .await;
    assert_eq!(offline.out.lines().count(), 1, "{offline:?}");
    let later = anchor.replace("3:", "9:");
    let ran = setup
        .verify(&["--anchor", &anchor, "--anchor", &later])
        .await;
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(
        ran.err.contains("ends at record 4, before the anchor 9:"),
        "{ran:?}"
    );
    let other = format!("3:{}", "0".repeat(64));
    let ran = setup.verify(&["--anchor", &other]).await;
    assert_eq!(ran.code, 2, "{ran:?}");
    let ran = setup
        .shanty(&["audit", "verify", "--anchor", "3:abc"])
        .await;
    assert_eq!(ran.code, 64, "{ran:?}");
    let nowhere = setup.path("elsewhere").display().to_string();
    let ran = setup
        .shanty(&["audit", "verify", "--data-dir", &nowhere])
        .await;
    assert_eq!(ran.code, 65, "{ran:?}");
}

#[tokio::test]
async fn a_controller_does_not_start_on_a_journal_that_is_not_what_was_written() {
    let setup = Setup::new();
    let controller = setup.serve().await;
    setup.tokens(6).await;
    controller.stop().await;
    let good = std::fs::read(setup.journal()).unwrap();

    setup.sql("UPDATE journal SET record = CAST(record || x'00' AS BLOB) WHERE seq = 4");
    let ran = setup.refuses().await;
    assert_eq!(ran.code, 65, "{ran:?}");
    assert!(
        ran.err.contains("shanty.db is broken at record 4"),
        "{ran:?}"
    );
    assert!(
        ran.err.contains("shanty restore"),
        "what to do is said: {ran:?}"
    );
    let ran = setup.verify(&[]).await;
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("record 4"), "{ran:?}");

    // The end is gone: what was removed or put on hold since would be allowed again.
    std::fs::write(setup.journal(), &good).unwrap();
    setup.sql("DELETE FROM journal WHERE seq > 4");
    let ran = setup.refuses().await;
    assert_eq!(ran.code, 65, "{ran:?}");
    assert!(
        ran.err
            .contains("ends at record 4, and record 6 was written"),
        "{ran:?}"
    );
    assert_eq!(setup.verify(&[]).await.code, 3);

    // Nothing is begun anew beside what was there.
    std::fs::remove_file(setup.journal()).unwrap();
    for _ in 0..2 {
        let ran = setup.refuses().await;
        assert_eq!(ran.code, 65, "{ran:?}");
        assert!(
            ran.err.contains("shanty.db is not there or is empty"),
            "{ran:?}"
        );
        assert!(!setup.journal().exists());
    }

    // Somebody says that it was meant.
    std::fs::write(setup.journal(), &good).unwrap();
    setup.sql("DELETE FROM journal WHERE seq > 4");
    let data = setup.data();
    let ran = setup
        .shanty(&["audit", "accept", "--data-dir", &data])
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.out.contains("2 records after record 4 are given up"),
        "{ran:?}"
    );
    let controller = setup.serve().await;
    let ran = setup.shanty(&["token", "list"]).await;
    assert_eq!(ran.out.lines().count(), 4, "{ran:?}");
    let ran = setup
        .shanty(&["audit", "accept", "--data-dir", &data])
        .await;
    assert_eq!(ran.code, 65, "a controller uses it: {ran:?}");
    controller.stop().await;
}

#[tokio::test]
async fn where_the_journal_is_is_posted_at_the_end_and_after_a_start() {
    let options = Options {
        ops_channel: true,
        chat: "news = \"off\"".to_owned(),
        ..Options::default()
    };
    let mut world = World::with_hosts(&programs(), options, &[("web-01", "role=web")]).await;
    let anchors = |messages: &[Value]| -> Vec<String> {
        let anchor = |message: &Value| {
            let (_, typed) = message["content"].as_str()?.split_once("--anchor ")?;
            Some(typed.trim_end_matches('`').to_owned())
        };
        messages.iter().filter_map(anchor).collect()
    };
    let channel = world.operator().channel;
    world.take_controller().stop().await;
    world.start_controller().await;
    let posted = wait::until("the anchor of the end", || async {
        let posted = anchors(&world.transcript(&channel).await);
        match posted.is_empty() {
            true => Err(posted),
            false => Ok(posted),
        }
    })
    .await;
    let args: Vec<&str> = posted.iter().flat_map(|one| ["--anchor", one]).collect();
    let ran = world
        .shanty(&[&["audit", "verify"][..], &args].concat())
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    world.end().await;
}

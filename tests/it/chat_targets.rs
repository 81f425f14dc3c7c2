//! Naming hosts by what they are and by what happened: facts, states, runs and draws, as people type them.

use shanty_tests::{World, wait};

use crate::programs;

#[tokio::test]
async fn the_hosts_of_a_run_are_named_by_how_it_went() {
    let world = World::with_three(&programs()).await;
    let operator = world.operator();
    let command = format!(
        "! mkdir {}/first 2>/dev/null || exit '3'",
        world.dir.path().display()
    );
    let asked = operator.run_confirmed("all", &command).await;
    let card = operator
        .card_end(&asked, " · 2 ok, 1 failed · ")
        .await
        .text();
    let row = card.lines().find(|line| line.contains(" · exit 3 · "));
    let failed = row.and_then(|row| row.split("**").nth(1)).unwrap();

    let rows = operator.complete("run", "#1:f").await;
    assert!(
        rows.contains(&(
            format!("#1:failed · ✓ 1 host: {failed}"),
            "#1:failed".to_owned()
        )),
        "{failed}: {rows:?}"
    );
    let asked = operator.run("#1:failed", "true").await;
    let card = operator.card_end(&asked, "exit 0").await.text();
    assert!(card.contains(&format!("#2 · {failed}")), "{card}");

    let refusal = operator
        .refused("run", &[("on", "#1:timeout"), ("command", "true")])
        .await;
    for told in [
        "No host matches `#1:timeout`",
        "ran on 3 hosts and has ended on all",
        "Nothing was run",
    ] {
        assert!(refusal.contains(told), "{told}: {refusal}");
    }
    // A run that somebody may not see is to them as one that does not exist.
    let viewer = world.viewer();
    for number in ["#1", "#9"] {
        let refusal = viewer.refused("hosts", &[("on", number)]).await;
        let told = format!("There is no run `{number}` that you may see");
        assert!(refusal.contains(&told), "{refusal}");
    }
    world.end().await;
}

#[tokio::test]
async fn facts_narrow_once_they_are_told_and_a_draw_is_kept_with_the_run() {
    let world = World::with_three(&programs()).await;
    let operator = world.operator();
    let arch = format!("arch~{}", std::env::consts::ARCH);
    wait::until("facts of every host", || async {
        let rows = operator.complete("run", &arch).await;
        match rows.first() {
            Some((label, _)) if label.contains("✓ 3 hosts") => Ok(()),
            Some(_) | None => Err(format!("{rows:?}")),
        }
    })
    .await;
    let asked = operator
        .run(&format!("{arch} mem>1m cpus>=1 !is:outdated"), "true")
        .await;
    operator.card_end(&asked, " · 3 ok · ").await;

    let asked = operator.run_confirmed("all pick:1", "true").await;
    let card = operator.card_end(&asked, "exit 0").await.text();
    assert!(card.starts_with("### ✅ #2 · "), "{card}");
    let run = world.show("2").await;
    assert_eq!(run["executions"].as_array().map(Vec::len), Some(1), "{run}");

    for (on, told) in [
        ("all pick:4", "`pick:4`: there are only 3"),
        ("mem>16", "`16` is not a size"),
        ("ram>16g", "There is no fact `ram`"),
        ("arch~vax", "No host matches `arch~vax`"),
        ("@web", "There is no group `@web`"),
    ] {
        let refusal = operator
            .refused("run", &[("on", on), ("command", "true")])
            .await;
        assert!(refusal.contains(told), "{on}: {refusal}");
    }
    world.end().await;
}

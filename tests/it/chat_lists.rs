//! What people are told when they look: hosts, runs, suggestions; and that new runs are on hold.

use shanty_tests::host::own_user;
use shanty_tests::wait;
use shanty_tests::{Options, World};

use crate::programs;

const WEB: (&str, &str) = ("web-01", "env=prod,role=web");

#[tokio::test]
async fn hosts_and_runs_are_listed_only_to_who_asked() {
    let world = World::with_three(&programs()).await;
    let operator = world.operator();
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let (arch, user) = (std::env::consts::ARCH, own_user());
    let facts = format!("{arch} · {cpus} CPU · as {user}");
    let list = wait::until("facts of every host", || async {
        let asked = operator.slash("hosts", &[]).await;
        let list = operator.answer(&asked).await;
        // What is the same on all hosts is said once.
        let told = list.text().replace('\\', "").matches(&facts).count();
        let measured = !list.text().contains("just connected");
        if told == 1 && measured {
            Ok(list)
        } else {
            Err(list.text())
        }
    })
    .await;
    assert!(list.is_ephemeral());
    let text = list.text();
    for told in [
        "### Hosts · 3 · 🟢\u{a0}3 online",
        "-# all · `env=prod` · ",
        "-# **db-01** · ",
        " · `role=db`\n",
        "-# **web-[01-02]** · ",
        " · `role=web`",
        " web-02 ",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    let asked = operator.slash("hosts", &[("on", "role=db,web-02")]).await;
    let text = operator.answer(&asked).await.text();
    assert!(text.contains("Hosts · `role=db,web-02` · 2 · "), "{text}");
    assert!(!text.contains("web-01"), "{text}");

    for host in ["db-01", "web-01"] {
        let asked = operator.run(host, "true").await;
        operator.card_end(&asked, "exit 0").await;
    }
    wait::until("both runs to be listed, each once", || async {
        let asked = operator.slash("runs", &[]).await;
        let list = operator.answer(&asked).await;
        assert!(list.is_ephemeral());
        let all = list.text();
        let listed = |number: &str, rest: &str| {
            let mut lines = all.lines();
            let line = lines.find(|line| line.starts_with(&format!("✅ [#{number}](https://")));
            line.is_some_and(|line| line.contains(rest) && !line.contains("<#"))
        };
        let is_there = listed("1", ") · db-01 · exit 0") && listed("2", ") · web-01 · exit 0");
        if is_there { Ok(()) } else { Err(all) }
    })
    .await;
    let others = world.guest().view().await;
    assert!(
        others.iter().all(|message| !message.is_ephemeral()),
        "{others:?}"
    );
    world.end().await;
}

#[tokio::test]
async fn a_viewer_sees_only_what_the_grant_covers() {
    let world = World::with_three(&programs()).await;
    let (operator, viewer, guest) = (world.operator(), world.viewer(), world.guest());
    for host in ["db-01", "web-01"] {
        let asked = operator.run(host, "true").await;
        operator.card_end(&asked, "exit 0").await;
    }

    for (command, own) in [("hosts", "web-02"), ("runs", "#2")] {
        let asked = viewer.slash(command, &[]).await;
        let text = viewer.answer(&asked).await.text();
        assert!(text.contains(own), "{text}");
        assert!(!text.contains("db-01") && !text.contains("#1 "), "{text}");
    }
    for command in ["run", "hosts"] {
        for typed in ["", "d", "db-0", "role=", "all", "web-01,"] {
            let told = format!("{:?}", viewer.complete(command, typed).await);
            assert!(
                !told.contains("db-01") && !told.contains("role=db"),
                "{typed}: {told}"
            );
            assert_eq!(guest.complete(command, typed).await, [], "{typed}");
        }
    }
    let all = viewer.complete("run", "all").await;
    assert!(all[0].0.contains("2 hosts: web-[01-02]"), "{all:?}");
    world.end().await;
}

#[tokio::test]
async fn hosts_are_suggested_while_they_are_typed() {
    let world = World::with_three(&programs()).await;
    let operator = world.operator();
    let values = |choices: Vec<(String, String)>| -> Vec<String> {
        choices.into_iter().map(|(_, value)| value).collect()
    };
    let names = values(operator.complete("run", "web").await);
    for name in ["web-01", "web-02"] {
        assert!(names.iter().any(|value| value == name), "{names:?}");
    }
    assert!(!names.iter().any(|value| value == "db-01"), "{names:?}");
    let labels = values(operator.complete("hosts", "role=").await);
    for label in ["role=db", "role=web"] {
        assert!(labels.iter().any(|value| value == label), "{labels:?}");
    }
    let second = values(operator.complete("run", "role=web !web-0").await);
    assert!(
        second.iter().any(|value| value == "role=web !web-02"),
        "{second:?}"
    );
    let wrong = operator.complete("run", "wbe-01").await;
    assert!(
        wrong[0].0.contains("web-01"),
        "the nearest is named: {wrong:?}"
    );
    world.end().await;
}

#[tokio::test]
async fn hold_refuses_every_new_run_until_it_is_ended() {
    let world = World::with_hosts(&programs(), Options::default(), &[WEB]).await;
    let operator = world.operator();
    let on = [("on", "web-01"), ("command", "true")];
    let asked = operator.slash("hold on", &[("reason", "*db* move")]).await;
    let said = world.guest().answer(&asked).await.text();
    let by = format!("<@{}>", operator.id);
    let first = format!("### ⏸ New runs are on hold\n\"\\*db\\* move\" · {by}\n");
    assert!(said.starts_with(&first), "{said}");

    // Whoever is refused is told by whom, since when and why, and who can end it.
    let refused = operator.refused("run", &on).await;
    let told = format!("### ✖ On hold by {by} since <t:");
    assert!(refused.starts_with(&told), "{refused}");
    for told in [
        ":t>: \"\\*db\\* move\". Nothing was run.",
        &format!("{by} can end it with `/hold off`."),
    ] {
        assert!(refused.contains(told), "{told}: {refused}");
    }
    let ran = world.shanty(&["run", "--on", "web-01", "--", "true"]).await;
    assert_eq!(ran.code, 77, "{ran:?}");
    let by_name = format!("On hold by discord:{} for ", operator.id);
    assert!(ran.err.contains(&by_name), "{ran:?}");
    assert!(
        ran.err.contains(": \"*db* move\". Nothing was run."),
        "{ran:?}"
    );
    assert_eq!(world.runs().await, Vec::<serde_json::Value>::new());
    for (name, shown) in [
        ("hosts", "⏸ On hold by "),
        ("hold show", "### ⏸ On hold by "),
    ] {
        let asked = world.viewer().slash(name, &[]).await;
        let answer = world.viewer().answer(&asked).await;
        assert!(answer.is_ephemeral(), "{answer:?}");
        assert!(answer.text().contains(shown), "{name}: {}", answer.text());
    }

    let asked = operator.slash("hold off", &[]).await;
    let said = world.guest().answer(&asked).await;
    assert!(said.text().contains("allowed again"), "{}", said.text());
    let nothing = operator.refused("hold off", &[]).await;
    assert!(nothing.starts_with("### ▶ Nothing is on hold"), "{nothing}");
    let asked = operator.run("web-01", "true").await;
    operator.card_end(&asked, "exit 0").await;
    world.end().await;
}

#[tokio::test]
async fn a_hold_and_its_reason_outlive_the_controller() {
    let mut world = World::with_hosts(&programs(), Options::default(), &[WEB]).await;
    let none = world.shanty(&["hold", "on"]).await;
    assert_eq!(none.code, 64, "{none:?}");
    for told in [
        "A hold needs a reason. Nothing was changed.",
        "shanty hold on \"db move\"",
    ] {
        assert!(none.err.contains(told), "{told}: {none:?}");
    }
    let off = world.shanty(&["hold"]).await;
    assert_eq!(off.out, "Nothing is on hold: new runs are allowed.\n");
    let on = world.shanty(&["hold", "on", "db", "move"]).await;
    assert_eq!(on.code, 0, "{on:?}");
    world.take_controller().kill().await;
    world.start_controller().await;
    let held = world.shanty(&["hold"]).await;
    for told in [
        "On hold by local:",
        ": \"db move\". What is running goes on",
    ] {
        assert!(held.out.contains(told), "{told}: {held:?}");
    }
    let refused = world
        .operator()
        .refused("run", &[("on", "web-01"), ("command", "true")])
        .await;
    assert!(refused.starts_with("### ✖ On hold by local:"), "{refused}");
    world.end().await;
}

//! What a command that runs well or badly looks like to the people in the channel, from the first second to the end.

use shanty_tests::host::own_user;
use shanty_tests::{Gate, Grant, Message, Options, World};

use crate::programs;

const WEB: (&str, &str) = ("web-01", "env=prod,role=web");

/// The groups on a card or in a thread: mark, names, and what stands after them.
fn groups(text: &str) -> Vec<(&str, &str, &str)> {
    let group = |line| {
        let (mark, rest) = str::split_once(line, " **")?;
        let (names, rest) = rest.split_once("** · ")?;
        Some((mark, names, rest))
    };
    text.lines().filter_map(group).collect()
}

#[tokio::test]
async fn lines_arrive_in_the_thread_one_by_one_while_the_command_runs() {
    let world = World::with_hosts(&programs(), Options::default(), &[WEB]).await;
    let operator = world.operator();
    let mut gate = Gate::new(world.dir.path(), "lines");
    let command = format!(
        "{}; while read -r line <&3; do echo \"$line\"; done",
        gate.open_in_shell()
    );
    let asked = operator.run("web-01", &command).await;
    gate.say("the first line");

    let thread = operator.in_thread_of(&asked).await;
    let first = thread
        .sees("the first line", |page| {
            page.text().contains("```\nthe first line\n```") && page.text().contains("· live")
        })
        .await;
    gate.say("the second line");
    let second = thread
        .sees("the second line", |page| {
            page.text()
                .contains("```\nthe first line\nthe second line\n```")
        })
        .await;
    assert_eq!(first.id(), second.id(), "the page is edited, not repeated");
    let card = operator.answer(&asked).await;
    assert!(!card.is_over(), "{}", card.text());
    assert!(
        card.text().starts_with("### ▶ #1 · web-01\n"),
        "{}",
        card.text()
    );
    assert_eq!(card.buttons().len(), 1, "{card:?}");

    drop(gate);
    let card = operator.card_end(&asked, "exit 0").await;
    assert!(
        card.text()
            .contains("```\nthe first line\nthe second line\n```"),
        "{}",
        card.text()
    );
    let page = thread
        .sees("the end", |page| page.text().contains("exit 0"))
        .await;
    assert_eq!(page.id(), first.id());
    assert!(page.text().contains("2 lines · 31 B"), "{}", page.text());
    world.end().await;
}

#[tokio::test]
async fn every_host_streams_on_its_own_and_the_card_tells_how_each_ended() {
    let world = World::with_three(&programs()).await;
    let operator = world.operator();
    let gate = Gate::new(world.dir.path(), "hosts");
    let command = format!(
        "{}; echo waiting; cat <&3; \
         for code in 0 3 7; do mkdir {dir}/code-$code 2>/dev/null && exit $code; done",
        gate.open_in_shell(),
        dir = world.dir.path().display()
    );
    let asked = operator.run_confirmed("all", &command).await;
    let thread = operator.in_thread_of(&asked).await;
    let hosts = ["db-01", "web-01", "web-02"];
    let together = thread
        .sees("all hosts in one message", |page| {
            let text = page.text();
            text.starts_with("**3 hosts**\n```\n")
                && hosts.iter().all(|host| page.has_line(host, "waiting"))
                && text.ends_with("\n-# 0/3 ended · 3 lines · 24 B · live")
        })
        .await;
    assert_eq!(thread.view().await.len(), 1);
    drop(gate);

    let text = operator.card_end(&asked, "1 ok, 2 failed").await.text();
    assert!(
        text.starts_with("### ⚠ #1 · 3 hosts · 1 ok, 2 failed · "),
        "{text}"
    );
    assert!(text.contains(" · `all` · "), "{text}");
    let (mut codes, mut names) = (Vec::new(), Vec::new());
    for (mark, name, how) in groups(&text) {
        let how: Vec<&str> = how.split_whitespace().collect();
        let ["exit", code, "·", amount, unit] = how[..] else {
            panic!("{name} has no code and duration: {text}");
        };
        assert!(
            amount.parse::<f64>().is_ok() && ["ms", "s"].contains(&unit),
            "{text}"
        );
        assert_eq!(mark == "✅", code == "0", "{text}");
        codes.push(code.parse::<i32>().unwrap());
        names.push(name.to_owned());
    }
    assert_eq!(codes.last(), Some(&0), "what failed comes first: {text}");
    codes.sort_unstable();
    assert_eq!(codes, [0, 3, 7], "{text}");
    let pages = thread
        .waits("a message for each", |pages| {
            let all = pages.len() == 3 && pages.iter().all(|page| !page.text().contains("live"));
            all.then(|| pages.to_vec())
        })
        .await;
    let mut shown = Vec::new();
    for page in pages.iter().rev() {
        assert_eq!(page.block(), "waiting\n");
        shown.extend(
            groups(&page.text())
                .iter()
                .map(|(_, name, _)| (*name).to_owned()),
        );
    }
    assert_eq!(shown, names, "in the order of the card");
    assert_eq!(pages[2].id(), together.id(), "what was live is the first");
    names.sort_unstable();
    assert_eq!(names, hosts);
    world.end().await;
}

#[tokio::test]
async fn short_output_no_output_and_a_signal_are_told_on_the_card() {
    let world = World::with_hosts(
        &programs(),
        Options::default(),
        &[WEB, ("web-02", "role=web")],
    )
    .await;
    let operator = world.operator();

    let asked = operator.run("web-01", "echo one; echo two >&2").await;
    let text = operator.card_end(&asked, "two").await.text();
    assert!(text.contains("```\none\ntwo\n```"), "{text}");

    let asked = operator.run("role=web", "echo both").await;
    operator
        .card(&asked, "to have the output of both", |card| {
            let text = card.text();
            let group = groups(&text);
            let [("✅", "web-[01-02]", how)] = group[..] else {
                return false;
            };
            how.starts_with("2 hosts · exit 0 · ") && text.contains("```\nboth\n```")
        })
        .await;

    let asked = operator.run("web-01", "true").await;
    let card = operator.card_end(&asked, "exit 0").await;
    assert!(!card.text().contains("```"), "{}", card.text());
    let thread = operator.in_thread_of(&asked).await;
    thread
        .sees("no output", |page| {
            page.text()
                .starts_with("**web-01**\n(no output)\n-# exit 0 · ")
        })
        .await;

    let asked = operator.run("web-01", "kill -KILL $$").await;
    let text = operator
        .card_end(&asked, "exit 137 (SIGKILL, not sent by Shanty)")
        .await
        .text();
    assert!(text.starts_with("### ❌ #4 · web-01"), "{text}");

    // The parent of a command is its shim, which stops it as somebody on the host asked, once it waits for signals.
    let command = "until grep -q '^SigBlk:.0*14003$' /proc/$PPID/status; do :; done; kill -TERM $PPID; sleep 1000";
    let asked = operator.run("web-01", command).await;
    let text = operator
        .card_end(&asked, "stopped on the host, not by Shanty, exit 143")
        .await
        .text();
    assert!(text.starts_with("### ❌ #5 · web-01"), "{text}");
    world.end().await;
}

#[tokio::test]
async fn a_command_typed_in_a_thread_streams_there() {
    let world = World::with_hosts(&programs(), Options::default(), &[WEB]).await;
    let operator = world.operator();
    let asked = operator.run("web-01", "echo above").await;
    operator.card_end(&asked, "exit 0").await;
    let inside = operator.in_thread_of(&asked).await;

    let asked = inside.run("web-01", "seq 100 140").await;
    let card = inside.card_end(&asked, "exit 0").await;
    assert_eq!(card.thread(), None, "there is no thread in a thread");
    let page = inside
        .sees("the output", |page| page.text().contains("\n139\n140\n"))
        .await;
    assert!(page.id() > card.id(), "the page stands below its card");
    let above = operator.view().await;
    assert_eq!(
        above.len(),
        1,
        "the channel has only the first card: {above:?}"
    );
    let threads = world.traffic().await;
    let threads = threads.iter().filter(|call| {
        call["path"]
            .as_str()
            .unwrap_or_default()
            .ends_with("/threads")
    });
    assert_eq!(threads.count(), 1, "only the first run asked for a thread");
    world.end().await;
}

#[tokio::test]
async fn two_people_at_once_get_a_card_and_a_thread_each() {
    let options = Options {
        grants: vec![Grant {
            who: "owner_id",
            what: &["view", "run"],
            hosts: "all",
        }],
        ..Options::default()
    };
    let hosts = [WEB, ("web-02", "role=web")];
    let world = World::with_hosts(&programs(), options, &hosts).await;
    let people = [world.operator(), world.person("owner_id")];
    let gate = Gate::new(world.dir.path(), "both");
    // Neither ends before both have begun.
    let command = |person: usize| {
        format!(
            "{}; echo for person {person}; cat <&3",
            gate.open_in_shell()
        )
    };
    let (first, second) = (command(0), command(1));
    let asked = tokio::join!(
        people[0].run("role=web", &first),
        people[1].run("role=web", &second)
    );
    let mut threads = Vec::new();
    for (person, asked) in [&asked.0, &asked.1].into_iter().enumerate() {
        let who = &people[person];
        let card = who
            .card(asked, "to have a thread", |card| card.thread().is_some())
            .await;
        assert!(
            card.text().contains(&format!("<@{}>", who.id)),
            "{}",
            card.text()
        );
        threads.push(who.in_channel(&card.thread().unwrap()));
    }
    for (person, thread) in threads.iter().enumerate() {
        let line = format!("for person {person}");
        thread
            .sees("both hosts", |page| {
                page.has_line("web-01", &line) && page.has_line("web-02", &line)
            })
            .await;
    }
    drop(gate);
    for (person, asked) in [&asked.0, &asked.1].into_iter().enumerate() {
        people[person].card_end(asked, " · 2 ok · ").await;
    }
    for (person, thread) in threads.iter().enumerate() {
        let line = format!("for person {person}\n");
        thread
            .sees("both hosts", |page| {
                page.text().starts_with("✅ **web-[01-02]** · 2 hosts") && page.block() == line
            })
            .await;
        let other = format!("for person {}", 1 - person);
        let pages = thread.view().await;
        assert!(
            pages.iter().all(|page| !page.text().contains(&other)),
            "{pages:?}"
        );
    }
    world.end().await;
}

#[tokio::test]
async fn a_run_of_the_command_line_is_shown_in_the_channel_for_operators() {
    let options = Options {
        ops_channel: true,
        ..Options::default()
    };
    let world = World::with_hosts(&programs(), options, &[WEB]).await;
    let operator = world.operator();
    let ran = world
        .shanty(&[
            "run",
            "--on",
            "web-01",
            "--",
            "echo from the terminal; exit 4",
        ])
        .await;
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (4, "from the terminal\n"),
        "{ran:?}"
    );

    let card = operator
        .sees("the card", |card| {
            card.is_over()
                && card.thread().is_some()
                && card.text().contains("from the terminal\n```")
        })
        .await;
    let text = card.text();
    assert!(text.starts_with("### ❌ #1 · web-01 · exit 4 · "), "{text}");
    assert!(text.contains(&format!("local:{}", own_user())), "{text}");
    // Whoever reads it there is led to the thread, as from a card that was asked for in chat.
    let thread = card.thread().unwrap();
    let link = format!("/channels/{}/{thread}", operator.guild);
    let has_link = |card: &Message| card.0["components"].to_string().contains(&link);
    operator
        .sees("the way to the thread", |card| {
            card.is_over() && has_link(card)
        })
        .await;
    let thread = operator.in_channel(&thread);
    thread
        .sees("the output", |page| {
            page.text().contains("```\nfrom the terminal\n```") && page.text().contains("exit 4")
        })
        .await;
    world.end().await;
}

#[tokio::test]
async fn a_command_that_takes_too_long_is_stopped_and_called_timed_out() {
    let world = World::with_hosts(&programs(), Options::default(), &[WEB]).await;
    let operator = world.operator();
    let command = [
        ("on", "web-01"),
        ("command", "echo begun; sleep 1000"),
        ("timeout", "1s"),
    ];
    let asked = operator.slash("run", &command).await;
    let card = operator.card_end(&asked, "timed out, exit 143").await;
    assert!(
        card.text().starts_with("### ❌ #1 · web-01 · timed out"),
        "{}",
        card.text()
    );
    let thread = operator.in_thread_of(&asked).await;
    thread
        .sees("what it printed before", |page| {
            page.text()
                .contains("```\nbegun\n```\n-# timed out, exit 143")
        })
        .await;
    let runs = world.runs().await;
    let run = runs[0]["run"].as_str().unwrap();
    let left = shanty_tests::left::of_runs(Some(run));
    assert!(left.is_empty(), "{left:?}");
    world.end().await;
}

#[tokio::test]
async fn a_command_runs_as_the_user_of_the_agent_and_as_no_other() {
    let hosts = [WEB, ("web-02", "role=web")];
    let world = World::with_hosts(&programs(), Options::default(), &hosts).await;
    let operator = world.operator();
    let own = own_user();
    let asked = operator
        .slash(
            "run",
            &[("on", "role=web"), ("command", "id -un"), ("as", &own)],
        )
        .await;
    let text = operator.card_end(&asked, " · 2 ok · ").await.text();
    assert!(text.contains(&format!(" · as {own}")), "{text}");
    let asked = operator.run("web-01", "id -un").await;
    operator.card_end(&asked, &format!("```\n{own}\n```")).await;

    let asked = operator
        .slash(
            "run",
            &[("on", "role=web"), ("command", "id -un"), ("as", "daemon")],
        )
        .await;
    let text = operator.card_end(&asked, " · 2 refused\n").await.text();
    let [("⛔", "web-[01-02]", how)] = groups(&text)[..] else {
        panic!("both are refused: {text}");
    };
    assert!(
        how.starts_with("2 hosts · refused: ") && how.contains("daemon"),
        "{text}"
    );
    let runs = world.runs().await;
    for execution in runs[0]["executions"].as_array().unwrap() {
        assert_eq!(execution["state"], "refused", "{execution}");
    }
    world.end().await;
}

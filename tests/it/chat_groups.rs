//! What several hosts do at once, in one message while they do it and by group at the end; and threads that outlive the controller.

use std::fmt::Write as _;

use shanty_tests::{Gate, Message, Options, Person, World};

use crate::programs;

const THREE: [(&str, &str); 3] = [("web-01", ""), ("web-02", ""), ("db-01", "")];

/// A command that runs these lines on each host, with the host's name in `name`.
pub(crate) fn script(world: &World, lines: &str) -> String {
    let dir = world.dir.path().display();
    // Only its shim knows: the directory of the run is the last word of its command line.
    let text = format!(
        "name=$(tr '\\0' '\\n' < /proc/$PPID/cmdline | tail -n 1)\n\
         name=${{name#{dir}/}}; name=${{name%%/*}}\n{lines}\n"
    );
    let path = world.dir.path().join("script");
    std::fs::write(&path, text).unwrap();
    format!(". {}", path.display())
}

/// The headings of groups and what they printed, without the times.
fn groups(text: &str) -> String {
    let mut shown = String::new();
    for line in text.lines() {
        let is_time = |word: &&str| {
            let amount = word.strip_suffix(" ms").or_else(|| word.strip_suffix(" s"));
            amount.is_some_and(|amount| amount.parse::<f64>().is_ok())
        };
        let words: Vec<&str> = line.split(" · ").filter(|word| !is_time(word)).collect();
        writeln!(shown, "{}", words.join(" · ")).unwrap();
    }
    shown
}

/// The messages of a thread, the oldest first, once there is one with the end and none that goes on.
async fn at_the_end(thread: &Person, end: &str) -> Vec<Message> {
    let mut pages = thread
        .waits(end, |pages| {
            let ended = pages.iter().any(|page| page.text().contains(end));
            let live = pages.iter().any(|page| page.text().ends_with("· live"));
            (ended && !live).then(|| pages.to_vec())
        })
        .await;
    pages.reverse();
    pages
}

#[tokio::test]
async fn twelve_hosts_move_in_one_message_and_end_as_groups() {
    let names: Vec<String> = (1..=12).map(|n| format!("web-{n:02}")).collect();
    let hosts: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    let world = World::with_hosts(&programs(), Options::default(), &hosts).await;
    let operator = world.operator();
    let gate = Gate::new(world.dir.path(), "gate");
    let lines = format!(
        "{}\ncase $name in\nweb-07) echo 6.1.0-33-amd64;;\nweb-12) echo 'E: Could not get lock';;\n\
         *) echo 6.1.0-37-amd64;;\nesac\ncat <&3\n[ $name != web-12 ] || exit 100",
        gate.open_in_shell()
    );
    let asked = operator.run_confirmed("all", &script(&world, &lines)).await;
    let printed = |name: &str| match name {
        "web-07" => "6.1.0-33-amd64",
        "web-12" => "E: Could not get lock",
        _ => "6.1.0-37-amd64",
    };
    let thread = operator.in_thread_of(&asked).await;
    let live = thread
        .sees("all of them at once", |page| {
            let text = page.text();
            text.starts_with("**12 hosts**\n```\n")
                && names.iter().all(|name| page.has_line(name, printed(name)))
                && text.ends_with("\n-# 0/12 ended · 12 lines · 187 B · live")
        })
        .await;
    assert_eq!(thread.view().await.len(), 1, "one message for all");
    // The card is written after the thread, and seldom.
    operator
        .card(&asked, "to say that all of them run", |card| {
            let text = card.text();
            text.starts_with("### ▶ #1 · 12 hosts · 0/12\n")
                && text.contains("▶ running 12 · web-[01-12]\n")
        })
        .await;
    drop(gate);

    let expected = [
        "❌ **web-12** · exit 100\n```\nE: Could not get lock\n```\n",
        "≠ **web-07** · exit 0\n```diff\n-6.1.0-37-amd64\n+6.1.0-33-amd64\n```\n",
        "✅ **web-[01-06,08-11]** · 10 hosts · exit 0\n```\n6.1.0-37-amd64\n```\n",
    ];
    let card = operator.card_end(&asked, "**web-12**").await.text();
    let card = groups(&card);
    let heading = "### ⚠ #1 · 12 hosts · 11 ok, 1 failed · 2 different outputs\n";
    assert!(card.starts_with(heading), "{card}");
    assert!(card.ends_with(&expected.concat()), "{card}");
    let pages = at_the_end(&thread, "✅ **web-[01-06,08-11]**").await;
    let shown: Vec<String> = pages.iter().map(|page| groups(&page.text())).collect();
    assert_eq!(shown, expected, "what failed comes first");
    assert_eq!(pages[0].id(), live.id(), "what was live is the first");
    world.end().await;
}

#[tokio::test]
async fn hosts_that_print_their_own_names_print_the_same() {
    let world = World::with_hosts(&programs(), Options::default(), &THREE).await;
    let operator = world.operator();
    let command = script(&world, "echo $name; echo $name is up");
    let asked = operator.run_confirmed("all", &command).await;
    let group = "✅ **db-01,web-[01-02]** · 3 hosts · exit 0 · the same but for the host's name\n\
                 ```\n{host}\n{host} is up\n```\n";
    let card = operator.card_end(&asked, "{host} is up").await;
    let text = groups(&card.text());
    assert!(
        text.starts_with("### ✅ #1 · 3 hosts · 3 ok\n") && text.contains(group),
        "{text}"
    );
    let thread = operator.in_thread_of(&asked).await;
    let pages = at_the_end(&thread, "{host} is up").await;
    assert_eq!(groups(&pages[0].text()), group);
    let others = pages.iter().filter(|page| page.text().contains("**web-"));
    assert_eq!(others.count(), 0, "no host stands alone: {pages:?}");
    world.end().await;
}

#[tokio::test]
async fn a_thread_may_come_only_when_a_run_outgrows_its_card() {
    let options = Options {
        chat: "thread = \"auto\"".to_owned(),
        ..Options::default()
    };
    let world = World::with_hosts(&programs(), options, &THREE).await;
    let operator = world.operator();
    let gate = Gate::new(world.dir.path(), "gate");
    let command = format!("{}; echo begun; cat <&3; echo ended", gate.open_in_shell());
    let short = operator.run("web-01", &command).await;
    operator
        .card(&short, "to show what is printed", |card| {
            !card.is_over() && card.block() == "begun\n"
        })
        .await;
    drop(gate);
    let card = operator.card_end(&short, "ended\n```").await;
    assert_eq!(card.block(), "begun\nended\n");
    let several = operator.run_confirmed("all", "echo here").await;
    let card = operator.card_end(&several, " · 3 ok · ").await;
    assert_eq!(card.block(), "here\n");

    let expected: String = (1..=100).map(|line| format!("{line}\n")).collect();
    let long = operator.run("web-01", "seq 1 100").await;
    let thread = operator.in_thread_of(&long).await;
    let page = thread
        .sees("the end", |page| page.text().contains("```\n-# exit 0 · "))
        .await;
    assert_eq!(page.block(), expected);
    let several = operator.run_confirmed("all", "seq 1 40").await;
    let thread = operator.in_thread_of(&several).await;
    let pages = at_the_end(&thread, "✅ **db-01,web-[01-02]**").await;
    let expected: String = (1..=40).map(|line| format!("{line}\n")).collect();
    assert_eq!(pages[0].block(), expected);

    let asked_for = world.traffic().await;
    let asked_for = asked_for.iter().filter(|call| {
        let path = call["path"].as_str().unwrap_or_default();
        path.ends_with("/threads")
    });
    assert_eq!(asked_for.count(), 2, "no thread for what the card holds");
    let card = operator.answer(&short).await;
    assert_eq!(card.thread(), None);
    world.end().await;
}

/// Shell text that prints numbered lines, one every few milliseconds.
fn numbered(from: usize, to: usize) -> String {
    format!("i={from}; while [ $i -le {to} ]; do echo line $i; i=$((i + 1)); sleep 0.003; done")
}

/// What that prints.
fn lines(from: usize, to: usize) -> String {
    (from..=to).map(|n| format!("line {n}\n")).collect()
}

async fn kill_and_start(world: &mut World) {
    world.take_controller().kill().await;
    world.start_controller().await;
}

/// Waits until the thread shows so many lines; gives the ids of all its messages, the oldest first.
async fn ids_after(thread: &Person, line: usize) -> Vec<String> {
    // A message that moves with the end may never show one certain line.
    let number = |shown: &str| shown.rsplit_once("line ")?.1.parse::<usize>().ok();
    let is_after = |page: &Message| page.text().lines().filter_map(number).any(|n| n >= line);
    let mut ids = thread
        .waits(&format!("line {line}"), |pages| {
            let ids = pages.iter().map(|page| page.id().to_owned());
            pages.iter().any(is_after).then(|| ids.collect::<Vec<_>>())
        })
        .await;
    ids.reverse();
    ids
}

#[tokio::test]
async fn the_thread_of_one_host_goes_on_when_the_controller_is_killed() {
    let mut world = World::with_hosts(&programs(), Options::default(), &THREE[..1]).await;
    let operator = world.operator();
    // One that stands in the pages as a whole, and one with an end that moves and a file.
    for (number, to, kills) in [(1, 500, &[50][..]), (2, 1_500, &[100, 900])] {
        let asked = operator.run("web-01", &numbered(1, to)).await;
        let thread = operator.in_thread_of(&asked).await;
        for &line in kills {
            let before = ids_after(&thread, line).await;
            kill_and_start(&mut world).await;
            let later = ids_after(&thread, line).await;
            assert!(later.starts_with(&before), "{before:?} {later:?}");
        }
        let card = operator.card_end(&asked, "exit 0").await;
        assert_eq!(card.thread().as_ref(), Some(&thread.channel));
        let pages = at_the_end(&thread, "```\n-# exit 0 · ").await;
        let expected = lines(1, to);
        assert!(world.output(&number.to_string()).await == expected.as_bytes());
        let whole: String = pages.iter().take(3).map(Message::block).collect();
        if to == 500 {
            assert!(whole == expected, "{pages:#?}");
            assert_eq!(pages.len(), 3);
        } else {
            assert!(
                whole.len() > 5_000 && expected.starts_with(&whole),
                "{whole}"
            );
            assert!(expected.ends_with(&pages[3].block()), "{}", pages[3].text());
            let file = thread
                .sees("the file", |page| !page.files().is_empty())
                .await;
            let bytes = thread.download(&file.files()[0].1).await;
            assert!(bytes == expected.as_bytes(), "{} bytes", bytes.len());
            assert_eq!(thread.view().await.len(), 5, "each message once");
        }
    }
    assert_eq!(operator.view().await.len(), 2, "one card each");
    world.end().await;
}

#[tokio::test]
async fn the_thread_of_several_hosts_goes_on_when_the_controller_is_killed() {
    let mut world = World::with_hosts(&programs(), Options::default(), &THREE).await;
    let operator = world.operator();
    let mut gate = Gate::new(world.dir.path(), "gate");
    let command = format!(
        "{}; {}; read x <&3; {}",
        gate.open_in_shell(),
        numbered(1, 40),
        numbered(41, 60)
    );
    let asked = operator.run_confirmed("all", &command).await;
    let thread = operator.in_thread_of(&asked).await;
    let before = ids_after(&thread, 3).await;
    assert_eq!(before.len(), 1, "one message for all");
    kill_and_start(&mut world).await;
    let hosts = THREE.map(|(name, _)| name);
    let live = thread
        .sees("that all went on", |page| {
            hosts.iter().all(|host| page.has_line(host, "line 40"))
        })
        .await;
    let text = live.text();
    assert!(text.contains("\n-# 0/3 ended · 120 lines · "), "{text}");
    assert_eq!(live.id(), before[0], "the same message goes on");
    // Killed again where nothing moves, and just before the end.
    kill_and_start(&mut world).await;
    hosts.iter().for_each(|_| gate.say("on"));

    let card = operator.card_end(&asked, " · 3 ok · ").await;
    assert_eq!(card.thread().as_ref(), Some(&thread.channel));
    let pages = at_the_end(&thread, "✅ **db-01,web-[01-02]** · 3 hosts").await;
    assert_eq!(pages.len(), 1, "{pages:?}");
    assert_eq!(pages[0].block(), lines(1, 60), "every line once");
    assert_eq!(pages[0].id(), before[0]);
    let cards = world.viewer().view().await;
    assert_eq!(cards.len(), 1, "one card, and the preview of who asked");
    world.end().await;
}

//! Runs of several hosts: what they have in common, what is odd, and that each of them moves.

use super::*;

#[test]
fn what_is_read_again_for_one_person_is_compared_as_on_the_card() {
    let host = SameBut {
        host: true,
        ..SameBut::default()
    };
    for len in [1, 700, 1_500, 3_000, 6_000] {
        let mut run = run_on(4, &[1, 2, 3, 4], Offline::Fail);
        let mut thread = fresh(&run);
        let name = |run: &Run, n: u8| run.execution(agent(n)).unwrap().name.clone();
        let print = |run: &Run, n: u8| format!("{}\n", name(run, n)).repeat(len);
        for n in 1..=4 {
            let printed = print(&run, n);
            ends(&mut thread, &mut run, n, How::Exited(0), &printed);
        }
        close(&mut run, 5_000);
        let shown: Vec<_> = thread.groups(&run).into_iter().map(|t| t.group).collect();
        let again = run.compared(host, |first| {
            let mut targets = run.spec.targets.iter();
            let target = targets.find(|target| target.agent == first).unwrap();
            let mut single = Single::new(&run, target);
            let n = (1..=4).find(|n| agent(*n) == first).unwrap();
            single.feed(&out(print(&run, n)));
            single.finish();
            single.whole()
        });
        assert_eq!(again.groups, shown, "{len}");
        assert_eq!(shown.len() == 1, len < 3_000, "{len}");
    }
}

/// The card and then the thread, as people would see them.
fn all(thread: &mut Thread, run: &Run) -> String {
    let card = text(thread, run, Block::Card(0));
    format!("{card}\n#### thread\n{}", shown(thread, run))
}

#[test]
fn twelve_hosts_with_an_odd_one_and_a_failure_look_like_this() {
    let mut looks = Vec::new();
    let online: Vec<u8> = (1..=12).collect();
    let mut run = run_on(12, &online, Offline::Fail);
    let mut thread = fresh(&run);
    for n in 1..=12 {
        run.apply_started(agent(n), ACCEPTED_MS);
    }
    looks.push(all(&mut thread, &run));
    for n in [3, 1, 2] {
        ends(&mut thread, &mut run, n, How::Exited(0), "6.1.0-37-amd64\n");
    }
    ends(
        &mut thread,
        &mut run,
        12,
        How::Exited(100),
        "E: Could not get lock\n",
    );
    print(&mut thread, 4, "6.1.0");
    print(&mut thread, 5, "6.1.0-37-amd64\n");
    looks.push(all(&mut thread, &run));
    thread.finish(agent(4));
    thread.finish(agent(5));
    for n in 6..=11 {
        let kernel = if n == 7 {
            "6.1.0-33-amd64\n"
        } else {
            "6.1.0-37-amd64\n"
        };
        ends(&mut thread, &mut run, n, How::Exited(0), kernel);
    }
    for n in [4, 5] {
        let mut content = crate::output::content::Content::default();
        content.out(b"6.1.0-37-amd64");
        let outcome = Outcome {
            content_sha256: Some(content.digest()),
            duration_ms: 2_000,
            ..Outcome::without_output(How::Exited(0))
        };
        run.apply_finished(agent(n), outcome);
    }
    close(&mut run, 2_000);
    looks.push(all(&mut thread, &run));
    insta::assert_snapshot!(looks.join("\n\n########\n\n"));
}

#[test]
fn what_a_host_printed_before_it_was_gone_for_ever_stays_to_be_seen() {
    for hosts in [1, 2] {
        let online: Vec<u8> = (1..=hosts).collect();
        let mut run = run_on(hosts, &online, Offline::Fail);
        let mut thread = fresh(&run);
        for n in 1..=hosts {
            run.apply_started(agent(n), ACCEPTED_MS);
            print(&mut thread, n, format!("line-1 of {n}\nline-2 of {n}\nhal"));
        }
        // Nobody hears how it ends, so its records have no end.
        let removed = Reason::new(Code::NotFound, "the host was removed");
        end(&mut run, hosts, How::Lost(removed), 0);
        let looks = all(&mut thread, &run);
        for printed in ["line-1", "line-2"] {
            let printed = format!("{printed} of {hosts}");
            assert!(looks.contains(&printed), "{looks}");
        }
        assert!(!looks.contains("only blank lines"), "{looks}");
    }
}

#[test]
fn what_failed_is_shown_however_many_hosts_there_are() {
    let online: Vec<u8> = (1..=200).collect();
    let mut run = run_on(200, &online, Offline::Fail);
    let mut thread = fresh(&run);
    for n in 1..=200 {
        let (how, printed) = match n {
            33 => (How::TimedOut(143), "still waiting\n".to_owned()),
            7 | 150..=160 => (
                How::Exited(1),
                format!("failed in its own way: {}\n", u32::from(n) * 7_919),
            ),
            90 => (How::Exited(0), "another\n".repeat(3)),
            _ => (How::Exited(0), format!("web-{n:02} is up\n")),
        };
        ends(&mut thread, &mut run, n, how, &printed);
    }
    close(&mut run, 9_000);
    let looks = all(&mut thread, &run);
    insta::assert_snapshot!(looks);
    for told in [
        "web-07",
        "web-33",
        "still waiting",
        "web-90",
        "web-[154-160]",
    ] {
        assert!(looks.contains(told), "{told}");
    }
    let messages = thread.lay_out(&status(&run)).len();
    assert!(messages <= 12, "{messages}");
}

#[test]
fn a_thread_comes_only_when_a_run_outgrows_its_card_if_that_is_wanted() {
    let auto = |run: &Run| {
        let style = Style {
            threads: Threads::Auto,
            ..Style::default()
        };
        Thread::new(run, style)
    };
    let mut run = one();
    let mut thread = auto(&run);
    print(&mut thread, 1, "one\ntw");
    assert_eq!(blocks(&mut thread, &run), [Block::Card(0)]);
    let card = text(&mut thread, &run, Block::Card(0));
    assert!(
        card.contains("```\none\ntw\n```"),
        "it is live on the card: {card}"
    );
    print(&mut thread, 1, "o\n");
    thread.finish(agent(1));
    end(&mut run, 1, How::Exited(0), 8);
    assert_eq!(blocks(&mut thread, &run), [Block::Card(0)]);

    let run = one();
    let mut thread = auto(&run);
    print(&mut thread, 1, "line\n".repeat(16));
    assert_eq!(blocks(&mut thread, &run), [Block::Card(0), Block::Page(0)]);
    let card = text(&mut thread, &run, Block::Card(0));
    assert!(!card.contains("line"), "the thread shows it: {card}");

    let mut run = run_on(2, &[1, 2], Offline::Fail);
    let mut thread = auto(&run);
    ends(&mut thread, &mut run, 1, How::Exited(0), "same\n");
    ends(&mut thread, &mut run, 2, How::Exited(0), "same\n");
    assert_eq!(blocks(&mut thread, &run), [Block::Card(0)]);
    let mut run = run_on(2, &[1, 2], Offline::Fail);
    let mut thread = auto(&run);
    ends(
        &mut thread,
        &mut run,
        1,
        How::Exited(0),
        &"same\n".repeat(16),
    );
    ends(
        &mut thread,
        &mut run,
        2,
        How::Exited(0),
        &"same\n".repeat(16),
    );
    assert_eq!(blocks(&mut thread, &run), [Block::Card(0), Block::Page(0)]);
}

#[test]
fn every_host_moves_in_the_common_message_however_much_one_of_them_prints() {
    let online: Vec<u8> = (1..=12).collect();
    let run = run_on(12, &online, Offline::Fail);
    let mut thread = fresh(&run);
    for n in 1..=12 {
        print(&mut thread, n, format!("first of {n}\n"));
    }
    for turn in 0..500 {
        print(
            &mut thread,
            3,
            format!("flood {turn} {}\n", "x".repeat(300)),
        );
    }
    print(&mut thread, 5, "second of 5\nunfinish");
    let live = text(&mut thread, &run, Block::Page(0));
    for n in (1..=12).filter(|n| ![3, 5].contains(n)) {
        assert!(
            live.contains(&format!("web-{n:02} │ first of {n}\n")),
            "{live}"
        );
    }
    assert!(
        live.contains("web-03 │ flood 499 ") && live.contains("web-05 │ unfinish\n"),
        "{live}"
    );
    assert!(
        crate::text::units(&live) <= limits::PAGE_CHARS_MAX,
        "{live}"
    );
}

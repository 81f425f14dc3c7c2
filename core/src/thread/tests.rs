//! Every look of a thread as a snapshot, and the rules by which messages come.

use bytes::Bytes;

use super::*;
use crate::ids::{RunId, RunNumber};
use crate::principal::Place;
use crate::refusal::Code;
use crate::run::{
    Event, Gate, How, Offline, Origin, Outcome, Reason, Spec, Strategy, Target, What,
};
use crate::time::{LinkTime, Now};

const ACCEPTED_MS: u64 = 1_795_341_000_000;

fn agent(n: u8) -> AgentId {
    AgentId::from_bytes([n; 16])
}

/// A run on `web-01`, `web-02` ..., of which these have a link.
fn run_on(hosts: u8, online: &[u8], offline: Offline) -> Run {
    let target = |n| Target {
        agent: agent(n),
        name: format!("web-{n:02}").parse().unwrap(),
        away: (!online.contains(&n)).then_some(crate::run::Away::Offline),
    };
    let spec = Spec {
        id: RunId::from_bytes([0xab; 16]),
        origin: Origin::Chat {
            user: 7,
            place: Place {
                guild: 1,
                channel: 2,
                interaction: 3,
            },
            grant: "ops".into(),
        },
        what: What::Shell("nginx -t".into()),
        selector: "role=web".into(),
        strategy: Strategy { offline },
        ..Spec::example((1..=hosts).map(target).collect())
    };
    let mut run = Run::new(RunNumber(142), spec, ACCEPTED_MS);
    run.phase = Phase::Running;
    let gates = online.iter().map(|n| (agent(*n), Gate::Open));
    let begin = Event::Begin {
        gates: gates.collect(),
    };
    let now = Now {
        wall_ms: ACCEPTED_MS,
        link: LinkTime::from_ms(ACCEPTED_MS),
    };
    run.handle(begin, now, &mut Vec::new());
    run
}

fn one() -> Run {
    run_on(1, &[1], Offline::Fail)
}

fn end(run: &mut Run, n: u8, how: How, output_bytes: u64) {
    let outcome = Outcome {
        duration_ms: 1_300,
        output_bytes,
        ..Outcome::without_output(how)
    };
    run.apply_finished(agent(n), outcome);
}

fn close(run: &mut Run, after_ms: u64) {
    run.phase = Phase::Closed {
        at_ms: ACCEPTED_MS + after_ms,
    };
}

fn out(text: impl Into<Bytes>) -> Record {
    Record::Out {
        dt_us: 0,
        bytes: text.into(),
    }
}

/// Feeds a host with standard output.
fn print(thread: &mut Thread, n: u8, text: impl Into<Bytes>) {
    thread.feed(agent(n), &out(text));
}

fn status(run: &Run) -> Status<'_> {
    Status {
        run,
        run_as: &[],
        spool_full: &[],
        thread: Some((1, 99)),
    }
}

fn blocks(thread: &Thread, run: &Run) -> Vec<Block> {
    let messages = thread.messages(&status(run));
    messages.iter().map(|message| message.block).collect()
}

fn text(thread: &Thread, run: &Run, block: Block) -> String {
    let message = thread.message(block, &status(run));
    match message.expect("there is such a message").look {
        Look::Text(text) => text,
        Look::Card(card) => card.texts.join("\n--\n"),
    }
}

/// Everything but the cards, as people would see it.
fn shown(thread: &Thread, run: &Run) -> String {
    let messages = thread.messages(&status(run));
    let text = |message: &Message| match &message.look {
        Look::Text(text) => Some(text.clone()),
        Look::Card(_) => None,
    };
    let texts: Vec<String> = messages.iter().filter_map(text).collect();
    texts.join("\n====\n")
}

#[test]
fn pages_and_footers_look_like_this() {
    let mut looks = Vec::new();
    let mut run = one();
    let mut thread = Thread::new(&run);
    looks.push(format!("nothing yet:{}", shown(&thread, &run)));
    print(&mut thread, 1, "syntax is ok\nrestar");
    looks.push(shown(&thread, &run));
    thread.feed(agent(1), &Record::Truncated { dropped: 4_096 });
    print(&mut thread, 1, "the end");
    thread.finish(agent(1));
    for how in [
        How::Exited(0),
        How::Signaled(9),
        How::TimedOut(143),
        How::Cancelled(137),
        How::Lost(Reason::new(Code::Agent, "the shim was killed")),
    ] {
        end(&mut run, 1, how, 20);
        looks.push(shown(&thread, &run));
    }
    insta::assert_snapshot!(looks.join("\n\n########\n\n"));
}

#[test]
fn a_host_without_output_and_one_of_bytes_look_like_this() {
    let mut looks = Vec::new();
    let mut run = one();
    let mut thread = Thread::new(&run);
    thread.finish(agent(1));
    end(&mut run, 1, How::Exited(0), 0);
    looks.push(shown(&thread, &run));
    let offline = Reason::new(Code::Offline, "the host was offline");
    end(&mut run, 1, How::NotStarted(offline), 0);
    looks.push(shown(&Thread::new(&run), &run));

    let mut thread = Thread::new(&run);
    print(&mut thread, 1, vec![0; 100_000]);
    let mut run = one();
    looks.push(shown(&thread, &run));
    thread.finish(agent(1));
    end(&mut run, 1, How::Exited(0), 100_000);
    looks.push(shown(&thread, &run));
    insta::assert_snapshot!(looks.join("\n\n########\n\n"));
}

#[test]
fn notes_on_files_look_like_this() {
    let mut run = one();
    end(&mut run, 1, How::Exited(0), 1);
    let mut looks = Vec::new();
    for lines in [1_000_u64, 200_000] {
        let mut thread = Thread::new(&run);
        for _ in 0..lines / 1_000 {
            print(&mut thread, 1, format!("{:0>63}\n", 1).repeat(1_000));
        }
        thread.finish(agent(1));
        looks.push(text(&thread, &run, Block::Files(agent(1))));
        looks.push(format!("{:?}", thread.files(agent(1), RunNumber(142))));
    }
    insta::assert_snapshot!(looks.join("\n"));
}

#[test]
fn output_that_cannot_be_read_on_looks_like_this() {
    let mut run = one();
    let mut looks = Vec::new();
    let damaged =
        "what is stored after it is damaged: the record at offset 66 does not match its checksum";
    end(&mut run, 1, How::Exited(0), 40_000);
    for (lines, why) in [
        (0, "the output was deleted"),
        (2, damaged),
        (1_000, damaged),
        (1_000, "the output was deleted"),
    ] {
        let mut thread = Thread::new(&run);
        if lines > 0 {
            print(&mut thread, 1, "a line of the output\n".repeat(lines));
        }
        thread.break_off(agent(1), why);
        thread.break_off(agent(1), "and the same again");
        assert!(blocks(&thread, &run).contains(&Block::Card), "nobody waits");
        let card = text(&thread, &run, Block::Card);
        assert!(!card.contains("a line"), "a part looks like all: {card}");
        looks.push(if blocks(&thread, &run).contains(&Block::Files(agent(1))) {
            text(&thread, &run, Block::Files(agent(1)))
        } else {
            shown(&thread, &run)
        });
    }
    insta::assert_snapshot!(looks.join("\n====\n"));
}

#[test]
fn remarks_and_last_words_look_like_this() {
    let mut looks = Vec::new();
    let mut card = |thread: &Thread, run: &Run| {
        let texts = text(thread, run, Block::Card);
        let last = texts.rsplit("--\n").next().unwrap_or_default();
        looks.push(last.to_owned());
    };
    let mut run = one();
    let mut closed = Thread::new(&run);
    closed.without_thread();
    card(&closed, &run);
    card(&Thread::resumed(&run), &run);
    let many = run_on(26, &[1], Offline::Fail);
    card(&Thread::new(&many), &many);
    end(&mut run, 1, How::Exited(0), 1);
    close(&mut run, 61_000);
    looks.push(text(&Thread::new(&run), &run, Block::Farewell));
    run.phase = Phase::Expired("the controller restarted before it *began*".into());
    looks.push(text(&Thread::new(&run), &run, Block::Card));
    looks.push(text(&Thread::new(&run), &run, Block::NotStarted));
    insta::assert_snapshot!(looks.join("\n====\n"));
}

#[test]
fn a_thread_has_the_card_then_pages_then_files_then_the_last_word() {
    let mut run = run_on(2, &[1, 2], Offline::Fail);
    let mut thread = Thread::new(&run);
    assert_eq!(blocks(&thread, &run), [Block::Card], "nothing was printed");
    print(&mut thread, 2, "x\n".repeat(5_000));
    print(&mut thread, 1, "one\n");
    let pages = |n: u8, pages: usize| (0..pages).map(move |page| Block::Page(agent(n), page));
    let expected: Vec<Block> = [Block::Card]
        .into_iter()
        .chain(pages(1, 1))
        .chain(pages(2, 4))
        .collect();
    assert_eq!(blocks(&thread, &run), expected);
    thread.finish(agent(1));
    thread.finish(agent(2));
    end(&mut run, 1, How::Exited(0), 4);
    end(&mut run, 2, How::Exited(0), 10_000);
    close(&mut run, 61_000);
    let mut all = blocks(&thread, &run);
    assert!(all.contains(&Block::Files(agent(2))) && !all.contains(&Block::Files(agent(1))));
    assert_eq!(all.last(), Some(&Block::Farewell));
    all.sort_unstable();
    let files = all
        .iter()
        .position(|block| matches!(block, Block::Files(_)));
    assert_eq!(files, Some(all.len() - 2), "in the order of creation too");
}

#[test]
fn an_end_is_urgent_and_the_way_to_it_is_not() {
    let mut run = run_on(2, &[1, 2], Offline::Fail);
    let mut thread = Thread::new(&run);
    let urgency = |thread: &Thread, run: &Run, block| {
        let message = thread.message(block, &status(run));
        message.map(|message| message.urgency)
    };
    let (page, other) = (Block::Page(agent(1), 0), Block::Page(agent(2), 0));
    print(&mut thread, 1, "one\n");
    print(&mut thread, 2, "two\n");
    for block in [Block::Card, page, other] {
        assert_eq!(urgency(&thread, &run, block), Some(Urgency::Progress));
    }
    thread.finish(agent(1));
    end(&mut run, 1, How::Exited(0), 4);
    assert_eq!(urgency(&thread, &run, page), Some(Urgency::Now));
    assert_eq!(urgency(&thread, &run, other), Some(Urgency::Progress));
    assert_eq!(urgency(&thread, &run, Block::Card), Some(Urgency::Progress));
    end(&mut run, 2, How::Exited(0), 4);
    assert_eq!(urgency(&thread, &run, Block::Card), Some(Urgency::Now));
}

#[test]
fn a_card_waits_for_a_short_output_and_not_for_a_long_one() {
    let mut run = one();
    let mut thread = Thread::new(&run);
    end(&mut run, 1, How::Exited(0), 4);
    assert!(!blocks(&thread, &run).contains(&Block::Card));
    let mut long = one();
    end(&mut long, 1, How::Exited(0), 10_000_000);
    assert!(blocks(&thread, &long).contains(&Block::Card));
    print(&mut thread, 1, "ok\n");
    thread.finish(agent(1));
    assert!(blocks(&thread, &run).contains(&Block::Card));
    let card = text(&thread, &run, Block::Card);
    assert!(card.contains("```\nok\n```"), "{card}");
}

#[test]
fn a_thread_is_complete_when_nothing_can_come() {
    let mut run = run_on(2, &[1], Offline::Fail);
    let mut thread = Thread::new(&run);
    end(&mut run, 1, How::Exited(0), 4);
    thread.finish(agent(1));
    assert!(!thread.is_complete(&run), "the end is not recorded");
    close(&mut run, 1);
    assert!(thread.is_complete(&run), "the other host never ran");
    let unread = Thread::new(&run);
    assert!(!unread.is_complete(&run), "output is not read");
    let mut run = one();
    run.phase = Phase::Expired("nobody waited".into());
    assert!(Thread::new(&run).is_complete(&run));
}

#[test]
fn without_a_thread_only_the_channel_shows_the_run() {
    let mut run = one();
    let mut thread = Thread::new(&run);
    print(&mut thread, 1, "x\n".repeat(5_000));
    thread.without_thread();
    thread.finish(agent(1));
    end(&mut run, 1, How::Exited(0), 10_000);
    assert_eq!(blocks(&thread, &run), [Block::Card]);
}

#[test]
fn without_a_card_only_the_reason_is_said_once_it_is_known() {
    let mut run = one();
    let mut thread = Thread::new(&run);
    print(&mut thread, 1, "one\n");
    thread.without_card();
    assert_eq!(blocks(&thread, &run), []);
    run.phase = Phase::Expired("nobody waited".into());
    assert_eq!(blocks(&thread, &run), [Block::NotStarted]);
}

#[test]
fn what_an_earlier_process_showed_is_not_begun_again_and_what_waits_is() {
    let mut run = run_on(2, &[1], Offline::Queue { for_ms: 3_600_000 });
    run.apply_started(agent(1), 0);
    let mut thread = Thread::resumed(&run);
    assert_eq!(thread.agents().collect::<Vec<_>>(), [agent(2)]);
    print(&mut thread, 1, "not shown\n");
    print(&mut thread, 2, "shown\n");
    let pages = blocks(&thread, &run);
    assert_eq!(pages, [Block::Card, Block::Page(agent(2), 0)]);
    for n in [1, 2] {
        end(&mut run, n, How::Exited(0), 6);
        thread.finish(agent(n));
    }
    let card = text(&thread, &run, Block::Card);
    assert!(
        !card.contains("\nshown"),
        "half of it looks like all: {card}"
    );
}

#[test]
fn looks_are_told_apart_by_their_digests() {
    let run = one();
    let mut thread = Thread::new(&run);
    let digests = |thread: &Thread| -> Vec<u64> {
        let messages = thread.messages(&status(&run));
        messages.iter().map(|message| message.digest).collect()
    };
    print(&mut thread, 1, "one\n");
    let before = digests(&thread);
    assert_eq!(digests(&thread), before);
    print(&mut thread, 1, "two\n");
    let after = digests(&thread);
    assert_eq!(after.first(), before.first(), "the card is the same");
    assert_ne!(after.last(), before.last());
}

#[test]
fn files_hold_every_byte_once_or_the_beginning_and_the_end() {
    let run = one();
    let mut thread = Thread::new(&run);
    let ranges = |thread: &Thread| -> Vec<Range<u64>> {
        let parts = thread.files(agent(1), RunNumber(142));
        parts.into_iter().map(|part| part.bytes).collect()
    };
    let mebibyte = vec![0; 1 << 20];
    let mut expected = Vec::new();
    for mebibytes in 1..=11_u64 {
        print(&mut thread, 1, mebibyte.clone());
        expected = ranges(&thread);
        let all: u64 = expected.iter().map(|range| range.end - range.start).sum();
        assert_eq!(all, mebibytes.min(9) << 20, "{expected:?}");
    }
    assert_eq!(expected, [0..8 << 20, 10 << 20..11 << 20]);
}

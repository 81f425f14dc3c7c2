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

mod cards;
mod colours;
mod several;

const ACCEPTED_MS: u64 = 1_795_341_000_000;

/// The card that the interaction was answered with.
const FIRST_CARD: CardAt = CardAt::There {
    message: 70,
    made_ms: ACCEPTED_MS,
};

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
            name: "ann".into(),
            place: Place {
                guild: 1,
                channel: 2,
                parent: None,
                interaction: 3,
            },
            grant: "ops".into(),
        },
        what: What::Shell("nginx -t".into()),
        input: None,
        selector: "role=web".into(),
        strategy: Strategy {
            offline,
            rollout: None,
        },
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

/// Ends a host whose output was read, so that those which printed the same are alike.
fn ends(thread: &mut Thread, run: &mut Run, n: u8, how: How, printed: &str) {
    print(thread, n, printed.to_owned());
    thread.finish(agent(n));
    let mut content = crate::output::content::Content::default();
    content.out(printed.as_bytes());
    let outcome = Outcome {
        duration_ms: 1_000 + u64::from(n),
        output_bytes: printed.len() as u64,
        content_sha256: Some(content.digest()),
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

/// The messages of a run that always has a thread, where hosts may differ in their names.
fn fresh(run: &Run) -> Thread {
    let same_but = SameBut {
        host: true,
        ..SameBut::default()
    };
    let style = Style {
        threads: Threads::Always,
        same_but,
        ..Style::default()
    };
    Thread::new(run, style)
}

fn status(run: &Run) -> Status<'_> {
    Status {
        run,
        run_as: &[],
        spool_full: &[],
        thread: Some((1, 99)),
        place: Some((1, 2)),
        cards: [FIRST_CARD, CardAt::Waiting, CardAt::Waiting],
        now_ms: ACCEPTED_MS,
    }
}

fn blocks(thread: &mut Thread, run: &Run) -> Vec<Block> {
    let messages = thread.lay_out(&status(run));
    messages.iter().map(|message| message.block).collect()
}

fn text(thread: &mut Thread, run: &Run, block: Block) -> String {
    thread.lay_out(&status(run));
    let message = thread.message_of(block);
    match &message.expect("there is such a message").look {
        Look::Text(text) => text.clone(),
        Look::Card(card) => card.texts.join("\n--\n"),
    }
}

/// Everything but the cards, as people would see it.
fn shown(thread: &mut Thread, run: &Run) -> String {
    let messages = thread.lay_out(&status(run));
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
    let mut thread = fresh(&run);
    looks.push(format!("nothing yet:{}", shown(&mut thread, &run)));
    print(&mut thread, 1, "syntax is ok\nrestar");
    looks.push(shown(&mut thread, &run));
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
        looks.push(shown(&mut thread, &run));
    }
    insta::assert_snapshot!(looks.join("\n\n########\n\n"));
}

#[test]
fn a_host_without_output_and_one_of_bytes_look_like_this() {
    let mut looks = Vec::new();
    let mut run = one();
    let mut thread = fresh(&run);
    thread.finish(agent(1));
    end(&mut run, 1, How::Exited(0), 0);
    looks.push(shown(&mut thread, &run));
    let offline = Reason::new(Code::Offline, "the host was offline");
    end(&mut run, 1, How::NotStarted(offline), 0);
    looks.push(shown(&mut fresh(&run), &run));

    let mut thread = fresh(&run);
    print(&mut thread, 1, vec![0; 100_000]);
    let mut run = one();
    looks.push(shown(&mut thread, &run));
    thread.finish(agent(1));
    end(&mut run, 1, How::Exited(0), 100_000);
    looks.push(shown(&mut thread, &run));
    insta::assert_snapshot!(looks.join("\n\n########\n\n"));
}

#[test]
fn notes_on_files_look_like_this() {
    let mut run = one();
    end(&mut run, 1, How::Exited(0), 1);
    let mut looks = Vec::new();
    for lines in [1_000_u64, 200_000] {
        let mut thread = fresh(&run);
        for _ in 0..lines / 1_000 {
            print(&mut thread, 1, format!("{:0>63}\n", 1).repeat(1_000));
        }
        thread.finish(agent(1));
        looks.push(text(&mut thread, &run, Block::Files));
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
        let mut thread = fresh(&run);
        if lines > 0 {
            print(&mut thread, 1, "a line of the output\n".repeat(lines));
        }
        thread.break_off(agent(1), why);
        thread.break_off(agent(1), "and the same again");
        assert!(
            blocks(&mut thread, &run).contains(&Block::Card(0)),
            "nobody waits"
        );
        let card = text(&mut thread, &run, Block::Card(0));
        assert!(!card.contains("a line"), "a part looks like all: {card}");
        looks.push(if blocks(&mut thread, &run).contains(&Block::Files) {
            text(&mut thread, &run, Block::Files)
        } else {
            shown(&mut thread, &run)
        });
    }
    insta::assert_snapshot!(looks.join("\n====\n"));
}

#[test]
fn remarks_and_last_words_look_like_this() {
    let mut looks = Vec::new();
    let mut card = |thread: &mut Thread, run: &Run| {
        let texts = text(thread, run, Block::Card(0));
        let last = texts.rsplit("--\n").next().unwrap_or_default();
        looks.push(last.to_owned());
    };
    let mut run = one();
    let mut closed = fresh(&run);
    closed.without_thread(NoThread::Refused);
    card(&mut closed, &run);
    closed.without_thread(NoThread::Deleted);
    card(&mut closed, &run);
    end(&mut run, 1, How::Exited(0), 1);
    close(&mut run, 61_000);
    looks.push(text(&mut fresh(&run), &run, Block::Farewell));
    let mut run = one();
    run.phase = Phase::Expired("the controller restarted before it *began*".into());
    looks.push(text(&mut fresh(&run), &run, Block::Card(0)));
    let mut untold = fresh(&run);
    untold.without_card();
    looks.push(text(&mut untold, &run, Block::NotStarted));
    insta::assert_snapshot!(looks.join("\n====\n"));
}

#[test]
fn a_thread_has_the_card_then_pages_then_files_then_the_last_word() {
    let mut run = one();
    let mut thread = fresh(&run);
    assert_eq!(
        blocks(&mut thread, &run),
        [Block::Card(0)],
        "nothing was printed"
    );
    print(&mut thread, 1, "x\n".repeat(5_000));
    let pages = (0..4).map(Block::Page);
    let expected: Vec<Block> = [Block::Card(0)].into_iter().chain(pages).collect();
    assert_eq!(blocks(&mut thread, &run), expected);
    thread.finish(agent(1));
    end(&mut run, 1, How::Exited(0), 10_000);
    close(&mut run, 61_000);
    let all = blocks(&mut thread, &run);
    assert_eq!(all.get(5..), Some(&[Block::Files, Block::Farewell][..]));
    assert!(all.is_sorted(), "in the order of creation too");
}

#[test]
fn an_end_is_urgent_and_the_way_to_it_is_not() {
    let mut run = run_on(2, &[1, 2], Offline::Fail);
    let mut thread = fresh(&run);
    let urgency = |thread: &mut Thread, run: &Run, block| {
        thread.lay_out(&status(run));
        thread.message_of(block).map(|message| message.urgency)
    };
    print(&mut thread, 1, "one\n");
    print(&mut thread, 2, "two\n");
    thread.finish(agent(1));
    end(&mut run, 1, How::Exited(0), 4);
    for block in [Block::Card(0), Block::Page(0)] {
        assert_eq!(urgency(&mut thread, &run, block), Some(Urgency::Progress));
    }
    end(&mut run, 2, How::Exited(0), 4);
    assert_eq!(
        urgency(&mut thread, &run, Block::Page(0)),
        Some(Urgency::Progress)
    );
    thread.finish(agent(2));
    for block in [Block::Card(0), Block::Page(0)] {
        assert_eq!(urgency(&mut thread, &run, block), Some(Urgency::Now));
    }
}

#[test]
fn a_full_page_is_finished_at_once_and_the_next_goes_on_at_its_pace() {
    let run = one();
    let mut thread = fresh(&run);
    print(&mut thread, 1, "x\n".repeat(1_000));
    let urgencies: Vec<_> = thread
        .lay_out(&status(&run))
        .iter()
        .filter(|message| matches!(message.block, Block::Page(_)))
        .map(|message| message.urgency)
        .collect();
    assert_eq!(urgencies, [Urgency::Now, Urgency::Progress]);
}

#[test]
fn a_card_waits_for_a_short_output_and_not_for_a_long_one() {
    let mut run = one();
    let mut thread = fresh(&run);
    end(&mut run, 1, How::Exited(0), 4);
    assert!(!blocks(&mut thread, &run).contains(&Block::Card(0)));
    let mut long = one();
    end(&mut long, 1, How::Exited(0), 10_000_000);
    assert!(blocks(&mut thread, &long).contains(&Block::Card(0)));
    print(&mut thread, 1, "ok\n");
    thread.finish(agent(1));
    assert!(blocks(&mut thread, &run).contains(&Block::Card(0)));
    let card = text(&mut thread, &run, Block::Card(0));
    assert!(card.contains("```\nok\n```"), "{card}");
}

#[test]
fn a_thread_is_complete_when_nothing_can_come() {
    let mut run = run_on(2, &[1], Offline::Fail);
    let mut thread = fresh(&run);
    end(&mut run, 1, How::Exited(0), 4);
    thread.finish(agent(1));
    assert!(!thread.is_complete(&run), "the end is not recorded");
    close(&mut run, 1);
    assert!(thread.is_complete(&run), "the other host never ran");
    let unread = fresh(&run);
    assert!(!unread.is_complete(&run), "output is not read");
    let mut run = one();
    run.phase = Phase::Expired("nobody waited".into());
    assert!(fresh(&run).is_complete(&run));
}

#[test]
fn without_a_thread_only_the_channel_shows_the_run() {
    let mut run = one();
    let mut thread = fresh(&run);
    print(&mut thread, 1, "x\n".repeat(5_000));
    thread.without_thread(NoThread::Refused);
    thread.finish(agent(1));
    end(&mut run, 1, How::Exited(0), 10_000);
    assert_eq!(blocks(&mut thread, &run), [Block::Card(0)]);
}

#[test]
fn without_a_card_only_the_reason_is_said_once_it_is_known() {
    let mut run = one();
    let mut thread = fresh(&run);
    print(&mut thread, 1, "one\n");
    thread.without_card();
    assert_eq!(blocks(&mut thread, &run), []);
    run.phase = Phase::Expired("nobody waited".into());
    assert_eq!(blocks(&mut thread, &run), [Block::NotStarted]);
}

#[test]
fn looks_are_told_apart_by_their_digests() {
    let run = one();
    let mut thread = fresh(&run);
    let digests = |thread: &mut Thread| -> Vec<u64> {
        let messages = thread.lay_out(&status(&run));
        messages.iter().map(|message| message.digest).collect()
    };
    print(&mut thread, 1, "one\n");
    let before = digests(&mut thread);
    assert_eq!(digests(&mut thread), before);
    print(&mut thread, 1, "two\n");
    let after = digests(&mut thread);
    assert_eq!(after.first(), before.first(), "the card is the same");
    assert_ne!(after.last(), before.last());
}

#[test]
fn files_hold_every_byte_once_or_the_beginning_and_the_end() {
    let run = one();
    let mut thread = fresh(&run);
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

#[test]
fn what_is_not_text_and_what_draws_a_screen_is_said() {
    let footer = |printed: &[u8]| {
        let mut run = one();
        let mut thread = fresh(&run);
        print(&mut thread, 1, printed.to_vec());
        thread.finish(agent(1));
        end(&mut run, 1, How::Exited(0), 1);
        let page = text(&mut thread, &run, Block::Page(0));
        page.lines().last().unwrap_or_default().to_owned()
    };
    assert!(
        footer(b"caf\xe9 na\xefve\n").ends_with("2 bytes are not UTF-8"),
        "{}",
        footer(b"caf\xe9 na\xefve\n")
    );
    let top = footer(b"\x1b[?1049h\x1b[H load 0.1\r\n\x1b[?1049l");
    assert!(top.contains("it drew a full screen"), "{top}");
    assert!(
        footer("café\n".as_bytes()).ends_with(" B"),
        "nothing to say"
    );
}

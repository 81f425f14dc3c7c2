//! When a run goes on with a new card, and what the others say then.

use super::*;
use crate::principal::Principal;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

/// The message of a card, made so long after the run was accepted.
fn there(number: usize, after_ms: u64) -> CardAt {
    CardAt::There {
        message: 70 + number as u64,
        made_ms: ACCEPTED_MS + after_ms,
    }
}

/// A run with its thread, and what is known of its cards.
struct Shown {
    run: Run,
    thread: Thread,
    cards: [CardAt; CARDS_MAX],
}

impl Shown {
    fn new(run: Run) -> Self {
        let thread = fresh(&run);
        let cards = [FIRST_CARD, CardAt::Waiting, CardAt::Waiting];
        Self { run, thread, cards }
    }

    /// Of two hosts.
    fn two() -> Self {
        Self::new(run_on(2, &[1, 2], Offline::Fail))
    }

    fn end(&mut self, n: u8, code: i32) {
        self.thread.finish(agent(n));
        end(&mut self.run, n, How::Exited(code), 0);
    }

    fn messages(&mut self, after_ms: u64) -> Vec<Message> {
        let status = Status {
            cards: self.cards,
            now_ms: ACCEPTED_MS + after_ms,
            ..status(&self.run)
        };
        self.thread.lay_out(&status).to_vec()
    }

    /// The cards and the last word at this time after the run was accepted: whole with the urgency, or moved; `@` for a mention.
    fn look(&mut self, after_ms: u64) -> String {
        let mut looks = Vec::new();
        for message in self.messages(after_ms) {
            let mention = if message.mention.is_some() { "@" } else { "" };
            match (message.block, &message.look) {
                (Block::Card(number), Look::Card(card)) => {
                    let text = card.texts.concat();
                    let how = match text.split_once("Goes on below: ") {
                        Some((_, to)) => {
                            assert_eq!(card.buttons, [], "two cards to press on");
                            let to = to.strip_prefix("https://discord.com/channels/1/2/7");
                            format!("->{}", to.unwrap())
                        }
                        None => format!(" {:?}", message.urgency),
                    };
                    looks.push(format!("{mention}{number}{how}"));
                }
                (Block::Farewell, Look::Text(_)) => looks.push(format!("{mention}farewell")),
                (_, _) => {}
            }
        }
        looks.join(", ")
    }

    fn is_nowhere(&self) -> bool {
        let status = Status {
            cards: self.cards,
            ..status(&self.run)
        };
        self.thread.is_nowhere(&status)
    }
}

#[test]
fn a_quiet_run_of_a_day_has_a_card_for_its_beginning_and_one_for_its_end() {
    let mut shown = Shown::two();
    for after_ms in [0, 54 * MINUTE, 2 * HOUR, 24 * HOUR] {
        assert_eq!(shown.look(after_ms), "0 Progress");
    }
    shown.end(1, 0);
    assert_eq!(shown.look(24 * HOUR), "0 Progress", "one of two");
    shown.end(2, 0);
    let coming = "0 Progress, @1 Now";
    assert_eq!(shown.look(24 * HOUR), coming, "not recorded yet");
    close(&mut shown.run, 24 * HOUR);
    assert_eq!(shown.look(24 * HOUR), coming);
    assert_eq!(shown.look(70 * HOUR), coming, "however late it is written");
    shown.cards[1] = there(1, 24 * HOUR);
    for after_ms in [24 * HOUR, 70 * HOUR] {
        assert_eq!(shown.look(after_ms), "0->1, @1 Now");
    }
}

#[test]
fn a_young_card_is_edited_to_the_end_and_stays_so() {
    let mut shown = Shown::two();
    shown.end(1, 0);
    shown.end(2, 1);
    close(&mut shown.run, 55 * MINUTE - 1);
    for after_ms in [55 * MINUTE, 24 * HOUR] {
        assert_eq!(shown.look(after_ms), "0 Now, @farewell");
    }
    close(&mut shown.run, 55 * MINUTE);
    assert_eq!(shown.look(55 * MINUTE), "0 Progress, @1 Now");
    close(&mut shown.run, MINUTE);
    assert_eq!(shown.look(24 * HOUR), "0 Now", "nobody looked away");
}

#[test]
fn the_first_failure_is_told_once_while_others_go_on() {
    let mut shown = Shown::new(run_on(3, &[1, 2, 3], Offline::Fail));
    shown.end(1, 1);
    assert_eq!(shown.look(2 * HOUR), "0 Progress, @1 Now");
    shown.cards[1] = there(1, 2 * HOUR);
    assert_eq!(shown.look(2 * HOUR), "0->1, @1 Progress");
    shown.end(2, 1);
    assert_eq!(shown.look(7 * HOUR), "0->1, @1 Progress", "the second");
    assert_eq!(shown.thread.failed_ms(), Some(ACCEPTED_MS + 2 * HOUR));
    shown.end(3, 0);
    close(&mut shown.run, 2 * HOUR + MINUTE);
    assert_eq!(shown.look(7 * HOUR), "0->1, @1 Now", "just told");
    close(&mut shown.run, 2 * HOUR + 2 * MINUTE);
    assert_eq!(shown.look(7 * HOUR), "0->1, @1 Now, @farewell");
    close(&mut shown.run, 3 * HOUR);
    assert_eq!(shown.look(7 * HOUR), "0->1, @1 Progress, @2 Now");
    shown.cards[2] = there(2, 3 * HOUR);
    assert_eq!(shown.look(7 * HOUR), "0->2, @1->2, @2 Now");
}

#[test]
fn a_failure_that_was_seen_on_a_young_card_is_no_news_later() {
    let mut shown = Shown::two();
    shown.end(1, 1);
    assert_eq!(shown.look(30 * MINUTE), "0 Progress");
    assert_eq!(shown.look(2 * HOUR), "0 Progress");
    let mut next = fresh(&shown.run);
    next.failed_at(shown.thread.failed_ms());
    shown.thread = next;
    assert_eq!(shown.look(3 * HOUR), "0 Progress", "in the next process");
}

#[test]
fn what_is_no_failure_of_some_among_others_makes_no_card() {
    let mut shown = Shown::new(one());
    shown.end(1, 1);
    assert_eq!(shown.thread.failed_ms(), None);
    assert_eq!(shown.look(30 * MINUTE), "0 Now", "the end of the only one");
    let mut shown = Shown::two();
    shown.run.cancel = Some(crate::run::CancelRequest {
        by: Principal::Discord(7),
        force: false,
        at_ms: ACCEPTED_MS,
    });
    shown.end(1, 1);
    assert_eq!(shown.look(2 * HOUR), "0 Now", "somebody stops it");
    shown.run.phase = Phase::Expired("why".to_owned());
    assert_eq!(shown.look(2 * HOUR), "0 Now", "nothing was run");
}

#[test]
fn a_clock_that_is_wrong_makes_no_cards() {
    for made_ms in [0, ACCEPTED_MS + 24 * HOUR, u64::MAX] {
        let mut shown = Shown::two();
        shown.cards[0] = CardAt::There {
            message: 70,
            made_ms,
        };
        shown.end(1, 0);
        shown.end(2, 0);
        close(&mut shown.run, MINUTE);
        assert_eq!(shown.look(MINUTE), "0 Now", "{made_ms}");
    }
}

#[test]
fn a_card_that_is_there_is_the_newest_whatever_it_was_posted_for() {
    let mut shown = Shown::two();
    shown.cards[1] = there(1, 2 * HOUR);
    assert_eq!(shown.look(2 * HOUR), "0->1, @1 Progress");
    shown.end(1, 0);
    shown.end(2, 0);
    close(&mut shown.run, MINUTE);
    assert_eq!(shown.look(2 * HOUR), "0->1, @1 Now");
    shown.cards[2] = there(2, 2 * HOUR);
    assert_eq!(shown.look(2 * HOUR), "0->2, @1->2, @2 Now");
}

#[test]
fn a_new_card_that_is_not_there_leaves_the_old_one_as_it_was() {
    let mut shown = Shown::two();
    shown.end(1, 0);
    shown.end(2, 0);
    close(&mut shown.run, 2 * HOUR);
    shown.cards[1] = CardAt::Gone { was_there: false };
    assert_eq!(shown.look(2 * HOUR), "0 Now, @farewell", "not taken");
    shown.cards[1] = CardAt::Gone { was_there: true };
    assert_eq!(shown.look(2 * HOUR), "0 Now", "deleted after all saw it");
    shown.cards[0] = CardAt::Gone { was_there: true };
    assert_eq!(shown.look(2 * HOUR), "");
    assert!(shown.is_nowhere());
    shown.cards[1] = CardAt::Waiting;
    assert_eq!(shown.look(2 * HOUR), "@1 Now");
    shown.cards[1] = there(1, 2 * HOUR);
    assert_eq!(shown.look(2 * HOUR), "@1 Now");
    assert!(!shown.is_nowhere());
}

#[test]
fn a_short_run_whose_new_card_was_not_taken_notifies_nobody() {
    let mut shown = Shown::two();
    shown.thread.style.new_card_ms = 0;
    assert_eq!(shown.look(0), "0 Progress");
    shown.end(1, 0);
    shown.end(2, 0);
    close(&mut shown.run, MINUTE);
    assert_eq!(shown.look(MINUTE), "0 Progress, 1 Now");
    shown.cards[1] = CardAt::Gone { was_there: false };
    assert_eq!(shown.look(MINUTE), "0 Now");
}

#[test]
fn a_card_for_a_failure_that_is_still_to_be_posted_is_the_one_for_the_end_too() {
    let mut shown = Shown::two();
    shown.end(1, 1);
    assert_eq!(shown.look(2 * HOUR), "0 Progress, @1 Now");
    shown.end(2, 0);
    close(&mut shown.run, 5 * HOUR);
    assert_eq!(shown.look(6 * HOUR), "0 Progress, @1 Now");
    shown.cards[1] = there(1, 6 * HOUR);
    assert_eq!(shown.look(6 * HOUR), "0->1, @1 Now");
}

#[test]
fn a_run_of_the_command_line_mentions_nobody() {
    let mut run = run_on(2, &[1, 2], Offline::Fail);
    let spec = Spec {
        origin: Origin::Socket {
            user: "root".to_owned(),
        },
        ..(*run.spec).clone()
    };
    run.spec = std::sync::Arc::new(spec);
    let mut shown = Shown::new(run);
    shown.end(1, 0);
    shown.end(2, 0);
    close(&mut shown.run, 2 * HOUR);
    assert_eq!(shown.look(2 * HOUR), "0 Progress, 1 Now");
}

#[test]
fn a_card_waits_for_a_short_output_wherever_it_is() {
    let mut shown = Shown::two();
    end(&mut shown.run, 1, How::Exited(0), 4);
    end(&mut shown.run, 2, How::Exited(0), 4);
    close(&mut shown.run, 2 * HOUR);
    assert_eq!(shown.look(2 * HOUR), "");
    shown.thread.finish(agent(1));
    shown.thread.finish(agent(2));
    assert_eq!(shown.look(2 * HOUR), "0 Progress, @1 Now");
}

#[test]
fn an_older_card_looks_like_this() {
    let mut shown = Shown::two();
    shown.end(1, 0);
    shown.end(2, 0);
    close(&mut shown.run, 2 * HOUR);
    shown.cards[1] = there(1, 2 * HOUR);
    let messages = shown.messages(2 * HOUR);
    let texts = |message: &Message| match &message.look {
        Look::Card(card) => card.texts.join("\n--\n"),
        Look::Text(text) => text.clone(),
    };
    let nowhere = view::moved_card(&shown.run, None).texts.concat();
    let looks = [texts(&messages[0]), nowhere];
    insta::assert_snapshot!(looks.join("\n\n"));
}

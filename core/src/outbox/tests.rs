//! What is written next: order, pace, and what follows a write of which nobody knows whether it was done.

use super::*;

const NOW: u64 = 50_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Block {
    Card,
    Page(usize),
    Files,
}

impl Key for Block {
    fn lane(self) -> Lane {
        match self {
            Self::Card => Lane::Channel,
            Self::Page(_) | Self::Files => Lane::Thread,
        }
    }
}

/// An outbox with a card that shows state 1.
fn with_card() -> Outbox<Block> {
    let mut outbox = Outbox::new(NOW);
    outbox.exists(Block::Card, 77, Some(1));
    outbox
}

/// An outbox in which state 1 of a page is wanted.
fn with_page() -> Outbox<Block> {
    let mut outbox = Outbox::new(NOW);
    outbox.want(Block::Page(0), 1, Urgency::Progress);
    outbox
}

#[test]
fn states_in_between_are_never_sent() {
    let mut outbox = with_card();
    assert_eq!(outbox.next(Lane::Channel, NOW), Next::Idle);
    outbox.want(Block::Card, 2, Urgency::Progress);
    outbox.want(Block::Card, 3, Urgency::Progress);
    assert_eq!(outbox.next(Lane::Channel, NOW), Next::Edit(Block::Card, 77));
    outbox.written(Block::Card, 3, 77, NOW);
    assert!(outbox.settled());
}

#[test]
fn progress_is_paced_and_the_end_is_not() {
    let mut outbox = with_card();
    outbox.want(Block::Card, 2, Urgency::Progress);
    outbox.written(Block::Card, 2, 77, NOW);
    outbox.want(Block::Card, 3, Urgency::Progress);
    assert_eq!(outbox.next(Lane::Channel, NOW + 1), Next::At(NOW + 1_000));
    let edit = Next::Edit(Block::Card, 77);
    assert_eq!(outbox.next(Lane::Channel, NOW + 1_000), edit);
    outbox.want(Block::Card, 4, Urgency::Now);
    assert_eq!(outbox.next(Lane::Channel, NOW + 1), edit);
    outbox.want(Block::Card, 5, Urgency::Progress);
    assert_eq!(outbox.next(Lane::Channel, NOW + 1), edit, "still urgent");
}

#[test]
fn a_thread_begins_at_once_and_its_edits_get_rarer() {
    let mut outbox = with_page();
    let mut at_ms = NOW;
    let mut edits = Vec::new();
    for state in 2..=900 {
        outbox.written(Block::Page(0), state - 1, 9, at_ms);
        outbox.want(Block::Page(0), state, Urgency::Progress);
        let Next::At(next_ms) = outbox.next(Lane::Thread, at_ms) else {
            panic!("not at once");
        };
        edits.push(next_ms - at_ms);
        at_ms = next_ms;
    }
    assert_eq!(edits.get(..5), Some(&[150, 150, 1_150, 1_150, 1_150][..]));
    // Discord takes five edits in five seconds.
    let mut within = std::collections::VecDeque::new();
    let mut now_ms = 0;
    for gap in &edits {
        now_ms += gap;
        within.push_back(now_ms);
        while within.front().is_some_and(|first| now_ms - first >= 5_000) {
            within.pop_front();
        }
        assert!(within.len() <= 6, "{now_ms}: more would wait for long");
    }
    assert!(edits.is_sorted(), "never faster again");
    assert_eq!(
        edits.last(),
        Some(&30_000),
        "an old message is edited seldom"
    );
}

#[test]
fn pages_are_created_in_order_also_after_a_failure() {
    let mut outbox = Outbox::new(NOW);
    outbox.want(Block::Page(1), 1, Urgency::Progress);
    outbox.want(Block::Page(0), 1, Urgency::Progress);
    outbox.want(Block::Files, 1, Urgency::Now);
    let first = Next::Create(Block::Page(0));
    assert_eq!(outbox.next(Lane::Thread, NOW), first);
    outbox.failed(Block::Page(0), Failed::NotDone, 500, NOW);
    let later = Next::At(NOW + 500);
    assert_eq!(outbox.next(Lane::Thread, NOW), later, "nobody overtakes");
    outbox.give_up(Block::Page(0));
    let second = Next::Create(Block::Page(1));
    assert_eq!(outbox.next(Lane::Thread, NOW), second);
    assert_eq!(outbox.next(Lane::Channel, NOW), Next::Idle);
}

#[test]
fn a_lane_that_cannot_be_written_to_waits_or_is_given_up_and_the_other_goes_on() {
    let mut outbox = with_page();
    outbox.want(Block::Files, 1, Urgency::Now);
    outbox.want(Block::Card, 1, Urgency::Now);
    outbox.lane_failed(Lane::Thread, 500, NOW);
    assert_eq!(outbox.next(Lane::Thread, NOW), Next::At(NOW + 500));
    assert_eq!(outbox.next(Lane::Channel, NOW), Next::Create(Block::Card));
    outbox.give_up_lane(Lane::Thread);
    assert_eq!(outbox.next(Lane::Thread, NOW + 500), Next::Idle);
    assert!(outbox.is_settled(Block::Files) && !outbox.settled());
}

#[test]
fn an_edit_follows_a_create_that_may_have_been_done_with_another_text() {
    let mut outbox = with_page();
    outbox.failed(Block::Page(0), Failed::Unknown(1), 500, NOW);
    outbox.want(Block::Page(0), 2, Urgency::Now);
    let again = Next::Create(Block::Page(0));
    assert_eq!(outbox.next(Lane::Thread, NOW + 500), again);
    // The nonce gives the message of the first attempt back, with its text.
    outbox.written(Block::Page(0), 2, 9, NOW + 500);
    assert!(!outbox.settled() && !outbox.is_settled(Block::Page(0)));
    let edit = Next::Edit(Block::Page(0), 9);
    assert_eq!(outbox.next(Lane::Thread, NOW + 500), edit);
    outbox.written(Block::Page(0), 2, 9, NOW + 501);
    assert!(outbox.settled());
}

#[test]
fn no_edit_follows_a_create_that_was_the_same_each_time_or_was_certainly_not_done() {
    for (failed, then, edits) in [
        (&[Failed::Unknown(1)][..], 1, false),
        (&[Failed::Unknown(1), Failed::Unknown(1)], 1, false),
        (&[Failed::NotDone], 2, false),
        // The second attempt may have been the first that was done.
        (&[Failed::Unknown(1), Failed::Unknown(2)], 2, true),
        (&[Failed::Unknown(1), Failed::Unknown(2)], 1, true),
        (&[Failed::Unknown(1), Failed::NotDone], 2, true),
    ] {
        let mut outbox = with_page();
        for failed in failed {
            outbox.failed(Block::Page(0), *failed, 500, NOW);
        }
        outbox.want(Block::Page(0), then, Urgency::Now);
        outbox.written(Block::Page(0), then, 9, NOW);
        assert_eq!(!outbox.settled(), edits, "{failed:?}, then {then}");
    }
}

#[test]
fn an_edit_that_may_have_been_done_is_made_again_also_back_to_the_old_state() {
    let mut outbox = with_card();
    outbox.want(Block::Card, 2, Urgency::Now);
    outbox.failed(Block::Card, Failed::Unknown(2), 500, NOW);
    outbox.want(Block::Card, 1, Urgency::Now);
    let edit = Next::Edit(Block::Card, 77);
    assert_eq!(outbox.next(Lane::Channel, NOW + 500), edit);
    outbox.written(Block::Card, 1, 77, NOW + 500);
    assert!(outbox.settled());
}

#[test]
fn what_an_earlier_process_may_have_created_is_created_again_and_then_edited() {
    let mut outbox = Outbox::new(NOW);
    outbox.may_exist(Block::Card);
    assert_eq!(
        outbox.next(Lane::Channel, NOW),
        Next::Idle,
        "nothing wanted"
    );
    assert!(!outbox.is_settled(Block::Card));
    outbox.want(Block::Card, 3, Urgency::Progress);
    assert_eq!(outbox.next(Lane::Channel, NOW), Next::Create(Block::Card));
    outbox.written(Block::Card, 3, 77, NOW);
    assert_eq!(outbox.next(Lane::Channel, NOW), Next::At(NOW + 1_000));
    assert!(!outbox.settled());
}

#[test]
fn a_message_of_which_nobody_knows_what_it_shows_is_edited_once_something_is_wanted() {
    let mut outbox = Outbox::new(NOW);
    outbox.exists(Block::Card, 77, None);
    assert_eq!(outbox.next(Lane::Channel, NOW), Next::Idle);
    outbox.want(Block::Card, 3, Urgency::Progress);
    assert_eq!(outbox.next(Lane::Channel, NOW), Next::Edit(Block::Card, 77));
}

#[test]
fn a_message_that_is_left_stays_as_it_is_until_something_is_wanted_again() {
    let mut outbox = Outbox::new(NOW);
    outbox.exists(Block::Card, 77, Some(1));
    outbox.leave(Block::Card);
    outbox.want(Block::Card, 2, Urgency::Now);
    assert!(outbox.pending().eq([Block::Card]));
    outbox.leave(Block::Card);
    assert_eq!(outbox.next(Lane::Channel, NOW), Next::Idle);
    assert!(outbox.settled() && outbox.pending().next().is_none());
    outbox.want(Block::Card, 2, Urgency::Now);
    assert_eq!(outbox.next(Lane::Channel, NOW), Next::Edit(Block::Card, 77));
    outbox.written(Block::Card, 2, 77, NOW);
    outbox.leave(Block::Card);
    assert!(outbox.is_settled(Block::Card));
}

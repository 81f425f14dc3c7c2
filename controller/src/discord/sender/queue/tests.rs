//! Tests of the order in which those who wait have their turn.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const POST: Route = Route::create_message(5);
const EDIT: Route = Route::edit_message(5);

fn every(_: &Route) -> bool {
    true
}

#[test]
fn those_of_one_route_go_in_the_order_in_which_they_came() {
    let mut queue = Queue::default();
    let all: Vec<Ticket> = (0..3).map(|_| queue.join(POST, Urgency::Now)).collect();
    queue.leave(&all[1]);
    assert_eq!(queue.next(every), Some(all[0]));
    assert_eq!(queue.next(every), Some(all[2]));
    assert_eq!(queue.next(every), None);
    assert_eq!((queue.routes().count(), queue.lines.len()), (0, 0));
}

#[test]
fn a_route_that_may_not_go_keeps_its_turn() {
    let mut queue = Queue::default();
    let post = queue.join(POST, Urgency::Progress);
    let edits = [(); 2].map(|()| queue.join(EDIT, Urgency::Progress));
    assert_eq!(queue.next(|route| *route == EDIT), Some(edits[0]));
    assert_eq!(queue.next(every), Some(post));
    assert_eq!(queue.next(every), Some(edits[1]));
}

#[test]
fn what_a_person_waits_for_goes_first_but_not_without_end() {
    let mut queue = Queue::default();
    let progress = queue.join(POST, Urgency::Progress);
    let urgent: Vec<Ticket> = (0..6).map(|_| queue.join(POST, Urgency::Now)).collect();
    let order: Vec<Ticket> = std::iter::from_fn(|| queue.next(every)).collect();
    let expected = [&urgent[..4], &[progress], &urgent[4..]].concat();
    assert_eq!(order, expected);
}

#[derive(Clone, Debug)]
enum Action {
    Join(u64, Urgency),
    /// The nth of those who wait leaves.
    Leave(usize),
    /// Somebody goes, of those routes that are in the mask.
    Next(u8),
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let urgency = prop_oneof![Just(Urgency::Progress), Just(Urgency::Now)];
    let action = prop_oneof![
        4 => (1..8_u64, urgency).prop_map(|(channel, urgency)| Action::Join(channel, urgency)),
        1 => (0..32_usize).prop_map(Action::Leave),
        3 => any_mask().prop_map(Action::Next),
    ];
    vec(action, 0..200)
}

fn any_mask() -> impl Strategy<Value = u8> {
    prop::num::u8::ANY
}

fn channel(route: &Route) -> u64 {
    (1..8)
        .find(|channel| *route == Route::create_message(*channel))
        .expect("one of ours")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nobody_is_overtaken_by_a_later_one_of_the_same_kind_nor_often_by_urgent_ones(actions in actions()) {
        let mut queue = Queue::default();
        let mut waiting: Vec<Ticket> = Vec::new();
        let mut overtaken: HashMap<Ticket, u32> = HashMap::new();
        for action in actions {
            match action {
                Action::Join(channel, urgency) => {
                    waiting.push(queue.join(Route::create_message(channel), urgency));
                }
                Action::Leave(nth) => if let Some(at) = nth.checked_rem(waiting.len()) {
                    queue.leave(&waiting.remove(at));
                },
                Action::Next(mask) => {
                    let may_go = |route: &Route| mask & (1 << channel(route)) != 0;
                    let next = queue.next(may_go);
                    prop_assert_eq!(next.is_some(), waiting.iter().any(|one| may_go(one.route())), "work is done");
                    let Some(next) = next else { continue };
                    prop_assert!(may_go(next.route()));
                    let earlier = waiting.iter().filter(|one| one.route == next.route && one.number < next.number);
                    for one in earlier {
                        prop_assert!(one.urgency < next.urgency, "{one:?} came before {next:?}");
                    }
                    let first = waiting.iter().find(|one| one.route == next.route && one.number < next.number && one.urgency < next.urgency);
                    if let Some(first) = first {
                        let times = overtaken.entry(*first).or_default();
                        *times += 1;
                        prop_assert!(*times <= URGENT_IN_A_ROW_MAX, "{first:?} waits for ever");
                    }
                    let at = waiting.iter().position(|one| *one == next);
                    waiting.remove(at.expect("it waited"));
                }
            }
            prop_assert!(waiting.iter().all(|one| queue.holds(one)));
            prop_assert_eq!(queue.somebody().is_some(), !waiting.is_empty());
        }
        let left = std::iter::from_fn(|| queue.next(every)).count();
        prop_assert_eq!(left, waiting.len(), "nobody is lost");
        prop_assert!(queue.lines.is_empty() && queue.round.is_empty());
    }

    #[test]
    fn routes_that_always_want_something_get_the_same(routes in 1..30_u64, urgent in vec(prop::bool::ANY, 30), grants in 1..200_usize) {
        let mut queue = Queue::default();
        let join = |queue: &mut Queue, channel: u64| {
            let urgency = if urgent[usize::try_from(channel).unwrap() % 30] { Urgency::Now } else { Urgency::Progress };
            queue.join(Route::create_message(channel), urgency)
        };
        for channel in 1..=routes {
            join(&mut queue, channel);
            join(&mut queue, channel);
        }
        let mut counts: HashMap<Route, u32> = queue.routes().map(|route| (*route, 0)).collect();
        for _ in 0..grants {
            let route = *queue.next(|_| true).unwrap().route();
            *counts.get_mut(&route).unwrap() += 1;
            let channel = (1..=routes).find(|channel| route == Route::create_message(*channel)).unwrap();
            join(&mut queue, channel);
            let (least, most) = (counts.values().min(), counts.values().max());
            prop_assert!(most.unwrap() - least.unwrap() <= 1, "{counts:?}");
        }
    }
}

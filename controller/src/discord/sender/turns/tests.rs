//! Tests of who is granted what and who is woken, in virtual time.

use std::task::{Context, Waker};

use bytes::Bytes;
use hyper::{HeaderMap, StatusCode};

use super::*;

const POST: Route = Route::create_message(5);

type Place = (Ticket, Arc<Notify>);

fn join(turns: &mut Turns, route: Route, now_ms: u64) -> Place {
    turns.join(route, Urgency::Now, now_ms).unwrap()
}

fn fetch(turns: &mut Turns, place: &Place, now_ms: u64) -> Option<Grant> {
    match turns.look(&place.0, now_ms) {
        Found::Granted(grant) => Some(grant),
        Found::Waits(_) => None,
    }
}

/// The alarm that one that waits keeps.
fn alarm(turns: &mut Turns, place: &Place, now_ms: u64) -> Option<u64> {
    match turns.look(&place.0, now_ms) {
        Found::Granted(_) => panic!("granted"),
        Found::Waits(until_ms) => until_ms,
    }
}

/// Whether it was woken since it was last asked.
fn is_woken(place: &Place) -> bool {
    let mut notified = std::pin::pin!(place.1.notified());
    let mut context = Context::from_waker(Waker::noop());
    notified.as_mut().poll(&mut context).is_ready()
}

/// An answer after which a bucket is empty until `reset_s` later.
fn empty(reset_s: &str) -> Answer {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("x-ratelimit-bucket", "b"),
        ("x-ratelimit-limit", "1"),
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset-after", reset_s),
    ] {
        headers.insert(name, value.parse().unwrap());
    }
    Answer {
        status: StatusCode::OK,
        headers,
        body: Bytes::new(),
    }
}

#[test]
fn one_that_is_granted_is_woken_and_nobody_else() {
    let mut turns = Turns::default();
    let places = [(); 4].map(|()| join(&mut turns, POST, 0));
    let first = fetch(&mut turns, &places[0], 0).unwrap();
    places.iter().for_each(|place| {
        is_woken(place);
    });
    turns.release(first, Use::Answered, 1);
    assert_eq!(places.each_ref().map(is_woken), [false, true, true, false]);
    // The third keeps the alarm now: nobody was woken for the sake of others.
    assert!(fetch(&mut turns, &places[2], 1).is_none());
    assert!(fetch(&mut turns, &places[1], 1).is_some());
    assert!(!is_woken(&places[3]));
}

#[test]
fn a_place_that_is_left_and_a_grant_that_is_not_fetched_go_to_the_next() {
    let mut turns = Turns::default();
    let places = [(); 4].map(|()| join(&mut turns, POST, 0));
    let first = fetch(&mut turns, &places[0], 0).unwrap();
    turns.leave(&places[1].0, 1);
    turns.release(first, Use::Answered, 2);
    assert!(is_woken(&places[2]), "granted");
    turns.leave(&places[2].0, 3);
    assert!(is_woken(&places[3]));
    assert!(fetch(&mut turns, &places[3], 3).is_some());
    assert!(turns.waiting.is_empty() && turns.queue.somebody().is_none());
}

#[test]
fn a_grant_that_is_not_used_is_not_counted() {
    let mut turns = Turns::default();
    for channel in 1..=100 {
        let place = join(&mut turns, Route::create_message(channel), 0);
        let grant = fetch(&mut turns, &place, 0).expect("45 in a second, but nothing was sent");
        turns.release(grant, Use::Unused, 0);
    }
}

#[test]
fn one_of_them_keeps_the_alarm_and_when_it_leaves_another_does() {
    let mut turns = Turns::default();
    let first = join(&mut turns, POST, 0);
    let grant = fetch(&mut turns, &first, 0).unwrap();
    let places = [(); 3].map(|()| join(&mut turns, POST, 0));
    assert_eq!(
        alarm(&mut turns, &places[0], 0),
        None,
        "only an answer can tell"
    );
    turns.answered(&POST, &empty("2"), Some(grant), 10);
    assert!(is_woken(&places[0]), "to set the alarm");
    let alarms = places.each_ref().map(|place| alarm(&mut turns, place, 10));
    assert_eq!(alarms, [Some(2_010), None, None]);
    turns.leave(&places[0].0, 20);
    assert!(is_woken(&places[1]));
    assert_eq!(alarm(&mut turns, &places[1], 20), Some(2_010));
    let granted = fetch(&mut turns, &places[1], 2_010);
    assert!(granted.is_some());
    assert!(is_woken(&places[2]), "it keeps the alarm next");
}

#[test]
fn an_alarm_is_set_earlier_when_something_can_go_earlier() {
    let mut turns = Turns::default();
    // The name of the bucket is known.
    turns.answered(&Route::create_message(3), &empty("0"), None, 0);
    let routes = [Route::create_message(1), Route::create_message(2)];
    let firsts = routes.map(|route| join(&mut turns, route, 0));
    let grants = firsts.map(|place| fetch(&mut turns, &place, 0).unwrap());
    let places = routes.map(|route| join(&mut turns, route, 0));
    let [one, two] = grants;
    turns.answered(&routes[0], &empty("60"), Some(one), 0);
    assert_eq!(alarm(&mut turns, &places[0], 0), Some(60_000));
    is_woken(&places[0]);
    turns.answered(&routes[1], &empty("1"), Some(two), 0);
    assert!(is_woken(&places[0]), "its alarm is too late for the other");
    assert_eq!(alarm(&mut turns, &places[0], 0), Some(1_000));
    assert!(fetch(&mut turns, &places[0], 1_000).is_none());
    assert!(is_woken(&places[1]));
    assert!(fetch(&mut turns, &places[1], 1_000).is_some());
}

#[test]
fn callbacks_stand_in_no_line() {
    let mut turns = Turns::default();
    let route = Route::callback("t");
    for _ in 0..100 {
        assert!(turns.join(route, Urgency::Now, 0).is_err(), "at once");
    }
}

#[test]
fn the_global_limit_goes_round_the_routes() {
    let mut turns = Turns::default();
    let mut places = Vec::new();
    for channel in 1..=30 {
        for _ in 0..3 {
            places.push(join(&mut turns, Route::create_message(channel), 0));
        }
    }
    let mut fetched = HashMap::new();
    for now_ms in [0, 1_000] {
        let mut grants = Vec::new();
        for place in &places {
            if let Some(grant) = fetch(&mut turns, place, now_ms) {
                *fetched.entry(*place.0.route()).or_insert(0) += 1;
                grants.push(grant);
            }
        }
        grants
            .into_iter()
            .for_each(|grant| turns.release(grant, Use::Unanswered, now_ms));
    }
    // One in flight for each route at first, and the 15 that were left of the second; in the next, the other 15.
    let (least, most) = (fetched.values().min(), fetched.values().max());
    assert_eq!((fetched.len(), least, most), (30, Some(&2), Some(&2)));
}

//! Tests of the limiter's decisions, in virtual time.

use bytes::Bytes;

use super::*;

fn answer(status: u16, headers: &[(&'static str, &str)], body: &'static str) -> Answer {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, value.parse().unwrap());
    }
    Answer {
        status: StatusCode::from_u16(status).unwrap(),
        headers: map,
        body: Bytes::from_static(body.as_bytes()),
    }
}

fn ok(bucket: &str, limit: &str, remaining: &str, reset_after: &str) -> Answer {
    let headers = [
        ("x-ratelimit-bucket", bucket),
        ("x-ratelimit-limit", limit),
        ("x-ratelimit-remaining", remaining),
        ("x-ratelimit-reset-after", reset_after),
    ];
    answer(200, &headers, "")
}

fn exchange(limiter: &mut Limiter, route: &Route, answer: &Answer, now_ms: u64) -> Option<Limited> {
    let grant = limiter.take(route, now_ms);
    let limited = limiter.observe(route, answer, now_ms);
    limiter.release(grant, Use::Answered);
    limited
}

const POST: Route = Route::create_message(5);

#[test]
fn an_unknown_bucket_takes_one_call_at_a_time() {
    let mut limiter = Limiter::default();
    assert_eq!(limiter.ready_at(&POST, 7), Some(7));
    let grant = limiter.take(&POST, 7);
    assert_eq!(limiter.ready_at(&POST, 7), None);
    assert_eq!(limiter.ready_at(&Route::create_message(6), 7), Some(7));
    limiter.release(grant, Use::Unanswered);
    assert_eq!(limiter.ready_at(&POST, 8), Some(8));
}

#[test]
fn remaining_and_reset_are_believed_on_every_answer() {
    let mut limiter = Limiter::default();
    exchange(&mut limiter, &POST, &ok("b", "5", "2", "1.5"), 1_000);
    let first = limiter.take(&POST, 1_000);
    let second = limiter.take(&POST, 1_000);
    assert_eq!(limiter.ready_at(&POST, 1_000), None);
    limiter.release(first, Use::Unanswered);
    limiter.release(second, Use::Unanswered);
    assert_eq!(limiter.ready_at(&POST, 1_001), Some(2_500));
    assert_eq!(limiter.ready_at(&POST, 2_500), Some(2_500));
    exchange(&mut limiter, &POST, &ok("b", "5", "0", "0.0001"), 3_000);
    assert_eq!(limiter.ready_at(&POST, 3_000), Some(3_001));
}

#[test]
fn a_window_that_is_over_is_full_again() {
    let mut limiter = Limiter::default();
    exchange(&mut limiter, &POST, &ok("b", "2", "0", "1"), 0);
    let grants = [limiter.take(&POST, 1_000), limiter.take(&POST, 1_000)];
    assert_eq!(limiter.ready_at(&POST, 1_000), None);
    grants
        .into_iter()
        .for_each(|grant| limiter.release(grant, Use::Answered));
    assert_eq!(limiter.ready_at(&POST, 1_000), Some(1_000));
}

#[test]
fn an_answer_that_was_overtaken_gives_nothing_back() {
    let mut limiter = Limiter::default();
    exchange(&mut limiter, &POST, &ok("b", "5", "4", "0.1"), 0);
    let grants: Vec<Grant> = (0..5).map(|_| limiter.take(&POST, 1_000)).collect();
    for (remaining, reset_after, at_ms) in [
        ("0", "5", 1_020),
        ("4", "4.99", 1_030),
        ("1", "4.98", 1_040),
    ] {
        limiter.observe(&POST, &ok("b", "5", remaining, reset_after), at_ms);
        assert_eq!(limiter.ready_at(&POST, at_ms), Some(6_020));
    }
    for grant in grants {
        limiter.release(grant, Use::Answered);
    }
    // The next window begins a little before we know that this one is over.
    limiter.observe(&POST, &ok("b", "5", "4", "5"), 6_010);
    assert_eq!(limiter.ready_at(&POST, 6_010), Some(6_010));
}

/// As [`ok`], with the end of the window by Discord's clock.
fn ok_until(remaining: &str, reset_after: &str, reset: &str) -> Answer {
    let mut answer = ok("b", "5", remaining, reset_after);
    let reset = reset.parse().unwrap();
    answer.headers.insert("x-ratelimit-reset", reset);
    answer
}

#[test]
fn an_answer_that_comes_late_gives_nothing_back() {
    const RESET: &str = "1795341005.000";
    let mut limiter = Limiter::default();
    let grants: Vec<Grant> = (0..5).map(|_| limiter.take(&POST, 0)).collect();
    limiter.observe(&POST, &ok_until("0", "4.9", RESET), 100);
    assert_eq!(limiter.ready_at(&POST, 100), Some(5_000));
    // It was on its way for two seconds, and says what was left before the others.
    limiter.observe(&POST, &ok_until("4", "4.99", RESET), 2_010);
    assert!(limiter.ready_at(&POST, 2_010) >= Some(5_000));
    for grant in grants {
        limiter.release(grant, Use::Answered);
    }
    // The next window began; what comes of the last one says nothing of it.
    let next = ok_until("0", "4.8", "1795341010.000");
    limiter.observe(&POST, &next, 5_300);
    limiter.observe(&POST, &ok_until("3", "4.8", RESET), 5_400);
    assert_eq!(limiter.ready_at(&POST, 5_400), Some(10_100));
}

/// A bucket as Discord counts it: so many calls in a window that begins with the first of them.
#[derive(Default)]
struct Counted {
    used: u64,
    ends_ms: u64,
}

impl Counted {
    const LIMIT: u64 = 5;
    const WINDOW_MS: u64 = 5_000;

    /// The answer to a call that arrives now; none for one too many.
    fn answer(&mut self, now_ms: u64) -> Option<Answer> {
        if self.ends_ms <= now_ms {
            (self.used, self.ends_ms) = (0, now_ms + Self::WINDOW_MS);
        }
        self.used += 1;
        let remaining = Self::LIMIT.checked_sub(self.used)?;
        let seconds = |ms: u64| format!("{}.{:03}", ms / 1_000, ms % 1_000);
        let (after, at) = (self.ends_ms - now_ms, self.ends_ms + 1_795_341_000_000);
        Some(ok_until(
            &remaining.to_string(),
            &seconds(after),
            &seconds(at),
        ))
    }
}

/// Makes calls whenever the limiter lets them go, each on its way for up to `way_ms` there and back; the time that they take.
fn never_refused(calls: usize, way_ms: u64, seed: u64) -> u64 {
    const STEP_MS: usize = 7;
    let (mut limiter, mut bucket, mut random) = (Limiter::default(), Counted::default(), seed);
    let mut way = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005) + 1;
        (random >> 33) % way_ms
    };
    let (mut sent, mut answered) = (Vec::new(), Vec::new());
    let mut made = 0;
    for now_ms in (0..).step_by(STEP_MS) {
        let due = sent.extract_if(.., |(at_ms, _)| *at_ms <= now_ms);
        for (_, grant) in due {
            let answer = bucket.answer(now_ms);
            let answer = answer.unwrap_or_else(|| panic!("refused at {now_ms}, seed {seed}"));
            answered.push((now_ms + way(), grant, answer));
        }
        let due = answered.extract_if(.., |(at_ms, ..)| *at_ms <= now_ms);
        for (_, grant, answer) in due {
            limiter.observe(&POST, &answer, now_ms);
            limiter.release(grant, Use::Answered);
        }
        while made < calls && limiter.ready_at(&POST, now_ms) <= Some(now_ms) {
            if limiter.ready_at(&POST, now_ms).is_none() {
                break;
            }
            sent.push((now_ms + way(), limiter.take(&POST, now_ms)));
            made += 1;
        }
        if made == calls && sent.is_empty() && answered.is_empty() {
            return now_ms;
        }
    }
    unreachable!("the calls come to an end")
}

#[test]
fn nothing_is_refused_however_long_answers_take() {
    for seed in 1..=200 {
        for way_ms in [1, 300, 1_500, 4_000] {
            never_refused(40, way_ms, seed);
        }
        // And no time is lost: eight windows, of which the first begins with one call alone.
        let took_ms = never_refused(40, 50, seed);
        assert!(took_ms < 9 * Counted::WINDOW_MS, "{took_ms}");
    }
}

#[test]
fn routes_of_one_bucket_share_it_and_majors_do_not() {
    let mut limiter = Limiter::default();
    let edit = Route::edit_message(5);
    exchange(&mut limiter, &edit, &ok("b", "5", "4", "9"), 0);
    exchange(&mut limiter, &POST, &ok("b", "5", "0", "1"), 0);
    assert_eq!(limiter.ready_at(&edit, 0), Some(1_000));
    assert_eq!(limiter.ready_at(&Route::edit_message(6), 0), Some(0));
}

#[test]
fn a_429_blocks_its_bucket_for_as_long_as_it_says() {
    let mut limiter = Limiter::default();
    let headers = [("x-ratelimit-scope", "user"), ("retry-after", "2")];
    let body = r#"{"message":"","retry_after":2.25,"global":false}"#;
    let limited = exchange(&mut limiter, &POST, &answer(429, &headers, body), 100);
    assert_eq!(
        limited,
        Some(Limited {
            retry_after_ms: 2_250,
            global: false
        })
    );
    assert_eq!(limiter.ready_at(&POST, 100), Some(2_350));
    assert_eq!(limiter.ready_at(&Route::create_message(6), 100), Some(100));
}

#[test]
fn a_global_429_stops_everything_but_callbacks() {
    for (headers, body) in [
        (
            vec![("x-ratelimit-scope", "global"), ("retry-after", "3")],
            "",
        ),
        (
            vec![
                ("x-ratelimit-global", "true"),
                ("retry-after", "3"),
                ("x-ratelimit-scope", "user"),
            ],
            "",
        ),
        (
            vec![("x-ratelimit-scope", "user")],
            r#"{"retry_after":3,"global":true}"#,
        ),
        (vec![("retry-after", "3")], "<html>banned</html>"),
    ] {
        let mut limiter = Limiter::default();
        let limited = exchange(&mut limiter, &POST, &answer(429, &headers, body), 0).unwrap();
        assert!(limited.global, "{headers:?}");
        for route in [
            POST,
            Route::create_message(6),
            Route::GATEWAY,
            Route::delete_original("t"),
        ] {
            assert_eq!(
                limiter.ready_at(&route, 0),
                Some(3_000),
                "{headers:?} {route:?}"
            );
        }
        assert_eq!(limiter.ready_at(&Route::callback("t"), 0), Some(0));
    }
}

#[test]
fn the_global_limit_is_45_a_second_and_exempts_tokens() {
    let mut limiter = Limiter::default();
    for channel in 1..=45 {
        let route = Route::create_message(channel);
        assert_eq!(limiter.ready_at(&route, channel), Some(channel));
        let grant = limiter.take(&route, channel);
        limiter.release(grant, Use::Answered);
    }
    assert_eq!(
        limiter.ready_at(&Route::create_message(46), 50),
        Some(1_001)
    );
    assert_eq!(limiter.ready_at(&Route::delete_original("t"), 50), Some(50));
    assert_eq!(limiter.ready_at(&Route::callback("t"), 50), Some(50));
    assert_eq!(
        limiter.ready_at(&Route::create_message(46), 1_001),
        Some(1_001)
    );
}

#[test]
fn callbacks_never_wait() {
    let mut limiter = Limiter::default();
    let route = Route::callback("t");
    let grants: Vec<_> = (0..100).map(|_| limiter.take(&route, 0)).collect();
    exchange(&mut limiter, &route, &ok("b", "1", "0", "60"), 0);
    assert_eq!(limiter.ready_at(&route, 0), Some(0));
    grants
        .into_iter()
        .for_each(|grant| limiter.release(grant, Use::Unanswered));
}

#[test]
fn a_401_of_the_bot_stops_the_bot_for_good() {
    let mut limiter = Limiter::default();
    exchange(
        &mut limiter,
        &Route::delete_original("t"),
        &answer(401, &[], ""),
        0,
    );
    assert_eq!(limiter.stopped(&POST, 0), None);
    exchange(&mut limiter, &POST, &answer(401, &[], ""), 0);
    assert_eq!(limiter.stopped(&POST, 99_999_999), Some(Stop::Unauthorized));
    assert_eq!(limiter.ready_at(&POST, 5), Some(5));
    assert_eq!(limiter.stopped(&Route::callback("t"), 0), None);
}

#[test]
fn too_many_refused_calls_stop_everything_until_the_window_has_room() {
    let mut limiter = Limiter::default();
    let shared = answer(
        429,
        &[("x-ratelimit-scope", "shared"), ("retry-after", "0")],
        "",
    );
    let forbidden = answer(403, &[], "");
    for at_ms in 0..500 {
        exchange(&mut limiter, &POST, &shared, at_ms);
        assert_eq!(limiter.stopped(&POST, at_ms), None);
        exchange(&mut limiter, &POST, &forbidden, at_ms);
    }
    let stop = Some(Stop::TooManyRefused(599_000));
    assert_eq!(limiter.stopped(&POST, 1_000), stop);
    assert_eq!(limiter.stopped(&Route::callback("t"), 1_000), stop);
    assert_eq!(limiter.ready_at(&POST, 1_000), Some(600_000));
    assert_eq!(limiter.stopped(&POST, 600_000), None);
}

#[test]
fn hostile_headers_are_bounded() {
    let mut limiter = Limiter::default();
    for bad in ["NaN", "inf", "-1", "x", "", "1e999"] {
        exchange(&mut limiter, &POST, &ok("b", bad, "0", bad), 0);
        assert_eq!(limiter.ready_at(&POST, 0), Some(0), "{bad}");
    }
    let long = "b".repeat(BUCKET_NAME_BYTES_MAX + 1);
    exchange(&mut limiter, &POST, &ok(&long, "1", "1", "1"), 0);
    assert_eq!(
        limiter.names.get(POST.template()).map(|name| name.len()),
        Some(1)
    );
    exchange(&mut limiter, &POST, &ok("b", "1", "0", "1e300"), 0);
    assert_eq!(limiter.ready_at(&POST, 0), Some(WAIT_MS_MAX));
    let headers = [("x-ratelimit-scope", "user")];
    let limited = exchange(&mut limiter, &POST, &answer(429, &headers, "[]"), 0).unwrap();
    assert_eq!(limited.retry_after_ms, WAIT_MS_UNTOLD);
}

#[test]
fn settled_buckets_are_forgotten() {
    let mut limiter = Limiter::default();
    for channel in 1..=10_000 {
        let now_ms = channel * 100;
        exchange(
            &mut limiter,
            &Route::create_message(channel),
            &ok("b", "5", "4", "1"),
            now_ms,
        );
    }
    assert!(
        limiter.buckets.len() <= BUCKETS_KEPT,
        "{}",
        limiter.buckets.len()
    );
}

//! The certificates of the authority in the data directory, and how long they are good for.

use std::time::{Duration, SystemTime};

use shanty_certs::ca::{Lifetime, lifetimes};
use shanty_core::causes::chain;

use super::{Check, Finding, Seen};

pub(super) const CHECKS: &[Check] = &[Check {
    name: "certificates",
    look,
}];

const DAY_S: u64 = 86_400;

/// With fewer days left it should have been renewed long ago.
const DAYS_LEFT_MIN: u64 = 7;

fn look(seen: &Seen) -> Vec<Finding> {
    let directory = seen.config.data_dir.join("ca");
    let found = match lifetimes(&directory) {
        Ok(found) => found,
        Err(error) => {
            return vec![Finding::bad(
                chain(&error),
                "Restore it from a backup: `shanty restore`.",
            )];
        }
    };
    if found.is_empty() {
        let there = directory.display();
        return vec![Finding::good(format!(
            "there is no authority in {there} yet: the first start makes it"
        ))];
    }
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(seen.now_ms);
    found.iter().map(|one| judged(one, now)).collect()
}

fn judged(one: &Lifetime, now: SystemTime) -> Finding {
    let path = one.path.display();
    let mend = "A start of the controller renews it: restart it. Is the clock right?";
    match one.not_after.duration_since(now) {
        Err(_) => Finding::bad(
            format!("{path} is good no longer: it ended some time ago"),
            mend,
        ),
        Ok(left) => match left.as_secs() / DAY_S {
            days @ ..DAYS_LEFT_MIN => {
                Finding::warning(format!("{path} is good for {days} days only"), mend)
            }
            days => Finding::good(format!("{path} is good for {days} days")),
        },
    }
}

#[cfg(test)]
mod tests {
    use shanty_certs::token::RootPin;

    use super::super::State;
    use super::*;

    #[test]
    fn days_that_are_left_decide() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(100 * DAY_S);
        let of = |day: u64| Lifetime {
            path: "/d/ca/issuing.pem".into(),
            not_after: SystemTime::UNIX_EPOCH + Duration::from_secs(day * DAY_S),
            pin: RootPin::from_bytes([0; 32]),
        };
        for (day, state, said) in [
            (465, State::Good, "/d/ca/issuing.pem is good for 365 days"),
            (
                103,
                State::Warning,
                "/d/ca/issuing.pem is good for 3 days only",
            ),
            (
                99,
                State::Bad,
                "/d/ca/issuing.pem is good no longer: it ended some time ago",
            ),
        ] {
            let found = judged(&of(day), now);
            assert_eq!((found.state, found.measured.as_str()), (state, said));
        }
    }
}

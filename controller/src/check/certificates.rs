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

/// The same where a person has to fetch a key for it.
const DAYS_LEFT_AWAY: u64 = 30;

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
    let here = directory.join("root.key").exists();
    found.iter().map(|one| judged(one, here, now)).collect()
}

fn judged(one: &Lifetime, root_key_here: bool, now: SystemTime) -> Finding {
    let path = one.path.display();
    let is_issuing = one
        .path
        .file_name()
        .is_some_and(|name| name == "issuing.pem");
    let (mend, least) = match is_issuing && !root_key_here {
        true => (
            "The root's key is elsewhere, so that no start renews it: `shanty ca rotate issuing --root-key FILE`. If it has ended, put root.key \
             back beside it for one start.",
            DAYS_LEFT_AWAY,
        ),
        false => (
            "A start of the controller renews it: restart it. Is the clock right?",
            DAYS_LEFT_MIN,
        ),
    };
    match one.not_after.duration_since(now) {
        Err(_) => Finding::bad(
            format!("{path} is good no longer: it ended some time ago"),
            mend,
        ),
        Ok(left) => match left.as_secs() / DAY_S {
            days if days < least => {
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
        for (day, here, state, said) in [
            (465, true, State::Good, "is good for 365 days"),
            (120, true, State::Good, "is good for 20 days"),
            (120, false, State::Warning, "is good for 20 days only"),
            (103, true, State::Warning, "is good for 3 days only"),
            (
                99,
                true,
                State::Bad,
                "is good no longer: it ended some time ago",
            ),
        ] {
            let found = judged(&of(day), here, now);
            let said = &format!("/d/ca/issuing.pem {said}");
            assert_eq!((found.state, &found.measured), (state, said));
            assert_eq!(found.mend.contains("--root-key"), !here);
        }
    }
}

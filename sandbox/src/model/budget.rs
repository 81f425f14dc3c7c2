//! How often a bot may identify: so many times a day, and one at a time.
//!
//! A bot that goes past the day's budget loses all its sessions and its token, as Discord documents ("Session Start
//! Limit"); a bot that identifies too soon after the last time is sent away with op 9.

/// A day in milliseconds.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// The identifies of one bot.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    total: u64,
    interval_ms: u64,
    used: u64,
    /// When the present day began: with the first identify after the last one ended.
    began_ms: Option<u64>,
    last_ms: Option<u64>,
}

/// What became of an attempt to identify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Granted,
    TooSoon,
    Exceeded,
}

impl Budget {
    /// A budget of `total` identifies a day with at least `interval_ms` between two.
    pub(crate) const fn new(total: u64, interval_ms: u64) -> Self {
        Self {
            total,
            interval_ms,
            used: 0,
            began_ms: None,
            last_ms: None,
        }
    }

    /// Identifies per day.
    pub(crate) const fn total(&self) -> u64 {
        self.total
    }

    /// Identifies left today.
    pub(crate) fn remaining(&self, now_ms: u64) -> u64 {
        match self.day_left_ms(now_ms) {
            Some(_) => self.total.saturating_sub(self.used),
            None => self.total,
        }
    }

    /// Milliseconds until the budget is whole again; a day when it is.
    pub(crate) fn reset_after_ms(&self, now_ms: u64) -> u64 {
        self.day_left_ms(now_ms).unwrap_or(DAY_MS)
    }

    /// Counts an identify. After an excess the count begins anew, for the new token.
    pub(crate) fn take(&mut self, now_ms: u64) -> Taken {
        if self.day_left_ms(now_ms).is_none() {
            self.used = 0;
            self.began_ms = Some(now_ms);
        }
        if self.used >= self.total {
            self.used = 0;
            self.began_ms = None;
            return Taken::Exceeded;
        }
        let soon = self
            .last_ms
            .is_some_and(|last| now_ms.saturating_sub(last) < self.interval_ms);
        if soon {
            return Taken::TooSoon;
        }
        self.last_ms = Some(now_ms);
        self.used = self.used.saturating_add(1);
        Taken::Granted
    }

    fn day_left_ms(&self, now_ms: u64) -> Option<u64> {
        let passed = now_ms.saturating_sub(self.began_ms?);
        DAY_MS.checked_sub(passed).filter(|left| *left > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_so_many_identifies() {
        let mut budget = Budget::new(2, 0);
        assert_eq!((budget.remaining(5), budget.reset_after_ms(5)), (2, DAY_MS));
        assert_eq!(budget.take(10), Taken::Granted);
        assert_eq!(budget.take(20), Taken::Granted);
        assert_eq!(
            (budget.remaining(30), budget.reset_after_ms(30)),
            (0, DAY_MS - 20)
        );
        assert_eq!(budget.take(40), Taken::Exceeded);
        assert_eq!(budget.remaining(41), 2, "a new token, a new count");
        assert_eq!(budget.take(50), Taken::Granted);
        assert_eq!(budget.remaining(50 + DAY_MS), 2, "a new day");
        assert_eq!(budget.take(50 + DAY_MS), Taken::Granted);
    }

    #[test]
    fn one_at_a_time() {
        let mut budget = Budget::new(10, 5000);
        assert_eq!(budget.take(0), Taken::Granted);
        assert_eq!(budget.take(4999), Taken::TooSoon);
        assert_eq!(budget.take(5000), Taken::Granted);
        assert_eq!(budget.remaining(5000), 8);
    }
}

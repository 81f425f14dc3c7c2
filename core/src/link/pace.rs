//! How fast something moves of late, from how much has moved in all.

/// It is looked at over the last one to two times this, milliseconds: long enough for a line that stops now and then.
const STEP_MS: u64 = 10_000;

/// How fast something moves.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    before: Mark,
    last: Mark,
}

/// How much had moved when.
#[derive(Clone, Copy, Debug)]
struct Mark {
    at_ms: u64,
    moved: u64,
}

impl Pace {
    /// Of what begins now.
    #[must_use]
    pub const fn new(now_ms: u64) -> Self {
        let begun = Mark {
            at_ms: now_ms,
            moved: 0,
        };
        Self {
            before: begun,
            last: begun,
        }
    }

    /// How much moves in a second, when so much has moved by now. It is exact when it is asked for often.
    pub fn per_second(&mut self, moved: u64, now_ms: u64) -> u64 {
        if now_ms.saturating_sub(self.last.at_ms) >= STEP_MS {
            self.before = self.last;
            self.last = Mark {
                at_ms: now_ms,
                moved,
            };
        }
        let since_ms = now_ms.saturating_sub(self.before.at_ms).max(1_000);
        let moved = moved.saturating_sub(self.before.moved);
        moved.saturating_mul(1_000) / since_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_last_while_that_counts() {
        let mut pace = Pace::new(5_000);
        assert_eq!(pace.per_second(0, 5_000), 0);
        assert_eq!(pace.per_second(700, 5_100), 700, "nothing is fast at once");
        assert_eq!(pace.per_second(10_000, 15_000), 1_000);
        // It stops: that is seen soon, however much went before.
        let stopped: Vec<u64> = (16..=40)
            .map(|second| pace.per_second(10_000, second * 1_000))
            .collect();
        assert!(stopped.is_sorted_by(|earlier, later| earlier >= later));
        assert_eq!(stopped.last(), Some(&0));
        // And that it goes on.
        assert_eq!(pace.per_second(40_000, 45_000), 3_000);
    }

    #[test]
    fn clocks_that_step_break_nothing() {
        let mut pace = Pace::new(5_000);
        assert_eq!(pace.per_second(100, 1_000), 100);
        assert_eq!(pace.per_second(50, u64::MAX), 0);
        assert_eq!(pace.per_second(u64::MAX, 0), u64::MAX / 1_000);
    }
}

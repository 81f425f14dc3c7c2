//! How long to wait before the next try: doubling from a first wait to a longest one, drawn at random from its upper half, so that
//! many bots that lost the same gateway do not return in step.

use std::time::Duration;

/// The waits of one thing that is tried again and again.
#[derive(Debug)]
pub(super) struct Backoff {
    first_ms: u64,
    longest_ms: u64,
    failures: u32,
}

impl Backoff {
    pub(super) fn new((first_ms, longest_ms): (u64, u64)) -> Self {
        Self {
            first_ms,
            longest_ms,
            failures: 0,
        }
    }

    /// The wait after one more failure.
    pub(super) fn next(&mut self) -> Duration {
        // Without randomness the longest wait of the step is as good as any.
        let random = getrandom::u64().unwrap_or(u64::MAX);
        let bound_ms = self.bound_ms();
        self.failures = self.failures.saturating_add(1);
        let half_ms = bound_ms / 2;
        Duration::from_millis(half_ms + random % (bound_ms - half_ms + 1))
    }

    /// Starts anew after a success.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    fn bound_ms(&self) -> u64 {
        let factor = 1_u64.checked_shl(self.failures).unwrap_or(u64::MAX);
        self.first_ms.saturating_mul(factor).min(self.longest_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let mut backoff = Backoff::new((1_000, 15_000));
        for bound_ms in [1_000, 2_000, 4_000, 8_000, 15_000, 15_000] {
            let ms = u64::try_from(backoff.next().as_millis()).unwrap();
            assert!(
                (bound_ms / 2..=bound_ms).contains(&ms),
                "{ms} of {bound_ms}"
            );
        }
        backoff.failures = 1_000;
        assert!(backoff.next() <= Duration::from_secs(15));
        backoff.reset();
        assert!(backoff.next() <= Duration::from_secs(1));
    }
}

//! How long to wait before dialling again: drawn evenly from zero to a bound that doubles, so that a fleet that lost its controller
//! does not come back all at once.

use std::time::Duration;

/// The current bound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    min: Duration,
    max: Duration,
    bound: Duration,
}

impl Backoff {
    /// Bounds from `min` to `max`.
    pub(crate) const fn new(min: Duration, max: Duration) -> Self {
        Self {
            min,
            max,
            bound: min,
        }
    }

    /// The next wait, for 64 random bits; the bound doubles.
    pub(crate) fn next(&mut self, random: u64) -> Duration {
        let wait = share(self.bound, random);
        self.bound = self.bound.saturating_mul(2).min(self.max);
        wait
    }

    /// Starts over, after a link that held.
    pub(crate) const fn reset(&mut self) {
        self.bound = self.min;
    }
}

/// Evenly from zero to `bound`.
pub(crate) fn share(bound: Duration, random: u64) -> Duration {
    let nanos = bound.as_nanos().saturating_mul(u128::from(random)) >> 64;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// 64 random bits. Without any, no jitter: that is no reason not to dial.
pub(crate) fn random() -> u64 {
    getrandom::u64().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_double_up_to_the_last_and_start_over() {
        let s = Duration::from_secs;
        let mut backoff = Backoff::new(s(1), s(5));
        let nearly = |wait: Duration| wait.as_secs_f64().round();
        let waits: Vec<_> = (0..4).map(|_| nearly(backoff.next(u64::MAX))).collect();
        assert_eq!(waits, [1.0, 2.0, 4.0, 5.0]);
        backoff.reset();
        assert_eq!(backoff.next(0), Duration::ZERO);
        assert_eq!(share(s(10), u64::MAX / 2).as_secs(), 4);
    }
}

//! How often a peer may do something that costs us: a bucket of tokens that fills with time.

/// A bucket. It starts full.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    /// Thousandths of a token.
    level: u64,
    full: u64,
    per_second: u64,
    at_ms: u64,
}

impl Bucket {
    /// So many at once, and so many a second from then on.
    #[must_use]
    pub const fn new(burst: u32, per_second: u32, now_ms: u64) -> Self {
        let full = (burst as u64).saturating_mul(1_000);
        Self {
            level: full,
            full,
            per_second: per_second as u64,
            at_ms: now_ms,
        }
    }

    /// Takes a token; false when there is none.
    pub fn take(&mut self, now_ms: u64) -> bool {
        self.fill(now_ms);
        let left = self.level.checked_sub(1_000);
        self.level = left.unwrap_or(self.level);
        left.is_some()
    }

    /// Milliseconds until there is a token; zero when there is one.
    pub fn wait_ms(&mut self, now_ms: u64) -> u64 {
        self.fill(now_ms);
        let missing = 1_000_u64.saturating_sub(self.level);
        missing.div_ceil(self.per_second.max(1))
    }

    /// Whether nothing was taken for so long that it is full again.
    pub fn is_full(&mut self, now_ms: u64) -> bool {
        self.fill(now_ms);
        self.level == self.full
    }

    fn fill(&mut self, now_ms: u64) {
        // A clock that goes back fills nothing, and takes nothing.
        let passed_ms = now_ms.saturating_sub(self.at_ms);
        self.at_ms = now_ms;
        let more = passed_ms.saturating_mul(self.per_second);
        self.level = self.level.saturating_add(more).min(self.full);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_so_many_a_second() {
        let mut bucket = Bucket::new(10, 50, 1_000);
        assert_eq!((0..20).filter(|_| bucket.take(1_000)).count(), 10);
        assert_eq!(bucket.wait_ms(1_000), 20);
        assert!(!bucket.take(1_019));
        assert_eq!(bucket.wait_ms(1_019), 1);
        assert!(bucket.take(1_020) && !bucket.take(1_020));
        let mut taken = 0;
        for ms in 1_020..11_020 {
            taken += u32::from(bucket.take(ms)) + u32::from(bucket.take(ms));
        }
        assert_eq!(taken, 499, "fifty a second for ten seconds");
        assert!(!bucket.is_full(11_021) && bucket.is_full(900_000));
        assert_eq!((0..20).filter(|_| bucket.take(900_000)).count(), 10);
    }

    #[test]
    fn clocks_that_step_break_nothing() {
        let mut bucket = Bucket::new(1, 50, 1_000);
        assert!(bucket.take(1_000));
        assert!(!bucket.take(0), "back: nothing is filled");
        assert!(bucket.take(u64::MAX) && !bucket.take(u64::MAX));
        assert_eq!(Bucket::new(0, 0, 0).wait_ms(0), 1_000);
    }
}

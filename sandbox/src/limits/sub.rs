//! Limits below a route's bucket, which no header tells of: the bucket has room left and the request is refused all the same.

use std::collections::{HashMap, VecDeque};

use crate::snowflake::Snowflake;

/// Channels remembered at once; beyond it those whose window has passed are dropped.
const CHANNELS_MAX: usize = 10_000;

/// So many per window and channel, counted over a sliding window.
#[derive(Debug)]
pub(crate) struct SubLimit {
    limit: usize,
    window_ms: u64,
    times: HashMap<Snowflake, VecDeque<u64>>,
}

impl SubLimit {
    pub(crate) fn new(limit: usize, window_ms: u64) -> Self {
        Self {
            limit,
            window_ms,
            times: HashMap::new(),
        }
    }

    /// Counts one; the wait in milliseconds when it is one too many.
    pub(crate) fn take(&mut self, channel: Snowflake, now_ms: u64) -> Result<(), u64> {
        let window_ms = self.window_ms;
        let ends = |at: u64| at.saturating_add(window_ms);
        if self.times.len() >= CHANNELS_MAX {
            self.times
                .retain(|_, times| times.back().is_some_and(|at| ends(*at) > now_ms));
        }
        let times = self.times.entry(channel).or_default();
        while times.front().is_some_and(|at| ends(*at) <= now_ms) {
            times.pop_front();
        }
        match times.front() {
            Some(first) if times.len() >= self.limit => {
                Err(ends(*first).saturating_sub(now_ms).max(1))
            }
            Some(_) | None => {
                times.push_back(now_ms);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_slides() {
        let mut limit = SubLimit::new(3, 6000);
        let channel = "7".parse().unwrap();
        for at_ms in [1000, 1000, 3000] {
            assert_eq!(limit.take(channel, at_ms), Ok(()));
        }
        assert_eq!(limit.take(channel, 3500), Err(3500));
        assert_eq!(limit.take("8".parse().unwrap(), 3500), Ok(()));
        assert_eq!(limit.take(channel, 7000), Ok(()));
        assert_eq!(limit.take(channel, 7000), Ok(()));
        assert_eq!(limit.take(channel, 7000), Err(2000));
    }
}

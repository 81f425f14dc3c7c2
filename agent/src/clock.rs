//! The host's clocks, where another than that of timers is meant: the one place that reads them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

/// Milliseconds since the Unix epoch.
pub(crate) fn wall_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The time since the boot, with that in which the host slept: a monotonic clock stands still meanwhile.
pub(crate) fn since_boot() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME)
        .expect("invariant: Linux has had this clock since 2.6.39")
        .into()
}

/// The controller's clock as one link knows it: orders are judged by it, never by the host's own.
#[derive(Clone, Copy, Debug)]
pub struct ClockOffset {
    controller_ms: u64,
    /// Since the boot: a host that slept meanwhile knows how late it is.
    at: Duration,
}

impl ClockOffset {
    /// What `Welcome` said, taken now, milliseconds since the Unix epoch.
    #[must_use]
    pub fn new(controller_ms: u64) -> Self {
        Self::since(controller_ms, since_boot())
    }

    /// What was said after this moment since the boot: the controller's time may be behind what comes of it, and never ahead.
    pub(crate) const fn since(controller_ms: u64, at: Duration) -> Self {
        Self { controller_ms, at }
    }

    /// The controller's time now, milliseconds since the Unix epoch.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.at_boot_time(since_boot())
    }

    fn at_boot_time(&self, now: Duration) -> u64 {
        let elapsed = now.saturating_sub(self.at).as_millis();
        let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX);
        self.controller_ms.saturating_add(elapsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_controllers_time_goes_on_with_the_hosts() {
        let clock = ClockOffset::since(5_000, Duration::from_secs(100));
        assert_eq!(clock.at_boot_time(Duration::from_millis(103_250)), 8_250);
        assert_eq!(clock.at_boot_time(Duration::MAX), u64::MAX);
        // Which clock that is: the one that counts while the host sleeps.
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        assert!(since_boot().as_secs_f64() >= uptime - 0.01);
    }
}

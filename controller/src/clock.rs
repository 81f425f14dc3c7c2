//! The controller's wall clock: the one place that reads it.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch.
#[must_use]
pub fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The time that agents are told and that orders are judged by: starts as the wall clock's and never steps, milliseconds since the Unix
/// epoch. An agent takes it once for each link and counts on from there, as we do here.
#[must_use]
pub fn link_ms() -> u64 {
    static ANCHOR: OnceLock<(Instant, u64)> = OnceLock::new();
    let (begun, at_ms) = ANCHOR.get_or_init(|| (Instant::now(), now_ms()));
    let since = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    at_ms.saturating_add(since)
}

//! Waiting for a condition: bounded, and loud about what was seen last.

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

/// How long anything may take before a test fails: a busy machine with two cores may be ten times slower than an idle one.
pub const BOUND: Duration = Duration::from_secs(120);

/// Between two looks at something that cannot tell when it changes.
const LOOK: Duration = Duration::from_millis(20);

/// Looks until something is there.
///
/// # Panics
/// After [`BOUND`], with what was looked at last.
pub async fn until<T, S, F>(what: &str, mut look: impl FnMut() -> F) -> T
where
    S: Debug,
    F: Future<Output = Result<T, S>>,
{
    let deadline = tokio::time::Instant::now() + BOUND;
    loop {
        let last = match look().await {
            Ok(found) => return found,
            Err(last) => last,
        };
        assert!(
            tokio::time::Instant::now() < deadline,
            "waited for {what}; last seen: {last:#?}"
        );
        tokio::time::sleep(LOOK).await;
    }
}

/// Looks until something is true.
///
/// # Panics
/// After [`BOUND`].
pub async fn until_true(what: &str, mut look: impl FnMut() -> bool) {
    until(what, || {
        std::future::ready(if look() { Ok(()) } else { Err("not yet") })
    })
    .await;
}

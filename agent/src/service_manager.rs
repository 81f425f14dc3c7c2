//! What systemd is told of this process: that it is ready, lives and stops. Where nobody asked, nobody is told.

use std::future::Future;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sd_notify::NotifyState;

/// How long the first link is waited for. A controller that cannot be reached is no fault of the service: it goes on dialling.
const PATIENCE: Duration = Duration::from_secs(20);

/// The service manager knows one service for each process.
static READY: AtomicBool = AtomicBool::new(false);

/// What is told while it does its work.
static WORKS: OnceLock<String> = OnceLock::new();

/// The service does its work; `status` says so to people.
pub(crate) fn ready(status: &str) {
    WORKS.set(status.to_owned()).ok(); // One service: it is the same text.
    started(status);
}

/// There is a link again.
pub(crate) fn linked() {
    if let Some(works) = WORKS.get() {
        tell(&[NotifyState::Status(works)]);
    }
}

/// The link ended, and is dialled again.
pub(crate) fn without_link() {
    if WORKS.get().is_some() {
        tell(&[NotifyState::Status(
            "No link to the controller; it is dialled until there is one.",
        )]);
    }
}

fn started(status: &str) {
    READY.store(true, Ordering::Release);
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The service ends in order.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Runs the service, and says that it lives for as long as its runtime gets on with what it has to do.
pub(crate) async fn watch<T>(service: impl Future<Output = T>) -> T {
    let every = interval(sd_notify::watchdog_enabled());
    watch_with(PATIENCE, every, service).await
}

async fn watch_with<T>(
    patience: Duration,
    every: Option<Duration>,
    service: impl Future<Output = T>,
) -> T {
    let mut service = std::pin::pin!(service);
    let mut patience = std::pin::pin!(tokio::time::sleep(patience));
    let mut alive = tokio::time::interval(every.unwrap_or(PATIENCE));
    loop {
        tokio::select! {
            ended = &mut service => return ended,
            () = &mut patience, if !READY.load(Ordering::Acquire) => {
                started("The controller cannot be reached yet; it is dialled until it can.");
            }
            _ = alive.tick(), if every.is_some() => tell(&[NotifyState::Watchdog]),
        }
    }
}

/// Three times within what the service manager waits for.
fn interval(watchdog: Option<Duration>) -> Option<Duration> {
    let every = watchdog? / 3;
    (!every.is_zero()).then_some(every)
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "The service manager cannot be told how this service is.");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_service_without_a_link_is_ready_after_a_while() {
        watch_with(PATIENCE, None, std::future::ready(())).await;
        assert!(!READY.load(Ordering::Acquire));
        let until_ready = async {
            while !READY.load(Ordering::Acquire) {
                tokio::task::yield_now().await;
            }
        };
        watch_with(Duration::ZERO, None, until_ready).await;
    }

    #[test]
    fn it_lives_three_times_within_what_is_waited_for() {
        assert_eq!(interval(None), None);
        assert_eq!(interval(Some(Duration::ZERO)), None);
        let minute = interval(Some(Duration::from_secs(60)));
        assert_eq!(minute, Some(Duration::from_secs(20)));
    }
}

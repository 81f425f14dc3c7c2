//! What systemd is told of this process: that it is ready, lives and stops. Where nobody asked, nobody is told.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use sd_notify::NotifyState;

use crate::hub::Handle;
use crate::supervise::Supervisor;

/// What a start that is not over asks for each time.
const MORE_TIME: Duration = Duration::from_secs(120);

/// The controller takes agents and the command line's questions; chat may be slower.
pub fn ready(agents: SocketAddr, discord: &str) {
    let status = format!("Agents dial {agents}; Discord: {discord}.");
    tell(&[NotifyState::Ready, NotifyState::Status(&status)]);
}

/// Waits for what a start has to wait for, and asks for more time meanwhile.
pub async fn while_starting<F: Future>(work: F) -> F::Output {
    let mut work = std::pin::pin!(work);
    let mut asks = tokio::time::interval(MORE_TIME / 4);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = asks.tick() => {
                let more = u32::try_from(MORE_TIME.as_micros()).unwrap_or(u32::MAX);
                tell(&[NotifyState::ExtendTimeoutUsec(more)]);
            }
        }
    }
}

/// Says that the process lives for as long as its hub answers, and that it stops when it does.
pub fn start(supervisor: &mut Supervisor, hub: Handle) {
    let stop = supervisor.shutdown();
    let every = interval(sd_notify::watchdog_enabled());
    supervisor.start("service manager", async move {
        if let Some(every) = every {
            stop.run_until_cancelled(watch(hub, every)).await;
        } else {
            // Held for nothing, the hub would not end.
            drop(hub);
            stop.cancelled().await;
        }
        tell(&[NotifyState::Stopping]);
        Ok(())
    });
}

async fn watch(hub: Handle, every: Duration) {
    let mut alive = tokio::time::interval(every);
    loop {
        alive.tick().await;
        // A hub that is gone is told by its supervisor, and one that does not answer by the silence from here.
        if hub.known().await.is_ok() {
            tell(&[NotifyState::Watchdog]);
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
        tracing::warn!(%error, "the service manager cannot be told how this service is");
    }
}

//! Looks again and again at what is handed out, so that a new release needs no restart, and tells who decides.

use std::time::Duration;

use shanty_core::offer::Offer;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::Installer;
use crate::hub::Handle;
use crate::supervise::Supervisor;

/// Between two looks: somebody who puts a release there and asks for it at once is seldom told that it is not there.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Starts looking. What lies there now is told before anything else is asked.
pub async fn start(supervisor: &mut Supervisor, installer: Installer, hub: Handle) {
    let first = installer.offer().await;
    tell(&hub, &first).await;
    let shutdown = supervisor.shutdown();
    supervisor.start("offer", keep(installer, hub, first, shutdown));
}

async fn keep(
    installer: Installer,
    hub: Handle,
    mut told: Offer,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            _ = looks.tick() => {}
        }
        let offer = installer.offer().await;
        if offer != told {
            tell(&hub, &offer).await;
            told = offer;
        }
    }
}

async fn tell(hub: &Handle, offer: &Offer) {
    match (&offer.version, &offer.release) {
        (Some(version), Ok(release)) => tracing::info!(
            agents.version = %version,
            agents.signer = release.signer,
            "hosts can be installed with these agents and updated to them"
        ),
        (Some(version), Err(why)) => tracing::info!(
            agents.version = %version,
            "hosts can be installed with these agents, and not updated to them: {}",
            why.why
        ),
        (None, Err(why)) => tracing::warn!("no agents are handed out: {}", why.why),
        (None, Ok(_)) => {}
    }
    hub.offered(offer.clone()).await;
}

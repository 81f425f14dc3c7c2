//! Looks after room on the disk: says when it is full and when it has room again, to whoever decides.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::hub::Handle;
use crate::store::{Output, Room};
use crate::supervise::Supervisor;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Starts looking.
pub fn start(supervisor: &mut Supervisor, room: Room, output: Output, hub: Handle) {
    let shutdown = supervisor.shutdown();
    supervisor.start("disk", keep(room, output, hub, shutdown));
}

async fn keep(
    room: Room,
    output: Output,
    hub: Handle,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let mut full = room.watch();
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut told = false;
    loop {
        let is_full = *full.borrow_and_update();
        if is_full != told {
            told = is_full;
            match is_full {
                true => tracing::error!(
                    "the disk of the data directory is full: no new run begins and no output is stored until there is room; nothing is lost"
                ),
                false => tracing::info!("the disk of the data directory has room again"),
            }
            hub.disk(is_full).await;
        }
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            changed = full.changed() => if changed.is_err() {
                shutdown.cancelled().await;
                return Ok(());
            },
            _ = looks.tick() => {
                let room = room.clone();
                let has_room = tokio::task::spawn_blocking(move || room.look()).await?;
                // It has room when something was written: a quota may be what is full.
                if has_room && let Err(error) = output.try_again().await {
                    tracing::debug!(error = format!("{:#}", anyhow::Error::from(error)), "the disk is still full");
                }
            }
        }
    }
}

//! Makes checkpoints of the journal now and then, so that a start reads little of it however long it is.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::store::{Checkpoints, Journal, StoreError};
use crate::supervise::Supervisor;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Records after which another one is made: a start reads as many in a tenth of a second.
const RECORDS: u64 = 50_000;

/// Starts making them.
pub fn start(supervisor: &mut Supervisor, journal: &Journal) {
    if let Some(checkpoints) = Checkpoints::of(journal) {
        let shutdown = supervisor.shutdown();
        supervisor.start("checkpoints", keep(checkpoints, shutdown));
    }
}

async fn keep(checkpoints: Checkpoints, shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    let checkpoints = std::sync::Arc::new(checkpoints);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            _ = looks.tick() => {}
        }
        let (checkpoints, stopping) = (checkpoints.clone(), shutdown.clone());
        let made = tokio::task::spawn_blocking(move || make_when_due(&checkpoints, &stopping));
        match made.await? {
            Ok(0) => {}
            Ok(records) => tracing::info!(records, "a checkpoint of the journal was made"),
            // It is tried again at the next look; until then a start takes longer, and nothing else.
            Err(error) => tracing::error!(
                error = format!("{:#}", anyhow::Error::from(error)),
                "a checkpoint of the journal cannot be made"
            ),
        }
    }
}

/// Makes one when there are enough records for it; how many those are.
fn make_when_due(
    checkpoints: &Checkpoints,
    stopping: &CancellationToken,
) -> Result<u64, StoreError> {
    let since = checkpoints.since()?;
    if since < RECORDS {
        return Ok(0);
    }
    checkpoints.make(|| stopping.is_cancelled())?;
    Ok(since)
}

//! Looks after the journal: whether all of it is sound, once, and a checkpoint now and then, so that a start reads little of it however long
//! it is.

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
    // A start reads its end only. Nothing is decided for long on a journal of which other parts are damaged: the process stops.
    let (path, stopping) = (checkpoints.path().to_owned(), shutdown.clone());
    tokio::select! {
        () = shutdown.cancelled() => return Ok(()),
        checked = tokio::task::spawn_blocking(move || Checkpoints::check(&path, || stopping.is_cancelled())) => checked??,
    }
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use shanty_core::hold::Hold;
    use shanty_core::journal::{Kind, Record};
    use shanty_core::principal::Actor;

    use super::*;
    use crate::store::Store;

    /// Opens the store, appends records, looks after its journal, and closes it.
    async fn look(
        dir: &std::path::Path,
        records: usize,
        shutdown: CancellationToken,
    ) -> Option<String> {
        let store = Store::open(dir, 1_000).unwrap();
        let record = Record {
            at_ms: 1,
            actor: Actor::Controller,
            kind: Kind::Hold(Hold::on("db move")),
        };
        store
            .journal
            .append(&vec![record; records])
            .await
            .unwrap()
            .unwrap();
        let checkpoints = Checkpoints::of(&store.journal).unwrap();
        let ended = keep(checkpoints, shutdown).await;
        assert!(store.close());
        ended.err().map(|error| format!("{error:#}"))
    }

    #[tokio::test]
    async fn a_damaged_journal_stops_the_process() {
        let dir = tempfile::tempdir().unwrap();
        let stopping = CancellationToken::new();
        stopping.cancel();
        assert_eq!(look(dir.path(), 2_000, stopping).await, None);
        let path = dir.path().join("shanty.db");
        // What still stood in the log beside the file would be read in its place.
        let journal = rusqlite::Connection::open(&path).unwrap();
        let busy: bool = journal
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .unwrap();
        assert!(!busy);
        drop(journal);
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all_at(&[0xff; 512], 5 * 4_096).unwrap();
        let looked = look(dir.path(), 1, CancellationToken::new());
        let looked = tokio::time::timeout(Duration::from_secs(60), looked).await;
        let told = looked.expect("it stops").unwrap();
        assert!(told.contains("shanty.db is damaged ("), "{told}");
        assert!(told.ends_with("restore it from a backup"), "{told}");
    }
}

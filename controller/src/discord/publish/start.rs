//! Starts a publisher for each run that is shown somewhere: once, by the record that it was accepted, also when an earlier process wrote it.
//!
//! The number of the newest run is a level. What is done for each run is kept with the number up to which it was done, so that neither a
//! crash nor a slow moment leaves a run out.

use std::sync::Arc;

use shanty_core::ask::Snapshot;
use shanty_core::causes::chain;
use shanty_core::ids::RunNumber;
use shanty_core::refusal::Code;
use tokio::sync::watch;

use super::cursor::{self, Cursor};
use super::{Beginning, Publisher};
use crate::clock::now_ms;
use crate::discord::Edge;

/// Runs whose places are kept before the first of them is shown.
const TOGETHER_MAX: u64 = 16;
/// That a run is over is news for this long after it was asked for, milliseconds, when nobody could show it before.
const NEWS_MS: u64 = 3_600_000;

/// Starts publishers until shutdown.
pub(in crate::discord) async fn publishers(edge: Arc<Edge>) -> anyhow::Result<()> {
    let mut accepted = edge.hub.accepted();
    let newest = *accepted.borrow();
    let mut last = begin(&edge, newest).await;
    let left = cursor::left(&edge).await;
    for cursor in left {
        match edge.hub.watch(cursor.run).await {
            // One whose number was not kept is not begun yet: it comes again below.
            Ok(Some(watch)) if watch.borrow().run.number > last => {}
            Ok(Some(watch)) => start(&edge, watch, cursor, Beginning::Resumed),
            Ok(None) => {
                tracing::error!(run.id = %cursor.run, "a run cannot be shown any more: there is none")
            }
            Err(refusal) => {
                tracing::error!(run.id = %cursor.run, "a run cannot be shown any more: {refusal}");
            }
        }
    }
    loop {
        let newest = *accepted.borrow_and_update();
        while last < newest && !edge.shutdown.is_cancelled() {
            let until = RunNumber(newest.0.min(last.0 + TOGETHER_MAX));
            show(&edge, last, until).await;
            last = until;
        }
        tokio::select! {
            () = edge.shutdown.cancelled() => return Ok(()),
            changed = accepted.changed() => if changed.is_err() {
                edge.shutdown.cancelled().await;
                return Ok(());
            },
        }
    }
}

/// Up to which run everything is done already: at the first start, all that there are.
async fn begin(edge: &Edge, newest: RunNumber) -> RunNumber {
    match cursor::last(edge).await {
        // Never past what there is: a run that is not shown would not begin.
        Some(last) => last.min(newest),
        None => {
            cursor::keep_last(edge, newest).await;
            newest
        }
    }
}

/// Keeps the places of these runs, and then that they are kept; only then they are shown.
async fn show(edge: &Arc<Edge>, after: RunNumber, until: RunNumber) {
    let mut placed = Vec::new();
    for number in after.0 + 1..=until.0 {
        match edge.hub.watch_numbered(RunNumber(number)).await {
            Ok(Some(watch)) => {
                let snapshot = Arc::clone(&watch.borrow());
                if let Some(cursor) = place(edge, &snapshot) {
                    cursor.keep(edge).await;
                    placed.push((watch, cursor));
                }
            }
            Ok(None) => tracing::error!(number, "a run cannot be shown: there is none"),
            Err(refusal) if refusal.code != Code::Stopping => {
                tracing::error!(number, "a run cannot be shown: {refusal}");
            }
            // The hub stops: the next process shows this run and those after it.
            Err(refusal) => {
                tracing::info!(number, "a run is not shown yet: {refusal}");
                return;
            }
        }
    }
    cursor::keep_last(edge, until).await;
    for (watch, cursor) in placed {
        start(edge, watch, cursor, Beginning::Fresh);
    }
}

/// Where a run is shown: where it was asked for, or with the operators when that was the command line.
fn place(edge: &Edge, snapshot: &Snapshot) -> Option<Cursor> {
    let run = &snapshot.run;
    if run.is_over() && now_ms().saturating_sub(run.accepted_ms) > NEWS_MS {
        return None;
    }
    let (guild, channel) = match run.spec.origin.place() {
        Some(place) => (Some(place.guild), place.channel),
        None => (None, edge.ops_channel?),
    };
    Some(Cursor {
        run: run.spec.id,
        guild,
        channel,
        message: None,
        newer: Vec::new(),
        failed_ms: None,
        thread: None,
        pages: Vec::new(),
        files: None,
    })
}

fn start(
    edge: &Arc<Edge>,
    watch: watch::Receiver<Arc<Snapshot>>,
    cursor: Cursor,
    beginning: Beginning,
) {
    let run = cursor.run;
    let publisher = Publisher::new(Arc::clone(edge), watch, cursor, beginning);
    edge.spawner.spawn(async move {
        if let Err(error) = publisher.run().await {
            tracing::error!(run.id = %run, error = chain(&error), "a run can no longer be shown: its output cannot be read");
        }
    });
}

//! Deletes old output, so that the disk does not fill up: what is older than its time, and the oldest while all of it is too much.
//!
//! Only of executions whose end is in the journal. A mark stays in place of the output, so that whoever asks for it is told.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use shanty_core::ids::{AgentId, RunId};
use shanty_core::limits;
use shanty_core::run::{Progress, Run};
use tokio_util::sync::CancellationToken;

use crate::clock::now_ms;
use crate::config::Retention;
use crate::hub;
use crate::store::{Deletion, Inputs, OldOutput, Output, Search, StoreError};
use crate::supervise::Supervisor;

/// Between two looks.
const PASS_EVERY: Duration = Duration::from_secs(600);
/// What grew within this time is not deleted for its size: it is still being shown in chat. Milliseconds.
const FRESH_MS: u64 = 600_000;
/// Executions that are looked at together.
const BATCH: u32 = 256;

/// Starts looking after stored output.
pub fn start(
    supervisor: &mut Supervisor,
    (output, search): (Output, Search),
    inputs: Inputs,
    hub: hub::Handle,
    limits: Retention,
) {
    let shutdown = supervisor.shutdown();
    let keeper = Keeper {
        output,
        inputs: Some(inputs),
        search,
        ends: Ends::Hub(hub),
        limits,
    };
    supervisor.start("retention", keeper.run(shutdown));
}

/// Who knows whether the end of an execution is in the journal.
enum Ends {
    /// The hub.
    Hub(hub::Handle),
    /// These are, for tests.
    #[cfg_attr(not(test), expect(dead_code, reason = "made by tests"))]
    Known(BTreeSet<(RunId, AgentId)>),
}

struct Keeper {
    output: Output,
    /// Absent in tests of output.
    inputs: Option<Inputs>,
    search: Search,
    ends: Ends,
    limits: Retention,
}

impl Keeper {
    async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let mut passes = tokio::time::interval(PASS_EVERY);
        loop {
            let passed = tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                passed = async {
                    passes.tick().await;
                    self.pass(now_ms()).await
                } => passed,
            };
            match passed {
                Ok(0) => {}
                Ok(deleted) => tracing::info!(deleted, "old output was deleted"),
                // The disk is tried again at the next look.
                Err(error) => tracing::error!(
                    error = format!("{:#}", anyhow::Error::from(error)),
                    "old output cannot be deleted"
                ),
            }
            self.pass_inputs().await;
        }
    }

    /// What commands were given goes as output does.
    async fn pass_inputs(&self) {
        let Some(inputs) = &self.inputs else { return };
        let after_ms = self.limits.output_ms.max(limits::INPUT_KEPT_MS);
        match inputs.delete_unused(after_ms).await {
            Ok(0) => {}
            Ok(deleted) => tracing::info!(deleted, "old inputs of runs were deleted"),
            Err(error) => tracing::error!(
                error = format!("{:#}", anyhow::Error::from(error)),
                "old inputs of runs cannot be deleted"
            ),
        }
    }

    /// Deletes what is due now; how many outputs that were.
    async fn pass(&self, now_ms: u64) -> Result<usize, StoreError> {
        self.output.finish_deletions().await?;
        let mut total = self.output.total_bytes().await?;
        let mut deleted = 0;
        let mut after = None;
        loop {
            let batch = self.output.oldest(after, BATCH).await?;
            let Some(last) = batch.last() else {
                return Ok(deleted);
            };
            after = Some(last.place());
            let mut seen = HashMap::new();
            for old in &batch {
                let Some(deletion) = self.due(old, total, now_ms) else {
                    // Whatever comes after it is younger.
                    return Ok(deleted);
                };
                if self.has_ended(old, &mut seen, now_ms).await {
                    self.output.delete(old, deletion, now_ms).await?;
                    self.forget_words(old).await;
                    total = total.saturating_sub(old.bytes);
                    deleted += 1;
                }
            }
        }
    }

    /// What is deleted is not found any more. An index that cannot be written is in nobody's way: it is made again from what there is.
    async fn forget_words(&self, old: &OldOutput) {
        if let Err(error) = self.search.forget_printed(old.run, old.agent).await {
            tracing::error!(
                run = %old.run,
                error = format!("{:#}", anyhow::Error::from(error)),
                "words of an output that was deleted stay in the index: delete search.db while the controller is stopped"
            );
        }
    }

    /// Why an output should go, if it should.
    fn due(&self, old: &OldOutput, total: u64, now_ms: u64) -> Option<Deletion> {
        let age_ms = now_ms.saturating_sub(old.changed_ms);
        let bytes_max = self.limits.output_bytes_max;
        if age_ms >= self.limits.output_ms {
            Some(Deletion::Age)
        } else if total > bytes_max && age_ms >= FRESH_MS {
            Some(Deletion::Size { bytes_max })
        } else {
            None
        }
    }

    async fn has_ended(
        &self,
        old: &OldOutput,
        seen: &mut HashMap<RunId, Known>,
        now_ms: u64,
    ) -> bool {
        let hub = match &self.ends {
            Ends::Hub(hub) => hub,
            Ends::Known(known) => return known.contains(&(old.run, old.agent)),
        };
        let run = match seen.entry(old.run) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => free.insert(Known::of(old.run, hub).await),
        };
        match run {
            Known::Whole(run) => run
                .execution(old.agent)
                .is_some_and(|execution| matches!(execution.progress, Progress::Done(_))),
            Known::Past => true,
            // It is left alone until runs as old are forgotten.
            Known::Nothing => now_ms.saturating_sub(old.changed_ms) >= self.limits.runs_ms,
        }
    }
}

/// What is known of a run.
enum Known {
    Whole(Arc<Run>),
    /// All of it has ended.
    Past,
    Nothing,
}

impl Known {
    async fn of(run: RunId, hub: &hub::Handle) -> Self {
        let Ok(known) = hub.known().await else {
            return Self::Nothing;
        };
        let whole = known.state.runs.get(run).cloned();
        whole.map_or_else(
            || match known.is_past(run) {
                true => Self::Past,
                false => Self::Nothing,
            },
            Self::Whole,
        )
    }
}

#[cfg(test)]
mod tests;

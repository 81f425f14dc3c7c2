//! All output of a run on several hosts as files to attach: zip archives with a log for each host, a table of how each ended, and the same
//! as JSON lines.
//!
//! What is read is written at once, so that memory does not grow with it; a host whose log is too long is there with its beginning and end.

mod archives;
mod log;
mod tables;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use shanty_core::ids::AgentId;
use shanty_core::run::{Execution, Run};
use shanty_core::selector::fold::fold;
use shanty_core::text::count;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::reader::FilesError;
use crate::discord::requests::File;
use crate::store::{Output, StoreError};
use archives::Archives;
use log::{LOG_BYTES_MAX, Log};

/// Damaged outputs that the message names one by one; the table names all.
const DAMAGED_NAMED_MAX: usize = 3;
/// What the table says of a host whose log is not attached.
const NO_ROOM: &str = "not attached: too much for one message";

/// The files, and what should be known of them.
#[derive(Debug)]
pub(super) struct Zipped {
    pub(super) files: Vec<File>,
    /// What is not in them, as a sentence.
    pub(super) note: Option<String>,
}

/// What is not in the log of a host, for those of which something is not.
type Missing = BTreeMap<AgentId, String>;

/// Writes the archives of a run into this folder, as files without names.
///
/// Compressing takes long: it has a thread of its own, which stops where it is when nobody waits for this any more.
pub(super) async fn zipped(
    output: &Output,
    run: &Arc<Run>,
    dir: &Path,
) -> Result<Zipped, FilesError> {
    let (output, run, dir) = (output.clone(), Arc::clone(run), dir.to_owned());
    let stop = CancellationToken::new();
    let _stopped = stop.clone().drop_guard();
    let runtime = Handle::current();
    let write = move || {
        let write = write(&output, &run, &dir);
        runtime.block_on(stop.run_until_cancelled(write))
    };
    let written = tokio::task::spawn_blocking(write).await;
    written.ok().flatten().ok_or(StoreError::Stopped)?
}

async fn write(output: &Output, run: &Run, dir: &Path) -> Result<Zipped, FilesError> {
    let mut archives = Archives::new(run, dir)?;
    let mut executions: Vec<(AgentId, &Execution)> = run.executions().collect();
    executions.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name));
    let (mut left_out, mut damaged) = (Vec::new(), Vec::new());
    let mut missing = Missing::new();
    for (agent, execution) in executions {
        let name = execution.name.as_str();
        // What a host printed before it was lost is stored all the same, and what its end says of it may be nothing.
        let Some(log) = Log::find(output, run, agent).await? else {
            continue;
        };
        if !archives.has_room(log.bytes.min(LOG_BYTES_MAX))? {
            left_out.push(name);
            missing.insert(agent, NO_ROOM.to_owned());
            continue;
        }
        archives.begin(&format!("{name}.log"))?;
        let written = log.write(output, run, agent, &mut archives).await?;
        damaged.extend(written.damage.iter().map(|why| format!("{name}: {why}.")));
        if let Some(what) = written.damage.or(written.cut) {
            missing.insert(agent, what);
        }
    }
    Ok(Zipped {
        files: archives.finish(run, &missing)?,
        note: note(&left_out, &damaged),
    })
}

/// What people should know of the archives before they open them.
fn note(left_out: &[&str], damaged: &[String]) -> Option<String> {
    let mut lines = Vec::new();
    if !left_out.is_empty() {
        let names = fold(left_out.iter().copied());
        lines.push(format!("Not attached, too much for one message: {names}."));
    }
    lines.extend(damaged.iter().take(DAMAGED_NAMED_MAX).cloned());
    let more = damaged.len().saturating_sub(DAMAGED_NAMED_MAX);
    if more > 0 {
        let more = count(more, "more host");
        lines.push(format!("Of {more} some is missing: see `summary.csv`."));
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

#[cfg(test)]
mod tests;

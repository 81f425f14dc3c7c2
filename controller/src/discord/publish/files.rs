//! All output of a run on several hosts as files to attach: zip archives with a log for each host, a table of how each ended, and the same
//! as JSON lines.
//!
//! What is read is written at once, so that memory does not grow with it; a host whose log is too long is there with its beginning and end.

mod archives;
mod tables;

use std::path::Path;

use shanty_core::ids::AgentId;
use shanty_core::run::{Execution, Run};
use shanty_core::spool::Record;
use shanty_core::text::size;

use super::reader::{FilesError, why_missing};
use crate::discord::requests::File;
use crate::store::{Output, StoreError};
use archives::Archives;

/// Bytes of one host's log that are attached from its beginning.
const FIRST_BYTES: u64 = 8 * 1024 * 1024;
/// Bytes of its end, when it is longer.
const LAST_BYTES: u64 = 1024 * 1024;
/// The files, and what should be known of them.
#[derive(Debug)]
pub(super) struct Zipped {
    pub(super) files: Vec<File>,
    /// What is not in them, as a sentence.
    pub(super) note: Option<String>,
}

/// Writes the archives of a run into this folder, as files without names.
pub(super) async fn zipped(output: &Output, run: &Run, dir: &Path) -> Result<Zipped, FilesError> {
    let mut archives = Archives::new(run, dir)?;
    let mut executions: Vec<(AgentId, &Execution)> = run.executions().collect();
    executions.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name));
    let mut left_out = Vec::new();
    for (agent, execution) in executions {
        // What a host printed before it was lost is stored all the same, and what its end says of it may be nothing.
        let bytes = printed(output, run, agent).await?;
        if bytes == 0 {
            continue;
        }
        let log = bytes.min(FIRST_BYTES + LAST_BYTES);
        if !archives.has_room(log)? {
            left_out.push(execution.name.as_str());
            continue;
        }
        archives.begin(&format!("{}.log", execution.name))?;
        write_log(output, run, agent, bytes, &mut archives).await?;
    }
    let note = (!left_out.is_empty()).then(|| {
        let names = shanty_core::selector::fold::fold(left_out.iter().copied());
        format!("Not attached, too much for one message: {names}.")
    });
    Ok(Zipped {
        files: archives.finish()?,
        note,
    })
}

/// Bytes of output that are stored of a host, as far as they can be read.
async fn printed(output: &Output, run: &Run, agent: AgentId) -> Result<u64, FilesError> {
    let told = run.execution(agent).and_then(Execution::outcome);
    if let Some(outcome) = told.filter(|outcome| outcome.output_sha256.is_some()) {
        return Ok(outcome.output_bytes);
    }
    let mut records = output.records(run.spec.id, agent, 0);
    let mut all = 0;
    loop {
        match records.next().await {
            Ok(Some((Record::Out { bytes, .. } | Record::Err { bytes, .. }, _))) => {
                all += bytes.len() as u64;
            }
            Ok(Some(_)) => {}
            Ok(None) => return Ok(all),
            Err(error) => {
                why_missing(error)?;
                return Ok(all);
            }
        }
    }
}

/// The log of a host as it came, or its beginning and its end with a line between them.
async fn write_log(
    output: &Output,
    run: &Run,
    agent: AgentId,
    bytes: u64,
    archives: &mut Archives<'_>,
) -> Result<(), FilesError> {
    let mut records = output.records(run.spec.id, agent, 0);
    let (first, last) = if bytes <= FIRST_BYTES + LAST_BYTES {
        (bytes, bytes)
    } else {
        (FIRST_BYTES, bytes - LAST_BYTES)
    };
    let (mut at, mut told) = (0_u64, false);
    loop {
        match records.next().await {
            Ok(Some((Record::Out { bytes, .. } | Record::Err { bytes, .. }, _))) => {
                let end = at + bytes.len() as u64;
                let cut = |from: u64, to: u64| {
                    let place =
                        |byte: u64| usize::try_from(byte.saturating_sub(at)).unwrap_or(usize::MAX);
                    let range = place(from).min(bytes.len())..place(to).min(bytes.len());
                    bytes.get(range).unwrap_or_default()
                };
                archives.write(cut(0, first))?;
                if end > first && !told && first < last {
                    told = true;
                    let line = format!("\n[{} are left out here]\n", size(last - first));
                    archives.write(line.as_bytes())?;
                }
                if first < last {
                    archives.write(cut(last, u64::MAX))?;
                }
                at = end;
            }
            Ok(Some((Record::Truncated { dropped }, _))) => {
                let line = format!("\n[{} of output not kept: over the limit]\n", size(dropped));
                archives.write(line.as_bytes())?;
            }
            Ok(Some(_)) => {}
            Ok(None) => return Ok(()),
            Err(error) => return damaged(error, archives),
        }
    }
}

fn damaged(error: StoreError, archives: &mut Archives<'_>) -> Result<(), FilesError> {
    let why = why_missing(error)?;
    archives.write(format!("\n[the rest is missing: {why}]\n").as_bytes())?;
    Ok(())
}

#[cfg(test)]
mod tests;

//! The log of one host: what it printed as it came, or its beginning and its end, and what is missing of it.

use shanty_core::ids::AgentId;
use shanty_core::limits::{LOG_FIRST_BYTES, LOG_LAST_BYTES};
use shanty_core::run::{Execution, Run};
use shanty_core::text::size;

use super::super::outputs::{Next, Outputs, within};
use super::super::reader::FilesError;
use super::archives::Archives;
use crate::store::Output;

/// Bytes of output in a log at most.
pub(super) const LOG_BYTES_MAX: u64 = LOG_FIRST_BYTES + LOG_LAST_BYTES;

/// A log that there is something to write in.
pub(super) struct Log {
    /// Bytes of output that it should have.
    pub(super) bytes: u64,
}

/// What is not in a log that was written, as parts of sentences.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// What was left out because it is long.
    pub(super) cut: Option<String>,
    /// What cannot be read.
    pub(super) damage: Option<String>,
}

impl Log {
    /// The log of a host; nothing when it printed nothing.
    pub(super) async fn find(
        output: &Output,
        run: &Run,
        agent: AgentId,
    ) -> Result<Option<Self>, FilesError> {
        let told = run.execution(agent).and_then(Execution::outcome);
        let told = told.filter(|outcome| outcome.output_sha256.is_some());
        // What a host printed before it was lost is stored all the same; and a mask may be longer than what it stands for.
        let (bytes, whole) = match told {
            Some(outcome) if !output.is_masked() => (outcome.output_bytes, true),
            told => {
                let (bytes, whole) = counted(output, run, agent).await?;
                (bytes.max(told.map_or(0, |o| o.output_bytes)), whole)
            }
        };
        Ok((bytes > 0 || !whole).then_some(Self { bytes }))
    }

    /// Writes it to the file that was begun.
    pub(super) async fn write(
        &self,
        output: &Output,
        run: &Run,
        agent: AgentId,
        archives: &mut Archives<'_>,
    ) -> Result<Written, FilesError> {
        let (first, last) = if self.bytes <= LOG_BYTES_MAX {
            (self.bytes, self.bytes)
        } else {
            (LOG_FIRST_BYTES, self.bytes - LOG_LAST_BYTES)
        };
        let (mut at, mut written) = (0_u64, Written::default());
        let mut outputs = outputs(output, run, agent);
        loop {
            match outputs.next().await? {
                Next::Bytes(bytes) => {
                    archives.write(within(&bytes, at, 0..first))?;
                    let end = at + bytes.len() as u64;
                    if end > first && written.cut.is_none() && first < last {
                        let line = format!("{} are left out here", size(last - first));
                        archives.write(format!("\n[{line}]\n").as_bytes())?;
                        let what = format!("{} in the middle are left out", size(last - first));
                        written.cut = Some(what);
                    }
                    if first < last {
                        archives.write(within(&bytes, at, last..u64::MAX))?;
                    }
                    at = end;
                }
                Next::Dropped(bytes) => {
                    let line = format!("\n[{} of output not kept: over the limit]\n", size(bytes));
                    archives.write(line.as_bytes())?;
                }
                Next::End => return Ok(written),
                Next::Missing(why) => {
                    let line = format!("\n[the rest is missing: {why}]\n");
                    archives.write(line.as_bytes())?;
                    written.damage = Some(damage(at, self.bytes.saturating_sub(at), &why));
                    return Ok(written);
                }
            }
        }
    }
}

fn outputs(output: &Output, run: &Run, agent: AgentId) -> Outputs {
    let ended = run.execution(agent).and_then(Execution::outcome);
    Outputs::of(output, run.spec.id, agent, has_ended(run, agent)).expecting(ended)
}

fn has_ended(run: &Run, agent: AgentId) -> bool {
    let execution = run.execution(agent);
    execution.is_none_or(|execution| execution.outcome().is_some())
}

/// What of a log cannot be read, after so many bytes that could be.
fn damage(read: u64, missing: u64, why: &str) -> String {
    match (read, missing) {
        (_, 0) => format!("the end cannot be read: {why}"),
        (0, all) => format!("none of its {} can be read: {why}", size(all)),
        (_, bytes) => format!("the last {} cannot be read: {why}", size(bytes)),
    }
}

/// Bytes that are stored of a host, as far as they can be read, and whether that is all.
async fn counted(output: &Output, run: &Run, agent: AgentId) -> Result<(u64, bool), FilesError> {
    let mut outputs = outputs(output, run, agent);
    let mut all = 0;
    loop {
        match outputs.next().await? {
            Next::Bytes(bytes) => all += bytes.len() as u64,
            Next::Dropped(_) => {}
            Next::End => return Ok((all, true)),
            Next::Missing(_) => return Ok((all, false)),
        }
    }
}

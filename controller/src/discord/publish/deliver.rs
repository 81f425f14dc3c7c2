//! All that was printed, read again for one person: what of a host fits a card, and the files that hold the rest.

use std::path::Path;
use std::sync::Arc;

use shanty_core::ids::AgentId;
use shanty_core::run::{Execution, Run, Target};
use shanty_core::text::{count, size};
use shanty_core::thread::Single;

use super::files;
use super::outputs::why_missing;
use super::reader::{FilesError, Reader};
use crate::discord::requests::File;
use crate::store::{Deleted, Deletion, Output, StoreError, Unreadable};

/// Files for one person, and what stands above them.
#[derive(Debug)]
pub(in crate::discord) struct Delivered {
    pub(in crate::discord) text: String,
    pub(in crate::discord) files: Vec<File>,
}

/// Reads what a host printed, as far as it is stored.
pub(in crate::discord) async fn read_one(
    output: &Output,
    run: &Run,
    target: &Target,
) -> Result<Single, StoreError> {
    let mut single = Single::new(run, target);
    let ended = run.execution(target.agent).and_then(Execution::outcome);
    let mut records = output
        .records(run.spec.id, target.agent, 0)
        .expecting(ended);
    loop {
        match records.next().await {
            Ok(Some((record, _))) => single.feed(&record),
            Ok(None) => {
                // While it goes on, what may be the beginning of a secret is held back.
                if ended.is_some() {
                    records.rest().for_each(|(record, _)| single.feed(&record));
                }
                single.finish();
                return Ok(single);
            }
            Err(error) => {
                let why = match error.unreadable() {
                    Unreadable::Deleted(deleted) => why_deleted(deleted),
                    Unreadable::Corrupt(_) | Unreadable::Hole | Unreadable::Unavailable => {
                        why_missing(error)?
                    }
                };
                single.break_off(&why);
                return Ok(single);
            }
        }
    }
}

/// When and why an output was deleted, as a part of a sentence.
fn why_deleted(deleted: Deleted) -> String {
    let at_s = deleted.at_ms / 1_000;
    let why = match deleted.why {
        Deletion::Age => String::new(),
        Deletion::Size { bytes_max } => {
            format!(": all output together was over {}", size(bytes_max))
        }
    };
    format!("its output was deleted on <t:{at_s}:D> by `[retention]`{why}")
}

/// The files with what a host printed, written to this folder; nothing when there is nothing of it.
pub(in crate::discord) async fn deliver_one(
    output: &Output,
    run: &Run,
    target: &Target,
    dir: &Path,
) -> Result<Delivered, FilesError> {
    let single = read_one(output, run, target).await?;
    let mut files = Vec::new();
    if single.bytes() > 0 {
        let reader = Reader::new(output, run.spec.id, target.agent);
        let parts = single.files(run.number);
        (files, _) = reader.files(output, parts, dir).await?;
    }
    let text = match (single.missing(), single.bytes()) {
        (Some(why), 0) => format!("There is nothing to attach: {why}."),
        (None, 0) => format!("**{}** printed nothing.", target.name),
        (_, _) => single.files_text(run.number),
    };
    Ok(Delivered { text, files })
}

/// The files with what all hosts of a run printed, written to this folder.
pub(in crate::discord) async fn deliver_all(
    output: &Output,
    run: &Arc<Run>,
    dir: &Path,
) -> Result<Delivered, FilesError> {
    if let [alone] = &run.spec.targets[..] {
        return deliver_one(output, run, alone, dir).await;
    }
    if let Some(deleted) = all_deleted(output, run).await? {
        let text = format!("There is nothing to attach: {}.", why_deleted(deleted));
        let files = Vec::new();
        return Ok(Delivered { text, files });
    }
    let zipped = files::zipped(output, run, dir).await?;
    let number = run.number;
    let hosts = count(run.spec.targets.len(), "host");
    let note = zipped.note.map_or_else(String::new, |note| {
        format!("\n{}", shanty_core::text::cut(&note, 900))
    });
    Ok(Delivered {
        text: format!(
            "**{number}** · all output of {hosts}{note}\n-# also: `shanty runs output {}`",
            number.0
        ),
        files: zipped.files,
    })
}

/// When the output was deleted, if that of every host that printed something was.
async fn all_deleted(output: &Output, run: &Run) -> Result<Option<Deleted>, StoreError> {
    let mut last = None;
    let printed = |(_, execution): &(AgentId, &Execution)| {
        let outcome = execution.outcome();
        outcome.is_none_or(|outcome| outcome.output_bytes > 0)
    };
    for (agent, _) in run.executions().filter(printed) {
        match output.records(run.spec.id, agent, 0).next().await {
            Ok(_) => return Ok(None),
            Err(error) => match error.unreadable() {
                Unreadable::Deleted(deleted) => last = Some(deleted),
                Unreadable::Corrupt(_) | Unreadable::Hole => return Ok(None),
                Unreadable::Unavailable => return Err(error),
            },
        }
    }
    Ok(last)
}

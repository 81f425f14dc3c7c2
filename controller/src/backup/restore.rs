//! Puts a backup back into an empty data directory.
//!
//! What happened since is not known any more. So nothing that waited then begins by itself: it may have run since, or have been stopped. What
//! hosts hold of later runs is told when they come back, and stays there.

use std::path::{Path, PathBuf};

use shanty_core::ids::AgentId;
use shanty_core::journal::{Anchor, Kind, Record, State};
use shanty_core::principal::Actor;
use shanty_core::refusal::Code;
use shanty_core::run::{How, Outcome, Phase, Progress, Reason, Run};
use shanty_core::version::Version;

use super::{BackupError, MANIFEST, Manifest, copy_file, files_free, sync};
use crate::store::{self, JOURNAL, Store, StoreError, WrittenBy};
use crate::version;

/// A backup that was put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Where it is.
    pub data_dir: PathBuf,
    /// When it was made, milliseconds since the Unix epoch.
    pub made_ms: u64,
    /// Where the journal is.
    pub anchor: Anchor,
    /// Executions that waited then and were given up.
    pub given_up: usize,
}

/// Checks a backup, puts it into a directory that is empty or not there yet, and gives up what waited then. Blocks as long as that takes.
///
/// # Errors
/// See [`BackupError`]. A directory of which not all was put back does not start.
pub fn restore(backup: &Path, data_dir: &Path, now_ms: u64) -> Result<Restored, BackupError> {
    let manifest = Manifest::read(backup)?;
    let anchor = manifest.anchor(backup)?;
    let ours: Version = version::current()
        .parse()
        .map_err(|_| BackupError::Manifest {
            path: backup.join(MANIFEST),
            why: "this program has no version to compare with".to_owned(),
        })?;
    let program = program(&manifest, backup, &ours)?;
    manifest.check(backup)?;
    files_free(data_dir)?;
    let lock = store::lock(data_dir)?;
    // First of all: without its journal, a directory that has this does not start.
    store::mark(data_dir, anchor)?;
    for file in manifest.files() {
        let to = data_dir.join(&file.name);
        if let Some(folder) = to.parent() {
            shanty_certs::files::private_directory(folder)?;
        }
        if file.name != JOURNAL {
            copy_file(&backup.join(&file.name), &to)?;
        }
    }
    // Whole or not at all.
    let coming = data_dir.join("shanty.db.coming");
    copy_file(&backup.join(JOURNAL), &coming)?;
    let place = data_dir.join(JOURNAL);
    std::fs::rename(&coming, &place).map_err(BackupError::copy(&place))?;
    sync(data_dir)?;
    let verified = store::verify(&place, &[anchor], || false)?;
    if !verified.missed.is_empty() {
        let why = "its records are not those that the manifest says";
        return Err(BackupError::Differs { path: place, why });
    }
    // From here on it is ours; the backup itself stays what it was.
    store::migrate::migrate(data_dir, store::migrate::MIGRATIONS)?;
    let written = match program == ours {
        true => WrittenBy::new(ours.as_str(), manifest.made_ms),
        false => WrittenBy::new(ours.as_str(), now_ms).after(
            program.as_str(),
            Some(std::path::absolute(backup).unwrap_or_else(|_| backup.to_owned())),
        ),
    };
    written.write(data_dir)?;
    let given_up = give_up(data_dir, now_ms)?;
    let anchor = store::newest(&place)?;
    drop(lock);
    Ok(Restored {
        data_dir: data_dir.to_owned(),
        made_ms: manifest.made_ms,
        anchor,
        given_up,
    })
}

/// The program whose data a backup holds, when ours may go on with it.
fn program(manifest: &Manifest, backup: &Path, ours: &Version) -> Result<Version, BackupError> {
    let theirs: Version = manifest
        .program
        .parse()
        .map_err(|_| BackupError::Manifest {
            path: backup.join(MANIFEST),
            why: "it does not name the program that wrote it".to_owned(),
        })?;
    if ours.is_older_than(&theirs) && !store::is_patch(ours, &theirs) {
        return Err(BackupError::Newer {
            path: backup.to_owned(),
            version: theirs.to_string(),
            ours: ours.to_string(),
        });
    }
    Ok(theirs)
}

/// Records that nothing that waited begins; how many executions those were.
fn give_up(data_dir: &Path, now_ms: u64) -> Result<usize, StoreError> {
    let store = Store::open(data_dir, u64::MAX)?;
    let state = store.journal.state()?;
    let records = waiting(&state, now_ms);
    let written = match records.is_empty() {
        true => Ok(0),
        false => {
            let written = store.journal.append(&records).blocking_recv();
            written.unwrap_or(Err(StoreError::Stopped))
        }
    };
    store.close();
    written.map(|_| records.len())
}

/// That of each execution to which no order had gone nobody knows any more: a host that has run it since says so when it comes.
fn waiting(state: &State, now_ms: u64) -> Vec<Record> {
    let open = state.runs.open();
    let begun = open.filter(|run| run.phase == Phase::Running);
    begun
        .flat_map(|run| waits(run).map(|agent| lost(run, agent, now_ms)))
        .collect()
}

/// The hosts whose order would have been recorded, and is not.
fn waits(run: &Run) -> impl Iterator<Item = AgentId> {
    let in_waves = run.spec.strategy.rollout.is_some();
    let waits = run.executions().filter(move |(_, execution)| {
        let waits = matches!(execution.progress, Progress::Waiting(_));
        waits && (in_waves || execution.away.is_some())
    });
    waits.map(|(agent, _)| agent)
}

fn lost(run: &Run, agent: AgentId, now_ms: u64) -> Record {
    let why = "a backup was put back, and whether it ran since is not known";
    let reason = Reason::new(Code::ControllerRestart, why);
    Record {
        at_ms: now_ms,
        actor: Actor::Controller,
        kind: Kind::Finished {
            run: run.spec.id,
            agent,
            outcome: Outcome::without_output(How::Lost(reason)),
        },
    }
}

//! What to do where an older program finds the data of a newer one.

use std::path::Path;

use shanty_core::text::utc;

use super::{BACKUPS, befores};
use crate::backup::Manifest;
use crate::store::{StoreError, WrittenBy};

/// The two ways on from data that a newer program wrote, and what is lost by the second; nothing for other errors.
#[must_use]
pub fn ways_on(error: &StoreError, data_dir: &Path) -> Option<String> {
    let newer = match error {
        StoreError::NewerProgram { version, .. } => format!("Install Shanty {version} again"),
        StoreError::Newer { .. } => "Install the newer version again".to_owned(),
        StoreError::UnknownProgram { path, .. } => {
            return Some(format!(
                "Put it back from a backup. Without {} the data counts as that of the oldest program: a start makes a backup and takes over \
                 from there, so remove it only where you know that no newer program was here",
                path.display()
            ));
        }
        StoreError::Open { .. }
        | StoreError::Older { .. }
        | StoreError::NotSaid { .. }
        | StoreError::Migration { .. }
        | StoreError::Damaged { .. }
        | StoreError::Broken { .. }
        | StoreError::Short { .. }
        | StoreError::Gone { .. }
        | StoreError::InUse { .. }
        | StoreError::Beside { .. }
        | StoreError::Sqlite(_)
        | StoreError::Record { .. }
        | StoreError::Incomplete { .. }
        | StoreError::Spool(_)
        | StoreError::Missing { .. }
        | StoreError::Lacking { .. }
        | StoreError::Deleted(_)
        | StoreError::Outcome(_)
        | StoreError::Folder { .. }
        | StoreError::Full
        | StoreError::Value(_)
        | StoreError::Stopped => return None,
    };
    Some(match back(data_dir) {
        Some(back) => format!("Two ways on. {newer}: it goes on with all of this. Or {back}"),
        None => format!(
            "{newer}: it goes on with all of this. No backup of before it is known here; with one, move {dir} away and put it back with \
             `shanty restore BACKUP --data-dir {dir}`",
            dir = data_dir.display()
        ),
    })
}

/// How to go back to what was before the newest upgrade.
fn back(data_dir: &Path) -> Option<String> {
    let noted = WrittenBy::read(data_dir).ok().flatten();
    let noted = noted.and_then(|written| written.backup);
    let noted = noted.filter(|path| Manifest::read(path).is_ok());
    let backup = noted.or_else(|| befores(&data_dir.join(BACKUPS)).pop())?;
    let manifest = Manifest::read(&backup).ok()?;
    let (dir, away) = (data_dir.display(), away(data_dir));
    // It moves along where it is below the data directory.
    let place = match backup.strip_prefix(data_dir) {
        Ok(below) => Path::new(&away).join(below),
        Err(_) => backup,
    };
    Some(format!(
        "go back to {} UTC, as Shanty {} left it, and lose what was done since (runs and their output; hosts that joined must join again, \
         hosts that were removed and tokens that were revoked must be so again): `mv {dir} {away}`, and with Shanty {} \
         `shanty restore {} --data-dir {dir}`",
        utc(manifest.made_ms),
        manifest.program,
        manifest.program,
        place.display()
    ))
}

fn away(data_dir: &Path) -> String {
    let dir = data_dir.display().to_string();
    format!("{}.newer", dir.trim_end_matches('/'))
}

//! What a version does beside its work when it is one of several: the stable one ends what was cut off, one that is tried proves itself.

use std::ffi::OsString;
use std::path::Path;

use super::OwnVersion;
use crate::doctor;
use crate::failure::{Failure, exit};
use crate::update::Own;

impl OwnVersion {
    /// Program and arguments with which this agent looks after itself; where an empty one stands, a subcommand takes its place.
    pub(super) fn upkeep(&self) -> Vec<OsString> {
        let program = self.program.clone().into_os_string();
        std::iter::once(program)
            .chain(self.leading.iter().cloned())
            .chain([OsString::new()])
            .chain(self.place.iter().cloned())
            .collect()
    }
}

/// Before anything else is done in `work_dir`. What a version that is tried has to commit; nothing for any other.
pub(super) async fn begin(
    version: &OwnVersion,
    work_dir: &Path,
    trial: impl FnOnce() -> doctor::Options,
) -> Result<Option<Own>, Failure> {
    let own = Own::of(&version.program, work_dir);
    if !version.experiment {
        if let Some(own) = own {
            own.settle();
        }
        return Ok(None);
    }
    let own = own.ok_or_else(|| {
        let program = version.program.display();
        let text = format!(
            "{program} does not lie in a folder of versions, so that there is nothing to try"
        );
        Failure::new("E_HOME", exit::CONFIG, text)
    })?;
    let tried = doctor::trial_only(&trial()).await;
    tried
        .map_err(|why| Failure::new("E_TRIAL", exit::FAILED, format!("the trial failed: {why}")))?;
    Ok(Some(own))
}

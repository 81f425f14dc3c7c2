//! What a start of this version would do with data that another version wrote.

use shanty_core::text::size;

use super::{Check, Finding, Seen};
use crate::backup;
use crate::upgrade::{self, BACKUPS, Plan, Program};

pub(super) const CHECKS: &[Check] = &[Check {
    name: "version",
    look: version,
}];

fn version(seen: &Seen) -> Vec<Finding> {
    found(seen, Program::ours())
}

fn found(seen: &Seen, program: Program<'_>) -> Vec<Finding> {
    let (dir, ours) = (&seen.config.data_dir, program.version);
    let found = match upgrade::plan(dir, program) {
        Ok(Plan::Nothing | Plan::New) => return Vec::new(),
        Ok(Plan::Say { was }) if was == ours => return Vec::new(),
        Ok(Plan::Say { was }) => Finding::good(format!(
            "the data is of Shanty {was}, and {ours} goes on with it as it is"
        )),
        Ok(Plan::Upgrade { was, needed, left }) if left < needed => Finding::bad(
            format!(
                "the data is of Shanty {was}: {ours} needs {} for the backup that comes first, and {} are left",
                size(needed),
                size(left)
            ),
            format!("Make room where {} is, or go on with {was}.", dir.display()),
        ),
        Ok(Plan::Upgrade { was, needed, left }) => Finding::good(format!(
            "the data is of Shanty {was}: the next start makes a backup in {}, then goes on as {ours}, and {was} cannot use it any more; that takes \
             up to {} of {}",
            dir.join(BACKUPS).display(),
            size(needed),
            size(left)
        )),
        Err(error) => {
            let next = backup::next(&error, dir).unwrap_or_default();
            Finding::bad(shanty_core::causes::chain(&error), next)
        }
    };
    vec![found]
}

//! The data directory, room on its disk, files with secrets that are named, and whether a controller runs.

use std::path::Path;

use nix::sys::statvfs::statvfs;
use shanty_certs::files::{check_private_directory, read_foreign};
use shanty_core::causes::chain;
use shanty_core::output::mask::FILE_BYTES_MAX;
use shanty_core::text::size;

use super::{Check, Finding, Seen};

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "configuration",
        look: configuration,
    },
    Check {
        name: "controller",
        look: controller,
    },
    Check {
        name: "data",
        look: data,
    },
    Check {
        name: "disk",
        look: disk,
    },
    Check {
        name: "agents",
        look: agents,
    },
    Check {
        name: "masks",
        look: masks,
    },
];

/// With less than this it stops taking output soon, bytes.
const LITTLE_BYTES: u64 = 64 * 1024 * 1024;

/// With less than this somebody should look, bytes.
const SPARE_BYTES: u64 = 1024 * 1024 * 1024;

/// Files that a disk should have room for: the store keeps some hundreds.
const SPARE_FILES: u64 = 1_000;

/// That it was read is all that is known here: whatever is wrong in it has ended the subcommand before.
fn configuration(seen: &Seen) -> Vec<Finding> {
    let grants = seen.config.policy.grants.len();
    if grants == 0 {
        let mend = "Write a [[grant]]: docs/CONFIG.md has one.";
        return vec![Finding::warning(
            "no grant: nobody may do anything in chat",
            mend,
        )];
    }
    let grants = shanty_core::text::count(grants, "grant");
    vec![Finding::good(format!(
        "every key is known and every value can be used; {grants}"
    ))]
}

fn controller(seen: &Seen) -> Vec<Finding> {
    let admin = seen.config.listen.admin.display();
    vec![Finding::good(match seen.running {
        true => format!("runs, and answers on {admin}"),
        false => "does not run".to_owned(),
    })]
}

fn data(seen: &Seen) -> Vec<Finding> {
    let dir = &seen.config.data_dir;
    vec![match check_private_directory(dir) {
        Ok(()) => Finding::good(format!("{} is ours alone", dir.display())),
        Err(error) if error.is_missing() => Finding::good(format!(
            "{} is not there yet: the first start makes it",
            dir.display()
        )),
        Err(error) => Finding::bad(
            chain(&error),
            "Nobody but the controller's user may enter the data directory, mode 0700.",
        ),
    }]
}

fn agents(seen: &Seen) -> Vec<Finding> {
    let mend =
        "Put the agents of a release there, or name their folder as `artifacts` in [install].";
    vec![match &seen.agents {
        Ok(agents) => Finding::good(format!("{agents} can be installed from here")),
        Err(why) => Finding::warning(why, mend),
    }]
}

fn disk(seen: &Seen) -> Vec<Finding> {
    let dir = &seen.config.data_dir;
    let there = dir
        .ancestors()
        .find(|dir| dir.exists())
        .unwrap_or(Path::new("/"));
    let told = match statvfs(there) {
        Ok(told) => told,
        Err(error) => return vec![Finding::bad(format!("{}: {error}", there.display()), "")],
    };
    let left = told.blocks_available() as u64 * told.fragment_size() as u64;
    let files = (told.files() > 0).then(|| told.files_available() as u64);
    let kept = std::fs::metadata(dir.join("output.db")).map_or(0, |meta| meta.len());
    let growth = seen.config.retention.output_bytes_max.saturating_sub(kept);
    vec![judged(&dir.display().to_string(), left, files, growth)]
}

/// By the room that is left, files that can be made where the disk counts them, and what output may yet take.
fn judged(dir: &str, left: u64, files: Option<u64>, growth: u64) -> Finding {
    let measured = format!("{} are left where {dir} is", size(left));
    let room = "Make room, or let less be kept: `output_max` in [retention].";
    if left < LITTLE_BYTES {
        return Finding::bad(format!("{measured}: on a full disk no run starts"), room);
    }
    if let Some(files) = files.filter(|files| *files < SPARE_FILES) {
        return Finding::warning(
            format!("{measured}, but only {files} files can be made"),
            room,
        );
    }
    if left < SPARE_BYTES || left < growth {
        return Finding::warning(
            format!("{measured}, and output may take {} more", size(growth)),
            room,
        );
    }
    Finding::good(measured)
}

fn masks(seen: &Seen) -> Vec<Finding> {
    let mask = &seen.config.mask;
    let named = mask.files.len() + mask.env_files.len();
    if named == 0 {
        return Vec::new();
    }
    let read = |path: &Path| read_foreign(path, FILE_BYTES_MAX).map_err(|error| chain(&error));
    match mask.load(read) {
        Ok(_) => vec![Finding::good(format!(
            "{} can be read",
            shanty_core::text::count(named, "file")
        ))],
        Err(errors) => {
            let bad = |error| {
                Finding::bad(
                    error,
                    "The controller does not start without what [mask] names.",
                )
            };
            errors.into_iter().map(bad).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn little_room_is_told_before_there_is_none() {
        for (left, files, growth, state) in [
            (100 * GIB, Some(1_000_000), 20 * GIB, State::Good),
            (100 * GIB, None, 20 * GIB, State::Good),
            (10 * GIB, None, 20 * GIB, State::Warning),
            (GIB / 2, None, 0, State::Warning),
            (100 * GIB, Some(10), 0, State::Warning),
            (LITTLE_BYTES - 1, Some(10), 0, State::Bad),
        ] {
            let found = judged("/d", left, files, growth);
            assert_eq!(found.state, state, "{found:?}");
            assert_eq!(found.mend.is_empty(), state == State::Good, "{found:?}");
        }
    }
}

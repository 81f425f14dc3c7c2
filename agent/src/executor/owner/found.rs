//! What was found of an execution that nobody watched: at the start of an agent, and when a shim is gone.

use std::path::Path;

use shanty_core::ids::RunId;
use shanty_core::refusal::Code;

use super::Owner;
use crate::executor::recover::Found;
use crate::executor::{Refusal, State, Status};

impl Owner {
    /// Takes up an execution that an earlier agent left.
    pub(super) fn take_up(&mut self, run: RunId, found: std::io::Result<Found>) {
        let (spool_len, state) = match found {
            Ok(Found::Ended { len }) => (len, State::Ended),
            // What dies slowly is seen to like what lives, and all at once.
            Ok(Found::Alive { len } | Found::Dying { len }) => (len, State::Running),
            Ok(Found::NotBegun { full }) => return self.not_begun(run, full),
            Err(error) => {
                tracing::warn!(run.id = %run, %error, "An execution cannot be looked at.");
                (0, State::Running)
            }
        };
        let running = state == State::Running;
        let status = Status {
            spool_len,
            state,
            spool_full: false,
        };
        self.show(|shown| {
            shown.insert(run, status);
        });
        if running {
            let desired = self.hold(run, None);
            self.follow(run, desired, None);
        }
    }

    /// Nothing of an accepted order ever ran, and that is known: it is told like an order that was refused. What says so stays on the disk
    /// until that was heard, so that the next agent can tell it too.
    pub(super) fn not_begun(&mut self, run: RunId, full: bool) {
        self.held.remove(&run);
        let refusal = never_began(&self.config.data_dir, full);
        tracing::warn!(run.id = %run, "{}", refusal.text);
        self.show_state(run, State::Refused(refusal));
    }

    /// Deletes what there is of an execution, and remembers it on the disk.
    pub(super) fn let_go(&mut self, run: RunId) {
        let folders = self.folders.clone();
        self.work.spawn_blocking(move || {
            if let Err(error) = folders.release(run) {
                tracing::warn!(run.id = %run, %error, "An execution cannot be deleted.");
            }
            None
        });
    }
}

/// Why an accepted order did not begin.
fn never_began(data_dir: &Path, full: bool) -> Refusal {
    if full {
        let text = format!(
            "the disk that holds {} is full, and nothing was run: make room there",
            data_dir.display()
        );
        return Refusal::new(Code::Storage, text);
    }
    let text = "the agent, or its shim, was ended before the command began: nothing was run";
    Refusal::new(Code::Stopping, text)
}

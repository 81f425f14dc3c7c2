//! A full disk: nothing new is begun, since its output could not be kept. What runs goes on, and what stops it works.

use crate::refusal::{Code, Refusal};

use super::Context;

/// Refuses a run while the controller's disk is full.
pub(super) fn has_room(ctx: &Context<'_>) -> Result<(), Refusal> {
    match ctx.disk_full {
        true => Err(disk_full("Nothing was run.")),
        false => Ok(()),
    }
}

/// That the disk is full.
pub(crate) fn disk_full(nothing: &str) -> Refusal {
    Refusal::new(
        Code::Storage,
        format!("The controller's disk is full. {nothing}"),
        "Make room on the disk of its `data_dir`. What runs goes on; cancel, hold and looking back work meanwhile.",
    )
}

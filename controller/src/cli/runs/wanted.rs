//! What of the history is looked for, as every verb takes it.

use clap::{Args, ValueHint};
use shanty_proto::v1;

use crate::cli::complete::completer;

#[derive(Args, Debug)]
pub(super) struct WantedArgs {
    /// Of this person: a name, such as ann, an id, or local:root
    #[arg(long, value_name = "WHO")]
    by: Option<String>,
    /// On any of these hosts, for example: 'role=web !web-03'
    #[arg(long, value_name = "SELECTOR", add = completer(), value_hint = ValueHint::Other)]
    on: Option<String>,
    /// Since then: 2h, 7d or a day such as 2026-11-30 (UTC)
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// That stand so
    #[arg(long, value_parser = ["running", "ok", "failed", "stopped", "unknown", "not_started"])]
    state: Option<String>,
}

impl WantedArgs {
    /// True when everything is.
    pub(super) const fn is_empty(&self) -> bool {
        self.by.is_none() && self.on.is_none() && self.since.is_none() && self.state.is_none()
    }

    pub(super) fn with_text(self, text: Option<String>) -> v1::Wanted {
        v1::Wanted {
            by: self.by,
            selector: self.on,
            since: self.since,
            state: self.state,
            text,
        }
    }
}

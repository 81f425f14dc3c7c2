//! Where a run was shown in chat: kept for good, so that whoever looks back finds the way to its thread.

use serde::{Deserialize, Serialize};
use shanty_core::ids::RunId;

use super::{Kept, StoreError};

const PREFIX: &str = "shown:";
/// Where it is kept as long as people do not see its end: what else stands there does not matter here.
const UNTIL_SHOWN: &str = "card:";

/// Where a run was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// The guild; nothing for a run of the command line.
    pub guild: Option<u64>,
    /// The channel, or the thread that the card itself is in.
    pub channel: u64,
    /// The first card.
    pub message: Option<u64>,
    /// The thread with its output.
    pub thread: Option<u64>,
}

impl Shown {
    /// Keeps it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn keep(&self, kept: &Kept, run: RunId) -> Result<(), StoreError> {
        kept.keep(&format!("{PREFIX}{run}"), self).await
    }

    /// Where a run is or was shown; nothing when it never was, or that was not kept.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn of(kept: &Kept, run: RunId) -> Result<Option<Self>, StoreError> {
        match kept.read(&format!("{PREFIX}{run}")).await? {
            Some(shown) => Ok(Some(shown)),
            None => kept.read(&format!("{UNTIL_SHOWN}{run}")).await,
        }
    }

    /// Nobody can look at the run any more.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn forget(kept: &Kept, run: RunId) -> Result<(), StoreError> {
        kept.forget(&format!("{PREFIX}{run}")).await
    }
}

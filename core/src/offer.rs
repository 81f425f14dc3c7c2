//! Which agent this controller hands out, and whether agents may be updated to it. Read and proven elsewhere; what follows from it is
//! said in [`crate::admission`].

use crate::version::Version;

/// What is handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Its version; nothing where nothing is handed out.
    pub version: Option<Version>,
    /// What its release says of updates, or why there are none: a sentence without its end, and what to do about it.
    pub release: Result<Release, NoUpdates>,
}

/// What a signed release says of updates to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Release {
    /// Until when it counts, milliseconds since the Unix epoch.
    pub not_after_ms: Option<u64>,
    /// The oldest version that may be updated to it.
    pub min_from: Option<Version>,
    /// A newer version may go back to it.
    pub older_ok: bool,
    /// Who signed it, as far as was proven.
    pub signer: String,
}

/// Why agents are not updated from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoUpdates {
    /// What is so: a sentence without its end.
    pub why: String,
    /// What to do about it: a sentence.
    pub next: String,
}

impl Default for Offer {
    fn default() -> Self {
        Self {
            version: None,
            release: Err(NoUpdates {
                why: "it is not known yet which agents this controller hands out".to_owned(),
                next: "Try again in a moment.".to_owned(),
            }),
        }
    }
}

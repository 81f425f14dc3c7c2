//! Which hosts of a run that was something is run on again.

use crate::ids::RunNumber;

/// Some hosts of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// All.
    All,
    /// Those on which it went wrong, or may have.
    Failed,
    /// Those that did otherwise than most.
    Odd,
    /// Those of these names, as a list with ranges.
    These(String),
    /// Those on which it never began.
    Missed,
}

impl Part {
    /// What stands for them, as it could be typed: it says on the new card where they come from.
    #[must_use]
    pub fn selector(&self, run: RunNumber) -> String {
        match self {
            Self::All => run.to_string(),
            Self::Failed => format!("{run}:failed"),
            Self::Odd => format!("{run}:differs"),
            Self::These(names) => format!("{run} {names}"),
            Self::Missed => format!("{run}:missed"),
        }
    }

    /// Whether a text is a list of names and ranges of names, and nothing else: no other selector may stand in a button.
    #[must_use]
    pub fn is_names(text: &str) -> bool {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-,[]".contains(c);
        !text.is_empty() && text.chars().all(plain)
    }
}

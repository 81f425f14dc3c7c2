//! What is said once of a run, and holds on each of its hosts: as whom a command runs, how long, and how its output comes.

use std::time::Duration;

use super::{Colours, Streams, Terminal};

/// How each host runs it. What is not said is [`Default`]: the agent's own user, no end, streams as on a terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The user to run as; nothing means the first that each agent allows.
    pub run_as: Option<String>,
    /// It is stopped after this time, milliseconds. Zero means never.
    pub timeout_ms: u64,
    /// Whether standard output and standard error come together.
    pub streams: Streams,
    /// Whether the command is told to use colours, and people see them.
    pub colours: Colours,
    /// Whether the command has a terminal. Its streams are one then.
    pub terminal: Terminal,
    /// What it leaves running lives on, and is named.
    pub leave: bool,
}

impl Options {
    /// After which time it is stopped; nothing means never.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        (self.timeout_ms > 0).then(|| Duration::from_millis(self.timeout_ms))
    }
}

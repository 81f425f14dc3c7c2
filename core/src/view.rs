//! What people see, as data: cards and pages within Discord's limits, before any Discord type exists.

mod fleet;
mod refusal;
mod run;
mod text;

pub use fleet::{HostRow, hosts_card, runs_card};
pub use refusal::refusal_card;
pub use run::{Scene, run_card, run_summary, thread_name};
pub use text::{escape_markdown, inline_code};

/// A message made of one container with an accent bar: text blocks, then at most one row of buttons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// Colour of the bar. Never the only carrier of a meaning.
    pub accent: Accent,
    /// Markdown blocks, each at most [`crate::limits::TEXT_DISPLAY_CHARS_MAX`] characters.
    pub texts: Vec<String>,
    /// At most five.
    pub buttons: Vec<Button>,
}

/// The colour of a card's bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accent {
    /// Going on.
    Blue,
    /// Well ended.
    Green,
    /// Ended, and somebody should look.
    Amber,
    /// Failed or refused.
    Red,
    /// Stopped by a person.
    Grey,
}

/// A button of a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Button {
    /// At most 80 characters.
    pub label: String,
    /// What it does.
    pub target: ButtonTarget,
    /// How it looks; a link has a look of its own.
    pub style: ButtonStyle,
}

/// What a button does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ButtonTarget {
    /// Sends an interaction with this custom id, `v1:<verb>:<RunId>`.
    Press(String),
    /// Opens an address in the client.
    Link(String),
}

/// How a pressable button looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ButtonStyle {
    /// Grey.
    Secondary,
    /// Red.
    Danger,
}

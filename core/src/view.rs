//! What people see, as data: cards and pages within Discord's limits, before any Discord type exists.

use crate::limits;
use crate::text::units;

mod answer;
mod audit;
mod deeds;
mod fleet;
mod form;
mod help;
mod host;
mod input;
mod install;
mod inventory;
mod news;
mod press;
mod preview;
mod refusal;
mod run;
mod runs;
pub mod terminal;
mod text;

pub use answer::{Audience, Reply, hosts_page_card, one_host_card, reply};
pub use audit::anchor_text;
pub use deeds::{is_loud, sheet_card};
pub use fleet::{HOSTS_PAGE, HostRow, HostsPage, Trouble, hosts_card};
pub use form::{Field, FieldName, Filled, Form, Sheet, change_sheet, edit_sheet, write_sheet};
pub use help::{direct_card, help_card, mention_card, welcome_card, whoami_card};
pub use host::{HostDetail, host_card};
pub use install::add_host_card;
pub use inventory::unknown_runs_card;
pub use news::{attendance_text, news_card};
pub use press::{HistoryPage, Listed, Listing, NoPress, Press, Try, key_of};
pub use preview::{AwayRow, Preview, preview_card, taken_back_card};
pub use refusal::{
    Enclosed, ask_card, name_card, plain_card, refusal_card, with_ask, with_edit, with_look,
};
pub use run::{
    Opened, Picked, Scene, between_card, by_host_card, card_is_whole, copy_card, diff_card,
    diff_shown, groups, moved_card, open_card, rollout_words, run_card, run_result, run_summary,
    thread_name, thread_of,
};
pub use runs::{Looked, history_card, star_card};
pub use text::{command_code, escape_markdown, escape_markdown_cut, inline_code, mention};

/// A message made of one container with an accent bar: text blocks, then at most two rows of buttons and one menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// Colour of the bar. Never the only carrier of a meaning.
    pub accent: Accent,
    /// Markdown blocks, each at most [`crate::limits::TEXT_DISPLAY_CHARS_MAX`] characters.
    pub texts: Vec<String>,
    /// At most ten, in rows of five.
    pub buttons: Vec<Button>,
    /// A list to pick one of.
    pub menu: Option<Menu>,
}

impl Card {
    /// A card with these texts and nothing to press.
    #[must_use]
    pub const fn new(accent: Accent, texts: Vec<String>) -> Self {
        Self {
            accent,
            texts,
            buttons: Vec::new(),
            menu: None,
        }
    }
}

/// A list of things of which a person picks one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Menu {
    /// What picking does, sent with the choice.
    pub press: Press,
    /// Shown while nothing is picked, at most 150 characters.
    pub placeholder: String,
    /// Value and label of each, at most [`crate::limits::CHOICES_MAX`], each at most 100 characters.
    pub options: Vec<(String, String)>,
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

/// Text blocks that fit one card together, counted as Discord counts. What does not fit is left out whole.
#[derive(Debug, Default)]
pub(crate) struct Texts(Vec<String>);

impl Texts {
    /// The first block always fits.
    pub(crate) fn with(first: String) -> Self {
        Self(vec![first])
    }

    /// Adds a block if it fits, and says whether it did.
    pub(crate) fn add(&mut self, text: Option<String>) -> bool {
        let Some(text) = text.filter(|text| !text.trim().is_empty()) else {
            return true;
        };
        let all = || self.0.iter().chain([&text]);
        let fits = units(&text) <= limits::TEXT_DISPLAY_CHARS_MAX
            && all().map(|text| units(text)).sum::<usize>() <= limits::CARD_CHARS_MAX
            && all().map(|text| text.len() + 12).sum::<usize>() <= limits::CARD_BYTES_MAX;
        if fits {
            self.0.push(text);
        }
        fits
    }

    pub(crate) fn into_blocks(self) -> Vec<String> {
        self.0
    }
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
    /// Asks for this.
    Press(Press),
    /// Opens an address in the client.
    Link(String),
}

/// How a pressable button looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ButtonStyle {
    /// Blue: what most people want.
    Primary,
    /// Grey.
    Secondary,
    /// Red.
    Danger,
}

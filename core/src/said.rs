//! Text that a host said: of itself, or of why it does not run something. It is not ours, so it has no `Display`: whoever shows it says where, and no
//! view prints it as it came by accident.

use std::fmt;

use crate::output::sanitise::push_visible;
use crate::view::{escape_markdown_cut, terminal};

/// Such a text. Of what is in it every character can be seen.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Said(String);

impl Said {
    /// What a peer said: at most so many characters of it, and no control characters.
    #[must_use]
    pub fn of(text: &str, chars_max: usize) -> Self {
        let mut shown = String::new();
        let seen = text.chars().filter(|c| !c.is_control());
        // None becomes fewer characters than it is.
        seen.take(chars_max)
            .for_each(|c| push_visible(c, &mut shown));
        Self(shown.chars().take(chars_max).collect())
    }

    /// Whether nothing was said.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// For a message of Discord: nothing of it is more than text. At most so many UTF-16 units.
    #[must_use]
    pub fn in_chat(&self, units_max: usize) -> String {
        escape_markdown_cut(&self.0, units_max)
    }

    /// For a block of code in a message of Discord: nothing of it ends that. At most so many characters.
    #[must_use]
    pub fn in_code(&self, chars_max: usize) -> String {
        let in_code = |c| if c == '`' { '\'' } else { c };
        self.0.chars().take(chars_max).map(in_code).collect()
    }

    /// For a terminal: one line, in which nothing does anything.
    #[must_use]
    pub fn on_terminal(&self) -> String {
        terminal::one_line(&self.0)
    }

    /// For programs, which take it as a field of its own, and to be compared: never for people.
    #[must_use]
    pub fn as_data(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Our own words, or those of an earlier record.
impl From<&str> for Said {
    fn from(text: &str) -> Self {
        let mut shown = String::with_capacity(text.len());
        text.chars().for_each(|c| push_visible(c, &mut shown));
        Self(shown)
    }
}

impl From<String> for Said {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_out_is_harmless_where_it_leads() {
        let said = Said::of("a\n**b**\u{202e}`c`\u{1b}[2J", 100);
        assert_eq!(said.as_data(), "a**b**⟨U+202E⟩`c`[2J");
        assert_eq!(said.in_code(6), "a**b**");
        assert_eq!(Said::from("a`b").in_code(9), "a'b");
        assert_eq!(said.on_terminal(), said.as_data());
        let chat = said.in_chat(100);
        assert!(chat.starts_with("a\\*\\*b"), "{chat}");
        assert_eq!(format!("{said:?}"), format!("{:?}", said.as_data()));
    }

    #[test]
    fn a_peer_says_no_more_than_it_may() {
        assert_eq!(Said::of(&"x".repeat(200), 128).as_data().len(), 128);
        let hidden = Said::of(&"\u{202e}".repeat(200), 128);
        assert_eq!(hidden.as_data().chars().count(), 128);
        assert!(Said::of("\n\u{1b}", 9).is_empty());
        // Our own words lose nothing.
        assert_eq!(Said::from("a\nb").as_data(), "a␊b");
    }
}

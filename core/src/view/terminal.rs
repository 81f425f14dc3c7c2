//! What the command line shows, as text: tables that fit a terminal, and what stands in them made safe to look at. Nothing here writes
//! anything, or asks how wide a terminal is.

mod table;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::output::sanitise::push_visible;

pub use table::{Align, Cell, Column, Table};

/// How a text may look where it is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Columns of the terminal; nothing where lines may be as long as they are.
    pub width: Option<usize>,
    /// Bold and colours are shown.
    pub colours: bool,
}

/// What a text means, beside what it says. Never the only carrier of a meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Nothing.
    #[default]
    Plain,
    /// What stands above others.
    Strong,
    /// It is well.
    Good,
    /// Somebody should look.
    Warn,
    /// It went wrong.
    Bad,
    /// Less than what stands beside it.
    Dim,
}

impl Look {
    /// A text in a tone, where colours are shown.
    #[must_use]
    pub fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Plain => return text.to_owned(),
            Tone::Strong => "1",
            Tone::Good => "32",
            Tone::Warn => "33",
            Tone::Bad => "31",
            Tone::Dim => "2",
        };
        if !self.colours || text.is_empty() {
            return text.to_owned();
        }
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// A line cut to the terminal.
    #[must_use]
    pub fn fit(self, line: &str) -> String {
        self.width
            .map_or_else(|| line.to_owned(), |width| cut(line, width))
    }
}

/// A text of somebody else on one line, with what cannot be seen made visible: nothing in it moves a cursor or changes a colour.
#[must_use]
pub fn one_line(text: &str) -> String {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => line.push('⏎'),
            c => push_visible(c, &mut line),
        }
    }
    line
}

/// A text of several lines, each as [`one_line`] has it: what somebody typed, and says again, moves no cursor either.
#[must_use]
pub fn lines(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(one_line).collect();
    lines.join("\n")
}

/// Columns that a text takes.
#[must_use]
pub fn columns(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    text.width()
}

/// A text of at most so many columns; the last of them is `…` where some were left out.
#[must_use]
pub fn cut(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used >= width {
            break;
        }
        kept.push(c);
    }
    if width > 0 {
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_by_columns_and_not_by_characters() {
        for (text, width, expected) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("日本語", 6, "日本語"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…"),
            ("abc", 1, "…"),
            ("abc", 0, ""),
        ] {
            let shown = cut(text, width);
            assert_eq!(shown, expected, "{text} in {width}");
            assert!(columns(&shown) <= width);
        }
    }

    #[test]
    fn what_agents_tell_moves_no_cursor() {
        assert_eq!(
            one_line("De\u{1b}[2Jbian\r\n12\u{202e}"),
            "De␛[2Jbian␍⏎12⟨U+202E⟩"
        );
        assert_eq!(one_line("日本"), "日本");
        assert_eq!(
            lines("a\u{1b}[2J\r\n\n  b\u{9b}1m\n"),
            "a␛[2J␍\n\n  b⟨U+009B⟩1m\n"
        );
    }

    #[test]
    fn colours_are_there_only_where_they_are_shown() {
        let shown = Look {
            width: None,
            colours: true,
        };
        assert_eq!(shown.paint(Tone::Bad, "x"), "\u{1b}[31mx\u{1b}[0m");
        assert_eq!(shown.paint(Tone::Plain, "x"), "x");
        assert_eq!(Look::default().paint(Tone::Bad, "x"), "x");
    }
}

//! Other people's text inside our own: commands, names and selectors, shown so that they can neither style, ping nor hide anything.

use sha2::{Digest as _, Sha256};

use crate::output::sanitise::push_visible;
use crate::principal::Principal;
use crate::text::thousands;

/// Somebody as cards show them: a mention, which pings nobody (see the outbox), or `local:root`.
#[must_use]
pub fn mention(principal: &Principal) -> String {
    match principal {
        Principal::Discord(user) => format!("<@{user}>"),
        Principal::Local(_) => principal.to_string(),
    }
}

/// Text as inline code, one line, at most `chars_max` characters as they are shown before it is cut with `…`. Control and invisible characters are
/// made visible, so that what is approved by eye is what runs.
#[must_use]
pub fn inline_code(text: &str, chars_max: usize) -> String {
    let mut shown = String::new();
    let mut units = 0;
    for c in text.chars() {
        let mut piece = String::new();
        match c {
            '\n' => piece.push('⏎'),
            '\t' => piece.push('␉'),
            // Discord knows spans of one and of two backticks, and either end is read off the first run of them that fits.
            '`' if shown.ends_with('`') => piece.push_str("\u{200b}`"),
            c => push_visible(c, &mut piece),
        }
        units += piece.encode_utf16().count();
        if units > chars_max {
            shown.push('…');
            break;
        }
        shown.push_str(&piece);
    }
    if shown.is_empty() {
        return "` `".to_owned();
    }
    if shown.contains('`') {
        return format!("`` {shown} ``");
    }
    format!("`{shown}`")
}

/// Text as a block of code: lines and tabs stay, all else that cannot be seen is made visible, and no backticks in it end the block.
#[must_use]
pub(super) fn code_block(text: &str, language: &str) -> String {
    let mut shown = String::new();
    let mut ticks = 0;
    for c in text.trim_end_matches('\n').chars() {
        if c == '`' && ticks == 2 {
            shown.push('\u{200b}');
            ticks = 0;
        }
        ticks = if c == '`' { ticks + 1 } else { 0 };
        match c {
            '\n' | '\t' => shown.push(c),
            c => push_visible(c, &mut shown),
        }
    }
    if shown.trim().is_empty() {
        // In Discord a block without a character in it is none, and its backticks would be read.
        shown = "␀".to_owned();
    }
    format!("```{language}\n{shown}\n```")
}

/// Text in the open, with everything that Markdown or a mention would take for itself escaped.
#[must_use]
pub fn escape_markdown(text: &str) -> String {
    escape_markdown_cut(text, usize::MAX)
}

/// A command as inline code. Of one that is cut it is said how long it is and what it is by its digest: nobody approves or reads a part of it
/// for the whole.
#[must_use]
pub fn command_code(command: &str, chars_max: usize) -> String {
    let whole = inline_code(command, usize::MAX);
    let shown = inline_code(command, chars_max);
    if shown == whole {
        return shown;
    }
    let digest = hex::encode(Sha256::digest(command.as_bytes()));
    let chars = thousands(command.chars().count() as u64);
    let digest = digest.get(..16).unwrap_or_default();
    format!("{shown}\n-# cut here: all {chars} characters have SHA-256 `{digest}…`")
}

/// The same, at most `chars_max` characters as they are shown before it is cut with `…`.
#[must_use]
pub fn escape_markdown_cut(text: &str, chars_max: usize) -> String {
    let mut shown = String::new();
    let mut units = 0;
    for c in text.chars() {
        let mut piece = String::new();
        if is_markdown(c) {
            piece.push('\\');
        }
        push_visible(c, &mut piece);
        units += piece.encode_utf16().count();
        if units > chars_max {
            shown.push('…');
            break;
        }
        shown.push_str(&piece);
    }
    shown
}

const fn is_markdown(c: char) -> bool {
    matches!(
        c,
        '\\' | '*'
            | '_'
            | '~'
            | '|'
            | '`'
            | '>'
            | '#'
            | '-'
            | '+'
            | '['
            | ']'
            | '('
            | ')'
            | '<'
            | '@'
            | ':'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_text_holds_is_one_block_in_which_all_is_seen() {
        for ticks in 0..12 {
            let block = code_block(&format!("x{}y", "`".repeat(ticks)), "sh");
            assert_eq!(block.matches("```").count(), 2, "{ticks}: {block}");
            assert_eq!(block.matches('`').count(), 6 + ticks);
        }
        for (text, shown) in [
            ("\u{1b}]0;echo hidden; id", "␛]0;echo hidden; id"),
            ("\u{1b}[30;40mid\u{1b}[0m", "␛[30;40mid␛[0m"),
            (
                "ls \u{3164}\u{e0041}\u{34f}",
                "ls ⟨U+3164⟩⟨U+E0041⟩⟨U+034F⟩",
            ),
            ("# \u{202e}dlrow", "# ⟨U+202E⟩dlrow"),
            ("\u{202a}", "⟨U+202A⟩"),
            ("a\n\tb\n", "a\n\tb"),
            ("", "␀"),
            (" \n ", "␀"),
        ] {
            assert_eq!(code_block(text, ""), format!("```\n{shown}\n```"));
        }
    }

    #[test]
    fn people_are_mentioned_in_chat_and_named_elsewhere() {
        let person = Principal::Discord(3001);
        assert_eq!(mention(&person), "<@3001>");
        assert_eq!(person.to_string(), "discord:3001");
        let operator = Principal::Local("root".to_owned());
        assert_eq!(mention(&operator), "local:root");
        assert_eq!(operator.to_string(), "local:root");
    }

    #[test]
    fn code_spans_cannot_be_left() {
        assert_eq!(command_code("uptime", 10), "`uptime`");
        assert_eq!(
            command_code("echo 1234567890", 9),
            "`echo 1234…`\n-# cut here: all 15 characters have SHA-256 `43e355cf7e057cba…`"
        );
        assert_eq!(inline_code("uptime", 10), "`uptime`");
        assert_eq!(inline_code("echo `id`", 20), "`` echo `id` ``");
        assert_eq!(inline_code("a```b", 20), "`` a`\u{200b}`\u{200b}`b ``");
        assert_eq!(inline_code("", 20), "` `");
        assert_eq!(inline_code("one\nrm -rf /", 40), "`one⏎rm -rf /`");
        assert_eq!(inline_code("abcdef", 3), "`abc…`");
        assert_eq!(inline_code("abc", 3), "`abc`");
        assert_eq!(inline_code("a\u{202e}\u{202e}b", 12), "`a⟨U+202E⟩…`");
        assert_eq!(inline_code("a\u{202e}b", 10), "`a⟨U+202E⟩b`");
        assert_eq!(inline_code("\u{1b}[31m", 9), "`␛[31m`");
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_command_holds_is_one_span(text in "[`a*\\\\ \n]{0,40}|.{0,40}", chars_max in 1_usize..60) {
            let code = inline_code(&text, chars_max);
            let mark = if code.starts_with("``") { "``" } else { "`" };
            let inside = code.strip_prefix(mark).and_then(|code| code.strip_suffix(mark)).unwrap();
            proptest::prop_assert!(!inside.contains(mark), "{}", code);
            proptest::prop_assert!(!inside.is_empty() && !inside.starts_with('`') && !inside.ends_with('`'), "{}", code);
            // Nothing is added to what is read but room, and nothing is lost but what is cut.
            let backticks = |text: &str| text.matches('`').count();
            if !inside.contains('…') && !text.contains('…') {
                proptest::prop_assert_eq!(backticks(inside), backticks(&text));
            }
        }
    }

    #[test]
    fn markdown_is_inert() {
        assert_eq!(escape_markdown("@everyone"), "\\@everyone");
        assert_eq!(escape_markdown_cut("a_b_c", 5), "a\\_b…");
        assert_eq!(escape_markdown("[a](http://e)"), "\\[a\\]\\(http\\://e\\)");
    }
}

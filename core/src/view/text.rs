//! Other people's text inside our own: commands, names and selectors, shown so that they can neither style, ping nor hide anything.

use crate::output::sanitise::push_visible;
use crate::principal::Principal;

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
            c => push_visible(c, &mut piece),
        }
        units += piece.encode_utf16().count();
        if units > chars_max {
            shown.push('…');
            break;
        }
        shown.push_str(&piece);
    }
    if !shown.contains('`') {
        return format!("`{shown}`");
    }
    // A run of backticks cannot end a code span that was opened by a longer one; Discord knows one and two.
    let separated = shown.replace("``", "`\u{200b}`");
    format!("`` {separated} ``")
}

/// Text in the open, with everything that Markdown or a mention would take for itself escaped.
#[must_use]
pub fn escape_markdown(text: &str) -> String {
    escape_markdown_cut(text, usize::MAX)
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
        assert_eq!(inline_code("uptime", 10), "`uptime`");
        assert_eq!(inline_code("echo `id`", 20), "`` echo `id` ``");
        assert_eq!(inline_code("a```b", 20), "`` a`\u{200b}``b ``");
        assert_eq!(inline_code("one\nrm -rf /", 40), "`one⏎rm -rf /`");
        assert_eq!(inline_code("abcdef", 3), "`abc…`");
        assert_eq!(inline_code("abc", 3), "`abc`");
        assert_eq!(inline_code("a\u{202e}\u{202e}b", 12), "`a⟨U+202E⟩…`");
        assert_eq!(inline_code("a\u{202e}b", 10), "`a⟨U+202E⟩b`");
        assert_eq!(inline_code("\u{1b}[31m", 9), "`␛[31m`");
    }

    #[test]
    fn markdown_is_inert() {
        assert_eq!(escape_markdown("@everyone"), "\\@everyone");
        assert_eq!(escape_markdown_cut("a_b_c", 5), "a\\_b…");
        assert_eq!(escape_markdown("[a](http://e)"), "\\[a\\]\\(http\\://e\\)");
    }
}

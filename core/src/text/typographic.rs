//! Characters that editors and chat programs put in place of those that a shell knows: quotes, dashes, spaces, and what cannot be seen.
//!
//! A shell takes them for letters, so that `rm -rf “/srv/old data”` removes something else than it says. What becomes of a command with
//! such characters is not decided here.

use crate::output::sanitise::is_hidden;

/// One such character of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its place among the characters of the command, from one.
    pub at: usize,
    /// The character.
    pub found: char,
    /// What it is, for example `quote`.
    pub what: &'static str,
    /// What a shell knows in its place; nothing for what cannot be seen.
    pub plain: &'static str,
}

/// Every such character of a command, in order.
#[must_use]
pub fn typographic(command: &str) -> Vec<Finding> {
    let mut before = None;
    let mut found = Vec::new();
    for (at, c) in command.chars().enumerate() {
        if let Some((what, plain)) = plain_form(c, before) {
            found.push(Finding {
                at: at + 1,
                found: c,
                what,
                plain,
            });
        }
        before = Some(c);
    }
    found
}

/// The command with the plain form of these of its characters.
#[must_use]
pub fn plain(command: &str, found: &[Finding]) -> String {
    let mut found = found.iter().peekable();
    let mut text = String::with_capacity(command.len());
    for (at, c) in command.chars().enumerate() {
        match found.next_if(|finding| finding.at == at + 1) {
            Some(finding) => text.push_str(finding.plain),
            None => text.push(c),
        }
    }
    text
}

/// What a character is and what stands in its place, given the one before.
fn plain_form(c: char, before: Option<char>) -> Option<(&'static str, &'static str)> {
    let begins_word = before.is_none_or(char::is_whitespace);
    match c {
        '“' | '”' | '„' | '‟' | '«' | '»' | '″' | '＂' => Some(("quote", "\"")),
        '‘' | '’' | '‚' | '‛' | '‹' | '›' | '′' | '＇' => Some(("quote", "'")),
        // What stood for `--`, as in `--all`: a dash that is longer than a hyphen, where a word begins.
        '—' | '―' if begins_word => Some(("dash", "--")),
        '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' | '﹣' | '－' => {
            Some(("dash", "-"))
        }
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            Some(("space", " "))
        }
        '\u{85}' | '\u{2028}' | '\u{2029}' => Some(("line end", "\n")),
        // Within words of some scripts they are spelling, and emoji are made with them.
        '\u{200c}'..='\u{200f}' if before.is_some_and(|before| !before.is_ascii()) => None,
        // A blank of Braille is a space to see, and is none.
        '\u{2800}' => Some(("space", " ")),
        c if is_hidden(c) => Some(("invisible character", "")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_editors_put_in_is_named_with_its_place_and_its_plain_form() {
        for (command, fixed, places) in [
            ("echo “a b” ‘c’", "echo \"a b\" 'c'", &[6, 10, 12, 14][..]),
            ("ls –la", "ls -la", &[4]),
            ("apt —yes", "apt --yes", &[5]),
            ("seq 1—3", "seq 1-3", &[6]),
            ("du\u{a0}-sh\u{3000}/srv", "du -sh /srv", &[3, 7]),
            ("\u{feff}id\u{200b}", "id", &[1, 4]),
            ("grep „x” f", "grep \"x\" f", &[6, 8]),
            ("id\u{2028}df\u{200e} -h", "id\ndf -h", &[3, 6]),
            ("ls \u{202e}x\u{2069}", "ls x", &[4, 6]),
        ] {
            let found = typographic(command);
            let at: Vec<usize> = found.iter().map(|finding| finding.at).collect();
            let text = plain(command, &found);
            assert_eq!((text.as_str(), &at[..]), (fixed, places));
        }
        let finding = Finding {
            at: 3,
            found: '\u{2009}',
            what: "space",
            plain: " ",
        };
        assert_eq!(typographic("ls\u{2009}x"), [finding]);
        let some = &typographic("echo “a” ‘b’")[2..];
        assert_eq!(plain("echo “a” ‘b’", some), "echo “a” 'b'");
    }

    #[test]
    fn what_a_shell_knows_and_other_scripts_are_left() {
        for command in [
            "",
            "ls -la \"x\" 'y' `z` --all",
            "echo grüße 你好 👨\u{200d}👩 می\u{200c}خواهم שלום\u{200f}",
            "a\tb\nc",
        ] {
            assert_eq!(typographic(command), []);
            assert_eq!(plain(command, &[]), command);
        }
    }
}

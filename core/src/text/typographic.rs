//! Characters that editors and chat programs put in place of those that a shell knows: quotes, dashes, spaces, and what cannot be seen.
//!
//! A shell takes them for letters, so that `rm -rf “/srv/old data”` removes something else than it says. What becomes of a command with
//! such characters is not decided here.

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

/// The command with the plain form of every such character.
#[must_use]
pub fn plain(command: &str) -> String {
    let mut before = None;
    let mut text = String::with_capacity(command.len());
    for c in command.chars() {
        match plain_form(c, before) {
            Some((_, plain)) => text.push_str(plain),
            None => text.push(c),
        }
        before = Some(c);
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
        // Within words of some scripts they are spelling.
        '\u{200c}' | '\u{200d}' if before.is_some_and(|before| !before.is_ascii()) => None,
        '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' => {
            Some(("invisible character", ""))
        }
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
        ] {
            let found = typographic(command);
            let at: Vec<usize> = found.iter().map(|finding| finding.at).collect();
            assert_eq!((plain(command).as_str(), &at[..]), (fixed, places));
        }
        let finding = Finding {
            at: 3,
            found: '\u{2009}',
            what: "space",
            plain: " ",
        };
        assert_eq!(typographic("ls\u{2009}x"), [finding]);
    }

    #[test]
    fn what_a_shell_knows_and_other_scripts_are_left() {
        for command in [
            "",
            "ls -la \"x\" 'y' `z` --all",
            "echo grüße 你好 👨\u{200d}👩 می\u{200c}خواهم",
            "a\tb\nc",
        ] {
            assert_eq!(typographic(command), []);
            assert_eq!(plain(command), command);
        }
    }
}

//! Characters of a command that only look like what a shell knows: editors and chat programs put them in. Where one would change what the
//! command does, nothing runs before somebody said that it is meant.
//!
//! A quote or a dash within plain quotes, in a here-document or in a comment is text, and stays. A space that is none, or what cannot be
//! seen, is nowhere what it looks like, comments aside. Where the command names a shell, its texts are commands too.

use std::fmt::Write as _;

use super::caller::Caller;
use crate::refusal::{Code, Meant, Refusal};
use crate::text::{Finding, Reading, plain, readings, shown, typographic, units};

/// Characters that a refusal names one by one.
const NAMED_MAX: usize = 6;

/// Characters of the plain command that a refusal repeats.
const SHOWN_MAX: usize = 600;

/// Programs that take a text and run it.
const SHELLS: [&str; 15] = [
    "sh", "bash", "dash", "ash", "zsh", "ksh", "busybox", "su", "ssh", "eval", "watch", "trap",
    "script", "env", "$SHELL",
];

/// Refuses a command with such characters.
pub(super) fn check(caller: &Caller<'_>, command: &str) -> Result<(), Refusal> {
    let found = harmful(command);
    if found.is_empty() {
        return Ok(());
    }
    let mut what = "The command holds characters that only look like those that a shell knows. Nothing was run.".to_owned();
    for finding in found.iter().take(NAMED_MAX) {
        what.push('\n');
        what.push_str(&told(command, finding));
    }
    if found.len() > NAMED_MAX {
        write!(what, "\nand {} more", found.len() - NAMED_MAX).ok(); // a string takes everything
    }
    let fixed = plain(command, &found);
    let next = match caller {
        Caller::Person { .. } => "Type it again with plain characters.".to_owned(),
        Caller::Socket { .. } if units(&fixed) <= SHOWN_MAX => format!(
            "Type it with plain characters:\n{fixed}\nor add `--exact` to run it as it was typed."
        ),
        Caller::Socket { .. } => {
            "Type it with plain characters, or add `--exact` to run it as it was typed.".to_owned()
        }
    };
    // All of it: what is cut before secrets are masked may show a part of one.
    let meant = Meant::Plain {
        kind: kind(&found),
        shown: fixed,
    };
    Err(Refusal {
        meant: Some(Box::new(meant)),
        ..Refusal::new(Code::BadChar, what, next)
    })
}

/// A command with plain characters where others would change what it does.
#[must_use]
pub fn plain_command(command: &str) -> String {
    plain(command, &harmful(command))
}

/// The characters that change what a command does.
fn harmful(command: &str) -> Vec<Finding> {
    let mut found = typographic(command);
    if found.is_empty() {
        return found;
    }
    let read = readings(command);
    let runs_text = names_shell(command, &read);
    found.retain(|finding| match read.get(finding.at - 1) {
        Some(Reading::Comment) => false,
        Some(Reading::Text) => runs_text || !is_visible(finding),
        Some(Reading::Code) | None => true,
    });
    found
}

/// Whether somebody who reads the command sees what it is.
fn is_visible(finding: &Finding) -> bool {
    matches!(finding.what, "quote" | "dash")
}

/// Whether one of the words is a program that runs a text.
fn names_shell(command: &str, read: &[Reading]) -> bool {
    let code = command.chars().zip(read);
    let code: String = code
        .map(|(c, reading)| match reading {
            // A name may be quoted; of a text with blanks in it no word is the name of a program.
            Reading::Code | Reading::Text if !c.is_whitespace() => c,
            Reading::Code => ' ',
            Reading::Text => '_',
            Reading::Comment => ' ',
        })
        .filter(|c| !"'\"{}".contains(*c))
        .collect();
    let mut words = code.split(|c: char| c.is_whitespace() || ";&|()<>`".contains(c));
    words.any(|word| {
        let program = word.rsplit('/').next().unwrap_or(word);
        SHELLS.contains(&program)
    })
}

/// `column 8: quote “ (U+201C) instead of "`.
fn told(command: &str, finding: &Finding) -> String {
    let before: String = command.chars().take(finding.at - 1).collect();
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    let place = match (command.contains('\n'), before.matches('\n').count() + 1) {
        (true, line) => format!("line {line}, column {column}"),
        (false, _) => format!("column {column}"),
    };
    let code = u32::from(finding.found);
    let seen = match is_visible(finding) {
        true => format!("{} {} (U+{code:04X})", finding.what, finding.found),
        false => format!("{} U+{code:04X}", finding.what),
    };
    let instead = match finding.plain {
        "" => "where nothing should be".to_owned(),
        " " => "instead of a plain one".to_owned(),
        plain => format!("instead of {}", shown(plain, 4)),
    };
    format!("{place}: {seen} {instead}")
}

/// What all of them are.
fn kind(found: &[Finding]) -> &'static str {
    let all = |what: &str| found.iter().all(|finding| finding.what == what);
    if all("quote") {
        "quotes"
    } else if all("dash") {
        "dashes"
    } else if all("space") {
        "spaces"
    } else {
        "characters"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(command: &str) -> String {
        let caller = Caller::Socket { user: "root" };
        match check(&caller, command) {
            Ok(()) => String::new(),
            Err(refusal) => {
                assert_eq!(refusal.code, Code::BadChar);
                refusal.to_string()
            }
        }
    }

    #[test]
    fn what_changes_a_command_is_named_with_its_place_and_the_plain_form() {
        for (command, fixed, named) in [
            (
                "rm -rf “/srv/old data”",
                "rm -rf \"/srv/old data\"",
                "column 8: quote “ (U+201C) instead of \"",
            ),
            (
                "tar –czf a.tgz .",
                "tar -czf a.tgz .",
                "column 5: dash – (U+2013) instead of -",
            ),
            ("apt —yes upgrade", "apt --yes upgrade", "instead of --"),
            (
                "df\u{a0}-h",
                "df -h",
                "column 3: space U+00A0 instead of a plain one",
            ),
            (
                "\u{feff}uptime",
                "uptime",
                "column 1: invisible character U+FEFF where nothing should be",
            ),
            (
                "id\u{2028}df",
                "id\ndf",
                "column 3: line end U+2028 instead of ␊",
            ),
            (
                "cd /srv\nls ‘a b’",
                "cd /srv\nls 'a b'",
                "line 2, column 4: quote ‘ (U+2018) instead of '",
            ),
            // A quote of each sort, so that the plain one never ends.
            ("rm \"/srv/old data”", "rm \"/srv/old data\"", "column 18: "),
            ("rm “/srv/old data\"", "rm \"/srv/old data\"", "column 4: "),
            ("echo 'a' “b c\"", "echo 'a' \"b c\"", "column 10: "),
            // Spaces in quotes cannot be told from plain ones.
            (
                "test \"$x\" = 'a\u{202f}b'",
                "test \"$x\" = 'a b'",
                "column 15: space U+202F",
            ),
            // Commands within texts.
            ("'bash' -c 'ls –la'", "'bash' -c 'ls -la'", "column 15: "),
            ("$SHELL -c 'ls –la'", "$SHELL -c 'ls -la'", "column 15: "),
            (
                "${SHELL} -c 'ls –la'",
                "${SHELL} -c 'ls -la'",
                "column 17: ",
            ),
            ("trap 'ls –la' EXIT", "trap 'ls -la' EXIT", "column 10: "),
            ("env -S 'ls –la'", "env -S 'ls -la'", "column 12: "),
            (
                "script -c 'ls –la' f",
                "script -c 'ls -la' f",
                "column 15: ",
            ),
            (
                "cat <<E\n$(ls –la)\nE",
                "cat <<E\n$(ls -la)\nE",
                "line 2, column 6: ",
            ),
            (
                "cat <<E\n`ls –la`\nE",
                "cat <<E\n`ls -la`\nE",
                "line 2, column 5: ",
            ),
            ("echo a\\ #1 “x”", "echo a\\ #1 \"x\"", "column 12: "),
            ("echo ${x:- #} “a”", "echo ${x:- #} \"a\"", "column 15: "),
            (
                "echo \"$(case x in x) ls –n;; esac)\"",
                "echo \"$(case x in x) ls -n;; esac)\"",
                "column 25: ",
            ),
            (
                "ls \u{3164}x",
                "ls x",
                "column 4: invisible character U+3164",
            ),
            ("ls\u{2800}-l", "ls -l", "column 3: space U+2800"),
            ("bash -c 'ls –la'", "bash -c 'ls -la'", "column 13: "),
            (
                "ssh db-02 \"cat ‘a b’\"",
                "ssh db-02 \"cat 'a b'\"",
                "column 16: ",
            ),
            (
                "echo \"now: $(date –u)\"",
                "echo \"now: $(date -u)\"",
                "column 19: ",
            ),
            (
                "sh <<E\nls –la\nE",
                "sh <<E\nls -la\nE",
                "line 2, column 4: ",
            ),
            // A document whose end is written otherwise never ends.
            ("cat <<‘E’\nx\nE", "cat <<'E'\nx\nE", "line 1, column 7: "),
            (
                "cat <<E\n“x”\nE\u{200b}",
                "cat <<E\n\"x\"\nE",
                "line 2, column 1: ",
            ),
        ] {
            let told = refused(command);
            assert!(told.contains(named), "{command}: {told}");
            assert!(told.contains(fixed), "{command}: {told}");
            assert_eq!(plain_command(command), fixed);
            assert!(
                told.contains("Nothing was run.") && told.contains("--exact"),
                "{told}"
            );
        }
    }

    #[test]
    fn what_is_only_text_runs() {
        for command in [
            "uptime",
            "ls -la \"/srv/old data\" 'x' # it’s – fine",
            "echo 'don’t – stop'",
            "git commit -m \"say “hi” – twice\"",
            "cat >/etc/motd <<'END'\nWelcome – “all” of you\nEND\necho done",
            "echo grüße 你好 👨\u{200d}👩",
            "psql -c \"select 'x – y'\"",
        ] {
            assert_eq!(refused(command), "");
            assert_eq!(plain_command(command), command);
        }
    }

    #[test]
    fn many_are_counted_and_a_long_command_is_not_repeated() {
        let told = refused(&format!("echo {}", "“x” ".repeat(10)));
        assert_eq!(told.matches("column").count(), NAMED_MAX, "{told}");
        assert!(told.contains("\nand 14 more\n"), "{told}");
        let told = refused(&format!("echo – {}", "x".repeat(2_000)));
        assert!(told.len() < 500, "{told}");
        let meant = |command: &str| {
            let caller = Caller::Socket { user: "root" };
            check(&caller, command)
                .unwrap_err()
                .meant
                .map(|meant| *meant)
        };
        for (command, expected) in [
            ("ls “a”", "quotes"),
            ("ls –a", "dashes"),
            ("ls\u{a0}a", "spaces"),
            ("ls\u{a0}–a", "characters"),
        ] {
            let Some(Meant::Plain { kind, shown }) = meant(command) else {
                panic!("{command}")
            };
            assert_eq!((kind, shown), (expected, plain_command(command)));
        }
    }
}

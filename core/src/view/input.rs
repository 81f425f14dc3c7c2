//! What a command is given, as cards show it: one line, and its first lines.

use super::run::fenced;
use crate::output::sanitise::whole;
use crate::run::Input;

/// The line that names it, for a card's small print. Nothing in it but a script's name comes from anybody, and that is plain.
pub(super) fn line(input: &Input) -> String {
    format!("-# {}", input.line())
}

/// Its first lines, when they are text, and whether there are more.
pub(super) fn beginning(input: &Input) -> Option<String> {
    let head = whole(input.about.head.as_bytes());
    let head = head.trim_end();
    let shown = u64::try_from(head.lines().count()).unwrap_or(u64::MAX);
    let more = if input.about.lines > shown {
        "\n…"
    } else {
        ""
    };
    (!head.is_empty()).then(|| fenced(&format!("{head}{more}"), ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::About;

    #[test]
    fn a_script_shows_its_beginning_and_cannot_leave_its_block() {
        let script = Input::example();
        let shown = beginning(&script).unwrap();
        assert_eq!(shown, "```\n#!/bin/sh\necho hi\n…\n```");
        let hostile = Input {
            about: About {
                head: "``` @everyone\u{202e}".to_owned(),
                ..About::default()
            },
            ..script.clone()
        };
        let shown = beginning(&hostile).unwrap();
        assert_eq!(shown.matches("```").count(), 2, "{shown}");
        assert!(!shown.contains('\u{202e}'), "{shown}");
        let binary = Input {
            about: About::default(),
            ..script
        };
        assert_eq!(beginning(&binary), None);
    }
}

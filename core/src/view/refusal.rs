//! A refusal as a card that only the person who asked can see.

use super::text::code_block;
use super::{Accent, Button, ButtonStyle, ButtonTarget, Card, Press, inline_code, input, mention};
use crate::principal::Principal;
use crate::refusal::Refusal;
use crate::run::{Input, InputKind};

/// Characters of the plain command that are shown.
const PLAIN_CHARS_MAX: usize = 600;

/// Characters of a command, and of a selector, that others are asked for.
const ASKED_CHARS_MAX: usize = 600;

/// The card of a refusal: what happened, to which hosts, what to do next; its code is for scripts and logs. Lines after the first are set in a code block, so that a
/// caret stands under the column that it marks.
#[must_use]
pub fn refusal_card(refusal: &Refusal) -> Card {
    let (first, rest) = refusal.what.split_once('\n').unwrap_or((&refusal.what, ""));
    let mut text = format!("### ✖ {}", cut(first, 900));
    if !rest.is_empty() {
        let rest = cut(rest, 1_400 - first.chars().count().min(900));
        text.push_str(&format!("\n{}", code_block(&rest, "")));
    }
    if !refusal.next.is_empty() {
        text.push('\n');
        text.push_str(&cut(&refusal.next, 400));
    }
    Card::new(Accent::Red, vec![text])
}

/// The same card with a button that tells those who may, in the channel: the request is kept under this key.
#[must_use]
pub fn with_ask(mut card: Card, key: String) -> Card {
    card.buttons.push(Button {
        label: "Ask for it".to_owned(),
        target: ButtonTarget::Press(Press::Ask(key)),
        style: ButtonStyle::Secondary,
    });
    card
}

/// What somebody wants to give a command whom others are asked for.
#[derive(Clone, Copy, Debug)]
pub enum Enclosed<'a> {
    /// Nothing.
    Nothing,
    /// This, exactly.
    Known(&'a Input),
    /// A script that could not be read now: its name.
    Unread(&'a str),
}

/// What somebody asks those for who may do it: what they would type, as people may read it, and what they would give to it. Nobody is notified.
#[must_use]
pub fn ask_card(
    by: &Principal,
    command: &str,
    on: &str,
    enclosed: Enclosed<'_>,
    who: &str,
) -> Card {
    let (what, word) = match enclosed {
        Enclosed::Nothing => (command.to_owned(), "run"),
        Enclosed::Known(input) => match input.kind {
            InputKind::Stdin => (command.to_owned(), "run"),
            InputKind::Script => (input.command(command), "script"),
        },
        Enclosed::Unread(script) => (format!("{script} {command}"), "script"),
    };
    let given = match enclosed {
        Enclosed::Nothing => String::new(),
        Enclosed::Known(input) => format!("\n{}", input::line(input)),
        Enclosed::Unread(_) => {
            "\n-# The script could not be read now: nobody knows its digest.".to_owned()
        }
    };
    let text = format!(
        "### 🙋 {} asks for a run\n{}\non {}{given}\n{who} may, with `/{word}`.",
        mention(by),
        inline_code(what.trim_end(), ASKED_CHARS_MAX),
        inline_code(on, ASKED_CHARS_MAX),
    );
    Card::new(Accent::Blue, vec![text])
}

/// The card of what others are asked for with a button that opens the form with all of it, for whoever may: it is kept under this key.
#[must_use]
pub fn with_look(mut card: Card, key: String) -> Card {
    card.buttons.push(Button {
        label: "Look and run…".to_owned(),
        target: ButtonTarget::Press(Press::Change(key)),
        style: ButtonStyle::Secondary,
    });
    card
}

/// The same card with a button that opens the form with what was typed, which is kept under this key.
#[must_use]
pub fn with_edit(mut card: Card, key: String) -> Card {
    card.buttons.push(Button {
        label: "Edit…".to_owned(),
        target: ButtonTarget::Press(Press::Change(key)),
        style: ButtonStyle::Secondary,
    });
    card
}

/// The card of a refusal where one name is wrong, with a button for the one that was probably meant: the request is kept under this key.
#[must_use]
pub fn name_card(typed: &str, name: &str, key: String) -> Card {
    let text = format!(
        "### ✖ No host matches {}. Nothing was run.\nDid you mean **{}**?",
        inline_code(typed, 70),
        name.replace('_', "\\_")
    );
    Card {
        buttons: vec![Button {
            label: format!("Run on {name}"),
            target: ButtonTarget::Press(Press::Meant(key)),
            style: ButtonStyle::Primary,
        }],
        ..Card::new(Accent::Red, vec![text])
    }
}

/// The card of a refusal because of characters that are no plain ones. It shows the plain command, and has buttons for that and for the
/// command as it was typed: the two requests are kept under these keys.
#[must_use]
pub fn plain_card(
    refusal: &Refusal,
    kind: &str,
    shown: &str,
    plain: String,
    as_typed: String,
) -> Card {
    let why = Refusal {
        next: format!("With plain {kind}:"),
        ..refusal.clone()
    };
    let mut card = refusal_card(&why);
    card.texts
        .push(code_block(&cut(shown, PLAIN_CHARS_MAX), "sh"));
    let button = |label: String, key, style| Button {
        label,
        target: ButtonTarget::Press(Press::Meant(key)),
        style,
    };
    card.buttons = vec![
        button(
            format!("Run with plain {kind}"),
            plain,
            ButtonStyle::Primary,
        ),
        button("Run as typed".to_owned(), as_typed, ButtonStyle::Secondary),
    ];
    card
}

/// At most `chars_max` characters, said so when some are left out.
fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((at, _)) => format!("{}\n…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::Code;

    #[test]
    fn a_refusal_says_what_and_what_next() {
        let refusal = Refusal::new(
            Code::Selector,
            "`on:` does not name hosts. Nothing was run.\nweb-9\n^^^^^ nothing has this name",
            "Nearest: web-01.",
        );
        insta::assert_snapshot!(refusal_card(&refusal).texts[0]);
    }

    #[test]
    fn others_are_shown_what_is_asked_for_and_it_cannot_look_like_something_else() {
        let by = Principal::Discord(50);
        let card = ask_card(&by, "uptime", "role=web", Enclosed::Nothing, "<@&9>");
        assert_eq!(
            card.texts,
            ["### 🙋 <@50> asks for a run\n`uptime`\non `role=web`\n<@&9> may, with `/run`."]
        );
        assert!(card.buttons.is_empty(), "who may reads it and types it");
        let hostile = "id` @everyone\n### all well \u{202e}".repeat(90);
        let card = ask_card(&by, &hostile, &hostile, Enclosed::Unread("x.sh"), "<@&9>");
        let [text] = &card.texts[..] else {
            panic!("{card:?}")
        };
        assert_eq!(text.lines().count(), 5, "{text}");
        assert!(
            text.contains("x.sh id") && text.ends_with("with `/script`."),
            "{text}"
        );
        assert!(text.chars().count() < 3_000, "{text}");
        // Whoever runs it can compare what that is.
        let script = Input::example();
        let card = ask_card(&by, "--fast", "web-01", Enclosed::Known(&script), "<@&9>");
        assert_eq!(
            card.texts,
            [
                "### 🙋 <@50> asks for a run\n`deploy.sh --fast`\non `web-01`\n\
                 -# script deploy.sh · 214 lines · 8.0 KiB · sha256 4b4b4b4b…\n<@&9> may, with `/script`."
            ]
        );
    }

    #[test]
    fn the_plain_command_is_shown_and_ends_no_block() {
        let what = "There are such characters. Nothing was run.\ncolumn 6: quote “";
        let refusal = Refusal::new(Code::BadChar, what, "Type it again.");
        let key = |c: &str| c.repeat(24);
        let card = plain_card(&refusal, "quotes", "echo ``` \"x\"", key("a"), key("b"));
        assert!(card.texts[0].contains("column 6: quote “"), "{card:?}");
        assert!(card.texts[0].ends_with("\nWith plain quotes:"), "{card:?}");
        assert_eq!(card.texts[1].matches("```").count(), 2, "{card:?}");
        let pressed: Vec<(&str, &ButtonTarget)> = card
            .buttons
            .iter()
            .map(|button| (button.label.as_str(), &button.target))
            .collect();
        let press = |c: &str| ButtonTarget::Press(Press::Meant(key(c)));
        assert_eq!(
            pressed,
            [
                ("Run with plain quotes", &press("a")),
                ("Run as typed", &press("b"))
            ]
        );
    }
}

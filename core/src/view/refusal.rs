//! A refusal as a card that only the person who asked can see.

use super::{Accent, Button, ButtonStyle, ButtonTarget, Card, Press, inline_code};
use crate::refusal::{Meant, Refusal};

/// The card of a refusal: what happened, to which hosts, what to do next; its code is for scripts and logs. Lines after the first are set in a code block, so that a
/// caret stands under the column that it marks.
#[must_use]
pub fn refusal_card(refusal: &Refusal) -> Card {
    let (first, rest) = refusal.what.split_once('\n').unwrap_or((&refusal.what, ""));
    let mut text = format!("### ✖ {}", cut(first, 900));
    if !rest.is_empty() {
        let rest = rest.replace("```", "`\u{200b}``");
        text.push_str(&format!(
            "\n```\n{}\n```",
            cut(&rest, 1_400 - first.chars().count().min(900))
        ));
    }
    if !refusal.next.is_empty() {
        text.push('\n');
        text.push_str(&cut(&refusal.next, 400));
    }
    Card::new(Accent::Red, vec![text])
}

/// The card of a refusal where one name is wrong, with a button for what was probably meant: the request is kept under this key.
#[must_use]
pub fn meant_card(meant: &Meant, key: String) -> Card {
    let text = format!(
        "### ✖ No host matches {}. Nothing was run.\nDid you mean **{}**?",
        inline_code(&meant.typed, 70),
        meant.name.replace('_', "\\_")
    );
    Card {
        buttons: vec![Button {
            label: format!("Run on {}", meant.name),
            target: ButtonTarget::Press(Press::Meant(key)),
            style: ButtonStyle::Primary,
        }],
        ..Card::new(Accent::Red, vec![text])
    }
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
}

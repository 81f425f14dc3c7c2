//! What somebody in chat is shown who wants another host: the line to paste there. It holds a secret, so that only they see it.

use super::{Accent, Button, ButtonStyle, ButtonTarget, Card, Press, inline_code};
use crate::ask::TokenRequest;
use crate::install::{Place, RunAs};
use crate::text::count;

/// Characters of names or labels that are shown.
const SHOWN_CHARS_MAX: usize = 300;

/// The line, what its token is good for, and a way to take it back.
#[must_use]
pub fn add_host_card(
    place: &Place,
    (token, request): (&str, &TokenRequest),
    run_as: &RunAs,
    expires_ms: u64,
) -> Card {
    let line = place.with_curl(token, run_as);
    let mut good = vec![format!(
        "Good for {} until <t:{until}:t> (<t:{until}:R>)",
        count(request.uses_max as usize, "host"),
        until = expires_ms / 1_000,
    )];
    if !request.names.is_empty() {
        let names = inline_code(&request.names, SHOWN_CHARS_MAX);
        good.push(format!("names {names}"));
    }
    if !request.labels.is_empty() {
        let labels = inline_code(&request.labels.to_string(), SHOWN_CHARS_MAX);
        good.push(format!("labels {labels}"));
    }
    let text = format!(
        "### 🔑 Paste this on the server\n```sh\n{line}\n```\n{}.\nWhoever has this line can let a host join: only you see it. \
         The host is told here when it has joined.",
        good.join(" · ")
    );
    let revoke = Button {
        label: "Revoke".to_owned(),
        target: ButtonTarget::Press(Press::RevokeToken(request.id.clone())),
        style: ButtonStyle::Danger,
    };
    Card {
        buttons: vec![revoke],
        ..Card::new(Accent::Blue, vec![text])
    }
}

/// What stands there when it was taken back.
#[must_use]
pub(super) fn revoked_card() -> Card {
    let text = "### The line is void\nNo host joins with it any more. Those that joined stay.";
    Card::new(Accent::Grey, vec![text.to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Labels;

    #[test]
    fn the_line_says_what_it_is_good_for() {
        let place = Place {
            address: "ctl.example.net:7444".to_owned(),
            pins: "sha256//AAAA=".to_owned(),
            script_sha256: "ab".repeat(32),
        };
        let request = TokenRequest {
            id: "k7QmAAAAAAA".to_owned(),
            secret_sha256: [0; 32],
            labels: Labels::parse("role=web").unwrap(),
            names: "web-[01-20]".to_owned(),
            uses_max: 20,
            ttl_ms: 1,
        };
        let run_as = "deploy".parse().unwrap();
        let card = add_host_card(&place, ("sht1.a.b.c", &request), &run_as, 1_700_000_000_000);
        let ButtonTarget::Press(press) = &card.buttons[0].target else {
            panic!("a link")
        };
        insta::assert_snapshot!(format!("{}\n{press}", card.texts.concat()));
    }
}

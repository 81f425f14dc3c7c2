//! What somebody is shown who asked something in chat: mostly a card, and who sees it.

use super::install::revoked_card;
use super::inventory::{groups_card, inventory_card};
use super::{
    Accent, Button, ButtonStyle, ButtonTarget, Card, HostDetail, HostsPage, Listing, Press,
    escape_markdown_cut, help_card, host_card, hosts_card, mention, preview_card, refusal_card,
    taken_back_card, welcome_card, whoami_card,
};
use crate::ask::{Answer, Ask, HostsView, Question, Rights, Snapshot};
use crate::hold::{HoldAnswer, REASON_CHARS_MAX};
use crate::principal::Principal;
use crate::refusal::{Code, Refusal};
use crate::selector::complete::Choice;

/// Who sees an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Everybody in the channel.
    Channel,
    /// Only the person who asked, and only until they leave.
    Asker,
}

/// What somebody in chat is answered with.
#[derive(Debug)]
pub enum Reply<'a> {
    /// A run: the answer is its card, and when that is taken the run begins.
    Run(&'a Snapshot),
    /// A card.
    Card(Card, Audience),
    /// What was pressed on becomes this card.
    Change(Card),
    /// What could follow what is typed.
    Choices(&'a [Choice]),
    /// No words: the card of the run shows what became of it.
    OnItsCard,
}

/// What somebody in chat is answered with; nothing for what is asked on the socket only.
#[must_use]
pub fn reply<'a>(ask: &Ask, answer: &'a Answer, by: &Principal, now_ms: u64) -> Option<Reply<'a>> {
    let (card, to_whom) = match answer {
        Answer::Accepted(snapshot) => return Some(Reply::Run(snapshot)),
        Answer::TakenBack => return Some(Reply::Change(taken_back_card())),
        Answer::TokenRevoked => return Some(Reply::Change(revoked_card())),
        Answer::Choices(choices) => return Some(Reply::Choices(choices)),
        Answer::Cancelled(_) | Answer::Steered(_) => return Some(Reply::OnItsCard),
        Answer::Previewed(preview) => (preview_card(preview), Audience::Asker),
        Answer::Hold(answer) => hold_card(answer, by, now_ms),
        Answer::Inventory(answer) => inventory_card(answer, by),
        Answer::Hosts(view) => (hosts_answer(ask, view, now_ms), Audience::Asker),
        Answer::Groups(groups) => (groups_card(groups), Audience::Asker),
        Answer::Rights(rights) => (rights_answer(ask, rights), Audience::Asker),
        Answer::Welcome => (welcome_card(), Audience::Channel),
        Answer::Run(_)
        | Answer::Runs(_)
        | Answer::History(_)
        | Answer::HostRemoved { .. }
        | Answer::NameFreed { .. }
        | Answer::TokenCreated { .. }
        | Answer::Configured
        | Answer::AuthorityChanged
        | Answer::Tokens(_) => return None,
    };
    Some(Reply::Card(card, to_whom))
}

/// The help, or what somebody may do.
fn rights_answer(ask: &Ask, rights: &Rights) -> Card {
    if let Ask::Look(Question::Help(topic)) = ask {
        help_card(*topic, rights)
    } else {
        whoami_card(rights)
    }
}

/// A list of hosts, from its first page on; one host whole.
fn hosts_answer(ask: &Ask, view: &HostsView, now_ms: u64) -> Card {
    let on = if let Ask::Look(Question::Hosts { on }) = ask {
        on
    } else {
        ""
    };
    match view.rows.len() {
        1 => one_host_card(view, None, now_ms),
        _ => hosts_page_card(view, &Listing::of(on), now_ms),
    }
}

/// One page of a list of hosts.
#[must_use]
pub fn hosts_page_card(view: &HostsView, list: &Listing, now_ms: u64) -> Card {
    let rows: Vec<_> = view.rows.iter().map(|(_, _, row)| row.clone()).collect();
    let page = HostsPage {
        rows: &rows,
        selector: &view.normal,
        hold: view.hold.as_ref(),
        list,
    };
    hosts_card(page, now_ms)
}

/// One host whole, with the way back to the list that it was picked from.
#[must_use]
pub fn one_host_card(view: &HostsView, back: Option<Listing>, now_ms: u64) -> Card {
    let back = back.map(|list| Button {
        label: "◀ Back to the list".to_owned(),
        target: ButtonTarget::Press(Press::Page(list)),
        style: ButtonStyle::Secondary,
    });
    match view.rows.first() {
        Some((_, enrolled_ms, row)) => {
            let detail = HostDetail {
                row,
                enrolled_ms: *enrolled_ms,
                hold: view.hold.as_ref(),
                runs: &view.runs,
            };
            host_card(detail, back, now_ms)
        }
        // It went between the decision and this.
        None => refusal_card(&Refusal::new(
            Code::Stale,
            "This list is too old to be turned.",
            "Type /hosts again.",
        )),
    }
}

/// What became of a hold, and who sees it: what changed nothing is for who asked.
pub(super) fn hold_card(answer: &HoldAnswer, by: &Principal, now_ms: u64) -> (Card, Audience) {
    let goes_on = "What is running goes on; nothing else starts before `/hold off`.";
    let (accent, text, to_whom) = match answer {
        HoldAnswer::Began(held) => {
            let reason = escape_markdown_cut(&held.reason, REASON_CHARS_MAX);
            let text = format!(
                "### ⏸ New runs are on hold\n\"{reason}\" · {}\n{goes_on}",
                mention(by)
            );
            (Accent::Amber, text, Audience::Channel)
        }
        HoldAnswer::Ended => {
            let text = format!(
                "### ▶ New runs are allowed again\n{} ended the hold.",
                mention(by)
            );
            (Accent::Green, text, Audience::Channel)
        }
        HoldAnswer::Stands(Some(held)) => {
            let text = format!("### ⏸ {}\n{goes_on}", held.in_chat(now_ms));
            (Accent::Amber, text, Audience::Asker)
        }
        HoldAnswer::Stands(None) => {
            let text = "### ▶ Nothing is on hold\nNew runs are allowed.".to_owned();
            (Accent::Grey, text, Audience::Asker)
        }
    };
    (Card::new(accent, vec![text]), to_whom)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::InventoryAnswer;
    use crate::hold::Held;
    use crate::ids::HostName;

    fn replied(answer: &Answer) -> String {
        let ask = Ask::Look(Question::Groups);
        match reply(&ask, answer, &Principal::Discord(7), 0) {
            Some(Reply::Card(card, to_whom)) => {
                let first = card.texts.concat();
                format!("{to_whom:?}: {}", first.lines().next().unwrap_or_default())
            }
            Some(Reply::Change(card)) => format!("change: {}", card.texts.concat()),
            Some(Reply::Choices(choices)) => format!("{} choices", choices.len()),
            Some(other) => format!("{other:?}"),
            None => "nothing".to_owned(),
        }
    }

    #[test]
    fn changes_are_for_the_channel_and_looks_for_who_asked() {
        let drained = |names: &[&str]| {
            Answer::Inventory(InventoryAnswer::Drained {
                names: names
                    .iter()
                    .map(|name| name.parse::<HostName>().unwrap())
                    .collect(),
                drain: true,
            })
        };
        let held = Held {
            by: Some(Principal::Discord(7)),
            since_ms: 0,
            reason: "db move".to_owned(),
        };
        for (answer, expected) in [
            (
                Answer::Hold(HoldAnswer::Began(held.clone())),
                "Channel: ### ⏸ New runs are on hold",
            ),
            (
                Answer::Hold(HoldAnswer::Ended),
                "Channel: ### ▶ New runs are allowed again",
            ),
            (
                Answer::Hold(HoldAnswer::Stands(Some(held))),
                "Asker: ### ⏸ On hold by <@7>: \"db move\".",
            ),
            (
                Answer::Hold(HoldAnswer::Stands(None)),
                "Asker: ### ▶ Nothing is on hold",
            ),
            (drained(&["web-01"]), "Channel: ### ⏸ 1 host draining"),
            (drained(&[]), "Asker: ### Already so"),
            (Answer::Groups(Vec::new()), "Asker: ### Saved groups · 0"),
            (Answer::Choices(Vec::new()), "0 choices"),
            (
                Answer::Cancelled(crate::ask::Cancelled::default()),
                "OnItsCard",
            ),
            (
                Answer::TokenRevoked,
                "change: ### The line is void\nNo host joins with it any more. Those that joined stay.",
            ),
            (Answer::TokenCreated { expires_ms: 1 }, "nothing"),
        ] {
            assert_eq!(replied(&answer), expected);
        }
        assert!(replied(&Answer::TakenBack).starts_with("change: "));
    }
}

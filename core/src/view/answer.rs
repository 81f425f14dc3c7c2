//! What somebody is shown who asked something in chat: the card of an answer, and who sees it.

use super::inventory::{
    drained_card, group_removed_card, group_saved_card, groups_card, labelled_card,
};
use super::{
    Accent, Button, ButtonStyle, ButtonTarget, Card, HostDetail, HostsPage, Listing, Press, Scene,
    host_card, hosts_card, mention, preview_card, refusal_card, run_card, runs_card,
    taken_back_card,
};
use crate::ask::{Answer, Ask, HostsView, Question, Snapshot};
use crate::principal::Principal;
use crate::refusal::{Code, Refusal};
use crate::run::Run;

/// Who sees an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Everybody in the channel.
    Channel,
    /// Only the person who asked, and only until they leave.
    Asker,
}

/// The card of an answer; nothing where what was asked shows by itself: a run that is stopped on its own card, suggestions while somebody
/// types, and what is asked on the socket only.
#[must_use]
pub fn answer_card(
    ask: &Ask,
    answer: &Answer,
    by: &Principal,
    now_ms: u64,
) -> Option<(Card, Audience)> {
    Some(match answer {
        Answer::Accepted(snapshot) => (accepted_card(snapshot), Audience::Channel),
        Answer::Previewed(preview) => (preview_card(preview), Audience::Asker),
        Answer::TakenBack => (taken_back_card(), Audience::Asker),
        Answer::Hold { on } => (hold_card(*on, by), Audience::Channel),
        Answer::Labelled(changed) => (labelled_card(changed, by), Audience::Channel),
        Answer::Drained { names, drain } => {
            let to_whom = match names.is_empty() {
                true => Audience::Asker,
                false => Audience::Channel,
            };
            (drained_card(names, *drain, by), to_whom)
        }
        Answer::GroupSaved(saved) => {
            let card = group_saved_card(&saved.name, &saved.selector, saved.hosts, by);
            (card, Audience::Channel)
        }
        Answer::GroupRemoved { name } => (group_removed_card(name, by), Audience::Channel),
        Answer::Hosts(view) => (hosts_answer(ask, view, now_ms), Audience::Asker),
        Answer::Runs(runs) => {
            let runs: Vec<&Run> = runs.iter().map(AsRef::as_ref).collect();
            (runs_card(&runs), Audience::Asker)
        }
        Answer::Groups(groups) => (groups_card(groups), Audience::Asker),
        Answer::Cancelled(_)
        | Answer::Choices(_)
        | Answer::Run(_)
        | Answer::HostRemoved { .. }
        | Answer::TokenCreated { .. }
        | Answer::TokenRevoked
        | Answer::Tokens(_) => return None,
    })
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
        Some((agent, enrolled_ms, row)) => {
            let detail = HostDetail {
                row,
                agent: *agent,
                enrolled_ms: *enrolled_ms,
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

/// The card of a run in the moment in which it was accepted.
fn accepted_card(snapshot: &Snapshot) -> Card {
    let scene = Scene {
        run_as: snapshot.run_as.clone(),
        ..Scene::default()
    };
    run_card(&snapshot.run, &scene)
}

fn hold_card(on: bool, by: &Principal) -> Card {
    let by = mention(by);
    let (accent, text) = if on {
        (
            Accent::Amber,
            format!(
                "### ⏸ New runs are on hold\n{by} asked for it. What is running goes on; `/hold state:off` ends it."
            ),
        )
    } else {
        (
            Accent::Green,
            format!("### ▶ New runs are allowed again\n{by} ended the hold."),
        )
    };
    Card::new(accent, vec![text])
}

//! Answers one interaction: what somebody asked goes to the hub, and what the hub says becomes the answer, within three seconds.

use std::sync::Arc;

use shanty_core::admission::{Confirm, RunRequest};
use shanty_core::ids::RunId;
use shanty_core::principal;
use shanty_core::refusal::{Code, Refusal};
use shanty_core::view::{self, Accent, Card};
use twilight_model::application::interaction::Interaction;

use super::Edge;
use super::call::Call;
use super::commands::{self, Asked, Asker, Verb};
use super::requests::{Audience, RequestError};
use crate::clock::now_ms;
use crate::hub::Which;

mod inventory;
mod list;
mod run;

pub(super) use run::Previews;

/// Discord repeats what was missed while the connection was lost. What is older than this is not done any more, milliseconds: who asked
/// was told long ago that nobody answered.
const REPEATED_MS: u64 = 60_000;
/// Runs that `/runs` shows.
const RUNS_SHOWN: usize = 10;

/// Answers one interaction.
pub(super) async fn answer(edge: Arc<Edge>, interaction: Interaction) {
    let heard = match commands::hear(interaction) {
        Ok(heard) => heard,
        Err(error) => {
            tracing::warn!(%error, "an interaction could not be read");
            return;
        }
    };
    let who = principal(&heard.asker);
    let asker = heard.asker;
    if changes_something(&heard.asked)
        && now_ms().saturating_sub(asker.asked_unix_ms()) > REPEATED_MS
    {
        let refusal = Refusal::new(
            Code::Stale,
            "This was asked too long ago. Nothing was done.",
            "Ask again; if that does not help, compare the controller's clock with the time.",
        );
        return show(&edge, &asker, Err(refusal), Audience::Asker).await;
    }
    match heard.asked {
        Asked::Run {
            on,
            command,
            timeout,
            run_as,
            offline,
        } => {
            let request = RunRequest {
                on,
                command,
                timeout,
                run_as,
                offline,
            };
            run::run(&edge, &asker, who, request).await;
        }
        Asked::Label { on, set } => inventory::label(&edge, &asker, who, on, set).await,
        Asked::Drain { on, drain } => inventory::drain(&edge, &asker, who, on, drain).await,
        Asked::GroupSave { name, hosts } => {
            inventory::group_save(&edge, &asker, who, name, hosts).await;
        }
        Asked::GroupRemove { name } => inventory::group_remove(&edge, &asker, who, name).await,
        Asked::Groups => {
            let card = edge.hub.groups(who).await;
            let card = card.map(|groups| view::groups_card(&groups));
            show(&edge, &asker, card, Audience::Asker).await;
        }
        Asked::Typing { on_text } => typing(&edge, &asker, who, on_text).await,
        Asked::Press { verb, run, .. } => press(&edge, &asker, who, verb, run).await,
        Asked::Hosts { on } => list::hosts(&edge, &asker, who, on.unwrap_or_default()).await,
        Asked::Turn(listing) => list::turn(&edge, &asker, who, listing).await,
        Asked::Pick { listing, host } => list::pick(&edge, &asker, who, listing, host).await,
        Asked::Runs => {
            let runs = edge.hub.runs(who, RUNS_SHOWN).await;
            let card = runs.map(|runs| view::runs_card(&runs.iter().collect::<Vec<_>>()));
            show(&edge, &asker, card, Audience::Asker).await;
        }
        Asked::Hold { on } => {
            let card = edge
                .hub
                .hold(who, on)
                .await
                .map(|()| hold_card(on, asker.user));
            show(&edge, &asker, card, Audience::Channel).await;
        }
        Asked::Unknown => {
            let refusal = Refusal::new(
                Code::Stale,
                "This is from another version, or not from this bot. Nothing was done.",
                "Type the command again.",
            );
            show(&edge, &asker, Err(refusal), Audience::Asker).await;
        }
    }
}

/// Whether something would be done without another proof that the interaction is fresh. A run has one: its card is taken, or it does not
/// begin.
const fn changes_something(asked: &Asked) -> bool {
    match asked {
        Asked::Label { .. }
        | Asked::Drain { .. }
        | Asked::GroupSave { .. }
        | Asked::GroupRemove { .. }
        | Asked::Hold { .. } => true,
        Asked::Run { .. }
        | Asked::Hosts { .. }
        | Asked::Runs
        | Asked::Groups
        | Asked::Turn(_)
        | Asked::Pick { .. }
        | Asked::Typing { .. }
        | Asked::Press { .. }
        | Asked::Unknown => false,
    }
}

/// The person as the core sees them.
fn principal(asker: &Asker) -> principal::Asker {
    principal::Asker::Discord {
        user: asker.user,
        bot: asker.bot,
        guild: asker.guild,
        channel: asker.channel,
        parent_channel: asker.parent_channel,
        roles: asker.roles.clone(),
        interaction: asker.interaction,
    }
}

async fn typing(edge: &Edge, asker: &Asker, who: principal::Asker, typed: String) {
    let choices = edge.hub.complete(who, typed).await;
    let pairs = choices
        .iter()
        .map(|choice| (choice.label.as_str(), choice.value.as_str()));
    let call = edge.requests.suggest(asker.reply_to(), pairs);
    send(edge, call, "suggestions").await;
}

async fn press(edge: &Arc<Edge>, asker: &Asker, who: principal::Asker, verb: Verb, run: RunId) {
    let stopped = match verb {
        Verb::Cancel => edge.hub.cancel(who, Which::Id(run), false).await,
        Verb::Kill => edge.hub.cancel(who, Which::Id(run), true).await,
        Verb::Go => return run::confirm(edge, asker, who, run, Confirm::AsAsked).await,
        Verb::Online => return run::confirm(edge, asker, who, run, Confirm::OnlineOnly).await,
        Verb::Queue => return run::confirm(edge, asker, who, run, Confirm::Queue).await,
        Verb::Drop => return run::take_back(edge, asker, who, run).await,
    };
    match stopped {
        // The card itself shows what became of it.
        Ok(_) => {
            send(
                edge,
                edge.requests.defer_update(asker.reply_to()),
                "a press",
            )
            .await
        }
        Err(refusal) => show(edge, asker, Err(refusal), Audience::Asker).await,
    }
}

fn hold_card(on: bool, user: u64) -> Card {
    let (accent, text) = if on {
        (
            Accent::Amber,
            format!(
                "### ⏸ New runs are on hold\n<@{user}> asked for it. What is running goes on; `/hold state:off` ends it."
            ),
        )
    } else {
        (
            Accent::Green,
            format!("### ▶ New runs are allowed again\n<@{user}> ended the hold."),
        )
    };
    Card::new(accent, vec![text])
}

/// Changes the card that was pressed on; a refusal is a message of its own, for the person only.
async fn change(edge: &Edge, asker: &Asker, card: Result<Card, Refusal>) {
    match card {
        Ok(card) => {
            let call = edge.requests.update(asker.reply_to(), &card);
            send(edge, call, "a change of a card").await;
        }
        Err(refusal) => show(edge, asker, Err(refusal), Audience::Asker).await,
    }
}

/// Answers with a card; refusals are for the person only.
async fn show(edge: &Edge, asker: &Asker, card: Result<Card, Refusal>, to_whom: Audience) {
    let (card, to_whom) = match card {
        Ok(card) => (card, to_whom),
        Err(refusal) => (view::refusal_card(&refusal), Audience::Asker),
    };
    let call = edge.requests.respond(asker.reply_to(), &card, to_whom);
    send(edge, call, "an answer").await;
}

async fn send(edge: &Edge, call: Result<Call, RequestError>, what: &str) {
    let call = match call {
        Ok(call) => call,
        Err(error) => return tracing::error!("{what} could not be formed: {}", chain(&error)),
    };
    if let Err(error) = edge.sender.call(&call).await {
        tracing::warn!("{what} did not reach Discord: {}", chain(&error));
    }
}

/// An error with its causes on one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        text.push_str(&format!(": {deeper}"));
        cause = deeper.source();
    }
    text
}

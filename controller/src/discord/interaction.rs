//! Answers one interaction: what somebody asked goes to the hub, and what the hub says becomes the answer, within three seconds.

use std::sync::Arc;
use std::time::Duration;

use shanty_core::ask::{Answer, Ask, Question};
use shanty_core::causes::chain;
use shanty_core::refusal::{Code, Refusal};
use shanty_core::selector::complete::Choice;
use shanty_core::view::{self, Audience, Card, Reply};
use twilight_model::application::interaction::Interaction;

use super::Edge;
use super::answers::MessageRef;
use super::call::Call;
use super::commands::{self, Asked, Invocation};
use super::requests::RequestError;
use crate::clock::now_ms;

mod add;
mod card;
mod compare;
mod history;
mod list;
mod meant;
mod open;
mod promised;
mod reads;
mod run;
mod script;

pub(super) use meant::Questions;
pub(super) use reads::Reads;
pub(super) use run::Previews;

/// The journal must have committed a run by then: the answer has to reach Discord within three seconds.
const DECIDE: Duration = Duration::from_millis(1_500);

/// Answers one interaction.
pub(super) async fn answer(edge: Arc<Edge>, interaction: Interaction) {
    let heard = match commands::hear(interaction) {
        Ok(heard) => heard,
        Err(error) => {
            tracing::warn!(%error, "an interaction could not be read");
            return;
        }
    };
    let invocation = heard.invocation;
    learn(&edge, &invocation);
    match heard.asked {
        Asked::Ask(ask) => {
            asked(&edge, &invocation, ask).await;
        }
        Asked::Script(request, file) => {
            script::run(&edge, &invocation, &request, &file).await;
        }
        Asked::Write(request) => script::write(&edge, &invocation, &request).await,
        Asked::Instead(question) => instead(&edge, &invocation, question).await,
        Asked::Page { listing, turns } => list::page(&edge, &invocation, listing, turns).await,
        Asked::Pick { listing, host } => list::pick(&edge, &invocation, listing, host).await,
        Asked::Edit(run) => card::edit(&edge, &invocation, run).await,
        Asked::Copy(run) => card::copy(&edge, &invocation, run).await,
        Asked::ByHost {
            run,
            page,
            turns,
            thread,
        } => {
            card::by_host(&edge, &invocation, run, (page, turns), thread).await;
        }
        Asked::Open {
            run,
            picked,
            thread,
        } => open::open(&edge, &invocation, run, picked, thread).await,
        Asked::Whole(run, agent) => open::whole(&edge, &invocation, run, agent).await,
        Asked::Files(run) => open::files(&edge, &invocation, run).await,
        Asked::Diff(run) => open::diff(&edge, &invocation, run).await,
        Asked::History(wanted) => history::first(&edge, &invocation, wanted).await,
        Asked::Turn(page) => history::turn(&edge, &invocation, page).await,
        Asked::Table(key) => history::table(&edge, &invocation, key).await,
        Asked::See(run) => history::see(&edge, &invocation, run).await,
        Asked::Between(typed) => history::between(&edge, &invocation, &typed).await,
        Asked::Commands(typed) => history::commands(&edge, &invocation, &typed).await,
        Asked::Star(run) => history::star(&edge, &invocation, run).await,
        Asked::Meant(key) => meant::run(&edge, &invocation, &key).await,
        Asked::AskOthers(key) => meant::ask_others(&edge, &invocation, &key).await,
        Asked::Change(key) => meant::open_form(&edge, &invocation, &key).await,
        Asked::Changed(key, request) => meant::changed(&edge, &invocation, &key, request).await,
        Asked::AddHost(typed) => add::host(&edge, &invocation, &typed).await,
        Asked::NoRun => {
            let refusal = Refusal::new(
                Code::NotFound,
                "This message is not the card of a run. Nothing was run.",
                "Choose it on a card of this bot: the message that shows what was run.",
            );
            refuse(&edge, &invocation, &refusal).await;
        }
        Asked::Unknown => {
            let refusal = Refusal::new(
                Code::Stale,
                "This is from another version, or not from this bot. Nothing was done.",
                "Type the command again.",
            );
            refuse(&edge, &invocation, &refusal).await;
        }
    }
}

/// Keeps what somebody is called, beside the answer.
fn learn(edge: &Arc<Edge>, invocation: &Invocation) {
    let (user, name) = (invocation.user, invocation.name.clone());
    let names = edge.history.names().clone();
    edge.spawner.spawn(async move {
        if let Err(error) = names.learn(user, &name).await {
            tracing::warn!(%error, "a name could not be kept");
        }
    });
}

/// Asks the hub, and shows what it says; false when it refused.
async fn asked(edge: &Arc<Edge>, invocation: &Invocation, ask: Ask) -> bool {
    let answer = match decide(edge, invocation, &ask).await {
        Ok(answer) => answer,
        Err(refusal) => {
            meant::refuse(edge, invocation, &ask, &refusal).await;
            return false;
        }
    };
    let by = invocation.asker().principal();
    match view::reply(&ask, &answer, &by, now_ms()) {
        Some(Reply::Run(snapshot)) => run::accepted(edge, invocation, snapshot).await,
        Some(Reply::Card(card, _)) if matches!(answer, Answer::Welcome) => {
            welcome(edge, invocation, &card).await;
        }
        Some(Reply::Card(card, to_whom)) => {
            let preview = match &answer {
                Answer::Previewed(preview) => Some(preview.spec.id),
                _ => None,
            };
            if let Some(run) = preview {
                edge.previews.remember(run, invocation);
            }
            list::keep_selector(edge, &ask, &answer).await;
            let follow_up = shown_at(edge, invocation, &card, to_whom).await;
            if let Some((run, at)) = preview.zip(follow_up) {
                edge.previews.follows_up(run, at.message);
            }
        }
        Some(Reply::Change(card)) => {
            if let Ask::TakeBack { run } = ask {
                edge.previews.take(run);
            }
            change(edge, invocation, &card).await;
        }
        Some(Reply::Choices(choices)) => suggest(edge, invocation, choices).await,
        Some(Reply::OnItsCard) => {
            let call = edge.requests.defer_update(invocation.reply_to());
            send(edge, call, "a press").await;
        }
        // Nobody in chat asks for that.
        None => {}
    }
    true
}

/// Shows something in the place of what was pressed on.
async fn instead(edge: &Edge, invocation: &Invocation, question: Question) {
    let ask = Ask::Look(question);
    let answer = match decide(edge, invocation, &ask).await {
        Ok(answer) => answer,
        Err(refusal) => return refuse(edge, invocation, &refusal).await,
    };
    let by = invocation.asker().principal();
    if let Some(Reply::Card(card, _)) = view::reply(&ask, &answer, &by, now_ms()) {
        change(edge, invocation, &card).await;
    }
}

/// Says to everybody in a channel what this is, and pins it there.
async fn welcome(edge: &Edge, invocation: &Invocation, card: &Card) {
    let call = edge
        .requests
        .respond(invocation.reply_to(), card, Audience::Channel);
    let call = match call {
        Ok(call) => call,
        Err(error) => return tracing::error!("a welcome could not be formed: {}", chain(&error)),
    };
    match edge.sender.call(&call).await {
        Ok(answer) => {
            if let Ok(at) = answer.callback_message() {
                super::welcome::pin(edge, at).await;
            }
        }
        Err(error) => tracing::warn!("a welcome did not reach Discord: {}", chain(&error)),
    }
}

/// A run that the journal does not have in time is given up: the hub finds out that nobody waits.
async fn decide(edge: &Edge, invocation: &Invocation, ask: &Ask) -> Result<Answer, Refusal> {
    let decided = edge.hub.ask(invocation.asker(), ask.clone());
    if !matches!(ask, Ask::Run(_) | Ask::Again { .. } | Ask::Confirm { .. }) {
        return decided.await;
    }
    let late = |_| {
        Err(Refusal::new(
            Code::Storage,
            "The journal was not written in time. Nothing was run.",
            "Look at the controller's log and its disk, then try again.",
        ))
    };
    let decided = tokio::time::timeout(DECIDE, decided).await;
    decided.unwrap_or_else(late)
}

async fn suggest(edge: &Edge, invocation: &Invocation, choices: &[Choice]) {
    let pairs = choices
        .iter()
        .map(|choice| (choice.label.as_str(), choice.value.as_str()));
    let call = edge.requests.suggest(invocation.reply_to(), pairs);
    send(edge, call, "suggestions").await;
}

/// Changes the card that was pressed on.
async fn change(edge: &Edge, invocation: &Invocation, card: &Card) {
    let call = edge.requests.update(invocation.reply_to(), card);
    send(edge, call, "a change of a card").await;
}

/// Answers with a card, also where the answer was promised.
async fn show(edge: &Edge, invocation: &Invocation, card: &Card, to_whom: Audience) {
    shown_at(edge, invocation, card, to_whom).await;
}

/// The same; where the card is, when it is a message after the answer.
async fn shown_at(
    edge: &Edge,
    invocation: &Invocation,
    card: &Card,
    to_whom: Audience,
) -> Option<MessageRef> {
    if let Some(promised) = invocation.promised {
        return match promised::fill(edge, invocation, promised, card, to_whom).await {
            Ok(filled) => (!filled.is_answer).then_some(filled.at),
            Err(why) => {
                tracing::warn!("a promised answer did not reach Discord: {why}");
                None
            }
        };
    }
    let call = edge.requests.respond(invocation.reply_to(), card, to_whom);
    send(edge, call, "an answer").await;
    None
}

/// Refusals are for the person only.
async fn refuse(edge: &Edge, invocation: &Invocation, refusal: &Refusal) {
    show(
        edge,
        invocation,
        &view::refusal_card(refusal),
        Audience::Asker,
    )
    .await;
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

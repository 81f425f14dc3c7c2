//! A run on its way from a request to its card: asked for, shown first where it must be, confirmed or taken back.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shanty_core::admission::{Confirm, RunRequest};
use shanty_core::ids::{RunId, RunNumber};
use shanty_core::principal;
use shanty_core::refusal::{Code, Refusal};
use shanty_core::view::{self, Card, Scene};

use super::{chain, change, send, show};
use crate::discord::Edge;
use crate::discord::answers::MessageRef;
use crate::discord::commands::Asker;
use crate::discord::publish::{self, Posted};
use crate::discord::requests::{Audience, Content, NewMessage, Nonce, Sound};
use crate::discord::sender::Outcome;
use crate::hub::{Answered, Snapshot};

/// The journal must have committed by then: the answer has to reach Discord within three seconds.
const DECIDE: Duration = Duration::from_millis(1_500);
/// Whether Discord has the answer all the same must be known by then: later nobody expects the run to start.
const LOOK_UP: Duration = Duration::from_secs(10);
/// Previews whose buttons are taken away once they are answered; past it the oldest keeps its buttons, which then do nothing.
const PREVIEWS_MAX: usize = 256;

/// Previews that were shown: what changes each, as long as Discord lets it.
#[derive(Default)]
pub(in crate::discord) struct Previews(Mutex<VecDeque<(RunId, Asker)>>);

impl Previews {
    fn remember(&self, run: RunId, asker: &Asker) {
        if let Ok(mut shown) = self.0.lock() {
            if shown.len() >= PREVIEWS_MAX {
                shown.pop_front();
            }
            shown.push_back((run, asker.clone()));
        }
    }

    fn take(&self, run: RunId) -> Option<Asker> {
        let mut shown = self.0.lock().ok()?;
        let at = shown.iter().position(|(of, _)| *of == run)?;
        shown.remove(at).map(|(_, asker)| asker)
    }
}

pub(super) async fn run(
    edge: &Arc<Edge>,
    asker: &Asker,
    who: principal::Asker,
    request: RunRequest,
) {
    let decided = tokio::time::timeout(DECIDE, edge.hub.run(who, request)).await;
    answered(edge, asker, decided.unwrap_or_else(|_| Err(late()))).await;
}

/// A run that was shown is confirmed: its card is the answer to the press, and the preview loses its buttons.
pub(super) async fn confirm(
    edge: &Arc<Edge>,
    asker: &Asker,
    who: principal::Asker,
    run: RunId,
    choice: Confirm,
) {
    let decided = tokio::time::timeout(DECIDE, edge.hub.confirm(who, run, choice)).await;
    if let Some(number) = answered(edge, asker, decided.unwrap_or_else(|_| Err(late()))).await
        && let Some(shown) = edge.previews.take(run)
    {
        let card = view::confirmed_card(number);
        let call = edge.requests.edit_original(shown.reply_to(), &card);
        send(edge, call, "the end of a preview").await;
    }
}

pub(super) async fn take_back(edge: &Edge, asker: &Asker, who: principal::Asker, run: RunId) {
    let taken = edge.hub.take_back(who, run).await;
    if taken.is_ok() {
        edge.previews.take(run);
    }
    change(edge, asker, taken.map(|()| view::taken_back_card())).await;
}

/// Says what became of a request for a run; gives its number when it was accepted and begins.
async fn answered(
    edge: &Arc<Edge>,
    asker: &Asker,
    decided: Result<Answered, Refusal>,
) -> Option<RunNumber> {
    let snapshot = match decided {
        Ok(Answered::Accepted(snapshot)) => snapshot,
        Ok(Answered::Previewed(preview)) => {
            edge.previews.remember(preview.spec.id, asker);
            let card = view::preview_card(&preview);
            show(edge, asker, Ok(card), Audience::Asker).await;
            return None;
        }
        Err(refusal) => {
            show(edge, asker, Err(refusal), Audience::Asker).await;
            return None;
        }
    };
    let id = snapshot.run.spec.id;
    match post_card(edge, asker, &snapshot).await {
        Ok(posted) => {
            edge.hub.go(id).await;
            publish::start(edge, id, asker.guild, posted).await;
            Some(snapshot.run.number)
        }
        Err(why) => {
            tracing::warn!(run.id = %id, "a run was not started: {why}");
            edge.hub.expire(id, &why).await;
            say_expired(edge, asker, &snapshot, &why).await;
            None
        }
    }
}

/// The hub finds out that nobody waits, and gives the run up.
fn late() -> Refusal {
    Refusal::new(
        Code::Storage,
        "The journal was not written in time. Nothing was run.",
        "Look at the controller's log and its disk, then try again.",
    )
}

/// Answers with the card itself. That Discord takes it is the proof that the interaction is fresh: nothing runs before.
async fn post_card(edge: &Edge, asker: &Asker, snapshot: &Snapshot) -> Result<Posted, String> {
    let thread = asker.channel_is_thread.then_some(asker.channel);
    let scene = Scene {
        run_as: snapshot.run_as.clone(),
        thread: asker.guild.zip(thread),
        ..Scene::default()
    };
    let card = view::run_card(&snapshot.run, &scene);
    let message = answer_with(edge, asker, &card).await?;
    Ok(Posted {
        channel: message.channel,
        card: Some((message.message, publish::card_digest(&card))),
        thread,
    })
}

async fn answer_with(edge: &Edge, asker: &Asker, card: &Card) -> Result<MessageRef, String> {
    let to = asker.reply_to();
    let call = edge.requests.respond(to, card, Audience::Channel);
    let call = call.map_err(|error| chain(&error))?;
    let answered = edge.sender.call(&call).await;
    let error = match answered.and_then(|answer| answer.callback_message()) {
        Ok(message) => return Ok(message),
        Err(error) => error,
    };
    let not_taken = format!("Discord did not take the answer ({})", chain(&error));
    if error.outcome() == Outcome::NotDone {
        return Err(not_taken);
    }
    // It may be there all the same: look once.
    let look = edge.requests.read_original(to);
    let look = look.map_err(|error| chain(&error))?;
    let found = tokio::time::timeout(LOOK_UP, edge.sender.call(&look)).await;
    let found = found.map_err(|_| not_taken.clone())?;
    found
        .and_then(|answer| answer.message())
        .map_err(|_| not_taken)
}

/// The interaction is dead, so the channel is told with the bot's own token.
async fn say_expired(edge: &Edge, asker: &Asker, snapshot: &Snapshot, why: &str) {
    let number = snapshot.run.number;
    let text = format!(
        "{number} was not started and nothing was run: {}. Please ask again.",
        view::escape_markdown(why)
    );
    let message = NewMessage {
        content: Content::Text {
            text: &text,
            files: &[],
        },
        nonce: Nonce::of(&snapshot.run.spec.id, "expired"),
        sound: Sound::Loud,
        mention: None,
    };
    let call = edge.requests.create_message(asker.channel, &message);
    send(edge, call, "a run that was not started").await;
}

//! A run that was accepted, on its way to its card.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use shanty_core::ask::Snapshot;
use shanty_core::causes::chain;
use shanty_core::ids::RunId;
use shanty_core::thread::Look;
use shanty_core::view::{self, Audience, Card, Scene};

use super::promised::{self, Filled};
use super::send;
use crate::discord::Edge;
use crate::discord::answers::MessageRef;
use crate::discord::commands::Invocation;
use crate::discord::publish::{ByToken, Posted};
use crate::discord::sender::Outcome;

/// Whether Discord has the answer all the same must be known by then: later nobody expects the run to start.
const LOOK_UP: Duration = Duration::from_secs(10);
/// Previews that go once they are answered; past it the oldest stays, and its buttons then do nothing.
const PREVIEWS_MAX: usize = 256;

/// Previews that were shown: what changes each, as long as Discord lets it.
#[derive(Default)]
pub(in crate::discord) struct Previews(Mutex<VecDeque<(RunId, Invocation)>>);

impl Previews {
    pub(super) fn remember(&self, run: RunId, invocation: &Invocation) {
        if let Ok(mut shown) = self.0.lock() {
            if shown.len() >= PREVIEWS_MAX {
                shown.pop_front();
            }
            shown.push_back((run, invocation.clone()));
        }
    }

    pub(super) fn take(&self, run: RunId) -> Option<Invocation> {
        let mut shown = self.0.lock().ok()?;
        let at = shown.iter().position(|(of, _)| *of == run)?;
        shown.remove(at).map(|(_, invocation)| invocation)
    }
}

/// A run was accepted: its card is the answer. When Discord takes that, it begins; a preview that led to it goes.
pub(super) async fn accepted(edge: &Edge, invocation: &Invocation, snapshot: &Snapshot) {
    let id = snapshot.run.spec.id;
    // Its publisher waits for the card: it keeps where that is, and then lets the run begin, or gives it up and says so.
    let publisher = edge.callbacks.sender(id);
    let answered = post_card(edge, invocation, snapshot).await;
    if let Err(why) = &answered {
        tracing::warn!(run.id = %id, "a run is not started: {why}");
    }
    let begins = answered.is_ok();
    publisher.send(answered).ok(); // shutting down: the next process finds the card
    if begins && let Some(shown) = edge.previews.take(id) {
        let call = edge.requests.delete_original(shown.reply_to());
        send(edge, call, "the end of a preview").await;
    }
}

/// Answers with the card itself. That Discord takes it is the proof that the interaction is fresh: nothing runs before.
async fn post_card(
    edge: &Edge,
    invocation: &Invocation,
    snapshot: &Snapshot,
) -> Result<Posted, String> {
    let thread = invocation.channel_is_thread.then_some(invocation.channel);
    let scene = Scene {
        run_as: snapshot.run_as.clone(),
        thread: invocation.guild.zip(thread),
        ..Scene::default()
    };
    let card = view::run_card(&snapshot.run, &scene);
    let posted = match invocation.promised {
        None => Filled {
            at: answer_with(edge, invocation, &card).await?,
            is_answer: true,
        },
        Some(promised) => {
            let filled = promised::fill(edge, invocation, promised, &card, Audience::Channel);
            let late = |_| Err("Discord did not take the answer in time".to_owned());
            let filled = tokio::time::timeout(LOOK_UP, filled).await;
            filled.unwrap_or_else(late)?
        }
    };
    Ok(Posted {
        channel: posted.at.channel,
        message: posted.at.message,
        digest: Look::Card(card).digest(),
        thread,
        by_token: posted.is_answer.then(|| ByToken::of(invocation)),
    })
}

async fn answer_with(
    edge: &Edge,
    invocation: &Invocation,
    card: &Card,
) -> Result<MessageRef, String> {
    let to = invocation.reply_to();
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

//! A run that was accepted, on its way to its card.

use std::collections::VecDeque;
use std::sync::Mutex;

use shanty_core::ask::Snapshot;
use shanty_core::causes::chain;
use shanty_core::ids::RunId;
use shanty_core::thread::Look;
use shanty_core::view::{self, Audience, Card, Scene};

use super::promised::{self, Filled, LOOK_UP, Original};
use super::send;
use crate::discord::Edge;
use crate::discord::answers::MessageRef;
use crate::discord::commands::Invocation;
use crate::discord::error::SendError;
use crate::discord::publish::{ByToken, NotPosted, Posted};
use crate::discord::sender::Outcome;

/// Previews that go once they are answered; past it the oldest stays, and its buttons then do nothing.
const PREVIEWS_MAX: usize = 256;

/// Previews that were shown: what changes each, as long as Discord lets it.
#[derive(Default)]
pub(in crate::discord) struct Previews(Mutex<VecDeque<(RunId, Shown)>>);

/// What was shown to somebody until they answer it.
pub(super) struct Shown {
    /// By whom and in answer to what.
    pub(super) invocation: Invocation,
    /// Its message, where it is one after the answer.
    pub(super) follow_up: Option<u64>,
}

impl Shown {
    /// Deletes it.
    pub(super) async fn delete(&self, edge: &Edge, what: &str) {
        let to = self.invocation.reply_to();
        let call = match self.follow_up {
            None => edge.requests.delete_original(to),
            Some(message) => edge.requests.delete_follow_up(to, message),
        };
        send(edge, call, what).await;
    }
}

impl Previews {
    pub(super) fn remember(&self, run: RunId, invocation: &Invocation) {
        if let Ok(mut shown) = self.0.lock() {
            if shown.len() >= PREVIEWS_MAX {
                shown.pop_front();
            }
            let invocation = invocation.clone();
            let follow_up = None;
            shown.push_back((
                run,
                Shown {
                    invocation,
                    follow_up,
                },
            ));
        }
    }

    /// The preview of a run came as a message after the answer, which the answer's place does not delete.
    pub(super) fn follows_up(&self, run: RunId, message: u64) {
        if let Ok(mut shown) = self.0.lock()
            && let Some((_, shown)) = shown.iter_mut().find(|(of, _)| *of == run)
        {
            shown.follow_up = Some(message);
        }
    }

    pub(super) fn take(&self, run: RunId) -> Option<Shown> {
        let mut shown = self.0.lock().ok()?;
        let at = shown.iter().position(|(of, _)| *of == run)?;
        shown.remove(at).map(|(_, shown)| shown)
    }
}

/// A run was accepted: its card is the answer. When Discord takes that, it begins; a preview that led to it goes.
pub(super) async fn accepted(edge: &Edge, invocation: &Invocation, snapshot: &Snapshot) {
    let id = snapshot.run.spec.id;
    // Its publisher waits for the card: it keeps where that is, and then lets the run begin, or gives it up and says so.
    let publisher = edge.callbacks.sender(id);
    let answered = post_card(edge, invocation, snapshot).await;
    if let Err(not) = &answered {
        tracing::warn!(run.id = %id, "a run is not started: {}", not.why);
    }
    let begins = answered.is_ok();
    publisher.send(answered).ok(); // shutting down: the next process finds the card
    if begins && let Some(shown) = edge.previews.take(id) {
        shown.delete(edge, "the end of a preview").await;
    }
}

/// Answers with the card itself. That Discord takes it is the proof that the interaction is fresh: nothing runs before.
async fn post_card(
    edge: &Edge,
    invocation: &Invocation,
    snapshot: &Snapshot,
) -> Result<Posted, NotPosted> {
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
            // The promise stands, or what fills it came all the same: either is to say what became of the run.
            let not = |why| NotPosted {
                why,
                may_stand: true,
                by_token: (promised == Audience::Channel).then(|| ByToken::of(invocation)),
            };
            filled.unwrap_or_else(late).map_err(not)?
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
) -> Result<MessageRef, NotPosted> {
    let to = invocation.reply_to();
    let call = edge.requests.respond(to, card, Audience::Channel);
    let call = promised::formed(&call).map_err(NotPosted::nowhere)?;
    let answered = edge.sender.call(call).await;
    let error = match answered.and_then(|answer| answer.callback_message()) {
        Ok(message) => return Ok(message),
        Err(error) => error,
    };
    tracing::warn!("the card of a run did not reach Discord: {}", chain(&error));
    let not_taken = match &error {
        SendError::RateLimited { .. } => error.told(),
        error => format!("Discord did not take the answer ({})", error.told()),
    };
    if error.outcome() == Outcome::NotDone {
        return Err(NotPosted::nowhere(not_taken));
    }
    // It may be there all the same: look once.
    match promised::original(edge, invocation).await {
        Original::At(message) => Ok(message),
        Original::Nothing => Err(NotPosted::nowhere(not_taken)),
        Original::Unknown => Err(NotPosted {
            why: not_taken,
            may_stand: true,
            by_token: Some(ByToken::of(invocation)),
        }),
    }
}

//! Answers one interaction: what somebody asked goes to the hub, and what the hub says becomes the answer, within three seconds.

use std::sync::Arc;
use std::time::Duration;

use shanty_core::admission::RunRequest;
use shanty_core::ids::RunId;
use shanty_core::principal;
use shanty_core::refusal::{Code, Refusal};
use shanty_core::view::{self, Accent, Card, Scene};
use twilight_model::application::interaction::Interaction;

use super::Edge;
use super::answers::MessageRef;
use super::commands::{self, Asked, Asker, Verb};
use super::publish::{self, Posted};
use super::requests::{Audience, Content, NewMessage, Nonce, RequestError, Sound};
use super::sender::Outcome;
use crate::clock::now_ms;
use crate::hub::{Snapshot, Which};

/// The journal must have committed by then: the answer has to reach Discord within three seconds.
const DECIDE: Duration = Duration::from_millis(1_500);
/// Whether Discord has the answer all the same must be known by then: later nobody expects the run to start.
const LOOK_UP: Duration = Duration::from_secs(10);
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
    match heard.asked {
        Asked::Run {
            on,
            command,
            timeout,
            run_as,
        } => {
            let request = RunRequest {
                on,
                command,
                timeout,
                run_as,
            };
            run(&edge, &asker, who, request).await;
        }
        Asked::Typing { on_text } => typing(&edge, &asker, who, on_text).await,
        Asked::Press { verb, run, .. } => press(&edge, &asker, who, verb, run).await,
        Asked::Hosts { on } => {
            let normal = on.unwrap_or_default();
            let card = edge.hub.hosts(who, normal).await.map(|view| {
                let rows = view.rows.into_iter().map(|(_, _, row)| row).collect();
                view::hosts_card(rows, &view.normal, now_ms())
            });
            show(&edge, &asker, card, Audience::Asker).await;
        }
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

async fn run(edge: &Arc<Edge>, asker: &Asker, who: principal::Asker, request: RunRequest) {
    let decided = tokio::time::timeout(DECIDE, edge.hub.run(who, request)).await;
    let snapshot = match decided {
        Ok(Ok(snapshot)) => snapshot,
        Ok(Err(refusal)) => return show(edge, asker, Err(refusal), Audience::Asker).await,
        Err(_) => {
            // The hub finds out that nobody waits, and gives the run up.
            let refusal = Refusal::new(
                Code::Storage,
                "The journal was not written in time. Nothing was run.",
                "Look at the controller's log and its disk, then try again.",
            );
            return show(edge, asker, Err(refusal), Audience::Asker).await;
        }
    };
    let id = snapshot.run.spec.id;
    match post_card(edge, asker, &snapshot).await {
        Ok(posted) => {
            edge.hub.go(id).await;
            publish::start(edge, id, asker.guild, posted).await;
        }
        Err(why) => {
            tracing::warn!(run.id = %id, "a run was not started: {why}");
            edge.hub.expire(id, &why).await;
            say_expired(edge, asker, &snapshot, &why).await;
        }
    }
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

async fn typing(edge: &Edge, asker: &Asker, who: principal::Asker, typed: String) {
    let choices = edge.hub.complete(who, typed).await;
    let pairs = choices
        .iter()
        .map(|choice| (choice.label.as_str(), choice.value.as_str()));
    let call = edge.requests.suggest(asker.reply_to(), pairs);
    send(edge, call, "suggestions").await;
}

async fn press(edge: &Edge, asker: &Asker, who: principal::Asker, verb: Verb, run: RunId) {
    let force = match verb {
        Verb::Cancel => false,
        Verb::Kill => true,
    };
    match edge.hub.cancel(who, Which::Id(run), force).await {
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
    Card {
        accent,
        texts: vec![text],
        buttons: Vec::new(),
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

async fn send(edge: &Edge, call: Result<super::call::Call, RequestError>, what: &str) {
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

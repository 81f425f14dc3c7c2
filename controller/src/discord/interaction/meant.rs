//! A run that was refused because of what was typed. Where something near was probably meant, another name or plain characters, one press
//! runs that; another opens the form with all that was typed. What is asked then is kept under a key that stands in the button, and decided
//! anew for whoever presses it. A file that was attached is fetched again.

use std::sync::{Arc, PoisonError};

use shanty_core::admission::plain_command;
use shanty_core::ask::{Ask, RunOption, RunRequest, YES};
use shanty_core::refusal::{Code, Meant, Refusal};
use shanty_core::view::{self, Audience, Card, Enclosed};

use super::run::Shown;
use super::script::{self, Missing};
use super::{asked, list, send, show, shown_at};
use crate::clock::now_ms;
use crate::discord::Edge;
use crate::discord::commands::{Attached, Invocation};
use crate::store::{StoreError, input_of};

mod questions;
mod request;

pub(in crate::discord) use questions::Questions;
use request::Request;

/// Where requests are kept for the buttons of refusals.
const KEPT: &str = "meant/";
/// What is kept for the buttons of one person; the oldest make room, so that nobody clears the buttons of others.
const PERSON_MAX: usize = 20;
/// Buttons work for so long, milliseconds: what was typed is not kept for ever.
const AGE_MS: u64 = 24 * 3_600_000;

/// When it was kept, and the request.
type Kept = (u64, Option<Request>);

/// Tells somebody why not, and offers what was probably meant.
pub(super) async fn refuse(edge: &Edge, invocation: &Invocation, ask: &Ask, refusal: &Refusal) {
    if let Ask::Run(request) = ask {
        refuse_run(edge, invocation, request, None, refusal).await;
    } else {
        super::refuse(edge, invocation, refusal).await;
    }
}

/// The same for a run, with the file that was attached for it.
pub(super) async fn refuse_run(
    edge: &Edge,
    invocation: &Invocation,
    request: &RunRequest,
    file: Option<&Attached>,
    refusal: &Refusal,
) {
    let card = match offer(edge, invocation, refusal, request, file).await {
        Ok(card) => card,
        Err(error) => {
            tracing::warn!(%error, "a request could not be kept for the buttons of its refusal");
            view::refusal_card(refusal)
        }
    };
    let follow_up = shown_at(edge, invocation, &card, Audience::Asker).await;
    if !card.buttons.is_empty() {
        edge.questions.remember(Shown {
            invocation: invocation.clone(),
            follow_up: follow_up.map(|at| at.message),
        });
    }
}

/// The card with all that can be done next, once what that needs is kept.
async fn offer(
    edge: &Edge,
    invocation: &Invocation,
    refusal: &Refusal,
    request: &RunRequest,
    file: Option<&Attached>,
) -> Result<Card, StoreError> {
    let wanted = Request::of(request, file);
    let card = match refusal.meant.as_deref() {
        None => view::refusal_card(refusal),
        Some(Meant::Name { typed, name, on }) => {
            let on = on.clone();
            let wanted = wanted.clone();
            let key = keep(edge, invocation, Request { on, ..wanted }).await?;
            view::name_card(typed, name, key)
        }
        Some(Meant::Plain { kind, shown }) => {
            let mut exact = wanted.clone();
            let name = RunOption::Exact.name().to_owned();
            exact.typed.insert(name, YES.to_owned());
            let as_typed = keep(edge, invocation, exact.clone()).await?;
            let plain = Request {
                command: plain_command(&exact.command),
                ..exact
            };
            let plain = keep(edge, invocation, plain).await?;
            view::plain_card(refusal, kind, shown, plain, as_typed)
        }
        Some(Meant::Others { .. }) => {
            let key = keep(edge, invocation, wanted.clone()).await?;
            view::with_ask(view::refusal_card(refusal), key)
        }
    };
    let fits = view::change_sheet("", request, file.is_some()).is_some();
    if !refusal.code.is_of_what_was_typed() || !fits {
        return Ok(card);
    }
    let key = keep(edge, invocation, wanted).await?;
    Ok(view::with_edit(card, key))
}

/// Keeps a request for a button of the answer to this interaction. Where it is kept already it stays as it is: after a restart Discord
/// tells again what it told before.
async fn keep(
    edge: &Edge,
    invocation: &Invocation,
    request: Request,
) -> Result<String, StoreError> {
    let key = view::key_of(&format!("{} {request:?}", invocation.interaction));
    let known = edge.kept.read::<Kept>(&format!("{KEPT}{key}")).await?;
    if known.is_none() {
        let person = invocation.user;
        make_room(edge, person).await?;
        let request = Request {
            person,
            refused: invocation.interaction,
            ..request
        };
        list::try_keep(&edge.kept, KEPT, &key, &Some(request)).await?;
    }
    Ok(key)
}

/// Forgets what is too old, and the oldest of what is kept for a person, so that one more may be.
async fn make_room(edge: &Edge, person: u64) -> Result<(), StoreError> {
    let all: Vec<(String, Kept)> = edge.kept.below(KEPT).await?;
    let (old, young): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|(_, (at_ms, _))| is_old(*at_ms));
    let of_person = |kept: &(String, Kept)| {
        let request = kept.1.1.as_ref();
        request.is_some_and(|request| request.person == person)
    };
    let mut mine: Vec<_> = young.into_iter().filter(of_person).collect();
    mine.sort_by_key(|(_, (at_ms, _))| *at_ms);
    let too_many = (mine.len() + 1).saturating_sub(PERSON_MAX);
    for (key, _) in old.iter().chain(mine.iter().take(too_many)) {
        edge.kept.forget(key).await?;
    }
    Ok(())
}

fn is_old(at_ms: u64) -> bool {
    now_ms().saturating_sub(at_ms) >= AGE_MS
}

/// Runs what was meant: once, however often it is pressed. Who is refused may press again.
pub(super) async fn run(edge: &Arc<Edge>, invocation: &Invocation, key: &str) {
    let Some((taken, request, file)) = take(edge, invocation, key).await else {
        return gone(edge, invocation).await;
    };
    answer(edge, invocation, taken, request, file).await;
}

/// Starts what answers a refusal, which then goes; where that is refused too, it stays as it was.
async fn answer(
    edge: &Arc<Edge>,
    invocation: &Invocation,
    taken: Taken,
    request: RunRequest,
    file: Option<Attached>,
) {
    if !start(edge, invocation, request, file).await {
        return put_back(edge, taken).await;
    }
    if let Some(shown) = edge.questions.take(taken.refused) {
        shown.delete(edge, "the end of a refusal").await;
    }
}

/// Lets the buttons of a refusal be pressed again, for as long as they could be before.
async fn put_back(edge: &Edge, taken: Taken) {
    let _taking = edge.questions.taking.lock().await;
    for (place, kept) in taken.all {
        if let Err(error) = edge.kept.keep(&place, &kept).await {
            tracing::warn!(%error, "a request could not be kept again for the button of its refusal");
        }
    }
}

/// Tells those who may do it what somebody asks for, in the channel where it was refused: once. Whoever may by now does it.
pub(super) async fn ask_others(edge: &Arc<Edge>, invocation: &Invocation, key: &str) {
    let Some((taken, request, file)) = take(edge, invocation, key).await else {
        return gone(edge, invocation).await;
    };
    let ask = match &file {
        Some(file) => script::announced(&request, file),
        None => Ask::Run(request.clone()),
    };
    let asker = invocation.asker();
    let still = edge.hub.would_still(&asker, &ask).await;
    let meant = still
        .as_ref()
        .err()
        .and_then(|refusal| refusal.meant.as_deref());
    let Some(Meant::Others { who }) = meant else {
        // Otherwise than before: what comes of it is recorded.
        return match edge.hub.would(&asker, &ask).await {
            Ok(_) => answer(edge, invocation, taken, request, file).await,
            Err(refusal) => super::refuse(edge, invocation, &refusal).await,
        };
    };
    let (channel, person) = (invocation.channel, invocation.user);
    let may = {
        let mut asks = edge.asks.lock().unwrap_or_else(PoisonError::into_inner);
        asks.answers(channel, person, now_ms())
    };
    if !may {
        put_back(edge, taken).await;
        let refusal = Refusal::new(
            Code::Rate,
            "Others were asked for something a moment ago, and are not asked again so soon.",
            "Press the button again in a minute.",
        );
        return super::refuse(edge, invocation, &refusal).await;
    }
    let mut invocation = invocation.clone();
    let input = match &file {
        // It is looked at, so that who may can compare what it is; nothing of it is kept.
        Some(file) => match script::fetch(edge, &mut invocation, file, Audience::Channel).await {
            Ok(script) => Some(input_of(&file.name, &script)),
            Err(Missing::NoPromise) => return put_back(edge, taken).await,
            Err(Missing::Refused(_) | Missing::Late | Missing::Stopping) => None,
        },
        None => request.input.clone(),
    };
    let enclosed = match (&input, &file) {
        (Some(input), _) => Enclosed::Known(input),
        (None, Some(file)) => Enclosed::Unread(&file.name),
        (None, None) => Enclosed::Nothing,
    };
    let readable = |text: &str| edge.hub.readable(text);
    let card = view::ask_card(
        &invocation.asker().principal(),
        &readable(&request.text()),
        &readable(&request.on),
        enclosed,
        who,
    );
    let card = match to_look_at(edge, &invocation, &request, file.as_ref()).await {
        Some(key) => view::with_look(card, key),
        None => card,
    };
    show(edge, &invocation, &card, Audience::Channel).await;
}

/// Keeps what others are asked for under a key for them, where the form has all of it: nobody runs for somebody else what they do not see
/// whole, or what has a secret that only that person typed.
async fn to_look_at(
    edge: &Edge,
    invocation: &Invocation,
    request: &RunRequest,
    file: Option<&Attached>,
) -> Option<String> {
    let in_form = [RunOption::Timeout, RunOption::As].map(RunOption::name);
    let mut typed = request.typed.iter();
    let is_seen = |(name, text): (&str, &str)| text.trim().is_empty() || in_form.contains(&name);
    let enclosed = file.is_some() || request.input.is_some() || request.like.is_some();
    let masked = |text: &str| edge.hub.readable(text) != text;
    if enclosed
        || !typed.all(is_seen)
        || masked(&request.command)
        || masked(&request.on)
        || view::change_sheet("", request, false).is_none()
    {
        return None;
    }
    let kept = keep(edge, invocation, Request::of(request, None)).await;
    kept.inspect_err(|error| tracing::warn!(%error, "what others are asked for could not be kept"))
        .ok()
}

/// What was kept for the buttons of one refusal, where one of them was pressed.
struct Taken {
    /// The interaction that was refused.
    refused: u64,
    /// Where each is kept, and what is.
    all: Vec<(String, Kept)>,
}

/// What a button asks for, once: no button of the same refusal has anything then.
async fn take(
    edge: &Edge,
    invocation: &Invocation,
    key: &str,
) -> Option<(Taken, RunRequest, Option<Attached>)> {
    let taken = try_take(edge, invocation, key).await;
    taken.unwrap_or_else(|error| {
        tracing::warn!(%error, "what the button of a refusal is about could not be read");
        None
    })
}

async fn try_take(
    edge: &Edge,
    invocation: &Invocation,
    key: &str,
) -> Result<Option<(Taken, RunRequest, Option<Attached>)>, StoreError> {
    let _taking = edge.questions.taking.lock().await;
    let wanted = format!("{KEPT}{key}");
    let request = edge.kept.read::<Kept>(&wanted).await?.and_then(usable);
    let Some(request) = request else {
        return Ok(None);
    };
    let refused = request.refused;
    let Some((request, file)) = request.asked() else {
        return Ok(None);
    };
    let together = |place: &str, kept: &Kept| {
        let of = kept.1.as_ref().map(|request| request.refused);
        place == wanted || (refused != 0 && of == Some(refused))
    };
    let mut all: Vec<(String, Kept)> = edge.kept.below(KEPT).await?;
    all.retain(|(place, kept)| together(place, kept));
    let pressed: Kept = (now_ms(), Some(Request::pressed_by(invocation.user)));
    for (place, _) in &all {
        edge.kept.exchange::<Kept>(place, &pressed).await?;
    }
    Ok(Some((Taken { refused, all }, request, file)))
}

/// A request that was not pressed and is not too old.
fn usable((at_ms, request): Kept) -> Option<Request> {
    request.filter(|request| !request.pressed && !is_old(at_ms))
}

/// Opens the form with what was typed.
pub(super) async fn open_form(edge: &Edge, invocation: &Invocation, key: &str) {
    let kept = kept(edge, key).await;
    let sheet = kept.and_then(|(request, file)| view::change_sheet(key, &request, file.is_some()));
    let Some(sheet) = sheet else {
        return gone(edge, invocation).await;
    };
    let call = edge.requests.open_form(invocation.reply_to(), &sheet);
    send(edge, call, "a form").await;
}

/// Runs what was typed, changed in its form: what the form has not is as it was.
pub(super) async fn changed(
    edge: &Arc<Edge>,
    invocation: &Invocation,
    key: &str,
    request: RunRequest,
) {
    let Some((taken, before, file)) = take(edge, invocation, key).await else {
        return gone(edge, invocation).await;
    };
    let request = RunRequest {
        typed: request.typed.over(before.typed),
        like: before.like,
        input: before.input,
        upkeep: before.upkeep,
        ..request
    };
    answer(edge, invocation, taken, request, file).await;
}

async fn start(
    edge: &Arc<Edge>,
    invocation: &Invocation,
    request: RunRequest,
    file: Option<Attached>,
) -> bool {
    match file {
        Some(file) => script::run(edge, invocation, &request, &file).await,
        None => Box::pin(asked(edge, invocation, Ask::Run(request))).await,
    }
}

/// What is kept for a form, however often it is opened.
async fn kept(edge: &Edge, key: &str) -> Option<(RunRequest, Option<Attached>)> {
    let kept: Option<Kept> = edge.kept.read(&format!("{KEPT}{key}")).await.ok()?;
    kept.and_then(usable)?.asked()
}

async fn gone(edge: &Edge, invocation: &Invocation) {
    let refusal = Refusal::new(
        Code::Stale,
        "This was pressed already, or is too old. Nothing was run now.",
        "Type the command again.",
    );
    super::refuse(edge, invocation, &refusal).await;
}

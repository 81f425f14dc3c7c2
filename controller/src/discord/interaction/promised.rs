//! Answers that were promised: what fills them may come later than the three seconds that Discord gives an answer. That Discord took the
//! promise is the proof that the interaction is fresh.

use std::time::Duration;

use shanty_core::causes::chain;
use shanty_core::refusal::{Code, Refusal};
use shanty_core::view::{self, Audience, Card};

use crate::discord::Edge;
use crate::discord::answers::{Answer, MessageRef};
use crate::discord::call::{Call, Repeat};
use crate::discord::commands::Invocation;
use crate::discord::publish::again_ms;
use crate::discord::requests::RequestError;
use crate::discord::sender::{Outcome, SendError};

/// Times that the answer is sent, when Discord cannot be reached.
const TRIES: u32 = 4;
/// Whether Discord has an answer all the same must be known by then: later nobody expects a run to start.
pub(super) const LOOK_UP: Duration = Duration::from_secs(10);
/// The status of what is not there, or not any more.
const NOT_FOUND: u16 = 404;

/// Where a card that was late stands.
pub(super) struct Filled {
    /// The message.
    pub(super) at: MessageRef,
    /// It is the answer itself; otherwise a message after it, which its token does not edit as the answer.
    pub(super) is_answer: bool,
}

/// Promises an answer to them; true when Discord took that. Where nobody knows it is looked for: a promise that stands is to be filled. One that
/// cannot be found is given up, and that is said where it may stand.
pub(super) async fn promise(edge: &Edge, invocation: &Invocation, to_whom: Audience) -> bool {
    let call = match edge.requests.defer(invocation.reply_to(), to_whom) {
        Ok(call) => call,
        Err(error) => {
            tracing::error!("an answer could not be promised: {}", chain(&error));
            return false;
        }
    };
    let Err(error) = edge.sender.call(&call).await else {
        return true;
    };
    tracing::warn!(
        "the promise of an answer did not reach Discord: {}",
        chain(&error)
    );
    match error.outcome() {
        Outcome::NotDone => false,
        Outcome::Unknown => match original(edge, invocation).await {
            Original::At(_) => true,
            // It may stand all the same, and Discord not show it yet.
            Original::Nothing | Original::Unknown => {
                give_up(edge, invocation).await;
                false
            }
        },
    }
}

/// Says in the place of a promise that nothing comes. Where none stands that is refused, and nothing is left to be done.
async fn give_up(edge: &Edge, invocation: &Invocation) {
    let refusal = Refusal::new(
        Code::AckFailed,
        "Discord lost the answer to this on its way. Nothing was done.",
        "Ask again.",
    );
    let card = view::refusal_card(&refusal);
    let fill = edge.requests.edit_original(invocation.reply_to(), &card);
    if let Err(why) = sent(edge, &fill).await {
        tracing::info!("there is no promise to be taken back: {why}");
    }
}

/// What stands as the answer to an interaction.
pub(super) enum Original {
    /// This message.
    At(MessageRef),
    /// None.
    Nothing,
    /// Discord did not say.
    Unknown,
}

/// Looks once whether Discord has an answer of which nobody knows.
pub(super) async fn original(edge: &Edge, invocation: &Invocation) -> Original {
    let look = match edge.requests.read_original(invocation.reply_to()) {
        Ok(look) => look,
        Err(error) => {
            tracing::error!("an answer could not be looked for: {}", chain(&error));
            return Original::Unknown;
        }
    };
    let Ok(found) = tokio::time::timeout(LOOK_UP, edge.sender.call(&look)).await else {
        return Original::Unknown;
    };
    match found.and_then(|answer| answer.message()) {
        Ok(at) => Original::At(at),
        Err(error) if is_gone(&error) => Original::Nothing,
        Err(_) => Original::Unknown,
    }
}

/// Fills what was promised. Who sees a promised answer cannot be changed: for others it goes, and the card is a message of its own.
pub(super) async fn fill(
    edge: &Edge,
    invocation: &Invocation,
    promised: Audience,
    card: &Card,
    to_whom: Audience,
) -> Result<Filled, String> {
    let to = invocation.reply_to();
    let is_answer = promised == to_whom;
    let call = if is_answer {
        edge.requests.edit_original(to, card)
    } else {
        let delete = edge.requests.delete_original(to);
        match repeated(edge, formed(&delete)?).await {
            Ok(_) => {}
            // A deletion whose answer was lost was done, or somebody else did it.
            Err(error) if is_gone(&error) => {}
            // While the promise stands, what comes after it fills it, for those whom it was for.
            Err(error) => return Err(error.told()),
        }
        edge.requests.follow_up(to, card, to_whom)
    };
    let answer = sent(edge, &call).await?;
    let at = answer.message().map_err(|error| error.told())?;
    Ok(Filled { at, is_answer })
}

/// Sends a call, again when Discord cannot be reached and that may be done; or gives why it cannot be.
pub(super) async fn sent(edge: &Edge, call: &Result<Call, RequestError>) -> Result<Answer, String> {
    repeated(edge, formed(call)?)
        .await
        .map_err(|error| error.told())
}

/// A call that is well formed; the log has why it is not.
pub(super) fn formed(call: &Result<Call, RequestError>) -> Result<&Call, String> {
    call.as_ref().map_err(|error| {
        tracing::error!("an answer could not be formed: {}", chain(error));
        "the answer could not be formed".to_owned()
    })
}

const fn is_gone(error: &SendError) -> bool {
    matches!(
        error,
        SendError::Discord {
            status: NOT_FOUND,
            ..
        }
    )
}

async fn repeated(edge: &Edge, call: &Call) -> Result<Answer, SendError> {
    let mut tries = 0;
    loop {
        let error = match edge.sender.call(call).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        tries += 1;
        tracing::warn!("an answer did not reach Discord: {}", chain(&error));
        let once = match call.repeat() {
            Repeat::Safe | Repeat::ByNonce => false,
            Repeat::Never => error.outcome() == Outcome::Unknown,
        };
        if error.is_final() || once || tries == TRIES {
            return Err(error);
        }
        tokio::select! {
            () = edge.shutdown.cancelled() => return Err(error),
            () = tokio::time::sleep(Duration::from_millis(again_ms(&error))) => {}
        }
    }
}

//! Answers that were promised: what fills them may come later than the three seconds that Discord gives an answer. That Discord took the
//! promise is the proof that the interaction is fresh.

use std::time::Duration;

use shanty_core::causes::chain;
use shanty_core::view::{Audience, Card};

use crate::discord::Edge;
use crate::discord::answers::{Answer, MessageRef};
use crate::discord::call::{Call, Repeat};
use crate::discord::commands::Invocation;
use crate::discord::publish::again_ms;
use crate::discord::requests::RequestError;

/// Times that the answer is sent, when Discord cannot be reached.
const TRIES: u32 = 4;

/// Where a card that was late stands.
pub(super) struct Filled {
    /// The message.
    pub(super) at: MessageRef,
    /// It is the answer itself; otherwise a message after it, which its token does not edit as the answer.
    pub(super) is_answer: bool,
}

/// Promises an answer to them; true when Discord took that.
pub(super) async fn promise(edge: &Edge, invocation: &Invocation, to_whom: Audience) -> bool {
    let call = match edge.requests.defer(invocation.reply_to(), to_whom) {
        Ok(call) => call,
        Err(error) => {
            tracing::error!("an answer could not be promised: {}", chain(&error));
            return false;
        }
    };
    let promised = edge.sender.call(&call).await;
    if let Err(error) = &promised {
        tracing::warn!(
            "the promise of an answer did not reach Discord: {}",
            chain(error)
        );
    }
    promised.is_ok()
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
        sent(edge, &edge.requests.delete_original(to)).await?;
        edge.requests.follow_up(to, card, to_whom)
    };
    let answer = sent(edge, &call).await?;
    let at = answer.message().map_err(|error| chain(&error))?;
    Ok(Filled { at, is_answer })
}

/// Sends a call, again when Discord cannot be reached and that may be done; or gives why it cannot be.
pub(super) async fn sent(edge: &Edge, call: &Result<Call, RequestError>) -> Result<Answer, String> {
    let call = match call {
        Ok(call) => call,
        Err(error) => {
            tracing::error!("an answer could not be formed: {}", chain(error));
            return Err(chain(error));
        }
    };
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
            Repeat::Never => true,
        };
        if error.is_final() || once || tries == TRIES {
            return Err(chain(&error));
        }
        tokio::select! {
            () = edge.shutdown.cancelled() => return Err(chain(&error)),
            () = tokio::time::sleep(Duration::from_millis(again_ms(&error))) => {}
        }
    }
}

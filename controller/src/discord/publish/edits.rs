//! With whose token a card is edited: the one place that decides.
//!
//! For a quarter of an hour the token of the interaction that a card answers edits it. Each such token has a bucket of its own, and what
//! is done with it does not count for the bot's global limit: a card then takes no turn from the other messages of its channel. Tokens are
//! secrets and are not kept, so that after a restart, and for runs that nobody asked for in chat, it is the bot's own token that edits.

use hyper::StatusCode;
use shanty_core::thread::Block;

use super::Publisher;
use super::card::made_ms;
use super::write::{LOCKED, UNKNOWN_CHANNEL};
use crate::discord::commands::Invocation;
use crate::discord::error::ARCHIVED;
use crate::discord::requests::ReplyTo;
use crate::discord::secret::Secret;
use crate::discord::sender::SendError;

/// How long the token of an interaction is used, milliseconds. Discord takes it for 15 min by its own clock.
const TOKEN_MS: u64 = 14 * 60_000;
/// Discord's code for a token that is none any more.
const INVALID_WEBHOOK_TOKEN: u64 = 50_027;
/// Codes that tell of the place of a card, whoever edits it there.
const NOT_THE_TOKENS: [u64; 3] = [UNKNOWN_CHANNEL, ARCHIVED, LOCKED];

/// What edits the answer to an interaction without the bot's token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::discord) struct ByToken {
    interaction: u64,
    application: u64,
    token: Secret,
}

impl ByToken {
    /// Of an interaction that is answered with a card.
    pub(in crate::discord) fn of(invocation: &Invocation) -> Self {
        let to = invocation.reply_to();
        Self {
            interaction: to.interaction,
            application: to.application,
            token: to.token.clone(),
        }
    }

    /// The answer.
    pub(super) const fn reply_to(&self) -> ReplyTo<'_> {
        ReplyTo {
            interaction: self.interaction,
            application: self.application,
            token: &self.token,
        }
    }

    const fn is_good(&self, now_ms: u64) -> bool {
        now_ms < made_ms(self.interaction).saturating_add(TOKEN_MS)
    }
}

impl Publisher {
    /// What edits a message instead of the bot's token, if anything does now.
    pub(super) fn by_token(&self, block: Block, now_ms: u64) -> Option<&ByToken> {
        let is_answer = block == Block::Card(0);
        let token = self.by_token.as_ref().filter(|_| is_answer);
        token.filter(|token| token.is_good(now_ms))
    }

    /// Takes that an edit by the token failed; true when the bot's own token may do it, now and from now on.
    pub(super) fn token_failed(&mut self, error: &SendError) -> bool {
        let is_refused = match error {
            // The bot may not, or cannot, open the thread that the card is in. Its token would fare no better.
            SendError::Discord { code, .. } if NOT_THE_TOKENS.contains(code) => false,
            SendError::Discord { status, code, .. } => {
                let refused = [
                    StatusCode::UNAUTHORIZED,
                    StatusCode::FORBIDDEN,
                    StatusCode::NOT_FOUND,
                ];
                refused.iter().any(|refused| refused.as_u16() == *status)
                    || *code == INVALID_WEBHOOK_TOKEN
            }
            SendError::Timeout(_)
            | SendError::Unreached(_)
            | SendError::Connection(_)
            | SendError::RateLimited { .. }
            | SendError::Unauthorized
            | SendError::Body(_)
            | SendError::TooLong
            | SendError::Malformed(_) => false,
        };
        if is_refused {
            tracing::info!(run.id = %self.run, "a card is edited with the bot's token from now on: {error}");
            self.by_token = None;
        }
        is_refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_used_for_fourteen_minutes_and_not_printed() {
        let interaction = 1_795_341_000_000_u64.saturating_sub(made_ms(0)) << 22;
        let by_token = ByToken {
            interaction,
            application: 1,
            token: Secret::new("hush".to_owned()),
        };
        assert!(!format!("{by_token:?}").contains("hush"));
        let made_ms = made_ms(interaction);
        assert_eq!(made_ms, 1_795_341_000_000);
        assert!(by_token.is_good(0) && by_token.is_good(made_ms + TOKEN_MS - 1));
        assert!(!by_token.is_good(made_ms + TOKEN_MS));
    }
}

//! Join tokens: made, listed and voided on the admin socket.

use shanty_core::ids::Labels;
use shanty_core::journal::{Kind, TokenEntry};
use shanty_core::limits;
use shanty_core::principal::Principal;
use shanty_core::refusal::{Code, Refusal};
use tokio::sync::oneshot;

use super::request::{NewToken, TokenRow};
use super::{After, Hub};
use crate::clock::now_ms;

impl Hub {
    pub(super) fn token_create(
        &mut self,
        user: String,
        labels: Labels,
        uses_max: u32,
        ttl_ms: u64,
        reply: oneshot::Sender<Result<NewToken, Refusal>>,
    ) {
        if !(1..=limits::TOKEN_USES_MAX).contains(&uses_max) {
            let what = format!("A token takes 1 to {} uses.", limits::TOKEN_USES_MAX);
            drop(reply.send(Err(Refusal::new(Code::TooLong, what, ""))));
            return;
        }
        if !(1_000..=limits::TOKEN_MS.1).contains(&ttl_ms) {
            let what = "A token lives from 1s to 7d.";
            drop(reply.send(Err(Refusal::new(
                Code::Duration,
                what,
                "Write for example `30m`.",
            ))));
            return;
        }
        let Ok(token) = shanty_certs::token::JoinToken::generate(self.parts.ca.pin()) else {
            let what = "The system gave no random numbers. No token was made.";
            drop(reply.send(Err(Refusal::new(Code::Token, what, "Try again."))));
            return;
        };
        let expires_ms = now_ms().saturating_add(ttl_ms);
        let kind = Kind::TokenCreated {
            token: token.id(),
            secret_sha256: token.secret_sha256(),
            labels,
            uses_max,
            expires_ms,
            by: Principal::Local(user),
        };
        let new = NewToken {
            text: token.reveal(),
            id: token.id(),
            expires_ms,
        };
        self.append(kind, After::Token(new, reply));
    }

    pub(super) fn token_rows(&self) -> Vec<TokenRow> {
        let row = |(id, token): (&String, &TokenEntry)| TokenRow {
            id: id.clone(),
            labels: token.labels.clone(),
            uses: token.uses,
            uses_max: token.uses_max,
            expires_ms: token.expires_ms,
            revoked: token.revoked,
        };
        self.state.tokens.iter().map(row).collect()
    }

    pub(super) fn token_revoke(
        &mut self,
        user: String,
        id: String,
        reply: oneshot::Sender<Result<(), Refusal>>,
    ) {
        if self.state.tokens.contains_key(&id) {
            let kind = Kind::TokenRevoked {
                token: id,
                by: Principal::Local(user),
            };
            self.append(kind, After::Reply(reply));
        } else {
            let next = "`shanty token list` shows the ids of all.";
            drop(reply.send(Err(Refusal::new(
                Code::NotFound,
                "There is no such token.",
                next,
            ))));
        }
    }
}

//! Join tokens, for the command line.

use std::collections::HashMap;

use shanty_core::ask::{Answer, Ask, Question, TokenRequest};
use shanty_core::ids::Labels;
use shanty_core::limits;
use shanty_core::principal::Asker;
use shanty_core::refusal::{Code, Refusal};
use shanty_proto::v1;
use tonic::{Response, Status};

use super::{Admin, Answered, convert, odd};
use crate::status::status;

impl Admin {
    /// Makes a token; the answer is the only place where its secret is seen.
    pub(super) async fn new_token(
        &self,
        asker: Asker,
        request: v1::TokenCreateRequest,
    ) -> Answered<v1::TokenCreateReply> {
        // Before the token: one that nobody sees would be good for nothing.
        let install = match request.install {
            true => Some(self.place().await?),
            false => None,
        };
        let token = self.join.installer.token();
        let token = token.map_err(|refusal| status(&refusal))?;
        let ask = Ask::CreateToken(TokenRequest {
            id: token.id(),
            secret_sha256: token.secret_sha256(),
            labels: labels(&request.labels)?,
            names: request.names.trim().to_owned(),
            uses_max: request.uses_max.unwrap_or(1),
            ttl_ms: request.ttl_ms.unwrap_or(limits::TOKEN_MS.0),
        });
        match self.ask(asker, ask).await? {
            Answer::TokenCreated { expires_ms } => Ok(Response::new(v1::TokenCreateReply {
                token: token.reveal().to_string(),
                id: token.id(),
                expires_ms,
                join: self.join.address.clone(),
                install,
            })),
            other => Err(odd(&other)),
        }
    }

    async fn place(&self) -> Result<v1::InstallPlace, Status> {
        let place = self.join.installer.place().await;
        let place = place.map_err(|error| status(&Refusal::from(error)))?;
        Ok(v1::InstallPlace {
            address: place.address,
            pins: place.pins,
            script_sha256: place.script_sha256,
        })
    }

    /// All tokens.
    pub(super) async fn tokens(&self, asker: Asker) -> Answered<v1::TokenListReply> {
        match self.ask(asker, Ask::Look(Question::Tokens)).await? {
            Answer::Tokens(rows) => Ok(Response::new(v1::TokenListReply {
                tokens: rows.iter().map(convert::token).collect(),
            })),
            other => Err(odd(&other)),
        }
    }
}

fn labels(map: &HashMap<String, String>) -> Result<Labels, Status> {
    shanty_proto::convert::labels_from_wire(map).map_err(|error| {
        let why = std::error::Error::source(&error)
            .map_or_else(|| error.to_string(), ToString::to_string);
        status(&Refusal::new(
            Code::Label,
            why,
            "Write for example `role=web`.",
        ))
    })
}

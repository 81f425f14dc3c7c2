//! Answers that come later than at once, and what becomes of answers: by the token of their interaction, within 15 min of it.

use hyper::Method;
use shanty_core::view::{Audience, Card};
use twilight_model::channel::message::MessageFlags;
use twilight_model::http::interaction::{InteractionResponseData, InteractionResponseType};

use super::body::{self, Mentions, Place};
use super::content::{check_text, path_safe};
use super::{File, ReplyTo, RequestError, Requests, build, form, id, private};
use crate::discord::call::{Call, Repeat, Route};
use crate::discord::cards;

impl Requests {
    /// Promises an answer (type 5): what fills it may come within 15 min, and is seen by those whom the promise was for.
    ///
    /// # Errors
    /// When the interaction cannot be named.
    pub fn defer(&self, to: ReplyTo<'_>, to_whom: Audience) -> Result<Call, RequestError> {
        let data = InteractionResponseData {
            flags: Some(private(to_whom)),
            ..InteractionResponseData::default()
        };
        let kind = InteractionResponseType::DeferredChannelMessageWithSource;
        self.callback(to, kind, Some(data))
    }

    /// Fills a promised answer with a text and files.
    ///
    /// # Errors
    /// When the text or the files break a limit.
    pub fn fill_with_files(
        &self,
        to: ReplyTo<'_>,
        text: &str,
        files: &[File],
    ) -> Result<Call, RequestError> {
        check_text(text, files)?;
        let client = self.client.interaction(id(to.application)?);
        let token = path_safe(to.token)?;
        let update = client.update_response(token);
        let request = build(update.content(Some(text)))?;
        let json = body::edit(&request, Mentions::Nobody, files)?;
        let body = form::encode(&json, files).map_err(RequestError::Random)?;
        Ok(Call::new(
            Route::edit_original(token),
            Method::PATCH,
            request.path().to_owned(),
            body,
            Repeat::Safe,
        ))
    }

    /// Reads the message that answered an interaction: was the callback taken?
    ///
    /// # Errors
    /// When the interaction cannot be named.
    pub fn read_original(&self, to: ReplyTo<'_>) -> Result<Call, RequestError> {
        let client = self.client.interaction(id(to.application)?);
        let token = path_safe(to.token)?;
        let request = build(client.response(token))?;
        body::call(
            Route::read_original(token),
            &request,
            Place::Nowhere,
            Repeat::Safe,
        )
    }

    /// Shows another card in the message that answered an interaction, or fills a promised answer with one, within 15 min of it.
    ///
    /// # Errors
    /// When the card breaks a limit, or the interaction cannot be named.
    pub fn edit_original(&self, to: ReplyTo<'_>, card: &Card) -> Result<Call, RequestError> {
        let components = cards::components(card).map_err(RequestError::Card)?;
        let client = self.client.interaction(id(to.application)?);
        let token = path_safe(to.token)?;
        let edit = client.update_response(token);
        let edit = edit.flags(MessageFlags::IS_COMPONENTS_V2);
        let request = build(edit.components(Some(&components)))?;
        let place = Place::Message(Mentions::Nobody);
        body::call(Route::edit_original(token), &request, place, Repeat::Safe)
    }

    /// Deletes the message that answered an interaction, within 15 min of it.
    ///
    /// # Errors
    /// When the interaction cannot be named.
    pub fn delete_original(&self, to: ReplyTo<'_>) -> Result<Call, RequestError> {
        let client = self.client.interaction(id(to.application)?);
        let token = path_safe(to.token)?;
        let request = build(client.delete_response(token))?;
        let route = Route::delete_original(token);
        body::call(route, &request, Place::Nowhere, Repeat::Safe)
    }

    /// Deletes a message that came after the answer to an interaction, within 15 min of it.
    ///
    /// # Errors
    /// When the interaction or the message cannot be named.
    pub fn delete_follow_up(&self, to: ReplyTo<'_>, message: u64) -> Result<Call, RequestError> {
        let client = self.client.interaction(id(to.application)?);
        let token = path_safe(to.token)?;
        let request = build(client.delete_followup(token, id(message)?))?;
        let route = Route::delete_follow_up(token);
        body::call(route, &request, Place::Nowhere, Repeat::Safe)
    }

    /// Posts a further card, within 15 min of an interaction that was answered.
    ///
    /// # Errors
    /// When the card breaks a limit, or the interaction cannot be named.
    pub fn follow_up(
        &self,
        to: ReplyTo<'_>,
        card: &Card,
        to_whom: Audience,
    ) -> Result<Call, RequestError> {
        let components = cards::components(card).map_err(RequestError::Card)?;
        let client = self.client.interaction(id(to.application)?);
        let token = path_safe(to.token)?;
        let flags = MessageFlags::IS_COMPONENTS_V2 | private(to_whom);
        let request = build(
            client
                .create_followup(token)
                .flags(flags)
                .components(&components),
        )?;
        let place = Place::Message(Mentions::Nobody);
        body::call(Route::follow_up(token), &request, place, Repeat::Never)
    }
}

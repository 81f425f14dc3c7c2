//! Every call that the bot makes, as a function that returns a [`Call`]. Nothing is sent here, and nothing decided.
//!
//! Bodies come from twilight's typed builders, which validate; its client is only there to make them and never sends: its own loop
//! repeats a 429 without end. What the builders lack, and that nobody is mentioned by accident, is added in one place, `requests/body.rs`.

use hyper::Method;
use shanty_core::limits::{CHOICES_MAX, MESSAGE_CHARS_MAX, NAME_CHARS_MAX};
use shanty_core::members::Member;
use shanty_core::text::{prefix, units};
use shanty_core::view::{Audience, Card, Sheet};
use thiserror::Error;
use twilight_http::Client;
use twilight_http::request::{Request, TryIntoRequest};
use twilight_http::routing::Route as Path;
use twilight_model::application::command::{
    Command, CommandOptionChoice, CommandOptionChoiceValue,
};
use twilight_model::channel::message::MessageFlags;
use twilight_model::channel::thread::AutoArchiveDuration;
use twilight_model::http::interaction::{
    InteractionResponse, InteractionResponseData, InteractionResponseType,
};
use twilight_model::id::Id;

use super::call::{Body, Call, Repeat, Route};
use super::cards::{self, CardError};
use body::{Mentions, Place};

pub use content::{Content, File, NewMessage, Nonce, ReplyTo, Sound};
use content::{check_text, path_safe};

mod body;
mod content;
mod form;
mod later;
pub mod reads;

/// Messages that one call lists (Discord).
const LIST_MAX: u16 = 100;

/// Why a call cannot be made from what was given.
#[derive(Debug, Error)]
pub enum RequestError {
    /// The card breaks a limit of Discord.
    #[error("show a card")]
    Card(#[source] CardError),
    /// Neither text nor file.
    #[error("post a message without text")]
    Empty,
    /// Longer than a message may be.
    #[error("post a message of {0} characters, more than {MESSAGE_CHARS_MAX}")]
    TooLong(usize),
    /// A file without name, with a name outside `[A-Za-z0-9._-]`, or too large; or too many files.
    #[error("attach {0}")]
    File(&'static str),
    /// An id of zero, which Discord never gives.
    #[error("use 0 as an id")]
    Id,
    /// An interaction's token that cannot stand in a path.
    #[error("use an interaction's token that is none")]
    Token,
    /// No randomness for the boundary of a form.
    #[error("draw a random number")]
    Random(#[source] getrandom::Error),
    /// twilight refused the values.
    #[error("form the call")]
    Build(#[source] twilight_http::Error),
    /// A body that is not JSON, which no builder makes.
    #[error("form the body")]
    Json(#[source] serde_json::Error),
}

/// Makes the calls. Keep one: it owns a client of twilight that never connects.
#[derive(Debug)]
pub struct Requests {
    client: Client,
}

impl Default for Requests {
    fn default() -> Self {
        Self::new()
    }
}

impl Requests {
    /// To be called inside a Tokio runtime, after a TLS provider was installed (see [`super`]).
    #[must_use]
    pub fn new() -> Self {
        Self {
            client: Client::builder().ratelimiter(None).build(),
        }
    }

    /// Answers with a card (type 4). For the channel, the answer tells the message
    /// ([`callback_message`](super::answers::Answer::callback_message)).
    ///
    /// # Errors
    /// When the card breaks a limit.
    pub fn respond(
        &self,
        to: ReplyTo<'_>,
        card: &Card,
        to_whom: Audience,
    ) -> Result<Call, RequestError> {
        let data = card_data(card, to_whom)?;
        self.callback(
            to,
            InteractionResponseType::ChannelMessageWithSource,
            Some(data),
        )
    }

    /// Takes a press without changing anything yet (type 6).
    ///
    /// # Errors
    /// When the interaction cannot be named.
    pub fn defer_update(&self, to: ReplyTo<'_>) -> Result<Call, RequestError> {
        self.callback(to, InteractionResponseType::DeferredUpdateMessage, None)
    }

    /// Answers a press by changing the card it was made on (type 7).
    ///
    /// # Errors
    /// When the card breaks a limit.
    pub fn update(&self, to: ReplyTo<'_>, card: &Card) -> Result<Call, RequestError> {
        let data = card_data(card, Audience::Channel)?;
        self.callback(to, InteractionResponseType::UpdateMessage, Some(data))
    }

    /// Answers somebody who is typing (type 8). Discord shows 25 at most; names are cut to what it shows, and a value that is empty or
    /// too long is left out, since a cut one would mean something else.
    ///
    /// # Errors
    /// When the interaction cannot be named.
    pub fn suggest<'c>(
        &self,
        to: ReplyTo<'_>,
        choices: impl IntoIterator<Item = (&'c str, &'c str)>,
    ) -> Result<Call, RequestError> {
        let choices = choices
            .into_iter()
            .filter(|(name, value)| {
                !name.is_empty() && !value.is_empty() && units(value) <= NAME_CHARS_MAX
            })
            .take(CHOICES_MAX)
            .map(|(name, value)| CommandOptionChoice {
                name: prefix(name, NAME_CHARS_MAX).to_owned(),
                name_localizations: None,
                value: CommandOptionChoiceValue::String(value.to_owned()),
            })
            .collect();
        let data = InteractionResponseData {
            choices: Some(choices),
            ..InteractionResponseData::default()
        };
        self.callback(
            to,
            InteractionResponseType::ApplicationCommandAutocompleteResult,
            Some(data),
        )
    }

    /// Answers with a form (type 9).
    ///
    /// # Errors
    /// When the interaction cannot be named.
    pub fn open_form(&self, to: ReplyTo<'_>, sheet: &Sheet) -> Result<Call, RequestError> {
        let data = InteractionResponseData {
            custom_id: Some(sheet.form.to_string()),
            title: Some(sheet.title.clone()),
            components: Some(cards::fields(sheet)),
            ..InteractionResponseData::default()
        };
        self.callback(to, InteractionResponseType::Modal, Some(data))
    }

    /// Posts a message with the bot's token.
    ///
    /// # Errors
    /// When the content breaks a limit.
    pub fn create_message(
        &self,
        channel: u64,
        message: &NewMessage<'_>,
    ) -> Result<Call, RequestError> {
        let mut flags = match message.sound {
            Sound::Loud => MessageFlags::empty(),
            Sound::Quiet => MessageFlags::SUPPRESS_NOTIFICATIONS,
        };
        let create = self.client.create_message(id(channel)?);
        let (request, files) = match message.content {
            Content::Text { text, files } => {
                check_text(text, files)?;
                flags |= MessageFlags::SUPPRESS_EMBEDS;
                let create = create.flags(flags);
                let create = if text.is_empty() {
                    create
                } else {
                    create.content(text)
                };
                (build(create)?, files)
            }
            Content::Card(card) => {
                let components = cards::components(card).map_err(RequestError::Card)?;
                // The flag first: it decides by which rules the components are validated.
                let create = create.flags(flags | MessageFlags::IS_COMPONENTS_V2);
                (build(create.components(&components))?, [].as_slice())
            }
        };
        let mentions = message.mention.map_or(Mentions::Nobody, Mentions::Person);
        let json = body::create(&request, mentions, &message.nonce, files)?;
        let body = if files.is_empty() {
            Body::Json(json)
        } else {
            form::encode(&json, files).map_err(RequestError::Random)?
        };
        Ok(Call::new(
            Route::create_message(channel),
            Method::POST,
            request.path().to_owned(),
            body,
            Repeat::ByNonce,
        ))
    }

    /// Reads the messages that came after an id, as many as Discord gives at once.
    ///
    /// # Errors
    /// When the ids cannot be used.
    pub fn list_after(&self, channel: u64, after: u64) -> Result<Call, RequestError> {
        let list = self.client.channel_messages(id(channel)?);
        let request = build(list.after(id(after)?).limit(LIST_MAX))?;
        body::call(
            Route::list_messages(channel),
            &request,
            Place::Nowhere,
            Repeat::Safe,
        )
    }

    /// Replaces the text of one of our messages.
    ///
    /// # Errors
    /// When the text is empty or too long.
    pub fn edit_text(&self, channel: u64, message: u64, text: &str) -> Result<Call, RequestError> {
        check_text(text, &[])?;
        let edit = self.client.update_message(id(channel)?, id(message)?);
        let request = build(edit.content(Some(text)))?;
        let place = Place::Message(Mentions::Nobody);
        body::call(Route::edit_message(channel), &request, place, Repeat::Safe)
    }

    /// Shows another card in one of our messages.
    ///
    /// # Errors
    /// When the card breaks a limit.
    pub fn edit_card(&self, channel: u64, message: u64, card: &Card) -> Result<Call, RequestError> {
        let components = cards::components(card).map_err(RequestError::Card)?;
        let request = build(
            self.client
                .update_message(id(channel)?, id(message)?)
                .flags(MessageFlags::IS_COMPONENTS_V2)
                .components(Some(&components)),
        )?;
        let place = Place::Message(Mentions::Nobody);
        body::call(Route::edit_message(channel), &request, place, Repeat::Safe)
    }

    /// Opens the thread of a message, archived after a day without messages. Its id is the message's; a second one is refused with
    /// code 160004. The name is cut to what Discord takes.
    ///
    /// # Errors
    /// When the ids or the name cannot be used.
    pub fn create_thread(
        &self,
        channel: u64,
        message: u64,
        name: &str,
    ) -> Result<Call, RequestError> {
        let name = prefix(name, NAME_CHARS_MAX);
        let request = build(
            self.client
                .create_thread_from_message(id(channel)?, id(message)?, name)
                .auto_archive_duration(AutoArchiveDuration::Day),
        )?;
        body::call(
            Route::create_thread(channel),
            &request,
            Place::Nowhere,
            Repeat::Never,
        )
    }

    /// Opens a thread again that was archived.
    ///
    /// # Errors
    /// When the id cannot be used.
    pub fn reopen_thread(&self, thread: u64) -> Result<Call, RequestError> {
        let request = build(self.client.update_thread(id(thread)?).archived(false))?;
        let route = Route::edit_thread(thread);
        body::call(route, &request, Place::Nowhere, Repeat::Safe)
    }

    /// Pins a message.
    ///
    /// # Errors
    /// When the ids cannot be used.
    pub fn pin(&self, channel: u64, message: u64) -> Result<Call, RequestError> {
        let request = build(self.client.create_pin(id(channel)?, id(message)?))?;
        let route = Route::pin(channel);
        body::call(route, &request, Place::Nowhere, Repeat::Safe)
    }

    /// Reads a member of a guild, with their roles.
    ///
    /// # Errors
    /// When the ids cannot be used.
    pub fn read_member(&self, member: Member) -> Result<Call, RequestError> {
        let request = build(
            self.client
                .guild_member(id(member.guild)?, id(member.user)?),
        )?;
        let route = Route::read_member(member.guild);
        body::call(route, &request, Place::Nowhere, Repeat::Safe)
    }

    /// Replaces all commands of a guild by these.
    ///
    /// # Errors
    /// When the ids cannot be used.
    pub fn set_commands(
        &self,
        application: u64,
        guild: u64,
        commands: &[Command],
    ) -> Result<Call, RequestError> {
        let client = self.client.interaction(id(application)?);
        let request = build(client.set_guild_commands(id(guild)?, commands))?;
        body::call(
            Route::set_commands(guild),
            &request,
            Place::Nowhere,
            Repeat::Safe,
        )
    }

    fn callback(
        &self,
        to: ReplyTo<'_>,
        kind: InteractionResponseType,
        data: Option<InteractionResponseData>,
    ) -> Result<Call, RequestError> {
        let token = path_safe(to.token)?;
        let place = match kind {
            InteractionResponseType::ChannelMessageWithSource
            | InteractionResponseType::UpdateMessage => Place::Data(Mentions::Nobody),
            // No text, so nobody to mention; Discord documents no other field there.
            _ => Place::Nowhere,
        };
        let response = InteractionResponse { kind, data };
        let client = self.client.interaction(id(to.application)?);
        let create = client.create_response(id(to.interaction)?, token, &response);
        let request = if kind == InteractionResponseType::ChannelMessageWithSource {
            build(create.with_response())?
        } else {
            build(create)?
        };
        body::call(Route::callback(token), &request, place, Repeat::Never)
    }
}

/// Asks where the gateway is, and how many logins are left.
#[must_use]
pub fn read_gateway() -> Call {
    read(Route::GATEWAY, &Path::GetGatewayBot)
}

/// Reads a channel: it tells its guild.
#[must_use]
pub fn read_channel(channel: u64) -> Call {
    read(
        Route::read_channel(channel),
        &Path::GetChannel {
            channel_id: channel,
        },
    )
}

fn read(route: Route, path: &Path<'_>) -> Call {
    let path = Request::from_route(path).path().to_owned();
    Call::new(route, Method::GET, path, Body::None, Repeat::Safe)
}

fn build(builder: impl TryIntoRequest) -> Result<Request, RequestError> {
    builder.try_into_request().map_err(RequestError::Build)
}

fn card_data(card: &Card, to_whom: Audience) -> Result<InteractionResponseData, RequestError> {
    Ok(InteractionResponseData {
        components: Some(cards::components(card).map_err(RequestError::Card)?),
        flags: Some(MessageFlags::IS_COMPONENTS_V2 | private(to_whom)),
        ..InteractionResponseData::default()
    })
}

const fn private(to_whom: Audience) -> MessageFlags {
    match to_whom {
        Audience::Channel => MessageFlags::empty(),
        Audience::Asker => MessageFlags::EPHEMERAL,
    }
}

fn id<T>(id: u64) -> Result<Id<T>, RequestError> {
    Id::new_checked(id).ok_or(RequestError::Id)
}

#[cfg(test)]
mod tests;

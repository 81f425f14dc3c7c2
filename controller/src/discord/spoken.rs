//! Answers whoever speaks to the bot: mentions it in a channel, or writes to it directly. What they write is not looked at beyond that, is not
//! kept and asks for nothing; the answer says only what everybody may know, and how to ask.

use std::sync::Arc;

use shanty_core::causes::chain;
use shanty_core::manners::{Manners, speaks_to};
use shanty_core::view;
use tokio::sync::mpsc;
use twilight_model::channel::Message;
use twilight_model::channel::message::MessageType;

use super::Edge;
use super::requests::{Content, NewMessage, Nonce, Sound};
use crate::clock::now_ms;

/// Somebody spoke to the bot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// The guild; nothing in a direct message.
    pub guild: Option<u64>,
    /// Where.
    pub channel: u64,
    /// The message.
    pub message: u64,
    /// Who.
    pub user: u64,
}

impl Spoken {
    /// Who spoke to the bot in a message. Bots, webhooks and Discord itself do not, so that no two programs talk to each other.
    #[must_use]
    pub fn hear(message: &Message, bot: u64) -> Option<Self> {
        let written = matches!(message.kind, MessageType::Regular | MessageType::Reply);
        let person = !message.author.bot && message.webhook_id.is_none() && written;
        let spoken = message.guild_id.is_none() || speaks_to(&message.content, bot);
        (person && spoken).then(|| Self {
            guild: message.guild_id.map(|id| id.get()),
            channel: message.channel_id.get(),
            message: message.id.get(),
            user: message.author.id.get(),
        })
    }
}

/// Answers until shutdown, one after the other: nobody waits for it, and what is too much is not answered.
pub(super) async fn answer(
    edge: Arc<Edge>,
    guilds: Vec<u64>,
    mut spoken: mpsc::Receiver<Spoken>,
) -> anyhow::Result<()> {
    let mut manners = Manners::default();
    loop {
        let spoken = tokio::select! {
            () = edge.shutdown.cancelled() => return Ok(()),
            spoken = spoken.recv() => spoken,
        };
        let Some(spoken) = spoken else {
            edge.shutdown.cancelled().await;
            return Ok(());
        };
        let served = spoken.guild.is_none_or(|guild| guilds.contains(&guild));
        if served && manners.answers(spoken.channel, spoken.user, now_ms()) {
            reply(&edge, spoken).await;
        }
    }
}

async fn reply(edge: &Edge, spoken: Spoken) {
    let card = match spoken.guild {
        Some(_) => view::mention_card(),
        None => view::direct_card(),
    };
    let message = NewMessage {
        content: Content::Card(&card),
        nonce: Nonce::named(&format!("spoken {}", spoken.message)),
        sound: Sound::Quiet,
        mention: None,
    };
    match edge.requests.create_message(spoken.channel, &message) {
        Ok(call) => {
            // It may not write there, or is busy: they can type `/help` all the same.
            if let Err(error) = edge.sender.call(&call).await {
                tracing::debug!("somebody who spoke was not answered: {}", chain(&error));
            }
        }
        Err(error) => tracing::error!("an answer could not be formed: {}", chain(&error)),
    }
}

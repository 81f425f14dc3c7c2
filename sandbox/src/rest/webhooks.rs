//! Follow-ups and edits of an interaction's answers, by its token.
//!
//! Needs no permission in the channel, as Discord's interaction webhooks do not. Ephemeral messages are reached only here.

use super::access;
use super::call::{Call, Reply};
use super::callback::{must_stand, post};
use super::messages::shown;
use crate::error::{ApiError, Form, INVALID_WEBHOOK_TOKEN, UNKNOWN_MESSAGE, UNKNOWN_WEBHOOK};
use crate::model::interaction::{Answer, Interaction};
use crate::model::message::draft::{Draft, Kind};
use crate::model::message::mentions::Allowed;
use crate::model::message::{COMPONENTS_V2, EPHEMERAL, LOADING, Message};
use crate::snowflake::Snowflake;
use crate::world::World;

/// `POST /webhooks/{webhook_id}/{webhook_token}`
pub(crate) fn follow_up(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let interaction = authorised(world, call)?;
    must_stand(world, &interaction)?;
    let placeholder = match interaction.answer {
        Some(Answer::Deferred(id)) => standing(world, &interaction, id)
            .ok()
            .filter(|m| m.has(LOADING)),
        Some(Answer::Message(_) | Answer::Source(_) | Answer::Choices(_) | Answer::Modal(_))
        | None => None,
    };
    // The first follow-up of a deferral fills its placeholder: documented, though discouraged.
    if let Some(id) = placeholder.map(|message| message.id) {
        return revise(world, call, &interaction, id);
    }
    let mut form = Form::default();
    let draft = Draft::read(call.object()?, "", &mut form);
    let settled = draft.settle(Kind::Answer, None, &call.uploads, form)?;
    let id = post(
        world,
        &interaction,
        settled,
        draft.mentions.as_ref(),
        draft.tts,
    );
    Ok(Reply::ok(shown(world, interaction.channel, id)))
}

/// `GET /webhooks/{webhook_id}/{webhook_token}/messages/{message_id}`, also for `@original`
pub(crate) fn read(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let (interaction, id) = meant(world, call)?;
    Ok(Reply::ok(shown(world, interaction.channel, id)))
}

/// `PATCH /webhooks/{webhook_id}/{webhook_token}/messages/{message_id}`, also for `@original`
pub(crate) fn edit(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let (interaction, id) = meant(world, call)?;
    revise(world, call, &interaction, id)
}

/// `DELETE /webhooks/{webhook_id}/{webhook_token}/messages/{message_id}`, also for `@original`
pub(crate) fn delete(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let (interaction, id) = meant(world, call)?;
    world.delete_message(interaction.channel, id);
    Ok(Reply::none())
}

/// The interaction that the token is for, once it was answered and while the token lives.
fn authorised(world: &World, call: &Call) -> Result<Interaction, ApiError> {
    if call.id("webhook_id")? != world.application.id {
        return Err(UNKNOWN_WEBHOOK.into());
    }
    let found = world.interactions.with_token(call.text("webhook_token"));
    let interaction = found.ok_or(INVALID_WEBHOOK_TOKEN)?;
    if interaction.answer.is_none() {
        return Err(UNKNOWN_WEBHOOK.into());
    }
    if !interaction.has_token(world.now_ms()) {
        return Err(INVALID_WEBHOOK_TOKEN.into());
    }
    Ok(interaction.clone())
}

/// The message that the path means: one of this interaction's own.
fn meant(world: &World, call: &Call) -> Result<(Interaction, Snowflake), ApiError> {
    let interaction = authorised(world, call)?;
    let original = match interaction.answer {
        Some(Answer::Message(id) | Answer::Deferred(id) | Answer::Source(id)) => Some(id),
        Some(Answer::Choices(_) | Answer::Modal(_)) | None => None,
    };
    let id = match call.text("message_id") {
        "@original" => original.ok_or(UNKNOWN_MESSAGE)?,
        _ => call.id("message_id")?,
    };
    let message = standing(world, &interaction, id)?;
    let own = message
        .origin
        .as_ref()
        .is_some_and(|origin| origin.interaction == interaction.id);
    if own || original == Some(id) {
        Ok((interaction, id))
    } else {
        Err(UNKNOWN_MESSAGE.into())
    }
}

fn standing<'a>(
    world: &'a World,
    interaction: &Interaction,
    id: Snowflake,
) -> Result<&'a Message, ApiError> {
    let message = world
        .channels
        .get(&interaction.channel)
        .and_then(|channel| channel.messages.get(&id));
    Ok(message
        .filter(|message| message.deleted_ms.is_none())
        .ok_or(UNKNOWN_MESSAGE)?)
}

fn revise(
    world: &mut World,
    call: &Call,
    interaction: &Interaction,
    id: Snowflake,
) -> Result<Reply, ApiError> {
    let channel_id = interaction.channel;
    let channel = world.channels.get(&channel_id).ok_or(UNKNOWN_MESSAGE)?;
    access::not_archived(channel)?;
    let before = standing(world, interaction, id)?;
    let mut form = Form::default();
    let draft = Draft::read(call.object()?, "", &mut form);
    let settled = draft.settle(Kind::Edit, Some(before), &call.uploads, form)?;
    let allowed = draft
        .mentions
        .unwrap_or_else(Allowed::by_default_of_interactions);
    debug_assert!(
        before.flags & EPHEMERAL == settled.flags & EPHEMERAL,
        "invariant: edits cannot change who sees"
    );
    debug_assert!(
        before.flags & COMPONENTS_V2 <= settled.flags & COMPONENTS_V2,
        "invariant: V2 stays"
    );
    world.revise(channel_id, id, settled, &allowed);
    Ok(Reply::ok(shown(world, channel_id, id)))
}

//! The first answer to an interaction.
//!
//! A refused answer leaves the interaction open: only an accepted one acknowledges it.

use serde_json::{Map, Value, json};

use super::call::{Call, Reply};
use super::messages::shown;
use crate::error::{ALREADY_ACKNOWLEDGED, ApiError, Form, UNKNOWN_CHANNEL, UNKNOWN_INTERACTION};
use crate::field::{Fields, not_among};
use crate::model::commands::options::check_choice_list;
use crate::model::interaction::{Answer, Interaction, Kind as Interacted, modal};
use crate::model::message::draft::{Draft, Kind, Settled};
use crate::model::message::mentions::Allowed;
use crate::model::message::{
    COMMAND_ANSWER, EPHEMERAL, LOADING, MENU_ANSWER, Origin, REPLY, Reference,
};
use crate::snowflake::Snowflake;
use crate::world::World;
use crate::world::posting::Post;

const MESSAGE: u64 = 4;
const DEFERRED_MESSAGE: u64 = 5;
const DEFERRED_UPDATE: u64 = 6;
const UPDATE: u64 = 7;
const CHOICES: u64 = 8;
const MODAL: u64 = 9;

/// `POST /interactions/{interaction_id}/{interaction_token}/callback`
pub(crate) fn answer(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let found = world.interactions.find(call.id("interaction_id")?);
    let found = found
        .filter(|found| found.token == call.text("interaction_token"))
        .cloned();
    let interaction = found.ok_or(UNKNOWN_INTERACTION)?;
    if interaction.answer.is_some() {
        return Err(ALREADY_ACKNOWLEDGED.into());
    }
    let now_ms = world.now_ms();
    if !interaction.is_fresh(now_ms) {
        return Err(UNKNOWN_INTERACTION.into());
    }
    let kind = read_kind(call, &interaction)?;
    must_stand(world, &interaction)?;
    let empty = Map::new();
    let data = call.object()?.get("data").and_then(Value::as_object);
    let accepted = Answering {
        world,
        call,
        interaction: &interaction,
        data: data.unwrap_or(&empty),
    }
    .accept(kind)?;
    world
        .traffic
        .acknowledged(now_ms.saturating_sub(interaction.created_ms));
    let body = call
        .query_flag("with_response")
        .then(|| response(world, &interaction, kind, &accepted));
    world.interactions.answered(interaction.id, accepted);
    if interaction.kind == Interacted::ModalSubmit {
        world.close_modals_of(interaction.user);
    }
    world.touch(interaction.channel);
    Ok(body.map_or_else(Reply::none, Reply::ok))
}

/// A channel that was deleted meanwhile takes no answers.
pub(crate) fn must_stand(world: &World, interaction: &Interaction) -> Result<(), ApiError> {
    if world.channels.contains_key(&interaction.channel) {
        Ok(())
    } else {
        Err(UNKNOWN_CHANNEL.into())
    }
}

/// The answer's type, which must suit what is answered.
fn read_kind(call: &Call, interaction: &Interaction) -> Result<u64, ApiError> {
    let mut form = Form::default();
    let body = Fields::new(call.object()?, "");
    let kind = body.integer(&mut form, "type", 0..=u64::MAX);
    if kind.is_none() && body.value("type").is_none() {
        body.missing(&mut form, "type");
    }
    let suits: &[u64] = match interaction.kind {
        Interacted::Command => &[MESSAGE, DEFERRED_MESSAGE, MODAL],
        Interacted::Component => &[MESSAGE, DEFERRED_MESSAGE, DEFERRED_UPDATE, UPDATE, MODAL],
        Interacted::Autocomplete => &[CHOICES],
        Interacted::ModalSubmit if interaction.source.is_some() => {
            &[MESSAGE, DEFERRED_MESSAGE, DEFERRED_UPDATE, UPDATE]
        }
        Interacted::ModalSubmit => &[MESSAGE, DEFERRED_MESSAGE],
    };
    if kind.is_some_and(|kind| !suits.contains(&kind)) {
        let names: Vec<_> = suits.iter().map(u64::to_string).collect();
        not_among(&mut form, "type", &names.join(", "));
    }
    form.finish()?;
    Ok(kind.unwrap_or_default())
}

struct Answering<'a> {
    world: &'a mut World,
    call: &'a Call,
    interaction: &'a Interaction,
    data: &'a Map<String, Value>,
}

impl Answering<'_> {
    fn accept(mut self, kind: u64) -> Result<Answer, ApiError> {
        match kind {
            MESSAGE => self.message(),
            DEFERRED_MESSAGE => Ok(self.deferred()),
            DEFERRED_UPDATE => self.source().map(Answer::Source),
            UPDATE => self.update(),
            CHOICES => self.choices(),
            _ => self.modal(),
        }
    }

    fn message(&mut self) -> Result<Answer, ApiError> {
        let mut form = Form::default();
        let draft = Draft::read(self.data, "data", &mut form);
        let settled = draft.settle(Kind::Answer, None, &self.call.uploads, form)?;
        let id = post(
            self.world,
            self.interaction,
            settled,
            draft.mentions.as_ref(),
            draft.tts,
        );
        Ok(Answer::Message(id))
    }

    fn deferred(&mut self) -> Answer {
        // EPHEMERAL is the only flag that a deferral may carry.
        let asked = self.data.get("flags").and_then(Value::as_u64).unwrap_or(0);
        let flags = (asked & EPHEMERAL) | LOADING;
        let settled = Settled {
            flags,
            ..Settled::default()
        };
        Answer::Deferred(post(self.world, self.interaction, settled, None, false))
    }

    fn update(&mut self) -> Result<Answer, ApiError> {
        let id = self.source()?;
        let channel = self.interaction.channel;
        let before = self
            .world
            .channels
            .get(&channel)
            .and_then(|channel| channel.messages.get(&id));
        let mut form = Form::default();
        let draft = Draft::read(self.data, "data", &mut form);
        let settled = draft.settle(Kind::Edit, before, &self.call.uploads, form)?;
        let allowed = draft
            .mentions
            .unwrap_or_else(Allowed::by_default_of_interactions);
        self.world.revise(channel, id, settled, &allowed);
        Ok(Answer::Source(id))
    }

    fn source(&self) -> Result<Snowflake, ApiError> {
        let channel = self.world.channels.get(&self.interaction.channel);
        let standing = |id: &Snowflake| {
            let message = channel.and_then(|channel| channel.messages.get(id));
            message.is_some_and(|message| message.deleted_ms.is_none())
        };
        let source = self.interaction.source.filter(standing);
        Ok(source.ok_or(crate::error::UNKNOWN_MESSAGE)?)
    }

    fn choices(&self) -> Result<Answer, ApiError> {
        let mut form = Form::default();
        let data = Fields::new(self.data, "data");
        let choices = data.list(&mut form, "choices", 0..=25);
        if data.value("choices").is_none() {
            data.missing(&mut form, "choices");
        }
        let choices = choices.cloned().unwrap_or_default();
        check_choice_list(&choices, "data.choices", None, &mut form);
        form.finish()?;
        Ok(Answer::Choices(choices))
    }

    fn modal(&self) -> Result<Answer, ApiError> {
        let mut form = Form::default();
        let checked = modal::check(Fields::new(self.data, "data"), &mut form);
        form.finish()?;
        Ok(Answer::Modal(checked))
    }
}

/// Posts an answer or follow-up of an interaction.
pub(crate) fn post(
    world: &mut World,
    interaction: &Interaction,
    settled: Settled,
    allowed: Option<&Allowed>,
    tts: bool,
) -> Snowflake {
    let original = match interaction.answer {
        Some(Answer::Message(id) | Answer::Deferred(id) | Answer::Source(id)) => Some(id),
        Some(Answer::Choices(_) | Answer::Modal(_)) | None => None,
    };
    let reference = original.or(interaction.source).map(|message| Reference {
        channel: interaction.channel,
        message: Some(message),
    });
    let is_command = interaction.kind == Interacted::Command;
    let first_of_command = is_command && original.is_none();
    let only_for = (settled.flags & EPHEMERAL != 0).then_some(interaction.user);
    let allowed = allowed
        .cloned()
        .unwrap_or_else(Allowed::by_default_of_interactions);
    let kind = match reference {
        None if first_of_command && interaction.menu.is_some() => MENU_ANSWER,
        None if first_of_command => COMMAND_ANSWER,
        None => crate::model::message::REGULAR,
        Some(_) => REPLY,
    };
    world.post(Post {
        kind,
        tts,
        reference,
        origin: Some(Origin {
            original,
            ..origin(world, interaction)
        }),
        only_for,
        ..Post::new(interaction.channel, world.application.id, settled, allowed)
    })
}

/// The interaction as its messages tell of it.
fn origin(world: &World, interaction: &Interaction) -> Origin {
    // A modal is never the answer to a modal: there is one step at most.
    let opener = interaction
        .opener
        .and_then(|id| world.interactions.find(id));
    Origin {
        interaction: interaction.id,
        kind: interaction.kind.number(),
        user: interaction.user,
        command: (interaction.kind == Interacted::Command).then(|| interaction.label.clone()),
        menu: interaction.menu,
        source: interaction.source,
        trigger: opener.map(|opener| Box::new(origin(world, opener))),
        original: None,
    }
}

/// The body for `with_response=true`. Only an answer that made or changed a message has a resource.
fn response(world: &World, interaction: &Interaction, kind: u64, accepted: &Answer) -> Value {
    let mut told = json!({"id": interaction.id, "type": interaction.kind.number()});
    let (Answer::Message(id) | Answer::Deferred(id) | Answer::Source(id)) = accepted else {
        return json!({"interaction": told});
    };
    let message = shown(world, interaction.channel, *id);
    let flags = message.get("flags").and_then(Value::as_u64).unwrap_or(0);
    if let Some(told) = told.as_object_mut() {
        told.insert("response_message_id".into(), json!(id));
        told.insert(
            "response_message_loading".into(),
            json!(flags & LOADING != 0),
        );
        told.insert(
            "response_message_ephemeral".into(),
            json!(flags & EPHEMERAL != 0),
        );
    }
    if matches!(kind, MESSAGE | UPDATE) {
        json!({"interaction": told, "resource": {"type": kind, "message": message}})
    } else {
        json!({"interaction": told})
    }
}

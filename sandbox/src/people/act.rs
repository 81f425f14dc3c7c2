//! What people do: commands, autocomplete, messages, reactions.
//!
//! Clicking and selecting are in `pick`, modals in `modal`.

use serde_json::{Value, json};

use super::ask::{Ask, Bad};
use super::command::{Resolved, Typing};
use super::files;
use crate::model::commands::{Command, MESSAGE_MENU, SLASH};
use crate::model::guild::permissions::{
    ADD_REACTIONS, ATTACH_FILES, MANAGE_THREADS, READ_MESSAGE_HISTORY, SEND_IN_THREADS,
    SEND_MESSAGES, VIEW_CHANNEL,
};
use crate::model::guild::{Channel, with};
use crate::model::interaction::{Answer, Kind};
use crate::model::message::draft::{Planned, Settled};
use crate::model::message::emoji::Emoji;
use crate::model::message::mentions::Allowed;
use crate::model::message::{Menu, REGULAR, REPLY, Reference};
use crate::snowflake::Snowflake;
use crate::world::World;
use crate::world::interactions::Start;
use crate::world::posting::Post;
use crate::world::reactions::At;

/// Options of all levels of one command that can be files.
const OPTIONS_MAX: usize = 25;
/// Characters that a person may write.
const CONTENT_MAX: usize = 4000;
/// Tokens of people at once.
const BEARERS_MAX: usize = 1000;

/// Where someone does something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) user: Snowflake,
    pub(crate) channel: Snowflake,
    pub(crate) guild: Option<Snowflake>,
}

impl Place {
    /// Reads `guild_id`, `channel_id` and `user_id`: they must exist and the person must see the channel.
    pub(crate) fn read(world: &World, ask: Ask<'_>) -> Result<Self, Bad> {
        let user = ask.id("user_id")?;
        if !world.users.contains_key(&user) {
            return Err(ask.bad("user_id", "there is no such user"));
        }
        let channel = world.channels.get(&ask.id("channel_id")?);
        let channel = channel.ok_or_else(|| ask.bad("channel_id", "there is no such channel"))?;
        if ask
            .optional_id("guild_id")?
            .is_some_and(|guild| Some(guild) != channel.guild)
        {
            return Err(ask.bad("guild_id", "the channel is not in this guild"));
        }
        let guild = channel.guild.and_then(|id| world.guilds.get(&id));
        if guild.is_some_and(|guild| !guild.members.contains_key(&user)) {
            return Err(ask.bad("user_id", "the user is not in the channel's guild"));
        }
        if world.permissions(user, channel) & VIEW_CHANNEL == 0 {
            return Err(ask.bad("channel_id", "the user does not see this channel"));
        }
        Ok(Self {
            user,
            channel: channel.id,
            guild: channel.guild,
        })
    }
}

/// `slash`
pub(crate) fn slash(world: &mut World, ask: Ask<'_>) -> Result<Value, Bad> {
    let place = Place::read(world, ask)?;
    let kind = ask.number("type")?.unwrap_or(SLASH);
    if !(SLASH..=MESSAGE_MENU).contains(&kind) {
        return Err(ask.bad("type", "it must be 1, 2 or 3"));
    }
    // More than a command can have; ids cost nothing.
    let mut resolved = Resolved::with_ids(world.reserve_ids(OPTIONS_MAX));
    let command = meant(world, ask, place, kind)?;
    let mut data = command_data(command, place);
    let mut label = command.name.clone();
    let mut menu = None;
    if kind == SLASH {
        let typing = Typing {
            world,
            place,
            completing: false,
        };
        let options = typing.read(
            command.options(),
            ask.list("options")?,
            "options",
            &mut resolved,
        )?;
        label = called(label, &options);
        data = with(data, "options", Value::Array(options));
    } else {
        let target = ask.id("target_id")?;
        let found = if kind == MESSAGE_MENU {
            resolved.message(world, place, target)
        } else {
            resolved.user(world, place, target)
        };
        found.map_err(|text| ask.bad("target_id", text))?;
        data = with(data, "target_id", json!(target));
        menu = Some(Menu { kind, target });
    }
    resolved.store(world, place.channel);
    if let Some(resolved) = resolved.json() {
        data = with(data, "resolved", resolved);
    }
    let start = Start {
        menu,
        ..started(place, Kind::Command, label, data)
    };
    Ok(json!({"interaction_id": world.start_interaction(start)}))
}

/// `autocomplete`, up to the question; the interaction's id.
pub(crate) fn autocomplete(world: &mut World, ask: Ask<'_>) -> Result<Snowflake, Bad> {
    let place = Place::read(world, ask)?;
    let command = meant(world, ask, place, SLASH)?;
    let mut resolved = Resolved::default();
    let typing = Typing {
        world,
        place,
        completing: true,
    };
    let options = typing.read(
        command.options(),
        ask.list("options")?,
        "options",
        &mut resolved,
    )?;
    if count_focused(&options) != 1 {
        return Err(ask.bad("options", "exactly one option must be focused"));
    }
    let data = with(
        command_data(command, place),
        "options",
        Value::Array(options),
    );
    let label = command.name.clone();
    Ok(world.start_interaction(started(place, Kind::Autocomplete, label, data)))
}

/// The bot's choices, once it has answered.
pub(crate) fn choices(world: &World, id: Snowflake) -> Option<Vec<Value>> {
    match &world.interactions.find(id)?.answer {
        Some(Answer::Choices(choices)) => Some(choices.clone()),
        Some(Answer::Message(_) | Answer::Deferred(_) | Answer::Source(_) | Answer::Modal(_))
        | None => None,
    }
}

/// `message`
pub(crate) fn message(world: &mut World, ask: Ask<'_>) -> Result<Value, Bad> {
    let place = Place::read(world, ask)?;
    let uploads = files::uploads(ask, "attachments")?;
    let content = ask.optional_text("content")?.unwrap_or_default();
    let chars = content.chars().count();
    if (content.trim().is_empty() && uploads.is_empty()) || chars > CONTENT_MAX {
        return Err(ask.bad(
            "content",
            format!("it must have 1 to {CONTENT_MAX} characters"),
        ));
    }
    check_may_write(world, ask, place)?;
    let may_attach = world
        .channels
        .get(&place.channel)
        .is_some_and(|channel| world.permissions(place.user, channel) & ATTACH_FILES != 0);
    if !uploads.is_empty() && !may_attach {
        return Err(ask.bad("attachments", "the user may not send files in this channel"));
    }
    let files = uploads.into_iter().map(|upload| Planned::New {
        upload,
        description: None,
    });
    let settled = Settled {
        content: content.to_owned(),
        files: files.collect(),
        ..Settled::default()
    };
    let reference = replied(world, ask, place)?;
    let post = Post {
        kind: reference.map_or(REGULAR, |_| REPLY),
        reference,
        ..Post::new(place.channel, place.user, settled, Allowed::by_default())
    };
    Ok(json!({"message_id": world.post(post)}))
}

/// `react`: puts an emoji under a message, or takes it away with `remove`.
pub(crate) fn react(world: &mut World, ask: Ask<'_>) -> Result<Value, Bad> {
    let place = Place::read(world, ask)?;
    let id = ask.id("message_id")?;
    let channel = world.channels.get(&place.channel);
    let message = channel.and_then(|channel| channel.messages.get(&id));
    let message = message
        .filter(|message| message.is_public())
        .ok_or_else(|| ask.bad("message_id", "there is no such message in this channel"))?;
    let emoji = Emoji::read(ask.text("emoji")?, |id| world.custom_emoji(id))
        .ok_or_else(|| ask.bad("emoji", "it must be one emoji, or name:id"))?;
    if channel.is_some_and(Channel::is_archived) {
        return Err(ask.bad("channel_id", "the thread is archived"));
    }
    let joins = message.reactions.iter().any(|r| r.emoji == emoji);
    let bits = channel.map_or(0, |channel| world.permissions(place.user, channel));
    let at = At {
        channel: place.channel,
        message: id,
    };
    if ask.flag("remove")? {
        world.unreact(at, place.user, &emoji);
        return Ok(json!({}));
    }
    if bits & READ_MESSAGE_HISTORY == 0 || (!joins && bits & ADD_REACTIONS == 0) {
        return Err(ask.bad("channel_id", "the user may not react in this channel"));
    }
    world
        .react(at, place.user, emoji)
        .map_err(|full| ask.bad("emoji", full.to_string()))?;
    Ok(json!({}))
}

/// `bearer`: a token with which a program acts for a person, as after their consent.
pub(crate) fn bearer(world: &mut World, ask: Ask<'_>) -> Result<Value, Bad> {
    let user = ask.id("user_id")?;
    if world.users.get(&user).is_none_or(|user| user.bot) {
        return Err(ask.bad("user_id", "there is no such person"));
    }
    if world.bearers.len() >= BEARERS_MAX {
        return Err(ask.bad("user_id", format!("there are {BEARERS_MAX} tokens already")));
    }
    let token = crate::token::bearer();
    world.bearers.insert(token.clone(), user);
    Ok(json!({"token": token}))
}

/// The message that a person replies to, by `reply_to`.
fn replied(world: &World, ask: Ask<'_>, place: Place) -> Result<Option<Reference>, Bad> {
    let Some(id) = ask.optional_id("reply_to")? else {
        return Ok(None);
    };
    let channel = world.channels.get(&place.channel);
    let found = channel.and_then(|channel| channel.messages.get(&id));
    if found.is_none_or(|message| !message.is_public() || message.is_system()) {
        return Err(ask.bad("reply_to", "there is no such message in this channel"));
    }
    Ok(Some(Reference {
        channel: place.channel,
        message: Some(id),
    }))
}

fn check_may_write(world: &World, ask: Ask<'_>, place: Place) -> Result<(), Bad> {
    let Some(channel) = world.channels.get(&place.channel) else {
        return Ok(());
    };
    let bits = world.permissions(place.user, channel);
    let (needed, locked) = match &channel.thread {
        Some(thread) => (SEND_IN_THREADS, thread.locked && bits & MANAGE_THREADS == 0),
        None => (SEND_MESSAGES, false),
    };
    if bits & needed == 0 || locked {
        return Err(ask.bad("channel_id", "the user may not write in this channel"));
    }
    if !channel.takes_messages() {
        return Err(ask.bad("channel_id", "nobody writes in a channel of this kind"));
    }
    match world.slowmode_left_s(place.user, channel) {
        Some(left_s) => Err(ask.bad("channel_id", format!("slowmode: wait {left_s} s"))),
        None => Ok(()),
    }
}

fn meant<'a>(world: &'a World, ask: Ask<'_>, place: Place, kind: u64) -> Result<&'a Command, Bad> {
    let name = ask.text("name")?;
    let found = world.commands.meant(place.guild, kind, name);
    let unknown = || ask.bad("name", "the bot has no such command here");
    if ask.flag("forged")? {
        // For tests of what the bot itself checks: a request that no client of Discord's would send.
        return found
            .or_else(|| world.commands.anywhere(kind, name))
            .ok_or_else(unknown);
    }
    let command = found.ok_or_else(unknown)?;
    if let Some(channel) = world.channels.get(&place.channel) {
        world
            .check_use(command, place.user, channel)
            .map_err(|why| ask.bad("name", why.to_string()))?;
    }
    Ok(command)
}

fn command_data(command: &Command, place: Place) -> Value {
    let data = json!({"id": command.id, "name": command.name, "type": command.kind});
    match place.guild.filter(|_| command.scope.is_some()) {
        Some(guild) => with(data, "guild_id", json!(guild)),
        None => data,
    }
}

/// The whole name of what was called: the command's, and those of the group and the subcommand.
fn called(mut name: String, options: &[Value]) -> String {
    let mut within = options;
    while let [option] = within
        && let Some(below) = option.get("options").and_then(Value::as_array)
        && let Some(part) = option.get("name").and_then(Value::as_str)
    {
        name.push(' ');
        name.push_str(part);
        within = below;
    }
    name
}

const fn started(place: Place, kind: Kind, label: String, data: Value) -> Start {
    let Place { user, channel, .. } = place;
    Start {
        kind,
        user,
        channel,
        label,
        data,
        source: None,
        opener: None,
        menu: None,
    }
}

fn count_focused(options: &[Value]) -> usize {
    let counts = options.iter().map(|option| {
        let own = usize::from(option.get("focused") == Some(&Value::Bool(true)));
        let below = option.get("options").and_then(Value::as_array);
        own + below.map_or(0, |below| count_focused(below))
    });
    counts.sum()
}

/// Someone's name for the title of a direct-message channel.
pub(crate) fn title(world: &World, channel: &Channel) -> String {
    let recipient = channel.recipient.and_then(|id| world.users.get(&id));
    recipient.map_or_else(|| channel.name.clone(), |user| user.username.clone())
}

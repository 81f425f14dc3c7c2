//! What somebody asked: an interaction of Discord's as one of a closed set, and who asked, as far as Discord vouches for it.
//!
//! It says nothing about whether they may. What is old, forged or unknown is [`Asked::Unknown`], never an error: there is still
//! somebody to be told.

use shanty_core::ask::{
    Ask, Confirm, One, Part, Question, RunRequest, Steer, UpkeepRequest, Which,
};
use shanty_core::history::Wanted;
use shanty_core::ids::{AgentId, HostName, RunId};
use shanty_core::view::{self, Filled, Form, HistoryPage, Listing, Picked, Press, Try};
use thiserror::Error;
use twilight_model::application::command::{CommandOptionType, CommandType};
use twilight_model::application::interaction::application_command::{
    CommandData, CommandDataOption, CommandOptionValue,
};
use twilight_model::application::interaction::message_component::MessageComponentInteractionData;
use twilight_model::application::interaction::modal::{
    ModalInteractionComponent, ModalInteractionData,
};
use twilight_model::application::interaction::{Interaction, InteractionData, InteractionType};
use twilight_model::channel::ChannelType;
use twilight_model::channel::message::{Component, MessageFlags};
use twilight_model::id::AnonymizableId;

use super::invocation::Invocation;
use super::options::{self, Options};
use super::{RUN_AGAIN, STAR, WORDS, Word, hosts, run};
use crate::discord::secret::Secret;

/// What is run to say hello: it changes nothing, and every host has it.
const HELLO: &str = "echo \"Hello from $(uname -n)\"; uptime";

/// What somebody typed who wants a line with which another host joins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddHost {
    /// Labels that it gets.
    pub labels: String,
    /// Names that it may take.
    pub names: String,
    /// How many hosts.
    pub uses: String,
    /// How long the line is good for.
    pub ttl: String,
    /// Users that commands may run as there.
    pub run_as: String,
}

/// A file that somebody attached, as Discord says it: nobody types its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// Where Discord keeps it.
    pub url: String,
    /// As its owner named it.
    pub name: String,
    /// Its length, bytes.
    pub bytes: u64,
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Something of the hub.
    Ask(Ask),
    /// Running an attached file.
    Script(RunRequest, Attached),
    /// A form for a command, by what else was typed.
    Write(RunRequest),
    /// Something to be seen, in the place of what was pressed on.
    Instead(Question),
    /// A page of a list of hosts. Turning changes the list; what everybody sees stays as it is.
    Page {
        /// The page.
        listing: Listing,
        /// Pressed on such a list.
        turns: bool,
    },
    /// A host that was picked on a page of a list.
    Pick {
        /// The page that it was picked on.
        listing: Listing,
        /// Its name.
        host: HostName,
    },
    /// A form in which what was run can be changed.
    Edit(RunId),
    /// What was run, as a text to copy.
    Copy(RunId),
    /// A page of how a run went on each host. The first is a message of its own; turning changes it.
    ByHost {
        /// The run.
        run: RunId,
        /// The page, from 0.
        page: usize,
        /// Pressed on such a page.
        turns: bool,
        /// The run's thread: see [`Asked::Open`].
        thread: Option<(u64, u64)>,
    },
    /// One group or one host of a run.
    Open {
        /// The run.
        run: RunId,
        /// What was picked.
        picked: Picked,
        /// Guild and thread to which a button of the message leads that was pressed on, when it has one.
        thread: Option<(u64, u64)>,
    },
    /// All that a host printed, as a file.
    Whole(RunId, AgentId),
    /// All that the hosts of a run printed, as files.
    Files(RunId),
    /// How the outputs of a run differ.
    Diff(RunId),
    /// The history, from its newest on.
    History(Wanted),
    /// Another page of it.
    Turn(HistoryPage),
    /// What was looked for as a table: kept under this key, everything without one.
    Table(Option<String>),
    /// A run of the history.
    See(RunId),
    /// What changed between the two runs that are typed.
    Between(String),
    /// Commands that go on what is typed.
    Commands(String),
    /// The command of a card as a favourite, or not any more.
    Star(RunId),
    /// What was meant where something else was typed: kept under this key.
    Meant(String),
    /// Asking those who may for what was refused: kept under this key.
    AskOthers(String),
    /// A form with what was refused: kept under this key.
    Change(String),
    /// What was refused, as it was changed in that form.
    Changed(String, RunRequest),
    /// A line with which another host joins.
    AddHost(AddHost),
    /// Running again what a message shows, which is no run.
    NoRun,
    /// Anything else: another version's command or button, a form, a forged id.
    Unknown,
}

/// An interaction, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Who asked, and what answers them.
    pub invocation: Invocation,
    /// What was asked.
    pub asked: Asked,
}

/// An interaction that nobody can be told anything about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HearError {
    /// A ping, which only comes over HTTP.
    #[error("interaction that is a ping")]
    Ping,
    /// No person.
    #[error("interaction without a person")]
    Person,
    /// In a server, without a member of it, or by an app that was not installed there.
    #[error("interaction in a server that did not install the app")]
    Install,
    /// No channel.
    #[error("interaction without a channel")]
    Channel,
}

/// Reads an interaction.
///
/// # Errors
/// When it does not say who asked, or where.
pub fn hear(interaction: Interaction) -> Result<Heard, HearError> {
    if interaction.kind == InteractionType::Ping {
        return Err(HearError::Ping);
    }
    let invocation = invocation(&interaction)?;
    let on_ephemeral = interaction.message.as_ref().is_some_and(|message| {
        let flags = message.flags.unwrap_or(MessageFlags::empty());
        flags.contains(MessageFlags::EPHEMERAL)
    });
    let asked = match (interaction.kind, interaction.data) {
        (InteractionType::ApplicationCommand, Some(InteractionData::ApplicationCommand(data))) => {
            command(*data, invocation.application)
        }
        (
            InteractionType::ApplicationCommandAutocomplete,
            Some(InteractionData::ApplicationCommand(data)),
        ) => typing(*data),
        (InteractionType::MessageComponent, Some(InteractionData::MessageComponent(data))) => {
            let on = interaction.message.as_ref();
            let thread = on.and_then(|message| thread_on(&message.components));
            press(*data, on_ephemeral, thread)
        }
        (InteractionType::ModalSubmit, Some(InteractionData::ModalSubmit(data))) => submit(*data),
        _ => None,
    };
    Ok(Heard {
        invocation,
        asked: asked.unwrap_or(Asked::Unknown),
    })
}

/// In a server both the member, with the roles of this moment, and that the bot was installed there must be said: a person can install an
/// app for themselves, and bring it to a server that knows nothing of it.
fn is_of_its_server(interaction: &Interaction) -> bool {
    let Some(guild) = interaction.guild_id else {
        return true;
    };
    let installed = interaction.authorizing_integration_owners.guild.as_ref();
    interaction.member.is_some()
        && installed.is_some_and(|owner| *owner == AnonymizableId::Id(guild))
}

fn invocation(interaction: &Interaction) -> Result<Invocation, HearError> {
    if !is_of_its_server(interaction) {
        return Err(HearError::Install);
    }
    let person = interaction.author().ok_or(HearError::Person)?;
    let thread = interaction.channel.as_ref().filter(|channel| {
        matches!(
            channel.kind,
            ChannelType::PublicThread
                | ChannelType::PrivateThread
                | ChannelType::AnnouncementThread
        )
    });
    let roles = interaction.member.iter().flat_map(|member| &member.roles);
    Ok(Invocation {
        guild: interaction.guild_id.map(|id| id.get()),
        channel: channel(interaction).ok_or(HearError::Channel)?,
        parent_channel: thread
            .and_then(|thread| thread.parent_id)
            .map(|id| id.get()),
        channel_is_thread: thread.is_some(),
        user: person.id.get(),
        name: person.name.clone(),
        bot: person.bot,
        roles: roles.map(|id| id.get()).collect(),
        interaction: interaction.id.get(),
        token: Secret::new(interaction.token.clone()),
        application: interaction.application_id.get(),
        promised: None,
    })
}

#[expect(
    deprecated,
    reason = "Discord still sends `channel_id`, and the channel itself may be one that twilight cannot read"
)]
fn channel(interaction: &Interaction) -> Option<u64> {
    let whole = interaction.channel.as_ref().map(|channel| channel.id);
    whole.or(interaction.channel_id).map(|id| id.get())
}

fn command(data: CommandData, application: u64) -> Option<Asked> {
    match data.kind {
        CommandType::ChatInput => {
            let word = Word::find(&WORDS, &data.name)?;
            let is_script = word.name == run::SCRIPT.name;
            let file = attached(&data, run::FILE);
            let named = data.options.iter().any(|option| option.name == run::FILE);
            let asked = word.ask(Options::new(data.options))?;
            let Asked::Ask(Ask::Run(request)) = asked else {
                return Some(asked);
            };
            Some(match file {
                _ if !is_script => Asked::Ask(Ask::Run(request)),
                Some(file) => Asked::Script(request, file),
                // A file that Discord says nothing of: what is given to it is no command.
                None if named => Asked::Unknown,
                None => Asked::Write(request),
            })
        }
        CommandType::Message if data.name == RUN_AGAIN => {
            let run = run_of_message(&data, application);
            let part = Part::All;
            Some(run.map_or(Asked::NoRun, |run| {
                Asked::Ask(Ask::Again {
                    run,
                    part,
                    seen: None,
                })
            }))
        }
        CommandType::Message if data.name == STAR => {
            let run = run_of_message(&data, application);
            Some(run.map_or(Asked::NoRun, Asked::Star))
        }
        _ => None,
    }
}

/// The file of an option.
fn attached(data: &CommandData, name: &str) -> Option<Attached> {
    let option = data.options.iter().find(|option| option.name == name)?;
    let CommandOptionValue::Attachment(id) = &option.value else {
        return None;
    };
    let file = data.resolved.as_ref()?.attachments.get(id)?;
    Some(Attached {
        url: file.url.clone(),
        name: file.filename.clone(),
        bytes: file.size,
    })
}

/// The run whose card a message is: only what we wrote ourselves is looked at.
fn run_of_message(data: &CommandData, application: u64) -> Option<RunId> {
    let target = data.target_id?;
    let messages = &data.resolved.as_ref()?.messages;
    let message = messages.get(&target.cast())?;
    if message.author.id.get() != application {
        return None;
    }
    run_on(&message.components)
}

/// The run of the first button that belongs to one. Discord nests components four deep at most.
fn run_on(components: &[Component]) -> Option<RunId> {
    components.iter().find_map(|component| match component {
        Component::Container(container) => run_on(&container.components),
        Component::ActionRow(row) => run_on(&row.components),
        Component::Button(button) => {
            let press: Press = button.custom_id.as_deref()?.parse().ok()?;
            press.run()
        }
        _ => None,
    })
}

/// A form that was filled in.
fn submit(data: ModalInteractionData) -> Option<Asked> {
    let form: Form = data.custom_id.parse().ok()?;
    let fields: Option<Vec<(String, String)>> = data
        .components
        .into_iter()
        .map(|component| match component {
            ModalInteractionComponent::Label(label) => match *label.component {
                ModalInteractionComponent::TextInput(input) => Some((input.custom_id, input.value)),
                _ => None,
            },
            _ => None,
        })
        .collect();
    Some(match form.filled(&fields?)? {
        Filled::Ask(ask) => Asked::Ask(ask),
        Filled::Change(key, request) => Asked::Changed(key, request),
    })
}

fn typing(data: CommandData) -> Option<Asked> {
    Word::find(&WORDS, &data.name)?;
    let (name, typed) = focused(data.options)?;
    let typed = match name.as_str() {
        options::ON | options::HOSTS => typed,
        // The name of a group, with or without its mark.
        options::NAME => format!("@{}", typed.trim_start_matches('@')),
        run::COMMAND => return Some(Asked::Commands(typed)),
        hosts::VERSION => return Some(Asked::Ask(Ask::Look(Question::Versions))),
        _ => return None,
    };
    Some(Asked::Ask(Ask::Look(Question::Complete { typed })))
}

/// The option that is being typed, at whatever depth: Discord has three at most.
fn focused(options: Vec<CommandDataOption>) -> Option<(String, String)> {
    options.into_iter().find_map(|option| match option.value {
        CommandOptionValue::Focused(typed, CommandOptionType::String) => Some((option.name, typed)),
        CommandOptionValue::SubCommand(below) | CommandOptionValue::SubCommandGroup(below) => {
            focused(below)
        }
        _ => None,
    })
}

/// The thread that a button leads to. What a message of ours holds nobody else wrote.
fn thread_on(components: &[Component]) -> Option<(u64, u64)> {
    components.iter().find_map(|component| match component {
        Component::Container(container) => thread_on(&container.components),
        Component::ActionRow(row) => thread_on(&row.components),
        Component::Button(button) => view::thread_of(button.url.as_deref()?),
        _ => None,
    })
}

/// What agents do to themselves when somebody presses a button on the card of their host.
fn upkeep(on: String, asked: UpkeepRequest) -> Asked {
    Asked::Ask(Ask::Run(RunRequest {
        on,
        upkeep: Some(asked),
        ..RunRequest::default()
    }))
}

fn press(
    data: MessageComponentInteractionData,
    on_ephemeral: bool,
    thread: Option<(u64, u64)>,
) -> Option<Asked> {
    let confirm = |run, choice| Asked::Ask(Ask::Confirm { run, choice });
    let cancel = |run, force| {
        let which = Which::Id(run);
        Asked::Ask(Ask::Cancel { which, force })
    };
    let steer = |run, to| {
        let which = One::Id(run);
        Asked::Ask(Ask::Steer { which, to })
    };
    Some(match data.custom_id.parse::<Press>().ok()? {
        Press::Cancel(run) => cancel(run, false),
        Press::Kill(run) => cancel(run, true),
        Press::Pause(run) => steer(run, Steer::Pause),
        Press::Continue(run) => steer(run, Steer::Continue),
        Press::Go(run) => confirm(run, Confirm::AsAsked),
        Press::Online(run) => confirm(run, Confirm::OnlineOnly),
        Press::Queue(run) => confirm(run, Confirm::Queue),
        Press::Drop(run) => Asked::Ask(Ask::TakeBack { run }),
        Press::Again(run, part) => Asked::Ask(Ask::Again {
            run,
            part,
            seen: None,
        }),
        Press::Edit(run) => Asked::Edit(run),
        Press::Copy(run) => Asked::Copy(run),
        Press::ByHost(run, page) => Asked::ByHost {
            run,
            page,
            turns: on_ephemeral,
            thread,
        },
        Press::Diff(run) => Asked::Diff(run),
        Press::Open(run) => Asked::Open {
            run,
            picked: data.values.first()?.parse().ok()?,
            thread,
        },
        Press::Whole(run, agent) => Asked::Whole(run, agent),
        Press::Files(run) => Asked::Files(run),
        Press::Meant(key) => Asked::Meant(key),
        Press::Change(key) => Asked::Change(key),
        Press::Ask(key) => Asked::AskOthers(key),
        Press::History(page) => Asked::Turn(page),
        Press::Table(key) => Asked::Table(key),
        Press::See => Asked::See(data.values.first()?.parse().ok()?),
        Press::Page(listing) => Asked::Page {
            listing,
            turns: on_ephemeral,
        },
        Press::Pick(listing) => Asked::Pick {
            listing,
            host: data.values.first()?.parse().ok()?,
        },
        Press::RevokeToken(id) => Asked::Ask(Ask::RevokeToken { id }),
        Press::Hello(on) => Asked::Ask(Ask::Run(RunRequest {
            on,
            command: HELLO.to_owned(),
            ..RunRequest::default()
        })),
        Press::Doctor(on) => upkeep(on, UpkeepRequest::Doctor),
        Press::Update(on) => upkeep(
            on,
            UpkeepRequest::Update {
                version: String::new(),
                older: false,
            },
        ),
        Press::Try(what) => Asked::Ask(Ask::Look(match what {
            Try::Hosts => Question::Hosts { on: String::new() },
            Try::Rights => Question::Whoami,
            Try::Runs => return Some(Asked::History(Wanted::default())),
        })),
        Press::Help(topic) => Asked::Ask(Ask::Look(Question::Help(topic))),
        Press::Topics => {
            let topic = data.values.first()?.parse().ok()?;
            let question = Question::Help(topic);
            match on_ephemeral {
                true => Asked::Instead(question),
                false => Asked::Ask(Ask::Look(question)),
            }
        }
    })
}

#[cfg(test)]
mod tests;

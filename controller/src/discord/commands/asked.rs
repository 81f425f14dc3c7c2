//! What somebody asked: an interaction of Discord's as one of a closed set, and who asked, as far as Discord vouches for it.
//!
//! It says nothing about whether they may. What is old, forged or unknown is [`Asked::Unknown`], never an error: there is still
//! somebody to be told.

use shanty_core::ids::{HostName, RunId};
use thiserror::Error;
use twilight_model::application::command::{CommandOptionType, CommandType};
use twilight_model::application::interaction::application_command::{
    CommandData, CommandDataOption, CommandOptionValue,
};
use twilight_model::application::interaction::message_component::MessageComponentInteractionData;
use twilight_model::application::interaction::{Interaction, InteractionData, InteractionType};
use twilight_model::channel::ChannelType;

use super::listing::Listing;
use super::names;
use crate::discord::requests::ReplyTo;
use crate::discord::secret::Secret;

/// 2015-01-01T00:00:00Z, from which Discord's ids count milliseconds.
const DISCORD_EPOCH_MS: u64 = 1_420_070_400_000;

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// `/run`, as typed.
    Run {
        /// The selector.
        on: String,
        /// The command.
        command: String,
        /// The timeout.
        timeout: Option<String>,
        /// The user to run as.
        run_as: Option<String>,
        /// What becomes of hosts that are away.
        offline: Option<String>,
    },
    /// `/agent label`.
    Label {
        /// The selector.
        on: String,
        /// The changes.
        set: String,
    },
    /// `/agent drain`.
    Drain {
        /// The selector.
        on: String,
        /// Take no new runs, or take them again.
        drain: bool,
    },
    /// `/agent group save`.
    GroupSave {
        /// The name.
        name: String,
        /// What it stands for.
        hosts: String,
    },
    /// `/agent group remove`.
    GroupRemove {
        /// The name.
        name: String,
    },
    /// `/agent group list`.
    Groups,
    /// A button that leads to a page of a list of hosts.
    Turn(Listing),
    /// A host that was picked on a page of a list.
    Pick {
        /// The page that it was picked on.
        listing: Listing,
        /// Its name.
        host: HostName,
    },
    /// `/hosts`.
    Hosts {
        /// The selector.
        on: Option<String>,
    },
    /// `/runs`.
    Runs,
    /// `/hold`.
    Hold {
        /// Refuse new runs, or allow them again.
        on: bool,
    },
    /// Somebody is typing a selector and wants suggestions.
    Typing {
        /// What is typed so far.
        on_text: String,
    },
    /// A button of a card.
    Press {
        /// What the button does.
        verb: Verb,
        /// The run that the card is for.
        run: RunId,
        /// The custom id as it came.
        custom_id: String,
        /// The message that the button is on.
        message_id: u64,
    },
    /// Anything else: another version's command or button, a form, a forged id.
    Unknown,
}

/// What a button of a card does: the middle of its custom id, `v1:<verb>:<RunId>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// `cancel`: stops the run.
    Cancel,
    /// `kill`: stops it at once.
    Kill,
    /// `go`: confirms a run as it was asked for.
    Go,
    /// `online`: confirms it without hosts that were away.
    Online,
    /// `queue`: confirms it, and waits for hosts that were away.
    Queue,
    /// `drop`: takes it back.
    Drop,
}

impl Verb {
    /// Every verb.
    const ALL: [Self; 6] = [
        Self::Cancel,
        Self::Kill,
        Self::Go,
        Self::Online,
        Self::Queue,
        Self::Drop,
    ];

    /// The custom id of the button that does this for a run.
    #[must_use]
    pub fn custom_id(self, run: &RunId) -> String {
        format!("v1:{}:{run}", self.as_str())
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Kill => "kill",
            Self::Go => "go",
            Self::Online => "online",
            Self::Queue => "queue",
            Self::Drop => "drop",
        }
    }
}

/// Who asked, and where. Roles are those that Discord attached to the interaction at that moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    /// The guild; none in a direct message.
    pub guild: Option<u64>,
    /// The channel or thread.
    pub channel: u64,
    /// The channel of the thread, when it is one.
    pub parent_channel: Option<u64>,
    /// True in a thread, where no other thread can be opened.
    pub channel_is_thread: bool,
    /// The person.
    pub user: u64,
    /// True for other bots.
    pub bot: bool,
    /// The person's roles in the guild, without the one that everybody has.
    pub roles: Vec<u64>,
    /// The interaction.
    pub interaction: u64,
    /// What answers it.
    pub token: Secret,
    /// Our application.
    pub application: u64,
    /// Our own permissions in the channel, as Discord's bits, if told.
    pub app_permissions: Option<u64>,
}

impl Asker {
    /// The interaction, to be answered.
    #[must_use]
    pub fn reply_to(&self) -> ReplyTo<'_> {
        ReplyTo {
            interaction: self.interaction,
            application: self.application,
            token: &self.token,
        }
    }

    /// When it was asked by Discord's clock, Unix milliseconds.
    #[must_use]
    pub fn asked_unix_ms(&self) -> u64 {
        (self.interaction >> 22).saturating_add(DISCORD_EPOCH_MS)
    }
}

/// An interaction, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Who asked.
    pub asker: Asker,
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
    let message = interaction.message.as_ref().map(|message| message.id.get());
    let asker = asker(&interaction)?;
    let asked = match (interaction.kind, interaction.data) {
        (InteractionType::ApplicationCommand, Some(InteractionData::ApplicationCommand(data))) => {
            command(*data)
        }
        (
            InteractionType::ApplicationCommandAutocomplete,
            Some(InteractionData::ApplicationCommand(data)),
        ) => typing(*data),
        (InteractionType::MessageComponent, Some(InteractionData::MessageComponent(data))) => {
            message.and_then(|message| press(*data, message))
        }
        _ => None,
    };
    Ok(Heard {
        asker,
        asked: asked.unwrap_or(Asked::Unknown),
    })
}

fn asker(interaction: &Interaction) -> Result<Asker, HearError> {
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
    Ok(Asker {
        guild: interaction.guild_id.map(|id| id.get()),
        channel: channel(interaction).ok_or(HearError::Channel)?,
        parent_channel: thread
            .and_then(|thread| thread.parent_id)
            .map(|id| id.get()),
        channel_is_thread: thread.is_some(),
        user: person.id.get(),
        bot: person.bot,
        roles: roles.map(|id| id.get()).collect(),
        interaction: interaction.id.get(),
        token: Secret::new(interaction.token.clone()),
        application: interaction.application_id.get(),
        app_permissions: interaction
            .app_permissions
            .map(|permissions| permissions.bits()),
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

fn command(data: CommandData) -> Option<Asked> {
    if data.kind != CommandType::ChatInput {
        return None;
    }
    let mut options = Options(data.options);
    Some(match data.name.as_str() {
        names::RUN => Asked::Run {
            on: options.take(names::ON)?,
            command: options.take(names::COMMAND)?,
            timeout: options.take(names::TIMEOUT),
            run_as: options.take(names::AS),
            offline: options.take(names::OFFLINE),
        },
        names::AGENT => return agent(options),
        names::HOSTS => Asked::Hosts {
            on: options.take(names::ON),
        },
        names::RUNS => Asked::Runs,
        names::HOLD => Asked::Hold {
            on: options.state()?,
        },
        _ => return None,
    })
}

fn agent(mut options: Options) -> Option<Asked> {
    let (name, mut options) = options.below()?;
    Some(match name.as_str() {
        names::LABEL => Asked::Label {
            on: options.take(names::ON)?,
            set: options.take(names::SET)?,
        },
        names::DRAIN => Asked::Drain {
            on: options.take(names::ON)?,
            drain: options.state()?,
        },
        names::GROUP => {
            let (name, mut options) = options.below()?;
            match name.as_str() {
                names::SAVE => Asked::GroupSave {
                    name: options.take(names::NAME)?,
                    hosts: options.take(names::HOSTS)?,
                },
                names::REMOVE => Asked::GroupRemove {
                    name: options.take(names::NAME)?,
                },
                names::LIST => Asked::Groups,
                _ => return None,
            }
        }
        _ => return None,
    })
}

fn typing(data: CommandData) -> Option<Asked> {
    if !matches!(data.name.as_str(), names::RUN | names::HOSTS | names::AGENT) {
        return None;
    }
    let (name, typed) = focused(data.options)?;
    let on_text = match name.as_str() {
        names::ON | names::HOSTS => typed,
        // The name of a group, with or without its mark.
        names::NAME => format!("@{}", typed.trim_start_matches('@')),
        _ => return None,
    };
    Some(Asked::Typing { on_text })
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

fn press(data: MessageComponentInteractionData, message_id: u64) -> Option<Asked> {
    let (verb, rest) = data.custom_id.strip_prefix("v1:")?.split_once(':')?;
    match verb {
        "hosts" => return Listing::parse(rest).map(Asked::Turn),
        "host" => {
            return Some(Asked::Pick {
                listing: Listing::parse(rest)?,
                host: data.values.first()?.parse().ok()?,
            });
        }
        _ => {}
    }
    let verb = Verb::ALL.into_iter().find(|known| known.as_str() == verb)?;
    let run = rest.parse().ok()?;
    Some(Asked::Press {
        verb,
        run,
        custom_id: data.custom_id,
        message_id,
    })
}

/// The options of a command, as they came.
struct Options(Vec<CommandDataOption>);

impl Options {
    /// The text of an option; none when it is absent or no text.
    fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|option| option.name == name)?;
        match self.0.swap_remove(at).value {
            CommandOptionValue::String(text) => Some(text),
            _ => None,
        }
    }

    /// `state`, which is on or off.
    fn state(&mut self) -> Option<bool> {
        match self.take(names::STATE)?.as_str() {
            "on" => Some(true),
            "off" => Some(false),
            _ => None,
        }
    }

    /// The subcommand, or group of them, with what is below it.
    fn below(&mut self) -> Option<(String, Self)> {
        let option = self.0.pop()?;
        match option.value {
            CommandOptionValue::SubCommand(below) | CommandOptionValue::SubCommandGroup(below) => {
                Some((option.name, Self(below)))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;

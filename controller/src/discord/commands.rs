//! The commands as Discord is told them. What comes back when somebody uses one is read in `commands/asked.rs`.
//!
//! Which command a person may use is not said here: Discord's own permissions are a convenience of guild owners; ours are policy.

use twilight_model::application::command::{
    Command, CommandOption, CommandOptionChoice, CommandOptionChoiceValue, CommandOptionType,
    CommandType,
};
use twilight_model::application::interaction::InteractionContextType;
use twilight_model::id::Id;
use twilight_model::oauth::ApplicationIntegrationType;

pub use asked::{Asked, Asker, HearError, Heard, Verb, hear};

mod asked;

/// Names of commands and options, shared by what is registered and what is read.
mod names {
    pub(super) const RUN: &str = "run";
    pub(super) const HOSTS: &str = "hosts";
    pub(super) const RUNS: &str = "runs";
    pub(super) const HOLD: &str = "hold";
    pub(super) const ON: &str = "on";
    pub(super) const COMMAND: &str = "command";
    pub(super) const TIMEOUT: &str = "timeout";
    pub(super) const AS: &str = "as";
    pub(super) const STATE: &str = "state";
}

/// Characters of a string option (Discord).
const OPTION_CHARS_MAX: u16 = 6_000;

/// Every command of the bot, to be set whole for each guild.
#[must_use]
pub fn all() -> Vec<Command> {
    vec![
        run(),
        hosts(),
        command(names::RUNS, "List the latest runs", vec![]),
        hold(),
    ]
}

fn run() -> Command {
    let on = CommandOption {
        autocomplete: Some(true),
        required: Some(true),
        max_length: Some(OPTION_CHARS_MAX),
        ..string(
            names::ON,
            "Hosts: names, globs, ranges and labels, such as web[01-03] or role=web",
        )
    };
    let text = CommandOption {
        required: Some(true),
        max_length: Some(OPTION_CHARS_MAX),
        ..string(names::COMMAND, "What to run there, given to /bin/sh")
    };
    let timeout = CommandOption {
        max_length: Some(20),
        ..string(
            names::TIMEOUT,
            "Stop it after this long, such as 30s, 5m or 2h",
        )
    };
    let run_as = CommandOption {
        max_length: Some(64),
        ..string(names::AS, "The user on the hosts to run it as")
    };
    let options = vec![on, text, timeout, run_as];
    command(
        names::RUN,
        "Run a command on hosts and follow its output in a thread",
        options,
    )
}

fn hosts() -> Command {
    let on = CommandOption {
        autocomplete: Some(true),
        max_length: Some(OPTION_CHARS_MAX),
        ..string(names::ON, "Only these hosts, such as web* or env=prod")
    };
    command(
        names::HOSTS,
        "List hosts with their state, labels and facts",
        vec![on],
    )
}

fn hold() -> Command {
    let choice = |name: &str| CommandOptionChoice {
        name: name.to_owned(),
        name_localizations: None,
        value: CommandOptionChoiceValue::String(name.to_owned()),
    };
    let state = CommandOption {
        choices: Some(vec![choice("on"), choice("off")]),
        required: Some(true),
        ..string(
            names::STATE,
            "on refuses every new run; off allows them again",
        )
    };
    command(
        names::HOLD,
        "Refuse every new run, or allow them again",
        vec![state],
    )
}

#[expect(
    deprecated,
    reason = "the field is part of the struct; `contexts` says the same"
)]
fn command(name: &str, description: &str, options: Vec<CommandOption>) -> Command {
    Command {
        application_id: None,
        contexts: Some(vec![InteractionContextType::Guild]),
        default_member_permissions: None,
        description: description.to_owned(),
        description_localizations: None,
        dm_permission: None,
        guild_id: None,
        id: None,
        integration_types: Some(vec![ApplicationIntegrationType::GuildInstall]),
        kind: CommandType::ChatInput,
        name: name.to_owned(),
        name_localizations: None,
        nsfw: None,
        options,
        // Discord sets its own; the model has no way to leave it out.
        version: Id::new(1),
    }
}

fn string(name: &str, description: &str) -> CommandOption {
    CommandOption {
        autocomplete: None,
        channel_types: None,
        choices: None,
        description: description.to_owned(),
        description_localizations: None,
        file_types: None,
        kind: CommandOptionType::String,
        max_length: None,
        max_value: None,
        min_length: None,
        min_value: None,
        name: name.to_owned(),
        name_localizations: None,
        options: None,
        required: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_keep_discords_rules() {
        let name_ok = |name: &str| {
            (1..=32).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_lowercase())
        };
        let text_ok = |text: &str| (1..=100).contains(&text.chars().count());
        for command in all() {
            assert!(name_ok(&command.name) && text_ok(&command.description));
            assert_eq!(command.contexts, Some(vec![InteractionContextType::Guild]));
            let required: Vec<_> = command
                .options
                .iter()
                .map(|option| option.required == Some(true))
                .collect();
            assert!(
                required.is_sorted_by(|a, b| a >= b),
                "required options come first"
            );
            for option in command.options {
                assert!(
                    name_ok(&option.name) && text_ok(&option.description),
                    "{}",
                    option.name
                );
                assert!(option.autocomplete.is_none() || option.choices.is_none());
            }
        }
    }

    #[test]
    fn the_set_of_commands() {
        let names = |command: &Command| {
            let mut text = format!("/{}", command.name);
            for option in &command.options {
                let mark = if option.required == Some(true) {
                    ""
                } else {
                    "?"
                };
                text.push_str(&format!(" {}{mark}", option.name));
            }
            text
        };
        let shown: Vec<_> = all().iter().map(names).collect();
        assert_eq!(
            shown,
            [
                "/run on command timeout? as?",
                "/hosts on?",
                "/runs",
                "/hold state"
            ]
        );
    }
}

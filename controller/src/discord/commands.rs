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

pub use asked::{Asked, HearError, Heard, Invocation, hear};

mod agent;
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
    pub(super) const OFFLINE: &str = "offline";
    pub(super) const AGENT: &str = "agent";
    pub(super) const LABEL: &str = "label";
    pub(super) const SET: &str = "set";
    pub(super) const DRAIN: &str = "drain";
    pub(super) const GROUP: &str = "group";
    pub(super) const SAVE: &str = "save";
    pub(super) const REMOVE: &str = "remove";
    pub(super) const LIST: &str = "list";
    pub(super) const NAME: &str = "name";
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
        agent::agent(),
    ]
}

fn run() -> Command {
    let on = selector(
        names::ON,
        "Hosts: names, globs, ranges and labels, such as web[01-03] or role=web",
    );
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
    let offline = CommandOption {
        choices: Some(
            ["fail", "skip", "queue:1h", "queue:24h", "queue:7d"]
                .map(choice)
                .into(),
        ),
        ..string(
            names::OFFLINE,
            "What becomes of hosts that are offline; asked when some are",
        )
    };
    let options = vec![on, text, timeout, run_as, offline];
    command(
        names::RUN,
        "Run a command on hosts and follow its output in a thread",
        options,
    )
}

fn hosts() -> Command {
    let on = CommandOption {
        required: None,
        ..selector(
            names::ON,
            "Only these hosts, such as web* or env=prod; one alone is shown whole",
        )
    };
    command(
        names::HOSTS,
        "List hosts with their state, labels and facts",
        vec![on],
    )
}

fn hold() -> Command {
    let state = state("on refuses every new run; off allows them again");
    command(
        names::HOLD,
        "Refuse every new run, or allow them again",
        vec![state],
    )
}

/// `state:on` or `state:off`.
fn state(description: &str) -> CommandOption {
    CommandOption {
        choices: Some(vec![choice("on"), choice("off")]),
        required: Some(true),
        ..string(names::STATE, description)
    }
}

fn choice(name: &str) -> CommandOptionChoice {
    CommandOptionChoice {
        name: name.to_owned(),
        name_localizations: None,
        value: CommandOptionChoiceValue::String(name.to_owned()),
    }
}

/// A selector that must be given, completed while it is typed.
fn selector(name: &str, description: &str) -> CommandOption {
    CommandOption {
        autocomplete: Some(true),
        required: Some(true),
        max_length: Some(OPTION_CHARS_MAX),
        ..string(name, description)
    }
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
        fn check(options: &[CommandOption], ok: &dyn Fn(&str, &str) -> bool) {
            let required: Vec<_> = options
                .iter()
                .map(|option| option.required == Some(true))
                .collect();
            assert!(
                required.is_sorted_by(|a, b| a >= b),
                "required options come first"
            );
            assert!(options.len() <= 25);
            for option in options {
                assert!(ok(&option.name, &option.description), "{}", option.name);
                assert!(option.autocomplete.is_none() || option.choices.is_none());
                check(option.options.as_deref().unwrap_or_default(), ok);
            }
        }
        for command in all() {
            assert!(name_ok(&command.name) && text_ok(&command.description));
            assert_eq!(command.contexts, Some(vec![InteractionContextType::Guild]));
            check(&command.options, &|name, text| {
                name_ok(name) && text_ok(text)
            });
        }
    }

    #[test]
    fn the_set_of_commands() {
        fn show(path: &str, options: &[CommandOption], all: &mut Vec<String>) {
            let mut line = path.to_owned();
            let mut leaf = true;
            for option in options {
                let inner = option.options.as_deref().unwrap_or_default();
                if matches!(
                    option.kind,
                    CommandOptionType::SubCommand | CommandOptionType::SubCommandGroup
                ) {
                    leaf = false;
                    show(&format!("{path} {}", option.name), inner, all);
                    continue;
                }
                let mark = match option.required {
                    Some(true) => "",
                    _ => "?",
                };
                line.push_str(&format!(" {}{mark}", option.name));
            }
            if leaf {
                all.push(line);
            }
        }
        let mut shown = Vec::new();
        for command in all() {
            show(&format!("/{}", command.name), &command.options, &mut shown);
        }
        assert_eq!(
            shown,
            [
                "/run on command timeout? as? offline?",
                "/hosts on?",
                "/runs",
                "/hold state",
                "/agent label on set",
                "/agent drain on state",
                "/agent group save name hosts",
                "/agent group remove name",
                "/agent group list",
            ]
        );
    }
}

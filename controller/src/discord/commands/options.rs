//! What is typed after a word: how Discord is told of an option, and how it is read.

use shanty_core::ask::{RunOption, Typed, YES};
use twilight_model::application::command::{
    CommandOption, CommandOptionChoice, CommandOptionChoiceValue, CommandOptionType,
};
use twilight_model::application::interaction::application_command::{
    CommandDataOption, CommandOptionValue,
};

/// A selector: which hosts something is done on.
pub(super) const ON: &str = "on";
/// A selector: the hosts that a name will stand for.
pub(super) const HOSTS: &str = "hosts";
/// The name of a group.
pub(super) const NAME: &str = "name";

/// Characters of a string option (Discord).
pub(super) const OPTION_CHARS_MAX: u16 = 6_000;

/// A selector that must be given, completed while it is typed.
pub(super) fn selector(name: &str, description: &str) -> CommandOption {
    CommandOption {
        autocomplete: Some(true),
        required: Some(true),
        max_length: Some(OPTION_CHARS_MAX),
        ..string(name, description)
    }
}

pub(super) fn choice(name: &str) -> CommandOptionChoice {
    CommandOptionChoice {
        name: name.to_owned(),
        name_localizations: None,
        value: CommandOptionChoiceValue::String(name.to_owned()),
    }
}

pub(super) fn string(name: &str, description: &str) -> CommandOption {
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

/// Somebody in the server.
pub(super) fn person(name: &str, description: &str) -> CommandOption {
    CommandOption {
        kind: CommandOptionType::User,
        ..string(name, description)
    }
}

/// An option that is true or false.
pub(super) fn switch(name: &str, description: &str) -> CommandOption {
    CommandOption {
        kind: CommandOptionType::Boolean,
        ..string(name, description)
    }
}

/// The options of a command, as they came.
pub(super) struct Options(Vec<CommandDataOption>);

impl Options {
    pub(super) const fn new(options: Vec<CommandDataOption>) -> Self {
        Self(options)
    }

    /// The text of an option; none when it is absent or no text.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|option| option.name == name)?;
        match self.0.swap_remove(at).value {
            CommandOptionValue::String(text) => Some(text),
            _ => None,
        }
    }

    /// The text of an option that may be left out; none when it is no text.
    pub(super) fn take_or_empty(&mut self, name: &str) -> Option<String> {
        match self.0.iter().any(|option| option.name == name) {
            true => self.take(name),
            false => Some(String::new()),
        }
    }

    /// The person of an option; none when it is absent or no person.
    pub(super) fn person(&mut self, name: &str) -> Option<u64> {
        let at = self.0.iter().position(|option| option.name == name)?;
        match self.0.swap_remove(at).value {
            CommandOptionValue::User(user) => Some(user.get()),
            _ => None,
        }
    }

    /// What is typed for options of a run. One that is true or false is said when it is true.
    pub(super) fn typed(&self) -> Typed {
        let text = |option: &CommandDataOption| {
            let text = match &option.value {
                CommandOptionValue::String(text) => text.clone(),
                CommandOptionValue::Boolean(true) => YES.to_owned(),
                _ => return None,
            };
            Some((RunOption::named(&option.name)?, text))
        };
        self.0.iter().filter_map(text).collect()
    }

    /// True when an option that is true or false was set to true.
    pub(super) fn is_set(&self, name: &str) -> bool {
        let is = |option: &CommandDataOption| {
            option.name == name && matches!(option.value, CommandOptionValue::Boolean(true))
        };
        self.0.iter().any(is)
    }

    /// The subcommand, or group of them, with what is below it.
    pub(super) fn below(&mut self) -> Option<(String, Self)> {
        let option = self.0.pop()?;
        match option.value {
            CommandOptionValue::SubCommand(below) | CommandOptionValue::SubCommandGroup(below) => {
                Some((option.name, Self(below)))
            }
            _ => None,
        }
    }
}

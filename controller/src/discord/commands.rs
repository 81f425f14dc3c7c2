//! The words that people type after `/`: for each, how Discord is told of it and how what comes back is read, in one place.
//!
//! Which command a person may use is not said here: Discord's own permissions are a convenience of guild owners; ours are policy.

use shanty_core::ask::Ask;
use twilight_model::application::command::{
    Command, CommandOption, CommandOptionType, CommandType,
};
use twilight_model::application::interaction::InteractionContextType;
use twilight_model::id::Id;
use twilight_model::oauth::ApplicationIntegrationType;

pub use asked::{AddHost, Asked, Attached, HearError, Heard, hear};
pub use invocation::Invocation;

use options::{Options, string};

mod asked;
mod help;
mod hosts;
mod invocation;
mod options;
#[cfg(test)]
mod page;
mod run;

/// Every word that stands after `/`.
static WORDS: [Word; 9] = [
    run::RUN,
    run::SCRIPT,
    run::RUNS,
    hosts::HOSTS,
    hosts::HOST,
    hosts::GROUP,
    run::HOLD,
    help::HELP,
    help::WHOAMI,
];

/// A word that can be typed after `/`, or after another one.
struct Word {
    name: &'static str,
    description: &'static str,
    leads: Leads,
}

/// Where a word leads.
enum Leads {
    /// To something that is asked.
    Ask {
        /// What is typed with it, as Discord is told.
        options: fn() -> Vec<CommandOption>,
        /// What is asked, from those options; nothing when they are not what Discord was told.
        ask: fn(&mut Options) -> Option<Ask>,
    },
    /// To something that this edge answers itself.
    Edge {
        /// What is typed with it, as Discord is told.
        options: fn() -> Vec<CommandOption>,
        /// What is asked, from those options; nothing when they are not what Discord was told.
        asked: fn(&mut Options) -> Option<Asked>,
    },
    /// To further words.
    Words(&'static [Word]),
}

/// What stands in the menu of a message: runs again what its card shows.
const RUN_AGAIN: &str = "Run again";

/// The same: makes what its card shows a favourite.
const STAR: &str = "Star command";

/// Every command of the bot, to be set whole for each guild.
#[must_use]
pub fn all() -> Vec<Command> {
    let command = |word: &Word| command(word.name, word.description, word.options());
    let of_messages = |name| Command {
        kind: CommandType::Message,
        ..self::command(name, "", Vec::new())
    };
    let of_messages = [RUN_AGAIN, STAR].map(of_messages);
    WORDS.iter().map(command).chain(of_messages).collect()
}

impl Word {
    fn find(words: &'static [Self], name: &str) -> Option<&'static Self> {
        words.iter().find(|word| word.name == name)
    }

    /// What stands below it, as Discord is told.
    fn options(&self) -> Vec<CommandOption> {
        match self.leads {
            Leads::Ask { options, .. } | Leads::Edge { options, .. } => options(),
            Leads::Words(words) => words.iter().map(Self::below_another).collect(),
        }
    }

    fn below_another(&self) -> CommandOption {
        let kind = match self.leads {
            Leads::Ask { .. } | Leads::Edge { .. } => CommandOptionType::SubCommand,
            Leads::Words(_) => CommandOptionType::SubCommandGroup,
        };
        CommandOption {
            kind,
            options: Some(self.options()),
            ..string(self.name, self.description)
        }
    }

    /// What is asked by it and by what was typed after it; nothing when that is not what Discord was told.
    fn ask(&self, mut options: Options) -> Option<Asked> {
        match self.leads {
            Leads::Ask { ask, .. } => ask(&mut options).map(Asked::Ask),
            Leads::Edge { asked, .. } => asked(&mut options),
            Leads::Words(words) => {
                let (name, options) = options.below()?;
                Self::find(words, &name)?.ask(options)
            }
        }
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

#[cfg(test)]
mod tests {
    use shanty_core::ask::{Rights, Topic};
    use shanty_core::view;

    use super::*;

    #[test]
    fn commands_keep_discords_rules() {
        let name_ok = |name: &str| {
            let plain = |b: u8| b.is_ascii_lowercase() || b == b'_';
            (1..=32).contains(&name.len()) && name.bytes().all(plain)
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
            if command.kind == CommandType::Message {
                assert!((1..=32).contains(&command.name.len()));
                assert!(command.description.is_empty() && command.options.is_empty());
            } else {
                assert!(name_ok(&command.name) && text_ok(&command.description));
            }
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
        let slash = |command: &Command| command.kind == CommandType::ChatInput;
        for command in all().into_iter().filter(slash) {
            show(&format!("/{}", command.name), &command.options, &mut shown);
        }
        assert_eq!(
            shown,
            [
                "/run on command timeout? as? offline? streams? batch? parallel? max_fail? pause? color? tty? leave?",
                "/script on file? args? timeout? as? offline? streams? batch? parallel? max_fail? pause? color? tty? leave?",
                "/runs who? on? since? state? text? diff?",
                "/hosts on?",
                "/host add labels? name? uses? ttl? as?",
                "/host drain on",
                "/host undrain on",
                "/host label on set",
                "/host update on version? older? batch? parallel? max_fail? pause? offline? timeout?",
                "/host doctor on offline? timeout?",
                "/group save name hosts",
                "/group remove name",
                "/group list",
                "/hold on reason",
                "/hold off",
                "/hold show",
                "/help topic? post?",
                "/whoami",
            ]
        );
    }

    #[test]
    fn the_help_names_commands_and_options_that_there_are() {
        let everything = Rights::default();
        let topics = Topic::ALL.map(|topic| view::help_card(topic, &everything));
        let others = [
            view::welcome_card(),
            view::mention_card(),
            view::direct_card(),
        ];
        let commands = all();
        let mut named = 0;
        for text in topics.iter().chain(&others).flat_map(|card| &card.texts) {
            for (at, _) in text.match_indices('/').filter(|(at, _)| {
                // A command stands at the beginning of a line or of a span.
                text[..*at].is_empty() || text[..*at].ends_with(['`', '\n'])
            }) {
                let line = text[at + 1..].split(['`', '\n']).next().unwrap_or_default();
                let word = line.split_whitespace().next().unwrap_or_default();
                if word.contains('/') {
                    continue;
                }
                let command = commands.iter().find(|command| command.name == word);
                let command = command.unwrap_or_else(|| panic!("no /{word}: {text}"));
                named += 1;
                // A word below the command has options of its own; any other belongs to what is said before it.
                let mut options = &command.options;
                for part in line.split_whitespace().skip(1) {
                    let name = part.split_once(':').map_or(part, |(name, _)| name);
                    let known = options.iter().find(|known| known.name == name);
                    if part.contains(':') {
                        assert!(known.is_some(), "no {part} of /{word}: {text}");
                    } else if let Some(below) = known.and_then(|known| known.options.as_ref()) {
                        options = below;
                    }
                }
            }
        }
        assert!(named > 10, "{named}");
    }
}

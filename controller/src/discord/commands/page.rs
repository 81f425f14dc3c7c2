//! docs/COMMANDS-IN-CHAT.md says of every word and option that there is, and of no other.

use std::collections::BTreeMap;

use twilight_model::application::command::{
    Command, CommandOption, CommandOptionChoiceValue, CommandOptionType, CommandType,
};

use super::all;

const PAGE: &str = include_str!("../../../../docs/COMMANDS-IN-CHAT.md");

/// Every word that leads to something, such as `/host drain`, with its options.
fn words() -> BTreeMap<String, Vec<CommandOption>> {
    fn below(
        path: &str,
        options: Vec<CommandOption>,
        words: &mut BTreeMap<String, Vec<CommandOption>>,
    ) {
        let leads_on = |option: &CommandOption| {
            matches!(
                option.kind,
                CommandOptionType::SubCommand | CommandOptionType::SubCommandGroup
            )
        };
        if !options.iter().any(leads_on) {
            words.insert(path.to_owned(), options);
            return;
        }
        for option in options {
            let path = format!("{path} {}", option.name);
            below(&path, option.options.unwrap_or_default(), words);
        }
    }
    let mut words = BTreeMap::new();
    let slash = |command: &Command| command.kind == CommandType::ChatInput;
    for command in all().into_iter().filter(slash) {
        below(&format!("/{}", command.name), command.options, &mut words);
    }
    words
}

/// The sections of the page that are about a word.
fn sections() -> BTreeMap<String, &'static str> {
    let section = |text: &'static str| {
        let (title, text) = text
            .split_once('\n')
            .expect("a title has a line of its own");
        title.starts_with('/').then(|| (title.to_owned(), text))
    };
    PAGE.split("\n## ").filter_map(section).collect()
}

/// The options that the tables of a section name, each with whether it must be given.
fn named(section: &str) -> Vec<(String, bool)> {
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.map(|row| row.split(" | ").next().expect("a row has a cell"));
    let options = cells.flat_map(|cell| cell.trim_start_matches("| ").split_whitespace());
    options
        .map(|option| {
            let name = option.trim_end_matches('°').trim_matches('`');
            let name = name.strip_suffix(':').expect("an option ends in a colon");
            (name.to_owned(), option.ends_with('°'))
        })
        .collect()
}

/// The words of an example that begin an option, with what stands after the colon.
fn typed<'a>(example: &'a str, known: &[CommandOption]) -> Vec<(String, &'a str)> {
    let part = |part: &'a str| {
        let (name, value) = part.split_once(':')?;
        let is_name = known.iter().any(|option| option.name == name);
        is_name.then(|| (name.to_owned(), value))
    };
    example.split_whitespace().filter_map(part).collect()
}

#[test]
fn every_word_has_a_section_and_every_section_a_word() {
    let words: Vec<String> = words().into_keys().collect();
    let sections: Vec<String> = sections().into_keys().collect();
    assert_eq!(words, sections);
    for command in all()
        .iter()
        .filter(|command| command.kind == CommandType::Message)
    {
        assert!(
            PAGE.contains(&format!("\n| {} |", command.name)),
            "{}",
            command.name
        );
    }
}

#[test]
fn tables_name_the_options_that_there_are() {
    let sections = sections();
    for (word, options) in words() {
        let section = sections.get(&word).copied().unwrap_or_default();
        let mut there: Vec<_> = options
            .into_iter()
            .map(|option| (option.name, option.required == Some(true)))
            .collect();
        let mut named = named(section);
        there.sort();
        named.sort();
        assert_eq!(there, named, "{word}");
    }
}

#[test]
fn examples_can_be_typed_and_show_every_option() {
    let sections = sections();
    for (word, options) in words() {
        let section = sections.get(&word).copied().unwrap_or_default();
        let block = section.split("```").nth(1).unwrap_or_default();
        let examples: Vec<&str> = block.lines().skip(1).collect();
        assert!(!examples.is_empty(), "{word} has no example");
        let mut shown = Vec::new();
        for example in examples {
            let rest = example.strip_prefix(word.as_str());
            let rest = rest.unwrap_or_else(|| panic!("{example} is not of {word}"));
            let typed = typed(rest, &options);
            for option in &options {
                let value = typed.iter().find(|(name, _)| *name == option.name);
                assert!(
                    value.is_some() || option.required != Some(true),
                    "{example} lacks {}",
                    option.name
                );
                let (Some((_, value)), Some(choices)) = (value, &option.choices) else {
                    continue;
                };
                let offered = choices.iter().any(|choice| {
                    matches!(&choice.value, CommandOptionChoiceValue::String(text) if text == value)
                });
                assert!(offered, "{example}: {value} is none of the choices");
            }
            shown.extend(typed.into_iter().map(|(name, _)| name));
        }
        for option in options {
            assert!(
                shown.contains(&option.name),
                "{word} shows no {}",
                option.name
            );
        }
    }
}

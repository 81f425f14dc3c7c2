//! What Discord takes of commands. One too many, and it refuses all of them: so they are counted before anybody offers them.

use std::collections::BTreeMap;

use super::catalogue::{Catalogue, Fault, fault};
use super::parameter::{Kind, Parameter};
use super::{Action, Slash};
use crate::limits::CHOICES_MAX;
use crate::text::{thousands, units};

/// Commands of a guild that actions may have: Discord takes 100, and the rest is for ours.
pub(super) const COMMANDS_MAX: usize = 80;

/// Subcommands of a command (Discord).
const SUBCOMMANDS_MAX: usize = 25;

/// Characters of all names, descriptions and choices of a command (Discord).
const COMMAND_CHARS_MAX: usize = 8_000;

/// What `on`, `dry`, `offline` and `reason` and their descriptions take of them.
const OWN_CHARS: usize = 160;

/// Everything that Discord would refuse.
pub(super) fn faults(catalogue: &Catalogue, commands: &[&str]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut taken: BTreeMap<&Slash, &Action> = BTreeMap::new();
    let mut words: BTreeMap<&str, Vec<&Action>> = BTreeMap::new();
    for action in catalogue.iter() {
        let Some(slash) = &action.slash else {
            continue;
        };
        if commands.contains(&slash.command.as_str()) {
            faults.push(of(
                action,
                format!("`/{}` is a command of Shanty itself", slash.command),
            ));
            continue;
        }
        if let Some(other) = taken.insert(slash, action) {
            faults.push(of(action, format!("`/{slash}` is {} already", other.name)));
            continue;
        }
        words.entry(&slash.command).or_default().push(action);
    }
    if let Some(over) = words
        .values()
        .nth(COMMANDS_MAX)
        .and_then(|actions| actions.first())
    {
        let count = words.len();
        let what = format!(
            "{count} actions with a command of their own, {COMMANDS_MAX} fit (Discord: 100 in a guild): leave out `slash`"
        );
        faults.push(of(over, what));
    }
    for (word, actions) in words {
        faults.extend(command(word, &actions));
    }
    faults
}

fn command(word: &str, actions: &[&Action]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let alone = |action: &&&Action| {
        action
            .slash
            .as_ref()
            .is_some_and(|slash| slash.sub.is_none())
    };
    if let (Some(action), true) = (actions.iter().find(alone), actions.len() > 1) {
        let what = format!(
            "`/{word}` is a command by itself and has subcommands: Discord takes one or the other"
        );
        faults.push(of(action, what));
    }
    if let Some(over) = actions.get(SUBCOMMANDS_MAX) {
        let what = format!(
            "`/{word}` has {} subcommands, {SUBCOMMANDS_MAX} fit (Discord)",
            actions.len()
        );
        faults.push(of(over, what));
    }
    let chars: usize = actions.iter().map(|action| characters(action)).sum();
    if chars > COMMAND_CHARS_MAX
        && let Some(action) = actions.last()
    {
        let (is, most) = (thousands(chars as u64), thousands(COMMAND_CHARS_MAX as u64));
        let what = format!(
            "`/{word}` has {is} characters with all its words and choices, {most} fit (Discord)"
        );
        faults.push(of(action, what));
    }
    faults
}

/// Characters of the names, descriptions and choices of a command.
fn characters(action: &Action) -> usize {
    let name = action
        .slash
        .iter()
        .map(|slash| units(&slash.to_string()))
        .sum::<usize>();
    let parameters = action.parameters.values().map(parameter).sum::<usize>();
    OWN_CHARS + name + units(&action.told()) + parameters
}

fn parameter(parameter: &Parameter) -> usize {
    let name = units(parameter.name.as_str());
    let title = parameter.title.as_deref().map_or(name, units);
    let mut choices = 0;
    // More of them are completed while somebody types.
    if let Kind::Enum { of } = &parameter.kind
        && of.len() <= CHOICES_MAX
    {
        choices = 2 * of.iter().map(|choice| units(choice)).sum::<usize>();
    }
    name + title + choices
}

fn of(action: &Action, what: String) -> Fault {
    fault(&action.name, &["slash".to_owned()], what)
}

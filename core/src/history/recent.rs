//! Commands that are offered while one is typed: favourites, and what was run before.

use std::collections::BTreeSet;

use crate::limits::{CHOICES_MAX, NAME_CHARS_MAX};
use crate::selector::complete::Choice;
use crate::text::units;

/// Stands before a favourite.
const STAR: &str = "★ ";

/// What could be meant: of what holds the typed text, favourites first, then what begins with it, each in the order in which it comes.
/// Nothing twice, and nothing that a choice has no room for.
#[must_use]
pub fn offered<'a>(
    typed: &str,
    starred: impl IntoIterator<Item = &'a str>,
    ran: impl IntoIterator<Item = &'a str>,
) -> Vec<Choice> {
    let typed = typed.trim_start().to_lowercase();
    let mut seen = BTreeSet::new();
    let mut fitting = |command: &&'a str| {
        let fits = units(STAR) + units(command) <= NAME_CHARS_MAX;
        let plain = !command.is_empty() && !command.chars().any(char::is_control);
        fits && plain && command.to_lowercase().contains(&typed) && seen.insert(*command)
    };
    let starred: Vec<&str> = starred.into_iter().filter(&mut fitting).collect();
    let ran = ran.into_iter().filter(&mut fitting);
    let begins = |command: &&str| command.to_lowercase().starts_with(&typed);
    let (first, then): (Vec<&str>, Vec<&str>) = ran.partition(begins);
    let choice = |mark: &str, command: &str| Choice {
        label: format!("{mark}{command}"),
        value: command.to_owned(),
    };
    let starred = starred.into_iter().map(|command| choice(STAR, command));
    let others = first.into_iter().chain(then);
    let all = starred.chain(others.map(|command| choice("", command)));
    all.take(CHOICES_MAX).collect()
}

//! Catalogues of actions as files: reads a folder whole or not at all, and says everything that is wrong with it at once, each with its place.
//!
//! What an action may say is decided in [`shanty_core::action`]; here are TOML, files, and where in them something stands.

pub mod page;

mod files;
mod tree;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use bytes::Bytes;
use shanty_core::action::catalogue::Fault;
use shanty_core::action::name::{ActionName, Name};
use shanty_core::action::{Action, Catalogue, Node, Problem, builtin};
use shanty_core::refusal::Code;

pub use files::Trust;

/// Everything that is wrong with a catalogue, in the order of files and lines.
#[derive(Debug)]
pub struct Wrong(pub Vec<Mistake>);

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// The file, as it was named.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The character in it, from 1.
    pub column: usize,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            column,
            what,
        } = self;
        write!(f, "{file}:{line}:{column}: {} {what}", Code::Action)
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(Mistake::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Wrong {}

/// Reads the catalogue of a folder; `commands` are the words in chat that are taken.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(folder: &Path, trust: Trust, commands: &[&str]) -> Result<Catalogue, Wrong> {
    let found = files::list(folder, trust)?;
    let scripts = |file: &str| files::script(folder, file, trust);
    read(&found, &scripts, &builtin(), commands)
}

/// The catalogue that everybody has.
///
/// # Panics
/// Never: a test reads it.
#[must_use]
pub fn builtin() -> Catalogue {
    let files: Vec<(String, String)> = builtin::FILES
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    let scripts = |file: &str| {
        let mut all = builtin::SCRIPTS.iter();
        all.find(|(name, _)| *name == file)
            .map(|(_, text)| Bytes::from_static(text.as_bytes()))
            .ok_or_else(|| format!("`{file}` is no script here"))
    };
    let read = read(&files, &scripts, &Catalogue::default(), &[]);
    read.expect("the built-in catalogue is whole: a test reads it")
}

/// Reads files, each by its name and its text.
pub(crate) fn read(
    files: &[(String, String)],
    scripts: &dyn Fn(&str) -> Result<Bytes, String>,
    others: &Catalogue,
    commands: &[&str],
) -> Result<Catalogue, Wrong> {
    let mut mistakes = Vec::new();
    let mut actions = Vec::new();
    let mut parsed: BTreeMap<Name, tree::File<'_>> = BTreeMap::new();
    for (name, text) in files {
        let file = tree::File::parse(name, text);
        mistakes.extend(file.syntax());
        match group(name) {
            Ok(group) if file.syntax().is_empty() => {
                for (key, node) in file.actions() {
                    match action(&group, key, &node, scripts) {
                        Ok(action) => actions.push(action),
                        Err(problems) => {
                            mistakes.extend(problems.iter().map(|problem| file.mistake(problem)));
                        }
                    }
                }
                parsed.insert(group, file);
            }
            Ok(_) => {}
            Err(what) => mistakes.push(file.at_start(what)),
        }
    }
    // What another file lacks because it could not be read is not missing.
    if mistakes.is_empty() {
        match Catalogue::new(actions, others, commands) {
            Ok(catalogue) => return Ok(catalogue),
            Err(faults) => mistakes.extend(faults.iter().filter_map(|fault| place(&parsed, fault))),
        }
    }
    mistakes.sort();
    mistakes.dedup();
    Err(Wrong(mistakes))
}

fn place(files: &BTreeMap<Name, tree::File<'_>>, fault: &Fault) -> Option<Mistake> {
    let file = files.get(&fault.action.group)?;
    Some(file.mistake(&fault.problem))
}

/// The group of a file: its name without its ending.
fn group(file: &str) -> Result<Name, String> {
    let name = file.rsplit('/').next().unwrap_or(file);
    let stem = name.strip_suffix(".toml").unwrap_or(name);
    let parsed = stem.parse::<Name>();
    parsed.map_err(|error| format!("the file names the group of its actions, and {error}"))
}

fn action(
    group: &Name,
    key: &str,
    node: &Node,
    scripts: &dyn Fn(&str) -> Result<Bytes, String>,
) -> Result<Action, Vec<Problem>> {
    let wrong = |what: String| {
        vec![Problem {
            path: vec![key.to_owned()],
            of_key: true,
            at: 0,
            what,
        }]
    };
    let name = key
        .parse::<Name>()
        .map_err(|error| wrong(error.to_string()))?;
    let name = ActionName {
        group: group.clone(),
        action: name,
    };
    match node {
        Node::Table(table) => Action::read(name, table, scripts),
        other => {
            let what = format!(
                "an action is a table, such as [{key}], and this is {}",
                other.kind()
            );
            Err(wrong(what))
        }
    }
}

#[cfg(test)]
mod tests;

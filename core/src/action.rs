//! Actions: what a team lets people do by name, as argument lists with typed parameters. Pure: files are read elsewhere.
//!
//! A definition comes as a tree of plain data ([`Node`]), is read into an [`Action`] or into everything that is wrong with it, and is printed
//! again in one canonical form, of which its digest is taken. [`expand()`] makes of an action, values and a host what runs there: the one
//! function that whoever shows it and whoever runs it share.

pub mod builtin;
pub mod catalogue;
pub mod expand;
pub mod follow;
pub mod name;
pub mod node;
pub mod parameter;
pub mod problem;
pub mod template;
pub mod value;

mod discord;
mod interpreter;
mod place;
mod print;
mod read;
mod reader;
mod sql;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;

use crate::run::Rollout;
use crate::selector::Selector;

use follow::FollowUp;
use name::{ActionName, Name};
use parameter::{Glob, Parameter};
use template::Template;

pub use catalogue::Catalogue;
pub use expand::{Expanded, HostFacts, expand};
pub use node::{Form, Node};
pub use problem::Problem;
pub use value::{Given, Value, Values};

/// Most elements of an argument list.
pub const ELEMENTS_MAX: usize = 256;

/// Most bytes of what one action becomes on a host: Linux takes little more for arguments and environment.
pub const EXPANDED_BYTES_MAX: usize = 128 * 1024;

/// Longest script of an action, bytes.
pub const SCRIPT_BYTES_MAX: usize = 64 * 1024;

/// A command that people can be given by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// Its name.
    pub name: ActionName,
    /// What people are told of it, in a line.
    pub title: Option<String>,
    /// What they are told when they ask, in Markdown.
    pub doc: Option<String>,
    /// What it does to a host.
    pub danger: Danger,
    /// A command of its own in chat.
    pub slash: Option<Slash>,
    /// The hosts that may be meant at all.
    pub on: Option<Selector>,
    /// Most hosts at once.
    pub on_max: Option<u32>,
    /// The user that it runs as; nothing means the one that the host has for it.
    pub run_as: Option<String>,
    /// Its time, milliseconds; nothing means the usual one.
    pub timeout_ms: Option<u64>,
    /// In which order hosts are taken.
    pub plan: Option<Rollout>,
    /// Its parameters, by name.
    pub parameters: BTreeMap<String, Parameter>,
    /// What runs.
    pub body: Body,
    /// What says afterwards whether it is well.
    pub verify: Option<Vec<Template>>,
    /// What shows beforehand what it would do, and changes nothing.
    pub dry: Option<Vec<Template>>,
    /// What is offered when it is over.
    pub then: Vec<FollowUp>,
    /// How its output is shown.
    pub view: View,
    /// Variables of its environment.
    pub env: BTreeMap<String, Template>,
    /// Its standard input.
    pub stdin: Option<Template>,
}

/// What an action does to a host. Later ones are worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Danger {
    /// Looks only.
    Read,
    /// Changes what can be changed back.
    Change,
    /// May lose something, or stop something for all.
    Danger,
}

impl Danger {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Read, Self::Change, Self::Danger];

    /// As a definition says it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Change => "change",
            Self::Danger => "danger",
        }
    }
}

/// A command of its own in chat: `restart`, or `db order` for a subcommand.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slash {
    /// The command.
    pub command: String,
    /// The word below it.
    pub sub: Option<String>,
}

impl fmt::Display for Slash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.command)?;
        match &self.sub {
            Some(sub) => write!(f, " {sub}"),
            None => Ok(()),
        }
    }
}

/// What runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A program and its arguments. The first is literal.
    Argv(Vec<Template>),
    /// A script.
    Script(Script),
    /// A question to a database that the host knows.
    Query(Query),
}

/// A script of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// What runs it, without any placeholder.
    pub with: Vec<String>,
    /// Where it stands in the catalogue.
    pub file: String,
    /// What it finds as `$1` and so on.
    pub args: Vec<Template>,
    /// What is in it.
    pub bytes: Bytes,
}

/// A question to a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Which database.
    pub db: Database,
    /// What is asked.
    pub sql: Sql,
    /// Most rows of the answer.
    pub rows: u32,
}

/// The database of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// Always this one.
    Named(Name),
    /// That of a parameter of type `db`.
    Parameter(Name),
}

/// The SQL of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sql {
    /// Of the author, with `:name` for parameters.
    Named(String),
    /// That of a parameter of type `sql`.
    Parameter(Name),
}

/// How output is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// As text.
    #[default]
    Text,
    /// As a table.
    Table,
    /// As JSON.
    Json,
    /// As a difference.
    Diff,
    /// With its colours.
    Ansi,
}

impl View {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Text, Self::Table, Self::Json, Self::Diff, Self::Ansi];

    /// As a definition says it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Table => "table",
            Self::Json => "json",
            Self::Diff => "diff",
            Self::Ansi => "ansi",
        }
    }
}

/// A script of the catalogue, as whoever reads files finds it.
pub type Scripts<'a> = &'a dyn Fn(&str) -> Result<Bytes, String>;

impl Action {
    /// Reads the definition of an action; `scripts` gives what is in a script, by the name that stands in the definition.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(
        name: ActionName,
        table: &BTreeMap<String, Node>,
        scripts: Scripts<'_>,
    ) -> Result<Self, Vec<Problem>> {
        read::action(name, table, scripts)
    }

    /// What people are told of it: its title, or its name where it has none.
    #[must_use]
    pub fn told(&self) -> String {
        self.title.clone().unwrap_or_else(|| self.name.to_string())
    }

    /// Its parameters as people give them: those that must be given first.
    #[must_use]
    pub fn in_order(&self) -> Vec<&Parameter> {
        let mut all: Vec<&Parameter> = self.parameters.values().collect();
        all.sort_by_key(|parameter| parameter.may_be_left_out());
        all
    }
}

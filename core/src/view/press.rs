//! What pressing something does: the closed set of custom ids, `v1:<verb>:<of what>`. Nothing else is ever put into a component, so that a
//! press works after a restart, and what is forged or of another version is told apart.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::ask::{Part, Topic};
use crate::history::Turn;
use crate::ids::{AgentId, RunId, RunNumber};
use crate::limits::NAME_CHARS_MAX;

/// Pages that an id can name.
const PAGE_MAX: usize = 99_999;
/// Hexadecimal digits of the key of a selector that is too long for an id.
const KEY_DIGITS: usize = 24;

/// What pressing something does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Press {
    /// Stops a run.
    Cancel(RunId),
    /// Stops it at once.
    Kill(RunId),
    /// Lets a run in waves rest.
    Pause(RunId),
    /// Lets it go on.
    Continue(RunId),
    /// Confirms a run that was shown, as it was asked for.
    Go(RunId),
    /// Confirms it without hosts that were away.
    Online(RunId),
    /// Confirms it, and waits for hosts that were away.
    Queue(RunId),
    /// Takes it back.
    Drop(RunId),
    /// Runs what was run again, on some hosts of it.
    Again(RunId, Part),
    /// Shows what was run in a form, to run something else.
    Edit(RunId),
    /// Shows what was run as a text to copy.
    Copy(RunId),
    /// Shows how a run went on each host: a page of it, from 0.
    ByHost(RunId, usize),
    /// Shows how the outputs of a run differ.
    Diff(RunId),
    /// Shows one group or one host of a run: the one that was picked.
    Open(RunId),
    /// Gives all that a host printed as a file.
    Whole(RunId, AgentId),
    /// Gives all that the hosts of a run printed as files.
    Files(RunId),
    /// Runs what was meant where something else was typed: it is kept under this key.
    Meant(String),
    /// Opens the form with what was typed and refused: it is kept under this key.
    Change(String),
    /// Asks those who may for what was refused: it is kept under this key.
    Ask(String),
    /// Shows a page of a list of hosts.
    Page(Listing),
    /// Shows one host of that page whole: the one that was picked.
    Pick(Listing),
    /// Voids a join token: its public half.
    RevokeToken(String),
    /// Runs something harmless on hosts that joined, by their names.
    Hello(String),
    /// Lets the agents of hosts look how they are, by the hosts' names.
    Doctor(String),
    /// Updates the agents of hosts to what is handed out, by the hosts' names.
    Update(String),
    /// Shows what can be done, to who presses.
    Try(Try),
    /// Shows a topic of the help.
    Help(Topic),
    /// Shows the topic of the help that was picked.
    Topics,
    /// Shows a page of the history.
    History(HistoryPage),
    /// Gives what was looked for as a table: kept under this key, everything without one.
    Table(Option<String>),
    /// Shows a run of the history: the one that was picked.
    See,
}

/// What somebody can try who is told how this works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Try {
    /// The hosts.
    Hosts,
    /// Their own rights.
    Rights,
    /// The latest runs.
    Runs,
}

impl Try {
    const ALL: [Self; 3] = [Self::Hosts, Self::Rights, Self::Runs];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Hosts => "hosts",
            Self::Rights => "rights",
            Self::Runs => "runs",
        }
    }
}

/// A page of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryPage {
    /// Where to look from.
    pub turn: Turn,
    /// What is looked for: kept under this key, everything without one.
    pub key: Option<String>,
}

/// A page of a list of hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The page, from 0.
    pub page: usize,
    /// Of which hosts.
    pub hosts: Listed,
}

/// The hosts of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listed {
    /// Those of this selector; all without one.
    Selector(String),
    /// Those of a selector that is too long for an id, and is kept under this key.
    Kept(String),
}

/// An id that is no press of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoPress;

impl Listing {
    /// The first page of the hosts of a selector.
    #[must_use]
    pub fn of(selector: &str) -> Self {
        let hosts = Listed::Selector(selector.to_owned());
        let longest = Self {
            page: PAGE_MAX,
            hosts,
        };
        let fits = Press::Page(longest).to_string().len() <= NAME_CHARS_MAX;
        let hosts = if fits {
            Listed::Selector(selector.to_owned())
        } else {
            Listed::Kept(key_of(selector))
        };
        Self { page: 0, hosts }
    }

    /// Another page of the same list.
    #[must_use]
    pub fn at(&self, page: usize) -> Self {
        let hosts = self.hosts.clone();
        Self { page, hosts }
    }
}

impl fmt::Display for Press {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancel(run) => write!(f, "v1:cancel:{run}"),
            Self::Kill(run) => write!(f, "v1:kill:{run}"),
            Self::Pause(run) => write!(f, "v1:pause:{run}"),
            Self::Continue(run) => write!(f, "v1:continue:{run}"),
            Self::Go(run) => write!(f, "v1:go:{run}"),
            Self::Online(run) => write!(f, "v1:online:{run}"),
            Self::Queue(run) => write!(f, "v1:queue:{run}"),
            Self::Drop(run) => write!(f, "v1:drop:{run}"),
            Self::Again(run, Part::All) => write!(f, "v1:again:{run}"),
            Self::Again(run, Part::Failed) => write!(f, "v1:retry:{run}"),
            Self::Again(run, Part::Odd) => write!(f, "v1:odd:{run}"),
            Self::Again(run, Part::These(names)) => write!(f, "v1:these:{run}:{names}"),
            Self::Again(run, Part::Missed) => write!(f, "v1:missed:{run}"),
            Self::Edit(run) => write!(f, "v1:edit:{run}"),
            Self::Copy(run) => write!(f, "v1:copy:{run}"),
            Self::ByHost(run, page) => write!(f, "v1:byhost:{run}:{}", page.min(&PAGE_MAX)),
            Self::Diff(run) => write!(f, "v1:diff:{run}"),
            Self::Open(run) => write!(f, "v1:open:{run}"),
            Self::Whole(run, agent) => write!(f, "v1:whole:{run}:{agent}"),
            Self::Files(run) => write!(f, "v1:files:{run}"),
            Self::Meant(key) => write!(f, "v1:meant:{key}"),
            Self::Change(key) => write!(f, "v1:change:{key}"),
            Self::Ask(key) => write!(f, "v1:ask:{key}"),
            Self::Page(listing) => write!(f, "v1:hosts:{listing}"),
            Self::Pick(listing) => write!(f, "v1:host:{listing}"),
            Self::RevokeToken(token) => write!(f, "v1:revoke:{token}"),
            Self::Hello(names) => write!(f, "v1:hello:{names}"),
            Self::Doctor(names) => write!(f, "v1:doctor:{names}"),
            Self::Update(names) => write!(f, "v1:update:{names}"),
            Self::Try(what) => write!(f, "v1:try:{}", what.as_str()),
            Self::Help(topic) => write!(f, "v1:help:{}", topic.as_str()),
            Self::Topics => write!(f, "v1:topics:"),
            Self::History(page) => write!(f, "v1:runs:{page}"),
            Self::Table(key) => write!(f, "v1:csv:{}", key_or_none(key)),
            Self::See => f.write_str("v1:see:run"),
        }
    }
}

/// What stands for everything, where a key could stand.
const EVERYTHING: &str = "-";

fn key_or_none(key: &Option<String>) -> &str {
    key.as_deref().unwrap_or(EVERYTHING)
}

fn key_from(text: &str) -> Result<Option<String>, NoPress> {
    match text {
        EVERYTHING => Ok(None),
        key if is_key(key) => Ok(Some(key.to_owned())),
        _ => Err(NoPress),
    }
}

impl fmt::Display for HistoryPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.turn {
            Turn::Newest => f.write_str("n")?,
            Turn::Before(number) => write!(f, "b{}", number.0)?,
            Turn::After(number) => write!(f, "a{}", number.0)?,
        }
        write!(f, ":{}", key_or_none(&self.key))
    }
}

impl FromStr for HistoryPage {
    type Err = NoPress;

    fn from_str(text: &str) -> Result<Self, NoPress> {
        let (turn, key) = text.split_once(':').ok_or(NoPress)?;
        let number = |digits: &str| {
            let plain = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
            let number = plain.then(|| digits.parse().ok()).flatten();
            number.map(RunNumber).ok_or(NoPress)
        };
        let turn = match (turn, turn.strip_prefix('b'), turn.strip_prefix('a')) {
            ("n", _, _) => Turn::Newest,
            (_, Some(before), _) => Turn::Before(number(before)?),
            (_, None, Some(after)) => Turn::After(number(after)?),
            (_, None, None) => return Err(NoPress),
        };
        let key = key_from(key)?;
        Ok(Self { turn, key })
    }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let page = self.page.min(PAGE_MAX);
        match &self.hosts {
            Listed::Selector(selector) => write!(f, "{page}:={selector}"),
            Listed::Kept(key) => write!(f, "{page}:~{key}"),
        }
    }
}

impl FromStr for Press {
    type Err = NoPress;

    fn from_str(id: &str) -> Result<Self, NoPress> {
        let rest = id.strip_prefix("v1:").ok_or(NoPress)?;
        let (verb, of) = rest.split_once(':').ok_or(NoPress)?;
        let run = || of.parse().map_err(|_| NoPress);
        Ok(match verb {
            "cancel" => Self::Cancel(run()?),
            "kill" => Self::Kill(run()?),
            "pause" => Self::Pause(run()?),
            "continue" => Self::Continue(run()?),
            "go" => Self::Go(run()?),
            "online" => Self::Online(run()?),
            "queue" => Self::Queue(run()?),
            "drop" => Self::Drop(run()?),
            "again" => Self::Again(run()?, Part::All),
            "retry" => Self::Again(run()?, Part::Failed),
            "odd" => Self::Again(run()?, Part::Odd),
            "these" => these(of)?,
            "missed" => Self::Again(run()?, Part::Missed),
            "edit" => Self::Edit(run()?),
            "copy" => Self::Copy(run()?),
            "byhost" => by_host(of)?,
            "diff" => Self::Diff(run()?),
            "open" => Self::Open(run()?),
            "whole" => whole(of)?,
            "files" => Self::Files(run()?),
            "meant" if is_key(of) => Self::Meant(of.to_owned()),
            "change" if is_key(of) => Self::Change(of.to_owned()),
            "ask" if is_key(of) => Self::Ask(of.to_owned()),
            "hosts" => Self::Page(of.parse()?),
            "host" => Self::Pick(of.parse()?),
            "revoke" if is_token(of) => Self::RevokeToken(of.to_owned()),
            "hello" if Part::is_names(of) => Self::Hello(of.to_owned()),
            "doctor" if Part::is_names(of) => Self::Doctor(of.to_owned()),
            "update" if Part::is_names(of) => Self::Update(of.to_owned()),
            "try" => Self::Try(
                Try::ALL
                    .into_iter()
                    .find(|what| what.as_str() == of)
                    .ok_or(NoPress)?,
            ),
            "help" => Self::Help(of.parse().map_err(|()| NoPress)?),
            "topics" if of.is_empty() => Self::Topics,
            "runs" => Self::History(of.parse()?),
            "csv" => Self::Table(key_from(of)?),
            "see" if of == "run" => Self::See,
            _ => return Err(NoPress),
        })
    }
}

fn these(of: &str) -> Result<Press, NoPress> {
    let (run, names) = of.split_once(':').ok_or(NoPress)?;
    if !Part::is_names(names) {
        return Err(NoPress);
    }
    let run = run.parse().map_err(|_| NoPress)?;
    Ok(Press::Again(run, Part::These(names.to_owned())))
}

fn whole(of: &str) -> Result<Press, NoPress> {
    let (run, agent) = of.split_once(':').ok_or(NoPress)?;
    let run = run.parse().map_err(|_| NoPress)?;
    let agent = agent.parse().map_err(|_| NoPress)?;
    Ok(Press::Whole(run, agent))
}

fn by_host(of: &str) -> Result<Press, NoPress> {
    let (run, page) = of.split_once(':').ok_or(NoPress)?;
    let run = run.parse().map_err(|_| NoPress)?;
    let page: usize = page.parse().map_err(|_| NoPress)?;
    if page > PAGE_MAX {
        return Err(NoPress);
    }
    Ok(Press::ByHost(run, page))
}

/// The key under which a text is kept that is too long for an id.
#[must_use]
pub fn key_of(text: &str) -> String {
    let mut key = hex::encode(Sha256::digest(text.as_bytes()));
    key.truncate(KEY_DIGITS);
    key
}

pub(super) fn is_key(key: &str) -> bool {
    key.len() == KEY_DIGITS && key.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// The public half of a join token.
fn is_token(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
    (1..=32).contains(&text.len()) && text.bytes().all(plain)
}

impl Press {
    /// The run whose card this stands on; nothing for what stands elsewhere.
    #[must_use]
    pub const fn run(&self) -> Option<RunId> {
        match self {
            Self::Cancel(run)
            | Self::Kill(run)
            | Self::Pause(run)
            | Self::Continue(run)
            | Self::Again(run, _)
            | Self::Edit(run)
            | Self::Copy(run)
            | Self::ByHost(run, _)
            | Self::Diff(run)
            | Self::Open(run)
            | Self::Whole(run, _)
            | Self::Files(run) => Some(*run),
            Self::Go(_)
            | Self::Online(_)
            | Self::Queue(_)
            | Self::Drop(_)
            | Self::Meant(_)
            | Self::Change(_)
            | Self::Ask(_)
            | Self::Page(_)
            | Self::Pick(_)
            | Self::RevokeToken(_)
            | Self::Hello(_)
            | Self::Doctor(_)
            | Self::Update(_)
            | Self::Try(_)
            | Self::Help(_)
            | Self::Topics
            | Self::History(_)
            | Self::Table(_)
            | Self::See => None,
        }
    }

    /// Saying hello to these hosts, when their names fit an id.
    #[must_use]
    pub fn hello(names: String) -> Option<Self> {
        let is_names = Part::is_names(&names);
        let press = Self::Hello(names);
        (is_names && press.to_string().len() <= NAME_CHARS_MAX).then_some(press)
    }

    /// Running again on these hosts of a run, when their names fit an id.
    #[must_use]
    pub fn these(run: RunId, names: String) -> Option<Self> {
        let is_names = Part::is_names(&names);
        let press = Self::Again(run, Part::These(names));
        (is_names && press.to_string().len() <= NAME_CHARS_MAX).then_some(press)
    }
}

impl FromStr for Listing {
    type Err = NoPress;

    fn from_str(text: &str) -> Result<Self, NoPress> {
        let (page, hosts) = text.split_once(':').ok_or(NoPress)?;
        let page: usize = page.parse().map_err(|_| NoPress)?;
        let hosts = match (hosts.strip_prefix('='), hosts.strip_prefix('~')) {
            (Some(selector), _) => Listed::Selector(selector.to_owned()),
            (None, Some(key)) if is_key(key) => Listed::Kept(key.to_owned()),
            (None, _) => return Err(NoPress),
        };
        if page > PAGE_MAX {
            return Err(NoPress);
        }
        Ok(Self { page, hosts })
    }
}

#[cfg(test)]
mod tests;

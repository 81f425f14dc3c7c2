//! Whether a controller with this configuration can work here: its files, this machine, and Discord. Only looks; what it finds is a list of
//! small values that say what was measured and how to mend it.
//!
//! Each module below is one subject with its own list of checks: a new one is added there and nowhere else.

mod certificates;
mod clock;
mod discord;
mod guilds;
mod names;
mod place;
mod ports;
mod upgrade;

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Config;
use crate::discord::survey::Survey;

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// As it should be.
    Good,
    /// It works, and may not for long, or not as somebody expects.
    Warning,
    /// Something will not work.
    Bad,
}

impl State {
    /// The word for programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
        }
    }
}

/// What one check found of one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How it is.
    pub state: State,
    /// What was measured, for people.
    pub measured: String,
    /// How to mend it; empty where there is nothing to mend.
    pub mend: String,
}

impl Finding {
    fn good(measured: impl Into<String>) -> Self {
        Self::new(State::Good, measured, "")
    }

    fn warning(measured: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::new(State::Warning, measured, mend)
    }

    fn bad(measured: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::new(State::Bad, measured, mend)
    }

    fn new(state: State, measured: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            state,
            measured: measured.into(),
            mend: mend.into(),
        }
    }
}

/// One check.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// What it is called, in text and for programs.
    pub name: &'static str,
    /// Finds nothing where there is nothing to look at.
    look: fn(&Seen) -> Vec<Finding>,
}

/// What checks look at.
#[derive(Debug)]
pub struct Seen {
    /// The configuration.
    pub config: Config,
    /// The wall clock, milliseconds since the Unix epoch.
    pub now_ms: u64,
    /// Why there is no token to ask Discord with; nothing when there is one, or none is wanted.
    pub no_token: Option<String>,
    /// What the token looks like when it does not look like one.
    pub mistaken: Option<&'static str>,
    /// What Discord says.
    pub survey: Option<Survey>,
    /// A controller with this configuration runs.
    pub running: bool,
    /// The agents that new hosts are installed with, by version and architecture, or why there are none.
    pub agents: Result<String, String>,
}

/// Every check, in the order in which they are told.
pub fn all() -> impl Iterator<Item = &'static Check> {
    [
        place::CHECKS,
        upgrade::CHECKS,
        certificates::CHECKS,
        ports::CHECKS,
        names::CHECKS,
        discord::CHECKS,
        clock::CHECKS,
        guilds::CHECKS,
    ]
    .into_iter()
    .flatten()
}

/// Looks at everything. It waits for names and ports: not for a task that others wait for.
#[must_use]
pub fn look(seen: &Seen) -> Vec<(&'static str, Finding)> {
    let found = all().flat_map(|check| (check.look)(seen).into_iter().map(|one| (check.name, one)));
    found.collect()
}

/// The channels that a configuration names, each with what it is for.
#[must_use]
pub fn channels(config: &Config) -> BTreeMap<u64, Vec<String>> {
    let mut uses: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    let mut add = |channel: u64, what: String| {
        let of_channel = uses.entry(channel).or_default();
        if !of_channel.contains(&what) {
            of_channel.push(what);
        }
    };
    if let Some(discord) = &config.discord {
        if let Some(channel) = discord.ops_channel {
            add(channel, "ops_channel".to_owned());
        }
        if let Some(channel) = discord.audit_channel {
            add(channel, "audit_channel".to_owned());
        }
    }
    for grant in &config.policy.grants {
        for channel in &grant.channels {
            add(*channel, format!("grant {}", grant.id));
        }
    }
    uses
}

/// The same, without what they are for.
#[must_use]
pub fn channel_ids(config: &Config) -> BTreeSet<u64> {
    channels(config).into_keys().collect()
}

#[cfg(test)]
mod tests;

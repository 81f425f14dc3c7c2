//! What was run, as people look back at it: what the history knows of a run, what can be looked for, and who may see which of it.
//!
//! Nothing is stored here. Whoever keeps the history keeps an [`Entry`] of each run and the beginning of what it printed, and answers a
//! [`Query`] from them; a query holds who may see what, so that no answer can go past it.

mod around;
mod between;
mod cells;
mod look;
mod query;
mod recent;

use std::collections::BTreeSet;

use crate::ids::{AgentId, RunId, RunNumber};
use crate::principal::Principal;
use crate::run::{Execution, How, Outcome, Phase, Run};
use crate::selector::fold::fold;
use crate::view::run_summary;

pub use around::around;
pub use between::{Between, Change, Side};
pub use cells::{CSV_HEAD, cell, csv_line};
pub use look::Sight;
pub use query::{Query, SEARCH_CHARS_MAX, Wanted, Words, since_ms};
pub use recent::offered;

/// Characters of the names of its hosts that are kept of a run.
const HOSTS_CHARS_MAX: usize = 2_000;

/// Where a run stands, in the words that people look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stand {
    /// Not over.
    Running,
    /// Every host that counts did it well.
    Ok,
    /// On some host it went wrong.
    Failed,
    /// Somebody stopped it.
    Stopped,
    /// Of some host it is not known how it ended.
    Unknown,
    /// It ran nowhere.
    NotStarted,
}

impl Stand {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 6] = [
        Self::Running,
        Self::Ok,
        Self::Failed,
        Self::Stopped,
        Self::Unknown,
        Self::NotStarted,
    ];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Unknown => "unknown",
            Self::NotStarted => "not_started",
        }
    }

    /// What a word stands for.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stand| stand.as_str() == word)
    }

    /// Where a run stands.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        if matches!(run.phase, Phase::Expired(_)) {
            return Self::NotStarted;
        }
        if !run.is_over() && !run.all_ended() {
            return Self::Running;
        }
        let (counted, ok) = counted(run);
        let hows = || run.executions().filter_map(|(_, execution)| how(execution));
        if run.cancel.is_some() && ok < counted {
            Self::Stopped
        } else if ok > 0 && ok == counted {
            Self::Ok
        } else if hows().any(|how| matches!(how, How::Lost(_))) {
            Self::Unknown
        } else if hows().all(|how| matches!(how, How::NotStarted(_))) {
            Self::NotStarted
        } else {
            Self::Failed
        }
    }
}

/// Hosts that count, and those of them where it went well.
fn counted(run: &Run) -> (usize, usize) {
    let counts = || run.executions().filter(|(_, e)| !run.is_skipped(e));
    let ok = counts().filter(|(_, e)| e.outcome().is_some_and(Outcome::is_ok));
    (counts().count(), ok.count())
}

fn how(execution: &Execution) -> Option<&How> {
    execution.outcome().map(|outcome| &outcome.how)
}

/// What the history knows of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub number: RunNumber,
    /// Its id.
    pub id: RunId,
    /// When it was accepted, milliseconds since the Unix epoch.
    pub accepted_ms: u64,
    /// When it was over, likewise; zero when it is not, or nothing ran.
    pub closed_ms: u64,
    /// Who asked.
    pub by: Principal,
    /// Guild and channel in which they did; nothing for the command line.
    pub place: Option<(u64, u64)>,
    /// The selector as typed.
    pub selector: String,
    /// What ran, as people may read it.
    pub command: String,
    /// The user to run as; nothing means each agent's own.
    pub run_as: Option<String>,
    /// Zero means none.
    pub timeout_ms: u64,
    /// The hosts, sorted.
    pub agents: Vec<AgentId>,
    /// Their names, folded; of very many the beginning.
    pub hosts: String,
    /// Hosts that count: all but those that were left out on purpose.
    pub counted: u64,
    /// Of those, where it went well.
    pub ok: u64,
    /// How long it took, milliseconds: see [`Run::took_ms`].
    pub took_ms: Option<u64>,
    /// Where it stands.
    pub stand: Stand,
    /// One line of chat about how it went.
    pub summary: String,
    /// Nothing more can become known of it.
    pub settled: bool,
}

impl Entry {
    /// What is known of a run. Whoever may read its command gives it as that person may.
    #[must_use]
    pub fn of(run: &Run, command: String) -> Self {
        let (counted, ok) = counted(run);
        let names = run
            .executions()
            .map(|(_, execution)| execution.name.as_str());
        Self {
            number: run.number,
            id: run.spec.id,
            accepted_ms: run.accepted_ms,
            closed_ms: match run.phase {
                Phase::Closed { at_ms } => at_ms,
                Phase::Accepted | Phase::Running | Phase::Expired(_) => 0,
            },
            by: run.spec.origin.principal(),
            place: run
                .spec
                .origin
                .place()
                .map(|place| (place.guild, place.channel)),
            selector: run.spec.selector.clone(),
            command,
            run_as: run.spec.options.run_as.clone(),
            timeout_ms: run.spec.options.timeout_ms,
            agents: run.executions().map(|(agent, _)| agent).collect(),
            hosts: crate::text::cut(&fold(names), HOSTS_CHARS_MAX),
            counted: counted as u64,
            ok: ok as u64,
            took_ms: run.took_ms(),
            stand: Stand::of(run),
            summary: run_summary(run),
            settled: run.is_over() && run.unsettled().next().is_none(),
        }
    }
}

/// A run that was looked for, and where the text was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The run.
    pub entry: Entry,
    /// A piece of what a host printed with the text in it; nothing when it stands in the command, or no text was looked for.
    pub hit: Option<Hit>,
}

/// Where a text was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The host that printed it, or the first of several.
    pub agent: AgentId,
    /// Its name; empty while nobody has looked that up.
    pub host: String,
    /// The text around it, on one line.
    pub text: String,
}

/// Where to look from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// At the newest.
    Newest,
    /// Those before this number, newest first.
    Before(RunNumber),
    /// Those after this number: the nearest, newest first.
    After(RunNumber),
}

/// Some of what was looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The runs, newest first.
    pub runs: Vec<Found>,
    /// How many there are in all, as far as they were counted; nothing when they were not.
    pub total: Option<(u64, Counted)>,
    /// Where older ones are; nothing when there are none.
    pub older: Option<RunNumber>,
    /// Where newer ones are.
    pub newer: Option<RunNumber>,
    /// Why there may be more than was found.
    pub short: BTreeSet<Short>,
}

/// Why there may be more than was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Short {
    /// It took too long and was stopped.
    Stopped,
    /// What happened in the last moments is not there to be found yet.
    Newest,
    /// Nor is what those runs printed that ended last.
    Printed,
    /// Nor are runs of long ago.
    Past,
}

impl Short {
    /// Says so, and what to do about it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Stopped => {
                "Looking took too long and was stopped: there may be more. Look for fewer or longer words, or ask again in a moment."
            }
            Self::Newest => {
                "Runs of the last moments may be missing: they are still being indexed. Look again in a moment."
            }
            Self::Printed => "Newer output is still being indexed. Look again in a moment.",
            Self::Past => "Older runs are still being indexed: there may be more.",
        }
    }
}

/// How far something was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// To its end.
    All,
    /// There are more.
    More,
}

#[cfg(test)]
mod tests;

//! The history, as every edge asks for it: who may look for what is decided by the hub, what is found comes from the index, and where it was
//! shown and what people are called from what is kept.
//!
//! `feed` fills the index beside the hub. What changed since it last looked is taken before an answer, so that what was just done is there.

mod between;
mod feed;
mod printed;
mod recent;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use shanty_core::ask::{Answer, Ask, Question};
use shanty_core::history::{Counted, Found, Page, Query, Short, Turn, Wanted};
use shanty_core::hub::Known;
use shanty_core::ids::RunId;
use shanty_core::output::mask::Masks;
use shanty_core::principal::{Asker, Principal};
use shanty_core::refusal::{Code, Refusal};

use tokio::time::Instant;

use crate::hub::Handle;
use crate::store::{Kept, Names, Output, Search, Shown, StoreError};
use crate::supervise::Supervisor;

use feed::Feed;

pub use between::Differences;
pub use printed::beginning;
pub use recent::Star;

/// Runs of one page.
pub const PAGE: usize = 10;

/// Runs that are read at a time for a table.
const TABLE_STEP: usize = 500;

/// Whoever types a command waits so long for those of the last moments to be among what is offered.
const CATCH_UP: Duration = Duration::from_secs(1);

/// A step of a table takes at most so long, and what comes before it.
const TABLE_PATIENCE: Duration = Duration::from_secs(10);

/// What the history is made of.
#[derive(Clone)]
pub struct Parts {
    /// The hub.
    pub hub: Handle,
    /// The index.
    pub search: Search,
    /// Where output is read, past the masks.
    pub output: Output,
    /// Where it is kept what was shown where, names and favourites.
    pub kept: Kept,
    /// What nobody reads.
    pub masks: Masks,
    /// The guilds that are served.
    pub guilds: Vec<u64>,
    /// Runs that are over are known for so long, milliseconds.
    pub runs_ms: u64,
}

/// The history, for any number of edges.
#[derive(Clone)]
pub struct History {
    parts: Parts,
    names: Names,
    feed: Arc<Feed>,
}

/// How much of what is looked for is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// So many runs.
    pub limit: usize,
    /// Whether it is said how many there are.
    pub total: Total,
    /// So long the index may take to take what happened last.
    pub catch_up: Duration,
    /// So long a look may take: what was found until then is the answer.
    pub patience: Duration,
}

impl Extent {
    /// A page for chat, whose answers are late after three seconds.
    pub const CHAT: Self = Self {
        limit: PAGE,
        total: Total::Counted,
        catch_up: Duration::from_millis(300),
        patience: Duration::from_millis(1_500),
    };

    /// So many runs for somebody who waits longer.
    #[must_use]
    pub const fn of(limit: usize, total: Total) -> Self {
        let patience = Duration::from_secs(10);
        Self {
            limit,
            total,
            catch_up: patience,
            patience,
        }
    }
}

/// How a look back is to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Total {
    /// With how many there are in all.
    Counted,
    /// Without.
    Unknown,
}

/// Starts feeding the index.
pub fn start(supervisor: &mut Supervisor, parts: Parts) -> History {
    let history = History::new(parts);
    let shutdown = supervisor.shutdown();
    supervisor.start("history", feed::run(history.clone(), shutdown));
    history
}

impl History {
    /// A history that nobody feeds yet.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let parts = Parts {
            search: parts.search.masked(parts.masks.clone()),
            ..parts
        };
        Self {
            names: Names::new(parts.kept.clone()),
            feed: Arc::default(),
            parts,
        }
    }

    /// What people are called.
    #[must_use]
    pub const fn names(&self) -> &Names {
        &self.names
    }

    /// Some of what somebody looks for, and may see.
    ///
    /// # Errors
    /// The refusal to show.
    pub async fn page(
        &self,
        asker: Asker,
        wanted: Wanted,
        turn: Turn,
        extent: Extent,
    ) -> Result<Page, Refusal> {
        let query = self.query(asker, Question::History { wanted }).await?;
        let caught_up = Instant::now() + extent.catch_up;
        let (known, short) = self.catch_up(extent.catch_up).await;
        if query.words.is_some() {
            let printed = self.feed.catch_up_printed(&self.parts);
            // What is not there by then is told with what was found.
            tokio::time::timeout_at(caught_up, printed).await.ok();
        }
        let until = Instant::now() + extent.patience;
        let find = async |turn| {
            let found = self
                .parts
                .search
                .find(query.clone(), turn, extent.limit, until);
            found.await.map_err(|error| unreadable(&error))
        };
        let mut page = find(turn).await?;
        let is_first = matches!(turn, Turn::After(_)) && page.newer.is_none();
        if is_first && !page.short.contains(&Short::Stopped) {
            page = first_of(page, find(Turn::Newest).await?);
        }
        if extent.total == Total::Counted {
            let counted = self.parts.search.count(query.clone(), until).await;
            let counted = counted.map_err(|error| unreadable(&error))?;
            page.total = total(page.runs.len(), counted);
        }
        page.short.extend(short);
        let hosts = known.as_ref().map(|known| &known.state.hosts);
        for hit in page.runs.iter_mut().filter_map(|found| found.hit.as_mut()) {
            let host = hosts.and_then(|hosts| hosts.get(&hit.agent));
            hit.host = host.map_or_else(String::new, |host| host.enrolment.name.to_string());
        }
        Ok(page)
    }

    /// All of what somebody looks for, and may see, in steps.
    ///
    /// # Errors
    /// The refusal to show.
    pub async fn table(&self, asker: Asker, wanted: Wanted) -> Result<Table, Refusal> {
        let query = self.query(asker, Question::History { wanted }).await?;
        let (_, short) = self.catch_up(TABLE_PATIENCE).await;
        Ok(Table {
            history: self.clone(),
            query,
            turn: Some(Turn::Newest),
            short: short.into_iter().collect(),
        })
    }

    /// Where a run is or was shown; nothing where it was not. A run of the command line was shown in the one guild there is.
    pub async fn shown(&self, run: RunId) -> Option<Shown> {
        let shown = Shown::of(&self.parts.kept, run).await;
        let shown = shown.unwrap_or_else(|error| {
            tracing::warn!(%error, "where a run was shown cannot be read");
            None
        })?;
        let only = match self.parts.guilds[..] {
            [only] => Some(only),
            _ => None,
        };
        Some(Shown {
            guild: shown.guild.or(only),
            ..shown
        })
    }

    /// What somebody is called.
    pub async fn name(&self, who: &Principal) -> String {
        self.names.of(who).await
    }

    async fn query(&self, asker: Asker, question: Question) -> Result<Query, Refusal> {
        match self.parts.hub.ask(asker, Ask::Look(question)).await? {
            Answer::History(query) => Ok(*query),
            other => {
                tracing::error!(?other, "an answer of another kind than what was asked");
                Err(Refusal::new(
                    Code::Unsupported,
                    "The history gave no answer.",
                    "The controller's log says why.",
                ))
            }
        }
    }

    /// Takes what happened since the index was last fed, as far as it is taken until then: what is not, is fed later. Says what is not there.
    async fn catch_up(&self, patience: Duration) -> (Option<Known>, Vec<Short>) {
        let Ok(known) = self.parts.hub.known().await else {
            return (None, Vec::new());
        };
        let taken = self.feed.catch_up(&self.parts, &known);
        let taken = tokio::time::timeout(patience, taken).await;
        let mut short = Vec::new();
        if !taken.unwrap_or(false) {
            short.push(Short::Newest);
        }
        if self.feed.is_behind() {
            short.push(Short::Past);
        }
        (Some(known), short)
    }
}

/// What somebody looked for, in steps: what is in memory does not grow with it.
pub struct Table {
    history: History,
    query: Query,
    /// Nothing at its end.
    turn: Option<Turn>,
    short: BTreeSet<Short>,
}

impl Table {
    /// The next runs with what those are called who asked for them; none at the end.
    ///
    /// # Errors
    /// The refusal to show.
    pub async fn next(&mut self) -> Result<Vec<(Found, String)>, Refusal> {
        let mut step = Vec::new();
        while let Some(turn) = self.turn {
            let until = Instant::now() + TABLE_PATIENCE;
            let search = &self.history.parts.search;
            let page = search.step(self.query.clone(), turn, TABLE_STEP, until);
            let mut page = page.await.map_err(|error| unreadable(&error))?;
            // What was stopped is gone on with, unless it came nowhere.
            if page.short.remove(&Short::Stopped) && page.older.is_none() {
                return Err(too_long());
            }
            self.turn = page.older.map(Turn::Before);
            self.short.append(&mut page.short);
            for found in page.runs {
                let name = self.history.name(&found.entry.by).await;
                step.push((found, name));
            }
            if !step.is_empty() {
                break;
            }
        }
        Ok(step)
    }

    /// Why there may be more than it holds.
    #[must_use]
    pub const fn short(&self) -> &BTreeSet<Short> {
        &self.short
    }
}

/// The first page is a whole one, unless there was no time left to look for that: then it is what was found before.
fn first_of(found: Page, whole: Page) -> Page {
    if !whole.short.contains(&Short::Stopped) {
        return whole;
    }
    let mut page = found;
    page.short.insert(Short::Stopped);
    page
}

/// How many there are: a count that ended early may have come less far than the page, and of none it says nothing.
fn total(shown: usize, (counted, end): (u64, Counted)) -> Option<(u64, Counted)> {
    match end {
        Counted::All => Some((counted, end)),
        Counted::More => Some((counted.max(shown as u64), end)).filter(|(total, _)| *total > 0),
    }
}

fn too_long() -> Refusal {
    Refusal::new(
        Code::Rate,
        "Looking took too long and was stopped: the table is not whole.",
        "Look for fewer or longer words, or ask again in a moment.",
    )
}

fn unreadable(error: &StoreError) -> Refusal {
    tracing::error!(
        error = shanty_core::causes::chain(error),
        "the history cannot be read"
    );
    Refusal::new(
        Code::Storage,
        "The history cannot be read now.",
        "Look at the controller's log and its disk. `search.db` can be deleted while the controller is stopped: it is made again.",
    )
}

#[cfg(test)]
mod tests;

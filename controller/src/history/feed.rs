//! Feeds the index, in the background: each run as it changes, then the runs of long ago, then what hosts printed.
//!
//! Nothing waits for it. What cannot be read or written is tried again; an index that was lost is filled again from the newest run on.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use shanty_core::history::Entry;
use shanty_core::hub::Known;
use shanty_core::ids::{AgentId, RunNumber};
use shanty_core::output::sanitise::unfenced;
use shanty_core::refusal::Code;
use shanty_core::run::Run;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::{History, Parts, beginning};
use crate::clock::now_ms;
use crate::store::{PRINTED_BYTES_MAX, PRINTED_MAX, Printed, Shown, StoreError};

/// Between two looks while runs are under way.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Between two looks otherwise, and after something failed.
const REST: Duration = Duration::from_secs(60);
/// Runs of long ago that are read together.
const BACKLOG_STEP: usize = 64;
/// Runs whose output is read together.
const PRINTED_STEP: u32 = 8;

/// How far the index is fed.
#[derive(Default)]
pub(super) struct Feed {
    progress: Mutex<Progress>,
    /// Runs of long ago are still to be read again.
    behind: AtomicBool,
    /// Whoever holds it reads what hosts printed: nothing is read and put in twice at once.
    printing: Mutex<()>,
}

#[derive(Default)]
struct Progress {
    begun: bool,
    /// Every run up to this one is in the index, or is in one of these two.
    known: RunNumber,
    /// Runs of which more may become known, as they stand in the index.
    open: BTreeMap<RunNumber, Option<Entry>>,
    /// Runs of long ago that are to be read again; the newest is the last.
    backlog: Vec<RunNumber>,
    /// Some of them are read now.
    reading: bool,
}

impl Feed {
    /// Takes what is at hand of what happened since then; false when it cannot now. Who gives up waiting leaves all as it was, or as it is then.
    pub(super) async fn catch_up(&self, parts: &Parts, known: &Known) -> bool {
        let mut progress = self.progress.lock().await;
        let taken = progress.catch_up(parts, known).await;
        self.tell(&progress);
        match taken {
            Ok(()) => true,
            Err(error) => {
                failed(&error);
                false
            }
        }
    }

    /// Takes what the hosts of runs that are over printed, as far as it can be read now. Who gives up waiting leaves the rest to the next pass.
    pub(super) async fn catch_up_printed(&self, parts: &Parts) {
        loop {
            match self.take_printed(parts).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => return failed(&error),
            }
        }
    }

    /// Takes that of some runs, the newest first; false when there are none of which it can be read now.
    async fn take_printed(&self, parts: &Parts) -> Result<bool, StoreError> {
        let _alone = self.printing.lock().await;
        let mut more = false;
        for number in parts.search.unread(PRINTED_STEP).await? {
            more |= read_printed(parts, number).await?;
        }
        Ok(more)
    }

    /// Whether runs of long ago are still to be read again.
    pub(super) fn is_behind(&self) -> bool {
        self.behind.load(Ordering::Relaxed)
    }

    fn tell(&self, progress: &Progress) {
        let behind = !progress.backlog.is_empty() || progress.reading;
        self.behind.store(behind, Ordering::Relaxed);
    }
}

fn failed(error: &StoreError) {
    tracing::warn!(
        error = shanty_core::causes::chain(error),
        "what is searched could not be brought up to date; tried again"
    );
}

impl Progress {
    /// What is in the index already.
    async fn begin(&mut self, parts: &Parts, known: &Known) -> Result<(), StoreError> {
        if self.begun {
            return Ok(());
        }
        let mut settled = parts.search.settled().await?;
        settled.sort_unstable();
        let is_new = |number: &RunNumber| settled.binary_search(number).is_err();
        let runs = &known.state.runs;
        let past = runs.past().runs().iter().map(|run| run.number);
        self.backlog = past.filter(is_new).collect();
        let whole = runs.newest_whole().map(|run| run.number).filter(is_new);
        self.open = whole.map(|number| (number, None)).collect();
        self.known = runs.newest();
        self.begun = true;
        Ok(())
    }

    async fn catch_up(&mut self, parts: &Parts, known: &Known) -> Result<(), StoreError> {
        self.begin(parts, known).await?;
        let runs = &known.state.runs;
        for number in self.known.0 + 1..=runs.newest().0 {
            self.open.insert(RunNumber(number), None);
        }
        self.known = self.known.max(runs.newest());
        let mut changed = Vec::new();
        for (number, last) in &self.open {
            if let Some(run) = runs.numbered(*number) {
                let entry = entry(parts, run);
                if last.as_ref() != Some(&entry) {
                    changed.push(entry);
                }
            }
        }
        parts.search.put(changed.clone()).await?;
        for entry in changed {
            self.open.insert(entry.number, Some(entry));
        }
        // What was over before it was ever looked at is read again from the journal.
        let past = |number: &RunNumber| runs.past().numbered(*number).is_some();
        self.backlog
            .extend(self.open.keys().copied().filter(|number| past(number)));
        self.open.retain(|number, entry| {
            let more = entry.as_ref().is_none_or(|entry| !entry.settled);
            more && runs.numbered(*number).is_some()
        });
        Ok(())
    }
}

fn entry(parts: &Parts, run: &Run) -> Entry {
    Entry::of(run, parts.masks.text(&run.spec.what.text()))
}

/// Feeds until shutdown.
pub(super) async fn run(history: History, shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut accepted = history.parts.hub.accepted();
    let mut pruned = None;
    loop {
        accepted.borrow_and_update();
        let passed = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            passed = pass(&history, &mut pruned) => passed,
        };
        let rest = match passed {
            Ok(Next::Now) => continue,
            Ok(Next::Soon) => LOOK_EVERY,
            Ok(Next::Later) => REST,
            Err(error) => {
                failed(&error);
                REST
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = tokio::time::sleep(rest) => {}
            changed = accepted.changed() => if changed.is_err() {
                shutdown.cancelled().await;
                return Ok(());
            },
        }
    }
}

/// When to look again.
enum Next {
    Now,
    Soon,
    Later,
}

async fn pass(
    history: &History,
    pruned: &mut Option<tokio::time::Instant>,
) -> Result<Next, StoreError> {
    let parts = &history.parts;
    let Ok(known) = parts.hub.known().await else {
        return Ok(Next::Later); // it stops
    };
    if pruned.is_none_or(|at| at.elapsed() >= REST) {
        prune(parts).await?;
        *pruned = Some(tokio::time::Instant::now());
    }
    let feed = &history.feed;
    let (backlog, open) = {
        let mut progress = feed.progress.lock().await;
        progress.catch_up(parts, &known).await?;
        let at = progress.backlog.len().saturating_sub(BACKLOG_STEP);
        let backlog = progress.backlog.split_off(at);
        progress.reading = !backlog.is_empty();
        feed.tell(&progress);
        (backlog, !progress.open.is_empty())
    };
    drop(known);
    let mut more = !backlog.is_empty();
    let read = read_again(parts, &backlog).await;
    let mut progress = feed.progress.lock().await;
    progress.reading = false;
    if let Err(error) = read {
        // The next pass takes them again.
        progress.backlog.extend(backlog);
        return Err(error);
    }
    feed.tell(&progress);
    drop(progress);
    // Those that were only taken now are among them: the next pass may be a minute away.
    more |= feed.take_printed(parts).await?;
    Ok(match (more, open) {
        (true, _) => Next::Now,
        (false, true) => Next::Soon,
        (false, false) => Next::Later,
    })
}

/// Forgets runs that the journal forgets.
async fn prune(parts: &Parts) -> Result<(), StoreError> {
    let before = now_ms().saturating_sub(parts.runs_ms);
    for run in parts.search.forget_before(before).await? {
        Shown::forget(&parts.kept, run).await?;
    }
    Ok(())
}

/// Takes runs of long ago. One that cannot be read is left out: the hub has said why.
async fn read_again(parts: &Parts, numbers: &[RunNumber]) -> Result<(), StoreError> {
    let mut entries = Vec::with_capacity(numbers.len());
    for number in numbers {
        if let Ok(Some(run)) = parts.hub.recorded(*number).await {
            entries.push(entry(parts, &run));
        }
    }
    parts.search.put(entries).await
}

/// Takes the beginning of what the hosts of a run printed. Those that printed the same are read once. False when it cannot be read now: a later
/// pass takes it again.
async fn read_printed(parts: &Parts, number: RunNumber) -> Result<bool, StoreError> {
    parts.search.reading(number).await?;
    let run = match parts.hub.recorded(number).await {
        Ok(run) => run,
        // It never can; the hub has said so.
        Err(refusal) if refusal.code == Code::Damaged => None,
        Err(_) => return Ok(false),
    };
    let Some(run) = run else {
        parts.search.put_printed(number, Vec::new()).await?;
        return Ok(true);
    };
    let id = run.spec.id;
    let mut printed = Vec::new();
    for agents in printed_alike(&run) {
        let Some(first) = agents.first() else {
            continue;
        };
        let text = beginning(&parts.output, (id, *first), PRINTED_BYTES_MAX).await?;
        // Looked for as it was printed; whoever shows it in a message sees to its backticks.
        let text = text.map(unfenced);
        printed.extend(text.map(|text| Printed { agents, text }));
    }
    let agents: Vec<AgentId> = printed.iter().flat_map(|one| one.agents.clone()).collect();
    parts.search.put_printed(number, printed).await?;
    // What was deleted meanwhile was not there to be forgotten then.
    for agent in agents {
        if parts.output.is_deleted(id, agent).await? {
            parts.search.forget_printed(id, agent).await?;
        }
    }
    Ok(true)
}

/// The hosts that printed something, those together that printed the same.
fn printed_alike(run: &Run) -> Vec<Vec<AgentId>> {
    let mut places: HashMap<[u8; 32], usize> = HashMap::new();
    let mut sets: Vec<Vec<AgentId>> = Vec::new();
    for (agent, execution) in run.executions() {
        let printed = execution
            .outcome()
            .filter(|outcome| outcome.output_bytes > 0);
        let Some(outcome) = printed else {
            continue;
        };
        let digest = outcome.content_sha256;
        let place = digest.and_then(|digest| places.get(&digest).copied());
        if let Some(set) = place.and_then(|place| sets.get_mut(place)) {
            set.push(agent);
        } else if sets.len() < PRINTED_MAX {
            places.extend(digest.map(|digest| (digest, sets.len())));
            sets.push(vec![agent]);
        }
    }
    sets
}

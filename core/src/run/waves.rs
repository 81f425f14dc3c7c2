//! Where a run in waves stands: which hosts are next, whether it rests, and whether it bears no more failures. What it decides, the machine
//! follows in [`super::steps`], and [`super::launch`] asks it before each start.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::ids::AgentId;
use crate::principal::Principal;
use crate::refusal::Code;
use crate::selector::fold::natural;
use crate::text::thousands;

use super::{
    Execution, How, Outcome, Pauses, Phase, Progress, Reason, Rollout, Run, Spec, Target, Waiting,
};

/// What becomes of a host in a run with waves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It may start now.
    Now,
    /// Others come first, or the run rests.
    Later,
    /// It does not start any more.
    Never(Reason),
}

/// A rest: no further host starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Who asked for it; nothing when a wave was over after which it was to rest.
    pub by: Option<Principal>,
    /// Since when, milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// The waves of a run, and how far they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waves {
    /// The hosts that count, in the order in which they are taken.
    order: Arc<[AgentId]>,
    /// Behind the last place of each wave.
    ends: Arc<[usize]>,
    parallel: usize,
    /// Failures that are borne; nothing means any number.
    budget: Option<usize>,
    pauses: Pauses,
    /// While it rests by a record.
    pub(super) pause: Option<Pause>,
    /// Waves after which somebody said that it goes on.
    pub(super) passed: usize,
    /// That it rests was asked to be recorded.
    pub(super) resting: bool,
    /// Until when hosts that are away may just not be back yet, milliseconds since the Unix epoch.
    pub(super) back_until_ms: u64,
    /// How fast it goes in this process.
    pace: Pace,
    tally: Tally,
}

/// Hosts that ended since it began, or went on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Pace {
    since_ms: u64,
    last_ms: u64,
    ended: u64,
}

/// What the executions come to: kept as each moves, since it is asked for at every start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Tally {
    failed: usize,
    /// Their order is being recorded, went, or came to an end that is not recorded yet.
    flying: usize,
    /// Those whose end is not recorded, of each wave.
    open: Vec<usize>,
    /// Places of those whose turn has not come.
    line: BTreeSet<usize>,
}

/// How far one wave is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wave {
    /// Its hosts, in the order in which they are taken.
    pub hosts: Vec<AgentId>,
    /// Hosts that ended well.
    pub ok: usize,
    /// Hosts that did not.
    pub failed: usize,
    /// Hosts that never began because the run was stopped.
    pub kept: usize,
}

impl Wave {
    /// Hosts that have not ended.
    #[must_use]
    pub fn open(&self) -> usize {
        self.hosts.len() - self.ok - self.failed - self.kept
    }
}

/// The hosts of a run that count, in the order in which they are taken: those that are away come last, the rest by name.
fn order(spec: &Spec, rollout: &Rollout) -> (Vec<AgentId>, Vec<usize>) {
    let counts = |target: &&Target| !spec.skips(target.away);
    let mut targets: Vec<&Target> = spec.targets.iter().filter(counts).collect();
    targets.sort_by(|a, b| {
        let away = a.away.is_some().cmp(&b.away.is_some());
        away.then_with(|| natural(a.name.as_str(), b.name.as_str()))
    });
    let sizes = rollout.waves(targets.len());
    let ends = sizes.iter().scan(0, |end, size| {
        *end += size;
        Some(*end)
    });
    let ends = ends.collect();
    (
        targets.into_iter().map(|target| target.agent).collect(),
        ends,
    )
}

impl Waves {
    /// The waves of a run that was just accepted, with the place of each host; nothing when all its hosts may start at once.
    pub(super) fn of(spec: &Spec) -> Option<(Self, BTreeMap<AgentId, usize>)> {
        let rollout = spec.strategy.rollout.as_ref()?;
        let (order, ends) = order(spec, rollout);
        let mut open = Vec::with_capacity(ends.len());
        let mut from = 0;
        for end in &ends {
            open.push(end - from);
            from = *end;
        }
        let places = order.iter().enumerate();
        let places = places.map(|(place, agent)| (*agent, place)).collect();
        let parallel = rollout.parallel.map_or(usize::MAX, |n| n as usize);
        let waves = Self {
            parallel,
            budget: rollout.max_fail.map(|amount| amount.of(order.len())),
            pauses: rollout.pause,
            order: order.into(),
            ends: ends.into(),
            pause: None,
            passed: 0,
            resting: false,
            back_until_ms: 0,
            pace: Pace::default(),
            tally: Tally {
                open,
                ..Tally::default()
            },
        };
        Some((waves, places))
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.ends.len()
    }

    /// The wave that is under way, from 0; how many there are when all are over.
    #[must_use]
    pub fn current(&self) -> usize {
        let open = self.tally.open.iter().position(|open| *open > 0);
        open.unwrap_or(self.ends.len())
    }

    /// While it rests: by a record, or because a wave is over after which it does.
    #[must_use]
    pub fn rests(&self) -> bool {
        self.pause.is_some() || self.is_due()
    }

    /// The rest, once it is recorded.
    #[must_use]
    pub const fn pause(&self) -> Option<&Pause> {
        self.pause.as_ref()
    }

    /// Waves after which somebody said that it goes on.
    #[must_use]
    pub const fn passed(&self) -> usize {
        self.passed
    }

    /// Whether a wave is over after which it rests, and nobody has said that it goes on.
    pub(super) fn is_due(&self) -> bool {
        let current = self.current();
        let after = match self.pauses {
            Pauses::Never => false,
            Pauses::First => current >= 1 && self.passed == 0,
            Pauses::Every => current > self.passed,
        };
        after && current < self.ends.len()
    }

    /// Failures so far; hosts that were kept from starting because of them are none.
    #[must_use]
    pub const fn failed(&self) -> usize {
        self.tally.failed
    }

    /// Failures that are borne; nothing means any number.
    #[must_use]
    pub const fn budget(&self) -> Option<usize> {
        self.budget
    }

    /// Hosts that have ended, and in how many milliseconds, since it began or went on; nothing while that says little.
    #[must_use]
    pub fn pace(&self) -> Option<(u64, u64)> {
        const FEW: u64 = 3;
        let in_ms = self.pace.last_ms.saturating_sub(self.pace.since_ms);
        (self.pace.ended >= FEW && in_ms > 0).then_some((self.pace.ended, in_ms))
    }

    /// It begins, or goes on: how fast it was before says nothing.
    pub(super) fn starts_pace(&mut self, now_ms: u64) {
        self.pace = Pace {
            since_ms: now_ms,
            last_ms: now_ms,
            ended: 0,
        };
    }

    pub(super) fn one_ended(&mut self, now_ms: u64) {
        self.pace.ended += 1;
        self.pace.last_ms = now_ms;
    }

    /// Why no further host starts: it bears no more failures.
    #[must_use]
    pub fn given_up(&self) -> Option<Reason> {
        let failed = self.tally.failed;
        self.budget.filter(|budget| failed > *budget).map(|_| {
            let all = thousands(self.order.len() as u64);
            let text = format!("stopped after {} of {all} failed", thousands(failed as u64));
            Reason::new(Code::MaxFail, text)
        })
    }

    /// Some hosts whose turn has not come, in their order: as many as may start now, and a few more for those that something keeps.
    pub(super) fn next(&self) -> Vec<AgentId> {
        const MORE: usize = 32;
        if self.rests() || self.given_up().is_some() {
            return Vec::new();
        }
        let free = self.parallel.saturating_sub(self.tally.flying);
        let Some(end) = self.ends.get(self.current()).filter(|_| free > 0) else {
            return Vec::new();
        };
        let line = self.tally.line.range(..*end);
        let line = line.take(free.saturating_add(MORE));
        line.filter_map(|place| self.order.get(*place).copied())
            .collect()
    }

    /// Whether this execution may start now.
    fn turn(&self, execution: &Execution) -> Turn {
        if let Some(reason) = self.given_up() {
            return Turn::Never(reason);
        }
        let flies = usize::from(is_flying(&execution.progress));
        let full = self.tally.flying - flies >= self.parallel;
        let end = self.ends.get(self.current()).copied().unwrap_or(0);
        let later = execution.place.is_none_or(|place| place >= end);
        if self.rests() || full || later {
            Turn::Later
        } else {
            Turn::Now
        }
    }

    fn wave_of(&self, place: usize) -> usize {
        self.ends.partition_point(|end| *end <= place)
    }

    fn count_in(&mut self, place: usize, progress: &Progress) {
        self.tally.failed += usize::from(is_failed(progress));
        self.tally.flying += usize::from(is_flying(progress));
        let wave = self.wave_of(place);
        if let Some(open) = self.tally.open.get_mut(wave) {
            *open += usize::from(is_open(progress));
        }
        if is_in_line(progress) {
            self.tally.line.insert(place);
        }
    }

    fn count_out(&mut self, place: usize, progress: &Progress) {
        self.tally.failed -= usize::from(is_failed(progress));
        self.tally.flying -= usize::from(is_flying(progress));
        let wave = self.wave_of(place);
        if let Some(open) = self.tally.open.get_mut(wave) {
            *open -= usize::from(is_open(progress));
        }
        self.tally.line.remove(&place);
    }
}

impl Run {
    /// Its waves; nothing when all its hosts may start at once.
    #[must_use]
    pub fn waves(&self) -> Option<&Waves> {
        self.waves.as_deref()
    }

    /// True while no further host starts until somebody says so.
    #[must_use]
    pub fn rests(&self) -> bool {
        let open = matches!(self.phase, Phase::Accepted | Phase::Running);
        let unstarted = || self.executions.values().any(Execution::has_not_begun);
        let rests = self.waves().is_some_and(Waves::rests);
        open && rests && self.cancel.is_none() && unstarted()
    }

    /// Each wave, with how far it is.
    #[must_use]
    pub fn wave_list(&self) -> Vec<Wave> {
        let Some(waves) = self.waves() else {
            return Vec::new();
        };
        let mut from = 0;
        let ends = waves.ends.iter();
        let wave = |end: &usize| {
            let hosts = waves.order.get(from..*end).unwrap_or_default().to_vec();
            from = *end;
            let mut wave = Wave {
                hosts: Vec::new(),
                ok: 0,
                failed: 0,
                kept: 0,
            };
            let ended = hosts.iter().filter_map(|agent| self.execution(*agent));
            for outcome in ended.filter_map(Execution::outcome) {
                let end = match &outcome.how {
                    How::Exited(0) => &mut wave.ok,
                    how if is_kept(how) => &mut wave.kept,
                    How::Exited(_)
                    | How::Signaled(_)
                    | How::TimedOut(_)
                    | How::OutOfMemory(_)
                    | How::Cancelled(_)
                    | How::StoppedOnHost(_)
                    | How::Refused(_)
                    | How::NotStarted(_)
                    | How::Lost(_) => &mut wave.failed,
                };
                *end += 1;
            }
            wave.hosts = hosts;
            wave
        };
        ends.map(wave).collect()
    }

    /// Whether an execution may start now, as far as the others of its run go.
    pub(super) fn turn(&self, execution: &Execution) -> Turn {
        match self.waves() {
            Some(waves) => waves.turn(execution),
            None => Turn::Now,
        }
    }

    /// Moves one execution on: the only way in which one does.
    pub(super) fn move_to(&mut self, agent: AgentId, progress: Progress) {
        let Some(execution) = self.executions.get_mut(&agent) else {
            return;
        };
        let waves = self.waves.as_deref_mut().zip(execution.place);
        if let Some((waves, place)) = waves {
            waves.count_out(place, &execution.progress);
            waves.count_in(place, &progress);
        }
        execution.progress = progress;
    }
}

/// A run was stopped, or ended by itself, before the host's turn: that is no failure of the host.
#[must_use]
pub fn is_kept(how: &How) -> bool {
    let kept = [Code::MaxFail, Code::Paused, Code::Closed];
    match how {
        How::NotStarted(reason) => kept.iter().any(|code| reason.code == code.as_str()),
        How::Exited(_)
        | How::Signaled(_)
        | How::TimedOut(_)
        | How::OutOfMemory(_)
        | How::Cancelled(_)
        | How::StoppedOnHost(_)
        | How::Refused(_)
        | How::Lost(_) => false,
    }
}

fn is_failed(progress: &Progress) -> bool {
    let fails = |outcome: &Outcome| !outcome.is_ok() && !is_kept(&outcome.how);
    match progress {
        Progress::Ending(outcome) | Progress::Done(outcome) => fails(outcome),
        Progress::Waiting(_) | Progress::Ordered(_) | Progress::Running { .. } => false,
    }
}

const fn is_flying(progress: &Progress) -> bool {
    match progress {
        Progress::Waiting(Waiting::Record)
        | Progress::Ordered(_)
        | Progress::Running { .. }
        | Progress::Ending(_) => true,
        Progress::Waiting(Waiting::Begin | Waiting::Turn | Waiting::Gate(_))
        | Progress::Done(_) => false,
    }
}

const fn is_open(progress: &Progress) -> bool {
    !matches!(progress, Progress::Done(_))
}

const fn is_in_line(progress: &Progress) -> bool {
    matches!(progress, Progress::Waiting(Waiting::Turn))
}

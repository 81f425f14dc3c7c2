//! The steps of a run in waves: who is next is asked what keeps it, a rest is recorded, and what does not start any more ends.

use std::collections::BTreeMap;

use crate::ids::AgentId;
use crate::limits;
use crate::principal::Principal;
use crate::refusal::Code;
use crate::text::duration;
use crate::time::Now;

use super::event::Effect;
use super::launch::{Gate, Moment};
use super::{Execution, Pause, Phase, Progress, Reason, Run, Waiting, Waves};

impl Run {
    /// Takes the record that it rests. The first stands.
    pub fn apply_paused(&mut self, by: Option<Principal>, at_ms: u64) {
        if let Some(waves) = self.waves_mut() {
            waves.resting = false;
            waves.pause.get_or_insert(Pause { by, at_ms });
        }
    }

    /// Takes the record that it goes on, so many waves being over.
    pub fn apply_continued(&mut self, passed: usize) {
        if let Some(waves) = self.waves_mut() {
            waves.pause = None;
            waves.resting = false;
            waves.passed = waves.passed.max(passed);
        }
    }

    pub(super) fn starts_pace(&mut self, now: Now) {
        if let Some(waves) = self.waves_mut() {
            waves.starts_pace(now.wall_ms);
        }
    }

    pub(super) fn waves_mut(&mut self) -> Option<&mut Waves> {
        self.waves.as_deref_mut()
    }

    /// Everybody stands in line, but those that are left out: those end as in any run.
    pub(super) fn line_up(&mut self) {
        let counts = |execution: &Execution| {
            execution.place.is_some() && matches!(execution.progress, Progress::Waiting(_))
        };
        let counted = self.executions.iter().filter(|(_, e)| counts(e));
        let counted: Vec<AgentId> = counted.map(|(agent, _)| *agent).collect();
        for agent in counted {
            self.move_to(agent, Progress::Waiting(Waiting::Turn));
        }
    }

    /// What keeps those whose turn may have come is known: they start, in their order, until as many are under way as may be.
    pub(super) fn looked(&mut self, gates: &[(AgentId, Gate)], now: Now, out: &mut Vec<Effect>) {
        for (agent, gate) in gates {
            self.look(*agent, *gate, Moment::Changed, now, out);
        }
    }

    /// Whatever happened: what comes next, if the run goes in waves.
    pub(super) fn step(&mut self, now: Now, out: &mut Vec<Effect>) {
        let goes = self.phase == Phase::Running;
        let Some(waves) = self.waves.as_deref_mut().filter(|_| goes) else {
            return;
        };
        if self.cancel.is_some() {
            for agent in self.waiting() {
                self.look(agent, Gate::Offline, Moment::Changed, now, out);
            }
            return;
        }
        if let Some(reason) = waves.given_up() {
            return self.keep_the_rest(&reason, out);
        }
        if waves.is_due() && waves.pause.is_none() && !waves.resting {
            waves.resting = true;
            out.push(Effect::RecordPaused);
        }
        let next = waves.next();
        if !next.is_empty() {
            out.push(Effect::Look(next));
        }
    }

    /// Hosts whose turn has come and that are away may be back soon after a restart, or wait as long as the run waits for hosts; then they end.
    pub(super) fn tick_waves(&mut self, now: Now, out: &mut Vec<Effect>) {
        let Some(waves) = self.waves() else {
            return;
        };
        let expired = |pause: &&Pause| {
            let rested_ms = now.wall_ms.saturating_sub(pause.at_ms);
            rested_ms >= limits::PAUSE_MS
        };
        if waves.pause().filter(expired).is_some() {
            let rested = duration(limits::PAUSE_MS);
            let text = format!("the run was paused for {rested} and nobody continued it");
            return self.keep_the_rest(&Reason::new(Code::Paused, text), out);
        }
        if self.may_be_back(now) {
            return;
        }
        let kept = |execution: &Execution| match execution.progress {
            Progress::Waiting(Waiting::Gate(_)) if !execution.online => Some(Gate::Offline),
            Progress::Waiting(Waiting::Gate(gate @ Gate::Draining)) => Some(gate),
            Progress::Waiting(_)
            | Progress::Ordered(_)
            | Progress::Running { .. }
            | Progress::Ending(_)
            | Progress::Done(_) => None,
        };
        let executions = self.executions.iter();
        let kept = executions.filter_map(|(agent, execution)| Some((*agent, kept(execution)?)));
        let kept: BTreeMap<AgentId, Gate> = kept.collect();
        for (agent, gate) in kept {
            self.look(agent, gate, Moment::Changed, now, out);
        }
    }

    /// Whether a host that is away is waited for: as long as the run says, and for a while after a restart.
    pub(super) fn may_be_back(&self, now: Now) -> bool {
        let back_ms = self.waves().map_or(0, |waves| waves.back_until_ms);
        let until_ms = self.queued_until_ms().unwrap_or(0).max(back_ms);
        now.wall_ms < until_ms
    }

    /// What no order went to ends for this reason.
    fn keep_the_rest(&mut self, reason: &Reason, out: &mut Vec<Effect>) {
        for agent in self.waiting() {
            self.not_started(agent, reason.clone(), out);
        }
    }
}

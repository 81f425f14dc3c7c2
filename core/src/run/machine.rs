//! The state machine of a run: what happens now, and what must be done about it. Who may start is decided in [`super::launch`].

use std::collections::BTreeMap;

use crate::ids::AgentId;
use crate::limits;
use crate::refusal::Code;
use crate::time::Now;

use super::event::{Effect, Event, Held, Reach, Told};
use super::launch::{Gate, Launch, Moment, launch};
use super::{
    CancelRequest, Execution, How, Offline, Outcome, Phase, Progress, Reason, Run, Waiting,
};

impl Run {
    /// Takes one event and says what must be done.
    pub fn handle(&mut self, event: Event, now: Now, out: &mut Vec<Effect>) {
        // Who was looked at and does not start waits for something else to happen.
        let steps = !matches!(event, Event::Looked(_));
        self.take(event, now, out);
        if steps {
            self.step(now, out);
        }
    }

    fn take(&mut self, event: Event, now: Now, out: &mut Vec<Effect>) {
        match event {
            Event::Begin { gates } => self.begin(&gates, now, out),
            Event::Recovered => self.recovered(now, out),
            Event::LinkUp { agent, holds, gate } => {
                self.with(agent, |execution| execution.online = true);
                // What no order went to it cannot hold, whatever it says.
                let waits = self
                    .executions
                    .get(&agent)
                    .is_some_and(Execution::has_not_begun);
                match holds.filter(|_| !waits) {
                    Some(held) => self.held(agent, held, now, out),
                    None => self.look(agent, gate, Moment::NotHeld, now, out),
                }
            }
            Event::GateChanged { agent, gate } => {
                // What is not under way yet ends when it would begin.
                if self.phase == Phase::Running {
                    self.look(agent, gate, Moment::Changed, now, out);
                }
            }
            Event::Looked(gates) => self.looked(&gates, now, out),
            Event::Steered => self.starts_pace(now),
            Event::LinkDown { agent } => self.link_down(agent),
            Event::Told { agent, told } => self.told(agent, told, now, out),
            Event::Exit { agent, outcome } => self.exit(agent, outcome, out),
            Event::FinishedRecorded { agent } => {
                if let Some(waves) = self.waves_mut() {
                    waves.one_ended(now.wall_ms);
                }
                if self
                    .executions
                    .get(&agent)
                    .is_none_or(Execution::is_settled)
                {
                    out.push(Effect::Release(agent));
                }
                self.close_when_done(out);
            }
            Event::Cancel(request) => self.cancelled(request, now, out),
            Event::Tick => self.tick(now, out),
        }
    }

    /// Takes the record `Finished`.
    pub fn apply_finished(&mut self, agent: AgentId, outcome: Outcome) {
        self.move_to(agent, Progress::Done(outcome));
        self.with(agent, |execution| execution.sent_ms = None);
    }

    /// Takes the record `Started`.
    pub fn apply_started(&mut self, agent: AgentId, at_ms: u64) {
        let open = |execution: &Execution| execution.outcome().is_none();
        if self.executions.get(&agent).is_some_and(open) {
            self.move_to(agent, Progress::Running { since_ms: at_ms });
            self.with(agent, |execution| execution.sent_ms = None);
        }
    }

    /// Takes the record `Sent`.
    pub fn apply_sent(&mut self, agent: AgentId, at_ms: u64) {
        let execution = self.executions.get(&agent);
        if execution.is_some_and(Execution::has_not_begun) {
            self.move_to(agent, Progress::Ordered(None));
        }
        // It may have been kept back since it was recorded for the first time.
        self.with(agent, |execution| {
            if execution.is_queued() {
                execution.sent_ms = Some(at_ms);
            }
        });
    }

    /// The hosts that are waited for to be able to take the order.
    pub fn waits_for(&self) -> impl Iterator<Item = AgentId> {
        let waits = self.waits() || self.waves().is_some();
        self.executions
            .iter()
            .filter(move |(_, execution)| waits && execution.is_queued())
            .map(|(agent, _)| *agent)
    }

    /// Whether it was asked for a moment ago, and its host could take it then: the interaction itself says who asked.
    #[must_use]
    pub fn was_asked_just_now(&self, agent: AgentId, now: Now) -> bool {
        let there = |execution: &Execution| execution.away.is_none();
        let age_ms = now.wall_ms.checked_sub(self.accepted_ms);
        self.executions.get(&agent).is_some_and(there)
            && age_ms.is_some_and(|age_ms| age_ms <= limits::MEMBER_MS)
    }

    /// The hosts whose order waits until somebody is heard of, or is recorded and did not go yet.
    pub fn waits_to_hear(&self) -> impl Iterator<Item = AgentId> {
        let waits = |execution: &Execution| match execution.progress {
            Progress::Waiting(Waiting::Gate(Gate::Asking)) => execution.online,
            // After its record nothing else would come to it.
            Progress::Ordered(None) => execution.online && execution.sent_ms.is_some(),
            Progress::Waiting(_)
            | Progress::Ordered(Some(_))
            | Progress::Running { .. }
            | Progress::Ending(_)
            | Progress::Done(_) => false,
        };
        let may = self.phase == Phase::Running && (self.waits() || self.waves().is_some());
        self.executions
            .iter()
            .filter(move |(_, execution)| may && waits(execution))
            .map(|(agent, _)| *agent)
    }

    /// Which hosts a cancel has reached, among those that have not ended.
    #[must_use]
    pub fn cancel_reach(&self) -> Reach {
        let mut reach = Reach::default();
        for (agent, execution) in &self.executions {
            if execution.outcome().is_none() {
                let side = if execution.cancel_told {
                    &mut reach.told
                } else {
                    &mut reach.away
                };
                side.push(*agent);
            }
        }
        reach
    }

    fn with(&mut self, agent: AgentId, change: impl FnOnce(&mut Execution)) {
        if let Some(execution) = self.executions.get_mut(&agent) {
            change(execution);
        }
    }

    fn agents(&self) -> Vec<AgentId> {
        self.executions.keys().copied().collect()
    }

    /// Orders go before ends are recorded: people wait for those.
    fn begin(&mut self, gates: &BTreeMap<AgentId, Gate>, now: Now, out: &mut Vec<Effect>) {
        self.line_up();
        self.starts_pace(now);
        let mut ended = Vec::new();
        for agent in self.agents() {
            let gate = gates.get(&agent).copied().unwrap_or(Gate::Offline);
            self.with(agent, |execution| execution.online = gate > Gate::Offline);
            if self.is_in_line(agent) && self.cancel.is_none() {
                continue;
            }
            match self.decide(agent, gate, Moment::Begin, now) {
                end @ (Launch::NotStarted(_) | Launch::Lost(_)) => ended.push((agent, gate, end)),
                next @ (Launch::Send
                | Launch::SendAgain(_)
                | Launch::Record
                | Launch::Wait
                | Launch::Line
                | Launch::Nothing) => self.follow(agent, gate, next, now, out),
            }
        }
        for (agent, gate, end) in ended {
            self.follow(agent, gate, end, now, out);
        }
        // All of it may have ended before it began, whatever made it.
        self.close_when_done(out);
    }

    /// Any order may have gone out, but to hosts that were away: to those it goes no sooner than that is recorded, or never.
    /// In a run with waves it is recorded of every order that it goes.
    fn recovered(&mut self, now: Now, out: &mut Vec<Effect>) {
        let fails = self.spec.strategy.offline == Offline::Fail;
        self.line_up();
        self.starts_pace(now);
        if let Some(waves) = self.waves_mut() {
            waves.back_until_ms = now.wall_ms.saturating_add(limits::BACK_MS);
        }
        for agent in self.agents() {
            self.with(agent, |execution| execution.online = false);
            let may = |execution: &Execution| {
                (execution.away.is_none() || fails) && execution.has_not_begun()
            };
            if self.waves().is_none() && self.executions.get(&agent).is_some_and(may) {
                self.move_to(agent, Progress::Ordered(None));
            }
            // Who is left out stands in no line: nothing else would come to them.
            let left_out = |e: &Execution| {
                self.is_skipped(e) && e.progress == Progress::Waiting(Waiting::Begin)
            };
            if self.waves().is_some() && self.executions.get(&agent).is_some_and(left_out) {
                self.look(agent, Gate::Offline, Moment::Changed, now, out);
            }
        }
        self.close_when_done(out);
    }

    fn link_down(&mut self, agent: AgentId) {
        self.with(agent, |execution| {
            execution.online = false;
            execution.cancel_told = false;
        });
        let recording = |e: &Execution| e.progress == Progress::Waiting(Waiting::Record);
        if self.executions.get(&agent).is_some_and(recording) {
            self.move_to(agent, Progress::Waiting(Waiting::Gate(Gate::Offline)));
        }
    }

    fn is_in_line(&self, agent: AgentId) -> bool {
        let in_line = |e: &Execution| e.progress == Progress::Waiting(Waiting::Turn);
        self.executions.get(&agent).is_some_and(in_line)
    }

    pub(super) fn look(
        &mut self,
        agent: AgentId,
        gate: Gate,
        moment: Moment,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let next = self.decide(agent, gate, moment, now);
        self.follow(agent, gate, next, now, out);
    }

    fn decide(&self, agent: AgentId, gate: Gate, moment: Moment, now: Now) -> Launch {
        self.executions
            .get(&agent)
            .map_or(Launch::Nothing, |execution| {
                launch(self, execution, gate, moment, now)
            })
    }

    fn follow(
        &mut self,
        agent: AgentId,
        gate: Gate,
        launch: Launch,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        match launch {
            Launch::Send => {
                self.move_to(agent, Progress::Ordered(Some(now.link)));
                let not_after = now.link.plus_ms(limits::ORDER_NOT_AFTER_MS);
                out.push(Effect::SendOrder { agent, not_after });
            }
            Launch::SendAgain(not_after) => out.push(Effect::SendOrder { agent, not_after }),
            Launch::Record => {
                self.wait(agent, Waiting::Record);
                out.push(Effect::RecordSent(agent));
            }
            Launch::Wait => {
                let recording = |execution: &Execution| {
                    execution.progress == Progress::Waiting(Waiting::Record)
                };
                if !self.executions.get(&agent).is_some_and(recording) {
                    self.wait(agent, Waiting::Gate(gate));
                }
            }
            Launch::Line => self.wait(agent, Waiting::Turn),
            Launch::NotStarted(reason) => self.not_started(agent, reason, out),
            Launch::Lost(reason) => {
                self.end(agent, Outcome::without_output(How::Lost(reason)), out);
            }
            Launch::Nothing => {}
        }
    }

    fn wait(&mut self, agent: AgentId, waiting: Waiting) {
        let queued = self.executions.get(&agent);
        if queued.is_some_and(Execution::is_queued) {
            self.move_to(agent, Progress::Waiting(waiting));
        }
    }

    pub(super) fn not_started(&mut self, agent: AgentId, reason: Reason, out: &mut Vec<Effect>) {
        self.end(agent, Outcome::without_output(How::NotStarted(reason)), out);
    }

    fn held(&mut self, agent: AgentId, held: Held, now: Now, out: &mut Vec<Effect>) {
        let cancel = self.cancel.as_ref().map(|cancel| cancel.force);
        let Some(execution) = self.executions.get_mut(&agent) else {
            return;
        };
        let runs = held.told == Told::Running;
        match &execution.progress {
            // Recorded, and the agent does not know it yet. What was called lost is heard to its end first.
            Progress::Done(outcome) => {
                let lost = matches!(outcome.how, How::Lost(_));
                if !lost || held.complete || held.short {
                    out.push(Effect::Release(agent));
                } else if let (true, Some(force)) = (runs, cancel) {
                    out.push(Effect::SendCancel { agent, force });
                }
            }
            Progress::Ending(_) | Progress::Waiting(_) => {}
            Progress::Ordered(_) | Progress::Running { .. } if held.short => {
                let text = "the host lost part of its output in a crash";
                let lost = How::Lost(Reason::new(Code::Agent, text));
                self.end(agent, Outcome::without_output(lost), out);
            }
            Progress::Ordered(_) | Progress::Running { .. } => {
                if let (true, Some(force)) = (runs, cancel) {
                    execution.cancel_told = true;
                    out.push(Effect::SendCancel { agent, force });
                }
                self.told(agent, held.told, now, out);
            }
        }
    }

    fn told(&mut self, agent: AgentId, told: Told, now: Now, out: &mut Vec<Effect>) {
        let Some(execution) = self.executions.get(&agent) else {
            return;
        };
        match (&execution.progress, told) {
            (Progress::Ordered(_), Told::Running | Told::Ended) => {
                let since_ms = now.wall_ms;
                self.move_to(agent, Progress::Running { since_ms });
                out.push(Effect::RecordStarted(agent));
            }
            (Progress::Ordered(_) | Progress::Running { .. }, Told::Refused(reason)) => {
                let how = How::not_taken(reason);
                self.end(agent, Outcome::without_output(how), out);
            }
            (Progress::Running { .. }, Told::Running | Told::Ended)
            // No order went to it: it is not believed.
            | (Progress::Waiting(_) | Progress::Ending(_) | Progress::Done(_), _) => {}
        }
    }

    fn exit(&mut self, agent: AgentId, outcome: Outcome, out: &mut Vec<Effect>) {
        let Some(execution) = self.executions.get(&agent) else {
            return;
        };
        match &execution.progress {
            Progress::Ordered(_) | Progress::Running { .. } => self.end(agent, outcome, out),
            // What was called lost is known better now, also while that is being recorded: the record that comes later stands. Nothing else
            // is: what did not run, or was refused, has no end.
            Progress::Done(before) | Progress::Ending(before)
                if matches!(before.how, How::Lost(_)) && outcome.how.exit_code().is_some() =>
            {
                self.end(agent, outcome, out);
            }
            // No order went to it: it is not believed.
            Progress::Waiting(_) => {}
            Progress::Done(_) => out.push(Effect::Release(agent)),
            Progress::Ending(_) => {}
        }
    }

    /// Hosts that no order went to need not be told that it is off. What is not under way yet ends when it would begin.
    fn cancelled(&mut self, request: CancelRequest, now: Now, out: &mut Vec<Effect>) {
        let force = request.force;
        self.cancel = Some(request);
        if self.phase == Phase::Running && (self.waits() || self.waves().is_some()) {
            for agent in self.waiting() {
                self.look(agent, Gate::Offline, Moment::Changed, now, out);
            }
        }
        for (agent, execution) in &mut self.executions {
            if execution.outcome().is_none() && execution.online {
                execution.cancel_told = true;
                let agent = *agent;
                out.push(Effect::SendCancel { agent, force });
            }
        }
    }

    /// Hosts that no order went to.
    pub(super) fn waiting(&self) -> Vec<AgentId> {
        let waits = |execution: &Execution| matches!(execution.progress, Progress::Waiting(_));
        let waiting = self.executions.iter().filter(|(_, e)| waits(e));
        waiting.map(|(agent, _)| *agent).collect()
    }

    fn tick(&mut self, now: Now, out: &mut Vec<Effect>) {
        if self.phase != Phase::Running {
            return;
        }
        let expired = |until_ms| now.wall_ms >= until_ms;
        self.tick_waves(now, out);
        if self.waves().is_none() && self.queued_until_ms().is_some_and(expired) {
            for agent in self.waiting() {
                self.expire(agent, now, out);
            }
        }
        let overdue = self.executions.iter().filter(|(_, execution)| {
            execution.outcome().is_none() && self.is_overdue(execution, now)
        });
        let overdue: Vec<(AgentId, bool)> = overdue
            .map(|(id, execution)| (*id, execution.online))
            .collect();
        for (agent, online) in overdue {
            let text = if online {
                "the host does not say how it ended"
            } else {
                "the host did not come back"
            };
            let reason = Reason::new(Code::Offline, text);
            self.end(agent, Outcome::without_output(How::Lost(reason)), out);
        }
    }

    /// The time of an execution that waits is up, also of one whose order is just being recorded: it is not sent any more.
    fn expire(&mut self, agent: AgentId, now: Now, out: &mut Vec<Effect>) {
        self.wait(agent, Waiting::Begin);
        self.look(agent, Gate::Offline, Moment::Changed, now, out);
    }

    /// Whether nothing will be heard any more of something that may run.
    fn is_overdue(&self, execution: &Execution, now: Now) -> bool {
        if self.spec.options.timeout_ms == 0 {
            return false;
        }
        let patience = limits::ORDER_NOT_AFTER_MS + limits::GRACE_MS + limits::AWAY_MS;
        let life_ms = self.spec.options.timeout_ms.saturating_add(patience);
        let since = |begun_ms: u64| now.wall_ms.saturating_sub(begun_ms) >= life_ms;
        let queued = || since(self.queued_until_ms().unwrap_or(self.accepted_ms));
        match execution.progress {
            Progress::Running { since_ms } => since(since_ms),
            // An order may be lost with its link: then the host is waited for all the same.
            Progress::Ordered(Some(sent)) => {
                now.link.since_ms(sent) >= life_ms && (!self.waits() || queued())
            }
            // Others may come first for as long as it takes.
            Progress::Waiting(_) if self.waves().is_some() => false,
            Progress::Ordered(None) if self.waves().is_some() => {
                execution.sent_ms.is_some_and(since)
            }
            Progress::Waiting(_) | Progress::Ordered(None) => queued(),
            Progress::Ending(_) | Progress::Done(_) => false,
        }
    }

    fn end(&mut self, agent: AgentId, outcome: Outcome, out: &mut Vec<Effect>) {
        if self.executions.contains_key(&agent) {
            self.move_to(agent, Progress::Ending(outcome.clone()));
            out.push(Effect::RecordFinished(agent, outcome));
        }
    }

    /// Hosts of which something better can become known than what is recorded: their execution was lost, and its last record was not heard
    /// yet, or is being recorded.
    pub fn unsettled(&self) -> impl Iterator<Item = AgentId> {
        let settled = |execution: &Execution| {
            execution.is_settled() && !matches!(execution.progress, Progress::Ending(_))
        };
        let executions = self.executions.iter();
        executions
            .filter(move |(_, execution)| !settled(execution))
            .map(|(agent, _)| *agent)
    }

    fn close_when_done(&mut self, out: &mut Vec<Effect>) {
        let done = |execution: &Execution| matches!(execution.progress, Progress::Done(_));
        if self.phase == Phase::Running && !self.closing && self.executions.values().all(done) {
            self.closing = true;
            out.push(Effect::RecordClosed);
        }
    }
}

#[cfg(test)]
mod tests;

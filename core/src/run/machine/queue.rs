//! Hosts that a run waits for: each starts once, when it can, or not at all once the time is up.
//!
//! An order to a host that was away is recorded before it is sent. So it is known, also after a restart of the controller, that a host
//! to which none was recorded has never run it.

use crate::ids::AgentId;
use crate::limits;
use crate::refusal::Code;

use super::{Effect, Execution, How, Outcome, Phase, Progress, Reason, Run};

impl Run {
    /// Takes the record `Sent`.
    pub fn apply_sent(&mut self, agent: AgentId) {
        if let Some(execution) = self.executions.get_mut(&agent) {
            execution.sent = true;
            execution.sending = false;
        }
    }

    /// The hosts that are waited for to be able to take the order.
    pub fn waits_for(&self) -> impl Iterator<Item = AgentId> {
        let waits = self.queued_until_ms().is_some();
        self.executions
            .iter()
            .filter(move |(_, execution)| waits && execution.progress == Progress::Queued)
            .map(|(agent, _)| *agent)
    }

    /// Sends the order to a host that can take it; what was never sent before is recorded first.
    pub(super) fn dispatch(&mut self, agent: AgentId, now_ms: u64, out: &mut Vec<Effect>) {
        let Some(execution) = self.executions.get_mut(&agent) else {
            return;
        };
        if execution.sent {
            execution.order_sent_ms = Some(now_ms);
            out.push(Effect::SendOrder {
                agent,
                not_after_ms: now_ms.saturating_add(limits::ORDER_NOT_AFTER_MS),
            });
        } else if !execution.sending {
            execution.sending = true;
            out.push(Effect::RecordSent(agent));
        }
    }

    /// A host that can take orders again, or whose order was just recorded. One that is gone again is told when it comes back.
    pub(super) fn may_start(&mut self, agent: AgentId, now_ms: u64, out: &mut Vec<Effect>) {
        let in_time = self
            .queued_until_ms()
            .is_some_and(|until_ms| now_ms < until_ms);
        if in_time && self.may_take(agent, now_ms) {
            self.dispatch(agent, now_ms, out);
        }
    }

    fn may_take(&self, agent: AgentId, now_ms: u64) -> bool {
        let idle = |execution: &Execution| {
            let on_its_way = execution
                .order_sent_ms
                .is_some_and(|sent| now_ms < sent.saturating_add(limits::ORDER_NOT_AFTER_MS));
            execution.online && execution.progress == Progress::Queued && !on_its_way
        };
        self.cancel.is_none() && self.executions.get(&agent).is_some_and(idle)
    }

    /// Hosts that no order went to need not be told that it is off.
    pub(super) fn cancel_waiting(&mut self, out: &mut Vec<Effect>) {
        // What is not under way yet ends when it would begin.
        let running = self.phase == Phase::Running;
        for agent in self.waiting().into_iter().filter(|_| running) {
            let reason = Reason::new(Code::Closed, "cancelled before it began");
            self.not_started(agent, reason, out);
        }
    }

    /// What no order went to has never begun; what may have begun is heard of no more.
    pub(super) fn removed(&mut self, agent: AgentId, out: &mut Vec<Effect>) {
        let open = self
            .executions
            .get(&agent)
            .is_some_and(|e| e.outcome().is_none());
        let reason = Reason::new(Code::NotFound, "the host was removed");
        // What is not under way yet ends when it would begin.
        if self.phase != Phase::Running {
            return;
        }
        if self.waiting().contains(&agent) {
            self.not_started(agent, reason, out);
        } else if open {
            self.end(agent, Outcome::without_output(How::Lost(reason)), out);
        }
    }

    /// Nobody who asked may run there any more.
    pub(super) fn not_allowed(&mut self, agent: AgentId, out: &mut Vec<Effect>) {
        if self.waiting().contains(&agent) {
            let text = "the grant that it was asked under does not cover the host any more";
            self.not_started(agent, Reason::new(Code::Denied, text), out);
        }
    }

    pub(super) fn expire_waiting(&mut self, now_ms: u64, out: &mut Vec<Effect>) {
        if self
            .queued_until_ms()
            .is_some_and(|until_ms| now_ms >= until_ms)
        {
            for agent in self.waiting() {
                self.not_started(agent, queue_expired(), out);
            }
        }
    }

    /// Hosts that are waited for and that no order went to.
    fn waiting(&self) -> Vec<AgentId> {
        let waits = |(_, execution): &(&AgentId, &Execution)| {
            execution.progress == Progress::Queued && !execution.sent
        };
        match self.queued_until_ms() {
            Some(_) => self
                .executions
                .iter()
                .filter(waits)
                .map(|(agent, _)| *agent)
                .collect(),
            None => Vec::new(),
        }
    }
}

pub(super) fn queue_expired() -> Reason {
    Reason::new(
        Code::Expired,
        "the host could not take it before the time was up",
    )
}

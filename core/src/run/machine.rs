//! The state machine of a run: what happens now, and what must be done about it.

use std::collections::BTreeSet;

use crate::ids::AgentId;
use crate::limits;
use crate::refusal::Code;

use super::{Away, CancelRequest, Execution, How, Offline, Outcome, Phase, Progress, Reason, Run};
use queue::queue_expired;

mod queue;

/// What an agent says of an execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Durable on the host, about to start or running.
    Running,
    /// Ended; the spool says how.
    Ended,
    /// It will not start.
    Refused(Reason),
}

/// An execution that a host holds when it comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// What the agent says of it.
    pub told: Told,
    /// Its last record is stored here.
    pub complete: bool,
    /// The host has ended it with less of its output than is stored here: it lost some in a crash.
    pub short: bool,
}

/// Something that happens to a run after `Go`.
#[derive(Clone, Debug)]
pub enum Event {
    /// `Go` is recorded: start on the hosts that can take an order.
    Begin {
        /// Hosts with a link.
        online: BTreeSet<AgentId>,
        /// Hosts that take no new runs.
        draining: BTreeSet<AgentId>,
    },
    /// An earlier process of the controller left the run unfinished.
    Recovered,
    /// A host of the run has a link.
    LinkUp {
        /// The host.
        agent: AgentId,
        /// What its first message said of this run; nothing when it does not hold it.
        holds: Option<Held>,
        /// New runs are not on hold, and the host is not draining.
        may_start: bool,
    },
    /// A hold has ended, or the host drains no more: what waited for that may start.
    MayStart {
        /// The host.
        agent: AgentId,
    },
    /// That the order goes to a host that was waited for is recorded.
    SentRecorded {
        /// The host.
        agent: AgentId,
        /// New runs are not on hold, and the host is not draining.
        may_start: bool,
    },
    /// The order would go to a host that was waited for, and the grant does not cover it any more.
    NotAllowed {
        /// The host.
        agent: AgentId,
    },
    /// The host was removed: it cannot come back.
    Removed {
        /// The host.
        agent: AgentId,
    },
    /// The link of a host ended.
    LinkDown {
        /// The host.
        agent: AgentId,
    },
    /// An agent says how its execution stands.
    Told {
        /// The host.
        agent: AgentId,
        /// What it says.
        told: Told,
    },
    /// The last record of a spool is stored.
    Exit {
        /// The host.
        agent: AgentId,
        /// What it says.
        outcome: Outcome,
    },
    /// `Finished` of a host is recorded.
    FinishedRecorded {
        /// The host.
        agent: AgentId,
    },
    /// Somebody wants it stopped.
    Cancel(CancelRequest),
    /// Time passed.
    Tick,
}

/// What must be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Effect {
    /// Send the order to the host.
    SendOrder {
        /// The host.
        agent: AgentId,
        /// By the controller's clock.
        not_after_ms: u64,
    },
    /// Tell the host to stop it.
    SendCancel {
        /// The host.
        agent: AgentId,
        /// KILL now.
        force: bool,
    },
    /// Record that the order goes to a host that was waited for, then report [`Event::SentRecorded`].
    RecordSent(AgentId),
    /// Record that the host confirmed it.
    RecordStarted(AgentId),
    /// Record the outcome, then report [`Event::FinishedRecorded`].
    RecordFinished(AgentId, Outcome),
    /// Record that the run is over.
    RecordClosed,
    /// The host may delete it.
    Release(AgentId),
}

/// How hosts took a cancel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Told at once.
    pub told: Vec<AgentId>,
    /// Away: told when they return.
    pub away: Vec<AgentId>,
}

impl Run {
    /// Takes one event and says what must be done. `now_ms` is the controller's wall clock.
    pub fn handle(&mut self, event: Event, now_ms: u64, out: &mut Vec<Effect>) {
        match event {
            Event::Begin { online, draining } => self.begin(&online, &draining, now_ms, out),
            Event::Recovered => {
                for execution in self.executions.values_mut() {
                    execution.online = false;
                    // Only to those that were away an order goes no sooner than that is recorded.
                    execution.sent |= execution.away.is_none();
                }
                self.close_when_done(out);
            }
            Event::LinkUp {
                agent,
                holds,
                may_start,
            } => match holds {
                Some(held) => self.held(agent, held, out),
                None => self.not_held(agent, may_start, now_ms, out),
            },
            Event::MayStart { agent } => self.may_start(agent, now_ms, out),
            Event::SentRecorded { agent, may_start } => {
                if may_start {
                    self.may_start(agent, now_ms, out);
                }
            }
            Event::Removed { agent } => self.removed(agent, out),
            Event::NotAllowed { agent } => self.not_allowed(agent, out),
            Event::LinkDown { agent } => {
                if let Some(execution) = self.executions.get_mut(&agent) {
                    execution.online = false;
                    execution.cancel_told = false;
                    execution.sending = false;
                }
            }
            Event::Told { agent, told } => self.told(agent, told, out),
            Event::Exit { agent, outcome } => self.exit(agent, outcome, out),
            Event::FinishedRecorded { agent } => {
                out.push(Effect::Release(agent));
                self.close_when_done(out);
            }
            Event::Cancel(request) => self.cancelled(request, out),
            Event::Tick => self.tick(now_ms, out),
        }
    }

    /// Takes the record `Finished`.
    pub fn apply_finished(&mut self, agent: AgentId, outcome: Outcome) {
        if let Some(execution) = self.executions.get_mut(&agent) {
            execution.progress = Progress::Done(outcome);
        }
    }

    /// Takes the record `Started`.
    pub fn apply_started(&mut self, agent: AgentId, at_ms: u64) {
        if let Some(execution) = self.executions.get_mut(&agent) {
            execution.started_ms = Some(at_ms);
            if execution.progress == Progress::Queued {
                execution.progress = Progress::Running;
            }
        }
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

    fn begin(
        &mut self,
        online: &BTreeSet<AgentId>,
        draining: &BTreeSet<AgentId>,
        now_ms: u64,
        out: &mut Vec<Effect>,
    ) {
        let mut unstarted = Vec::new();
        let mut ready = Vec::new();
        for (agent, execution) in &mut self.executions {
            execution.online = online.contains(agent);
            let away = match execution.online {
                false => Some(Away::Offline),
                true => draining.contains(agent).then_some(Away::Draining),
            };
            let waits = matches!(self.spec.offline, Offline::Queue { .. });
            if self.cancel.is_some() {
                let reason = Reason::new(Code::Closed, "cancelled before it began");
                unstarted.push((*agent, reason));
            } else if let (true, Some(was)) = (execution.skipped, execution.away) {
                unstarted.push((*agent, away_reason(was, "skipped: ")));
            } else if let (false, Some(is)) = (waits, away) {
                unstarted.push((*agent, away_reason(is, "")));
            } else if away.is_none() {
                // An order to a host that was away is recorded first, when it may have to be known after a restart.
                execution.sent |= !(waits && execution.away.is_some());
                ready.push(*agent);
            }
        }
        for agent in ready {
            self.dispatch(agent, now_ms, out);
        }
        for (agent, reason) in unstarted {
            self.not_started(agent, reason, out);
        }
    }

    fn not_started(&mut self, agent: AgentId, reason: Reason, out: &mut Vec<Effect>) {
        self.end(agent, Outcome::without_output(How::NotStarted(reason)), out);
    }

    fn held(&mut self, agent: AgentId, held: Held, out: &mut Vec<Effect>) {
        let cancel = self.cancel.as_ref().map(|cancel| cancel.force);
        let Some(execution) = self.executions.get_mut(&agent) else {
            return;
        };
        execution.online = true;
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
            Progress::Ending(_) => {}
            Progress::Queued | Progress::Running if held.short => {
                let reason =
                    Reason::new(Code::Agent, "the host lost part of its output in a crash");
                self.end(agent, Outcome::without_output(How::Lost(reason)), out);
            }
            Progress::Queued | Progress::Running => {
                if let (true, Some(force)) = (runs, cancel) {
                    execution.cancel_told = true;
                    out.push(Effect::SendCancel { agent, force });
                }
                self.told(agent, held.told, out);
            }
        }
    }

    fn not_held(&mut self, agent: AgentId, may_start: bool, now_ms: u64, out: &mut Vec<Effect>) {
        let cancelled = self.cancel.is_some();
        let until_ms = self.queued_until_ms();
        let Some(execution) = self.executions.get_mut(&agent) else {
            return;
        };
        execution.online = true;
        let queued = match &execution.progress {
            Progress::Queued => true,
            Progress::Running => false,
            Progress::Ending(_) | Progress::Done(_) => return,
        };
        // An agent keeps every execution that it ever accepted until it is released: one that never showed life never became durable.
        if !queued {
            let text = "the host came back and does not know it any more";
            let reason = Reason::new(Code::Agent, text);
            self.end(agent, Outcome::without_output(How::Lost(reason)), out);
            return;
        }
        let not_after_ms = execution
            .order_sent_ms
            .map(|sent| sent.saturating_add(limits::ORDER_NOT_AFTER_MS));
        let reason = match not_after_ms {
            _ if cancelled => Reason::new(Code::Closed, "cancelled before it reached the host"),
            Some(not_after_ms) if now_ms < not_after_ms => {
                out.push(Effect::SendOrder {
                    agent,
                    not_after_ms,
                });
                return;
            }
            _ if until_ms.is_some_and(|until_ms| now_ms < until_ms) => {
                if may_start {
                    self.dispatch(agent, now_ms, out);
                }
                return;
            }
            None if until_ms.is_some() => queue_expired(),
            Some(_) => Reason::new(Code::Expired, "the order did not reach the host in time"),
            None => Reason::new(
                Code::ControllerRestart,
                "the controller restarted before it was sent",
            ),
        };
        self.not_started(agent, reason, out);
    }

    fn told(&mut self, agent: AgentId, told: Told, out: &mut Vec<Effect>) {
        let Some(execution) = self.executions.get_mut(&agent) else {
            return;
        };
        match told {
            Told::Running | Told::Ended => {
                if execution.progress == Progress::Queued {
                    execution.progress = Progress::Running;
                    out.push(Effect::RecordStarted(agent));
                }
            }
            Told::Refused(reason) => {
                if execution.outcome().is_none() {
                    self.end(agent, Outcome::without_output(How::Refused(reason)), out);
                }
            }
        }
    }

    fn exit(&mut self, agent: AgentId, outcome: Outcome, out: &mut Vec<Effect>) {
        let Some(execution) = self.executions.get(&agent) else {
            return;
        };
        match &execution.progress {
            Progress::Queued | Progress::Running => self.end(agent, outcome, out),
            // What was thought is known better now: the record that comes later stands.
            Progress::Done(before)
                if before.how.exit_code().is_none() && outcome.how.exit_code().is_some() =>
            {
                self.end(agent, outcome, out);
            }
            Progress::Done(_) => out.push(Effect::Release(agent)),
            Progress::Ending(_) => {}
        }
    }

    fn cancelled(&mut self, request: CancelRequest, out: &mut Vec<Effect>) {
        let force = request.force;
        self.cancel = Some(request);
        self.cancel_waiting(out);
        for (agent, execution) in &mut self.executions {
            if execution.outcome().is_none() && execution.online {
                execution.cancel_told = true;
                out.push(Effect::SendCancel {
                    agent: *agent,
                    force,
                });
            }
        }
    }

    fn tick(&mut self, now_ms: u64, out: &mut Vec<Effect>) {
        if self.phase != Phase::Running {
            return;
        }
        self.expire_waiting(now_ms, out);
        if self.spec.timeout_ms == 0 {
            return;
        }
        let patience = limits::ORDER_NOT_AFTER_MS + limits::GRACE_MS + limits::AWAY_MS;
        let life = self.spec.timeout_ms.saturating_add(patience);
        let until_ms = self.queued_until_ms();
        let overdue = |execution: &Execution| {
            let sent_ms = execution.order_sent_ms.or(execution.started_ms);
            let begun_ms = match execution.progress {
                // An order may be lost with its link: then the host is waited for all the same.
                Progress::Queued => sent_ms.max(until_ms).unwrap_or(self.accepted_ms),
                Progress::Running | Progress::Ending(_) | Progress::Done(_) => {
                    sent_ms.or(until_ms).unwrap_or(self.accepted_ms)
                }
            };
            now_ms >= begun_ms.saturating_add(life)
        };
        let open = self
            .executions
            .iter()
            .filter(|(_, execution)| execution.outcome().is_none() && overdue(execution));
        let open: Vec<(AgentId, bool)> = open
            .map(|(id, execution)| (*id, execution.online))
            .collect();
        for (agent, online) in open {
            let text = if online {
                "the host does not say how it ended"
            } else {
                "the host did not come back"
            };
            let reason = Reason::new(Code::Offline, text);
            self.end(agent, Outcome::without_output(How::Lost(reason)), out);
        }
    }

    fn end(&mut self, agent: AgentId, outcome: Outcome, out: &mut Vec<Effect>) {
        if let Some(execution) = self.executions.get_mut(&agent) {
            execution.progress = Progress::Ending(outcome.clone());
            out.push(Effect::RecordFinished(agent, outcome));
        }
    }

    fn close_when_done(&mut self, out: &mut Vec<Effect>) {
        let done = |execution: &Execution| matches!(execution.progress, Progress::Done(_));
        if self.phase == Phase::Running && !self.closing && self.executions.values().all(done) {
            self.closing = true;
            out.push(Effect::RecordClosed);
        }
    }
}

fn away_reason(away: Away, skipped: &str) -> Reason {
    match away {
        Away::Offline => Reason::new(Code::Offline, format!("{skipped}the host was offline")),
        Away::Draining => Reason::new(Code::Draining, format!("{skipped}the host is draining")),
    }
}

#[cfg(test)]
mod tests;

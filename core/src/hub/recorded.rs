//! Records are written, or could not be: the state moves, and what waited for that happens.

use std::sync::Arc;

use crate::admission::Settings;
use crate::ask::Answer;
use crate::ids::{AgentId, RunId};
use crate::journal::{Consequence, HostChange, Kind, Record};
use crate::principal::Actor;
use crate::refusal::{Code, Refusal};
use crate::run::{Event, Execution, Gate, Run};
use crate::time::Now;

use super::{AppendId, Effect, Hub, LinkRefusal, Ticket};

/// An append, until it is written.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) records: Arc<[Record]>,
    pub(super) reply: Reply,
}

/// What is said when records are written, or could not be.
#[derive(Debug)]
pub(super) enum Reply {
    /// Nobody waits.
    Nobody,
    /// This.
    Answer(Ticket, Box<Answer>),
    /// The run as it is then.
    Accepted(Ticket, RunId),
    /// To the host that is joining.
    Joined,
    /// That these settings count from now on.
    Configured(Ticket, Arc<Settings>),
    /// To the host that gets its next certificate.
    Renewed(Ticket),
}

impl Hub {
    pub(super) fn recorded(
        &mut self,
        append: Option<AppendId>,
        first: u64,
        records: &Arc<[Record]>,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let pending = append.and_then(|append| self.pending.remove(&append));
        for (seq, record) in (first..).zip(records.iter()) {
            if seq > self.known.state.seq {
                self.known.state.seq = seq;
                self.apply(record, now, out);
            } else if append.is_some() {
                let what = format!(
                    "the journal gave record {seq} a place that was taken: it counts only after a restart, so restart the controller"
                );
                out.push(Effect::Warn(what));
            }
        }
        let reply = pending.map_or(Reply::Nobody, |pending| pending.reply);
        match reply {
            Reply::Nobody => {}
            Reply::Answer(ticket, answer) => out.push(Effect::Answer {
                ticket,
                answer: Ok(*answer),
            }),
            Reply::Accepted(ticket, run) => out.push(Effect::Answer {
                ticket,
                answer: self.accepted_answer(run),
            }),
            Reply::Joined => self.enrolled(Ok(()), now, out),
            Reply::Configured(ticket, settings) => {
                self.known.settings = settings;
                let answer = Ok(Answer::Configured);
                out.push(Effect::Answer { ticket, answer });
            }
            Reply::Renewed(ticket) => self.renewed(ticket, Ok(()), out),
        }
    }

    /// Appends what the controller itself decided.
    pub(super) fn note(&mut self, kind: Kind, now: Now, out: &mut Vec<Effect>) {
        self.append(&Actor::Controller, [kind], Reply::Nobody, now, out);
    }

    /// Nothing of it counts. What must be known after a restart is tried again with time; of the rest somebody is told.
    pub(super) fn not_recorded(
        &mut self,
        append: AppendId,
        full: bool,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let Some(Pending { records, reply }) = self.pending.remove(&append) else {
            return;
        };
        let must = records.iter().filter(|record| record.must_be_written());
        let must = must.map(|record| (record.actor.clone(), record.kind.clone()));
        self.unwritten.extend(must);
        let refusal: Result<Answer, Refusal> = Err(storage_refusal(full));
        match reply {
            Reply::Nobody => {}
            Reply::Answer(ticket, _)
            | Reply::Accepted(ticket, _)
            | Reply::Configured(ticket, _) => out.push(Effect::Answer {
                ticket,
                answer: refusal,
            }),
            Reply::Joined => self.enrolled(Err(storage_refusal(full)), now, out),
            Reply::Renewed(ticket) => self.renewed(ticket, Err(storage_refusal(full)), out),
        }
    }

    /// Tries again what must be written. An end that is known better by now is not: the later record stands.
    pub(super) fn write_again(&mut self, now: Now, out: &mut Vec<Effect>) {
        for (actor, kind) in std::mem::take(&mut self.unwritten) {
            if self.still_holds(&kind) {
                self.append(&actor, [kind], Reply::Nobody, now, out);
            }
        }
    }

    fn still_holds(&self, kind: &Kind) -> bool {
        if let Kind::Paused { run } = kind {
            // Somebody may have said meanwhile that it goes on.
            let run = self.known.state.run_of(*run);
            return run.is_some_and(Run::rests);
        }
        if let Kind::Finished {
            run,
            agent,
            outcome,
        } = kind
        {
            // Read again, it is known better then.
            if self.known.is_past(*run) {
                return true;
            }
            let run = self.known.state.run_of(*run);
            let execution = run.and_then(|run| run.execution(*agent));
            return execution.and_then(Execution::outcome) == Some(outcome);
        }
        true
    }

    /// The state moves by a record, and what follows from it happens.
    fn apply(&mut self, record: &Record, now: Now, out: &mut Vec<Effect>) {
        let follows = record.kind.consequence(&self.known.state);
        self.known.state.apply(record);
        if let Some(run) = record.run() {
            self.changed.insert(run);
        }
        match follows {
            Consequence::Nothing => {}
            Consequence::LetGo(agent) => {
                if let Kind::HostChanged {
                    change: HostChange::Released { runs },
                    ..
                } = &record.kind
                {
                    self.let_go(agent, runs, out);
                }
            }
            Consequence::Publish(run) => out.push(Effect::Publish(run)),
            Consequence::Begin(run) => self.begin(run, now, out),
            Consequence::Order { run, agent } => {
                let gate = self.gate(run, agent, now, out);
                self.drive(run, Event::GateChanged { agent, gate }, now, out);
            }
            Consequence::Steered(run) => self.drive(run, Event::Steered, now, out),
            Consequence::Settled { run, agent } => {
                out.push(Effect::Settled { run, agent });
                self.drive(run, Event::FinishedRecorded { agent }, now, out);
            }
            Consequence::Freed(agent) => self.freed(agent, now, out),
            Consequence::Removed(agent) => self.removed(agent, now, out),
        }
    }

    /// What waits for these hosts may start, unless something else still keeps it: one host, or all that have a link.
    fn freed(&mut self, agent: Option<AgentId>, now: Now, out: &mut Vec<Effect>) {
        let mut waiting = Vec::new();
        for run in self.known.state.runs.open() {
            let concerned = |host: &AgentId| agent.is_none_or(|agent| agent == *host);
            let hosts = run.waits_for().filter(concerned);
            waiting.extend(hosts.map(|host| (run.spec.id, host)));
        }
        for (run, agent) in waiting {
            if self.known.fleet.is_online(agent) {
                let gate = self.gate(run, agent, now, out);
                self.drive(run, Event::GateChanged { agent, gate }, now, out);
            }
        }
    }

    /// A removed host is told, its link closed, and nothing waits for it any more.
    fn removed(&mut self, agent: AgentId, now: Now, out: &mut Vec<Effect>) {
        out.push(Effect::RevokeCertificate(agent));
        let link = self.known.fleet.get(agent).and_then(|p| p.link.clone());
        if let Some(link) = link {
            out.push(Effect::CloseLink {
                agent,
                link: link.id,
                why: LinkRefusal::Revoked,
            });
            self.link_down(agent, link.id, now, out);
        }
        for run in self.open_runs_of(agent) {
            let gate = Gate::Removed;
            self.drive(run, Event::GateChanged { agent, gate }, now, out);
        }
    }
}

/// That nothing was written.
fn storage_refusal(full: bool) -> Refusal {
    if full {
        return crate::admission::disk_full("Nothing was done.");
    }
    Refusal::new(
        Code::Storage,
        "The journal could not be written. Nothing was done.",
        "Look at the controller's log and its disk.",
    )
}

//! Somebody asks for something: it is admitted and recorded, or refused, and a refusal is recorded too.

use std::sync::Arc;

use crate::admission::{self, Admitted, Fresh, Plan, UnderWay};
use crate::ask::{Answer, Ask, Cancelled, Right};
use crate::ids::{AgentId, RunId};
use crate::journal::{Denied, Kind, Needs, Proposal, Recalled};
use crate::limits;
use crate::principal::{Actor, Asker};
use crate::refusal::Refusal;
use crate::run::{CancelRequest, Event, Spec};
use crate::time::Now;

use super::{Effect, Hub, Reply, Ticket};

impl Hub {
    pub(super) fn asked(
        &mut self,
        ticket: Ticket,
        asker: &Asker,
        ask: &Ask,
        (fresh, recalled): (Fresh, &Recalled),
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let records = self.pending.values().flat_map(|p| p.records.iter());
        let mut under_way = UnderWay::of(&self.known.state, records);
        let asked_by = asker.place().map(|place| place.interaction);
        let repeated = asked_by.filter(|id| self.answered.has(*id));
        under_way.interactions.extend(repeated);
        let ctx = self.known.context(&under_way, recalled, fresh, now.wall_ms);
        let admitted = match admission::admit(&ctx, asker, ask) {
            Ok(admitted) => admitted,
            Err(refusal) => {
                self.changed_nothing(asker, ask, now);
                return self.refuse(ticket, asker, ask, refusal, now, out);
            }
        };
        let actor = &asker.actor();
        let (kinds, reply) = match admitted {
            Admitted::Run(plan) if plan.cautions.is_empty() => accepted(ticket, plan.spec),
            Admitted::Run(plan) => self.proposed(ticket, *plan, now),
            Admitted::Confirmed(spec) => accepted(ticket, *spec),
            Admitted::Cancel { runs, force } => {
                if runs.is_empty() {
                    self.changed_nothing(asker, ask, now);
                }
                return self.cancel(ticket, actor, &runs, force, now, out);
            }
            // It is so already.
            Admitted::Change(change) if change.kinds.is_empty() => {
                self.changed_nothing(asker, ask, now);
                let answer = Ok(change.answer);
                return out.push(Effect::Answer { ticket, answer });
            }
            Admitted::Change(change) => {
                let answer = Box::new(change.answer);
                (change.kinds, Reply::Answer(ticket, answer))
            }
            Admitted::Seen(answer) => {
                let answer = Ok(answer);
                return out.push(Effect::Answer { ticket, answer });
            }
        };
        self.append(actor, kinds, reply, now, out);
    }

    /// It is answered, and not done when it is repeated, though no record says so.
    fn changed_nothing(&mut self, asker: &Asker, ask: &Ask, now: Now) {
        if let Some(place) = asker.place().filter(|_| ask.needs_fresh()) {
            self.answered.note(place.interaction, now.wall_ms);
        }
    }

    /// Somebody is told why not. What they would have changed is recorded as denied.
    fn refuse(
        &mut self,
        ticket: Ticket,
        asker: &Asker,
        ask: &Ask,
        refusal: Refusal,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        self.denied(asker, ask, &refusal, now, out);
        let answer = Err(refusal);
        out.push(Effect::Answer { ticket, answer });
    }

    /// What somebody may not change is recorded.
    pub(super) fn denied(
        &mut self,
        asker: &Asker,
        ask: &Ask,
        refusal: &Refusal,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let state = &self.known.state;
        let what_of = |run: RunId| {
            let shown = state.proposals.get(&run).map(|shown| &shown.spec);
            let run = || state.run_of(run).map(|run| &*run.spec);
            shown.or_else(run).map(|spec| &spec.what)
        };
        let verb = match ask.right(what_of) {
            Right::Grant(verb) => verb.to_string(),
            Right::Operator => "operate".to_owned(),
            Right::Anybody => "ask".to_owned(),
        };
        let line = refusal.what.lines().next().unwrap_or_default();
        let denied = Denied {
            verb,
            code: refusal.code.to_string(),
            text: line.chars().take(200).collect(),
            asked: ask.in_words(&self.known.state),
            times: 1,
        };
        let by = asker.actor();
        if let Asker::Discord { user, roles, .. } = asker
            && !self.known.settings.policy.names(*user, roles)
            && !self.denials.take(*user, &by, &denied, now.wall_ms)
        {
            return;
        }
        self.append(&by, [Kind::Denied(denied)], Reply::Nobody, now, out);
    }

    /// How often those were refused whose refusals were only counted.
    pub(super) fn record_denials(&mut self, now: Now, out: &mut Vec<Effect>) {
        for (by, denied) in self.denials.over(now.wall_ms) {
            self.append(&by, [Kind::Denied(denied)], Reply::Nobody, now, out);
        }
    }

    /// The person sees first what would run.
    fn proposed(&self, ticket: Ticket, plan: Plan, now: Now) -> (Vec<Kind>, Reply) {
        let known = &self.known;
        let preview = admission::preview(&known.state, &known.fleet, plan, now.wall_ms);
        let proposal = Proposal {
            spec: preview.spec.clone(),
            needs: Needs::OwnWord,
            until_ms: now.wall_ms.saturating_add(limits::PREVIEW_MS),
        };
        let answer = Answer::Previewed(Box::new(preview));
        let reply = Reply::Answer(ticket, Box::new(answer));
        (vec![Kind::Proposed(proposal)], reply)
    }

    /// Acts first: the records follow.
    fn cancel(
        &mut self,
        ticket: Ticket,
        actor: &Actor,
        runs: &[RunId],
        force: bool,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let mut done = Cancelled::default();
        for id in runs {
            self.cancel_one(*id, actor, force, &mut done, now, out);
        }
        let answer = Ok(Answer::Cancelled(done));
        out.push(Effect::Answer { ticket, answer });
    }

    fn cancel_one(
        &mut self,
        run: RunId,
        actor: &Actor,
        force: bool,
        done: &mut Cancelled,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let mut acted = Vec::new();
        if let Some(by) = actor.principal() {
            let at_ms = now.wall_ms;
            let request = CancelRequest { by, force, at_ms };
            self.drive(run, Event::Cancel(request), now, &mut acted);
        }
        // That some hosts never began is not recorded before why: else the next process would start the rest.
        let is_record = |effect: &Effect| matches!(effect, Effect::Append { .. });
        let (ends, acts): (Vec<_>, Vec<_>) = acted.into_iter().partition(is_record);
        out.extend(acts);
        let requested = Kind::CancelRequested { run, force };
        self.append(actor, [requested], Reply::Nobody, now, out);
        out.extend(ends);
        let Some(run) = self.known.state.run_of(run) else {
            return;
        };
        let reach = run.cancel_reach();
        let names = |agents: Vec<AgentId>| {
            let name = |agent| Some(run.execution(agent)?.name.to_string());
            agents.into_iter().filter_map(name).collect::<Vec<_>>()
        };
        done.numbers.push(run.number);
        done.told.extend(names(reach.told));
        done.away.extend(names(reach.away));
    }

    /// The answer was taken where it was asked. A hold that came meanwhile stands.
    pub(super) fn taken(&mut self, run: RunId, now: Now, out: &mut Vec<Effect>) {
        if self.known.state.hold.is_some() {
            self.expire(run, "new runs are on hold".to_owned(), now, out);
        } else if self.known.state.is_accepted(run) {
            self.note(Kind::Go(run), now, out);
        }
    }

    pub(super) fn expire(&mut self, run: RunId, reason: String, now: Now, out: &mut Vec<Effect>) {
        if self.known.state.is_accepted(run) {
            self.note(Kind::Expired { run, reason }, now, out);
        }
    }

    /// A run as its answer says it.
    pub(super) fn accepted_answer(&self, run: RunId) -> Result<Answer, Refusal> {
        let snapshot = self.known.snapshot(run).map(Arc::new);
        let answer = snapshot.map(Answer::Accepted);
        answer.ok_or_else(admission::not_found)
    }
}

fn accepted(ticket: Ticket, spec: Spec) -> (Vec<Kind>, Reply) {
    let reply = Reply::Accepted(ticket, spec.id);
    (vec![Kind::Accepted(spec)], reply)
}

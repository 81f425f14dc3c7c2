//! Somebody asks for a run: it is accepted, shown first, or refused; and what was shown is confirmed or taken back.

use shanty_core::admission::{self, Confirm, Plan, RunRequest};
use shanty_core::ids::RunId;
use shanty_core::journal::Kind;
use shanty_core::policy::Verb;
use shanty_core::principal::Asker;
use shanty_core::refusal::{Code, Refusal};
use shanty_core::run::{Away, Spec, Target};
use shanty_core::view::{AwayRow, Preview};

use super::decide::not_found;
use super::request::{Answered, Reply};
use super::{After, Hub};
use crate::clock::now_ms;

impl Hub {
    pub(super) fn ask_run(&mut self, asker: &Asker, request: &RunRequest, reply: Reply<Answered>) {
        if let Err(refusal) = self.is_new(asker) {
            drop(reply.send(Err(refusal)));
            return;
        }
        let seen = |agent| self.seen(agent);
        let plan = admission::admit_run(&self.context(&seen), asker, request);
        let plan = match plan {
            Ok(plan) => plan,
            Err(refusal) => return self.answer(asker, Verb::Run, Err(refusal), reply),
        };
        if plan.asks.is_empty() {
            return self.accept(plan.into_spec(new_id(), asker), reply);
        }
        let preview = self.preview(asker, plan);
        let kind = Kind::Previewed(preview.spec.clone());
        self.append(kind, After::Previewed(Box::new(preview), reply));
    }

    pub(super) fn confirm(
        &mut self,
        asker: &Asker,
        run: RunId,
        choice: Confirm,
        reply: Reply<Answered>,
    ) {
        let seen = |agent| self.seen(agent);
        let spec = self.is_new(asker).and_then(|()| {
            if self.is_being_accepted(run) {
                let what = "This is being confirmed already. Nothing was run twice.";
                return Err(Refusal::new(
                    Code::Stale,
                    what,
                    "Its card is about to come.",
                ));
            }
            if self.is_being_taken_back(run) {
                let what = "This was taken back. Nothing was run.";
                return Err(Refusal::new(Code::Stale, what, "Type the command again."));
            }
            admission::admit_preview(&self.context(&seen), asker, run, choice, now_ms())
        });
        match spec {
            Ok(spec) => self.accept(spec, reply),
            Err(refusal) => self.answer(asker, Verb::Run, Err(refusal), reply),
        }
    }

    pub(super) fn take_back(&mut self, asker: &Asker, run: RunId, reply: Reply<()>) {
        let seen = |agent| self.seen(agent);
        let own = admission::own_preview(&self.context(&seen), asker, run);
        match own.map(|_| self.is_being_accepted(run)) {
            Ok(false) => {
                let reason = "taken back by who asked".to_owned();
                self.append(Kind::Expired { run, reason }, After::Reply(reply));
            }
            Ok(true) => {
                let what = "This is being confirmed already.";
                let next = "Stop it with the button on its card.";
                drop(reply.send(Err(Refusal::new(Code::Stale, what, next))));
            }
            Err(refusal) => drop(reply.send(Err(refusal))),
        }
    }

    /// `Accepted` is committed, or could not be.
    pub(super) fn accepted(
        &mut self,
        run: RunId,
        result: Result<(), Refusal>,
        reply: Reply<Answered>,
    ) {
        let answer = result.and_then(|()| self.snapshot(run).ok_or_else(not_found));
        let recorded = answer.is_ok();
        if reply.send(answer.map(Answered::Accepted)).is_err() && recorded {
            self.expire(run, "nobody waited for the answer any more".to_owned());
        }
    }

    /// The answer was taken where it was asked. A hold that came meanwhile stands.
    pub(super) fn go(&mut self, run: RunId) {
        if self.state.hold {
            self.expire(run, "new runs are on hold".to_owned());
        } else if self.is_accepted(run) {
            self.append(Kind::Go(run), After::Go(run));
        }
    }

    pub(super) fn expire(&mut self, run: RunId, reason: String) {
        if self.is_accepted(run) {
            self.append(Kind::Expired { run, reason }, After::Nothing);
        }
    }

    fn accept(&mut self, spec: Spec, reply: Reply<Answered>) {
        let after = After::Accepted(spec.id, reply);
        self.append(Kind::Accepted(spec), after);
    }

    /// Refuses an interaction that something was done for already.
    pub(super) fn is_new(&self, asker: &Asker) -> Result<(), Refusal> {
        match asker.place() {
            Some(place)
                if self.interactions.contains(&place.interaction)
                    || self.state.interactions.contains(&place.interaction) =>
            {
                let what = "This interaction was taken already. Nothing was done twice.";
                Err(Refusal::new(
                    Code::Stale,
                    what,
                    "Its answer is where it was asked; ask anew if there is none.",
                ))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn is_being_accepted(&self, run: RunId) -> bool {
        let accepts = |kind: &Kind| matches!(kind, Kind::Accepted(spec) if spec.id == run);
        self.pending
            .iter()
            .any(|pending| accepts(&pending.record.kind))
    }

    fn is_being_taken_back(&self, run: RunId) -> bool {
        let drops = |kind: &Kind| matches!(kind, Kind::Expired { run: of, .. } if *of == run);
        self.pending
            .iter()
            .any(|pending| drops(&pending.record.kind))
    }

    fn preview(&self, asker: &Asker, mut plan: Plan) -> Preview {
        let asks = std::mem::take(&mut plan.asks);
        let excluded = std::mem::take(&mut plan.excluded);
        let absent = std::mem::take(&mut plan.absent);
        let spec = plan.into_spec(new_id(), asker);
        let away = spec
            .targets
            .iter()
            .filter_map(|target| self.away_row(target));
        Preview {
            at_ms: now_ms(),
            asks,
            away: away.collect(),
            excluded,
            absent,
            run_as: self.users_on(spec.targets.iter().map(|target| target.agent)),
            spec,
        }
    }

    fn away_row(&self, target: &Target) -> Option<AwayRow> {
        let away = target.away?;
        let since_ms = match away {
            Away::Offline => self
                .presence
                .get(&target.agent)
                .map(|presence| presence.last_seen_ms()),
            Away::Draining => self
                .state
                .hosts
                .get(&target.agent)
                .and_then(|host| host.draining.as_ref())
                .map(|draining| draining.since_ms),
        };
        Some(AwayRow {
            name: target.name.clone(),
            away,
            since_ms: since_ms.unwrap_or(0),
        })
    }
}

fn new_id() -> RunId {
    RunId::from_bytes(*uuid::Uuid::now_v7().as_bytes())
}

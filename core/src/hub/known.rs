//! What the hub knows, for whoever asks a question: a clone is cheap, and changes no more.

use std::sync::Arc;

use crate::admission::{self, Admitted, Context, Fresh, Settings, UnderWay};
use crate::ask::{Answer, Ask, Question, Snapshot};
use crate::fleet::{self, Fleet};
use crate::ids::{AgentId, RunId};
use crate::journal::{PastRun, Recalled, State};
use crate::offer::Offer;
use crate::principal::Asker;
use crate::refusal::Refusal;
use crate::run::{Execution, Input, Run};

/// The fold of the journal, who has a link, and the configuration.
#[derive(Clone, Debug)]
pub struct Known {
    /// The folded journal.
    pub state: State,
    /// Who has a link, and what agents tell.
    pub fleet: Fleet,
    /// What the operator configured.
    pub settings: Arc<Settings>,
    /// Which agent is handed out, and whether agents may be updated to it.
    pub offer: Arc<Offer>,
    /// The controller's disk is full: nothing new is begun.
    pub disk_full: bool,
}

/// What would come of something that is not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Would {
    /// It would be done.
    BeDone,
    /// It would be shown first to who asks.
    BeShown,
}

/// How an execution that a host speaks of stands here. Only of one whose order is out is anything believed, and output taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its order is out, and how it ended is not known, or was called lost.
    Ordered,
    /// It is over, and that is known for good: the host may let go of it.
    Over,
    /// No order went to the host: it cannot run there.
    NotOrdered,
    /// The run was for other hosts.
    Foreign,
    /// There is no such run here.
    Unknown,
}

impl Known {
    /// Answers a question.
    ///
    /// # Errors
    /// The refusal to show.
    pub fn answer(
        &self,
        asker: &Asker,
        question: &Question,
        recalled: &Recalled,
        fresh: Fresh,
        now_ms: u64,
    ) -> Result<Answer, Refusal> {
        let under_way = UnderWay::default();
        let ctx = self.context(&under_way, recalled, fresh, now_ms);
        admission::look(&ctx, asker, question)
    }

    /// What would come of it if something was asked now. Nothing is done, and when it is asked it is decided anew.
    ///
    /// # Errors
    /// The refusal to show.
    pub fn would(
        &self,
        asker: &Asker,
        ask: &Ask,
        recalled: &Recalled,
        fresh: Fresh,
        now_ms: u64,
    ) -> Result<Would, Refusal> {
        let under_way = UnderWay::default();
        let ctx = self.context(&under_way, recalled, fresh, now_ms);
        Ok(match admission::admit(&ctx, asker, ask)? {
            Admitted::Run(plan) if !plan.cautions.is_empty() => Would::BeShown,
            Admitted::Run(_)
            | Admitted::Confirmed(_)
            | Admitted::Cancel { .. }
            | Admitted::Change(_)
            | Admitted::Seen(_) => Would::BeDone,
        })
    }

    /// The past runs to read again before this can be answered or decided; none when all that it is about is at hand. Reading some can make
    /// it want more.
    ///
    /// # Errors
    /// The refusal to show when it names more of them than may be read.
    pub fn recall(
        &self,
        asker: &Asker,
        ask: &Ask,
        recalled: &Recalled,
        now_ms: u64,
    ) -> Result<Vec<PastRun>, Refusal> {
        let under_way = UnderWay::default();
        let ctx = self.context(&under_way, recalled, Fresh::default(), now_ms);
        let numbers = admission::recall(&ctx, asker, ask)?;
        let past = self.state.runs.past();
        let past = numbers
            .into_iter()
            .filter_map(|number| past.numbered(number));
        Ok(past.collect())
    }

    /// What something would be given that was kept before: whoever keeps that knows whether it is still there.
    #[must_use]
    pub fn given(&self, ask: &Ask, recalled: &Recalled) -> Option<Input> {
        let of_run = |id: RunId| {
            let number = self.state.runs.number_of(id)?;
            let whole = self.state.runs.numbered(number);
            whole.or_else(|| recalled.numbered(number)).map(Arc::as_ref)
        };
        match ask {
            Ask::Again { run, .. } | Ask::Look(Question::PlanAgain { run, .. }) => {
                of_run(*run)?.spec.input.clone()
            }
            Ask::Run(request) | Ask::Look(Question::Plan(request)) => match &request.input {
                Some(input) => (!input.is_announced()).then(|| input.clone()),
                None => of_run(request.like?)?.spec.input.clone(),
            },
            Ask::Confirm { run, .. } => self.state.proposals.get(run)?.spec.input.clone(),
            Ask::TakeBack { .. }
            | Ask::Cancel { .. }
            | Ask::Steer { .. }
            | Ask::Hold(_)
            | Ask::Inventory(_)
            | Ask::RemoveHost { .. }
            | Ask::FreeName { .. }
            | Ask::CreateToken(_)
            | Ask::RevokeToken { .. }
            | Ask::Look(_) => None,
        }
    }

    /// What a host may say of a run at this moment.
    #[must_use]
    pub fn standing(&self, agent: AgentId, run: RunId, now_ms: u64) -> Standing {
        if self.is_past(run) || self.is_forgotten(run, now_ms) {
            return Standing::Over;
        }
        let Some(run) = self.state.run_of(run) else {
            return Standing::Unknown;
        };
        match run.execution(agent) {
            None => Standing::Foreign,
            Some(execution) if execution.has_not_begun() => Standing::NotOrdered,
            Some(execution) if execution.outcome().is_some() && execution.is_settled() => {
                Standing::Over
            }
            Some(_) => Standing::Ordered,
        }
    }

    /// Whether a run is past: nothing better can become known of it, and hosts need not hold it.
    #[must_use]
    pub fn is_past(&self, run: RunId) -> bool {
        self.state.runs.past().number_of(run).is_some()
    }

    /// Whether a run that is not known is one that was forgotten: it was drawn before the time for which runs are kept.
    #[must_use]
    pub fn is_forgotten(&self, run: RunId, now_ms: u64) -> bool {
        let kept = self.settings.runs_ms.zip(run.drawn_ms());
        let old = kept.is_some_and(|(runs_ms, drawn)| now_ms.saturating_sub(drawn) >= runs_ms);
        old && self.state.runs.number_of(run).is_none()
    }

    /// A run as it stands, with what its card needs besides.
    #[must_use]
    pub fn snapshot(&self, id: RunId) -> Option<Snapshot> {
        let run = Arc::clone(self.state.runs.get(id)?);
        Some(self.snapshot_of(run))
    }

    /// A run, also one that is not whole any more, with what its card needs besides.
    #[must_use]
    pub fn snapshot_of(&self, run: Arc<Run>) -> Snapshot {
        let id = run.spec.id;
        let waits = |agent: &AgentId| {
            let presence = self.fleet.get(*agent);
            presence.is_some_and(|presence| presence.spool_full.contains(&id))
        };
        let spool_full = run
            .executions()
            .filter(|(agent, _)| waits(agent))
            .map(|(_, execution)| execution.name.to_string())
            .collect();
        Snapshot {
            run_as: self.users_of(&run),
            spool_full,
            run,
        }
    }

    /// As whom a run runs or ran: the user that was asked for; or those of its hosts, where an ended one said it then, and others say it now.
    #[must_use]
    pub fn users_of(&self, run: &Run) -> Vec<String> {
        if let Some(user) = &run.spec.options.run_as {
            return vec![user.clone()];
        }
        let said = |execution: &Execution| {
            execution
                .outcome()
                .and_then(|end| Some(end.user.as_deref()?.to_owned()))
        };
        // What hosts say is of commands; agents look after themselves as who they are.
        let is_command = run.spec.what.upkeep().is_none();
        let now = |agent| self.fleet.user_on(agent).filter(|_| is_command);
        let executions = run.executions();
        let users =
            executions.filter_map(|(agent, execution)| said(execution).or_else(|| now(agent)));
        fleet::users(users)
    }

    pub(super) fn context<'a>(
        &'a self,
        under_way: &'a UnderWay,
        recalled: &'a Recalled,
        fresh: Fresh,
        now_ms: u64,
    ) -> Context<'a> {
        Context {
            state: &self.state,
            fleet: &self.fleet,
            settings: &self.settings,
            offer: &self.offer,
            under_way,
            recalled,
            fresh,
            now_ms,
            disk_full: self.disk_full,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::RunRequest;
    use crate::journal::{Kind, Record};
    use crate::principal::Actor;
    use crate::run::Spec;

    #[test]
    fn whatever_is_given_again_is_looked_for_and_what_did_not_come_yet_is_not() {
        let input = Input::example();
        let spec = Spec {
            input: Some(input.clone()),
            ..Spec::example(Vec::new())
        };
        let run = spec.id;
        let mut state = State::default();
        state.apply(&Record {
            at_ms: 1,
            actor: Actor::Controller,
            kind: Kind::Accepted(spec),
        });
        let known = Known {
            state,
            fleet: Fleet::default(),
            settings: Arc::default(),
            offer: Arc::default(),
            disk_full: false,
        };
        let request = |like, input| RunRequest {
            on: "web-01".to_owned(),
            like,
            input,
            ..RunRequest::default()
        };
        let announced = Input::announced("deploy.sh", 5);
        for (request, given) in [
            (request(None, Some(input.clone())), Some(&input)),
            (request(Some(run), None), Some(&input)),
            (request(Some(run), Some(announced)), None),
            (request(None, None), None),
        ] {
            for ask in [
                Ask::Run(request.clone()),
                Ask::Look(Question::Plan(request.clone())),
            ] {
                assert_eq!(known.given(&ask, &Recalled::default()).as_ref(), given);
                assert!(given.is_none() || ask.is_about_runs(), "{ask:?}");
            }
        }
    }
}

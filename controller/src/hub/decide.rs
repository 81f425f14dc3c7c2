//! Requests of people: which function takes each, and those that look, stop and hold.

use shanty_core::admission;
use shanty_core::ids::{AgentId, RunId, RunNumber};
use shanty_core::journal::Kind;
use shanty_core::policy::Verb;
use shanty_core::principal::{Asker, Principal};
use shanty_core::refusal::{Code, Refusal};
use shanty_core::run::{CancelRequest, Event, Run};
use shanty_core::selector::complete::Choice;
use tokio::sync::oneshot;

use super::request::{Cancelled, HostsView, Request, Which};
use super::{After, Hub};
use crate::clock::now_ms;

/// Runs that a list looks through: somebody with few rights must not hold up everybody.
const RUNS_LOOKED_AT_MAX: usize = 2_000;

/// Runs that are shown with a host.
const RUNS_OF_HOST_MAX: usize = 5;

impl Hub {
    /// Takes one request. Only calls.
    pub(super) fn handle(&mut self, request: Request) {
        match request {
            Request::Run {
                asker,
                request,
                reply,
            } => self.ask_run(&asker, &request, reply),
            Request::Confirm {
                asker,
                run,
                choice,
                reply,
            } => self.confirm(&asker, run, choice, reply),
            Request::TakeBack { asker, run, reply } => self.take_back(&asker, run, reply),
            Request::Go { run } => self.go(run),
            Request::IsTarget { agent, run, reply } => {
                let run = self.state.runs.get(&run);
                drop(reply.send(Ok(run.is_some_and(|run| run.execution(agent).is_some()))));
            }
            Request::Expire { run, reason } => self.expire(run, reason),
            Request::Cancel {
                asker,
                which,
                force,
                reply,
            } => {
                let answer = self.ask_cancel(&asker, which, force);
                self.answer(&asker, Verb::Cancel, answer, reply);
            }
            Request::Hosts { asker, on, reply } => drop(reply.send(self.ask_hosts(&asker, &on))),
            Request::Complete {
                asker,
                typed,
                reply,
            } => {
                drop(reply.send(Ok(self.ask_complete(&asker, &typed))));
            }
            Request::Runs {
                asker,
                limit,
                reply,
            } => drop(reply.send(self.ask_runs(&asker, limit))),
            Request::Show {
                asker,
                number,
                reply,
            } => {
                drop(reply.send(self.ask_show(&asker, number).cloned()));
            }
            Request::Watch { run, reply } => drop(reply.send(self.watch(run))),
            Request::Hold { asker, on, reply } => self.ask_hold(&asker, on, reply),
            Request::TokenCreate {
                user,
                labels,
                uses_max,
                ttl_ms,
                reply,
            } => {
                self.token_create(user, labels, uses_max, ttl_ms, reply);
            }
            Request::TokenList { reply } => drop(reply.send(Ok(self.token_rows()))),
            Request::TokenRevoke { user, id, reply } => self.token_revoke(user, id, reply),
            Request::Label {
                asker,
                on,
                changes,
                reply,
            } => self.ask_label(&asker, &on, &changes, reply),
            Request::Drain {
                asker,
                on,
                drain,
                reply,
            } => self.ask_drain(&asker, &on, drain, reply),
            Request::Groups { asker, reply } => drop(reply.send(self.ask_groups(&asker))),
            Request::GroupSave {
                asker,
                name,
                on,
                reply,
            } => self.ask_group_save(&asker, &name, &on, reply),
            Request::GroupRemove { asker, name, reply } => {
                self.ask_group_remove(&asker, &name, reply);
            }
            Request::HostRemove { user, name, reply } => self.host_remove(user, &name, reply),
            Request::Join { join, reply } => self.ask_join(join, reply),
            Request::LinkUp { link, reply } => self.link_up(link, reply),
            Request::LinkDown { agent, link } => self.link_down(agent, link),
            Request::Told {
                agent,
                run,
                told,
                spool_full,
            } => {
                self.told(agent, run, told, spool_full);
            }
            Request::Facts { agent, facts } => self.facts(agent, facts),
            Request::Metrics { agent, metrics } => self.metrics(agent, metrics),
        }
    }

    fn ask_cancel(
        &mut self,
        asker: &Asker,
        which: Which,
        force: bool,
    ) -> Result<Cancelled, Refusal> {
        let seen = |agent| self.seen(agent);
        let ctx = self.context(&seen);
        admission::admit(&ctx, asker, Verb::Cancel)?;
        let mut found: Vec<&Run> = match which {
            Which::Id(id) => self.state.runs.get(&id).into_iter().collect(),
            Which::Number(number) => self.state.run_numbered(number).into_iter().collect(),
            Which::All => self
                .state
                .runs
                .values()
                .filter(|run| !run.is_over())
                .collect(),
        };
        if found.is_empty() && !matches!(which, Which::All) {
            return Err(not_found());
        }
        for run in &found {
            admission::admit_on_run(&ctx, asker, Verb::Cancel, &run.spec.targets)?;
        }
        found.retain(|run| !run.is_over());
        if found.is_empty() && !matches!(which, Which::All) {
            return Err(Refusal::new(
                Code::Closed,
                "The run is over. There is nothing to stop.",
                "Its card shows how it ended.",
            ));
        }
        let ids: Vec<RunId> = found.iter().map(|run| run.spec.id).collect();
        let mut done = Cancelled::default();
        for id in ids {
            self.cancel_one(id, asker.principal(), force, &mut done);
        }
        Ok(done)
    }

    /// Acts first: the record follows.
    fn cancel_one(&mut self, id: RunId, by: Principal, force: bool, done: &mut Cancelled) {
        let request = CancelRequest {
            by: by.clone(),
            force,
            at_ms: now_ms(),
        };
        self.drive(id, Event::Cancel(request));
        self.append(Kind::CancelRequested { run: id, by, force }, After::Nothing);
        let Some(run) = self.state.runs.get(&id) else {
            return;
        };
        let reach = run.cancel_reach();
        let names = |agents: Vec<AgentId>| {
            let name = |agent| {
                run.execution(agent)
                    .map(|execution| execution.name.to_string())
            };
            agents.into_iter().filter_map(name).collect::<Vec<_>>()
        };
        done.numbers.push(run.number);
        done.told.extend(names(reach.told));
        done.away.extend(names(reach.away));
    }

    fn ask_hosts(&self, asker: &Asker, on: &str) -> Result<HostsView, Refusal> {
        let seen = |agent| self.seen(agent);
        let (agents, normal) = admission::admit_hosts(&self.context(&seen), asker, on)?;
        let rows = agents
            .iter()
            .filter_map(|agent| self.host_row(*agent))
            .collect();
        let full = |agent: &AgentId| {
            self.presence
                .get(agent)
                .is_some_and(|p| !p.spool_full.is_empty())
        };
        let spool_full = agents.iter().copied().filter(full).collect();
        let runs = match agents.as_slice() {
            [one] => self.last_runs_of(asker, *one),
            _ => Vec::new(),
        };
        Ok(HostsView {
            rows,
            spool_full,
            normal,
            runs,
        })
    }

    fn last_runs_of(&self, asker: &Asker, agent: AgentId) -> Vec<Run> {
        let seen = |agent| self.seen(agent);
        let ctx = self.context(&seen);
        let newest = self.state.numbers.values().rev();
        newest
            .take(RUNS_LOOKED_AT_MAX)
            .filter_map(|id| self.state.runs.get(id))
            .filter(|run| run.execution(agent).is_some())
            .filter(|run| {
                admission::admit_on_run(&ctx, asker, Verb::View, &run.spec.targets).is_ok()
            })
            .take(RUNS_OF_HOST_MAX)
            .cloned()
            .collect()
    }

    fn ask_complete(&self, asker: &Asker, typed: &str) -> Vec<Choice> {
        let seen = |agent| self.seen(agent);
        admission::complete(&self.context(&seen), asker, typed)
    }

    fn ask_runs(&self, asker: &Asker, limit: usize) -> Result<Vec<Run>, Refusal> {
        let seen = |agent| self.seen(agent);
        let ctx = self.context(&seen);
        admission::admit(&ctx, asker, Verb::View)?;
        let newest = self
            .state
            .numbers
            .values()
            .rev()
            .filter_map(|id| self.state.runs.get(id));
        let may = |run: &&Run| {
            admission::admit_on_run(&ctx, asker, Verb::View, &run.spec.targets).is_ok()
        };
        Ok(newest
            .take(RUNS_LOOKED_AT_MAX)
            .filter(may)
            .take(limit)
            .cloned()
            .collect())
    }

    fn ask_show(&self, asker: &Asker, number: RunNumber) -> Result<&Run, Refusal> {
        let seen = |agent| self.seen(agent);
        let ctx = self.context(&seen);
        admission::admit(&ctx, asker, Verb::View)?;
        let run = self.state.run_numbered(number).ok_or_else(not_found)?;
        admission::admit_on_run(&ctx, asker, Verb::View, &run.spec.targets)
            .map_err(|_| not_found())?;
        Ok(run)
    }

    fn ask_hold(&mut self, asker: &Asker, on: bool, reply: oneshot::Sender<Result<(), Refusal>>) {
        let seen = |agent| self.seen(agent);
        let admitted = self
            .is_new(asker)
            .and_then(|()| admission::admit(&self.context(&seen), asker, Verb::Hold));
        match admitted {
            Ok(()) => {
                self.append(
                    Kind::Hold {
                        on,
                        by: asker.principal(),
                        place: asker.place(),
                    },
                    After::Hold(reply),
                );
            }
            Err(refusal) => self.answer(asker, Verb::Hold, Err(refusal), reply),
        }
    }

    /// Answers, and records a refusal of something that would have changed something.
    pub(super) fn answer<T>(
        &mut self,
        asker: &Asker,
        verb: Verb,
        answer: Result<T, Refusal>,
        reply: oneshot::Sender<Result<T, Refusal>>,
    ) {
        if let Err(refusal) = &answer {
            let text = refusal
                .what
                .lines()
                .next()
                .unwrap_or_default()
                .chars()
                .take(200)
                .collect();
            let denied = Kind::Denied {
                by: asker.principal(),
                place: asker.place(),
                verb: verb.to_string(),
                code: refusal.code.to_string(),
                text,
            };
            self.append(denied, After::Nothing);
        }
        drop(reply.send(answer));
    }
}

pub(super) fn not_found() -> Refusal {
    Refusal::new(
        Code::NotFound,
        "There is no such run.",
        "`/runs` and `shanty runs list` show the last ones.",
    )
}

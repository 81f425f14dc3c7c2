//! Carries out what the state machines of runs ask for, and shows how they stand.

use std::sync::Arc;

use prost::Message as _;
use shanty_core::ids::{AgentId, RunId};
use shanty_core::journal::Kind;
use shanty_core::refusal::Refusal;
use shanty_core::run::{Effect, Event, Outcome, Phase, Run};
use shanty_proto::v1;
use tokio::sync::watch;

use super::decide::not_found;
use super::request::Snapshot;
use super::{After, Hub};
use crate::clock::{link_ms, now_ms};
use crate::store::StoreError;

/// A run that was accepted and hears neither of `Go` nor of the end for this long is given up, milliseconds.
const ACCEPTED_MS_MAX: u64 = 60_000;

impl Hub {
    /// What an earlier process left: accepted runs did not begin, and ends that are stored and not recorded are recorded now.
    pub(super) async fn recover(&mut self) -> Result<(), StoreError> {
        let open: Vec<RunId> = self.state.open.iter().copied().collect();
        for id in open {
            let Some(run) = self.state.runs.get(&id) else {
                continue;
            };
            if run.phase == Phase::Accepted {
                self.expire(id, "the controller restarted before it began".to_owned());
                continue;
            }
            let unknown: Vec<AgentId> = run
                .executions()
                .filter(|(_, execution)| execution.outcome().is_none())
                .map(|(agent, _)| agent)
                .collect();
            self.drive(id, Event::Recovered);
            for agent in unknown {
                if let Some(outcome) = self.parts.output.load(id, agent).await?.outcome {
                    self.exited(id, agent, outcome);
                }
            }
            self.dirty.insert(id);
        }
        self.removed_meanwhile();
        Ok(())
    }

    /// `Go` is committed.
    pub(super) fn begin(&mut self, run: RunId) {
        let online = self.presence.iter().filter(|(_, p)| p.is_online());
        let draining = self
            .state
            .hosts
            .iter()
            .filter(|(_, host)| host.draining.is_some());
        let begin = Event::Begin {
            online: online.map(|(agent, _)| *agent).collect(),
            draining: draining.map(|(agent, _)| *agent).collect(),
        };
        self.drive(run, begin);
        let Some(spec) = self.state.runs.get(&run).map(|run| &run.spec) else {
            return;
        };
        let local = spec.place.is_none();
        // A host may have been removed between the record and its `Go`.
        let is_gone = |agent: &AgentId| self.state.hosts.get(agent).is_none_or(|host| host.revoked);
        let targets = spec.targets.iter().map(|target| target.agent);
        let gone: Vec<AgentId> = targets.filter(is_gone).collect();
        for agent in gone {
            self.drive(run, Event::Removed { agent });
        }
        // The watch must be there before anybody is told of the run.
        self.publish();
        self.begun.send((run, local)).ok(); // nobody shows runs
    }

    /// The last record of a spool is committed.
    pub(super) fn exited(&mut self, run: RunId, agent: AgentId, outcome: Outcome) {
        self.drive(run, Event::Exit { agent, outcome });
    }

    pub(super) fn tick(&mut self) {
        self.note_seen_at_times();
        self.state.forget_previews(now_ms());
        for (kind, after) in std::mem::take(&mut self.unwritten) {
            self.append(kind, after);
        }
        let now = now_ms();
        let open: Vec<RunId> = self.state.open.iter().copied().collect();
        for id in open {
            let accepted_ms = self.state.runs.get(&id).map_or(now, |run| run.accepted_ms);
            if self.is_accepted(id) && now.saturating_sub(accepted_ms) > ACCEPTED_MS_MAX {
                self.expire(id, "nobody said that the answer was seen".to_owned());
            } else {
                self.drive(id, Event::Tick);
            }
        }
    }

    /// Gives an event to a run and carries out what it asks for.
    pub(super) fn drive(&mut self, id: RunId, event: Event) {
        let Some(run) = self.state.runs.get_mut(&id) else {
            return;
        };
        let mut effects = Vec::new();
        let passes = matches!(event, Event::Tick);
        run.handle(event, link_ms(), &mut effects);
        // Time alone changes nothing that is shown.
        if !(passes && effects.is_empty()) {
            self.dirty.insert(id);
        }
        for effect in effects {
            self.carry_out(id, effect);
        }
    }

    fn carry_out(&mut self, run: RunId, effect: Effect) {
        match effect {
            Effect::SendOrder {
                agent,
                not_after_ms,
            } => {
                if let Some(start) = self.order(run, agent, not_after_ms) {
                    self.send(agent, v1::down::Kind::Start(start));
                }
            }
            Effect::SendCancel { agent, force } => {
                let cancel = v1::Cancel {
                    run: run.to_string(),
                    force,
                };
                self.send(agent, v1::down::Kind::Cancel(cancel));
            }
            // Days may lie between the asking and this.
            Effect::RecordSent(agent) if !self.still_granted(run, agent) => {
                self.drive(run, Event::NotAllowed { agent });
            }
            Effect::RecordSent(agent) => {
                self.append(Kind::Sent { run, agent }, After::Sent(run, agent));
            }
            Effect::RecordStarted(agent) => {
                self.append(Kind::Started { run, agent }, After::Nothing)
            }
            Effect::RecordFinished(agent, outcome) => {
                let kind = Kind::Finished {
                    run,
                    agent,
                    outcome,
                };
                self.append(kind, After::Finished(run, agent));
            }
            Effect::RecordClosed => self.append(Kind::Closed(run), After::Nothing),
            Effect::Release(agent) => {
                let release = v1::Release {
                    run: run.to_string(),
                };
                self.send(agent, v1::down::Kind::Release(release));
            }
        }
    }

    fn order(&self, run: RunId, agent: AgentId, not_after_ms: u64) -> Option<v1::Start> {
        let spec = &self.state.runs.get(&run)?.spec;
        let order = v1::ExecutionOrder {
            run: run.to_string(),
            agent: agent.to_string(),
            not_after_ms,
            what: Some(v1::execution_order::What::Command(spec.command.clone())),
            run_as: spec.run_as.clone().unwrap_or_default(),
            env: Vec::new(),
            cwd: String::new(),
            timeout_ms: spec.timeout_ms,
            output_max_bytes: self.parts.limits.output_max,
            grace_ms: self.parts.limits.grace_ms,
            stdin: false,
        };
        Some(v1::Start {
            run: run.to_string(),
            order: order.encode_to_vec(),
            sig: Vec::new(),
            key_id: String::new(),
        })
    }

    /// A record changes how a run looks.
    pub(super) fn touch(&mut self, kind: &Kind) {
        let run = match kind {
            Kind::Accepted(spec) => spec.id,
            Kind::Go(run) | Kind::Closed(run) => *run,
            Kind::Expired { run, .. }
            | Kind::CancelRequested { run, .. }
            | Kind::Sent { run, .. }
            | Kind::Started { run, .. }
            | Kind::Finished { run, .. } => *run,
            Kind::TokenCreated { .. }
            | Kind::TokenRevoked { .. }
            | Kind::Enrolled(_)
            | Kind::Labelled { .. }
            | Kind::Revoked { .. }
            | Kind::Denied { .. }
            | Kind::Previewed(_)
            | Kind::GroupSaved { .. }
            | Kind::GroupRemoved { .. }
            | Kind::Drained { .. }
            | Kind::Hold { .. }
            | Kind::Unknown => return,
        };
        self.dirty.insert(run);
    }

    /// Shows the newest state of every run that changed, and which runs are not over.
    pub(super) fn publish(&mut self) {
        if self.dirty.is_empty() {
            return;
        }
        for id in std::mem::take(&mut self.dirty) {
            let Some(snapshot) = self.snapshot(id) else {
                continue;
            };
            let over = snapshot.run.is_over();
            if let Some(sender) = self.snapshots.get(&id) {
                sender.send_replace(snapshot);
            } else if !over {
                self.snapshots.insert(id, watch::channel(snapshot).0);
            }
            if over {
                self.snapshots.remove(&id);
            }
        }
    }

    pub(super) fn watch(&mut self, id: RunId) -> Result<watch::Receiver<Arc<Snapshot>>, Refusal> {
        self.publish();
        if let Some(sender) = self.snapshots.get(&id) {
            return Ok(sender.subscribe());
        }
        // It is over: one last state, and no more to come.
        let snapshot = self.snapshot(id).ok_or_else(not_found)?;
        Ok(watch::channel(snapshot).1)
    }

    pub(super) fn snapshot(&self, id: RunId) -> Option<Arc<Snapshot>> {
        let run = self.state.runs.get(&id)?.clone();
        let run_as = self.run_as(&run);
        let waits = |agent: &AgentId| {
            self.presence
                .get(agent)
                .is_some_and(|p| p.spool_full.contains(&id))
        };
        let spool_full = run
            .executions()
            .filter(|(agent, _)| waits(agent))
            .map(|(_, execution)| execution.name.to_string())
            .collect();
        Some(Arc::new(Snapshot {
            run,
            run_as,
            spool_full,
        }))
    }

    fn run_as(&self, run: &Run) -> Vec<String> {
        match &run.spec.run_as {
            Some(user) => vec![user.clone()],
            None => self.users_on(run.executions().map(|(agent, _)| agent)),
        }
    }

    /// The users that commands run as on these hosts unless somebody asks for another.
    pub(super) fn users_on(&self, agents: impl Iterator<Item = AgentId>) -> Vec<String> {
        let told = |agent: AgentId| Some(self.presence.get(&agent)?.facts.as_ref()?.run_as.clone());
        let mut users: Vec<String> = agents.filter_map(told).collect();
        users.sort_unstable();
        users.dedup();
        users.retain(|user| shanty_core::ids::is_word(user));
        users
    }
}

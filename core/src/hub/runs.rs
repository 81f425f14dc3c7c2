//! Drives the state machines of runs, and turns what they ask for into what the hub asks for.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::admission::{self, Fresh, NoStart, Proof, UnderWay};
use crate::ids::{AgentId, RunId};
use crate::journal::{Kind, Recalled, VersionChange};
use crate::limits;
use crate::members::{Member, Membership};
use crate::order::{Names, Order};
use crate::run::{self, Event, Gate, Input, Phase, Run};
use crate::time::{LinkTime, Now};

use super::{Effect, Hub};

impl Hub {
    /// What an earlier process left: accepted runs did not begin, and ends that are stored and not recorded are looked for.
    pub fn recover(&mut self, now: Now, out: &mut Vec<Effect>) {
        let open: Vec<Arc<Run>> = self.known.state.runs.open().cloned().collect();
        for run in open {
            let id = run.spec.id;
            if run.phase == Phase::Accepted {
                let reason = "the controller restarted before it began";
                self.expire(id, reason.to_owned(), now, out);
                continue;
            }
            let unknown = run.executions().filter(|(_, e)| e.outcome().is_none());
            let unknown: Vec<AgentId> = unknown.map(|(agent, _)| agent).collect();
            drop(run);
            self.drive(id, Event::Recovered, now, out);
            for agent in unknown {
                out.push(Effect::FindExit { run: id, agent });
            }
            self.changed.insert(id);
        }
    }

    /// Nothing waits any more for hosts that an earlier process removed. Comes when ends that are stored are known.
    pub fn recovered(&mut self, now: Now, out: &mut Vec<Effect>) {
        let removed = self
            .known
            .state
            .hosts
            .iter()
            .filter(|(_, host)| host.revoked);
        let removed: Vec<AgentId> = removed.map(|(agent, _)| *agent).collect();
        for agent in removed {
            for run in self.open_runs_of(agent) {
                let gate = Gate::Removed;
                self.drive(run, Event::GateChanged { agent, gate }, now, out);
            }
        }
    }

    /// Records the grants where the journal knows others: after a start, and whenever the configuration was read again.
    pub fn note_grants(&mut self, now: Now, out: &mut Vec<Effect>) {
        let grants = self.known.settings.policy.specs();
        if *self.known.state.grants != grants[..] {
            self.note(Kind::GrantsLoaded(grants), now, out);
        }
    }

    /// Records that another version decides from now on than the one before, once.
    pub fn note_version(&mut self, change: VersionChange, now: Now, out: &mut Vec<Effect>) {
        if self.known.state.version.as_ref() != Some(&change.version) {
            self.note(Kind::VersionChanged(change), now, out);
        }
    }

    /// `Go` is recorded.
    pub(super) fn begin(&mut self, id: RunId, now: Now, out: &mut Vec<Effect>) {
        let Some(run) = self.known.state.run_of(id) else {
            return;
        };
        let agents = run.executions().map(|(agent, _)| agent);
        let gates: BTreeMap<AgentId, Gate> = agents
            .map(|agent| (agent, self.keeps(id, agent, Proof::Asked, now)))
            .collect();
        self.drive(id, Event::Begin { gates }, now, out);
    }

    /// What keeps a host from an order of a run that is sent later than it was asked for: asked before each, whatever made somebody look.
    /// Whoever asked in chat is heard of first.
    pub(super) fn gate(
        &mut self,
        run: RunId,
        agent: AgentId,
        now: Now,
        out: &mut Vec<Effect>,
    ) -> Gate {
        let gate = self.keeps(run, agent, Proof::Asked, now);
        let asked = self.known.state.run_of(run);
        let asked = asked.filter(|run| !run.was_asked_just_now(agent, now));
        let member = asked.and_then(|run| admission::asked_by(&run.spec));
        let (Gate::Open, Some(member)) = (gate, member) else {
            return gate;
        };
        if let Some(membership) = self.members.now(member, now.link) {
            return self.keeps(run, agent, Proof::Heard(membership), now);
        }
        if self.members.ask(member) {
            out.push(Effect::AskMember(member));
        }
        Gate::Asking
    }

    fn keeps(&self, run: RunId, agent: AgentId, proof: Proof<'_>, now: Now) -> Gate {
        let state = &self.known.state;
        let Some(host) = state.hosts.get(&agent).filter(|host| !host.revoked) else {
            return Gate::Removed;
        };
        let under_way = UnderWay::default();
        let recalled = Recalled::default();
        let fresh = Fresh::default();
        let ctx = self
            .known
            .context(&under_way, &recalled, fresh, now.wall_ms);
        let spec = state.run_of(run).map(|run| &run.spec);
        let may = spec.map(|spec| admission::may_start(&ctx, spec, agent, proof));
        match may {
            _ if !self.known.fleet.is_online(agent) => Gate::Offline,
            None | Some(Err(NoStart::Host)) => Gate::Denied,
            Some(Err(NoStart::Person)) => Gate::Dismissed,
            Some(Ok(())) if !self.knows_how(run, agent) => Gate::Old,
            Some(Ok(())) if host.draining.is_some() => Gate::Draining,
            Some(Ok(())) if state.hold.is_some() => Gate::Hold,
            Some(Ok(())) => Gate::Open,
        }
    }

    /// Whether an agent that has a link knows what a run asks of it.
    fn knows_how(&self, run: RunId, agent: AgentId) -> bool {
        let run = self.known.state.run_of(run);
        let upkeep = run.is_some_and(|run| run.spec.what.upkeep().is_some());
        let presence = self.known.fleet.get(agent);
        !upkeep || presence.is_some_and(|presence| presence.takes_upkeep)
    }

    /// It was heard where somebody stands, or that could not be asked: what waits for it is looked at again.
    pub(super) fn heard_of(
        &mut self,
        member: Member,
        membership: Option<Membership>,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let heard = membership.is_some();
        self.members.hear(member, membership, now.link);
        if heard {
            self.look_again(now, out);
        }
    }

    /// Hosts that can take an order, of runs whose asker was to be heard of.
    pub(super) fn look_again(&mut self, now: Now, out: &mut Vec<Effect>) {
        let mut waiting = Vec::new();
        for run in self.known.state.runs.open() {
            let agents = run.waits_to_hear();
            waiting.extend(agents.map(|agent| (run.spec.id, agent)));
        }
        for (run, agent) in waiting {
            let gate = self.gate(run, agent, now, out);
            if gate != Gate::Asking {
                self.drive(run, Event::GateChanged { agent, gate }, now, out);
            }
        }
    }

    pub(super) fn tick(&mut self, now: Now, out: &mut Vec<Effect>) {
        let runs_ms = self.known.settings.runs_ms;
        self.known.state.forget(now.wall_ms, runs_ms);
        // What somebody is about to be shown stays.
        if self.changed.is_empty() {
            self.known.state.shrink();
        }
        self.write_again(now, out);
        self.record_denials(now, out);
        // Who could not be asked about is asked about again.
        self.look_again(now, out);
        self.end_probes(now, out);
        let open = self.known.state.runs.open();
        let open: Vec<(RunId, u64)> = open.map(|run| (run.spec.id, run.accepted_ms)).collect();
        for (id, accepted_ms) in open {
            let waited_ms = now.wall_ms.saturating_sub(accepted_ms);
            if self.known.state.is_accepted(id) && waited_ms > limits::ACCEPTED_MS {
                let reason = "nobody said that the answer was seen";
                self.expire(id, reason.to_owned(), now, out);
            } else {
                self.drive(id, Event::Tick, now, out);
            }
        }
    }

    /// Gives an event to a run, and passes on what it asks for.
    pub(super) fn drive(&mut self, id: RunId, event: Event, now: Now, out: &mut Vec<Effect>) {
        let Some(run) = self.known.state.run_mut(id) else {
            return;
        };
        let mut effects = Vec::new();
        let passes = matches!(event, Event::Tick);
        run.handle(event, now, &mut effects);
        // Time alone changes nothing that is shown.
        if !(passes && effects.is_empty()) {
            self.changed.insert(id);
        }
        for effect in effects {
            self.pass_on(id, effect, now, out);
        }
    }

    fn pass_on(&mut self, run: RunId, effect: run::Effect, now: Now, out: &mut Vec<Effect>) {
        match effect {
            run::Effect::SendOrder { agent, not_after } => {
                let run = self.known.state.run_of(run);
                out.extend(run.map(|run| Effect::Order(self.order(run, agent, not_after))));
            }
            run::Effect::SendCancel { agent, force } => {
                out.push(Effect::Cancel { agent, run, force });
            }
            run::Effect::Release(agent) => out.push(Effect::Release { agent, run }),
            run::Effect::Look(agents) => {
                let gates = agents.into_iter();
                let gates = gates.map(|agent| (agent, self.gate(run, agent, now, out)));
                let gates = gates.collect();
                self.drive(run, Event::Looked(gates), now, out);
            }
            run::Effect::RecordPaused => self.note(Kind::Paused { run }, now, out),
            run::Effect::RecordSent(agent) => self.note(Kind::Sent { run, agent }, now, out),
            run::Effect::RecordStarted(agent) => self.note(Kind::Started { run, agent }, now, out),
            run::Effect::RecordFinished(agent, outcome) => {
                let kind = Kind::Finished {
                    run,
                    agent,
                    outcome,
                };
                self.note(kind, now, out);
            }
            run::Effect::RecordClosed => self.note(Kind::Closed(run), now, out),
        }
    }

    fn order(&self, run: &Run, agent: AgentId, not_after: LinkTime) -> Order {
        let spec = &run.spec;
        let execution = run.execution(agent);
        let names = execution.map(|to| Names::new(to.name.clone(), run.number, &spec.origin));
        Order {
            names,
            run: spec.id,
            agent,
            not_after,
            input: spec.input.as_ref().map(Input::for_host),
            what: spec.what.clone(),
            options: spec.options.clone(),
            environment: Vec::new(),
            cwd: None,
            output_bytes_max: self.known.settings.output_max,
            grace_ms: self.known.settings.grace_ms,
            stdin: false,
        }
    }
}

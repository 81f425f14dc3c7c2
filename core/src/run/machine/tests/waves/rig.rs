//! A run in waves with everything around it, as simple as that can be.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::run::{Offline, Rollout};

/// A run with its journal, its links and its hosts, as simple as they can be.
pub(super) struct Rig {
    pub(super) spec: Spec,
    pub(super) run: Run,
    now_ms: u64,
    pub(super) gates: BTreeMap<u8, Gate>,
    /// What is durable.
    pub(super) records: Vec<Recorded>,
    /// What is being written.
    pub(super) writing: Vec<Recorded>,
    /// Orders that went, in their order.
    pub(super) sent: Vec<u8>,
    /// What runs.
    pub(super) running: BTreeSet<u8>,
    /// How what ran ended: hosts keep it.
    ended: BTreeMap<u8, i32>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Recorded {
    Sent(AgentId),
    Started(AgentId),
    Finished(AgentId, Outcome),
    Paused(Option<u64>),
    Continued(usize),
    Cancel,
    Closed,
}

pub(super) fn rollout(batch: &str, parallel: &str, max_fail: &str, pause: &str) -> Rollout {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let typed = [batch, parallel, max_fail, pause].map(some);
    let [batch, parallel, max_fail, pause] = typed.each_ref().map(Option::as_deref);
    let rollout = Rollout::parse(batch, parallel, max_fail, pause);
    rollout.unwrap().unwrap()
}

impl Rig {
    pub(super) fn new(hosts: u8, offline: Offline, rollout: Rollout) -> Self {
        let target = |n| Target {
            agent: agent(n),
            name: format!("h{n}").parse().unwrap(),
            away: None,
        };
        let spec = Spec {
            strategy: crate::run::Strategy {
                offline,
                rollout: Some(rollout),
            },
            ..Spec::example((1..=hosts).map(target).collect())
        };
        let mut rig = Self {
            run: Run::new(RunNumber(1), spec.clone(), NOW),
            spec,
            now_ms: NOW,
            gates: (1..=hosts).map(|n| (n, Gate::Open)).collect(),
            records: Vec::new(),
            writing: Vec::new(),
            sent: Vec::new(),
            running: BTreeSet::new(),
            ended: BTreeMap::new(),
        };
        rig.run.phase = Phase::Running;
        rig
    }

    pub(super) fn begins(mut self) -> Self {
        let gates = self.gates.iter().map(|(n, gate)| (agent(*n), *gate));
        let gates = gates.collect();
        self.give(Event::Begin { gates });
        self.writes_all();
        self
    }

    fn gate(&self, agent: AgentId) -> Gate {
        self.gates[&agent.as_bytes()[0]]
    }

    pub(super) fn give(&mut self, event: Event) {
        let mut effects = Vec::new();
        let now = at(self.now_ms);
        self.run.handle(event, now, &mut effects);
        for effect in effects {
            match effect {
                Effect::Look(agents) => {
                    let gates = agents.into_iter().map(|agent| (agent, self.gate(agent)));
                    let gates = gates.collect();
                    self.give(Event::Looked(gates));
                }
                Effect::SendOrder { agent, .. } => self.takes_order(agent),
                Effect::RecordSent(agent) => self.writing.push(Recorded::Sent(agent)),
                Effect::RecordStarted(agent) => self.writing.push(Recorded::Started(agent)),
                Effect::RecordFinished(agent, outcome) => {
                    self.writing.push(Recorded::Finished(agent, outcome));
                }
                Effect::RecordPaused => self.writing.push(Recorded::Paused(None)),
                Effect::RecordClosed => self.writing.push(Recorded::Closed),
                Effect::SendCancel { .. } | Effect::Release(_) => {}
            }
        }
    }

    fn takes_order(&mut self, agent: AgentId) {
        let n = agent.as_bytes()[0];
        self.may_start(agent);
        assert!(!self.sent.contains(&n), "{n} twice: {:?}", self.sent);
        self.sent.push(n);
        self.running.insert(n);
    }

    /// What must hold whenever an order goes, as far as anybody knew then.
    fn may_start(&self, host: AgentId) {
        let rollout = self.spec.strategy.rollout.as_ref().unwrap();
        let all = self.spec.targets.len();
        let mut ends: BTreeMap<AgentId, &Outcome> = BTreeMap::new();
        let (mut paused, mut passed) = (false, 0);
        for record in &self.records {
            match record {
                Recorded::Finished(agent, outcome) => {
                    ends.insert(*agent, outcome);
                }
                Recorded::Paused(_) => paused = true,
                Recorded::Continued(waves) => (paused, passed) = (false, *waves),
                Recorded::Cancel => panic!("{host} after a cancel"),
                Recorded::Sent(_) | Recorded::Started(_) | Recorded::Closed => {}
            }
        }
        assert!(!paused, "{host} while it is paused");
        let failed = ends.values().filter(|end| !end.is_ok()).count();
        if let Some(max_fail) = rollout.max_fail {
            assert!(failed <= max_fail.of(all), "{host} after {failed} failures");
        }
        let recorded = self.records.contains(&Recorded::Sent(host));
        assert!(recorded, "{host} without a record");
        let (mut before, mut wave) = (0, 0);
        for size in rollout.waves(all) {
            if usize::from(host.as_bytes()[0]) <= before + size {
                break;
            }
            before += size;
            wave += 1;
        }
        let earlier = self.spec.targets.iter().take(before);
        let open = earlier.filter(|target| !ends.contains_key(&target.agent));
        assert_eq!(open.count(), 0, "{host} before the waves before it");
        match rollout.pause {
            crate::run::Pauses::Never => {}
            crate::run::Pauses::First => assert!(wave == 0 || passed >= 1, "{host} unasked"),
            crate::run::Pauses::Every => assert!(passed >= wave, "{host} unasked"),
        }
        let at_once = rollout.parallel.map_or(usize::MAX, |n| n as usize);
        assert!(
            self.running.len() < at_once,
            "{host} beside {:?}",
            self.running
        );
    }

    /// The oldest of what is being written is.
    pub(super) fn writes(&mut self) -> bool {
        if self.writing.is_empty() {
            return false;
        }
        let record = self.writing.remove(0);
        self.records.push(record.clone());
        apply(&mut self.run, &record);
        match record {
            Recorded::Sent(agent) => {
                let gate = self.gate(agent);
                self.give(Event::GateChanged { agent, gate });
            }
            Recorded::Finished(agent, _) => self.give(Event::FinishedRecorded { agent }),
            Recorded::Paused(_) | Recorded::Continued(_) => self.give(Event::Steered),
            Recorded::Started(_) | Recorded::Cancel => {}
            Recorded::Closed => self.run.phase = Phase::Closed { at_ms: self.now_ms },
        }
        true
    }

    pub(super) fn writes_all(&mut self) {
        while self.writes() {}
    }

    pub(super) fn ends(&mut self, n: u8, code: i32) {
        assert!(self.running.remove(&n), "{n} does not run");
        self.ended.insert(n, code);
        self.says_its_end(n);
    }

    fn says_its_end(&mut self, n: u8) {
        let code = self.ended[&n];
        let outcome = outcome(How::Exited(code));
        let agent = agent(n);
        self.give(Event::Exit { agent, outcome });
    }

    pub(super) fn done(&mut self, hosts: &[u8], code: i32) {
        for n in hosts {
            self.ends(*n, code);
        }
        self.writes_all();
    }

    pub(super) fn pauses(&mut self) {
        self.writing.push(Recorded::Paused(Some(4)));
        self.writes_all();
    }

    pub(super) fn continues(&mut self) {
        let current = self.run.waves().unwrap().current();
        self.writing.push(Recorded::Continued(current));
        self.writes_all();
    }

    pub(super) fn cancels(&mut self) {
        self.records.push(Recorded::Cancel);
        self.give(cancel(false));
        self.writes_all();
    }

    pub(super) fn ticks(&mut self, by_ms: u64) {
        self.now_ms += by_ms;
        self.give(Event::Tick);
    }

    /// The controller is killed: what was being written is not.
    pub(super) fn restarts(&mut self) {
        self.writing.clear();
        self.run = Run::new(RunNumber(1), self.spec.clone(), NOW);
        self.run.phase = Phase::Running;
        for record in &self.records {
            apply(&mut self.run, record);
        }
        self.give(Event::Recovered);
    }

    /// Links of all hosts that have one come up.
    pub(super) fn links(&mut self) {
        for (n, gate) in self.gates.clone() {
            if gate > Gate::Offline {
                self.link(n, gate);
            }
        }
    }

    /// An agent says what it holds: all that it ever took.
    pub(super) fn link(&mut self, n: u8, gate: Gate) {
        let ended = self.ended.contains_key(&n);
        let told = if ended { Told::Ended } else { Told::Running };
        let holds = (ended || self.running.contains(&n)).then_some(Held {
            told,
            complete: ended,
            short: false,
        });
        let agent = agent(n);
        self.give(Event::LinkUp { agent, holds, gate });
        if ended {
            self.says_its_end(n);
        }
    }

    /// How each host stands: a letter each.
    pub(super) fn stands(&self) -> String {
        let letter = |n: &u8| match &self.run.execution(agent(*n)).unwrap().progress {
            Progress::Waiting(Waiting::Turn) => '.',
            Progress::Waiting(_) => 'w',
            Progress::Ordered(_) | Progress::Running { .. } => 'r',
            Progress::Ending(outcome) | Progress::Done(outcome) => match &outcome.how {
                How::Exited(0) => '+',
                How::NotStarted(_) => 'n',
                How::Lost(_) => '?',
                _ => 'x',
            },
        };
        self.gates.keys().map(letter).collect()
    }

    pub(super) fn why(&self, n: u8) -> String {
        let execution = self.run.execution(agent(n)).unwrap();
        execution.outcome().unwrap().how.plain()
    }
}

pub(super) fn apply(run: &mut Run, record: &Recorded) {
    match record {
        Recorded::Sent(agent) => run.apply_sent(*agent, NOW),
        Recorded::Started(agent) => run.apply_started(*agent, NOW),
        Recorded::Finished(agent, outcome) => run.apply_finished(*agent, outcome.clone()),
        Recorded::Paused(by) => run.apply_paused(by.map(Principal::Discord), NOW),
        Recorded::Continued(waves) => run.apply_continued(*waves),
        Recorded::Cancel => {
            run.cancel = Some(CancelRequest {
                by: Principal::Discord(4),
                force: false,
                at_ms: NOW,
            });
        }
        Recorded::Closed => run.phase = Phase::Closed { at_ms: NOW },
    }
}

//! Runs in waves: who is next, when it rests, and when no further host starts.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::run::{Offline, Rollout};

/// A run with its journal, its links and its hosts, as simple as they can be.
struct Rig {
    spec: Spec,
    run: Run,
    now_ms: u64,
    gates: BTreeMap<u8, Gate>,
    /// What is durable.
    records: Vec<Recorded>,
    /// What is being written.
    writing: Vec<Recorded>,
    /// Orders that went, in their order.
    sent: Vec<u8>,
    /// What runs.
    running: BTreeSet<u8>,
    /// How what ran ended: hosts keep it.
    ended: BTreeMap<u8, i32>,
}

#[derive(Clone, Debug, PartialEq)]
enum Recorded {
    Sent(AgentId),
    Started(AgentId),
    Finished(AgentId, Outcome),
    Paused(Option<u64>),
    Continued(usize),
    Cancel,
    Closed,
}

fn rollout(batch: &str, parallel: &str, max_fail: &str, pause: &str) -> Rollout {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let typed = [batch, parallel, max_fail, pause].map(some);
    let [batch, parallel, max_fail, pause] = typed.each_ref().map(Option::as_deref);
    let rollout = Rollout::parse(batch, parallel, max_fail, pause);
    rollout.unwrap().unwrap()
}

impl Rig {
    fn new(hosts: u8, offline: Offline, rollout: Rollout) -> Self {
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

    fn begins(mut self) -> Self {
        let gates = self.gates.iter().map(|(n, gate)| (agent(*n), *gate));
        let gates = gates.collect();
        self.give(Event::Begin { gates });
        self.writes_all();
        self
    }

    fn gate(&self, agent: AgentId) -> Gate {
        self.gates[&agent.as_bytes()[0]]
    }

    fn give(&mut self, event: Event) {
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
    fn writes(&mut self) -> bool {
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

    fn writes_all(&mut self) {
        while self.writes() {}
    }

    fn ends(&mut self, n: u8, code: i32) {
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

    fn done(&mut self, hosts: &[u8], code: i32) {
        for n in hosts {
            self.ends(*n, code);
        }
        self.writes_all();
    }

    fn pauses(&mut self) {
        self.writing.push(Recorded::Paused(Some(4)));
        self.writes_all();
    }

    fn continues(&mut self) {
        let current = self.run.waves().unwrap().current();
        self.writing.push(Recorded::Continued(current));
        self.writes_all();
    }

    fn cancels(&mut self) {
        self.records.push(Recorded::Cancel);
        self.give(cancel(false));
        self.writes_all();
    }

    fn ticks(&mut self, by_ms: u64) {
        self.now_ms += by_ms;
        self.give(Event::Tick);
    }

    /// The controller is killed: what was being written is not.
    fn restarts(&mut self) {
        self.writing.clear();
        self.run = Run::new(RunNumber(1), self.spec.clone(), NOW);
        self.run.phase = Phase::Running;
        for record in &self.records {
            apply(&mut self.run, record);
        }
        self.give(Event::Recovered);
    }

    /// Links of all hosts that have one come up.
    fn links(&mut self) {
        for (n, gate) in self.gates.clone() {
            if gate > Gate::Offline {
                self.link(n, gate);
            }
        }
    }

    /// An agent says what it holds: all that it ever took.
    fn link(&mut self, n: u8, gate: Gate) {
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
    fn stands(&self) -> String {
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

    fn why(&self, n: u8) -> String {
        let execution = self.run.execution(agent(n)).unwrap();
        execution.outcome().unwrap().how.plain()
    }
}

fn apply(run: &mut Run, record: &Recorded) {
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

#[test]
fn a_wave_starts_when_all_of_the_one_before_have_ended() {
    let mut rig = Rig::new(10, Offline::Fail, rollout("1,30%,100%", "", "", "")).begins();
    assert_eq!(rig.stands(), "r.........");
    rig.done(&[1], 0);
    assert_eq!(rig.stands(), "+rrr......");
    rig.done(&[3, 2], 0);
    assert_eq!(rig.stands(), "+++r......");
    rig.done(&[4], 0);
    assert_eq!(rig.stands(), "++++rrrrrr");
    rig.done(&[5, 6, 7, 8, 9, 10], 0);
    assert!(rig.run.is_over(), "{}", rig.stands());
}

#[test]
fn so_many_run_at_once_and_the_next_takes_the_place_of_one_that_ended() {
    let mut rig = Rig::new(6, Offline::Fail, rollout("", "2", "", "")).begins();
    assert_eq!(rig.stands(), "rr....");
    rig.ends(2, 1);
    assert_eq!(rig.stands(), "rx....", "its end is not recorded yet");
    rig.writes_all();
    assert_eq!(rig.stands(), "rxr...", "nobody said how many may fail");
    let mut rig = Rig::new(6, Offline::Fail, rollout("1,100%", "2", "", "")).begins();
    rig.done(&[1], 0);
    assert_eq!(rig.stands(), "+rr...");
}

#[test]
fn with_one_failure_too_many_no_further_host_starts() {
    let mut rig = Rig::new(6, Offline::Fail, rollout("", "2", "1", "")).begins();
    rig.done(&[1], 3);
    assert_eq!(rig.stands(), "xrr...", "one is borne");
    rig.ends(3, 3);
    assert_eq!(rig.stands(), "xrxnnn", "before anything is recorded");
    rig.writes_all();
    assert_eq!(rig.why(4), "not started: stopped after 2 of 6 failed");
    assert_eq!(rig.why(6), rig.why(4));
    assert!(!rig.run.is_over(), "what runs goes on");
    rig.done(&[2], 0);
    assert!(rig.run.is_over());
    // A host that is away when its turn comes has failed, and so has one whose end nobody knows.
    let mut rig = Rig::new(3, Offline::Fail, rollout("1", "", "", ""));
    rig.gates.insert(1, Gate::Offline);
    let rig = rig.begins();
    assert_eq!(rig.stands(), "nnn");
    assert_eq!(rig.why(1), "not started: the host was offline");
    assert_eq!(rig.why(2), "not started: stopped after 1 of 3 failed");
    let mut rig = Rig::new(2, Offline::Fail, rollout("1", "", "", "")).begins();
    rig.give(Event::LinkDown { agent: agent(1) });
    rig.ticks(4 * 3_600_000);
    rig.writes_all();
    assert_eq!(rig.stands(), "?n");
}

#[test]
fn what_is_left_out_is_no_failure_and_in_no_wave() {
    let mut rig = Rig::new(3, Offline::Skip, rollout("1", "", "", ""));
    rig.spec.targets[0].away = Some(Away::Offline);
    rig.run = Run::new(RunNumber(1), rig.spec.clone(), NOW);
    rig.run.phase = Phase::Running;
    let gates = [(agent(2), Gate::Open), (agent(3), Gate::Open)];
    let gates = gates.into_iter().collect();
    rig.gates.insert(1, Gate::Offline);
    let mut effects = Vec::new();
    rig.run
        .handle(Event::Begin { gates }, at(NOW), &mut effects);
    assert_eq!(effects.last(), Some(&Effect::Look(vec![agent(2)])));
    let sizes: Vec<usize> = rig.run.wave_list().iter().map(|w| w.hosts.len()).collect();
    assert_eq!(sizes, [1, 1]);
    // Those that are away come last where they count.
    rig.spec.strategy.offline = Offline::Fail;
    let run = Run::new(RunNumber(1), rig.spec.clone(), NOW);
    let order = run.wave_list().into_iter().flat_map(|wave| wave.hosts);
    assert_eq!(order.collect::<Vec<_>>(), [agent(2), agent(3), agent(1)]);
}

#[test]
fn what_is_left_out_ends_also_when_the_controller_ended_before_that_was_recorded() {
    let mut rig = Rig::new(2, Offline::Skip, rollout("", "1", "", ""));
    rig.spec.targets[0].away = Some(Away::Offline);
    rig.gates.insert(1, Gate::Offline);
    rig.run = Run::new(RunNumber(1), rig.spec.clone(), NOW);
    rig.run.phase = Phase::Running;
    rig.restarts();
    rig.writes_all();
    assert_eq!(rig.why(1), "not started: skipped: the host was offline");
}

#[test]
fn it_rests_after_the_first_wave_until_somebody_says_that_it_goes_on() {
    let mut rig = Rig::new(4, Offline::Fail, rollout("1", "", "", "first")).begins();
    assert!(!rig.run.rests());
    rig.ends(1, 0);
    rig.writes();
    assert!(rig.run.rests(), "also before that is recorded");
    rig.writes_all();
    assert_eq!(rig.records.last(), Some(&Recorded::Paused(None)));
    assert_eq!(rig.stands(), "+...");
    rig.ticks(3_600_000);
    rig.restarts();
    rig.links();
    rig.writes_all();
    assert_eq!((rig.stands().as_str(), rig.run.rests()), ("+...", true));
    rig.continues();
    assert_eq!(rig.stands(), "+r..");
    rig.done(&[2], 0);
    assert_eq!(rig.stands(), "++r.", "after the first only");
    let mut rig = Rig::new(3, Offline::Fail, rollout("1", "", "", "every")).begins();
    for n in 1..=3 {
        rig.done(&[n], 0);
        assert_eq!(
            rig.run.rests(),
            n < 3,
            "after the last there is nothing to wait for"
        );
        rig.continues();
    }
    assert!(rig.run.is_over());
}

#[test]
fn whoever_pauses_it_keeps_the_next_host_from_starting() {
    let mut rig = Rig::new(4, Offline::Fail, rollout("", "2", "", "")).begins();
    rig.pauses();
    rig.done(&[1, 2], 0);
    assert_eq!(rig.stands(), "++..");
    rig.continues();
    assert_eq!(rig.stands(), "++rr");
    // That an order goes is being recorded when the pause comes.
    let mut rig = Rig::new(2, Offline::Fail, rollout("1", "", "", "")).begins();
    rig.ends(1, 0);
    rig.writes();
    assert_eq!(rig.writing, [Recorded::Sent(agent(2))]);
    rig.writing.insert(0, Recorded::Paused(Some(4)));
    rig.writes_all();
    assert_eq!(rig.stands(), "+.");
    rig.restarts();
    rig.links();
    rig.writes_all();
    assert_eq!(rig.stands(), "+.");
    rig.continues();
    assert_eq!(rig.stands(), "+r");
}

#[test]
fn a_pause_of_a_day_ends_what_has_not_started() {
    let mut rig = Rig::new(3, Offline::Fail, rollout("1", "", "", "first")).begins();
    rig.done(&[1], 0);
    rig.ticks(limits::PAUSE_MS - 1);
    assert_eq!(rig.stands(), "+..");
    rig.ticks(1);
    rig.writes_all();
    let why = "not started: the run was paused for 1d and nobody continued it";
    assert_eq!((rig.stands().as_str(), rig.why(3).as_str()), ("+nn", why));
    assert!(rig.run.is_over());
}

#[test]
fn a_cancel_ends_what_has_not_started_also_while_it_rests() {
    let mut rig = Rig::new(4, Offline::Fail, rollout("2", "", "", "first")).begins();
    rig.done(&[1, 2], 0);
    rig.cancels();
    assert_eq!(rig.stands(), "++nn");
    assert_eq!(rig.why(3), "not started: cancelled before it began");
    assert!(rig.run.is_over());
    let mut rig = Rig::new(2, Offline::Fail, rollout("1", "", "", ""));
    rig.records.push(Recorded::Cancel);
    apply(&mut rig.run, &Recorded::Cancel);
    let mut rig = rig.begins();
    assert_eq!((rig.stands().as_str(), rig.run.is_over()), ("nn", true));
    // It was recorded, and the process was killed before the rest was.
    rig.records.truncate(1);
    rig.restarts();
    rig.writes_all();
    assert_eq!((rig.stands().as_str(), rig.run.is_over()), ("nn", true));
}

#[test]
fn a_hold_lets_it_rest_and_a_drain_is_a_failure() {
    let mut rig = Rig::new(3, Offline::Fail, rollout("1", "", "", "")).begins();
    rig.gates.insert(2, Gate::Hold);
    rig.done(&[1], 0);
    assert_eq!(rig.stands(), "+w.");
    rig.ticks(60_000);
    assert_eq!(rig.stands(), "+w.");
    rig.gates.insert(2, Gate::Open);
    let changed = |n, gate| {
        let agent = agent(n);
        Event::GateChanged { agent, gate }
    };
    rig.give(changed(2, Gate::Open));
    rig.give(changed(3, Gate::Open));
    rig.writes_all();
    assert_eq!(rig.stands(), "+r.");
    rig.gates.insert(3, Gate::Draining);
    rig.done(&[2], 0);
    assert_eq!(rig.why(3), "not started: the host is draining");
    // Its link goes while new runs are on hold: then it is away.
    let mut rig = Rig::new(1, Offline::Fail, rollout("1", "", "", ""));
    rig.gates.insert(1, Gate::Hold);
    let mut rig = rig.begins();
    rig.give(Event::LinkDown { agent: agent(1) });
    rig.ticks(1_000);
    rig.writes_all();
    assert_eq!(rig.why(1), "not started: the host was offline");
}

#[test]
fn after_a_restart_hosts_get_the_time_to_come_back() {
    let mut rig = Rig::new(4, Offline::Fail, rollout("1,2,100%", "", "", "")).begins();
    rig.done(&[1], 0);
    assert_eq!(rig.stands(), "+rr.");
    rig.ends(2, 0);
    rig.ends(3, 0);
    rig.writes();
    rig.writes();
    // The controller is killed between two waves; nobody has a link yet.
    let gates = rig.gates.clone();
    rig.gates
        .values_mut()
        .for_each(|gate| *gate = Gate::Offline);
    rig.restarts();
    rig.ticks(10_000);
    rig.writes_all();
    assert_eq!(rig.stands(), "+++w");
    rig.gates = gates;
    rig.links();
    rig.writes_all();
    assert_eq!(
        (rig.stands().as_str(), &rig.sent[..]),
        ("+++r", &[1, 2, 3, 4][..])
    );
    // One that does not come is away.
    rig.gates.insert(4, Gate::Offline);
    rig.records
        .retain(|record| *record != Recorded::Sent(agent(4)));
    rig.restarts();
    rig.ticks(limits::BACK_MS);
    rig.writes_all();
    assert_eq!(rig.why(4), "not started: the host was offline");
}

#[test]
fn hosts_that_are_waited_for_take_no_place_from_others_and_are_not_called_lost() {
    let queue = Offline::Queue {
        for_ms: 24 * 3_600_000,
    };
    let mut rig = Rig::new(4, queue, rollout("", "1", "", ""));
    rig.gates.insert(1, Gate::Offline);
    let mut rig = rig.begins();
    assert_eq!(rig.stands(), "wr..");
    rig.gates.insert(1, Gate::Open);
    rig.links();
    rig.writes_all();
    assert_eq!(rig.stands(), ".r..", "another runs in its place");
    rig.ticks(3_600_000);
    rig.running.clear();
    rig.writes_all();
    assert_eq!(rig.stands(), "r?..", "the one that ran was lost");
    // A wave is not over before those have run.
    let mut rig = Rig::new(2, queue, rollout("1", "", "", ""));
    rig.gates.insert(1, Gate::Offline);
    let mut rig = rig.begins();
    rig.ticks(23 * 3_600_000);
    rig.writes_all();
    assert_eq!(rig.stands(), "w.");
    rig.ticks(3_600_000);
    rig.writes_all();
    assert_eq!(rig.stands(), "nn");
}

#[derive(Clone, Debug)]
enum Step {
    Writes,
    Ends(usize, i32),
    Gate(u8, usize),
    Pauses,
    Continues,
    Cancels,
    Ticks(u64),
    Restarts,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Writes),
        6 => (0..8_usize, 0..8_i32).prop_map(|(at, code)| Step::Ends(at, i32::from(code == 0))),
        2 => (1..=8_u8, 0..4_usize).prop_map(|(n, gate)| Step::Gate(n, gate)),
        1 => Just(Step::Pauses),
        2 => Just(Step::Continues),
        1 => prop_oneof![9 => Just(Step::Ticks(5_000)), 1 => Just(Step::Cancels)],
        1 => (1_000..200_000_u64).prop_map(Step::Ticks),
        1 => Just(Step::Restarts),
    ]
}

impl Rig {
    fn takes(&mut self, step: &Step) {
        match *step {
            Step::Writes => {
                self.writes();
            }
            Step::Ends(at, code) => {
                let running: Vec<u8> = self.running.iter().copied().collect();
                let linked = |n: &&u8| self.gates[*n] > Gate::Offline;
                if let Some(n) = running.get(at % running.len().max(1)).filter(linked) {
                    self.ends(*n, code);
                }
            }
            Step::Gate(n, gate) => self.changes_gate(n, gate),
            Step::Pauses if !self.run.rests() => self.writing.push(Recorded::Paused(Some(4))),
            Step::Continues if self.run.rests() => {
                let current = self.run.waves().unwrap().current();
                self.writing.push(Recorded::Continued(current));
            }
            Step::Pauses | Step::Continues => {}
            Step::Cancels => {
                self.records.push(Recorded::Cancel);
                self.give(cancel(false));
            }
            Step::Ticks(by_ms) => self.ticks(by_ms),
            Step::Restarts => {
                self.restarts();
                self.links();
            }
        }
    }

    fn changes_gate(&mut self, n: u8, gate: usize) {
        let gate = [Gate::Open, Gate::Offline, Gate::Hold, Gate::Draining][gate];
        let Some(before) = self.gates.get(&n).copied() else {
            return;
        };
        self.gates.insert(n, gate);
        let host = agent(n);
        if before > Gate::Offline && gate == Gate::Offline {
            self.give(Event::LinkDown { agent: host });
        } else if before == Gate::Offline && gate > Gate::Offline {
            self.link(n, gate);
        } else if gate > Gate::Offline {
            self.give(Event::GateChanged { agent: host, gate });
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn no_host_starts_out_of_turn_whatever_happens(
        hosts in 1..=8_u8,
        batch in prop::option::of(prop::sample::select(vec!["1", "1,50%", "3,1", "25%", "100%"])),
        parallel in prop::sample::select(vec!["", "1", "2", "20"]),
        max_fail in prop::sample::select(vec!["", "0", "1", "30%", "100%"]),
        pause in prop::sample::select(vec!["", "first", "every"]),
        queue in any::<bool>(),
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let rollout = match batch {
            Some(batch) => rollout(batch, parallel, max_fail, pause),
            None => rollout("", if parallel.is_empty() { "3" } else { parallel }, max_fail, ""),
        };
        let offline = if queue { Offline::Queue { for_ms: 600_000 } } else { Offline::Fail };
        let mut rig = Rig::new(hosts, offline, rollout);
        let gates = rig.gates.iter().map(|(n, gate)| (agent(*n), *gate)).collect();
        rig.give(Event::Begin { gates });
        for step in &steps {
            rig.takes(step);
            if rig.run.is_over() {
                break;
            }
        }
        // Everything is well again: it comes to its end.
        rig.restarts();
        for _ in 0..60 {
            rig.gates.values_mut().for_each(|gate| *gate = Gate::Open);
            rig.links();
            rig.writes_all();
            for n in rig.running.clone() {
                rig.ends(n, 0);
            }
            rig.writes_all();
            if rig.run.rests() {
                rig.continues();
            }
            rig.ticks(60_000);
        }
        // What ran while nobody listened is lost in time.
        rig.ticks(4 * 3_600_000);
        rig.writes_all();
        rig.ticks(4 * 3_600_000);
        rig.writes_all();
        prop_assert!(rig.run.is_over(), "{}: {:?}", rig.stands(), rig.run);
    }
}

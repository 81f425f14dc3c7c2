//! Whatever happens to a run in waves, in any order.

use proptest::prelude::*;

use super::*;

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

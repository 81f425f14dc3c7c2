//! Runs in waves: who is next, when it rests, and when no further host starts.

use super::*;
use crate::run::Offline;

mod any;
mod rig;

use rig::{Recorded, Rig, apply, rollout};

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

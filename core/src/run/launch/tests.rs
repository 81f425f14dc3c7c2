//! One table: how far it is, what keeps the host, and what made somebody look.

use super::*;
use crate::ids::{AgentId, RunNumber};
use crate::principal::Principal;
use crate::run::{CancelRequest, Outcome, Phase, Spec, Strategy, Target};

const NOW: u64 = 1_000_000;
const DAY: u64 = 24 * 3_600_000;

const GATES: [Gate; 9] = [
    Gate::Removed,
    Gate::Offline,
    Gate::Denied,
    Gate::Old,
    Gate::Draining,
    Gate::Hold,
    Gate::Dismissed,
    Gate::Asking,
    Gate::Open,
];

fn run(offline: Offline, away: Option<Away>) -> Run {
    let target = Target {
        agent: AgentId::from_bytes([1; 16]),
        name: "h1".parse().unwrap(),
        away,
    };
    let spec = Spec {
        strategy: Strategy {
            offline,
            rollout: None,
        },
        ..Spec::example(vec![target])
    };
    let mut run = Run::new(RunNumber(1), spec, NOW);
    run.phase = Phase::Running;
    run
}

fn at(ms: u64) -> Now {
    Now {
        wall_ms: ms,
        link: LinkTime::from_ms(ms),
    }
}

/// What follows at each gate, in one word each: those of [`GATES`], in order.
fn follows(run: &Run, progress: &Progress, moment: Moment, now_ms: u64) -> String {
    let agent = AgentId::from_bytes([1; 16]);
    let execution = Execution {
        progress: progress.clone(),
        ..run.execution(agent).unwrap().clone()
    };
    let word = |gate: Gate| match launch(run, &execution, gate, moment, at(now_ms)) {
        Launch::Send => "send".to_owned(),
        Launch::SendAgain(_) => "again".to_owned(),
        Launch::Record => "record".to_owned(),
        Launch::Wait => "wait".to_owned(),
        Launch::Line => "line".to_owned(),
        Launch::NotStarted(reason) => format!("not:{}", reason.code.trim_start_matches("E_")),
        Launch::Lost(_) => "lost".to_owned(),
        Launch::Nothing => "-".to_owned(),
    };
    GATES.map(word).join(" ")
}

fn check(run: &Run, progress: &Progress, moment: Moment, expected: &str) {
    let got = follows(run, progress, moment, NOW + 1);
    assert_eq!(got, expected, "{progress:?} {moment:?}");
}

#[test]
fn a_run_that_waits_for_nobody_begins_where_it_can() {
    let run = run(Offline::Fail, None);
    let waiting = Progress::Waiting(Waiting::Begin);
    let begins = "not:NOT_FOUND not:OFFLINE not:DENIED not:VERSION not:DRAINING not:HOLD not:DENIED wait send";
    check(&run, &waiting, Moment::Begin, begins);
    // Afterwards nothing of it waits: what is left was cut off by a restart.
    let later = "not:NOT_FOUND not:CONTROLLER_RESTART not:DENIED not:VERSION not:CONTROLLER_RESTART not:CONTROLLER_RESTART not:DENIED not:CONTROLLER_RESTART not:CONTROLLER_RESTART";
    check(&run, &waiting, Moment::NotHeld, later);
    check(&run, &waiting, Moment::Changed, later);
}

#[test]
fn what_waits_goes_when_nothing_keeps_it_and_is_recorded_first() {
    let run = run(Offline::Queue { for_ms: DAY }, Some(Away::Offline));
    let gates = "not:NOT_FOUND wait not:DENIED not:VERSION wait wait not:DENIED wait record";
    for moment in [Moment::Begin, Moment::NotHeld, Moment::Changed] {
        check(&run, &Progress::Waiting(Waiting::Begin), moment, gates);
        let kept = Progress::Waiting(Waiting::Gate(Gate::Hold));
        check(&run, &kept, moment, gates);
    }
    let recording = Progress::Waiting(Waiting::Record);
    let once = "not:NOT_FOUND wait wait wait wait wait wait wait wait";
    check(&run, &recording, Moment::Changed, once);
    check(&run, &recording, Moment::NotHeld, gates);
    let over = follows(&run, &recording, Moment::NotHeld, NOW + DAY);
    assert!(!over.contains("record") && !over.contains("wait"), "{over}");
}

#[test]
fn what_was_left_out_or_cancelled_goes_nowhere() {
    let skipped = run(Offline::Skip, Some(Away::Draining));
    let gates = follows(
        &skipped,
        &Progress::Waiting(Waiting::Begin),
        Moment::Begin,
        NOW,
    );
    assert_eq!(gates.matches("not:").count(), GATES.len(), "{gates}");

    let mut cancelled = run(Offline::Queue { for_ms: DAY }, None);
    cancelled.cancel = Some(CancelRequest {
        by: Principal::Discord(4),
        force: false,
        at_ms: NOW,
    });
    for progress in [
        Progress::Waiting(Waiting::Begin),
        Progress::Waiting(Waiting::Record),
        Progress::Ordered(None),
        Progress::Ordered(Some(LinkTime::from_ms(NOW))),
    ] {
        for moment in [Moment::Begin, Moment::NotHeld, Moment::Changed] {
            let gates = follows(&cancelled, &progress, moment, NOW + 1);
            for word in ["send", "again", "record"] {
                assert!(!gates.contains(word), "{progress:?} {moment:?}: {gates}");
            }
        }
    }
}

#[test]
fn an_order_that_may_have_gone_is_sent_again_only_when_it_is_known_not_to_be_held() {
    let plain = run(Offline::Fail, None);
    let waits = run(Offline::Queue { for_ms: DAY }, None);
    let fresh = Progress::Ordered(Some(LinkTime::from_ms(NOW)));
    let plainly =
        "lost not:OFFLINE not:DENIED not:VERSION not:DRAINING not:HOLD not:DENIED again again";
    check(&plain, &fresh, Moment::NotHeld, plainly);
    let waited = "lost wait not:DENIED not:VERSION wait wait not:DENIED again again";
    check(&waits, &fresh, Moment::NotHeld, waited);
    check(&plain, &fresh, Moment::Changed, "lost - - - - - - - -");
    check(&waits, &fresh, Moment::Changed, "lost - - - - - - - -");

    let late = NOW + limits::ORDER_NOT_AFTER_MS;
    let expired = "lost not:EXPIRED not:EXPIRED not:EXPIRED not:EXPIRED not:EXPIRED not:EXPIRED not:EXPIRED not:EXPIRED";
    assert_eq!(follows(&plain, &fresh, Moment::NotHeld, late), expired);
    let waited = "lost wait not:DENIED not:VERSION wait wait not:DENIED wait send";
    assert_eq!(follows(&waits, &fresh, Moment::NotHeld, late), waited);

    let before = Progress::Ordered(None);
    let restarted = "lost not:CONTROLLER_RESTART not:CONTROLLER_RESTART not:CONTROLLER_RESTART not:CONTROLLER_RESTART not:CONTROLLER_RESTART not:CONTROLLER_RESTART not:CONTROLLER_RESTART not:CONTROLLER_RESTART";
    check(&plain, &before, Moment::NotHeld, restarted);
    check(&waits, &before, Moment::NotHeld, waited);
    // Nothing was cut off: its time is up.
    let over = follows(&waits, &before, Moment::NotHeld, NOW + DAY);
    assert_eq!(over, expired);
    // That it goes was recorded just now.
    check(
        &waits,
        &before,
        Moment::Changed,
        "lost - not:DENIED not:VERSION - - not:DENIED - send",
    );
}

#[test]
fn what_runs_or_is_over_is_never_started() {
    let run = run(Offline::Queue { for_ms: DAY }, None);
    let running = Progress::Running { since_ms: NOW };
    let lost = ["lost"; GATES.len()].join(" ");
    check(&run, &running, Moment::NotHeld, &lost);
    check(&run, &running, Moment::Changed, "lost - - - - - - - -");
    let outcome = Outcome::without_output(super::super::How::Exited(0));
    for over in [Progress::Ending(outcome.clone()), Progress::Done(outcome)] {
        for moment in [Moment::Begin, Moment::NotHeld, Moment::Changed] {
            check(&run, &over, moment, "- - - - - - - - -");
        }
    }
}

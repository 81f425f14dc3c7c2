//! Events in, effects out.

use super::*;
use crate::ids::RunNumber;
use crate::principal::Principal;
use crate::run::{Away, Spec, Target};
use crate::time::LinkTime;

mod queue;
mod waves;

const NOW: u64 = 1_000_000;

fn agent(n: u8) -> AgentId {
    AgentId::from_bytes([n; 16])
}

fn run_on(agents: &[u8]) -> Run {
    let targets = agents
        .iter()
        .map(|&n| Target {
            agent: agent(n),
            name: format!("h{n}").parse().unwrap(),
            away: None,
        })
        .collect();
    let spec = Spec::example(targets);
    let mut run = Run::new(RunNumber(1), spec, NOW);
    run.phase = Phase::Running;
    run
}

fn outcome(how: How) -> Outcome {
    Outcome {
        duration_ms: 5,
        output_bytes: 3,
        ..Outcome::without_output(how)
    }
}

fn handle(run: &mut Run, event: Event) -> Vec<Effect> {
    handle_at(run, event, NOW)
}

fn handle_at(run: &mut Run, event: Event, now_ms: u64) -> Vec<Effect> {
    let mut out = Vec::new();
    run.handle(event, at(now_ms), &mut out);
    out
}

/// Both clocks are the same here.
fn at(ms: u64) -> Now {
    Now {
        wall_ms: ms,
        link: LinkTime::from_ms(ms),
    }
}

fn begin(run: &mut Run, online: &[u8]) -> Vec<Effect> {
    let gates = online.iter().map(|n| (agent(*n), Gate::Open)).collect();
    handle(run, Event::Begin { gates })
}

fn cancel(force: bool) -> Event {
    Event::Cancel(CancelRequest {
        by: Principal::Discord(4),
        force,
        at_ms: NOW,
    })
}

fn held(n: u8, told: Told, complete: bool, short: bool) -> Event {
    let holds = Some(Held {
        told,
        complete,
        short,
    });
    Event::LinkUp {
        agent: agent(n),
        holds,
        gate: Gate::Open,
    }
}

fn lost(effects: &[Effect]) -> bool {
    let lost = |effect: &Effect| {
        matches!(
            effect,
            Effect::RecordFinished(
                _,
                Outcome {
                    how: How::Lost(_),
                    ..
                }
            )
        )
    };
    effects.iter().any(lost)
}

fn not_started(effects: &[Effect], code: Code) -> bool {
    effects.iter().any(|effect| {
        matches!(effect, Effect::RecordFinished(_, Outcome { how: How::NotStarted(reason), .. }) if reason.code == code.as_str())
    })
}

#[test]
fn a_run_of_which_all_has_ended_before_it_begins_is_closed() {
    let mut run = run_on(&[1]);
    run.apply_finished(agent(1), outcome(How::Exited(0)));
    assert_eq!(begin(&mut run, &[1]), [Effect::RecordClosed]);
}

#[test]
fn offline_hosts_are_not_started_and_the_rest_runs_to_its_end() {
    let mut run = run_on(&[1, 2]);
    let effects = begin(&mut run, &[1]);
    let not_after = LinkTime::from_ms(NOW + limits::ORDER_NOT_AFTER_MS);
    assert_eq!(
        effects[0],
        Effect::SendOrder {
            agent: agent(1),
            not_after
        }
    );
    assert!(not_started(&effects, Code::Offline));

    let Effect::RecordFinished(two, ended) = effects[1].clone() else {
        panic!("{effects:?}")
    };
    run.apply_finished(two, ended);
    assert_eq!(
        handle(&mut run, Event::FinishedRecorded { agent: two }),
        [Effect::Release(two)]
    );

    let told = Event::Told {
        agent: agent(1),
        told: Told::Running,
    };
    assert_eq!(
        handle(&mut run, told.clone()),
        [Effect::RecordStarted(agent(1))]
    );
    assert_eq!(handle(&mut run, told), [], "said once is enough");
    let ok = outcome(How::Exited(0));
    let effects = handle(
        &mut run,
        Event::Exit {
            agent: agent(1),
            outcome: ok.clone(),
        },
    );
    assert_eq!(effects, [Effect::RecordFinished(agent(1), ok.clone())]);
    run.apply_finished(agent(1), ok);
    let effects = handle(&mut run, Event::FinishedRecorded { agent: agent(1) });
    assert_eq!(effects, [Effect::Release(agent(1)), Effect::RecordClosed]);
}

#[test]
fn a_cancel_reaches_hosts_that_are_away_when_they_return() {
    let mut run = run_on(&[1, 2]);
    begin(&mut run, &[1, 2]).clear();
    for n in [1, 2] {
        handle(
            &mut run,
            Event::Told {
                agent: agent(n),
                told: Told::Running,
            },
        )
        .clear();
    }
    handle(&mut run, Event::LinkDown { agent: agent(2) }).clear();
    let effects = handle(&mut run, cancel(false));
    assert_eq!(
        effects,
        [Effect::SendCancel {
            agent: agent(1),
            force: false
        }]
    );
    assert_eq!(
        run.cancel_reach(),
        Reach {
            told: vec![agent(1)],
            away: vec![agent(2)]
        }
    );

    let up = held(2, Told::Running, false, false);
    assert_eq!(
        handle(&mut run, up),
        [Effect::SendCancel {
            agent: agent(2),
            force: false
        }]
    );
    assert_eq!(
        handle(&mut run, cancel(true)).len(),
        2,
        "a second press is KILL now, everywhere"
    );
}

#[test]
fn an_order_that_was_lost_is_sent_again_only_while_it_is_fresh() {
    let up = || Event::LinkUp {
        agent: agent(1),
        holds: None,
        gate: Gate::Open,
    };
    let flapped = || {
        let mut run = run_on(&[1]);
        begin(&mut run, &[1]).clear();
        handle(&mut run, Event::LinkDown { agent: agent(1) }).clear();
        run
    };
    let again = handle_at(&mut flapped(), up(), NOW + 1_000);
    let not_after = LinkTime::from_ms(NOW + limits::ORDER_NOT_AFTER_MS);
    assert_eq!(
        again,
        [Effect::SendOrder {
            agent: agent(1),
            not_after
        }]
    );

    assert!(not_started(
        &handle_at(&mut flapped(), up(), not_after.as_ms()),
        Code::Expired
    ));

    let mut cancelled = flapped();
    handle(&mut cancelled, cancel(false)).clear();
    assert!(not_started(&handle(&mut cancelled, up()), Code::Closed));
}

#[test]
fn after_a_restart_of_the_controller_nothing_is_sent_again() {
    let mut run = run_on(&[1, 2]);
    run.apply_started(agent(2), NOW);
    assert_eq!(handle(&mut run, Event::Recovered), []);
    let up = |n| Event::LinkUp {
        agent: agent(n),
        holds: None,
        gate: Gate::Open,
    };
    assert!(not_started(
        &handle(&mut run, up(1)),
        Code::ControllerRestart
    ));
    let effects = handle(&mut run, up(2));
    assert!(
        matches!(
            &effects[..],
            [Effect::RecordFinished(
                _,
                Outcome {
                    how: How::Lost(_),
                    ..
                }
            )]
        ),
        "it had started: {effects:?}"
    );
}

#[test]
fn what_was_lost_and_comes_back_is_recorded_as_it_was() {
    let mut run = run_on(&[1]);
    begin(&mut run, &[1]).clear();
    handle(&mut run, Event::LinkDown { agent: agent(1) }).clear();
    let effects = handle_at(&mut run, Event::Tick, NOW + 3_600_000);
    let [Effect::RecordFinished(_, lost)] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert_eq!(lost.how.state(), "lost");
    run.apply_finished(agent(1), lost.clone());

    let truth = outcome(How::Exited(7));
    let effects = handle(
        &mut run,
        Event::Exit {
            agent: agent(1),
            outcome: truth.clone(),
        },
    );
    assert_eq!(effects, [Effect::RecordFinished(agent(1), truth.clone())]);
    run.apply_finished(agent(1), truth.clone());
    let again = handle(
        &mut run,
        Event::Exit {
            agent: agent(1),
            outcome: truth,
        },
    );
    assert_eq!(
        again,
        [Effect::Release(agent(1))],
        "a known outcome is never replaced"
    );
}

#[test]
fn what_was_called_lost_is_heard_to_its_end_before_it_is_released() {
    let mut run = run_on(&[1]);
    begin(&mut run, &[1]).clear();
    handle(
        &mut run,
        Event::Told {
            agent: agent(1),
            told: Told::Running,
        },
    )
    .clear();
    let reason = Reason::new(Code::Offline, "the host did not come back");
    run.apply_finished(agent(1), Outcome::without_output(How::Lost(reason)));

    assert_eq!(handle(&mut run, held(1, Told::Ended, false, false)), []);
    handle(&mut run, cancel(false)).clear();
    let running = handle(&mut run, held(1, Told::Running, false, false));
    assert_eq!(
        running,
        [Effect::SendCancel {
            agent: agent(1),
            force: false
        }]
    );
    let complete = handle(&mut run, held(1, Told::Ended, true, false));
    assert_eq!(complete, [Effect::Release(agent(1))]);
}

#[test]
fn output_that_a_host_lost_in_a_crash_is_an_unknown_outcome() {
    let mut run = run_on(&[1]);
    begin(&mut run, &[1]).clear();
    handle(
        &mut run,
        Event::Told {
            agent: agent(1),
            told: Told::Running,
        },
    )
    .clear();
    assert!(lost(&handle(&mut run, held(1, Told::Ended, false, true))));
}

#[test]
fn a_cancel_before_the_beginning_starts_nothing() {
    let mut run = run_on(&[1, 2]);
    run.phase = Phase::Accepted;
    assert_eq!(handle(&mut run, cancel(false)), []);
    run.phase = Phase::Running;
    let effects = begin(&mut run, &[1, 2]);
    assert!(
        effects
            .iter()
            .all(|effect| !matches!(effect, Effect::SendOrder { .. }))
    );
    assert!(not_started(&effects, Code::Closed));
}

#[test]
fn only_what_was_called_lost_can_turn_out_otherwise() {
    let reason = || Reason::new(Code::Offline, "the host was offline");
    let ends = [
        (How::Lost(reason()), true),
        (How::NotStarted(reason()), false),
        (How::Refused(reason()), false),
        (How::Exited(1), false),
        (How::Cancelled(143), false),
    ];
    for (before, improves) in ends {
        let mut run = run_on(&[1]);
        begin(&mut run, &[1]).clear();
        run.apply_finished(agent(1), Outcome::without_output(before.clone()));
        let truth = outcome(How::Exited(0));
        let exit = Event::Exit {
            agent: agent(1),
            outcome: truth.clone(),
        };
        let expected = match improves {
            true => Effect::RecordFinished(agent(1), truth),
            false => Effect::Release(agent(1)),
        };
        assert_eq!(handle(&mut run, exit), [expected], "{before:?}");
    }
}

#[test]
fn nothing_is_believed_of_a_host_that_no_order_went_to() {
    let mut run = run_on(&[1, 2]);
    let before = run.clone();
    let reason = Reason::new(Code::Offline, "no");
    for event in [
        Event::Exit {
            agent: agent(1),
            outcome: outcome(How::Exited(0)),
        },
        Event::Told {
            agent: agent(1),
            told: Told::Running,
        },
        Event::Told {
            agent: agent(1),
            told: Told::Ended,
        },
        Event::Told {
            agent: agent(1),
            told: Told::Refused(reason),
        },
    ] {
        assert_eq!(handle(&mut run, event), []);
        assert_eq!(run, before);
    }
}

#[test]
fn a_host_that_never_says_how_it_ended_is_given_up_too() {
    let mut run = run_on(&[1]);
    begin(&mut run, &[1]).clear();
    assert_eq!(handle_at(&mut run, Event::Tick, NOW + 60_000), []);
    assert!(lost(&handle_at(&mut run, Event::Tick, NOW + 3_600_000)));
}

#[test]
fn what_is_called_lost_is_heard_to_its_end() {
    let late = NOW + 3_600_000;
    let lost_run = || {
        let mut run = run_on(&[1]);
        begin(&mut run, &[1]).clear();
        let told = Told::Running;
        let agent = agent(1);
        handle(&mut run, Event::Told { agent, told }).clear();
        assert!(lost(&handle_at(&mut run, Event::Tick, late)));
        run
    };
    let recorded = || Event::FinishedRecorded { agent: agent(1) };
    let unknown = || Outcome::without_output(How::Lost(Reason::new(Code::Offline, "gone")));
    let mut run = lost_run();
    run.apply_finished(agent(1), unknown());
    let effects = handle(&mut run, recorded());
    assert!(!effects.contains(&Effect::Release(agent(1))), "{effects:?}");
    // One that the spool itself calls lost has no more to come.
    let said = Outcome {
        output_sha256: Some([1; 32]),
        ..unknown()
    };
    run.apply_finished(agent(1), said);
    assert!(handle(&mut run, recorded()).contains(&Effect::Release(agent(1))));

    // Its end comes while that it is lost is being recorded.
    let mut run = lost_run();
    let agent = agent(1);
    let outcome = outcome(How::Exited(3));
    let exit = Event::Exit {
        agent,
        outcome: outcome.clone(),
    };
    let again = Effect::RecordFinished(agent, outcome.clone());
    assert_eq!(handle_at(&mut run, exit.clone(), late), [again]);
    assert_eq!(handle_at(&mut run, exit, late), [], "once");
    run.apply_finished(agent, unknown());
    run.apply_finished(agent, outcome);
    assert!(handle(&mut run, recorded()).contains(&Effect::Release(agent)));
}

#[test]
fn an_order_that_was_lost_with_its_link_does_not_pass_a_hold() {
    for (gate, code) in [
        (Gate::Hold, Code::Hold),
        (Gate::Draining, Code::Draining),
        (Gate::Denied, Code::Denied),
    ] {
        let mut run = run_on(&[1]);
        begin(&mut run, &[1]).clear();
        let agent = agent(1);
        handle(&mut run, Event::LinkDown { agent }).clear();
        let up = Event::LinkUp {
            agent,
            holds: None,
            gate,
        };
        let effects = handle(&mut run, up);
        assert!(not_started(&effects, code), "{gate:?}: {effects:?}");
    }
}

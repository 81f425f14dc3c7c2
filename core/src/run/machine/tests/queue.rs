//! Hosts that were away when a run began: failed, left out, or waited for.

use super::*;
use crate::run::Offline;

const DAY: u64 = 24 * 3_600_000;

/// Host 1 was online when the run was accepted, 2 offline and 3 draining.
fn run_with(offline: Offline) -> Run {
    let mut run = run_on(&[1, 2, 3]);
    let mut spec = Spec::clone(&run.spec);
    spec.strategy.offline = offline;
    for (target, away) in
        spec.targets
            .iter_mut()
            .zip([None, Some(Away::Offline), Some(Away::Draining)])
    {
        target.away = away;
    }
    run = Run::new(RunNumber(1), spec, NOW);
    run.phase = Phase::Running;
    run
}

fn begin_with(run: &mut Run, online: &[u8], draining: &[u8]) -> Vec<Effect> {
    let gate = |n: &u8| match draining.contains(n) {
        true => Gate::Draining,
        false => Gate::Open,
    };
    let gates = online.iter().map(|n| (agent(*n), gate(n))).collect();
    handle(run, Event::Begin { gates })
}

fn changed(n: u8, gate: Gate) -> Event {
    let agent = agent(n);
    Event::GateChanged { agent, gate }
}

fn up(n: u8, gate: Gate) -> Event {
    Event::LinkUp {
        agent: agent(n),
        holds: None,
        gate,
    }
}

fn order(n: u8, at_ms: u64) -> Effect {
    Effect::SendOrder {
        agent: agent(n),
        not_after: LinkTime::from_ms(at_ms + limits::ORDER_NOT_AFTER_MS),
    }
}

#[test]
fn it_only_waits_while_no_order_is_on_its_way() {
    let mut run = run_with(Offline::Queue { for_ms: DAY });
    begin_with(&mut run, &[1], &[]);
    assert!(!run.only_waits(), "the order is on its way to host 1");
    handle(&mut run, Event::LinkDown { agent: agent(1) });
    assert!(
        run.only_waits(),
        "whether it arrived is said when host 1 is back"
    );
}

/// What is recorded, as the journal would have it.
fn record(run: &mut Run, effects: &[Effect]) {
    for effect in effects {
        match effect {
            Effect::RecordSent(agent) => run.apply_sent(*agent, NOW),
            Effect::RecordStarted(agent) => run.apply_started(*agent, NOW),
            Effect::RecordFinished(agent, outcome) => run.apply_finished(*agent, outcome.clone()),
            Effect::SendOrder { .. }
            | Effect::SendCancel { .. }
            | Effect::Look(_)
            | Effect::RecordPaused
            | Effect::RecordClosed
            | Effect::Release(_) => {}
        }
    }
}

fn reasons(effects: &[Effect]) -> Vec<(AgentId, String)> {
    let reason = |effect: &Effect| match effect {
        Effect::RecordFinished(agent, outcome) => match &outcome.how {
            How::NotStarted(reason) => Some((*agent, reason.text.as_data().to_owned())),
            How::Exited(_)
            | How::Signaled(_)
            | How::TimedOut(_)
            | How::OutOfMemory(_)
            | How::Cancelled(_)
            | How::StoppedOnHost(_)
            | How::Refused(_)
            | How::Lost(_) => None,
        },
        Effect::SendOrder { .. }
        | Effect::SendCancel { .. }
        | Effect::RecordSent(_)
        | Effect::Look(_)
        | Effect::RecordPaused
        | Effect::RecordStarted(_)
        | Effect::RecordClosed
        | Effect::Release(_) => None,
    };
    effects.iter().filter_map(reason).collect()
}

#[test]
fn hosts_that_are_away_fail_unless_somebody_says_otherwise() {
    let mut run = run_with(Offline::Fail);
    let effects = begin_with(&mut run, &[1, 3], &[3]);
    assert_eq!(effects[0], order(1, NOW));
    let told = [
        (agent(2), "the host was offline".to_owned()),
        (agent(3), "the host is draining".to_owned()),
    ];
    assert_eq!(reasons(&effects), told);
    // What counts is how it is when the run begins.
    let mut run = run_with(Offline::Fail);
    assert_eq!(reasons(&begin_with(&mut run, &[2, 3], &[]))[0].0, agent(1));
}

#[test]
fn what_was_left_out_stays_out_also_when_it_has_come_back_since() {
    let mut run = run_with(Offline::Skip);
    let effects = begin_with(&mut run, &[1, 2, 3], &[]);
    assert_eq!(effects[0], order(1, NOW));
    let told = [
        (agent(2), "skipped: the host was offline".to_owned()),
        (agent(3), "skipped: the host is draining".to_owned()),
    ];
    assert_eq!(reasons(&effects), told);
    // What was shown as online and has gone was not left out by anybody.
    let mut run = run_with(Offline::Skip);
    let effects = begin_with(&mut run, &[2, 3], &[]);
    assert_eq!(
        reasons(&effects)[0],
        (agent(1), "the host was offline".to_owned())
    );
}

#[test]
fn a_host_that_is_waited_for_starts_once_when_it_returns() {
    let mut run = run_with(Offline::Queue { for_ms: DAY });
    assert_eq!(begin_with(&mut run, &[1, 3], &[3]), [order(1, NOW)]);
    assert_eq!(
        run.waits_for().collect::<Vec<_>>(),
        [agent(1), agent(2), agent(3)],
        "the first has not said yet that it has it"
    );

    let back = NOW + 3_600_000;
    let effects = handle_at(&mut run, up(2, Gate::Open), back);
    assert_eq!(effects, [Effect::RecordSent(agent(2))], "recorded first");
    let may_start = changed(2, Gate::Open);
    assert_eq!(handle_at(&mut run, may_start, back), [], "once is enough");
    record(&mut run, &effects);
    let recorded = changed(2, Gate::Open);
    assert_eq!(
        handle_at(&mut run, recorded.clone(), back),
        [order(2, back)]
    );
    assert_eq!(handle_at(&mut run, recorded, back), [], "it is on its way");

    // The link broke under it: the same order is sent again, then a fresh one.
    handle_at(&mut run, Event::LinkDown { agent: agent(2) }, back).clear();
    assert_eq!(
        handle_at(&mut run, up(2, Gate::Open), back + 1_000),
        [order(2, back)]
    );
    handle_at(&mut run, Event::LinkDown { agent: agent(2) }, back).clear();
    let later = back + limits::ORDER_NOT_AFTER_MS;
    assert_eq!(
        handle_at(&mut run, up(2, Gate::Open), later),
        [order(2, later)]
    );
    let told = Event::Told {
        agent: agent(2),
        told: Told::Running,
    };
    assert_eq!(
        handle_at(&mut run, told, later),
        [Effect::RecordStarted(agent(2))]
    );
    assert!(!run.waits_for().any(|waits| waits == agent(2)));

    // Once it runs, it is never sent again: a host that does not know it has lost it.
    handle_at(&mut run, Event::LinkDown { agent: agent(2) }, later).clear();
    assert!(lost(&handle_at(&mut run, up(2, Gate::Open), later + 1_000)));
}

#[test]
fn neither_a_hold_nor_a_drain_is_passed_by_what_waits() {
    let mut run = run_with(Offline::Queue { for_ms: DAY });
    begin_with(&mut run, &[1, 3], &[3]).clear();
    assert_eq!(handle_at(&mut run, up(2, Gate::Hold), NOW + 1), []);
    let may_start = |n| changed(n, Gate::Open);
    for n in [2, 3] {
        let effects = handle_at(&mut run, may_start(n), NOW + 2);
        assert_eq!(effects, [Effect::RecordSent(agent(n))]);
    }
    // Neither does it reach one that is away, runs, or was not asked.
    assert_eq!(handle_at(&mut run, may_start(1), NOW + 2), []);
    assert_eq!(handle_at(&mut run, may_start(9), NOW + 2), []);
    let mut plain = run_on(&[1]);
    begin(&mut plain, &[1]).clear();
    assert_eq!(
        handle_at(
            &mut plain,
            may_start(1),
            NOW + limits::ORDER_NOT_AFTER_MS + 1
        ),
        []
    );
}

#[test]
fn waiting_has_an_end() {
    let mut run = run_with(Offline::Queue { for_ms: DAY });
    begin_with(&mut run, &[1, 3], &[3]).clear();
    let ok = Outcome::without_output(How::Exited(0));
    run.apply_finished(agent(1), ok);
    assert_eq!(handle_at(&mut run, Event::Tick, NOW + DAY - 1), []);
    let effects = handle_at(&mut run, Event::Tick, NOW + DAY);
    let text = "the host could not take it before the time was up".to_owned();
    assert_eq!(
        reasons(&effects),
        [(agent(2), text.clone()), (agent(3), text)]
    );
    assert_eq!(handle_at(&mut run, up(2, Gate::Open), NOW + DAY), []);
    record(&mut run, &effects);
    let last = Event::FinishedRecorded { agent: agent(3) };
    assert!(handle(&mut run, last).contains(&Effect::RecordClosed));
}

#[test]
fn a_cancel_ends_what_waits_at_once_and_for_good() {
    let mut run = run_with(Offline::Queue { for_ms: DAY });
    begin_with(&mut run, &[1, 3], &[3]).clear();
    let sent = handle_at(&mut run, up(2, Gate::Open), NOW + 1);
    assert_eq!(sent, [Effect::RecordSent(agent(2))]);
    let effects = handle(&mut run, cancel(false));
    assert_eq!(
        reasons(&effects).len(),
        2,
        "also what is just being recorded: {effects:?}"
    );
    record(&mut run, &sent);
    let recorded = changed(2, Gate::Open);
    assert_eq!(handle(&mut run, recorded), []);

    // Before it began, it ends when it would have begun, once.
    let mut run = run_with(Offline::Queue { for_ms: DAY });
    run.phase = Phase::Accepted;
    assert_eq!(handle(&mut run, cancel(false)), []);
    run.phase = Phase::Running;
    assert_eq!(
        reasons(&begin_with(&mut run, &[1, 2, 3], &[])).len(),
        3,
        "{run:?}"
    );
}

#[test]
fn a_hold_that_comes_between_the_record_and_the_order_keeps_it() {
    let mut run = run_with(Offline::Queue { for_ms: DAY });
    begin_with(&mut run, &[1, 3], &[3]).clear();
    let sent = handle_at(&mut run, up(2, Gate::Open), NOW + 1);
    record(&mut run, &sent);
    let recorded = changed(2, Gate::Hold);
    assert_eq!(handle_at(&mut run, recorded, NOW + 2), []);
    let may_start = changed(2, Gate::Open);
    assert_eq!(handle_at(&mut run, may_start, NOW + 3), [order(2, NOW + 3)]);
}

#[test]
fn an_order_that_was_lost_is_not_sent_after_a_cancel() {
    let mut run = run_with(Offline::Queue { for_ms: DAY });
    begin_with(&mut run, &[1, 3], &[3]).clear();
    let late = NOW + limits::ORDER_NOT_AFTER_MS;
    let may_start = || changed(1, Gate::Open);
    let mut other = run.clone();
    assert_eq!(handle_at(&mut other, may_start(), late), [order(1, late)]);
    handle(&mut run, cancel(false)).clear();
    assert_eq!(handle_at(&mut run, may_start(), late), []);
}

#[test]
fn what_was_away_and_is_there_at_the_beginning_is_recorded_first_too() {
    let mut run = run_with(Offline::Queue { for_ms: DAY });
    let effects = begin_with(&mut run, &[1, 2, 3], &[3]);
    assert_eq!(effects, [order(1, NOW), Effect::RecordSent(agent(2))]);
}

#[test]
fn a_removed_host_is_waited_for_no_more() {
    let mut run = run_with(Offline::Queue { for_ms: DAY });
    begin_with(&mut run, &[1, 3], &[3]).clear();
    let removed = |n| changed(n, Gate::Removed);
    let told = [(agent(2), "the host was removed".to_owned())];
    assert_eq!(reasons(&handle(&mut run, removed(2))), told);
    // What may run there is not said to have never begun.
    assert!(lost(&handle(&mut run, removed(1))));
    assert_eq!(handle(&mut run, removed(1)), [], "once");
}

#[test]
fn what_waits_is_not_sent_where_the_grant_does_not_reach_any_more() {
    let mut run = run_with(Offline::Queue { for_ms: DAY });
    begin_with(&mut run, &[1, 3], &[3]).clear();
    let sent = handle_at(&mut run, up(2, Gate::Open), NOW + 1);
    assert_eq!(sent, [Effect::RecordSent(agent(2))]);
    record(&mut run, &sent);
    let effects = handle(&mut run, changed(2, Gate::Denied));
    assert!(not_started(&effects, Code::Denied), "{effects:?}");

    let effects = handle_at(&mut run, up(3, Gate::Denied), NOW + 1);
    assert!(not_started(&effects, Code::Denied), "{effects:?}");
    // What an earlier process may have sent is not said to have never begun before the host says that it does not hold it.
    let mut again = run_with(Offline::Queue { for_ms: DAY });
    handle(&mut again, Event::Recovered).clear();
    assert_eq!(handle(&mut again, changed(1, Gate::Offline)), []);
    let effects = handle_at(&mut again, up(1, Gate::Denied), NOW + 1);
    assert!(not_started(&effects, Code::Denied), "{effects:?}");
}

#[test]
fn what_runs_is_given_up_by_its_own_time_also_after_a_restart() {
    let mut again = run_with(Offline::Queue { for_ms: DAY });
    again.apply_started(agent(1), NOW + 1_000);
    handle(&mut again, Event::Recovered).clear();
    let patience = 60_000 + limits::ORDER_NOT_AFTER_MS + limits::GRACE_MS + limits::AWAY_MS;
    let at = NOW + 1_000 + patience;
    assert!(!lost(&handle_at(&mut again, Event::Tick, at - 1)));
    assert!(lost(&handle_at(&mut again, Event::Tick, at)));
}

#[test]
fn after_a_restart_it_is_known_what_never_ran() {
    let mut run = run_with(Offline::Queue { for_ms: DAY });
    begin_with(&mut run, &[1, 2, 3], &[3]).clear();
    // Host 2 had come back before the beginning, so its order was recorded; host 1 had it without.
    let mut again = run_with(Offline::Queue { for_ms: DAY });
    again.apply_sent(agent(2), NOW);
    handle(&mut again, Event::Recovered).clear();
    let later = NOW + 1_000;
    for n in [1, 2] {
        // Whatever an agent took, it holds: what it does not hold, it never took.
        assert_eq!(
            handle_at(&mut again, up(n, Gate::Open), later),
            [order(n, later)],
            "{n}"
        );
    }
    assert_eq!(
        handle_at(&mut again, up(3, Gate::Open), later),
        [Effect::RecordSent(agent(3))]
    );

    // When the time is up, only what no order went to is known not to have run.
    let mut again = run_with(Offline::Queue { for_ms: DAY });
    again.apply_sent(agent(2), NOW);
    handle(&mut again, Event::Recovered).clear();
    let effects = handle_at(&mut again, Event::Tick, NOW + DAY);
    assert_eq!(reasons(&effects).len(), 1);
    assert_eq!(reasons(&effects)[0].0, agent(3));
    let patience =
        60_000 + limits::ORDER_NOT_AFTER_MS + limits::GRACE_MS + limits::AWAY_MS + NOW + DAY;
    assert!(!lost(&handle_at(&mut again, Event::Tick, patience - 1)));
    assert!(lost(&handle_at(&mut again, Event::Tick, patience)));
}

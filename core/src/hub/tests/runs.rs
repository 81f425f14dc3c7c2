//! Runs from their beginning to their end, and across a restart.

use super::*;

fn ended(code: i32) -> Outcome {
    Outcome::without_output(How::Exited(code))
}

#[test]
fn an_end_is_recorded_before_the_host_may_forget_it() {
    let mut rig = Rig::with_links(&[1]);
    let (run, _) = rig.run("web-01", None);
    let outcome = ended(0);
    let exit = Event::Exit {
        run,
        agent: agent(1),
        outcome,
    };
    assert!(rig.give(exit).is_empty(), "nothing before it is recorded");
    let effects = rig.commit();
    let place = |wanted: &dyn Fn(&Effect) -> bool| effects.iter().position(wanted);
    assert!(
        place(&|e| matches!(e, Effect::Release { .. })).is_some(),
        "{effects:?}"
    );
    assert!(
        place(&|e| matches!(e, Effect::Settled { .. })).is_some(),
        "{effects:?}"
    );
    assert!(matches!(rig.phase(run), Phase::Closed { .. }));
    assert!(rig.hub.known.state.runs.open().next().is_none());
    assert!(matches!(
        rig.kinds()[..],
        [
            Kind::Accepted(_),
            Kind::Go(_),
            Kind::Finished { .. },
            Kind::Closed(_)
        ]
    ));
}

#[test]
fn an_end_that_could_not_be_written_is_tried_again() {
    let mut rig = Rig::with_links(&[1]);
    let (run, _) = rig.run("web-01", None);
    rig.give(Event::Exit {
        run,
        agent: agent(1),
        outcome: ended(3),
    });
    let effects = rig.fail();
    assert!(effects.is_empty(), "the host keeps it: {effects:?}");
    rig.give(Event::Tick);
    let effects = rig.commit();
    assert!(
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::Release { .. }))
    );
    assert!(matches!(rig.phase(run), Phase::Closed { .. }));
    // That it is over is tried again as well.
    let (run, _) = rig.run("web-01", None);
    rig.give(Event::Exit {
        run,
        agent: agent(1),
        outcome: ended(3),
    });
    rig.commit_one();
    rig.fail();
    assert_eq!(rig.phase(run), Phase::Running);
    rig.give(Event::Tick);
    rig.commit();
    assert!(matches!(rig.phase(run), Phase::Closed { .. }));
}

#[test]
fn an_end_that_is_known_better_meanwhile_is_not_written_over() {
    let mut rig = Rig::with_links(&[1]);
    let (run, _) = rig.run("web-01", None);
    rig.now_ms += limits::ACCEPTED_MS + limits::AWAY_MS + 24 * 3_600_000;
    rig.give(Event::Tick);
    assert_eq!(rig.appends.len(), 1, "it is called lost");
    rig.give(Event::Exit {
        run,
        agent: agent(1),
        outcome: ended(0),
    });
    // The first of the two cannot be written, the second can.
    let (append, _) = rig.appends.pop_front().unwrap();
    rig.give(Event::NotRecorded { append, full: true });
    rig.commit();
    rig.give(Event::Tick);
    rig.commit();
    let known = rig.hub.known.state.run_of(run).unwrap();
    let outcome = known.execution(agent(1)).unwrap().outcome().unwrap();
    assert_eq!(outcome.how, How::Exited(0));
    let ends = rig.kinds().into_iter();
    let ends = ends.filter(|kind| matches!(kind, Kind::Finished { .. }));
    assert_eq!(ends.count(), 1);
}

#[test]
fn what_nobody_took_is_given_up() {
    let request = || RunRequest {
        on: "web-01".into(),
        command: "true".into(),
        ..RunRequest::default()
    };
    let mut rig = Rig::with_links(&[1]);
    let operator = rig.operator();
    rig.ask(&operator, Ask::Run(request()));
    let run = accepted(&rig.commit());
    let reason = "Discord did not take the answer".to_owned();
    rig.give(Event::NotTaken { run, reason });
    rig.commit();
    assert!(matches!(rig.phase(run), Phase::Expired(_)));
    rig.give(Event::Taken { run });
    assert!(rig.appends.is_empty(), "it does not begin any more");

    let operator = rig.operator();
    rig.ask(&operator, Ask::Run(request()));
    let run = accepted(&rig.commit());
    rig.now_ms += limits::ACCEPTED_MS;
    rig.give(Event::Tick);
    assert!(rig.appends.is_empty());
    rig.now_ms += 1;
    rig.give(Event::Tick);
    rig.commit();
    let reason = "nobody said that the answer was seen".to_owned();
    assert_eq!(rig.phase(run), Phase::Expired(reason));

    // Whichever is written first stands, also when both are under way.
    let operator = rig.operator();
    rig.ask(&operator, Ask::Run(request()));
    let run = accepted(&rig.commit());
    let reason = "late".to_owned();
    rig.give(Event::NotTaken { run, reason });
    rig.give(Event::Taken { run });
    assert_eq!(rig.appends.len(), 2);
    assert!(orders(&rig.commit()).is_empty());
    assert_eq!(rig.phase(run), Phase::Expired("late".into()));
}

#[test]
fn what_waits_starts_when_nothing_keeps_it_any_more() {
    let mut rig = Rig::with_links(&[1, 2]);
    let drain = |drain| {
        Ask::Inventory(InventoryAsk::Drain {
            on: "web-01".into(),
            drain,
        })
    };
    rig.ask(&local(), drain(true));
    rig.commit();
    let (run, effects) = rig.run("role=web", Some("queue"));
    assert_eq!(orders(&effects), [agent(2)]);
    let progress = |rig: &Rig| {
        let run = rig.hub.known.state.run_of(run).unwrap();
        run.execution(agent(1)).unwrap().progress.clone()
    };
    use crate::run::{Progress, Waiting};
    assert_eq!(
        progress(&rig),
        Progress::Waiting(Waiting::Gate(Gate::Draining))
    );

    // The drain ends while new runs are on hold.
    rig.ask(&local(), Ask::Hold(Hold::on("db move")));
    rig.commit();
    rig.ask(&local(), drain(false));
    assert!(orders(&rig.commit()).is_empty());
    assert_eq!(progress(&rig), Progress::Waiting(Waiting::Gate(Gate::Hold)));
    rig.ask(&local(), Ask::Hold(Hold::Off));
    let effects = rig.commit();
    assert_eq!(orders(&effects), [agent(1)], "recorded, then sent");
    assert!(
        rig.kinds()
            .iter()
            .any(|kind| matches!(kind, Kind::Sent { .. }))
    );
}

#[test]
fn that_an_order_goes_is_tried_again_when_it_could_not_be_written() {
    let mut rig = Rig::with_links(&[2]);
    let (_, effects) = rig.run("role=web", Some("queue"));
    assert_eq!(orders(&effects), [agent(2)]);
    rig.link(1, 7, "boot");
    assert!(orders(&rig.fail()).is_empty());
    rig.give(Event::Tick);
    assert_eq!(orders(&rig.commit()), [agent(1)]);
}

#[test]
fn a_grant_that_covers_a_host_no_more_starts_nothing_there() {
    let mut rig = Rig::with_links(&[2]);
    let operator = rig.operator();
    let request = RunRequest {
        on: "role=web".into(),
        command: "true".into(),
        typed: Typed::default().with(RunOption::Offline, "queue"),
        ..RunRequest::default()
    };
    rig.ask(&operator, Ask::Run(request));
    let run = accepted(&rig.commit());
    rig.give(Event::Taken { run });
    assert_eq!(orders(&rig.commit()), [agent(2)]);
    // web-01 becomes something else while it is away.
    let (on, changes) = ("web-01".to_owned(), "role=db".to_owned());
    rig.ask(
        &local(),
        Ask::Inventory(InventoryAsk::Label { on, changes }),
    );
    rig.commit();
    rig.link(1, 7, "boot");
    let effects = rig.commit();
    assert!(orders(&effects).is_empty());
    let run = rig.hub.known.state.run_of(run).unwrap();
    let outcome = run.execution(agent(1)).unwrap().outcome().unwrap();
    assert!(
        outcome
            .how
            .plain()
            .contains("does not cover the host any more")
    );
}

#[test]
fn a_restart_gives_up_what_had_not_begun_and_looks_for_ends() {
    let mut rig = Rig::with_links(&[1, 2]);
    let (running, _) = rig.run("role=web", None);
    let operator = rig.operator();
    let request = RunRequest {
        on: "web-01".into(),
        command: "true".into(),
        ..RunRequest::default()
    };
    rig.ask(&operator, Ask::Run(request));
    let fresh = accepted(&rig.commit());

    // The next process knows what is written, and nothing else.
    let mut state = State::default();
    let hosts = Rig::new().hub.known.state;
    state.hosts = hosts.hosts;
    for record in &rig.written {
        state.apply(record);
    }
    rig.hub = Hub::new(state, Fleet::default(), Settings::default());
    let mut out = Vec::new();
    rig.hub.recover(rig.now(), &mut out);
    let effects = rig.sort(out);
    let asked: Vec<AgentId> = effects
        .iter()
        .map(|effect| match effect {
            Effect::FindExit { run, agent } => {
                assert_eq!(*run, running);
                *agent
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(asked, [agent(1), agent(2)]);
    rig.commit();
    let reason = "the controller restarted before it began".to_owned();
    assert_eq!(rig.phase(fresh), Phase::Expired(reason));
    assert!(rig.hub.take_changed().contains(&fresh));

    rig.give(Event::Exit {
        run: running,
        agent: agent(1),
        outcome: ended(0),
    });
    rig.commit();
    // Nothing is sent again to a host that may have had it; what it does not hold never ran.
    let effects = rig.link(2, 9, "boot");
    assert!(orders(&effects).is_empty());
    rig.commit();
    let run = rig.hub.known.state.run_of(running).unwrap();
    let outcome = run.execution(agent(2)).unwrap().outcome().unwrap();
    assert_eq!(
        outcome.how.plain(),
        "not started: the controller restarted before it was sent"
    );
    assert!(matches!(rig.phase(running), Phase::Closed { .. }));
}

#[test]
fn a_restart_ends_what_waits_for_removed_hosts() {
    let mut rig = Rig::with_links(&[1]);
    let (run, _) = rig.run("role=web", Some("queue"));
    let removed = Record {
        at_ms: AT,
        actor: local().actor(),
        kind: HostChange::Revoked.of(agent(2)),
    };
    // The process was killed right after the record.
    rig.hub.known.state.apply(&removed);
    let mut out = Vec::new();
    rig.hub.recover(rig.now(), &mut out);
    rig.hub.recovered(rig.now(), &mut out);
    rig.sort(out);
    rig.commit();
    let run = rig.hub.known.state.run_of(run).unwrap();
    let outcome = run.execution(agent(2)).unwrap().outcome().unwrap();
    assert_eq!(outcome.how.plain(), "not started: the host was removed");
    assert!(run.execution(agent(1)).unwrap().outcome().is_none());
}

#[test]
fn records_of_others_move_the_state_too() {
    let mut rig = Rig::with_links(&[1, 2]);
    let (_, effects) = rig.run("role=web", Some("queue"));
    assert_eq!(orders(&effects).len(), 2);
    let record = Record {
        at_ms: AT,
        actor: Actor::Socket {
            user: "other".into(),
        },
        kind: Kind::Hold(Hold::on("db move")),
    };
    let again = |kind| Record {
        kind,
        ..record.clone()
    };
    let off = again(Kind::Hold(Hold::Off));
    let mut give = |seq, records: &[Record]| {
        rig.give(Event::Recorded {
            append: None,
            seq,
            records: records.into(),
        });
        rig.hub.known.state.hold.is_some()
    };
    assert!(give(100, std::slice::from_ref(&record)));
    assert!(give(99, &[off.clone(), off.clone()]), "taken already");
    assert!(!give(100, &[record, off]), "the second is new");
}

#[test]
fn whom_a_run_ran_as_is_what_each_host_said_at_its_end() {
    let mut rig = Rig::with_links(&[1, 2]);
    let says = |rig: &mut Rig, n: u8, user: &str| {
        rig.hub.known.fleet.entry(agent(n)).facts = Some(Facts {
            run_as: user.into(),
            ..Facts::default()
        });
    };
    let (run, _) = rig.run("role=web", None);
    let users = |rig: &Rig| rig.hub.known.snapshot(run).unwrap().run_as.join("/");
    assert_eq!(users(&rig), "", "nobody knows");
    says(&mut rig, 1, "deploy");
    says(&mut rig, 2, "deploy; rm");
    assert_eq!(users(&rig), "deploy");
    let outcome = Outcome {
        user: Some("nobody".into()),
        ..Outcome::without_output(How::Exited(0))
    };
    let finished = Kind::Finished {
        run,
        agent: agent(1),
        outcome,
    };
    let actor = Actor::Controller;
    rig.hub.append(
        &actor,
        [finished],
        Reply::Nobody,
        rig.now(),
        &mut Vec::new(),
    );
    let pending: Vec<AppendId> = rig.hub.pending.keys().copied().collect();
    for append in pending {
        let records = Arc::clone(&rig.hub.pending[&append].records);
        let seq = rig.hub.known.state.seq + 1;
        rig.give(Event::Recorded {
            append: Some(append),
            seq,
            records,
        });
    }
    says(&mut rig, 2, "www");
    assert_eq!(users(&rig), "nobody/www");
    // What is configured since then changes nothing of it.
    says(&mut rig, 1, "root");
    assert_eq!(users(&rig), "nobody/www");
}

#[test]
fn an_agent_that_does_not_know_upkeep_is_told_nothing_and_people_are_told_how_to_mend_it() {
    let mut rig = Rig::with_links(&[1, 2]);
    let old = LinkUp {
        unknown: BTreeSet::new(),
        more: false,
        agent: agent(2),
        certificate: presented(2),
        link: 7,
        instance: instance("boot"),
        version: "0.9.0".into(),
        takes_input: true,
        takes_upkeep: false,
        executions: BTreeMap::new(),
    };
    rig.give(Event::LinkUp(old.clone()));
    let ask = || {
        Ask::Run(RunRequest {
            on: "role=web".into(),
            upkeep: Some(crate::ask::UpkeepRequest::Doctor),
            typed: Typed::default().with(RunOption::Offline, "queue"),
            ..RunRequest::default()
        })
    };
    let asked = rig.ask(&local(), ask());
    assert!(asked.is_empty(), "{asked:?}");
    let run = accepted(&rig.commit());
    rig.give(Event::Taken { run });
    assert_eq!(orders(&rig.commit()), [agent(1)]);
    let why = |rig: &Rig, run, n| {
        let run = rig.hub.known.state.run_of(run).unwrap();
        let outcome = run.execution(agent(n)).unwrap().outcome();
        outcome.map(|outcome| outcome.how.plain())
    };
    let told = why(&rig, run, 2).unwrap();
    assert!(
        told.contains("too old") && told.contains("/host add"),
        "{told}"
    );

    // One that comes back as old as that is not started either.
    rig.give(Event::LinkDown {
        agent: agent(2),
        link: 7,
    });
    rig.ask(&local(), ask());
    let run = accepted(&rig.commit());
    rig.give(Event::Taken { run });
    rig.commit();
    assert_eq!(why(&rig, run, 2), None, "it is waited for");
    rig.give(Event::LinkUp(LinkUp { link: 8, ..old }));
    assert!(orders(&rig.commit()).is_empty());
    assert!(why(&rig, run, 2).unwrap().contains("too old"));
    // Commands go there as before.
    let (_, effects) = rig.run("web-02", None);
    assert_eq!(orders(&effects), [agent(2)]);
}

//! What people ask: recorded, then done, then answered; or refused, and that recorded.

use super::*;
use crate::ask::{InventoryAnswer, Question};

fn run(on: &str) -> Ask {
    Ask::Run(RunRequest {
        on: on.into(),
        command: "true".into(),
        ..RunRequest::default()
    })
}

#[test]
fn a_run_is_answered_when_it_is_recorded_and_begins_when_the_answer_was_taken() {
    let mut rig = Rig::with_links(&[1, 2]);
    let operator = rig.operator();
    assert!(rig.ask(&operator, run("web-01")).is_empty());
    let effects = rig.commit();
    let id = accepted(&effects);
    assert!(matches!(effects[0], Effect::Publish(shown) if shown == id));
    assert!(orders(&effects).is_empty(), "nothing runs before `Go`");
    assert_eq!(rig.phase(id), Phase::Accepted);

    assert!(rig.give(Event::Taken { run: id }).is_empty());
    assert!(matches!(rig.appends[0].1[0].kind, Kind::Go(run) if run == id));
    let effects = rig.commit();
    assert_eq!(orders(&effects), [agent(1)]);
    assert_eq!(rig.phase(id), Phase::Running);
    // Said twice, it begins once.
    assert!(rig.give(Event::Taken { run: id }).is_empty());
    assert!(rig.appends.is_empty());
    // Records say who did it.
    assert_eq!(rig.written[0].actor, operator.actor());
    assert_eq!(rig.written[1].actor, Actor::Controller);
}

#[test]
fn a_refusal_is_said_at_once_and_recorded() {
    let mut rig = Rig::new();
    let operator = rig.operator();
    let effects = rig.ask(&operator, run("db-01"));
    assert!(refused(&effects).starts_with("E_SELECTOR"), "{effects:?}");
    rig.commit();
    let Kind::Denied(denied) = rig.kinds()[0] else {
        panic!("{:?}", rig.written);
    };
    assert_eq!(
        (denied.verb.as_str(), denied.code.as_str()),
        ("run", "E_SELECTOR")
    );
    assert!(!denied.text.contains('\n'), "{denied:?}");
    assert_eq!(
        (denied.asked.as_str(), denied.times),
        ("run on db-01: true", 1)
    );
    assert_eq!(rig.written[0].actor, operator.actor());

    // The same where somebody was told before it was asked.
    let ask = run("db-01");
    let known = rig.hub.known();
    let would = known.would(&operator, &ask, &Recalled::default(), Fresh::default(), AT);
    let told = rig.give(Event::Refused {
        asker: operator.clone(),
        ask,
        refusal: would.unwrap_err(),
    });
    assert!(told.is_empty(), "{told:?}");
    rig.commit();
    assert_eq!(rig.written[1], rig.written[0]);

    let name = "web-01".to_owned();
    let effects = rig.ask(&operator, Ask::RemoveHost { name });
    assert!(
        refused(&effects).starts_with("E_DENIED This is done on the controller's machine only.")
    );
    rig.commit();
    assert!(
        matches!(rig.kinds()[2], Kind::Denied(denied) if denied.verb == "operate" && denied.asked == "remove the host web-01")
    );
}

#[test]
fn what_must_be_shown_first_waits_for_a_word_and_runs_under_the_same_id_once() {
    let mut rig = Rig::with_links(&[1]);
    let operator = rig.operator();
    rig.ask(&operator, run("role=web"));
    let effects = rig.commit();
    let Ok(Answer::Previewed(preview)) = answer(&effects) else {
        panic!("{effects:?}");
    };
    let (id, away) = (preview.spec.id, preview.away.len());
    assert_eq!(away, 1, "web-02 has no link");
    assert!(rig.hub.known.state.runs.newest().0 == 0);

    let confirm = || Ask::Confirm {
        run: id,
        choice: Confirm::OnlineOnly,
    };
    let (first, second) = (rig.operator(), rig.operator());
    assert!(rig.ask(&first, confirm()).is_empty());
    // Two at once: the second is refused before the first is written.
    let told = refused(&rig.ask(&second, confirm()));
    assert_eq!(
        told,
        "E_STALE This is being confirmed already. Nothing was run twice."
    );
    let told = refused(&rig.ask(&second, Ask::TakeBack { run: id }));
    assert_eq!(told, "E_STALE This is being confirmed already.");
    let effects = rig.commit();
    assert_eq!(accepted(&effects), id);
    let third = rig.operator();
    let told = refused(&rig.ask(&third, confirm()));
    assert!(told.contains("it is #1"), "{told}");
}

#[test]
fn what_is_taken_back_is_not_confirmed() {
    let mut rig = Rig::with_links(&[1]);
    let operator = rig.operator();
    rig.ask(&operator, run("role=web"));
    let effects = rig.commit();
    let Ok(Answer::Previewed(preview)) = answer(&effects) else {
        panic!("{effects:?}");
    };
    let run = preview.spec.id;
    let choice = Confirm::AsAsked;
    assert!(rig.ask(&operator, Ask::TakeBack { run }).is_empty());
    let other = rig.operator();
    let told = refused(&rig.ask(&other, Ask::Confirm { run, choice }));
    assert_eq!(told, "E_STALE This was taken back. Nothing was run.");
    let effects = rig.commit();
    assert!(matches!(answer(&effects), Ok(Answer::TakenBack)));
    let told = refused(&rig.ask(&other, Ask::Confirm { run, choice }));
    assert!(told.contains("not open any more"), "{told}");
}

#[test]
fn an_interaction_that_is_being_recorded_is_not_taken_again() {
    let mut rig = Rig::with_links(&[1]);
    let operator = rig.operator();
    assert!(rig.ask(&operator, run("web-01")).is_empty());
    let told = refused(&rig.ask(&operator, run("web-01")));
    assert_eq!(
        told,
        "E_STALE This was done already. Nothing was done twice."
    );
    rig.commit();
    let told = refused(&rig.ask(&operator, run("web-01")));
    assert!(told.starts_with("E_STALE"), "{told}");
}

#[test]
fn every_change_is_recorded_whole_and_then_answered() {
    let mut rig = Rig::with_links(&[1, 2]);
    let on = || "role=web".to_owned();
    let name = || "@front".to_owned();
    let changes = "env=prod".to_owned();
    let token = crate::ask::TokenRequest {
        id: "t1".into(),
        secret_sha256: [1; 32],
        labels: Labels::default(),
        names: String::new(),
        uses_max: 2,
        ttl_ms: 60_000,
    };
    let asks = [
        Ask::Hold(Hold::on("db move")),
        Ask::Hold(Hold::Off),
        Ask::Inventory(InventoryAsk::Label { on: on(), changes }),
        Ask::Inventory(InventoryAsk::Drain {
            on: on(),
            drain: true,
        }),
        Ask::Inventory(InventoryAsk::SaveGroup {
            name: name(),
            on: on(),
        }),
        Ask::Inventory(InventoryAsk::RemoveGroup { name: name() }),
        Ask::CreateToken(token),
        Ask::RevokeToken { id: "t1".into() },
        Ask::RemoveHost {
            name: "db-01".into(),
        },
    ];
    let mut told = Vec::new();
    for ask in asks {
        assert!(rig.ask(&local(), ask.clone()).is_empty(), "{ask:?}");
        assert_eq!(rig.appends.len(), 1, "in one append: {ask:?}");
        let effects = rig.commit();
        told.push(format!("{:?}", answer(&effects).unwrap()));
    }
    let state = &rig.hub.known.state;
    assert!(state.hold.is_none() && state.groups.is_empty());
    assert!(state.hosts[&agent(1)].draining.is_some());
    assert_eq!(
        state.hosts[&agent(2)].labels.to_string(),
        "env=prod role=web"
    );
    assert!(state.tokens["t1"].revoked && state.hosts[&agent(3)].revoked);
    insta::assert_snapshot!(told.join("\n"));

    // All of them are so already: nothing is recorded.
    let again = Ask::Inventory(InventoryAsk::Drain {
        on: on(),
        drain: true,
    });
    let effects = rig.ask(&local(), again);
    let Ok(Answer::Inventory(InventoryAnswer::Drained { names, .. })) = answer(&effects) else {
        panic!("{effects:?}");
    };
    assert_eq!(names, &[]);
    assert!(rig.appends.is_empty());
}

#[test]
fn what_cannot_be_written_is_said_and_counts_for_nothing() {
    let mut rig = Rig::with_links(&[1, 2]);
    let changes = "env=prod".to_owned();
    let on = "role=web".to_owned();
    let storage = "E_STORAGE The journal could not be written. Nothing was done.";
    rig.ask(
        &local(),
        Ask::Inventory(InventoryAsk::Label { on, changes }),
    );
    assert_eq!(refused(&rig.fail()), storage);
    let labels = rig.hub.known.state.hosts[&agent(1)].labels.to_string();
    assert_eq!(labels, "role=web", "all or none");

    let operator = rig.operator();
    rig.ask(&operator, run("web-01"));
    assert_eq!(refused(&rig.fail()), storage);
    assert!(rig.hub.known.state.runs.newest().0 == 0);
    // The same interaction may be taken now: nothing was done for it.
    assert!(rig.ask(&operator, run("web-01")).is_empty());
    accepted(&rig.commit());
}

#[test]
fn stopping_acts_before_it_is_recorded() {
    let mut rig = Rig::with_links(&[1, 2]);
    let (run, effects) = rig.run("role=web", None);
    assert_eq!(orders(&effects).len(), 2);
    rig.give(Event::LinkDown {
        agent: agent(2),
        link: 2,
    });
    let which = Which::Id(run);
    let effects = rig.ask(
        &local(),
        Ask::Cancel {
            which,
            force: false,
        },
    );
    assert!(
        matches!(effects[0], Effect::Cancel { agent: host, force: false, .. } if host == agent(1))
    );
    let Ok(Answer::Cancelled(done)) = answer(&effects) else {
        panic!("{effects:?}");
    };
    assert_eq!(
        (&done.told[..], &done.away[..]),
        (&["web-01".to_owned()][..], &["web-02".to_owned()][..])
    );
    rig.commit();
    let last = rig.written.last().unwrap();
    assert!(matches!(
        last.kind,
        Kind::CancelRequested { force: false, .. }
    ));
    assert_eq!(last.actor, local().actor());

    // A host that comes back is told, with the force of the last word.
    let which = Which::All;
    rig.ask(&local(), Ask::Cancel { which, force: true });
    rig.commit();
    let held = Held {
        told: Told::Running,
        complete: false,
        short: false,
    };
    let effects = rig.link_with(2, 22, "boot", BTreeMap::from([(run, held)]));
    assert!(
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::Cancel { force: true, .. }))
    );
}

#[test]
fn a_hold_that_comes_between_the_card_and_its_go_stands() {
    let mut rig = Rig::with_links(&[1]);
    let operator = rig.operator();
    rig.ask(&operator, run("web-01"));
    let id = accepted(&rig.commit());
    rig.ask(&local(), Ask::Hold(Hold::on("db move")));
    rig.commit();
    rig.give(Event::Taken { run: id });
    assert!(orders(&rig.commit()).is_empty());
    assert_eq!(rig.phase(id), Phase::Expired("new runs are on hold".into()));

    // Also one that is written between the word and its record.
    let mut rig = Rig::with_links(&[1]);
    let operator = rig.operator();
    rig.ask(&operator, run("web-01"));
    let id = accepted(&rig.commit());
    rig.ask(&local(), Ask::Hold(Hold::on("db move")));
    rig.give(Event::Taken { run: id });
    let effects = rig.commit();
    assert!(orders(&effects).is_empty(), "{effects:?}");
    let run = rig.hub.known.state.run_of(id).unwrap();
    let outcome = run.execution(agent(1)).unwrap().outcome().unwrap();
    assert_eq!(outcome.how.plain(), "not started: new runs are on hold");
}

#[test]
fn questions_are_answered_beside_the_hub_and_change_nothing() {
    let rig = Rig::with_links(&[1]);
    let known = rig.hub.known().clone();
    let recalled = Recalled::default();
    let answer =
        |question: Question| known.answer(&local(), &question, &recalled, Fresh::default(), AT);
    assert!(
        matches!(answer(Question::Hosts { on: String::new() }), Ok(Answer::Hosts(view)) if view.rows.len() == 3)
    );
    assert!(
        matches!(answer(Question::Runs { limit: 5 }), Ok(Answer::Runs(runs)) if runs.is_empty())
    );
    assert!(matches!(answer(Question::Groups), Ok(Answer::Groups(rows)) if rows.is_empty()));
    assert!(matches!(answer(Question::Tokens), Ok(Answer::Tokens(rows)) if rows.is_empty()));
    let number = crate::ids::RunNumber(7);
    let none = answer(Question::Run { number }).unwrap_err();
    assert_eq!(none.what, "There is no such run.");
    let typed = "we".to_owned();
    assert!(
        matches!(answer(Question::Complete { typed }), Ok(Answer::Choices(choices)) if !choices.is_empty())
    );
    // Asked of the hub itself, it is answered too, and nothing is recorded.
    let mut rig = rig;
    let effects = rig.ask(&local(), Ask::Look(Question::Groups));
    assert!(matches!(super::answer(&effects), Ok(Answer::Groups(_))));
    assert!(rig.appends.is_empty());
}

#[test]
fn nothing_harmless_that_a_stranger_tried_stands_for_something_else_within_its_minute() {
    let mut rig = Rig::with_links(&[1]);
    let mut guest = rig.operator();
    if let Asker::Discord { user, roles, .. } = &mut guest {
        (*user, *roles) = (40, vec![4]);
    }
    let run = |command: &str| {
        Ask::Run(RunRequest {
            on: "web-01".into(),
            command: command.into(),
            ..RunRequest::default()
        })
    };
    let words = |rig: &Rig, from: usize| -> Vec<(String, u64)> {
        let denied = rig.written[from..].iter().map(|record| match &record.kind {
            Kind::Denied(denied) => (denied.asked.clone(), denied.times),
            other => panic!("{other:?}"),
        });
        denied.collect()
    };
    for command in ["id", "id", "rm -rf /", "id", "rm -rf /", "rm -rf /"] {
        rig.ask(&guest, run(command));
    }
    rig.commit();
    let both = ["run on web-01: id", "run on web-01: rm -rf /"].map(str::to_owned);
    let [id, rm] = both;
    assert_eq!(words(&rig, 0), [(id.clone(), 1), (rm.clone(), 1)]);
    // More kinds than are recorded each: the gravest of them stands for them, and says so.
    for n in 0..30 {
        rig.ask(&guest, run(&format!("echo {n}")));
        if n == 15 {
            let name = "web-01".parse().unwrap();
            rig.ask(&guest, Ask::RemoveHost { name });
        }
    }
    rig.commit();
    assert_eq!(rig.written.len(), 10);
    rig.now_ms += limits::DENIALS_MS;
    rig.give(Event::Tick);
    rig.commit();
    let others = ("remove the host web-01".to_owned(), 23);
    assert_eq!(words(&rig, 10), [(id, 2), (rm, 2), others]);
    let Kind::Denied(denied) = &rig.written[12].kind else {
        panic!("one was refused")
    };
    assert!(
        denied.text.starts_with("This is one of several"),
        "{denied:?}"
    );
}

#[test]
fn whom_no_grant_names_fills_no_journal() {
    let mut rig = Rig::with_links(&[1]);
    let request = || {
        Ask::Run(RunRequest {
            on: "web-01".into(),
            command: "true".into(),
            ..RunRequest::default()
        })
    };
    let guest = |rig: &mut Rig, user| {
        let mut asker = rig.operator();
        if let Asker::Discord {
            user: id, roles, ..
        } = &mut asker
        {
            (*id, *roles) = (user, vec![4]);
        }
        asker
    };
    for user in [40, 41] {
        for _ in 0..50 {
            let asker = guest(&mut rig, user);
            let effects = rig.ask(&asker, request());
            assert!(refused(&effects).starts_with("E_DENIED"), "each is told");
        }
    }
    rig.commit();
    assert_eq!(rig.written.len(), 2, "one of each");
    // Whose grant covers something else is recorded each time: somebody answers for them.
    for _ in 0..3 {
        let operator = rig.operator();
        let on = "db-01".to_owned();
        rig.ask(
            &operator,
            Ask::Inventory(InventoryAsk::Drain { on, drain: true }),
        );
    }
    rig.commit();
    assert_eq!(rig.written.len(), 5);
    rig.give(Event::Tick);
    assert!(rig.appends.is_empty(), "its minute is not over");
    rig.now_ms += limits::DENIALS_MS;
    rig.give(Event::Tick);
    rig.commit();
    let texts: Vec<&str> = rig.written[5..]
        .iter()
        .map(|record| match &record.kind {
            Kind::Denied(denied) => {
                assert_eq!(denied.times, 49);
                denied.asked.as_str()
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(texts, ["run on web-01: true"; 2], "of the same kind");
    assert_eq!(
        rig.written[5].actor.principal(),
        Some(crate::principal::Principal::Discord(40))
    );
    rig.now_ms += limits::DENIALS_MS;
    rig.give(Event::Tick);
    assert!(rig.appends.is_empty(), "said once");
    let asker = guest(&mut rig, 40);
    rig.ask(&asker, request());
    assert_eq!(rig.appends.len(), 1, "and recorded again");
}

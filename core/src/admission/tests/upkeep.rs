//! Updates and doctors: who may ask for them, on which hosts there is something to do, and what is refused with which words.

use super::*;
use crate::ask::{Part, RunOption, UpkeepRequest};
use crate::offer::NoUpdates;
use crate::run::{Amount, How, Outcome, Phase, Update, Upkeep, What};
use crate::selector::digest;

fn update(on: &str, version: &str, older: bool) -> RunRequest {
    RunRequest {
        on: on.into(),
        upkeep: Some(UpkeepRequest::Update {
            version: version.into(),
            older,
        }),
        ..RunRequest::default()
    }
}

fn doctor(on: &str) -> RunRequest {
    RunRequest {
        on: on.into(),
        upkeep: Some(UpkeepRequest::Doctor),
        ..RunRequest::default()
    }
}

fn with(mut request: RunRequest, option: RunOption, text: &str) -> RunRequest {
    request.typed = request.typed.with(option, text);
    request
}

fn ops() -> Asker {
    person(OPERATOR, &[9])
}

/// Operators may view, update and manage everything; 0.2.0 is handed out; web-01 and web-02 have 0.1.0 and db-01 is away.
fn world() -> World {
    let mut policy = policy();
    policy.grants[0].what = vec![Verb::View, Verb::Update, Verb::Manage];
    policy.grants[0].hosts = Selector::parse_for_grant("all").unwrap();
    let mut world = World::with_policy(policy);
    world.offer("0.2.0");
    for n in [1, 2, 3] {
        world.agent_is(n, "0.1.0", true);
    }
    world
}

fn told(world: &World, asker: &Asker, request: &RunRequest) -> String {
    match world.admit(asker, &Ask::Run(request.clone())) {
        Err(refusal) => format!("{} {refusal}", refusal.code),
        Ok(_) => "admitted".to_owned(),
    }
}

fn names(plan: &Plan) -> Vec<&str> {
    let targets = plan.spec.targets.iter();
    targets.map(|target| target.name.as_str()).collect()
}

#[test]
fn an_update_is_shown_first_with_what_it_finds_and_goes_in_waves() {
    let mut world = world();
    world.agent_is(2, "0.2.0", true);
    world.online(&[1, 2, 3]);
    world.agent_is(3, "0.0.9", false);
    let plan = world.plan(&ops(), &update("all", "", false)).unwrap();
    assert_eq!(names(&plan), ["web-01", "db-01"]);
    assert!(
        plan.cautions.contains(&Caution::Update),
        "{:?}",
        plan.cautions
    );
    let found = plan.found.clone().unwrap();
    assert_eq!(
        found.from,
        [("0.0.9".to_owned(), 1), ("0.1.0".to_owned(), 1)]
    );
    assert_eq!(found.from_words(), "0.0.9 on 1, 0.1.0 on 1");
    let name = |text: &str| text.parse::<HostName>().unwrap();
    assert_eq!(found.there, [name("web-02")]);
    assert_eq!(found.old, [name("db-01")]);
    let version = "0.2.0".parse().unwrap();
    let older = false;
    assert_eq!(
        plan.spec.what,
        What::Upkeep(Upkeep::Update(Update { version, older }))
    );
    assert_eq!(
        plan.spec.digest,
        digest(&[agent(1), agent(3)]),
        "the set is that which is shown"
    );
    assert_eq!(plan.spec.options.timeout_ms, limits::UPDATE_MS);
    let rollout = plan.spec.strategy.rollout.unwrap();
    let batch = [Amount::Hosts(1), Amount::Percent(25), Amount::Percent(100)];
    assert_eq!(
        (rollout.batch, rollout.max_fail),
        (batch.to_vec(), Some(Amount::Hosts(0)))
    );

    let one = world
        .plan(&ops(), &update("web-01", "0.2.0", false))
        .unwrap();
    assert_eq!(
        one.spec.strategy.rollout, None,
        "there is nothing to take in turn"
    );
    assert!(one.cautions.contains(&Caution::Update));
    let own = with(update("web-01,db-01", "", false), RunOption::Parallel, "2");
    let own = world
        .plan(&ops(), &with(own, RunOption::MaxFail, "1"))
        .unwrap();
    let own = own.spec.strategy.rollout.unwrap();
    assert_eq!(
        (own.parallel, own.max_fail),
        (Some(2), Some(Amount::Hosts(1)))
    );
    assert!(own.batch.is_empty());

    // The socket says that it was seen, as of any run that is asked about.
    let unseen = told(&world, &local(), &update("web-01", "", false));
    assert!(unseen.contains("agents are replaced"), "{unseen}");
    let seen = seen(update("web-01", "", false));
    assert!(world.plan(&local(), &seen).unwrap().cautions.is_empty());
}

#[test]
fn a_doctor_is_of_those_who_manage_and_changes_nothing_so_it_is_not_asked_about() {
    let mut world = world();
    let plan = world.plan(&ops(), &doctor("role=web")).unwrap();
    assert_eq!(plan.spec.what, What::Upkeep(Upkeep::Doctor));
    assert_eq!((plan.cautions.as_slice(), plan.found), (&[][..], None));
    assert_eq!(plan.spec.strategy.rollout, None);
    assert_eq!(plan.spec.options.timeout_ms, limits::DOCTOR_MS);
    // It needs no release.
    world.offer = Offer::default();
    assert!(world.plan(&ops(), &doctor("web-01")).is_ok());
    world.settings.policy.grants[0].what = vec![Verb::View, Verb::Run, Verb::Update];
    assert!(told(&world, &ops(), &doctor("web-01")).starts_with("E_DENIED"));
    // A right to run is no right to update, and the other way round.
    world.offer("0.2.0");
    assert!(world.plan(&ops(), &update("web-01", "", false)).is_ok());
    world.settings.policy.grants[0].what = vec![Verb::View, Verb::Run, Verb::Manage];
    let refused = told(&world, &ops(), &update("web-01", "", false));
    assert!(
        refused.starts_with("E_DENIED You may not update agents here."),
        "{refused}"
    );
    world.settings.policy.grants[0].what = vec![Verb::View, Verb::Update];
    assert!(told(&world, &ops(), &run("web-01", "id")).starts_with("E_DENIED"));
}

#[test]
fn what_cannot_be_updated_is_refused_with_what_to_do() {
    let mut world = world();
    world.online(&[1, 2, 3]);
    let mut all = String::new();
    let mut add = |what: &str, world: &World, request: RunRequest| {
        for asker in [ops(), local()] {
            let told = told(world, &asker, &request);
            assert!(told != "admitted", "{what}");
            all.push_str(&format!("== {what}\n{told}\n"));
        }
    };
    add("no version", &world, update("all", "../latest", false));
    add(
        "a version that is not there",
        &world,
        update("all", "0.3.0", false),
    );
    add(
        "an option of commands",
        &world,
        with(update("all", "", false), RunOption::As, "www"),
    );
    add(
        "a wave of more",
        &world,
        with(update("all", "", false), RunOption::Batch, "9"),
    );
    add(
        "going back where nobody allowed it",
        &world,
        update("all", "", true),
    );
    for n in [1, 2, 3] {
        world.agent_is(n, "0.2.0", true);
    }
    add("all are there", &world, update("role=web", "", false));
    add("one is there", &world, update("web-01", "", false));
    world.agent_is(1, "0.2.1", true);
    add("one is newer", &world, update("all", "", false));
    if let Ok(release) = &mut world.offer.release {
        release.older_ok = true;
    }
    add(
        "one is newer, and may go back",
        &world,
        update("all", "", false),
    );
    for n in [1, 2, 3] {
        world.agent_is(n, "0.0.1", false);
    }
    add("all are too old", &world, update("all", "", false));
    add("too old for a doctor", &world, doctor("web-01"));
    for n in [1, 2, 3] {
        world.agent_is(n, "0.0.1", true);
    }
    if let Ok(release) = &mut world.offer.release {
        release.min_from = Some("0.1.0".parse().unwrap());
    }
    add(
        "older than the release takes",
        &world,
        update("web-01", "", false),
    );
    if let Ok(release) = &mut world.offer.release {
        release.min_from = None;
        release.not_after_ms = Some(world.now_ms - 1);
    }
    add("too late", &world, update("web-01", "", false));
    world.offer.release = Err(NoUpdates {
        why: "nobody signed the agents that it hands out".to_owned(),
        next: "Sign them.".to_owned(),
    });
    add("not signed", &world, update("web-01", "", false));
    world.offer = Offer::default();
    add("nothing is handed out", &world, update("web-01", "", false));
    insta::assert_snapshot!(all);
}

#[test]
fn a_newer_agent_goes_back_where_both_say_so() {
    let mut world = world();
    world.agent_is(1, "0.3.0", true);
    if let Ok(release) = &mut world.offer.release {
        release.older_ok = true;
    }
    let plan = world.plan(&ops(), &update("role=web", "", true)).unwrap();
    assert_eq!(names(&plan), ["web-01", "web-02"]);
    assert_eq!(
        plan.spec.what.text(),
        "update to 0.2.0, also from a newer one"
    );
}

#[test]
fn what_was_shown_or_run_is_only_updated_to_while_it_is_handed_out() {
    let mut world = world();
    let plan = world.plan(&ops(), &update("role=web", "", false)).unwrap();
    let id = plan.spec.id;
    world.record_by(
        3,
        Actor::Chat {
            user: OPERATOR,
            place: None,
        },
        Kind::Proposed(crate::journal::Proposal {
            spec: plan.spec.clone(),
            needs: crate::journal::Needs::OwnWord,
            until_ms: u64::MAX,
        }),
    );
    let confirm = Ask::Confirm {
        run: id,
        choice: Confirm::AsAsked,
    };
    assert!(world.admit(&ops(), &confirm).is_ok());
    world.offer("0.2.1");
    let refused = world.admit(&ops(), &confirm).unwrap_err();
    assert_eq!(refused.code, Code::Version, "{refused}");
    // Whoever lost the right since is refused too.
    world.offer("0.2.0");
    world.settings.policy.grants[0].what = vec![Verb::View, Verb::Run, Verb::Manage];
    assert_eq!(
        world.admit(&ops(), &confirm).unwrap_err().code,
        Code::Denied
    );

    world.settings.policy.grants[0].what = vec![Verb::View, Verb::Update];
    let run = RunId::from_bytes([8; 16]);
    world.record(
        4,
        Kind::Accepted(Spec {
            id: run,
            ..plan.spec
        }),
    );
    world.record(5, Kind::Go(run));
    let outcome = |code| Outcome::without_output(How::Exited(code));
    for (n, code) in [(1, 0), (2, 1)] {
        let (agent, outcome) = (agent(n), outcome(code));
        world.record(
            6,
            Kind::Finished {
                run,
                agent,
                outcome,
            },
        );
    }
    world.record(7, Kind::Closed(run));
    assert!(matches!(
        world.state.run_of(run).unwrap().phase,
        Phase::Closed { .. }
    ));
    world.agent_is(1, "0.2.0", true);
    world.now_ms += limits::PRESSED_AGAIN_MS + 1;
    let again = |part| Ask::Again {
        run,
        part,
        seen: None,
    };
    match world.admit(&ops(), &again(Part::Failed)).unwrap() {
        Admitted::Run(plan) => {
            assert_eq!(names(&plan), ["web-02"]);
            assert!(plan.cautions.contains(&Caution::Update));
        }
        other => panic!("{other:?}"),
    }
    world.offer("0.2.1");
    let refused = world.admit(&ops(), &again(Part::Failed)).unwrap_err();
    assert_eq!(refused.code, Code::Version, "{refused}");
}

#[test]
fn is_outdated_goes_by_what_is_handed_out_and_else_by_the_controller() {
    let mut world = world();
    let outdated = |world: &World| world.hosts(&ops(), "is:outdated").unwrap_or(0);
    world.agent_is(1, "0.2.0", true);
    assert_eq!(outdated(&world), 2, "those of 0.1.0");
    world.offer = Offer::default();
    assert_eq!(outdated(&world), 3, "the controller is 1.0.0");
    world.offer("0.1.0");
    assert_eq!(outdated(&world), 0);
    let on = with(doctor("is:outdated"), RunOption::Offline, "skip");
    assert!(told(&world, &ops(), &on).starts_with("E_SELECTOR"));
}

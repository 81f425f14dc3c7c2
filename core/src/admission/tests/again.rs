//! Running again what was run: as if it were typed, by whoever asks now.

use super::*;
use crate::ask::{Part, YES};
use crate::run::{How, Offline, Options, Outcome, Reason, Spec, What};

/// A run of three hosts: `web-01` failed, `web-02` printed something else than most, `db-01` was away.
fn world() -> (World, RunId) {
    let mut world = World::new();
    let spec = world
        .plan(&local(), &seen(run("all", "true")))
        .unwrap()
        .spec;
    let spec = Spec {
        id: RunId::from_bytes([1; 16]),
        what: What::Argv(vec!["ls".into(), "a b".into()]),
        options: Options {
            run_as: Some("www".into()),
            ..Options::default()
        },
        ..spec
    };
    let id = spec.id;
    world.record(2, Kind::Accepted(spec));
    let away = Reason::new(Code::Offline, "the host was offline");
    for (n, how, content) in [
        (1, How::Exited(3), Some(1)),
        (2, How::Exited(0), Some(2)),
        (3, How::NotStarted(away), None),
    ] {
        let outcome = Outcome {
            content_sha256: content.map(|digit| [digit; 32]),
            ..Outcome::without_output(how)
        };
        let (run, agent) = (id, agent(n));
        world.record(
            3,
            Kind::Finished {
                run,
                agent,
                outcome,
            },
        );
    }
    (world, id)
}

fn again(world: &World, asker: &Asker, run: RunId, part: Part) -> Result<Plan, Refusal> {
    again_seen(world, asker, run, part, Some(YES))
}

fn again_seen(
    world: &World,
    asker: &Asker,
    run: RunId,
    part: Part,
    seen: Option<&str>,
) -> Result<Plan, Refusal> {
    let seen = seen.map(str::to_owned);
    match world.admit(asker, &Ask::Again { run, part, seen })? {
        Admitted::Run(plan) => Ok(*plan),
        other => panic!("{other:?}"),
    }
}

fn names(plan: &Plan) -> Vec<&str> {
    let targets = plan.spec.targets.iter();
    targets.map(|target| target.name.as_str()).collect()
}

#[test]
fn it_is_what_was_run_on_the_hosts_that_are_named() {
    let (world, id) = world();
    for (part, selector, hosts) in [
        (Part::All, "#1", &["web-01", "web-02", "db-01"][..]),
        (Part::Failed, "#1:failed", &["web-01"]),
        (Part::Odd, "#1:differs", &["web-01"]),
        (
            Part::These("web-[01-02]".into()),
            "#1 web-[01-02]",
            &["web-01", "web-02"],
        ),
        (Part::Missed, "#1:missed", &["db-01"]),
    ] {
        let plan = again(&world, &local(), id, part.clone()).unwrap();
        assert_eq!(names(&plan), hosts, "{part:?}");
        let spec = &plan.spec;
        assert_eq!(spec.selector, selector);
        assert_eq!(spec.what, What::Argv(vec!["ls".into(), "a b".into()]));
        assert_eq!(
            (spec.options.timeout_ms, spec.options.run_as.as_deref()),
            (0, Some("www"))
        );
        assert_ne!(spec.id, id);
        let waits = Offline::Queue {
            for_ms: limits::QUEUE_MS.1,
        };
        let expected = if part == Part::Missed {
            waits
        } else {
            Offline::Fail
        };
        assert_eq!(spec.strategy.offline, expected, "{part:?}");
    }
    let none = again(&world, &local(), id, Part::These("web-03".into())).unwrap_err();
    assert_eq!(none.code, Code::Selector, "only hosts of that run: {none}");
}

#[test]
fn the_command_line_says_that_it_was_seen_as_with_what_is_typed() {
    let (world, id) = world();
    let asked = |part, seen: Option<&str>| again_seen(&world, &local(), id, part, seen);
    let unseen = asked(Part::All, None).unwrap_err();
    assert_eq!(unseen.code, Code::BadOption, "some are away: {unseen}");
    let question = Question::PlanAgain {
        run: id,
        part: Part::All,
    };
    let shown = match look(&world.context(), &local(), &question) {
        Ok(Answer::Previewed(preview)) => *preview,
        other => panic!("{other:?}"),
    };
    assert_eq!(shown.cautions, [Caution::Away]);
    let seen = hex::encode(shown.spec.digest);
    assert_eq!(asked(Part::All, Some(&seen)).unwrap().cautions, []);
    let other = asked(Part::Odd, Some(&seen)).unwrap_err();
    assert_eq!(other.code, Code::Stale, "other hosts: {other}");
    assert!(asked(Part::Odd, None).is_ok(), "there is nothing to ask");
}

#[test]
fn it_is_asked_about_and_refused_as_what_is_typed() {
    let (mut world, id) = world();
    let ops = person(OPERATOR, &[9]);
    // db-01 is not theirs, and so neither is the run.
    let typed = world.plan(&ops, &run("#1", "true")).unwrap_err();
    for part in [Part::All, Part::Failed, Part::Odd, Part::Missed] {
        let refusal = again(&world, &ops, id, part.clone()).unwrap_err();
        assert_eq!(refusal.code, typed.code, "{part:?}");
        assert!(!refusal.to_string().contains("db-01"), "{refusal}");
    }
    let guest = again(&world, &person(GUEST, &[]), id, Part::All).unwrap_err();
    assert_eq!(guest.code, Code::Denied);

    world.settings.policy.grants[0].hosts = Selector::parse_for_grant("all").unwrap();
    let plan = again(&world, &ops, id, Part::All).unwrap();
    assert_eq!(plan.cautions, [Caution::Away]);
    let plan = again(&world, &ops, id, Part::Missed).unwrap();
    assert_eq!(plan.cautions, [], "that it waits is what was asked for");
    let plan = again(&world, &ops, id, Part::Failed).unwrap();
    assert_eq!(plan.cautions, []);
    assert!(matches!(
        plan.spec.origin,
        Origin::Chat { user: OPERATOR, .. }
    ));
    world.settings.confirm_hosts = 1;
    let plan = again(&world, &ops, id, Part::These("web-[01-02]".into())).unwrap();
    assert_eq!(plan.cautions, [Caution::Many(1)]);

    world.settings.policy.grants[0].what = vec![Verb::View];
    let viewer = again(&world, &ops, id, Part::All).unwrap_err();
    assert_eq!(viewer.code, Code::Denied);
    world.settings.policy.grants[0].what = vec![Verb::View, Verb::Run];
    world.record(4, Kind::Hold(Hold::on("db move")));
    let held = again(&world, &ops, id, Part::All).unwrap_err();
    assert_eq!(held.code, Code::Hold);
}

#[test]
fn the_run_of_a_card_is_shown_to_whoever_sees_it_and_edited_by_whoever_runs() {
    let (mut world, id) = world();
    let told = |world: &World, question: &Question| {
        let told = look(&world.context(), &person(OPERATOR, &[9]), question);
        told.map(|_| ()).map_err(|refusal| refusal.code)
    };
    let (shown, edited) = (Question::RunOf { id }, Question::Edit { id });
    assert_eq!(told(&world, &shown), Err(Code::NotFound));
    assert_eq!(told(&world, &edited), Err(Code::NotFound));
    world.settings.policy.grants[0].hosts = Selector::parse_for_grant("all").unwrap();
    assert_eq!(
        (told(&world, &shown), told(&world, &edited)),
        (Ok(()), Ok(()))
    );
    world.settings.policy.grants[0].what = vec![Verb::View];
    let both = (told(&world, &shown), told(&world, &edited));
    assert_eq!(both, (Ok(()), Err(Code::Denied)));
    let unknown = Question::RunOf {
        id: RunId::from_bytes([5; 16]),
    };
    assert_eq!(told(&world, &unknown), Err(Code::NotFound));
}

#[test]
fn what_is_run_otherwise_keeps_the_options_that_are_not_typed_anew() {
    let (mut world, _) = world();
    let earlier = Typed::default()
        .with(RunOption::Streams, "apart")
        .with(RunOption::Color, "yes")
        .with(RunOption::Timeout, "90s")
        .with(RunOption::As, "www");
    let request = RunRequest {
        typed: earlier,
        ..run("web-01", "true")
    };
    let spec = world.plan(&local(), &request).unwrap().spec;
    let like = Some(spec.id);
    let was = spec.options.clone();
    world.record(4, Kind::Accepted(spec));
    let edited = RunRequest {
        typed: Typed::default()
            .with(RunOption::As, "")
            .with(RunOption::Timeout, "2m"),
        like,
        ..run("web-02", "id")
    };
    let expected = Options {
        run_as: None,
        timeout_ms: 120_000,
        ..was
    };
    let plan = world.plan(&local(), &edited).unwrap();
    assert_eq!(plan.spec.options, expected);
    // What it was given comes along, so only who may see it may ask for something like it.
    let seen = RunRequest {
        typed: Typed::default().with(RunOption::Seen, "yes"),
        ..run("all", "true")
    };
    let of_all = world.plan(&local(), &seen).unwrap().spec;
    world.record(
        5,
        Kind::Accepted(Spec {
            id: RunId::from_bytes([6; 16]),
            ..of_all
        }),
    );
    let like_all = RunRequest {
        like: Some(RunId::from_bytes([6; 16])),
        ..edited.clone()
    };
    let operator = person(OPERATOR, &[9]);
    assert_eq!(code(world.plan(&operator, &like_all)), "E_NOT_FOUND");
    assert!(world.plan(&local(), &like_all).is_ok());
    let unknown = RunRequest {
        like: Some(RunId::from_bytes([8; 16])),
        ..edited
    };
    assert_eq!(code(world.plan(&local(), &unknown)), "E_NOT_FOUND");
}

#[test]
fn who_presses_twice_runs_once_and_later_it_is_another_run() {
    let (mut world, id) = world();
    world.online(&[1, 2, 3]);
    world.settings.policy.grants[0].hosts = Selector::parse_for_grant("all").unwrap();
    let (ann, bob) = (person(OPERATOR, &[9]), person(77, &[9]));
    let press = |world: &World, asker: &Asker, part: Part| {
        let plan = again(world, asker, id, part);
        plan.map_err(|refusal| refusal.to_string())
    };
    let spec = press(&world, &ann, Part::All).unwrap().spec;
    // It is being recorded.
    world.recording(Kind::Accepted(spec.clone()));
    let said = press(&world, &ann, Part::All).unwrap_err();
    assert_eq!(
        said,
        "You pressed this a moment ago: it is about to run as #2. Nothing was run twice.\n\
         To run it once more, press again in 10 s."
    );
    world.under_way = UnderWay::default();
    let (run, now_ms) = (spec.id, world.now_ms);
    world.record(now_ms, Kind::Accepted(spec));
    world.now_ms += 3_500;
    let said = press(&world, &ann, Part::All).unwrap_err();
    assert!(
        said.contains("it is running as #2.") && said.ends_with("again in 7 s."),
        "{said}"
    );
    assert!(press(&world, &bob, Part::All).is_ok(), "somebody else");
    assert!(press(&world, &ann, Part::Failed).is_ok(), "something else");
    assert!(press(&world, &local(), Part::All).is_ok(), "no button");
    // What was given up ran nothing.
    let before = world.state.clone();
    let reason = "late".to_owned();
    world.record(now_ms, Kind::Expired { run, reason });
    assert!(press(&world, &ann, Part::All).is_ok());
    world.state = before;
    world.now_ms = now_ms + limits::PRESSED_AGAIN_MS;
    assert!(press(&world, &ann, Part::All).is_ok(), "a later press");
}
